/*
 * Supervision of the paravisor's workers: one table of what each may cost, and
 * one of states and events. It decides and remembers; whoever calls it does
 * what it answers. No input of the guest's gets here but a worker's death.
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
	WORKER_KILLING,  /* late or wrong, SIGKILL sent */
	WORKER_WAITING,  /* died; starts again at the deadline */
	WORKER_FAILED,   /* will not be started again */
	WORKER_STATE_COUNT
};

enum worker_event {
	WORKER_START,   /* wanted */
	WORKER_READY,   /* says that it works */
	WORKER_WRONG,   /* late with an answer, or breaks the rules */
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

/* What a worker may cost: a row of supervise_rules. */
struct worker_rule {
	const char *name;    /* in logs, and to the host */
	const char *program; /* in VTL2's /bin */
	enum worker_policy policy;
	bool needed;         /* RESTART: when it is given up the partition ends; else it goes on without */
	unsigned start_limit_ms, stop_limit_ms;
	unsigned death_max;  /* more deaths within `window_ms` are a crash loop: it is given up */
	unsigned window_ms;
	unsigned backoff_ms; /* before the first restart; doubled with each death in the window */
};

enum worker_id { WORKER_VM, WORKER_VTPM, WORKER_COM1, WORKER_COM2, WORKER_DIAG, WORKER_PROFILER,
	WORKER_ID_COUNT };
extern const struct worker_rule supervise_rules[WORKER_ID_COUNT];

struct worker {
	const struct worker_rule *rule;
	unsigned start_limit_ms; /* the rule's, or what a test wants */
	enum worker_state state;
	uint64_t deadline_ns; /* of the present state, CLOCK_BOOTTIME; 0: none */
	uint64_t window_ns;   /* when the first death of the window was */
	unsigned deaths;      /* within the window */
	unsigned starts, deaths_ever, kills; /* in all; kills: for being late or breaking rules */
	pid_t pid;            /* 0: no process */
	int pidfd, control;   /* -1: none */
	int crash;            /* its first and last words come here (runtime/lib/text.h, crash.h); -1: none */
	uint64_t text_base;   /* process_text_base() has it; 0: not heard yet */
	bool killed;          /* by us: its end is no crash */
	struct crashes *crashes; /* who keeps the report of a crash; NULL: nobody */
};

void supervise_init(struct worker *w, const struct worker_rule *rule);

/* Moves on and sets the new state's deadline. The caller carries out the action. */
enum worker_action supervise_event(struct worker *w, enum worker_event event, uint64_t now_ns);

/* The death of the process: WORKER_DIED or WORKER_LOST by policy and count, as supervise_event(). */
enum worker_action supervise_death(struct worker *w, uint64_t now_ns);

const char *supervise_state_name(enum worker_state state);

#endif
