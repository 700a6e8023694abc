/* Sealed data keys (seal.h). A protector to open was kept by the host and is hostile. */
#include "security/crypto/seal.h"
#include "security/crypto/gcm.h"
#include "security/crypto/kdf.h"

#include <string.h>

#define LABEL "ISOHWKEY"

struct keys {
	uint8_t aes[32], hmac[32];
};

static void make_keys(struct keys *k, const uint8_t platform_key[32], const void *context, size_t bytes)
{
	_Static_assert(sizeof(*k) == 64, "derived as one");
	kdf(platform_key, 32, LABEL, context, bytes, k, sizeof(*k));
}

void seal_key(struct sealed_key *out, const uint8_t platform_key[32], bool mix_measurement,
	      const void *context, size_t context_bytes, const uint8_t iv[16],
	      const uint8_t key[SEAL_KEY_BYTES])
{
	br_aes_ct64_cbcenc_keys aes;
	uint8_t chain[16];
	struct keys k;

	*out = (struct sealed_key){
		.version = cpu_to_le32(SEAL_VERSION),
		.length_bytes = cpu_to_le32(sizeof(*out)),
		.tee_type = cpu_to_le32(SEAL_TEE_VBS),
		.mix_measurement = mix_measurement,
	};
	make_keys(&k, platform_key, context, context_bytes);
	memcpy(out->iv, iv, sizeof(out->iv));
	memcpy(chain, iv, sizeof(chain));
	memcpy(out->ciphertext, key, sizeof(out->ciphertext));
	br_aes_ct64_cbcenc_init(&aes, k.aes, sizeof(k.aes));
	br_aes_ct64_cbcenc_run(&aes, chain, out->ciphertext, sizeof(out->ciphertext));
	hmac_sha256(k.hmac, sizeof(k.hmac), out, offsetof(struct sealed_key, hmac), out->hmac);
	crypto_wipe(&aes, sizeof(aes));
	crypto_wipe(&k, sizeof(k));
	crypto_wipe_stack();
}

static int check_form(const struct sealed_key *s)
{
	if (le32_to_cpu(s->version) != SEAL_VERSION)
		return VL_E_VERSION;
	if (le32_to_cpu(s->length_bytes) != sizeof(*s) || s->mix_measurement > 1)
		return VL_E_FORMAT;
	return le32_to_cpu(s->tee_type) == SEAL_TEE_VBS ? 0 : VL_E_TYPE;
}

int unseal_key(const struct sealed_key *sealed, const uint8_t platform_key[32], const void *context,
	       size_t context_bytes, uint8_t key[SEAL_KEY_BYTES])
{
	br_aes_ct64_cbcdec_keys aes;
	uint8_t chain[16], hmac[32];
	struct keys k;
	int err = check_form(sealed);

	if (err)
		return err;
	make_keys(&k, platform_key, context, context_bytes);
	hmac_sha256(k.hmac, sizeof(k.hmac), sealed, offsetof(struct sealed_key, hmac), hmac);
	if (crypto_equal(hmac, sealed->hmac, sizeof(hmac))) {
		memcpy(chain, sealed->iv, sizeof(chain));
		memcpy(key, sealed->ciphertext, SEAL_KEY_BYTES);
		br_aes_ct64_cbcdec_init(&aes, k.aes, sizeof(k.aes));
		br_aes_ct64_cbcdec_run(&aes, chain, key, SEAL_KEY_BYTES);
		crypto_wipe(&aes, sizeof(aes));
	} else {
		err = VL_E_AUTH;
	}
	crypto_wipe(&k, sizeof(k));
	crypto_wipe_stack();
	return err;
}
