/*
 * The whole paravisor as a process under test: its real code on one side, on
 * the other the reference host's GET service or a scripted liar on a socket
 * pair, and a forked process in the VM worker's place.
 */
#include "common/base/fmt.h"
#include "common/base/log.h"
#include "runtime/devworker/host.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/clock.h"
#include "runtime/lib/inspect_unit.h"
#include "runtime/paravisor/paravisor.h"
#include "runtime/paravisor/process.h"
#include "runtime/profiler/profiler.h"
#include "test/unit/filter/columns.h"
#include "test/unit/paravisor/life_diag.h"
#include "test/unit/paravisor/life_host.h"
#include "test/unit/paravisor/life_worker.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

Suite *suite_life(void);

/* --- Processes of the paravisor ---------------------------------------------------------- */

static void (*worker_script)(int control);
static void (*diag_script)(int control);
static void (*device_script)(int control);

static void command_says_hello(int control)
{
	struct pollfd f = { .fd = control, .events = POLLIN };
	struct exec_begin begin;
	struct channel_message m = { .data = &begin, .capacity = sizeof(begin) };

	if (channel_receive(control, &m, LIMIT_MS) || exec_begin_check(&begin, m.size, m.fd_count) ||
			m.fd_count != 1)
		_exit(98);
	channel_send(control, "hello", 6, NULL, 0, LIMIT_MS);
	poll(&f, 1, LIMIT_MS);
	_exit(0);
}

static void (*script_of(const struct worker_rule *rule))(int control)
{
	if (rule == &supervise_rules[WORKER_DIAG])
		return diag_script;
	if (!strcmp(rule->program, "vallum-exec"))
		return command_says_hello;
	return rule == &supervise_rules[WORKER_VM] ? worker_script : device_script;
}

static int spawn(void *context, struct worker *w)
{
	int pair[2];

	ck_assert_int_eq(channel_pair(pair), 0);
	w->pid = fork();
	if (w->pid == 0) {
		/* As after an exec: nothing but the control channel is open. */
		dup2(pair[1], CONTROL_FD);
		syscall(SYS_close_range, CONTROL_FD + 1, ~0u, 0);
		script_of(w->rule)(CONTROL_FD);
		_exit(7);
	}
	close(pair[1]);
	w->control = pair[0];
	w->pidfd = (int)syscall(SYS_pidfd_open, w->pid, 0);
	return 0;
}

static int open_one(void *context, const struct paravisor *p, struct control_config *c, int *fds,
	const char **what)
{
	*what = "/dev/null";
	fds[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
	c->fds[0] = (struct control_fd){ CONTROL_FD_MSHV, 0 };
	c->fd_count = 1;
	return p->dps.com1.enable_port ? 0 : VL_E_NOTFOUND;
}

/* --- The diagnostics server ------------------------------------------------------------------ */

static int open_diagnostics(void *context, int fds[SERVICE_FD_MAX], const char **what)
{
	fds[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
	return 1;
}

static void worker_obeys(int control, enum control_type type, bool saves)
{
	struct control_done d = { .request = type };
	struct control_started s = { 0 };
	int fd = saves ? open("/dev/null", O_RDONLY) : -1;

	expect(control, type);
	if (type == CONTROL_START)
		control_send(control, CONTROL_STARTED, &s, sizeof(s), NULL, 0);
	else
		control_send(control, CONTROL_DONE, &d, sizeof(d), &fd, saves);
}

static void wait_for_steps_and_power_off(int control, unsigned steps)
{
	for (int i = 0; i < LIMIT_MS / 5 && *diag_steps < steps; i++)
		poll(NULL, 0, 5);
	control_signal(control, CONTROL_POWER_OFF);
	wait_for_end(control);
}

/* Three of them, one after the other: of the running guest, then of the paused one. */
static void worker_is_replaced(int control)
{
	expect(control, CONTROL_CONFIG);
	if (worker_in.config.takes_over)
		worker_obeys(control, CONTROL_RESTORE, false);
	worker_obeys(control, CONTROL_START, false);
	if (*diag_steps >= 3)
		wait_for_steps_and_power_off(control, 4);
	worker_obeys(control, CONTROL_STOP, false);
	worker_obeys(control, CONTROL_SAVE, true);
	wait_for_end(control);
}

static void worker_cannot_be_replaced(int control)
{
	struct control_done d = { .request = CONTROL_RESTORE, .error = VL_E_CHECKSUM };

	expect(control, CONTROL_CONFIG);
	if (worker_in.config.takes_over) {
		expect(control, CONTROL_RESTORE);
		control_send(control, CONTROL_DONE, &d, sizeof(d), NULL, 0);
		wait_for_end(control);
	}
	worker_obeys(control, CONTROL_START, false);
	worker_obeys(control, CONTROL_STOP, false);
	worker_obeys(control, CONTROL_SAVE, true);
	wait_for_end(control);
}

static void worker_is_paused_and_saved(int control)
{
	say_started(control);
	worker_obeys(control, CONTROL_STOP, false);
	worker_obeys(control, CONTROL_SAVE, true);
	worker_obeys(control, CONTROL_START, false);
	/* And from running to running. */
	worker_obeys(control, CONTROL_STOP, false);
	worker_obeys(control, CONTROL_SAVE, true);
	worker_obeys(control, CONTROL_START, false);
	for (int i = 0; i < LIMIT_MS / 5 && *diag_steps < 11; i++)
		poll(NULL, 0, 5);
	control_signal(control, CONTROL_POWER_OFF);
	wait_for_end(control);
}

static void worker_stops_late(int control)
{
	struct control_done d = { .request = CONTROL_STOP };

	say_started(control);
	expect(control, CONTROL_STOP);
	*diag_steps = 1;
	for (int i = 0; i < LIMIT_MS / 5 && *diag_steps < 2; i++)
		poll(NULL, 0, 5);
	control_send(control, CONTROL_DONE, &d, sizeof(d), NULL, 0);
	worker_obeys(control, CONTROL_START, false);
	wait_for_steps_and_power_off(control, 3);
}

static unsigned wanted_steps;

static void worker_waits_for_steps(int control)
{
	say_started(control);
	for (int i = 0; i < LIMIT_MS / 5 && *diag_steps < wanted_steps; i++)
		poll(NULL, 0, 5);
	control_signal(control, CONTROL_POWER_OFF);
	wait_for_end(control);
}

/* --- Runs -------------------------------------------------------------------------------- */

static const struct paravisor_ops ops = { .connect = connect_to_host, .open = open_one, .spawn = spawn };
static struct paravisor p;

static void setup(void)
{
	dps_defaults(&settings);
	settings.com1.enable_port = true;
	paravisor_init(&p, &ops, NULL);
	p.machine.filter.isolation = ISOLATION_NONE;
	p.end_limit_ms = 50;
	p.machine.vp_count = 2;
	p.machine.vps[1].hw_id = 1;
	p.machine.range_count = 1;
	p.machine.ranges[0] = (struct control_range){ 0, 0x10000000, CONTROL_RANGE_RAM, 0 };
	strcpy(p.machine.command_line, "quiet");
	worker_script = worker_powers_off;
}

/* Runs to the end and hangs up, so that the host's thread has seen all. */
static int run(void)
{
	int status = paravisor_run(&p);

	get_client_close(&p.host);
	host_join();
	return status;
}

START_TEST(a_guest_boots_and_powers_off)
{
	ck_assert_int_eq(run(), 0);
	ck_assert_str_eq(told, "event boot attempt;event boot success;phase vtl0-start;started;off;");
	ck_assert_uint_eq(p.config.utc_ns, 1700000000ull * 1000000000);
}
END_TEST

static const struct paravisor_ops ops_with_diagnostics = { .connect = connect_to_host, .open = open_one,
	.spawn = spawn, .diagnostics = open_diagnostics };
/* As the debug image has it. */
static const struct paravisor_ops ops_with_commands = { .connect = connect_to_host, .open = open_one,
	.spawn = spawn, .diagnostics = open_diagnostics, .commands = &commands_table };

static void run_with(const struct paravisor_ops *with, void (*diag)(int control), void (*worker)(int control))
{
	p.ops = with;
	share_steps();
	diag_script = diag;
	worker_script = worker;
	ck_assert_int_eq(run(), 0);
}

static void with_diagnostics(void (*diag)(int control), void (*worker)(int control))
{
	run_with(&ops_with_diagnostics, diag, worker);
}

START_TEST(a_client_pauses_saves_and_resumes_the_guest_and_reads_plain_files)
{
	with_diagnostics(diag_changes_the_guests_life, worker_is_paused_and_saved);
	ck_assert_uint_eq(*diag_steps, 11);
	ck_assert_uint_eq(p.diag.restarts, 0);
	ck_assert_ptr_nonnull(strstr(told, "started;off;"));
}
END_TEST

START_TEST(a_client_gives_the_guest_to_a_new_vm_worker_running_or_paused)
{
	with_diagnostics(diag_restarts, worker_is_replaced);
	ck_assert_uint_eq(*diag_steps, 4);
	ck_assert_uint_eq(p.vm.starts, 3);
	ck_assert_uint_eq(p.crashes.count, 0);
	ck_assert_msg(strstr(told, "started;off;") != NULL, "%s", told);
}
END_TEST

START_TEST(a_guest_that_the_new_vm_worker_cannot_take_over_is_at_its_end)
{
	p.ops = &ops_with_diagnostics;
	share_steps();
	diag_script = diag_restarts;
	worker_script = worker_cannot_be_replaced;
	ck_assert_int_eq(run(), 1);
	ck_assert_msg(strstr(told, "log 1 the new VM worker cannot take over the guest: ") != NULL,
			"%s", told);
}
END_TEST

START_TEST(an_isolated_vms_server_gets_nothing_done_whatever_it_asks)
{
	wanted_steps = 5;
	p.machine.filter.isolation = ISOLATION_VBS;
	with_diagnostics(diag_asks_what_it_may_not, worker_waits_for_steps);
	ck_assert_uint_eq(*diag_steps, 5);
}
END_TEST

START_TEST(the_debug_images_server_gets_the_channels_of_as_many_commands_as_the_limit)
{
	wanted_steps = COMMANDS_MAX + 3;
	commands_table.init(&p);
	run_with(&ops_with_commands, diag_runs_commands, worker_waits_for_steps);
	ck_assert_uint_eq(*diag_steps, wanted_steps);
}
END_TEST

START_TEST(a_client_has_a_process_of_vtl2_crash_and_no_other)
{
	wanted_steps = 6;
	with_diagnostics(diag_crashes_on_demand, worker_waits_for_steps);
	ck_assert_uint_ge(*diag_steps, 6);
	ck_assert_uint_ge(p.crashes.count, 1);
	ck_assert_uint_eq(p.crashes.list[0].record.signal, SIGABRT);
	ck_assert_msg(strstr(told, "vallum-diag (process ") != NULL &&
			strstr(told, ") crashed: signal 6") != NULL, "%s", told);
}
END_TEST

/* What cannot be kept until the guest runs again is an error, and at once. */
START_TEST(a_state_of_the_running_guest_that_cannot_be_kept_is_refused_and_the_guest_goes_on)
{
	struct errands *e = &p.errands;
	int control[2], diag[2];

	ck_assert_int_eq(channel_pair(control), 0);
	ck_assert_int_eq(channel_pair(diag), 0);
	p.vm.control = control[0];
	p.diag.worker.control = diag[0];
	*e = (struct errands){ .life = VM_SAVING, .what = SERVICE_SAVE, .id = 7, .go_on = true, .saved = -1 };
	ck_assert_int_eq(errands_done(&p, CONTROL_SAVE, 0, -1), 0);
	diag_expect(diag[1], SERVICE_REPLY);
	ck_assert_uint_eq(diag_in.reply.id, 7);
	ck_assert_int_eq(diag_in.reply.error, VL_E_OS);
	expect(control[1], CONTROL_START);
	ck_assert_int_eq(errands_started(&p), 0);
	ck_assert_int_eq(e->life, VM_RUNS);
	ck_assert_int_eq(e->saved, -1);
	for (unsigned i = 0; i < 2; i++) {
		close(control[i]);
		close(diag[i]);
	}
}
END_TEST

START_TEST(a_server_that_dies_again_and_again_is_given_up_and_the_guest_goes_on)
{
	wanted_steps = supervise_rules[WORKER_DIAG].death_max + 1;
	with_diagnostics(diag_dies, worker_waits_for_steps);
	ck_assert_uint_eq(*diag_steps, supervise_rules[WORKER_DIAG].death_max + 1);
	ck_assert_ptr_nonnull(strstr(told, "started;off;"));
}
END_TEST

START_TEST(a_server_that_takes_the_place_of_one_that_died_gets_no_answer_to_its_call)
{
	with_diagnostics(diag_dies_while_it_waits, worker_stops_late);
	ck_assert_uint_eq(*diag_steps, 3);
	ck_assert_uint_eq(p.diag.restarts, 1);
}
END_TEST

START_TEST(a_server_that_sends_garbage_is_ended_and_starts_again)
{
	wanted_steps = 3;
	with_diagnostics(diag_sends_garbage, worker_waits_for_steps);
	ck_assert_uint_ge(*diag_steps, 3);
}
END_TEST

/* --- Device workers --------------------------------------------------------------------------- */

/* com1's dies whenever it starts, until it did so three times. */
static int with_a_device_that_dies(void)
{
	wanted_steps = 3;
	share_steps();
	device_script = diag_dies;
	worker_script = worker_waits_for_steps;
	return run();
}

/* A real worker's loop, with a device that has its process's number in a register. */
static void show_process(const void *dev, struct inspect *i)
{
	dev_show(i, "process", (uint64_t)getpid());
}

static void device_shows_itself(int control)
{
	static const struct dev_model model = { .name = "test", .version = 1, .inspect = show_process };
	static struct devhost h;
	struct devipc_config config;

	if (devhost_open(&h, &config, NULL) || h.unit < 0)
		_exit(95);
	devhost_init(&h, &model, &h);
	_exit(devhost_run(&h) == VL_E_CLOSED ? 0 : 94);
}

START_TEST(a_device_worker_shows_its_registers_and_a_restarted_one_takes_the_place_of_the_former)
{
	wanted_steps = 3;
	strcpy(settings.device_workers, "com1");
	device_script = device_shows_itself;
	with_diagnostics(diag_looks_into_device_workers, worker_waits_for_steps);
	ck_assert_uint_eq(*diag_steps, 3);
	ck_assert_uint_eq(p.devices.list[CONTROL_DEVICE_COM1].worker.starts, 2);
}
END_TEST

START_TEST(what_init_made_as_a_unit_is_handed_to_the_diagnostics_server_and_to_its_successor)
{
	char byte;
	struct channel_message m = { .data = &byte, .capacity = sizeof(byte) };
	int pair[2];

	ck_assert_int_eq(channel_pair(pair), 0);
	p.init_unit = pair[0];
	wanted_steps = 2;
	with_diagnostics(diag_finds_init, worker_waits_for_steps);
	ck_assert_int_eq(channel_receive(pair[1], &m, 0), 0);
	ck_assert_int_eq(channel_receive(pair[1], &m, 0), 0);
	ck_assert_int_eq(channel_receive(pair[1], &m, 0), VL_E_CLOSED); /* nobody has it any more */
	close(pair[1]);
}
END_TEST

static void profiler_takes_its_unit_and_dies(int control)
{
	struct profiler_request q;
	struct channel_message m = { .data = &q, .capacity = sizeof(q) };

	_exit(channel_receive(control, &m, LIMIT_MS) || profiler_request_check(&q, m.size) ||
			m.fd_count != 2 ? 98 : 0);
}

START_TEST(a_command_and_a_profiler_are_units_of_the_inspect_tree_while_they_run)
{
	wanted_steps = 3;
	device_script = profiler_takes_its_unit_and_dies;
	commands_table.init(&p);
	run_with(&ops_with_commands, diag_sees_come_and_go, worker_waits_for_steps);
	ck_assert_uint_eq(*diag_steps, 3);
	ck_assert_uint_eq(p.command_count, 1);
}
END_TEST

static void told_of_two_deaths(void)
{
	static const char again[] =
			"device worker com1 ended and starts again (%u starts, %u deaths, 0 kills)";
	char text[sizeof(again)];

	for (unsigned i = 1; i <= 2; i++) {
		vl_format(text, sizeof(text), again, i, i);
		ck_assert_msg(strstr(told, text) != NULL, "%s", told);
	}
}

START_TEST(each_death_of_a_device_worker_that_the_settings_name_is_counted_and_told)
{
	strcpy(settings.device_workers, "com1");
	ck_assert_int_eq(with_a_device_that_dies(), 0);
	told_of_two_deaths();
	ck_assert_uint_ge(p.devices.list[CONTROL_DEVICE_COM1].worker.deaths_ever, 2);
	ck_assert_uint_eq(p.devices.list[CONTROL_DEVICE_COM2].worker.starts, 0);
}
END_TEST

START_TEST(a_device_worker_that_nobody_knows_is_refused_by_the_settings_name)
{
	strcpy(settings.device_workers, "com1,com9");
	ck_assert_int_eq(run(), 1);
	ck_assert_msg(strstr(told, "failed platform settings: Vallum.DeviceWorkers takes com1, com2 and"),
		"%s", told);
}
END_TEST

START_TEST(an_isolated_vms_host_chooses_no_device_workers)
{
	p.machine.filter.isolation = ISOLATION_VBS;
	strcpy(settings.device_workers, "com1,com9");
	ck_assert_int_eq(run(), 0);
	ck_assert_uint_eq(p.workers, 1u << CONTROL_DEVICE_TPM);
}
END_TEST

START_TEST(a_guest_reset_is_a_reset)
{
	worker_script = worker_resets;
	ck_assert_int_eq(run(), 0);
	ck_assert_ptr_nonnull(strstr(told, "started;reset;"));
}
END_TEST

START_TEST(the_death_of_the_vm_worker_is_reported_with_its_reason)
{
	worker_script = worker_dies;
	ck_assert_int_eq(run(), 1);
	ck_assert_ptr_nonnull(strstr(told,
		"log 1 VM worker ended unexpectedly: exit status 5;crash vtl 2 VL_E_INTERNAL;"));
}
END_TEST

START_TEST(a_worker_that_cannot_start_the_guest_has_the_last_word)
{
	worker_script = worker_says_why_and_dies;
	ck_assert_int_eq(run(), 1);
	ck_assert_str_eq(told, "event boot attempt;log 1 guest kernel: no bzImage;event boot failure;"
		"failed guest kernel: no bzImage;");
}
END_TEST

static int broken_read(void *context, uint64_t at, void *out, size_t size) { return VL_E_IO; }
static int broken_write(void *context, uint64_t at, const void *data, size_t size) { return VL_E_IO; }
static int broken_flush(void *context) { return VL_E_IO; }

START_TEST(an_isolated_vms_host_hears_at_which_step_the_state_failed)
{
	static const struct get_storage broken = { broken_read, broken_write, broken_flush, NULL, 1u << 20 };

	host.storage = &broken;
	p.machine.filter.isolation = ISOLATION_VBS;
	p.security.has_broker = true;
	ck_assert_int_eq(run(), 1);
	ck_assert_msg(strstr(told, "failed guest state: state file: ") != NULL, "%s", told);
}
END_TEST

START_TEST(a_worker_that_sends_garbage_ends_the_run)
{
	worker_script = worker_sends_garbage;
	ck_assert_int_eq(run(), 1);
	ck_assert_ptr_nonnull(strstr(told, "crash vtl 2 VL_E_PROTOCOL;"));
}
END_TEST

START_TEST(a_worker_that_hangs_is_killed_and_reported)
{
	p.start_limit_ms = 50;
	worker_script = worker_hangs;
	ck_assert_int_eq(run(), 1);
	ck_assert_ptr_nonnull(strstr(told, "VM worker did not start the guest"));
	ck_assert_ptr_nonnull(strstr(told, "failed "));
}
END_TEST

START_TEST(a_thing_that_cannot_be_opened_is_named)
{
	settings.com1.enable_port = false;
	ck_assert_int_eq(run(), 1);
	ck_assert_ptr_nonnull(strstr(told, "failed /dev/null for the VM worker: there is no such thing;"));
}
END_TEST

START_TEST(a_host_that_never_answers_is_given_up)
{
	refused_connections = 2; /* to boot, and to report it */
	ck_assert_int_eq(run(), 1);
	ck_assert_str_eq(told, "");
}
END_TEST

/* The first connection meets `lie`; the paravisor must give up and report over a second one. */
static void lied_to(const void *lie, size_t size, bool closes, const char *expected)
{
	host.lie = lie;
	host.lie_bytes = size;
	host.closes = closes;
	ck_assert_int_eq(run(), 1);
	ck_assert_uint_eq(connections, 2);
	ck_assert_msg(strstr(told, expected) != NULL, "%s", told);
}

START_TEST(a_host_that_answers_garbage_is_refused)
{
	lied_to("\x08\0\0\0garbage!", 12, false,
		"failed host channel: connecting to the host channel: the version is not");
}
END_TEST

START_TEST(a_host_that_announces_too_much_is_refused)
{
	lied_to("\x01\x30\0\0", 4, false, "a documented limit is exceeded");
}
END_TEST

START_TEST(a_host_that_answers_something_else_is_refused)
{
	/* A TIME response to the VERSION request. */
	static const uint8_t time[36] = { 32, 0, 0, 0, 1, 3, 2 };

	lied_to(time, sizeof(time), false, "the peer broke the protocol");
}
END_TEST

START_TEST(a_host_that_speaks_another_version_is_refused)
{
	lied_to("\x06\0\0\0\x01\x03\x01\0\0\0", 10, false, "the version is not supported");
}
END_TEST

START_TEST(a_host_that_sends_a_request_is_refused)
{
	lied_to("\x04\0\0\0\x01\x02\x02\0", 8, false, "the peer broke the protocol");
}
END_TEST

START_TEST(a_host_that_hangs_up_is_refused)
{
	lied_to("\x06\0\0\0\x01\x03", 6, true, "the other side closed the connection");
}
END_TEST

START_TEST(settings_that_make_no_sense_are_refused)
{
	/* VERSION accepted, TIME, then a DPS answer that is no JSON. */
	static const uint8_t lie[] = { 6, 0, 0, 0, 1, 3, 1, 0, 1, 0,
		32, 0, 0, 0, 1, 3, 2, 0, [14 + 32] = 10, 0, 0, 0, 1, 3, 18, 0, 2, 0, 0, 0, '{', ']' };

	lied_to(lie, sizeof(lie), false, "platform settings: the data is malformed");
}
END_TEST

START_TEST(settings_that_never_end_are_refused)
{
	/* Empty pieces with "more follows". */
	static const uint8_t lie[] = { 6, 0, 0, 0, 1, 3, 1, 0, 1, 0,
		32, 0, 0, 0, 1, 3, 2, 0, [14 + 32] = 12, 0, 0, 0, 1, 3, 27, 0, 0, 0, 0, 0, 1, 0, 0, 0 };

	lied_to(lie, sizeof(lie), false, "platform settings: the peer broke the protocol");
}
END_TEST

START_TEST(settings_in_pieces_are_put_together)
{
	/* Longer than one message by its texts' escapes: a tab takes six bytes. */
	char *const texts[] = { settings.serial_number, settings.base_board_serial_number,
		settings.chassis_asset_tag, settings.chassis_serial_number, settings.system_manufacturer,
		settings.system_product_name, settings.system_version, settings.system_sku_number,
		settings.system_family, settings.bios_lock_string, settings.memory_device_serial_number,
		settings.processor_manufacturer, settings.processor_version,
		settings.bios_guid, settings.guest_state_encryption_policy,
		settings.secure_boot_template_id, settings.hardware_sealing_policy_id };

	for (size_t i = 0; i < VL_ARRAY_COUNT(texts); i++)
		memset(texts[i], '\t', DPS_TEXT_MAX - 1);
	settings.generation_id_low = settings.generation_id_high = UINT64_MAX;
	ck_assert_int_eq(run(), 0);
	ck_assert_mem_eq(&p.dps, &settings, sizeof(settings));
	ck_assert_int_gt(dps_encode(&settings, host.service.document, sizeof(host.service.document)),
		(int)GET_PAYLOAD_MAX);
}
END_TEST

/* --- Rows of the filter, column by column ------------------------------------------------------- */

static int run_in_column(int column, void (*worker)(int control))
{
	p.machine.filter = filter_columns[column];
	worker_script = worker;
	return run();
}

START_TEST(phases_events_and_the_hosts_time_pass_where_their_rows_keep_them)
{
	ck_assert_int_eq(run_in_column(_i, worker_powers_off), 0);
	ck_assert_int_eq(strstr(told, "event boot success;") != NULL,
			filter_row_keeps(FILTER_TELL_EVENT, _i));
	ck_assert_int_eq(strstr(told, "phase vtl0-start;") != NULL, filter_row_keeps(FILTER_TELL_PHASES, _i));
	ck_assert_int_eq(p.config.utc_ns == host_utc(NULL), filter_row_keeps(FILTER_GET_TIME, _i));
}
END_TEST

START_TEST(a_triple_fault_tells_the_registers_where_the_row_keeps_them)
{
	ck_assert_int_eq(run_in_column(_i, worker_triple_faults), 0);
	ck_assert_ptr_nonnull(strstr(told, filter_row_keeps(FILTER_TELL_REGISTERS, _i) ?
		"triple 1 00020010=fff0;" : "triple 1;"));
}
END_TEST

START_TEST(the_text_of_a_failure_is_told_where_the_row_keeps_it)
{
	bool keeps = filter_row_keeps(FILTER_TELL_FAILURE, _i);

	ck_assert_int_eq(run_in_column(_i, worker_says_why_and_dies), 1);
	ck_assert_ptr_nonnull(strstr(told,
			keeps ? "failed guest kernel: no bzImage;" : "failed the data is malformed;"));
	ck_assert_int_eq(strstr(told, "bzImage") != NULL, keeps);
}
END_TEST

START_TEST(the_end_of_a_worker_is_told_in_every_column)
{
	ck_assert(filter_row_keeps(FILTER_TELL_WORKERS, _i));
	p.machine.filter = filter_columns[_i];
	ck_assert_int_eq(devices_by_names("com1", &p.workers), 0);
	ck_assert_int_eq(with_a_device_that_dies(), 0);
	told_of_two_deaths();
}
END_TEST

/* The host's thread may be late on a busy machine: what it says then comes after the guest's end. */
#define UNASKED_LIMIT_MS 400

static void host_says(unsigned id, size_t size)
{
	static const uint8_t ones[26] = { [0 ... 25] = 1 };
	struct get_header h = get_header(GET_GUEST_NOTIFICATION, id);
	struct vl_writer w;

	vl_writer_init(&w, unasked, sizeof(unasked));
	get_frame(&w, &h, sizeof(h), ones, size - sizeof(h));
	unasked_bytes = w.pos;
}

static const struct {
	enum filter_item item;
	unsigned id;
	size_t size;
	const char *told; /* what the host hears of it */
} notifications[] = {
	{ FILTER_GET_SAVE, GET_SAVE_GUEST_VTL2_STATE_NOTIFICATION, sizeof(struct get_save_notification),
		"save refused;" },
	{ FILTER_GET_DEBUG_INTERRUPT, GET_INJECT_DEBUG_INTERRUPT,
		sizeof(struct get_inject_debug_interrupt), "" },
	{ FILTER_GET_GENERATION_ID, GET_UPDATE_GENERATION_ID, sizeof(struct get_update_generation_id), "" },
	{ FILTER_GET_OTHER, GET_POST_LIVE_MIGRATION, sizeof(struct get_header), "" },
};

START_TEST(nothing_that_a_host_says_unasked_changes_anything)
{
	static const char rest[] = "event boot success;phase vtl0-start;started;off;";
	size_t n = (size_t)_i / FILTER_COLUMNS;
	char *at;

	ck_assert(!filter_row_keeps(notifications[n].item, _i % FILTER_COLUMNS));
	p.end_limit_ms = UNASKED_LIMIT_MS;
	host_says(notifications[n].id, notifications[n].size);
	ck_assert_int_eq(run_in_column(_i % FILTER_COLUMNS, worker_powers_off), 0);
	ck_assert_uint_eq(p.notifications, 1);
	ck_assert_mem_eq(&p.dps.generation_id_low, &settings.generation_id_low,
			sizeof(settings.generation_id_low));
	at = strstr(told, notifications[n].told);
	ck_assert_msg(at != NULL, "%s", told);
	memmove(at, at + strlen(notifications[n].told), strlen(at + strlen(notifications[n].told)) + 1);
	ck_assert_msg(!strncmp(told, "event boot attempt;", 19) && !strcmp(told + 19, rest), "%s", told);
}
END_TEST

START_TEST(what_no_rule_knows_of_the_host_ends_the_channel)
{
	static const unsigned ids[] = { GET_MODIFY_VTL2_SETTINGS, GET_MODIFY_VTL2_SETTINGS_REV1,
		GET_BATTERY_STATUS, GET_VPCI_DEVICE_NOTIFICATION, 0, 99 };

	for (size_t i = 0; i < VL_ARRAY_COUNT(ids); i++) {
		host_says(ids[i], 10);
		ck_assert_int_eq(get_check(unasked + GET_PREFIX_BYTES, unasked_bytes - GET_PREFIX_BYTES),
				VL_E_TYPE);
	}
	ck_assert(!filter_row_keeps(FILTER_GET_OTHER, _i));
	run_in_column(_i, worker_powers_off);
	ck_assert_uint_eq(p.notifications, 0);
	/* Before the guest's end, of which the host then hears over another, or after. */
	ck_assert(connections == 2 || p.host.err == VL_E_TYPE);
}
END_TEST

static void add_rows(TCase *c)
{
	tcase_add_loop_test(c, phases_events_and_the_hosts_time_pass_where_their_rows_keep_them, 0,
			FILTER_COLUMNS);
	tcase_add_loop_test(c, a_triple_fault_tells_the_registers_where_the_row_keeps_them, 0,
			FILTER_COLUMNS);
	tcase_add_loop_test(c, the_text_of_a_failure_is_told_where_the_row_keeps_it, 0, FILTER_COLUMNS);
	tcase_add_loop_test(c, the_end_of_a_worker_is_told_in_every_column, 0, FILTER_COLUMNS);
	tcase_add_loop_test(c, nothing_that_a_host_says_unasked_changes_anything, 0,
		(int)VL_ARRAY_COUNT(notifications) * (int)FILTER_COLUMNS);
	tcase_add_loop_test(c, what_no_rule_knows_of_the_host_ends_the_channel, 0, FILTER_COLUMNS);
}

static void add_tests(TCase *c)
{
	tcase_add_test(c, a_guest_boots_and_powers_off);
	tcase_add_test(c, a_client_pauses_saves_and_resumes_the_guest_and_reads_plain_files);
	tcase_add_test(c, a_client_gives_the_guest_to_a_new_vm_worker_running_or_paused);
	tcase_add_test(c, a_guest_that_the_new_vm_worker_cannot_take_over_is_at_its_end);
	tcase_add_test(c, an_isolated_vms_server_gets_nothing_done_whatever_it_asks);
	tcase_add_test(c, the_debug_images_server_gets_the_channels_of_as_many_commands_as_the_limit);
	tcase_add_test(c, a_client_has_a_process_of_vtl2_crash_and_no_other);
	tcase_add_test(c, a_state_of_the_running_guest_that_cannot_be_kept_is_refused_and_the_guest_goes_on);
	tcase_add_test(c, a_server_that_dies_again_and_again_is_given_up_and_the_guest_goes_on);
	tcase_add_test(c, a_server_that_takes_the_place_of_one_that_died_gets_no_answer_to_its_call);
	tcase_add_test(c, a_server_that_sends_garbage_is_ended_and_starts_again);
	tcase_add_test(c, each_death_of_a_device_worker_that_the_settings_name_is_counted_and_told);
	tcase_add_test(c, a_command_and_a_profiler_are_units_of_the_inspect_tree_while_they_run);
	tcase_add_test(c, what_init_made_as_a_unit_is_handed_to_the_diagnostics_server_and_to_its_successor);
	tcase_add_test(c,
			a_device_worker_shows_its_registers_and_a_restarted_one_takes_the_place_of_the_former);
	tcase_add_test(c, a_device_worker_that_nobody_knows_is_refused_by_the_settings_name);
	tcase_add_test(c, an_isolated_vms_host_chooses_no_device_workers);
	tcase_add_test(c, a_guest_reset_is_a_reset);
	tcase_add_test(c, the_death_of_the_vm_worker_is_reported_with_its_reason);
	tcase_add_test(c, a_worker_that_cannot_start_the_guest_has_the_last_word);
	tcase_add_test(c, an_isolated_vms_host_hears_at_which_step_the_state_failed);
	tcase_add_test(c, a_worker_that_sends_garbage_ends_the_run);
	tcase_add_test(c, a_worker_that_hangs_is_killed_and_reported);
	tcase_add_test(c, a_thing_that_cannot_be_opened_is_named);
	tcase_add_test(c, a_host_that_never_answers_is_given_up);
	tcase_add_test(c, a_host_that_answers_garbage_is_refused);
	tcase_add_test(c, a_host_that_announces_too_much_is_refused);
	tcase_add_test(c, a_host_that_answers_something_else_is_refused);
	tcase_add_test(c, a_host_that_speaks_another_version_is_refused);
	tcase_add_test(c, a_host_that_sends_a_request_is_refused);
	tcase_add_test(c, a_host_that_hangs_up_is_refused);
	tcase_add_test(c, settings_that_make_no_sense_are_refused);
	tcase_add_test(c, settings_that_never_end_are_refused);
	tcase_add_test(c, settings_in_pieces_are_put_together);
}

Suite *suite_life(void)
{
	Suite *s = suite_create("life");
	TCase *c = tcase_create("paravisor");

	tcase_add_checked_fixture(c, setup, NULL);
	tcase_set_timeout(c, 120); /* more than a script waits */
	add_tests(c);
	add_rows(c);
	suite_add_tcase(s, c);
	return s;
}
