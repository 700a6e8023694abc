/*
 * The calls of the diagnostics services. Which of them a client may make decides the
 * filter's table (security/filter), row by row; a hardened server has Inspect alone.
 */
#ifndef VL_DIAG_CALLS_H
#define VL_DIAG_CALLS_H

#include "runtime/diag/server.h"

struct call {
	struct server *server;
	struct connection *connection;
	uint32_t stream;
	uint64_t deadline_ns; /* the client's, or SERVER_CALL_LIMIT_MS */
	bool limited;         /* it is the client's */
	const uint8_t *payload;
	size_t payload_size;
};

struct method {
	const char *service, *name;
	enum filter_item item; /* the row that must keep it */
	void (*run)(const struct call *k);
};

/* Answers what a whole message asks for, now or later. */
void calls_serve(struct server *s, struct connection *c, uint32_t stream, const uint8_t *message,
		size_t size);

/* The answer to a call that failed, with a text for a person. */
void call_fail(const struct call *k, enum ttrpc_code code, const char *fmt, ...) VL_PRINTF(3, 4);

/* --- What a hardened server does not have (full.c) -------------------------------------------- */

/* Looks the method up; NULL when it is none of these. */
const struct method *full_method(const char *service, const char *name);
/* Takes the log in hand; before server_run(). VL_E_NOMEM. */
int full_init(struct server *s, int kmsg);
/* Asks the paravisor for what needs no argument: the ask's id; 0 after the call was failed. */
uint64_t full_ask(const struct call *k, enum service_what what);
/* A REPLY of the paravisor's, checked; `fd` is -1 or now the callee's. */
void full_reply(struct server *s, const struct service_reply *r, int fd);
/* Asks whose deadline has passed are answered; the next deadline, 0 when there is none. */
uint64_t full_deadlines(struct server *s, uint64_t now_ns);

#endif
