/*
 * Linux direct boot on aarch64 (Linux Documentation/arch/arm64/booting.rst):
 * checks the Image that the host placed in VTL0's memory, puts it where it
 * wants to be, and writes the guest's device tree. The file is hostile.
 */
#include "ports/aarch64/vm/arm64.h"
#include "common/base/bytes.h"

#include <string.h>

#define HEAD_BYTES 64u
#define MAGIC_AT 56u
#define MAGIC 0x644d5241u /* "ARM\x64" */
#define FLAG_BIG_ENDIAN 1u
#define FDT_BYTES_MAX 0x200000u
#define FDT_ALIGN 0x200000u /* within one 2 MiB block, so that the kernel's early map has it whole */

struct image {
	uint64_t text_offset, room_bytes;
};

/* A bzImage has its boot signature and "HdrS" where our header is not. */
static bool is_x86_kernel(struct vm *vm)
{
	uint8_t magic[4];

	return vm->config->kernel.size >= 0x206 &&
		!guest_memory_read(&vm->memory, gpa(vm->config->kernel.base + 0x202), magic, sizeof(magic)) &&
		!memcmp(magic, "HdrS", sizeof(magic));
}

static int parse(struct vm *vm, struct image *image, char *reason)
{
	const struct control_blob *k = &vm->config->kernel;
	uint8_t head[HEAD_BYTES];
	struct vl_reader r;
	uint64_t flags;
	size_t got;
	int err = vm_kernel_head(vm, head, sizeof(head), &got, reason);

	if (err)
		return err;
	if (got < sizeof(head))
		return vm_load_fail(reason, VL_E_TRUNCATED,
				"the guest kernel is shorter than an arm64 Image's header");
	vl_reader_init(&r, head, sizeof(head));
	vl_read_skip(&r, 8);
	image->text_offset = vl_read_le64(&r);
	image->room_bytes = vl_read_le64(&r);
	flags = vl_read_le64(&r);
	vl_read_skip(&r, MAGIC_AT - r.pos);
	if (vl_read_le32(&r) != MAGIC)
		return is_x86_kernel(vm) ?
			vm_load_fail(reason, VL_E_ARCH,
				"the guest kernel is one for x86, not an arm64 Image") :
			vm_load_fail(reason, VL_E_MAGIC,
				"the guest kernel is no arm64 Image (a compressed one: uncompress it)");
	if (flags & FLAG_BIG_ENDIAN)
		return vm_load_fail(reason, VL_E_UNSUPPORTED, "the guest kernel is big-endian");
	if (image->text_offset >= VL_LARGE_PAGE_BYTES || image->room_bytes < sizeof(head) ||
			image->room_bytes > 1ull << 32)
		return vm_load_fail(reason, VL_E_RANGE, "the guest kernel's header has impossible sizes");
	if (image->room_bytes < k->size)
		image->room_bytes = k->size;
	return 0;
}

/*
 * The kernel at the first 2 MiB boundary, the tree above it, both below or
 * above the initrd, which stays where the host put it.
 */
static int place(const struct vm *vm, const struct image *image, uint64_t *kernel, uint64_t *fdt)
{
	const struct guest_range *low = &vm->memory.range[0];
	const struct control_blob *i = &vm->config->initrd;
	uint64_t base = vl_align_up(low->base, VL_LARGE_PAGE_BYTES);
	uint64_t room = vl_align_up(image->text_offset + image->room_bytes, FDT_ALIGN) + FDT_BYTES_MAX;

	if (i->size && vl_ranges_overlap(base, room, i->base, i->size))
		base = vl_align_up(i->base + i->size, VL_LARGE_PAGE_BYTES);
	if (base < low->base || !vl_within(base - low->base, room, low->size))
		return VL_E_NOSPACE;
	*kernel = base + image->text_offset;
	*fdt = base + room - FDT_BYTES_MAX;
	return 0;
}

/* The TPM's log goes behind the tree, into the same 2 MiB. */
static int write_fdt(struct vm *vm, uint64_t at, char *reason)
{
	const size_t tree_max = FDT_BYTES_MAX - VTPM_BOOT_LOG_MAX;
	uint8_t *out = guest_memory_at(&vm->memory, gpa(at), FDT_BYTES_MAX);
	int64_t size = out ? guest_fdt_build(vm, vm->config->initrd.base, at + tree_max, out, tree_max) :
			VL_E_RANGE;

	if (size >= 0)
		memcpy(out + tree_max, vm->tpm.log, vm->tpm.log_bytes);
	return size < 0 ? vm_load_fail(reason, (int)size, "writing the guest's device tree") : 0;
}

int machine_arch_load(struct vm *vm, char *reason)
{
	const struct control_blob *k = &vm->config->kernel;
	struct image image = { 0 };
	uint64_t kernel, fdt;
	int err = parse(vm, &image, reason);

	if (err)
		return err;
	err = place(vm, &image, &kernel, &fdt);
	if (err)
		return vm_load_fail(reason, err, "kernel, device tree and initrd do not fit into VTL0's "
				"memory; give more with --memory");
	err = guest_memory_move(&vm->memory, gpa(kernel), gpa(k->base), k->size);
	if (err)
		return vm_load_fail(reason, err, "the kernel is not in VTL0's memory");
	err = write_fdt(vm, fdt, reason);
	if (err)
		return err;
	vm->arch.entry = kernel;
	vm->arch.fdt = fdt;
	vl_info("guest kernel at 0x%llx, device tree at 0x%llx", (unsigned long long)kernel,
			(unsigned long long)fdt);
	return 0;
}
