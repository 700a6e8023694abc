/*
 * Init's wait as it runs in VTL2, with a forked process in the paravisor's place and a thread in that of the
 * diagnostics server, which is not trusted; and what init shows of itself.
 */
#include "runtime/init/init.h"
#include "runtime/lib/clock.h"
#include "test/unit/paravisor/ask.h"
#include "test/unit/paravisor/ask_badly.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

Suite *suite_init_wait(void);

#define LIMIT_MS 20000
#define ORPHANS 20
#define NEVER_MS 1000000 /* longer than any test may take */

static struct init_facts facts;
static struct inspect_unit server = { .fd = -1 };
static int gate[2]; /* the paravisor goes on when the server wrote a byte */

static struct init_wait wait_of(pid_t pid, int unit, int orphan_ms)
{
	return (struct init_wait){ .facts = &facts, .pid = pid, .death = (int)syscall(SYS_pidfd_open, pid, 0),
		.unit = unit, .orphan_ms = orphan_ms };
}

/* Runs the wait with `paravisor` for its child and `ask` beside it; the wait status. */
static int wait_for(int (*paravisor)(void), void *(*ask)(void *), int orphan_ms)
{
	struct init_wait w;
	pthread_t thread;
	int pair[2];
	pid_t pid;

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0); /* as PID 1 */
	ck_assert_int_eq(channel_pair(pair), 0);
	ck_assert_int_eq(pipe(gate), 0);
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		close(pair[1]);
		_exit(paravisor());
	}
	ck_assert_int_gt(pid, 0);
	server.fd = pair[1];
	if (ask)
		ck_assert_int_eq(pthread_create(&thread, NULL, ask, NULL), 0);
	w = wait_of(pid, pair[0], orphan_ms);
	while (!init_turn(&w))
		;
	if (w.unit >= 0)
		close(w.unit);
	if (ask)
		pthread_join(thread, NULL);
	close(server.fd);
	return w.status;
}

/* --- Orphans ------------------------------------------------------------------------------------ */

/* A grandchild that init inherits, and that ends at once. */
static pid_t leave_orphan(void)
{
	pid_t orphan = 0;
	int told[2];

	if (pipe(told) != 0)
		_exit(90);
	if (fork() == 0) {
		orphan = fork();
		if (orphan == 0)
			_exit(5);
		if (write(told[1], &orphan, sizeof(orphan)) < 0)
			_exit(91);
		_exit(0);
	}
	if (read(told[0], &orphan, sizeof(orphan)) != sizeof(orphan) || wait(NULL) < 0)
		_exit(92);
	close(told[0]);
	close(told[1]);
	return orphan;
}

/* A process that nobody has reaped can still be sent a signal. */
static bool is_reaped(pid_t pid)
{
	uint64_t deadline_ns = clock_deadline(LIMIT_MS);

	while (kill(pid, 0) == 0 && clock_left_ms(deadline_ns))
		usleep(100);
	return kill(pid, 0) != 0 && errno == ESRCH;
}

static int leaves_orphans(void)
{
	for (unsigned i = 0; i < ORPHANS; i++)
		if (!is_reaped(leave_orphan()))
			return 1;
	return 42;
}

/* Without a look at the answers, until nobody is there to ask. */
static void *ask_without_end(void *context)
{
	const struct inspect_unit_request q = { .id = 1, .depth = INSPECT_ALL, .level = INSPECT_SENSITIVE };

	while (channel_send(server.fd, &q, sizeof(q), NULL, 0, LIMIT_MS) == 0)
		;
	return NULL;
}

START_TEST(orphans_are_reaped_while_requests_come_without_end)
{
	int status = wait_for(leaves_orphans, ask_without_end, NEVER_MS);

	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 42);
	ck_assert_uint_eq(facts.reaped, ORPHANS);
}
END_TEST

/* However many wait: what is behind them waits for one. */
START_TEST(a_turn_answers_one_request_and_reaps_all_that_have_ended)
{
	const struct inspect_unit_request q = { .id = 1, .level = INSPECT_SAFE };
	static struct inspect_unit_answer a;
	struct channel_message m = { .data = &a, .capacity = sizeof(a) };
	struct init_wait w;
	siginfo_t info;
	pid_t ended;
	int pair[2];

	ck_assert_int_eq(channel_pair(pair), 0);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(channel_send(pair[1], &q, sizeof(q), NULL, 0, 0), 0);
		ended = fork();
		if (ended == 0)
			_exit(0);
		ck_assert_int_eq(waitid(P_PID, (id_t)ended, &info, WEXITED | WNOWAIT), 0);
	}
	w = wait_of(getpid(), pair[0], NEVER_MS);
	ck_assert(init_turn(&w)); /* nobody is left */
	ck_assert_uint_eq(facts.reaped, 3);
	ck_assert_int_eq(channel_receive(pair[1], &m, 0), 0);
	ck_assert_int_eq(channel_receive(pair[1], &m, 0), VL_E_AGAIN);
	ck_assert(init_turn(&w));
	ck_assert_int_eq(channel_receive(pair[1], &m, 0), 0);
	ck_assert_int_eq(channel_receive(pair[1], &m, 0), VL_E_AGAIN);
}
END_TEST

START_TEST(orphans_are_reaped_while_nobody_asks)
{
	int status = wait_for(leaves_orphans, NULL, 1);

	ck_assert_int_eq(WEXITSTATUS(status), 42);
	ck_assert_uint_eq(facts.reaped, ORPHANS);
}
END_TEST

/* --- The end ------------------------------------------------------------------------------------- */

static pid_t left_behind;

/* A process that goes on, which nobody has to wait for. */
static int ends_before_its_child(void)
{
	char pid[sizeof(left_behind)];
	pid_t child = fork();

	if (child == 0)
		for (;;)
			pause();
	memcpy(pid, &child, sizeof(pid));
	if (write(gate[1], pid, sizeof(pid)) < 0)
		return 1;
	return kill(getpid(), SIGKILL);
}

START_TEST(the_paravisors_end_is_seen_at_once_with_its_signal_whoever_else_still_runs)
{
	int status = wait_for(ends_before_its_child, NULL, NEVER_MS);

	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGKILL);
	ck_assert_int_eq((int)read(gate[0], &left_behind, sizeof(left_behind)), (int)sizeof(left_behind));
	ck_assert_int_eq(kill(left_behind, SIGKILL), 0);
}
END_TEST

/* --- The unit ------------------------------------------------------------------------------------- */

static int waits_at_the_gate(void)
{
	char byte;

	return read(gate[0], &byte, 1) == 1 ? 9 : 1;
}

static void open_gate(void)
{
	ck_assert_int_eq((int)write(gate[1], "", 1), 1);
}

static unsigned which;

static void *ask_one_badly(void *context)
{
	ask_badly(server.fd, which, LIMIT_MS);
	open_gate();
	return NULL;
}

START_TEST(who_asks_badly_is_not_heard_any_more_and_init_goes_on)
{
	int status;

	which = (unsigned)_i;
	status = wait_for(waits_at_the_gate, ask_one_badly, NEVER_MS);
	ck_assert_int_eq(WEXITSTATUS(status), 9);
}
END_TEST

static void *hang_up(void *context)
{
	shutdown(server.fd, SHUT_RDWR);
	open_gate();
	return NULL;
}

START_TEST(a_server_that_hangs_up_leaves_init_waiting)
{
	ck_assert_int_eq(WEXITSTATUS(wait_for(waits_at_the_gate, hang_up, NEVER_MS)), 9);
}
END_TEST

static uint64_t answer;

static void *ask_well(void *context)
{
	static const struct inspect_request q = { .path = "began-ns", .level = INSPECT_SAFE };
	static struct inspect_unit_answer a;
	struct inspect_node n;
	size_t size;

	ck_assert_int_eq(inspect_unit_ask(&server, &q, "", clock_deadline(LIMIT_MS), &a, &size), 0);
	ck_assert_int_eq(inspect_node_read(a.node, size, &n), 0);
	answer = n.value.u64;
	open_gate();
	return NULL;
}

START_TEST(who_asks_well_is_answered_while_init_waits)
{
	facts.began_ns = 4711;
	ck_assert_int_eq(WEXITSTATUS(wait_for(waits_at_the_gate, ask_well, NEVER_MS)), 9);
	ck_assert_uint_eq(answer, 4711);
}
END_TEST

/* --- What it shows ---------------------------------------------------------------------------------- */

static struct inspect_node shown(const char *path)
{
	const struct inspect_request q = { .path = path, .depth = INSPECT_ALL, .level = INSPECT_SAFE };

	return ask_tree(init_inspect, &facts, &q);
}

static bool says(const char *path, const char *text)
{
	struct inspect_node n = shown(path);

	return n.kind == INSPECT_NODE_VALUE && n.value.size == strlen(text) &&
		memcmp(n.value.bytes, text, n.value.size) == 0;
}

START_TEST(steps_are_as_long_as_from_one_end_to_the_next)
{
	facts.began_ns = 1000;
	for (unsigned i = 0; i < INIT_STEP_COUNT; i++)
		facts.done_ns[i] = 1000 + 10 * (i + 1) * (i + 1);
	ck_assert_uint_eq(shown("began-ns").value.u64, 1000);
	ck_assert_uint_eq(shown("steps/mounts-ns").value.u64, 10);
	ck_assert_uint_eq(shown("steps/devices-ns").value.u64, 30);
	ck_assert_uint_eq(shown("steps/paravisor-ns").value.u64, 110);
	ck_assert_uint_eq(shown("paravisor-started-ns").value.u64, 1360);
}
END_TEST

START_TEST(what_the_host_gave_is_shown_as_numbers_and_words_of_ours)
{
	facts = (struct init_facts){ .options_passed = 2, .options_ignored = 7, .reaped = 3 };
	ck_assert_uint_eq(shown("options-passed").value.u64, 2);
	ck_assert_uint_eq(shown("options-ignored").value.u64, 7);
	ck_assert_uint_eq(shown("orphans-reaped").value.u64, 3);
	ck_assert(says("host-entropy", "mixed in, not credited"));
	ck_assert(says("cage", "starting"));
	facts.narrow = facts.entropy_counts = true;
	ck_assert(says("host-entropy", "mixed in and credited"));
	ck_assert(says("cage", "waiting"));
	facts.entropy = VL_E_NOTFOUND;
	ck_assert(says("host-entropy", vl_err_text(VL_E_NOTFOUND)));
	ck_assert(says("isolation", "none"));
	facts.filter.isolation = ISOLATION_VBS;
	ck_assert(says("isolation", "vbs"));
	facts.filter.isolation = ISOLATION_COUNT; /* what could not be read */
	ck_assert(says("isolation", "unknown"));
}
END_TEST

Suite *suite_init_wait(void)
{
	Suite *s = suite_create("init_wait");
	TCase *c = tcase_create("init while the paravisor runs");

	tcase_add_test(c, orphans_are_reaped_while_requests_come_without_end);
	tcase_add_test(c, a_turn_answers_one_request_and_reaps_all_that_have_ended);
	tcase_add_test(c, orphans_are_reaped_while_nobody_asks);
	tcase_add_test(c, the_paravisors_end_is_seen_at_once_with_its_signal_whoever_else_still_runs);
	tcase_add_loop_test(c, who_asks_badly_is_not_heard_any_more_and_init_goes_on, 0,
			VL_ARRAY_COUNT(bad_questions));
	tcase_add_test(c, a_server_that_hangs_up_leaves_init_waiting);
	tcase_add_test(c, who_asks_well_is_answered_while_init_waits);
	tcase_add_test(c, steps_are_as_long_as_from_one_end_to_the_next);
	tcase_add_test(c, what_the_host_gave_is_shown_as_numbers_and_words_of_ours);
	suite_add_tcase(s, c);
	return s;
}
