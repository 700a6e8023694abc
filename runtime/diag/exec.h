/*
 * Exec and Wait, which the debug image alone has: its main() gives the server this table,
 * and in every other image the calls are not there. A command runs in a process of its own
 * (runtime/exec), which the paravisor starts. The server has but its channel, and lets go of it when
 * the client that asked hangs up, which ends the command.
 */
#ifndef VL_DIAG_EXEC_H
#define VL_DIAG_EXEC_H

#include "runtime/diag/calls.h"
#include "runtime/exec/exec.h"

#include <poll.h>

struct commands; /* at most EXEC_MAX */

/* What the server's loop and its other calls ask of commands. */
struct exec_table {
	/* The method, or NULL when it is none of these. */
	const struct method *(*method)(const char *service, const char *name);
	/*
	 * The paravisor's answer to that SERVICE_EXEC: the channel of the command's process, now the
	 * callee's.
	 */
	void (*channel)(const struct call *k, uint64_t ask, int fd);
	/* Fills EXEC_MAX entries, and serves what happened there; also ends what nobody wants any more. */
	void (*poll)(struct server *s, struct pollfd *f);
	void (*serve)(struct server *s, const struct pollfd *f);
	/* Answers calls whose deadline has passed; the next one, 0 when there is none. */
	uint64_t (*deadlines)(struct server *s, uint64_t now_ns);
	void (*destroy)(struct server *s);
};

/* Gives `s` Exec and Wait. VL_E_NOMEM. */
int exec_init(struct server *s);

#endif
