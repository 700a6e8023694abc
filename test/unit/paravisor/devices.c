/* The paravisor's part in device workers (devices.h), with processes that only wait in the workers' place. */
#include "runtime/paravisor/devices.h"
#include "common/devipc/devipc.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/clock.h"
#include "runtime/lib/devlink.h"

#include <check.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

Suite *suite_devices(void);

#define LIMIT_MS 60000

static struct devices d;
static char said[1024];
static struct device_worker *com1 = &d.list[CONTROL_DEVICE_COM1];

static int spawn(void *context, struct worker *w)
{
	pid_t parent = getpid();
	int pair[2];

	ck_assert_int_eq(channel_pair(pair), 0);
	w->pid = fork();
	if (w->pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
			_exit(1);
		for (;;)
			pause();
	}
	close(pair[1]);
	w->control = pair[0];
	w->pidfd = (int)syscall(SYS_pidfd_open, w->pid, 0);
	return 0;
}

static int no_unit(void *context, const char *name)
{
	return -1;
}

static void tell(void *context, const char *text)
{
	strncat(said, text, sizeof(said) - strlen(said) - 1);
	strncat(said, "\n", sizeof(said) - strlen(said) - 1);
}

/* One turn of the paravisor's loop. */
static void turn(void)
{
	struct pollfd f[2 * CONTROL_DEVICE_COUNT];
	uint64_t at = devices_deadline_ns(&d);

	devices_poll(&d, f);
	poll(f, VL_ARRAY_COUNT(f), at ? clock_left_ms(at) : LIMIT_MS);
	devices_ready(&d, f);
}

/* In the VM worker's place: the number of the next link, whose descriptors are not needed. */
static uint32_t next_link(void)
{
	struct devipc_supply s = { 0 };
	struct channel_message m = { .data = &s, .capacity = sizeof(s) };
	int err;

	while ((err = channel_receive(com1->supply[1], &m, 0)) == VL_E_AGAIN)
		turn();
	ck_assert_int_eq(err, 0);
	ck_assert_uint_eq(m.size, sizeof(s));
	ck_assert_uint_eq(s.magic, DEVIPC_SUPPLY);
	ck_assert_uint_eq(m.fd_count, DEVLINK_FDS);
	channel_close_fds(&m);
	return s.number;
}

static void complain(uint32_t number, int error)
{
	const struct devipc_complaint c = { DEVIPC_COMPLAINT, number, error };

	ck_assert_int_eq(channel_send(com1->supply[1], &c, sizeof(c), NULL, 0, LIMIT_MS), 0);
	turn();
}

static void start(void)
{
	devices_init(&d);
	d.spawn = spawn;
	d.unit = no_unit;
	d.tell = tell;
	said[0] = 0;
	ck_assert_int_eq(devices_start(&d, CONTROL_DEVICE_COM1), 0);
	ck_assert_uint_eq(next_link(), 1);
}

static void end(void)
{
	kill(com1->worker.pid, SIGKILL);
	waitpid(com1->worker.pid, NULL, 0);
	close(com1->worker.pidfd);
	close(com1->worker.control);
	close(com1->supply[0]);
	close(com1->supply[1]);
	close(com1->shared);
}

START_TEST(a_worker_that_is_complained_about_is_ended_and_the_next_one_has_the_next_number)
{
	start();
	complain(1, VL_E_TIMEOUT);
	ck_assert_uint_eq(next_link(), 2);
	complain(2, VL_E_RANGE);
	ck_assert_uint_eq(next_link(), 3);
	ck_assert_uint_eq(com1->worker.kills, 2);
	ck_assert_msg(strstr(said, "com1 does not answer and is killed (1 starts"), "%s", said);
	ck_assert_msg(strstr(said, "com1 breaks the rules and is killed (2 starts"), "%s", said);
	end();
}
END_TEST

START_TEST(a_complaint_about_one_that_has_ended_since_is_none_about_the_next)
{
	static const uint32_t others[] = { 1, 0, 3, UINT32_MAX };

	start();
	complain(1, VL_E_TIMEOUT);
	ck_assert_uint_eq(next_link(), 2);
	for (size_t i = 0; i < VL_ARRAY_COUNT(others); i++)
		complain(others[i], VL_E_TIMEOUT);
	ck_assert_uint_eq(com1->worker.kills, 1);
	ck_assert_uint_eq(com1->worker.starts, 2);
	ck_assert_int_eq(kill(com1->worker.pid, 0), 0);
	ck_assert_int_eq(waitpid(com1->worker.pid, NULL, WNOHANG), 0);
	end();
}
END_TEST

START_TEST(a_vm_worker_that_speaks_another_language_is_heard_no_more)
{
	start();
	ck_assert_int_eq(channel_send(com1->supply[1], "what?", 5, NULL, 0, LIMIT_MS), 0);
	turn();
	ck_assert_int_eq(com1->supply[0], -1);
	ck_assert_uint_eq(com1->worker.kills, 0);
	end();
}
END_TEST

Suite *suite_devices(void)
{
	Suite *s = suite_create("devices");
	TCase *c = tcase_create("workers");

	tcase_set_timeout(c, 120);
	tcase_add_test(c, a_worker_that_is_complained_about_is_ended_and_the_next_one_has_the_next_number);
	tcase_add_test(c, a_complaint_about_one_that_has_ended_since_is_none_about_the_next);
	tcase_add_test(c, a_vm_worker_that_speaks_another_language_is_heard_no_more);
	suite_add_tcase(s, c);
	return s;
}
