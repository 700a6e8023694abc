/*
 * The VM worker as a whole over the fake hypervisor, with the first serial port
 * in a worker process: what a guest writes to its console comes out, all of it
 * and once, while the worker is killed.
 */
#include "port/serial.h"
#include "runtime/devworker/kinds.h"
#include "test/port/vm/script.h"
#include "test/unit/devworker/rig.h"

#include <check.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

Suite *suite_devworker_vm(void);

#define BYTES 400u

static struct fake_worker w;
static struct rig *g;

/* The model that the port's guests know, in the rig's memory. */
static void init_serial(void *dev, struct dev_env *env)
{
	devworker_kind(PORT_SERIAL_MODEL)->init(dev, env);
}

static void setup(void)
{
	static struct rig_kind kind = { .size = 8, .init = init_serial };

	kind.model = devworker_kind(PORT_SERIAL_MODEL)->model;
	g = rig_new(&kind);
	free(g->dev);
	g->dev = devworker_kind(PORT_SERIAL_MODEL)->dev;
	worker_init(&w);
	script_give_kernel(&w);
	w.config.fds[w.config.fd_count] = (struct control_fd){ CONTROL_FD_SUPPLY, CONTROL_DEVICE_COM1 };
	w.fds[w.config.fd_count++] = dup(g->supply[1]);
	w.config.fds[w.config.fd_count] = (struct control_fd){ CONTROL_FD_SHARED, CONTROL_DEVICE_COM1 };
	w.fds[w.config.fd_count++] = dup(g->shared_fd);
}

static void teardown(void)
{
	g->dev = NULL;
	rig_free(g);
}

/* Once it is said how the workers behave: the first is started here. */
static void boot(void)
{
	rig_watch(g);
	worker_start(&w);
	ck_assert_int_eq(control_signal(w.control, CONTROL_START), 0);
	ck_assert_int_eq(worker_receive(&w), CONTROL_STARTED);
}

START_TEST(a_console_in_a_worker_that_is_killed_again_and_again_loses_no_byte)
{
	static struct script_step steps[BYTES + 2] = { { .kind = SCRIPT_CONSOLE_ON } };
	static char out[BYTES];
	unsigned kills = 0;

	for (unsigned i = 0; i < BYTES; i++)
		steps[1 + i] = (struct script_step){ .kind = SCRIPT_CONSOLE, .value = 'a' + i % 23 };
	steps[BYTES + 1] = (struct script_step){ .kind = SCRIPT_POWER_OFF };
	SCRIPT_PLAY(steps);
	boot();
	for (uint64_t made = 20; made < BYTES; made += 20, kills++) {
		ck_assert(script_made(made));
		rig_kill(g);
	}
	ck_assert_uint_eq(worker_console(&w, out, sizeof(out)), sizeof(out));
	for (unsigned i = 0; i < BYTES; i++)
		ck_assert_int_eq(out[i], 'a' + i % 23);
	ck_assert_int_eq(worker_receive(&w), CONTROL_POWER_OFF);
	ck_assert_int_eq(worker_end(&w), 0);
	ck_assert_uint_ge(g->started, kills);
}
END_TEST

static _Atomic bool *hangs; /* of the workers too */

static void hang(struct devhost *h)
{
	*hangs = true;
	for (;;)
		pause();
}

/* The worker's loop answers in the meantime, though it has input for the device that hangs. */
START_TEST(a_worker_that_hangs_holds_the_vp_that_waits_for_it_and_nothing_else)
{
	static const struct script_step steps[] = { { .kind = SCRIPT_CONSOLE_ON },
		{ .kind = SCRIPT_CONSOLE, .value = 'a' }, { .kind = SCRIPT_CONSOLE, .value = 'b' },
		{ .kind = SCRIPT_POWER_OFF } };
	struct control_done *done = &w.message.done;
	char out[2];

	hangs = mmap(NULL, sizeof(*hangs), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert(hangs != MAP_FAILED);
	g->behaviour[0] = (struct rig_behaviour){ 3, hang, false }; /* after its reset and start */
	SCRIPT_PLAY(steps);
	boot();
	while (!*hangs)
		sched_yield();
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(write(w.console, "input", 5), 5);
		ck_assert_int_eq(control_signal(w.control, CONTROL_SAVE), 0);
		ck_assert_int_eq(worker_receive(&w), CONTROL_DONE);
		ck_assert_int_eq(done->error, VL_E_STATE); /* not while it runs */
	}
	ck_assert_uint_eq(g->started, 1);
	ck_assert_uint_eq(g->complaints, 0);
	rig_kill(g);
	ck_assert_uint_eq(worker_console(&w, out, sizeof(out)), sizeof(out));
	ck_assert_mem_eq(out, "ab", 2);
	ck_assert_int_eq(worker_receive(&w), CONTROL_POWER_OFF);
	ck_assert_int_eq(worker_end(&w), 0);
}
END_TEST

START_TEST(a_serial_port_without_memory_for_its_worker_is_refused)
{
	w.config.fd_count--;
	close(w.fds[w.config.fd_count]);
	rig_watch(g);
	worker_start(&w);
	ck_assert_int_eq(worker_end(&w), VL_E_MISSING);
}
END_TEST

Suite *suite_devworker_vm(void)
{
	Suite *s = suite_create("devworker_vm");
	TCase *t = tcase_create("serial port");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_console_in_a_worker_that_is_killed_again_and_again_loses_no_byte);
	tcase_add_test(t, a_worker_that_hangs_holds_the_vp_that_waits_for_it_and_nothing_else);
	tcase_add_test(t, a_serial_port_without_memory_for_its_worker_is_refused);
	suite_add_tcase(s, t);
	return s;
}
