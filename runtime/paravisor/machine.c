/*
 * Reads the shim's device tree (machine.h; grammar: openhcl_boot's dt.rs plus
 * /vallum/guest, which the shim copies from the host's tree). Called once by
 * the paravisor. The host decides much of the content; all of it is checked
 * here, and once more by the worker when CONFIG arrives there.
 */
#include "runtime/paravisor/machine.h"
#include "common/base/fmt.h"
#include "common/boot/params.h"

#include <stdlib.h>
#include <string.h>

#define PATH_MAX_BYTES 128

struct reading {
	struct machine *m;
	const struct devtree *t;
};

static int read_isolation(struct machine *m, const struct devtree *t)
{
	return isolation_read(&m->filter, t);
}

/* --- Processors -------------------------------------------------------------- */

static int node_path(char path[PATH_MAX_BYTES], const char *parent, const char *node, const char *property)
{
	size_t n = vl_format(path, PATH_MAX_BYTES, "%s/%s/%s", parent, node, property);

	return n < PATH_MAX_BYTES ? 0 : VL_E_LIMIT;
}

/* reg of a CPU: one cell or two. */
static int read_hw_id(const struct devtree *t, const char *path, uint64_t *id)
{
	uint32_t low;
	int err = devtree_u64(t, path, id);

	if (err != VL_E_FORMAT)
		return err;
	err = devtree_u32(t, path, &low);
	*id = low;
	return err;
}

/* The shim names the node of VP n "cpu@<n + 1>", in hexadecimal as unit addresses are. */
static int read_cpu(void *context, const char *name)
{
	struct reading *r = context;
	struct machine *m = r->m;
	char path[PATH_MAX_BYTES], *end;
	unsigned long index = strtoul(name + strlen("cpu@"), &end, 16);
	int err;

	if (*end || index == 0)
		return VL_E_FORMAT;
	if (index > CONTROL_VP_MAX)
		return VL_E_LIMIT;
	struct control_vp *vp = &m->vps[index - 1];

	err = node_path(path, "cpus", name, "reg");
	if (!err)
		err = read_hw_id(r->t, path, &vp->hw_id);
	if (!err)
		err = node_path(path, "cpus", name, "numa-node-id");
	if (!err)
		err = devtree_u32(r->t, path, &vp->node);
	vp->reserved = 1; /* seen; cleared by read_cpus */
	m->vp_count++;
	return err;
}

static int read_cpus(struct machine *m, const struct devtree *t)
{
	struct reading r = { m, t };
	int err = devtree_each(t, "cpus", "cpu@", read_cpu, &r);

	if (err)
		return err;
	if (m->vp_count == 0 || m->vp_count > CONTROL_VP_MAX)
		return VL_E_MISSING;
	for (uint32_t i = 0; i < m->vp_count; i++) {
		if (!m->vps[i].reserved)
			return VL_E_MISSING;
		m->vps[i].reserved = 0;
		for (uint32_t k = 0; k < i; k++)
			if (m->vps[k].hw_id == m->vps[i].hw_id)
				return VL_E_DUPLICATE;
	}
	return 0;
}

/* --- Memory ------------------------------------------------------------------- */

static int add_range(struct machine *m, uint64_t base, uint64_t size, enum control_range_kind kind,
	uint32_t node)
{
	if (m->range_count == CONTROL_RANGE_MAX)
		return VL_E_LIMIT;
	if (base + size <= base)
		return VL_E_RANGE;
	if (!vl_is_aligned(base | size, VL_PAGE_BYTES))
		return VL_E_ALIGN;
	m->ranges[m->range_count++] = (struct control_range){ base, size, kind, node };
	return 0;
}

static int add_memory(struct machine *m, uint64_t base, uint64_t size, uint32_t type, uint32_t node)
{
	switch (type) {
	case BOOT_MEMORY_VTL0:
		return add_range(m, base, size, CONTROL_RANGE_RAM, node);
	case BOOT_MEMORY_VTL0_MMIO:
		return add_range(m, base, size, CONTROL_RANGE_MMIO, node);
	case BOOT_MEMORY_VTL2_MMIO:
		return 0;
	case BOOT_MEMORY_VTL2_RAM:
		m->vtl2_ram_bytes += size;
		return 0;
	case BOOT_MEMORY_SHIM_LOG:
		m->vtl2_other_bytes += size;
		m->shim_log_base = base;
		m->shim_log_size = size;
		return base + size <= base ? VL_E_RANGE : 0;
	default:
		m->vtl2_other_bytes += size;
		return 0;
	}
}

static int read_memory_node(void *context, const char *name)
{
	struct reading *r = context;
	char path[PATH_MAX_BYTES];
	uint64_t base, size;
	uint32_t type, node = 0;
	int err = node_path(path, "openhcl", name, "reg");

	if (!err)
		err = devtree_pair(r->t, path, &base, &size);
	if (!err)
		err = node_path(path, "openhcl", name, "openhcl,memory-type");
	if (!err)
		err = devtree_u32(r->t, path, &type);
	if (!err)
		err = node_path(path, "openhcl", name, "numa-node-id");
	if (err)
		return err;
	err = devtree_u32(r->t, path, &node); /* MMIO has none */
	if (err && err != VL_E_NOTFOUND)
		return err;
	return add_memory(r->m, base, size, type, node);
}

static int by_base(const void *a, const void *b)
{
	const struct control_range *x = a, *y = b;

	return x->base < y->base ? -1 : x->base > y->base;
}

static int read_memory(struct machine *m, const struct devtree *t)
{
	struct reading r = { m, t };
	int err = devtree_each(t, "openhcl", "memory@", read_memory_node, &r);
	bool ram = false;

	if (err)
		return err;
	qsort(m->ranges, m->range_count, sizeof(m->ranges[0]), by_base);
	for (uint32_t i = 0; i < m->range_count; i++) {
		ram |= m->ranges[i].kind == CONTROL_RANGE_RAM;
		if (i && m->ranges[i].base < m->ranges[i - 1].base + m->ranges[i - 1].size)
			return VL_E_OVERLAP;
	}
	return ram ? 0 : VL_E_MISSING;
}

/* --- The guest and the rest ------------------------------------------------------ */

static bool in_ram(const struct machine *m, const struct control_blob *b)
{
	for (uint32_t i = 0; i < m->range_count; i++) {
		const struct control_range *r = &m->ranges[i];

		if (r->kind == CONTROL_RANGE_RAM && b->base >= r->base &&
		    vl_within(b->base - r->base, b->size, r->size))
			return true;
	}
	return false;
}

static int optional(int err)
{
	return err == VL_E_NOTFOUND ? 0 : err;
}

static int read_blob(const struct machine *m, const struct devtree *t, const char *path,
	struct control_blob *b)
{
	int err = optional(devtree_pair(t, path, &b->base, &b->size));

	if (err)
		return err;
	return b->size == 0 || in_ram(m, b) ? 0 : VL_E_RANGE;
}

static int read_kernel(struct machine *m, const struct devtree *t)
{
	return read_blob(m, t, "vallum/guest/kernel", &m->kernel);
}

static int read_initrd(struct machine *m, const struct devtree *t)
{
	return read_blob(m, t, "vallum/guest/initrd", &m->initrd);
}

static int read_bootargs(struct machine *m, const struct devtree *t)
{
	return optional(devtree_string(t, "vallum/guest/bootargs", m->command_line, sizeof(m->command_line)));
}

static int read_disk_count(struct machine *m, const struct devtree *t)
{
	int err = optional(devtree_u32(t, "vallum/guest/disk-count", &m->disk_count));

	return !err && m->disk_count > CONTROL_DISK_MAX ? VL_E_LIMIT : err;
}

static int read_times(struct machine *m, const struct devtree *t)
{
	int err = optional(devtree_u64(t, "reftime_boot_start", &m->shim_start));

	if (!err)
		err = optional(devtree_u64(t, "reftime_boot_end", &m->shim_end));
	if (!err)
		err = optional(devtree_u64(t, "reftime_sidecar_start", &m->sidecar_start));
	if (!err)
		err = optional(devtree_u64(t, "reftime_sidecar_end", &m->sidecar_end));
	return err;
}

static const struct {
	int (*read)(struct machine *m, const struct devtree *t);
	const char *where;
} parts[] = {
	{ read_isolation, "/openhcl/isolation-type" },
	{ read_cpus, "/cpus" },
	{ read_memory, "/openhcl/memory@*" },
	{ read_kernel, "/vallum/guest/kernel" },
	{ read_initrd, "/vallum/guest/initrd" },
	{ read_bootargs, "/vallum/guest/bootargs" },
	{ read_disk_count, "/vallum/guest/disk-count" },
	{ read_times, "/reftime_*" },
};

int machine_read(struct machine *m, const struct devtree *t, const char **where)
{
	int err = 0;

	memset(m, 0, sizeof(*m));
	for (size_t i = 0; !err && i < VL_ARRAY_COUNT(parts); i++) {
		*where = parts[i].where;
		err = parts[i].read(m, t);
	}
	return err;
}

void machine_config(const struct machine *m, struct control_config *c)
{
	memset(c, 0, sizeof(*c));
	c->version = CONTROL_VERSION;
	c->isolated = m->filter.isolation != ISOLATION_NONE;
	c->vp_count = m->vp_count;
	c->range_count = m->range_count;
	c->kernel = m->kernel;
	c->initrd = m->initrd;
	memcpy(c->ranges, m->ranges, sizeof(c->ranges));
	memcpy(c->vps, m->vps, sizeof(c->vps));
	memcpy(c->command_line, m->command_line, sizeof(c->command_line));
}
