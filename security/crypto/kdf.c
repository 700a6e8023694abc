/* Key derivation (kdf.h), for the keys of the state file and what protects them. Handles secrets only. */
#include "security/crypto/kdf.h"
#include "security/crypto/gcm.h"

#include <string.h>

#define BLOCK_BYTES br_sha256_SIZE

/* What enters each block behind its counter. */
struct fixed_part {
	const void *data;
	size_t bytes;
};

static void derive(const void *key, size_t key_bytes, const struct fixed_part *parts, size_t part_count,
		   uint8_t *out, size_t out_bytes)
{
	br_hmac_key_context k;
	br_hmac_context c;
	uint8_t block[BLOCK_BYTES], counter[4];

	br_hmac_key_init(&k, &br_sha256_vtable, key, key_bytes);
	for (uint32_t n = 1; out_bytes; n++) {
		size_t part = out_bytes < sizeof(block) ? out_bytes : sizeof(block);

		br_hmac_init(&c, &k, 0);
		for (unsigned i = 0; i < sizeof(counter); i++)
			counter[i] = (uint8_t)(n >> (24 - 8 * i));
		br_hmac_update(&c, counter, sizeof(counter));
		for (size_t i = 0; i < part_count; i++)
			br_hmac_update(&c, parts[i].data, parts[i].bytes);
		br_hmac_out(&c, block);
		memcpy(out, block, part);
		out += part;
		out_bytes -= part;
	}
	crypto_wipe(block, sizeof(block));
	crypto_wipe(&k, sizeof(k));
	crypto_wipe(&c, sizeof(c));
	crypto_wipe_stack();
}

void kdf_fixed(const void *key, size_t key_bytes, const void *fixed, size_t fixed_bytes, void *out,
	       size_t out_bytes)
{
	const struct fixed_part part = { fixed, fixed_bytes };

	derive(key, key_bytes, &part, 1, out, out_bytes);
}

void kdf(const void *key, size_t key_bytes, const char *label, const void *context, size_t context_bytes,
	 void *out, size_t out_bytes)
{
	uint32_t bits = (uint32_t)out_bytes * 8;
	const uint8_t length[4] = { (uint8_t)(bits >> 24), (uint8_t)(bits >> 16), (uint8_t)(bits >> 8),
				    (uint8_t)bits };
	const struct fixed_part parts[] = {
		{ label, strlen(label) + 1 }, /* with the zero byte that parts it from the context */
		{ context, context_bytes },
		{ length, sizeof(length) },
	};

	derive(key, key_bytes, parts, VL_ARRAY_COUNT(parts), out, out_bytes);
}

void hmac_sha256(const void *key, size_t key_bytes, const void *data, size_t data_bytes, uint8_t out[32])
{
	br_hmac_key_context k;
	br_hmac_context c;

	br_hmac_key_init(&k, &br_sha256_vtable, key, key_bytes);
	br_hmac_init(&c, &k, 0);
	br_hmac_update(&c, data, data_bytes);
	br_hmac_out(&c, out);
	crypto_wipe(&k, sizeof(k));
	crypto_wipe(&c, sizeof(c));
	crypto_wipe_stack();
}

bool crypto_equal(const void *a, const void *b, size_t size)
{
	const uint8_t *x = a, *y = b;
	uint8_t different = 0;

	while (size--)
		different |= *x++ ^ *y++;
	return !different;
}
