/* Writing IGVM files (common/igvm/write.h) and reading back what was written. */
#include "common/base/err.h"
#include "test/unit/igvm/sample.h"

#include <bearssl.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *suite_igvm_write(void);

/*
 * The file that the reference implementation's C interface is tested with: one
 * platform, two policies, eleven directives, pages 1 to 4 twice each. Its bytes
 * were put together by an independent program (struct.pack and zlib.crc32).
 */
static void add_reference_file(struct sample *s)
{
	static const struct {
		uint64_t page;
		int fill;
	} pages[] = { { 0, 1 }, { 1, 2 }, { 2, 3 }, { 4, 4 }, { 10, 1 }, { 11, 2 }, { 12, 3 }, { 14, 4 } };
	uint8_t page[VL_PAGE_BYTES];

	sample_start(s);
	igvm_write_platform(&s->w, &(struct igvm_platform){ .mask = 1, .type = IGVM_PLATFORM_VSM_ISOLATION,
		.version = 1 });
	igvm_write_policy(&s->w, 0x30000, 1);
	igvm_write_policy(&s->w, 0x30000, 2);
	for (size_t i = 0; i < VL_ARRAY_COUNT(pages); i++) {
		memset(page, pages[i].fill, sizeof(page));
		igvm_write_page(&s->w, pages[i].page * VL_PAGE_BYTES, 1, 0, IGVM_PAGE_NORMAL, page,
			sizeof(page));
	}
	igvm_write_area(&s->w, 0, VL_PAGE_BYTES, NULL);
	igvm_write_parameter(&s->w, IGVM_VP_COUNT, 0, 0);
	igvm_write_insert(&s->w, 20 * VL_PAGE_BYTES, 1, 0);
	sample_finish(s, 1, IGVM_ARCH_X64);
}

START_TEST(the_reference_file_comes_out_byte_for_byte)
{
	br_sha256_context hash;
	uint8_t digest[32];
	struct sample s;

	add_reference_file(&s);
	ck_assert_uint_eq(s.size, 16800);
	sample_assert_hex(s.bytes + 20, 4, "20c56423");
	br_sha256_init(&hash);
	br_sha256_update(&hash, s.bytes, s.size);
	br_sha256_out(&hash, digest);
	sample_assert_hex(digest, 32, "effc7663b1f9669b6534453ad5e26f5f29d16cd9f3c953b24cd45858b23dd215");
	sample_free(&s);
}
END_TEST

START_TEST(what_was_written_is_read_back)
{
	static const uint32_t types[] = { IGVM_SUPPORTED_PLATFORM, IGVM_SUPPORTED_PLATFORM,
		IGVM_SUPPORTED_PLATFORM, IGVM_GUEST_POLICY, IGVM_RELOCATABLE_REGION,
		IGVM_PAGE_TABLE_RELOCATION, IGVM_CORIM_DOCUMENT,
		IGVM_CORIM_SIGNATURE, IGVM_OPTIONAL | 0x1ff, IGVM_REQUIRED_MEMORY };
	struct igvm_cursor cursor;
	struct igvm_file file;
	struct igvm_header h;
	struct sample s;

	sample_x64(&s);
	ck_assert_int_eq(igvm_open(&file, s.bytes, s.size, NULL), VL_OK);
	ck_assert_uint_eq(file.version, 1);
	ck_assert_uint_eq(file.arch, IGVM_ARCH_X64);
	igvm_first(&cursor, &file);
	for (size_t i = 0; i < VL_ARRAY_COUNT(types); i++) {
		ck_assert_int_eq(igvm_next(&cursor, &h, NULL), 1);
		ck_assert_uint_eq(h.type, types[i]);
		ck_assert_int_eq(h.known, types[i] != (IGVM_OPTIONAL | 0x1ff));
		if (h.type == IGVM_RELOCATABLE_REGION) {
			ck_assert(h.relocatable.gpa == SAMPLE_BASE && h.relocatable.bytes == 0x200000);
			ck_assert(h.relocatable.minimum == 0x200000 && h.relocatable.maximum == 1ull << 40);
			ck_assert(h.relocatable.alignment == 0x200000 && h.relocatable.flags == 3);
		}
		if (h.type == IGVM_PAGE_TABLE_RELOCATION)
			ck_assert(h.page_tables.bytes == 0x4000 && h.page_tables.used_bytes == 0x1000);
	}
	ck_assert(h.required.gpa == SAMPLE_BASE && h.required.bytes == 0x2000000 && h.required.flags == 1);
	sample_free(&s);
}
END_TEST

START_TEST(version_2_names_its_architecture)
{
	struct igvm_file file;
	struct sample s;

	sample_aarch64(&s);
	ck_assert_int_eq(igvm_open(&file, s.bytes, s.size, NULL), VL_OK);
	ck_assert_uint_eq(file.version, 2);
	ck_assert_uint_eq(file.arch, IGVM_ARCH_AARCH64);
	ck_assert_uint_eq(file.headers_offset, 32);
	sample_free(&s);
}
END_TEST

/* Pages 1..3 of the sample are different, page 0 is one of zeroes. */
START_TEST(page_contents_are_found_and_a_page_of_zeroes_takes_no_data)
{
	struct igvm_cursor cursor;
	struct igvm_file file;
	struct igvm_header h;
	struct sample s;
	unsigned n = 0;

	sample_x64(&s);
	ck_assert_int_eq(igvm_open(&file, s.bytes, s.size, NULL), VL_OK);
	igvm_first(&cursor, &file);
	while (igvm_next(&cursor, &h, NULL) > 0) {
		const uint8_t *bytes;
		size_t size;

		if (h.type != IGVM_PAGE_DATA)
			continue;
		bytes = igvm_page_bytes(&file, &h.page, &size);
		ck_assert_uint_eq(size, VL_PAGE_BYTES);
		ck_assert_int_eq(bytes == NULL, n == 0);
		if (bytes)
			ck_assert(bytes[0] == n && bytes[4095] == n);
		n++;
	}
	ck_assert_uint_eq(n, 4);
	sample_free(&s);
}
END_TEST

START_TEST(a_short_page_is_filled_up_with_zeroes)
{
	struct igvm_file file;
	struct igvm_cursor cursor;
	struct igvm_header h;
	struct sample s;

	sample_start(&s);
	igvm_write_platform(&s.w, &(struct igvm_platform){ .mask = 1, .version = 1 });
	igvm_write_page(&s.w, 0x1000, 1, 0, IGVM_PAGE_NORMAL, "abc", 3);
	sample_finish(&s, 1, IGVM_ARCH_X64);
	ck_assert_int_eq(igvm_open(&file, s.bytes, s.size, NULL), VL_OK);
	igvm_first(&cursor, &file);
	ck_assert_int_eq(igvm_next(&cursor, &h, NULL), 1);
	ck_assert_int_eq(igvm_next(&cursor, &h, NULL), 1);
	ck_assert_mem_eq(s.bytes + h.page.file_offset, "abc\0\0\0", 6);
	ck_assert_uint_eq(s.size - h.page.file_offset, VL_PAGE_BYTES);
	sample_free(&s);
}
END_TEST

/* Every buffer one byte or slot too small: refused, and nothing written beyond. */
START_TEST(buffers_that_are_too_small_are_refused)
{
	static uint8_t headers[64], data[3 * VL_PAGE_BYTES], out[8 * VL_PAGE_BYTES];
	static const struct {
		size_t headers, data, slots, out;
		int code;
	} cases[] = {
		{ 64 - 8, 2 * VL_PAGE_BYTES, 4, sizeof(out), VL_E_NOSPACE },
		{ 64 * 2, 2 * VL_PAGE_BYTES - 1, 4, sizeof(out), VL_E_NOSPACE },
		{ 64 * 2, 2 * VL_PAGE_BYTES, 2, sizeof(out), VL_E_NOSPACE },
		{ 64 * 2, 2 * VL_PAGE_BYTES, 4, 24 + 88 + 2 * VL_PAGE_BYTES - 1, VL_E_NOSPACE },
		{ 64 * 2, 2 * VL_PAGE_BYTES, 4, 24 + 88 + 2 * VL_PAGE_BYTES, VL_OK },
	};
	uint8_t *h = malloc(cases[_i].headers), *d = malloc(cases[_i].data), *o = malloc(cases[_i].out);
	uint32_t *slots = malloc(cases[_i].slots * sizeof(*slots));
	struct igvm_error error;
	struct igvm_writer w;
	size_t written;

	ck_assert(h && d && o && slots);
	memset(headers, 0, sizeof(headers));
	memset(data, 1, VL_PAGE_BYTES);
	memset(data + VL_PAGE_BYTES, 2, VL_PAGE_BYTES);
	igvm_write_start(&w, h, cases[_i].headers, d, cases[_i].data, slots, cases[_i].slots);
	igvm_write_platform(&w, &(struct igvm_platform){ .mask = 1, .version = 1 });
	igvm_write_page(&w, 0x1000, 1, 0, IGVM_PAGE_NORMAL, data, VL_PAGE_BYTES);
	igvm_write_page(&w, 0x2000, 1, 0, IGVM_PAGE_NORMAL, data + VL_PAGE_BYTES, VL_PAGE_BYTES);
	ck_assert_int_eq(igvm_write_finish(&w, 1, IGVM_ARCH_X64, o, cases[_i].out, &written, &error),
		cases[_i].code);
	free(h);
	free(d);
	free(o);
	free(slots);
}
END_TEST

START_TEST(a_malformed_file_cannot_be_written)
{
	struct igvm_error error = { 0 };
	struct sample s;
	uint8_t out[256];
	size_t written;

	sample_start(&s);
	igvm_write_required(&s.w, 0x1000, 1, 0x1000, 0);
	ck_assert_int_eq(igvm_write_finish(&s.w, 1, IGVM_ARCH_X64, out, sizeof(out), &written, &error),
		VL_E_MISSING);
	ck_assert_int_eq(error.code, VL_E_MISSING);
	ck_assert_int_eq(igvm_write_finish(&s.w, 1, IGVM_ARCH_AARCH64, out, sizeof(out), &written, &error),
		VL_E_ARCH);
	sample_free(&s);
}
END_TEST

START_TEST(every_type_has_a_name_and_its_mask)
{
	struct igvm_cursor cursor;
	struct igvm_file file;
	struct igvm_header h;
	struct sample s;

	sample_x64(&s);
	ck_assert_int_eq(igvm_open(&file, s.bytes, s.size, NULL), VL_OK);
	igvm_first(&cursor, &file);
	while (igvm_next(&cursor, &h, NULL) > 0) {
		bool has_no_mask = !h.known || h.type == IGVM_PARAMETER_AREA || igvm_is_parameter(h.type);

		ck_assert_int_eq(strcmp(igvm_type_name(h.type), "unknown") != 0, h.known);
		ck_assert_int_eq(igvm_header_mask(&h) == ~0u, has_no_mask);
	}
	ck_assert_str_eq(igvm_platform_name(IGVM_PLATFORM_CCA), "CCA");
	ck_assert_str_eq(igvm_platform_name(200), "unknown");
	sample_free(&s);
}
END_TEST

Suite *suite_igvm_write(void)
{
	Suite *s = suite_create("igvm_write");
	TCase *c = tcase_create("igvm_write");

	tcase_add_test(c, the_reference_file_comes_out_byte_for_byte);
	tcase_add_test(c, what_was_written_is_read_back);
	tcase_add_test(c, version_2_names_its_architecture);
	tcase_add_test(c, page_contents_are_found_and_a_page_of_zeroes_takes_no_data);
	tcase_add_test(c, a_short_page_is_filled_up_with_zeroes);
	tcase_add_loop_test(c, buffers_that_are_too_small_are_refused, 0, 5);
	tcase_add_test(c, a_malformed_file_cannot_be_written);
	tcase_add_test(c, every_type_has_a_name_and_its_mask);
	suite_add_tcase(s, c);
	return s;
}
