/*
 * What a client of the diagnostics server has the paravisor do: pause and resume the
 * guest, save it, give it to a new VM worker, open a file, profile, have a process
 * crash. One errand of the guest's life at a time, and one profile. Nothing here waits: what the VM worker or
 * the profiler has to do first ends in an answer later. Asked for by the server, which is not trusted; the
 * filter decides.
 */
#ifndef VL_PARAVISOR_ERRANDS_H
#define VL_PARAVISOR_ERRANDS_H

#include "runtime/diag/service.h"
#include "runtime/profiler/profiler.h"
#include "runtime/paravisor/supervise.h"

#include <unistd.h>

struct paravisor;

enum vm_life { VM_RUNS, VM_STOPPING, VM_PAUSED, VM_SAVING, VM_STARTING, VM_REPLACING, VM_RESTORING };

struct errands {
	enum vm_life life;
	uint64_t id;   /* of the ASK that is in hand; 0: none */
	uint32_t what;
	bool go_on;    /* SAVE, RESTART of a running guest: start it again */
	int saved;     /* their file until then; -1 */
	struct worker profiler;
	uint64_t profile_id;
	struct profiler_result profile; /* what the profiler said of it, once `profile_said` */
	bool profile_said;
};

#ifdef VL_HARDENED
/* A hardened paravisor does none of it, whoever asks. */
static inline void errands_init(struct errands *e)
{
	*e = (struct errands){ .saved = -1, .profiler = { .pidfd = -1, .control = -1, .crash = -1 } };
}
static inline void errands_ask(struct paravisor *p, const struct service_ask *ask, int fd) { close(fd); }
static inline int errands_done(struct paravisor *p, uint32_t request, int error, int fd)
{
	return VL_E_PROTOCOL;
}
static inline int errands_started(struct paravisor *p) { return VL_E_PROTOCOL; }
static inline int errands_replaced(struct paravisor *p) { return VL_E_STATE; }
static inline void errands_ended(struct paravisor *p) { }
static inline void errands_forget(struct paravisor *p) { }
static inline void errands_profiler(struct paravisor *p) { }
static inline void errands_deadline(struct paravisor *p) { }
#else
void errands_init(struct errands *e);

/* Does it, or begins to. `fd` (or -1) is the callee's. */
void errands_ask(struct paravisor *p, const struct service_ask *ask, int fd);

/*
 * The VM worker did what `request` (enum control_type) says, with `error` and the file that came along
 * or -1, the caller's. VL_E_PROTOCOL: nobody wanted that.
 */
int errands_done(struct paravisor *p, uint32_t request, int error, int fd);
/* The guest runs again; VL_E_PROTOCOL as above. */
int errands_started(struct paravisor *p);
/*
 * The VM worker that RESTART stopped has ended: the file with the guest's state for the one that is started
 * now, the caller's; VL_E_STATE when nobody wanted it to end.
 */
int errands_replaced(struct paravisor *p);
/* The guest has ended: whoever waits is told. */
void errands_ended(struct paravisor *p);
/*
 * The server that asked is gone: what was begun goes on, but its successor, whose ids are its own, hears
 * nothing of it.
 */
void errands_forget(struct paravisor *p);

/* The profiler spoke or ended; its deadline passed. */
void errands_profiler(struct paravisor *p);
void errands_deadline(struct paravisor *p);
#endif

#endif
