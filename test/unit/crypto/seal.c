/*
 * Known answers of sealed data keys (security/crypto/seal.h). The protector below was
 * made by OpenSSL: `openssl kdf KBKDF` (HMAC, SHA-256, label ISOHWKEY, context "hash",
 * 64 bytes), `openssl enc -aes-256-cbc`, HMAC-SHA-256 over all before it.
 */
#include "common/base/err.h"
#include "security/crypto/seal.h"

#include <bearssl.h>
#include <check.h>
#include <string.h>

Suite *suite_seal(void);

static const uint8_t protector[] = {
	0x03, 0x00, 0x00, 0x00, 0x80, 0x00, 0x00, 0x00, 0x76, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,
	0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf,
	0x96, 0x20, 0x7e, 0xf4, 0x1d, 0x21, 0x98, 0x58, 0x53, 0xf5, 0x26, 0xe8, 0xbd, 0x77, 0x5f, 0x92,
	0x6c, 0x7d, 0x22, 0x88, 0x4c, 0x97, 0x6a, 0x2f, 0x3e, 0x88, 0x1a, 0x16, 0xcc, 0x57, 0x3f, 0x8f,
	0xd2, 0x35, 0x1f, 0x55, 0x1f, 0xe4, 0xb5, 0x23, 0x04, 0x4f, 0x79, 0x01, 0x56, 0x80, 0xa2, 0x3c,
	0xe1, 0x7e, 0x2d, 0xc3, 0x0f, 0x14, 0x3a, 0xe0, 0xb9, 0xaa, 0x49, 0xec, 0x42, 0x53, 0x75, 0x46,
};
_Static_assert(sizeof(protector) == sizeof(struct sealed_key), "the whole of it");

static uint8_t platform_key[32], iv[16], key[SEAL_KEY_BYTES];

static void setup(void)
{
	for (unsigned i = 0; i < 32; i++) {
		platform_key[i] = (uint8_t)(0x40 + i);
		key[i] = (uint8_t)i;
		iv[i % 16] = (uint8_t)(0xa0 + i % 16);
	}
}

START_TEST(a_sealed_key_is_what_openssl_makes_of_it)
{
	struct sealed_key sealed;

	seal_key(&sealed, platform_key, true, "hash", 4, iv, key);
	ck_assert_mem_eq(&sealed, protector, sizeof(protector));
}
END_TEST

START_TEST(a_sealed_key_that_openssl_made_opens)
{
	struct sealed_key sealed;
	uint8_t out[SEAL_KEY_BYTES];

	memcpy(&sealed, protector, sizeof(sealed));
	ck_assert_int_eq(unseal_key(&sealed, platform_key, "hash", 4, out), 0);
	ck_assert_mem_eq(out, key, sizeof(key));
}
END_TEST

START_TEST(any_altered_bit_another_platform_or_context_opens_nothing)
{
	struct sealed_key sealed;
	uint8_t out[SEAL_KEY_BYTES];

	for (size_t bit = 0; bit < 8 * sizeof(sealed); bit++) {
		memcpy(&sealed, protector, sizeof(sealed));
		((uint8_t *)&sealed)[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert_int_lt(unseal_key(&sealed, platform_key, "hash", 4, out), 0);
	}
	memcpy(&sealed, protector, sizeof(sealed));
	ck_assert_int_eq(unseal_key(&sealed, platform_key, "signer", 6, out), VL_E_AUTH);
	platform_key[31] ^= 1;
	ck_assert_int_eq(unseal_key(&sealed, platform_key, "hash", 4, out), VL_E_AUTH);
}
END_TEST

/* NIST SP 800-38A, F.2.5 and F.2.6, the first two blocks: the cipher that seals. */
START_TEST(aes_256_cbc_gives_the_published_answers)
{
	static const uint8_t aes_key[32] = {
		0x60, 0x3d, 0xeb, 0x10, 0x15, 0xca, 0x71, 0xbe,
		0x2b, 0x73, 0xae, 0xf0, 0x85, 0x7d, 0x77, 0x81,
		0x1f, 0x35, 0x2c, 0x07, 0x3b, 0x61, 0x08, 0xd7,
		0x2d, 0x98, 0x10, 0xa3, 0x09, 0x14, 0xdf, 0xf4,
	};
	static const uint8_t plain[32] = {
		0x6b, 0xc1, 0xbe, 0xe2, 0x2e, 0x40, 0x9f, 0x96,
		0xe9, 0x3d, 0x7e, 0x11, 0x73, 0x93, 0x17, 0x2a,
		0xae, 0x2d, 0x8a, 0x57, 0x1e, 0x03, 0xac, 0x9c,
		0x9e, 0xb7, 0x6f, 0xac, 0x45, 0xaf, 0x8e, 0x51,
	};
	static const uint8_t cipher[32] = {
		0xf5, 0x8c, 0x4c, 0x04, 0xd6, 0xe5, 0xf1, 0xba,
		0x77, 0x9e, 0xab, 0xfb, 0x5f, 0x7b, 0xfb, 0xd6,
		0x9c, 0xfc, 0x4e, 0x96, 0x7e, 0xdb, 0x80, 0x8d,
		0x67, 0x9f, 0x77, 0x7b, 0xc6, 0x70, 0x2c, 0x7d,
	};
	br_aes_ct64_cbcenc_keys encrypt;
	br_aes_ct64_cbcdec_keys decrypt;
	uint8_t chain[16], data[32];

	for (unsigned i = 0; i < 16; i++)
		chain[i] = (uint8_t)i;
	memcpy(data, plain, sizeof(data));
	br_aes_ct64_cbcenc_init(&encrypt, aes_key, sizeof(aes_key));
	br_aes_ct64_cbcenc_run(&encrypt, chain, data, sizeof(data));
	ck_assert_mem_eq(data, cipher, sizeof(data));
	for (unsigned i = 0; i < 16; i++)
		chain[i] = (uint8_t)i;
	br_aes_ct64_cbcdec_init(&decrypt, aes_key, sizeof(aes_key));
	br_aes_ct64_cbcdec_run(&decrypt, chain, data, sizeof(data));
	ck_assert_mem_eq(data, plain, sizeof(data));
}
END_TEST

Suite *suite_seal(void)
{
	Suite *s = suite_create("seal");
	TCase *c = tcase_create("seal");

	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, a_sealed_key_is_what_openssl_makes_of_it);
	tcase_add_test(c, a_sealed_key_that_openssl_made_opens);
	tcase_add_test(c, any_altered_bit_another_platform_or_context_opens_nothing);
	tcase_add_test(c, aes_256_cbc_gives_the_published_answers);
	suite_add_tcase(s, c);
	return s;
}
