/*
 * What the VM worker does on aarch64 alone, as a whole over the fake hypervisor:
 * loads and stores in every form, aborts, the machine's devices. The rest is
 * test/unit/vm/worker.c. Instruction words are an assembler's.
 */
#include "ports/aarch64/test/unit/vm_script.h"
#include "test/port/vm/rig.h"
#include <check.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

Suite *suite_vm_exit_arm64(void);

#define HOLE SCRIPT_NOWHERE
#define UART MACHINE_UART_BASE
#define UART_FBRD (UART + 0x28)
#define UART_LCR_H (UART + 0x2c)
#define UART_IMSC (UART + 0x38)
#define RTC_LR (MACHINE_RTC_BASE + 8)
#define ECAM(slot) (MACHINE_ECAM_BASE + ((slot) << 15))
#define READ HV_INTERCEPT_READ
#define WRITE HV_INTERCEPT_WRITE
#define VBAR 0xffff800080010000ull

static struct fake_worker w;

static void set(uint32_t name, uint64_t value)
{
	struct hv_reg_value v = { .low = cpu_to_le64(value) };
	struct hvport_vp vp = { .index = 0 };

	ck_assert_int_eq(hvport_set_register(&vp, name, &v), 0);
}

static uint64_t get(uint32_t name)
{
	return le64_to_cpu(fake_register(0, name).low);
}

/* Serves one access and leaves the worker running. */
static void serve(uint64_t at, enum hv_intercept_access kind, uint32_t word)
{
	static struct script_access access;

	access = (struct script_access){ at, kind, word };
	script_play_accesses(&access, 1);
	ck_assert(script_served());
}

static void begin(void)
{
	vmrig_begin(&w);
	vmrig_boot(&w);
}

static void end(void)
{
	ck_assert_int_eq(worker_end(&w), 0);
}

START_TEST(loads_are_extended_as_their_instruction_says)
{
	begin();
	script_context()->x[5] = HOLE;
	serve(HOLE, READ, 0x398000a7); /* ldrsb x7, [x5] */
	ck_assert_uint_eq(script_context()->x[7], UINT64_MAX);
	serve(HOLE, READ, 0x79c000a7); /* ldrsh w7, [x5] */
	ck_assert_uint_eq(script_context()->x[7], 0xffffffff);
	serve(MACHINE_RTC_BASE + 0xfe0, READ, 0x394000a7); /* ldrb w7, [x5]: the PL031's part number */
	ck_assert_uint_eq(script_context()->x[7], 0x31);
	ck_assert_uint_eq(script_context()->pc, SCRIPT_CODE + 4);
	end();
}
END_TEST

START_TEST(pairs_fill_both_registers)
{
	begin();
	script_context()->x[2] = script_context()->x[3] = 0;
	serve(HOLE, READ, 0xa9410ca2); /* ldp x2, x3, [x5, #16] */
	ck_assert_uint_eq(script_context()->x[2], UINT64_MAX);
	ck_assert_uint_eq(script_context()->x[3], UINT64_MAX);
	ck_assert_uint_eq(script_context()->pc, SCRIPT_CODE + 4);
	end();
}
END_TEST

START_TEST(a_pair_of_stores_reaches_two_registers_of_a_device)
{
	begin();
	script_context()->x[2] = 0x2a; /* FBRD */
	script_context()->x[3] = 0x70; /* LCR_H */
	script_context()->x[5] = UART_FBRD;
	serve(UART_FBRD, WRITE, 0x28810ca2); /* stp w2, w3, [x5], #8 */
	ck_assert_uint_eq(script_context()->x[5], UART_FBRD + 8);
	serve(UART_FBRD, READ, 0xb94000a7); /* ldr w7, [x5] */
	ck_assert_uint_eq(script_context()->x[7], 0x2a);
	serve(UART_LCR_H, READ, 0xb94000a7);
	ck_assert_uint_eq(script_context()->x[7], 0x70);
	end();
}
END_TEST

START_TEST(write_back_moves_the_base_and_the_stack_pointer)
{
	begin();
	script_context()->x[5] = HOLE - 4;
	serve(HOLE, READ, 0xb8404ca8); /* ldr w8, [x5, #4]! */
	ck_assert_uint_eq(script_context()->x[5], HOLE);
	set(HV_ARM64_REG_SP, HOLE);
	serve(HOLE, READ, 0xb84107e9); /* ldr w9, [sp], #16 */
	ck_assert_uint_eq(get(HV_ARM64_REG_SP), HOLE + 16);
	end();
}
END_TEST

START_TEST(simd_registers_are_loaded_and_stored_by_name)
{
	struct hv_reg_value q;

	begin();
	serve(HOLE, READ, 0x3dc000a2); /* ldr q2, [x5] */
	q = fake_register(0, HV_ARM64_REG_Q0 + 2);
	ck_assert_uint_eq(le64_to_cpu(q.low), UINT64_MAX);
	ck_assert_uint_eq(le64_to_cpu(q.high), UINT64_MAX);
	set(HV_ARM64_REG_Q0 + 1, 0x155);
	serve(UART_FBRD - 4, WRITE, 0x3d8000a1); /* str q1, [x5]: IBRD, and zeros behind it */
	serve(UART_FBRD - 4, READ, 0xb94000a7);
	ck_assert_uint_eq(script_context()->x[7], 0x155);
	end();
}
END_TEST

START_TEST(the_zero_register_stores_zero_and_takes_nothing)
{
	begin();
	script_context()->x[2] = 0x3f;
	serve(UART_FBRD, WRITE, 0xb90000a2); /* str w2, [x5] */
	serve(UART_FBRD, WRITE, 0xb90000bf); /* str wzr, [x5] */
	serve(UART_FBRD, READ, 0xb94000a7);
	ck_assert_uint_eq(script_context()->x[7], 0);
	serve(HOLE, READ, 0xf94000bf); /* ldr xzr, [x5] */
	ck_assert_uint_eq(script_context()->pc, SCRIPT_CODE + 4);
	end();
}
END_TEST

static void expect_abort(uint64_t offset, unsigned class)
{
	ck_assert_uint_eq(script_context()->pc, VBAR + offset);
	ck_assert_uint_eq(get(HV_ARM64_REG_ELR_EL1), SCRIPT_CODE);
	ck_assert_uint_eq(get(HV_ARM64_REG_FAR_EL1), HOLE);
	ck_assert_uint_eq(get(HV_ARM64_REG_ESR_EL1) >> 26, class);
	ck_assert_uint_eq(get(HV_ARM64_REG_ESR_EL1) & 0x3f, 0x10);
	ck_assert_uint_eq(get(HV_ARM64_REG_PSTATE) & 0x3cf, 0x3c5);
}

START_TEST(what_is_not_emulated_gives_the_guest_an_external_abort)
{
	static const uint32_t words[] = {
		0x885f7ca1 /* ldxr */, 0xb8e100a2 /* ldaddal */, 0xd503201f /* nop */, 0 };

	begin();
	set(HV_ARM64_REG_VBAR_EL1, VBAR);
	for (size_t i = 0; i < VL_ARRAY_COUNT(words); i++) {
		serve(HOLE, READ, words[i]);
		expect_abort(0x200, 0x25);
		ck_assert_uint_eq(get(HV_ARM64_REG_SPSR_EL1), 5);
	}
	end();
}
END_TEST

static uint64_t pstate, at_gpa = HOLE;
static uint32_t cache_type;
static uint32_t type = HV_MESSAGE_UNMAPPED_GPA;
static uint8_t payload = sizeof(struct hv_arm64_memory_message);
static enum hv_intercept_access kind = READ;

/* One message whose fields the test chose. */
static bool raw_message(struct fake_vp *vp)
{
	struct hv_arm64_memory_message m;

	if (vp->step || vp->index)
		return false;
	script_context()->pc = SCRIPT_CODE;
	script_memory_message(&vp->message, at_gpa, kind, 0x885f7ca1);
	memcpy(&m, vp->message.payload, sizeof(m));
	m.header.pstate = cpu_to_le64(pstate);
	m.gva = cpu_to_le64(HOLE);
	m.cache_type = cpu_to_le32(cache_type);
	memcpy(vp->message.payload, &m, sizeof(m));
	vp->message.payload_size = payload;
	vp->message.type = cpu_to_le32(type);
	return true;
}

static void send_raw(void)
{
	pthread_mutex_lock(&fake_hv.lock);
	played.count = 1;
	fake_hv.vp[0].step = 0;
	fake_hv.vp[0].waiting = false;
	fake_hv.guest = raw_message;
	pthread_cond_broadcast(&fake_hv.changed);
	pthread_mutex_unlock(&fake_hv.lock);
}

START_TEST(an_abort_is_taken_at_the_vector_of_the_level_it_comes_from)
{
	begin();
	set(HV_ARM64_REG_VBAR_EL1, VBAR);
	pstate = 0; /* EL0 */
	send_raw();
	ck_assert(script_served());
	expect_abort(0x400, 0x24);
	pstate = 4; /* EL1t */
	send_raw();
	ck_assert(script_served());
	expect_abort(0x000, 0x25);
	kind = HV_INTERCEPT_EXECUTE;
	pstate = 0x60000005;
	send_raw();
	ck_assert(script_served());
	expect_abort(0x200, 0x25);
	ck_assert_uint_eq(get(HV_ARM64_REG_PSTATE) & 0xf0000000, 0x60000000);
	end();
}
END_TEST

START_TEST(an_intercept_for_ram_is_refused_like_all_that_cannot_be)
{
	begin();
	set(HV_ARM64_REG_VBAR_EL1, VBAR);
	pstate = 5;
	at_gpa = 0x1000;
	type = HV_MESSAGE_GPA_INTERCEPT;
	send_raw();
	ck_assert(script_served());
	expect_abort(0x200, 0x25);
	end();
}
END_TEST

START_TEST(a_short_message_of_the_host_stops_the_vm)
{
	static const uint32_t types[] = { HV_MESSAGE_UNMAPPED_GPA, HV_MESSAGE_GPA_INTERCEPT,
		HV_MESSAGE_ARM64_RESET };

	begin();
	type = types[_i];
	payload = 23;
	send_raw();
	ck_assert_int_eq(worker_receive(&w), CONTROL_CRASH);
	ck_assert_int_eq(w.message.crash.error, VL_E_PROTOCOL);
	end();
}
END_TEST

START_TEST(a_reset_that_is_none_stops_the_vm)
{
	begin();
	type = HV_MESSAGE_ARM64_RESET;
	payload = sizeof(struct hv_arm64_reset_message);
	cache_type = 2; /* where a reset message has its type */
	send_raw();
	ck_assert_int_eq(worker_receive(&w), CONTROL_CRASH);
	ck_assert_int_eq(w.message.crash.error, VL_E_PROTOCOL);
	end();
}
END_TEST

START_TEST(a_register_that_the_hypervisor_refuses_stops_the_vm)
{
	begin();
	fake_hv.refuse_register = HV_ARM64_REG_VBAR_EL1;
	send_raw();
	ck_assert_int_eq(worker_receive(&w), CONTROL_CRASH);
	ck_assert_int_eq(w.message.crash.error, VL_E_HYPERCALL);
	end();
}
END_TEST

/* What the last hypercall said of the UART's line, or 0 when it was of another or there was none. */
static uint64_t last_interrupt(void)
{
	struct hv_input_assert_interrupt in;
	struct fake_call call;

	if (!fake_calls(HV_CALL_ASSERT_VIRTUAL_INTERRUPT, &call))
		return 0;
	memcpy(&in, call.in, sizeof(in));
	return le32_to_cpu(in.vector) == MACHINE_SPI_BASE + MACHINE_SPI_UART ?
			le64_to_cpu(in.interrupt_control) : 0;
}

START_TEST(console_input_raises_the_uarts_spi_and_is_read)
{
	begin();
	script_context()->x[2] = 0x301;
	serve(UART + 0x30, WRITE, 0xb90000a2); /* str w2, [x5]: CR */
	script_context()->x[2] = 0x50; /* receive and receive time-out */
	serve(UART_IMSC, WRITE, 0xb90000a2);
	ck_assert_int_eq(write(w.console, "x", 1), 1);
	for (unsigned i = 0; last_interrupt() != (HV_INTERRUPT_LEVEL | HV_ARM64_INTERRUPT_ASSERTED); i++) {
		ck_assert_uint_lt(i, FAKE_WAIT_MS);
		usleep(1000);
	}
	serve(UART, READ, 0xb94000a7); /* ldr w7, [x5] */
	ck_assert_uint_eq(script_context()->x[7], 'x');
	ck_assert_uint_eq(last_interrupt(), HV_INTERRUPT_LEVEL);
	end();
}
END_TEST

START_TEST(the_hypervisor_hears_of_a_line_only_when_it_changes)
{
	unsigned calls;

	begin();
	script_context()->x[2] = 0x301;
	serve(UART + 0x30, WRITE, 0xb90000a2); /* str w2, [x5]: CR */
	calls = fake_calls(HV_CALL_ASSERT_VIRTUAL_INTERRUPT, NULL);
	for (unsigned i = 0; i < 8; i++)
		serve(UART, WRITE, 0xb90000a2);
	ck_assert_uint_eq(fake_calls(HV_CALL_ASSERT_VIRTUAL_INTERRUPT, NULL), calls);
	script_context()->x[2] = 0x20; /* transmit, which is due */
	serve(UART_IMSC, WRITE, 0xb90000a2);
	serve(UART, WRITE, 0xb90000a2);
	ck_assert_uint_eq(fake_calls(HV_CALL_ASSERT_VIRTUAL_INTERRUPT, NULL), calls + 1);
	ck_assert_uint_eq(last_interrupt(), HV_INTERRUPT_LEVEL | HV_ARM64_INTERRUPT_ASSERTED);
	end();
}
END_TEST

START_TEST(a_connected_disk_is_a_pci_function_and_is_asked_for_its_size)
{
	struct pollfd p = { .events = POLLIN };

	vmrig_begin(&w);
	p.fd = vmrig_connect_disk(&w);
	vmrig_boot(&w);
	ck_assert_int_eq(poll(&p, 1, FAKE_WAIT_MS), 1);
	serve(ECAM(1), READ, 0xb94000a7);
	ck_assert_uint_eq(script_context()->x[7], 0x10421af4);
	serve(ECAM(2), READ, 0xb94000a7);
	ck_assert_uint_eq(script_context()->x[7], 0xffffffff);
	end();
	close(p.fd);
}
END_TEST

START_TEST(the_state_of_devices_goes_on_in_a_fresh_worker)
{
	int fd;

	begin();
	script_context()->x[2] = 0x3f;
	serve(UART_FBRD, WRITE, 0xb90000a2);
	script_context()->x[2] = 0x12345678;
	serve(RTC_LR, WRITE, 0xb90000a2);
	ck_assert_int_eq(control_signal(w.control, CONTROL_STOP), 0);
	ck_assert_int_eq(worker_receive(&w), CONTROL_DONE);
	ck_assert_int_eq(control_signal(w.control, CONTROL_SAVE), 0);
	ck_assert_int_eq(worker_receive(&w), CONTROL_DONE);
	ck_assert_int_eq(w.message.done.error, 0);
	fd = w.fd;
	end();

	memset(fake_hv.vp, 0, sizeof(fake_hv.vp));
	script_play(NULL, 0); /* else the fresh worker's guest would store to LR once more */
	worker_init(&w);
	worker_start(&w);
	ck_assert_int_eq(control_send(w.control, CONTROL_RESTORE, &(struct control_header){ 0 },
		sizeof(struct control_header), &fd, 1), 0);
	ck_assert_int_eq(worker_receive(&w), CONTROL_DONE);
	ck_assert_int_eq(w.message.done.error, 0);
	ck_assert_int_eq(control_signal(w.control, CONTROL_START), 0);
	ck_assert_int_eq(worker_receive(&w), CONTROL_STARTED);
	serve(UART_FBRD, READ, 0xb94000a7);
	ck_assert_uint_eq(script_context()->x[7], 0x3f);
	serve(RTC_LR, READ, 0xb94000a7);
	ck_assert_uint_eq(script_context()->x[7], 0x12345678);
	end();
}
END_TEST

Suite *suite_vm_exit_arm64(void)
{
	Suite *s = suite_create("vm_exit_arm64");
	TCase *c = tcase_create("exit");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, loads_are_extended_as_their_instruction_says);
	tcase_add_test(c, pairs_fill_both_registers);
	tcase_add_test(c, a_pair_of_stores_reaches_two_registers_of_a_device);
	tcase_add_test(c, write_back_moves_the_base_and_the_stack_pointer);
	tcase_add_test(c, simd_registers_are_loaded_and_stored_by_name);
	tcase_add_test(c, the_zero_register_stores_zero_and_takes_nothing);
	tcase_add_test(c, what_is_not_emulated_gives_the_guest_an_external_abort);
	tcase_add_test(c, an_abort_is_taken_at_the_vector_of_the_level_it_comes_from);
	tcase_add_test(c, an_intercept_for_ram_is_refused_like_all_that_cannot_be);
	tcase_add_loop_test(c, a_short_message_of_the_host_stops_the_vm, 0, 3);
	tcase_add_test(c, a_reset_that_is_none_stops_the_vm);
	tcase_add_test(c, a_register_that_the_hypervisor_refuses_stops_the_vm);
	tcase_add_test(c, console_input_raises_the_uarts_spi_and_is_read);
	tcase_add_test(c, the_hypervisor_hears_of_a_line_only_when_it_changes);
	tcase_add_test(c, a_connected_disk_is_a_pci_function_and_is_asked_for_its_size);
	tcase_add_test(c, the_state_of_devices_goes_on_in_a_fresh_worker);
	suite_add_tcase(s, c);
	return s;
}
