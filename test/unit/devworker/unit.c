/*
 * Unit tests of a device worker as a unit of the inspect tree: the real loop in a thread, the VM worker's
 * end of its link and the server's end of its unit here. What the server asks is hostile.
 */
#include "runtime/dev/serial16550.h"
#include "runtime/devworker/host.h"
#include "runtime/lib/clock.h"
#include "runtime/lib/inspect_unit.h"
#include "common/inspect/view.h"
#include "test/unit/paravisor/ask_badly.h"

#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

Suite *suite_device_unit(void);

#define LIMIT_MS 20000
#define SCRATCH 7 /* a register that keeps what is written */

static struct devhost host; /* the thread's, once it runs */
static struct serial16550 device;
static struct devlink_end vm;
static struct inspect_unit unit;
static uint8_t *shared;
static pthread_t worker;
static int ended;

static void *work(void *context)
{
	ended = devhost_run(&host);
	return NULL;
}

static uint64_t access_device(uint32_t op, uint64_t value)
{
	const struct devipc_request q = { .op = op, .offset = SCRATCH, .size = 1, .value = value,
		.room = 4096 };
	struct devipc_answer a;

	ck_assert_int_eq(devlink_ask(&vm, &q, LIMIT_MS), 0);
	ck_assert_int_eq(devipc_take_reply(shared, &q, &a), 0);
	return a.reply.value;
}

static void setup(void)
{
	int ours[DEVLINK_FDS], its[DEVLINK_FDS], pair[2];

	shared = mmap(NULL, DEVIPC_SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert(shared != MAP_FAILED);
	ck_assert_int_eq(devlink_make(ours, its), 0);
	ck_assert_int_eq(channel_pair(pair), 0);
	devhost_init(&host, &serial16550_model, &device);
	devlink_asker(&vm, ours, shared);
	devlink_answerer(&host.end, its, shared);
	serial16550_init(&device, &host.env);
	host.unit = pair[0];
	unit = (struct inspect_unit){ .fd = pair[1] };
	ck_assert_int_eq(pthread_create(&worker, NULL, work, NULL), 0);
	access_device(DEVIPC_WRITE, 0x5a);
}

static void teardown(void)
{
	devlink_drop(&vm);
	pthread_join(worker, NULL);
	ck_assert_int_eq(ended, VL_E_CLOSED);
	if (host.unit >= 0)
		close(host.unit);
	close(unit.fd);
	devlink_drop(&host.end);
	munmap(shared, DEVIPC_SHARED_BYTES);
}

static struct inspect_node ask(const char *path, enum inspect_level level)
{
	static struct inspect_unit_answer a;
	const struct inspect_request q = { .path = path, .depth = INSPECT_ALL, .level = level };
	struct inspect_node n;
	size_t size;

	ck_assert_int_eq(inspect_unit_ask(&unit, &q, "", clock_deadline(LIMIT_MS), &a, &size), 0);
	ck_assert_int_eq(inspect_node_read(a.node, size, &n), 0);
	return n;
}

START_TEST(the_answer_has_the_registers_of_the_device_and_who_may_not_see_them_gets_counts)
{
	struct inspect_node n = ask("registers/scr", INSPECT_SENSITIVE);

	ck_assert_uint_eq(n.kind, INSPECT_NODE_VALUE);
	ck_assert_uint_eq(n.value.u64, 0x5a);
	access_device(DEVIPC_WRITE, 0xa5);
	ck_assert_uint_eq(ask("registers/scr", INSPECT_SENSITIVE).value.u64, 0xa5);
	ck_assert_uint_eq(ask("registers", INSPECT_SAFE).error, INSPECT_NOT_FOUND);
	ck_assert_uint_eq(ask("requests", INSPECT_SAFE).value.u64, 2);
	ck_assert_int_eq(memcmp(ask("model", INSPECT_SAFE).value.bytes, "serial16550", 11), 0);
}
END_TEST

START_TEST(a_question_that_is_none_closes_the_unit_and_the_device_goes_on)
{
	ask_badly(unit.fd, (unsigned)_i, LIMIT_MS);
	ck_assert_uint_eq(access_device(DEVIPC_READ, 0), 0x5a);
}
END_TEST

static _Atomic bool enough;

static void *access_without_end(void *context)
{
	while (!enough)
		access_device(DEVIPC_READ, 0);
	return NULL;
}

START_TEST(a_guest_that_never_lets_go_of_the_device_does_not_silence_the_unit)
{
	pthread_t guest;

	ck_assert_int_eq(pthread_create(&guest, NULL, access_without_end, NULL), 0);
	for (unsigned i = 0; i < 20; i++)
		ck_assert_uint_eq(ask("registers/scr", INSPECT_SENSITIVE).value.u64, 0x5a);
	enough = true;
	pthread_join(guest, NULL);
}
END_TEST

Suite *suite_device_unit(void)
{
	Suite *s = suite_create("device_unit");
	TCase *t = tcase_create("a device worker in the inspect tree");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_answer_has_the_registers_of_the_device_and_who_may_not_see_them_gets_counts);
	tcase_add_loop_test(t, a_question_that_is_none_closes_the_unit_and_the_device_goes_on, 0,
		VL_ARRAY_COUNT(bad_questions));
	tcase_add_test(t, a_guest_that_never_lets_go_of_the_device_does_not_silence_the_unit);
	suite_add_tcase(s, t);
	return s;
}
