/*
 * Writer of the VTL2 device tree (vtl2_dt.h), with libfdt's sequential writer:
 * a tree is a series of calls, the first error is kept and told once.
 */
#include "common/boot/vtl2_dt.h"
#include "common/base/fmt.h"

#include <libfdt.h>
#include <string.h>

struct writer {
	void *fdt;
	int err; /* libfdt's, 0 or negative; sticky */
	const struct vtl2_dt *dt;
};

static void keep(struct writer *w, int err)
{
	if (!w->err)
		w->err = err;
}

static void begin(struct writer *w, const char *name)
{
	if (!w->err)
		keep(w, fdt_begin_node(w->fdt, name));
}

static void begin_at(struct writer *w, const char *name, uint64_t address)
{
	char full[32];

	vl_format(full, sizeof(full), "%s@%llx", name, (unsigned long long)address);
	begin(w, full);
}

static void end(struct writer *w)
{
	if (!w->err)
		keep(w, fdt_end_node(w->fdt));
}

static void bytes(struct writer *w, const char *name, const void *value, size_t size)
{
	if (!w->err)
		keep(w, fdt_property(w->fdt, name, value, (int)size));
}

static void u32(struct writer *w, const char *name, uint32_t value)
{
	fdt32_t cell = cpu_to_fdt32(value);

	bytes(w, name, &cell, sizeof(cell));
}

static void u64(struct writer *w, const char *name, uint64_t value)
{
	fdt64_t cell = cpu_to_fdt64(value);

	bytes(w, name, &cell, sizeof(cell));
}

static void text(struct writer *w, const char *name, const char *value)
{
	bytes(w, name, value, strlen(value) + 1);
}

static void reg(struct writer *w, const struct boot_range *range)
{
	fdt64_t cells[2] = { cpu_to_fdt64(range->base), cpu_to_fdt64(range->size) };

	bytes(w, "reg", cells, sizeof(cells));
}

static void cells(struct writer *w, uint32_t address, uint32_t size)
{
	u32(w, "#address-cells", address);
	u32(w, "#size-cells", size);
}

static void write_reserved(struct writer *w)
{
	const struct memory_map *map = &w->dt->plan->map;

	for (unsigned i = 0; i < map->count && !w->err; i++) {
		const struct memory_range *r = &map->range[i];

		if (memory_is_vtl2(r->type) && r->type != BOOT_MEMORY_VTL2_RAM)
			keep(w, fdt_add_reservemap_entry(w->fdt, r->range.base, r->range.size));
	}
	if (!w->err)
		keep(w, fdt_finish_reservemap(w->fdt));
}

static void write_cpus(struct writer *w)
{
	const struct host_dt *host = w->dt->handoff->host;

	begin(w, "cpus");
	cells(w, PORT_CPU_ADDRESS_CELLS, 0);
	for (unsigned i = 0; i < host->cpu_count; i++) {
		begin_at(w, "cpu", i + 1);
		text(w, "device_type", "cpu");
		u32(w, "numa-node-id", host->cpu[i].numa_node);
		if (PORT_CPU_ADDRESS_CELLS == 1)
			u32(w, "reg", (uint32_t)host->cpu[i].reg);
		else
			u64(w, "reg", host->cpu[i].reg);
		if (!w->err)
			keep(w, port_write_cpu(w->fdt, host, i));
		end(w);
	}
	end(w);
}

static void write_memory(struct writer *w)
{
	const struct boot_plan *plan = w->dt->plan;

	for (unsigned i = 0; i < plan->ram_count; i++) {
		begin_at(w, "memory", plan->ram[i].range.base);
		text(w, "device_type", "memory");
		reg(w, &plan->ram[i].range);
		u32(w, "numa-node-id", plan->ram[i].numa_node);
		end(w);
	}
}

static void write_vmbus(struct writer *w)
{
	const struct boot_plan *plan = w->dt->plan;
	fdt64_t ranges[HOST_MMIO_MAX][3];

	for (unsigned i = 0; i < plan->vtl2_mmio_count; i++) {
		ranges[i][0] = ranges[i][1] = cpu_to_fdt64(plan->vtl2_mmio[i].base);
		ranges[i][2] = cpu_to_fdt64(plan->vtl2_mmio[i].size);
	}
	begin(w, "vmbus");
	text(w, "compatible", "microsoft,vmbus");
	cells(w, 2, 2);
	bytes(w, "dma-coherent", "", 0);
	u32(w, "microsoft,vtl", 2);
	u32(w, "microsoft,message-connection-id", w->dt->handoff->host->vmbus_vtl2.connection_id);
	bytes(w, "ranges", ranges, plan->vtl2_mmio_count * sizeof(ranges[0]));
	if (!w->err)
		keep(w, port_write_vmbus(w->fdt));
	end(w);
}

static void write_bus(struct writer *w)
{
	begin(w, "bus");
	text(w, "compatible", "simple-bus");
	cells(w, 2, 2);
	bytes(w, "ranges", "", 0);
	if (w->dt->handoff->host->vmbus_vtl2.present)
		write_vmbus(w);
	end(w);
}

static void write_partition_memory(struct writer *w)
{
	const struct memory_map *map = &w->dt->plan->map;

	for (unsigned i = 0; i < map->count; i++) {
		const struct memory_range *r = &map->range[i];

		begin_at(w, "memory", r->range.base);
		text(w, "device_type", "memory-openhcl");
		reg(w, &r->range);
		if (r->type != BOOT_MEMORY_VTL0_MMIO && r->type != BOOT_MEMORY_VTL2_MMIO) {
			u32(w, "numa-node-id", r->numa_node);
			u32(w, "microsoft,igvm-type", r->igvm_type);
		}
		u32(w, "openhcl,memory-type", r->type);
		end(w);
	}
}

static void write_openhcl(struct writer *w)
{
	const struct host_dt *host = w->dt->handoff->host;

	begin(w, "openhcl");
	cells(w, 2, 2);
	text(w, "isolation-type", boot_isolation_name(w->dt->isolation));
	text(w, "memory-allocation-mode", host->allocation == VTL2_ALLOCATES ? "vtl2" : "host");
	if (host->memory_size)
		u64(w, "memory-size", host->memory_size);
	if (host->mmio_size)
		u64(w, "mmio-size", host->mmio_size);
	if (w->dt->alias_map_present)
		u64(w, "vtl0-alias-map", w->dt->alias_map);
	write_partition_memory(w);
	if (host->entropy_size) {
		begin(w, "entropy");
		bytes(w, "reg", host->entropy, host->entropy_size);
		end(w);
	}
	end(w);
}

/* Copies the properties of a host node; `left` counts down what may still be copied. */
static int copy_properties(struct writer *w, int node, unsigned *left)
{
	const void *host = w->dt->host_fdt;
	int at;

	fdt_for_each_property_offset(at, host, node) {
		const char *name;
		int length;
		const void *value = fdt_getprop_by_offset(host, at, &name, &length);

		if (!value || (unsigned)length > *left)
			return VL_E_LIMIT;
		*left -= (unsigned)length;
		bytes(w, name, value, (size_t)length);
	}
	return 0;
}

/* Copies /vallum without recursion: nodes come in document order with their depth. */
static int copy_vallum(struct writer *w)
{
	const void *host = w->dt->host_fdt;
	unsigned left = VALLUM_BYTES_MAX, nodes = 0;
	int depth = 0, open = 0;

	for (int node = w->dt->handoff->host->vallum_node; node >= 0; node = fdt_next_node(host, node, &depth)) {
		if (depth < 0 || (depth == 0 && nodes))
			break;
		if (depth >= VALLUM_DEPTH_MAX || nodes++ == VALLUM_NODES_MAX)
			return VL_E_LIMIT;
		for (; open > depth; open--)
			end(w);
		begin(w, fdt_get_name(host, node, NULL));
		open++;
		if (copy_properties(w, node, &left) < 0)
			return VL_E_LIMIT;
	}
	for (; open > 0; open--)
		end(w);
	return 0;
}

static void write_root(struct writer *w)
{
	begin(w, "");
	cells(w, 2, 2);
	text(w, "compatible", "microsoft,openvmm");
	u64(w, "reftime_boot_start", w->dt->time_start);
	u64(w, "reftime_boot_end", w->dt->time_end);
	begin(w, "hypervisor");
	text(w, "compatible", "microsoft,hyperv");
	end(w);
	write_cpus(w);
	write_memory(w);
	if (!w->err)
		keep(w, port_write_platform(w->fdt, w->dt->handoff));
	write_bus(w);
	write_openhcl(w);
}

int vtl2_dt_write(void *fdt, size_t size, const struct vtl2_dt *dt, struct boot_error *error)
{
	struct writer w = { .fdt = fdt, .dt = dt };

	keep(&w, fdt_create(fdt, (int)size));
	write_reserved(&w);
	write_root(&w);
	if (copy_vallum(&w))
		return boot_fail(error, VL_E_LIMIT, "host device tree: /vallum: deeper than %d, more than %d nodes or %d bytes",
			VALLUM_DEPTH_MAX, VALLUM_NODES_MAX, VALLUM_BYTES_MAX);
	end(&w);
	if (!w.err)
		keep(&w, fdt_finish(fdt));
	if (w.err)
		return boot_fail(error, w.err == -FDT_ERR_NOSPACE ? VL_E_NOSPACE : VL_E_INTERNAL,
			"VTL2 device tree: %s (libfdt) with %u CPUs and %u ranges in %zu bytes; give fewer", fdt_strerror(w.err),
			dt->handoff->host->cpu_count, dt->plan->map.count, size);
	fdt_set_boot_cpuid_phys(fdt, dt->handoff->host->boot_cpu);
	return 0;
}
