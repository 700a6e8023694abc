/* Unit tests of common/state: the stream's format, its errors, and hostile bytes. */
#include "common/state/state.h"
#include "common/base/crc32.h"
#include "common/base/err.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *suite_state(void);

static uint8_t buffer[8192];

/* Closes a unit-less or unit-bearing stream; its size. */
static size_t finish(struct state_writer *w)
{
	int64_t size = state_writer_finish(w);

	ck_assert_int_gt(size, 0);
	return (size_t)size;
}

/* Two units with fields of every kind. */
static size_t sample(void)
{
	static const uint8_t bytes[] = { 1, 2, 3, 4, 5 };
	struct state_writer w;

	state_writer_init(&w, buffer, sizeof(buffer));
	state_begin_unit(&w, "com1", 1);
	state_put_u8(&w, 1, 0xab);
	state_put_u32(&w, 2, 0x12345678);
	state_put_u64(&w, STATE_MANDATORY | 3, 0x1122334455667788);
	state_put_bytes(&w, 4, bytes, sizeof(bytes));
	state_end_unit(&w);
	state_begin_unit(&w, "empty", 7);
	state_end_unit(&w);
	return finish(&w);
}

static void put32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* Makes the CRC right again after a change. */
static void reseal(size_t size)
{
	put32(buffer + size - 4, vl_crc32(0, buffer, size - 12));
}

/* Opens a stream of one raw record with a right frame around it. */
static int open_raw(uint32_t tag, const void *payload, uint32_t size, size_t *offset)
{
	struct state_stream s;

	put32(buffer, STATE_MAGIC);
	put32(buffer + 4, STATE_FORMAT);
	put32(buffer + 8, tag);
	put32(buffer + 12, size);
	memcpy(buffer + 16, payload, size);
	put32(buffer + 16 + size, 0x80000002);
	put32(buffer + 20 + size, 4);
	reseal(28 + size);
	return state_stream_open(&s, buffer, 28 + size, offset);
}

START_TEST(what_was_put_is_read_back_in_any_order)
{
	struct state_stream s;
	struct state_reader r;
	const uint8_t *view;
	uint64_t u64;
	uint32_t u32;
	uint8_t u8, bytes[5];
	size_t size;

	ck_assert_int_eq(state_stream_open(&s, buffer, sample(), &size), VL_OK);
	ck_assert_int_eq(state_stream_next(&s, &r), 1);
	ck_assert_str_eq(r.name, "com1");
	ck_assert_uint_eq(r.version, 1);
	ck_assert(state_get_bytes(&r, 4, bytes, 5));
	ck_assert_uint_eq(bytes[4], 5);
	ck_assert(state_get_u64(&r, 3, &u64));
	ck_assert(u64 == 0x1122334455667788);
	ck_assert(state_get_u32(&r, 2, &u32));
	ck_assert_uint_eq(u32, 0x12345678);
	ck_assert(state_get_u8(&r, 1, &u8));
	ck_assert_uint_eq(u8, 0xab);
	ck_assert(state_get_view(&r, 4, &view, &size));
	ck_assert_uint_eq(size, 5);
	ck_assert(!state_get_u8(&r, 9, &u8));
	ck_assert_int_eq(state_reader_finish(&r), VL_OK);
	ck_assert_int_eq(state_stream_next(&s, &r), 1);
	ck_assert_str_eq(r.name, "empty");
	ck_assert_uint_eq(r.version, 7);
	ck_assert_int_eq(state_stream_next(&s, &r), 0);
	ck_assert_int_eq(state_stream_find(&s, "empty", &r), VL_OK);
	ck_assert_int_eq(state_stream_find(&s, "com2", &r), VL_E_NOTFOUND);
}
END_TEST

START_TEST(every_truncation_is_refused)
{
	size_t size = sample();

	for (size_t n = 0; n < size; n++) {
		uint8_t *exact = malloc(n + 1);
		struct state_stream s;
		size_t offset;
		int err;

		memcpy(exact, buffer, n);
		err = state_stream_open(&s, exact, n, &offset);
		ck_assert_msg(err == (n < 20 ? VL_E_TRUNCATED : VL_E_MISSING), "%zu bytes: %s", n,
				vl_err_name(err));
		ck_assert_uint_le(offset, n);
		free(exact);
	}
}
END_TEST

START_TEST(every_flipped_bit_is_refused)
{
	size_t size = sample();

	for (size_t bit = 0; bit < 8 * size; bit++) {
		struct state_stream s;
		size_t offset;
		int err;

		buffer[bit / 8] ^= (uint8_t)(1u << bit % 8);
		err = state_stream_open(&s, buffer, size, &offset);
		ck_assert_msg(err == VL_E_CHECKSUM || err == VL_E_MAGIC || err == VL_E_VERSION ||
			      err == VL_E_RESERVED || err == VL_E_MISSING,
			      "bit %zu: %s", bit, vl_err_name(err));
		buffer[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}
END_TEST

START_TEST(bytes_after_the_end_are_refused)
{
	size_t size = sample();
	struct state_stream s;

	buffer[size] = 0;
	ck_assert_int_eq(state_stream_open(&s, buffer, size + 1, NULL), VL_E_MISSING);
}
END_TEST

START_TEST(a_newer_format_is_refused_as_such)
{
	size_t size = sample(), offset;
	struct state_stream s;

	buffer[4] = STATE_FORMAT + 1;
	reseal(size);
	ck_assert_int_eq(state_stream_open(&s, buffer, size, &offset), VL_E_VERSION);
	ck_assert_uint_eq(offset, 4);
}
END_TEST

START_TEST(a_stream_that_failed_to_open_has_no_units)
{
	size_t size = sample();
	struct state_stream s;
	struct state_reader r;

	buffer[20] ^= 1;
	ck_assert_int_eq(state_stream_open(&s, buffer, size, NULL), VL_E_CHECKSUM);
	ck_assert_int_eq(state_stream_next(&s, &r), 0);
	ck_assert_int_eq(state_stream_find(&s, "com1", &r), VL_E_NOTFOUND);
}
END_TEST

START_TEST(an_unknown_optional_record_is_skipped_and_a_mandatory_one_refused)
{
	size_t offset;

	ck_assert_int_eq(open_raw(77, "abc", 3, &offset), VL_OK);
	ck_assert_int_eq(open_raw(STATE_MANDATORY | 77, "abc", 3, &offset), VL_E_UNSUPPORTED);
	ck_assert_uint_eq(offset, 8);
}
END_TEST

START_TEST(a_unit_with_a_bad_name_or_shape_is_refused_with_its_offset)
{
	static const uint8_t no_name[] = { 0, 0, 1, 0, 0, 0 };
	static const uint8_t nul[] = { 2, 0, 'a', 0, 1, 0, 0, 0 };
	static const uint8_t cut_name[] = { 9, 0, 'a' };
	static const uint8_t cut_version[] = { 1, 0, 'a', 1, 0 };
	static const uint8_t cut_field[] = { 1, 0, 'a', 1, 0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0, 9 };
	static const uint8_t twice[] = { 1, 0, 'a', 1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0x80, 0,
		0, 0, 0 };
	uint8_t long_name[2 + 64 + 4] = { 64, 0 };
	uint32_t unit = STATE_MANDATORY | STATE_RECORD_UNIT;
	size_t offset = 0;

	memset(long_name + 2, 'x', 64);
	ck_assert_int_eq(open_raw(unit, no_name, sizeof(no_name), &offset), VL_E_FORMAT);
	ck_assert_uint_eq(offset, 8);
	ck_assert_int_eq(open_raw(unit, nul, sizeof(nul), &offset), VL_E_FORMAT);
	ck_assert_int_eq(open_raw(unit, long_name, sizeof(long_name), &offset), VL_E_FORMAT);
	ck_assert_int_eq(open_raw(unit, cut_name, sizeof(cut_name), &offset), VL_E_TRUNCATED);
	ck_assert_int_eq(open_raw(unit, cut_version, sizeof(cut_version), &offset), VL_E_TRUNCATED);
	ck_assert_int_eq(open_raw(unit, cut_field, sizeof(cut_field), &offset), VL_E_TRUNCATED);
	ck_assert_int_eq(open_raw(unit, twice, sizeof(twice), &offset), VL_E_DUPLICATE);
}
END_TEST

START_TEST(two_units_of_one_name_are_refused)
{
	struct state_writer w;
	struct state_stream s;
	size_t offset, second, size;

	state_writer_init(&w, buffer, sizeof(buffer));
	state_begin_unit(&w, "pic", 1);
	state_end_unit(&w);
	second = w.w.pos;
	state_begin_unit(&w, "pic", 1);
	state_end_unit(&w);
	size = finish(&w);
	ck_assert_int_eq(state_stream_open(&s, buffer, size, &offset), VL_E_DUPLICATE);
	ck_assert_uint_eq(offset, second);
}
END_TEST

START_TEST(more_fields_or_units_than_the_limit_are_refused)
{
	static uint8_t large[1 << 16];
	struct state_writer w;
	struct state_stream s;
	int64_t size;
	char name[8];

	state_writer_init(&w, buffer, sizeof(buffer));
	state_begin_unit(&w, "a", 1);
	for (uint32_t i = 0; i <= STATE_FIELDS_MAX; i++)
		state_put_u8(&w, i, 0);
	state_end_unit(&w);
	ck_assert_int_eq(state_stream_open(&s, buffer, finish(&w), NULL), VL_E_LIMIT);
	state_writer_init(&w, large, sizeof(large));
	for (unsigned i = 0; i <= STATE_UNITS_MAX; i++) {
		for (unsigned d = 0; d < 4; d++)
			name[d] = (char)('a' + (i >> 4 * d & 15));
		name[4] = 0;
		state_begin_unit(&w, name, 1);
		state_end_unit(&w);
	}
	size = state_writer_finish(&w);
	ck_assert_int_gt(size, 0);
	ck_assert_int_eq(state_stream_open(&s, large, (size_t)size, NULL), VL_E_LIMIT);
}
END_TEST

START_TEST(a_mandatory_field_that_nobody_takes_fails_the_unit)
{
	struct state_stream s;
	struct state_reader r;
	uint64_t v;

	ck_assert_int_eq(state_stream_open(&s, buffer, sample(), NULL), VL_OK);
	ck_assert_int_eq(state_stream_find(&s, "com1", &r), VL_OK);
	ck_assert_int_eq(state_reader_finish(&r), VL_E_UNSUPPORTED);
	ck_assert(state_get_u64(&r, 3, &v));
	ck_assert_int_eq(state_reader_finish(&r), VL_OK);
}
END_TEST

START_TEST(a_field_of_another_size_or_no_truth_value_is_malformed)
{
	struct state_stream s;
	struct state_reader r;
	uint8_t u8, bytes[4];
	bool b = true;

	ck_assert_int_eq(state_stream_open(&s, buffer, sample(), NULL), VL_OK);
	state_stream_find(&s, "com1", &r);
	ck_assert(!state_get_u8(&r, 2, &u8));
	ck_assert_int_eq(r.err, VL_E_FORMAT);
	state_stream_find(&s, "com1", &r);
	ck_assert(!state_get_bytes(&r, 4, bytes, 4));
	ck_assert_int_eq(state_reader_finish(&r), VL_E_FORMAT);
	state_stream_find(&s, "com1", &r);
	ck_assert(!state_get_bool(&r, 1, &b));
	ck_assert_int_eq(r.err, VL_E_FORMAT);
	ck_assert(b);
	/* The first error stays and stops all later reads. */
	state_reader_fail(&r, VL_E_RANGE);
	ck_assert_int_eq(r.err, VL_E_FORMAT);
	ck_assert(!state_get_u8(&r, 1, &u8));
}
END_TEST

struct members {
	uint8_t a;
	uint16_t b;
	uint64_t c;
};

START_TEST(a_field_table_restores_members_and_refuses_values_above_their_maximum)
{
	static const struct state_field table[] = {
		STATE_FIELD(1, struct members, a, 3),
		STATE_FIELD(2, struct members, b, 0xffff),
		STATE_FIELD(STATE_MANDATORY | 3, struct members, c, UINT64_MAX),
	};
	struct members in = { 3, 0x1234, 0x55667788aabbccdd }, out = { 1, 2, 3 };
	struct state_writer w;
	struct state_stream s;
	struct state_reader r;
	size_t size;

	for (unsigned i = 0; i < 2; i++, in.a++) {
		state_writer_init(&w, buffer, sizeof(buffer));
		state_begin_unit(&w, "m", 1);
		state_put_fields(&w, table, 3, &in);
		state_end_unit(&w);
		size = finish(&w);
		ck_assert_int_eq(state_stream_open(&s, buffer, size, NULL), VL_OK);
		ck_assert_int_eq(state_stream_next(&s, &r), 1);
		state_get_fields(&r, table, 3, &out);
		ck_assert_int_eq(state_reader_finish(&r), i ? VL_E_RANGE : VL_OK);
		ck_assert_uint_eq(out.a, 3);
		ck_assert_uint_eq(out.b, 0x1234);
		ck_assert(out.c == 0x55667788aabbccdd);
	}
}
END_TEST

START_TEST(a_writer_without_room_or_misused_says_so)
{
	struct state_writer w;
	size_t size = sample();

	for (size_t room = 0; room < size; room++) {
		uint8_t *small = malloc(room + 1);

		state_writer_init(&w, small, room);
		state_begin_unit(&w, "com1", 1);
		state_put_u64(&w, 1, 1);
		state_put_bytes(&w, 2, buffer, size - 59);
		state_end_unit(&w);
		ck_assert_int_eq(state_writer_finish(&w), VL_E_NOSPACE);
		free(small);
	}
	state_writer_init(&w, buffer, sizeof(buffer));
	state_put_u8(&w, 1, 1);
	ck_assert_int_eq(state_writer_finish(&w), VL_E_INTERNAL);
	state_writer_init(&w, buffer, sizeof(buffer));
	state_begin_unit(&w, "", 1);
	ck_assert_int_eq(state_writer_finish(&w), VL_E_INTERNAL);
	state_writer_init(&w, buffer, sizeof(buffer));
	state_begin_unit(&w, "a", 1);
	state_begin_unit(&w, "b", 1);
	ck_assert_int_eq(state_writer_finish(&w), VL_E_INTERNAL);
}
END_TEST

Suite *suite_state(void)
{
	Suite *s = suite_create("state");
	TCase *t = tcase_create("stream");

	tcase_set_timeout(t, 300);
	tcase_add_test(t, what_was_put_is_read_back_in_any_order);
	tcase_add_test(t, every_truncation_is_refused);
	tcase_add_test(t, every_flipped_bit_is_refused);
	tcase_add_test(t, bytes_after_the_end_are_refused);
	tcase_add_test(t, a_newer_format_is_refused_as_such);
	tcase_add_test(t, a_stream_that_failed_to_open_has_no_units);
	tcase_add_test(t, an_unknown_optional_record_is_skipped_and_a_mandatory_one_refused);
	tcase_add_test(t, a_unit_with_a_bad_name_or_shape_is_refused_with_its_offset);
	tcase_add_test(t, two_units_of_one_name_are_refused);
	tcase_add_test(t, more_fields_or_units_than_the_limit_are_refused);
	tcase_add_test(t, a_mandatory_field_that_nobody_takes_fails_the_unit);
	tcase_add_test(t, a_field_of_another_size_or_no_truth_value_is_malformed);
	tcase_add_test(t, a_field_table_restores_members_and_refuses_values_above_their_maximum);
	tcase_add_test(t, a_writer_without_room_or_misused_says_so);
	suite_add_tcase(s, t);
	return s;
}
