/*
 * What the shim does for an isolated VM: every page of VTL2 is protected or
 * accepted before use, and what was loaded unmeasured is hashed.
 */
#include "common/boot/isolated.h"
#include "test/port/boot/machine.h"
#include "test/unit/boot/trees.h"

#include <bearssl.h>
#include <check.h>
#include <string.h>

Suite *suite_isolated(void);

static void setup(void)
{
	machine_init();
	tree_make(machine_host_tree(), 2);
	machine.isolation = ISOLATION_VBS;
}

static struct imported_region *region(unsigned n)
{
	return &machine_regions()->region[n];
}

/*
 * Splits the one region in two, the second (from page `at` of it) not accepted; its true hash goes in the
 * header.
 */
static void make_unmeasured(uint64_t at)
{
	uint64_t count = le64_to_cpu(region(0)->page_count);
	br_sha384_context sha;

	*region(1) = (struct imported_region){
		.base_page = cpu_to_le64(le64_to_cpu(region(0)->base_page) + at),
			.page_count = cpu_to_le64(2) };
	region(0)->page_count = cpu_to_le64(at);
	*region(2) = (struct imported_region){
		.base_page = cpu_to_le64(le64_to_cpu(region(1)->base_page) + 2),
		.page_count = cpu_to_le64(count - at - 2), .accepted = 1 };
	br_sha384_init(&sha);
	br_sha384_update(&sha, machine_at(MACHINE_BASE + SHIM_PERSISTED_BYTES + at * VL_PAGE_BYTES),
		2 * VL_PAGE_BYTES);
	br_sha384_out(&sha, machine_regions()->sha384);
}

START_TEST(every_page_of_vtl2_is_protected_or_accepted)
{
	const unsigned first = SHIM_PERSISTED_BYTES / VL_PAGE_BYTES,
		end = (MACHINE_LOG - MACHINE_BASE) / VL_PAGE_BYTES;

	machine_boot();
	ck_assert(machine.end == MACHINE_ENTERED_KERNEL);
	for (unsigned i = 0; i < VL_ARRAY_COUNT(machine.page_state); i++)
		ck_assert_msg(machine.page_state[i] ==
			(i >= first && i < end ? MACHINE_PAGE_PROTECTED : MACHINE_PAGE_ACCEPTED),
			"page %u: %d", i,
			machine.page_state[i]);
	/* VTL2 has 64 MiB, the image asked for less. */
	ck_assert_uint_eq(machine.pages_outside, (0x4000000 - MACHINE_BYTES) / VL_PAGE_BYTES);
	ck_assert_uint_eq(machine.partition_config, 0x1f);
}
END_TEST

START_TEST(nothing_is_taken_when_the_host_is_trusted)
{
	machine.isolation = ISOLATION_NONE;
	machine_boot();
	ck_assert(machine.end == MACHINE_ENTERED_KERNEL);
	ck_assert_uint_eq(machine.partition_config, 0);
	ck_assert_uint_eq(machine.pages_outside, 0);
}
END_TEST

START_TEST(a_region_loaded_unmeasured_is_accepted_and_must_have_its_hash)
{
	make_unmeasured(3);
	machine_boot();
	ck_assert(machine.end == MACHINE_ENTERED_KERNEL);
	ck_assert_uint_eq(machine.page_state[SHIM_PERSISTED_BYTES / VL_PAGE_BYTES + 3],
		MACHINE_PAGE_ACCEPTED);
	setup();
	make_unmeasured(3);
	((uint8_t *)machine_at(MACHINE_BASE + SHIM_PERSISTED_BYTES + 4 * VL_PAGE_BYTES))[9] ^= 1;
	machine_boot();
	ck_assert(machine.end == MACHINE_HALTED);
	ck_assert_ptr_nonnull(strstr(machine_log()->text, "VL_E_MEASUREMENT"));
}
END_TEST

static void descending(void)
{
	make_unmeasured(3);
	region(2)->base_page = region(0)->base_page;
}

static void wraps(void) { region(0)->page_count = cpu_to_le64(~0ull); }
static void odd_flag(void) { region(0)->accepted = 2; }
static void unmeasured_elsewhere(void)
{
	make_unmeasured(3);
	region(2)->accepted = 0;
	region(2)->page_count = cpu_to_le64(1ull << 30);
}
static void refused(void) { machine.call_status = 6; }

static const struct {
	void (*bend)(void);
	const char *text;
} bad[] = {
	{ descending, "VL_E_ORDER" },
	{ wraps, "VL_E_RANGE" },
	{ odd_flag, "VL_E_RANGE" },
	{ unmeasured_elsewhere, "neither VTL2's nor measured" },
	{ refused, "hypercall status 0x6" },
};

START_TEST(a_bad_list_of_regions_stops_the_boot_in_silence)
{
	bad[_i].bend();
	machine_boot();
	ck_assert(machine.end == MACHINE_HALTED);
	ck_assert(!machine.crash_reported);
	ck_assert_msg(strstr(machine_log()->text, bad[_i].text) != NULL, "%s", machine_log()->text);
}
END_TEST

Suite *suite_isolated(void)
{
	Suite *s = suite_create("isolated");
	TCase *t = tcase_create("isolated");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, every_page_of_vtl2_is_protected_or_accepted);
	tcase_add_test(t, nothing_is_taken_when_the_host_is_trusted);
	tcase_add_test(t, a_region_loaded_unmeasured_is_accepted_and_must_have_its_hash);
	tcase_add_loop_test(t, a_bad_list_of_regions_stops_the_boot_in_silence, 0, (int)VL_ARRAY_COUNT(bad));
	suite_add_tcase(s, t);
	return s;
}
