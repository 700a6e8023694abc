/* Builds host device trees with libfdt's read-write functions (trees.h). */
#include "test/unit/boot/trees.h"

#include <check.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

static int node_at(const void *fdt, const char *path)
{
	int node = fdt_path_offset(fdt, path);

	ck_assert_msg(node >= 0, "%s: %s", path, fdt_strerror(node));
	return node;
}

void tree_set(void *fdt, const char *path, const char *name, const void *value, int size)
{
	ck_assert_int_eq(fdt_setprop(fdt, node_at(fdt, path), name, value, size), 0);
}

void tree_set_u32(void *fdt, const char *path, const char *name, uint32_t value)
{
	ck_assert_int_eq(fdt_setprop_u32(fdt, node_at(fdt, path), name, value), 0);
}

void tree_set_u64s(void *fdt, const char *path, const char *name, const uint64_t *values, unsigned count)
{
	fdt64_t cells[64];

	for (unsigned i = 0; i < count; i++)
		cells[i] = cpu_to_fdt64(values[i]);
	tree_set(fdt, path, name, cells, (int)(count * sizeof(cells[0])));
}

void tree_set_text(void *fdt, const char *path, const char *name, const char *value)
{
	tree_set(fdt, path, name, value, (int)strlen(value) + 1);
}

void tree_delete(void *fdt, const char *path, const char *name)
{
	int node = node_at(fdt, path);

	ck_assert_int_eq(name ? fdt_delprop(fdt, node, name) : fdt_del_node(fdt, node), 0);
}

void tree_add(void *fdt, const char *parent, const char *name)
{
	ck_assert_int_ge(fdt_add_subnode(fdt, node_at(fdt, parent), name), 0);
}

static void add_cpus(void *fdt, unsigned cpus)
{
	char name[32], path[48];

	tree_add(fdt, "/", "cpus");
	tree_set_u32(fdt, "/cpus", "#address-cells", 1);
	/* libfdt adds in front. */
	for (unsigned i = cpus; i-- > 0;) {
		snprintf(name, sizeof(name), "cpu@%x", i + 1);
		snprintf(path, sizeof(path), "/cpus/%s", name);
		tree_add(fdt, "/cpus", name);
		tree_set_u32(fdt, path, "reg", i);
		tree_set_u32(fdt, path, "numa-node-id", 0);
		tree_set_text(fdt, path, "status", "okay");
	}
}

static void add_memory(void *fdt, uint64_t base, uint64_t size, uint32_t type)
{
	const uint64_t reg[2] = { base, size };
	char name[32], path[40];

	snprintf(name, sizeof(name), "memory@%llx", (unsigned long long)base);
	snprintf(path, sizeof(path), "/%s", name);
	tree_add(fdt, "/", name);
	tree_set_text(fdt, path, "device_type", "memory");
	tree_set_u64s(fdt, path, "reg", reg, 2);
	tree_set_u32(fdt, path, "numa-node-id", 0);
	tree_set_u32(fdt, path, "microsoft,igvm-type", type);
}

static void add_vmbus(void *fdt, const char *name, uint32_t vtl, const uint64_t *ranges, unsigned count)
{
	char path[40];

	snprintf(path, sizeof(path), "/bus/%s", name);
	tree_add(fdt, "/bus", name);
	tree_set_text(fdt, path, "compatible", "microsoft,vmbus");
	tree_set_u32(fdt, path, "#address-cells", 2);
	tree_set_u32(fdt, path, "#size-cells", 2);
	tree_set_u32(fdt, path, "microsoft,vtl", vtl);
	tree_set_u32(fdt, path, "microsoft,message-connection-id", vtl ? 4 : 1);
	tree_set_u64s(fdt, path, "ranges", ranges, count);
}

static void add_vallum(void *fdt)
{
	static const uint64_t kernel[] = { 0x1000000, 0x800000 };

	tree_add(fdt, "/", "vallum");
	tree_add(fdt, "/vallum", "guest");
	tree_set_u64s(fdt, "/vallum/guest", "kernel", kernel, 2);
	tree_set_text(fdt, "/vallum/guest", "bootargs", "console=ttyS0");
}

void tree_make(void *fdt, unsigned cpus)
{
	static const uint64_t vtl0_mmio[] = { 0xc0000000, 0xc0000000, 0x10000000, 0x1000000000, 0x1000000000,
		0x80000000 };

	ck_assert_int_eq(fdt_create_empty_tree(fdt, TREE_BYTES), 0);
	add_cpus(fdt, cpus);
	add_memory(fdt, 0, 0x20000000, 0);
	add_memory(fdt, 0x20000000, 0x4000000, 3);
	tree_add(fdt, "/", "bus");
	tree_set_text(fdt, "/bus", "compatible", "simple-bus");
	add_vmbus(fdt, "vmbus-vtl0", 0, vtl0_mmio, 6);
	add_vmbus(fdt, "vmbus-vtl2", 2, NULL, 0);
	tree_add(fdt, "/", "chosen");
	tree_set_text(fdt, "/chosen", "bootargs", "OPENHCL_X=1");
	tree_add(fdt, "/", "openhcl");
	tree_set_text(fdt, "/openhcl", "memory-allocation-mode", "host");
	tree_add(fdt, "/openhcl", "entropy");
	tree_set(fdt, "/openhcl/entropy", "reg", "0123456789abcdef", 16);
	add_vallum(fdt);
}
