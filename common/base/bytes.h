/*
 * The one bounded reader and writer for untrusted or wire bytes.
 *
 * Both are sticky: the first failure is kept in `err`, every later call is
 * harmless (reads give 0, writes are dropped), so a decoder reads all its
 * fields and checks once. Nothing allocates; the caller owns the buffers.
 * Input that another party can change while we read (shared memory) is copied
 * by the caller first.
 */
#ifndef VL_BASE_BYTES_H
#define VL_BASE_BYTES_H

#include "common/base/types.h"

struct vl_reader {
	const uint8_t *data;
	size_t size; /* bytes */
	size_t pos;  /* next byte; after a failure: where it happened */
	int err;     /* 0, or VL_E_TRUNCATED / what vl_reader_fail() was given */
};

struct vl_writer {
	uint8_t *data;
	size_t size;
	size_t pos;
	int err; /* 0 or VL_E_NOSPACE */
};

void vl_reader_init(struct vl_reader *r, const void *data, size_t size);
size_t vl_reader_left(const struct vl_reader *r); /* 0 after a failure */
void vl_reader_fail(struct vl_reader *r, int err); /* keeps an earlier error */
uint8_t vl_read_u8(struct vl_reader *r);
uint16_t vl_read_le16(struct vl_reader *r);
uint32_t vl_read_le32(struct vl_reader *r);
uint64_t vl_read_le64(struct vl_reader *r);
uint32_t vl_read_be32(struct vl_reader *r);
uint64_t vl_read_be64(struct vl_reader *r);
/* A view of `count` bytes inside the buffer, or NULL. */
const uint8_t *vl_read_view(struct vl_reader *r, size_t count);
/* Copies `count` bytes; zero-fills `out` on failure. */
void vl_read_copy(struct vl_reader *r, void *out, size_t count);
void vl_read_skip(struct vl_reader *r, size_t count);
/* Unsigned LEB128 as protobuf writes it, at most 10 bytes; else VL_E_FORMAT. */
uint64_t vl_read_varint(struct vl_reader *r);

void vl_writer_init(struct vl_writer *w, void *data, size_t size);
void vl_write_u8(struct vl_writer *w, uint8_t v);
void vl_write_le16(struct vl_writer *w, uint16_t v);
void vl_write_le32(struct vl_writer *w, uint32_t v);
void vl_write_le64(struct vl_writer *w, uint64_t v);
void vl_write_be32(struct vl_writer *w, uint32_t v);
void vl_write_be64(struct vl_writer *w, uint64_t v);
void vl_write_bytes(struct vl_writer *w, const void *data, size_t count);
void vl_write_zeros(struct vl_writer *w, size_t count);
void vl_write_varint(struct vl_writer *w, uint64_t v);

#endif
