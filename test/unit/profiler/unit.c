/*
 * The profiler as a unit of the inspect tree: its wait between two looks at the rings, with a thread in the
 * diagnostics server's place, which is not trusted.
 */
#include "runtime/lib/clock.h"
#include "runtime/profiler/unit.h"
#include "test/unit/paravisor/ask.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

Suite *suite_profiler_unit(void);

#define LIMIT_MS 20000u

static struct profiler_request request;
static struct sampler sampler;
static struct stacks stacks;
static struct profiler_unit profiler = { .request = &request, .sampler = &sampler, .stacks = &stacks };
static struct inspect_unit server;
static int control[2];

static void setup(void)
{
	int pair[2];

	ck_assert_int_eq(channel_pair(pair), 0);
	ck_assert_int_eq(channel_pair(control), 0);
	profiler.fd = pair[0];
	server = (struct inspect_unit){ .fd = pair[1] };
}

static struct inspect_node shown(const char *path)
{
	const struct inspect_request q = { .path = path, .level = INSPECT_SAFE };

	return ask_tree(profiler_inspect, &profiler, &q);
}

START_TEST(samples_clock_and_time_left_are_shown)
{
	request = (struct profiler_request){ .seconds = 5, .hertz = 99, .process_count = 3 };
	sampler.cpu_count = 2;
	stacks.samples = 70;
	stacks.lost = 1;
	stacks.count = 7;
	profiler.end_ns = clock_deadline(4000);
	ck_assert_uint_eq(shown("seconds").value.u64, 5);
	ck_assert_uint_eq(shown("hertz").value.u64, 99);
	ck_assert_uint_eq(shown("cpus").value.u64, 2);
	ck_assert_uint_eq(shown("processes").value.u64, 3);
	ck_assert_uint_eq(shown("samples").value.u64, 70);
	ck_assert_uint_eq(shown("lost").value.u64, 1);
	ck_assert_uint_eq(shown("stacks").value.u64, 7);
	ck_assert_uint_gt(shown("ms-left").value.u64, 0);
	ck_assert_uint_le(shown("ms-left").value.u64, 4000);
	ck_assert_int_eq(memcmp(shown("clock").value.bytes, "software", 8), 0);
	sampler.hardware = true;
	ck_assert_int_eq(memcmp(shown("clock").value.bytes, "cycles", 6), 0);
	profiler.end_ns = 1;
	ck_assert_uint_eq(shown("ms-left").value.u64, 0);
}
END_TEST

static void *ask_and_hang_up(void *context)
{
	static const struct inspect_request q = { .path = "samples", .level = INSPECT_SAFE };
	static struct inspect_unit_answer a;
	struct inspect_node n;
	size_t size;

	ck_assert_int_eq(inspect_unit_ask(&server, &q, "", clock_deadline(LIMIT_MS), &a, &size), 0);
	ck_assert_int_eq(inspect_node_read(a.node, size, &n), 0);
	ck_assert_uint_eq(n.value.u64, stacks.samples);
	close(control[1]);
	return NULL;
}

START_TEST(who_asks_is_answered_in_the_wait_and_the_starters_end_is_seen_at_once)
{
	pthread_t thread;

	stacks.samples = 4711;
	ck_assert_int_eq(pthread_create(&thread, NULL, ask_and_hang_up, NULL), 0);
	ck_assert_int_eq(profiler_wait(&profiler, control[0], UINT64_MAX), VL_E_CLOSED);
	pthread_join(thread, NULL);
}
END_TEST

static void *ask_without_end(void *context)
{
	const struct inspect_unit_request q = { .id = 1, .level = INSPECT_SAFE };

	while (channel_send(server.fd, &q, sizeof(q), NULL, 0, (int)LIMIT_MS) == 0)
		;
	return NULL;
}

START_TEST(the_wait_ends_with_its_time_however_many_ask)
{
	uint64_t until_ns = clock_deadline(100);
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, ask_without_end, NULL), 0);
	ck_assert_int_eq(profiler_wait(&profiler, control[0], until_ns), 0);
	ck_assert_uint_ge(clock_boot_ns(), until_ns);
	close(profiler.fd);
	pthread_join(thread, NULL);
}
END_TEST

START_TEST(who_asks_badly_is_not_heard_any_more_and_the_wait_goes_on)
{
	uint64_t until_ns = clock_deadline(50);
	uint8_t byte;
	struct channel_message m = { .data = &byte, .capacity = sizeof(byte) };

	ck_assert_int_eq(channel_send(server.fd, "garbage", 7, NULL, 0, (int)LIMIT_MS), 0);
	ck_assert_int_eq(profiler_wait(&profiler, control[0], until_ns), 0);
	ck_assert_uint_ge(clock_boot_ns(), until_ns);
	ck_assert_int_eq(profiler.fd, -1);
	ck_assert_int_eq(channel_receive(server.fd, &m, 0), VL_E_CLOSED);
}
END_TEST

Suite *suite_profiler_unit(void)
{
	Suite *s = suite_create("profiler_unit");
	TCase *c = tcase_create("the profiler in the inspect tree");

	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, samples_clock_and_time_left_are_shown);
	tcase_add_test(c, who_asks_is_answered_in_the_wait_and_the_starters_end_is_seen_at_once);
	tcase_add_test(c, the_wait_ends_with_its_time_however_many_ask);
	tcase_add_test(c, who_asks_badly_is_not_heard_any_more_and_the_wait_goes_on);
	suite_add_tcase(s, c);
	return s;
}
