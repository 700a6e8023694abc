/*
 * Saved state: one versioned record stream for worker restart, servicing and
 * save to disk.
 *
 * stream  := header unit* end
 * header  := magic "VLST" (le32 0x54534c56) | le16 format = 1 | le16 0
 * unit    := le32 tag | le32 payload bytes | payload; the payload of a unit
 *            record (number 1) is: le16 name bytes | name | le32 unit version |
 *            field*
 * field   := le32 tag | le32 payload bytes | payload, no padding
 * tag     := bit 31 mandatory | bits 0-30 number (never reused once released)
 * end     := le32 tag (0x80000000 | 2) | le32 4 | le32 CRC-32 of all before it
 *
 * A reader takes fields by number in any order. An unknown optional field is
 * skipped; an unknown mandatory one makes state_reader_finish() fail. A field
 * that is missing keeps what the caller preset, so a default must mean the
 * behaviour of the versions that did not have the field.
 *
 * Order matters in nothing; a unit's name occurs once in a stream and a
 * field's number once in a unit. An unknown optional record is skipped, an
 * unknown mandatory one refused. Nothing follows the end record.
 *
 * Nothing allocates. The bytes are untrusted input: bounded, checked, each
 * error named.
 */
#ifndef VL_STATE_STATE_H
#define VL_STATE_STATE_H

#include "common/base/bytes.h"

#define STATE_MAGIC 0x54534c56u
#define STATE_FORMAT 1
#define STATE_MANDATORY 0x80000000u
#define STATE_RECORD_UNIT 1
#define STATE_RECORD_END 2
#define STATE_UNIT_NAME_MAX 63
#define STATE_FIELDS_MAX 256 /* per unit */
#define STATE_UNITS_MAX 1024

/* Writes one stream; sticky error in w.err as all writers. */
struct state_writer {
	struct vl_writer w;
	size_t unit_at; /* where the open unit's length stands; 0: none open */
};

void state_writer_init(struct state_writer *s, void *buffer, size_t size);
/* `name`: 1 to STATE_UNIT_NAME_MAX bytes; anything else is VL_E_INTERNAL in w.err, as is a unit in a unit. */
void state_begin_unit(struct state_writer *s, const char *name, uint32_t version);
void state_end_unit(struct state_writer *s);
/* Closes the stream. Returns its size in bytes, or the error: VL_E_NOSPACE, VL_E_INTERNAL (misuse). */
int64_t state_writer_finish(struct state_writer *s);

/*
 * Fields; `tag` is the number, with STATE_MANDATORY where an old reader must refuse. Integers are le64 or
 * shorter.
 */
void state_put_u64(struct state_writer *s, uint32_t tag, uint64_t value);
void state_put_u32(struct state_writer *s, uint32_t tag, uint32_t value);
void state_put_u8(struct state_writer *s, uint32_t tag, uint8_t value);
void state_put_bytes(struct state_writer *s, uint32_t tag, const void *data, size_t size);

/* Walks a whole stream. */
struct state_stream {
	const uint8_t *data;
	size_t size; /* up to and without the end record */
	size_t pos;
};

/* One unit's fields; sticky error. */
struct state_reader {
	const uint8_t *data;
	size_t size;
	char name[STATE_UNIT_NAME_MAX + 1];
	uint32_t version;
	uint64_t taken[STATE_FIELDS_MAX / 64]; /* bit per field in order of occurrence */
	int err;
};

/*
 * Checks header, CRC and structure of the whole stream, which must stay as it
 * is while `s` and its readers are used. *offset (may be NULL) is where an
 * error is. VL_E_TRUNCATED, VL_E_MAGIC, VL_E_VERSION (made by a newer format),
 * VL_E_RESERVED, VL_E_MISSING (no end record), VL_E_CHECKSUM, VL_E_FORMAT
 * (a bad name), VL_E_UNSUPPORTED (an unknown mandatory record), VL_E_LIMIT,
 * VL_E_DUPLICATE.
 */
int state_stream_open(struct state_stream *s, const void *data, size_t size, size_t *offset);
/* The next unit: 1 and *r filled, 0 at the end. */
int state_stream_next(struct state_stream *s, struct state_reader *r);
/* Finds the unit `name`; VL_E_NOTFOUND. */
int state_stream_find(const struct state_stream *s, const char *name, struct state_reader *r);

/* True and *value when the field is there, once. A wrong size, or 2 as a bool, is VL_E_FORMAT in r->err. */
bool state_get_u64(struct state_reader *r, uint32_t number, uint64_t *value);
bool state_get_u32(struct state_reader *r, uint32_t number, uint32_t *value);
bool state_get_u8(struct state_reader *r, uint32_t number, uint8_t *value);
bool state_get_bool(struct state_reader *r, uint32_t number, bool *value);
/* Exactly `size` bytes. */
bool state_get_bytes(struct state_reader *r, uint32_t number, void *out, size_t size);
/* A view of a field of any length. */
bool state_get_view(struct state_reader *r, uint32_t number, const uint8_t **data, size_t *size);
/* Notes a semantic error (VL_E_RANGE ...) found by the caller. */
void state_reader_fail(struct state_reader *r, int err);
/* 0, the first error, or VL_E_UNSUPPORTED when a mandatory field was not taken. */
int state_reader_finish(const struct state_reader *r);

/*
 * The plain integers of a device's struct as a table, so that saving and
 * restoring name each member once. `max` is the largest value that restoring
 * accepts (VL_E_RANGE above it): what keeps a model's own invariants.
 */
struct state_field {
	uint32_t tag;
	uint16_t offset;
	uint16_t size; /* 1, 2, 4 or 8 bytes in the struct and in the stream */
	uint64_t max;
};
#define STATE_FIELD(tag, type, member, max) \
	{ (tag), offsetof(type, member), sizeof(((type *)NULL)->member), (max) }

void state_put_fields(struct state_writer *s, const struct state_field *fields, size_t count,
		      const void *object);
/* Members whose field is missing keep their value. */
void state_get_fields(struct state_reader *r, const struct state_field *fields, size_t count, void *object);

#endif
