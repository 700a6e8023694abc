/* Wrapped keys (keywrap.h). What is unwrapped comes over the host and is hostile until it authenticates. */
#include "security/crypto/keywrap.h"
#include "security/crypto/gcm.h"
#include "security/crypto/kdf.h"

#include <string.h>

#define HALF 8u
#define ROUNDS 6u
static const uint8_t padding_iv[4] = { 0xa6, 0x59, 0x59, 0xa6 }; /* RFC 5649 3 */

/* One block of AES: BearSSL has no bare block cipher, so CBC over one block with a zero IV. */
static void encrypt_block(const br_aes_ct64_cbcenc_keys *k, uint8_t block[16])
{
	uint8_t iv[16] = { 0 };

	br_aes_ct64_cbcenc_run(k, iv, block, 16);
}

static void decrypt_block(const br_aes_ct64_cbcdec_keys *k, uint8_t block[16])
{
	uint8_t iv[16] = { 0 };

	br_aes_ct64_cbcdec_run(k, iv, block, 16);
}

static void mix_counter(uint8_t a[HALF], uint32_t t)
{
	for (unsigned i = 0; i < 4; i++)
		a[7 - i] ^= (uint8_t)(t >> 8 * i);
}

/* RFC 3394 2.2.1 in place: data[0] is A, then n halves. */
static void wrap_halves(const br_aes_ct64_cbcenc_keys *k, uint8_t *data, unsigned n)
{
	uint8_t block[16];

	for (unsigned j = 0; j < ROUNDS; j++) {
		for (unsigned i = 1; i <= n; i++) {
			memcpy(block, data, HALF);
			memcpy(block + HALF, data + i * HALF, HALF);
			encrypt_block(k, block);
			mix_counter(block, n * j + i);
			memcpy(data, block, HALF);
			memcpy(data + i * HALF, block + HALF, HALF);
		}
	}
	crypto_wipe(block, sizeof(block));
}

/* RFC 3394 2.2.2 */
static void unwrap_halves(const br_aes_ct64_cbcdec_keys *k, uint8_t *data, unsigned n)
{
	uint8_t block[16];

	for (unsigned j = ROUNDS; j-- > 0;) {
		for (unsigned i = n; i >= 1; i--) {
			memcpy(block, data, HALF);
			memcpy(block + HALF, data + i * HALF, HALF);
			mix_counter(block, n * j + i);
			decrypt_block(k, block);
			memcpy(data, block, HALF);
			memcpy(data + i * HALF, block + HALF, HALF);
		}
	}
	crypto_wipe(block, sizeof(block));
}

int keywrap(const void *key, size_t key_bytes, const void *data, size_t size, uint8_t *out)
{
	size_t padded = KEYWRAP_BYTES(size) - HALF;
	br_aes_ct64_cbcenc_keys k;

	if (!size || size > KEYWRAP_DATA_MAX)
		return VL_E_RANGE;
	memset(out, 0, HALF + padded);
	memcpy(out, padding_iv, sizeof(padding_iv));
	mix_counter(out, (uint32_t)size);
	memcpy(out + HALF, data, size);
	br_aes_ct64_cbcenc_init(&k, key, key_bytes);
	if (padded == HALF)
		encrypt_block(&k, out);
	else
		wrap_halves(&k, out, (unsigned)(padded / HALF));
	crypto_wipe(&k, sizeof(k));
	crypto_wipe_stack();
	return 0;
}

/* RFC 5649 3, verification of the integrity: 1 when the first half and the padding are right. */
static bool is_whole(const uint8_t *plain, size_t padded, size_t *size)
{
	uint8_t wrong = 0;

	*size = (size_t)plain[4] << 24 | (size_t)plain[5] << 16 | (size_t)plain[6] << 8 | plain[7];
	if (!crypto_equal(plain, padding_iv, sizeof(padding_iv)) || *size > padded || *size + HALF <= padded)
		return false;
	for (size_t i = *size; i < padded; i++)
		wrong |= plain[HALF + i];
	return !wrong;
}

int keyunwrap(const void *key, size_t key_bytes, const void *wrapped, size_t size, void *out, size_t room)
{
	uint8_t plain[KEYWRAP_BYTES(KEYWRAP_DATA_MAX)];
	br_aes_ct64_cbcdec_keys k;
	size_t bytes;
	int err = 0;

	if (size % HALF || size < 2 * HALF || size > sizeof(plain))
		return VL_E_RANGE;
	memcpy(plain, wrapped, size);
	br_aes_ct64_cbcdec_init(&k, key, key_bytes);
	if (size == 2 * HALF)
		decrypt_block(&k, plain);
	else
		unwrap_halves(&k, plain, (unsigned)(size / HALF - 1));
	if (!is_whole(plain, size - HALF, &bytes))
		err = VL_E_AUTH;
	else if (bytes > room)
		err = VL_E_NOSPACE;
	else
		memcpy(out, plain + HALF, bytes);
	crypto_wipe(plain, sizeof(plain));
	crypto_wipe(&k, sizeof(k));
	crypto_wipe_stack();
	return err ? err : (int)bytes;
}

int transfer_wrap(const br_rsa_public_key *key, const uint8_t random[64], const void *data, size_t size,
		  uint8_t *out)
{
	br_hmac_drbg_context drbg;
	size_t n;

	if (key->nlen != TRANSFER_RSA_BYTES)
		return VL_E_RANGE;
	br_hmac_drbg_init(&drbg, &br_sha256_vtable, random + 32, 32);
	n = br_rsa_oaep_encrypt_get_default()(&drbg.vtable, &br_sha256_vtable, NULL, 0, key, out,
					      TRANSFER_RSA_BYTES, random, 32);
	crypto_wipe(&drbg, sizeof(drbg));
	crypto_wipe_stack();
	return n == TRANSFER_RSA_BYTES ?
		keywrap(random, 32, data, size, out + TRANSFER_RSA_BYTES) : VL_E_RANGE;
}

int transfer_unwrap(const br_rsa_private_key *key, const void *wrapped, size_t size, void *out, size_t room)
{
	uint8_t buffer[TRANSFER_RSA_BYTES];
	size_t length = sizeof(buffer);
	uint32_t good;
	int n;

	if (size <= TRANSFER_RSA_BYTES)
		return VL_E_TRUNCATED;
	memcpy(buffer, wrapped, sizeof(buffer));
	good = br_rsa_oaep_decrypt_get_default()(&br_sha256_vtable, NULL, 0, key, buffer, &length);
	n = good && length == 32 ? keyunwrap(buffer, 32, (const uint8_t *)wrapped + TRANSFER_RSA_BYTES,
					     size - TRANSFER_RSA_BYTES, out, room) : VL_E_AUTH;
	crypto_wipe(buffer, sizeof(buffer));
	crypto_wipe_stack();
	return n;
}
