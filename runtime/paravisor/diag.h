/*
 * The paravisor's part in diagnostics: starts and supervises `vallum-diag`
 * (runtime/diag/service.h), hands it the listening sockets, the log and the units of the
 * inspect tree, and keeps all of them for its successor. A server that is lost costs
 * diagnostics, never the guest. It is not trusted: what it asks is checked here.
 */
#ifndef VL_PARAVISOR_DIAG_H
#define VL_PARAVISOR_DIAG_H

#include "runtime/diag/service.h"
#include "runtime/paravisor/supervise.h"
#include "security/filter/filter.h"

struct diag_worker {
	struct worker worker;
	int fds[SERVICE_FD_MAX]; /* for each of its processes */
	unsigned fd_count;       /* 0: this partition has no diagnostics */
	struct {
		struct service_unit is;
		int fd; /* the asking end */
	} units[SERVICE_UNIT_MAX];
	unsigned unit_count;
	int own;                 /* the paravisor's own end as a unit; -1: none */
	struct filter_context filter;
	unsigned restarts;
	int (*spawn)(void *context, struct worker *w);
	void *context;
};

void diag_worker_init(struct diag_worker *d);

/*
 * Starts the first process with `fds` (enum service_fd), which are diag_worker's from now on.
 * VL_E_OS, errors of spawn.
 */
int diag_worker_start(struct diag_worker *d, const struct filter_context *filter, const int *fds,
	unsigned fd_count, int (*spawn)(void *context, struct worker *w), void *context);

/*
 * A new process that is a unit of the inspect tree: returns its end of the channel, the caller's, to
 * be handed to it. `entries` (may be NULL, ends in NULL) as in struct service_unit. VL_E_STATE (there
 * are no diagnostics), VL_E_LIMIT, VL_E_OS.
 */
int diag_worker_unit(struct diag_worker *d, const char *name, const char *const *entries);
/*
 * As diag_worker_unit() for a process that made its channel itself: `fd` is its asking end, diag_worker's in
 * any case.
 */
int diag_worker_has_unit(struct diag_worker *d, const char *name, const char *const *entries, int fd);
/*
 * That process has ended, and none will take its place: it is in the tree no more. Nothing when there is no
 * such unit.
 */
void diag_worker_drop_unit(struct diag_worker *d, const char *name);

/*
 * Takes what the server says: VL_E_AGAIN when it is nothing more, else 0 and *ask is what it
 * asks, with *fd that came along or -1, now the caller's. A server that breaks the protocol is ended.
 */
int diag_worker_ask(struct diag_worker *d, struct service_ask *ask, int *fd);
/* Answers; `fd` (or -1) stays the caller's. `text` for a person, "" for the error's own sentence. */
void diag_worker_reply(struct diag_worker *d, uint64_t id, int error, const char *text, int fd);

/*
 * The server's process ended, or its deadline is due. On death: 0, it starts again after its back-off, and
 * `how` says how it ended; VL_E_LIMIT, there are no diagnostics any more; errors of process_reap().
 */
int diag_worker_on_death(struct diag_worker *d, char *how, size_t room);
int diag_worker_on_deadline(struct diag_worker *d);

void diag_worker_close(struct diag_worker *d);

#endif
