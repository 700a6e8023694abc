/* keys.h. Called at each power-on, before the guest runs; what the TPM answers comes from its state file. */
#include "runtime/vtpm/keys.h"
#include "common/base/err.h"
#include "common/base/log.h"

#include <bearssl.h>
#include <string.h>

/* Object attributes, Part 2, 8.3. */
enum {
	FIXED_TPM = 1 << 1,
	FIXED_PARENT = 1 << 4,
	SENSITIVE_DATA_ORIGIN = 1 << 5,
	USER_WITH_AUTH = 1 << 6,
	ADMIN_WITH_POLICY = 1 << 7,
	NO_DA = 1 << 10,
	RESTRICTED = 1 << 16,
	DECRYPT = 1 << 17,
	SIGN = 1 << 18,
};
#define EK_ATTRIBUTES \
	(FIXED_TPM | FIXED_PARENT | SENSITIVE_DATA_ORIGIN | ADMIN_WITH_POLICY | RESTRICTED | DECRYPT)
#define AK_ATTRIBUTES \
	(FIXED_TPM | FIXED_PARENT | SENSITIVE_DATA_ORIGIN | USER_WITH_AUTH | NO_DA | RESTRICTED | SIGN)

#define MODULUS_BYTES 256u
#define NAME_BYTES (2 + br_sha256_SIZE)
#define PUBLIC_MAX 512u
/* Response codes that mean: a password that we do not know is on the hierarchy (Part 2, 6.6). */
#define RC_AUTH_FAIL_SESSION_1 0x98eu
#define RC_BAD_AUTH_SESSION_1 0x9a2u

/* Policy "whoever may use the endorsement hierarchy", EK Credential Profile B.6.2. */
static const uint8_t ek_policy[32] = {
	0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
	0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa,
};

/* The public area up to the modulus, which is all that a template decides. */
static void put_ek(struct vl_writer *w)
{
	command_put16(w, TPM_ALG_RSA);
	command_put16(w, TPM_ALG_SHA256); /* of the name */
	vl_write_be32(w, EK_ATTRIBUTES);
	command_put16(w, sizeof(ek_policy));
	vl_write_bytes(w, ek_policy, sizeof(ek_policy));
	command_put16(w, TPM_ALG_AES);
	command_put16(w, 128);
	command_put16(w, TPM_ALG_CFB);
	command_put16(w, TPM_ALG_NULL); /* scheme */
	command_put16(w, 8 * MODULUS_BYTES);
	vl_write_be32(w, 0); /* exponent: 65537 */
}

static void put_ak(struct vl_writer *w)
{
	command_put16(w, TPM_ALG_RSA);
	command_put16(w, TPM_ALG_SHA256);
	vl_write_be32(w, AK_ATTRIBUTES);
	command_put16(w, 0); /* policy */
	command_put16(w, TPM_ALG_NULL); /* symmetric */
	command_put16(w, TPM_ALG_RSASSA);
	command_put16(w, TPM_ALG_SHA256);
	command_put16(w, 8 * MODULUS_BYTES);
	vl_write_be32(w, 0);
}

static const struct key {
	const char *name;
	uint32_t handle;
	void (*put)(struct vl_writer *w);
} keys[] = {
	{ "endorsement key", KEYS_EK_HANDLE, put_ek },
	{ "attestation key", KEYS_AK_HANDLE, put_ak },
};

static void name_of(const void *head, size_t head_bytes, const void *rest, size_t rest_bytes, uint8_t *name)
{
	br_sha256_context sha;

	br_sha256_init(&sha);
	br_sha256_update(&sha, head, head_bytes);
	br_sha256_update(&sha, rest, rest_bytes);
	name[0] = 0;
	name[1] = TPM_ALG_SHA256;
	br_sha256_out(&sha, name + 2);
}

/* A TPM2B: its bytes, and how many. */
static const uint8_t *sized(struct vl_reader *r, size_t *bytes)
{
	*bytes = command_get16(r);
	return vl_read_view(r, *bytes);
}

/* Judges what TPM2_ReadPublic answered. */
static bool is_ours(const struct key *k, struct vl_reader *r)
{
	static const uint8_t endorsement[4] = { 0x40, 0, 0, 0x0b };
	uint8_t want[PUBLIC_MAX], name[NAME_BYTES], qualified[NAME_BYTES];
	size_t public_bytes, name_bytes, qualified_bytes;
	const uint8_t *public = sized(r, &public_bytes);
	const uint8_t *its_name = sized(r, &name_bytes);
	const uint8_t *its_qualified = sized(r, &qualified_bytes);
	struct vl_writer w;

	vl_writer_init(&w, want, sizeof(want));
	k->put(&w);
	command_put16(&w, MODULUS_BYTES);
	if (r->err || w.err || public_bytes != w.pos + MODULUS_BYTES || memcmp(public, want, w.pos) != 0)
		return false;
	name_of(public, public_bytes, NULL, 0, name);
	name_of(endorsement, sizeof(endorsement), name, sizeof(name), qualified);
	return name_bytes == NAME_BYTES && !memcmp(its_name, name, NAME_BYTES) &&
		qualified_bytes == NAME_BYTES && !memcmp(its_qualified, qualified, NAME_BYTES);
}

/* TPM2_EvictControl: makes a loaded object persistent, or a persistent one vanish. */
static int evict(struct tpm *t, uint32_t hierarchy, uint32_t object, uint32_t handle, uint32_t *code)
{
	struct command c;
	struct response r;
	int err;

	command_begin(&c, TPM_CC_EVICT_CONTROL, true);
	vl_write_be32(&c.w, hierarchy);
	vl_write_be32(&c.w, object);
	command_authorize(&c);
	vl_write_be32(&c.w, handle);
	err = command_run(&c, t, &r);
	*code = r.code;
	return err;
}

static int create_primary(struct tpm *t, const struct key *k, uint32_t *object, uint32_t *code)
{
	struct command c;
	struct response r;
	struct vl_writer public;
	uint8_t area[PUBLIC_MAX];
	int err;

	vl_writer_init(&public, area, sizeof(area));
	k->put(&public);
	command_put16(&public, MODULUS_BYTES);
	vl_write_zeros(&public, MODULUS_BYTES);
	command_begin(&c, TPM_CC_CREATE_PRIMARY, true);
	vl_write_be32(&c.w, TPM_RH_ENDORSEMENT);
	command_authorize(&c);
	command_put16(&c.w, 4); /* sensitive: no password, no data */
	vl_write_be32(&c.w, 0);
	command_put16(&c.w, (uint16_t)public.pos);
	vl_write_bytes(&c.w, area, public.pos);
	command_put16(&c.w, 0); /* outside info */
	vl_write_be32(&c.w, 0); /* creation PCRs */
	err = command_run(&c, t, &r);
	*code = r.code;
	*object = err || r.code ? 0 : vl_read_be32(&r.r);
	return err;
}

static int flush(struct tpm *t, uint32_t object)
{
	struct command c;
	struct response r;

	command_begin(&c, TPM_CC_FLUSH_CONTEXT, false);
	vl_write_be32(&c.w, object);
	return command_must(&c, t, &r, "to flush a key");
}

static bool is_locked(uint32_t code)
{
	return code == RC_AUTH_FAIL_SESSION_1 || code == RC_BAD_AUTH_SESSION_1;
}

static int make(struct tpm *t, const struct key *k, struct keys_outcome *out)
{
	uint32_t object = 0, code = 0;
	int err = create_primary(t, k, &object, &code), flushed;

	if (!err && code == TPM_RC_SUCCESS) {
		err = evict(t, TPM_RH_OWNER, object, k->handle, &code);
		flushed = flush(t, object);
		err = err ? err : flushed;
	}
	if (err)
		return err;
	if (is_locked(code)) {
		vl_warn("no %s: the guest has a password of its own on the TPM's hierarchy", k->name);
		out->locked++;
	} else if (code != TPM_RC_SUCCESS) {
		vl_error("the TPM cannot make its %s: response code 0x%x", k->name, code);
		return VL_E_STATE;
	} else {
		out->made++;
	}
	return 0;
}

static int prepare(struct tpm *t, const struct key *k, bool isolated, struct keys_outcome *out)
{
	struct command c;
	struct response r;
	uint32_t code = 0;
	int err;

	command_begin(&c, TPM_CC_READ_PUBLIC, false);
	vl_write_be32(&c.w, k->handle);
	err = command_run(&c, t, &r);
	if (err)
		return err;
	if (r.code == TPM_RC_HANDLE_1)
		return make(t, k, out);
	if (r.code == TPM_RC_SUCCESS && !isolated && is_ours(k, &r.r)) {
		out->kept++;
		return 0;
	}
	if (!isolated) {
		vl_warn("the %s in the TPM's state is not the one that this TPM makes: it is replaced",
			k->name);
		out->refused++;
	}
	err = evict(t, TPM_RH_PLATFORM, k->handle, k->handle, &code);
	if (!err && code != TPM_RC_SUCCESS) {
		vl_error("the TPM does not let go of its %s: response code 0x%x", k->name, code);
		err = VL_E_STATE;
	}
	return err ? err : make(t, k, out);
}

int keys_prepare(struct tpm *t, bool isolated, struct keys_outcome *out)
{
	int err = 0;

	*out = (struct keys_outcome){ 0 };
	for (size_t i = 0; !err && i < VL_ARRAY_COUNT(keys); i++)
		err = prepare(t, &keys[i], isolated, out);
	return err;
}
