/*
 * Protocol Buffers' wire format (protobuf.h). Called by ttrpc, inspect and
 * diag at both ends; what is read is untrusted.
 */
#include "common/protobuf/protobuf.h"
#include "common/base/err.h"

#include <string.h>

/* --- Reading -------------------------------------------------------------------- */

bool pb_next(struct vl_reader *r, struct pb_field *f)
{
	uint64_t key;

	*f = (struct pb_field){ 0 };
	if (vl_reader_left(r) == 0)
		return false;
	key = vl_read_varint(r);
	if (!r->err && (key >> 3 == 0 || key >> 3 > PB_NUMBER_MAX))
		vl_reader_fail(r, VL_E_RANGE);
	f->number = (uint32_t)(key >> 3);
	f->type = (enum pb_type)(key & 7);
	switch (f->type) {
	case PB_VARINT:
		f->value = vl_read_varint(r);
		break;
	case PB_FIXED64:
		f->value = vl_read_le64(r);
		break;
	case PB_FIXED32:
		f->value = vl_read_le32(r);
		break;
	case PB_BYTES:
		f->value = vl_read_varint(r);
		if (f->value > vl_reader_left(r))
			vl_reader_fail(r, VL_E_TRUNCATED);
		f->size = r->err ? 0 : (size_t)f->value;
		f->bytes = vl_read_view(r, f->size);
		break;
	default:
		vl_reader_fail(r, VL_E_TYPE);
	}
	return !r->err;
}

static bool is(struct vl_reader *r, const struct pb_field *f, enum pb_type type)
{
	if (f->type != type)
		vl_reader_fail(r, VL_E_TYPE);
	return f->type == type;
}

uint64_t pb_varint(struct vl_reader *r, const struct pb_field *f)
{
	return is(r, f, PB_VARINT) ? f->value : 0;
}

uint32_t pb_u32(struct vl_reader *r, const struct pb_field *f)
{
	uint64_t v = pb_varint(r, f);

	if (v > UINT32_MAX)
		vl_reader_fail(r, VL_E_RANGE);
	return v > UINT32_MAX ? 0 : (uint32_t)v;
}

int32_t pb_i32(struct vl_reader *r, const struct pb_field *f)
{
	return (int32_t)(uint32_t)pb_varint(r, f);
}

int64_t pb_sint64(struct vl_reader *r, const struct pb_field *f)
{
	uint64_t v = pb_varint(r, f);

	return (int64_t)(v >> 1 ^ -(v & 1));
}

bool pb_bool(struct vl_reader *r, const struct pb_field *f)
{
	return pb_varint(r, f) != 0;
}

/* Bytes of the UTF-8 character at p[0, size), which is not empty; 0 for a malformed one. */
static size_t character(const uint8_t *p, size_t size)
{
	static const uint32_t least[] = { 0, 1, 0x80, 0x800, 0x10000 };
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 :
		p[0] < 0xf8 ? 4 : 0;
	uint32_t c = n > 1 ? p[0] & (0x7fu >> n) : p[0];

	if (n == 0 || n > size)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	return c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : n;
}

bool pb_is_text(const void *data, size_t size)
{
	const uint8_t *p = data;
	size_t n;

	for (; size; p += n, size -= n) {
		n = character(p, size);
		if (n == 0)
			return false;
	}
	return true;
}

void pb_string(struct vl_reader *r, const struct pb_field *f, char *out, size_t room)
{
	out[0] = 0;
	if (!is(r, f, PB_BYTES))
		return;
	if (f->size >= room) {
		vl_reader_fail(r, VL_E_LIMIT);
	} else if (!pb_is_text(f->bytes, f->size)) {
		vl_reader_fail(r, VL_E_FORMAT);
	} else if (f->size) {
		memcpy(out, f->bytes, f->size);
		out[f->size] = 0;
	}
}

struct vl_reader pb_message(struct vl_reader *r, const struct pb_field *f)
{
	struct vl_reader inner;
	bool bytes = is(r, f, PB_BYTES);

	vl_reader_init(&inner, f->bytes, bytes ? f->size : 0);
	return inner;
}

/* --- Writing -------------------------------------------------------------------- */

static void put_key(struct vl_writer *w, uint32_t number, enum pb_type type)
{
	vl_write_varint(w, (uint64_t)number << 3 | type);
}

void pb_put_varint(struct vl_writer *w, uint32_t number, uint64_t v)
{
	put_key(w, number, PB_VARINT);
	vl_write_varint(w, v);
}

void pb_put_sint64(struct vl_writer *w, uint32_t number, int64_t v)
{
	pb_put_varint(w, number, (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0));
}

void pb_put_fixed32(struct vl_writer *w, uint32_t number, uint32_t v)
{
	put_key(w, number, PB_FIXED32);
	vl_write_le32(w, v);
}

void pb_put_fixed64(struct vl_writer *w, uint32_t number, uint64_t v)
{
	put_key(w, number, PB_FIXED64);
	vl_write_le64(w, v);
}

void pb_put_bytes(struct vl_writer *w, uint32_t number, const void *data, size_t size)
{
	put_key(w, number, PB_BYTES);
	vl_write_varint(w, size);
	vl_write_bytes(w, data, size);
}

void pb_put_string(struct vl_writer *w, uint32_t number, const char *text)
{
	pb_put_bytes(w, number, text, strlen(text));
}

size_t pb_open(struct vl_writer *w, uint32_t number)
{
	put_key(w, number, PB_BYTES);
	vl_write_u8(w, 0); /* the length, most often of one byte */
	return w->pos;
}

void pb_close(struct vl_writer *w, size_t mark)
{
	size_t size = w->pos - mark;
	struct vl_writer length;
	uint8_t bytes[10];

	if (w->err)
		return;
	vl_writer_init(&length, bytes, sizeof(bytes));
	vl_write_varint(&length, size);
	vl_write_zeros(w, length.pos - 1);
	if (w->err)
		return;
	memmove(w->data + mark + length.pos - 1, w->data + mark, size);
	memcpy(w->data + mark - 1, bytes, length.pos);
}
