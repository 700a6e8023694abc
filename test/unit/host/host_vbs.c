/*
 * Measured launch of the reference host (tools/host/vbs.h): what it measures,
 * what it signs for VTL2, what it refuses.
 */
#include "common/base/err.h"
#include "common/igvm/measure.h"
#include "security/report/report.h"
#include "test/unit/igvm/sample.h"
#include "tools/host/vbs.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Suite *suite_host_vbs(void);

static struct {
	struct sample sample;
	struct image image;
	struct host_config config;
	struct platform_public public;
	char key_path[64];
} t;

/* A key of 2048 bits, made anew: none is kept in the tree. */
static void make_key(void)
{
	static unsigned char private_bytes[BR_RSA_KBUF_PRIV_SIZE(2048)],
			public_bytes[BR_RSA_KBUF_PUB_SIZE(2048)];
	static unsigned char exponent[256], der[2048];
	static char pem[4096];
	br_rsa_private_key private;
	br_rsa_public_key public;
	br_hmac_drbg_context random;
	size_t size;
	FILE *file;

	br_hmac_drbg_init(&random, &br_sha256_vtable, "vallum", 6);
	ck_assert_uint_eq(br_rsa_keygen_get_default()(&random.vtable, &private, private_bytes, &public,
		public_bytes, 2048, 65537), 1);
	size = br_rsa_compute_privexp_get_default()(exponent, &private, 65537);
	size = br_encode_rsa_pkcs8_der(der, &private, &public, exponent, size);
	size = br_pem_encode(pem, der, size, "PRIVATE KEY", 0);
	memcpy(t.public.modulus, public.n, sizeof(t.public.modulus));
	snprintf(t.key_path, sizeof(t.key_path), "/tmp/vallum-key.%d", (int)getpid());
	file = fopen(t.key_path, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(pem, 1, size, file), size);
	ck_assert_int_eq(fclose(file), 0);
}

/* The sample's VBS_MEASUREMENT: of version 1, SHA-256, with its own digest, number 7, debugging. */
static void say_measurement(void)
{
	size_t at = sample_find(&t.sample, IGVM_VBS_MEASUREMENT, 0) + 8;
	static const uint32_t words[] = { SAMPLE_VSM, IGVM_VBS_MEASUREMENT_VERSION, 1, 2, 7,
		IGVM_VBS_POLICY_DEBUG, IGVM_VBS_DIGEST_SHA256, IGVM_VBS_SIGNING_NONE };
	struct igvm_vbs_measurement m;

	for (size_t i = 0; i < VL_ARRAY_COUNT(words); i++)
		sample_put(&t.sample, at + 4 * i, 4, words[i]);
	sample_seal(&t.sample);
	ck_assert_int_eq(igvm_open(&t.image.file, t.sample.bytes, t.sample.size, NULL), 0);
	ck_assert_int_eq(igvm_measure_vbs(&t.image.file, SAMPLE_VSM, t.sample.bytes + at + 32, NULL), 0);
	sample_seal(&t.sample);
	ck_assert_int_eq(igvm_open(&t.image.file, t.sample.bytes, t.sample.size, NULL), 0);
	ck_assert_int_eq(igvm_vbs_measurement(&t.image.file, SAMPLE_VSM, &m), 0);
}

static void set_up(void)
{
	memset(&t, 0, sizeof(t));
	make_key();
	sample_x64(&t.sample);
	say_measurement();
	t.image.platform.mask = SAMPLE_VSM;
	t.config = (struct host_config){ .igvm = "sample", .isolation = HOST_ISOLATION_VBS,
		.platform_key = t.key_path };
}

static void tear_down(void)
{
	unlink(t.key_path);
	sample_free(&t.sample);
}

static struct host_call call;

static uint16_t ask(const struct host_vbs *vbs, uint8_t filler)
{
	memset(&call, 0, sizeof(call));
	memset(call.in, filler, VBS_REPORT_DATA_BYTES);
	call.in_bytes = VL_PAGE_BYTES;
	return host_vbs_report(vbs, &call);
}

START_TEST(the_report_names_the_digest_of_the_image_and_the_data_of_vtl2)
{
	uint8_t digest[IGVM_VBS_DIGEST_BYTES], data[VBS_REPORT_DATA_BYTES];
	struct vbs_report report;
	struct host_vbs *vbs;

	memset(data, 0x3c, sizeof(data));
	ck_assert_int_eq(host_vbs_create(&t.config, &t.image, &vbs), 0);
	ck_assert_uint_eq(ask(vbs, 0x3c), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(call.out_bytes, VBS_REPORT_OUTPUT_BYTES);
	ck_assert_int_eq(report_verify(&report, call.out, call.out_bytes, &t.public), 0);
	ck_assert_int_eq(igvm_measure_vbs(&t.image.file, SAMPLE_VSM, digest, NULL), 0);
	ck_assert_mem_eq(report.identity.measurement, digest, sizeof(digest));
	ck_assert_mem_eq(report.report_data, data, sizeof(data));
	ck_assert_uint_eq(le32_to_cpu(report.identity.guest_vtl), 2);
	ck_assert_uint_eq(le32_to_cpu(report.identity.guest_svn), 7);
	ck_assert_uint_eq(le32_to_cpu(report.identity.policy), VBS_POLICY_DEBUG);
	host_vbs_destroy(vbs);
}
END_TEST

START_TEST(a_partition_that_is_not_isolated_has_no_report)
{
	struct host_vbs *vbs;

	t.config.isolation = HOST_ISOLATION_NONE;
	ck_assert_int_eq(host_vbs_create(&t.config, &t.image, &vbs), 0);
	ck_assert_ptr_null(vbs);
	ck_assert_uint_eq(ask(vbs, 0), HV_STATUS_INVALID_PARTITION_STATE);
	ck_assert_uint_eq(call.out_bytes, 0);
}
END_TEST

START_TEST(a_call_without_its_input_is_refused)
{
	struct host_vbs *vbs;

	ck_assert_int_eq(host_vbs_create(&t.config, &t.image, &vbs), 0);
	memset(&call, 0, sizeof(call));
	call.in_bytes = VBS_REPORT_INPUT_BYTES - 1;
	ck_assert_uint_eq(host_vbs_report(vbs, &call), HV_STATUS_INVALID_HYPERCALL_INPUT);
	call.in_bytes = VBS_REPORT_INPUT_BYTES;
	call.fast = true;
	ck_assert_uint_eq(host_vbs_report(vbs, &call), HV_STATUS_INVALID_HYPERCALL_INPUT);
	ck_assert_uint_eq(call.out_bytes, 0);
	host_vbs_destroy(vbs);
}
END_TEST

START_TEST(every_boot_has_its_own_owner)
{
	uint8_t first[VBS_DIGEST_BYTES];
	struct host_vbs *vbs;

	ck_assert_int_eq(host_vbs_create(&t.config, &t.image, &vbs), 0);
	ck_assert_uint_eq(ask(vbs, 0), HV_STATUS_SUCCESS);
	memcpy(first, ((const struct vbs_report *)call.out)->identity.owner_id, sizeof(first));
	host_vbs_destroy(vbs);
	ck_assert_int_eq(host_vbs_create(&t.config, &t.image, &vbs), 0);
	ck_assert_uint_eq(ask(vbs, 0), HV_STATUS_SUCCESS);
	ck_assert_mem_ne(first, ((const struct vbs_report *)call.out)->identity.owner_id, sizeof(first));
	host_vbs_destroy(vbs);
}
END_TEST

START_TEST(an_image_that_is_not_what_it_says_it_is_does_not_start)
{
	size_t at = sample_find(&t.sample, IGVM_VBS_MEASUREMENT, 0) + 8;
	struct host_vbs *vbs;

	t.sample.bytes[at + 32] ^= 1;
	sample_seal(&t.sample);
	ck_assert_int_eq(igvm_open(&t.image.file, t.sample.bytes, t.sample.size, NULL), 0);
	ck_assert_int_eq(host_vbs_create(&t.config, &t.image, &vbs), VL_E_MEASUREMENT);
	ck_assert_ptr_null(vbs);
	t.sample.bytes[at + 32] ^= 1;
	sample_put(&t.sample, at + 28, 4, 1); /* signed, by an algorithm that this host has not */
	sample_seal(&t.sample);
	ck_assert_int_eq(igvm_open(&t.image.file, t.sample.bytes, t.sample.size, NULL), 0);
	ck_assert_int_eq(host_vbs_create(&t.config, &t.image, &vbs), VL_E_UNSUPPORTED);
}
END_TEST

START_TEST(a_platform_key_that_is_missing_or_none_ends_the_launch)
{
	struct host_vbs *vbs;

	t.config.platform_key = "/dev/null";
	ck_assert_int_eq(host_vbs_create(&t.config, &t.image, &vbs), VL_E_FORMAT);
	ck_assert_ptr_null(vbs);
	t.config.platform_key = "/nonexistent";
	ck_assert_int_eq(host_vbs_create(&t.config, &t.image, &vbs), VL_E_OS);
	ck_assert_ptr_null(vbs);
}
END_TEST

Suite *suite_host_vbs(void)
{
	Suite *s = suite_create("host_vbs");
	TCase *c = tcase_create("host_vbs");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, the_report_names_the_digest_of_the_image_and_the_data_of_vtl2);
	tcase_add_test(c, a_partition_that_is_not_isolated_has_no_report);
	tcase_add_test(c, a_call_without_its_input_is_refused);
	tcase_add_test(c, every_boot_has_its_own_owner);
	tcase_add_test(c, an_image_that_is_not_what_it_says_it_is_does_not_start);
	tcase_add_test(c, a_platform_key_that_is_missing_or_none_ends_the_launch);
	suite_add_tcase(s, c);
	return s;
}
