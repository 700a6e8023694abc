/*
 * Bounded byte reader and writer (bytes.h). All decoders of untrusted input
 * go through here; freestanding but for memcpy and memset.
 */
#include "common/base/bytes.h"
#include "common/base/err.h"

#include <string.h>

void vl_reader_init(struct vl_reader *r, const void *data, size_t size)
{
	r->data = data;
	r->size = size;
	r->pos = 0;
	r->err = VL_OK;
}

size_t vl_reader_left(const struct vl_reader *r)
{
	return r->err ? 0 : r->size - r->pos;
}

void vl_reader_fail(struct vl_reader *r, int err)
{
	if (!r->err)
		r->err = err;
}

const uint8_t *vl_read_view(struct vl_reader *r, size_t count)
{
	const uint8_t *p;

	if (r->err)
		return NULL;
	if (count > r->size - r->pos) {
		r->err = VL_E_TRUNCATED;
		return NULL;
	}
	p = r->data + r->pos;
	r->pos += count;
	return p;
}

static uint64_t read_le(struct vl_reader *r, size_t count)
{
	const uint8_t *p = vl_read_view(r, count);
	uint64_t v = 0;

	while (p && count--)
		v = v << 8 | p[count];
	return v;
}

static uint64_t read_be(struct vl_reader *r, size_t count)
{
	const uint8_t *p = vl_read_view(r, count);
	uint64_t v = 0;

	for (size_t i = 0; p && i < count; i++)
		v = v << 8 | p[i];
	return v;
}

uint8_t vl_read_u8(struct vl_reader *r) { return (uint8_t)read_le(r, 1); }
uint16_t vl_read_le16(struct vl_reader *r) { return (uint16_t)read_le(r, 2); }
uint32_t vl_read_le32(struct vl_reader *r) { return (uint32_t)read_le(r, 4); }
uint64_t vl_read_le64(struct vl_reader *r) { return read_le(r, 8); }
uint32_t vl_read_be32(struct vl_reader *r) { return (uint32_t)read_be(r, 4); }
uint64_t vl_read_be64(struct vl_reader *r) { return read_be(r, 8); }

void vl_read_copy(struct vl_reader *r, void *out, size_t count)
{
	const uint8_t *p = vl_read_view(r, count);

	if (p)
		memcpy(out, p, count);
	else
		memset(out, 0, count);
}

void vl_read_skip(struct vl_reader *r, size_t count)
{
	(void)vl_read_view(r, count);
}

uint64_t vl_read_varint(struct vl_reader *r)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 70; shift += 7) {
		uint8_t b = vl_read_u8(r);

		if (shift == 63 && b > 1)
			break;
		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return v;
	}
	vl_reader_fail(r, VL_E_FORMAT);
	return 0;
}

void vl_writer_init(struct vl_writer *w, void *data, size_t size)
{
	w->data = data;
	w->size = size;
	w->pos = 0;
	w->err = VL_OK;
}

/* The place for `count` bytes, or NULL with the error noted. */
static uint8_t *reserve(struct vl_writer *w, size_t count)
{
	uint8_t *p;

	if (w->err)
		return NULL;
	if (count > w->size - w->pos) {
		w->err = VL_E_NOSPACE;
		return NULL;
	}
	p = w->data + w->pos;
	w->pos += count;
	return p;
}

static void write_le(struct vl_writer *w, uint64_t v, size_t count)
{
	uint8_t *p = reserve(w, count);

	for (size_t i = 0; p && i < count; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static void write_be(struct vl_writer *w, uint64_t v, size_t count)
{
	uint8_t *p = reserve(w, count);

	for (size_t i = 0; p && i < count; i++)
		p[i] = (uint8_t)(v >> 8 * (count - 1 - i));
}

void vl_write_u8(struct vl_writer *w, uint8_t v) { write_le(w, v, 1); }
void vl_write_le16(struct vl_writer *w, uint16_t v) { write_le(w, v, 2); }
void vl_write_le32(struct vl_writer *w, uint32_t v) { write_le(w, v, 4); }
void vl_write_le64(struct vl_writer *w, uint64_t v) { write_le(w, v, 8); }
void vl_write_be32(struct vl_writer *w, uint32_t v) { write_be(w, v, 4); }
void vl_write_be64(struct vl_writer *w, uint64_t v) { write_be(w, v, 8); }

void vl_write_bytes(struct vl_writer *w, const void *data, size_t count)
{
	uint8_t *p = reserve(w, count);

	if (p && count)
		memcpy(p, data, count);
}

void vl_write_zeros(struct vl_writer *w, size_t count)
{
	uint8_t *p = reserve(w, count);

	if (p)
		memset(p, 0, count);
}

void vl_write_varint(struct vl_writer *w, uint64_t v)
{
	while (v >= 0x80) {
		vl_write_u8(w, (uint8_t)(v | 0x80));
		v >>= 7;
	}
	vl_write_u8(w, (uint8_t)v);
}
