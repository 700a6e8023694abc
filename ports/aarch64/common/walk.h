/*
 * Stage 1 translation of a guest's virtual address, for reading the
 * instruction at its PC. Source: Arm ARM DDI 0487, D8 "The AArch64 Virtual
 * Memory System Architecture". Registers and tables are the guest's and
 * hostile: every walk ends after at most five descriptors.
 */
#ifndef VL_ARM64_WALK_H
#define VL_ARM64_WALK_H

#include "common/base/types.h"

struct arm64_mmu {
	uint64_t sctlr, tcr, ttbr0, ttbr1; /* of EL1 */
};

/* Reads a descriptor at a guest physical address; 0 or a negative error. */
typedef int arm64_read_descriptor(void *ctx, gpa_t address, uint64_t *descriptor);

/*
 * Translates `va`; with the MMU off the address is its own. *out is set on 0.
 * VL_E_GUEST: the address is not mapped; VL_E_UNSUPPORTED: a reserved granule
 * or size; else what `read` returned.
 */
int arm64_translate(const struct arm64_mmu *mmu, uint64_t va, arm64_read_descriptor *read, void *ctx,
		gpa_t *out);

#endif
