/*
 * The partition's address space as VTL2 sees it: which range is whose and what
 * for. The shim builds it (plan.h), writes it to the VTL2 device tree and, on
 * ports that have one, to the kernel's firmware memory map. No input of its
 * own; callers pass ranges that host_dt_parse or the measured parameters gave.
 */
#ifndef VL_BOOT_MEMORY_MAP_H
#define VL_BOOT_MEMORY_MAP_H

#include "common/boot/error.h"
#include "common/boot/host_dt.h"
#include "common/boot/params.h"

#define MEMORY_MAP_MAX (HOST_RAM_MAX + 128)

struct memory_range {
	struct boot_range range;
	uint32_t numa_node;
	uint32_t igvm_type; /* enum igvm_memory_type; of MMIO: unused */
	enum boot_memory_type type;
};

struct memory_map {
	unsigned count;
	struct memory_range range[MEMORY_MAP_MAX]; /* ascending, disjoint */
};

/* Adds a range. VL_E_OVERLAP; VL_E_LIMIT when the map is full. */
int memory_map_add(struct memory_map *map, const struct memory_range *range, struct boot_error *error);

/*
 * Gives `range`, all of which must be of type `from`, the type `to`; ranges are
 * split as needed. `what` names it in errors. VL_E_RANGE when a part is absent or
 * of another type (the map is then unchanged), VL_E_LIMIT.
 */
int memory_map_retype(struct memory_map *map, const struct boot_range *range, enum boot_memory_type from,
	enum boot_memory_type to, const char *what, struct boot_error *error);

/* True when all of `range` has the type `type`. */
bool memory_map_covers(const struct memory_map *map, const struct boot_range *range,
	enum boot_memory_type type);

/* A range that the VTL2 kernel knows, as RAM or as reserved: not VTL0's, no MMIO. */
bool memory_is_vtl2(enum boot_memory_type type);

#endif
