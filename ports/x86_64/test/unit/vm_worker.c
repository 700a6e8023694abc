/*
 * What the VM worker does on x86_64 alone, as a whole over the fake hypervisor:
 * ports, MSRs, instructions, the PC's devices. The rest is test/unit/vm/worker.c.
 */
#include "ports/x86_64/test/unit/vm_guest.h"
#include "test/port/vm/rig.h"
#include <check.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

Suite *suite_vm_worker_x86(void);

#define COM1 0x3f8
#define OUT1(port, v) { .kind = GUEST_OUT, .where = (port), .size = 1, .value = (v) }
#define IN1(port) { .kind = GUEST_IN, .where = (port), .size = 1 }
#define POWER_OFF { .kind = GUEST_OUT, .where = ACPI_PM_BASE + ACPI_PM_CNT, .size = 2, .value = 0x3400 }

static struct fake_worker w;

START_TEST(a_guest_without_a_kernel_is_refused_with_a_reason)
{
	vmrig_begin(&w);
	memset(fake_hv.ram + SCRIPT_KERNEL, 0, 0x1000);
	worker_start(&w);
	ck_assert_int_eq(control_signal(w.control, CONTROL_START), 0);
	ck_assert_int_eq(worker_receive(&w), CONTROL_CRASH);
	ck_assert_int_eq(w.message.crash.error, VL_E_MAGIC);
	ck_assert_ptr_nonnull(strstr(w.message.crash.text, "no Linux bzImage"));
	ck_assert_int_eq(worker_end(&w), 0);
}
END_TEST

START_TEST(console_input_raises_com1s_interrupt_and_is_read)
{
	/*
	 * I/O APIC pin 4: vector 0x44 to APIC id 0; then receive interrupts; the script goes on
	 * once an interrupt came.
	 */
	static const struct guest_step script[] = {
		{ .kind = GUEST_MEMORY, .where = IOAPIC_BASE, .code = "\xc7\x03\x18\0\0\0", .size = 6,
			.rbx = IOAPIC_BASE },
		{ .kind = GUEST_MEMORY, .where = IOAPIC_BASE + 16, .code = "\xc7\x43\x10\x44\0\0\0",
			.size = 7, .rbx = IOAPIC_BASE },
		OUT1(COM1 + 4, 8), OUT1(COM1 + 1, 1),
	};
	static const struct guest_step read_it[] = { IN1(COM1 + 5), IN1(COM1), POWER_OFF };
	struct hv_input_assert_interrupt in;
	struct fake_call call;

	vmrig_begin(&w);
	GUEST_SCRIPT(script);
	vmrig_boot(&w);
	ck_assert_int_eq(write(w.console, "x", 1), 1);
	for (unsigned i = 0; !fake_calls(HV_CALL_ASSERT_VIRTUAL_INTERRUPT, &call) && i < FAKE_WAIT_MS; i++)
		usleep(1000);
	memcpy(&in, call.in, sizeof(in));
	ck_assert_uint_eq(le32_to_cpu(in.vector), 0x44);
	ck_assert_uint_eq(le64_to_cpu(in.destination), 0);
	pthread_mutex_lock(&fake_hv.lock);
	fake_hv.vp[0].step = 0;
	GUEST_SCRIPT(read_it);
	pthread_cond_broadcast(&fake_hv.changed);
	pthread_mutex_unlock(&fake_hv.lock);
	ck_assert_int_eq(worker_receive(&w), CONTROL_POWER_OFF);
	ck_assert_uint_eq(guest.rax[0] & 1, 1);
	ck_assert_uint_eq(guest.rax[1] & 0xff, 'x');
	ck_assert_int_eq(worker_end(&w), 0);
}
END_TEST

START_TEST(a_port_access_moves_rip_and_only_the_accessed_part_of_rax)
{
	static const struct guest_step script[] = {
		{ .kind = GUEST_IN, .where = 0x5555, .size = 1, .value = 0x1122334455667788 },
		{ .kind = GUEST_IN, .where = 0x5555, .size = 2, .value = 0x1122334455667788 },
		{ .kind = GUEST_IN, .where = 0x5555, .size = 4, .value = 0x1122334455667788 },
		POWER_OFF,
	};

	vmrig_begin(&w);
	GUEST_SCRIPT(script);
	vmrig_boot(&w);
	vmrig_expect_end(&w, CONTROL_POWER_OFF);
	ck_assert_uint_eq(guest.rax[0], 0x11223344556677ff);
	ck_assert_uint_eq(guest.rax[1], 0x112233445566ffff);
	ck_assert_uint_eq(guest.rax[2], 0xffffffff);
	ck_assert_uint_eq(guest.rip[2], GUEST_CODE + 1);
}
END_TEST

START_TEST(a_rep_outsb_sends_its_string_and_leaves_the_registers_past_it)
{
	static const struct guest_step script[] = {
		{ .kind = GUEST_OUT, .where = COM1, .code = "\xf3\x6e", .size = 2, .value = 5,
			.rbx = 0x20000 }, POWER_OFF,
	};
	char out[5] = "";

	vmrig_begin(&w);
	memcpy(fake_hv.ram + 0x20000, "hello", 5);
	GUEST_SCRIPT(script);
	vmrig_boot(&w);
	ck_assert_uint_eq(worker_console(&w, out, 5), 5);
	ck_assert_mem_eq(out, "hello", 5);
	ck_assert_int_eq(worker_receive(&w), CONTROL_POWER_OFF);
	ck_assert_uint_eq(guest_context(0)->gp[X86_RCX], 0);
	ck_assert_uint_eq(guest.rip[0], GUEST_CODE + 2);
	ck_assert_int_eq(worker_end(&w), 0);
}
END_TEST

START_TEST(known_msrs_answer_and_unknown_ones_fault)
{
	static const struct guest_step script[] = {
		{ .kind = GUEST_MSR_READ, .where = HV_X64_MSR_TSC_FREQUENCY },
		{ .kind = GUEST_MSR_READ, .where = HV_X64_MSR_VP_INDEX, .value = 7 },
		{ .kind = GUEST_MSR_WRITE, .where = HV_X64_MSR_GUEST_OS_ID, .value = 0x8100060000000000 },
		{ .kind = GUEST_MSR_READ, .where = HV_X64_MSR_GUEST_OS_ID },
		{ .kind = GUEST_MSR_READ, .where = 0x12345 },
		POWER_OFF,
	};
	struct hv_reg_value hz = { .low = cpu_to_le64(2500000000u) }, event;
	struct hvport_vp vp = { .index = 0 };

	vmrig_begin(&w);
	ck_assert_int_eq(hvport_set_register(&vp, HV_REG_PROCESSOR_CLOCK_FREQUENCY, &hz), 0);
	ck_assert_int_eq(hvport_set_register(&vp, HV_REG_INTERRUPT_CLOCK_FREQUENCY, &hz), 0);
	GUEST_SCRIPT(script);
	vmrig_boot(&w);
	vmrig_expect_end(&w, CONTROL_POWER_OFF);
	ck_assert_uint_eq(guest.rax[0], 2500000000u);
	ck_assert_uint_eq(guest.rax[1], 0);
	ck_assert_uint_eq(guest.rax[3], 0);
	ck_assert_uint_eq(guest.rip[3], GUEST_CODE + 2);
	ck_assert_uint_eq(guest.rip[4], GUEST_CODE);
	event = fake_register(0, HV_REG_PENDING_EVENT0);
	ck_assert_uint_eq(le64_to_cpu(event.low), 1 | 1 << 8 | 13 << 16);
}
END_TEST

START_TEST(the_hypercall_page_refuses_every_hypercall)
{
	static const struct guest_step script[] = {
		{ .kind = GUEST_MSR_WRITE, .where = HV_X64_MSR_HYPERCALL, .value = 0x50001 }, POWER_OFF,
	};

	vmrig_begin(&w);
	GUEST_SCRIPT(script);
	vmrig_boot(&w);
	vmrig_expect_end(&w, CONTROL_POWER_OFF);
	ck_assert_mem_eq(fake_hv.ram + 0x50000, "\xb8\x02\0\0\0\x31\xd2\xc3", 8);
}
END_TEST

START_TEST(a_hypercall_page_outside_ram_faults)
{
	static const struct guest_step script[] = {
		{ .kind = GUEST_MSR_WRITE, .where = HV_X64_MSR_HYPERCALL, .value = 0xffff00000001 },
		POWER_OFF,
	};

	vmrig_begin(&w);
	GUEST_SCRIPT(script);
	vmrig_boot(&w);
	vmrig_expect_end(&w, CONTROL_POWER_OFF);
	ck_assert_uint_eq(guest.rip[0], GUEST_CODE);
}
END_TEST

START_TEST(device_memory_is_read_and_written_by_instructions)
{
	static const struct guest_step script[] = {
		/* mov dword [rbx], 1; mov eax, [rbx+0x10]: the I/O APIC's version */
		{ .kind = GUEST_MEMORY, .where = IOAPIC_BASE, .code = "\xc7\x03\x01\0\0\0", .size = 6,
			.rbx = IOAPIC_BASE },
		{ .kind = GUEST_MEMORY, .where = IOAPIC_BASE + 16, .code = "\x8b\x43\x10", .size = 3,
			.rbx = IOAPIC_BASE },
		/* nobody there */
		{ .kind = GUEST_MEMORY, .where = 0xd0000000, .code = "\x8b\x03", .size = 2,
			.rbx = 0xd0000000 },
		POWER_OFF,
	};

	vmrig_begin(&w);
	GUEST_SCRIPT(script);
	vmrig_boot(&w);
	vmrig_expect_end(&w, CONTROL_POWER_OFF);
	ck_assert_uint_eq(guest.rax[1], 0x170020);
	ck_assert_uint_eq(guest.rip[1], GUEST_CODE + 3);
	ck_assert_uint_eq(guest.rax[2], 0xffffffff);
}
END_TEST

START_TEST(an_instruction_that_is_not_emulated_gives_the_guest_an_exception)
{
	static const struct guest_step script[] = {
		{ .kind = GUEST_MEMORY, .where = 0xd0000000, .code = "\x0f\x0b", .size = 2,
			.rbx = 0xd0000000 }, POWER_OFF,
	};

	vmrig_begin(&w);
	GUEST_SCRIPT(script);
	vmrig_boot(&w);
	vmrig_expect_end(&w, CONTROL_POWER_OFF);
	ck_assert_uint_eq(le64_to_cpu(fake_register(0, HV_REG_PENDING_EVENT0).low), 1 | X86_UD << 16);
	ck_assert_uint_eq(guest.rip[0], GUEST_CODE);
}
END_TEST

START_TEST(every_port_can_be_poked_with_every_size)
{
	static struct guest_step script[GUEST_STEPS_MAX];
	unsigned n = 0;

	/* Without those that end the guest: 0x64 (reset pulse), 0x92, 0xcf9, PM1 control. */
	for (unsigned port = 0; port < 0x700; port++) {
		bool ends = (port >= 0x61 && port <= 0x64) || (port >= 0x8f && port <= 0x92) ||
			(port >= 0xcf6 && port <= 0xcf9) ||
			(port >= ACPI_PM_BASE && port <= ACPI_PM_BASE + 6);

		for (unsigned size = 1; size <= 4 && !ends && n + 2 < GUEST_STEPS_MAX; size *= 2)
			script[n++] = (struct guest_step){ .kind = (port + size) & 1 ? GUEST_OUT : GUEST_IN,
				.where = port, .size = size, .value = 0x8d4c3b2a };
	}
	script[n++] = (struct guest_step)POWER_OFF;
	vmrig_begin(&w);
	guest_script(script, n);
	vmrig_boot(&w);
	vmrig_expect_end(&w, CONTROL_POWER_OFF);
}
END_TEST

START_TEST(a_connected_disk_is_a_pci_function_and_is_asked_for_its_size)
{
	/* Vendor and device of slot 1, and of slot 2, where nothing is. */
	static const struct guest_step script[] = {
		{ .kind = GUEST_OUT, .where = 0xcf8, .size = 4, .value = 0x80000800 },
		{ .kind = GUEST_IN, .where = 0xcfc, .size = 4 },
		{ .kind = GUEST_OUT, .where = 0xcf8, .size = 4, .value = 0x80001000 },
		{ .kind = GUEST_IN, .where = 0xcfc, .size = 4 },
		POWER_OFF,
	};
	struct pollfd p = { .events = POLLIN };

	vmrig_begin(&w);
	p.fd = vmrig_connect_disk(&w);
	GUEST_SCRIPT(script);
	vmrig_boot(&w);
	ck_assert_int_eq(poll(&p, 1, FAKE_WAIT_MS), 1);
	vmrig_expect_end(&w, CONTROL_POWER_OFF);
	ck_assert_uint_eq(guest.rax[1], 0x10421af4);
	ck_assert_uint_eq(guest.rax[3], 0xffffffff);
	close(p.fd);
}
END_TEST

START_TEST(a_worker_works_without_the_register_page)
{
	static const struct guest_step script[] = { OUT1(COM1, 'p'), POWER_OFF };
	char out;

	vmrig_begin(&w);
	fake_hv.no_register_page = true;
	GUEST_SCRIPT(script);
	vmrig_boot(&w);
	ck_assert_uint_eq(worker_console(&w, &out, 1), 1);
	ck_assert_int_eq(worker_receive(&w), CONTROL_POWER_OFF);
	ck_assert_uint_eq(le64_to_cpu(fake_register(0, HV_X64_REG_RIP).low), GUEST_CODE + 1);
	ck_assert_int_eq(worker_end(&w), 0);
}
END_TEST

START_TEST(a_saved_machine_goes_on_in_a_fresh_worker)
{
	static const struct guest_step first[] = {
		OUT1(COM1 + 7, 0x77), OUT1(0x70, 0x40), OUT1(0x71, 0x99),
		{ .kind = GUEST_MSR_WRITE, .where = HV_X64_MSR_GUEST_OS_ID, .value = 0x1234 },
	};
	static const struct guest_step second[] = {
		IN1(COM1 + 7), IN1(0x71), { .kind = GUEST_MSR_READ, .where = HV_X64_MSR_GUEST_OS_ID },
		POWER_OFF,
	};
	struct hv_reg_value star = { .low = cpu_to_le64(0xabcdef) };
	struct hvport_vp vp = { .index = 0 };
	int fd;

	vmrig_begin(&w);
	ck_assert_int_eq(hvport_set_register(&vp, HV_X64_REG_STAR, &star), 0);
	GUEST_SCRIPT(first);
	vmrig_boot(&w);
	while (__atomic_load_n(&fake_hv.vp[0].step, __ATOMIC_SEQ_CST) < VL_ARRAY_COUNT(first))
		usleep(1000);
	guest_context(0)->gp[12] = 0x1212;
	fd = vmrig_save(&w);
	ck_assert_int_eq(worker_end(&w), 0);

	/* A new process: nothing of the old one is left but memory and the stream. */
	memset(fake_hv.vp, 0, sizeof(fake_hv.vp));
	worker_init(&w);
	GUEST_SCRIPT(second);
	worker_start(&w);
	ck_assert_int_eq(vmrig_restore(&w, fd), 0);
	ck_assert_uint_eq(guest_context(0)->gp[12], 0x1212);
	ck_assert_uint_eq(le64_to_cpu(fake_register(0, HV_X64_REG_STAR).low), 0xabcdef);
	ck_assert_int_eq(control_signal(w.control, CONTROL_START), 0);
	ck_assert_int_eq(worker_receive(&w), CONTROL_STARTED);
	vmrig_expect_end(&w, CONTROL_POWER_OFF);
	ck_assert_uint_eq(guest.rax[0] & 0xff, 0x77);
	ck_assert_uint_eq(guest.rax[1] & 0xff, 0x99);
	ck_assert_uint_eq(guest.rax[2], 0x1234);
}
END_TEST

Suite *suite_vm_worker_x86(void)
{
	Suite *s = suite_create("vm_worker_x86");
	TCase *c = tcase_create("worker");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, a_guest_without_a_kernel_is_refused_with_a_reason);
	tcase_add_test(c, console_input_raises_com1s_interrupt_and_is_read);
	tcase_add_test(c, a_port_access_moves_rip_and_only_the_accessed_part_of_rax);
	tcase_add_test(c, a_rep_outsb_sends_its_string_and_leaves_the_registers_past_it);
	tcase_add_test(c, known_msrs_answer_and_unknown_ones_fault);
	tcase_add_test(c, the_hypercall_page_refuses_every_hypercall);
	tcase_add_test(c, a_hypercall_page_outside_ram_faults);
	tcase_add_test(c, device_memory_is_read_and_written_by_instructions);
	tcase_add_test(c, an_instruction_that_is_not_emulated_gives_the_guest_an_exception);
	tcase_add_test(c, every_port_can_be_poked_with_every_size);
	tcase_add_test(c, a_connected_disk_is_a_pci_function_and_is_asked_for_its_size);
	tcase_add_test(c, a_worker_works_without_the_register_page);
	tcase_add_test(c, a_saved_machine_goes_on_in_a_fresh_worker);
	suite_add_tcase(s, c);
	return s;
}
