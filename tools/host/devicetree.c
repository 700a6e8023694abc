/*
 * Writes the host device tree (see devicetree.h for the grammar) in one pass
 * with libfdt's sequential-write calls. Called by the host core while it loads
 * the image; the input is the host's own, but it is checked all the same
 * because VTL2 refuses to boot on a contradictory tree, with less to say.
 */
#include "tools/host/devicetree.h"

#include "common/base/err.h"
#include "common/base/fmt.h"
#include "tools/host/host.h"
#include <libfdt.h>

/* Collects the first failure, so that the writers below read straight. */
struct dt {
	void *fdt;
	int err; /* libfdt code */
};

static void note(struct dt *t, int err)
{
	if (!t->err)
		t->err = err;
}

static void begin(struct dt *t, const char *name)
{
	if (!t->err)
		note(t, fdt_begin_node(t->fdt, name));
}

static void begin_at(struct dt *t, const char *name, uint64_t unit)
{
	char text[48];

	vl_format(text, sizeof(text), "%s@%llx", name, (unsigned long long)unit);
	begin(t, text);
}

static void end(struct dt *t)
{
	if (!t->err)
		note(t, fdt_end_node(t->fdt));
}

static void bytes(struct dt *t, const char *name, const void *data, size_t size)
{
	if (!t->err)
		note(t, fdt_property(t->fdt, name, data, (int)size));
}

static void cell(struct dt *t, const char *name, uint32_t v)
{
	if (!t->err)
		note(t, fdt_property_u32(t->fdt, name, v));
}

static void text(struct dt *t, const char *name, const char *v)
{
	if (!t->err)
		note(t, fdt_property_string(t->fdt, name, v ? v : ""));
}

static void cells64(struct dt *t, const char *name, const uint64_t *v, size_t count)
{
	fdt64_t be[3 * HOST_DT_MMIO_MAX];

	for (size_t i = 0; i < count; i++)
		be[i] = cpu_to_fdt64(v[i]);
	bytes(t, name, be, count * sizeof(be[0]));
}

static void cell_sizes(struct dt *t, uint32_t address, uint32_t size)
{
	cell(t, "#address-cells", address);
	cell(t, "#size-cells", size);
}

static void add_range(struct dt *t, const char *name, const struct host_dt_range *r)
{
	const uint64_t v[2] = { gpa_raw(r->base), r->bytes };

	cells64(t, name, v, 2);
}

static void add_cpus(struct dt *t, const struct host_dt *in)
{
	bool wide = false;

	for (unsigned i = 0; i < in->cpu_count; i++)
		wide |= in->cpu_hardware_id[i] > UINT32_MAX;
	begin(t, "cpus");
	cell_sizes(t, wide ? 2 : 1, 0);
	for (unsigned i = 0; i < in->cpu_count; i++) {
		begin_at(t, "cpu", i + 1);
		text(t, "device_type", "cpu");
		if (wide)
			cells64(t, "reg", &in->cpu_hardware_id[i], 1);
		else
			cell(t, "reg", (uint32_t)in->cpu_hardware_id[i]);
		cell(t, "numa-node-id", 0);
		text(t, "status", "okay");
		end(t);
	}
	end(t);
}

static void add_memory(struct dt *t, const struct host_dt_memory *m)
{
	begin_at(t, "memory", gpa_raw(m->range.base));
	text(t, "device_type", "memory");
	add_range(t, "reg", &m->range);
	cell(t, "microsoft,igvm-type", m->type);
	cell(t, "numa-node-id", m->numa_node);
	end(t);
}

static void add_vmbus(struct dt *t, const char *name, const struct host_dt_vmbus *v, uint32_t vtl)
{
	uint64_t ranges[3 * HOST_DT_MMIO_MAX];

	for (unsigned i = 0; i < v->mmio_count; i++) {
		ranges[3 * i] = ranges[3 * i + 1] = gpa_raw(v->mmio[i].base);
		ranges[3 * i + 2] = v->mmio[i].bytes;
	}
	if (v->mmio_count)
		begin_at(t, name, ranges[0]);
	else
		begin(t, name);
	cell_sizes(t, 2, 2);
	text(t, "compatible", "microsoft,vmbus");
	cells64(t, "ranges", ranges, 3 * v->mmio_count);
	cell(t, "microsoft,vtl", vtl);
	cell(t, "microsoft,message-connection-id", v->connection_id);
	end(t);
}

static void add_bus(struct dt *t, const struct host_dt *in)
{
	begin(t, "bus");
	text(t, "compatible", "simple-bus");
	cell_sizes(t, 2, 2);
	bytes(t, "ranges", NULL, 0);
	add_vmbus(t, "vmbus-vtl0", &in->vmbus_vtl0, 0);
	add_vmbus(t, "vmbus-vtl2", &in->vmbus_vtl2, 2);
	end(t);
}

static void add_openhcl(struct dt *t, const struct host_dt *in)
{
	begin(t, "openhcl");
	text(t, "memory-allocation-mode", "host");
	if (in->entropy_bytes) {
		begin(t, "entropy");
		bytes(t, "reg", in->entropy, in->entropy_bytes);
		end(t);
	}
	end(t);
}

static void add_guest(struct dt *t, const struct host_dt *in)
{
	begin(t, "vallum");
	begin(t, "guest");
	if (in->guest_kernel.bytes)
		add_range(t, "kernel", &in->guest_kernel);
	if (in->guest_initrd.bytes)
		add_range(t, "initrd", &in->guest_initrd);
	text(t, "bootargs", in->guest_bootargs);
	cell(t, "disk-count", in->disk_count);
	end(t);
	end(t);
}

static void add_root(struct dt *t, const struct host_dt *in)
{
	begin(t, "");
	cell_sizes(t, 2, 2);
	text(t, "model", "microsoft,hyperv");
	add_cpus(t, in);
	for (unsigned i = 0; i < in->memory_count; i++)
		add_memory(t, &in->memory[i]);
	add_bus(t, in);
	if (!t->err)
		note(t, host_dt_port_nodes(t->fdt, in));
	begin(t, "chosen");
	text(t, "bootargs", in->bootargs);
	end(t);
	add_openhcl(t, in);
	add_guest(t, in);
	end(t);
}

static int check_range(const struct host_dt_range *r)
{
	if (!r->bytes || !vl_is_aligned(gpa_raw(r->base) | r->bytes, VL_PAGE_BYTES))
		return VL_E_ALIGN;
	return vl_range_ok(gpa_raw(r->base), r->bytes) ? 0 : VL_E_OVERFLOW;
}

/* Every range must be sound and apart from all that were checked before it. */
static int check_ranges(const struct host_dt *in)
{
	struct host_dt_range all[HOST_DT_MEMORY_MAX + 2 * HOST_DT_MMIO_MAX];
	size_t n = 0;
	int err;

	for (unsigned i = 0; i < in->memory_count; i++)
		all[n++] = in->memory[i].range;
	for (unsigned i = 0; i < in->vmbus_vtl0.mmio_count; i++)
		all[n++] = in->vmbus_vtl0.mmio[i];
	for (unsigned i = 0; i < in->vmbus_vtl2.mmio_count; i++)
		all[n++] = in->vmbus_vtl2.mmio[i];
	for (size_t i = 0; i < n; i++) {
		err = check_range(&all[i]);
		if (err)
			return err;
		for (size_t j = 0; j < i; j++)
			if (vl_ranges_overlap(gpa_raw(all[i].base), all[i].bytes, gpa_raw(all[j].base),
					all[j].bytes))
				return VL_E_OVERLAP;
	}
	return 0;
}

static int check(const struct host_dt *in)
{
	if (in->cpu_count < 1 || in->cpu_count > HOST_DT_CPU_MAX || in->memory_count < 1 ||
	    in->memory_count > HOST_DT_MEMORY_MAX || in->vmbus_vtl0.mmio_count > HOST_DT_MMIO_MAX ||
	    in->vmbus_vtl2.mmio_count > HOST_DT_MMIO_MAX || in->entropy_bytes > HOST_DT_ENTROPY_MAX)
		return VL_E_RANGE;
	return check_ranges(in);
}

int host_dt_build(const struct host_dt *in, void *out, size_t room, size_t *used_bytes)
{
	struct dt t = { .fdt = out };
	int err = check(in);

	if (err)
		return err;
	if (room < HOST_DT_MIN_BYTES)
		return VL_E_NOSPACE;
	note(&t, fdt_create(out, room > INT32_MAX ? INT32_MAX : (int)room));
	if (!t.err)
		note(&t, fdt_finish_reservemap(out));
	add_root(&t, in);
	if (!t.err)
		note(&t, fdt_finish(out));
	if (t.err)
		return t.err == -FDT_ERR_NOSPACE ? VL_E_NOSPACE : VL_E_INTERNAL;
	fdt_set_boot_cpuid_phys(out, (uint32_t)in->cpu_hardware_id[0]);
	*used_bytes = fdt_totalsize(out);
	return 0;
}

static struct host_dt_range dt_range(const struct host_range *r)
{
	return (struct host_dt_range){ gpa(r->gpa), r->size };
}

static void take_mmio(struct host_dt_vmbus *v, const struct host_range *r, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (r[i].size)
			v->mmio[v->mmio_count++] = dt_range(&r[i]);
}

int host_devicetree_build(const struct host_config *config, void *out, size_t size)
{
	struct host_dt_memory memory[VL_ARRAY_COUNT(config->vtl0_ram) + 1];
	uint64_t hardware_id[HOST_VP_MAX];
	struct host_dt dt = {
		.cpu_hardware_id = hardware_id, .memory = memory,
		.vmbus_vtl0.connection_id = 1, .vmbus_vtl2.connection_id = 4,
		.entropy = config->entropy, .entropy_bytes = sizeof(config->entropy),
		.guest_kernel = dt_range(&config->guest_kernel),
		.guest_initrd = dt_range(&config->guest_initrd),
		.bootargs = config->vtl2_append ? config->vtl2_append : config->log ? "loglevel=8" : NULL,
		.guest_bootargs = config->append, .disk_count = config->disk_count,
	};
	size_t used;
	int err;

	if (config->vp_count > HOST_VP_MAX || config->vtl0_ram_count > VL_ARRAY_COUNT(config->vtl0_ram))
		return VL_E_RANGE;
	dt.cpu_count = config->vp_count;
	for (unsigned i = 0; i < config->vp_count; i++)
		hardware_id[i] = host_dt_port_hardware_id(i);
	for (unsigned i = 0; i < config->vtl0_ram_count; i++)
		memory[dt.memory_count++] = (struct host_dt_memory){
			.range = dt_range(&config->vtl0_ram[i]) };
	memory[dt.memory_count++] = (struct host_dt_memory){ .range = dt_range(&config->vtl2_ram),
							     .type = HOST_DT_VTL2_PROTECTABLE };
	take_mmio(&dt.vmbus_vtl0, config->vtl0_mmio, VL_ARRAY_COUNT(config->vtl0_mmio));
	take_mmio(&dt.vmbus_vtl2, &config->vtl2_mmio, 1);
	err = host_dt_build(&dt, out, size, &used);
	return err ? err : (int)used;
}
