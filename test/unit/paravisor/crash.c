/* Crash reports: what a dying process leaves, what its reader takes, what a host may see of it. */
#include "runtime/lib/kmsg.h"
#include "runtime/lib/text.h"
#include "test/unit/filter/columns.h"
#include "test/unit/paravisor/ask.h"
#include "test/unit/paravisor/dying.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

Suite *suite_crash(void);

#define WAIT_MS 30000

static void *crash_by_thread(void *signal)
{
	raise(*(int *)signal);
	return NULL;
}

/* Starts a process that logs two lines and dies by `signal`; waits until it is dead. */
static void crash(int signal, bool in_a_thread)
{
	pthread_t thread;
	struct pollfd f;

	worker.pid = fork();
	if (worker.pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, STDERR_FILENO);
		dup2(other_end, CRASH_FD);
		kmsg_init("dying", VL_LOG_INFO);
		crash_init();
		vl_info("a line");
		vl_info("the last\tline");
		if (in_a_thread && !pthread_create(&thread, NULL, crash_by_thread, &signal))
			pthread_join(thread, NULL);
		raise(signal);
		_exit(0);
	}
	worker.pidfd = (int)syscall(SYS_pidfd_open, worker.pid, 0);
	f = (struct pollfd){ worker.pidfd, POLLIN, 0 };
	ck_assert_int_eq(poll(&f, 1, WAIT_MS), 1);
}

static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP };

START_TEST(a_process_that_crashes_leaves_its_registers_and_its_last_log_lines)
{
	static const char lines[] = "dying: a line\ndying: the last?line\n";
	const struct crash_report *r = &crashes.list[0];
	pid_t pid;
	char how[80];

	crash(fatal[_i % 6], _i >= 6);
	pid = worker.pid;
	ck_assert_int_eq(process_reap(&worker, how, sizeof(how)), 0);
	ck_assert_ptr_nonnull(strstr(how, "killed by signal"));
	ck_assert_int_eq(worker.crash, -1);
	ck_assert_uint_eq(crashes.count, 1);
	ck_assert_uint_eq(r->text_base, text_base());
	ck_assert_str_eq(r->program, "vallum-diag");
	ck_assert_int_eq(r->pid, pid);
	ck_assert_int_eq((int)r->record.signal, fatal[_i % 6]);
	ck_assert_ptr_nonnull(crash_register_name(r->record.register_count - 1));
	ck_assert_ptr_null(crash_register_name(r->record.register_count));
	ck_assert_uint_eq(r->record.log_size, sizeof(lines) - 1);
	ck_assert_mem_eq(r->record.log, lines, sizeof(lines) - 1);
}
END_TEST

START_TEST(a_process_that_is_killed_without_a_word_is_reported_and_one_that_we_killed_is_not)
{
	char how[80];

	crash(SIGKILL, false);
	worker.killed = _i;
	ck_assert_int_eq(process_reap(&worker, how, sizeof(how)), 0);
	ck_assert_str_eq(how, "killed by signal 9");
	ck_assert_uint_eq(crashes.count, !_i);
	if (!_i)
		ck_assert_uint_eq(crashes.list[0].record.signal, SIGKILL);
}
END_TEST

START_TEST(a_process_that_ends_by_itself_is_no_crash)
{
	char how[80];

	crash(0, false);
	ck_assert_int_eq(process_reap(&worker, how, sizeof(how)), 0);
	ck_assert_str_eq(how, "exit status 0");
	ck_assert_uint_eq(crashes.count, 0);
}
END_TEST

static struct crash_record a_record(void)
{
	return (struct crash_record){ .version = CRASH_VERSION, .signal = SIGSEGV, .register_count = 6,
		.address = 0x10, .registers = { 1, 2, 3, 4, 5, 6 }, .log_size = 8, .log = "one\ntwo\n" };
}

static const struct {
	size_t cut, stack;
	uint32_t version, signal, registers, log;
	int err;
} records[] = {
	{ 0, 16, CRASH_VERSION, SIGSEGV, 6, 8, 0 },
	{ 0, 0, CRASH_VERSION, SIGSEGV, 0, 0, 0 },
	{ 0, 0, CRASH_VERSION, SIGSEGV, 6, CRASH_LOG_BYTES, 0 },
	{ 1, 0, CRASH_VERSION, SIGSEGV, 6, 8, VL_E_TRUNCATED },
	{ 0, 0, CRASH_VERSION + 1, SIGSEGV, 6, 8, VL_E_VERSION },
	{ 0, 0, CRASH_VERSION, 0, 6, 8, VL_E_RANGE },
	{ 0, 0, CRASH_VERSION, 1000, 6, 8, VL_E_RANGE },
	{ 0, 0, CRASH_VERSION, SIGSEGV, CRASH_REGISTER_MAX + 1, 8, VL_E_LIMIT },
	{ 0, 0, CRASH_VERSION, SIGSEGV, 0xffffffff, 8, VL_E_LIMIT },
	{ 0, 0, CRASH_VERSION, SIGSEGV, 6, CRASH_LOG_BYTES + 1, VL_E_LIMIT },
	{ 0, CRASH_STACK_BYTES + 1, CRASH_VERSION, SIGSEGV, 6, 8, 0 },
};

START_TEST(a_record_that_is_none_is_refused_by_name)
{
	struct crash_record sent = a_record(), r;
	uint8_t stack[CRASH_STACK_BYTES], more[CRASH_STACK_BYTES + 1] = { 0 };
	size_t stack_size = 7;

	sent.version = records[_i].version;
	sent.signal = records[_i].signal;
	sent.register_count = records[_i].registers;
	sent.log_size = records[_i].log;
	ck_assert_int_eq(channel_send(other_end, &sent, sizeof(sent) - records[_i].cut, NULL, 0, 0), 0);
	if (records[_i].stack)
		ck_assert_int_eq(channel_send(other_end, more, records[_i].stack, NULL, 0, 0), 0);
	ck_assert_int_eq(crash_receive(worker.crash, &r, stack, &stack_size), records[_i].err);
	ck_assert_uint_eq(stack_size, records[_i].stack <= CRASH_STACK_BYTES ? records[_i].stack : 0);
}
END_TEST

START_TEST(a_record_is_a_few_lines_for_a_person)
{
	struct crash_record r = a_record();
	char line[CRASH_LINE_MAX];
	unsigned at = 0;

	ck_assert(crash_text(&r, &at, line));
	ck_assert_ptr_nonnull(strstr(line, "=0x1 "));
	ck_assert_ptr_nonnull(strstr(line, "=0x4"));
	ck_assert(crash_text(&r, &at, line));
	ck_assert_ptr_nonnull(strstr(line, "=0x6"));
	ck_assert(crash_text(&r, &at, line));
	ck_assert_str_eq(line, "one");
	ck_assert(crash_text(&r, &at, line));
	ck_assert_str_eq(line, "two");
	ck_assert(!crash_text(&r, &at, line));
}
END_TEST

static void keep(uint32_t pid)
{
	struct crash_report r = { .pid = (pid_t)pid, .text_base = 0x7000, .record = a_record(),
		.stack_size = 4, .stack = "abc" };

	crashes_keep(&crashes, "vallum-vm", &r);
}

static void show_crashes(void *context, struct inspect *i)
{
	crashes_inspect(context, i);
}

static struct inspect_node ask(const char *path, enum inspect_level level)
{
	const struct inspect_request q = { .path = path, .depth = INSPECT_ALL, .level = level };

	return ask_tree(show_crashes, &crashes, &q);
}

/* Six reports, all there can be, fit an answer of the inspect tree with whatever a process has left. */
START_TEST(of_a_log_of_many_lines_the_last_ones_are_taken_and_all_reports_are_shown)
{
	struct crash_report report = { .pid = 7, .text_base = UINT64_MAX };
	struct crash_record sent = a_record();

	memset(sent.log, '\n', sizeof(sent.log));
	memcpy(sent.log + sizeof(sent.log) - 9, "\nlast one", 9);
	sent.log_size = sizeof(sent.log);
	sent.register_count = CRASH_REGISTER_MAX;
	while (!crash_register_name(sent.register_count - 1))
		sent.register_count--;
	ck_assert_int_eq(channel_send(other_end, &sent, sizeof(sent), NULL, 0, 0), 0);
	ck_assert_int_eq(crash_receive(worker.crash, &report.record, report.stack, &report.stack_size), 0);
	ck_assert_uint_eq(report.record.log_size, CRASH_LOG_LINE_MAX - 1 + 8);
	ck_assert_mem_eq(report.record.log + CRASH_LOG_LINE_MAX - 1, "last one", 8);
	report.stack_size = sizeof(report.stack);
	for (unsigned n = 0; n < CRASH_REPORT_MAX; n++)
		crashes_keep(&crashes, "vallum-devworker", &report);
	ck_assert_int_eq(memcmp(ask("crashes/6/log/31", INSPECT_SENSITIVE).value.bytes, "last one", 8), 0);
	ck_assert_uint_eq(ask("crashes", INSPECT_SENSITIVE).kind, INSPECT_NODE_DIR);
}
END_TEST

START_TEST(the_newest_reports_are_kept_and_each_is_told_once)
{
	uint64_t expected = 3;
	const struct crash_report *r;

	keep(1);
	ck_assert_int_eq(crashes_next(&crashes)->pid, 1);
	for (uint32_t n = 2; n <= CRASH_REPORT_MAX + 2; n++)
		keep(n);
	for (; (r = crashes_next(&crashes)) != NULL; expected++)
		ck_assert_uint_eq(r->number, expected);
	ck_assert_uint_eq(expected, CRASH_REPORT_MAX + 3);
	ck_assert_uint_eq(ask("crashes/2", INSPECT_SENSITIVE).error, INSPECT_NOT_FOUND);
	ck_assert_uint_eq(ask("crashes/3/pid", INSPECT_SENSITIVE).value.u64, 3);
	ck_assert_uint_eq(ask("crashes/count", INSPECT_SAFE).value.u64, CRASH_REPORT_MAX + 2);
	ck_assert_uint_eq(ask("crashes/no-longer-kept", INSPECT_SAFE).value.u64, 2);
	ck_assert_uint_eq(ask("crashes", INSPECT_SENSITIVE).kind, INSPECT_NODE_DIR);
}
END_TEST

static const char *const details[] = { "crashes/1/registers", "crashes/1/stack", "crashes/1/log",
	"crashes/1/address", "crashes/1/text-base" };

START_TEST(a_crash_keeps_what_the_rows_keep)
{
	const struct crash_report *r = &crashes.list[0];
	bool registers = filter_row_keeps(FILTER_TELL_REGISTERS, _i),
			log = filter_row_keeps(FILTER_TELL_LOG, _i);

	filter = filter_columns[_i];
	keep(1);
	ck_assert_uint_eq(ask("crashes/1/signal", INSPECT_SAFE).value.u64, SIGSEGV);
	for (size_t i = 0; i < VL_ARRAY_COUNT(details); i++) {
		bool kept = strstr(details[i], "log") ? log : registers;

		ck_assert_int_eq(ask(details[i], INSPECT_SENSITIVE).error == INSPECT_NOT_FOUND, !kept);
	}
	ck_assert_int_eq((r->record.registers[0] | r->record.address | r->text_base | r->stack[0]) != 0,
			registers);
	ck_assert_int_eq(r->record.log[0] != 0, log);
}
END_TEST

START_TEST(of_a_trusted_hosts_vm_all_is_told_to_who_may_see_what_is_sensitive)
{
	keep(1);
	for (size_t i = 0; i < VL_ARRAY_COUNT(details); i++) {
		ck_assert_uint_ne(ask(details[i], INSPECT_SENSITIVE).kind, INSPECT_NODE_FAILED);
		ck_assert_uint_eq(ask(details[i], INSPECT_SAFE).error, INSPECT_NOT_FOUND);
	}
}
END_TEST

Suite *suite_crash(void)
{
	Suite *s = suite_create("crash");
	TCase *t = tcase_create("crash");

	tcase_add_checked_fixture(t, setup, end);
	tcase_add_loop_test(t, a_process_that_crashes_leaves_its_registers_and_its_last_log_lines, 0, 12);
	tcase_add_loop_test(t,
			a_process_that_is_killed_without_a_word_is_reported_and_one_that_we_killed_is_not,
			0, 2);
	tcase_add_test(t, a_process_that_ends_by_itself_is_no_crash);
	tcase_add_loop_test(t, a_record_that_is_none_is_refused_by_name, 0, VL_ARRAY_COUNT(records));
	tcase_add_test(t, of_a_log_of_many_lines_the_last_ones_are_taken_and_all_reports_are_shown);
	tcase_add_test(t, a_record_is_a_few_lines_for_a_person);
	tcase_add_test(t, the_newest_reports_are_kept_and_each_is_told_once);
	tcase_add_loop_test(t, a_crash_keeps_what_the_rows_keep, 0, FILTER_COLUMNS);
	tcase_add_test(t, of_a_trusted_hosts_vm_all_is_told_to_who_may_see_what_is_sensitive);
	suite_add_tcase(s, t);
	return s;
}
