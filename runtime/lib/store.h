/*
 * The store: how a worker keeps its files in the VM guest state file (VMGS)
 * without seeing anything else of it. The paravisor hands a worker one end of a
 * SOCK_SEQPACKET pair and keeps for that end the list of file numbers
 * (security/vmgs/format.h) that it may name; everything else is refused.
 *
 * One request, one reply, in turn. Both ends are built together, so fields are
 * native integers; but the worker digests guest input and is not trusted: the
 * paravisor checks each request by store_request_check(). A file larger than a
 * piece travels in several: offsets must follow each other, and a WRITE takes
 * effect with its last piece, whole or not at all. When that reply says 0 the
 * content is durable: the host confirmed its flush.
 */
#ifndef VL_LIB_STORE_H
#define VL_LIB_STORE_H

#include "common/base/err.h"
#include "common/base/types.h"

#define STORE_FILE_MAX (256u << 10) /* bytes of one file */
#define STORE_PIECE_MAX (32u << 10) /* bytes of one message's data */
#define STORE_CLIENT_LIMIT_MS 60000u /* one request; the paravisor's own wait for the host is shorter */

enum store_op { STORE_READ = 1, STORE_WRITE = 2, STORE_DELETE = 3 };

struct store_request { /* WRITE: + data */
	uint32_t op;     /* enum store_op */
	uint32_t file;   /* VMGS file number */
	uint32_t offset; /* READ, WRITE: of this piece; 0 begins anew */
	uint32_t total;  /* WRITE: bytes of the whole file, the same in each piece */
};

struct store_reply { /* READ: + data */
	uint32_t op, file, offset;
	int32_t error;   /* 0 or enum vl_err */
	uint32_t total;  /* READ: bytes of the whole file */
};

#define STORE_REQUEST_MAX (sizeof(struct store_request) + STORE_PIECE_MAX)
#define STORE_REPLY_MAX (sizeof(struct store_reply) + STORE_PIECE_MAX)

/*
 * Checks a received request of `size` bytes; on success *data_bytes is what
 * follows the structure. VL_E_TRUNCATED, VL_E_TYPE (unknown operation),
 * VL_E_LIMIT (a file or piece that is too large), VL_E_RANGE (a piece outside
 * its file, or data where none belongs).
 */
int store_request_check(const void *request, size_t size, size_t *data_bytes);

/*
 * The worker's side: blocking calls on the descriptor that it was given. Errors
 * that the paravisor replies: VL_E_DENIED (not a file of this channel, or the
 * state file is locked), VL_E_NOTFOUND, VL_E_AUTH (the content was altered),
 * VL_E_NOSPACE (state file full), VL_E_LIMIT, VL_E_IO (the host's storage). Of
 * the channel itself: VL_E_TIMEOUT, VL_E_CLOSED, VL_E_PROTOCOL, VL_E_OS; after
 * one of these the descriptor is of no more use.
 */

/* The whole file into `out`: its size in bytes. VL_E_NOSPACE also: larger than `room`. */
int64_t store_read(int fd, uint32_t file, void *out, size_t room);
/* Replaces the file, durably when it returns 0; after an error the old content stands. */
int store_write(int fd, uint32_t file, const void *data, size_t size);
/* VL_E_NOTFOUND when there is none. */
int store_delete(int fd, uint32_t file);

#endif
