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
 * Neither end trusts the other; both are built together, so that fields are
 * native integers.
 */
#ifndef VL_LIB_DEVLINK_H
#define VL_LIB_DEVLINK_H

#include "common/base/err.h"
#include "common/base/types.h"

#define DEVLINK_SLOT_COUNT 2u
#define DEVLINK_SLOT_BYTES (512u << 10)
#define DEVLINK_SHARED_BYTES (DEVLINK_SLOT_COUNT * DEVLINK_SLOT_BYTES)
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
