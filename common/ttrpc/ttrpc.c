/*
 * ttrpc frames and messages (ttrpc.h). Called by the diagnostics server and
 * its client; every byte that is decoded here is the other side's and hostile.
 */
#include "common/ttrpc/ttrpc.h"
#include "common/base/err.h"
#include "common/protobuf/protobuf.h"

#include <string.h>

enum { REQUEST_SERVICE = 1, REQUEST_METHOD, REQUEST_PAYLOAD, REQUEST_TIMEOUT };
enum { RESPONSE_STATUS = 1, RESPONSE_PAYLOAD };
enum { STATUS_CODE = 1, STATUS_TEXT };

void ttrpc_header_read(const void *bytes, struct ttrpc_header *h)
{
	struct vl_reader r;

	vl_reader_init(&r, bytes, TTRPC_HEADER_BYTES);
	h->length = vl_read_be32(&r);
	h->stream = vl_read_be32(&r);
	h->type = vl_read_u8(&r);
	h->flags = vl_read_u8(&r);
}

void ttrpc_header_write(void *bytes, const struct ttrpc_header *h)
{
	struct vl_writer w;

	vl_writer_init(&w, bytes, TTRPC_HEADER_BYTES);
	vl_write_be32(&w, h->length);
	vl_write_be32(&w, h->stream);
	vl_write_u8(&w, h->type);
	vl_write_u8(&w, h->flags);
}

enum ttrpc_code ttrpc_header_check(const struct ttrpc_header *h, uint32_t limit, const char **text)
{
	if (h->stream % 2 == 0) {
		*text = "stream id must be odd for client requests";
		return TTRPC_INVALID_ARGUMENT;
	}
	if (h->type != TTRPC_REQUEST) {
		*text = "invalid message type";
		return TTRPC_INVALID_ARGUMENT;
	}
	if (h->length > limit) {
		*text = "message length exceeds maximum allowed size";
		return TTRPC_RESOURCE_EXHAUSTED;
	}
	return TTRPC_OK;
}

static void view(struct vl_reader *r, const struct pb_field *f, const uint8_t **data, size_t *size)
{
	struct vl_reader inner = pb_message(r, f);

	*data = inner.data;
	*size = inner.size;
}

int ttrpc_request_decode(const void *data, size_t size, struct ttrpc_request *q)
{
	struct vl_reader r;
	struct pb_field f;

	memset(q, 0, sizeof(*q));
	vl_reader_init(&r, data, size);
	while (pb_next(&r, &f)) {
		switch (f.number) {
		case REQUEST_SERVICE:
			pb_string(&r, &f, q->service, sizeof(q->service));
			break;
		case REQUEST_METHOD:
			pb_string(&r, &f, q->method, sizeof(q->method));
			break;
		case REQUEST_PAYLOAD:
			view(&r, &f, &q->payload, &q->payload_size);
			break;
		case REQUEST_TIMEOUT:
			q->timeout_ns = pb_varint(&r, &f);
			break;
		}
	}
	return r.err;
}

static void status_decode(struct vl_reader *r, struct ttrpc_response *a)
{
	struct pb_field f;

	while (pb_next(r, &f)) {
		if (f.number == STATUS_CODE)
			a->code = (uint32_t)pb_i32(r, &f);
		if (f.number != STATUS_TEXT)
			continue;
		/* Cut between characters. */
		while (f.type == PB_BYTES && f.size >= sizeof(a->text))
			f.size--;
		while (f.type == PB_BYTES && f.size && !pb_is_text(f.bytes, f.size) &&
		       f.size > sizeof(a->text) - 4)
			f.size--;
		pb_string(r, &f, a->text, sizeof(a->text));
	}
}

int ttrpc_response_decode(const void *data, size_t size, struct ttrpc_response *a)
{
	struct vl_reader r, status;
	struct pb_field f;

	memset(a, 0, sizeof(*a));
	vl_reader_init(&r, data, size);
	while (pb_next(&r, &f)) {
		if (f.number == RESPONSE_STATUS) {
			status = pb_message(&r, &f);
			status_decode(&status, a);
			vl_reader_fail(&r, status.err);
		} else if (f.number == RESPONSE_PAYLOAD) {
			view(&r, &f, &a->payload, &a->payload_size);
		}
	}
	return r.err;
}

static size_t frame_begin(struct vl_writer *w, uint32_t stream, enum ttrpc_type type)
{
	size_t at = w->pos;

	vl_write_be32(w, 0);
	vl_write_be32(w, stream);
	vl_write_u8(w, type);
	vl_write_u8(w, 0);
	return at;
}

/* `more`: bytes of the message that are not in the writer. */
static void frame_end(struct vl_writer *w, size_t frame, size_t more)
{
	struct vl_writer length;
	size_t size = w->pos - frame - TTRPC_HEADER_BYTES + more;

	if (w->err)
		return;
	if (size > TTRPC_MESSAGE_MAX) {
		w->err = VL_E_NOSPACE;
		return;
	}
	vl_writer_init(&length, w->data + frame, sizeof(uint32_t));
	vl_write_be32(&length, (uint32_t)size);
}

struct ttrpc_mark ttrpc_request_begin(struct vl_writer *w, uint32_t stream, const char *service,
	const char *method, uint64_t timeout_ns)
{
	struct ttrpc_mark mark = { .frame = frame_begin(w, stream, TTRPC_REQUEST), .request = true,
		.timeout_ns = timeout_ns };

	pb_put_string(w, REQUEST_SERVICE, service);
	pb_put_string(w, REQUEST_METHOD, method);
	mark.payload = pb_open(w, REQUEST_PAYLOAD);
	return mark;
}

struct ttrpc_mark ttrpc_response_begin(struct vl_writer *w, uint32_t stream)
{
	struct ttrpc_mark mark = { .frame = frame_begin(w, stream, TTRPC_RESPONSE) };

	mark.payload = pb_open(w, RESPONSE_PAYLOAD);
	return mark;
}

#define EMPTY_FIELD_BYTES 2 /* key and length */

void ttrpc_end(struct vl_writer *w, struct ttrpc_mark mark)
{
	/* A request's empty payload is left out, as proto3 has it; a response's says that it is one. */
	if (mark.request && !w->err && w->pos == mark.payload)
		w->pos -= EMPTY_FIELD_BYTES;
	else
		pb_close(w, mark.payload);
	if (mark.timeout_ns)
		pb_put_varint(w, REQUEST_TIMEOUT, mark.timeout_ns);
	frame_end(w, mark.frame, 0);
}

void ttrpc_response_head(struct vl_writer *w, uint32_t stream, size_t payload_size)
{
	size_t frame = frame_begin(w, stream, TTRPC_RESPONSE);

	vl_write_varint(w, RESPONSE_PAYLOAD << 3 | PB_BYTES);
	vl_write_varint(w, payload_size);
	frame_end(w, frame, payload_size);
}

void ttrpc_status_write(struct vl_writer *w, uint32_t stream, enum ttrpc_code code, const char *text)
{
	size_t frame = frame_begin(w, stream, TTRPC_RESPONSE), status = pb_open(w, RESPONSE_STATUS);

	pb_put_varint(w, STATUS_CODE, code);
	pb_put_string(w, STATUS_TEXT, text);
	pb_close(w, status);
	frame_end(w, frame, 0);
}
