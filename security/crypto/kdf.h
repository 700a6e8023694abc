/*
 * Key derivation and comparison of secrets, over BearSSL's HMAC-SHA-256. Source:
 * NIST SP 800-108 (KDF in counter mode; 32-bit counter before the fixed data).
 */
#ifndef VL_CRYPTO_KDF_H
#define VL_CRYPTO_KDF_H

#include "common/base/types.h"

#define KDF_OUTPUT_MAX 1024u /* bytes */

/* The construction over the caller's own fixed input data. `out_bytes` at most KDF_OUTPUT_MAX. */
void kdf_fixed(const void *key, size_t key_bytes, const void *fixed, size_t fixed_bytes, void *out,
	       size_t out_bytes);

/*
 * Fixed data as SP 800-108 proposes it: label (a C string) | 00 | context | bits of
 * output (be32).
 */
void kdf(const void *key, size_t key_bytes, const char *label, const void *context, size_t context_bytes,
	 void *out, size_t out_bytes);

void hmac_sha256(const void *key, size_t key_bytes, const void *data, size_t data_bytes, uint8_t out[32]);

/* Whether two secrets are the same, in a time that does not depend on where they differ. */
bool crypto_equal(const void *a, const void *b, size_t size);

#endif
