/*
 * The shim's view of its memory and the guards of its stack (stack.inc); called
 * by the shim's portable code, by a port's start.c and by compiled code.
 */
#include "common/boot/own_memory.h"
#include "common/boot/freestanding/stack.h"
#include "common/boot/stop.h"

/* The image's page tables map its memory one to one. */
void *boot_memory(gpa_t at, uint64_t size)
{
	return (void *)(uintptr_t)gpa_raw(at);
}

int boot_check_stack(struct boot_error *error)
{
	if (boot_stack[0] != STACK_COOKIE)
		return boot_fail(error, VL_E_INTERNAL, "the boot shim's stack was overrun");
	return 0;
}

/* libfdt.a is built with the stack protector; where its canary is, the port knows. */
void VL_NORETURN __stack_chk_fail(void);

void __stack_chk_fail(void)
{
	struct boot_error error;

	boot_fail(&error, VL_E_INTERNAL, "the boot shim's stack was overwritten");
	boot_stop(&error, (uintptr_t)__builtin_return_address(0));
}
