/* Platform keys: reading private keys, public keys as text (report.h). The files are their owner's. */
#include "security/report/report.h"
#include "common/base/err.h"
#include "security/crypto/gcm.h"

#include <string.h>

static const char public_head[] = "vallum-platform-key-1 ";
_Static_assert(sizeof(public_head) + 2 * RSA_PSS_BYTES == PLATFORM_PUBLIC_TEXT_BYTES, "text of a public key");

static void push(void *context, const void *data, size_t size)
{
	br_skey_decoder_push(context, data, size);
}

static bool is_key_name(const char *name)
{
	return !strcmp(name, "PRIVATE KEY") || !strcmp(name, "RSA PRIVATE KEY");
}

/* Feeds the first key of the file to the decoder; what stands before and behind it is passed over. */
static int decode_pem(struct platform_key *key, const uint8_t *pem, size_t size)
{
	br_pem_decoder_context c;
	bool wanted = false;
	int err = VL_E_FORMAT;

	br_pem_decoder_init(&c);
	while (err == VL_E_FORMAT && size) {
		size_t n = br_pem_decoder_push(&c, pem, size);

		pem += n;
		size -= n;
		switch (br_pem_decoder_event(&c)) {
		case BR_PEM_BEGIN_OBJ:
			wanted = is_key_name(br_pem_decoder_name(&c));
			br_pem_decoder_setdest(&c, wanted ? push : NULL, &key->decoder);
			break;
		case BR_PEM_END_OBJ:
			err = wanted ? 0 : err;
			break;
		case BR_PEM_ERROR:
			size = 0;
			break;
		}
	}
	crypto_wipe(&c, sizeof(c));
	return err;
}

/* The exponent is not in the file's useful part: a signature that verifies tells that it is ours. */
static int check_key(struct platform_key *key)
{
	static const uint8_t nothing[RSA_PSS_HASH_BYTES], salt[RSA_PSS_SALT_BYTES];
	const br_rsa_private_key *rsa = br_skey_decoder_get_rsa(&key->decoder);
	uint8_t signature[RSA_PSS_BYTES];

	if (!rsa || rsa->n_bitlen != RSA_PSS_BITS ||
	    br_rsa_compute_modulus_get_default()(key->public.modulus, rsa) != RSA_PSS_BYTES)
		return VL_E_TYPE;
	return rsa_pss_sign(rsa, key->public.modulus, nothing, salt, signature) ? VL_E_TYPE : 0;
}

int platform_key_read(struct platform_key *key, const void *pem, size_t size)
{
	int err = size > PLATFORM_KEY_PEM_MAX ? VL_E_LIMIT : 0;

	br_skey_decoder_init(&key->decoder);
	if (!err)
		err = decode_pem(key, pem, size);
	if (!err)
		err = check_key(key);
	if (err)
		platform_key_wipe(key);
	return err;
}

void platform_key_wipe(struct platform_key *key)
{
	crypto_wipe(key, sizeof(*key));
}

void platform_public_write(const struct platform_public *key, char out[PLATFORM_PUBLIC_TEXT_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	char *to = out + sizeof(public_head) - 1;

	memcpy(out, public_head, sizeof(public_head) - 1);
	for (size_t i = 0; i < RSA_PSS_BYTES; i++) {
		*to++ = digits[key->modulus[i] >> 4];
		*to++ = digits[key->modulus[i] & 15];
	}
	*to = '\0';
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int platform_public_read(struct platform_public *key, const char *text, size_t size)
{
	const size_t head = sizeof(public_head) - 1;

	while (size && (text[size - 1] == '\n' || text[size - 1] == '\r' || text[size - 1] == ' '))
		size--;
	if (size != PLATFORM_PUBLIC_TEXT_BYTES - 1 || memcmp(text, public_head, head))
		return VL_E_FORMAT;
	for (size_t i = 0; i < RSA_PSS_BYTES; i++) {
		int high = digit(text[head + 2 * i]), low = digit(text[head + 2 * i + 1]);

		if (high < 0 || low < 0)
			return VL_E_FORMAT;
		key->modulus[i] = (uint8_t)(high << 4 | low);
	}
	/* A modulus of fewer bits, or an even one, is none. */
	return key->modulus[0] & 0x80 && key->modulus[RSA_PSS_BYTES - 1] & 1 ? 0 : VL_E_FORMAT;
}
