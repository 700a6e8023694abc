/* The diagnostics services' messages (diag.h). Called by server and client; what is decoded is hostile. */
#include "common/diag/diag.h"
#include "common/base/err.h"
#include "common/base/fmt.h"
#include "common/protobuf/protobuf.h"

#include <string.h>

enum { STREAM_FOLLOW = 1, STREAM_CONN, STREAM_PATH };
enum { INSPECT_PATH = 1, INSPECT_DEPTH };
enum { UPDATE_PATH = 1, UPDATE_VALUE };
enum { PROFILE_CONN = 1, PROFILE_DURATION, PROFILE_ARGUMENT };
enum { START_ENV = 1, START_ARGS };
enum { CRASH_PID = 1 };
enum { CAPTURE_OPERATION = 3 };

int diag_stream_decode(const void *data, size_t size, struct diag_stream_request *q)
{
	struct vl_reader r;
	struct pb_field f;

	memset(q, 0, sizeof(*q));
	vl_reader_init(&r, data, size);
	while (pb_next(&r, &f)) {
		if (f.number == STREAM_FOLLOW)
			q->follow = pb_bool(&r, &f);
		else if (f.number == STREAM_CONN)
			q->conn = pb_varint(&r, &f);
		else if (f.number == STREAM_PATH)
			pb_string(&r, &f, q->path, sizeof(q->path));
	}
	return r.err;
}

int diag_inspect_decode(const void *data, size_t size, struct diag_inspect_request *q)
{
	struct vl_reader r;
	struct pb_field f;

	memset(q, 0, sizeof(*q));
	vl_reader_init(&r, data, size);
	while (pb_next(&r, &f)) {
		if (f.number == INSPECT_PATH)
			pb_string(&r, &f, q->path, sizeof(q->path));
		else if (f.number == INSPECT_DEPTH)
			q->depth = pb_u32(&r, &f);
	}
	return r.err;
}

int diag_update_decode(const void *data, size_t size, struct diag_update_request *q)
{
	struct vl_reader r;
	struct pb_field f;

	memset(q, 0, sizeof(*q));
	vl_reader_init(&r, data, size);
	while (pb_next(&r, &f)) {
		if (f.number == UPDATE_PATH)
			pb_string(&r, &f, q->path, sizeof(q->path));
		else if (f.number == UPDATE_VALUE)
			pb_string(&r, &f, q->value, sizeof(q->value));
	}
	return r.err;
}

/* "hertz=N", N of at most six digits; anything else is left alone. */
static void take_profiler_argument(const struct pb_field *f, uint32_t *hertz)
{
	static const char key[] = "hertz=";
	const size_t key_size = sizeof(key) - 1;
	uint32_t value = 0;

	if (f->size <= key_size || f->size > key_size + 6 || memcmp(f->bytes, key, key_size) != 0)
		return;
	for (size_t i = key_size; i < f->size; i++) {
		if (f->bytes[i] < '0' || f->bytes[i] > '9')
			return;
		value = value * 10 + (f->bytes[i] - '0');
	}
	*hertz = value;
}

int diag_profile_decode(const void *data, size_t size, struct diag_profile_request *q)
{
	struct vl_reader r;
	struct pb_field f;

	memset(q, 0, sizeof(*q));
	vl_reader_init(&r, data, size);
	while (pb_next(&r, &f)) {
		if (f.number == PROFILE_CONN)
			q->conn = pb_varint(&r, &f);
		else if (f.number == PROFILE_DURATION)
			q->duration_s = pb_varint(&r, &f);
		else if (f.number == PROFILE_ARGUMENT && f.type == PB_BYTES)
			take_profiler_argument(&f, &q->hertz);
	}
	return r.err;
}

int diag_start_decode(const void *data, size_t size, struct diag_start_request *q)
{
	struct vl_reader r;
	struct pb_field f;

	memset(q, 0, sizeof(*q));
	vl_reader_init(&r, data, size);
	while (pb_next(&r, &f)) {
		q->env_count += f.number == START_ENV;
		q->arg_count += f.number == START_ARGS;
	}
	return r.err;
}

int diag_crash_decode(const void *data, size_t size, struct diag_crash_request *q)
{
	struct vl_reader r;
	struct pb_field f;

	memset(q, 0, sizeof(*q));
	vl_reader_init(&r, data, size);
	while (pb_next(&r, &f))
		if (f.number == CRASH_PID)
			q->pid = (uint32_t)pb_i32(&r, &f);
	return r.err;
}

int diag_capture_decode(const void *data, size_t size, struct diag_capture_request *q)
{
	struct vl_reader r;
	struct pb_field f;

	memset(q, 0, sizeof(*q));
	vl_reader_init(&r, data, size);
	while (pb_next(&r, &f))
		if (f.number == CAPTURE_OPERATION)
			q->operation = (uint32_t)pb_i32(&r, &f);
	return r.err;
}

/* proto3: what has its default value is left out. */
static void put_u64(struct vl_writer *w, uint32_t number, uint64_t v)
{
	if (v)
		pb_put_varint(w, number, v);
}

static void put_text(struct vl_writer *w, uint32_t number, const char *text)
{
	if (*text)
		pb_put_string(w, number, text);
}

void diag_stream_encode(struct vl_writer *w, const struct diag_stream_request *q)
{
	put_u64(w, STREAM_FOLLOW, q->follow);
	put_u64(w, STREAM_CONN, q->conn);
	put_text(w, STREAM_PATH, q->path);
}

void diag_inspect_encode(struct vl_writer *w, const struct diag_inspect_request *q)
{
	put_text(w, INSPECT_PATH, q->path);
	put_u64(w, INSPECT_DEPTH, q->depth);
}

void diag_update_encode(struct vl_writer *w, const struct diag_update_request *q)
{
	put_text(w, UPDATE_PATH, q->path);
	put_text(w, UPDATE_VALUE, q->value);
}

void diag_profile_encode(struct vl_writer *w, const struct diag_profile_request *q)
{
	char argument[24];

	put_u64(w, PROFILE_CONN, q->conn);
	put_u64(w, PROFILE_DURATION, q->duration_s);
	if (q->hertz) {
		vl_format(argument, sizeof(argument), "hertz=%u", q->hertz);
		pb_put_string(w, PROFILE_ARGUMENT, argument);
	}
}

int diag_response_decode(const void *data, size_t size, const uint8_t **field, size_t *field_size)
{
	struct vl_reader r, inner;
	struct pb_field f;

	*field = NULL;
	*field_size = 0;
	vl_reader_init(&r, data, size);
	while (pb_next(&r, &f)) {
		if (f.number != DIAG_RESPONSE_FIELD)
			continue;
		inner = pb_message(&r, &f);
		*field = inner.data;
		*field_size = inner.size;
	}
	return r.err;
}
