/*
 * A file (or block device) that holds a guest state file: what --state names, and
 * what the vmgs tool works on. The host does not look into it. One process at a
 * time uses it.
 */
#ifndef VL_HOST_STATE_FILE_H
#define VL_HOST_STATE_FILE_H

#include "common/base/err.h"
#include "common/base/types.h"

#define STATE_FILE_BYTES (4u << 20) /* of a new one; what the format starts with */

struct state_file {
	int fd; /* -1: not open */
	uint64_t size_bytes;
};

/*
 * Opens the file, or makes one of `new_bytes` when there is none or an empty one
 * (new_bytes 0: never). VL_E_BUSY (another process has it), VL_E_OS, VL_E_NOSPACE
 * (too small to be one), after printing the reason.
 */
int state_file_open(struct state_file *f, const char *path, uint64_t new_bytes);
void state_file_close(struct state_file *f);

/* Within the file's size. VL_E_RANGE, VL_E_IO. */
int state_file_read(struct state_file *f, uint64_t offset, void *out, size_t size);
int state_file_write(struct state_file *f, uint64_t offset, const void *data, size_t size);
int state_file_flush(struct state_file *f); /* 0: durable */

#endif
