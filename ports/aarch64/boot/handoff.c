/* The last steps before the VTL2 kernel on aarch64; called by shim_main. */
#include "common/boot/port.h"
#include "ports/aarch64/boot/machine.h"

#include <libfdt.h>

/* The kernel reads the tree through caches of its own making: it must be in memory. */
int port_prepare_handoff(const struct boot_handoff *handoff, struct boot_error *error)
{
	cache_clean(handoff->fdt, fdt_totalsize(handoff->fdt));
	return 0;
}

void port_handoff(const struct boot_handoff *handoff)
{
	boot_enter(handoff->kernel_entry, (uintptr_t)handoff->fdt);
}
