/*
 * What a host can send to a paravisor and to a key broker. The input's first byte
 * chooses: a decoder that takes the rest, or a message that was right, of which the
 * rest changes bytes (offset in two bytes, little endian, then the value). What was
 * changed must never be believed: no key, no report, no confirmation.
 */
#include "security/attest/broker.h"
#include "security/crypto/seal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct platform_key platform;
static struct broker broker;
static uint8_t own_id[BROKER_ID_BYTES];
static const uint8_t salt[96] = { 1 };
static struct attest_claims claims;
static struct release_context context;
static char claims_text[ATTEST_CLAIMS_MAX];
static size_t claims_bytes;
static uint8_t request[ATTEST_REQUEST_MAX];
static size_t request_bytes;
static struct vbs_report report;
static struct attest_release release;
static struct attest_confirmation confirmation;
static struct sealed_key sealed;
static bool ready;

static void must(bool good)
{
	if (!good)
		abort();
}

/* --- What is right ------------------------------------------------------------------------------ */

static int take_random(void *out, size_t size)
{
	memset(out, 0x42, size);
	return 0;
}

static int get_epoch(void *c, const uint8_t id[ATTEST_ID_BYTES], uint64_t *epoch)
{
	*epoch = 7;
	return 0;
}

/* Whatever confirms must be what was signed, and that confirms nothing. */
static int set_epoch(void *c, const uint8_t id[ATTEST_ID_BYTES], uint64_t epoch)
{
	abort();
}

static void make_key(struct platform_key *key, uint8_t seed)
{
	char pem[PLATFORM_KEY_PEM_MAKE];
	uint8_t bytes[32] = { seed };
	int size = platform_key_make(bytes, pem);

	must(size > 0 && platform_key_read(key, pem, (size_t)size) == 0);
}

static void make_broker(void)
{
	make_key(&broker.key, 2);
	broker.policy.platforms[0] = platform.public;
	broker.policy.platform_count = broker.policy.measurement_count = 1;
	memcpy(broker.policy.measurements[0], report.identity.measurement, VBS_DIGEST_BYTES);
	broker.epochs = (struct broker_epochs){ get_epoch, set_epoch, NULL };
	broker.random = take_random;
	broker_id(broker.key.public.modulus, own_id);
}

/* The guest's key is the platform's, which saves making another. */
static void make_request(void)
{
	int n;

	memcpy(claims.modulus, platform.public.modulus, sizeof(claims.modulus));
	strcpy(claims.sealing_policy, "none");
	n = attest_claims_encode(&claims, claims_text, sizeof(claims_text));
	must(n > 0);
	claims_bytes = (size_t)n;
	release_begin(&context, claims_text, claims_bytes);
	release_report_data(claims_text, claims_bytes, report.report_data);
	report.identity.guest_vtl = cpu_to_le32(2);
	must(report_sign(&report, &platform, salt) == 0);
	n = attest_request_encode(request, ATTEST_VBS, &report, sizeof(report), claims_text, claims_bytes);
	must(n > 0);
	request_bytes = (size_t)n;
}

static void prepare(void)
{
	struct attest_secret secret = { .epoch = cpu_to_le64(7) };

	make_key(&platform, 1);
	memset(report.identity.measurement, 0xab, VBS_DIGEST_BYTES);
	make_broker();
	make_request();
	must(release_seal(&context, &broker.key, claims.modulus, &secret, salt, &release) == 0);
	must(release_confirm(&context, &broker.key, 8, salt, &confirmation) == 0);
	seal_key(&sealed, own_id, true, "hash", 4, salt, own_id);
	ready = true;
}

/* The changes of the input, applied; false when they change nothing. */
static bool change(uint8_t *message, size_t size, const uint8_t *data, size_t bytes)
{
	uint8_t before[ATTEST_REQUEST_MAX];

	memcpy(before, message, size);
	for (; bytes >= 3; data += 3, bytes -= 3)
		message[(data[0] | (size_t)data[1] << 8) % size] = data[2];
	return memcmp(before, message, size) != 0;
}

/* --- Decoders ---------------------------------------------------------------------------------------- */

static void decode_request(const uint8_t *data, size_t size)
{
	uint8_t again[ATTEST_REQUEST_MAX];
	struct attest_request r;
	int n;

	if (attest_request_decode(&r, data, size))
		return;
	must(r.claims_bytes <= ATTEST_CLAIMS_MAX);
	n = attest_request_encode(again, r.report_type, r.report, ATTEST_REPORT_BYTES, r.claims,
		r.claims_bytes);
	must(n == (int)size);
}

static void decode_response(const uint8_t *data, size_t size)
{
	const uint8_t *payload;
	size_t bytes;
	unsigned refusal;

	if (attest_response_decode(data, size, &payload, &bytes, &refusal) == 0)
		must(payload >= data && bytes <= size && payload + bytes == data + size);
	must(attest_refusal_text(refusal) != NULL);
}

/* What was understood says the same when it is written anew. */
static void decode_claims(const uint8_t *data, size_t size)
{
	static struct attest_claims a, b;
	char text[ATTEST_CLAIMS_MAX];
	int n;

	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	if (attest_claims_decode(&a, (const char *)data, size))
		return;
	n = attest_claims_encode(&a, text, sizeof(text));
	must(n > 0 && attest_claims_decode(&b, text, (size_t)n) == 0);
	must(!memcmp(a.modulus, b.modulus, sizeof(a.modulus)) && !memcmp(a.vm_id, b.vm_id, sizeof(a.vm_id)) &&
	     a.debug == b.debug && a.tpm_enabled == b.tpm_enabled && a.secure_boot == b.secure_boot &&
	     a.console_enabled == b.console_enabled && a.confirms == b.confirms && a.epoch == b.epoch &&
	     !strcmp(a.sealing_policy, b.sealing_policy));
}

static void decode_policy(const uint8_t *data, size_t size)
{
	static struct broker_policy policy;
	unsigned line;
	int err = broker_policy_read(&policy, (const char *)data, size, &line);

	must(line >= 1 && line <= size + 1);
	must(policy.platform_count <= BROKER_PLATFORM_MAX && policy.signer_count <= BROKER_MEASUREMENT_MAX &&
	     policy.measurement_count <= BROKER_MEASUREMENT_MAX);
	/* A policy that lets everybody in is none. */
	must(err || (policy.platform_count && policy.measurement_count + policy.signer_count));
}

/* --- Decisions ----------------------------------------------------------------------------------------- */

/* Beside report and claims the request has fields that mean nothing; those may differ. */
static void answer_request(const uint8_t *message, size_t size)
{
	uint8_t out[ATTEST_RESPONSE_MAX], id[ATTEST_ID_BYTES];
	struct attest_request r;
	size_t bytes;

	if (broker_answer(&broker, message, size, out, &bytes, id) == ATTEST_RELEASED) {
		must(attest_request_decode(&r, message, size) == 0);
		must(!memcmp(r.report, &report, sizeof(report)) && r.claims_bytes == claims_bytes &&
		     !memcmp(r.claims, claims_text, claims_bytes));
	}
	must(bytes >= sizeof(struct attest_response_header) && bytes <= sizeof(out));
}

static void open_release(struct attest_release *m, bool changed)
{
	const br_rsa_private_key *key = br_skey_decoder_get_rsa(&platform.decoder);
	struct attest_secret secret;

	must((release_open(&context, own_id, key, m, sizeof(*m), &secret) == 0) == !changed);
}

static void take_confirmation(struct attest_confirmation *m, bool changed)
{
	must((release_confirmed(&context, own_id, 8, m, sizeof(*m)) == 0) == !changed);
}

static void unseal(struct sealed_key *m, bool changed)
{
	uint8_t key[SEAL_KEY_BYTES];

	must((unseal_key(m, own_id, "hash", 4, key) == 0) == !changed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	union {
		uint8_t bytes[ATTEST_REQUEST_MAX];
		struct attest_release release;
		struct attest_confirmation confirmation;
		struct sealed_key sealed;
	} m;

	if (!ready)
		prepare();
	if (!size)
		return 0;
	switch (data++[0] % 9) {
	case 0: decode_request(data, size - 1); break;
	case 1: decode_response(data, size - 1); break;
	case 2: decode_claims(data, size - 1); break;
	case 3: decode_policy(data, size - 1); break;
	case 4: answer_request(data, size - 1); break;
	case 5:
		memcpy(m.bytes, request, request_bytes);
		change(m.bytes, request_bytes, data, size - 1);
		answer_request(m.bytes, request_bytes);
		break;
	case 6:
		m.release = release;
		open_release(&m.release, change(m.bytes, sizeof(release), data, size - 1));
		break;
	case 7:
		m.confirmation = confirmation;
		take_confirmation(&m.confirmation, change(m.bytes, sizeof(confirmation), data, size - 1));
		break;
	case 8:
		m.sealed = sealed;
		unseal(&m.sealed, change(m.bytes, sizeof(sealed), data, size - 1));
		break;
	}
	return 0;
}
