/*
 * IGVM files for the tests of common/igvm: one that has a header of every type,
 * made with the writer, and the means to break it in one place.
 */
#ifndef VL_TEST_IGVM_SAMPLE_H
#define VL_TEST_IGVM_SAMPLE_H

#include "common/igvm/igvm.h"
#include "common/igvm/write.h"

#define SAMPLE_VSM 1u /* compatibility masks of the sample */
#define SAMPLE_SNP 2u
#define SAMPLE_TDX 4u
#define SAMPLE_BASE 0x8000000ull

/* A file of at most 1 MiB under construction or whole; malloc'ed. */
struct sample {
	struct igvm_writer w;
	uint8_t *headers, *data;
	uint32_t *slots;
	uint8_t *bytes;
	size_t size;
};

void sample_start(struct sample *s);
/* Finishes the file and asserts that it is accepted. */
void sample_finish(struct sample *s, uint32_t version, uint32_t arch);
void sample_free(struct sample *s);

/* Every header type but CCA_POLICY, version 1; or version 2 with the platforms VSM and CCA. */
void sample_x64(struct sample *s);
void sample_aarch64(struct sample *s);

/* Place of the nth (from 0) header of `type` in the file: of its type field. */
size_t sample_find(const struct sample *s, uint32_t type, unsigned n);
/* Puts `value` into `width` bytes at `offset`, little endian. */
void sample_put(struct sample *s, size_t offset, unsigned width, uint64_t value);
/* Recomputes the checksum. */
void sample_seal(struct sample *s);
/* igvm_open and igvm_check. */
int sample_check(const struct sample *s, struct igvm_error *error);
/* Asserts that the `count` bytes (at most 64) are those of the hexadecimal text. */
void sample_assert_hex(const uint8_t *bytes, size_t count, const char *hex);

#endif
