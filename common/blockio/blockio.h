/*
 * The block protocol between a disk's server and its client, over a byte
 * stream: the host serves each --disk on hvsock port VL_PORT_DISK + n
 * (tools/host/services_disk.c), the VM worker in VTL2 is the client. Neither
 * trusts the other: both check every field against what is said here.
 *
 * The client sends requests, the server answers each once, in any order, by
 * its id. At most BLOCKIO_REQUEST_MAX requests may be unanswered; the server
 * reads no further ones meanwhile. The first request should be INFO.
 *
 *	request:  struct blockio_request, for WRITE followed by `bytes` of data
 *	answer:   struct blockio_reply, followed by its `bytes` of data: for READ
 *	          and INFO with status OK what was asked, else none
 *
 * A server closes the stream on a malformed request (unknown op, `bytes` over
 * BLOCKIO_DATA_MAX, reserved not 0): it could not find the next one.
 */
#ifndef VL_BLOCKIO_H
#define VL_BLOCKIO_H

#include "common/base/types.h"

#define BLOCKIO_BLOCK_BYTES 512u     /* offset and bytes are multiples of it */
#define BLOCKIO_DATA_MAX 65536u      /* bytes of one READ or WRITE */
#define BLOCKIO_REQUEST_MAX 16u      /* unanswered requests of one connection */

enum blockio_op {
	BLOCKIO_INFO = 0,  /* offset 0, bytes sizeof(struct blockio_info) */
	BLOCKIO_READ = 1,
	BLOCKIO_WRITE = 2,
	BLOCKIO_FLUSH = 3, /* offset and bytes 0; all answered writes are durable when it is answered */
};

enum blockio_status {
	BLOCKIO_OK = 0,
	BLOCKIO_IO_ERROR = 1,
	BLOCKIO_OUT_OF_RANGE = 2, /* beyond the disk's end, or not in whole blocks */
	BLOCKIO_READ_ONLY = 3,
};

struct blockio_request {
	le32 op;
	le32 bytes;
	le64 offset_bytes;
	le64 id; /* the client's, comes back */
	le64 reserved;
} VL_PACKED;
_Static_assert(sizeof(struct blockio_request) == 32, "block request");

struct blockio_reply {
	le64 id;
	le32 status; /* enum blockio_status */
	le32 bytes;
} VL_PACKED;
_Static_assert(sizeof(struct blockio_reply) == 16, "block reply");

#define BLOCKIO_INFO_READ_ONLY 1u

struct blockio_info {
	le64 size_bytes; /* a multiple of BLOCKIO_BLOCK_BYTES */
	le32 flags;      /* BLOCKIO_INFO_* */
	le32 reserved;
} VL_PACKED;
_Static_assert(sizeof(struct blockio_info) == 16, "block info");

#endif
