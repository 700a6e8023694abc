/*
 * AES-256-GCM and key wiping, over BearSSL. The one place that picks BearSSL's
 * implementations. Source of the mode: NIST SP 800-38D.
 */
#ifndef VL_CRYPTO_GCM_H
#define VL_CRYPTO_GCM_H

#include "common/base/types.h"
#include <bearssl.h>

#define GCM_KEY_BYTES 32
#define GCM_NONCE_BYTES 12
#define GCM_TAG_BYTES 16

struct gcm {
	union {
		br_aes_gen_ctr_keys gen;
		const br_block_ctr_class *vtable;
	} aes;
	br_gcm_context context;
};

/* Begins a message. The key is expanded into `g`: call gcm_wipe() when done. */
void gcm_begin(struct gcm *g, const uint8_t key[GCM_KEY_BYTES], const uint8_t nonce[GCM_NONCE_BYTES]);
/* En- or decrypts in place; every call but a message's last has a multiple of 16 bytes. */
void gcm_run(struct gcm *g, bool encrypt, void *data, size_t size);
void gcm_tag(struct gcm *g, uint8_t tag[GCM_TAG_BYTES]);
/* 0 when `tag` is the message's, in constant time; VL_E_AUTH. */
int gcm_check(struct gcm *g, const uint8_t tag[GCM_TAG_BYTES]);

/* A whole message in place, without additional data. open: VL_E_AUTH, and then the data is wiped. */
void gcm_seal(const uint8_t key[GCM_KEY_BYTES], const uint8_t nonce[GCM_NONCE_BYTES], void *data, size_t size,
	      uint8_t tag[GCM_TAG_BYTES]);
int gcm_open(const uint8_t key[GCM_KEY_BYTES], const uint8_t nonce[GCM_NONCE_BYTES], void *data, size_t size,
	     const uint8_t tag[GCM_TAG_BYTES]);

/* Overwrites memory that held a secret; the compiler cannot leave it out. */
void crypto_wipe(void *data, size_t size);
/*
 * Overwrites what functions that have returned left on the stack below the caller's frame:
 * BearSSL's leave keys and numbers there, at most CRYPTO_STACK_BYTES deep. For whoever handed one a secret.
 */
#define CRYPTO_STACK_BYTES 16384u
void crypto_wipe_stack(void);
/* When a message is done: the key is nowhere any more. */
void gcm_wipe(struct gcm *g);

#endif
