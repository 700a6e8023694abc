/* The supervision table, without processes. */
#include "runtime/paravisor/supervise.h"
#include "runtime/lib/clock.h"

#include <check.h>

Suite *suite_supervise(void);

#define SECOND 1000000000ull

static struct worker w;

START_TEST(a_worker_starts_and_runs)
{
	supervise_init(&w, "w", WORKER_FATAL, 1000);
	ck_assert_int_eq(supervise_event(&w, WORKER_START, 5), WORKER_SPAWN);
	ck_assert_int_eq(w.state, WORKER_STARTING);
	ck_assert_uint_eq(w.deadline_ns, 5 + SECOND);
	ck_assert_int_eq(supervise_event(&w, WORKER_READY, 6), WORKER_NOTHING);
	ck_assert_int_eq(w.state, WORKER_RUNNING);
	ck_assert_uint_eq(w.deadline_ns, 0);
}
END_TEST

START_TEST(the_death_of_a_fatal_worker_is_reported_and_final)
{
	supervise_init(&w, "w", WORKER_FATAL, 1000);
	supervise_event(&w, WORKER_START, 0);
	supervise_event(&w, WORKER_READY, 0);
	ck_assert_int_eq(supervise_death(&w, 1), WORKER_REPORT);
	ck_assert_int_eq(w.state, WORKER_FAILED);
	ck_assert_int_eq(supervise_event(&w, WORKER_START, 2), WORKER_NOTHING);
	ck_assert_int_eq(w.state, WORKER_FAILED);
}
END_TEST

START_TEST(a_worker_that_does_not_start_in_time_is_killed)
{
	supervise_init(&w, "w", WORKER_FATAL, 1000);
	supervise_event(&w, WORKER_START, 0);
	ck_assert_int_eq(supervise_event(&w, WORKER_TIMEOUT, SECOND), WORKER_KILL);
	ck_assert_int_eq(w.state, WORKER_KILLING);
	ck_assert_uint_ne(w.deadline_ns, 0);
	ck_assert_int_eq(supervise_death(&w, SECOND), WORKER_REPORT);
}
END_TEST

START_TEST(a_process_that_survives_its_kill_is_reported)
{
	supervise_init(&w, "w", WORKER_RESTART, 1000);
	supervise_event(&w, WORKER_START, 0);
	supervise_event(&w, WORKER_TIMEOUT, SECOND);
	ck_assert_int_eq(supervise_event(&w, WORKER_TIMEOUT, 20 * SECOND), WORKER_REPORT);
	ck_assert_int_eq(w.state, WORKER_FAILED);
}
END_TEST

START_TEST(a_restartable_worker_waits_longer_each_time_and_gives_up_in_a_crash_loop)
{
	uint64_t now = 0, wait_ms = WORKER_BACKOFF_FIRST_MS;

	supervise_init(&w, "w", WORKER_RESTART, 1000);
	supervise_event(&w, WORKER_START, now);
	for (unsigned i = 0; i < WORKER_RESTART_MAX; i++, wait_ms *= 2) {
		supervise_event(&w, WORKER_READY, now);
		ck_assert_int_eq(supervise_death(&w, now), WORKER_NOTHING);
		ck_assert_int_eq(w.state, WORKER_WAITING);
		ck_assert_uint_eq(w.deadline_ns, now + wait_ms * CLOCK_MS_NS);
		now = w.deadline_ns;
		ck_assert_int_eq(supervise_event(&w, WORKER_TIMEOUT, now), WORKER_SPAWN);
	}
	ck_assert_int_eq(supervise_death(&w, now), WORKER_REPORT);
	ck_assert_int_eq(w.state, WORKER_FAILED);
}
END_TEST

START_TEST(deaths_that_are_far_apart_are_no_crash_loop)
{
	uint64_t now = 0;

	supervise_init(&w, "w", WORKER_RESTART, 1000);
	supervise_event(&w, WORKER_START, now);
	for (unsigned i = 0; i < 3 * WORKER_RESTART_MAX; i++) {
		supervise_event(&w, WORKER_READY, now);
		ck_assert_int_eq(supervise_death(&w, now), WORKER_NOTHING);
		ck_assert_uint_eq(w.deadline_ns, now + WORKER_BACKOFF_FIRST_MS * CLOCK_MS_NS);
		supervise_event(&w, WORKER_TIMEOUT, w.deadline_ns);
		now += (WORKER_RESTART_WINDOW_MS + 1) * CLOCK_MS_NS;
	}
}
END_TEST

START_TEST(a_stop_asks_then_kills_and_ends_down)
{
	supervise_init(&w, "w", WORKER_RESTART, 1000);
	supervise_event(&w, WORKER_START, 0);
	supervise_event(&w, WORKER_READY, 0);
	ck_assert_int_eq(supervise_event(&w, WORKER_STOP, 0), WORKER_ASK);
	ck_assert_int_eq(supervise_event(&w, WORKER_TIMEOUT, w.deadline_ns), WORKER_KILL);
	ck_assert_int_eq(supervise_death(&w, 0), WORKER_NOTHING);
	ck_assert_int_eq(w.state, WORKER_DOWN);
}
END_TEST

START_TEST(no_sequence_of_events_leaves_the_table)
{
	unsigned seed = 1;

	supervise_init(&w, "w", WORKER_RESTART, 1000);
	for (unsigned i = 0; i < 20000; i++) {
		seed = seed * 1103515245 + 12345;
		if (i % 50 == 0)
			supervise_init(&w, "w", WORKER_RESTART, 1000);
		if ((seed >> 16) % 7 == 6)
			supervise_death(&w, i * CLOCK_MS_NS);
		else
			supervise_event(&w, (enum worker_event)((seed >> 16) % 7), i * CLOCK_MS_NS);
		ck_assert_uint_lt(w.state, WORKER_STATE_COUNT);
		/* Whoever waits for something has a limit. */
		if (w.state == WORKER_STARTING || w.state == WORKER_STOPPING || w.state == WORKER_KILLING ||
		    w.state == WORKER_WAITING)
			ck_assert_uint_ne(w.deadline_ns, 0);
	}
}
END_TEST

Suite *suite_supervise(void)
{
	Suite *s = suite_create("supervise");
	TCase *c = tcase_create("table");

	tcase_add_test(c, a_worker_starts_and_runs);
	tcase_add_test(c, the_death_of_a_fatal_worker_is_reported_and_final);
	tcase_add_test(c, a_worker_that_does_not_start_in_time_is_killed);
	tcase_add_test(c, a_process_that_survives_its_kill_is_reported);
	tcase_add_test(c, a_restartable_worker_waits_longer_each_time_and_gives_up_in_a_crash_loop);
	tcase_add_test(c, deaths_that_are_far_apart_are_no_crash_loop);
	tcase_add_test(c, a_stop_asks_then_kills_and_ends_down);
	tcase_add_test(c, no_sequence_of_events_leaves_the_table);
	suite_add_tcase(s, c);
	return s;
}
