/*
 * RSASSA-PSS with SHA-256 for keys of 2048 bits and public exponent 65537
 * (RFC 8017 8.1 and 9.1: hash and MGF1 SHA-256, 32 bytes of salt), over
 * BearSSL's RSA engine, which has no PSS of its own.
 */
#ifndef VL_REPORT_RSA_PSS_H
#define VL_REPORT_RSA_PSS_H

#include "common/base/types.h"
#include <bearssl.h>

#define RSA_PSS_BYTES 256u /* modulus and signature, big endian */
#define RSA_PSS_BITS 2048u
#define RSA_PSS_EXPONENT 65537u
#define RSA_PSS_SALT_BYTES 32u
#define RSA_PSS_HASH_BYTES br_sha256_SIZE

/* 0; VL_E_TYPE: the key is not of RSA_PSS_BITS; VL_E_INTERNAL: the result does not verify (a fault). */
int rsa_pss_sign(const br_rsa_private_key *key, const uint8_t modulus[RSA_PSS_BYTES],
		 const uint8_t hash[RSA_PSS_HASH_BYTES], const uint8_t salt[RSA_PSS_SALT_BYTES],
		 uint8_t signature[RSA_PSS_BYTES]);
/* 0 or VL_E_AUTH. */
int rsa_pss_verify(const uint8_t modulus[RSA_PSS_BYTES], const uint8_t hash[RSA_PSS_HASH_BYTES],
		   const uint8_t signature[RSA_PSS_BYTES]);

#endif
