/*
 * Unit tests of a device in a worker of its own (runtime/vm/remote.c): workers
 * that answer, die at any point, hang or lie. The workers are threads of the
 * test that host a device whose value is the sum of what was written to it.
 */
#include "common/device/units.h"
#include "runtime/lib/channel.h"
#include "runtime/vm/remote.h"

#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

Suite *suite_remote(void);

/* --- A worker --------------------------------------------------------------------- */

enum behaviour { HONEST, HANGS, LIES_ABOUT_SIZE, LIES_ABOUT_SLOT, COUNTS_WRONG, REFUSES_RESTORE };

struct fake_worker {
	int link;
	enum behaviour behaviour;
	unsigned die_before; /* dies instead of serving the request with this number; 0: never */
	unsigned die_after;  /* serves it and dies without an answer */
	uint8_t *shared;
	uint64_t sum;
	unsigned served, slot;
	bool dirty;
	pthread_t thread;
};

static void leave_checkpoint(struct fake_worker *w, struct devlink_reply *a)
{
	memcpy(w->shared + w->slot * DEVLINK_SLOT_BYTES, &w->sum, sizeof(w->sum));
	a->slot = w->slot;
	a->checkpoint_bytes = sizeof(w->sum);
	w->slot ^= 1;
	w->dirty = false;
}

static void act(struct fake_worker *w, const struct devlink_request *q, struct devlink_reply *a)
{
	switch (q->op) {
	case DEVLINK_READ: a->value = w->sum; break;
	case DEVLINK_WRITE:
		w->sum += q->value;
		w->dirty = w->sum % 8 == 0;
		break;
	case DEVLINK_RESET: w->sum = 0; break;
	case DEVLINK_SAVE: leave_checkpoint(w, a); break;
	case DEVLINK_RESTORE:
		memcpy(&w->sum, w->shared + q->offset * DEVLINK_SLOT_BYTES, sizeof(w->sum));
		w->slot = (unsigned)q->offset ^ 1;
		a->error = w->behaviour == REFUSES_RESTORE ? VL_E_VERSION : 0;
		break;
	}
}

static void *work(void *context)
{
	struct fake_worker *w = context;
	struct devlink_end end;

	devlink_answerer(&end, w->link, w->shared);
	for (;;) {
		struct devlink_request q;
		struct devlink_reply a = { 0 };
		struct pollfd p = { .fd = w->link, .events = POLLIN };

		if (!devlink_pending(&end)) {
			if (poll(&p, 1, -1) < 0 || devlink_doorbell(&end))
				break;
			continue;
		}
		if (devlink_take(&end, &q) || ++w->served == w->die_before)
			break;
		if (w->behaviour == HANGS) {
			while (devlink_doorbell(&end) == 0)
				poll(&p, 1, -1);
			break;
		}
		if (w->dirty && q.op != DEVLINK_RESTORE)
			leave_checkpoint(w, &a);
		act(w, &q, &a);
		if (w->served == w->die_after)
			break;
		if (w->behaviour == LIES_ABOUT_SIZE)
			a.checkpoint_bytes = DEVLINK_SLOT_BYTES + 1;
		if (w->behaviour == LIES_ABOUT_SLOT)
			a.slot = DEVLINK_SLOT_COUNT;
		end.count += w->behaviour == COUNTS_WRONG;
		if (devlink_answer(&end, &a, -1))
			break;
	}
	close(w->link);
	return NULL;
}

/* --- The paravisor's part ------------------------------------------------------------- */

#define WORKERS_MAX 64

static struct remote r;
static struct fake_worker workers[WORKERS_MAX];
static unsigned worker_count;
static int supply[2];
static uint8_t *shared;

static void setup(void)
{
	memset(workers, 0, sizeof(workers));
	worker_count = 0;
	shared = mmap(NULL, DEVLINK_SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert(shared != MAP_FAILED);
	ck_assert_int_eq(channel_pair(supply), 0);
	remote_init(&r, "fake", supply[1], shared);
	r.limit_ms = 300;
}

/* One more worker is ready to be taken. */
static struct fake_worker *add(enum behaviour behaviour)
{
	struct fake_worker *w = &workers[worker_count++];
	uint8_t byte = 0;
	int link[2];

	ck_assert_int_eq(channel_pair(link), 0);
	w->link = link[0];
	w->shared = shared;
	w->behaviour = behaviour;
	ck_assert_int_eq(channel_send(supply[0], &byte, 1, &link[1], 1, 1000), 0);
	close(link[1]);
	return w;
}

static void go(struct fake_worker *w)
{
	ck_assert_int_eq(pthread_create(&w->thread, NULL, work, w), 0);
}

static void teardown(void)
{
	if (r.end.link >= 0)
		close(r.end.link);
	close(supply[0]);
	close(supply[1]);
	for (unsigned i = 0; i < worker_count; i++)
		if (workers[i].thread)
			pthread_join(workers[i].thread, NULL);
	munmap(shared, DEVLINK_SHARED_BYTES);
}

static void write_sum(uint64_t n) { remote_model.write(&r, 0, 0, 8, n); }
static uint64_t read_sum(void) { return remote_model.read(&r, 0, 0, 8); }

START_TEST(an_access_goes_to_the_worker_and_back)
{
	go(add(HONEST));
	remote_model.reset(&r);
	write_sum(5);
	write_sum(6);
	ck_assert_uint_eq(read_sum(), 11);
	ck_assert_uint_eq(r.replaced, 0);
}
END_TEST

/* _i: the request in which the first worker dies; every later one dies a little further on. */
START_TEST(a_worker_may_die_in_any_request_and_nothing_is_lost_or_done_twice)
{
	uint64_t expected = 0;

	for (unsigned n = 0; n < 40; n++) {
		struct fake_worker *w = add(HONEST);

		if (_i & 1)
			w->die_before = 1 + (unsigned)_i / 2 + 7 * n;
		else
			w->die_after = 1 + (unsigned)_i / 2 + 7 * n;
		go(w);
	}
	remote_model.reset(&r);
	for (uint64_t i = 1; i <= 100; i++) {
		write_sum(i % 5 + 1);
		expected += i % 5 + 1;
		ck_assert_uint_eq(read_sum(), expected);
	}
	ck_assert_uint_gt(r.replaced, 0);
}
END_TEST

/* A worker as a process of its own. */
static pid_t add_process(void)
{
	struct fake_worker *w = add(HONEST);
	pid_t pid = fork();

	worker_count--; /* none of teardown()'s */
	if (pid == 0) {
		work(w);
		_exit(0);
	}
	ck_assert_int_gt(pid, 0);
	close(w->link);
	return pid;
}

START_TEST(a_hundred_worker_processes_are_killed_between_accesses_and_nothing_is_lost)
{
	pid_t pid = add_process();
	uint64_t expected = 0;

	r.limit_ms = 10000;
	remote_model.reset(&r);
	for (unsigned i = 0; i < 500; i++) {
		if (i % 5 == 4) {
			ck_assert_int_eq(kill(pid, SIGKILL), 0);
			ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
			pid = add_process();
		}
		write_sum(i % 7);
		expected += i % 7;
		ck_assert_uint_eq(read_sum(), expected);
	}
	ck_assert_uint_eq(r.replaced, 100);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
END_TEST

START_TEST(a_worker_that_hangs_is_complained_about_and_replaced)
{
	struct devlink_complaint c = { 0 };
	struct channel_message m = { .data = &c, .capacity = sizeof(c) };

	go(add(HANGS));
	go(add(HONEST));
	remote_model.reset(&r);
	write_sum(3);
	ck_assert_uint_eq(read_sum(), 3);
	ck_assert_uint_eq(r.replaced, 1);
	ck_assert_int_eq(channel_receive(supply[0], &m, 0), 0);
	ck_assert_uint_eq(c.magic, DEVLINK_COMPLAINT);
}
END_TEST

START_TEST(a_worker_that_breaks_the_protocol_is_replaced)
{
	static const enum behaviour kinds[] = { LIES_ABOUT_SIZE, LIES_ABOUT_SLOT, COUNTS_WRONG };

	go(add(kinds[_i]));
	go(add(HONEST));
	remote_model.reset(&r);
	write_sum(3);
	ck_assert_uint_eq(read_sum(), 3);
	ck_assert_uint_eq(r.replaced, 1);
}
END_TEST

START_TEST(without_a_worker_the_guest_reads_ones)
{
	struct fake_worker *w = add(HONEST);

	w->die_before = 3;
	go(w);
	remote_model.reset(&r);
	write_sum(3);
	r.supply_limit_ms = 50;
	ck_assert_uint_eq(read_sum(), ~0ull);
	write_sum(1); /* dropped, at once */
	ck_assert_uint_eq(read_sum(), ~0ull);
}
END_TEST

START_TEST(workers_that_all_refuse_the_checkpoint_are_given_up)
{
	struct fake_worker *w = add(HONEST);

	w->die_before = 5;
	go(w);
	remote_model.reset(&r);
	write_sum(8);
	ck_assert_uint_eq(read_sum(), 8); /* with a checkpoint in the answer */
	for (unsigned i = 0; i < 20; i++)
		go(add(REFUSES_RESTORE));
	ck_assert_uint_eq(read_sum(), 8);
	ck_assert_uint_eq(read_sum(), ~0ull);
	ck_assert_uint_le(r.replaced, 17);
}
END_TEST

START_TEST(a_long_journal_ends_in_a_checkpoint)
{
	go(add(HONEST));
	remote_model.reset(&r);
	write_sum(1);
	for (unsigned i = 0; i < REMOTE_JOURNAL_MAX + 10; i++)
		read_sum();
	ck_assert_uint_lt(r.journal_count, 20);
	ck_assert_uint_eq(r.checkpoint_bytes, 8);
}
END_TEST

START_TEST(a_saved_device_is_restored_into_another_worker)
{
	static uint8_t stream[4096];
	const struct dev_instance device = { "fake", &remote_model, &r };
	struct state_writer w;
	struct state_stream s;
	int64_t size;

	go(add(HONEST));
	remote_model.reset(&r);
	write_sum(77);
	state_writer_init(&w, stream, sizeof(stream));
	units_save(&device, 1, &w);
	size = state_writer_finish(&w);
	ck_assert_int_gt(size, 0);
	close(r.end.link);
	remote_init(&r, "fake", supply[1], shared);
	go(add(HONEST));
	ck_assert_int_eq(state_stream_open(&s, stream, (size_t)size, NULL), 0);
	ck_assert_int_eq(units_restore(&device, 1, &s, NULL), 0);
	ck_assert_uint_eq(read_sum(), 77);
}
END_TEST

START_TEST(requests_that_make_no_sense_are_refused)
{
	struct devlink_request q = { .op = DEVLINK_READ, .size = 4 };

	ck_assert_int_eq(devlink_request_check(&q, sizeof(q)), 0);
	ck_assert_int_eq(devlink_request_check(&q, sizeof(q) - 1), VL_E_TRUNCATED);
	q.size = 3;
	ck_assert_int_eq(devlink_request_check(&q, sizeof(q)), VL_E_RANGE);
	q.op = 0;
	ck_assert_int_eq(devlink_request_check(&q, sizeof(q)), VL_E_TYPE);
	q.op = DEVLINK_OP_COUNT;
	ck_assert_int_eq(devlink_request_check(&q, sizeof(q)), VL_E_TYPE);
	q = (struct devlink_request){ .op = DEVLINK_RESTORE, .offset = DEVLINK_SLOT_COUNT };
	ck_assert_int_eq(devlink_request_check(&q, sizeof(q)), VL_E_RANGE);
	q = (struct devlink_request){ .op = DEVLINK_RESTORE, .value = DEVLINK_SLOT_BYTES + 1 };
	ck_assert_int_eq(devlink_request_check(&q, sizeof(q)), VL_E_RANGE);
}
END_TEST

Suite *suite_remote(void)
{
	Suite *s = suite_create("remote");
	TCase *t = tcase_create("a device in a worker");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_access_goes_to_the_worker_and_back);
	tcase_add_loop_test(t, a_worker_may_die_in_any_request_and_nothing_is_lost_or_done_twice, 0, 24);
	tcase_add_test(t, a_hundred_worker_processes_are_killed_between_accesses_and_nothing_is_lost);
	tcase_add_test(t, a_worker_that_hangs_is_complained_about_and_replaced);
	tcase_add_loop_test(t, a_worker_that_breaks_the_protocol_is_replaced, 0, 3);
	tcase_add_test(t, without_a_worker_the_guest_reads_ones);
	tcase_add_test(t, workers_that_all_refuse_the_checkpoint_are_given_up);
	tcase_add_test(t, a_long_journal_ends_in_a_checkpoint);
	tcase_add_test(t, a_saved_device_is_restored_into_another_worker);
	tcase_add_test(t, requests_that_make_no_sense_are_refused);
	suite_add_tcase(s, t);
	return s;
}
