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

/* mmio.c */
int arm64_memory_exit(struct vp *vp, const struct hv_arm64_memory_message *m);

/*
 * fdt.c: the guest's device tree into out[0, size); its size in bytes, or
 * VL_E_NOSPACE. `log` is where the TPM's measurement log is, if there is one.
 */
int64_t guest_fdt_build(const struct vm *vm, uint64_t initrd, uint64_t log, void *out, size_t size);

#endif
