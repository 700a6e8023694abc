/*
 * Launch measurements (common/igvm/measure.h) against digests that an independent
 * program computed from the description of the same pages and registers.
 */
#include "common/igvm/measure.h"
#include "common/base/err.h"
#include "test/unit/igvm/sample.h"

#include <check.h>
#include <string.h>

Suite *suite_igvm_measure(void);

#define SNP_VMSA_GPA 0xfffffffff000ull

/* All three platforms get the same normal pages; secrets and CPUID pages are SNP's alone. */
static void add_measured_file(struct sample *s, uint32_t secrets_mask)
{
	const uint32_t all = SAMPLE_VSM | SAMPLE_SNP | SAMPLE_TDX;
	struct igvm_register regs[2] = { { .vtl = 2, .name = 0x20010, .value = { 0, 0x10 } },
		{ .vtl = 2, .name = 0x40002, .value = { 0, 0x20 } } };
	uint8_t page[VL_PAGE_BYTES] = { 0 };

	sample_start(s);
	igvm_write_platform(&s->w, &(struct igvm_platform){ .mask = SAMPLE_VSM,
		.type = IGVM_PLATFORM_VSM_ISOLATION, .highest_vtl = 2, .version = 1 });
	igvm_write_platform(&s->w, &(struct igvm_platform){ .mask = SAMPLE_SNP, .type = IGVM_PLATFORM_SEV_SNP,
		.highest_vtl = 2, .version = 1 });
	igvm_write_platform(&s->w, &(struct igvm_platform){ .mask = SAMPLE_TDX, .type = IGVM_PLATFORM_TDX,
		.highest_vtl = 2, .version = 1 });
	memset(page, 0x11, sizeof(page));
	igvm_write_page(&s->w, 0x10000, all, 0, IGVM_PAGE_NORMAL, page, sizeof(page));
	igvm_write_page(&s->w, 0x11000, all, 0, IGVM_PAGE_NORMAL, "", 1);
	memset(page, 0x22, sizeof(page));
	igvm_write_page(&s->w, 0x12000, all, IGVM_PAGE_UNMEASURED, IGVM_PAGE_NORMAL, page, sizeof(page));
	igvm_write_page(&s->w, 0x13000, all, IGVM_PAGE_SHARED, IGVM_PAGE_NORMAL, page, sizeof(page));
	igvm_write_page(&s->w, 0x14000, secrets_mask, 0, IGVM_PAGE_SECRETS, page, sizeof(page));
	igvm_write_page(&s->w, 0x15000, secrets_mask, 0, IGVM_PAGE_CPUID, page, sizeof(page));
	igvm_write_area(&s->w, 3, 2 * VL_PAGE_BYTES, NULL);
	igvm_write_vsm_context(&s->w, SAMPLE_VSM, regs, 2);
	igvm_write_insert(&s->w, 0x20000, all, 3);
	igvm_write_error_range(&s->w, 0x30000, all, VL_PAGE_BYTES);
	memset(page, 0x33, sizeof(page));
	igvm_write_context_page(&s->w, SNP_VMSA_GPA, SAMPLE_SNP, 0, page);
	sample_finish(s, 1, IGVM_ARCH_X64);
}

START_TEST(the_vbs_digest_is_the_chain_of_pages_then_registers)
{
	struct igvm_file file;
	struct sample s;
	uint8_t digest[IGVM_VBS_DIGEST_BYTES];

	add_measured_file(&s, SAMPLE_SNP);
	ck_assert_int_eq(igvm_open(&file, s.bytes, s.size, NULL), VL_OK);
	ck_assert_int_eq(igvm_measure_vbs(&file, SAMPLE_VSM, digest, NULL), VL_OK);
	sample_assert_hex(digest, sizeof(digest),
		"f8900957ed3f003f60dc88c57bc9875ccbfe8ca39d11685400589ead31c034e1");
	sample_free(&s);
}
END_TEST

START_TEST(the_snp_digest_is_the_chain_of_page_info)
{
	struct igvm_file file;
	struct sample s;
	uint8_t digest[IGVM_SNP_DIGEST_BYTES];

	add_measured_file(&s, SAMPLE_SNP);
	ck_assert_int_eq(igvm_open(&file, s.bytes, s.size, NULL), VL_OK);
	ck_assert_int_eq(igvm_measure_snp(&file, SAMPLE_SNP, digest, NULL), VL_OK);
	sample_assert_hex(digest, sizeof(digest),
		"65b75fe55987412d05da9c92994c4df3e91fd15ec5733593565f76a62a6e4704"
		"75f304b847dae06e1dd0172e716095b1");
	sample_free(&s);
}
END_TEST

START_TEST(the_tdx_mrtd_is_one_hash_over_adds_and_extends)
{
	struct igvm_file file;
	struct sample s;
	uint8_t digest[IGVM_TDX_DIGEST_BYTES];

	add_measured_file(&s, SAMPLE_SNP);
	ck_assert_int_eq(igvm_open(&file, s.bytes, s.size, NULL), VL_OK);
	ck_assert_int_eq(igvm_measure_tdx(&file, SAMPLE_TDX, digest, NULL), VL_OK);
	sample_assert_hex(digest, sizeof(digest),
		"c4708aae81c10e470ace574a8ca3b9a292ce89ae5ba3a2b336b8065e9f090eb1"
		"ecc870ae0b338e8b5fa73aa62b114290");
	sample_free(&s);
}
END_TEST

START_TEST(a_page_that_changes_by_a_bit_changes_every_digest)
{
	uint8_t before[48] = { 0 }, after[48] = { 0 };
	struct igvm_file file;
	struct sample s;
	uint32_t data;

	add_measured_file(&s, SAMPLE_SNP);
	memcpy(&data, s.bytes + sample_find(&s, IGVM_PAGE_DATA, 0) + 8 + 12, 4);
	for (unsigned platform = 0; platform < 3; platform++) {
		static int (*const measure[])(const struct igvm_file *, uint32_t, uint8_t *,
			struct igvm_error *) = {
			igvm_measure_vbs, igvm_measure_snp, igvm_measure_tdx };

		ck_assert_int_eq(igvm_open(&file, s.bytes, s.size, NULL), VL_OK);
		ck_assert_int_eq(measure[platform](&file, 1u << platform, before, NULL), VL_OK);
		s.bytes[data + 4095] ^= 0x80;
		ck_assert_int_eq(measure[platform](&file, 1u << platform, after, NULL), VL_OK);
		ck_assert_mem_ne(before, after, IGVM_VBS_DIGEST_BYTES);
	}
	sample_free(&s);
}
END_TEST

START_TEST(pages_beyond_the_limit_are_refused_with_their_place)
{
	struct igvm_error error = { 0 };
	uint8_t digest[IGVM_TDX_DIGEST_BYTES];
	struct igvm_file file;
	struct sample s;

	sample_start(&s);
	igvm_write_platform(&s.w, &(struct igvm_platform){ .mask = 4, .type = IGVM_PLATFORM_TDX,
		.version = 1 });
	for (unsigned i = 0; i < 5; i++)
		igvm_write_error_range(&s.w, 0, 4, 0xfffff000);
	sample_finish(&s, 1, IGVM_ARCH_X64);
	ck_assert_int_eq(igvm_open(&file, s.bytes, s.size, NULL), VL_OK);
	ck_assert_int_eq(igvm_measure_tdx(&file, 4, digest, &error), VL_E_LIMIT);
	ck_assert_uint_eq(error.offset, sample_find(&s, IGVM_ERROR_RANGE, 4));
	sample_free(&s);
}
END_TEST

Suite *suite_igvm_measure(void)
{
	Suite *s = suite_create("igvm_measure");
	TCase *c = tcase_create("igvm_measure");

	tcase_add_test(c, the_vbs_digest_is_the_chain_of_pages_then_registers);
	tcase_add_test(c, the_snp_digest_is_the_chain_of_page_info);
	tcase_add_test(c, the_tdx_mrtd_is_one_hash_over_adds_and_extends);
	tcase_add_test(c, a_page_that_changes_by_a_bit_changes_every_digest);
	tcase_add_test(c, pages_beyond_the_limit_are_refused_with_their_place);
	suite_add_tcase(s, c);
	return s;
}
