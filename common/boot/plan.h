/*
 * Which memory and MMIO becomes VTL2's. Called by the shim after the host's
 * device tree was decoded and filtered. Rules, in order:
 *   - all RAM of the tree is VTL0's at first;
 *   - the host allocates: every VTL2_PROTECTABLE range becomes VTL2's, or, when
 *     there is none, the range that the image asked for;
 *   - VTL2 allocates: the image's own range, and more from the top of every NUMA
 *     node until memory-size is reached, split evenly over the nodes;
 *   - the image's range must then lie in VTL2's RAM, and its special parts
 *     (log, configuration, persisted state ...) are taken out of that RAM;
 *   - VTL2's MMIO is what the host gave, else cut from the top of VTL0's high gap.
 */
#ifndef VL_BOOT_PLAN_H
#define VL_BOOT_PLAN_H

#include "common/boot/memory_map.h"

#define VTL2_RAM_RANGES_MAX 64
/* VTL2 page permissions are kept as bits: a byte of them covers 8 pages. */
#define VTL2_ALLOCATION_BYTES (8 * VL_PAGE_BYTES)
#define VTL2_MMIO_LEAST (128ull << 20)
#define VTL2_MMIO_MOST (1ull << 30)

/* The measured parameters as absolute addresses; a size of 0 means absent. */
struct image_layout {
	struct boot_range memory;    /* all that the image asks for */
	struct boot_range used;      /* what it occupies */
	struct boot_range parameters;
	struct boot_range reserved;
	struct boot_range log;
	struct boot_range persisted;
	struct boot_range initrd;
	uint32_t initrd_crc;
	uint64_t kernel_entry;
	uint64_t command_line;       /* struct paravisor_command_line */
};

struct boot_plan {
	struct memory_map map;
	unsigned ram_count;
	struct host_ram ram[VTL2_RAM_RANGES_MAX]; /* VTL2's memory, whatever it is used for */
	unsigned vtl2_mmio_count;
	struct boot_range vtl2_mmio[HOST_MMIO_MAX];
};

/*
 * Turns the offsets of `params` into addresses: `base` is where the shim runs.
 * Measured input, but checked all the same: VL_E_OVERFLOW, VL_E_ALIGN, VL_E_RANGE
 * (a part is not inside the image's memory), VL_E_MISSING.
 */
int image_layout_init(struct image_layout *out, const struct shim_params *params, uint64_t base,
	struct boot_error *error);

/*
 * Decides. VL_E_RANGE when the image is not in VTL2's memory, VL_E_NOMEM when a
 * node cannot give its share or no room is left for MMIO, VL_E_LIMIT, VL_E_OVERLAP.
 */
int boot_plan_make(struct boot_plan *plan, const struct host_dt *host, const struct image_layout *image,
	struct boot_error *error);

#endif
