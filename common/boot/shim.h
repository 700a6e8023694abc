/*
 * The boot shim: from the image's entry point to the VTL2 kernel. The port's
 * entry code calls shim_main once, on the boot processor.
 */
#ifndef VL_BOOT_SHIM_H
#define VL_BOOT_SHIM_H

#include "common/boot/hypercall.h"
#include "common/boot/vtl2_dt.h"

/* All that the shim keeps; one, zeroed, given by the caller. */
struct shim {
	const struct shim_params *params;
	uint64_t base; /* where the shim's ELF address 0 is */
	enum isolation isolation;
	struct filter_context filter;
	bool in_vtl2;
	uint64_t time_start;
	struct image_layout image;
	struct boot_options options;
	struct host_dt host;
	struct boot_plan plan;
	struct boot_handoff handoff;
	struct vtl2_dt tree;
	struct hypercall_pages pages;
	char command_line[PORT_KERNEL_COMMAND_LINE_MAX];
	uint8_t before_fdt[VL_PAGE_BYTES] __attribute__((aligned(VL_PAGE_BYTES))); /* struct boot_handoff */
	uint8_t fdt[VTL2_DT_BYTES_MAX];
};

/*
 * Boots VTL2, or stops with a reason (stop.h). `params` is the measured page that
 * the VP context points to, `base` the address it counts from.
 */
void VL_NORETURN shim_main(struct shim *shim, const struct shim_params *params, uint64_t base);

#endif
