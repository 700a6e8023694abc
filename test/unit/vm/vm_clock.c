/* VM time against the machine's clock (runtime/vm/clock.c). */
#include "runtime/vm/vm.h"
#include <check.h>

Suite *suite_vm_clock(void);

#define HOUR_NS 3600000000000u
#define YEAR_NS (24 * 365 * (uint64_t)HOUR_NS)

START_TEST(vm_time_stands_still_while_stopped_and_goes_on_from_there)
{
	struct vm_clock c = { .offset_ns = 5 * HOUR_NS };

	ck_assert_uint_eq(clock_now_ns(&c), 5 * HOUR_NS);
	clock_start(&c);
	clock_start(&c);
	ck_assert_uint_ge(clock_now_ns(&c), 5 * HOUR_NS);
	ck_assert_uint_lt(clock_now_ns(&c), 6 * HOUR_NS);
	clock_stop(&c);
	ck_assert_uint_lt(clock_now_ns(&c), 6 * HOUR_NS);
	ck_assert_uint_eq(clock_now_ns(&c), c.offset_ns);
}
END_TEST

START_TEST(a_deadline_is_found_even_when_vm_time_is_ahead_of_the_machines_clock)
{
	/* Restored on a machine that was just started. */
	struct vm_clock c = { .offset_ns = 100 * YEAR_NS }, fresh = { 0 };
	uint64_t before = clock_monotonic_ns(), at;

	clock_start(&c);
	at = clock_to_monotonic(&c, 100 * YEAR_NS + HOUR_NS);
	ck_assert_uint_le(at, clock_monotonic_ns() + HOUR_NS);
	ck_assert_uint_ge(at, before + HOUR_NS / 2);
	ck_assert_uint_le(clock_to_monotonic(&c, 3), clock_monotonic_ns());
	ck_assert_uint_eq(clock_to_monotonic(&c, VM_NEVER), VM_NEVER);
	clock_start(&fresh);
	ck_assert_uint_eq(clock_to_monotonic(&fresh, VM_NEVER - 1), VM_NEVER);
	clock_stop(&c);
	ck_assert_uint_eq(clock_to_monotonic(&c, 100 * YEAR_NS + HOUR_NS), VM_NEVER);
}
END_TEST

START_TEST(the_wall_clock_is_the_hosts_and_runs)
{
	struct vm_clock c = { .utc_ns = 50 * YEAR_NS };

	ck_assert_uint_ge(clock_wall_ns(&c), 50 * YEAR_NS);
}
END_TEST

Suite *suite_vm_clock(void)
{
	Suite *s = suite_create("vm_clock");
	TCase *c = tcase_create("clock");

	tcase_add_test(c, vm_time_stands_still_while_stopped_and_goes_on_from_there);
	tcase_add_test(c, a_deadline_is_found_even_when_vm_time_is_ahead_of_the_machines_clock);
	tcase_add_test(c, the_wall_clock_is_the_hosts_and_runs);
	suite_add_tcase(s, c);
	return s;
}
