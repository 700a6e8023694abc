/*
 * The host device tree (tools/host/devicetree.c): what VTL2 reads out of it is
 * what went in, and a contradictory configuration gives no tree.
 */
#include "test/unit/host_vmbus/fake_host.h"
#include "tools/host/devicetree.h"

#include <check.h>
#include <libfdt.h>
#include <string.h>

Suite *suite_host_devicetree(void);

#define TREE_BYTES 0x40000

/* A port that adds a node of its own. */
uint64_t host_dt_port_hardware_id(unsigned vp_index)
{
	return vp_index * 2;
}

int host_dt_port_nodes(void *fdt, const struct host_dt *dt)
{
	int err = fdt_begin_node(fdt, "of-the-port");

	err = err ? err : fdt_property_u32(fdt, "cpus", dt->cpu_count);
	return err ? err : fdt_end_node(fdt);
}

static uint8_t tree[TREE_BYTES];
static const uint64_t ids[HOST_DT_CPU_MAX] = { 0, 1, 2, 3 };
static struct host_dt_memory memory[3];
static struct host_dt in;

static void begin(void)
{
	memory[0] = (struct host_dt_memory){ { gpa(0), 0x20000000 }, HOST_DT_MEMORY, 0 };
	memory[1] = (struct host_dt_memory){ { gpa(0x20000000), 0x4000000 }, HOST_DT_VTL2_PROTECTABLE, 0 };
	memory[2] = (struct host_dt_memory){ { gpa(0x100000000), 0x10000000 }, HOST_DT_MEMORY, 0 };
	in = (struct host_dt){
		.cpu_count = 4, .cpu_hardware_id = ids, .memory_count = 3, .memory = memory,
		.vmbus_vtl0 = { 1, 1, { { gpa(0xe0000000), 0x1000000 } } },
		.vmbus_vtl2 = { 4, 1, { { gpa(0xf0000000), 0x100000 } } },
		.bootargs = "VALLUM_LOG=debug", .entropy = (const uint8_t *)"0123456789abcdef",
		.entropy_bytes = 16,
		.guest_kernel = { gpa(0x1000000), 0x123456 }, .guest_initrd = { gpa(0x2000000), 0x777 },
		.guest_bootargs = "console=ttyS0", .disk_count = 2,
	};
}

static int build(void)
{
	size_t used = 0;
	int err = host_dt_build(&in, tree, sizeof(tree), &used);

	if (!err) {
		ck_assert_uint_eq(used, fdt_totalsize(tree));
		ck_assert_int_eq(fdt_check_header(tree), 0);
	}
	return err;
}

static const void *property(const char *path, const char *name, int *size)
{
	int node = fdt_path_offset(tree, path);
	const void *p;

	ck_assert_msg(node >= 0, "no node %s", path);
	p = fdt_getprop(tree, node, name, size);
	ck_assert_msg(p != NULL, "no property %s of %s", name, path);
	return p;
}

static uint32_t u32(const char *path, const char *name)
{
	int size;
	const void *p = property(path, name, &size);

	ck_assert_int_eq(size, 4);
	return fdt32_ld(p);
}

static uint64_t u64(const char *path, const char *name, unsigned index)
{
	int size;
	const fdt64_t *p = property(path, name, &size);

	ck_assert_int_ge(size, (int)(index + 1) * 8);
	return fdt64_ld(p + index);
}

static void text_is(const char *path, const char *name, const char *text)
{
	int size;

	ck_assert_str_eq(property(path, name, &size), text);
}

START_TEST(what_went_in_can_be_read)
{
	int size;

	ck_assert_int_eq(build(), 0);
	ck_assert_uint_eq(fdt_boot_cpuid_phys(tree), 0);
	ck_assert_uint_eq(u32("/cpus/cpu@4", "reg"), 3);
	text_is("/cpus/cpu@1", "status", "okay");
	ck_assert_int_lt(fdt_path_offset(tree, "/cpus/cpu@5"), 0);
	ck_assert_uint_eq(u64("/memory@20000000", "reg", 1), 0x4000000);
	ck_assert_uint_eq(u32("/memory@20000000", "microsoft,igvm-type"), 3);
	ck_assert_uint_eq(u32("/memory@100000000", "microsoft,igvm-type"), 0);
	ck_assert_uint_eq(u32("/memory@0", "numa-node-id"), 0);
	ck_assert_uint_eq(u32("/bus/vmbus-vtl2@f0000000", "microsoft,vtl"), 2);
	ck_assert_uint_eq(u32("/bus/vmbus-vtl2@f0000000", "microsoft,message-connection-id"), 4);
	ck_assert_uint_eq(u64("/bus/vmbus-vtl0@e0000000", "ranges", 1), 0xe0000000);
	ck_assert_uint_eq(u64("/bus/vmbus-vtl0@e0000000", "ranges", 2), 0x1000000);
	text_is("/chosen", "bootargs", "VALLUM_LOG=debug");
	text_is("/openhcl", "memory-allocation-mode", "host");
	ck_assert_mem_eq(property("/openhcl/entropy", "reg", &size), "0123456789abcdef", 16);
	ck_assert_uint_eq(u64("/vallum/guest", "kernel", 1), 0x123456);
	ck_assert_uint_eq(u64("/vallum/guest", "initrd", 0), 0x2000000);
	text_is("/vallum/guest", "bootargs", "console=ttyS0");
	ck_assert_uint_eq(u32("/vallum/guest", "disk-count"), 2);
	ck_assert_uint_eq(u32("/of-the-port", "cpus"), 4);
}
END_TEST

START_TEST(what_is_not_there_has_no_node)
{
	in.entropy_bytes = 0;
	in.guest_kernel.bytes = in.guest_initrd.bytes = 0;
	in.bootargs = in.guest_bootargs = NULL;
	in.vmbus_vtl0.mmio_count = 0;
	ck_assert_int_eq(build(), 0);
	ck_assert_int_lt(fdt_path_offset(tree, "/openhcl/entropy"), 0);
	ck_assert_ptr_null(fdt_getprop(tree, fdt_path_offset(tree, "/vallum/guest"), "kernel", NULL));
	ck_assert_int_ge(fdt_path_offset(tree, "/bus/vmbus-vtl0"), 0);
	text_is("/chosen", "bootargs", "");
}
END_TEST

START_TEST(a_wide_hardware_id_makes_the_cells_wide)
{
	static const uint64_t wide[2] = { 0, 0x100000001 };

	in.cpu_count = 2;
	in.cpu_hardware_id = wide;
	ck_assert_int_eq(build(), 0);
	ck_assert_uint_eq(u32("/cpus", "#address-cells"), 2);
	ck_assert_uint_eq(u64("/cpus/cpu@2", "reg", 0), 0x100000001);
}
END_TEST

START_TEST(the_most_cpus_fit)
{
	in.cpu_count = HOST_DT_CPU_MAX;
	ck_assert_int_eq(build(), 0);
	in.cpu_count++;
	ck_assert_int_eq(build(), VL_E_RANGE);
}
END_TEST

START_TEST(a_contradiction_gives_no_tree)
{
	static const struct { uint64_t base, bytes; int err; } bad[] = {
		{ 0x1fffffff000, 0, VL_E_ALIGN }, { 0x30000001, 0x1000, VL_E_ALIGN }, { 0x30000000, 0x1001,
			VL_E_ALIGN },
		{ UINT64_MAX - 0xfff, 0x2000, VL_E_OVERFLOW }, { 0x1ffff000, 0x1000, VL_E_OVERLAP },
		{ 0x23fff000, 0x2000, VL_E_OVERLAP }, { 0xe0fff000, 0x1000, VL_E_OVERLAP }, { 0, 1ull << 40,
			VL_E_OVERLAP },
	};

	for (size_t i = 0; i < VL_ARRAY_COUNT(bad); i++) {
		memory[2].range = (struct host_dt_range){ gpa(bad[i].base), bad[i].bytes };
		ck_assert_int_eq(build(), bad[i].err);
	}
	begin();
	in.cpu_count = 0;
	ck_assert_int_eq(build(), VL_E_RANGE);
	begin();
	in.memory_count = 0;
	ck_assert_int_eq(build(), VL_E_RANGE);
	begin();
	in.entropy_bytes = 257;
	ck_assert_int_eq(build(), VL_E_RANGE);
	begin();
	in.vmbus_vtl2.mmio[0].base = in.vmbus_vtl0.mmio[0].base;
	ck_assert_int_eq(build(), VL_E_OVERLAP);
}
END_TEST

START_TEST(a_buffer_that_is_too_small_is_not_overrun)
{
	size_t used, needed;

	ck_assert_int_eq(build(), 0);
	needed = fdt_totalsize(tree);
	for (size_t room = 0; room < needed; room += 64) {
		memset(tree, 0xaa, sizeof(tree));
		ck_assert_int_eq(host_dt_build(&in, tree, room, &used), VL_E_NOSPACE);
		for (size_t i = room; i < needed + 64; i++)
			ck_assert_uint_eq(tree[i], 0xaa);
	}
}
END_TEST

START_TEST(the_runs_configuration_becomes_a_tree)
{
	struct host_config config = {
		.append = "quiet", .vp_count = 2, .vtl0_ram = { { 0, 0x20000000 } }, .vtl0_ram_count = 1,
		.vtl2_ram = { 0x20000000, 0x4000000 }, .vtl0_mmio = { { 0xe0000000, 0x1000000 } },
		.guest_kernel = { 0x1000000, 5 }, .disk_count = 1,
	};
	int size = host_devicetree_build(&config, tree, sizeof(tree));

	ck_assert_int_gt(size, 0);
	ck_assert_uint_eq(fdt_totalsize(tree), size);
	text_is("/vallum/guest", "bootargs", "quiet");
	ck_assert_uint_eq(u32("/memory@20000000", "microsoft,igvm-type"), 3);
	ck_assert_uint_eq(u32("/cpus/cpu@2", "reg"), 2);
	ck_assert_int_eq(host_devicetree_build(&config, tree, 100), VL_E_NOSPACE);
	config.vp_count = HOST_VP_MAX + 1;
	ck_assert_int_eq(host_devicetree_build(&config, tree, sizeof(tree)), VL_E_RANGE);
}
END_TEST

Suite *suite_host_devicetree(void)
{
	Suite *s = suite_create("host_devicetree");
	TCase *t = tcase_create("host_devicetree");

	tcase_add_checked_fixture(t, begin, NULL);
	tcase_add_test(t, what_went_in_can_be_read);
	tcase_add_test(t, what_is_not_there_has_no_node);
	tcase_add_test(t, a_wide_hardware_id_makes_the_cells_wide);
	tcase_add_test(t, the_most_cpus_fit);
	tcase_add_test(t, a_contradiction_gives_no_tree);
	tcase_add_test(t, a_buffer_that_is_too_small_is_not_overrun);
	tcase_add_test(t, the_runs_configuration_becomes_a_tree);
	suite_add_tcase(s, t);
	return s;
}
