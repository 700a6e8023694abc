/*
 * Decoder of the host device tree (host_dt.h). Untrusted input, in memory that
 * the host can no longer change once VTL2 runs. libfdt's fdt_check_full proves
 * the structure first; after that its readers cannot leave the tree.
 */
#include "common/boot/host_dt.h"
#include "common/boot/port.h"

#include <libfdt.h>
#include <string.h>

#define PATH_MAX_BYTES 80

struct parser {
	struct host_dt_reader reader;
	struct host_dt *out;
};

int host_dt_fail(struct host_dt_reader *r, int node, int code, const char *fmt, ...)
{
	char path[PATH_MAX_BYTES];
	struct boot_error detail;
	va_list args;

	if (fdt_get_path(r->fdt, node, path, sizeof(path)) < 0)
		memcpy(path, "(long path)", sizeof("(long path)"));
	va_start(args, fmt);
	boot_vfail(&detail, code, fmt, args);
	va_end(args);
	return boot_fail(r->error, code, "host device tree: %s: %s", path, detail.text);
}

/* The property's bytes when it is there and `length` long (any length when negative). */
static int get(struct host_dt_reader *r, int node, const char *name, int length, const void **value, int *got)
{
	*value = fdt_getprop(r->fdt, node, name, got);
	if (!*value)
		return host_dt_fail(r, node, VL_E_MISSING, "%s is missing", name);
	if (length >= 0 && *got != length)
		return host_dt_fail(r, node, VL_E_FORMAT, "%s has %d bytes, not %d", name, *got, length);
	return 0;
}

static uint64_t cell64(const void *value, unsigned index)
{
	return fdt64_ld((const void *)((const uint8_t *)value + 8 * index));
}

int host_dt_u32(struct host_dt_reader *r, int node, const char *name, uint32_t *value)
{
	const void *data;
	int got, err = get(r, node, name, 4, &data, &got);

	if (!err)
		*value = fdt32_ld(data);
	return err;
}

int host_dt_u64(struct host_dt_reader *r, int node, const char *name, uint64_t *value)
{
	const void *data;
	int got, err = get(r, node, name, 8, &data, &got);

	if (!err)
		*value = fdt64_ld(data);
	return err;
}

int host_dt_string(struct host_dt_reader *r, int node, const char *name, const char **value)
{
	const void *data;
	int got, err = get(r, node, name, -1, &data, &got);

	if (err)
		return err;
	if (got == 0 || memchr(data, 0, (size_t)got) != (const char *)data + got - 1)
		return host_dt_fail(r, node, VL_E_FORMAT, "%s is not one string", name);
	*value = data;
	return 0;
}

int host_dt_expect(struct host_dt_reader *r, int node, const char *name, uint32_t expected)
{
	uint32_t value;
	int err = host_dt_u32(r, node, name, &value);

	if (!err && value != expected)
		return host_dt_fail(r, node, VL_E_RANGE, "%s is %u, must be %u", name, value, expected);
	return err;
}

int host_dt_check_range(struct host_dt_reader *r, int node, const char *name, const struct boot_range *range)
{
	uint64_t limit = 1ull << HOST_ADDRESS_BITS;

	if (!vl_is_aligned(range->base | range->size, VL_PAGE_BYTES))
		return host_dt_fail(r, node, VL_E_ALIGN, "%s 0x%llx+0x%llx is not whole pages", name,
			(unsigned long long)range->base, (unsigned long long)range->size);
	if (!range->size || !vl_within(range->base, range->size, limit))
		return host_dt_fail(r, node, VL_E_RANGE, "%s 0x%llx+0x%llx is empty or ends above 0x%llx",
			name, (unsigned long long)range->base, (unsigned long long)range->size,
			(unsigned long long)limit);
	return 0;
}

static bool has(struct parser *p, int node, const char *name)
{
	return fdt_getprop(p->reader.fdt, node, name, NULL) != NULL;
}

static int numa_node(struct parser *p, int node, uint32_t *value)
{
	int err = host_dt_u32(&p->reader, node, "numa-node-id", value);

	if (!err && *value >= HOST_NUMA_NODES_MAX)
		return host_dt_fail(&p->reader, node, VL_E_LIMIT, "numa-node-id %u, at most %d are supported",
			*value,
			HOST_NUMA_NODES_MAX - 1);
	return err;
}

/* --- /cpus -------------------------------------------------------------------- */

static int parse_cpu(struct parser *p, int node, uint32_t cells)
{
	struct host_dt *out = p->out;
	struct host_cpu cpu;
	const char *status;
	uint32_t reg;
	int err = host_dt_string(&p->reader, node, "status", &status);

	if (err || strcmp(status, "okay") != 0)
		return err;
	if (cells == 2) {
		err = host_dt_u64(&p->reader, node, "reg", &cpu.reg);
	} else {
		err = host_dt_u32(&p->reader, node, "reg", &reg);
		cpu.reg = err ? 0 : reg;
	}
	if (!err)
		err = numa_node(p, node, &cpu.numa_node);
	if (err)
		return err;
	if (out->cpu_count == HOST_CPUS_MAX)
		return host_dt_fail(&p->reader, node, VL_E_LIMIT, "more than %d CPUs", HOST_CPUS_MAX);
	for (unsigned i = 0; i < out->cpu_count; i++)
		if (out->cpu[i].reg == cpu.reg)
			return host_dt_fail(&p->reader, node, VL_E_DUPLICATE,
				"reg 0x%llx belongs to two CPUs",
				(unsigned long long)cpu.reg);
	out->cpu[out->cpu_count++] = cpu;
	return 0;
}

static int parse_cpus(struct parser *p, int cpus)
{
	const void *fdt = p->reader.fdt;
	uint32_t cells;
	int node, err = host_dt_u32(&p->reader, cpus, "#address-cells", &cells);

	if (err)
		return err;
	if (cells != 1 && cells != 2)
		return host_dt_fail(&p->reader, cpus, VL_E_RANGE, "#address-cells is %u, must be 1 or 2",
			cells);
	fdt_for_each_subnode(node, fdt, cpus) {
		if (strncmp(fdt_get_name(fdt, node, NULL), "cpu@", 4) != 0)
			continue;
		err = parse_cpu(p, node, cells);
		if (err)
			return err;
	}
	return 0;
}

/* --- /memory@* ------------------------------------------------------------------ */

static void insert_ram(struct host_dt *out, const struct host_ram *ram)
{
	unsigned at = out->ram_count++;

	for (; at && out->ram[at - 1].range.base > ram->range.base; at--)
		out->ram[at] = out->ram[at - 1];
	out->ram[at] = *ram;
}

static int parse_memory(struct parser *p, int node)
{
	struct host_ram ram = { .igvm_type = IGVM_MEMORY };
	const void *reg;
	int length, err = numa_node(p, node, &ram.numa_node);

	if (!err && has(p, node, "microsoft,igvm-type"))
		err = host_dt_u32(&p->reader, node, "microsoft,igvm-type", &ram.igvm_type);
	if (!err)
		err = get(&p->reader, node, "reg", -1, &reg, &length);
	if (err)
		return err;
	if (ram.igvm_type > IGVM_MEMORY_HIDDEN)
		return host_dt_fail(&p->reader, node, VL_E_RANGE, "microsoft,igvm-type %u is unknown",
			ram.igvm_type);
	if (!length || length % 16)
		return host_dt_fail(&p->reader, node, VL_E_FORMAT, "reg has %d bytes, not a multiple of 16",
			length);
	for (unsigned i = 0; i < (unsigned)length / 16; i++) {
		ram.range = (struct boot_range){ cell64(reg, 2 * i), cell64(reg, 2 * i + 1) };
		err = host_dt_check_range(&p->reader, node, "reg", &ram.range);
		if (err)
			return err;
		if (p->out->ram_count == HOST_RAM_MAX)
			return host_dt_fail(&p->reader, node, VL_E_LIMIT, "more than %d RAM ranges",
				HOST_RAM_MAX);
		insert_ram(p->out, &ram);
	}
	return 0;
}

/* --- VMBus ------------------------------------------------------------------------ */

static int parse_vmbus_ranges(struct parser *p, int node, struct host_vmbus *bus)
{
	const void *ranges;
	int length, err = get(&p->reader, node, "ranges", -1, &ranges, &length);

	if (err)
		return err;
	if (length % 24)
		return host_dt_fail(&p->reader, node, VL_E_FORMAT,
			"ranges has %d bytes, not a multiple of 24", length);
	if (length / 24 > HOST_MMIO_MAX)
		return host_dt_fail(&p->reader, node, VL_E_LIMIT, "%d ranges, at most %d are supported",
			length / 24, HOST_MMIO_MAX);
	for (unsigned i = 0; i < (unsigned)length / 24; i++) {
		struct boot_range mmio = { cell64(ranges, 3 * i + 1), cell64(ranges, 3 * i + 2) };

		if (cell64(ranges, 3 * i) != mmio.base)
			return host_dt_fail(&p->reader, node, VL_E_RANGE,
				"ranges must map each address to itself");
		err = host_dt_check_range(&p->reader, node, "ranges", &mmio);
		if (err)
			return err;
		bus->mmio[bus->mmio_count++] = mmio;
	}
	if (bus->mmio_count == 2 && bus->mmio[0].base > bus->mmio[1].base) {
		struct boot_range low = bus->mmio[1];

		bus->mmio[1] = bus->mmio[0];
		bus->mmio[0] = low;
	}
	return 0;
}

static int parse_vmbus(struct parser *p, int node)
{
	struct host_vmbus *bus;
	uint32_t vtl = 0;
	int err = host_dt_u32(&p->reader, node, "microsoft,vtl", &vtl);

	if (err)
		return err;
	if (vtl != 0 && vtl != 2)
		return host_dt_fail(&p->reader, node, VL_E_RANGE, "microsoft,vtl is %u, must be 0 or 2", vtl);
	bus = vtl ? &p->out->vmbus_vtl2 : &p->out->vmbus_vtl0;
	if (bus->present)
		return host_dt_fail(&p->reader, node, VL_E_DUPLICATE, "a second VMBus for VTL %u", vtl);
	bus->present = true;
	err = host_dt_expect(&p->reader, node, "#address-cells", 2);
	if (!err)
		err = host_dt_expect(&p->reader, node, "#size-cells", 2);
	if (!err)
		err = host_dt_u32(&p->reader, node, "microsoft,message-connection-id", &bus->connection_id);
	return err ? err : parse_vmbus_ranges(p, node, bus);
}

static int parse_simple_bus(struct parser *p, int bus)
{
	int node, err;

	fdt_for_each_subnode(node, p->reader.fdt, bus) {
		if (fdt_node_check_compatible(p->reader.fdt, node, "microsoft,vmbus") != 0)
			continue;
		err = parse_vmbus(p, node);
		if (err)
			return err;
	}
	return 0;
}

/* --- /chosen, /openhcl --------------------------------------------------------------- */

static int parse_chosen(struct parser *p, int node)
{
	const char *text;
	size_t length;
	int err;

	if (!has(p, node, "bootargs"))
		return 0;
	err = host_dt_string(&p->reader, node, "bootargs", &text);
	if (err)
		return err;
	length = strlen(text);
	if (length >= HOST_BOOTARGS_MAX)
		return host_dt_fail(&p->reader, node, VL_E_LIMIT,
			"bootargs has %zu bytes, at most %d are supported", length,
			HOST_BOOTARGS_MAX - 1);
	memcpy(p->out->bootargs, text, length + 1);
	return 0;
}

static int parse_entropy(struct parser *p, int openhcl)
{
	int node = fdt_subnode_offset(p->reader.fdt, openhcl, "entropy");
	const void *reg;
	int length, err;

	if (node < 0)
		return 0;
	err = get(&p->reader, node, "reg", -1, &reg, &length);
	if (err)
		return err;
	p->out->entropy_size = length > HOST_ENTROPY_MAX ? HOST_ENTROPY_MAX : (unsigned)length;
	memcpy(p->out->entropy, reg, p->out->entropy_size);
	return 0;
}

static int parse_allocation(struct parser *p, int node)
{
	struct host_dt *out = p->out;
	const char *mode;
	int err = host_dt_string(&p->reader, node, "memory-allocation-mode", &mode);

	if (err)
		return err;
	if (strcmp(mode, "host") == 0)
		return 0;
	if (strcmp(mode, "vtl2") != 0)
		return host_dt_fail(&p->reader, node, VL_E_TYPE,
			"memory-allocation-mode \"%.16s\", must be host or vtl2",
			mode);
	out->allocation = VTL2_ALLOCATES;
	if (has(p, node, "memory-size"))
		err = host_dt_u64(&p->reader, node, "memory-size", &out->memory_size);
	if (!err && has(p, node, "mmio-size"))
		err = host_dt_u64(&p->reader, node, "mmio-size", &out->mmio_size);
	return err;
}

static int parse_openhcl(struct parser *p, int node)
{
	int err = parse_allocation(p, node);

	if (!err && has(p, node, "vtl0-alias-map")) {
		p->out->alias_map_present = true;
		err = host_dt_u64(&p->reader, node, "vtl0-alias-map", &p->out->alias_map);
	}
	return err ? err : parse_entropy(p, node);
}

/* --- The tree --------------------------------------------------------------------------- */

static int parse_node(struct parser *p, int node)
{
	const void *fdt = p->reader.fdt;
	const char *name = fdt_get_name(fdt, node, NULL);

	if (strcmp(name, "cpus") == 0)
		return parse_cpus(p, node);
	if (strncmp(name, "memory@", 7) == 0)
		return parse_memory(p, node);
	if (strcmp(name, "chosen") == 0)
		return parse_chosen(p, node);
	if (strcmp(name, "openhcl") == 0)
		return parse_openhcl(p, node);
	if (strcmp(name, "vallum") == 0) {
		p->out->vallum_node = node;
		return 0;
	}
	if (fdt_node_check_compatible(fdt, node, "simple-bus") == 0)
		return parse_simple_bus(p, node);
	return port_parse_platform(&p->out->platform, &p->reader, node);
}

static int check_root(struct parser *p)
{
	int err = 0;

	if (has(p, 0, "#address-cells"))
		err = host_dt_expect(&p->reader, 0, "#address-cells", 2);
	if (!err && has(p, 0, "#size-cells"))
		err = host_dt_expect(&p->reader, 0, "#size-cells", 2);
	return err;
}

static bool overlap(const struct boot_range *a, const struct boot_range *b)
{
	return vl_ranges_overlap(a->base, a->size, b->base, b->size);
}

static int overlap_fail(struct parser *p, const char *what, const struct boot_range *a,
	const struct boot_range *b)
{
	return host_dt_fail(&p->reader, 0, VL_E_OVERLAP, "%s: 0x%llx+0x%llx and 0x%llx+0x%llx", what,
		(unsigned long long)a->base, (unsigned long long)a->size, (unsigned long long)b->base,
		(unsigned long long)b->size);
}

/* All MMIO ranges in one array; returns their number. */
static unsigned collect_mmio(const struct host_dt *dt, struct boot_range mmio[2 * HOST_MMIO_MAX])
{
	unsigned count = 0;

	for (unsigned i = 0; i < dt->vmbus_vtl0.mmio_count; i++)
		mmio[count++] = dt->vmbus_vtl0.mmio[i];
	for (unsigned i = 0; i < dt->vmbus_vtl2.mmio_count; i++)
		mmio[count++] = dt->vmbus_vtl2.mmio[i];
	return count;
}

static int check_overlaps(struct parser *p)
{
	const struct host_dt *dt = p->out;
	struct boot_range mmio[2 * HOST_MMIO_MAX];
	unsigned mmio_count = collect_mmio(dt, mmio);

	for (unsigned i = 0; i + 1 < dt->ram_count; i++)
		if (overlap(&dt->ram[i].range, &dt->ram[i + 1].range))
			return overlap_fail(p, "RAM overlaps RAM", &dt->ram[i].range, &dt->ram[i + 1].range);
	for (unsigned i = 0; i < mmio_count; i++) {
		for (unsigned j = i + 1; j < mmio_count; j++)
			if (overlap(&mmio[i], &mmio[j]))
				return overlap_fail(p, "VMBus MMIO overlaps VMBus MMIO", &mmio[i], &mmio[j]);
		for (unsigned j = 0; j < dt->ram_count; j++)
			if (overlap(&mmio[i], &dt->ram[j].range))
				return overlap_fail(p, "VMBus MMIO overlaps RAM", &mmio[i],
					&dt->ram[j].range);
	}
	return 0;
}

static int check_whole(struct parser *p)
{
	if (!p->out->cpu_count)
		return host_dt_fail(&p->reader, 0, VL_E_MISSING,
			"no CPU with status okay; give at least one");
	if (!p->out->ram_count)
		return host_dt_fail(&p->reader, 0, VL_E_MISSING,
			"no memory@ node; describe the machine's RAM");
	return check_overlaps(p);
}

/*
 * Versions before 16 name nodes by their whole path; libfdt 1.6's fdt_check_full
 * reads through a null pointer on one whose root has a name without '/'.
 */
#define FDT_VERSION_LEAST 17

static int check_tree(const void *fdt, size_t size, struct boot_error *error)
{
	int err = size < sizeof(struct fdt_header) ? -FDT_ERR_TRUNCATED : fdt_check_header(fdt);

	if (!err && fdt_version(fdt) < FDT_VERSION_LEAST)
		return boot_fail(error, VL_E_VERSION, "host device tree: version %u, at least %d is needed",
			fdt_version(fdt), FDT_VERSION_LEAST);
	if (!err)
		err = fdt_check_full(fdt, size);
	if (err)
		return boot_fail(error, VL_E_FORMAT, "host device tree: no well-formed tree (libfdt: %s)",
			fdt_strerror(err));
	return 0;
}

int host_dt_parse(struct host_dt *out, const void *fdt, size_t size, struct boot_error *error)
{
	struct parser p = { .reader = { fdt, error }, .out = out };
	int node, err;

	memset(out, 0, sizeof(*out));
	out->vallum_node = -1;
	err = check_tree(fdt, size, error);
	if (!err)
		err = check_root(&p);
	if (err)
		return err;
	fdt_for_each_subnode(node, fdt, 0) {
		err = parse_node(&p, node);
		if (err)
			return err;
	}
	out->boot_cpu = fdt_boot_cpuid_phys(fdt);
	return check_whole(&p);
}
