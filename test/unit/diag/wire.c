/* The diagnostics protocol's layers: protobuf fields, ttrpc frames, the services' messages. */
#include "common/base/err.h"
#include "common/diag/diag.h"
#include "common/protobuf/protobuf.h"
#include "common/ttrpc/ttrpc.h"
#include "test/unit/diag/golden_file.h"

Suite *suite_diag_wire(void);

static uint8_t buffer[1024];

/* --- protobuf --------------------------------------------------------------------------- */

/* How reading all of `bytes` ends. */
static int walk(const void *bytes, size_t size)
{
	struct vl_reader r;
	struct pb_field f;

	vl_reader_init(&r, bytes, size);
	while (pb_next(&r, &f))
		;
	return r.err;
}

#define WALK(text) walk(text, sizeof(text) - 1)

START_TEST(every_broken_field_has_its_error)
{
	ck_assert_int_eq(WALK(""), 0);
	ck_assert_int_eq(WALK("\x08"), VL_E_TRUNCATED);
	ck_assert_int_eq(WALK("\x08\x80"), VL_E_TRUNCATED);
	ck_assert_int_eq(WALK("\x09\1\2\3\4\5\6\7"), VL_E_TRUNCATED);
	ck_assert_int_eq(WALK("\x0d\1\2\3"), VL_E_TRUNCATED);
	ck_assert_int_eq(WALK("\x0a\x02x"), VL_E_TRUNCATED);
	ck_assert_int_eq(WALK("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), VL_E_TRUNCATED);
	ck_assert_int_eq(WALK("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), VL_E_FORMAT);
	ck_assert_int_eq(WALK("\x00\x01"), VL_E_RANGE);
	ck_assert_int_eq(WALK("\x80\x80\x80\x80\x10\x01"), VL_E_RANGE);
	ck_assert_int_eq(WALK("\x0b"), VL_E_TYPE);
	ck_assert_int_eq(WALK("\x0c"), VL_E_TYPE);
	ck_assert_int_eq(WALK("\x0e\x01"), VL_E_TYPE);
}
END_TEST

START_TEST(what_is_written_is_read_again)
{
	char text[8], inner[200];
	struct vl_reader r, m;
	struct vl_writer w;
	struct pb_field f;
	size_t mark;

	memset(inner, 'x', sizeof(inner));
	vl_writer_init(&w, buffer, sizeof(buffer));
	pb_put_varint(&w, 1, UINT64_MAX);
	pb_put_sint64(&w, 2, INT64_MIN);
	pb_put_fixed32(&w, 3, 0x12345678);
	pb_put_fixed64(&w, PB_NUMBER_MAX, 42);
	pb_put_string(&w, 5, "text");
	mark = pb_open(&w, 6);
	pb_put_bytes(&w, 1, inner, sizeof(inner)); /* longer than a length of one byte says */
	pb_close(&w, mark);
	ck_assert_int_eq(w.err, 0);
	vl_reader_init(&r, buffer, w.pos);
	ck_assert(pb_next(&r, &f));
	ck_assert_uint_eq(pb_varint(&r, &f), UINT64_MAX);
	ck_assert(pb_next(&r, &f));
	ck_assert_int_eq(pb_sint64(&r, &f), INT64_MIN);
	ck_assert(pb_next(&r, &f) && f.type == PB_FIXED32 && f.value == 0x12345678);
	ck_assert(pb_next(&r, &f) && f.number == PB_NUMBER_MAX && f.value == 42);
	ck_assert(pb_next(&r, &f));
	pb_string(&r, &f, text, sizeof(text));
	ck_assert_str_eq(text, "text");
	ck_assert(pb_next(&r, &f));
	m = pb_message(&r, &f);
	ck_assert(pb_next(&m, &f));
	ck_assert_uint_eq(f.size, sizeof(inner));
	ck_assert_mem_eq(f.bytes, inner, sizeof(inner));
	ck_assert(!pb_next(&m, &f) && !m.err);
	ck_assert(!pb_next(&r, &f) && !r.err);
}
END_TEST

START_TEST(a_value_of_another_type_is_refused)
{
	struct vl_reader r;
	struct pb_field f;
	char text[4];

	vl_reader_init(&r, "\x08\x05", 2);
	ck_assert(pb_next(&r, &f));
	pb_string(&r, &f, text, sizeof(text));
	ck_assert_int_eq(r.err, VL_E_TYPE);
	vl_reader_init(&r, "\x0a\x00", 2);
	ck_assert(pb_next(&r, &f));
	ck_assert_uint_eq(pb_varint(&r, &f), 0);
	ck_assert_int_eq(r.err, VL_E_TYPE);
	vl_reader_init(&r, "\x08\x80\x80\x80\x80\x10", 6);
	ck_assert(pb_next(&r, &f));
	ck_assert_uint_eq(pb_u32(&r, &f), 0);
	ck_assert_int_eq(r.err, VL_E_RANGE);
}
END_TEST

START_TEST(a_string_is_text_and_fits)
{
	static const struct {
		const char *bytes;
		size_t size;
		int err;
	} cases[] = {
		{ "\x0a\x03" "abc", 5, 0 }, { "\x0a\x04" "abcd", 6, VL_E_LIMIT },
		{ "\x0a\x01\x00", 3, VL_E_FORMAT },
		{ "\x0a\x01\xff", 3, VL_E_FORMAT }, { "\x0a\x02\xc3\xa4", 4, 0 },
		{ "\x0a\x02\xc0\x80", 4, VL_E_FORMAT },
		{ "\x0a\x03\xed\xa0\x80", 5, VL_E_FORMAT }, { "\x0a\x01\xc3", 3, VL_E_FORMAT },
	};

	for (size_t i = 0; i < VL_ARRAY_COUNT(cases); i++) {
		struct vl_reader r;
		struct pb_field f;
		char text[4];

		vl_reader_init(&r, cases[i].bytes, cases[i].size);
		ck_assert(pb_next(&r, &f));
		pb_string(&r, &f, text, sizeof(text));
		ck_assert_msg(r.err == cases[i].err, "case %zu: %s", i, vl_err_name(r.err));
	}
	ck_assert(!pb_is_text("\xf4\x90\x80\x80", 4)); /* above U+10FFFF */
	ck_assert(pb_is_text("\xf4\x8f\xbf\xbf", 4));
}
END_TEST

/* --- ttrpc -------------------------------------------------------------------------------- */

static void request_is(const char *file, const char *service, const char *method, uint64_t timeout_ns,
	void (*fill)(struct vl_writer *w))
{
	struct ttrpc_request q;
	struct ttrpc_header h;
	struct ttrpc_mark mark;
	struct vl_writer w;

	vl_writer_init(&w, buffer, sizeof(buffer));
	mark = ttrpc_request_begin(&w, 1, service, method, timeout_ns);
	if (fill)
		fill(&w);
	ttrpc_end(&w, mark);
	ck_assert_int_eq(w.err, 0);
	golden_is(file, buffer, w.pos);
	ttrpc_header_read(buffer, &h);
	ck_assert_uint_eq(h.length + TTRPC_HEADER_BYTES, w.pos);
	ck_assert_uint_eq(h.stream, 1);
	ck_assert_uint_eq(h.type, TTRPC_REQUEST);
	ck_assert_int_eq(ttrpc_request_decode(buffer + TTRPC_HEADER_BYTES, h.length, &q), 0);
	ck_assert_str_eq(q.service, service);
	ck_assert_str_eq(q.method, method);
	ck_assert_uint_eq(q.timeout_ns, timeout_ns);
}

static void fill_kmsg(struct vl_writer *w)
{
	diag_stream_encode(w, &(struct diag_stream_request){ .conn = 8 });
}

static void fill_inspect(struct vl_writer *w)
{
	diag_inspect_encode(w, &(struct diag_inspect_request){ .depth = INSPECT_ALL });
}

static void fill_update(struct vl_writer *w)
{
	diag_update_encode(w, &(struct diag_update_request){ .path = "log/level", .value = "debug" });
}

START_TEST(a_request_has_the_bytes_that_the_reference_client_sends)
{
	request_is("pause.frame", DIAG_SERVICE, "Pause", 0, NULL);
	request_is("kmsg.frame", DIAG_SERVICE, "Kmsg", 0, fill_kmsg);
	request_is("update.frame", DIAG_SERVICE_INSPECT, "Update", 0, fill_update);
	request_is("inspect.frame", DIAG_SERVICE_INSPECT, "Inspect", 996229349, fill_inspect);
}
END_TEST

static void response_decodes(const struct vl_writer *w, struct ttrpc_response *a)
{
	int err = ttrpc_response_decode(w->data + TTRPC_HEADER_BYTES, w->pos - TTRPC_HEADER_BYTES, a);

	ck_assert_int_eq(err, 0);
}

START_TEST(a_response_is_read_as_it_was_written)
{
	struct ttrpc_response a;
	struct ttrpc_mark mark;
	struct vl_writer w;

	vl_writer_init(&w, buffer, sizeof(buffer));
	mark = ttrpc_response_begin(&w, 3);
	pb_put_string(&w, 1, "payload");
	ttrpc_end(&w, mark);
	response_decodes(&w, &a);
	ck_assert_uint_eq(a.code, TTRPC_OK);
	ck_assert_uint_eq(a.payload_size, 9);
	vl_writer_init(&w, buffer, sizeof(buffer));
	ttrpc_status_write(&w, 5, TTRPC_NOT_FOUND, "no such thing");
	response_decodes(&w, &a);
	ck_assert_uint_eq(a.code, TTRPC_NOT_FOUND);
	ck_assert_str_eq(a.text, "no such thing");
	vl_writer_init(&w, buffer, sizeof(buffer));
	ttrpc_end(&w, ttrpc_response_begin(&w, 7));
	response_decodes(&w, &a);
	ck_assert_uint_eq(a.code, TTRPC_OK);
	ck_assert_uint_eq(a.payload_size, 0);
}
END_TEST

START_TEST(of_a_profilers_arguments_the_rate_is_taken_and_all_others_are_passed_over)
{
	static const char *const others[] = { "LimitMB:5", "hertz=", "hertz=1234567", "hertz=9x",
		"xhertz=5" };
	const struct diag_profile_request asked = { .conn = 7, .duration_s = 30, .hertz = 250 };
	struct diag_profile_request got;
	struct vl_writer w;

	vl_writer_init(&w, buffer, sizeof(buffer));
	diag_profile_encode(&w, &asked);
	for (size_t i = 0; i < VL_ARRAY_COUNT(others); i++)
		pb_put_string(&w, 3, others[i]);
	ck_assert_int_eq(diag_profile_decode(buffer, w.pos, &got), 0);
	ck_assert_uint_eq(got.conn, 7);
	ck_assert_uint_eq(got.duration_s, 30);
	ck_assert_uint_eq(got.hertz, 250);
	ck_assert_int_eq(diag_profile_decode(buffer, 4, &got), 0);
	ck_assert_uint_eq(got.hertz, 0);
}
END_TEST

START_TEST(a_long_status_text_is_cut_between_characters)
{
	char longer[2 * TTRPC_TEXT_MAX + 1];
	struct ttrpc_response a;
	struct vl_writer w;

	for (size_t i = 0; i + 1 < sizeof(longer); i += 2)
		memcpy(longer + i, "\xc3\xa4", 2);
	longer[sizeof(longer) - 1] = 0;
	vl_writer_init(&w, buffer, sizeof(buffer));
	ttrpc_status_write(&w, 5, TTRPC_UNKNOWN, longer);
	response_decodes(&w, &a);
	ck_assert_uint_eq(strlen(a.text), (TTRPC_TEXT_MAX - 1) / 2 * 2);
	ck_assert(pb_is_text(a.text, strlen(a.text)));
}
END_TEST

START_TEST(a_header_that_no_client_sends_is_answered_and_not_served)
{
	struct ttrpc_header h = { .length = 10, .stream = 1, .type = TTRPC_REQUEST };
	const char *text = "";

	ck_assert_int_eq(ttrpc_header_check(&h, 10, &text), TTRPC_OK);
	ck_assert_int_eq(ttrpc_header_check(&h, 9, &text), TTRPC_RESOURCE_EXHAUSTED);
	h.stream = 2;
	ck_assert_int_eq(ttrpc_header_check(&h, 10, &text), TTRPC_INVALID_ARGUMENT);
	h.stream = 1;
	h.type = TTRPC_RESPONSE;
	ck_assert_int_eq(ttrpc_header_check(&h, 10, &text), TTRPC_INVALID_ARGUMENT);
	ck_assert_str_ne(text, "");
}
END_TEST

/* --- Messages -------------------------------------------------------------------------------- */

START_TEST(the_requests_of_the_reference_client_are_understood)
{
	struct diag_inspect_request inspect;
	struct diag_update_request update;
	struct diag_stream_request stream;
	struct diag_capture_request capture;
	struct diag_crash_request crash;
	struct ttrpc_request q;
	uint8_t bytes[256];
	size_t size = golden_read("inspect-request.bin", bytes, sizeof(bytes));

	ck_assert_int_eq(diag_inspect_decode(bytes, size, &inspect), 0);
	ck_assert_str_eq(inspect.path, "vm/vp");
	ck_assert_uint_eq(inspect.depth, 2);
	size = golden_read("inspect-request-all.bin", bytes, sizeof(bytes));
	ck_assert_int_eq(diag_inspect_decode(bytes, size, &inspect), 0);
	ck_assert_uint_eq(inspect.depth, INSPECT_ALL);
	size = golden_read("update-request.bin", bytes, sizeof(bytes));
	ck_assert_int_eq(diag_update_decode(bytes, size, &update), 0);
	ck_assert_str_eq(update.value, "debug");
	size = golden_read("kmsg.frame", bytes, sizeof(bytes));
	ck_assert_int_eq(ttrpc_request_decode(bytes + 10, size - 10, &q), 0);
	ck_assert_int_eq(diag_stream_decode(q.payload, q.payload_size, &stream), 0);
	ck_assert_uint_eq(stream.conn, 8);
	size = golden_read("packet-capture.frame", bytes, sizeof(bytes));
	ck_assert_int_eq(ttrpc_request_decode(bytes + 10, size - 10, &q), 0);
	ck_assert_int_eq(diag_capture_decode(q.payload, q.payload_size, &capture), 0);
	ck_assert_uint_eq(capture.operation, DIAG_CAPTURE_START);
	size = golden_read("crash.frame", bytes, sizeof(bytes));
	ck_assert_int_eq(ttrpc_request_decode(bytes + 10, size - 10, &q), 0);
	ck_assert_str_eq(q.method, "Crash");
	ck_assert_int_eq(diag_crash_decode(q.payload, q.payload_size, &crash), 0);
	ck_assert_uint_eq(crash.pid, 42);
}
END_TEST

START_TEST(a_response_field_is_found)
{
	const uint8_t *field;
	size_t size;

	ck_assert_int_eq(diag_response_decode("\x10\x05\x0a\x02hi", 6, &field, &size), 0);
	ck_assert_uint_eq(size, 2);
	ck_assert_mem_eq(field, "hi", 2);
	ck_assert_int_eq(diag_response_decode("", 0, &field, &size), 0);
	ck_assert_uint_eq(size, 0);
	ck_assert_int_eq(diag_response_decode("\x0a\x05hi", 4, &field, &size), VL_E_TRUNCATED);
}
END_TEST

Suite *suite_diag_wire(void)
{
	Suite *s = suite_create("diag_wire");
	TCase *t = tcase_create("diag_wire");

	tcase_add_test(t, every_broken_field_has_its_error);
	tcase_add_test(t, what_is_written_is_read_again);
	tcase_add_test(t, a_value_of_another_type_is_refused);
	tcase_add_test(t, a_string_is_text_and_fits);
	tcase_add_test(t, a_request_has_the_bytes_that_the_reference_client_sends);
	tcase_add_test(t, a_response_is_read_as_it_was_written);
	tcase_add_test(t, of_a_profilers_arguments_the_rate_is_taken_and_all_others_are_passed_over);
	tcase_add_test(t, a_long_status_text_is_cut_between_characters);
	tcase_add_test(t, a_header_that_no_client_sends_is_answered_and_not_served);
	tcase_add_test(t, the_requests_of_the_reference_client_are_understood);
	tcase_add_test(t, a_response_field_is_found);
	suite_add_tcase(s, t);
	return s;
}
