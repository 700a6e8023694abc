/*
 * The virtual TPM in a process of its own: what whoever hosts the model there
 * (runtime/devworker/host.h) is to do beside its calls. Called by main.c and by
 * tests.
 */
#ifndef VL_VTPM_WORKER_H
#define VL_VTPM_WORKER_H

#include "runtime/devworker/host.h"
#include "runtime/vtpm/vtpm.h"

/*
 * The hooks for the process's TPM, whose engine is open and has a thread. A command that ended, and a step of
 * the boot, is in a checkpoint before the guest sees it.
 */
struct devhost_hooks vtpm_worker_hooks(const struct engine *engine);

#endif
