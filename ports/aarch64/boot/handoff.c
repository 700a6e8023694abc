/* The last steps before the VTL2 kernel on aarch64; called by shim_main. */
#include "common/boot/own_memory.h"
#include "common/boot/port.h"
#include "ports/aarch64/boot/machine.h"

#include <libfdt.h>

/*
 * The kernel reads the tree, and user space the log, through mappings of their own making: both must be in
 * memory.
 */
int port_prepare_handoff(const struct boot_handoff *handoff, struct boot_error *error)
{
	for (unsigned i = 0; i < handoff->map->count; i++)
		if (handoff->map->range[i].type == BOOT_MEMORY_SHIM_LOG)
			cache_clean(boot_memory(gpa(handoff->map->range[i].range.base),
				handoff->map->range[i].range.size), handoff->map->range[i].range.size);
	cache_clean(handoff->fdt, fdt_totalsize(handoff->fdt));
	return 0;
}

void port_handoff(const struct boot_handoff *handoff)
{
	boot_enter(handoff->kernel_entry, (uintptr_t)handoff->fdt);
}
