/*
 * The VM worker's I/O loop: the control channel, streams and timers, on the
 * main thread. It never waits for a VP except to park it.
 */
#ifndef VL_VM_LOOP_H
#define VL_VM_LOOP_H

#include "runtime/vm/vm.h"

/* Makes the loop's descriptors; before any device exists. VL_E_OS. */
int loop_create(struct vm *vm);
/*
 * Serves `control_fd`, `inspect_fd` (-1: none) and the machine until the paravisor closes the channel
 * (0) or breaks the protocol (VL_E_PROTOCOL and others, logged).
 */
int loop_run(struct vm *vm, int control_fd, int inspect_fd);
void loop_destroy(struct vm *vm);

#endif
