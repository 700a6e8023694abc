/*
 * ttrpc, the RPC protocol of the diagnostics server: frames over a stream and
 * the two messages that they carry (containerd's ttrpc, PROTOCOL.md, as the
 * reference implementation's mesh_rpc speaks it). Allocation-free; used at
 * both ends, each of which treats the other as hostile.
 *
 * A frame is a header of ten bytes - be32 length of the message, be32 stream,
 * u8 type, u8 flags - and the message. A client numbers its calls with odd
 * streams; the response carries the call's stream. Calls may be outstanding
 * together and are answered in any order.
 */
#ifndef VL_TTRPC_TTRPC_H
#define VL_TTRPC_TTRPC_H

#include "common/base/bytes.h"

#define TTRPC_HEADER_BYTES 10u
#define TTRPC_MESSAGE_MAX 0xffffffu /* bytes of a message; a receiver may allow less */
#define TTRPC_NAME_MAX 64u          /* bytes with the NUL of a service or method that we take */
#define TTRPC_TEXT_MAX 256u         /* bytes with the NUL of a status text that we take; longer: cut */

enum ttrpc_type { TTRPC_REQUEST = 1, TTRPC_RESPONSE = 2 };

struct ttrpc_header {
	uint32_t length; /* of the message that follows, bytes */
	uint32_t stream;
	uint8_t type;    /* enum ttrpc_type */
	uint8_t flags;   /* 0 */
};

/* Google's RPC codes (google/rpc/code.proto), those that we send or tell apart. */
enum ttrpc_code {
	TTRPC_OK = 0,
	TTRPC_CANCELLED = 1,
	TTRPC_UNKNOWN = 2, /* what the reference implementation answers for every failed call */
	TTRPC_INVALID_ARGUMENT = 3,
	TTRPC_DEADLINE_EXCEEDED = 4,
	TTRPC_NOT_FOUND = 5,
	TTRPC_PERMISSION_DENIED = 7,
	TTRPC_RESOURCE_EXHAUSTED = 8,
	TTRPC_UNIMPLEMENTED = 12,
	TTRPC_INTERNAL = 13,
	TTRPC_UNAVAILABLE = 14,
};

/* Request {1: service, 2: method, 3: payload, 4: timeout_nano, 5: metadata (skipped)}. */
struct ttrpc_request {
	char service[TTRPC_NAME_MAX], method[TTRPC_NAME_MAX];
	const uint8_t *payload; /* a view into the message */
	size_t payload_size;
	uint64_t timeout_ns; /* 0: none */
};

/* Response {1: status {1: code, 2: message} | 2: payload}. */
struct ttrpc_response {
	uint32_t code; /* enum ttrpc_code, or what the peer sent */
	char text[TTRPC_TEXT_MAX];
	const uint8_t *payload; /* of TTRPC_OK; a view into the message */
	size_t payload_size;
};

/* Both take and give exactly TTRPC_HEADER_BYTES. */
void ttrpc_header_read(const void *bytes, struct ttrpc_header *h);
void ttrpc_header_write(void *bytes, const struct ttrpc_header *h);

/*
 * What a server answers to a header before it reads the message: TTRPC_OK, or
 * INVALID_ARGUMENT (an even stream, not a request) or RESOURCE_EXHAUSTED (the
 * length exceeds `limit`) with *text saying so. The message is then skipped
 * and the connection goes on.
 */
enum ttrpc_code ttrpc_header_check(const struct ttrpc_header *h, uint32_t limit, const char **text);

/*
 * Decodes a message. VL_E_TRUNCATED, VL_E_FORMAT, VL_E_RANGE, VL_E_TYPE (of
 * protobuf.h); a request's also VL_E_LIMIT (a name that is too long to be one of
 * ours). A response without any field is an empty payload.
 */
int ttrpc_request_decode(const void *data, size_t size, struct ttrpc_request *q);
int ttrpc_response_decode(const void *data, size_t size, struct ttrpc_response *a);

/*
 * Whole frames, header included, into w; the payload is w's next bytes between
 * _begin and _end, so it is built in place:
 *
 *	mark = ttrpc_response_begin(w, stream);
 *	... fields of the payload ...
 *	ttrpc_end(w, mark);
 */
struct ttrpc_mark {
	size_t frame, payload; /* positions in the writer */
	bool request;
	uint64_t timeout_ns;
};
struct ttrpc_mark ttrpc_request_begin(struct vl_writer *w, uint32_t stream, const char *service,
	const char *method, uint64_t timeout_ns);
struct ttrpc_mark ttrpc_response_begin(struct vl_writer *w, uint32_t stream);
void ttrpc_end(struct vl_writer *w, struct ttrpc_mark mark);
/*
 * A response's frame up to its payload, of which `payload_size` bytes follow by other ways. VL_E_NOSPACE: too
 * many.
 */
void ttrpc_response_head(struct vl_writer *w, uint32_t stream, size_t payload_size);
/* A response that is a failure; `code` is not TTRPC_OK. */
void ttrpc_status_write(struct vl_writer *w, uint32_t stream, enum ttrpc_code code, const char *text);

#endif
