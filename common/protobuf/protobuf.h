/*
 * Protocol Buffers' wire format (protobuf.dev, "Encoding"), allocation-free:
 * a reader that walks the fields of one message in place, and a writer into
 * the caller's buffer. Used by the diagnostics protocol at both ends, whose
 * input is untrusted at both.
 *
 * A message is read by a `struct vl_reader` (common/base/bytes.h) over its
 * bytes; a nested message is a field's bytes read by a reader of its own. The
 * reader is sticky: take fields until pb_next() says no, then look at r->err.
 * As everywhere with this format an unknown field is skipped and the last of
 * several occurrences counts; both are the caller's loop.
 */
#ifndef VL_PROTOBUF_PROTOBUF_H
#define VL_PROTOBUF_PROTOBUF_H

#include "common/base/bytes.h"

enum pb_type {
	PB_VARINT = 0,
	PB_FIXED64 = 1,
	PB_BYTES = 2, /* bytes, string, nested message, packed array */
	PB_FIXED32 = 5,
};

#define PB_NUMBER_MAX 0x1fffffffu /* of a field; 0 is none */

struct pb_field {
	uint32_t number;
	enum pb_type type;
	uint64_t value;       /* of VARINT, FIXED64, FIXED32 */
	const uint8_t *bytes; /* of BYTES: a view into the message */
	size_t size;
};

/*
 * Takes the next field. False at the end of the message and after a failure:
 * VL_E_TRUNCATED, VL_E_FORMAT (a varint of more than 64 bits), VL_E_RANGE (a
 * field's number), VL_E_TYPE (groups, which proto3 does not have, and wire
 * types that do not exist).
 */
bool pb_next(struct vl_reader *r, struct pb_field *f);

/*
 * A field's value as the type the schema gives it; on another wire type the
 * reader `r` fails with VL_E_TYPE and the value is 0 or empty. A string must be
 * UTF-8 without NUL (VL_E_FORMAT) and is copied, terminated, into `room` bytes
 * (VL_E_LIMIT when it does not fit).
 */
uint64_t pb_varint(struct vl_reader *r, const struct pb_field *f);
uint32_t pb_u32(struct vl_reader *r, const struct pb_field *f); /* VL_E_RANGE above 32 bits */
int32_t pb_i32(struct vl_reader *r, const struct pb_field *f);  /* the low 32 bits, as protobuf says */
int64_t pb_sint64(struct vl_reader *r, const struct pb_field *f); /* zigzag */
bool pb_bool(struct vl_reader *r, const struct pb_field *f);
void pb_string(struct vl_reader *r, const struct pb_field *f, char *out, size_t room);
/* A view of a BYTES field as a reader; empty after a failure. */
struct vl_reader pb_message(struct vl_reader *r, const struct pb_field *f);

/* Fields into `w`, whose sticky error (VL_E_NOSPACE) the caller looks at once. Zero and empty are written. */
void pb_put_varint(struct vl_writer *w, uint32_t number, uint64_t v);
void pb_put_sint64(struct vl_writer *w, uint32_t number, int64_t v);
void pb_put_fixed32(struct vl_writer *w, uint32_t number, uint32_t v);
void pb_put_fixed64(struct vl_writer *w, uint32_t number, uint64_t v);
void pb_put_bytes(struct vl_writer *w, uint32_t number, const void *data, size_t size);
void pb_put_string(struct vl_writer *w, uint32_t number, const char *text);

/*
 * A nested message: pb_open(), its fields, pb_close() with what pb_open()
 * returned. Its length gets the shortest form, so pb_close() moves the content
 * when it is longer than 127 bytes.
 */
size_t pb_open(struct vl_writer *w, uint32_t number);
void pb_close(struct vl_writer *w, size_t mark);

/* True for well-formed UTF-8 without NUL. */
bool pb_is_text(const void *data, size_t size);

#endif
