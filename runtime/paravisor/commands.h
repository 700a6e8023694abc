/*
 * Commands of a client of the diagnostics server, which the debug image alone runs: a
 * process of `vallum-exec` (runtime/exec) for each, whose channel the server gets. The paravisor starts,
 * counts and reaps them; what they run it does not know. Every other image has no table of these.
 */
#ifndef VL_PARAVISOR_COMMANDS_H
#define VL_PARAVISOR_COMMANDS_H

#include "runtime/diag/service.h"
#include "runtime/exec/exec.h"
#include "runtime/paravisor/supervise.h"

#include <poll.h>

struct paravisor;

/* The server has EXEC_MAX at a time; processes that have told it their end may still be on their way out. */
#define COMMANDS_MAX (2u * EXEC_MAX)

struct commands_table {
	void (*init)(struct paravisor *p);
	/* Does what SERVICE_EXEC asks, and answers. */
	void (*ask)(struct paravisor *p, const struct service_ask *ask);
	/* Fills COMMANDS_MAX entries, and reaps what they say has ended, or has had its time. */
	void (*poll)(const struct paravisor *p, struct pollfd *f);
	void (*ready)(struct paravisor *p, const struct pollfd *f);
};

extern const struct commands_table commands_table;

#endif
