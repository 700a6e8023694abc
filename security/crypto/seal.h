/*
 * Sealing a data key to a platform: the hardware key protector of the state file,
 * version 3. Source: the reference implementation (HardwareKeyProtector,
 * openhcl_attestation_protocol/vmgs.rs): AES-256-CBC, then HMAC-SHA-256 over all
 * before it; both keys by SP 800-108 from the platform's key, label "ISOHWKEY".
 */
#ifndef VL_CRYPTO_SEAL_H
#define VL_CRYPTO_SEAL_H

#include "common/base/err.h"
#include "common/base/types.h"

#define SEAL_VERSION 3u
#define SEAL_TEE_VBS 0x76u /* the reference has 0 SNP and 1 TDX */
#define SEAL_KEY_BYTES 32u

struct sealed_key {
	le32 version, length_bytes, tee_type;
	uint8_t svn[32]; /* zero here */
	uint8_t mix_measurement; /* 1: sealed to the measurement */
	uint8_t reserved[3];
	uint8_t iv[16], ciphertext[SEAL_KEY_BYTES], hmac[32];
} VL_PACKED;
_Static_assert(sizeof(struct sealed_key) == 128, "HardwareKeyProtectorV3");

/* `context` is what the key is bound to beside the platform: the VM's configuration as text. */
void seal_key(struct sealed_key *out, const uint8_t platform_key[32], bool mix_measurement,
	      const void *context, size_t context_bytes, const uint8_t iv[16],
	      const uint8_t key[SEAL_KEY_BYTES]);
/*
 * VL_E_VERSION, VL_E_FORMAT (not such a protector), VL_E_TYPE (another kind of
 * platform), VL_E_AUTH (another platform, measurement or configuration, or altered).
 */
int unseal_key(const struct sealed_key *sealed, const uint8_t platform_key[32], const void *context,
	       size_t context_bytes, uint8_t key[SEAL_KEY_BYTES]);

#endif
