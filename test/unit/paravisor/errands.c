/*
 * Profiles as the paravisor has them made (errands.h): a process with a script in the profiler's place, the
 * test in the diagnostics server's.
 */
#include "runtime/lib/channel.h"
#include "runtime/lib/clock.h"
#include "runtime/lib/text.h"
#include "runtime/paravisor/paravisor.h"
#include "runtime/profiler/profiler.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

Suite *suite_errands(void);

#define LIMIT_MS 60000

static struct paravisor p;
static int server; /* its end of the channel to the paravisor */
static void (*script)(int control, const struct profiler_request *q, int client);
static struct service_reply reply;

static void profiler(int control)
{
	static struct profiler_request q;
	struct channel_message m = { .data = &q, .capacity = sizeof(q) };

	if (channel_receive(control, &m, LIMIT_MS) || profiler_request_check(&q, m.size) || m.fd_count != 1)
		_exit(9);
	script(control, &q, m.fds[0]);
	_exit(0);
}

static int spawn(void *context, struct worker *w)
{
	pid_t parent = getpid();
	int pair[2];

	if (!script)
		return VL_E_NOTFOUND;
	ck_assert_int_eq(channel_pair(pair), 0);
	w->pid = fork();
	if (w->pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
			_exit(8);
		close(pair[0]);
		profiler(pair[1]);
	}
	close(pair[1]);
	w->control = pair[0];
	w->pidfd = (int)syscall(SYS_pidfd_open, w->pid, 0);
	return 0;
}

static const struct paravisor_ops ops = { .spawn = spawn };

static void setup(void)
{
	int pair[2];

	paravisor_init(&p, &ops, NULL);
	p.machine.filter.isolation = ISOLATION_NONE;
	ck_assert_int_eq(channel_pair(pair), 0);
	p.diag.worker.control = pair[0];
	server = pair[1];
	script = NULL;
}

static void teardown(void)
{
	close(p.diag.worker.control);
	close(server);
}

/* A client's connection goes along; its other end is given back. */
static int ask(uint64_t id, uint32_t seconds, uint32_t hertz)
{
	const struct service_ask a = { .type = SERVICE_ASK, .what = SERVICE_PROFILE, .id = id,
		.seconds = seconds, .hertz = hertz };
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	errands_ask(&p, &a, pair[0]);
	return pair[1];
}

/* The paravisor's loop, until the server hears of `id`. */
static void expect_reply(uint64_t id, int error)
{
	struct channel_message m = { .data = &reply, .capacity = sizeof(reply) };
	int err;

	while ((err = channel_receive(server, &m, 0)) == VL_E_AGAIN) {
		struct pollfd f[] = { { p.errands.profiler.control, POLLIN, 0 },
			{ p.errands.profiler.pidfd, POLLIN, 0 } };

		ck_assert_int_gt(poll(f, 2, LIMIT_MS), 0);
		errands_profiler(&p);
	}
	ck_assert_int_eq(err, 0);
	ck_assert_uint_eq(reply.type, SERVICE_REPLY);
	ck_assert_uint_eq(reply.id, id);
	ck_assert_msg(reply.error == error, "%d: %s", reply.error, reply.text);
}

static void wait_for_end(void)
{
	while (p.errands.profiler.pid > 0) {
		struct pollfd f = { p.errands.profiler.pidfd, POLLIN, 0 };

		ck_assert_int_gt(poll(&f, 1, LIMIT_MS), 0);
		errands_profiler(&p);
	}
}

/* Done when its client says so. */
static void works(int control, const struct profiler_request *q, int client)
{
	const struct profiler_result r = { .samples = q->hertz };
	char word;

	if (read(client, &word, 1) == 1)
		channel_send(control, &r, sizeof(r), NULL, 0, LIMIT_MS);
}

/* Likewise, and ends when it says so once more. */
static void works_and_lingers(int control, const struct profiler_request *q, int client)
{
	char word;

	works(control, q, client);
	if (read(client, &word, 1) != 1)
		_exit(7);
}

START_TEST(who_is_told_that_a_profile_is_made_can_have_the_next_one_made)
{
	struct channel_message m = { .data = &reply, .capacity = sizeof(reply) };

	script = works_and_lingers;
	for (uint64_t id = 1; id <= 3; id++) {
		int client = ask(id, 1, 99);

		ck_assert_int_eq(write(client, "x", 1), 1);
		while (p.errands.profiler.control >= 0) {
			struct pollfd f = { p.errands.profiler.control, POLLIN, 0 };

			ck_assert_int_gt(poll(&f, 1, LIMIT_MS), 0);
			errands_profiler(&p);
		}
		ck_assert_int_eq(channel_receive(server, &m, 0), VL_E_AGAIN); /* its process is still there */
		ck_assert_int_eq(write(client, "x", 1), 1);
		expect_reply(id, 0);
		close(client);
	}
}
END_TEST

START_TEST(while_one_profile_is_made_another_is_refused_and_disturbs_it_not)
{
	int first, second;
	char byte;

	script = works;
	first = ask(1, 600, 99);
	second = ask(2, 1, 99);
	expect_reply(2, VL_E_BUSY);
	ck_assert_msg(strstr(reply.text, "is being made already"), "%s", reply.text);
	ck_assert_int_eq(read(second, &byte, 1), 0); /* its connection is not kept */
	ck_assert_int_eq(write(first, "x", 1), 1);
	expect_reply(1, 0);
	close(first), close(second);
	first = ask(3, 1, 1000);
	ck_assert_int_eq(write(first, "x", 1), 1);
	expect_reply(3, 0);
	wait_for_end();
	close(first);
}
END_TEST

static void refuses(int control, const struct profiler_request *q, int client)
{
	const struct profiler_result r = { .error = VL_E_NOMEM,
		.text = "only 3 KiB of VTL2's memory are free" };

	channel_send(control, &r, sizeof(r), NULL, 0, LIMIT_MS);
}

static void crashes(int control, const struct profiler_request *q, int client)
{
	raise(SIGKILL);
}

static void lies(int control, const struct profiler_request *q, int client)
{
	channel_send(control, "what?", 5, NULL, 0, LIMIT_MS);
}

START_TEST(a_profiler_that_refuses_crashes_or_lies_is_told_to_the_client_and_the_next_one_is_served)
{
	static const struct {
		void (*script)(int control, const struct profiler_request *q, int client);
		int error;
		const char *says;
	} cases[] = {
		{ refuses, VL_E_NOMEM, "only 3 KiB of VTL2's memory are free" },
		{ crashes, VL_E_INTERNAL, "the profiler ended without a result: " },
		{ lies, VL_E_INTERNAL, "the profiler ended without a result: " },
		{ NULL, VL_E_NOTFOUND, "the profiler does not start" },
	};

	for (size_t i = 0; i < 2 * VL_ARRAY_COUNT(cases); i++) {
		size_t k = i % VL_ARRAY_COUNT(cases);

		script = cases[k].script;
		close(ask(10 + i, 1, 99));
		expect_reply(10 + i, cases[k].error);
		ck_assert_msg(strstr(reply.text, cases[k].says), "%s", reply.text);
		wait_for_end();
	}
}
END_TEST

static void hangs(int control, const struct profiler_request *q, int client)
{
	for (;;)
		pause();
}

START_TEST(a_profiler_that_does_not_end_in_its_time_is_ended_and_that_is_told)
{
	int client;

	script = hangs;
	client = ask(1, 1, 99);
	errands_deadline(&p); /* not yet */
	ck_assert_int_eq(kill(p.errands.profiler.pid, 0), 0);
	ck_assert_int_gt(clock_left_ms(p.errands.profiler.deadline_ns), PROFILER_GRACE_MS - 1000);
	p.errands.profiler.deadline_ns = clock_boot_ns() - 1;
	errands_deadline(&p);
	expect_reply(1, VL_E_INTERNAL);
	ck_assert_msg(strstr(reply.text, "the profiler ended without a result: "), "%s", reply.text);
	wait_for_end();
	close(client);
}
END_TEST

START_TEST(a_profile_of_no_time_too_much_time_or_no_rate_is_refused_before_anything_starts)
{
	static const uint32_t bad[][2] = { { 0, 99 }, { PROFILER_SECONDS_MAX + 1, 99 },
		{ UINT32_MAX, 99 }, { 1, 0 }, { 1, PROFILER_HERTZ_MAX + 1 } };

	script = works;
	for (size_t i = 0; i < VL_ARRAY_COUNT(bad); i++) {
		close(ask(1 + i, bad[i][0], bad[i][1]));
		expect_reply(1 + i, VL_E_RANGE);
		ck_assert_int_le(p.errands.profiler.pid, 0);
	}
}
END_TEST

static void runs(struct worker *w, pid_t pid, bool speaks)
{
	const struct text_hello hello = { .version = TEXT_VERSION,
		.text_base = (uint64_t)pid * VL_PAGE_BYTES };
	int pair[2];

	ck_assert_int_eq(channel_pair(pair), 0);
	if (speaks)
		ck_assert_int_eq(channel_send(pair[1], &hello, sizeof(hello), NULL, 0, 0), 0);
	close(pair[1]);
	w->pid = pid;
	w->crash = pair[0];
}

#define INIT_BASE 0x5000u
#define SILENT 103

static bool is_at(const struct profiler_process *t, const char *name, uint32_t pid, uint64_t base)
{
	return !strcmp(t->name, name) && t->pid == pid && t->text_base == base;
}

static void checks_names(int control, const struct profiler_request *q, int client)
{
	static const struct { const char *name; uint32_t pid; } workers[] = { { "vallum-vtpm", 101 },
		{ "vallum-devworker", 102 }, { "vallum-devworker", SILENT }, { "vallum-vm", 104 },
		{ "vallum-diag", 105 },
		{ "vallum-exec", 106 } };
	struct profiler_result r = { 0 };
	const struct profiler_process *t = &q->processes[2];
	bool good = q->process_count == 2 + VL_ARRAY_COUNT(workers) &&
		is_at(&t[-2], "vallum-init", q->processes[0].pid, INIT_BASE) &&
		is_at(&t[-1], "vallum", (uint32_t)getppid(), text_base());

	for (size_t i = 0; good && i < VL_ARRAY_COUNT(workers); i++)
		good = is_at(&t[i], workers[i].name, workers[i].pid,
			workers[i].pid == SILENT ? 0 : (uint64_t)workers[i].pid * VL_PAGE_BYTES);
	r.error = good ? 0 : VL_E_FORMAT;
	channel_send(control, &r, sizeof(r), NULL, 0, LIMIT_MS);
}

/* The second time what they said is remembered. */
START_TEST(the_profiler_is_told_of_every_process_and_where_its_code_lies)
{
	struct worker *all[] = { &p.devices.list[CONTROL_DEVICE_TPM].worker,
		&p.devices.list[CONTROL_DEVICE_COM1].worker, &p.devices.list[CONTROL_DEVICE_COM2].worker,
		&p.vm, &p.diag.worker, &p.commands[0] };

	script = checks_names;
	commands_table.init(&p);
	p.init_text_base = INIT_BASE;
	supervise_init(&p.vm, &supervise_rules[WORKER_VM]);
	for (size_t i = 0; i < CONTROL_DEVICE_COUNT; i++)
		supervise_init(all[i], &supervise_rules[WORKER_VTPM + i]);
	for (size_t i = 0; i < VL_ARRAY_COUNT(all); i++)
		runs(all[i], 101 + (pid_t)i, 101 + i != SILENT);
	for (uint64_t id = 1; id <= 2; id++) {
		close(ask(id, 1, 99));
		expect_reply(id, 0);
		wait_for_end();
	}
	for (size_t i = 0; i < VL_ARRAY_COUNT(all); i++)
		close(all[i]->crash);
}
END_TEST

/* A server's successor counts its calls from 1 again. */
START_TEST(an_answer_to_a_server_that_died_does_not_reach_its_successor)
{
	const struct service_ask a = { .type = SERVICE_ASK, .what = SERVICE_OPEN, .id = 1,
		.path = "/no/such" };
	int client, vm[2];

	script = works;
	client = ask(1, 1, 99);
	ck_assert_int_eq(channel_pair(vm), 0);
	p.vm.control = vm[0];
	p.errands.life = VM_STOPPING, p.errands.what = SERVICE_PAUSE, p.errands.id = 1;
	errands_forget(&p);
	ck_assert_int_eq(errands_done(&p, CONTROL_STOP, 0, -1), 0);
	ck_assert_int_eq(p.errands.life, VM_PAUSED);
	ck_assert_int_eq(write(client, "x", 1), 1);
	wait_for_end();
	errands_ask(&p, &a, -1);
	expect_reply(1, VL_E_OS);
	ck_assert_msg(strstr(reply.text, "/no/such: "), "%s", reply.text);
	close(client), close(vm[0]), close(vm[1]);
}
END_TEST

Suite *suite_errands(void)
{
	Suite *s = suite_create("errands");
	TCase *c = tcase_create("profiles");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 120);
	tcase_add_test(c, the_profiler_is_told_of_every_process_and_where_its_code_lies);
	tcase_add_test(c, who_is_told_that_a_profile_is_made_can_have_the_next_one_made);
	tcase_add_test(c, while_one_profile_is_made_another_is_refused_and_disturbs_it_not);
	tcase_add_test(c,
			a_profiler_that_refuses_crashes_or_lies_is_told_to_the_client_and_the_next_one_is_served);
	tcase_add_test(c, a_profiler_that_does_not_end_in_its_time_is_ended_and_that_is_told);
	tcase_add_test(c, a_profile_of_no_time_too_much_time_or_no_rate_is_refused_before_anything_starts);
	tcase_add_test(c, an_answer_to_a_server_that_died_does_not_reach_its_successor);
	suite_add_tcase(s, c);
	return s;
}
