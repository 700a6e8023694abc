/*
 * A device whose model runs in a worker of its own, as a model of the VM worker
 * (devlink.h has the protocol). A worker that dies or does not answer in time
 * is replaced by the paravisor; the access that was under way waits, and the
 * guest sees a slow device. The rule for what was under way: the new worker is
 * restored from the last checkpoint, gets every access since then again in the
 * same order, and then the one that had no answer. What the worker answers is
 * not trusted and cannot do more than be a wrong value.
 */
#ifndef VL_VM_REMOTE_H
#define VL_VM_REMOTE_H

#include "common/device/device.h"
#include "runtime/lib/devlink.h"

#define REMOTE_JOURNAL_MAX 8192u /* accesses since the last checkpoint; then one is asked for */

struct remote {
	const char *name;
	int supply; /* links come from the paravisor here; -1: no worker will come any more */
	struct devlink_end end; /* its link, -1: none, is ours */
	unsigned limit_ms;     /* for one answer */
	unsigned supply_limit_ms; /* for the next worker */
	uint8_t *shared;       /* DEVLINK_SHARED_BYTES */
	bool started;
	uint32_t slot;         /* of the last checkpoint */
	uint64_t checkpoint_bytes; /* 0: there is none, a reset is what it began with */
	unsigned journal_count;
	struct devlink_request journal[REMOTE_JOURNAL_MAX];
	unsigned replaced;     /* workers that were lost */
};

extern const struct dev_model remote_model;

/* `shared` is mapped, `supply` open; both stay the caller's. */
void remote_init(struct remote *r, const char *name, int supply, uint8_t *shared);

#endif
