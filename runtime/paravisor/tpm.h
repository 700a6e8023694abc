/*
 * The paravisor's part in the virtual TPM: starts its worker, hands the VM
 * worker a link to it, and does both again when a worker ends or the VM worker
 * says that it hangs (runtime/lib/devlink.h). Neither worker is trusted.
 */
#ifndef VL_PARAVISOR_TPM_H
#define VL_PARAVISOR_TPM_H

#include "runtime/paravisor/store_broker.h"
#include "runtime/paravisor/supervise.h"

struct tpm_worker {
	struct worker worker;
	struct store_broker *store;
	int supply[2]; /* ours and the VM worker's end; -1: this partition has no TPM */
	int shared;    /* memory for checkpoints */
	unsigned restarts;
	unsigned kill_every_ms; /* diagnosis: the worker is killed that often; 0: never */
	uint64_t kill_at_ns;
	int (*spawn)(void *context, struct worker *w);
	void *context;
};

void tpm_worker_init(struct tpm_worker *t);

/*
 * Makes the channels and the memory and starts the first worker. Afterwards
 * `supply[1]` and `shared` go to the VM worker. VL_E_OS, VL_E_LIMIT, errors of
 * spawn.
 */
int tpm_worker_start(struct tpm_worker *t, struct store_broker *store,
	int (*spawn)(void *context, struct worker *w), void *context);

/* The worker ended. 0; VL_E_AGAIN: it did not; else it will not be started again, `how` says why. */
int tpm_worker_on_death(struct tpm_worker *t, char *how, size_t room);
/* The VM worker spoke or hung up. */
void tpm_worker_on_supply(struct tpm_worker *t);
/* A deadline of the worker's passed; errors as tpm_worker_start(). */
int tpm_worker_on_deadline(struct tpm_worker *t);
/* CLOCK_BOOTTIME when tpm_worker_on_deadline() is due; 0: never. */
uint64_t tpm_worker_deadline_ns(const struct tpm_worker *t);

#endif
