/*
 * VBS reports and platform keys (security/report), against signatures that other
 * implementations made: Python's cryptography over OpenSSL for a random salt, and
 * RFC 8017 written out in Python's integers for a fixed one.
 */
#include "common/base/err.h"
#include "security/crypto/gcm.h"
#include "security/report/report.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *suite_report(void);

static const char pem[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDJF6uKmrpvt3E3\n"
	"4XhDWm/T++rw/nsSiJB2H5lJkESYEqrm/1ntRe/4DDR7MWBHwDgGHbha5dwXycQw\n"
	"MCq3gF03wskutAS5I0KdHb9bhUftApnHSt7eTEpnNHaVtdISDECjqudVUdlUY639\n"
	"8Ql2a5FSqhq8we75b1msXq0W0dI+s5z15FFPCcnK3tLXAqlkBcAcsDf26O1uEra/\n"
	"oO2rVC7MtU6NLHokIJ/qfBg4bHsNRoKBw1bqveAGaMBtM08YlRzo2PSoJb1zt1pa\n"
	"CqGPuiD6pCssXzYDtDLChO652WJy1R2D75gFwG/9JGwMVUfBmlK+OSaZRSKVCa6H\n"
	"rLkF+twBAgMBAAECggEAGw0EFnEaA005/bpm4yiXQnzw7dpN1ABq7njxteOiVpKs\n"
	"Ssau4iw2S7fYl3nc6coBv1DgK9of8VNDAPh5xpWN9KJPTekJeZ40p84In9ceBdQD\n"
	"u7tmn6DDoX59NUZwK91aFKo41FFeWuvNzAtQqo1tzyDy19F+xC8mcPmLbzZqgeSK\n"
	"eXZXHYmrZoYFSD+OKE63fijQUrfpX1H9bDy749pHuRPGitvX2b1WhzOTbB+dZBV9\n"
	"LkPsdF4dJmQ+rZottM8xfWIpUUFLzfsdaq//fuiVA2MMgmRKQD6UNB6GgzBV5zZy\n"
	"kyZ0jPCxZh3hdUpco9J0wB7MDx+Lris9xyuKL23JwQKBgQDoNBUHh9pbflCQj5s3\n"
	"nvgnmDxTGw+wgF353LgdOwi+C7JxiOE52PngwV/ZiRb45PHj8TKkAmDHDpso0/wX\n"
	"2MBhCxx1PaIYdFTsnEbzv+J2pPMAfo9GtmwCSMD+9hr/DQzij8OEr9rwmu8FDhcW\n"
	"hDZZ3CyOJgaDvR2iqS1ytCLo3wKBgQDds2IWjvHXwoZ7eef0j7a4M5oJOmPOJDM0\n"
	"zqLjAYnTnkvRcPGAtlNXa7iChtMkMu7VR5bkYVHnH7gSqp0aAiC/N8O8pTYj22ia\n"
	"LOGVOCUkLfdTaBj52zI5OZHqI7gVlqwRyhhWmviYRlpZ5FieedDoFQ2iu2MCzQj4\n"
	"SRY7x593HwKBgQCJ3mKeFguQR2+OZbXDUKAG4lzu+yJVqeIieOrYcDTAojFRN/SC\n"
	"ZFH5INfIUZ1SKp10ucFXoBHWHtYBZ9xGTGvtMquy8OVNn8TMt/1ovIW57DZcFMj9\n"
	"M1LuCESPHZDp3tXHr5RnNALK2TMRzUvoEpgywoex3uH/VkpCSjCx6kLQAQKBgDI6\n"
	"cf6qZCB98foHpIXECaGyDzQIBpStnuxX5I+JybAoLQVGkXCX3knwHd10rmGFKJcp\n"
	"oQYdBnFWvl18ShuaX9Dy0WXsCFgXXZuQj4s/LSsFPwOmkgIJp1dPs79YWFyLxnBB\n"
	"WUJF2gyl49J56Zn9/1aVboFv8v6vdVjLNj5U+8wBAoGAfgN3j6uzS5WC+wjcnvAS\n"
	"kEXX7f3njroRe0XwkwJzszg1EdF0hFQrF2saIKU+m0Fu8LNyXA5VmUlTf29Lp1Qz\n"
	"UbXYTsq4djALpGDc01YKHVVckDV3SBcFsxIhZP4Vf+e8/kzepl7kFZAJBDHCyGo9\n"
	"e76IsZMDvzgP9Noj/b5dzg4=\n"
	"-----END PRIVATE KEY-----\n";
static const char modulus[] =
	"c917ab8a9aba6fb77137e178435a6fd3fbeaf0fe7b128890761f994990449812aae6ff59ed45eff80c347b31"
	"6047c038061db85ae5dc17c9c430302ab7805d37c2c92eb404b923429d1dbf5b8547ed0299c74adede4c4a67"
	"347695b5d2120c40a3aae75551d95463adfdf109766b9152aa1abcc1eef96f59ac5ead16d1d23eb39cf5e451"
	"4f09c9caded2d702a96405c01cb037f6e8ed6e12b6bfa0edab542eccb54e8d2c7a24209fea7c18386c7b0d46"
	"8281c356eabde00668c06d334f18951ce8d8f4a825bd73b75a5a0aa18fba20faa42b2c5f3603b432c284eeb9"
	"d96272d51d83ef9805c06ffd246c0c5547c19a52be39269945229509ae87acb905fadc01";
/* Of SHA-256("Vallum"), by OpenSSL. */
static const char foreign_signature[] =
	"69ec0f9703e76432c802b5ed20e92f536342c5517541ff085db3bc4ac7200291abf01686a51346038ffa7e36"
	"fe646bedef80f82daed07227e1143dc4345b896da1772230627bb8c1a5b0293e8f2fede3fe7f2bdf35e287fe"
	"138f01844829e7e30e6863495e8006895567f606acf343ed11ccb975f44e65f668bc16e0debae6d69c84e1e7"
	"66cbbd7012dfbb50b43337057661d01b6fe6dc8afe8b606a8af22673d5ec85d729a4cb8f3cc568a86df34e5f"
	"9b4a4339d9e1d5eb01128a2f5b2c09207e6bdcdc42eb1dc316c9280358250c585475af1842f0a8d79de9793c"
	"d564a94f97695fda203f91f16c2cb7fa31dcd4bcd5eeb57b6920855e061b0c8e44a48081";
/* The same with the salt 00 01 .. 1f, by the formulas. */
static const char computed_signature[] =
	"672c545de9ffe4a49af2a1b3e27214bb6cc753ba07201c414c43c11b46c7500df4f0bf85454bb29f6621221a"
	"ac97064ba5d8526358f167b920149827f1e54e554384ffada4f8836674937bcfbbda8df10bcabece02353205"
	"1686ebe05eeace07289deaa44cda1b23043f5edb84ed084cbf466349e26b490b5448055e1bf7ba551cb6dabf"
	"f54bead441a9dae736dbff7280a5e1c00d548ed865952b1e930f4a8adad828af7c014e51e66c2b21d236dff4"
	"937c9392524be514fb535ac64205a89cdea24e6c93dc686c9ca56b6c6a16bf49c120a7ac1a55ca7681e4152e"
	"5a5376cbcfc1da47715305450bc894f2fc5c53c64f33ad64b4db621fb25b758bc916bebd";

static struct platform_key key;
static struct platform_public public;
static uint8_t salt[RSA_PSS_SALT_BYTES];

static void from_hex(const char *text, uint8_t *out, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		char two[3] = { text[2 * i], text[2 * i + 1], 0 };

		out[i] = (uint8_t)strtoul(two, NULL, 16);
	}
}

static void hash_of(const char *text, uint8_t hash[RSA_PSS_HASH_BYTES])
{
	br_sha256_context c;

	br_sha256_init(&c);
	br_sha256_update(&c, text, strlen(text));
	br_sha256_out(&c, hash);
}

static void set_up(void)
{
	ck_assert_int_eq(platform_key_read(&key, pem, sizeof(pem) - 1), 0);
	public = key.public;
	for (unsigned i = 0; i < sizeof(salt); i++)
		salt[i] = (uint8_t)i;
}

static void tear_down(void)
{
	platform_key_wipe(&key);
}

static void make_report(struct vbs_report *r)
{
	memset(r, 0, sizeof(*r));
	memset(r->report_data, 0x5a, sizeof(r->report_data));
	memset(r->identity.measurement, 0x77, sizeof(r->identity.measurement));
	r->identity.guest_vtl = cpu_to_le32(2);
	ck_assert_int_eq(report_sign(r, &key, salt), 0);
}

START_TEST(a_signature_of_another_implementation_verifies)
{
	uint8_t hash[RSA_PSS_HASH_BYTES], signature[RSA_PSS_BYTES];

	hash_of("Vallum", hash);
	from_hex(foreign_signature, signature, sizeof(signature));
	ck_assert_int_eq(rsa_pss_verify(public.modulus, hash, signature), 0);
	hash[0] ^= 1;
	ck_assert_int_eq(rsa_pss_verify(public.modulus, hash, signature), VL_E_AUTH);
}
END_TEST

START_TEST(a_signature_is_what_the_standard_says_for_that_salt)
{
	uint8_t hash[RSA_PSS_HASH_BYTES], signature[RSA_PSS_BYTES], expected[RSA_PSS_BYTES];

	hash_of("Vallum", hash);
	from_hex(computed_signature, expected, sizeof(expected));
	ck_assert_int_eq(rsa_pss_sign(br_skey_decoder_get_rsa(&key.decoder), public.modulus, hash, salt,
		signature), 0);
	ck_assert_mem_eq(signature, expected, sizeof(expected));
}
END_TEST

START_TEST(a_report_that_was_signed_comes_back_whole)
{
	struct vbs_report made, seen;

	make_report(&made);
	ck_assert_int_eq(report_verify(&seen, &made, sizeof(made), &public), 0);
	ck_assert_mem_eq(&seen, &made, sizeof(made));
}
END_TEST

START_TEST(a_report_with_any_byte_altered_is_refused)
{
	static const struct vbs_report nothing;
	struct vbs_report made, seen;
	uint8_t *bytes = (uint8_t *)&made;

	make_report(&made);
	for (size_t i = 0; i < sizeof(made); i++) {
		bytes[i] ^= 0x10;
		ck_assert_int_lt(report_verify(&seen, &made, sizeof(made), &public), 0);
		ck_assert_mem_eq(&seen, &nothing, sizeof(nothing));
		bytes[i] ^= 0x10;
	}
}
END_TEST

START_TEST(a_report_names_what_is_wrong_with_it)
{
	struct vbs_report made, seen, r;

	make_report(&made);
	ck_assert_int_eq(report_verify(&seen, &made, sizeof(made) - 1, &public), VL_E_TRUNCATED);
	r = made;
	r.header.version = cpu_to_le32(2);
	ck_assert_int_eq(report_verify(&seen, &r, sizeof(r), &public), VL_E_VERSION);
	r = made;
	r.header.signature_scheme = cpu_to_le32(9);
	ck_assert_int_eq(report_verify(&seen, &r, sizeof(r), &public), VL_E_TYPE);
	r = made;
	r.header.package_bytes = cpu_to_le32(4096);
	ck_assert_int_eq(report_verify(&seen, &r, sizeof(r), &public), VL_E_RANGE);
	r = made;
	r.identity.reserved[63] = 1;
	ck_assert_int_eq(report_verify(&seen, &r, sizeof(r), &public), VL_E_RESERVED);
	r = made;
	r.identity.measurement[0]++;
	ck_assert_int_eq(report_verify(&seen, &r, sizeof(r), &public), VL_E_AUTH);
}
END_TEST

START_TEST(a_report_of_another_platform_is_refused)
{
	struct platform_public other = public;
	struct vbs_report made, seen;

	make_report(&made);
	other.modulus[100] ^= 1;
	ck_assert_int_eq(report_verify(&seen, &made, sizeof(made), &other), VL_E_AUTH);
}
END_TEST

START_TEST(a_key_file_gives_the_modulus_that_openssl_sees)
{
	uint8_t expected[RSA_PSS_BYTES];

	from_hex(modulus, expected, sizeof(expected));
	ck_assert_mem_eq(key.public.modulus, expected, sizeof(expected));
}
END_TEST

START_TEST(a_key_file_that_is_none_is_refused_and_leaves_nothing)
{
	static const struct platform_key wiped;
	static char text[PLATFORM_KEY_PEM_MAX + 1];
	struct platform_key k;

	memset(text, '\n', sizeof(text));
	ck_assert_int_eq(platform_key_read(&k, text, sizeof(text)), VL_E_LIMIT);
	ck_assert_int_eq(platform_key_read(&k, text, 100), VL_E_FORMAT);
	ck_assert_int_eq(platform_key_read(&k, pem, sizeof(pem) / 2), VL_E_FORMAT);
	memcpy(text, pem, sizeof(pem));
	text[sizeof(pem) / 2] ^= 1;
	ck_assert_int_lt(platform_key_read(&k, text, sizeof(pem) - 1), 0);
	ck_assert_mem_eq(&k, &wiped, sizeof(k));
}
END_TEST

START_TEST(a_public_key_survives_its_text)
{
	char text[PLATFORM_PUBLIC_TEXT_BYTES + 2];
	struct platform_public seen;

	platform_public_write(&public, text);
	ck_assert_uint_eq(strlen(text), PLATFORM_PUBLIC_TEXT_BYTES - 1);
	strcat(text, "\r\n");
	ck_assert_int_eq(platform_public_read(&seen, text, strlen(text)), 0);
	ck_assert_mem_eq(&seen, &public, sizeof(public));
	text[30] = 'g';
	ck_assert_int_eq(platform_public_read(&seen, text, strlen(text)), VL_E_FORMAT);
	ck_assert_int_eq(platform_public_read(&seen, text, 100), VL_E_FORMAT);
	ck_assert_int_eq(platform_public_read(&seen, "", 0), VL_E_FORMAT);
}
END_TEST

Suite *suite_report(void)
{
	Suite *s = suite_create("report");
	TCase *c = tcase_create("report");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, a_signature_of_another_implementation_verifies);
	tcase_add_test(c, a_signature_is_what_the_standard_says_for_that_salt);
	tcase_add_test(c, a_report_that_was_signed_comes_back_whole);
	tcase_add_test(c, a_report_with_any_byte_altered_is_refused);
	tcase_add_test(c, a_report_names_what_is_wrong_with_it);
	tcase_add_test(c, a_report_of_another_platform_is_refused);
	tcase_add_test(c, a_key_file_gives_the_modulus_that_openssl_sees);
	tcase_add_test(c, a_key_file_that_is_none_is_refused_and_leaves_nothing);
	tcase_add_test(c, a_public_key_survives_its_text);
	suite_add_tcase(s, c);
	return s;
}
