/* Unit tests of the virtual TPM as a guest and the VM worker see it. */
#include "test/unit/paravisor/ask.h"
#include "test/unit/vtpm/vtpm_rig.h"

Suite *suite_vtpm(void);

static struct rig *r;

static void open_fifo(void) { r = rig_open(VTPM_FIFO, false); }
static void close_rig(void) { rig_close(r); }

/* _i: the interface, with and without the engine's thread. */
static void open_any(int i)
{
	r = rig_open(i & 1 ? VTPM_CRB : VTPM_FIFO, i & 2);
	rig_boot(r);
}

START_TEST(a_guest_gets_answers_through_either_interface)
{
	open_any(_i);
	ck_assert_uint_eq(rig_command(r, "8001 00000000 00000143 01"), 0);
	ck_assert_uint_eq(rig_command(r, RIG_GET_RANDOM_32), 0);
	ck_assert_uint_eq(r->response_bytes, 12 + 32);
	ck_assert_uint_ge(r->known, 12 + 32);
	ck_assert_uint_eq(rig_command(r, "8001 00000000 0000ffff"), 0x143);
	close_rig();
}
END_TEST

START_TEST(before_it_is_switched_on_there_is_no_tpm)
{
	open_fifo();
	ck_assert_uint_eq(rig_in(r, 0x00, 1), 0xff);
	ck_assert_uint_eq(rig_in(r, 0xf00, 4), 0xffffffff);
	rig_out(r, 0x00, 1, 0x02);
	ck_assert_uint_eq(vtpm_model.read(&r->v, VTPM_REGION_PPI, 0, 4), ~0ull);
	ck_assert_int_eq(rig_boot_command(r, VTPM_BOOT_MEASURE), VL_E_STATE);
	ck_assert_int_eq(rig_boot_command(r, VTPM_BOOT_FINISH), VL_E_STATE);
	rig_boot(r);
	ck_assert_uint_eq(rig_in(r, 0x00, 1), 0x81);
	ck_assert_uint_eq(rig_in(r, 0xf00, 2), 0x1014);
	close_rig();
}
END_TEST

START_TEST(registers_say_which_interface_there_is)
{
	open_any(_i);
	ck_assert_uint_eq(rig_in(r, 0x30, 4) & 0xf, _i & 1);
	ck_assert_uint_eq(rig_in(r, 0x30, 4) >> 13 & 3, 3); /* FIFO and CRB */
	if (_i & 1) {
		ck_assert_uint_eq(rig_in(r, 0x5c, 4), RIG_BASE + 0x80);
		ck_assert_uint_eq(rig_in(r, 0x58, 4), 0xf80);
		ck_assert_uint_eq(rig_in(r, 0x68, 8), RIG_BASE + 0x80);
		ck_assert_uint_eq(rig_in(r, 0x00, 4), 0x80);
	} else {
		ck_assert_uint_eq(rig_in(r, 0x14, 4) >> 28, 3);
		rig_out(r, 0x00, 1, 0x02);
		ck_assert_uint_eq(rig_in(r, 0x18, 4) >> 26, 1); /* TPM 2.0 */
	}
	close_rig();
}
END_TEST

START_TEST(the_interface_can_be_chosen_until_it_is_locked)
{
	open_any(0);
	rig_out(r, 0x30, 4, 1u << 17);
	ck_assert_uint_eq(rig_in(r, 0x30, 4) & 0xf, 1);
	ck_assert_uint_eq(rig_command(r, RIG_GET_RANDOM_32), 0);
	rig_out(r, 0x08, 4, 1);
	rig_out(r, 0x30, 4, 0); /* in use */
	ck_assert_uint_eq(rig_in(r, 0x30, 4) & 0xf, 1);
	rig_out(r, 0x08, 4, 2);
	rig_out(r, 0x30, 4, 1u << 19);
	ck_assert_uint_eq(rig_in(r, 0x30, 4) & 0xf, 0);
	rig_out(r, 0x30, 4, 1u << 17);
	ck_assert_uint_eq(rig_in(r, 0x30, 4) & 0xf, 0);
	close_rig();
}
END_TEST

START_TEST(localities_wait_for_each_other)
{
	open_any(0);
	rig_out(r, 0x0000, 1, 0x02);
	rig_out(r, 0x1000, 1, 0x02);
	rig_out(r, 0x2000, 1, 0x02);
	ck_assert_uint_eq(rig_in(r, 0x0000, 1), 0xa5); /* active, others wait */
	ck_assert_uint_eq(rig_in(r, 0x1000, 1), 0x87);
	rig_out(r, 0x0000, 1, 0x20);
	ck_assert_uint_eq(rig_in(r, 0x2000, 1) & 0x20, 0x20); /* the highest is next */
	rig_out(r, 0x1000, 1, 0x20);
	rig_out(r, 0x2000, 1, 0x20);
	ck_assert_uint_eq(rig_in(r, 0x1000, 1), 0x81); /* withdrew its request */
	close_rig();
}
END_TEST

START_TEST(a_higher_locality_seizes_the_tpm)
{
	open_any(0);
	rig_out(r, 0x1000, 1, 0x02);
	rig_out(r, 0x1018, 4, 0x40);
	rig_out(r, 0x0000, 1, 0x08);
	ck_assert_uint_eq(rig_in(r, 0x1000, 1) & 0x20, 0x20);
	rig_out(r, 0x3000, 1, 0x08);
	ck_assert_uint_eq(rig_in(r, 0x1000, 1), 0x91);
	ck_assert_uint_eq(rig_in(r, 0x3000, 1), 0xa1);
	ck_assert_uint_eq(rig_in(r, 0x3018, 4) & 0x40, 0); /* idle again */
	rig_out(r, 0x1000, 1, 0x10);
	ck_assert_uint_eq(rig_in(r, 0x1000, 1), 0x81);
	close_rig();
}
END_TEST

START_TEST(locality_4_belongs_to_hardware)
{
	open_any(0);
	rig_out(r, 0x4000, 1, 0x02);
	ck_assert_uint_eq(rig_in(r, 0x4000, 1), 0xff);
	rig_out(r, 0x4028, 4, 0);
	ck_assert_uint_eq(rig_in(r, 0x0000, 1), 0x81);
	close_rig();
}
END_TEST

START_TEST(who_does_not_hold_the_tpm_cannot_use_it)
{
	open_any(_i);
	rig_out(r, 0x18, 4, 0x40);
	ck_assert_uint_eq(rig_in(r, 0x18, 4), 0xffffffff);
	rig_out(r, 0x24, 4, 0x01800000);
	rig_out(r, 0x80, 4, 0x01800000);
	rig_out(r, 0x4c, 4, 1);
	ck_assert_uint_eq(rig_in(r, 0x80, 4), 0xffffffff);
	ck_assert_uint_eq(r->v.phase, VTPM_IDLE);
	close_rig();
}
END_TEST

START_TEST(the_tpm_sees_the_locality_of_the_command)
{
	open_any(_i);
	/* PCR 17 can be reset by locality 4 alone, 20 by 2 to 4: TPM2_PCR_Reset. */
	r->locality = 2;
	ck_assert_uint_eq(rig_command(r, "8002 00000000 0000013d 00000014" RIG_PW), 0);
	r->locality = 0;
	ck_assert_uint_eq(rig_command(r, "8002 00000000 0000013d 00000014" RIG_PW), 0x907);
	close_rig();
}
END_TEST

START_TEST(commands_that_cannot_be_are_answered_with_their_error)
{
	static const char *const sizes[] = { "00000000", "00000009", "00000f81", "00ffffff", "ffffffff" };
	uint8_t c[16];

	open_any(_i);
	for (size_t i = 0; i < VL_ARRAY_COUNT(sizes); i++) {
		char text[64];
		size_t n;

		snprintf(text, sizeof(text), "8001 %s 0000017b", sizes[i]);
		n = rig_hex(text, c);
		rig_exchange(r, c, n);
		ck_assert_uint_eq(rig_code(r), 0x142);
		ck_assert_uint_eq(r->response_bytes, 10);
	}
	ck_assert_uint_eq(rig_command(r, RIG_GET_RANDOM_32), 0);
	close_rig();
}
END_TEST

/* Codes: TPM 2.0 part 2, 6.6; with 0x100 the first handle is meant, with 0x140 the first parameter. */
START_TEST(malformed_commands_are_answered_with_the_error_of_what_is_wrong)
{
	static const struct {
		const char *command;
		uint32_t code;
	} cases[] = {
		{ "0000 00000000 0000017b 0020", 0x84 },      /* VALUE: no such tag */
		{ "8003 00000000 0000017b 0020", 0x84 },
		{ "8001 00000000 0000ffff", 0x143 },          /* COMMAND_CODE */
		{ "8001 00000000 ffffffff", 0x143 },
		{ "8001 00000000 0000017b", 0x1da },          /* INSUFFICIENT: no parameter */
		{ "8001 00000000 0000017b 00", 0x1da },
		{ "8001 00000000 0000017b 0020 00", 0x95 },   /* SIZE: a byte too many */
		{ "8001 00000000 0000017e ffffffff", 0x1d5 }, /* SIZE: 2^32 - 1 selections of PCRs */
		{ "8001 00000000 00000173", 0x19a },          /* INSUFFICIENT: no handle */
		{ "8001 00000000 00000173 80ffffff", 0x184 }, /* VALUE: no such handle */
		{ "8001 00000000 00000182 00000010", 0x125 }, /* AUTH_MISSING */
		{ "8002 00000000 00000182 00000010", 0x9a },  /* INSUFFICIENT: no authorizations */
		{ "8002 00000000 00000182 00000010 ffffffff", 0x95 }, /* SIZE, of them */
		{ "8002 00000000 00000182 00000010" RIG_PW "00000001 ffff", 0x1c3 }, /* HASH: none such */
	};

	open_any(_i);
	for (size_t i = 0; i < VL_ARRAY_COUNT(cases); i++) {
		ck_assert_uint_eq(rig_command(r, cases[i].command), cases[i].code);
		ck_assert_uint_eq(r->response_bytes, 10);
	}
	ck_assert_uint_eq(rig_command(r, RIG_GET_RANDOM_32), 0);
	close_rig();
}
END_TEST

START_TEST(a_fifo_takes_no_byte_more_than_the_command_has)
{
	uint8_t c[16];
	size_t n = rig_hex("8001 0000000c 0000017b 0020", c);

	open_any(0);
	rig_out(r, 0x00, 1, 0x02);
	rig_out(r, 0x18, 4, 0x40);
	for (size_t i = 0; i < n; i++) {
		rig_out(r, 0x18, 4, 0x20); /* too early: nothing happens */
		rig_out(r, 0x24, 1, c[i]);
		ck_assert_uint_eq(rig_in(r, 0x18, 4) & 0x08, i + 1 < n ? 0x08 : 0);
	}
	for (unsigned i = 0; i < 10000; i++)
		rig_out(r, 0x80, 8, ~0ull);
	rig_out(r, 0x18, 4, 0x20);
	rig_fifo_receive(r);
	ck_assert_uint_eq(rig_code(r), 0);
	ck_assert_uint_eq(rig_in(r, 0x24, 4), 0xffffffff);
	close_rig();
}
END_TEST

START_TEST(a_crb_takes_one_command_after_the_other_from_one_owner)
{
	uint8_t c[16];
	size_t n = rig_hex("8001 0000000c 0000017b 0008", c);

	open_any(1);
	rig_crb_send(r, c, n);
	for (unsigned round = 0; round < 3; round++) {
		ck_assert_uint_eq(rig_in(r, 0x82, 4), 0x14000000);
		for (size_t i = 0; i < n; i++)
			rig_out(r, 0x80 + i, 1, c[i]);
		ck_assert_uint_eq(rig_in(r, 0x82, 4), 0x0c000000);
		rig_out(r, 0x4c, 4, 1);
	}
	close_rig();
}
END_TEST

START_TEST(a_response_can_be_read_again)
{
	uint8_t c[16];
	size_t n = rig_hex("8001 0000000c 0000017b 0004", c);

	open_any(0);
	rig_fifo_send(r, c, n);
	ck_assert_uint_eq(rig_in(r, 0x24, 4), 0x00000180);
	rig_out(r, 0x18, 4, 0x02);
	ck_assert_uint_eq(rig_in(r, 0x80, 2), 0x0180);
	rig_fifo_receive(r);
	ck_assert_uint_eq(r->response_bytes, 12 + 4 - 2);
	close_rig();
}
END_TEST

/* An RSA key takes the engine a while: the registers go on answering. */
#define RIG_CREATE_RSA "8002 00000000 00000131 40000001" RIG_PW "0004 0000 0000 001a" \
	"0001 000b 00030072 0000 0006 0080 0043 0010 0800 00000000 0000" "0000 00000000"

START_TEST(registers_answer_while_a_command_runs)
{
	uint8_t c[128];
	size_t n = rig_hex(RIG_CREATE_RSA, c);

	open_any(_i);
	c[5] = (uint8_t)n;
	if (_i & 1)
		rig_crb_send(r, c, n);
	else
		rig_fifo_send(r, c, n);
	if (_i & 1) {
		ck_assert_uint_eq(rig_in(r, 0x4c, 4), 1);
		ck_assert_uint_eq(rig_in(r, 0x80, 4), 0xffffffff);
		rig_out(r, 0x80, 4, 0);
		rig_out(r, 0x4c, 4, 1);
	} else {
		ck_assert_uint_eq(rig_in(r, 0x18, 4) & 0xffff58, 0);
		rig_out(r, 0x24, 4, 0);
		rig_out(r, 0x18, 4, 0x20);
	}
	rig_wait(r);
	rig_receive(r);
	ck_assert_uint_eq(rig_code(r), 0);
	ck_assert_uint_eq(r->response[0], 0x80);
	close_rig();
}
END_TEST

START_TEST(a_command_can_be_given_up)
{
	uint8_t c[128];
	size_t n = rig_hex(RIG_CREATE_RSA, c);

	open_any(2 | _i);
	c[5] = (uint8_t)n;
	if (_i)
		rig_crb_send(r, c, n);
	else
		rig_fifo_send(r, c, n);
	if (_i) {
		rig_out(r, 0x08, 4, 2);
		ck_assert_uint_eq(rig_in(r, 0x00, 4), 0x80);
		rig_wait(r);
		ck_assert_uint_eq(r->v.phase, VTPM_IDLE);
	} else {
		rig_out(r, 0x18, 4, 0x40);
		ck_assert_uint_eq(rig_in(r, 0x18, 4) & 0x40, 0);
		rig_wait(r);
		ck_assert_uint_eq(rig_in(r, 0x18, 4) & 0x40, 0x40);
	}
	ck_assert_uint_eq(rig_command(r, RIG_GET_RANDOM_32), 0);
	close_rig();
}
END_TEST

START_TEST(the_boot_region_is_closed_to_all_but_readers_once_the_guest_may_run)
{
	static const uint8_t digests[VTPM_BOOT_DIGESTS_BYTES];

	open_any(0);
	ck_assert_int_eq(rig_measure(r, 9, EV_IPL, digests, "too late"), 0); /* the error of FINISH, still */
	ck_assert_uint_eq(vtpm_model.read(&r->v, VTPM_REGION_BOOT, offsetof(struct vtpm_boot, pcr), 4), 0);
	ck_assert_uint_eq(vtpm_model.read(&r->v, VTPM_REGION_BOOT, 0x3fff, 1), 0);
	close_rig();
}
END_TEST

START_TEST(measurements_out_of_range_are_refused)
{
	static const uint8_t digests[VTPM_BOOT_DIGESTS_BYTES];
	int err = 0;

	open_fifo();
	ck_assert_int_eq(rig_power_on(r, false), 0);
	ck_assert_int_eq(rig_power_on(r, false), VL_E_STATE);
	ck_assert_int_eq(rig_measure(r, 24, EV_IPL, digests, "x"), VL_E_RANGE);
	vtpm_model.write(&r->v, VTPM_REGION_BOOT, offsetof(struct vtpm_boot, pcr), 4, 9);
	vtpm_model.write(&r->v, VTPM_REGION_BOOT, offsetof(struct vtpm_boot, text_bytes), 4,
			VTPM_BOOT_TEXT_MAX + 1);
	ck_assert_int_eq(rig_boot_command(r, VTPM_BOOT_MEASURE), VL_E_LIMIT);
	ck_assert_int_eq(rig_boot_command(r, (enum vtpm_boot_command)77), VL_E_TYPE);
	for (unsigned i = 0; !err && i < 1000; i++)
		err = rig_measure(r, 9, EV_IPL, digests, "the log is not endless");
	ck_assert_int_eq(err, VL_E_NOSPACE);
	close_rig();
}
END_TEST

/* --- Saved state -------------------------------------------------------------------------- */

static uint8_t stream[1 << 20];

static size_t save(struct rig *from)
{
	struct state_writer w;
	int64_t size;

	state_writer_init(&w, stream, sizeof(stream));
	units_save(&from->device, 1, &w);
	size = state_writer_finish(&w);
	ck_assert_int_gt(size, 0);
	return (size_t)size;
}

static int restore(struct rig *to, size_t size)
{
	struct state_stream s;
	int err = state_stream_open(&s, stream, size, NULL);

	return err ? err : units_restore(&to->device, 1, &s, NULL);
}

/* Another process takes over: its own model and engine, the same files. */
static void move(size_t size)
{
	struct rig *old = r;

	r = rig_open(VTPM_FIFO, false);
	r->ppi = old->ppi;
	r->nvram = old->nvram;
	engine_close(&old->engine);
	free(old);
	ck_assert_int_eq(restore(r, size), 0);
	vtpm_model.start(&r->v);
}

START_TEST(a_restored_tpm_goes_on_where_the_saved_one_was)
{
	uint8_t before[32];

	open_any(_i);
	ck_assert_uint_eq(rig_command(r, RIG_NV_DEFINE), 0);
	ck_assert_uint_eq(rig_command(r, RIG_NV_WRITE), 0);
	ck_assert_uint_eq(rig_command(r, "8002 00000000 00000182 00000010" RIG_PW "00000001 000b"
		"1111111111111111 2222222222222222 3333333333333333 4444444444444444"), 0);
	ck_assert_uint_eq(rig_command(r, RIG_PCR_READ_SHA256("000001")), 0);
	memcpy(before, r->response + r->response_bytes - 32, 32);
	vtpm_model.stop(&r->v);
	move(save(r));
	ck_assert_uint_eq(rig_command(r, RIG_PCR_READ_SHA256("000001")), 0);
	ck_assert_mem_eq(before, r->response + r->response_bytes - 32, 32);
	ck_assert_uint_eq(rig_command(r, RIG_NV_READ), 0);
	ck_assert_mem_eq(r->response + r->response_bytes - 9, "\xca\xfe\x00\x01", 4);
	close_rig();
}
END_TEST

START_TEST(a_command_that_a_dead_worker_was_in_runs_once_as_the_guest_sees_it)
{
	uint8_t c[128];
	size_t n = rig_hex(RIG_NV_DEFINE, c), size;

	open_any(2 | _i);
	c[5] = (uint8_t)n;
	atomic_store(&r->hold, true);
	if (_i)
		rig_crb_send(r, c, n);
	else
		rig_fifo_send(r, c, n);
	ck_assert_uint_eq(r->v.phase, VTPM_EXECUTING);
	size = save(r); /* the last checkpoint: the command is running */
	atomic_store(&r->hold, false);
	engine_wait(&r->engine); /* it even reached the file, and then the worker dies */
	move(size);
	rig_receive(r);
	ck_assert_uint_eq(rig_code(r), 0); /* not: "is defined already" */
	ck_assert_uint_eq(rig_command(r, RIG_NV_DEFINE), 0x14c);
	rig_power_cycle(r);
	ck_assert_uint_eq(rig_command(r, RIG_NV_DEFINE), 0x14c);
	close_rig();
}
END_TEST

START_TEST(a_saved_state_survives_in_the_middle_of_a_transfer)
{
	uint8_t c[16];
	size_t n = rig_hex("8001 0000000c 0000017b 0020", c);

	open_any(_i);
	if (_i & 1) {
		rig_out(r, 0x08, 4, 1);
		rig_out(r, 0x40, 4, 1);
	} else {
		rig_out(r, 0x00, 1, 0x02);
		rig_out(r, 0x18, 4, 0x40);
	}
	for (size_t i = 0; i < n; i++) {
		rig_out(r, _i & 1 ? 0x80 + i : 0x24, 1, c[i]);
		vtpm_model.stop(&r->v);
		move(save(r));
	}
	if (_i & 1)
		rig_out(r, 0x4c, 4, 1);
	else
		rig_out(r, 0x18, 4, 0x20);
	rig_wait(r);
	rig_receive(r);
	ck_assert_uint_eq(rig_code(r), 0);
	ck_assert_uint_eq(r->response_bytes, 12 + 32);
	close_rig();
}
END_TEST

START_TEST(altered_truncated_and_future_states_are_refused_by_name)
{
	size_t size;

	open_any(0);
	vtpm_model.stop(&r->v);
	size = save(r);
	ck_assert_int_eq(restore(r, size - 1), VL_E_MISSING); /* of the end record */
	ck_assert_int_eq(restore(r, 3), VL_E_TRUNCATED);
	stream[size / 2] ^= 1;
	ck_assert_int_eq(restore(r, size), VL_E_CHECKSUM);
	stream[size / 2] ^= 1;
	ck_assert_int_eq(restore(r, size), 0);
	{
		struct state_writer w;

		state_writer_init(&w, stream, sizeof(stream));
		state_begin_unit(&w, "vtpm", vtpm_model.version + 1);
		state_end_unit(&w);
		ck_assert_int_eq(restore(r, (size_t)state_writer_finish(&w)), VL_E_VERSION);
		/* Switched on, they say, but with no TPM in it. */
		state_writer_init(&w, stream, sizeof(stream));
		state_begin_unit(&w, "vtpm", 1);
		state_put_u8(&w, 11, 1);
		state_end_unit(&w);
		ck_assert_int_eq(restore(r, (size_t)state_writer_finish(&w)), VL_E_MISSING);
	}
	rig_boot(r); /* nothing of it did harm */
	ck_assert_uint_eq(rig_command(r, RIG_GET_RANDOM_32), 0);
	close_rig();
}
END_TEST

static void show(void *context, struct inspect *i)
{
	vtpm_model.inspect(context, i);
}

static uint64_t shown(const char *path)
{
	const struct inspect_request q = { .path = path, .depth = INSPECT_ALL, .level = INSPECT_SENSITIVE };
	struct inspect_node n = ask_tree(show, &r->v, &q);

	ck_assert_uint_eq(n.kind, INSPECT_NODE_VALUE);
	return n.value.u64;
}

static bool shows_text(const char *path, const char *text)
{
	const struct inspect_request q = { .path = path, .depth = INSPECT_ALL, .level = INSPECT_SENSITIVE };
	struct inspect_node n = ask_tree(show, &r->v, &q);

	return n.kind == INSPECT_NODE_VALUE && n.value.type == INSPECT_STRING &&
		n.value.size == strlen(text) && memcmp(n.value.bytes, text, n.value.size) == 0;
}

/* With a command that no TPM knows, whose bytes stay in the buffer until it is executed. */
START_TEST(its_registers_show_the_interface_and_no_byte_that_goes_through_it)
{
	static const struct inspect_request all = { .path = "", .depth = INSPECT_ALL,
		.level = INSPECT_SENSITIVE };
	static const struct inspect_request safe = { .path = "", .depth = INSPECT_ALL,
		.level = INSPECT_SAFE };
	static const char secret[] = "the owner's password";
	uint8_t command[10 + sizeof(secret)] = { 0x80, 0x01, 0, 0, 0, sizeof(command), 0, 0, 0xff, 0xff };
	struct inspect_node n;
	struct inspect_entry e;

	open_any(_i);
	memcpy(command + 10, secret, sizeof(secret));
	ck_assert(shows_text("interface", _i ? "crb" : "fifo"));
	ck_assert(shows_text("phase", "idle"));
	_i ? rig_crb_send(r, command, sizeof(command)) : rig_fifo_send(r, command, sizeof(command));
	ck_assert_uint_eq(shown("locality"), 0);
	ck_assert(shows_text("phase", "complete"));
	ck_assert_uint_eq(shown("data-bytes"), 10);
	memcpy(r->v.data, command, sizeof(command)); /* as while it comes in, or runs */
	n = ask_tree(show, &r->v, &all);
	ck_assert_ptr_null(memmem(n.entries.data, n.entries.size, secret, 8));
	n = ask_tree(show, &r->v, &safe);
	ck_assert(!inspect_next(&n.entries, &e));
	close_rig();
}
END_TEST

Suite *suite_vtpm(void)
{
	Suite *s = suite_create("vtpm");
	TCase *t = tcase_create("registers");

	tcase_add_loop_test(t, a_guest_gets_answers_through_either_interface, 0, 4);
	tcase_add_test(t, before_it_is_switched_on_there_is_no_tpm);
	tcase_add_loop_test(t, registers_say_which_interface_there_is, 0, 2);
	tcase_add_test(t, the_interface_can_be_chosen_until_it_is_locked);
	tcase_add_test(t, localities_wait_for_each_other);
	tcase_add_test(t, a_higher_locality_seizes_the_tpm);
	tcase_add_test(t, locality_4_belongs_to_hardware);
	tcase_add_loop_test(t, who_does_not_hold_the_tpm_cannot_use_it, 0, 2);
	tcase_add_loop_test(t, the_tpm_sees_the_locality_of_the_command, 0, 2);
	tcase_add_loop_test(t, commands_that_cannot_be_are_answered_with_their_error, 0, 2);
	tcase_add_loop_test(t, malformed_commands_are_answered_with_the_error_of_what_is_wrong, 0, 2);
	tcase_add_test(t, a_fifo_takes_no_byte_more_than_the_command_has);
	tcase_add_test(t, a_crb_takes_one_command_after_the_other_from_one_owner);
	tcase_add_test(t, a_response_can_be_read_again);
	tcase_add_loop_test(t, registers_answer_while_a_command_runs, 2, 4);
	tcase_add_loop_test(t, a_command_can_be_given_up, 0, 2);
	tcase_add_test(t, the_boot_region_is_closed_to_all_but_readers_once_the_guest_may_run);
	tcase_add_test(t, measurements_out_of_range_are_refused);
	tcase_add_loop_test(t, its_registers_show_the_interface_and_no_byte_that_goes_through_it, 0, 2);
	suite_add_tcase(s, t);
	t = tcase_create("state");
	tcase_add_loop_test(t, a_restored_tpm_goes_on_where_the_saved_one_was, 0, 2);
	tcase_add_loop_test(t, a_command_that_a_dead_worker_was_in_runs_once_as_the_guest_sees_it, 0, 2);
	tcase_add_loop_test(t, a_saved_state_survives_in_the_middle_of_a_transfer, 0, 2);
	tcase_add_test(t, altered_truncated_and_future_states_are_refused_by_name);
	suite_add_tcase(s, t);
	return s;
}
