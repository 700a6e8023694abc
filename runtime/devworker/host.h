/*
 * Hosts one device model in a process of its own (common/devipc/devipc.h): the
 * device worker's end of the link. The model is called as in the VM worker and
 * sees the world through the same environment; what it does there becomes
 * effects of the answer, or demands. Used by vallum-devworker and vallum-vtpm.
 * What comes over the link is the VM worker's, which digests guest input and
 * is not trusted: at most it can call the model as a guest could. As a unit of the
 * inspect tree it shows the model's registers; who asks is not trusted either.
 */
#ifndef VL_DEVWORKER_HOST_H
#define VL_DEVWORKER_HOST_H

#include "common/device/device.h"
#include "runtime/lib/devlink.h"

/* For a model that also works beside its calls, as the virtual TPM with its thread; zero for all others. */
struct devhost_hooks {
	int event_fd;            /* readable when something ended; 0: none */
	void (*event)(void *dev); /* takes what ended; called before each request too */
	/*
	 * After a request: whether its answer must leave a checkpoint: the guest sees nothing that is in
	 * none.
	 */
	bool (*lasting)(void *dev, const struct devipc_request *q);
};

struct sandbox_profile;

struct devhost {
	struct dev_env env; /* the model's; before devhost_serve() */
	struct dev_instance instance;
	struct devhost_hooks hooks;
	struct devlink_end end;
	int unit; /* its end as a unit of the inspect tree (runtime/lib/inspect_unit.h); -1: none */
	struct {
		uint64_t requests, posted, demands, checkpoints;
	} counts; /* in this process */

	/* Of the request that is being served. */
	struct devipc_request request;
	struct devipc_posted posted[DEVIPC_POSTED_MAX];
	struct devipc_reply reply;
	struct devipc_effect effects[DEVIPC_EFFECT_MAX];
	bool demanded;
	int err; /* it cannot go on: a demand got no result, too many effects, a state that does not fit */

	uint32_t lines_known, lines; /* bit per interrupt line that was driven, and its level */
	uint8_t output[DEVIPC_DATA_BYTES];
	uint8_t copy[DEVIPC_STATE_BYTES]; /* of a state, before it is judged */
};

/*
 * Sets up `env`, for the model's init and after, and the device's place. `h` is zero but for hooks, end and
 * unit.
 */
void devhost_init(struct devhost *h, const struct dev_model *model, void *dev);

/*
 * Takes the paravisor's configuration from CONTROL_FD, with the link, the shared memory, the unit if there is
 * one and, if `store` is not NULL, the store. VL_E_TIMEOUT, VL_E_CLOSED, VL_E_OS, errors of
 * devipc_config_check().
 */
int devhost_open(struct devhost *h, struct devipc_config *config, int *store);

/* Serves the request that is in the mailbox: devlink_take()'s errors, h->err, devlink_answer()'s. */
int devhost_serve(struct devhost *h);

/*
 * The device's part of the inspect tree, an inspect_unit_walk: `context` is a devhost. Registers are
 * sensitive.
 */
void devhost_inspect(void *context, struct inspect *i);

/* Serves until the VM worker closes the link (VL_E_CLOSED) or something is wrong. */
int devhost_run(struct devhost *h);

/*
 * What is left of a worker's main(): enters the cage, calls `prepare` (which opens and sets up `h`), serves.
 * The exit status: 0 when the VM worker closed the link, else 1, with the reason in the log.
 */
int devhost_main(struct devhost *h, const struct sandbox_profile *cage, int (*prepare)(void));

#endif
