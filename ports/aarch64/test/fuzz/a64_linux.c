/*
 * Fuzzes the loader of an arm64 Image, the host's file, and the guest's device
 * tree that it writes. Input: where kernel and initrd lie, then the file's head.
 * Proves that kernel and tree land in RAM, apart from each other and the initrd.
 */
#include "common/base/bytes.h"
#include "ports/aarch64/vm/arm64.h"

#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RAM_BASE 0x40000000ull
#define RAM_BYTES 0x1000000u

static uint8_t ram[RAM_BYTES];

/* Within RAM and page aligned, as the paravisor's check of the configuration has it. */
static struct control_blob blob(struct vl_reader *r)
{
	uint64_t at = vl_read_le16(r) % (RAM_BYTES / VL_PAGE_BYTES) * VL_PAGE_BYTES;
	uint64_t bytes = vl_read_le32(r) % (RAM_BYTES - at);

	return (struct control_blob){ RAM_BASE + at, bytes };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct control_config config;
	static struct vm vm;
	char reason[CONTROL_TEXT_MAX] = "";
	struct vl_reader r;
	const void *tree;
	int err;

	memset(&config, 0, sizeof(config));
	memset(&vm, 0, sizeof(vm));
	vl_reader_init(&r, data, size);
	config.kernel = blob(&r);
	config.initrd = blob(&r);
	config.vp_count = 1 + vl_read_u8(&r) % 64;
	for (unsigned i = 0; i < config.vp_count; i++)
		config.vps[i].hw_id = i;
	if (r.err || guest_memory_add(&vm.memory, gpa(RAM_BASE), RAM_BYTES, ram))
		return 0;
	vm.config = &config;
	memset(ram + (config.kernel.base - RAM_BASE), 0, 64);
	memcpy(ram + (config.kernel.base - RAM_BASE), data + r.pos, size - r.pos < 64 ? size - r.pos : 64);
	err = machine_arch_load(&vm, reason);
	if (err) {
		if (err > 0 || !reason[0])
			abort(); /* a refusal without a word */
		return 0;
	}
	if (!vl_within(vm.arch.entry - RAM_BASE, config.kernel.size, RAM_BYTES))
		abort();
	if (config.initrd.size && vl_ranges_overlap(vm.arch.fdt, 1, config.initrd.base, config.initrd.size))
		abort();
	tree = guest_memory_at(&vm.memory, gpa(vm.arch.fdt), 1);
	if (!tree || fdt_check_header(tree) ||
			vl_ranges_overlap(vm.arch.entry, config.kernel.size, vm.arch.fdt, 1))
		abort();
	return 0;
}
