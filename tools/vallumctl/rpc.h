/*
 * Calls to the diagnostics server (common/ttrpc): one connection, one call at a
 * time. Answers are hostile: bounded, and decoded in place.
 */
#ifndef VL_CTL_RPC_H
#define VL_CTL_RPC_H

#include "common/diag/diag.h"
#include "common/ttrpc/ttrpc.h"
#include "tools/vallumctl/ctl.h"

#define RPC_ANSWER_MAX (4u << 20) /* bytes of a message that we take */
#define RPC_PAYLOAD_MAX 8192u     /* of a request */

struct rpc {
	int fd;
	uint32_t stream;   /* of the last call */
	uint8_t *message;  /* the last answer, malloc'ed */
	struct ttrpc_response answer; /* views into it */
};

/* Connects. An exit status, after having said why. */
int rpc_open(struct ctl *c, struct rpc *r);
void rpc_close(struct rpc *r);

/* A request with `payload`. An exit status. */
int rpc_send(struct ctl *c, struct rpc *r, const char *service, const char *method, const void *payload,
	size_t size);

/*
 * Its answer, until `deadline_ms` (0: whenever it comes). For a call that failed
 * CTL_REFUSED, with the server's words printed.
 */
int rpc_receive(struct ctl *c, struct rpc *r, uint64_t deadline_ms);

/* Both, within the user's time-out. */
int rpc_call(struct ctl *c, struct rpc *r, const char *service, const char *method, const void *payload,
	size_t size);

/*
 * A call whose result comes over a data connection: `build` writes the request, which
 * names the connection by `id`; `take` gets the bytes as they come and returns an
 * exit status, which ends it when it is not CTL_OK. `limit_s`: at most so long
 * until the next byte or the answer, 0 for without limit. `tick` (may be NULL) is called
 * about four times a second.
 */
struct rpc_stream {
	const char *service, *method;
	void (*build)(void *context, struct vl_writer *w, uint64_t id);
	int (*take)(void *context, const char *data, size_t size);
	void (*tick)(void *context);
	void *context;
	unsigned limit_s;
};
int rpc_stream(struct ctl *c, const struct rpc_stream *s);

#endif
