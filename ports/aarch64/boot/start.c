/*
 * From start.S to shim_main, and the exceptions: every one is fatal, is reported
 * with its syndrome and place, and stops the boot.
 */
#include "common/boot/freestanding/relocate.h"
#include "common/boot/shim.h"
#include "common/boot/stop.h"
#include "ports/aarch64/boot/machine.h"

/* libfdt.a is built with the stack protector, whose canary is this variable. */
uint64_t __stack_chk_guard;

static struct shim shim;

void VL_NORETURN boot_start(uint64_t base, uint64_t params_offset);
void VL_NORETURN boot_exception(uint64_t kind, uint64_t esr, uint64_t elr, uint64_t far, uint64_t sp);

void boot_exception(uint64_t kind, uint64_t esr, uint64_t elr, uint64_t far, uint64_t sp)
{
	static bool again;
	struct boot_error error;

	if (again)
		port_halt();
	again = true;
	if (far >= (uintptr_t)boot_stack_guard && far - (uintptr_t)boot_stack_guard < VL_PAGE_BYTES)
		boot_fail(&error, VL_E_INTERNAL, "the boot shim's stack overflowed at PC 0x%llx",
			(unsigned long long)elr);
	else
		boot_fail(&error, VL_E_INTERNAL,
			"processor exception, vector %u, ESR 0x%llx, PC 0x%llx, FAR 0x%llx, SP 0x%llx",
			(unsigned)kind, (unsigned long long)esr, (unsigned long long)elr,
			(unsigned long long)far, (unsigned long long)sp);
	boot_stop(&error, elr);
}

void boot_start(uint64_t base, uint64_t params_offset)
{
	__stack_chk_guard = READ_REGISTER(cntvct_el0) * 0x9e3779b97f4a7c15ull & ~0xffull;
	/* Without a hole the cookie at the stack's end still tells of an overrun. */
	(void)paging_unmap(boot_stack_guard);
	shim_main(&shim, (const void *)(base + params_offset), base);
}
