/* The last steps before the VTL2 kernel on x86_64; called by shim_main. */
#include "ports/x86_64/boot/boot_params.h"
#include "ports/x86_64/boot/machine.h"

static struct kernel_params params __attribute__((aligned(VL_PAGE_BYTES)));

int port_prepare_handoff(const struct boot_handoff *handoff, struct boot_error *error)
{
	return kernel_params_fill(&params, handoff, error);
}

void port_handoff(const struct boot_handoff *handoff)
{
	boot_enter(handoff->kernel_entry, (uintptr_t)&params.zero_page);
}
