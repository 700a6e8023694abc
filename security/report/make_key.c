/* Making RSA keys as files (report.h); run by their owner. */
#include "common/base/err.h"
#include "security/crypto/gcm.h"
#include "security/report/report.h"

struct pair {
	br_rsa_private_key private;
	br_rsa_public_key public;
	unsigned char private_bytes[BR_RSA_KBUF_PRIV_SIZE(RSA_PSS_BITS)];
	unsigned char public_bytes[BR_RSA_KBUF_PUB_SIZE(RSA_PSS_BITS)];
	unsigned char exponent[RSA_PSS_BYTES];
	unsigned char der[2048];
};

static int encode(struct pair *p, char pem[PLATFORM_KEY_PEM_MAKE])
{
	size_t exponent = br_rsa_compute_privexp_get_default()(p->exponent, &p->private, RSA_PSS_EXPONENT);
	size_t der = exponent ?
		br_encode_rsa_pkcs8_der(NULL, &p->private, &p->public, p->exponent, exponent) : 0;

	if (!der || der > sizeof(p->der) ||
	    br_pem_encode(NULL, NULL, der, "PRIVATE KEY", BR_PEM_LINE64) >= PLATFORM_KEY_PEM_MAKE)
		return VL_E_INTERNAL;
	br_encode_rsa_pkcs8_der(p->der, &p->private, &p->public, p->exponent, exponent);
	return (int)br_pem_encode(pem, p->der, der, "PRIVATE KEY", BR_PEM_LINE64);
}

int platform_key_make(const uint8_t seed[32], char pem[PLATFORM_KEY_PEM_MAKE])
{
	br_hmac_drbg_context random;
	struct pair p;
	int size = VL_E_INTERNAL;

	br_hmac_drbg_init(&random, &br_sha256_vtable, seed, 32);
	if (br_rsa_keygen_get_default()(&random.vtable, &p.private, p.private_bytes, &p.public,
			p.public_bytes, RSA_PSS_BITS, RSA_PSS_EXPONENT))
		size = encode(&p, pem);
	crypto_wipe(&random, sizeof(random));
	crypto_wipe(&p, sizeof(p));
	crypto_wipe_stack();
	return size;
}
