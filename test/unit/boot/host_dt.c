/*
 * The decoder of the host device tree: what a sound tree says, and the named
 * error with the node's path for every way in which a tree can be wrong.
 */
#include "common/boot/host_dt.h"
#include "test/unit/boot/trees.h"

#include <check.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *suite_host_dt(void);

static _Alignas(8) uint8_t fdt[TREE_BYTES];
static struct host_dt host;
static struct boot_error error;

static int parse(void)
{
	error.text[0] = '\0';
	return host_dt_parse(&host, fdt, sizeof(fdt), &error);
}

START_TEST(a_sound_tree_gives_cpus_memory_buses_and_options)
{
	tree_make(fdt, 2);
	tree_set_u64s(fdt, "/openhcl", "vtl0-alias-map", (const uint64_t[]){ 1ull << 39 }, 1);
	ck_assert_msg(parse() == 0, "%s", error.text);
	ck_assert_uint_eq(host.cpu_count, 2);
	ck_assert_uint_eq(host.cpu[1].reg, 1);
	ck_assert_uint_eq(host.ram_count, 2);
	ck_assert_uint_eq(host.ram[1].range.base, 0x20000000);
	ck_assert_uint_eq(host.ram[1].igvm_type, IGVM_MEMORY_VTL2_PROTECTABLE);
	ck_assert(host.vmbus_vtl0.present && host.vmbus_vtl2.present);
	ck_assert_uint_eq(host.vmbus_vtl0.mmio_count, 2);
	ck_assert_uint_eq(host.vmbus_vtl0.mmio[1].base, 0x1000000000);
	ck_assert_uint_eq(host.vmbus_vtl2.connection_id, 4);
	ck_assert_str_eq(host.bootargs, "OPENHCL_X=1");
	ck_assert(host.allocation == HOST_ALLOCATES);
	ck_assert(host.alias_map_present && host.alias_map == 1ull << 39);
	ck_assert_uint_eq(host.entropy_size, 16);
	ck_assert_int_ge(host.vallum_node, 0);
}
END_TEST

START_TEST(ram_comes_sorted_whatever_the_order_of_the_nodes)
{
	static const uint64_t reg[] = { 0x900000000, 0x1000, 0x100000000, 0x2000, 0x500000000, 0x3000 };

	tree_make(fdt, 1);
	tree_set_u64s(fdt, "/memory@0", "reg", reg, 6);
	ck_assert_msg(parse() == 0, "%s", error.text);
	ck_assert_uint_eq(host.ram_count, 4);
	for (unsigned i = 1; i < host.ram_count; i++)
		ck_assert(host.ram[i - 1].range.base < host.ram[i].range.base);
}
END_TEST

START_TEST(a_cpu_that_is_not_okay_is_left_out)
{
	tree_make(fdt, 3);
	tree_set_text(fdt, "/cpus/cpu@2", "status", "disabled");
	ck_assert_int_eq(parse(), 0);
	ck_assert_uint_eq(host.cpu_count, 2);
	ck_assert_uint_eq(host.cpu[1].reg, 2);
}
END_TEST

START_TEST(two_cell_cpu_ids_are_read_whole)
{
	tree_make(fdt, 1);
	tree_set_u32(fdt, "/cpus", "#address-cells", 2);
	tree_set_u64s(fdt, "/cpus/cpu@1", "reg", (const uint64_t[]){ 0x8100000003 }, 1);
	ck_assert_int_eq(parse(), 0);
	ck_assert_uint_eq(host.cpu[0].reg, 0x8100000003);
}
END_TEST

START_TEST(too_much_entropy_is_cut)
{
	static const uint8_t much[1000];

	tree_make(fdt, 1);
	tree_set(fdt, "/openhcl/entropy", "reg", much, sizeof(much));
	ck_assert_int_eq(parse(), 0);
	ck_assert_uint_eq(host.entropy_size, HOST_ENTROPY_MAX);
}
END_TEST

START_TEST(vtl2_allocation_brings_its_sizes)
{
	tree_make(fdt, 1);
	tree_set_text(fdt, "/openhcl", "memory-allocation-mode", "vtl2");
	tree_set_u64s(fdt, "/openhcl", "memory-size", (const uint64_t[]){ 0x8000000 }, 1);
	ck_assert_int_eq(parse(), 0);
	ck_assert(host.allocation == VTL2_ALLOCATES);
	ck_assert_uint_eq(host.memory_size, 0x8000000);
	ck_assert_uint_eq(host.mmio_size, 0);
}
END_TEST

/* --- Bad trees --------------------------------------------------------------------- */

static void no_cpus(void) { tree_delete(fdt, "/cpus", NULL); }
static void no_address_cells(void) { tree_delete(fdt, "/cpus", "#address-cells"); }
static void cpu_cells_3(void) { tree_set_u32(fdt, "/cpus", "#address-cells", 3); }
static void no_status(void) { tree_delete(fdt, "/cpus/cpu@1", "status"); }
static void no_reg(void) { tree_delete(fdt, "/cpus/cpu@1", "reg"); }
static void long_reg(void) { tree_set(fdt, "/cpus/cpu@1", "reg", "12345678", 8); }
static void same_cpu(void) { tree_set_u32(fdt, "/cpus/cpu@2", "reg", 0); }
static void far_node(void) { tree_set_u32(fdt, "/cpus/cpu@1", "numa-node-id", 64); }
static void status_no_string(void) { tree_set(fdt, "/cpus/cpu@1", "status", "okay", 4); }
static void status_empty(void) { tree_set(fdt, "/cpus/cpu@1", "status", "", 0); }
static void root_cells(void) { tree_set_u32(fdt, "/", "#address-cells", 1); }
static void no_node_id(void) { tree_delete(fdt, "/memory@0", "numa-node-id"); }
static void memory_type(void) { tree_set_u32(fdt, "/memory@0", "microsoft,igvm-type", 77); }
static void memory_no_reg(void) { tree_delete(fdt, "/memory@0", "reg"); }
static void memory_half(void) { tree_set(fdt, "/memory@0", "reg", "12345678", 8); }
static void memory_empty(void) { tree_set(fdt, "/memory@0", "reg", "", 0); }

static void memory_reg(uint64_t base, uint64_t size)
{
	const uint64_t reg[2] = { base, size };

	tree_set_u64s(fdt, "/memory@0", "reg", reg, 2);
}

static void memory_unaligned(void) { memory_reg(0x800, 0x1000); }
static void memory_odd_size(void) { memory_reg(0, 0x1001); }
static void memory_no_size(void) { memory_reg(0x1000, 0); }
static void memory_wraps(void) { memory_reg(0xfffffffffffff000, 0x2000); }
static void memory_far(void) { memory_reg(0xffffffff000000, 0x1000); }
static void memory_overlap(void) { memory_reg(0x10000000, 0x10001000); }

static void no_memory(void)
{
	tree_delete(fdt, "/memory@0", NULL);
	tree_delete(fdt, "/memory@20000000", NULL);
}

static void ranges(const char *node, uint64_t child, uint64_t parent, uint64_t size)
{
	const uint64_t values[3] = { child, parent, size };

	tree_set_u64s(fdt, node, "ranges", values, 3);
}

static void ranges_move(void) { ranges("/bus/vmbus-vtl2", 0x2000, 0x1000, 0x1000); }
static void ranges_unaligned(void) { ranges("/bus/vmbus-vtl2", 0x1001, 0x1001, 0x1000); }
static void ranges_in_ram(void) { ranges("/bus/vmbus-vtl2", 0x1000, 0x1000, 0x1000); }
static void ranges_in_mmio(void) { ranges("/bus/vmbus-vtl2", 0xc0000000, 0xc0000000, 0x1000); }
static void ranges_half(void) { tree_set(fdt, "/bus/vmbus-vtl2", "ranges", "12345678", 8); }
static void no_ranges(void) { tree_delete(fdt, "/bus/vmbus-vtl2", "ranges"); }
static void vmbus_vtl1(void) { tree_set_u32(fdt, "/bus/vmbus-vtl2", "microsoft,vtl", 1); }
static void vmbus_twice(void) { tree_set_u32(fdt, "/bus/vmbus-vtl2", "microsoft,vtl", 0); }
static void vmbus_no_id(void) { tree_delete(fdt, "/bus/vmbus-vtl2", "microsoft,message-connection-id"); }
static void vmbus_cells(void) { tree_set_u32(fdt, "/bus/vmbus-vtl2", "#size-cells", 1); }

static void ranges_three(void)
{
	static const uint64_t three[9] = { 0x2000000000, 0x2000000000, 0x1000, 0x3000000000, 0x3000000000,
		0x1000,
		0x4000000000, 0x4000000000, 0x1000 };

	tree_set_u64s(fdt, "/bus/vmbus-vtl2", "ranges", three, 9);
}

static void long_bootargs(void)
{
	static char text[HOST_BOOTARGS_MAX + 1];

	memset(text, 'a', HOST_BOOTARGS_MAX);
	tree_set_text(fdt, "/chosen", "bootargs", text);
}

static void no_mode(void) { tree_delete(fdt, "/openhcl", "memory-allocation-mode"); }
static void odd_mode(void) { tree_set_text(fdt, "/openhcl", "memory-allocation-mode", "guest\033[2J"); }
static void short_alias(void) { tree_set_u32(fdt, "/openhcl", "vtl0-alias-map", 1); }
static void entropy_no_reg(void) { tree_delete(fdt, "/openhcl/entropy", "reg"); }

static const struct {
	void (*bend)(void);
	int code;
	const char *text; /* part of the message */
} bad[] = {
	{ no_cpus, VL_E_MISSING, "no CPU with status okay" },
	{ no_address_cells, VL_E_MISSING, "/cpus: #address-cells" },
	{ cpu_cells_3, VL_E_RANGE, "/cpus: #address-cells is 3" },
	{ no_status, VL_E_MISSING, "/cpus/cpu@1: status" },
	{ status_no_string, VL_E_FORMAT, "/cpus/cpu@1: status" },
	{ status_empty, VL_E_FORMAT, "/cpus/cpu@1: status" },
	{ no_reg, VL_E_MISSING, "/cpus/cpu@1: reg" },
	{ long_reg, VL_E_FORMAT, "/cpus/cpu@1: reg has 8 bytes" },
	{ same_cpu, VL_E_DUPLICATE, "/cpus/cpu@2: reg 0x0" },
	{ far_node, VL_E_LIMIT, "/cpus/cpu@1: numa-node-id 64" },
	{ root_cells, VL_E_RANGE, "/: #address-cells" },
	{ no_memory, VL_E_MISSING, "no memory@ node" },
	{ no_node_id, VL_E_MISSING, "/memory@0: numa-node-id" },
	{ memory_type, VL_E_RANGE, "/memory@0: microsoft,igvm-type 77" },
	{ memory_no_reg, VL_E_MISSING, "/memory@0: reg" },
	{ memory_half, VL_E_FORMAT, "/memory@0: reg has 8 bytes" },
	{ memory_empty, VL_E_FORMAT, "/memory@0: reg has 0 bytes" },
	{ memory_unaligned, VL_E_ALIGN, "/memory@0: reg 0x800" },
	{ memory_odd_size, VL_E_ALIGN, "/memory@0" },
	{ memory_no_size, VL_E_RANGE, "/memory@0" },
	{ memory_wraps, VL_E_RANGE, "/memory@0" },
	{ memory_far, VL_E_RANGE, "/memory@0" },
	{ memory_overlap, VL_E_OVERLAP, "RAM overlaps RAM: 0x10000000+0x10001000 and 0x20000000" },
	{ ranges_move, VL_E_RANGE, "/bus/vmbus-vtl2: ranges" },
	{ ranges_unaligned, VL_E_ALIGN, "/bus/vmbus-vtl2: ranges" },
	{ ranges_in_ram, VL_E_OVERLAP, "MMIO overlaps RAM" },
	{ ranges_in_mmio, VL_E_OVERLAP, "MMIO overlaps VMBus MMIO" },
	{ ranges_half, VL_E_FORMAT, "/bus/vmbus-vtl2: ranges has 8 bytes" },
	{ ranges_three, VL_E_LIMIT, "/bus/vmbus-vtl2: 3 ranges" },
	{ no_ranges, VL_E_MISSING, "/bus/vmbus-vtl2: ranges" },
	{ vmbus_vtl1, VL_E_RANGE, "/bus/vmbus-vtl2: microsoft,vtl is 1" },
	{ vmbus_twice, VL_E_DUPLICATE, "second VMBus for VTL 0" },
	{ vmbus_no_id, VL_E_MISSING, "/bus/vmbus-vtl2: microsoft,message-connection-id" },
	{ vmbus_cells, VL_E_RANGE, "/bus/vmbus-vtl2: #size-cells is 1" },
	{ long_bootargs, VL_E_LIMIT, "/chosen: bootargs" },
	{ no_mode, VL_E_MISSING, "/openhcl: memory-allocation-mode" },
	{ odd_mode, VL_E_TYPE, "\"guest?[2J\"" },
	{ short_alias, VL_E_FORMAT, "/openhcl: vtl0-alias-map" },
	{ entropy_no_reg, VL_E_MISSING, "/openhcl/entropy: reg" },
};

START_TEST(a_bad_tree_is_refused_by_name_and_place)
{
	tree_make(fdt, 2);
	bad[_i].bend();
	ck_assert_msg(parse() == bad[_i].code, "row %d: %s (%s)", _i, vl_err_name(error.code), error.text);
	ck_assert_int_eq(error.code, bad[_i].code);
	ck_assert_msg(strncmp(error.text, "host device tree: ", 18) == 0, "%s", error.text);
	ck_assert_msg(strstr(error.text, bad[_i].text) != NULL, "row %d: %s", _i, error.text);
}
END_TEST

START_TEST(no_tree_at_all_is_refused)
{
	memset(fdt, 0, sizeof(fdt));
	ck_assert_int_eq(parse(), VL_E_FORMAT);
	ck_assert_int_eq(host_dt_parse(&host, fdt, 3, &error), VL_E_FORMAT);
	tree_make(fdt, 1);
	ck_assert_int_eq(host_dt_parse(&host, fdt, 1000, &error), VL_E_FORMAT);
}
END_TEST

START_TEST(a_tree_of_an_old_version_is_refused_before_libfdt_reads_it)
{
	tree_make(fdt, 1);
	fdt_set_version(fdt, 8);
	fdt_set_last_comp_version(fdt, 8);
	memcpy(fdt + fdt_off_dt_struct(fdt) + 4, "root", 4);
	ck_assert_int_eq(parse(), VL_E_VERSION);
}
END_TEST

/* A tree larger than the common buffer, for the limits on counts. */
static int parse_big(unsigned cpus, unsigned ram)
{
	size_t size = 1 << 20;
	char name[48];
	void *big = aligned_alloc(8, size);
	int err;

	ck_assert_ptr_nonnull(big);
	fdt_create(big, (int)size);
	fdt_finish_reservemap(big);
	fdt_begin_node(big, "");
	fdt_begin_node(big, "cpus");
	fdt_property_u32(big, "#address-cells", 1);
	for (unsigned i = 0; i < cpus; i++) {
		snprintf(name, sizeof(name), "cpu@%x", i);
		fdt_begin_node(big, name);
		fdt_property_string(big, "status", "okay");
		fdt_property_u32(big, "reg", i);
		fdt_property_u32(big, "numa-node-id", 0);
		fdt_end_node(big);
	}
	fdt_end_node(big);
	for (unsigned i = 0; i < ram; i++) {
		const fdt64_t reg[2] = { cpu_to_fdt64(i * 0x2000ull), cpu_to_fdt64(0x1000) };

		snprintf(name, sizeof(name), "memory@%x", i * 0x2000);
		fdt_begin_node(big, name);
		fdt_property(big, "reg", reg, sizeof(reg));
		fdt_property_u32(big, "numa-node-id", 0);
		fdt_end_node(big);
	}
	fdt_end_node(big);
	ck_assert_int_eq(fdt_finish(big), 0);
	err = host_dt_parse(&host, big, size, &error);
	free(big);
	return err;
}

START_TEST(counts_up_to_the_limits_are_taken_and_one_more_is_refused)
{
	ck_assert_int_eq(parse_big(HOST_CPUS_MAX, HOST_RAM_MAX), 0);
	ck_assert_int_eq(parse_big(HOST_CPUS_MAX + 1, 1), VL_E_LIMIT);
	ck_assert_ptr_nonnull(strstr(error.text, "/cpus/cpu@800: more than 2048 CPUs"));
	ck_assert_int_eq(parse_big(1, HOST_RAM_MAX + 1), VL_E_LIMIT);
	ck_assert_ptr_nonnull(strstr(error.text, "more than 1024 RAM ranges"));
}
END_TEST

Suite *suite_host_dt(void)
{
	Suite *s = suite_create("host_dt");
	TCase *t = tcase_create("host_dt");

	tcase_add_test(t, a_sound_tree_gives_cpus_memory_buses_and_options);
	tcase_add_test(t, ram_comes_sorted_whatever_the_order_of_the_nodes);
	tcase_add_test(t, a_cpu_that_is_not_okay_is_left_out);
	tcase_add_test(t, two_cell_cpu_ids_are_read_whole);
	tcase_add_test(t, too_much_entropy_is_cut);
	tcase_add_test(t, vtl2_allocation_brings_its_sizes);
	tcase_add_loop_test(t, a_bad_tree_is_refused_by_name_and_place, 0, (int)VL_ARRAY_COUNT(bad));
	tcase_add_test(t, no_tree_at_all_is_refused);
	tcase_add_test(t, a_tree_of_an_old_version_is_refused_before_libfdt_reads_it);
	tcase_add_test(t, counts_up_to_the_limits_are_taken_and_one_more_is_refused);
	suite_add_tcase(s, t);
	return s;
}
