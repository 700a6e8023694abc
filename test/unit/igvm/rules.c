/*
 * Every rule of an IGVM file: a file that has all header types is accepted, and
 * with one field changed it is refused with the right error and the offset of
 * the field (common/igvm/igvm.c, check.c).
 */
#include "common/base/err.h"
#include "test/unit/igvm/sample.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *suite_igvm_rules(void);

#define FIXED 0u           /* no header type: fields of the fixed header */
#define HEADER (-8)        /* field offset of a header's type field */
#define LENGTH (-4)
#define SAME INT32_MIN     /* the error is at the field itself */

struct breach {
	uint32_t type; /* header to change, or FIXED */
	unsigned nth;
	int field; /* from the header's content */
	unsigned width;
	uint64_t value;
	int code;
	int at; /* where the error is, from the content; SAME: at `field` */
};

#define REL IGVM_RELOCATABLE_REGION
#define PT IGVM_PAGE_TABLE_RELOCATION

static const struct breach x64[] = {
	{ FIXED, 0, 0, 4, 0x12345678, VL_E_MAGIC, SAME },
	{ FIXED, 0, 4, 4, 3, VL_E_VERSION, SAME },
	{ FIXED, 0, 4, 4, 0, VL_E_VERSION, SAME },
	{ FIXED, 0, 8, 4, 16, VL_E_RANGE, SAME },
	{ FIXED, 0, 8, 4, 28, VL_E_ALIGN, SAME },
	{ FIXED, 0, 8, 4, 0xfffffff8, VL_E_RANGE, 12 },
	{ FIXED, 0, 12, 4, 0xfffffff0, VL_E_LIMIT, SAME },
	{ FIXED, 0, 12, 4, 0x1000001, VL_E_LIMIT, SAME },
	{ FIXED, 0, 12, 4, 0x1000000, VL_E_RANGE, SAME },
	{ FIXED, 0, 12, 4, 4, VL_E_TRUNCATED, 24 },
	{ FIXED, 0, 12, 4, 8, VL_E_TRUNCATED, 28 },
	{ FIXED, 0, 16, 4, 24, VL_E_RANGE, SAME },
	{ IGVM_SUPPORTED_PLATFORM, 0, HEADER, 4, 0x33, VL_E_TYPE, SAME },
	{ IGVM_SUPPORTED_PLATFORM, 1, LENGTH, 4, 0xfffffff0, VL_E_TRUNCATED, SAME },
	{ IGVM_SUPPORTED_PLATFORM, 1, LENGTH, 4, 15, VL_E_RANGE, SAME },
	{ IGVM_SUPPORTED_PLATFORM, 0, 0, 4, 0, VL_E_RANGE, SAME },
	{ IGVM_SUPPORTED_PLATFORM, 0, 0, 4, 3, VL_E_RANGE, SAME },
	{ IGVM_SUPPORTED_PLATFORM, 1, 0, 4, 1, VL_E_DUPLICATE, SAME },
	{ IGVM_SUPPORTED_PLATFORM, 0, 4, 1, 1, VL_E_RANGE, SAME },
	{ IGVM_SUPPORTED_PLATFORM, 0, 5, 1, 7, VL_E_TYPE, SAME },
	{ IGVM_SUPPORTED_PLATFORM, 0, 5, 1, IGVM_PLATFORM_CCA, VL_E_ARCH, SAME },
	{ IGVM_SUPPORTED_PLATFORM, 2, 5, 1, IGVM_PLATFORM_SEV_SNP, VL_E_DUPLICATE, SAME },
	{ IGVM_SUPPORTED_PLATFORM, 0, 6, 2, 2, VL_E_VERSION, SAME },
	{ IGVM_SUPPORTED_PLATFORM, 0, 8, 8, 1, VL_E_RANGE, SAME },
	{ IGVM_GUEST_POLICY, 0, HEADER, 4, IGVM_ERROR_RANGE, VL_E_ORDER, 16 },
	{ IGVM_GUEST_POLICY, 0, 8, 4, 0, VL_E_RANGE, SAME },
	{ IGVM_GUEST_POLICY, 0, 12, 4, 1, VL_E_RESERVED, SAME },
	{ REL, 0, 0, 4, 0, VL_E_RANGE, SAME },
	{ REL, 0, 4, 2, 1, VL_E_MISSING, HEADER },
	{ REL, 0, 6, 1, 3, VL_E_RANGE, SAME },
	{ REL, 0, 6, 1, 1, VL_E_MISSING, HEADER },
	{ REL, 0, 7, 1, 8, VL_E_RESERVED, SAME },
	{ REL, 0, 8, 8, 0, VL_E_ALIGN, SAME },
	{ REL, 0, 8, 8, 0x800, VL_E_ALIGN, SAME },
	{ REL, 0, 8, 8, 0x3000, VL_E_ALIGN, SAME },
	{ REL, 0, 16, 8, SAMPLE_BASE + 0x1000, VL_E_ALIGN, SAME },
	{ REL, 0, 24, 8, 0x1001, VL_E_ALIGN, SAME },
	{ REL, 0, 24, 8, 0, VL_E_RANGE, SAME },
	{ REL, 0, 24, 8, 0xfffffffffffff000, VL_E_OVERFLOW, 16 },
	{ REL, 0, 32, 8, 0x1000, VL_E_ALIGN, SAME },
	{ REL, 0, 40, 8, 0x1000, VL_E_ALIGN, SAME },
	{ REL, 0, 40, 8, 0, VL_E_RANGE, 32 },
	{ PT, 0, 0, 4, 0, VL_E_RANGE, SAME },
	{ PT, 0, 4, 2, 1, VL_E_MISSING, HEADER },
	{ PT, 0, 6, 1, 3, VL_E_RANGE, SAME },
	{ PT, 0, 7, 1, 1, VL_E_RESERVED, SAME },
	{ PT, 0, 8, 8, 0x1001, VL_E_ALIGN, SAME },
	{ PT, 0, 8, 8, SAMPLE_BASE, VL_E_OVERLAP, SAME },
	{ PT, 0, 8, 8, 0xfffffffffffff000, VL_E_OVERFLOW, SAME },
	{ PT, 0, 16, 8, 0, VL_E_RANGE, SAME },
	{ PT, 0, 16, 8, 0x10, VL_E_ALIGN, SAME },
	{ PT, 0, 24, 8, 0x5000, VL_E_RANGE, SAME },
	{ PT, 0, 24, 8, 0x800, VL_E_ALIGN, SAME },
	{ IGVM_CORIM_DOCUMENT, 0, 0, 4, 0, VL_E_RANGE, SAME },
	{ IGVM_CORIM_DOCUMENT, 0, 4, 4, 0, VL_E_RANGE, SAME },
	{ IGVM_CORIM_DOCUMENT, 0, 4, 4, 0x30, VL_E_RANGE, SAME },
	{ IGVM_CORIM_DOCUMENT, 0, 8, 4, 0xffffffff, VL_E_RANGE, 4 },
	{ IGVM_CORIM_DOCUMENT, 0, 12, 4, 1, VL_E_RESERVED, SAME },
	{ IGVM_CORIM_SIGNATURE, 0, 0, 4, SAMPLE_VSM, VL_E_MISSING, SAME },
	{ IGVM_CORIM_SIGNATURE, 0, HEADER, 4, IGVM_CORIM_DOCUMENT, VL_E_DUPLICATE, 0 },
	{ IGVM_CORIM_DOCUMENT, 0, HEADER, 4, IGVM_CORIM_SIGNATURE, VL_E_MISSING, 0 },
	{ IGVM_PARAMETER_AREA, 0, 0, 8, 0, VL_E_RANGE, SAME },
	{ IGVM_PARAMETER_AREA, 0, 0, 8, 0x1001, VL_E_ALIGN, SAME },
	{ IGVM_PARAMETER_AREA, 0, 0, 8, 0x1001000, VL_E_LIMIT, SAME },
	{ IGVM_PARAMETER_AREA, 1, 8, 4, 7, VL_E_DUPLICATE, SAME },
	{ IGVM_PARAMETER_AREA, 1, 12, 4, 0x18, VL_E_RANGE, SAME },
	{ IGVM_PARAMETER_AREA, 1, 12, 4, 0xfffffff0, VL_E_RANGE, SAME },
	{ IGVM_PAGE_DATA, 0, 0, 8, 0x8000010, VL_E_ALIGN, SAME },
	{ IGVM_PAGE_DATA, 0, 8, 4, 0, VL_E_RANGE, SAME },
	{ IGVM_PAGE_DATA, 1, 12, 4, 4, VL_E_RANGE, SAME },
	{ IGVM_PAGE_DATA, 1, 12, 4, 0xfffff001, VL_E_RANGE, SAME },
	{ IGVM_PAGE_DATA, 1, 16, 4, 1, VL_E_ALIGN, 0 },
	{ IGVM_PAGE_DATA, 0, 16, 4, 8, VL_E_RESERVED, SAME },
	{ IGVM_PAGE_DATA, 0, 20, 2, 4, VL_E_TYPE, SAME },
	{ IGVM_PAGE_DATA, 0, 22, 2, 1, VL_E_RESERVED, SAME },
	{ IGVM_PAGE_DATA, 0, HEADER, 4, IGVM_GUEST_POLICY, VL_E_ORDER, SAME },
	{ IGVM_PARAMETER_INSERT, 0, 0, 8, 0x10, VL_E_ALIGN, SAME },
	{ IGVM_PARAMETER_INSERT, 0, 0, 8, 0xfffffffffffff000, VL_E_OVERFLOW, SAME },
	{ IGVM_PARAMETER_INSERT, 0, 0, 8, SAMPLE_BASE + 0xfff000, VL_E_OVERLAP, SAME },
	{ IGVM_PARAMETER_INSERT, 0, 8, 4, 0, VL_E_RANGE, SAME },
	{ IGVM_PARAMETER_INSERT, 0, 12, 4, 9, VL_E_MISSING, SAME },
	{ IGVM_PARAMETER_INSERT, 1, 12, 4, 7, VL_E_STATE, SAME },
	{ IGVM_VP_COUNT, 0, 0, 4, 8, VL_E_MISSING, SAME },
	{ IGVM_VP_COUNT, 0, 4, 4, 0x1ffd, VL_E_RANGE, SAME },
	{ IGVM_MMIO_RANGES, 0, 4, 4, 0x1fe1, VL_E_RANGE, SAME },
	{ IGVM_MEMORY_MAP, 0, 4, 4, 0x1fe9, VL_E_RANGE, SAME },
	{ IGVM_DEVICE_TREE, 0, 4, 4, 0x2000, VL_E_RANGE, SAME },
	{ IGVM_COMMAND_LINE, 0, 4, 4, 0xffffffff, VL_E_RANGE, SAME },
	{ IGVM_ENVIRONMENT_INFO, 0, 4, 4, 0x1ffd, VL_E_RANGE, SAME },
	{ IGVM_VP_CONTEXT, 0, 0, 8, 0x1000, VL_E_RANGE, SAME },
	{ IGVM_VP_CONTEXT, 0, 0, 8, 1, VL_E_ALIGN, SAME },
	{ IGVM_VP_CONTEXT, 0, 8, 4, 0, VL_E_RANGE, SAME },
	{ IGVM_VP_CONTEXT, 0, 8, 4, SAMPLE_VSM | SAMPLE_TDX, VL_E_TYPE, SAME },
	{ IGVM_VP_CONTEXT, 1, 8, 4, SAMPLE_SNP | SAMPLE_VSM, VL_E_DUPLICATE, 16 },
	{ IGVM_VP_CONTEXT, 0, 12, 4, 0, VL_E_RANGE, SAME },
	{ IGVM_VP_CONTEXT, 0, 12, 4, 0xffffffff, VL_E_RANGE, SAME },
	{ IGVM_VP_CONTEXT, 0, 16, 2, 1, VL_E_RANGE, SAME },
	{ IGVM_VP_CONTEXT, 0, 18, 2, 1, VL_E_RESERVED, SAME },
	{ IGVM_REQUIRED_MEMORY, 0, 0, 8, 0x10, VL_E_ALIGN, SAME },
	{ IGVM_REQUIRED_MEMORY, 0, 0, 8, 0xfffffffffffff000, VL_E_OVERFLOW, SAME },
	{ IGVM_REQUIRED_MEMORY, 0, 8, 4, 0, VL_E_RANGE, SAME },
	{ IGVM_REQUIRED_MEMORY, 0, 12, 4, 0x10, VL_E_ALIGN, SAME },
	{ IGVM_REQUIRED_MEMORY, 0, 16, 4, 2, VL_E_RESERVED, SAME },
	{ IGVM_REQUIRED_MEMORY, 0, 20, 4, 1, VL_E_RESERVED, SAME },
	{ IGVM_ERROR_RANGE, 0, 0, 8, 0x10, VL_E_ALIGN, SAME },
	{ IGVM_ERROR_RANGE, 0, 0, 8, 0xfffffffffffff000, VL_OK, SAME },
	{ IGVM_ERROR_RANGE, 0, 8, 4, 0, VL_E_RANGE, SAME },
	{ IGVM_ERROR_RANGE, 0, 12, 4, 0x10, VL_E_ALIGN, SAME },
	{ IGVM_SNP_ID_BLOCK, 0, 0, 4, 0, VL_E_RANGE, SAME },
	{ IGVM_VBS_MEASUREMENT, 0, 0, 4, 0, VL_E_RANGE, SAME },
};

static const struct breach aarch64[] = {
	{ FIXED, 0, 24, 4, 2, VL_E_ARCH, SAME },
	{ FIXED, 0, 24, 4, 0xffffffff, VL_E_ARCH, SAME },
	{ FIXED, 0, 28, 4, 16384, VL_E_UNSUPPORTED, SAME },
	{ IGVM_SUPPORTED_PLATFORM, 0, 5, 1, IGVM_PLATFORM_NATIVE, VL_E_ARCH, SAME },
	{ IGVM_SUPPORTED_PLATFORM, 1, 5, 1, IGVM_PLATFORM_TDX, VL_E_ARCH, SAME },
	{ IGVM_CCA_POLICY, 0, 0, 4, SAMPLE_VSM, VL_E_TYPE, SAME },
	{ IGVM_CCA_POLICY, 0, 0, 4, SAMPLE_VSM | SAMPLE_SNP, VL_E_TYPE, SAME },
	{ IGVM_CCA_POLICY, 0, 0, 4, 0, VL_E_RANGE, SAME },
	{ IGVM_CCA_POLICY, 0, 4, 4, 1, VL_E_RESERVED, SAME },
	{ IGVM_CCA_POLICY, 0, 16, 8, 1, VL_E_RANGE, SAME },
	{ IGVM_CCA_POLICY, 0, 24, 1, 3, VL_E_RANGE, SAME },
	{ IGVM_CCA_POLICY, 0, 25, 1, 2, VL_E_RANGE, SAME },
	{ IGVM_CCA_POLICY, 0, 26, 1, 1, VL_E_RESERVED, SAME },
	{ IGVM_CCA_POLICY, 0, 31, 1, 1, VL_E_RESERVED, SAME },
};

static void try_breach(struct sample *s, const struct breach *b)
{
	size_t content = b->type == FIXED ? 0 : sample_find(s, b->type, b->nth) + 8;
	struct igvm_error error = { 0 };
	int err;

	ck_assert_int_eq(sample_check(s, &error), VL_OK);
	sample_put(s, content + (size_t)(ssize_t)b->field, b->width, b->value);
	if (b->type != FIXED || b->field != 20)
		sample_seal(s);
	err = sample_check(s, &error);
	ck_assert_msg(err == b->code, "%s instead of %s (%s)", vl_err_name(err), vl_err_name(b->code),
		error.what);
	if (b->code == VL_OK)
		return;
	ck_assert_int_eq(error.code, err);
	ck_assert_uint_eq(error.offset, content + (size_t)(ssize_t)(b->at == SAME ? b->field : b->at));
	ck_assert_ptr_nonnull(error.what);
}

START_TEST(a_broken_rule_is_refused_with_its_error_and_offset)
{
	struct sample s;

	sample_x64(&s);
	try_breach(&s, &x64[_i]);
	sample_free(&s);
}
END_TEST

START_TEST(a_broken_rule_of_version_2_is_refused_with_its_error_and_offset)
{
	struct sample s;

	sample_aarch64(&s);
	try_breach(&s, &aarch64[_i]);
	sample_free(&s);
}
END_TEST

START_TEST(a_wrong_checksum_is_refused)
{
	struct igvm_error error;
	struct sample s;

	sample_x64(&s);
	s.bytes[sample_find(&s, IGVM_GUEST_POLICY, 0) + 8] ^= 1;
	ck_assert_int_eq(sample_check(&s, &error), VL_E_CHECKSUM);
	ck_assert_uint_eq(error.offset, 20);
	sample_free(&s);
}
END_TEST

START_TEST(a_file_cut_anywhere_is_refused)
{
	struct sample s;

	sample_x64(&s);
	for (size_t size = 0; size < s.size; size += size < 4096 ? 1 : 97) {
		uint8_t *cut = malloc(size + 1);
		struct igvm_error error;
		struct igvm_file file;

		ck_assert_ptr_nonnull(cut);
		memcpy(cut, s.bytes, size);
		ck_assert_int_eq(igvm_open(&file, cut, size, &error), VL_E_TRUNCATED);
		ck_assert_uint_eq(error.offset, size < 24 ? size - size % 4 : size);
		free(cut);
	}
	sample_free(&s);
}
END_TEST

START_TEST(an_unknown_header_is_skipped_only_when_it_is_marked_optional)
{
	struct igvm_error error;
	struct sample s;
	size_t at;

	sample_x64(&s);
	at = sample_find(&s, IGVM_OPTIONAL | 0x1ff, 0);
	sample_put(&s, at, 4, IGVM_OPTIONAL | 0x7fffffff);
	sample_seal(&s);
	ck_assert_int_eq(sample_check(&s, &error), VL_OK);
	sample_put(&s, at, 4, 0x1ff);
	sample_seal(&s);
	ck_assert_int_eq(sample_check(&s, &error), VL_E_TYPE);
	ck_assert_uint_eq(error.offset, at);
	sample_free(&s);
}
END_TEST

START_TEST(a_known_header_that_is_marked_optional_is_read)
{
	struct igvm_error error;
	struct sample s;
	size_t at;

	sample_x64(&s);
	at = sample_find(&s, IGVM_GUEST_POLICY, 0);
	sample_put(&s, at, 4, IGVM_OPTIONAL | IGVM_GUEST_POLICY);
	sample_put(&s, at + 8 + 12, 4, 1);
	sample_seal(&s);
	ck_assert_int_eq(sample_check(&s, &error), VL_E_RESERVED);
	sample_free(&s);
}
END_TEST

START_TEST(padding_between_headers_may_hold_anything)
{
	struct sample s;

	sample_x64(&s); /* the 5 bytes of the optional header leave 3 bytes of padding */
	sample_put(&s, sample_find(&s, IGVM_OPTIONAL | 0x1ff, 0) + 8 + 5, 3, 0x303030);
	sample_seal(&s);
	ck_assert_int_eq(sample_check(&s, NULL), VL_OK);
	sample_free(&s);
}
END_TEST

/* The registers of the VSM context are file data, outside the checksum. */
START_TEST(a_malformed_register_list_is_refused_with_its_offset)
{
	static const struct {
		unsigned at; /* from the context's data */
		unsigned width;
		uint32_t value;
		int code;
		unsigned error_at;
	} cases[] = {
		{ 4, 1, 1, VL_E_RANGE, 4 + 32 },         /* VTLs 1 and 2 */
		{ 4 + 5, 1, 1, VL_E_RESERVED, 4 + 5 },
		{ 4 + 32 + 15, 1, 1, VL_E_RESERVED, 4 + 32 + 15 },
		{ 4 + 32, 1, 3, VL_E_RANGE, 4 + 32 },
	};
	struct igvm_error error;
	struct sample s;
	uint32_t data;

	sample_x64(&s);
	memcpy(&data, s.bytes + sample_find(&s, IGVM_VP_CONTEXT, 0) + 8 + 12, 4);
	sample_put(&s, data + cases[_i].at, cases[_i].width, cases[_i].value);
	ck_assert_int_eq(sample_check(&s, &error), cases[_i].code);
	ck_assert_uint_eq(error.offset, data + cases[_i].error_at);
	sample_free(&s);
}
END_TEST

START_TEST(a_register_count_beyond_limit_or_file_is_refused)
{
	struct igvm_error error;
	struct sample s;
	uint32_t data;
	size_t at;

	sample_x64(&s);
	at = sample_find(&s, IGVM_VP_CONTEXT, 0) + 8 + 12;
	memcpy(&data, s.bytes + at, 4);
	sample_put(&s, data, 4, 257);
	ck_assert_int_eq(sample_check(&s, &error), VL_E_LIMIT);
	sample_put(&s, data, 4, 256);
	ck_assert_int_eq(sample_check(&s, &error), VL_E_RANGE);
	ck_assert_uint_eq(error.offset, at);
	sample_free(&s);
}
END_TEST

START_TEST(a_context_page_that_reaches_beyond_the_file_is_refused)
{
	struct igvm_error error;
	struct sample s;
	size_t at;

	sample_x64(&s);
	at = sample_find(&s, IGVM_VP_CONTEXT, 1) + 8 + 12;
	sample_put(&s, at, 4, s.size - VL_PAGE_BYTES);
	sample_seal(&s);
	ck_assert_int_eq(sample_check(&s, &error), VL_OK);
	sample_put(&s, at, 4, s.size - VL_PAGE_BYTES + 1);
	sample_seal(&s);
	ck_assert_int_eq(sample_check(&s, &error), VL_E_RANGE);
	ck_assert_uint_eq(error.offset, at);
	sample_free(&s);
}
END_TEST

START_TEST(a_file_without_platform_is_refused)
{
	static const uint8_t empty[24] = { 'I', 'G', 'V', 'M', 1, 0, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0, 24 };
	struct sample s = { .size = sizeof(empty) };
	struct igvm_error error;

	s.bytes = malloc(sizeof(empty));
	ck_assert_ptr_nonnull(s.bytes);
	memcpy(s.bytes, empty, sizeof(empty));
	sample_seal(&s);
	ck_assert_int_eq(sample_check(&s, &error), VL_E_MISSING);
	free(s.bytes);
}
END_TEST

START_TEST(a_file_without_file_data_is_accepted)
{
	struct sample s;

	sample_start(&s);
	igvm_write_platform(&s.w, &(struct igvm_platform){ .mask = 1, .version = 1 });
	igvm_write_required(&s.w, 0, 1, 0x1000, 0);
	sample_finish(&s, 1, IGVM_ARCH_X64);
	ck_assert_int_eq(sample_check(&s, NULL), VL_OK);
	sample_free(&s);
}
END_TEST

START_TEST(more_areas_or_regions_than_the_limits_are_refused)
{
	struct igvm_error error;
	struct sample s;
	size_t size;
	uint8_t *out = malloc(4 << 20);

	ck_assert_ptr_nonnull(out);
	sample_start(&s);
	igvm_write_platform(&s.w, &(struct igvm_platform){ .mask = 1, .version = 1 });
	for (uint32_t i = 0; i <= IGVM_AREAS_MAX; i++)
		igvm_write_area(&s.w, i, 0x1000, NULL);
	ck_assert_int_eq(igvm_write_finish(&s.w, 1, IGVM_ARCH_X64, out, 4 << 20, &size, &error), VL_E_LIMIT);
	sample_free(&s);
	sample_start(&s);
	igvm_write_platform(&s.w, &(struct igvm_platform){ .mask = 1, .version = 1 });
	for (uint32_t i = 0; i <= IGVM_REGIONS_MAX; i++)
		igvm_write_relocatable(&s.w, &(struct igvm_relocatable){ .mask = 1, .alignment = 0x1000,
			.gpa = i * 0x1000, .bytes = 0x1000 });
	ck_assert_int_eq(igvm_write_finish(&s.w, 1, IGVM_ARCH_X64, out, 4 << 20, &size, &error), VL_E_LIMIT);
	sample_free(&s);
	free(out);
}
END_TEST

Suite *suite_igvm_rules(void)
{
	Suite *s = suite_create("igvm_rules");
	TCase *c = tcase_create("igvm_rules");

	tcase_add_loop_test(c, a_broken_rule_is_refused_with_its_error_and_offset, 0, VL_ARRAY_COUNT(x64));
	tcase_add_loop_test(c, a_broken_rule_of_version_2_is_refused_with_its_error_and_offset, 0,
		VL_ARRAY_COUNT(aarch64));
	tcase_add_test(c, a_wrong_checksum_is_refused);
	tcase_add_test(c, a_file_cut_anywhere_is_refused);
	tcase_add_test(c, an_unknown_header_is_skipped_only_when_it_is_marked_optional);
	tcase_add_test(c, a_known_header_that_is_marked_optional_is_read);
	tcase_add_test(c, padding_between_headers_may_hold_anything);
	tcase_add_loop_test(c, a_malformed_register_list_is_refused_with_its_offset, 0, 4);
	tcase_add_test(c, a_register_count_beyond_limit_or_file_is_refused);
	tcase_add_test(c, a_context_page_that_reaches_beyond_the_file_is_refused);
	tcase_add_test(c, a_file_without_platform_is_refused);
	tcase_add_test(c, a_file_without_file_data_is_accepted);
	tcase_add_test(c, more_areas_or_regions_than_the_limits_are_refused);
	suite_add_tcase(s, c);
	return s;
}
