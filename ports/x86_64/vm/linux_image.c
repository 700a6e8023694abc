/* linux.h: the decisions. Called by linux.c, tests and the fuzzer. */
#include "ports/x86_64/vm/linux.h"
#include "common/base/bytes.h"
#include <string.h>

/* Offsets in the file, boot.rst "The Real-Mode Kernel Header". */
enum {
	AT_SETUP_SECTS = 0x1f1,
	AT_BOOT_FLAG = 0x1fe,
	AT_JUMP_LENGTH = 0x201,
	AT_MAGIC = 0x202,
	AT_VERSION = 0x206,
	AT_LOADFLAGS = 0x211,
	AT_INITRD_ADDR_MAX = 0x22c,
	AT_ALIGNMENT = 0x230,
	AT_RELOCATABLE = 0x234,
	AT_XLOADFLAGS = 0x236,
	AT_CMDLINE_SIZE = 0x238,
	AT_PREF_ADDRESS = 0x258,
	AT_INIT_SIZE = 0x260,
	HEADER_END_MIN = 0x264,
};

#define VERSION_MIN 0x20cu /* xloadflags: Linux 3.8 */
#define LOADED_HIGH 1u
#define XLF_KERNEL_64 1u
#define SECTOR 512u
#define MIB 0x100000ull
#define ROOM_MAX 0x40000000ull /* a kernel that wants a GiB is none */

static uint64_t field(const uint8_t *head, size_t at, unsigned bytes)
{
	uint64_t v = 0;

	memcpy(&v, head + at, bytes);
	return v;
}

static int refuse(int err, const char *text, const char **why)
{
	*why = text;
	return err;
}

static int check_kind(const uint8_t *head, size_t head_bytes, const char **why)
{
	if (head_bytes >= 0x40 && field(head, 56, 4) == 0x644d5241)
		return refuse(VL_E_ARCH, "the guest kernel is an arm64 Image; give an x86_64 bzImage", why);
	if (head_bytes >= 4 && field(head, 0, 4) == 0x464c457f)
		return refuse(VL_E_MAGIC,
			"the guest kernel is an ELF file (vmlinux?); give the bzImage (vmlinuz)", why);
	if (head_bytes < HEADER_END_MIN)
		return refuse(VL_E_TRUNCATED, "the guest kernel is too short to be a bzImage", why);
	if (field(head, AT_BOOT_FLAG, 2) != 0xaa55 || field(head, AT_MAGIC, 4) != 0x53726448)
		return refuse(VL_E_MAGIC, "the guest kernel is no Linux bzImage (no HdrS at 0x202)", why);
	if (field(head, AT_VERSION, 2) < VERSION_MIN)
		return refuse(VL_E_VERSION,
			"the guest kernel's boot protocol is older than 2.12 (Linux 3.8)", why);
	if (!(field(head, AT_XLOADFLAGS, 2) & XLF_KERNEL_64) || !(head[AT_LOADFLAGS] & LOADED_HIGH))
		return refuse(VL_E_ARCH, "the guest kernel has no 64-bit entry; give an x86_64 kernel", why);
	return 0;
}

int linux_parse(const uint8_t *head, size_t head_bytes, uint64_t file_bytes, struct linux_image *out,
	const char **why)
{
	int err = check_kind(head, head_bytes, why);
	size_t end;

	if (err)
		return err;
	/* The header ends where the jump at its start leads (boot.rst, "setup_header"). */
	end = AT_MAGIC + head[AT_JUMP_LENGTH];
	if (end < HEADER_END_MIN || end > head_bytes)
		return refuse(VL_E_RANGE, "the guest kernel's setup header has an impossible size", why);
	out->header_bytes = end - LINUX_HEADER_AT;
	memcpy(out->header, head + LINUX_HEADER_AT, out->header_bytes);
	out->code_offset = ((head[AT_SETUP_SECTS] ? head[AT_SETUP_SECTS] : 4) + 1u) * SECTOR;
	if (out->code_offset + SECTOR > file_bytes)
		return refuse(VL_E_TRUNCATED, "the guest kernel ends before its code begins", why);
	out->code_bytes = file_bytes - out->code_offset;
	out->align = field(head, AT_ALIGNMENT, 4);
	out->preferred = field(head, AT_PREF_ADDRESS, 8);
	out->room_bytes = field(head, AT_INIT_SIZE, 4);
	out->relocatable = head[AT_RELOCATABLE];
	out->initrd_end_max = field(head, AT_INITRD_ADDR_MAX, 4) + 1;
	out->command_line_max = (uint32_t)field(head, AT_CMDLINE_SIZE, 4);
	if (out->room_bytes < out->code_bytes)
		out->room_bytes = out->code_bytes;
	if (out->align < VL_PAGE_BYTES || out->align & (out->align - 1) || out->align > ROOM_MAX ||
	    out->room_bytes > ROOM_MAX || out->preferred < MIB || out->preferred >= 1ull << 32 ||
	    !vl_is_aligned(out->preferred, VL_PAGE_BYTES))
		return refuse(VL_E_RANGE,
			"the guest kernel's setup header asks for an impossible place", why);
	return 0;
}

static bool fits(const struct linux_image *image, uint64_t at, uint64_t initrd, uint64_t initrd_bytes,
	uint64_t ram_end)
{
	return at >= MIB && vl_within(at, image->room_bytes, ram_end) &&
		!vl_ranges_overlap(at, image->room_bytes, initrd, initrd_bytes);
}

/* Below 4 GiB of address space every candidate is far from wrapping. */
static int place_kernel(const struct linux_image *image, uint64_t initrd, uint64_t initrd_bytes,
	uint64_t ram_end, uint64_t *out)
{
	const uint64_t candidate[] = {
		image->preferred,
		vl_align_up(MIB, image->align),
		vl_align_up(initrd + initrd_bytes, image->align),
	};

	for (unsigned i = 0; i < (image->relocatable ? VL_ARRAY_COUNT(candidate) : 1); i++) {
		*out = candidate[i];
		if (fits(image, *out, initrd, initrd_bytes, ram_end))
			return 0;
	}
	return VL_E_NOSPACE;
}

int linux_place(const struct linux_image *image, uint64_t initrd, uint64_t initrd_bytes, uint64_t ram_end,
	struct linux_place *out)
{
	uint64_t top = image->initrd_end_max < ram_end ? image->initrd_end_max : ram_end;
	int err;

	out->initrd = initrd;
	if (!vl_within(initrd, initrd_bytes, top)) {
		if (initrd_bytes > top)
			return VL_E_NOSPACE;
		out->initrd = vl_align_down(top - initrd_bytes, VL_PAGE_BYTES);
	}
	err = place_kernel(image, out->initrd, initrd_bytes, ram_end, &out->kernel);
	if (!err && initrd_bytes && out->initrd < MIB)
		err = VL_E_NOSPACE;
	return err;
}
