/* Inside of the aarch64 port of the VM worker. The shared registers of a VP lie in its run page's context. */
#ifndef VL_VM_ARM64_H
#define VL_VM_ARM64_H

#include "runtime/vm/port.h"

/*
 * The VTL context page (port/hv_arch.h): during an exit it has PC and the registers that the
 * instruction uses; what is changed here is VTL0's when it runs again.
 */
struct arm64_context {
	uint64_t x[31];
	uint64_t pc;
};
_Static_assert(sizeof(struct arm64_context) == 8 * HV_ARM64_CONTEXT_WORDS, "VTL context");
static inline struct arm64_context *arm64_context(struct vp *vp) { return vp->hv.context; }

/* regs.c: the low 64 bits of a register by name. */
int arm64_get(struct vp *vp, uint32_t name, uint64_t *value);
int arm64_set(struct vp *vp, uint32_t name, uint64_t value);

/* mmio.c */
int arm64_memory_exit(struct vp *vp, const struct hv_arm64_memory_message *m);

/* Logs what a guest did, a bounded number of times per VP. */
void arm64_complain(struct vp *vp, const char *what, uint64_t value);

/*
 * fdt.c: the guest's device tree into out[0, size); its size in bytes, or
 * VL_E_NOSPACE. `log` is where the TPM's measurement log is, if there is one.
 */
int64_t guest_fdt_build(const struct vm *vm, uint64_t initrd, uint64_t log, void *out, size_t size);

/* linux.c: Linux direct boot; fills vm->arch.entry and .fdt. */
int linux_load(struct vm *vm, char *reason);

#endif
