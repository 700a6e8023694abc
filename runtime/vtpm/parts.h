/* What the register interfaces of the virtual TPM share. Included by vtpm.c, fifo.c and crb.c alone. */
#ifndef VL_VTPM_PARTS_H
#define VL_VTPM_PARTS_H

#include "runtime/vtpm/vtpm.h"

/* Registers that both interfaces have, PTP 1.05 tables 18 and 24: offsets within a locality's page. */
enum { VTPM_REG_INTERFACE_ID = 0x30, VTPM_REG_DID_VID = 0xf00, VTPM_REG_RID = 0xf04 };

#define VTPM_VENDOR 0x1014u /* the manufacturer that libtpms reports */
#define VTPM_DEVICE 1u
#define VTPM_REVISION 1u

/* INTERFACE_ID, both halves. */
uint64_t vtpm_interface_id(const struct vtpm *v);

/* Localities. request: takes the TPM if it is free, else waits; seize: takes it from a lower one. */
void vtpm_request(struct vtpm *v, unsigned locality);
void vtpm_seize(struct vtpm *v, unsigned locality);
void vtpm_release(struct vtpm *v, unsigned locality);

/* To Ready, or Idle, from any state; a command in execution is given up first. */
void vtpm_make_ready(struct vtpm *v);
void vtpm_make_idle(struct vtpm *v);

/* The size that the command's header says; 0: no header yet; more than fits: TPM_BUFFER_BYTES + 1. */
size_t vtpm_command_bytes(const struct vtpm *v, size_t received);
/* Executes the command in `data`, of which `received` bytes are the guest's. */
void vtpm_execute(struct vtpm *v, size_t received);

/* Register accesses of `size` bytes at `reg` within the page of `locality`, none across a register. */
uint32_t fifo_read(struct vtpm *v, unsigned locality, uint64_t reg, unsigned size);
void fifo_write(struct vtpm *v, unsigned locality, uint64_t reg, unsigned size, uint32_t value);
/* The model's ahead(), for the locality that has the TPM. */
void fifo_ahead(const struct vtpm *v, struct dev_ahead *a);
void crb_ahead(const struct vtpm *v, struct dev_ahead *a);
uint32_t crb_read(struct vtpm *v, unsigned locality, uint64_t reg, unsigned size);
void crb_write(struct vtpm *v, unsigned locality, uint64_t reg, unsigned size, uint32_t value);

#endif
