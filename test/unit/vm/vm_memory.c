/* VTL0's memory as the worker maps it: every address a guest can name (runtime/vm/memory.c). */
#include "runtime/vm/memory.h"
#include <check.h>
#include <string.h>

Suite *suite_vm_memory(void);

static uint8_t low[0x2000], high[0x1000], touching[0x1000];
static struct guest_memory m;

static void setup(void)
{
	memset(&m, 0, sizeof(m));
	ck_assert_int_eq(guest_memory_add(&m, gpa(0), sizeof(low), low), 0);
	ck_assert_int_eq(guest_memory_add(&m, gpa(sizeof(low)), sizeof(touching), touching), 0);
	ck_assert_int_eq(guest_memory_add(&m, gpa(1ull << 32), sizeof(high), high), 0);
}

START_TEST(ranges_are_added_in_order_and_apart)
{
	ck_assert_int_eq(guest_memory_add(&m, gpa(0x800000), 0x1000, low), VL_E_ORDER);
	ck_assert_int_eq(guest_memory_add(&m, gpa((1ull << 32) + 0xfff), 0x1000, low), VL_E_OVERLAP);
	ck_assert_int_eq(guest_memory_add(&m, gpa(~0ull), 2, low), VL_E_RANGE);
	ck_assert_int_eq(guest_memory_add(&m, gpa(2ull << 32), 0, low), VL_E_RANGE);
}
END_TEST

START_TEST(a_copy_crosses_ranges_that_touch)
{
	static const uint8_t data[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	uint8_t back[8];

	ck_assert_int_eq(guest_memory_write(&m, gpa(sizeof(low) - 3), data, 8), 0);
	ck_assert_uint_eq(low[sizeof(low) - 1], 3);
	ck_assert_uint_eq(touching[0], 4);
	ck_assert_int_eq(guest_memory_read(&m, gpa(sizeof(low) - 3), back, 8), 0);
	ck_assert_mem_eq(back, data, 8);
}
END_TEST

START_TEST(a_copy_that_leaves_memory_copies_nothing)
{
	static const uint8_t data[8] = { 9, 9, 9, 9, 9, 9, 9, 9 };
	uint64_t end = sizeof(low) + sizeof(touching);

	ck_assert_int_eq(guest_memory_write(&m, gpa(end - 4), data, 8), VL_E_RANGE);
	ck_assert_uint_eq(touching[sizeof(touching) - 4], 0);
	ck_assert_int_eq(guest_memory_write(&m, gpa((1ull << 32) + sizeof(high) - 1), data, 2), VL_E_RANGE);
	ck_assert_int_eq(guest_memory_write(&m, gpa(~0ull), data, 8), VL_E_RANGE);
}
END_TEST

START_TEST(a_mapping_lies_in_one_range)
{
	ck_assert_ptr_eq(guest_memory_at(&m, gpa(16), 32), low + 16);
	ck_assert_ptr_eq(guest_memory_at(&m, gpa(1ull << 32), sizeof(high)), high);
	ck_assert_ptr_null(guest_memory_at(&m, gpa(sizeof(low) - 1), 2));
	ck_assert_ptr_null(guest_memory_at(&m, gpa(0), ~0ull));
	ck_assert_ptr_null(guest_memory_at(&m, gpa(0x10000), 1));
}
END_TEST

Suite *suite_vm_memory(void)
{
	Suite *s = suite_create("vm_memory");
	TCase *c = tcase_create("memory");

	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, ranges_are_added_in_order_and_apart);
	tcase_add_test(c, a_copy_crosses_ranges_that_touch);
	tcase_add_test(c, a_copy_that_leaves_memory_copies_nothing);
	tcase_add_test(c, a_mapping_lies_in_one_range);
	suite_add_tcase(s, c);
	return s;
}
