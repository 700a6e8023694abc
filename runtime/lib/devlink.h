/*
 * How the two ends of a device worker's link take turns: the asking end is the
 * VM worker's (runtime/vm/remote.h), the answering one the device worker's
 * (runtime/devworker/host.h). What they say is common/devipc/devipc.h.
 *
 * Messages lie in the mailbox of the shared memory, one at a time. Each end
 * looks there for a while before it sleeps on the link, and says that it does;
 * a message on the link is a doorbell for an end that sleeps and has no meaning
 * of its own. The link also tells of the other end's death. A worker does not
 * look into the mailbox before the first doorbell: what its predecessor left
 * there is gone by then.
 */
#ifndef VL_LIB_DEVLINK_H
#define VL_LIB_DEVLINK_H

#include "common/devipc/devipc.h"

/* One end of a link. It believes nothing of the mailbox that it wrote itself. */
struct devlink_end {
	int link;        /* the owner's; -1: none */
	struct devipc_mailbox *mail;
	uint8_t *shared; /* DEVIPC_SHARED_BYTES */
	uint32_t count;  /* asked or answered so far */
	bool open;       /* answering: there was a doorbell */
	uint32_t looks, turns; /* how long to look before sleeping; adapts */
	/* Asking: where it says that somebody waits for this answer to come, or not to; NULL: nobody ever will. */
	const _Atomic bool *hurry;
};

/* Once it is asked to hurry an end waits no longer than this: an honest worker answers long before. */
#define DEVLINK_HURRY_MS 2000u

/* The asking end empties the mailbox: no other worker may live then. */
void devlink_asker(struct devlink_end *e, int link, uint8_t *shared);
void devlink_answerer(struct devlink_end *e, int link, uint8_t *shared);

/*
 * Puts `q` into the mailbox and waits at most `limit_ms`, or DEVLINK_HURRY_MS from when e->hurry is seen to
 * say so, until there is a reply, which devipc_take_reply() reads. VL_E_TIMEOUT, VL_E_CLOSED (the worker is
 * gone), VL_E_PROTOCOL (it counts wrong), VL_E_OS.
 */
int devlink_ask(struct devlink_end *e, const struct devipc_request *q, unsigned limit_ms);

/* True: devlink_take() has something. False: nothing came for a while; poll the link, then devlink_doorbell(). */
bool devlink_pending(struct devlink_end *e);
/* 0 and a checked copy; VL_E_PROTOCOL (the asker counts wrong), errors of devipc_take_request(). */
int devlink_take(struct devlink_end *e, struct devipc_request *q);
/* Puts `a` and its effects into the mailbox. VL_E_CLOSED, VL_E_TIMEOUT, VL_E_OS. */
int devlink_answer(struct devlink_end *e, const struct devipc_reply *a, const struct devipc_effect *effects,
	int limit_ms);
/* Takes what made the link readable. VL_E_CLOSED: the VM worker is gone. */
int devlink_doorbell(struct devlink_end *e);
/* Waits for the next message to the device after a demand, at most `limit_ms`; errors of all three above. */
int devlink_next(struct devlink_end *e, struct devipc_request *q, unsigned limit_ms);

#endif
