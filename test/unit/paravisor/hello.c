/* Where a process's code lies, by its own word, and what that word can do to its last one: nothing. */
#include "runtime/lib/crash.h"
#include "runtime/lib/text.h"
#include "test/unit/paravisor/dying.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

Suite *suite_hello(void);

#define WAIT_MS 30000
#define BASE 0x7f0000001000u

static void say(uint32_t version, uint32_t reserved, uint64_t base, size_t size)
{
	const struct {
		struct text_hello hello;
		uint8_t more[16];
	} m = { { version, reserved, base }, { 0 } };

	ck_assert_int_eq(channel_send(other_end, &m, size, NULL, 0, 0), 0);
}

static void say_good(uint64_t base)
{
	say(TEXT_VERSION, 0, base, sizeof(struct text_hello));
}

static void say_last_word(void)
{
	static const struct crash_record r = { .version = CRASH_VERSION, .signal = SIGSEGV };

	ck_assert_int_eq(channel_send(other_end, &r, sizeof(r), NULL, 0, 0), 0);
	ck_assert_int_eq(channel_send(other_end, "stack", 5, NULL, 0, 0), 0);
}

/* What it left is read as its parent does when it reaps. */
static bool left_a_record(void)
{
	static uint8_t stack[CRASH_STACK_BYTES];
	struct crash_record r;
	size_t size;

	return crash_receive(worker.crash, &r, stack, &size) == 0 && r.signal == SIGSEGV && size == 5;
}

START_TEST(the_base_is_known_from_when_the_process_tells_it)
{
	ck_assert_uint_eq(process_text_base(&worker), 0);
	say_good(BASE);
	ck_assert_uint_eq(process_text_base(&worker), BASE);
	say_good(2 * (uint64_t)BASE); /* it cannot move */
	ck_assert_uint_eq(process_text_base(&worker), BASE);
}
END_TEST

static const struct {
	uint32_t version, reserved;
	uint64_t base;
	size_t size;
	bool record; /* is that of a process that sent this read? */
} hellos[] = {
	{ TEXT_VERSION, 0, BASE + 1, sizeof(struct text_hello), true },
	{ TEXT_VERSION, 0, 0, sizeof(struct text_hello), true },
	{ TEXT_VERSION + 1, 0, BASE, sizeof(struct text_hello), true },
	{ TEXT_VERSION, 1, BASE, sizeof(struct text_hello), true },
	{ TEXT_VERSION, 0, BASE, sizeof(struct text_hello) - 1, false },
	{ TEXT_VERSION, 0, BASE, sizeof(struct text_hello) + 1, false },
};

START_TEST(a_hello_that_is_none_names_nothing)
{
	say(hellos[_i].version, hellos[_i].reserved, hellos[_i].base, hellos[_i].size);
	say_last_word();
	ck_assert_uint_eq(process_text_base(&worker), 0);
	ck_assert_int_eq(left_a_record(), hellos[_i].record);
}
END_TEST

START_TEST(a_hello_with_descriptors_leaves_none_open)
{
	const struct text_hello hello = { TEXT_VERSION, 0, BASE };
	int next = open("/dev/null", O_RDONLY), again;

	ck_assert_int_eq(channel_send(other_end, &hello, sizeof(hello), &other_end, 1, 0), 0);
	close(next);
	ck_assert_uint_eq(process_text_base(&worker), BASE);
	again = open("/dev/null", O_RDONLY);
	ck_assert_int_eq(again, next);
	close(again);
}
END_TEST

START_TEST(a_last_word_is_read_whether_its_process_was_heard_before_or_not_or_said_nothing)
{
	if (_i)
		say_good(BASE);
	say_last_word();
	if (_i != 1)
		ck_assert_uint_eq(process_text_base(&worker), _i ? BASE : 0);
	ck_assert(left_a_record());
}
END_TEST

/* Waits until it is dead. */
static void start(unsigned hellos_more, bool crashes_then)
{
	struct pollfd f;

	worker.pid = fork();
	if (worker.pid == 0) {
		dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		dup2(other_end, CRASH_FD);
		crash_init();
		for (unsigned i = 0; i < hellos_more; i++)
			text_tell(CRASH_FD);
		if (crashes_then)
			raise(SIGSEGV);
		_exit(3);
	}
	worker.pidfd = (int)syscall(SYS_pidfd_open, worker.pid, 0);
	f = (struct pollfd){ worker.pidfd, POLLIN, 0 };
	ck_assert_int_eq(poll(&f, 1, WAIT_MS), 1);
}

/* 100000 are more than the channel holds: the process is not held up either. */
START_TEST(a_process_that_tells_its_base_too_often_loses_its_own_record_and_is_reaped_all_the_same)
{
	static const unsigned more[] = { 0, 1, 2, 100, 100000 };
	bool crash = _i % 2, record = crash && more[_i / 4] < 2;
	char how[80];

	start(more[_i / 4], crash);
	if (_i % 4 < 2)
		ck_assert_uint_eq(process_text_base(&worker), text_base());
	ck_assert_int_eq(process_reap(&worker, how, sizeof(how)), 0);
	ck_assert_str_eq(how, record ? "killed by signal 11" : crash ? "exit status 139" : "exit status 3");
	ck_assert_uint_eq(crashes.count, record);
	ck_assert_int_eq(worker.crash, -1);
	ck_assert_uint_eq(process_text_base(&worker), 0); /* the next one is elsewhere */
}
END_TEST

START_TEST(a_parent_that_told_its_base_reads_the_last_word_of_a_child_that_did_not_hear_it)
{
	text_tell(worker.crash);
	say_good(BASE);
	say_last_word();
	close(other_end);
	other_end = -1;
	if (_i)
		ck_assert_uint_eq(process_text_base(&worker), BASE);
	ck_assert(left_a_record());
}
END_TEST

Suite *suite_hello(void)
{
	Suite *s = suite_create("hello");
	TCase *t = tcase_create("hello");

	tcase_add_checked_fixture(t, setup, end);
	tcase_add_test(t, the_base_is_known_from_when_the_process_tells_it);
	tcase_add_loop_test(t, a_hello_that_is_none_names_nothing, 0, VL_ARRAY_COUNT(hellos));
	tcase_add_test(t, a_hello_with_descriptors_leaves_none_open);
	tcase_add_loop_test(t,
			a_last_word_is_read_whether_its_process_was_heard_before_or_not_or_said_nothing,
			0, 3);
	tcase_add_loop_test(t,
			a_process_that_tells_its_base_too_often_loses_its_own_record_and_is_reaped_all_the_same, 0, 20);
	tcase_add_loop_test(t,
			a_parent_that_told_its_base_reads_the_last_word_of_a_child_that_did_not_hear_it,
			0, 2);
	suite_add_tcase(s, t);
	return s;
}
