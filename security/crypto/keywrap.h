/*
 * Keys wrapped for another party: AES key wrap with padding, and with RSA-OAEP
 * around its key (the two together are PKCS#11's CKM_RSA_AES_KEY_WRAP). Sources:
 * RFC 5649 (NIST SP 800-38F KWP), RFC 8017 7.1 with SHA-256, PKCS#11 v3.0 6.1.12.
 */
#ifndef VL_CRYPTO_KEYWRAP_H
#define VL_CRYPTO_KEYWRAP_H

#include "common/base/err.h"
#include "common/base/types.h"
#include <bearssl.h>

#define KEYWRAP_DATA_MAX 512u /* bytes wrapped */
#define KEYWRAP_BYTES(data_bytes) ((((data_bytes) + 7u) & ~7u) + 8u)

/*
 * Wraps `size` bytes (1 to KEYWRAP_DATA_MAX) under a key of 16, 24 or 32 bytes
 * into out[KEYWRAP_BYTES(size)]. VL_E_RANGE.
 */
int keywrap(const void *key, size_t key_bytes, const void *data, size_t size, uint8_t *out);
/*
 * Unwraps; returns the data's size in bytes. VL_E_RANGE: a size that no wrapped
 * data has; VL_E_NOSPACE; VL_E_AUTH: altered, or another key.
 */
int keyunwrap(const void *key, size_t key_bytes, const void *wrapped, size_t size, void *out, size_t room);

/* A transfer: RSA-2048 encrypted AES-256 key, then what it wraps. */
#define TRANSFER_RSA_BYTES 256u
#define TRANSFER_BYTES(data_bytes) (TRANSFER_RSA_BYTES + KEYWRAP_BYTES(data_bytes))

/*
 * For the owner of `key`; `random` is fresh: 32 bytes for the AES key and the rest
 * seeds the padding. VL_E_RANGE: no key of 2048 bits, or too much data.
 */
int transfer_wrap(const br_rsa_public_key *key, const uint8_t random[64], const void *data, size_t size,
		  uint8_t *out);
/* Returns the data's size in bytes. VL_E_TRUNCATED, VL_E_AUTH, VL_E_NOSPACE, VL_E_RANGE. */
int transfer_unwrap(const br_rsa_private_key *key, const void *wrapped, size_t size, void *out, size_t room);

#endif
