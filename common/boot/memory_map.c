/* The address space of the partition (memory_map.h). Called by the shim's planner with checked ranges. */
#include "common/boot/memory_map.h"

#include <string.h>

static uint64_t end_of(const struct boot_range *r)
{
	return r->base + r->size;
}

static bool insert(struct memory_map *map, unsigned at, const struct memory_range *range)
{
	if (map->count == MEMORY_MAP_MAX)
		return false;
	memmove(&map->range[at + 1], &map->range[at], (map->count - at) * sizeof(map->range[0]));
	map->range[at] = *range;
	map->count++;
	return true;
}

static int full(struct boot_error *error)
{
	return boot_fail(error, VL_E_LIMIT, "memory map: more than %d ranges", (int)MEMORY_MAP_MAX);
}

int memory_map_add(struct memory_map *map, const struct memory_range *range, struct boot_error *error)
{
	unsigned at = 0;

	while (at < map->count && map->range[at].range.base < range->range.base)
		at++;
	for (unsigned i = at ? at - 1 : 0; i < map->count && i <= at; i++) {
		const struct boot_range *other = &map->range[i].range;

		if (vl_ranges_overlap(other->base, other->size, range->range.base, range->range.size))
			return boot_fail(error, VL_E_OVERLAP,
				"memory map: 0x%llx+0x%llx overlaps 0x%llx+0x%llx",
				(unsigned long long)range->range.base, (unsigned long long)range->range.size,
				(unsigned long long)other->base, (unsigned long long)other->size);
	}
	return insert(map, at, range) ? 0 : full(error);
}

bool memory_map_covers(const struct memory_map *map, const struct boot_range *range,
	enum boot_memory_type type)
{
	uint64_t at = range->base;

	for (unsigned i = 0; i < map->count && at < end_of(range); i++) {
		const struct memory_range *r = &map->range[i];

		if (end_of(&r->range) <= at)
			continue;
		if (r->range.base > at || r->type != type)
			return false;
		at = end_of(&r->range);
	}
	return at >= end_of(range);
}

/* Splits the entry that has `address` inside it, so that one entry begins there. */
static bool split(struct memory_map *map, uint64_t address)
{
	for (unsigned i = 0; i < map->count; i++) {
		struct memory_range *r = &map->range[i];
		struct memory_range upper = *r;

		if (address <= r->range.base || address >= end_of(&r->range))
			continue;
		upper.range = (struct boot_range){ address, end_of(&r->range) - address };
		if (!insert(map, i + 1, &upper))
			return false;
		r->range.size = address - r->range.base;
		return true;
	}
	return true;
}

int memory_map_retype(struct memory_map *map, const struct boot_range *range, enum boot_memory_type from,
	enum boot_memory_type to, const char *what, struct boot_error *error)
{
	if (!memory_map_covers(map, range, from))
		return boot_fail(error, VL_E_RANGE,
			"memory map: %s 0x%llx+0x%llx is not inside memory of type %d", what,
			(unsigned long long)range->base, (unsigned long long)range->size, (int)from);
	if (!split(map, range->base) || !split(map, end_of(range)))
		return full(error);
	for (unsigned i = 0; i < map->count; i++) {
		struct memory_range *r = &map->range[i];

		if (r->range.base >= range->base && r->range.base < end_of(range))
			r->type = to;
	}
	return 0;
}

bool memory_is_vtl2(enum boot_memory_type type)
{
	switch (type) {
	case BOOT_MEMORY_VTL0:
	case BOOT_MEMORY_VTL0_MMIO:
	case BOOT_MEMORY_VTL2_MMIO:
		return false;
	default:
		return true;
	}
}
