/*
 * A device in a process of its own that needs nothing of the world but its
 * register accesses: no interrupt, no guest memory, no timer. The VM worker's
 * end (runtime/vm/remote.h) stands in for the device as a model; the device
 * worker's end (runtime/vtpm/main.c) hosts the real one. One request, one reply.
 *
 * The worker may die at any time. So it leaves checkpoints: the device's saved
 * state (one stream of common/state with the unit DEVLINK_UNIT) in one of two
 * slots of a shared memory, and says so in a reply. The VM worker remembers the
 * accesses since the last checkpoint, and gives them again to the next worker,
 * which it learns of over the supply channel from the paravisor.
 *
 *   VM worker                      paravisor                       device worker
 *             <- supply: a link                  config + link ->
 *   request                          ->                            checkpoint, if due
 *             <-                         reply
 *
 * Requests and replies lie in a mailbox behind the slots, one at a time. Each
 * end looks there for a while before it sleeps on the link, and says that it
 * does; a message on the link is a doorbell for an end that sleeps and has no
 * meaning of its own. The link also tells of the other end's death. A worker
 * does not look into the mailbox before the first doorbell: what its
 * predecessor left there is gone by then.
 *
 * Neither end trusts the other: what the mailbox holds is copied once and
 * checked as a copy. Both are built together, so that fields are native
 * integers.
 */
#ifndef VL_LIB_DEVLINK_H
#define VL_LIB_DEVLINK_H

#include "common/base/err.h"
#include "common/base/types.h"
#include <stdatomic.h>

#define DEVLINK_SLOT_COUNT 2u
#define DEVLINK_SLOT_BYTES (512u << 10)
#define DEVLINK_MAILBOX_AT (DEVLINK_SLOT_COUNT * DEVLINK_SLOT_BYTES)
#define DEVLINK_MAILBOX_BYTES 4096u
#define DEVLINK_SHARED_BYTES (DEVLINK_MAILBOX_AT + DEVLINK_MAILBOX_BYTES)
#define DEVLINK_UNIT "device"

enum devlink_op {
	DEVLINK_READ = 1,
	DEVLINK_WRITE,
	DEVLINK_START,
	DEVLINK_STOP,
	DEVLINK_RESET,
	DEVLINK_SAVE,    /* leaves a checkpoint whatever happened since the last */
	DEVLINK_RESTORE, /* offset: the slot; value: bytes of the stream in it */
	DEVLINK_OP_COUNT
};

struct devlink_request {
	uint32_t op;
	uint32_t region, size; /* READ, WRITE: the model's region; 1, 2, 4 or 8 bytes */
	uint32_t reserved;
	uint64_t offset, value;
};

struct devlink_reply {
	uint64_t value;  /* READ */
	int32_t error;   /* RESTORE: 0 or enum vl_err; others: 0 */
	uint32_t slot;   /* a checkpoint was left there before the request was served (SAVE: after); see below */
	uint64_t checkpoint_bytes; /* 0: none was */
};

/* One cache line for what each end writes, so that they do not take it from each other while they look. */
struct devlink_mailbox {
	_Atomic uint32_t asked; /* requests on this link so far; the VM worker's */
	_Atomic uint32_t asker_sleeps;
	struct devlink_request request;
	uint8_t gap[128 - 8 - sizeof(struct devlink_request)];
	_Atomic uint32_t answered; /* the device worker's; asked - 1 or asked */
	_Atomic uint32_t answerer_sleeps;
	struct devlink_reply reply;
};

/* One end of a link. It believes nothing of the mailbox that it wrote itself. */
struct devlink_end {
	int link;                     /* the owner's; -1: none */
	struct devlink_mailbox *mail;
	uint32_t count;               /* asked or answered so far */
	bool open;                    /* answering: there was a doorbell */
	uint32_t looks, turns;        /* how long to look before sleeping; adapts */
};

/* `shared` has DEVLINK_SHARED_BYTES. The asking end empties the mailbox: no other worker may live then. */
void devlink_asker(struct devlink_end *e, int link, uint8_t *shared);
void devlink_answerer(struct devlink_end *e, int link, uint8_t *shared);

/*
 * Asks and waits at most `limit_ms` for the reply. VL_E_TIMEOUT, VL_E_CLOSED (the worker is gone),
 * VL_E_PROTOCOL (it counts wrong), VL_E_OS.
 */
int devlink_ask(struct devlink_end *e, const struct devlink_request *q, struct devlink_reply *a,
	unsigned limit_ms);

/* True: devlink_take() has something. False: nothing came for a while; poll the link, then devlink_doorbell(). */
bool devlink_pending(struct devlink_end *e);
/* 0 and a checked copy; VL_E_PROTOCOL (the asker counts wrong), errors of devlink_request_check(). */
int devlink_take(struct devlink_end *e, struct devlink_request *q);
int devlink_answer(struct devlink_end *e, const struct devlink_reply *a, int limit_ms);
/* Takes what made the link readable. VL_E_CLOSED: the VM worker is gone. */
int devlink_doorbell(struct devlink_end *e);

/* What the VM worker says on the supply channel: the worker did not answer in time and is to be ended. */
struct devlink_complaint {
	uint32_t magic; /* DEVLINK_COMPLAINT */
};
#define DEVLINK_COMPLAINT 0x4c4c5546u

/* The paravisor's first and only message to a virtual TPM's worker; descriptors in this order. */
struct devlink_tpm_config {
	uint32_t version;   /* DEVLINK_VERSION */
	uint32_t interface; /* enum vtpm_interface */
	uint64_t base;      /* where the guest finds its registers */
};
#define DEVLINK_VERSION 1u
enum { DEVLINK_TPM_FD_LINK, DEVLINK_TPM_FD_SHARED, DEVLINK_TPM_FD_STORE, DEVLINK_TPM_FD_COUNT };

/* 0, or VL_E_TRUNCATED, VL_E_TYPE, VL_E_RANGE: not a request. Offsets within a region are the model's to judge. */
int devlink_request_check(const void *data, size_t size);

#endif
