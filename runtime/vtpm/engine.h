/*
 * Runs TPM commands beside the device model, so that a command that takes its
 * time (making a key) never keeps a register access waiting. Most take less
 * than asking whether they have ended: so the access that begins one waits for
 * it, at most ENGINE_PATIENCE_NS. One command at a time. Without a thread of its
 * own a command runs within engine_submit().
 *
 * Threads: everything but the engine's own thread is called by the thread that
 * calls the model. While a command runs, `tpm` belongs to the engine.
 */
#ifndef VL_VTPM_ENGINE_H
#define VL_VTPM_ENGINE_H

#include "runtime/vtpm/tpm.h"
#include <pthread.h>

#define ENGINE_PATIENCE_NS 1000000

struct engine {
	struct tpm tpm;
	struct vtpm_nv nv;
	/* readable when a command has ended beside: call the model's complete(); -1: no thread */
	int event_fd;
	bool busy;     /* submitted and not collected */
	unsigned locality;
	size_t command_bytes, response_bytes;
	uint8_t command[TPM_BUFFER_BYTES], response[TPM_BUFFER_BYTES];

	pthread_t thread;
	pthread_mutex_t lock; /* guards the flags below */
	pthread_cond_t changed;
	bool submitted, done, quit;
	bool awaited;  /* engine_submit() waits for its end */
	bool notified; /* event_fd is readable, until engine_collect() */
};

/* `nv` stays the caller's. threaded: VL_E_OS when there can be no thread. */
int engine_open(struct engine *e, const struct vtpm_nv *nv, bool threaded);
/* Ends its thread, after the command that it runs. */
void engine_close(struct engine *e);

/*
 * Begins a command of at most TPM_BUFFER_BYTES, only while not busy. It may have ended on return: then
 * collect it.
 */
void engine_submit(struct engine *e, unsigned locality, const uint8_t *command, size_t size);
/* Asks for an early end of the command, if one runs. */
void engine_cancel(struct engine *e);
/* True once the command has ended: `response` and `response_bytes` are its, and another may begin. */
bool engine_collect(struct engine *e);
/* Waits until the command, if any, has ended. */
void engine_wait(struct engine *e);

#endif
