/*
 * Writer and reader of the saved state stream (state.h). Called by every
 * device and by the processes that keep the bytes; what is read may come from
 * a hostile worker or disk.
 */
#include "common/state/state.h"
#include "common/base/crc32.h"
#include "common/base/err.h"

#include <string.h>

#define HEADER_BYTES 8
#define TAG_BYTES 8 /* tag and length */
#define END_BYTES 12
#define TAG_NUMBER 0x7fffffffu
#define TAG_END (STATE_MANDATORY | STATE_RECORD_END)

static void writer_fail(struct state_writer *s, int err)
{
	if (!s->w.err)
		s->w.err = err;
}

static void put_le32_at(struct state_writer *s, size_t at, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		s->w.data[at + i] = (uint8_t)(v >> 8 * i);
}

void state_writer_init(struct state_writer *s, void *buffer, size_t size)
{
	vl_writer_init(&s->w, buffer, size);
	s->unit_at = 0;
	vl_write_le32(&s->w, STATE_MAGIC);
	vl_write_le16(&s->w, STATE_FORMAT);
	vl_write_le16(&s->w, 0);
}

void state_begin_unit(struct state_writer *s, const char *name, uint32_t version)
{
	size_t length = strlen(name);

	if (s->unit_at || length == 0 || length > STATE_UNIT_NAME_MAX) {
		writer_fail(s, VL_E_INTERNAL);
		return;
	}
	vl_write_le32(&s->w, STATE_MANDATORY | STATE_RECORD_UNIT);
	s->unit_at = s->w.pos;
	vl_write_le32(&s->w, 0);
	vl_write_le16(&s->w, (uint16_t)length);
	vl_write_bytes(&s->w, name, length);
	vl_write_le32(&s->w, version);
}

void state_end_unit(struct state_writer *s)
{
	size_t payload = s->w.pos - s->unit_at - 4;

	if (!s->unit_at || payload > UINT32_MAX)
		writer_fail(s, VL_E_INTERNAL);
	if (!s->w.err)
		put_le32_at(s, s->unit_at, (uint32_t)payload);
	s->unit_at = 0;
}

int64_t state_writer_finish(struct state_writer *s)
{
	uint32_t crc;

	if (s->unit_at)
		writer_fail(s, VL_E_INTERNAL);
	crc = s->w.err ? 0 : vl_crc32(0, s->w.data, s->w.pos);
	vl_write_le32(&s->w, TAG_END);
	vl_write_le32(&s->w, 4);
	vl_write_le32(&s->w, crc);
	return s->w.err ? s->w.err : (int64_t)s->w.pos;
}

static void put_header(struct state_writer *s, uint32_t tag, size_t size)
{
	if (!s->unit_at || size > UINT32_MAX)
		writer_fail(s, VL_E_INTERNAL);
	vl_write_le32(&s->w, tag);
	vl_write_le32(&s->w, (uint32_t)size);
}

void state_put_u64(struct state_writer *s, uint32_t tag, uint64_t value)
{
	put_header(s, tag, 8);
	vl_write_le64(&s->w, value);
}

void state_put_u32(struct state_writer *s, uint32_t tag, uint32_t value)
{
	put_header(s, tag, 4);
	vl_write_le32(&s->w, value);
}

void state_put_u8(struct state_writer *s, uint32_t tag, uint8_t value)
{
	put_header(s, tag, 1);
	vl_write_u8(&s->w, value);
}

void state_put_bytes(struct state_writer *s, uint32_t tag, const void *data, size_t size)
{
	put_header(s, tag, size);
	vl_write_bytes(&s->w, data, size);
}

/* The next tag, length and payload; false at the end or on an error in `r`. */
static bool next_record(struct vl_reader *r, uint32_t *tag, const uint8_t **payload, size_t *size)
{
	if (vl_reader_left(r) == 0)
		return false;
	*tag = vl_read_le32(r);
	*size = vl_read_le32(r);
	*payload = vl_read_view(r, *size);
	return r->err == VL_OK;
}

/* Splits a unit's payload into name, version and fields. */
static int open_unit(struct state_reader *out, const uint8_t *payload, size_t size)
{
	struct vl_reader r;
	size_t length;
	const uint8_t *name;

	vl_reader_init(&r, payload, size);
	length = vl_read_le16(&r);
	if (!r.err && (length == 0 || length > STATE_UNIT_NAME_MAX))
		return VL_E_FORMAT;
	name = vl_read_view(&r, length);
	memset(out, 0, sizeof(*out));
	out->version = vl_read_le32(&r);
	if (r.err)
		return r.err;
	if (memchr(name, 0, length))
		return VL_E_FORMAT;
	memcpy(out->name, name, length);
	out->data = payload + r.pos;
	out->size = size - r.pos;
	return VL_OK;
}

/* Every field within the unit, each number once. */
static int check_fields(const struct state_reader *unit)
{
	uint32_t seen[STATE_FIELDS_MAX];
	size_t count = 0, size;
	const uint8_t *payload;
	struct vl_reader r;
	uint32_t tag;

	vl_reader_init(&r, unit->data, unit->size);
	while (next_record(&r, &tag, &payload, &size)) {
		if (count == STATE_FIELDS_MAX)
			return VL_E_LIMIT;
		seen[count] = tag & TAG_NUMBER;
		for (size_t i = 0; i < count; i++)
			if (seen[i] == seen[count])
				return VL_E_DUPLICATE;
		count++;
	}
	return r.err;
}

/* The header and the end record with its CRC; what lies between is left to check_units(). */
static int check_frame(struct vl_reader *r, size_t *offset)
{
	struct vl_reader end;
	uint32_t version;

	*offset = r->size;
	if (r->size < HEADER_BYTES + END_BYTES)
		return VL_E_TRUNCATED;
	*offset = 0;
	if (vl_read_le32(r) != STATE_MAGIC)
		return VL_E_MAGIC;
	*offset = 4;
	version = vl_read_le16(r);
	if (version == 0 || version > STATE_FORMAT)
		return VL_E_VERSION;
	*offset = 6;
	if (vl_read_le16(r) != 0)
		return VL_E_RESERVED;
	*offset = r->size - END_BYTES;
	vl_reader_init(&end, r->data + *offset, END_BYTES);
	if (vl_read_le32(&end) != TAG_END || vl_read_le32(&end) != 4)
		return VL_E_MISSING;
	return vl_read_le32(&end) == vl_crc32(0, r->data, *offset) ? VL_OK : VL_E_CHECKSUM;
}

static int check_unit(const struct state_stream *s, const uint8_t *payload, size_t size, unsigned count)
{
	struct state_reader unit, other;
	struct state_stream before = { .data = s->data, .size = s->pos, .pos = HEADER_BYTES };
	int err = open_unit(&unit, payload, size);

	if (!err)
		err = check_fields(&unit);
	if (err)
		return err;
	if (count == STATE_UNITS_MAX)
		return VL_E_LIMIT;
	return state_stream_find(&before, unit.name, &other) == VL_OK ? VL_E_DUPLICATE : VL_OK;
}

/* All records; s->pos follows, so that it stands at the one with an error. */
static int check_units(struct state_stream *s)
{
	const uint8_t *payload;
	struct vl_reader r;
	unsigned count = 0;
	uint32_t tag;
	size_t size;
	int err;

	vl_reader_init(&r, s->data, s->size);
	vl_read_skip(&r, HEADER_BYTES);
	while (next_record(&r, &tag, &payload, &size)) {
		if ((tag & TAG_NUMBER) == STATE_RECORD_UNIT) {
			err = check_unit(s, payload, size, count++);
			if (err)
				return err;
		} else if (tag & STATE_MANDATORY) {
			return VL_E_UNSUPPORTED;
		}
		s->pos = r.pos;
	}
	return r.err;
}

int state_stream_open(struct state_stream *s, const void *data, size_t size, size_t *offset)
{
	struct vl_reader r;
	size_t at;
	int err;

	vl_reader_init(&r, data, size);
	err = check_frame(&r, &at);
	if (!err) {
		s->data = data;
		s->size = size - END_BYTES;
		s->pos = HEADER_BYTES;
		err = check_units(s);
		at = s->pos;
	}
	if (offset)
		*offset = err ? at : 0;
	s->data = data;
	s->size = err ? HEADER_BYTES : size - END_BYTES;
	s->pos = HEADER_BYTES;
	return err;
}

int state_stream_next(struct state_stream *s, struct state_reader *out)
{
	const uint8_t *payload;
	struct vl_reader r;
	uint32_t tag;
	size_t size;

	vl_reader_init(&r, s->data, s->size);
	vl_read_skip(&r, s->pos);
	while (next_record(&r, &tag, &payload, &size)) {
		s->pos = r.pos;
		if ((tag & TAG_NUMBER) == STATE_RECORD_UNIT && open_unit(out, payload, size) == VL_OK)
			return 1;
	}
	return 0;
}

int state_stream_find(const struct state_stream *s, const char *name, struct state_reader *r)
{
	struct state_stream walk = { .data = s->data, .size = s->size, .pos = HEADER_BYTES };

	while (state_stream_next(&walk, r) == 1)
		if (strcmp(r->name, name) == 0)
			return VL_OK;
	return VL_E_NOTFOUND;
}

bool state_get_view(struct state_reader *r, uint32_t number, const uint8_t **data, size_t *size)
{
	struct vl_reader in;
	uint32_t tag;

	if (r->err)
		return false;
	vl_reader_init(&in, r->data, r->size);
	for (unsigned i = 0; i < STATE_FIELDS_MAX && next_record(&in, &tag, data, size); i++) {
		if ((tag & TAG_NUMBER) == number) {
			r->taken[i / 64] |= 1ull << i % 64;
			return true;
		}
	}
	return false;
}

static bool get_integer(struct state_reader *r, uint32_t number, unsigned bytes, uint64_t *value)
{
	const uint8_t *data;
	size_t size;

	if (!state_get_view(r, number, &data, &size))
		return false;
	if (size != bytes) {
		state_reader_fail(r, VL_E_FORMAT);
		return false;
	}
	*value = 0;
	while (size--)
		*value = *value << 8 | data[size];
	return true;
}

bool state_get_u64(struct state_reader *r, uint32_t number, uint64_t *value)
{
	return get_integer(r, number, 8, value);
}

bool state_get_u32(struct state_reader *r, uint32_t number, uint32_t *value)
{
	uint64_t v;

	if (!get_integer(r, number, 4, &v))
		return false;
	*value = (uint32_t)v;
	return true;
}

bool state_get_u8(struct state_reader *r, uint32_t number, uint8_t *value)
{
	uint64_t v;

	if (!get_integer(r, number, 1, &v))
		return false;
	*value = (uint8_t)v;
	return true;
}

bool state_get_bool(struct state_reader *r, uint32_t number, bool *value)
{
	uint8_t v;

	if (!state_get_u8(r, number, &v))
		return false;
	if (v > 1) {
		state_reader_fail(r, VL_E_FORMAT);
		return false;
	}
	*value = v;
	return true;
}

bool state_get_bytes(struct state_reader *r, uint32_t number, void *out, size_t size)
{
	const uint8_t *data;
	size_t have;

	if (!state_get_view(r, number, &data, &have))
		return false;
	if (have != size) {
		state_reader_fail(r, VL_E_FORMAT);
		return false;
	}
	memcpy(out, data, size);
	return true;
}

void state_reader_fail(struct state_reader *r, int err)
{
	if (!r->err)
		r->err = err;
}

int state_reader_finish(const struct state_reader *r)
{
	const uint8_t *payload;
	struct vl_reader in;
	uint32_t tag;
	size_t size;

	if (r->err)
		return r->err;
	vl_reader_init(&in, r->data, r->size);
	for (unsigned i = 0; i < STATE_FIELDS_MAX && next_record(&in, &tag, &payload, &size); i++)
		if ((tag & STATE_MANDATORY) && !(r->taken[i / 64] >> i % 64 & 1))
			return VL_E_UNSUPPORTED;
	return VL_OK;
}

void state_put_fields(struct state_writer *s, const struct state_field *fields, size_t count,
		      const void *object)
{
	for (size_t i = 0; i < count; i++)
		state_put_bytes(s, fields[i].tag, (const uint8_t *)object + fields[i].offset, fields[i].size);
}

void state_get_fields(struct state_reader *r, const struct state_field *fields, size_t count, void *object)
{
	for (size_t i = 0; i < count; i++) {
		const struct state_field *f = &fields[i];
		uint64_t value;

		if (!get_integer(r, f->tag & TAG_NUMBER, f->size, &value))
			continue;
		if (value > f->max)
			state_reader_fail(r, VL_E_RANGE);
		else
			memcpy((uint8_t *)object + f->offset, &value, f->size);
	}
}
