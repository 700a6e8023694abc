/* Key releases (release.h). Payloads are hostile until their signature was checked. */
#include "security/attest/release.h"
#include "security/crypto/gcm.h"
#include "security/crypto/kdf.h"

#include <string.h>

static void sha256(const void *data, size_t size, uint8_t out[32])
{
	br_sha256_context c;

	br_sha256_init(&c);
	br_sha256_update(&c, data, size);
	br_sha256_out(&c, out);
}

void broker_id(const uint8_t modulus[ATTEST_RSA_BYTES], uint8_t id[BROKER_ID_BYTES])
{
	sha256(modulus, ATTEST_RSA_BYTES, id);
}

void release_report_data(const void *claims, size_t size, uint8_t data[VBS_REPORT_DATA_BYTES])
{
	memset(data, 0, VBS_REPORT_DATA_BYTES);
	sha256(claims, size, data);
}

void release_begin(struct release_context *r, const void *claims, size_t size)
{
	sha256(claims, size, r->claims_hash);
}

/* What the broker signs: a domain, whom it answers, what it says. */
static void signed_hash(const struct release_context *r, const char *domain, const void *said, size_t size,
			uint8_t out[32])
{
	br_sha256_context c;

	br_sha256_init(&c);
	br_sha256_update(&c, domain, strlen(domain) + 1);
	br_sha256_update(&c, r->claims_hash, sizeof(r->claims_hash));
	br_sha256_update(&c, said, size);
	br_sha256_out(&c, out);
}

int release_seal(const struct release_context *r, const struct platform_key *broker,
		 const uint8_t to[ATTEST_RSA_BYTES], const struct attest_secret *secret,
		 const uint8_t random[96], struct attest_release *out)
{
	uint8_t modulus[ATTEST_RSA_BYTES], exponent[] = { 1, 0, 1 }, hash[32];
	const br_rsa_public_key key = { modulus, sizeof(modulus), exponent, sizeof(exponent) };
	int err;

	_Static_assert(TRANSFER_BYTES(sizeof(*secret)) == ATTEST_TRANSFER_BYTES, "it holds the secret");
	memcpy(modulus, to, sizeof(modulus));
	memcpy(out->broker, broker->public.modulus, sizeof(out->broker));
	err = transfer_wrap(&key, random, secret, sizeof(*secret), out->transfer);
	if (err)
		return err;
	signed_hash(r, ATTEST_RELEASE_DOMAIN, out->transfer, sizeof(out->transfer), hash);
	return rsa_pss_sign(br_skey_decoder_get_rsa(&broker->decoder), broker->public.modulus, hash,
			    random + 64, out->signature);
}

int release_confirm(const struct release_context *r, const struct platform_key *broker, uint64_t epoch,
		    const uint8_t salt[RSA_PSS_SALT_BYTES], struct attest_confirmation *out)
{
	uint8_t hash[32];

	memcpy(out->broker, broker->public.modulus, sizeof(out->broker));
	out->epoch = cpu_to_le64(epoch);
	signed_hash(r, ATTEST_CONFIRM_DOMAIN, &out->epoch, sizeof(out->epoch), hash);
	return rsa_pss_sign(br_skey_decoder_get_rsa(&broker->decoder), broker->public.modulus, hash, salt,
			    out->signature);
}

/* That the broker with this id says it, here and now. */
static int check_broker(const struct release_context *r, const uint8_t id[BROKER_ID_BYTES],
			const char *domain, const void *said, size_t size,
			const uint8_t modulus[ATTEST_RSA_BYTES],
			const uint8_t signature[ATTEST_RSA_BYTES])
{
	uint8_t own[BROKER_ID_BYTES], hash[32];

	broker_id(modulus, own);
	if (!crypto_equal(own, id, sizeof(own)))
		return VL_E_DENIED;
	signed_hash(r, domain, said, size, hash);
	return rsa_pss_verify(modulus, hash, signature);
}

int release_open(const struct release_context *r, const uint8_t id[BROKER_ID_BYTES],
		 const br_rsa_private_key *key, const void *data, size_t size, struct attest_secret *secret)
{
	struct attest_release answer;
	int n, err;

	if (size != sizeof(answer))
		return size < sizeof(answer) ? VL_E_TRUNCATED : VL_E_RANGE;
	memcpy(&answer, data, sizeof(answer));
	err = check_broker(r, id, ATTEST_RELEASE_DOMAIN, answer.transfer, sizeof(answer.transfer),
			answer.broker, answer.signature);
	if (err)
		return err;
	n = transfer_unwrap(key, answer.transfer, sizeof(answer.transfer), secret, sizeof(*secret));
	if (n == (int)sizeof(*secret))
		return 0;
	crypto_wipe(secret, sizeof(*secret));
	return VL_E_AUTH;
}

int release_confirmed(const struct release_context *r, const uint8_t id[BROKER_ID_BYTES], uint64_t epoch,
		      const void *data, size_t size)
{
	struct attest_confirmation answer;
	int err;

	if (size != sizeof(answer))
		return size < sizeof(answer) ? VL_E_TRUNCATED : VL_E_RANGE;
	memcpy(&answer, data, sizeof(answer));
	err = check_broker(r, id, ATTEST_CONFIRM_DOMAIN, &answer.epoch, sizeof(answer.epoch), answer.broker,
			answer.signature);
	return err ? err : le64_to_cpu(answer.epoch) == epoch ? 0 : VL_E_AUTH;
}
