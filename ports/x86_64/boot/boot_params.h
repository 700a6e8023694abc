/*
 * The VTL2 kernel's zero page, memory map and setup data. The shim's handoff
 * calls this with checked data; the addresses it stores are those of its
 * arguments, which are identity-mapped.
 */
#ifndef VL_BOOT_BOOT_PARAMS_H
#define VL_BOOT_BOOT_PARAMS_H

#include "common/boot/port.h"
#include "port/boot_params.h"

struct kernel_params {
	struct boot_params zero_page;
	struct {
		struct setup_data header;
		struct e820_entry entry[MEMORY_MAP_MAX];
	} VL_PACKED more; /* the memory map beyond the zero page */
};

/*
 * VTL2 RAM becomes RAM, all else of VTL2 reserved, neighbours joined; VTL0's memory
 * is not mentioned. The setup data header of the device tree is written right
 * before handoff->fdt. VL_E_LIMIT when the initrd or the tree is 4 GiB or more.
 */
int kernel_params_fill(struct kernel_params *out, const struct boot_handoff *handoff,
	struct boot_error *error);

#endif
