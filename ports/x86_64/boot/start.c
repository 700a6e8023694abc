/*
 * From start.S to shim_main: relocates the shim, which is a position-independent
 * ELF linked at 0, and sets up what compiled code and fault reports need.
 */
#include "common/boot/freestanding/relocate.h"
#include "common/boot/shim.h"
#include "ports/x86_64/boot/machine.h"

/*
 * libfdt.a is built with the stack protector, whose canary is at %fs:0x28 (x86-64
 * psABI, thread control block).
 */
static uint64_t thread_block[8];
#define CANARY_INDEX 5

static struct shim shim;

void VL_NORETURN boot_start(uint64_t base, uint64_t params_offset);

void boot_start(uint64_t base, uint64_t params_offset)
{
	tables_init();
	thread_block[CANARY_INDEX] = rdtsc() * 0x9e3779b97f4a7c15ull & ~0xffull;
	wrmsr(MSR_FS_BASE, (uintptr_t)thread_block);
	/* Without a hole the cookie at the stack's end still tells of an overrun. */
	(void)paging_unmap(boot_stack_guard);
	shim_main(&shim, (const void *)(base + params_offset), base);
}
