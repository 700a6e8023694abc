/*
 * Writer of the VTL2 device tree (vtl2_dt.h); called by shim_main with data that
 * was checked before, but for /vallum, whose copy is bounded here.
 */
#include "common/boot/vtl2_dt.h"
#include "common/fdt/write.h"

#include <libfdt.h>

static void write_reg(struct fdt_writer *w, const struct boot_range *range)
{
	const uint64_t values[2] = { range->base, range->size };

	fdtw_u64s(w, "reg", values, 2);
}

static void write_reserved(struct fdt_writer *w, const struct memory_map *map)
{
	for (unsigned i = 0; i < map->count; i++) {
		const struct memory_range *r = &map->range[i];

		if (memory_is_vtl2(r->type) && r->type != BOOT_MEMORY_VTL2_RAM)
			fdtw_reserve(w, r->range.base, r->range.size);
	}
	fdtw_nodes(w);
}

static void write_cpus(struct fdt_writer *w, const struct host_dt *host)
{
	fdtw_begin(w, "cpus");
	fdtw_cells(w, PORT_CPU_ADDRESS_CELLS, 0);
	for (unsigned i = 0; i < host->cpu_count; i++) {
		fdtw_begin_at(w, "cpu", i + 1);
		fdtw_text(w, "device_type", "cpu");
		fdtw_u32(w, "numa-node-id", host->cpu[i].numa_node);
		if (PORT_CPU_ADDRESS_CELLS == 1)
			fdtw_u32(w, "reg", (uint32_t)host->cpu[i].reg);
		else
			fdtw_u64(w, "reg", host->cpu[i].reg);
		port_write_cpu(w, host);
		fdtw_end(w);
	}
	fdtw_end(w);
}

static void write_memory(struct fdt_writer *w, const struct boot_plan *plan)
{
	for (unsigned i = 0; i < plan->ram_count; i++) {
		fdtw_begin_at(w, "memory", plan->ram[i].range.base);
		fdtw_text(w, "device_type", "memory");
		write_reg(w, &plan->ram[i].range);
		fdtw_u32(w, "numa-node-id", plan->ram[i].numa_node);
		fdtw_end(w);
	}
}

static void write_vmbus(struct fdt_writer *w, const struct vtl2_dt *dt)
{
	uint64_t ranges[3 * HOST_MMIO_MAX];

	for (unsigned i = 0; i < dt->plan->vtl2_mmio_count; i++) {
		ranges[3 * i] = ranges[3 * i + 1] = dt->plan->vtl2_mmio[i].base;
		ranges[3 * i + 2] = dt->plan->vtl2_mmio[i].size;
	}
	fdtw_begin(w, "vmbus");
	fdtw_text(w, "compatible", "microsoft,vmbus");
	fdtw_cells(w, 2, 2);
	fdtw_empty(w, "dma-coherent");
	fdtw_u32(w, "microsoft,vtl", 2);
	fdtw_u32(w, "microsoft,message-connection-id", dt->handoff->host->vmbus_vtl2.connection_id);
	fdtw_u64s(w, "ranges", ranges, 3 * dt->plan->vtl2_mmio_count);
	port_write_vmbus(w);
	fdtw_end(w);
}

static void write_bus(struct fdt_writer *w, const struct vtl2_dt *dt)
{
	fdtw_begin(w, "bus");
	fdtw_text(w, "compatible", "simple-bus");
	fdtw_cells(w, 2, 2);
	fdtw_empty(w, "ranges");
	if (dt->handoff->host->vmbus_vtl2.present)
		write_vmbus(w, dt);
	fdtw_end(w);
}

static void write_partition_memory(struct fdt_writer *w, const struct memory_map *map)
{
	for (unsigned i = 0; i < map->count; i++) {
		const struct memory_range *r = &map->range[i];

		fdtw_begin_at(w, "memory", r->range.base);
		fdtw_text(w, "device_type", "memory-openhcl");
		write_reg(w, &r->range);
		if (r->type != BOOT_MEMORY_VTL0_MMIO && r->type != BOOT_MEMORY_VTL2_MMIO) {
			fdtw_u32(w, "numa-node-id", r->numa_node);
			fdtw_u32(w, "microsoft,igvm-type", r->igvm_type);
		}
		fdtw_u32(w, "openhcl,memory-type", r->type);
		fdtw_end(w);
	}
}

static void write_openhcl(struct fdt_writer *w, const struct vtl2_dt *dt)
{
	const struct host_dt *host = dt->handoff->host;

	fdtw_begin(w, "openhcl");
	fdtw_cells(w, 2, 2);
	fdtw_text(w, "isolation-type", isolation_name(dt->filter.isolation));
	if (dt->filter.debug)
		fdtw_empty(w, "vallum,confidential-debug");
	fdtw_text(w, "memory-allocation-mode", host->allocation == VTL2_ALLOCATES ? "vtl2" : "host");
	if (host->memory_size)
		fdtw_u64(w, "memory-size", host->memory_size);
	if (host->mmio_size)
		fdtw_u64(w, "mmio-size", host->mmio_size);
	if (dt->alias_map_present)
		fdtw_u64(w, "vtl0-alias-map", dt->alias_map);
	write_partition_memory(w, &dt->plan->map);
	if (host->entropy_size) {
		fdtw_begin(w, "entropy");
		fdtw_bytes(w, "reg", host->entropy, host->entropy_size);
		fdtw_end(w);
	}
	fdtw_end(w);
}

/* Copies the properties of a host node that pass; `left` counts down what may still be copied. */
static int copy_properties(struct fdt_writer *w, const struct vtl2_dt *dt, int node, int depth,
		unsigned *left)
{
	const void *host = dt->host_fdt;
	const char *child = depth == 1 ? fdt_get_name(host, node, NULL) : "";
	int at;

	fdt_for_each_property_offset(at, host, node) {
		const char *name;
		int length;
		const void *value = fdt_getprop_by_offset(host, at, &name, &length);

		if (!value || (unsigned)length > *left)
			return VL_E_LIMIT;
		*left -= (unsigned)length;
		if (!filter_keeps(&dt->filter, boot_filter_vallum(child, name)))
			continue;
		fdtw_bytes(w, name, value, (size_t)length);
	}
	return 0;
}

/* Copies /vallum without recursion: nodes come in document order with their depth. */
static int copy_vallum(struct fdt_writer *w, const struct vtl2_dt *dt)
{
	const void *host = dt->host_fdt;
	int node = dt->handoff->host->vallum_node;
	unsigned left = VALLUM_BYTES_MAX, nodes = 0;
	int depth = 0, open = 0;

	for (; node >= 0; node = fdt_next_node(host, node, &depth)) {
		if (depth < 0 || (depth == 0 && nodes))
			break;
		if (depth >= VALLUM_DEPTH_MAX || nodes++ == VALLUM_NODES_MAX)
			return VL_E_LIMIT;
		for (; open > depth; open--)
			fdtw_end(w);
		fdtw_begin(w, fdt_get_name(host, node, NULL));
		open++;
		if (copy_properties(w, dt, node, depth, &left) < 0)
			return VL_E_LIMIT;
	}
	for (; open > 0; open--)
		fdtw_end(w);
	return 0;
}

static void write_root(struct fdt_writer *w, const struct vtl2_dt *dt)
{
	fdtw_begin(w, "");
	fdtw_cells(w, 2, 2);
	fdtw_text(w, "compatible", "microsoft,openvmm");
	fdtw_u64(w, "reftime_boot_start", dt->time_start);
	fdtw_u64(w, "reftime_boot_end", dt->time_end);
	fdtw_begin(w, "hypervisor");
	fdtw_text(w, "compatible", "microsoft,hyperv");
	fdtw_end(w);
	write_cpus(w, dt->handoff->host);
	write_memory(w, dt->plan);
	port_write_platform(w, dt->handoff);
	write_bus(w, dt);
	write_openhcl(w, dt);
}

int vtl2_dt_write(void *fdt, size_t size, const struct vtl2_dt *dt, struct boot_error *error)
{
	struct fdt_writer w;
	int err;

	fdtw_create(&w, fdt, size);
	write_reserved(&w, &dt->plan->map);
	write_root(&w, dt);
	if (copy_vallum(&w, dt))
		return boot_fail(error, VL_E_LIMIT,
			"host device tree: /vallum: deeper than %d, more than %d nodes or %d bytes",
			VALLUM_DEPTH_MAX, VALLUM_NODES_MAX, VALLUM_BYTES_MAX);
	fdtw_end(&w);
	err = fdtw_finish(&w);
	if (err)
		return boot_fail(error, err == -FDT_ERR_NOSPACE ? VL_E_NOSPACE : VL_E_INTERNAL,
			"VTL2 device tree: %s (libfdt) with %u CPUs and %u ranges in %zu bytes; give fewer",
			fdt_strerror(err), dt->handoff->host->cpu_count, dt->plan->map.count, size);
	fdt_set_boot_cpuid_phys(fdt, dt->handoff->host->boot_cpu);
	return 0;
}
