/* The key broker's decision (broker.h). Requests are hostile; the checks are in the order of the refusals. */
#include "security/attest/broker.h"
#include "security/crypto/gcm.h"
#include "security/crypto/kdf.h"

#include <string.h>

#define KEY_LABEL "VMGSKEY"

/* --- Whether --------------------------------------------------------------------------------- */

static bool verify_report(const struct broker_policy *p, const struct attest_request *q,
			  struct vbs_report *report)
{
	for (unsigned i = 0; i < p->platform_count; i++)
		if (!report_verify(report, q->report, ATTEST_REPORT_BYTES, &p->platforms[i]))
			return true;
	return false;
}

static bool on_list(const uint8_t list[][VBS_DIGEST_BYTES], unsigned count, const uint8_t *digest)
{
	for (unsigned i = 0; i < count; i++)
		if (crypto_equal(list[i], digest, VBS_DIGEST_BYTES))
			return true;
	return false;
}

static bool wish_holds(enum broker_wish wish, bool value)
{
	return wish == BROKER_ANY || (wish == BROKER_TRUE) == value;
}

static bool policy_holds(const struct broker_policy *p, const struct vbs_identity *id,
			 const struct attest_claims *c)
{
	bool debug = c->debug || le32_to_cpu(id->policy) & VBS_POLICY_DEBUG;

	return le32_to_cpu(id->guest_svn) >= p->min_svn && (!debug || p->allow_debug) &&
		le32_to_cpu(id->guest_vtl) == 2 && wish_holds(p->secure_boot, c->secure_boot) &&
		wish_holds(p->tpm, c->tpm_enabled) && wish_holds(p->console, c->console_enabled);
}

static enum attest_refusal judge(const struct broker *b, const struct attest_request *q,
				 struct attest_claims *c)
{
	static const uint8_t unsigned_image[VBS_DIGEST_BYTES];
	const struct broker_policy *p = &b->policy;
	uint8_t bound[VBS_REPORT_DATA_BYTES];
	struct vbs_report report;

	if (q->report_type != ATTEST_VBS)
		return ATTEST_REPORT_TYPE;
	if (!verify_report(p, q, &report))
		return ATTEST_NOT_SIGNED;
	release_report_data(q->claims, q->claims_bytes, bound);
	if (!crypto_equal(bound, report.report_data, sizeof(bound)))
		return ATTEST_NOT_BOUND;
	if (attest_claims_decode(c, q->claims, q->claims_bytes))
		return ATTEST_MALFORMED;
	if (!on_list(p->measurements, p->measurement_count, report.identity.measurement) &&
	    (crypto_equal(report.identity.signer, unsigned_image, sizeof(unsigned_image)) ||
	     !on_list(p->signers, p->signer_count, report.identity.signer)))
		return ATTEST_MEASUREMENT;
	return policy_holds(p, &report.identity, c) ? ATTEST_RELEASED : ATTEST_POLICY;
}

/* --- What -------------------------------------------------------------------------------------- */

static void derive(const struct broker *b, const uint8_t vm_id[ATTEST_ID_BYTES], uint64_t epoch,
		   uint8_t key[32])
{
	struct {
		uint8_t vm_id[ATTEST_ID_BYTES];
		le64 epoch;
	} VL_PACKED context;

	memcpy(context.vm_id, vm_id, sizeof(context.vm_id));
	context.epoch = cpu_to_le64(epoch);
	kdf(b->master, sizeof(b->master), KEY_LABEL, &context, sizeof(context), key, 32);
}

static int release(struct broker *b, const struct release_context *r, const struct attest_claims *c,
		   struct attest_release *out)
{
	struct attest_secret secret;
	uint8_t random[96];
	uint64_t epoch;
	int err = b->epochs.get(b->epochs.context, c->vm_id, &epoch);

	if (!err)
		err = b->random(random, sizeof(random));
	if (err)
		return err;
	secret.epoch = cpu_to_le64(epoch);
	derive(b, c->vm_id, epoch, secret.current);
	derive(b, c->vm_id, epoch + 1, secret.next);
	err = release_seal(r, &b->key, c->modulus, &secret, random, out);
	crypto_wipe(&secret, sizeof(secret));
	crypto_wipe(random, sizeof(random));
	return err;
}

/* The next epoch, or the present one again for a VM that missed the first answer. VL_E_ORDER: any other. */
static int confirm(struct broker *b, const struct release_context *r, const struct attest_claims *c,
		   struct attest_confirmation *out)
{
	uint8_t salt[RSA_PSS_SALT_BYTES];
	uint64_t epoch;
	int err = b->epochs.get(b->epochs.context, c->vm_id, &epoch);

	if (!err && c->epoch != epoch && c->epoch != epoch + 1)
		err = VL_E_ORDER;
	if (!err && c->epoch != epoch)
		err = b->epochs.set(b->epochs.context, c->vm_id, c->epoch);
	if (!err)
		err = b->random(salt, sizeof(salt));
	return err ? err : release_confirm(r, &b->key, c->epoch, salt, out);
}

enum attest_refusal broker_answer(struct broker *b, const void *request, size_t request_bytes,
				  uint8_t out[ATTEST_RESPONSE_MAX], size_t *size,
				  uint8_t vm_id[ATTEST_ID_BYTES])
{
	union {
		struct attest_release release;
		struct attest_confirmation confirmation;
	} payload;
	struct attest_claims claims = { .confirms = false };
	struct release_context context;
	struct attest_request q;
	enum attest_refusal refusal = ATTEST_MALFORMED;
	int err = 0;

	if (!attest_request_decode(&q, request, request_bytes))
		refusal = judge(b, &q, &claims);
	memcpy(vm_id, claims.vm_id, ATTEST_ID_BYTES);
	if (!refusal) {
		release_begin(&context, q.claims, q.claims_bytes);
		err = claims.confirms ? confirm(b, &context, &claims, &payload.confirmation) :
			release(b, &context, &claims, &payload.release);
		refusal = !err ? ATTEST_RELEASED : err == VL_E_ORDER ? ATTEST_EPOCH : ATTEST_UNAVAILABLE;
	}
	*size = refusal ? attest_response_encode(out, refusal, refusal == ATTEST_UNAVAILABLE, NULL, 0) :
		attest_response_encode(out, refusal, false, &payload, claims.confirms ?
				       sizeof(payload.confirmation) : sizeof(payload.release));
	return refusal;
}
