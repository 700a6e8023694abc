/*
 * The VM worker as a whole over the fake hypervisor, on every port: a scripted
 * guest's intercepts go through the real VP loop, exits, devices and I/O loop,
 * and come out as console bytes, registers and control messages.
 */
#include "common/inspect/view.h"
#include "runtime/lib/clock.h"
#include "runtime/lib/inspect_unit.h"
#include "runtime/vm/vm.h"
#include "test/port/vm/rig.h"
#include <check.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

Suite *suite_vm_worker(void);

#define SAY(c) { .kind = SCRIPT_CONSOLE, .value = (c) }
#define ON { .kind = SCRIPT_CONSOLE_ON }
#define POWER_OFF { .kind = SCRIPT_POWER_OFF }
#define NOTHING { .kind = SCRIPT_READ, .where = SCRIPT_NOWHERE, .size = 4 }

static struct fake_worker w;

START_TEST(a_power_off_of_the_guest_reaches_the_paravisor)
{
	static const struct script_step steps[] = { POWER_OFF };

	vmrig_begin(&w);
	SCRIPT_PLAY(steps);
	vmrig_boot(&w);
	vmrig_expect_end(&w, CONTROL_POWER_OFF);
}
END_TEST

START_TEST(a_reset_of_the_guest_reaches_the_paravisor)
{
	static const struct script_step steps[] = { { .kind = SCRIPT_RESET } };

	vmrig_begin(&w);
	SCRIPT_PLAY(steps);
	vmrig_boot(&w);
	vmrig_expect_end(&w, CONTROL_RESET);
}
END_TEST

START_TEST(a_guest_that_cannot_go_on_is_reported_with_its_program_counter)
{
	static const struct script_step steps[] = { NOTHING, { .kind = SCRIPT_TRIPLE_FAULT } };
	const struct control_triple_fault *f = &w.message.triple_fault;
	bool found = false;

	vmrig_begin(&w);
	SCRIPT_PLAY(steps);
	vmrig_boot(&w);
	ck_assert_int_eq(worker_receive(&w), CONTROL_TRIPLE_FAULT);
	for (uint32_t i = 0; i < f->register_count; i++)
		found |= f->registers[i].name == script_port_pc_register &&
			f->registers[i].low == le64_to_cpu(fake_register(0, script_port_pc_register).low);
	ck_assert(found);
	ck_assert_int_eq(worker_end(&w), 0);
}
END_TEST

START_TEST(an_isolated_guests_registers_are_not_reported)
{
	static const struct script_step steps[] = { { .kind = SCRIPT_TRIPLE_FAULT } };

	vmrig_begin(&w);
	w.config.isolated = 1;
	SCRIPT_PLAY(steps);
	vmrig_boot(&w);
	ck_assert_int_eq(worker_receive(&w), CONTROL_TRIPLE_FAULT);
	ck_assert_uint_eq(w.message.triple_fault.register_count, 0);
	ck_assert_int_eq(worker_end(&w), 0);
}
END_TEST

START_TEST(an_intercept_nobody_knows_stops_the_vm_with_its_number)
{
	static const struct script_step steps[] = { { .kind = SCRIPT_MESSAGE, .where = 0x8001ffff } };

	vmrig_begin(&w);
	SCRIPT_PLAY(steps);
	vmrig_boot(&w);
	ck_assert_int_eq(worker_receive(&w), CONTROL_CRASH);
	ck_assert_ptr_nonnull(strstr(w.message.crash.text, "0x8001ffff"));
	ck_assert_int_eq(w.message.crash.error, VL_E_PROTOCOL);
	ck_assert_int_eq(worker_end(&w), 0);
}
END_TEST

START_TEST(a_kernel_that_is_none_is_refused_with_a_reason)
{
	vmrig_begin(&w);
	memset(fake_hv.ram + SCRIPT_KERNEL, 0, SCRIPT_KERNEL_BYTES);
	worker_start(&w);
	ck_assert_int_eq(control_signal(w.control, CONTROL_START), 0);
	ck_assert_int_eq(worker_receive(&w), CONTROL_CRASH);
	ck_assert_int_eq(w.message.crash.error, VL_E_MAGIC);
	ck_assert_ptr_nonnull(strstr(w.message.crash.text, "kernel"));
	ck_assert_int_eq(worker_end(&w), 0);
}
END_TEST

START_TEST(what_the_guest_writes_comes_out_of_the_console)
{
	static const struct script_step steps[] = { ON, SAY('v'), SAY('t'), SAY('l'), SAY('0') };
	char out[4] = "";

	vmrig_begin(&w);
	SCRIPT_PLAY(steps);
	vmrig_boot(&w);
	ck_assert_uint_eq(worker_console(&w, out, sizeof(out)), 4);
	ck_assert_mem_eq(out, "vtl0", 4);
	ck_assert_int_eq(worker_end(&w), 0);
}
END_TEST

START_TEST(where_nothing_is_reads_give_ones_and_the_guest_goes_on_behind_the_instruction)
{
	static const struct script_step steps[] = {
		{ .kind = SCRIPT_READ, .where = SCRIPT_NOWHERE, .size = 1 },
		{ .kind = SCRIPT_READ, .where = SCRIPT_NOWHERE + 2, .size = 2 },
		{ .kind = SCRIPT_READ, .where = SCRIPT_NOWHERE + 4, .size = 4 },
		{ .kind = SCRIPT_READ, .where = SCRIPT_NOWHERE + 8, .size = 8 },
		{ .kind = SCRIPT_WRITE, .where = SCRIPT_NOWHERE, .size = 8, .value = 0x1122334455667788 },
		ON, POWER_OFF,
	};

	vmrig_begin(&w);
	SCRIPT_PLAY(steps);
	vmrig_boot(&w);
	vmrig_expect_end(&w, CONTROL_POWER_OFF);
	ck_assert_uint_eq(played.result[0] & 0xff, 0xff);
	ck_assert_uint_eq(played.result[1] & 0xffff, 0xffff);
	ck_assert_uint_eq(played.result[2], 0xffffffff);
	ck_assert_uint_eq(played.result[3], UINT64_MAX);
	ck_assert_uint_eq(played.pc[5], script_port_pc_after);
}
END_TEST

START_TEST(holes_can_be_poked_with_every_size_at_every_alignment)
{
	static struct script_step steps[SCRIPT_STEPS_MAX];
	unsigned n = 0;

	for (uint64_t at = SCRIPT_NOWHERE; n + 8 < SCRIPT_STEPS_MAX && at < SCRIPT_NOWHERE + 0x4000; at += 61)
		for (unsigned size = 1; size <= 8; size *= 2) {
			steps[n++] = (struct script_step){ SCRIPT_READ, at, size, 0 };
			steps[n++] = (struct script_step){ SCRIPT_WRITE, at, size, 0x8d4c3b2a19080706 };
		}
	steps[n++] = (struct script_step)POWER_OFF;
	vmrig_begin(&w);
	script_play(steps, n);
	vmrig_boot(&w);
	vmrig_expect_end(&w, CONTROL_POWER_OFF);
}
END_TEST

START_TEST(a_console_flood_is_bounded_and_the_worker_stays_responsive)
{
	static const struct script_step steps[] = { ON, SAY('f') };
	static char out[VM_STREAM_OUT_BYTES * 4];

	vmrig_begin(&w);
	played.repeat = true;
	SCRIPT_PLAY(steps);
	vmrig_boot(&w);
	ck_assert_uint_eq(worker_console(&w, out, sizeof(out)), sizeof(out));
	vmrig_stop(&w);
	ck_assert_int_eq(worker_end(&w), 0);
}
END_TEST

START_TEST(a_console_that_nobody_reads_stops_neither_guest_nor_worker)
{
	static const struct script_step steps[] = { ON, SAY('f') };

	vmrig_begin(&w);
	played.repeat = true;
	SCRIPT_PLAY(steps);
	vmrig_boot(&w);
	ck_assert(script_made(4 * VM_STREAM_OUT_BYTES));
	vmrig_stop(&w);
	ck_assert_int_eq(worker_end(&w), 0);
}
END_TEST

START_TEST(the_guest_goes_on_when_its_console_is_closed)
{
	static const struct script_step steps[] = { ON, SAY('a'), SAY('b'), POWER_OFF };

	vmrig_begin(&w);
	SCRIPT_PLAY(steps);
	shutdown(w.console, SHUT_RDWR);
	vmrig_boot(&w);
	vmrig_expect_end(&w, CONTROL_POWER_OFF);
}
END_TEST

START_TEST(a_disk_whose_server_goes_away_or_babbles_leaves_the_vm_running)
{
	static const struct script_step last[] = { POWER_OFF }, first[] = { NOTHING };
	static const char garbage[4096] = "this is no answer";
	int disk;

	vmrig_begin(&w);
	disk = vmrig_connect_disk(&w);
	SCRIPT_PLAY(first);
	vmrig_boot(&w);
	ck_assert_int_gt(write(disk, garbage, sizeof(garbage)), 0);
	close(disk);
	ck_assert(script_served());
	SCRIPT_PLAY(last);
	vmrig_expect_end(&w, CONTROL_POWER_OFF);
}
END_TEST

START_TEST(eight_vps_start_and_stop)
{
	static const struct script_step steps[] = { NOTHING };

	vmrig_begin(&w);
	w.config.vp_count = 8;
	played.repeat = true;
	SCRIPT_PLAY(steps);
	vmrig_boot(&w);
	for (int i = 0; i < 20; i++) {
		vmrig_stop(&w);
		vmrig_start(&w);
	}
	ck_assert_int_eq(worker_end(&w), 0);
}
END_TEST

START_TEST(a_saved_vp_goes_on_in_a_fresh_worker)
{
	static const struct script_step first[] = { NOTHING }, second[] = { POWER_OFF };
	struct hv_reg_value value = { .low = cpu_to_le64(0xabcdef) };
	struct hvport_vp vp = { .index = 0 };
	int fd;

	vmrig_begin(&w);
	ck_assert_int_eq(hvport_set_register(&vp, script_port_register, &value), 0);
	SCRIPT_PLAY(first);
	vmrig_boot(&w);
	ck_assert(script_served());
	script_port_set_gpr(0x1212);
	fd = vmrig_save(&w);
	ck_assert_int_eq(worker_end(&w), 0);

	/* A new process: nothing of the old one is left but memory and the stream. */
	memset(fake_hv.vp, 0, sizeof(fake_hv.vp));
	worker_init(&w);
	SCRIPT_PLAY(second);
	worker_start(&w);
	ck_assert_int_eq(vmrig_restore(&w, fd), 0);
	ck_assert_uint_eq(script_port_gpr(), 0x1212);
	ck_assert_uint_eq(le64_to_cpu(fake_register(0, script_port_register).low), 0xabcdef);
	vmrig_start(&w);
	vmrig_expect_end(&w, CONTROL_POWER_OFF);
}
END_TEST

START_TEST(a_damaged_state_is_refused_and_the_worker_stays)
{
	static const struct script_step steps[] = { NOTHING };
	uint8_t byte;
	int fd;

	vmrig_begin(&w);
	SCRIPT_PLAY(steps);
	vmrig_boot(&w);
	fd = vmrig_save(&w);
	ck_assert_int_eq(pread(fd, &byte, 1, 200), 1);
	byte ^= 0x40;
	ck_assert_int_eq(pwrite(fd, &byte, 1, 200), 1);
	ck_assert_int_eq(worker_end(&w), 0);

	worker_init(&w);
	worker_start(&w);
	ck_assert_int_eq(vmrig_restore(&w, fd), VL_E_CHECKSUM);
	ck_assert_int_eq(worker_end(&w), 0);
}
END_TEST

START_TEST(a_state_of_another_machine_is_refused)
{
	static const struct script_step steps[] = { NOTHING };
	int fd;

	vmrig_begin(&w);
	SCRIPT_PLAY(steps);
	vmrig_boot(&w);
	fd = vmrig_save(&w);
	ck_assert_int_eq(worker_end(&w), 0);

	worker_init(&w);
	w.config.vp_count = 2;
	worker_start(&w);
	ck_assert_int_eq(vmrig_restore(&w, fd), VL_E_RANGE);
	ck_assert_int_eq(worker_end(&w), 0);
}
END_TEST

START_TEST(a_register_that_the_hypervisor_refuses_fails_the_save_alone)
{
	static const struct script_step steps[] = { NOTHING };

	vmrig_begin(&w);
	SCRIPT_PLAY(steps);
	vmrig_boot(&w);
	ck_assert(script_served());
	vmrig_stop(&w);
	fake_hv.refuse_register = script_port_register;
	ck_assert_int_eq(control_signal(w.control, CONTROL_SAVE), 0);
	ck_assert_int_eq(worker_receive(&w), CONTROL_DONE);
	ck_assert_int_eq(w.message.done.error, VL_E_HYPERCALL);
	fake_hv.refuse_register = 0;
	vmrig_start(&w);
	ck_assert_int_eq(worker_end(&w), 0);
}
END_TEST

/* What stands at vps/vp0/registers: enum inspect_kind. */
static uint32_t look_at_registers(int fd)
{
	static const struct inspect_request q = { .path = "vps/vp0/registers", .depth = INSPECT_ALL,
		.level = INSPECT_SENSITIVE };
	static struct inspect_unit_answer a;
	static struct inspect_unit u;
	struct inspect_node n;
	size_t size;

	u.fd = fd;
	ck_assert_int_eq(inspect_unit_ask(&u, &q, "", clock_deadline(FAKE_WAIT_MS), &a, &size), 0);
	ck_assert_int_eq(inspect_node_read(a.node, size, &n), 0);
	return n.kind;
}

START_TEST(the_registers_of_a_paused_guest_are_in_the_inspect_tree_unless_it_is_isolated)
{
	static const struct script_step steps[] = { NOTHING };
	unsigned n;
	int pair[2];

	vmrig_begin(&w);
	w.config.isolated = _i;
	ck_assert_int_eq(channel_pair(pair), 0);
	n = w.config.fd_count++;
	w.config.fds[n] = (struct control_fd){ CONTROL_FD_INSPECT, 0 };
	w.fds[n] = pair[1];
	SCRIPT_PLAY(steps);
	vmrig_boot(&w);
	ck_assert(script_served());
	ck_assert_uint_eq(look_at_registers(pair[0]), INSPECT_NODE_FAILED);
	vmrig_stop(&w);
	ck_assert_uint_eq(look_at_registers(pair[0]), _i ? INSPECT_NODE_FAILED : INSPECT_NODE_DIR);
	ck_assert_int_eq(worker_end(&w), 0);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

START_TEST(messages_out_of_order_are_answered_or_end_the_worker)
{
	static const struct script_step steps[] = { NOTHING };

	vmrig_begin(&w);
	SCRIPT_PLAY(steps);
	vmrig_boot(&w);
	ck_assert_int_eq(control_signal(w.control, CONTROL_SAVE), 0);
	ck_assert_int_eq(worker_receive(&w), CONTROL_DONE);
	ck_assert_int_eq(w.message.done.error, VL_E_STATE);
	ck_assert_int_eq(control_signal(w.control, CONTROL_START), 0);
	ck_assert_int_eq(worker_receive(&w), 0);
	ck_assert_int_eq(worker_end(&w), VL_E_PROTOCOL);
}
END_TEST

Suite *suite_vm_worker(void)
{
	Suite *s = suite_create("vm_worker");
	TCase *c = tcase_create("worker");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, a_power_off_of_the_guest_reaches_the_paravisor);
	tcase_add_test(c, a_reset_of_the_guest_reaches_the_paravisor);
	tcase_add_test(c, a_guest_that_cannot_go_on_is_reported_with_its_program_counter);
	tcase_add_test(c, an_isolated_guests_registers_are_not_reported);
	tcase_add_loop_test(c,
			the_registers_of_a_paused_guest_are_in_the_inspect_tree_unless_it_is_isolated, 0, 2);
	tcase_add_test(c, an_intercept_nobody_knows_stops_the_vm_with_its_number);
	tcase_add_test(c, a_kernel_that_is_none_is_refused_with_a_reason);
	tcase_add_test(c, what_the_guest_writes_comes_out_of_the_console);
	tcase_add_test(c, where_nothing_is_reads_give_ones_and_the_guest_goes_on_behind_the_instruction);
	tcase_add_test(c, holes_can_be_poked_with_every_size_at_every_alignment);
	tcase_add_test(c, a_console_flood_is_bounded_and_the_worker_stays_responsive);
	tcase_add_test(c, a_console_that_nobody_reads_stops_neither_guest_nor_worker);
	tcase_add_test(c, the_guest_goes_on_when_its_console_is_closed);
	tcase_add_test(c, a_disk_whose_server_goes_away_or_babbles_leaves_the_vm_running);
	tcase_add_test(c, eight_vps_start_and_stop);
	tcase_add_test(c, a_saved_vp_goes_on_in_a_fresh_worker);
	tcase_add_test(c, a_damaged_state_is_refused_and_the_worker_stays);
	tcase_add_test(c, a_state_of_another_machine_is_refused);
	tcase_add_test(c, a_register_that_the_hypervisor_refuses_fails_the_save_alone);
	tcase_add_test(c, messages_out_of_order_are_answered_or_end_the_worker);
	suite_add_tcase(s, c);
	return s;
}
