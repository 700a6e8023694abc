/*
 * What a port gives to the VM worker: two headers with its own state,
 * port/vp.h (struct vp_arch) and port/machine.h (struct machine_arch), and the
 * functions below, all mandatory. Every intercept message comes from the host
 * and every register from the guest: both hostile.
 */
#ifndef VL_VM_PORT_H
#define VL_VM_PORT_H

#include "runtime/vm/vm.h"

/* Power-on state of the registers that VTLs share. On the VP's thread, first. */
int vp_arch_reset(struct vp *vp);
/* Puts the boot VP at the loaded guest's entry. On its thread. */
int vp_arch_boot(struct vp *vp);
/* Called before each return to VTL0: delivers what only the VP's own thread can. */
void vp_arch_enter(struct vp *vp) VL_HOT;
/*
 * Serves the intercept in vp->hv.message. 0: go on. VL_E_PROTOCOL when the
 * host's message makes no sense; other errors when the VP cannot go on.
 */
int vp_arch_exit(struct vp *vp) VL_HOT;
/* What the port's own intercept message of that type is about; NULL when it knows none. */
const char *vp_arch_exit_name(uint32_t type);
/* The VP's registers as fields of an open unit, and back; VPs are parked. */
int vp_arch_save(struct vp *vp, struct state_writer *w);
int vp_arch_restore(struct vp *vp, struct state_reader *r);
/* The registers that tell a person where the VP stood; at most `max`, returns how many. */
uint32_t vp_arch_registers(struct vp *vp, struct control_register *out, uint32_t max);

/* Creates the machine's devices (vm_device_add) and its interrupt controllers. */
int machine_arch_create(struct vm *vm);
/* Finds, checks and loads the guest that the host placed; `reason` as vm_create. */
int machine_arch_load(struct vm *vm, char *reason);
/* Drives interrupt `irq` (vm_device.irq + line). Machine lock held. */
void machine_arch_irq(struct vm *vm, unsigned irq, bool level);
/* Sends a message-signalled interrupt. Machine lock held. */
void machine_arch_msi(struct vm *vm, uint64_t address, uint32_t data);

#endif
