/*
 * Tests of the reference host's core: memory and its protections, SynIC,
 * hypercalls, registers, the I/O loop. The files are included under other
 * names, because the VMBus tests put fakes of the same functions into this
 * program. The port is played by the functions below.
 */
#define host_memory_map real_memory_map
#define host_memory_read real_memory_read
#define host_memory_write real_memory_write
#define host_memory_is_vtl0 real_memory_is_vtl0
#define synic_post_message real_synic_post_message
#define synic_signal_event real_synic_signal_event
#define loop_add real_loop_add
#define loop_change real_loop_change
#define loop_remove real_loop_remove
#define loop_post real_loop_post
#define loop_create real_loop_create
#define loop_start real_loop_start
#define loop_stop real_loop_stop
#define loop_destroy real_loop_destroy
#define port_hypercall played_port_hypercall
#define host_end real_host_end
#define host_ending real_host_ending
#define vmbus_post_message played_vmbus_post_message
#define vmbus_signal_event played_vmbus_signal_event

#include "tools/host/hypercall.c"
#include "tools/host/loop.c"
#include "tools/host/memory.c"
#include "tools/host/registers.c"
#include "tools/host/synic.c"

#include <check.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>

#define MIB (1ull << 20)
#define VTL2_BYTES (4 * MIB)
#define VTL2_BASE (64 * MIB)
#define PAGE_A (VTL2_BASE + 0x10000)
#define PAGE_B (VTL2_BASE + 0x20000)

static struct {
	unsigned interrupts, last_vector;
	bool last_auto_eoi;
	uint32_t posted_connection, posted_type;
	size_t posted_size;
	unsigned port_calls;
	enum host_end end;
	char end_text[512];
} played;

void port_vtl2_interrupt(struct host_vp *vp, unsigned vector, bool auto_eoi)
{
	played.interrupts++;
	played.last_vector = vector;
	played.last_auto_eoi = auto_eoi;
}

uint16_t port_register_get(struct host_vp *vp, unsigned vtl, uint32_t name, struct hv_reg_value *value)
{
	*value = (struct hv_reg_value){ .low = cpu_to_le64(name + vtl) };
	return name == 0x20010 ? HV_STATUS_SUCCESS : HV_STATUS_INVALID_PARAMETER;
}

uint16_t port_register_set(struct host_vp *vp, unsigned vtl, uint32_t name, const struct hv_reg_value *value)
{
	return name == 0x20010 ? HV_STATUS_SUCCESS : HV_STATUS_INVALID_PARAMETER;
}

uint16_t port_hypercall(struct host_vp *vp, unsigned code)
{
	played.port_calls++;
	return HV_STATUS_INVALID_HYPERCALL_CODE;
}

void port_register_page_changed(struct host_vp *vp)
{
}

uint64_t host_reference_time(const struct host *h)
{
	return 1234;
}

struct host_vp *host_vp_find(struct host_vp *self, uint32_t index)
{
	if (index == HV_VP_INDEX_SELF)
		return self;
	return index < self->host->config.vp_count ? &self->host->vp[index] : NULL;
}

uint16_t played_vmbus_post_message(struct vmbus *v, uint32_t connection_id, uint32_t type,
	const void *payload,
	size_t size)
{
	played.posted_connection = connection_id;
	played.posted_type = type;
	played.posted_size = size;
	return HV_STATUS_SUCCESS;
}

uint16_t played_vmbus_signal_event(struct vmbus *v, uint32_t connection_id, uint16_t flag)
{
	played.posted_connection = connection_id;
	played.posted_type = flag;
	return HV_STATUS_SUCCESS;
}

void real_host_end(struct host *h, enum host_end end, const char *fmt, ...)
{
	va_list args;

	played.end = end;
	va_start(args, fmt);
	vsnprintf(played.end_text, sizeof(played.end_text), fmt, args);
	va_end(args);
}

static struct host host;
static struct host_vp vps[2];

static void set_up(void)
{
	unsigned i;

	memset(&played, 0, sizeof(played));
	played.end = HOST_END_NONE;
	memset(&host, 0, sizeof(host));
	memset(vps, 0, sizeof(vps));
	host.config.memory_bytes = 64 * MIB;
	host.config.vp_count = 2;
	host.vp = vps;
	ck_assert_int_eq(memory_create(&host.memory, &host.config, VTL2_BYTES), 0);
	for (i = 0; i < 2; i++) {
		vps[i].host = &host;
		vps[i].index = i;
		synic_init(&vps[i].synic);
	}
}

static void tear_down(void)
{
	memory_destroy(&host.memory);
}

/* --- Memory ------------------------------------------------------------------- */

START_TEST(vtl2_lies_right_above_low_ram_at_two_mebibytes)
{
	struct host_config c = { .memory_bytes = 65 * MIB };
	struct host_memory m;

	ck_assert_int_eq(memory_create(&m, &c, VTL2_BYTES), 0);
	ck_assert_uint_eq(c.vtl2_ram.gpa, 66 * MIB);
	ck_assert_uint_eq(c.vtl2_ram.size, VTL2_BYTES);
	ck_assert_uint_eq(c.vtl0_ram_count, 1);
	memory_destroy(&m);
}
END_TEST

START_TEST(memory_beyond_three_gibibytes_goes_above_four)
{
	struct host_config c = { .memory_bytes = 5ull << 30 };
	struct host_memory m;

	ck_assert_int_eq(memory_create(&m, &c, VTL2_BYTES), 0);
	ck_assert_uint_eq(c.vtl0_ram[0].size, 3ull << 30);
	ck_assert_uint_eq(c.vtl0_ram[1].gpa, 4ull << 30);
	ck_assert_uint_eq(c.vtl0_ram[1].size, 2ull << 30);
	ck_assert(!vl_ranges_overlap(c.vtl0_ram[1].gpa, c.vtl0_ram[1].size, c.vtl0_mmio[1].gpa,
		c.vtl0_mmio[1].size));
	ck_assert(!vl_ranges_overlap(c.vtl2_ram.gpa, c.vtl2_ram.size, c.vtl0_mmio[0].gpa,
		c.vtl0_mmio[0].size));
	ck_assert(!vl_ranges_overlap(c.vtl2_mmio.gpa, c.vtl2_mmio.size, c.vtl0_mmio[1].gpa,
		c.vtl0_mmio[1].size));
	memory_destroy(&m);
}
END_TEST

START_TEST(an_absurd_memory_size_is_refused)
{
	static const uint64_t sizes[] = { 0, 4097, HOST_MEMORY_MAX + 4096, ~0ull & ~4095ull };
	unsigned i;

	for (i = 0; i < VL_ARRAY_COUNT(sizes); i++) {
		struct host_config c = { .memory_bytes = sizes[i] };
		struct host_memory m;

		ck_assert_int_eq(memory_create(&m, &c, VTL2_BYTES), VL_E_RANGE);
		ck_assert_ptr_null(m.base);
	}
}
END_TEST

START_TEST(a_copy_outside_ram_is_refused_and_copies_nothing)
{
	uint8_t data[16] = { 1, 2, 3 }, back[16] = { 9 };

	ck_assert_int_eq(host_memory_write(&host, gpa(VTL2_BASE + VTL2_BYTES - 8), data, 16), VL_E_RANGE);
	ck_assert_int_eq(host_memory_read(&host, gpa(VTL2_BASE + VTL2_BYTES - 8), back, 8), 0);
	ck_assert_uint_eq(back[0], 0);
	ck_assert_int_eq(host_memory_read(&host, gpa(~0ull - 3), back, 16), VL_E_RANGE);
	ck_assert_int_eq(host_memory_read(&host, gpa(~0ull), back, 0), VL_E_RANGE);
}
END_TEST

START_TEST(a_copy_may_cross_from_vtl0_into_vtl2_ram)
{
	uint8_t data[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 }, back[16];

	ck_assert_int_eq(host_memory_write(&host, gpa(VTL2_BASE - 8), data, 16), 0);
	ck_assert_int_eq(host_memory_read(&host, gpa(VTL2_BASE - 8), back, 16), 0);
	ck_assert_mem_eq(data, back, 16);
	ck_assert(!host_memory_is_vtl0(&host, gpa(VTL2_BASE - 8), 16));
	ck_assert(host_memory_is_vtl0(&host, gpa(VTL2_BASE - 8), 8));
}
END_TEST

START_TEST(both_views_show_the_same_vtl0_ram)
{
	uint32_t value = 0x12345678;

	ck_assert_int_eq(host_memory_write(&host, gpa(0x5000), &value, sizeof(value)), 0);
	ck_assert_mem_eq(host.memory.vtl0_base + 0x5000, &value, sizeof(value));
}
END_TEST

/* Asks the kernel whether this process may read (write) there, without a fault. */
static bool accessible(uint8_t *at, bool for_write)
{
	int pipe_fd[2];
	ssize_t n;

	ck_assert_int_eq(pipe(pipe_fd), 0);
	if (for_write) {
		ck_assert_int_eq((int)write(pipe_fd[1], "", 1), 1);
		n = read(pipe_fd[0], at, 1);
	} else {
		n = write(pipe_fd[1], at, 1);
	}
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	return n == 1;
}

START_TEST(a_protected_page_is_out_of_reach_until_it_is_given_back)
{
	ck_assert(memory_vtl0_access(&host.memory, gpa(0x3000), true));
	ck_assert_int_eq(memory_protect_vtl0(&host.memory, gpa(0x3000), HV_MAP_GPA_READ), 0);
	ck_assert(memory_vtl0_access(&host.memory, gpa(0x3fff), false));
	ck_assert(!memory_vtl0_access(&host.memory, gpa(0x3fff), true));
	ck_assert(memory_vtl0_access(&host.memory, gpa(0x4000), true));
	ck_assert(accessible(host.memory.vtl0_base + 0x3000, false));
	ck_assert(!accessible(host.memory.vtl0_base + 0x3000, true));
	ck_assert_int_eq(memory_protect_vtl0(&host.memory, gpa(0x3000), 0), 0);
	ck_assert(!memory_vtl0_access(&host.memory, gpa(0x3000), false));
	ck_assert(!accessible(host.memory.vtl0_base + 0x3000, false));
	ck_assert_int_eq(memory_protect_vtl0(&host.memory, gpa(0x3000), 0xf), 0);
	ck_assert(memory_vtl0_access(&host.memory, gpa(0x3000), true));
	ck_assert(accessible(host.memory.vtl0_base + 0x3000, true));
}
END_TEST

START_TEST(vtl2_memory_cannot_be_given_to_vtl0)
{
	ck_assert_int_eq(memory_protect_vtl0(&host.memory, gpa(VTL2_BASE), 0xf), VL_E_RANGE);
	ck_assert_int_eq(memory_protect_vtl0(&host.memory, gpa(0x3001), 0xf), VL_E_RANGE);
	ck_assert(!memory_vtl0_access(&host.memory, gpa(VTL2_BASE), false));
	ck_assert(!accessible(host.memory.vtl0_base + VTL2_BASE, false));
}
END_TEST

/* --- SynIC ------------------------------------------------------------------------ */

static void enable_synic(struct host_vp *vp, uint64_t sint)
{
	ck_assert_uint_eq(synic_register_set(vp, HV_REG_SCONTROL, 1), 0);
	ck_assert_uint_eq(synic_register_set(vp, HV_REG_SIMP, PAGE_A | 1), 0);
	ck_assert_uint_eq(synic_register_set(vp, HV_REG_SIEFP, PAGE_B | 1), 0);
	ck_assert_uint_eq(synic_register_set(vp, HV_REG_SINT0 + 2, sint), 0);
}

static struct hv_message *slot_of(unsigned sint)
{
	return host_memory_map(&host, gpa(PAGE_A + sint * 256), 256);
}

START_TEST(a_message_lands_in_its_slot_and_interrupts)
{
	enable_synic(&vps[0], 0xf3 | HV_SINT_AUTO_EOI);
	ck_assert_int_eq(synic_post_message(&host, 0, 2, 1, "abc", 3), 0);
	ck_assert_uint_eq(le32_to_cpu(slot_of(2)->type), 1);
	ck_assert_uint_eq(slot_of(2)->payload_size, 3);
	ck_assert_mem_eq(slot_of(2)->payload, "abc", 3);
	ck_assert_uint_eq(played.interrupts, 1);
	ck_assert_uint_eq(played.last_vector, 0xf3);
	ck_assert(played.last_auto_eoi);
}
END_TEST

START_TEST(a_second_message_waits_for_the_end_of_the_first)
{
	enable_synic(&vps[0], 0xf3);
	ck_assert_int_eq(synic_post_message(&host, 0, 2, 1, "a", 1), 0);
	ck_assert_int_eq(synic_post_message(&host, 0, 2, 7, "b", 1), 0);
	ck_assert_uint_eq(played.interrupts, 1);
	ck_assert_uint_eq(le32_to_cpu(slot_of(2)->type), 1);
	ck_assert_uint_eq(slot_of(2)->flags & HV_MESSAGE_FLAG_PENDING, HV_MESSAGE_FLAG_PENDING);
	slot_of(2)->type = cpu_to_le32(HV_MESSAGE_NONE);
	ck_assert_uint_eq(synic_register_set(&vps[0], HV_REG_EOM, 0), 0);
	ck_assert_uint_eq(le32_to_cpu(slot_of(2)->type), 7);
	ck_assert_uint_eq(slot_of(2)->flags, 0);
	ck_assert_uint_eq(played.interrupts, 2);
}
END_TEST

START_TEST(messages_of_one_sint_keep_their_order_and_do_not_block_another)
{
	enable_synic(&vps[0], 0xf3);
	ck_assert_uint_eq(synic_register_set(&vps[0], HV_REG_SINT0 + 4, 0x60), 0);
	ck_assert_int_eq(synic_post_message(&host, 0, 2, 1, "a", 1), 0);
	ck_assert_int_eq(synic_post_message(&host, 0, 2, 2, "b", 1), 0);
	ck_assert_int_eq(synic_post_message(&host, 0, 4, 3, "c", 1), 0);
	ck_assert_int_eq(synic_post_message(&host, 0, 2, 4, "d", 1), 0);
	ck_assert_uint_eq(le32_to_cpu(slot_of(4)->type), 3);
	slot_of(2)->type = cpu_to_le32(HV_MESSAGE_NONE);
	synic_register_set(&vps[0], HV_REG_EOM, 0);
	ck_assert_uint_eq(le32_to_cpu(slot_of(2)->type), 2);
	slot_of(2)->type = cpu_to_le32(HV_MESSAGE_NONE);
	synic_register_set(&vps[0], HV_REG_EOM, 0);
	ck_assert_uint_eq(le32_to_cpu(slot_of(2)->type), 4);
}
END_TEST

START_TEST(a_masked_sint_keeps_its_message_until_it_is_unmasked)
{
	enable_synic(&vps[0], 0xf3 | HV_SINT_MASKED);
	ck_assert_int_eq(synic_post_message(&host, 0, 2, 1, "a", 1), 0);
	ck_assert_uint_eq(le32_to_cpu(slot_of(2)->type), HV_MESSAGE_NONE);
	synic_register_set(&vps[0], HV_REG_SINT0 + 2, 0xf3);
	ck_assert_uint_eq(le32_to_cpu(slot_of(2)->type), 1);
	ck_assert_uint_eq(played.interrupts, 1);
}
END_TEST

START_TEST(a_full_queue_refuses_the_message)
{
	unsigned i;
	int err = 0;

	enable_synic(&vps[0], 0xf3);
	for (i = 0; i < SYNIC_QUEUE_MAX + 1; i++)
		ck_assert_int_eq(synic_post_message(&host, 0, 2, 1, "a", 1), 0);
	err = synic_post_message(&host, 0, 2, 1, "a", 1);
	ck_assert_int_eq(err, VL_E_NOSPACE);
}
END_TEST

START_TEST(a_synic_that_is_off_takes_nothing)
{
	ck_assert_int_eq(synic_post_message(&host, 0, 2, 1, "a", 1), VL_E_STATE);
	ck_assert_int_eq(synic_signal_event(&host, 0, 2, 5), VL_E_STATE);
	ck_assert_int_eq(synic_post_message(&host, 2, 2, 1, "a", 1), VL_E_RANGE);
	ck_assert_int_eq(synic_post_message(&host, 0, 16, 1, "a", 1), VL_E_RANGE);
	ck_assert_int_eq(synic_post_message(&host, 0, 2, 1, "a", 241), VL_E_RANGE);
	ck_assert_int_eq(synic_signal_event(&host, 0, 2, 2048), VL_E_RANGE);
}
END_TEST

START_TEST(a_message_page_outside_ram_does_no_harm)
{
	enable_synic(&vps[0], 0xf3);
	synic_register_set(&vps[0], HV_REG_SIMP, 0xfffffffffffff001ull);
	ck_assert_int_eq(synic_post_message(&host, 0, 2, 1, "a", 1), 0); /* stays in the queue */
	ck_assert_uint_eq(played.interrupts, 0);
	ck_assert_uint_eq(vps[0].synic.queue_count, 1);
}
END_TEST

START_TEST(an_event_flag_interrupts_once_until_it_is_cleared)
{
	uint8_t *flags = host_memory_map(&host, gpa(PAGE_B + 2 * 256), 256);

	enable_synic(&vps[0], 0xf3);
	ck_assert_int_eq(synic_signal_event(&host, 0, 2, 77), 0);
	ck_assert_int_eq(synic_signal_event(&host, 0, 2, 77), 0);
	ck_assert_uint_eq(flags[77 / 8], 1u << (77 % 8));
	ck_assert_uint_eq(played.interrupts, 1);
	flags[77 / 8] = 0;
	ck_assert_int_eq(synic_signal_event(&host, 0, 2, 77), 0);
	ck_assert_uint_eq(played.interrupts, 2);
}
END_TEST

START_TEST(what_vtl2_has_not_taken_is_known_by_its_vector)
{
	uint8_t *flags = host_memory_map(&host, gpa(PAGE_B + 2 * 256), 256);

	ck_assert(!synic_waiting(&vps[0], 0xf3));
	enable_synic(&vps[0], 0xf3);
	ck_assert(!synic_waiting(&vps[0], 0xf3));
	ck_assert_int_eq(synic_signal_event(&host, 0, 2, 2047), 0);
	ck_assert(synic_waiting(&vps[0], 0xf3));
	ck_assert(!synic_waiting(&vps[0], 0xf2));
	flags[2047 / 8] = 0;
	ck_assert(!synic_waiting(&vps[0], 0xf3));
	ck_assert_int_eq(synic_post_message(&host, 0, 2, 1, "abc", 3), 0);
	ck_assert(synic_waiting(&vps[0], 0xf3));
	slot_of(2)->type = cpu_to_le32(HV_MESSAGE_NONE);
	ck_assert(!synic_waiting(&vps[0], 0xf3));
	/* Pages that are no memory hold nothing. */
	synic_register_set(&vps[0], HV_REG_SIMP, 0xfffffffffffff001ull);
	synic_register_set(&vps[0], HV_REG_SIEFP, 0xfffffffffffff001ull);
	ck_assert(!synic_waiting(&vps[0], 0xf3));
}
END_TEST

/* --- Hypercalls -------------------------------------------------------------------- */

static uint64_t call(uint64_t control, uint64_t input, uint64_t output)
{
	struct host_call *c = &vps[0].call;

	c->control = control;
	c->fast = false;
	c->input = gpa(input);
	c->output = gpa(output);
	return hypercall_run(&vps[0]);
}

static void put_header(uint64_t at, uint64_t partition, uint32_t vp, uint8_t vtl)
{
	struct hv_vp_registers_header head = { .partition_id = cpu_to_le64(partition),
		.vp_index = cpu_to_le32(vp),
		.input_vtl = vtl };

	ck_assert_int_eq(host_memory_write(&host, gpa(at), &head, sizeof(head)), 0);
}

#define REPS(n) ((uint64_t)(n) << HV_CONTROL_REP_COUNT_SHIFT)
#define GET(n) (HV_CALL_GET_VP_REGISTERS | REPS(n))
#define SET(n) (HV_CALL_SET_VP_REGISTERS | REPS(n))

START_TEST(registers_are_read_until_the_first_bad_one)
{
	le32 names[3] = { cpu_to_le32(HV_REG_VP_INDEX), cpu_to_le32(HV_REG_VSM_VP_STATUS),
		cpu_to_le32(0xdead) };
	struct hv_reg_value value[3] = { { cpu_to_le64(9), cpu_to_le64(9) } };

	put_header(PAGE_A, HV_PARTITION_ID_SELF, HV_VP_INDEX_SELF, 0);
	host_memory_write(&host, gpa(PAGE_A + 16), names, sizeof(names));
	ck_assert_uint_eq(call(GET(3), PAGE_A, PAGE_B),
		HV_RESULT(HV_STATUS_INVALID_PARAMETER, 2));
	host_memory_read(&host, gpa(PAGE_B), value, sizeof(value));
	ck_assert_uint_eq(le64_to_cpu(value[0].low), 0);
	ck_assert_uint_eq(le64_to_cpu(value[1].low) & 0xf, 2);
}
END_TEST

START_TEST(the_register_calls_check_whose_registers_they_are)
{
	put_header(PAGE_A, 5, HV_VP_INDEX_SELF, 0);
	ck_assert_uint_eq(call(GET(1), PAGE_A, PAGE_B), HV_STATUS_INVALID_PARTITION_ID);
	put_header(PAGE_A, HV_PARTITION_ID_SELF, 2, 0);
	ck_assert_uint_eq(call(GET(1), PAGE_A, PAGE_B), HV_STATUS_INVALID_VP_INDEX);
	put_header(PAGE_A, HV_PARTITION_ID_SELF, 1, 0);
	ck_assert_uint_eq(call(GET(1), PAGE_A, PAGE_B), HV_STATUS_INVALID_VP_STATE);
	put_header(PAGE_A, HV_PARTITION_ID_SELF, 0, 0x11); /* VTL1 */
	ck_assert_uint_eq(call(GET(1), PAGE_A, PAGE_B), HV_STATUS_INVALID_PARAMETER);
}
END_TEST

START_TEST(more_reps_than_the_page_holds_are_refused)
{
	put_header(PAGE_A, HV_PARTITION_ID_SELF, HV_VP_INDEX_SELF, 0);
	ck_assert_uint_eq(call(SET(4095), PAGE_A, PAGE_B), HV_STATUS_INVALID_HYPERCALL_INPUT);
	ck_assert_uint_eq(call(GET(1000), PAGE_A, PAGE_B), HV_STATUS_INVALID_HYPERCALL_INPUT);
	ck_assert_uint_eq(call(GET(1) | 2ull << HV_CONTROL_REP_START_SHIFT, PAGE_A, PAGE_B),
		HV_STATUS_INVALID_HYPERCALL_INPUT);
}
END_TEST

START_TEST(input_and_output_pages_must_be_aligned_ram)
{
	put_header(PAGE_A, HV_PARTITION_ID_SELF, HV_VP_INDEX_SELF, 0);
	ck_assert_uint_eq(call(HV_CALL_POST_MESSAGE, PAGE_A + 1, 0), HV_STATUS_INVALID_ALIGNMENT);
	ck_assert_uint_eq(call(HV_CALL_POST_MESSAGE, 1ull << 50, 0), HV_STATUS_INVALID_HYPERCALL_INPUT);
	ck_assert_uint_eq(call(HV_CALL_POST_MESSAGE, ~7ull, 0), HV_STATUS_INVALID_HYPERCALL_INPUT);
}
END_TEST

START_TEST(a_message_longer_than_its_field_is_refused)
{
	struct hv_input_post_message m = { .connection_id = cpu_to_le32(4), .message_type = cpu_to_le32(1),
		.payload_size = cpu_to_le32(240) };

	host_memory_write(&host, gpa(PAGE_A), &m, sizeof(m));
	ck_assert_uint_eq(call(HV_CALL_POST_MESSAGE, PAGE_A, 0), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(played.posted_size, 240);
	ck_assert_uint_eq(played.posted_connection, 4);
	m.payload_size = cpu_to_le32(241);
	host_memory_write(&host, gpa(PAGE_A), &m, sizeof(m));
	ck_assert_uint_eq(call(HV_CALL_POST_MESSAGE, PAGE_A, 0), HV_STATUS_INVALID_PARAMETER);
	/* At the end of a page the structure is cut off. */
	ck_assert_uint_eq(call(HV_CALL_POST_MESSAGE, PAGE_A + 4096 - 128, 0),
		HV_STATUS_INVALID_HYPERCALL_INPUT);
}
END_TEST

START_TEST(protection_stops_at_the_first_page_that_is_not_ram)
{
	le64 in[5] = { cpu_to_le64(HV_PARTITION_ID_SELF), cpu_to_le64(HV_MAP_GPA_READ), cpu_to_le64(0x10),
		cpu_to_le64(VTL2_BASE >> 12), cpu_to_le64(1ull << 40) };

	host_memory_write(&host, gpa(PAGE_A), in, sizeof(in));
	ck_assert_uint_eq(call(HV_CALL_MODIFY_VTL_PROTECTION_MASK | REPS(3), PAGE_A, 0),
		HV_RESULT(HV_STATUS_INVALID_PARAMETER, 2));
	ck_assert(!memory_vtl0_access(&host.memory, gpa(0x10000), true));
	ck_assert(memory_vtl0_access(&host.memory, gpa(0x10000), false));
}
END_TEST

START_TEST(an_unknown_call_goes_to_the_port)
{
	ck_assert_uint_eq(call(0x777, PAGE_A, 0), HV_STATUS_INVALID_HYPERCALL_CODE);
	ck_assert_uint_eq(played.port_calls, 1);
}
END_TEST

/* --- Registers -------------------------------------------------------------------------- */

static uint16_t set(uint32_t name, uint64_t v)
{
	struct hv_reg_value value = { .low = cpu_to_le64(v) };

	return register_set(&vps[0], HOST_VTL2, name, &value);
}

START_TEST(a_crash_report_ends_the_run_with_its_text)
{
	static const char text[] = "Kernel panic: x\x1b[2J";

	host_memory_write(&host, gpa(PAGE_A), text, sizeof(text));
	ck_assert_uint_eq(set(HV_REG_GUEST_CRASH_P0 + 3, PAGE_A), 0);
	ck_assert_uint_eq(set(HV_REG_GUEST_CRASH_P0 + 4, sizeof(text)), 0);
	ck_assert_uint_eq(set(HV_REG_GUEST_CRASH_CTL, HV_CRASH_CTL_NOTIFY | HV_CRASH_CTL_MESSAGE), 0);
	ck_assert_int_eq(played.end, HOST_END_PARAVISOR_FAILED);
	ck_assert_ptr_nonnull(strstr(played.end_text, "Kernel panic: x?[2J"));
}
END_TEST

START_TEST(a_crash_report_with_a_bad_address_still_ends_the_run)
{
	ck_assert_uint_eq(set(HV_REG_GUEST_CRASH_P0 + 3, ~0ull - 5), 0);
	ck_assert_uint_eq(set(HV_REG_GUEST_CRASH_P0 + 4, ~0ull), 0);
	ck_assert_uint_eq(set(HV_REG_GUEST_CRASH_CTL, HV_CRASH_CTL_NOTIFY | HV_CRASH_CTL_MESSAGE), 0);
	ck_assert_int_eq(played.end, HOST_END_PARAVISOR_FAILED);
}
END_TEST

START_TEST(a_register_page_outside_ram_is_refused)
{
	ck_assert_uint_eq(set(HV_REG_REGISTER_PAGE, 1ull << 50 | 1), HV_STATUS_INVALID_PARAMETER);
	ck_assert_uint_eq(set(HV_REG_REGISTER_PAGE, PAGE_A | 1), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(vps[0].register_page, PAGE_A | 1);
}
END_TEST

START_TEST(unknown_registers_go_to_the_port)
{
	struct hv_reg_value value;

	ck_assert_uint_eq(register_get(&vps[0], HOST_VTL0, 0x20010, &value), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(le64_to_cpu(value.low), 0x20010);
	ck_assert_uint_eq(register_get(&vps[0], 1, 0x20010, &value), HV_STATUS_INVALID_PARAMETER);
	ck_assert_uint_eq(set(0xdead, 1), HV_STATUS_INVALID_PARAMETER);
}
END_TEST

/* --- Loop ---------------------------------------------------------------------------------- */

static atomic_uint order;

static void work(void *context)
{
	unsigned *at = context;

	*at = atomic_fetch_add(&order, 1) + 1;
}

static struct host_source source;
static atomic_uint ready_count;

static void ready(struct host_source *s, uint32_t events)
{
	char byte;

	if (read(s->fd, &byte, 1) == 1)
		atomic_fetch_add(&ready_count, 1);
	loop_remove(s->context, s);
	atomic_store(&host.loop.stop, true);
}

START_TEST(posted_work_runs_in_order_and_a_source_can_remove_itself)
{
	unsigned first = 0, second = 0;
	int pipe_fd[2];

	atomic_store(&order, 0);
	atomic_store(&ready_count, 0);
	ck_assert_int_eq(pipe(pipe_fd), 0);
	ck_assert_int_eq(loop_create(&host), 0);
	loop_post(&host, work, &first);
	loop_post(&host, work, &second);
	source = (struct host_source){ .fd = pipe_fd[0], .ready = ready, .context = &host };
	ck_assert_int_eq(loop_add(&host, &source, EPOLLIN), 0);
	ck_assert_int_eq(loop_start(&host), 0);
	while (atomic_load(&order) < 2)
		sched_yield();
	ck_assert_int_eq((int)write(pipe_fd[1], "ab", 2), 2);
	pthread_join(host.loop.thread, NULL);
	host.loop.thread_running = false;
	loop_post(&host, work, &first); /* not run any more, but freed */
	loop_destroy(&host);
	ck_assert_uint_eq(atomic_load(&ready_count), 1);
	ck_assert_uint_eq(first, 1);
	ck_assert_uint_eq(second, 2);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}
END_TEST

Suite *suite_host_core(void);
Suite *suite_host_core(void)
{
	Suite *s = suite_create("host_core");
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, vtl2_lies_right_above_low_ram_at_two_mebibytes);
	tcase_add_test(t, memory_beyond_three_gibibytes_goes_above_four);
	tcase_add_test(t, an_absurd_memory_size_is_refused);
	tcase_add_test(t, a_copy_outside_ram_is_refused_and_copies_nothing);
	tcase_add_test(t, a_copy_may_cross_from_vtl0_into_vtl2_ram);
	tcase_add_test(t, both_views_show_the_same_vtl0_ram);
	tcase_add_test(t, a_protected_page_is_out_of_reach_until_it_is_given_back);
	tcase_add_test(t, vtl2_memory_cannot_be_given_to_vtl0);
	tcase_add_test(t, a_message_lands_in_its_slot_and_interrupts);
	tcase_add_test(t, a_second_message_waits_for_the_end_of_the_first);
	tcase_add_test(t, messages_of_one_sint_keep_their_order_and_do_not_block_another);
	tcase_add_test(t, a_masked_sint_keeps_its_message_until_it_is_unmasked);
	tcase_add_test(t, a_full_queue_refuses_the_message);
	tcase_add_test(t, a_synic_that_is_off_takes_nothing);
	tcase_add_test(t, a_message_page_outside_ram_does_no_harm);
	tcase_add_test(t, an_event_flag_interrupts_once_until_it_is_cleared);
	tcase_add_test(t, what_vtl2_has_not_taken_is_known_by_its_vector);
	tcase_add_test(t, registers_are_read_until_the_first_bad_one);
	tcase_add_test(t, the_register_calls_check_whose_registers_they_are);
	tcase_add_test(t, more_reps_than_the_page_holds_are_refused);
	tcase_add_test(t, input_and_output_pages_must_be_aligned_ram);
	tcase_add_test(t, a_message_longer_than_its_field_is_refused);
	tcase_add_test(t, protection_stops_at_the_first_page_that_is_not_ram);
	tcase_add_test(t, an_unknown_call_goes_to_the_port);
	tcase_add_test(t, a_crash_report_ends_the_run_with_its_text);
	tcase_add_test(t, a_crash_report_with_a_bad_address_still_ends_the_run);
	tcase_add_test(t, a_register_page_outside_ram_is_refused);
	tcase_add_test(t, unknown_registers_go_to_the_port);
	tcase_add_test(t, posted_work_runs_in_order_and_a_source_can_remove_itself);
	suite_add_tcase(s, t);
	return s;
}
