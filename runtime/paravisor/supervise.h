/*
 * Supervision of the paravisor's workers: one table of states and events. It
 * decides and remembers; whoever calls it does what it answers. No input of
 * the guest's gets here but a worker's death.
 */
#ifndef VL_PARAVISOR_SUPERVISE_H
#define VL_PARAVISOR_SUPERVISE_H

#include "common/base/types.h"
#include <sys/types.h>

enum worker_state {
	WORKER_DOWN,     /* not started, or stopped as asked */
	WORKER_STARTING, /* the process runs, it did not say STARTED yet */
	WORKER_RUNNING,
	WORKER_STOPPING, /* asked to end */
	WORKER_KILLING,  /* too late with its start, SIGKILL sent */
	WORKER_WAITING,  /* died; starts again at the deadline */
	WORKER_FAILED,   /* will not be started again */
	WORKER_STATE_COUNT
};

enum worker_event {
	WORKER_START,   /* wanted */
	WORKER_READY,   /* says that it works */
	WORKER_DIED,    /* ended, and may be started again */
	WORKER_LOST,    /* ended, and may not: its policy, or the last of too many deaths */
	WORKER_TIMEOUT, /* the deadline passed */
	WORKER_STOP,    /* no longer wanted */
};

enum worker_action {
	WORKER_NOTHING,
	WORKER_SPAWN,  /* start the process */
	WORKER_ASK,    /* tell it to end */
	WORKER_KILL,   /* SIGKILL */
	WORKER_REPORT, /* the partition cannot do without it: tell the host */
};

enum worker_policy {
	WORKER_FATAL,   /* its state cannot be rebuilt without the guest: its death ends the partition */
	WORKER_RESTART, /* starts again from its last saved state */
};

#define WORKER_RESTART_MAX 5u            /* deaths within ... */
#define WORKER_RESTART_WINDOW_MS 60000u  /* ... this time are a crash loop */
#define WORKER_BACKOFF_FIRST_MS 100u     /* doubled with each death in the window */

struct worker {
	const char *name;
	enum worker_policy policy;
	unsigned start_limit_ms, stop_limit_ms;
	enum worker_state state;
	uint64_t deadline_ns; /* of the present state, CLOCK_BOOTTIME; 0: none */
	uint64_t window_ns;   /* when the first death of the window was */
	unsigned deaths;      /* within the window */
	pid_t pid;            /* 0: no process */
	int pidfd, control;   /* -1: none */
};

void supervise_init(struct worker *w, const char *name, enum worker_policy policy, unsigned start_limit_ms);

/* Moves on and sets the new state's deadline. The caller carries out the action. */
enum worker_action supervise_event(struct worker *w, enum worker_event event, uint64_t now_ns);

/* The death of the process: WORKER_DIED or WORKER_LOST by policy and count, as supervise_event(). */
enum worker_action supervise_death(struct worker *w, uint64_t now_ns);

const char *supervise_state_name(enum worker_state state);

#endif
