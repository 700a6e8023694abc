/*
 * Scripts for the process in the VM worker's place under a whole paravisor (life.c):
 * each is given the control channel and does not return.
 */
#ifndef VL_TEST_LIFE_WORKER_H
#define VL_TEST_LIFE_WORKER_H

#include "runtime/lib/control.h"

/* For all that a script waits for: what a slow machine does not reach, and nobody waits out. */
#define LIMIT_MS 60000

/* What the paravisor said last. */
extern union control_any worker_in;

/* Takes a message of that type, or ends the process. */
void expect(int control, enum control_type type);
/* Takes the configuration and the start, and says that the guest runs. */
void say_started(int control);
/* As the protocol wants it: until the channel closes. */
void wait_for_end(int control);

void worker_powers_off(int control);
void worker_resets(int control);
void worker_triple_faults(int control);
void worker_dies(int control);
void worker_says_why_and_dies(int control);
void worker_sends_garbage(int control);
void worker_hangs(int control);

#endif
