/* Runtime claims (attest.h). The broker decodes what anybody may have written. */
#include "common/attest/attest.h"
#include "common/base/fmt.h"
#include "common/json/json.h"

#include <string.h>

#define KEY_NAME "HCLTransferKey"
#define EXPONENT "AQAB" /* 65537 */
#define ID_TEXT_BYTES 33

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void attest_base64url(char *out, const uint8_t *data, size_t size)
{
	uint32_t bits = 0;
	unsigned have = 0;

	while (size--) {
		bits = bits << 8 | *data++;
		for (have += 8; have >= 6; have -= 6)
			*out++ = alphabet[bits >> (have - 6) & 63];
	}
	if (have)
		*out++ = alphabet[bits << (6 - have) & 63];
	*out = 0;
}

int attest_unbase64url(uint8_t *out, size_t size, const char *text)
{
	uint32_t bits = 0;
	unsigned have = 0;

	if (strlen(text) != ATTEST_BASE64_BYTES(size))
		return VL_E_FORMAT;
	for (; *text; text++) {
		const char *at = memchr(alphabet, *text, 64);

		if (!at)
			return VL_E_FORMAT;
		bits = bits << 6 | (uint32_t)(at - alphabet);
		have += 6;
		if (have >= 8) {
			have -= 8;
			*out++ = (uint8_t)(bits >> have);
		}
	}
	return bits & ((1u << have) - 1) ? VL_E_FORMAT : 0;
}

static void put_key(struct json_writer *w, const struct attest_claims *c)
{
	char modulus[ATTEST_BASE64_BYTES(ATTEST_RSA_BYTES) + 1];

	attest_base64url(modulus, c->modulus, sizeof(c->modulus));
	json_open(w, "keys", '[');
	json_open(w, NULL, '{');
	json_put_string(w, "kid", KEY_NAME);
	json_open(w, "key_ops", '[');
	json_put_string(w, NULL, "encrypt");
	json_close(w, ']');
	json_put_string(w, "kty", "RSA");
	json_put_string(w, "e", EXPONENT);
	json_put_string(w, "n", modulus);
	json_close(w, '}');
	json_close(w, ']');
}

int attest_claims_encode(const struct attest_claims *c, char *out, size_t room)
{
	struct json_writer w;
	char id[ID_TEXT_BYTES];

	for (size_t i = 0; i < sizeof(c->vm_id); i++)
		vl_format(id + 2 * i, 3, "%02x", c->vm_id[i]);
	json_begin(&w, out, room);
	json_open(&w, NULL, '{');
	put_key(&w, c);
	json_open(&w, "vm-configuration", '{');
	json_put_bool(&w, "console-enabled", c->console_enabled);
	json_put_bool(&w, "secure-boot", c->secure_boot);
	json_put_bool(&w, "tpm-enabled", c->tpm_enabled);
	json_put_string(&w, "vmUniqueId", id);
	json_put_string(&w, "hardware-sealing-policy", c->sealing_policy);
	json_close(&w, '}');
	json_open(&w, "user-data", '{');
	json_put_bool(&w, "confidential-debug", c->debug);
	if (c->confirms)
		json_put_uint(&w, "confirm-epoch", c->epoch);
	json_close(&w, '}');
	json_close(&w, '}');
	return w.err ? w.err : (int)w.used;
}

/* --- Decoding: one visitor, a row per claim; a claim that has no row may say what it wants --------- */

enum claim {
	CLAIM_KID, CLAIM_KEY_OPS, CLAIM_KTY, CLAIM_EXPONENT, CLAIM_MODULUS, CLAIM_CONSOLE, CLAIM_SECURE_BOOT,
	CLAIM_TPM, CLAIM_ID, CLAIM_SEALING, CLAIM_DEBUG, CLAIM_REQUIRED_COUNT,
	CLAIM_CONFIRM = CLAIM_REQUIRED_COUNT,
	CLAIM_COUNT
};

static const char *const paths[CLAIM_COUNT] = {
	[CLAIM_KID] = "keys.0.kid",
	[CLAIM_KEY_OPS] = "keys.0.key_ops.0",
	[CLAIM_KTY] = "keys.0.kty",
	[CLAIM_EXPONENT] = "keys.0.e",
	[CLAIM_MODULUS] = "keys.0.n",
	[CLAIM_CONSOLE] = "vm-configuration.console-enabled",
	[CLAIM_SECURE_BOOT] = "vm-configuration.secure-boot",
	[CLAIM_TPM] = "vm-configuration.tpm-enabled",
	[CLAIM_ID] = "vm-configuration.vmUniqueId",
	[CLAIM_SEALING] = "vm-configuration.hardware-sealing-policy",
	[CLAIM_DEBUG] = "user-data.confidential-debug",
	[CLAIM_CONFIRM] = "user-data.confirm-epoch",
};

struct decoding {
	struct attest_claims *claims;
	uint32_t seen; /* bit per claim */
};

static int expect(const struct json_value *v, const char *wanted)
{
	char text[32];
	int err = json_string(v, text, sizeof(text));

	return err ? err : strcmp(text, wanted) ? VL_E_RANGE : 0;
}

static int take_modulus(const struct json_value *v, uint8_t *modulus)
{
	char text[ATTEST_BASE64_BYTES(ATTEST_RSA_BYTES) + 1];
	int err = json_string(v, text, sizeof(text));

	if (!err)
		err = attest_unbase64url(modulus, ATTEST_RSA_BYTES, text);
	/* a modulus of fewer bits, or an even one, is none */
	return err ? err : modulus[0] & 0x80 && modulus[ATTEST_RSA_BYTES - 1] & 1 ? 0 : VL_E_RANGE;
}

static int take_id(const struct json_value *v, uint8_t *id)
{
	static const char digits[] = "0123456789abcdef";
	char text[ID_TEXT_BYTES];
	int err = json_string(v, text, sizeof(text));

	if (err)
		return err;
	if (strlen(text) != 2 * ATTEST_ID_BYTES || strspn(text, digits) != 2 * ATTEST_ID_BYTES)
		return VL_E_FORMAT;
	for (size_t i = 0; i < ATTEST_ID_BYTES; i++)
		id[i] = (uint8_t)((strchr(digits, text[2 * i]) - digits) << 4 |
				  (strchr(digits, text[2 * i + 1]) - digits));
	return 0;
}

static int take(struct attest_claims *c, enum claim claim, const struct json_value *v)
{
	switch (claim) {
	case CLAIM_KID: return expect(v, KEY_NAME);
	case CLAIM_KEY_OPS: return expect(v, "encrypt");
	case CLAIM_KTY: return expect(v, "RSA");
	case CLAIM_EXPONENT: return expect(v, EXPONENT);
	case CLAIM_MODULUS: return take_modulus(v, c->modulus);
	case CLAIM_CONSOLE: return json_bool(v, &c->console_enabled);
	case CLAIM_SECURE_BOOT: return json_bool(v, &c->secure_boot);
	case CLAIM_TPM: return json_bool(v, &c->tpm_enabled);
	case CLAIM_ID: return take_id(v, c->vm_id);
	case CLAIM_SEALING: return json_string(v, c->sealing_policy, sizeof(c->sealing_policy));
	case CLAIM_DEBUG: return json_bool(v, &c->debug);
	default:
		c->confirms = true;
		return json_uint(v, UINT64_MAX, &c->epoch);
	}
}

static int visit(void *context, const struct json_value *v)
{
	struct decoding *d = context;

	for (unsigned i = 0; i < CLAIM_COUNT; i++) {
		if (strcmp(v->path, paths[i]))
			continue;
		if (d->seen >> i & 1)
			return VL_E_DUPLICATE;
		d->seen |= 1u << i;
		return take(d->claims, (enum claim)i, v);
	}
	return 0;
}

int attest_claims_decode(struct attest_claims *c, const char *json, size_t size)
{
	struct decoding d = { .claims = c };
	int err;

	memset(c, 0, sizeof(*c));
	err = json_walk(json, size, visit, &d, NULL);
	if (err)
		return err;
	return ~d.seen & ((1u << CLAIM_REQUIRED_COUNT) - 1) ? VL_E_MISSING : 0;
}
