/*
 * Scripts for the process in the diagnostics server's place under a whole paravisor (life.c):
 * each is given the control channel and does not return.
 */
#ifndef VL_TEST_LIFE_DIAG_H
#define VL_TEST_LIFE_DIAG_H

#include "runtime/diag/service.h"

extern unsigned *diag_steps; /* shared with all processes after share_steps(): what went as it should */
void share_steps(void);

/*
 * What the paravisor said last, and what it says next but for the units; its descriptor if it has one, or -1.
 */
extern union service_any diag_in;
int diag_expect(int control, uint32_t type);

void diag_changes_the_guests_life(int control);
void diag_restarts(int control);
void diag_crashes_on_demand(int control);
void diag_runs_commands(int control);
void diag_asks_what_it_may_not(int control);
void diag_dies_while_it_waits(int control);
void diag_dies(int control);
void diag_sends_garbage(int control);
/* Units of the inspect tree: a device worker's, which it kills; init's; those of who comes and goes. */
void diag_looks_into_device_workers(int control);
void diag_finds_init(int control);
void diag_sees_come_and_go(int control);

#endif
