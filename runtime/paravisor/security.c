/*
 * Platform security (security.h). Called once by the paravisor, before the VM
 * worker starts. Input: the state file and a broker's answers, both by the host's
 * hand; secrets are wiped before it returns.
 */
#include "runtime/paravisor/security.h"
#include "common/base/log.h"
#include "security/attest/release.h"
#include "security/crypto/gcm.h"
#include "security/crypto/kdf.h"
#include "security/crypto/seal.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>

#define KEY_BITS 2048
#define RETRY_MAX 10
#define RETRY_SECONDS 1

_Static_assert(SECURITY_BROKER_BYTES == BROKER_ID_BYTES, "a broker's id");

static const char *const policy_names[] = { [SEALING_NONE] = "none", [SEALING_HASH] = "hash",
	[SEALING_SIGNER] = "signer" };

struct security {
	struct guest_state *state;
	struct get_client *host;
	const struct security_config *config;
	const struct security_platform *platform;
	enum get_event_log_id *event;
	const char **what;
	struct attest_claims claims;
	br_rsa_private_key key; /* ephemeral: answers are encrypted to it */
	unsigned char key_bytes[BR_RSA_KBUF_PRIV_SIZE(KEY_BITS)];
	struct attest_secret secret;
};

/* --- Configuration -------------------------------------------------------------------------- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int parse_broker(struct security_config *c, const char *text)
{
	if (strlen(text) != 2 * SECURITY_BROKER_BYTES)
		return VL_E_FORMAT;
	for (size_t i = 0; i < SECURITY_BROKER_BYTES; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return VL_E_FORMAT;
		c->broker[i] = (uint8_t)(high << 4 | low);
	}
	c->has_broker = true;
	return 0;
}

int security_config(struct security_config *c, const char *broker, const char *sealing)
{
	memset(c, 0, sizeof(*c));
	for (size_t i = 0; sealing && i < VL_ARRAY_COUNT(policy_names); i++) {
		if (strcmp(sealing, policy_names[i]))
			continue;
		c->sealing = (enum sealing_policy)i;
		sealing = NULL;
	}
	if (sealing)
		return VL_E_FORMAT;
	return broker ? parse_broker(c, broker) : 0;
}

/* --- Helpers ------------------------------------------------------------------------------------ */

static int take_random(void *out, size_t size)
{
	return getrandom(out, size, 0) == (ssize_t)size ? 0 : VL_E_OS;
}

/* Names the step that is tried, and what the host hears if it fails. */
static void step(struct security *s, const char *what, enum get_event_log_id event)
{
	*s->what = what;
	*s->event = event;
}

/*
 * The VM's name for the broker: kept in the state file, not secret, made for a new
 * one. A host that changes it gets the keys of another VM, which open nothing here.
 */
static int read_id(struct security *s)
{
	int64_t n = vmgs_read(&s->state->vmgs, VMGS_VM_UNIQUE_ID, s->claims.vm_id, sizeof(s->claims.vm_id));

	if (n == VL_E_NOTFOUND && !vmgs_is_encrypted(&s->state->vmgs))
		return take_random(s->claims.vm_id, sizeof(s->claims.vm_id));
	if (n < 0)
		return n == VL_E_NOTFOUND || n == VL_E_NOSPACE ? VL_E_AUTH : (int)n;
	return n == sizeof(s->claims.vm_id) ? 0 : VL_E_AUTH;
}

/*
 * A state that is not encrypted yet: nothing in it is worth more than its id, for
 * the host could have written it. Its id, and the key as the platform sealed it if
 * it did, come before the encryption, so that a power cut between leaves a file that
 * is begun again and not one that nobody can open.
 */
static int begin_state(struct security *s, const uint8_t key[32], const struct sealed_key *sealed)
{
	struct vmgs *v = &s->state->vmgs;
	const struct vmgs_io io = v->io;
	int err = vmgs_format(v, &io);

	if (!err)
		err = vmgs_write(v, VMGS_VM_UNIQUE_ID, s->claims.vm_id, sizeof(s->claims.vm_id), false);
	if (!err && sealed)
		err = vmgs_write(v, VMGS_HW_KEY_PROTECTOR, sealed, sizeof(*sealed), false);
	return err ? err : vmgs_encrypt(v, key);
}

/* --- With a broker --------------------------------------------------------------------------------- */

static int make_key(struct security *s)
{
	unsigned char public_bytes[BR_RSA_KBUF_PUB_SIZE(KEY_BITS)], seed[32];
	br_hmac_drbg_context random;
	br_rsa_public_key public;
	int err = take_random(seed, sizeof(seed));

	if (err)
		return err;
	br_hmac_drbg_init(&random, &br_sha256_vtable, seed, sizeof(seed));
	crypto_wipe(seed, sizeof(seed));
	if (!br_rsa_keygen_get_default()(&random.vtable, &s->key, s->key_bytes, &public,
					 public_bytes, KEY_BITS, 65537) ||
	    public.nlen != sizeof(s->claims.modulus))
		err = VL_E_INTERNAL;
	else
		memcpy(s->claims.modulus, public.n, public.nlen);
	crypto_wipe(&random, sizeof(random));
	crypto_wipe_stack();
	return err;
}

static void pause_before_retry(void)
{
	const struct timespec pause = { RETRY_SECONDS, 0 };

	nanosleep(&pause, NULL);
}

/* Relays until there is an answer that is not "try again". The payload's size in bytes. */
static int ask_relay(struct security *s, const uint8_t *request, size_t size,
	uint8_t out[ATTEST_RESPONSE_MAX], const uint8_t **payload, size_t *payload_bytes)
{
	unsigned refusal;
	int n, err = VL_E_AGAIN;

	for (unsigned i = 0; err == VL_E_AGAIN && i < RETRY_MAX; i++) {
		if (i)
			pause_before_retry();
		n = get_client_attest(s->host, request, size, out, ATTEST_RESPONSE_MAX);
		if (n < 0)
			return n;
		err = attest_response_decode(out, (size_t)n, payload, payload_bytes, &refusal);
		if (err == VL_E_DENIED || err == VL_E_AGAIN)
			*s->what = attest_refusal_text(refusal);
	}
	return err == VL_E_AGAIN ? VL_E_DENIED : err;
}

/* One request for what s->claims say; its answer's payload stands in `out`. */
static int ask(struct security *s, struct release_context *r, uint8_t out[ATTEST_RESPONSE_MAX],
	const uint8_t **payload, size_t *payload_bytes)
{
	uint8_t request[ATTEST_REQUEST_MAX], bound[VBS_REPORT_DATA_BYTES];
	char claims[ATTEST_CLAIMS_MAX];
	struct vbs_report report;
	int n = attest_claims_encode(&s->claims, claims, sizeof(claims)), err;
	size_t size = (size_t)n;

	if (n < 0)
		return n;
	release_begin(r, claims, size);
	release_report_data(claims, size, bound);
	step(s, "report from the platform", GET_EVENT_ATTESTATION_FAILED);
	err = s->platform->report(s->platform->context, bound, &report);
	if (err)
		return err;
	n = attest_request_encode(request, ATTEST_VBS, &report, sizeof(report), claims, size);
	if (n < 0)
		return n;
	step(s, "key broker", GET_EVENT_KEY_NOT_RELEASED);
	return ask_relay(s, request, (size_t)n, out, payload, payload_bytes);
}

static int get_secret(struct security *s)
{
	uint8_t out[ATTEST_RESPONSE_MAX];
	struct release_context r;
	const uint8_t *payload;
	size_t size;
	int err = ask(s, &r, out, &payload, &size);

	if (err)
		return err;
	step(s, "key broker's answer", GET_EVENT_KEY_NOT_RELEASED);
	return release_open(&r, s->config->broker, &s->key, payload, size, &s->secret);
}

/* Until this has an answer, the broker gives the old epoch's key out, too: so the guest waits for it. */
static int confirm(struct security *s)
{
	uint8_t out[ATTEST_RESPONSE_MAX];
	struct release_context r;
	const uint8_t *payload;
	size_t size;
	int err;

	s->claims.confirms = true;
	s->claims.epoch = le64_to_cpu(s->secret.epoch) + 1;
	err = ask(s, &r, out, &payload, &size);
	if (err)
		return err;
	step(s, "key broker's confirmation", GET_EVENT_KEY_NOT_RELEASED);
	return release_confirmed(&r, s->config->broker, s->claims.epoch, payload, size);
}

/* Brings the state to the key of the next epoch. */
static int advance(struct security *s)
{
	struct vmgs *v = &s->state->vmgs;
	int err;

	step(s, "state file under the released keys", GET_EVENT_DEK_DECRYPTION_FAILED);
	/* A VM that had a state would lose it to a host that puts a plain one in its place. */
	if (!vmgs_is_encrypted(v))
		return le64_to_cpu(s->secret.epoch) ? VL_E_AUTH : begin_state(s, s->secret.next, NULL);
	err = vmgs_unlock(v, s->secret.next);
	if (err != VL_E_AUTH)
		return err;
	err = vmgs_unlock(v, s->secret.current);
	return err ? err : vmgs_rekey(v, s->secret.next);
}

static int with_broker(struct security *s)
{
	int err;

	step(s, "ephemeral key", GET_EVENT_ATTESTATION_FAILED);
	err = make_key(s);
	if (!err)
		err = get_secret(s);
	if (!err)
		err = advance(s);
	return err ? err : confirm(s);
}

/* --- Without: sealed by the platform ------------------------------------------------------------------ */

static int seal_new(struct security *s, const uint8_t platform_key[32], const char *context)
{
	struct sealed_key sealed;
	uint8_t key[SEAL_KEY_BYTES], iv[16];
	int err = take_random(key, sizeof(key));

	if (!err)
		err = take_random(iv, sizeof(iv));
	if (!err) {
		seal_key(&sealed, platform_key, s->config->sealing == SEALING_HASH, context,
			strlen(context), iv, key);
		err = begin_state(s, key, &sealed);
	}
	crypto_wipe(key, sizeof(key));
	return err;
}

static int unseal(struct security *s, const uint8_t platform_key[32], const char *context)
{
	struct sealed_key sealed;
	uint8_t key[SEAL_KEY_BYTES];
	int64_t n = vmgs_read(&s->state->vmgs, VMGS_HW_KEY_PROTECTOR, &sealed, sizeof(sealed));
	int err;

	if (n < 0)
		return n == VL_E_NOTFOUND ? VL_E_AUTH : (int)n;
	err = n == sizeof(sealed) ? unseal_key(&sealed, platform_key, context, strlen(context), key) :
		VL_E_AUTH;
	if (!err)
		err = vmgs_unlock(&s->state->vmgs, key);
	crypto_wipe(key, sizeof(key));
	return err;
}

static int with_sealing(struct security *s)
{
	const char *context = policy_names[s->config->sealing];
	uint8_t platform_key[SEALING_KEY_BYTES];
	int err;

	step(s, "sealing key from the platform", GET_EVENT_SEALING_KEY_INVALID);
	err = s->platform->sealing_key(s->platform->context, s->config->sealing, platform_key);
	if (!err) {
		step(s, "state file under the sealed key", GET_EVENT_SEALING_FAILED);
		err = vmgs_is_encrypted(&s->state->vmgs) ? unseal(s, platform_key, context) :
			seal_new(s, platform_key, context);
	}
	crypto_wipe(platform_key, sizeof(platform_key));
	return err;
}

/* --- All ------------------------------------------------------------------------------------------------ */

/* In memory, under a key that nobody else will ever have: as safe, and gone with the VM. */
static int unkept(struct security *s)
{
	uint8_t key[32];
	int err = take_random(key, sizeof(key));

	if (!err)
		err = begin_state(s, key, NULL);
	crypto_wipe(key, sizeof(key));
	return err;
}

static int unlock(struct security *s)
{
	int err;

	step(s, "id in the state file", GET_EVENT_VMGS_ACCESS_FAILED);
	err = read_id(s);
	if (err)
		return err;
	if (s->state->ephemeral)
		return unkept(s);
	return s->config->has_broker ? with_broker(s) : with_sealing(s);
}

int security_open(struct guest_state *state, struct get_client *host, const struct security_config *config,
	const struct security_platform *platform, const struct security_facts *facts,
	enum get_event_log_id *event, const char **what)
{
	bool kept = config->has_broker || config->sealing != SEALING_NONE;
	struct security s = { .state = state, .host = host, .config = config, .platform = platform,
		.event = event, .what = what };
	int err;

	s.claims.console_enabled = facts->console_enabled;
	s.claims.secure_boot = facts->secure_boot;
	s.claims.tpm_enabled = facts->tpm_enabled;
	s.claims.debug = facts->debug;
	strcpy(s.claims.sealing_policy, policy_names[config->sealing]);
	*what = "state file";
	err = guest_state_open(state, host, kept ? GUEST_STATE_DEFAULT : GUEST_STATE_EPHEMERAL, event);
	if (err)
		return err;
	if (kept && state->ephemeral)
		vl_warn("the host keeps no state file: what the guest stores ends with it");
	err = unlock(&s);
	crypto_wipe(&s, sizeof(s));
	if (err)
		guest_state_close(state);
	return err;
}
