/*
 * Known-answer tests of the cryptography that protects the guest's state: what
 * BearSSL computes through our interfaces against the numbers of the standards,
 * or of OpenSSL where a standard has none for our parameters.
 */
#include "common/base/err.h"
#include "security/crypto/gcm.h"
#include "security/crypto/kdf.h"
#include "security/crypto/keywrap.h"

#include <check.h>
#include <string.h>

Suite *suite_crypto(void);

static size_t unhex(const char *hex, uint8_t *out)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		unsigned high = (unsigned)(hex[2 * i] <= '9' ? hex[2 * i] - '0' : hex[2 * i] - 'a' + 10);
		unsigned low = (unsigned)(hex[2 * i + 1] <= '9' ? hex[2 * i + 1] - '0' :
				hex[2 * i + 1] - 'a' + 10);

		out[i] = (uint8_t)(high << 4 | low);
	}
	return n;
}

static void expect(const uint8_t *got, const char *hex)
{
	uint8_t wanted[600];

	ck_assert_mem_eq(got, wanted, unhex(hex, wanted));
}

/* The GCM specification's test cases for AES-256 and a nonce of 96 bits without additional data: 13 to 15. */
START_TEST(aes_256_gcm_gives_the_published_answers)
{
	static const struct {
		const char *key, *nonce, *plain, *cipher, *tag;
	} cases[] = {
		{ "0000000000000000000000000000000000000000000000000000000000000000",
		  "000000000000000000000000", "", "",
		  "530f8afbc74536b9a963b4f1c4cb738b" },
		{ "0000000000000000000000000000000000000000000000000000000000000000",
		  "000000000000000000000000",
		  "00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18",
		  "d0d1c8a799996bf0265b98b5d48ab919" },
		{ "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
		  "cafebabefacedbaddecaf888",
		  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
		  "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
		  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
		  "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
		  "b094dac5d93471bdec1a502270e3cc6c" },
	};
	uint8_t key[32], nonce[12], text[64], plain[64], tag[16];

	for (size_t i = 0; i < VL_ARRAY_COUNT(cases); i++) {
		size_t size = unhex(cases[i].plain, text);

		unhex(cases[i].key, key);
		unhex(cases[i].nonce, nonce);
		memcpy(plain, text, size);
		gcm_seal(key, nonce, text, size, tag);
		expect(text, cases[i].cipher);
		expect(tag, cases[i].tag);
		ck_assert_int_eq(gcm_open(key, nonce, text, size, tag), 0);
		ck_assert_mem_eq(text, plain, size);
		tag[15] ^= 1;
		memset(text, 1, sizeof(text));
		ck_assert_int_eq(gcm_open(key, nonce, text, size, tag), VL_E_AUTH);
		ck_assert(!size || (!text[0] && !text[size - 1]));
	}
}
END_TEST

START_TEST(gcm_in_pieces_is_gcm_in_one)
{
	static uint8_t a[5000], b[5000];
	static const uint8_t key[32] = { 7 }, nonce[12] = { 9 };
	uint8_t whole[16], pieces[16];
	struct gcm g;

	gcm_seal(key, nonce, a, sizeof(a), whole);
	gcm_begin(&g, key, nonce);
	gcm_run(&g, true, b, 4096);
	gcm_run(&g, true, b + 4096, sizeof(b) - 4096);
	gcm_tag(&g, pieces);
	ck_assert_mem_eq(a, b, sizeof(a));
	ck_assert_mem_eq(whole, pieces, 16);
	gcm_wipe(&g);
	for (size_t i = 0; i < sizeof(g); i++)
		ck_assert_uint_eq(((uint8_t *)&g)[i], 0);
}
END_TEST

/* FIPS 180-4's example "abc". */
START_TEST(sha_256_and_384_give_the_published_answers)
{
	uint8_t out[48];
	br_sha256_context c;
	br_sha384_context d;

	br_sha256_init(&c);
	br_sha256_update(&c, "abc", 3);
	br_sha256_out(&c, out);
	expect(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	br_sha384_init(&d);
	br_sha384_update(&d, "abc", 3);
	br_sha384_out(&d, out);
	expect(out, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
		    "8086072ba1e7cc2358baeca134c825a7");
}
END_TEST

/* RFC 4231, cases 1, 2 and 6 (a key longer than a block). */
START_TEST(hmac_sha_256_gives_the_published_answers)
{
	static const char long_text[] = "Test Using Larger Than Block-Size Key - Hash Key First";
	uint8_t key[131], out[32];

	memset(key, 0x0b, 20);
	hmac_sha256(key, 20, "Hi There", 8, out);
	expect(out, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, out);
	expect(out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, 131);
	hmac_sha256(key, 131, long_text, sizeof(long_text) - 1, out);
	expect(out, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}
END_TEST

/* NIST CAVP, KBKDF in counter mode, HMAC-SHA-256, counter before the fixed data, 32 bits, L 128, count 0. */
START_TEST(sp_800_108_gives_the_published_answer)
{
	uint8_t key[32], fixed[60], out[16];

	unhex("dd1d91b7d90b2bd3138533ce92b272fbf8a369316aefe242e659cc0ae238afe0", key);
	ck_assert_uint_eq(unhex("01322b96b30acd197979444e468e1c5c6859bf1b1cf951b7e725303e237e46b8"
				"64a145fab25e517b08f8683d0315bb2911d80a0e8aba17f3b413faac", fixed), 60);
	kdf_fixed(key, sizeof(key), fixed, sizeof(fixed), out, sizeof(out));
	expect(out, "10621342bfb0fd40046c0e29f2cfdbf0");
}
END_TEST

START_TEST(a_derived_key_has_label_context_and_length_in_it)
{
	static const uint8_t fixed[] = { 'L', 'A', 'B', 0, 'c', 't', 'x', 0, 0, 2, 0x80 };
	static const uint8_t key[32] = { 5 };
	uint8_t a[80], b[80], shorter[40];

	kdf(key, sizeof(key), "LAB", "ctx", 3, a, sizeof(a));
	kdf_fixed(key, sizeof(key), fixed, sizeof(fixed), b, sizeof(b));
	ck_assert_mem_eq(a, b, sizeof(a));
	kdf(key, sizeof(key), "LAB", "ctx", 3, shorter, sizeof(shorter));
	ck_assert_mem_ne(a, shorter, sizeof(shorter));
	kdf(key, sizeof(key), "LA", "Bctx", 4, b, sizeof(b));
	ck_assert_mem_ne(a, b, sizeof(a));
}
END_TEST

/* RFC 5649, section 6, both examples: 20 bytes and 7 bytes under a key of 192 bits. */
START_TEST(aes_key_wrap_gives_the_published_answers)
{
	uint8_t kek[24], data[20], out[KEYWRAP_BYTES(20)], back[20];

	unhex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8", kek);
	ck_assert_uint_eq(unhex("c37b7e6492584340bed12207808941155068f738", data), 20);
	ck_assert_int_eq(keywrap(kek, 24, data, 20, out), 0);
	expect(out, "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a");
	ck_assert_int_eq(keyunwrap(kek, 24, out, 32, back, sizeof(back)), 20);
	ck_assert_mem_eq(back, data, 20);
	unhex("466f7250617369", data);
	ck_assert_int_eq(keywrap(kek, 24, data, 7, out), 0);
	expect(out, "afbeb0f07dfbf5419200f2ccb50bb24f");
	ck_assert_int_eq(keyunwrap(kek, 24, out, 16, back, sizeof(back)), 7);
	ck_assert_mem_eq(back, data, 7);
}
END_TEST

START_TEST(a_wrapped_key_that_was_altered_is_refused)
{
	static const uint8_t kek[32] = { 1 };
	uint8_t data[KEYWRAP_DATA_MAX] = { 2 }, out[KEYWRAP_BYTES(KEYWRAP_DATA_MAX)], back[KEYWRAP_DATA_MAX];

	for (size_t size = 1; size <= 41; size += 4) {
		size_t wrapped = KEYWRAP_BYTES(size);

		ck_assert_int_eq(keywrap(kek, 32, data, size, out), 0);
		ck_assert_int_eq(keyunwrap(kek, 32, out, wrapped, back, size - 1), VL_E_NOSPACE);
		for (size_t i = 0; i < wrapped; i++) {
			out[i] ^= 4;
			ck_assert_int_eq(keyunwrap(kek, 32, out, wrapped, back, sizeof(back)), VL_E_AUTH);
			out[i] ^= 4;
		}
	}
	ck_assert_int_eq(keywrap(kek, 32, data, 0, out), VL_E_RANGE);
	ck_assert_int_eq(keywrap(kek, 32, data, KEYWRAP_DATA_MAX + 1, out), VL_E_RANGE);
	ck_assert_int_eq(keyunwrap(kek, 32, out, 12, back, sizeof(back)), VL_E_RANGE);
	ck_assert_int_eq(keyunwrap(kek, 32, out, 8, back, sizeof(back)), VL_E_RANGE);
	ck_assert_int_eq(keyunwrap(kek, 32, out, sizeof(out) + 8, back, sizeof(back)), VL_E_RANGE);
}
END_TEST

/* --- RSA-OAEP with SHA-256 around an AES key ------------------------------------------------------ */

static const char rsa_p[] =
	"fe6314520cca50a748b8e60f3788dfd639dc38b0db939a6a2285bd3061f317f3cf10f48ed9861f3af5fc89fec3bf75c8"
	"8f1cba598813db7de8e744a3657de6dea3a1a280a8c6e99a2d8211028709aabe292ca5fac5c8c6250b1925c27b686617"
	"e98d9ea567198513bef346927ac24a7e5e92743300cfd51141e9857da0888a09";
static const char rsa_q[] =
	"bc5323c3c57d4b806deae11a2688251267e84790c81796591e540532dc84924bfa6f038c897fd0625763b246ba92c66d"
	"70fde410cfbbfdd92471c1cb40ee23f9e32cb81d57b9f05383b861b181390b93fbbe0bb7b2fc56d30c1ff8416756eb90"
	"645881111854a82f03373b4b80fe0ec1bfa15f67b49f9957fc3565f4ed8df7cb";
static const char rsa_dp[] =
	"e565bd9e5c105978f0f863e61703642e9010ca429a4fd9b09a1f16433a20f8599141cdf7bfaad620da5078b4781b0080"
	"f2a54a5a907eafb13444d13db3b93c674b11e833b37f648af73cd250002c347fb52ba125aa13eab2def63779d0c58d43"
	"4506c3a88e7791ed0385e7ff119a8188c189ba258036eb01dbf954babbf844d9";
static const char rsa_dq[] =
	"61e642806228e958014c09eb033ee12eb94f79ec9ce80e2393ed8faa4a12accecc886b6ae28bcc3363449387cb33c3ed"
	"5ec0cd8fa3be118f912f85d3f89413a5b2e02b722d899e927bb61d2b1e871e2ab6c2abeaba240daab6f1e3a774662e1d"
	"28dd0d736a978fbaa8cc4c89caabc7d6169d78303c287f99caa5a3b3f8ce4593";
static const char rsa_iq[] =
	"98f36f7710e916034db258a551941cb7b3290f337e89377bef556be101c894c13bc67e3675638bf278b9b8417d5a971e"
	"fa78c0cb8326745c3fa207c114a30c4394208961b12289b1fc4e713dccdf51c3d0632ec554c1689fefb0f94e7685a2fe"
	"b090998072e56816078aaaa0e667aa1abca8676ba53fa0dd9d07448b64290fad";
static const char rsa_n[] =
	"bb236095ed7d2b1d1c6662c9cb18fa8b21c66b1ab704144efae6e041fe2e63624719698357059c0ffe720187bdd9675e"
	"6a72b578fd244990dee9383483dddf303e40611c40b699a105f3d9b76ded4926e4c9ca03567aee76cfda0cb102727b06"
	"687fcb25e60248b2042085083a7b63a0da7fcfb4f98d29a5a8c1a0b0317fe043c7ab8868c8ebb5311cfdc9b77c8d1a18"
	"b01145d088ee9bb71e13ba5ee53689145f98bee1f60af190106d7506702c6acf07375224c3452198df7cf6494816767e"
	"82eacde9962f120beb602ad4226156ca318ca10e4b02dd1e846162ceb4666570fb82f8cbba81a2ea1b5b5f3ac69cdf4f"
	"608fa645f9abd3c2b83f011465692423";
/* The transfer of "forty bytes of a secret, in RSA-AES form", made by OpenSSL. */
static const char transferred[] =
	"b95a6cc1d89ae060126c4c3866e01eebe86f440647bf9070bf2fc7a4a6eb83b8c3e188524641c1da93ee631b183fdd9a"
	"6f7ca4e01430abf74cd5a86c02c8f3be0a88c71aa52a20095d6eece7b3866c94c038ca7969d23efe27c805487d1629fb"
	"758e8dd49c52cf67a08dcc8eba620dcc2ec5db2d2d24e3c5783b519553790931a825655ae4ab25019cba4cae0453c04d"
	"71842dedb48f69aacb2e0678cacae3f98551a14a85cf9216ff2aa2a0ee7eeaeac707b7eca76f23b0012529f7c71f512d"
	"b8cbfa8235dc2e1d2ae58e4ac3ca69295ca5ea98561c3f78e349b9cf4cb6743805576b1455a8c0c6a50dbdcf2008c0be"
	"2c08fc4b314d45aa6c5274f38f354fd8a68cfe5ee44fbadfd3c95556d8621dd4c193f68179eff67549f06af660ddedc6"
	"c180a0876e102bd2b5d361dfd19be5df";
static uint8_t p[128], q[128], dp[128], dq[128], iq[128], n[256];
static br_rsa_private_key private_key = { 2048, p, 128, q, 128, dp, 128, dq, 128, iq, 128 };
static uint8_t exponent[] = { 1, 0, 1 };
static br_rsa_public_key public_key = { n, 256, exponent, 3 };

static void setup_rsa(void)
{
	unhex(rsa_p, p);
	unhex(rsa_q, q);
	unhex(rsa_dp, dp);
	unhex(rsa_dq, dq);
	unhex(rsa_iq, iq);
	unhex(rsa_n, n);
}

START_TEST(a_transfer_that_another_library_made_is_understood)
{
	uint8_t wrapped[TRANSFER_BYTES(40)], out[40];

	ck_assert_uint_eq(unhex(transferred, wrapped), sizeof(wrapped));
	ck_assert_int_eq(transfer_unwrap(&private_key, wrapped, sizeof(wrapped), out, sizeof(out)), 40);
	ck_assert_mem_eq(out, "forty bytes of a secret, in RSA-AES form", 40);
}
END_TEST

START_TEST(a_transfer_comes_back_and_an_altered_one_does_not)
{
	uint8_t random[64] = { 3 }, data[80] = { 4 }, wrapped[TRANSFER_BYTES(80)], out[80];

	ck_assert_int_eq(transfer_wrap(&public_key, random, data, sizeof(data), wrapped), 0);
	ck_assert_int_eq(transfer_unwrap(&private_key, wrapped, sizeof(wrapped), out, sizeof(out)), 80);
	ck_assert_mem_eq(out, data, sizeof(data));
	for (size_t i = 0; i < sizeof(wrapped); i += 7) {
		wrapped[i] ^= 1;
		ck_assert_int_eq(transfer_unwrap(&private_key, wrapped, sizeof(wrapped), out, sizeof(out)),
				VL_E_AUTH);
		wrapped[i] ^= 1;
	}
	ck_assert_int_eq(transfer_unwrap(&private_key, wrapped, 256, out, sizeof(out)), VL_E_TRUNCATED);
	ck_assert_int_eq(transfer_unwrap(&private_key, wrapped, sizeof(wrapped), out, 79), VL_E_NOSPACE);
}
END_TEST

START_TEST(secrets_are_compared_whole)
{
	ck_assert(crypto_equal("same", "same", 4));
	ck_assert(!crypto_equal("same", "samE", 4));
	ck_assert(!crypto_equal("same", "Same", 4));
	ck_assert(crypto_equal("a", "b", 0));
}
END_TEST

Suite *suite_crypto(void)
{
	Suite *s = suite_create("crypto");
	TCase *c = tcase_create("crypto");

	tcase_add_checked_fixture(c, setup_rsa, NULL);
	tcase_add_test(c, aes_256_gcm_gives_the_published_answers);
	tcase_add_test(c, gcm_in_pieces_is_gcm_in_one);
	tcase_add_test(c, sha_256_and_384_give_the_published_answers);
	tcase_add_test(c, hmac_sha_256_gives_the_published_answers);
	tcase_add_test(c, sp_800_108_gives_the_published_answer);
	tcase_add_test(c, a_derived_key_has_label_context_and_length_in_it);
	tcase_add_test(c, aes_key_wrap_gives_the_published_answers);
	tcase_add_test(c, a_wrapped_key_that_was_altered_is_refused);
	tcase_add_test(c, a_transfer_that_another_library_made_is_understood);
	tcase_add_test(c, a_transfer_comes_back_and_an_altered_one_does_not);
	tcase_add_test(c, secrets_are_compared_whole);
	suite_add_tcase(s, c);
	return s;
}
