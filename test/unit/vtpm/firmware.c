/*
 * Unit tests of what the virtual TPM's firmware part does before the guest
 * runs: keys, measurements and their log, physical presence; and of the file
 * that its state lives in.
 */
#include "test/unit/vtpm/vtpm_rig.h"

#include <bearssl.h>

Suite *suite_vtpm_firmware(void);

static struct rig *r;

static void setup(void) { r = rig_open(VTPM_CRB, false); }
static void teardown(void) { rig_close(r); }

/* --- The state file ---------------------------------------------------------------------- */

/*
 * The steps of one run, each with what proves it after a power cycle. A step
 * that was acknowledged must be there; one that was not may be, or not.
 */
static const struct step {
	const char *command, *proof;
	uint32_t proof_code;
} steps[] = {
	{ RIG_NV_DEFINE, RIG_NV_DEFINE, 0x14c }, /* NV_DEFINED */
	{ RIG_NV_WRITE, RIG_NV_READ, 0 },
	/* A second index; an owner password comes last, for it locks the others out. */
	{ "8002 00000000 0000012a 40000001" RIG_PW "0000 000e 01800002 000b 02060006 0000 0008",
	  "8001 00000000 00000169 01800002", 0 },
	/* NV_SetBits would need its own kind; HierarchyChangeAuth(lockout, "x") persists too. */
	{ "8002 00000000 00000129 4000000a" RIG_PW "0001 78",
	  "8002 00000000 00000129 4000000a 0000000a 40000009 0000 00 0001 78 0001 78", 0 },
};

static bool has(const struct step *s)
{
	return rig_command(r, s->proof) == s->proof_code;
}

/* Runs the steps until the file fails; returns how many were acknowledged. */
static unsigned run_steps(void)
{
	unsigned n = 0;

	while (n < VL_ARRAY_COUNT(steps) && rig_command(r, steps[n].command) == 0)
		n++;
	return n;
}

START_TEST(a_power_cut_at_any_write_loses_nothing_acknowledged)
{
	unsigned acknowledged = 0, cut = 1;

	for (; acknowledged < VL_ARRAY_COUNT(steps); cut++) {
		memset(&r->nvram, 0, sizeof(r->nvram));
		memset(&r->ppi, 0, sizeof(r->ppi));
		vtpm_model.reset(&r->v);
		rig_boot(r);
		r->writes = 0;
		r->fail_at = (int)cut;
		acknowledged = run_steps();
		if (acknowledged < VL_ARRAY_COUNT(steps))
			ck_assert_uint_eq(rig_code(r), TPM_RC_FAILURE);
		rig_power_cycle(r);
		for (unsigned i = 0; i < acknowledged; i++)
			ck_assert_msg(has(&steps[i]),
				"power cut at write %u of the run: step %u was acknowledged and is gone",
				cut, i);
	}
	ck_assert_uint_gt(cut, VL_ARRAY_COUNT(steps)); /* each step wrote at least once */
}
END_TEST

START_TEST(a_power_cut_while_a_new_tpm_is_made_leaves_a_usable_file)
{
	for (int cut = 1;; cut++) {
		int err;

		memset(&r->nvram, 0, sizeof(r->nvram));
		vtpm_model.reset(&r->v);
		r->writes = 0;
		r->fail_at = cut;
		err = rig_power_on(r, false);
		rig_power_cycle(r);
		ck_assert_uint_eq(rig_command(r, RIG_GET_RANDOM_32), 0);
		if (!err)
			break;
	}
}
END_TEST

START_TEST(a_tpm_whose_file_cannot_be_written_says_that_it_failed)
{
	rig_boot(r);
	r->fail_at = r->writes + 1;
	ck_assert_uint_eq(rig_command(r, RIG_NV_DEFINE), TPM_RC_FAILURE);
	ck_assert_uint_eq(rig_command(r, RIG_GET_RANDOM_32), TPM_RC_FAILURE);
	rig_power_cycle(r);
	ck_assert_uint_eq(rig_command(r, RIG_NV_DEFINE), 0);
}
END_TEST

static int power_on_again(void)
{
	vtpm_model.reset(&r->v);
	return rig_power_on(r, false);
}

START_TEST(damaged_and_future_files_are_refused_by_name_and_stay_as_they_are)
{
	static struct rig_file good, bad;
	struct state_writer w;

	rig_boot(r);
	good = r->nvram;
	for (size_t i = 0; i < good.size; i += 37) {
		r->nvram.data[i] ^= 0x40;
		bad = r->nvram;
		ck_assert_int_lt(power_on_again(), 0);
		ck_assert_mem_eq(&bad, &r->nvram, sizeof(bad));
		r->nvram = good;
	}
	r->nvram.size -= 7;
	ck_assert_int_eq(power_on_again(), VL_E_MISSING); /* of the end record */
	r->nvram.size = 0;
	ck_assert_int_eq(power_on_again(), VL_E_TRUNCATED);
	r->nvram = good;
	r->nvram.data[good.size / 2] ^= 1;
	ck_assert_int_eq(power_on_again(), VL_E_CHECKSUM);
	state_writer_init(&w, r->nvram.data, sizeof(r->nvram.data));
	state_begin_unit(&w, TPM_UNIT_NVRAM, TPM_UNIT_NVRAM_VERSION + 1);
	state_put_u8(&w, TPM_FIELD_PERMANENT, 0);
	state_end_unit(&w);
	r->nvram.size = (size_t)state_writer_finish(&w);
	bad = r->nvram;
	ck_assert_int_eq(power_on_again(), VL_E_VERSION);
	/* Ours in form, but libtpms knows better. */
	state_writer_init(&w, r->nvram.data, sizeof(r->nvram.data));
	state_begin_unit(&w, TPM_UNIT_NVRAM, TPM_UNIT_NVRAM_VERSION);
	state_put_bytes(&w, TPM_FIELD_PERMANENT | STATE_MANDATORY, "no such state", 13);
	state_end_unit(&w);
	r->nvram.size = (size_t)state_writer_finish(&w);
	bad = r->nvram;
	ck_assert_int_eq(power_on_again(), VL_E_FORMAT);
	ck_assert_mem_eq(&bad, &r->nvram, sizeof(bad));
	ck_assert_uint_eq(rig_in(r, 0x00, 4), 0xffffffff);
	r->nvram = good;
	rig_power_cycle(r);
	r->read_error = VL_E_AUTH;
	ck_assert_int_eq(power_on_again(), VL_E_AUTH);
}
END_TEST

START_TEST(a_newer_libtpms_state_is_refused_as_such)
{
	struct state_writer w;
	static uint8_t state[TPM_PERMANENT_BYTES_MAX];
	size_t bytes;

	rig_boot(r);
	bytes = r->engine.tpm.permanent_bytes;
	memcpy(state, r->engine.tpm.permanent, bytes);
	state[0] = 0; /* libtpms' header: version, magic, least version that can read it */
	state[1] = 99;
	state[6] = 0;
	state[7] = 99;
	state_writer_init(&w, r->nvram.data, sizeof(r->nvram.data));
	state_begin_unit(&w, TPM_UNIT_NVRAM, TPM_UNIT_NVRAM_VERSION);
	state_put_bytes(&w, TPM_FIELD_PERMANENT | STATE_MANDATORY, state, bytes);
	state_end_unit(&w);
	r->nvram.size = (size_t)state_writer_finish(&w);
	ck_assert_int_eq(power_on_again(), VL_E_VERSION);
}
END_TEST

/* --- Measurements ---------------------------------------------------------------------------- */

static uint32_t le32_at(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* What a verifier does: walks the log and extends 24 PCRs of SHA-256. Returns the number of events. */
static unsigned replay(const uint8_t *log, size_t size, uint8_t pcr[24][32])
{
	size_t at = 32 + le32_at(log + 28);
	unsigned events = 0;

	memset(pcr, 0, 24 * 32);
	ck_assert_mem_eq(log + 32, "Spec ID Event03", 16);
	while (at < size) {
		uint32_t index = le32_at(log + at), count = le32_at(log + at + 8);
		br_sha256_context sha;

		at += 12;
		ck_assert_uint_lt(index, 24);
		for (uint32_t i = 0; i < count; i++) {
			unsigned algorithm = log[at] | log[at + 1] << 8;

			at += 2;
			if (algorithm == TPM_ALG_SHA256) {
				br_sha256_init(&sha);
				br_sha256_update(&sha, pcr[index], 32);
				br_sha256_update(&sha, log + at, 32);
				br_sha256_out(&sha, pcr[index]);
			}
			at += algorithm == TPM_ALG_SHA1 ? 20 : algorithm == TPM_ALG_SHA256 ? 32 :
				algorithm == TPM_ALG_SHA384 ? 48 : 64;
		}
		at += 4 + le32_at(log + at);
		events++;
	}
	ck_assert_uint_eq(at, size);
	return events;
}

static void check_replay(unsigned expected_events)
{
	uint8_t pcr[24][32], log[VTPM_BOOT_LOG_MAX];
	size_t size = vtpm_model.read(&r->v, VTPM_REGION_BOOT, offsetof(struct vtpm_boot, log_bytes), 4);

	for (size_t i = 0; i < size; i++)
		log[i] = (uint8_t)vtpm_model.read(&r->v, VTPM_REGION_BOOT, VTPM_BOOT_LOG_AT + i, 1);
	ck_assert_uint_eq(replay(log, size, pcr), expected_events);
	for (unsigned i = 0; i < 16; i++) {
		char command[128], select[16];

		snprintf(select, sizeof(select), "%02x%02x00", i < 8 ? 1u << i : 0,
				i < 8 ? 0 : 1u << (i - 8));
		snprintf(command, sizeof(command), "8001 00000000 0000017e 00000001 000b 03 %s", select);
		ck_assert_uint_eq(rig_command(r, command), 0);
		ck_assert_msg(!memcmp(r->response + r->response_bytes - 32, pcr[i], 32),
				"PCR %u is not what the log says", i);
	}
}

START_TEST(the_log_replays_to_the_pcrs)
{
	uint8_t digests[VTPM_BOOT_DIGESTS_BYTES];

	ck_assert_int_eq(rig_power_on(r, false), 0);
	memset(digests, 0xa5, sizeof(digests));
	ck_assert_int_eq(rig_measure(r, 9, EV_IPL, digests, "kernel"), 0);
	memset(digests, 0x5a, sizeof(digests));
	ck_assert_int_eq(rig_measure(r, 9, EV_IPL, digests, "initrd"), 0);
	ck_assert_int_eq(rig_measure(r, 8, EV_IPL, digests, "console=ttyS0"), 0);
	ck_assert_int_eq(rig_boot_command(r, VTPM_BOOT_FINISH), 0);
	check_replay(1 + 3 + 8);
}
END_TEST

START_TEST(the_log_replays_in_every_bank_that_the_guest_asked_for)
{
	uint8_t digests[VTPM_BOOT_DIGESTS_BYTES] = { 1 };

	rig_boot(r);
	vtpm_model.write(&r->v, VTPM_REGION_PPI, 0, 4, PPI_ARGUMENT);
	vtpm_model.write(&r->v, VTPM_REGION_PPI, 4, 4, 0xf);
	vtpm_model.write(&r->v, VTPM_REGION_PPI, 0, 4, PPI_REQUEST);
	vtpm_model.write(&r->v, VTPM_REGION_PPI, 4, 4, PPI_OP_SET_PCR_BANKS);
	vtpm_model.reset(&r->v);
	ck_assert_int_eq(rig_power_on(r, false), 0);
	ck_assert_uint_eq(r->v.log.banks, 0xf);
	ck_assert_int_eq(rig_measure(r, 9, EV_IPL, digests, "kernel"), 0);
	ck_assert_int_eq(rig_boot_command(r, VTPM_BOOT_FINISH), 0);
	check_replay(1 + 1 + 8);
	/* One extend reached SHA-512's bank as well. */
	ck_assert_uint_eq(rig_command(r, "8001 00000000 0000017e 00000001 000d 03 000200"), 0);
	ck_assert_uint_eq(r->response[r->response_bytes - 65], 64);
}
END_TEST

START_TEST(the_platform_hierarchy_is_closed_to_the_guest)
{
	rig_boot(r);
	ck_assert_uint_eq(rig_command(r, "8002 00000000 00000126 4000000c" RIG_PW), 0x9a2);
	/* lockout is the guest's */
	ck_assert_uint_eq(rig_command(r, "8002 00000000 00000126 4000000a" RIG_PW), 0);
}
END_TEST

/* --- Keys ----------------------------------------------------------------------------------------- */

#define READ_PUBLIC_AK "8001 00000000 00000173 81000003"
#define READ_PUBLIC_EK "8001 00000000 00000173 81010001"

static size_t read_public(const char *command, uint8_t *out)
{
	ck_assert_uint_eq(rig_command(r, command), 0);
	memcpy(out, r->response, r->response_bytes);
	return r->response_bytes;
}

START_TEST(both_keys_are_there_and_the_same_at_each_boot)
{
	uint8_t ak[1024], ek[1024], now[1024];
	size_t ak_bytes, ek_bytes;
	int writes;

	rig_boot(r);
	ak_bytes = read_public(READ_PUBLIC_AK, ak);
	ek_bytes = read_public(READ_PUBLIC_EK, ek);
	/* sign and restricted, not decrypt; the other way round */
	ck_assert_mem_eq(ak + 16, "\x00\x05\x04\x72", 4);
	ck_assert_mem_eq(ek + 16, "\x00\x03\x00\xb2", 4);
	writes = r->writes;
	rig_power_cycle(r);
	ck_assert_int_le(r->writes - writes, 2); /* kept, not made again */
	ck_assert_uint_eq(read_public(READ_PUBLIC_AK, now), ak_bytes);
	ck_assert_mem_eq(now, ak, ak_bytes);
	vtpm_model.reset(&r->v);
	ck_assert_int_eq(rig_power_on(r, true), 0); /* isolated: made again, of the same seed */
	ck_assert_int_eq(rig_boot_command(r, VTPM_BOOT_FINISH), 0);
	ck_assert_uint_eq(read_public(READ_PUBLIC_AK, now), ak_bytes);
	ck_assert_mem_eq(now, ak, ak_bytes);
	ck_assert_uint_eq(read_public(READ_PUBLIC_EK, now), ek_bytes);
	ck_assert_mem_eq(now, ek, ek_bytes);
}
END_TEST

#define EVICT(hierarchy, object, handle) "8002 00000000 00000120 " hierarchy object RIG_PW handle
#define FLUSH "8001 00000000 00000165 80000000"
/* An RSA signing key of `attributes` in `hierarchy`; unlike the AK or like it. */
#define CREATE_SIGNING(hierarchy, attributes) \
	"8002 00000000 00000131 " hierarchy RIG_PW "0004 0000 0000 0018" \
	"0001 000b " attributes " 0000 0010 0014 000b 0800 00000000 0000" "0000 00000000"

START_TEST(a_key_that_is_not_the_attestation_key_is_replaced)
{
	/*
	 * Not restricted: it would sign a forged quote. Then one of the right attributes in another
	 * hierarchy.
	 */
	static const char *const forged[] = {
		CREATE_SIGNING("4000000b", "00040472"),
		CREATE_SIGNING("40000001", "00050472"),
	};
	uint8_t ak[1024], now[1024];
	size_t bytes;

	rig_boot(r);
	bytes = read_public(READ_PUBLIC_AK, ak);
	ck_assert_uint_eq(rig_command(r, EVICT("40000001", "81000003", "81000003")), 0);
	ck_assert_uint_eq(rig_command(r, forged[_i]), 0);
	ck_assert_uint_eq(rig_command(r, EVICT("40000001", "80000000", "81000003")), 0);
	ck_assert_uint_eq(rig_command(r, FLUSH), 0);
	read_public(READ_PUBLIC_AK, now);
	ck_assert(memcmp(now, ak, bytes) != 0);
	rig_power_cycle(r);
	ck_assert_uint_eq(read_public(READ_PUBLIC_AK, now), bytes);
	ck_assert_mem_eq(now, ak, bytes);
}
END_TEST

START_TEST(a_guest_that_locks_the_endorsement_hierarchy_keeps_its_tpm)
{
	rig_boot(r);
	ck_assert_uint_eq(rig_command(r, EVICT("40000001", "81000003", "81000003")), 0);
	ck_assert_uint_eq(rig_command(r, "8002 00000000 00000129 4000000b" RIG_PW "0001 78"), 0);
	rig_power_cycle(r);
	ck_assert_uint_eq(rig_command(r, READ_PUBLIC_AK), 0x18b); /* there is none */
	ck_assert_uint_eq(rig_command(r, READ_PUBLIC_EK), 0);
}
END_TEST

/* --- Physical presence ------------------------------------------------------------------------------- */

static uint32_t ppi_get(enum ppi_control what)
{
	vtpm_model.write(&r->v, VTPM_REGION_PPI, PPI_CONTROL, 4, what);
	return (uint32_t)vtpm_model.read(&r->v, VTPM_REGION_PPI, PPI_DATA, 4);
}

static uint32_t ppi_put(enum ppi_control what, uint32_t value)
{
	vtpm_model.write(&r->v, VTPM_REGION_PPI, PPI_CONTROL, 4, what);
	vtpm_model.write(&r->v, VTPM_REGION_PPI, PPI_DATA, 4, value);
	return (uint32_t)vtpm_model.read(&r->v, VTPM_REGION_PPI, PPI_DATA, 4);
}

START_TEST(a_request_is_done_at_the_next_boot_and_its_outcome_told)
{
	rig_boot(r);
	ck_assert_uint_eq(rig_command(r, RIG_NV_DEFINE), 0);
	ck_assert_uint_eq(ppi_get(PPI_LAST), PPI_OP_NONE);
	ck_assert_uint_eq(ppi_put(PPI_CONFIRMATION, PPI_OP_CLEAR), PPI_CONFIRM_NOT_NEEDED);
	ck_assert_uint_eq(ppi_put(PPI_REQUEST, PPI_OP_CLEAR), PPI_SUCCESS);
	ck_assert_uint_eq(ppi_get(PPI_PENDING), PPI_OP_CLEAR);
	ck_assert_uint_eq(rig_command(r, RIG_NV_READ), 0x14a); /* not yet: only never written */
	rig_power_cycle(r);
	ck_assert_uint_eq(rig_command(r, RIG_NV_READ), 0x18b); /* cleared with its owner */
	ck_assert_uint_eq(ppi_get(PPI_PENDING), PPI_OP_NONE);
	ck_assert_uint_eq(ppi_get(PPI_LAST), PPI_OP_CLEAR);
	ck_assert_uint_eq(ppi_get(PPI_LAST_RESPONSE), 0);
	rig_power_cycle(r);
	ck_assert_uint_eq(ppi_get(PPI_LAST), PPI_OP_CLEAR);
}
END_TEST

START_TEST(presence_clears_also_what_the_owner_forbade)
{
	rig_boot(r);
	ck_assert_uint_eq(rig_command(r, "8002 00000000 00000127 4000000a" RIG_PW "01"), 0);
	ck_assert_uint_eq(rig_command(r, "8002 00000000 00000126 4000000a" RIG_PW), 0x120); /* DISABLED */
	ck_assert_uint_eq(ppi_put(PPI_REQUEST, PPI_OP_ENABLE_CLEAR), PPI_SUCCESS);
	rig_power_cycle(r);
	ck_assert_uint_eq(ppi_get(PPI_LAST_RESPONSE), 0);
	ck_assert_uint_eq(rig_command(r, "8002 00000000 00000126 4000000a" RIG_PW), 0);
}
END_TEST

START_TEST(a_new_endorsement_seed_gives_new_keys)
{
	uint8_t ak[1024], now[1024];
	size_t bytes;

	rig_boot(r);
	bytes = read_public(READ_PUBLIC_AK, ak);
	ck_assert_uint_eq(ppi_put(PPI_REQUEST, PPI_OP_CHANGE_EPS), PPI_SUCCESS);
	rig_power_cycle(r);
	ck_assert_uint_eq(ppi_get(PPI_LAST_RESPONSE), 0);
	ck_assert_uint_eq(read_public(READ_PUBLIC_AK, now), bytes);
	ck_assert(memcmp(now, ak, bytes) != 0);
}
END_TEST

START_TEST(presence_requests_that_make_no_sense_are_refused)
{
	rig_boot(r);
	ck_assert_uint_eq(ppi_put(PPI_REQUEST, 2), PPI_NOT_IMPLEMENTED);
	ck_assert_uint_eq(ppi_put(PPI_REQUEST, 0xffffffff), PPI_NOT_IMPLEMENTED);
	ck_assert_uint_eq(ppi_put(PPI_CONFIRMATION, 200), PPI_CONFIRM_NOT_IMPLEMENTED);
	/* no bank would be left */
	ck_assert_uint_eq(ppi_put(PPI_REQUEST, PPI_OP_SET_PCR_BANKS), PPI_FAILURE);
	ppi_put(PPI_ARGUMENT, 0x10);
	ck_assert_uint_eq(ppi_put(PPI_REQUEST, PPI_OP_SET_PCR_BANKS), PPI_FAILURE);
	ck_assert_uint_eq(ppi_get(PPI_PENDING), PPI_OP_NONE);
	ck_assert_uint_eq(ppi_get((enum ppi_control)99), 0xffffffff);
	r->fail_at = r->writes + 1;
	ck_assert_uint_eq(ppi_put(PPI_REQUEST, PPI_OP_CLEAR), PPI_FAILURE);
	ck_assert_uint_eq(ppi_get(PPI_PENDING), PPI_OP_NONE);
}
END_TEST

START_TEST(a_damaged_presence_file_is_refused_by_name)
{
	rig_boot(r);
	ck_assert_uint_eq(ppi_put(PPI_REQUEST, PPI_OP_CLEAR), PPI_SUCCESS);
	r->ppi.data[r->ppi.size / 2] ^= 1;
	ck_assert_int_eq(power_on_again(), VL_E_CHECKSUM);
	r->ppi.size = 3;
	ck_assert_int_eq(power_on_again(), VL_E_TRUNCATED);
}
END_TEST

Suite *suite_vtpm_firmware(void)
{
	Suite *s = suite_create("vtpm_firmware");
	TCase *t = tcase_create("state file");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_power_cut_at_any_write_loses_nothing_acknowledged);
	tcase_add_test(t, a_power_cut_while_a_new_tpm_is_made_leaves_a_usable_file);
	tcase_add_test(t, a_tpm_whose_file_cannot_be_written_says_that_it_failed);
	tcase_add_test(t, damaged_and_future_files_are_refused_by_name_and_stay_as_they_are);
	tcase_add_test(t, a_newer_libtpms_state_is_refused_as_such);
	suite_add_tcase(s, t);
	t = tcase_create("boot");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_log_replays_to_the_pcrs);
	tcase_add_test(t, the_log_replays_in_every_bank_that_the_guest_asked_for);
	tcase_add_test(t, the_platform_hierarchy_is_closed_to_the_guest);
	tcase_add_test(t, both_keys_are_there_and_the_same_at_each_boot);
	tcase_add_loop_test(t, a_key_that_is_not_the_attestation_key_is_replaced, 0, 2);
	tcase_add_test(t, a_guest_that_locks_the_endorsement_hierarchy_keeps_its_tpm);
	suite_add_tcase(s, t);
	t = tcase_create("physical presence");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_request_is_done_at_the_next_boot_and_its_outcome_told);
	tcase_add_test(t, presence_clears_also_what_the_owner_forbade);
	tcase_add_test(t, a_new_endorsement_seed_gives_new_keys);
	tcase_add_test(t, presence_requests_that_make_no_sense_are_refused);
	tcase_add_test(t, a_damaged_presence_file_is_refused_by_name);
	suite_add_tcase(s, t);
	return s;
}
