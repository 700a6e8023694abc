/* Unit tests of common/base: bytes, formatting, CRC, ranges, errors. */
#include "common/base/bytes.h"
#include "common/base/crc32.h"
#include "common/base/err.h"
#include "common/base/fmt.h"
#include "common/base/log.h"

#include <check.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

Suite *suite_base(void);

START_TEST(a_reader_takes_integers_in_their_byte_order)
{
	static const uint8_t data[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19 };
	struct vl_reader r;

	vl_reader_init(&r, data, sizeof(data));
	ck_assert_uint_eq(vl_read_u8(&r), 1);
	ck_assert_uint_eq(vl_read_le16(&r), 0x0302);
	ck_assert_uint_eq(vl_read_le32(&r), 0x07060504);
	ck_assert_uint_eq(vl_read_be32(&r), 0x08090a0b);
	ck_assert(vl_read_le64(&r) == 0x131211100f0e0d0cull);
	ck_assert_int_eq(r.err, VL_OK);
	ck_assert_uint_eq(vl_reader_left(&r), 0);
}
END_TEST

START_TEST(a_reader_past_its_end_gives_zeros_and_keeps_the_place)
{
	static const uint8_t data[] = { 0xff, 0xff, 0xff };
	uint8_t copy[4] = { 9, 9, 9, 9 };
	struct vl_reader r;

	vl_reader_init(&r, data, sizeof(data));
	ck_assert_uint_eq(vl_read_u8(&r), 0xff);
	ck_assert_uint_eq(vl_read_le32(&r), 0);
	ck_assert_int_eq(r.err, VL_E_TRUNCATED);
	ck_assert_uint_eq(r.pos, 1);
	ck_assert_uint_eq(vl_read_u8(&r), 0);
	vl_read_copy(&r, copy, sizeof(copy));
	ck_assert_uint_eq(copy[0] | copy[1] | copy[2] | copy[3], 0);
	ck_assert_ptr_null(vl_read_view(&r, 0));
}
END_TEST

START_TEST(a_huge_count_does_not_wrap_the_reader)
{
	static const uint8_t data[8];
	struct vl_reader r;

	vl_reader_init(&r, data, sizeof(data));
	vl_read_skip(&r, 4);
	vl_read_skip(&r, SIZE_MAX - 2);
	ck_assert_int_eq(r.err, VL_E_TRUNCATED);
	ck_assert_uint_eq(r.pos, 4);
}
END_TEST

START_TEST(varints_round_trip_and_overlong_ones_are_refused)
{
	static const uint64_t values[] = { 0, 1, 127, 128, 300, UINT32_MAX, 1ull << 63, UINT64_MAX };
	uint8_t data[10];
	struct vl_writer w;
	struct vl_reader r;

	for (size_t i = 0; i < VL_ARRAY_COUNT(values); i++) {
		vl_writer_init(&w, data, sizeof(data));
		vl_write_varint(&w, values[i]);
		ck_assert_int_eq(w.err, VL_OK);
		vl_reader_init(&r, data, w.pos);
		ck_assert(vl_read_varint(&r) == values[i]);
		ck_assert_uint_eq(vl_reader_left(&r), 0);
	}
	memset(data, 0x80, sizeof(data));
	vl_reader_init(&r, data, sizeof(data));
	vl_read_varint(&r);
	ck_assert_int_eq(r.err, VL_E_FORMAT);
	memset(data, 0xff, 9);
	data[9] = 2; /* bit 64 */
	vl_reader_init(&r, data, sizeof(data));
	vl_read_varint(&r);
	ck_assert_int_eq(r.err, VL_E_FORMAT);
}
END_TEST

START_TEST(a_full_writer_writes_nothing_more_and_says_so)
{
	uint8_t data[8] = { 0 };
	struct vl_writer w;

	vl_writer_init(&w, data, 4);
	vl_write_le16(&w, 0x1234);
	vl_write_le32(&w, 0xffffffff);
	ck_assert_int_eq(w.err, VL_E_NOSPACE);
	vl_write_u8(&w, 0xff);
	ck_assert_uint_eq(w.pos, 2);
	ck_assert_uint_eq(data[2] | data[3] | data[4], 0);
}
END_TEST

/* One row of format checks against the C library's own. */
#define SAME(fmt, ...) \
	do { \
		char ours[64], theirs[64]; \
		size_t n = vl_format(ours, sizeof(ours), fmt, __VA_ARGS__); \
		int m = snprintf(theirs, sizeof(theirs), fmt, __VA_ARGS__); \
		ck_assert_str_eq(ours, theirs); \
		ck_assert_uint_eq(n, (size_t)m); \
	} while (0)

START_TEST(formatting_agrees_with_the_c_library)
{
	SAME("%d %i %u", -5, INT_MIN, UINT_MAX);
	SAME("%x %X %08x %-8x|", 0xbeefu, 0xbeefu, 0x12u, 0x12u);
	SAME("%ld %lu %llx %zu", LONG_MIN, ULONG_MAX, 0x123456789abcdefull, (size_t)77);
	SAME("%" PRIu64 " %" PRIx64 " %jd", UINT64_MAX, UINT64_MAX, (intmax_t)-1);
	SAME("%5d|%-5d|%05d|%.3d|%8.3d", 42, 42, -42, 7, 7);
	SAME("%s %.2s %5s %-5s| %.*s", "abc", "abc", "ab", "ab", 1, "xyz");
	SAME("%c%%%c", 'a', 'b');
	SAME("%hhu %hu", (unsigned char)200, (unsigned short)60000);
	SAME("%d %.0d|", 0, 0);
}
END_TEST

START_TEST(a_text_too_long_for_the_buffer_is_cut_and_terminated)
{
	char out[5] = "zzzz";

	ck_assert_uint_eq(vl_format(out, sizeof(out), "%s", "123456789"), 9);
	ck_assert_str_eq(out, "1234");
	ck_assert_uint_eq(vl_format(NULL, 0, "%d", 100), 3);
}
END_TEST

START_TEST(the_crc_is_that_of_ieee_802_3)
{
	uint8_t every[256];

	ck_assert_uint_eq(vl_crc32(0, "123456789", 9), 0xcbf43926);
	ck_assert_uint_eq(vl_crc32(vl_crc32(0, "1234", 4), "56789", 5), 0xcbf43926);
	ck_assert_uint_eq(vl_crc32(0, "", 0), 0);
	for (unsigned i = 0; i < sizeof(every); i++)
		every[i] = (uint8_t)i;
	ck_assert_uint_eq(vl_crc32(0, every, sizeof(every)), 0x29058c73);
	for (unsigned i = 0; i <= 20; i++) /* whatever the alignment and wherever it is cut */
		ck_assert_uint_eq(vl_crc32(vl_crc32(0, every, i), every + i, sizeof(every) - i), 0x29058c73);
}
END_TEST

START_TEST(range_predicates_hold_at_the_edges)
{
	ck_assert(vl_within(0, 0, 0));
	ck_assert(vl_within(4, 4, 8));
	ck_assert(!vl_within(5, 4, 8));
	ck_assert(!vl_within(UINT64_MAX, 2, 8));
	ck_assert(!vl_within(2, UINT64_MAX, 8));
	ck_assert(vl_range_ok(UINT64_MAX, 1));
	ck_assert(!vl_range_ok(UINT64_MAX, 2));
	ck_assert(vl_ranges_overlap(0, 10, 9, 1));
	ck_assert(!vl_ranges_overlap(0, 10, 10, 1));
	ck_assert(!vl_ranges_overlap(0, 0, 0, 1));
	ck_assert(vl_ranges_overlap(UINT64_MAX, 1, 0, UINT64_MAX) == false);
}
END_TEST

START_TEST(every_error_has_its_own_name_and_a_sentence)
{
	for (int i = 0; i < VL_ERR_COUNT; i++) {
		ck_assert_ptr_nonnull(vl_err_name(-i));
		ck_assert_uint_gt(strlen(vl_err_text(-i)), 6);
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(vl_err_name(-i), vl_err_name(-j));
	}
	ck_assert_str_eq(vl_err_name(VL_E_RANGE), "VL_E_RANGE");
	ck_assert_str_eq(vl_err_name(INT_MIN), "VL_E_INTERNAL");
	ck_assert_str_eq(vl_err_name(5), "VL_OK");
}
END_TEST

static char last_line[VL_LOG_LINE_MAX + 1];
static void keep_line(enum vl_log_level level, const char *line, size_t length)
{
	(void)level;
	memcpy(last_line, line, length);
	last_line[length] = '\0';
}

START_TEST(a_log_line_that_is_too_long_ends_in_dots)
{
	char text[400];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	vl_log_init(keep_line, VL_LOG_INFO);
	vl_info("%s", text);
	ck_assert_uint_eq(strlen(last_line), VL_LOG_LINE_MAX - 1);
	ck_assert_str_eq(last_line + VL_LOG_LINE_MAX - 4, "...");
	last_line[0] = '\0';
	vl_debug("below the level");
	ck_assert_str_eq(last_line, "");
}
END_TEST

Suite *suite_base(void)
{
	Suite *s = suite_create("base");
	TCase *c = tcase_create("base");

	tcase_add_test(c, a_reader_takes_integers_in_their_byte_order);
	tcase_add_test(c, a_reader_past_its_end_gives_zeros_and_keeps_the_place);
	tcase_add_test(c, a_huge_count_does_not_wrap_the_reader);
	tcase_add_test(c, varints_round_trip_and_overlong_ones_are_refused);
	tcase_add_test(c, a_full_writer_writes_nothing_more_and_says_so);
	tcase_add_test(c, formatting_agrees_with_the_c_library);
	tcase_add_test(c, a_text_too_long_for_the_buffer_is_cut_and_terminated);
	tcase_add_test(c, the_crc_is_that_of_ieee_802_3);
	tcase_add_test(c, range_predicates_hold_at_the_edges);
	tcase_add_test(c, every_error_has_its_own_name_and_a_sentence);
	tcase_add_test(c, a_log_line_that_is_too_long_ends_in_dots);
	suite_add_tcase(s, c);
	return s;
}
