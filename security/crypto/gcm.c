/*
 * AES-256-GCM over BearSSL (gcm.h): the CPU's own instructions where BearSSL finds
 * them, else constant-time code.
 */
#include "security/crypto/gcm.h"
#include "common/base/err.h"

#include <string.h>

/*
 * Chosen once: to ask what a CPU can do is an exit to the hypervisor each time, dearer
 * than a block of a file. Two threads that choose at once choose the same.
 */
static const br_block_ctr_class *aes_class(void)
{
	static const br_block_ctr_class *chosen;

	if (!chosen) {
		const br_block_ctr_class *fast = br_aes_x86ni_ctr_get_vtable();

		if (!fast)
			fast = br_aes_pwr8_ctr_get_vtable();
		chosen = fast ? fast : &br_aes_ct64_ctr_vtable;
	}
	return chosen;
}

static br_ghash ghash_function(void)
{
	static br_ghash chosen;

	if (!chosen) {
		br_ghash fast = br_ghash_pclmul_get();

		if (!fast)
			fast = br_ghash_pwr8_get();
		chosen = fast ? fast : br_ghash_ctmul64;
	}
	return chosen;
}

void gcm_begin(struct gcm *g, const uint8_t key[GCM_KEY_BYTES], const uint8_t nonce[GCM_NONCE_BYTES])
{
	aes_class()->init(&g->aes.vtable, key, GCM_KEY_BYTES);
	br_gcm_init(&g->context, &g->aes.vtable, ghash_function());
	br_gcm_reset(&g->context, nonce, GCM_NONCE_BYTES);
	br_gcm_flip(&g->context);
}

void gcm_run(struct gcm *g, bool encrypt, void *data, size_t size)
{
	br_gcm_run(&g->context, encrypt, data, size);
}

void gcm_tag(struct gcm *g, uint8_t tag[GCM_TAG_BYTES])
{
	br_gcm_get_tag(&g->context, tag);
}

int gcm_check(struct gcm *g, const uint8_t tag[GCM_TAG_BYTES])
{
	return br_gcm_check_tag(&g->context, tag) ? VL_OK : VL_E_AUTH;
}

void gcm_seal(const uint8_t key[GCM_KEY_BYTES], const uint8_t nonce[GCM_NONCE_BYTES], void *data, size_t size,
	      uint8_t tag[GCM_TAG_BYTES])
{
	struct gcm g;

	gcm_begin(&g, key, nonce);
	gcm_run(&g, true, data, size);
	gcm_tag(&g, tag);
	gcm_wipe(&g);
}

int gcm_open(const uint8_t key[GCM_KEY_BYTES], const uint8_t nonce[GCM_NONCE_BYTES], void *data, size_t size,
	     const uint8_t tag[GCM_TAG_BYTES])
{
	struct gcm g;
	int err;

	gcm_begin(&g, key, nonce);
	gcm_run(&g, false, data, size);
	err = gcm_check(&g, tag);
	gcm_wipe(&g);
	if (err)
		crypto_wipe(data, size);
	return err;
}

void gcm_wipe(struct gcm *g)
{
	crypto_wipe(g, sizeof(*g));
	crypto_wipe_stack();
}

__attribute__((noinline)) void crypto_wipe_stack(void)
{
	uint8_t dead[CRYPTO_STACK_BYTES];

	crypto_wipe(dead, sizeof(dead));
}

void crypto_wipe(void *data, size_t size)
{
	memset(data, 0, size);
	__asm__ volatile("" : : "r"(data) : "memory");
}
