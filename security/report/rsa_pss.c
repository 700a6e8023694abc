/* RSASSA-PSS (rsa_pss.h). A signature to verify comes from anybody. */
#include "security/report/rsa_pss.h"
#include "common/base/err.h"
#include "security/crypto/gcm.h"

#include <string.h>

/*
 * The encoded message, EM of RFC 8017 9.1: masked DB | H | 0xbc, where
 * DB = zeros | 1 | salt. Its highest bit is zero, for it has one bit less than the modulus.
 */
#define DB_BYTES (RSA_PSS_BYTES - RSA_PSS_HASH_BYTES - 1)
#define ZERO_BYTES (DB_BYTES - RSA_PSS_SALT_BYTES - 1)
#define TRAILER 0xbc
#define TOP_BIT 0x80

/* H = SHA-256(8 zero bytes | hash of the message | salt). */
static void salted_hash(const uint8_t *hash, const uint8_t *salt, uint8_t out[RSA_PSS_HASH_BYTES])
{
	static const uint8_t zeros[8];
	br_sha256_context c;

	br_sha256_init(&c);
	br_sha256_update(&c, zeros, sizeof(zeros));
	br_sha256_update(&c, hash, RSA_PSS_HASH_BYTES);
	br_sha256_update(&c, salt, RSA_PSS_SALT_BYTES);
	br_sha256_out(&c, out);
}

/* data ^= MGF1(seed) (RFC 8017 B.2.1). */
static void mask(uint8_t *data, size_t size, const uint8_t seed[RSA_PSS_HASH_BYTES])
{
	for (size_t at = 0; at < size; at += br_sha256_SIZE) {
		uint8_t block[br_sha256_SIZE], counter[4] = { 0, 0, 0, (uint8_t)(at / br_sha256_SIZE) };
		br_sha256_context c;

		br_sha256_init(&c);
		br_sha256_update(&c, seed, RSA_PSS_HASH_BYTES);
		br_sha256_update(&c, counter, sizeof(counter));
		br_sha256_out(&c, block);
		for (size_t i = 0; i < sizeof(block) && at + i < size; i++)
			data[at + i] ^= block[i];
	}
}

int rsa_pss_sign(const br_rsa_private_key *key, const uint8_t modulus[RSA_PSS_BYTES],
		 const uint8_t hash[RSA_PSS_HASH_BYTES], const uint8_t salt[RSA_PSS_SALT_BYTES],
		 uint8_t signature[RSA_PSS_BYTES])
{
	uint8_t *em = signature;
	uint32_t signed_well;

	if (key->n_bitlen != RSA_PSS_BITS)
		return VL_E_TYPE;
	memset(em, 0, ZERO_BYTES);
	em[ZERO_BYTES] = 1;
	memcpy(em + ZERO_BYTES + 1, salt, RSA_PSS_SALT_BYTES);
	salted_hash(hash, salt, em + DB_BYTES);
	em[RSA_PSS_BYTES - 1] = TRAILER;
	mask(em, DB_BYTES, em + DB_BYTES);
	em[0] &= (uint8_t)(TOP_BIT - 1);
	signed_well = br_rsa_private_get_default()(signature, key);
	crypto_wipe_stack();
	/* A result that a fault made wrong would give the key away: it does not leave. */
	if (signed_well && !rsa_pss_verify(modulus, hash, signature))
		return 0;
	memset(signature, 0, RSA_PSS_BYTES);
	return VL_E_INTERNAL;
}

int rsa_pss_verify(const uint8_t modulus[RSA_PSS_BYTES], const uint8_t hash[RSA_PSS_HASH_BYTES],
		   const uint8_t signature[RSA_PSS_BYTES])
{
	uint8_t n[RSA_PSS_BYTES], e[] = { 1, 0, 1 }, em[RSA_PSS_BYTES];
	uint8_t expected[RSA_PSS_HASH_BYTES], wrong = 0;
	const br_rsa_public_key key = { .n = n, .nlen = sizeof(n), .e = e, .elen = sizeof(e) };

	memcpy(n, modulus, sizeof(n));
	memcpy(em, signature, sizeof(em));
	if (!br_rsa_public_get_default()(em, sizeof(em), &key) || em[0] & TOP_BIT)
		return VL_E_AUTH;
	mask(em, DB_BYTES, em + DB_BYTES);
	em[0] &= (uint8_t)(TOP_BIT - 1);
	for (size_t i = 0; i < ZERO_BYTES; i++)
		wrong |= em[i];
	wrong |= em[ZERO_BYTES] ^ 1;
	wrong |= em[RSA_PSS_BYTES - 1] ^ TRAILER;
	salted_hash(hash, em + ZERO_BYTES + 1, expected);
	for (size_t i = 0; i < sizeof(expected); i++)
		wrong |= expected[i] ^ em[DB_BYTES + i];
	return wrong ? VL_E_AUTH : 0;
}
