/*
 * Writing IGVM files. Used by the igvm tool and by tests that need a file;
 * whoever calls is trusted, but igvm_write_finish checks the result with
 * igvm_check all the same, so that no malformed file comes into being.
 *
 * Nothing allocates: the caller gives one buffer for the variable headers, one
 * for the file data, and slots to find equal pages with. Errors stick: the first
 * one (VL_E_NOSPACE or VL_E_OVERFLOW) is returned from igvm_write_finish.
 * Headers come out in the order of the calls, which must follow the format's
 * sections: platforms, then policies and regions, then directives.
 */
#ifndef VL_IGVM_WRITE_H
#define VL_IGVM_WRITE_H

#include "common/base/bytes.h"
#include "common/igvm/igvm.h"

struct igvm_writer {
	struct vl_writer headers, data;
	uint32_t *slots; /* offset in data + 1 of a page, 0: free */
	size_t slot_count;
	size_t slots_used;
};

/* Bytes of headers that one call below takes at most (igvm_write_raw excepted). */
#define IGVM_WRITE_HEADER_MAX 56u

/*
 * `slots` (slot_count of them, at least one more than the number of different
 * pages; twice as many is fast) is cleared. All buffers stay the caller's.
 */
void igvm_write_start(struct igvm_writer *w, void *headers, size_t headers_size, void *data, size_t data_size,
	uint32_t *slots, size_t slot_count);

void igvm_write_platform(struct igvm_writer *w, const struct igvm_platform *platform);
void igvm_write_policy(struct igvm_writer *w, uint64_t policy, uint32_t mask);
void igvm_write_relocatable(struct igvm_writer *w, const struct igvm_relocatable *region);
void igvm_write_page_table_region(struct igvm_writer *w, const struct igvm_page_table_region *region);

/* An area of `bytes` (a page multiple) that begins as `initial` (as long), or as zeroes when NULL. */
void igvm_write_area(struct igvm_writer *w, uint32_t index, uint64_t bytes, const void *initial);
void igvm_write_parameter(struct igvm_writer *w, uint32_t type, uint32_t area, uint32_t byte_offset);
void igvm_write_insert(struct igvm_writer *w, uint64_t gpa, uint32_t mask, uint32_t area);

/*
 * One 4 KiB page: data[0, bytes) with bytes <= 4096, the rest zeroes. A page of
 * zeroes takes no file data, equal pages take it once.
 */
void igvm_write_page(struct igvm_writer *w, uint64_t gpa, uint32_t mask, uint32_t flags, uint16_t type,
	const void *data, size_t bytes);

void igvm_write_required(struct igvm_writer *w, uint64_t gpa, uint32_t mask, uint32_t bytes, uint32_t flags);
void igvm_write_error_range(struct igvm_writer *w, uint64_t gpa, uint32_t mask, uint32_t bytes);

/* The context of VP 0 as a register list (platform VSM_ISOLATION). */
void igvm_write_vsm_context(struct igvm_writer *w, uint32_t mask, const struct igvm_register *regs,
	unsigned count);

/* A context that is a page of its own format: a VMSA (with its gpa), NATIVE, CCA. */
void igvm_write_context_page(struct igvm_writer *w, uint64_t gpa, uint32_t mask, uint16_t vp_index,
	const uint8_t page[VL_PAGE_BYTES]);

/* Any header by its content, for types without a function here. */
void igvm_write_raw(struct igvm_writer *w, uint32_t type, const void *content, uint32_t length);

/*
 * Puts the file together in out[0, size) and checks it. `version` 1 (then arch
 * must be IGVM_ARCH_X64) or 2. Returns 0 with `*written` set, VL_E_NOSPACE (a
 * buffer was too small; `out` needs 32 + headers + data bytes), VL_E_OVERFLOW (the
 * file would pass 4 GiB), VL_E_ARCH, or what igvm_check says, with `error` filled.
 */
int igvm_write_finish(struct igvm_writer *w, uint32_t version, uint32_t arch, void *out, size_t size,
	size_t *written, struct igvm_error *error);

#endif
