/* The supervision table, without processes. */
#include "runtime/paravisor/supervise.h"
#include "runtime/lib/clock.h"

#include <check.h>

Suite *suite_supervise(void);

#define SECOND 1000000000ull

static const struct worker_rule fatal = { "w", "w", WORKER_FATAL, true, 1000, 10000, 0, 0, 0 };
static const struct worker_rule restart = { "w", "w", WORKER_RESTART, true, 1000, 10000, 5, 60000, 100 };
static struct worker w;

START_TEST(a_worker_starts_and_runs)
{
	supervise_init(&w, &fatal);
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
	supervise_init(&w, &fatal);
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
	supervise_init(&w, &fatal);
	supervise_event(&w, WORKER_START, 0);
	ck_assert_int_eq(supervise_event(&w, WORKER_TIMEOUT, SECOND), WORKER_KILL);
	ck_assert_int_eq(w.state, WORKER_KILLING);
	ck_assert_uint_ne(w.deadline_ns, 0);
	ck_assert_int_eq(supervise_death(&w, SECOND), WORKER_REPORT);
}
END_TEST

START_TEST(a_running_worker_that_is_wrong_is_killed_and_starts_again)
{
	supervise_init(&w, &restart);
	supervise_event(&w, WORKER_START, 0);
	supervise_event(&w, WORKER_READY, 0);
	ck_assert_int_eq(supervise_event(&w, WORKER_WRONG, 0), WORKER_KILL);
	ck_assert_int_eq(supervise_event(&w, WORKER_WRONG, 0), WORKER_NOTHING);
	ck_assert_int_eq(supervise_death(&w, 1), WORKER_NOTHING);
	ck_assert_int_eq(w.state, WORKER_WAITING);
	ck_assert_int_eq(supervise_event(&w, WORKER_TIMEOUT, w.deadline_ns), WORKER_SPAWN);
	ck_assert_uint_eq(w.starts, 2);
	ck_assert_uint_eq(w.kills, 1);
	ck_assert_uint_eq(w.deaths_ever, 1);
}
END_TEST

START_TEST(every_worker_has_a_rule_with_limits)
{
	for (unsigned i = 0; i < WORKER_ID_COUNT; i++) {
		const struct worker_rule *r = &supervise_rules[i];

		ck_assert_ptr_nonnull(r->name);
		ck_assert_ptr_nonnull(r->program);
		/* a profile says itself how long it takes */
		ck_assert(i == WORKER_PROFILER || r->start_limit_ms);
		ck_assert_uint_gt(r->stop_limit_ms, 0);
		if (r->policy == WORKER_RESTART)
			ck_assert(r->death_max > 0 && r->window_ms > 0 && r->backoff_ms > 0);
	}
}
END_TEST

START_TEST(a_process_that_survives_its_kill_is_reported)
{
	supervise_init(&w, &restart);
	supervise_event(&w, WORKER_START, 0);
	supervise_event(&w, WORKER_TIMEOUT, SECOND);
	ck_assert_int_eq(supervise_event(&w, WORKER_TIMEOUT, 20 * SECOND), WORKER_REPORT);
	ck_assert_int_eq(w.state, WORKER_FAILED);
}
END_TEST

START_TEST(a_restartable_worker_waits_longer_each_time_and_gives_up_in_a_crash_loop)
{
	uint64_t now = 0, wait_ms = restart.backoff_ms;

	supervise_init(&w, &restart);
	supervise_event(&w, WORKER_START, now);
	for (unsigned i = 0; i < restart.death_max; i++, wait_ms *= 2) {
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

	supervise_init(&w, &restart);
	supervise_event(&w, WORKER_START, now);
	for (unsigned i = 0; i < 3 * restart.death_max; i++) {
		supervise_event(&w, WORKER_READY, now);
		ck_assert_int_eq(supervise_death(&w, now), WORKER_NOTHING);
		ck_assert_uint_eq(w.deadline_ns, now + restart.backoff_ms * CLOCK_MS_NS);
		supervise_event(&w, WORKER_TIMEOUT, w.deadline_ns);
		now += (restart.window_ms + 1) * CLOCK_MS_NS;
	}
}
END_TEST

START_TEST(a_stop_asks_then_kills_and_ends_down)
{
	supervise_init(&w, &restart);
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

	supervise_init(&w, &restart);
	for (unsigned i = 0; i < 20000; i++) {
		seed = seed * 1103515245 + 12345;
		if (i % 50 == 0)
			supervise_init(&w, &restart);
		if ((seed >> 16) % 8 == 7)
			supervise_death(&w, i * CLOCK_MS_NS);
		else
			supervise_event(&w, (enum worker_event)((seed >> 16) % 8), i * CLOCK_MS_NS);
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
	tcase_add_test(c, a_running_worker_that_is_wrong_is_killed_and_starts_again);
	tcase_add_test(c, every_worker_has_a_rule_with_limits);
	tcase_add_test(c, a_process_that_survives_its_kill_is_reported);
	tcase_add_test(c, a_restartable_worker_waits_longer_each_time_and_gives_up_in_a_crash_loop);
	tcase_add_test(c, deaths_that_are_far_apart_are_no_crash_loop);
	tcase_add_test(c, a_stop_asks_then_kills_and_ends_down);
	tcase_add_test(c, no_sequence_of_events_leaves_the_table);
	suite_add_tcase(s, c);
	return s;
}
