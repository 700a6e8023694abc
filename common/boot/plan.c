/*
 * VTL2's memory decisions (plan.h). Input: the measured layout of the image and
 * the host's description of the machine, both already bounded; the host's may
 * still be unreasonable, so every step can refuse.
 */
#include "common/boot/plan.h"

#include <string.h>

/* --- The image's layout ---------------------------------------------------------- */

struct part {
	const char *name;
	struct boot_range *range;
	uint64_t offset, size;
	uint64_t alignment;
	bool required;
};

static int place(struct boot_range *out, uint64_t base, const struct part *part, struct boot_error *error)
{
	*out = (struct boot_range){ 0, 0 };
	if (!part->size)
		return part->required ? boot_fail(error, VL_E_MISSING,
			"boot parameters: no %s; rebuild the image", part->name)
				      : 0;
	out->base = base + part->offset;
	out->size = part->size;
	if (!vl_range_ok(out->base, out->size))
		return boot_fail(error, VL_E_OVERFLOW, "boot parameters: %s wraps around the address space",
			part->name);
	if (!vl_is_aligned(out->base, part->alignment))
		return boot_fail(error, VL_E_ALIGN, "boot parameters: %s at 0x%llx is not aligned to 0x%llx",
			part->name, (unsigned long long)out->base, (unsigned long long)part->alignment);
	return 0;
}

static bool inside(const struct boot_range *whole, uint64_t base, uint64_t size)
{
	return base >= whole->base && vl_within(base - whole->base, size, whole->size);
}

static int check_points(const struct image_layout *out, struct boot_error *error)
{
	if (!inside(&out->memory, out->kernel_entry, 1))
		return boot_fail(error, VL_E_RANGE,
			"boot parameters: the kernel entry 0x%llx is outside the image",
			(unsigned long long)out->kernel_entry);
	if (!inside(&out->memory, out->command_line, VL_PAGE_BYTES))
		return boot_fail(error, VL_E_RANGE,
			"boot parameters: the command line 0x%llx is outside the image",
			(unsigned long long)out->command_line);
	if (out->parameters.size < (PARAMETER_VTL2_CONFIG_PAGE + PARAMETER_VTL2_CONFIG_PAGES) * VL_PAGE_BYTES)
		return boot_fail(error, VL_E_RANGE,
			"boot parameters: the parameter region has only 0x%llx bytes",
			(unsigned long long)out->parameters.size);
	if (out->log.size != SHIM_LOG_BYTES)
		return boot_fail(error, VL_E_RANGE,
			"boot parameters: the log buffer has 0x%llx bytes, not 0x%x",
			(unsigned long long)out->log.size, SHIM_LOG_BYTES);
	if (out->persisted.size && out->persisted.size != SHIM_PERSISTED_BYTES)
		return boot_fail(error, VL_E_RANGE,
			"boot parameters: the persisted region has 0x%llx bytes, not 0x%x",
			(unsigned long long)out->persisted.size, SHIM_PERSISTED_BYTES);
	return 0;
}

int image_layout_init(struct image_layout *out, const struct shim_params *params, uint64_t base,
	struct boot_error *error)
{
	uint64_t used = le64_to_cpu(params->used_start);
	const struct part parts[] = {
		{ "memory", &out->memory, le64_to_cpu(params->memory_start_offset),
			le64_to_cpu(params->memory_size), VL_LARGE_PAGE_BYTES, true },
		{ "used range", &out->used, used, le64_to_cpu(params->used_end) - used, VL_PAGE_BYTES, true },
		{ "parameter region", &out->parameters, le64_to_cpu(params->parameter_region_offset),
			le64_to_cpu(params->parameter_region_size), VL_PAGE_BYTES, true },
		{ "reserved region", &out->reserved, le64_to_cpu(params->vtl2_reserved_region_offset),
			le64_to_cpu(params->vtl2_reserved_region_size), VL_PAGE_BYTES, false },
		{ "log buffer", &out->log, le64_to_cpu(params->log_buffer_start),
		le64_to_cpu(params->log_buffer_size),
			VL_PAGE_BYTES, true },
		{ "persisted region", &out->persisted, le64_to_cpu(params->persisted_state_region_offset),
			le64_to_cpu(params->persisted_state_region_size), VL_PAGE_BYTES, false },
		{ "initrd", &out->initrd, le64_to_cpu(params->initrd_offset),
		le64_to_cpu(params->initrd_size),
			VL_PAGE_BYTES, true },
	};

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < VL_ARRAY_COUNT(parts); i++) {
		int err = place(parts[i].range, base, &parts[i], error);

		if (err)
			return err;
		if (parts[i].range->size && !inside(&out->memory, parts[i].range->base, parts[i].range->size))
			return boot_fail(error, VL_E_RANGE,
				"boot parameters: the %s is outside the image's memory",
				parts[i].name);
	}
	out->initrd_crc = le32_to_cpu(params->initrd_crc);
	out->kernel_entry = base + le64_to_cpu(params->kernel_entry_offset);
	out->command_line = base + le64_to_cpu(params->cmdline_offset);
	return check_points(out, error);
}

/* --- RAM ------------------------------------------------------------------------------ */

static int add_ram(struct boot_plan *plan, const struct host_dt *host, struct boot_error *error)
{
	for (unsigned i = 0; i < host->ram_count; i++) {
		const struct host_ram *ram = &host->ram[i];
		struct memory_range range = { ram->range, ram->numa_node, ram->igvm_type, BOOT_MEMORY_VTL0 };
		int err = memory_map_add(&plan->map, &range, error);

		if (err)
			return err;
	}
	return 0;
}

static int take_host_ranges(struct boot_plan *plan, const struct image_layout *image,
	struct boot_error *error)
{
	bool any = false;

	for (unsigned i = 0; i < plan->map.count; i++) {
		if (plan->map.range[i].igvm_type == IGVM_MEMORY_VTL2_PROTECTABLE) {
			plan->map.range[i].type = BOOT_MEMORY_VTL2_RAM;
			any = true;
		}
	}
	return any ? 0 : memory_map_retype(&plan->map, &image->memory, BOOT_MEMORY_VTL0, BOOT_MEMORY_VTL2_RAM,
		"the image's memory", error);
}

/* Bytes of VTL2's RAM in a node. */
static uint64_t taken_in(const struct memory_map *map, uint32_t node)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < map->count; i++)
		if (map->range[i].numa_node == node && map->range[i].type == BOOT_MEMORY_VTL2_RAM)
			bytes += map->range[i].range.size;
	return bytes;
}

/* What can be taken of one range, from its top and in whole allocation units; size 0: nothing. */
static struct boot_range top_of(const struct memory_range *r, uint32_t node, uint64_t need)
{
	uint64_t end = vl_align_down(r->range.base + r->range.size, VTL2_ALLOCATION_BYTES);
	uint64_t start = vl_align_up(r->range.base, VTL2_ALLOCATION_BYTES);
	uint64_t size = end > start ? end - start : 0;

	if (r->type != BOOT_MEMORY_VTL0 || r->igvm_type != IGVM_MEMORY || r->numa_node != node)
		size = 0;
	if (size > need)
		size = need;
	return (struct boot_range){ end - size, size };
}

static int take_from_node(struct boot_plan *plan, uint32_t node, uint64_t need, struct boot_error *error)
{
	for (unsigned i = plan->map.count; need && i-- > 0;) {
		struct boot_range top = top_of(&plan->map.range[i], node, need);
		int err;

		if (!top.size)
			continue;
		err = memory_map_retype(&plan->map, &top, BOOT_MEMORY_VTL0, BOOT_MEMORY_VTL2_RAM,
			"VTL2 memory", error);
		if (err)
			return err;
		need -= top.size;
	}
	if (need)
		return boot_fail(error, VL_E_NOMEM,
			"NUMA node %u lacks 0x%llx bytes for VTL2; lower memory-size or give the node more "
			"RAM", node, (unsigned long long)need);
	return 0;
}

/* A bit per NUMA node with ordinary RAM, and their number. */
static uint64_t nodes_with_ram(const struct memory_map *map, unsigned *count)
{
	uint64_t nodes = 0;

	*count = 0;
	for (unsigned i = 0; i < map->count; i++) {
		uint64_t bit = 1ull << map->range[i].numa_node;

		if (map->range[i].igvm_type != IGVM_MEMORY || nodes & bit)
			continue;
		nodes |= bit;
		++*count;
	}
	return nodes;
}

static int self_allocate(struct boot_plan *plan, const struct host_dt *host, const struct image_layout *image,
	struct boot_error *error)
{
	uint64_t total = host->memory_size > image->memory.size ? host->memory_size : image->memory.size;
	unsigned node_count;
	uint64_t nodes = nodes_with_ram(&plan->map, &node_count), share;
	int err;

	if (total > 1ull << HOST_ADDRESS_BITS)
		return boot_fail(error, VL_E_RANGE,
			"host device tree: /openhcl: memory-size 0x%llx is absurd",
			(unsigned long long)total);
	err = memory_map_retype(&plan->map, &image->memory, BOOT_MEMORY_VTL0, BOOT_MEMORY_VTL2_RAM,
		"the image's memory",
		error);
	if (err)
		return err;
	share = nodes ? vl_align_up(total / node_count, VTL2_ALLOCATION_BYTES) : 0;
	for (uint32_t node = 0; node < HOST_NUMA_NODES_MAX; node++) {
		uint64_t taken = taken_in(&plan->map, node);

		if (!(nodes >> node & 1) || taken >= share)
			continue;
		err = take_from_node(plan, node, share - taken, error);
		if (err)
			return err;
	}
	return 0;
}

/* The list of VTL2's RAM, neighbours of one node joined. */
static int list_ram(struct boot_plan *plan, struct boot_error *error)
{
	for (unsigned i = 0; i < plan->map.count; i++) {
		const struct memory_range *r = &plan->map.range[i];
		struct host_ram *last = plan->ram_count ? &plan->ram[plan->ram_count - 1] : NULL;

		if (r->type != BOOT_MEMORY_VTL2_RAM)
			continue;
		if (last && last->numa_node == r->numa_node &&
			last->range.base + last->range.size == r->range.base) {
			last->range.size += r->range.size;
			continue;
		}
		if (plan->ram_count == VTL2_RAM_RANGES_MAX)
			return boot_fail(error, VL_E_LIMIT, "VTL2 memory: more than %d ranges",
				VTL2_RAM_RANGES_MAX);
		plan->ram[plan->ram_count++] = (struct host_ram){ r->range, r->numa_node, r->igvm_type };
	}
	return 0;
}

/* --- The image's special parts ----------------------------------------------------------- */

static struct boot_range pages_of(const struct boot_range *whole, uint64_t first, uint64_t count)
{
	return (struct boot_range){ whole->base + first * VL_PAGE_BYTES, count * VL_PAGE_BYTES };
}

static int set_apart(struct boot_plan *plan, const struct image_layout *image, struct boot_error *error)
{
	const struct {
		struct boot_range range;
		enum boot_memory_type type;
		const char *name;
	} parts[] = {
		{ pages_of(&image->parameters, PARAMETER_SLIT_PAGE,
			PARAMETER_SLIT_PAGES + PARAMETER_PPTT_PAGES),
			BOOT_MEMORY_VTL2_CONFIG, "the host's tables" },
		{ pages_of(&image->parameters, PARAMETER_VTL2_CONFIG_PAGE, PARAMETER_VTL2_CONFIG_PAGES),
			BOOT_MEMORY_VTL2_CONFIG, "the measured configuration" },
		{ image->reserved, BOOT_MEMORY_VTL2_RESERVED, "the reserved region" },
		{ image->log, BOOT_MEMORY_SHIM_LOG, "the log buffer" },
		{ pages_of(&image->persisted, 0, image->persisted.size ? SHIM_PERSISTED_HEADER_PAGES : 0),
			BOOT_MEMORY_PERSISTED_HEADER, "the persisted header" },
		{ pages_of(&image->persisted, SHIM_PERSISTED_HEADER_PAGES,
			image->persisted.size ? SHIM_PERSISTED_STATE_PAGES : 0),
			BOOT_MEMORY_PERSISTED_STATE, "the persisted state" },
	};

	if (!memory_map_covers(&plan->map, &image->memory, BOOT_MEMORY_VTL2_RAM))
		return boot_fail(error, VL_E_RANGE,
			"VTL2 memory: the image at 0x%llx+0x%llx is not inside what the host gives VTL2",
			(unsigned long long)image->memory.base, (unsigned long long)image->memory.size);
	for (size_t i = 0; i < VL_ARRAY_COUNT(parts); i++) {
		int err = parts[i].range.size ? memory_map_retype(&plan->map, &parts[i].range,
			BOOT_MEMORY_VTL2_RAM,
			parts[i].type, parts[i].name, error) : 0;

		if (err)
			return err;
	}
	return 0;
}

/* --- MMIO ------------------------------------------------------------------------------------ */

/* Cuts VTL2's part from the top of `gap`, which is VTL0's. */
static int carve_mmio(struct boot_plan *plan, struct boot_range *gap, uint64_t wanted,
	struct boot_error *error)
{
	uint64_t size = wanted ? wanted : gap->size / 2;

	if (!wanted)
		size =
			size < VTL2_MMIO_LEAST ? VTL2_MMIO_LEAST :
			size > VTL2_MMIO_MOST ? VTL2_MMIO_MOST : size;
	size = vl_align_down(size, VL_PAGE_BYTES);
	if (!size || size >= gap->size)
		return boot_fail(error, VL_E_NOMEM,
			"VTL0's high MMIO gap has 0x%llx bytes, VTL2 needs 0x%llx of it and VTL0 some",
			(unsigned long long)gap->size, (unsigned long long)size);
	gap->size -= size;
	plan->vtl2_mmio[0] = (struct boot_range){ gap->base + gap->size, size };
	plan->vtl2_mmio_count = 1;
	return 0;
}

static int add_mmio(struct boot_plan *plan, const struct boot_range *mmio, unsigned count,
	enum boot_memory_type type, struct boot_error *error)
{
	for (unsigned i = 0; i < count; i++) {
		struct memory_range range = { mmio[i], 0, 0, type };
		int err = memory_map_add(&plan->map, &range, error);

		if (err)
			return err;
	}
	return 0;
}

static int plan_mmio(struct boot_plan *plan, const struct host_dt *host, struct boot_error *error)
{
	struct host_vmbus vtl0 = host->vmbus_vtl0;
	int err = 0;

	if (host->vmbus_vtl2.mmio_count) {
		plan->vtl2_mmio_count = host->vmbus_vtl2.mmio_count;
		memcpy(plan->vtl2_mmio, host->vmbus_vtl2.mmio, sizeof(plan->vtl2_mmio));
	} else if (vtl0.mmio_count == HOST_MMIO_MAX) {
		err = carve_mmio(plan, &vtl0.mmio[1], host->mmio_size, error);
	}
	if (!err)
		err = add_mmio(plan, vtl0.mmio, vtl0.mmio_count, BOOT_MEMORY_VTL0_MMIO, error);
	return err ? err : add_mmio(plan, plan->vtl2_mmio, plan->vtl2_mmio_count, BOOT_MEMORY_VTL2_MMIO,
		error);
}

int boot_plan_make(struct boot_plan *plan, const struct host_dt *host, const struct image_layout *image,
	struct boot_error *error)
{
	int err;

	plan->map.count = 0;
	plan->ram_count = 0;
	plan->vtl2_mmio_count = 0;
	err = add_ram(plan, host, error);
	if (!err && host->allocation == VTL2_ALLOCATES)
		err = self_allocate(plan, host, image, error);
	else if (!err)
		err = take_host_ranges(plan, image, error);
	if (!err)
		err = list_ram(plan, error);
	if (!err)
		err = set_apart(plan, image, error);
	return err ? err : plan_mmio(plan, host, error);
}
