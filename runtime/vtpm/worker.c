/* worker.h */
#include "runtime/vtpm/worker.h"

static bool ended; /* a command has, since the last request: there is one TPM in a process */

/* A command that ended: only requests are looked at, one by one, so that none sees it half. */
static void collect(void *dev)
{
	struct vtpm *v = dev;
	unsigned before = v->phase;

	vtpm_model.complete(v, VTPM_COMMAND_ENDED, 0);
	ended = ended || (before == VTPM_EXECUTING && v->phase != VTPM_EXECUTING);
}

static bool lasting(void *dev, const struct devipc_request *q)
{
	const struct vtpm *v = dev;
	bool step = q->region == VTPM_REGION_BOOT && q->offset == offsetof(struct vtpm_boot, command);
	bool result = ended || q->op == DEVIPC_STOP ||
		(q->op == DEVIPC_WRITE && (step || v->phase == VTPM_COMPLETE));

	ended = false;
	return result;
}

struct devhost_hooks vtpm_worker_hooks(const struct engine *engine)
{
	return (struct devhost_hooks){ engine->event_fd, collect, lasting };
}
