/*
 * A process's part of the inspect tree. Each process of VTL2 that has something
 * to show is a unit: it holds one end of a SOCK_SEQPACKET channel that the
 * paravisor made when it started the process; the diagnostics server holds the
 * other one and the unit's name (init's channel: INIT_UNIT_FD). One request, one answer, both whole messages:
 *
 *   vallum-diag                              the unit
 *   REQUEST {id, path, depth, level}  ->     walks its state with inspect.h
 *                                     <-     ANSWER {id} + an encoded Node
 *
 * A unit knows nothing of who asks, and answers when it comes to it. The server
 * waits with a limit and goes on without a unit that is late or gone: an answer
 * that comes later still is recognized by its id and dropped. Ids only grow,
 * also over a restart of the server, which takes over its predecessor's end.
 *
 * Requests are the server's, which digests what clients send; answers are the
 * unit's, which digests what the guest does. Neither side trusts the other.
 */
#ifndef VL_LIB_INSPECT_UNIT_H
#define VL_LIB_INSPECT_UNIT_H

#include "common/inspect/inspect.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/crash.h"

/*
 * Init, which is there before the paravisor, makes its own channel: this is where the paravisor finds the far
 * end.
 */
#define INIT_UNIT_FD (CRASH_FD + 1)

#define INSPECT_UNIT_NODE_MAX 32768u /* bytes of an answer's Node */
#define INSPECT_UNIT_VALUE_MAX 256u  /* bytes with the NUL of an update's value */

struct inspect_unit_request {
	uint64_t id;
	uint32_t depth;  /* as inspect_request.depth */
	uint32_t level;  /* enum inspect_level */
	uint32_t update; /* 0 or 1: `value` is to be set at `path` */
	uint32_t reserved;
	char path[INSPECT_PATH_MAX];        /* within the unit; NUL-terminated, as `value` */
	char value[INSPECT_UNIT_VALUE_MAX];
};

struct inspect_unit_answer {
	uint64_t id;
	uint8_t node[INSPECT_UNIT_NODE_MAX]; /* the message ends with the Node */
};

/* --- The unit's end ----------------------------------------------------------------------- */

/* Writes all that the unit has (inspect.h); called for each request, perhaps several times. */
typedef void inspect_unit_walk(void *context, struct inspect *i);

/*
 * Answers the request that waits on `fd`, if there is one. A tree that does not fit
 * is answered less deep, its folders then stand there unopened. 0; VL_E_AGAIN
 * (none waits); VL_E_CLOSED, and for a request that is none VL_E_PROTOCOL: the caller
 * closes `fd` then. One call takes one message, so that who asks without end
 * does not hold up the caller's loop.
 */
int inspect_unit_serve(int fd, inspect_unit_walk *walk, void *context);

/* 0, or VL_E_TRUNCATED, VL_E_RANGE (level, update), VL_E_FORMAT (a text without its end). */
int inspect_unit_request_check(const struct inspect_unit_request *q, size_t size);

/* --- The asking end -------------------------------------------------------------------------- */

struct inspect_unit {
	int fd;           /* -1: none */
	uint64_t last_id; /* of what was asked last */
	bool late;        /* that was not answered yet */
};

/*
 * Asks for `q` and waits until `deadline_ns` (CLOCK_BOOTTIME) at most; `prefix` is put
 * before the path ("" or a name). 0, and a->node[0, *size) is a Node that inspect_check()
 * passed. VL_E_TIMEOUT; VL_E_BUSY: it still owes the answer to an earlier question,
 * so that it is not waited for again; VL_E_CLOSED, VL_E_OS; what is wrong with an answer:
 * VL_E_TRUNCATED, VL_E_LIMIT, errors of inspect_check(); VL_E_LIMIT also for a path
 * that is too long.
 */
int inspect_unit_ask(struct inspect_unit *u, const struct inspect_request *q, const char *prefix,
	uint64_t deadline_ns, struct inspect_unit_answer *a, size_t *size);

#endif
