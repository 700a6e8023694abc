/*
 * A device whose model runs in a worker of its own, as a model of the VM worker
 * (common/devipc/devipc.h has the protocol and the rule for what was under way
 * when a worker is lost). A worker that dies, does not answer in time or breaks
 * the rules is replaced by the paravisor; the access that was under way waits,
 * and the guest sees a slow device. What a worker says is not trusted: it can
 * do to the machine what its device could, and no more.
 *
 * Locks: the model's functions are called with the machine lock held, give it
 * up while they wait for the worker and have it again when they return, so that
 * other devices go on. `lock` is held for a whole conversation and is taken
 * without the machine lock; the machine lock may be taken under it, never the
 * reverse. What the I/O loop has for the device (input, timers, room for
 * output) is passed on by a thread of the device's, so that the loop never
 * waits but to start, stop, save and restore. While the device is stopped, and
 * nobody asks for it, the thread looks whether its worker lives, so that the next
 * one has its state, and can show it, before the machine goes on. An access in the window that the
 * last answer opened needs `lock` too, and is an ordinary one if that is taken.
 */
#ifndef VL_VM_REMOTE_H
#define VL_VM_REMOTE_H

#include "common/device/device.h"
#include "runtime/lib/devlink.h"
#include <pthread.h>

#define REMOTE_JOURNAL_MAX 4096u
#define REMOTE_JOURNAL_DEFAULT 512u
#define REMOTE_JOURNAL_POSTED_MAX 4096u
#define REMOTE_INPUT_BYTES 1024u

struct remote {
	const char *name;
	struct dev_env *env;      /* the device's place in the machine; set before the first call */
	pthread_mutex_t *machine; /* the machine lock */
	int supply; /* links come from the paravisor here; -1: no worker will come any more */
	uint32_t link_number; /* of the last link that came; 0: none */
	unsigned limit_ms;        /* for one answer */
	unsigned supply_limit_ms; /* for the next worker */
	/* for the same, until the last one is complained about: it may live without its link */
	unsigned alone_limit_ms;
	/*
	 * Set while the machine waits to be stopped: an access under way is then not waited for as long as
	 * its worker may take otherwise, for nothing is lost with that. May be NULL.
	 */
	const _Atomic bool *hurry;
	/*
	 * Requests since the last checkpoint, at most REMOTE_JOURNAL_MAX; then one is asked for, as when
	 * posted accesses do not fit any more. The next worker is given all of them again first.
	 */
	unsigned journal_limit;

	/* Under `lock`. */
	pthread_mutex_t lock;
	struct devlink_end end; /* its link, -1: none, is ours */
	uint8_t *shared;        /* DEVIPC_SHARED_BYTES */
	bool started;
	unsigned replaced;      /* workers that were lost */
	uint64_t lost_ns;       /* CLOCK_BOOTTIME when that was seen; 0: there is a next one already */
	unsigned away_ms;       /* the longest time until the next one was where the lost one had been */
	size_t checkpoint_bytes; /* 0: there is none, a reset is what it began with */
	bool checkpoint_started;
	uint8_t *checkpoint, *next; /* ours, DEVIPC_STATE_BYTES each: the last one, and room for another */
	unsigned journal_count, journal_posted_count;
	struct devipc_ahead ahead; /* the window that the last answer opened; size 0: none */
	uint32_t ahead_taken;      /* of a FIFO's bytes */
	unsigned posted_count;     /* accesses that wait for the next request */
	uint64_t asked, spared;    /* accesses that were a request; and those that were none */

	/* Under the machine lock: what the thread is to pass on. */
	pthread_t thread;
	bool runs; /* there is a thread */
	pthread_cond_t work;
	bool ends;
	unsigned passing;  /* things that are on their way */
	uint32_t timers;   /* bit per timer that is due */
	bool completed;
	bool rests;        /* from stop() to the next call that starts, resets or restores it */
	int32_t result;    /* of complete() */
	bool input_held;   /* the device took less than offered and will ask */
	bool input_busy;   /* `input` is on its way */
	bool offer_refused; /* input() here took less than offered */
	size_t input_count;

	/* Beyond here nothing is touched before it is used: most devices need little of it. */
	uint8_t input[REMOTE_INPUT_BYTES];
	uint8_t ahead_data[DEVIPC_AHEAD_BYTES];
	struct devipc_posted posted[DEVIPC_POSTED_MAX];
	struct devipc_request journal[REMOTE_JOURNAL_MAX];
	struct devipc_posted journal_posted[REMOTE_JOURNAL_POSTED_MAX]; /* of all its requests, in order */
};

extern const struct dev_model remote_model;

/*
 * `shared` is mapped, `supply` open; both stay the caller's. Then set `env`. VL_E_NOMEM, VL_E_OS (no thread);
 * remote_destroy() is called in any case.
 */
int remote_init(struct remote *r, const char *name, int supply, uint8_t *shared, pthread_mutex_t *machine);

/* Gives the device up, so that no thread waits for its worker, and ends its own. Machine lock not held. */
void remote_destroy(struct remote *r);

#endif
