/* boot.h */
#include "runtime/vtpm/boot.h"
#include "common/base/log.h"

#include <bearssl.h>
#include <string.h>

#define SEPARATED_PCRS 8u
#define PASSWORD_BYTES 32u

static int startup(struct tpm *t)
{
	struct command c;
	struct response r;

	command_begin(&c, TPM_CC_STARTUP, false);
	command_put16(&c.w, TPM_SU_CLEAR);
	return command_must(&c, t, &r, "to start up");
}

static int cycle(struct tpm *t, const struct vtpm_nv *nv)
{
	bool made;
	int err = tpm_power_on(t, nv, &made);

	return err ? err : startup(t);
}

/* A new TPM has PCRs in all banks; each costs a hash of all that is measured. */
static int choose_banks(struct tpm *t, const struct vtpm_nv *nv)
{
	uint32_t code = 0;
	int err = command_allocate_banks(t, BOOT_BANKS_OF_A_NEW_TPM, &code);

	if (!err && code != TPM_RC_SUCCESS) {
		vl_error("a new TPM refused its banks of PCRs: response code 0x%x", code);
		err = VL_E_STATE;
	}
	return err ? err : cycle(t, nv);
}

static int prepare_keys(struct tpm *t, bool isolated)
{
	struct keys_outcome keys;
	int err = keys_prepare(t, isolated, &keys);

	if (!err)
		vl_info("TPM keys: %u kept, %u made, %u replaced because they failed the check", keys.kept,
			keys.made, keys.refused);
	return err;
}

static int switch_on(struct tpm *t, const struct vtpm_nv *nv, struct ppi *p)
{
	bool made = false, again = false;
	int err = tpm_power_on(t, nv, &made);

	if (!err)
		err = startup(t);
	if (!err && made)
		err = choose_banks(t, nv);
	if (!err)
		err = ppi_load(p, nv);
	if (!err)
		err = ppi_execute(p, t, &again);
	return !err && again ? cycle(t, nv) : err;
}

static void digest(const void *data, size_t size, uint8_t *out)
{
	br_sha1_context sha1;
	br_sha256_context sha256;
	br_sha384_context sha384;
	br_sha512_context sha512;

	br_sha1_init(&sha1);
	br_sha256_init(&sha256);
	br_sha384_init(&sha384);
	br_sha512_init(&sha512);
	br_sha1_update(&sha1, data, size);
	br_sha256_update(&sha256, data, size);
	br_sha384_update(&sha384, data, size);
	br_sha512_update(&sha512, data, size);
	br_sha1_out(&sha1, out + tpm_bank[0].at);
	br_sha256_out(&sha256, out + tpm_bank[1].at);
	br_sha384_out(&sha384, out + tpm_bank[2].at);
	br_sha512_out(&sha512, out + tpm_bank[3].at);
}

/* An event whose measurement is its own data. */
static int measure_data(struct tpm *t, struct event_log *l, uint32_t pcr, uint32_t type, const void *data,
	size_t size)
{
	uint8_t digests[TPM_DIGESTS_BYTES];

	digest(data, size, digests);
	return boot_measure(t, l, pcr, type, digests, data, size);
}

int boot_power_on(struct tpm *t, const struct vtpm_nv *nv, struct ppi *p, struct event_log *l, bool isolated,
	const char *version)
{
	uint8_t banks = 0;
	int err = switch_on(t, nv, p);

	if (!err)
		err = prepare_keys(t, isolated);
	if (!err)
		err = command_active_banks(t, &banks);
	if (err)
		return err;
	event_log_begin(l, banks);
	return measure_data(t, l, 0, EV_S_CRTM_VERSION, version, strlen(version) + 1);
}

int boot_measure(struct tpm *t, struct event_log *l, uint32_t pcr, uint32_t type, const uint8_t *digests,
	const void *data, size_t size)
{
	struct command c;
	struct response r;
	uint32_t count = 0;
	int err;

	if (pcr >= TPM_PCR_COUNT)
		return VL_E_RANGE;
	err = event_log_add(l, pcr, type, digests, data, size);
	if (err)
		return err;
	for (unsigned i = 0; i < TPM_BANK_COUNT; i++)
		count += l->banks >> i & 1;
	command_begin(&c, TPM_CC_PCR_EXTEND, true);
	vl_write_be32(&c.w, pcr);
	command_authorize(&c);
	vl_write_be32(&c.w, count);
	for (unsigned i = 0; i < TPM_BANK_COUNT; i++)
		if (l->banks >> i & 1) {
			command_put16(&c.w, tpm_bank[i].algorithm);
			vl_write_bytes(&c.w, digests + tpm_bank[i].at, tpm_bank[i].bytes);
		}
	return command_must(&c, t, &r, "a measurement");
}

/* What was there for the firmware is closed to the guest until the next power cycle. */
static int close_platform(struct tpm *t)
{
	uint8_t password[PASSWORD_BYTES];
	struct command c;
	struct response r;
	int err;

	command_begin(&c, TPM_CC_GET_RANDOM, false);
	command_put16(&c.w, sizeof(password));
	err = command_must(&c, t, &r, "random bytes");
	if (err)
		return err;
	if (command_get16(&r.r) != sizeof(password))
		return VL_E_FORMAT;
	vl_read_copy(&r.r, password, sizeof(password));
	if (r.r.err)
		return VL_E_FORMAT;
	command_begin(&c, TPM_CC_HIERARCHY_CHANGE_AUTH, true);
	vl_write_be32(&c.w, TPM_RH_PLATFORM);
	command_authorize(&c);
	command_put16(&c.w, sizeof(password));
	vl_write_bytes(&c.w, password, sizeof(password));
	return command_must(&c, t, &r, "a password on its platform hierarchy");
}

int boot_finish(struct tpm *t, struct event_log *l)
{
	static const uint8_t separator[4];
	int err = 0;

	for (uint32_t pcr = 0; !err && pcr < SEPARATED_PCRS; pcr++)
		err = measure_data(t, l, pcr, EV_SEPARATOR, separator, sizeof(separator));
	return err ? err : close_platform(t);
}
