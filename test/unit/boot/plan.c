/*
 * The division of memory between VTL0 and VTL2, and the map underneath: the
 * host's choice, VTL2's own choice over NUMA nodes, MMIO cut from VTL0's gap.
 */
#include "common/boot/plan.h"

#include <check.h>
#include <string.h>

Suite *suite_plan(void);

#define MIB (1ull << 20)
#define IMAGE (512 * MIB)
#define IMAGE_BYTES (16 * MIB)

static struct host_dt host;
static struct image_layout image;
static struct boot_plan plan;
static struct boot_error error;

static void add_ram(uint64_t base, uint64_t size, uint32_t node, uint32_t type)
{
	host.ram[host.ram_count++] = (struct host_ram){ { base, size }, node, type };
}

static void setup(void)
{
	memset(&host, 0, sizeof(host));
	image = (struct image_layout){
		.memory = { IMAGE, IMAGE_BYTES },
		.parameters = { IMAGE + 4 * MIB, PARAMETER_REGION_PAGES * VL_PAGE_BYTES },
		.log = { IMAGE + 8 * MIB, SHIM_LOG_BYTES },
		.persisted = { IMAGE, SHIM_PERSISTED_BYTES },
	};
}

static void make(void)
{
	int err = boot_plan_make(&plan, &host, &image, &error);

	ck_assert_msg(err == 0, "%s", error.text);
}

static uint64_t bytes_of(enum boot_memory_type type)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < plan.map.count; i++)
		bytes += plan.map.range[i].type == type ? plan.map.range[i].range.size : 0;
	return bytes;
}

static uint64_t ram_in_node(uint32_t node)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < plan.ram_count; i++)
		bytes += plan.ram[i].numa_node == node ? plan.ram[i].range.size : 0;
	return bytes;
}

START_TEST(protectable_ranges_are_vtl2s)
{
	add_ram(0, IMAGE, 0, IGVM_MEMORY);
	add_ram(IMAGE, 64 * MIB, 0, IGVM_MEMORY_VTL2_PROTECTABLE);
	add_ram(4096 * MIB, 32 * MIB, 1, IGVM_MEMORY_VTL2_PROTECTABLE);
	make();
	ck_assert_uint_eq(plan.ram_count, 2);
	ck_assert_uint_eq(plan.ram[0].range.size, 64 * MIB);
	ck_assert_uint_eq(plan.ram[1].range.base, 4096 * MIB);
	ck_assert_uint_eq(bytes_of(BOOT_MEMORY_VTL0), IMAGE);
}
END_TEST

START_TEST(without_protectable_ranges_the_image_keeps_what_it_asked_for)
{
	add_ram(0, 1024 * MIB, 0, IGVM_MEMORY);
	make();
	ck_assert_uint_eq(plan.ram_count, 1);
	ck_assert_uint_eq(plan.ram[0].range.base, IMAGE);
	ck_assert_uint_eq(plan.ram[0].range.size, IMAGE_BYTES);
	ck_assert_uint_eq(bytes_of(BOOT_MEMORY_VTL0), 1024 * MIB - IMAGE_BYTES);
}
END_TEST

START_TEST(the_special_parts_are_taken_out_of_ram)
{
	add_ram(0, 1024 * MIB, 0, IGVM_MEMORY);
	image.reserved = (struct boot_range){ IMAGE + 3 * MIB, 4 * VL_PAGE_BYTES };
	make();
	ck_assert_uint_eq(bytes_of(BOOT_MEMORY_SHIM_LOG), SHIM_LOG_BYTES);
	ck_assert_uint_eq(bytes_of(BOOT_MEMORY_VTL2_CONFIG), 41 * VL_PAGE_BYTES);
	ck_assert_uint_eq(bytes_of(BOOT_MEMORY_VTL2_RESERVED), 4 * VL_PAGE_BYTES);
	ck_assert_uint_eq(bytes_of(BOOT_MEMORY_PERSISTED_HEADER), VL_PAGE_BYTES);
	ck_assert_uint_eq(bytes_of(BOOT_MEMORY_PERSISTED_STATE), 19 * VL_PAGE_BYTES);
	ck_assert_uint_eq(bytes_of(BOOT_MEMORY_VTL2_RAM), IMAGE_BYTES - 67 * VL_PAGE_BYTES);
}
END_TEST

START_TEST(vtl2_takes_its_size_evenly_from_the_tops_of_the_nodes)
{
	host.allocation = VTL2_ALLOCATES;
	host.memory_size = 64 * MIB;
	add_ram(0, 1024 * MIB, 0, IGVM_MEMORY);
	add_ram(4096 * MIB, 1024 * MIB, 1, IGVM_MEMORY);
	make();
	ck_assert_uint_eq(ram_in_node(0), 32 * MIB);
	ck_assert_uint_eq(ram_in_node(1), 32 * MIB);
	ck_assert(memory_map_covers(&plan.map, &(struct boot_range){ 5088 * MIB, 32 * MIB },
		BOOT_MEMORY_VTL2_RAM));
	ck_assert(memory_map_covers(&plan.map, &(struct boot_range){ 1008 * MIB, 16 * MIB },
		BOOT_MEMORY_VTL2_RAM));
}
END_TEST

START_TEST(a_share_may_come_from_several_ranges_of_a_node)
{
	host.allocation = VTL2_ALLOCATES;
	host.memory_size = 40 * MIB;
	add_ram(0, 600 * MIB, 0, IGVM_MEMORY);
	add_ram(4096 * MIB, 8 * MIB, 0, IGVM_MEMORY);
	add_ram(8192 * MIB, 4 * MIB, 0, IGVM_MEMORY);
	make();
	ck_assert_uint_eq(ram_in_node(0), 40 * MIB);
	ck_assert_uint_eq(bytes_of(BOOT_MEMORY_VTL0), 572 * MIB);
}
END_TEST

START_TEST(a_size_below_the_images_gives_the_images)
{
	host.allocation = VTL2_ALLOCATES;
	host.memory_size = VL_PAGE_BYTES;
	add_ram(0, 1024 * MIB, 0, IGVM_MEMORY);
	make();
	ck_assert_uint_eq(ram_in_node(0), IMAGE_BYTES);
}
END_TEST

START_TEST(what_is_taken_is_whole_units_of_protection)
{
	host.allocation = VTL2_ALLOCATES;
	host.memory_size = IMAGE_BYTES + 1;
	add_ram(0, IMAGE + IMAGE_BYTES + 9 * VL_PAGE_BYTES, 0, IGVM_MEMORY);
	make();
	ck_assert_uint_eq(ram_in_node(0), IMAGE_BYTES + VTL2_ALLOCATION_BYTES);
}
END_TEST

START_TEST(a_node_that_cannot_give_its_share_is_named)
{
	host.allocation = VTL2_ALLOCATES;
	host.memory_size = 64 * MIB;
	add_ram(0, 1024 * MIB, 0, IGVM_MEMORY);
	add_ram(4096 * MIB, 4 * MIB, 3, IGVM_MEMORY);
	ck_assert_int_eq(boot_plan_make(&plan, &host, &image, &error), VL_E_NOMEM);
	ck_assert_ptr_nonnull(strstr(error.text, "NUMA node 3 lacks 0x1c00000 bytes"));
}
END_TEST

START_TEST(an_absurd_size_is_refused)
{
	host.allocation = VTL2_ALLOCATES;
	host.memory_size = ~0ull;
	add_ram(0, 1024 * MIB, 0, IGVM_MEMORY);
	ck_assert_int_eq(boot_plan_make(&plan, &host, &image, &error), VL_E_RANGE);
}
END_TEST

START_TEST(more_than_64_ranges_of_vtl2_memory_are_refused)
{
	add_ram(IMAGE, IMAGE_BYTES, 0, IGVM_MEMORY_VTL2_PROTECTABLE);
	for (unsigned i = 0; i < VTL2_RAM_RANGES_MAX; i++)
		add_ram(1024 * MIB + 2 * i * MIB, MIB, 0, IGVM_MEMORY_VTL2_PROTECTABLE);
	ck_assert_int_eq(boot_plan_make(&plan, &host, &image, &error), VL_E_LIMIT);
}
END_TEST

START_TEST(neighbouring_vtl2_ranges_of_a_node_are_one)
{
	add_ram(IMAGE, IMAGE_BYTES / 2, 0, IGVM_MEMORY_VTL2_PROTECTABLE);
	add_ram(IMAGE + IMAGE_BYTES / 2, IMAGE_BYTES, 0, IGVM_MEMORY_VTL2_PROTECTABLE);
	make();
	ck_assert_uint_eq(plan.ram_count, 1);
	ck_assert_uint_eq(plan.ram[0].range.size, IMAGE_BYTES * 3 / 2);
}
END_TEST

/* --- MMIO --------------------------------------------------------------------------- */

static void add_gaps(uint64_t high_size)
{
	add_ram(0, 1024 * MIB, 0, IGVM_MEMORY);
	host.vmbus_vtl0 = (struct host_vmbus){ true, 1, 2,
		{ { 3072 * MIB, 256 * MIB }, { 65536 * MIB, high_size } } };
}

START_TEST(vtl2_mmio_is_cut_from_the_top_of_the_high_gap)
{
	add_gaps(512 * MIB);
	make();
	ck_assert_uint_eq(plan.vtl2_mmio_count, 1);
	ck_assert_uint_eq(plan.vtl2_mmio[0].base, 65536 * MIB + 256 * MIB);
	ck_assert_uint_eq(plan.vtl2_mmio[0].size, 256 * MIB);
	ck_assert_uint_eq(bytes_of(BOOT_MEMORY_VTL0_MMIO), 512 * MIB);
}
END_TEST

START_TEST(the_cut_is_at_least_128_mib_and_at_most_1_gib)
{
	add_gaps(200 * MIB);
	make();
	ck_assert_uint_eq(plan.vtl2_mmio[0].size, 128 * MIB);
	setup();
	add_gaps(65536 * MIB);
	make();
	ck_assert_uint_eq(plan.vtl2_mmio[0].size, 1024 * MIB);
}
END_TEST

START_TEST(a_gap_too_small_for_both_is_refused)
{
	add_gaps(128 * MIB);
	ck_assert_int_eq(boot_plan_make(&plan, &host, &image, &error), VL_E_NOMEM);
}
END_TEST

START_TEST(the_hosts_vtl2_mmio_is_preferred)
{
	add_gaps(512 * MIB);
	host.vmbus_vtl2 = (struct host_vmbus){ true, 4, 1, { { 131072 * MIB, 64 * MIB } } };
	make();
	ck_assert_uint_eq(plan.vtl2_mmio[0].base, 131072 * MIB);
	ck_assert_uint_eq(bytes_of(BOOT_MEMORY_VTL0_MMIO), 768 * MIB);
}
END_TEST

/* --- The map ------------------------------------------------------------------------- */

START_TEST(a_retype_of_what_is_not_there_changes_nothing)
{
	static struct memory_map map;
	const struct memory_range ram = { { 0x1000, 0x4000 }, 0, 0, BOOT_MEMORY_VTL0 };

	map.count = 0;
	ck_assert_int_eq(memory_map_add(&map, &ram, &error), 0);
	ck_assert_int_eq(memory_map_retype(&map, &(struct boot_range){ 0x3000, 0x3000 }, BOOT_MEMORY_VTL0,
		BOOT_MEMORY_VTL2_RAM, "x", &error), VL_E_RANGE);
	ck_assert_uint_eq(map.count, 1);
	ck_assert_int_eq(memory_map_add(&map, &ram, &error), VL_E_OVERLAP);
}
END_TEST

START_TEST(a_full_map_refuses_more)
{
	static struct memory_map map;
	struct memory_range range = { { 0, 0x1000 }, 0, 0, BOOT_MEMORY_VTL0 };

	map.count = 0;
	for (unsigned i = 0; i < MEMORY_MAP_MAX; i++) {
		range.range.base = i * 0x2000ull;
		ck_assert_int_eq(memory_map_add(&map, &range, &error), 0);
	}
	range.range.base = MEMORY_MAP_MAX * 0x2000ull;
	ck_assert_int_eq(memory_map_add(&map, &range, &error), VL_E_LIMIT);
	map.range[0].range.size = 0x2000;
	ck_assert_int_eq(memory_map_retype(&map, &(struct boot_range){ 0, 0x1000 }, BOOT_MEMORY_VTL0,
		BOOT_MEMORY_VTL2_RAM, "x", &error), VL_E_LIMIT);
}
END_TEST

Suite *suite_plan(void)
{
	Suite *s = suite_create("plan");
	TCase *t = tcase_create("plan");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, protectable_ranges_are_vtl2s);
	tcase_add_test(t, without_protectable_ranges_the_image_keeps_what_it_asked_for);
	tcase_add_test(t, the_special_parts_are_taken_out_of_ram);
	tcase_add_test(t, vtl2_takes_its_size_evenly_from_the_tops_of_the_nodes);
	tcase_add_test(t, a_share_may_come_from_several_ranges_of_a_node);
	tcase_add_test(t, a_size_below_the_images_gives_the_images);
	tcase_add_test(t, what_is_taken_is_whole_units_of_protection);
	tcase_add_test(t, a_node_that_cannot_give_its_share_is_named);
	tcase_add_test(t, an_absurd_size_is_refused);
	tcase_add_test(t, more_than_64_ranges_of_vtl2_memory_are_refused);
	tcase_add_test(t, neighbouring_vtl2_ranges_of_a_node_are_one);
	tcase_add_test(t, vtl2_mmio_is_cut_from_the_top_of_the_high_gap);
	tcase_add_test(t, the_cut_is_at_least_128_mib_and_at_most_1_gib);
	tcase_add_test(t, a_gap_too_small_for_both_is_refused);
	tcase_add_test(t, the_hosts_vtl2_mmio_is_preferred);
	tcase_add_test(t, a_retype_of_what_is_not_there_changes_nothing);
	tcase_add_test(t, a_full_map_refuses_more);
	suite_add_tcase(s, t);
	return s;
}
