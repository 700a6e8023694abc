/*
 * VTL2's one log for clients: the kernel's records (Linux,
 * Documentation/ABI/testing/dev-kmsg), in which the shim's log, the kernel's and that
 * of every process are one timeline. A ring of the latest; who reads too slowly
 * misses what was overwritten, and nobody else does. The records hold what
 * a guest or the host made a process say: bytes that are passed on.
 */
#ifndef VL_DIAG_LOG_H
#define VL_DIAG_LOG_H

#include "common/base/err.h"
#include "common/diag/diag.h"

#define LOG_RING_BYTES (256u << 10)

struct log {
	uint64_t first, next; /* positions of the oldest record, and behind the newest; they only grow */
	uint8_t ring[LOG_RING_BYTES]; /* each record: le16 size, and as many bytes with a NUL behind */
};

/* Keeps a record, cut to DIAG_LINE_MAX; the oldest make room. */
void log_add(struct log *l, const char *record, size_t size);

/*
 * Copies whole records from *position on, a NUL behind each, and moves *position behind
 * them; one that was overwritten is moved to the oldest first. Returns bytes, 0 at the end.
 * `room` is at least DIAG_LINE_MAX.
 */
size_t log_read(const struct log *l, uint64_t *position, uint8_t *out, size_t room);

#endif
