/*
 * Unit tests of a device worker's link: who is woken when, what the other end can
 * do with the bells, and how its death is seen. Both ends are this process's; one
 * that would block runs into the test's limit.
 */
#include "runtime/lib/devlink.h"
#include "runtime/lib/channel.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

Suite *suite_devlink(void);

#define HOUR_MS 3600000u
#define BELL_FULL (UINT64_MAX - 1) /* eventfd(2): the counter can have no more */

static uint8_t *shared;
static struct devlink_end asker, answerer;
static const struct devipc_request question = { .op = DEVIPC_READ, .size = 4 };
static const struct devipc_reply reply = { .kind = DEVIPC_ANSWER, .value = 42 };

static void setup(void)
{
	int ours[DEVLINK_FDS], its[DEVLINK_FDS];

	shared = calloc(1, DEVIPC_SHARED_BYTES);
	ck_assert_ptr_nonnull(shared);
	ck_assert_int_eq(devlink_make(ours, its), 0);
	devlink_asker(&asker, ours, shared);
	devlink_answerer(&answerer, its, shared);
}

static void teardown(void)
{
	devlink_drop(&asker);
	devlink_drop(&answerer);
	free(shared);
}

static bool rings(int bell)
{
	struct pollfd f = { .fd = bell, .events = POLLIN };

	ck_assert_int_ge(poll(&f, 1, 0), 0);
	return f.revents & POLLIN;
}

static void fill(int bell)
{
	const uint64_t full = BELL_FULL;

	ck_assert_int_eq(write(bell, &full, sizeof(full)), sizeof(full));
}

/* As the answering end's loop, until it has something to take. */
static void wake_and_take(void)
{
	struct devipc_request q;
	struct pollfd f[DEVLINK_POLL];

	while (!devlink_pending(&answerer)) {
		devlink_poll(&answerer, f);
		ck_assert_int_ge(poll(f, DEVLINK_POLL, -1), 0);
		ck_assert_int_eq(devlink_woken(&answerer, f), 0);
	}
	ck_assert_int_eq(devlink_take(&answerer, &q), 0);
	ck_assert_uint_eq(q.op, DEVIPC_READ);
}

static void *ask(void *context)
{
	*(int *)context = devlink_ask(&asker, &question, HOUR_MS);
	return NULL;
}

/* An asking end that sleeps in a thread. */
static pthread_t ask_and_sleep(int *result)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, ask, result), 0);
	while (!atomic_load(&asker.mail->asker_sleeps))
		sched_yield();
	return thread;
}

START_TEST(an_end_that_sleeps_is_rung_and_answers)
{
	int result = 1;
	pthread_t thread = ask_and_sleep(&result);

	ck_assert(rings(answerer.bell)); /* it slept from the beginning */
	wake_and_take();
	ck_assert(!rings(answerer.bell));
	ck_assert_int_eq(devlink_answer(&answerer, &reply, NULL), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(result, 0);
	ck_assert_uint_eq(asker.mail->reply.value, 42);
}
END_TEST

START_TEST(an_end_that_looks_is_not_rung)
{
	ck_assert_int_eq(devlink_ask(&asker, &question, 1), VL_E_TIMEOUT);
	wake_and_take();
	atomic_store(&asker.mail->asker_sleeps, 0);
	ck_assert_int_eq(devlink_answer(&answerer, &reply, NULL), 0);
	ck_assert(!rings(asker.bell));
}
END_TEST

START_TEST(a_worker_looks_at_nothing_before_it_is_rung)
{
	atomic_store(&asker.mail->asked, 1); /* its predecessor's */
	ck_assert(!devlink_pending(&answerer));
}
END_TEST

START_TEST(a_bell_that_is_full_rings_already_and_blocks_nobody)
{
	fill(answerer.bell);
	fill(asker.bell);
	ck_assert_int_eq(devlink_ask(&asker, &question, 1), VL_E_TIMEOUT);
	wake_and_take();
	fill(asker.bell);
	atomic_store(&asker.mail->asker_sleeps, 1);
	ck_assert_int_eq(devlink_answer(&answerer, &reply, NULL), 0);
	ck_assert(rings(asker.bell));
}
END_TEST

START_TEST(a_bell_that_the_other_end_silences_blocks_nobody)
{
	struct pollfd f[DEVLINK_POLL];
	uint64_t times;

	ck_assert_int_eq(devlink_ask(&asker, &question, 1), VL_E_TIMEOUT);
	devlink_poll(&answerer, f);
	ck_assert_int_eq(poll(f, DEVLINK_POLL, 0), 1);
	ck_assert_int_eq(read(asker.other, &times, sizeof(times)), sizeof(times));
	ck_assert_int_eq(devlink_woken(&answerer, f), 0);
	ck_assert(devlink_pending(&answerer));
}
END_TEST

static _Atomic bool enough;

static void *ring_without_end(void *context)
{
	const uint64_t one = 1;

	while (!enough)
		ck_assert(write(answerer.other, &one, sizeof(one)) >= 0 || errno == EAGAIN);
	return NULL;
}

START_TEST(who_rings_without_end_and_does_not_answer_breaks_the_rules)
{
	pthread_t thread;

	enough = false;
	ck_assert_int_eq(pthread_create(&thread, NULL, ring_without_end, NULL), 0);
	ck_assert_int_eq(devlink_ask(&asker, &question, HOUR_MS), VL_E_PROTOCOL);
	enough = true;
	pthread_join(thread, NULL);
}
END_TEST

START_TEST(what_is_sent_on_the_link_wakes_nobody)
{
	struct pollfd f[DEVLINK_POLL];

	ck_assert_int_eq(channel_send(answerer.link, "abc", 3, NULL, 0, 0), 0);
	ck_assert_int_eq(channel_send(asker.link, "abc", 3, NULL, 0, 0), 0);
	ck_assert_int_eq(devlink_ask(&asker, &question, 1), VL_E_TIMEOUT);
	wake_and_take();
	devlink_poll(&answerer, f);
	ck_assert_int_eq(poll(f, DEVLINK_POLL, 0), 0);
}
END_TEST

START_TEST(the_death_of_the_worker_is_seen_at_once_by_who_waits_and_by_who_comes)
{
	int result = 1;

	if (_i == 0) {
		pthread_t thread = ask_and_sleep(&result);

		devlink_drop(&answerer);
		pthread_join(thread, NULL);
	} else {
		devlink_drop(&answerer);
		result = devlink_ask(&asker, &question, HOUR_MS);
	}
	ck_assert_int_eq(result, VL_E_CLOSED);
}
END_TEST

START_TEST(the_death_of_the_vm_worker_is_seen_at_once_by_who_waits)
{
	struct devipc_request q;
	struct pollfd f[DEVLINK_POLL];

	devlink_drop(&asker);
	ck_assert_int_eq(devlink_next(&answerer, &q, HOUR_MS), VL_E_CLOSED);
	devlink_poll(&answerer, f);
	ck_assert_int_eq(poll(f, DEVLINK_POLL, -1), 1);
	ck_assert_int_eq(devlink_woken(&answerer, f), VL_E_CLOSED);
}
END_TEST

START_TEST(who_answered_and_died_has_answered)
{
	int result = 1;
	pthread_t thread = ask_and_sleep(&result);

	wake_and_take();
	ck_assert_int_eq(devlink_answer(&answerer, &reply, NULL), 0);
	devlink_drop(&answerer);
	pthread_join(thread, NULL);
	ck_assert_int_eq(result, 0);
}
END_TEST

Suite *suite_devlink(void)
{
	Suite *s = suite_create("devlink");
	TCase *t = tcase_create("link");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_end_that_sleeps_is_rung_and_answers);
	tcase_add_test(t, an_end_that_looks_is_not_rung);
	tcase_add_test(t, a_worker_looks_at_nothing_before_it_is_rung);
	tcase_add_test(t, a_bell_that_is_full_rings_already_and_blocks_nobody);
	tcase_add_test(t, a_bell_that_the_other_end_silences_blocks_nobody);
	tcase_add_test(t, who_rings_without_end_and_does_not_answer_breaks_the_rules);
	tcase_add_test(t, what_is_sent_on_the_link_wakes_nobody);
	tcase_add_loop_test(t, the_death_of_the_worker_is_seen_at_once_by_who_waits_and_by_who_comes, 0, 2);
	tcase_add_test(t, the_death_of_the_vm_worker_is_seen_at_once_by_who_waits);
	tcase_add_test(t, who_answered_and_died_has_answered);
	suite_add_tcase(s, t);
	return s;
}
