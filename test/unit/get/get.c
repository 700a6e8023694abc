/* GET messages, their stream and LOG_TRACE's text. Layouts are checked by static assertions in get.h. */
#include "common/get/get.h"

#include <check.h>
#include <string.h>

Suite *suite_get(void);

static uint8_t message[GET_MESSAGE_MAX + 1];

/* Sets up a zeroed message with that header; returns it. */
static void *make(enum get_type type, unsigned id)
{
	struct get_header h = get_header(type, id);

	memset(message, 0, sizeof(message));
	memcpy(message, &h, sizeof(h));
	return message;
}

START_TEST(the_version_request_has_the_reference_bytes)
{
	static const uint8_t expected[] = { 1, 2, 1, 0, 2, 0, 4, 0 };
	struct get_version_request q = {
		.header = get_header(GET_HOST_REQUEST, GET_VERSION),
		.version = cpu_to_le32(GET_VERSION_NICKEL_REV2),
	};

	ck_assert_mem_eq(&q, expected, sizeof(expected));
	ck_assert_int_eq(get_check(&q, sizeof(q)), 0);
}
END_TEST

START_TEST(a_message_shorter_than_its_structure_is_truncated)
{
	make(GET_HOST_RESPONSE, GET_TIME);
	for (size_t size = 0; size < sizeof(struct get_time_response); size++)
		ck_assert_int_eq(get_check(message, size), VL_E_TRUNCATED);
	ck_assert_int_eq(get_check(message, sizeof(struct get_time_response)), 0);
}
END_TEST

START_TEST(bytes_behind_a_message_of_fixed_size_are_refused)
{
	make(GET_HOST_NOTIFICATION, GET_EVENT_LOG);
	ck_assert_int_eq(get_check(message, sizeof(struct get_event_log) + 1), VL_E_RANGE);
}
END_TEST

START_TEST(another_header_version_type_or_id_is_refused)
{
	struct get_header *h = make(GET_HOST_REQUEST, GET_TIME);

	h->version = 2;
	ck_assert_int_eq(get_check(message, sizeof(*h)), VL_E_VERSION);
	h = make(GET_HOST_REQUEST, GET_TIME);
	h->type = 9;
	ck_assert_int_eq(get_check(message, sizeof(*h)), VL_E_TYPE);
	make(GET_HOST_REQUEST, 999);
	ck_assert_int_eq(get_check(message, sizeof(*h)), VL_E_TYPE);
	/* DPS_V2_REV1 exists as a response only. */
	make(GET_HOST_REQUEST, GET_DPS_V2_REV1);
	ck_assert_int_eq(get_check(message, sizeof(*h)), VL_E_TYPE);
}
END_TEST

START_TEST(a_count_that_disagrees_with_the_size_is_refused)
{
	struct get_dps_v2_response *r = make(GET_HOST_RESPONSE, GET_DPS_V2);
	size_t payload;

	r->payload_bytes = cpu_to_le32(10);
	ck_assert_int_eq(get_check(message, sizeof(*r) + 9), VL_E_TRUNCATED);
	ck_assert_int_eq(get_check(message, sizeof(*r) + 11), VL_E_RANGE);
	ck_assert_int_eq(get_check(message, sizeof(*r) + 10), 0);
	ck_assert_ptr_eq(get_payload(message, sizeof(*r) + 10, &payload), message + sizeof(*r));
	ck_assert_uint_eq(payload, 10);
	r->payload_bytes = cpu_to_le32(0xffffffff);
	ck_assert_int_eq(get_check(message, sizeof(*r) + 10), VL_E_TRUNCATED);
}
END_TEST

START_TEST(registers_of_a_triple_fault_are_counted_and_bounded)
{
	struct get_triple_fault *f = make(GET_HOST_NOTIFICATION, GET_TRIPLE_FAULT);

	f->register_count = cpu_to_le32(2);
	ck_assert_int_eq(get_check(message, sizeof(*f) + 2 * sizeof(struct get_register)), 0);
	ck_assert_int_eq(get_check(message, sizeof(*f) + sizeof(struct get_register)), VL_E_TRUNCATED);
	ck_assert_int_eq(get_check(message, sizeof(*f) + 2 * sizeof(struct get_register) + 1), VL_E_RANGE);
	f->register_count = cpu_to_le32(GET_REGISTER_MAX + 1);
	ck_assert_int_eq(get_check(message,
		sizeof(*f) + (GET_REGISTER_MAX + 1) * sizeof(struct get_register)), VL_E_LIMIT);
}
END_TEST

START_TEST(a_boolean_is_0_or_1)
{
	struct get_version_response *r = make(GET_HOST_RESPONSE, GET_VERSION);

	r->accepted = 1;
	ck_assert_int_eq(get_check(message, sizeof(*r)), 0);
	r->accepted = 2;
	ck_assert_int_eq(get_check(message, sizeof(*r)), VL_E_RANGE);
}
END_TEST

START_TEST(data_behind_a_vmgs_write_has_a_limit)
{
	make(GET_HOST_REQUEST, GET_VMGS_WRITE);
	ck_assert_int_eq(get_check(message, sizeof(struct get_vmgs_io_request) + GET_PAYLOAD_MAX), 0);
	ck_assert_int_eq(get_check(message, sizeof(struct get_vmgs_io_request) + GET_PAYLOAD_MAX + 1),
		VL_E_LIMIT);
	ck_assert_int_eq(get_check(message, GET_MESSAGE_MAX + 1), VL_E_LIMIT);
}
END_TEST

START_TEST(names_are_known_by_type_and_id)
{
	ck_assert_str_eq(get_name(GET_HOST_REQUEST, GET_VMGS_READ), "VMGS_READ");
	ck_assert_str_eq(get_name(GET_HOST_NOTIFICATION, 4711), "?");
}
END_TEST

/* --- Stream ------------------------------------------------------------------------ */

static size_t frame_event(uint8_t *out, size_t room, unsigned event)
{
	struct get_event_log n = {
		.header = get_header(GET_HOST_NOTIFICATION, GET_EVENT_LOG),
		.event = cpu_to_le32(event),
	};
	struct vl_writer w;

	vl_writer_init(&w, out, room);
	get_frame(&w, &n, sizeof(n), NULL, 0);
	ck_assert_int_eq(w.err, 0);
	return w.pos;
}

START_TEST(a_stream_gives_the_same_messages_for_every_way_to_cut_it)
{
	static struct get_stream s;
	uint8_t bytes[64];
	size_t size = 0;

	for (unsigned i = 1; i <= 3; i++)
		size += frame_event(bytes + size, sizeof(bytes) - size, i);
	for (size_t cut = 1; cut <= size; cut++) {
		unsigned count = 0;

		get_stream_init(&s);
		for (size_t at = 0; at < size;) {
			size_t used, n = size - at < cut ? size - at : cut;
			int got = get_stream_feed(&s, bytes + at, n, &used);

			ck_assert_int_ge(got, 0);
			ck_assert(used > 0 && used <= n);
			at += used;
			if (!got)
				continue;
			count++;
			ck_assert_int_eq(get_check(s.message, s.size), 0);
			ck_assert_uint_eq(s.message[4], count);
		}
		ck_assert_uint_eq(count, 3);
	}
}
END_TEST

START_TEST(a_stream_refuses_sizes_out_of_bounds)
{
	static const uint32_t bad[] = { 0, 3, GET_MESSAGE_MAX + 1, 0xffffffff };
	static struct get_stream s;
	uint8_t prefix[4];
	struct vl_writer w;
	size_t used;

	for (size_t i = 0; i < VL_ARRAY_COUNT(bad); i++) {
		vl_writer_init(&w, prefix, sizeof(prefix));
		vl_write_le32(&w, bad[i]);
		get_stream_init(&s);
		ck_assert_int_eq(get_stream_feed(&s, prefix, sizeof(prefix), &used), VL_E_LIMIT);
	}
}
END_TEST

START_TEST(a_frame_that_does_not_fit_is_an_error)
{
	struct get_header h = get_header(GET_HOST_NOTIFICATION, GET_RESET);
	struct vl_writer w;
	uint8_t out[7];

	vl_writer_init(&w, out, sizeof(out));
	get_frame(&w, &h, sizeof(h), NULL, 0);
	ck_assert_int_eq(w.err, VL_E_NOSPACE);
}
END_TEST

/* --- LOG_TRACE's text --------------------------------------------------------------- */

static void round_trip(const char *in, const char *expected)
{
	struct get_log_trace t;
	char out[1100];

	get_trace_encode(&t, GET_LOG_ERROR, in, strlen(in));
	ck_assert_int_eq(get_check(&t, sizeof(t)), 0);
	get_trace_decode(&t, out, sizeof(out));
	ck_assert_str_eq(out, expected);
}

START_TEST(text_survives_utf_16_and_back)
{
	round_trip("plain", "plain");
	round_trip("", "");
	round_trip("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7", "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7");
}
END_TEST

START_TEST(malformed_text_becomes_the_replacement_character)
{
	round_trip("a\xff" "b", "a\xef\xbf\xbd" "b");
	round_trip("\xc3", "\xef\xbf\xbd");                     /* cut short */
	round_trip("\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd");     /* overlong */
	round_trip("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* a surrogate */
}
END_TEST

START_TEST(control_characters_do_not_reach_a_log)
{
	round_trip("a\nb\x1b[2Jc\x7f", "a b [2Jc ");
}
END_TEST

START_TEST(long_text_is_cut_at_a_character)
{
	struct get_log_trace t;
	char in[600], out[1100];

	/* 255 units, then a character that needs two. */
	memset(in, 'x', 255);
	strcpy(in + 255, "\xf0\x9f\x90\xa7");
	get_trace_encode(&t, GET_LOG_INFORMATION, in, strlen(in));
	get_trace_decode(&t, out, sizeof(out));
	ck_assert_uint_eq(strlen(out), 255);
}
END_TEST

START_TEST(a_lone_surrogate_from_the_host_is_replaced)
{
	struct get_log_trace t = { .header = get_header(GET_HOST_NOTIFICATION, GET_LOG_TRACE) };
	char out[16];

	t.text[0] = cpu_to_le16(0xd800);
	t.text[1] = cpu_to_le16('a');
	get_trace_decode(&t, out, sizeof(out));
	ck_assert_str_eq(out, "\xef\xbf\xbd" "a");
}
END_TEST

START_TEST(decoding_stops_where_the_buffer_ends)
{
	struct get_log_trace t;
	char out[4];

	get_trace_encode(&t, GET_LOG_ERROR, "ab\xe2\x82\xac", 5);
	get_trace_decode(&t, out, sizeof(out));
	ck_assert_str_eq(out, "ab");
}
END_TEST

Suite *suite_get(void)
{
	Suite *s = suite_create("get");
	TCase *c = tcase_create("messages");

	tcase_add_test(c, the_version_request_has_the_reference_bytes);
	tcase_add_test(c, a_message_shorter_than_its_structure_is_truncated);
	tcase_add_test(c, bytes_behind_a_message_of_fixed_size_are_refused);
	tcase_add_test(c, another_header_version_type_or_id_is_refused);
	tcase_add_test(c, a_count_that_disagrees_with_the_size_is_refused);
	tcase_add_test(c, registers_of_a_triple_fault_are_counted_and_bounded);
	tcase_add_test(c, a_boolean_is_0_or_1);
	tcase_add_test(c, data_behind_a_vmgs_write_has_a_limit);
	tcase_add_test(c, names_are_known_by_type_and_id);
	tcase_add_test(c, a_stream_gives_the_same_messages_for_every_way_to_cut_it);
	tcase_add_test(c, a_stream_refuses_sizes_out_of_bounds);
	tcase_add_test(c, a_frame_that_does_not_fit_is_an_error);
	tcase_add_test(c, text_survives_utf_16_and_back);
	tcase_add_test(c, malformed_text_becomes_the_replacement_character);
	tcase_add_test(c, control_characters_do_not_reach_a_log);
	tcase_add_test(c, long_text_is_cut_at_a_character);
	tcase_add_test(c, a_lone_surrogate_from_the_host_is_replaced);
	tcase_add_test(c, decoding_stops_where_the_buffer_ends);
	suite_add_tcase(s, c);
	return s;
}
