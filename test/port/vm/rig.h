/*
 * What tests of the whole VM worker do with it, each step checked: a fake worker
 * (fake_hv.h) is begun, booted, saved, ended by the messages of its paravisor.
 */
#ifndef VL_TEST_VM_RIG_H
#define VL_TEST_VM_RIG_H

#include "test/port/vm/script.h"

/* A worker with one VP and a kernel, not started. */
void vmrig_begin(struct fake_worker *w);
/* START, STOP and their answers. */
void vmrig_start(struct fake_worker *w);
void vmrig_stop(struct fake_worker *w);
/* The worker's thread, and START. */
void vmrig_boot(struct fake_worker *w);
/* The guest ends so, and the worker well. */
void vmrig_expect_end(struct fake_worker *w, enum control_type type);
/* Gives the worker disk 0, before it is started; our end of its stream. */
int vmrig_connect_disk(struct fake_worker *w);
/* Stops and saves; the descriptor of the state. */
int vmrig_save(struct fake_worker *w);
/* What RESTORE is answered with. */
int vmrig_restore(struct fake_worker *w, int fd);

#endif
