/*
 * A64 loads and stores, for accesses to device memory: what the instruction at
 * PC does, as far as the abort's syndrome does not say it. The reference host
 * uses it to rebuild the syndrome that KVM keeps to itself; the VM worker uses
 * it for the forms that have none (pairs, write-back, SIMD). Source: Arm ARM
 * DDI 0487, C4.1.96 "Loads and Stores", and D24.2.40 (ESR_ELx, data abort).
 *
 * The instruction word and register values are the guest's and hostile; every
 * word decodes to an access or a named error. Nothing allocates.
 */
#ifndef VL_ARM64_ACCESS_H
#define VL_ARM64_ACCESS_H

#include "common/base/types.h"

#define ARM64_REG_SP_OR_ZERO 31

struct arm64_access {
	uint8_t size;      /* bytes of one element: 1, 2, 4, 8 or 16 */
	uint8_t count;     /* elements: 1, or 2 for a pair */
	uint8_t rt[2];     /* transfer registers; 31 is the zero register (or Q31 for SIMD) */
	uint8_t rn;        /* base; 31 is SP */
	bool write, simd;
	bool sign_extend;  /* of a load */
	bool wide;         /* a load's destination is 64 bits, else 32 */
	bool writeback;    /* rn becomes base + offset */
	bool post_index;   /* the access is at the base itself */
	bool reg_offset;   /* offset is register rm, extended and shifted; else `offset` */
	uint8_t rm, extend, shift;
	int64_t offset;    /* bytes */
};

/*
 * 0, or VL_E_UNSUPPORTED: not a load or store of ours (exclusives, atomics,
 * literals, prefetches, structures, tags and all else).
 */
int arm64_decode_access(uint32_t instruction, struct arm64_access *access);

/* The virtual address of the first element; x has X0-X30, sp the current stack pointer. */
uint64_t arm64_access_address(const struct arm64_access *access, const uint64_t x[31], uint64_t sp);
/* What rn holds afterwards, when access->writeback. */
uint64_t arm64_access_writeback(const struct arm64_access *access, const uint64_t x[31], uint64_t sp);

/* A general register load's result from `raw` memory bytes, extended as the instruction says. */
uint64_t arm64_load_result(const struct arm64_access *access, uint64_t raw);

/*
 * ESR_EL2 of the data abort that this access takes at stage 2 (translation
 * fault, level 3). ISV and its fields are set when hardware would set them.
 */
uint64_t arm64_access_syndrome(const struct arm64_access *access);

/* --- The syndrome's fields --- */
#define ARM64_ESR_EC(esr) ((unsigned)((esr) >> 26 & 0x3f))
#define ARM64_EC_DATA_ABORT_LOWER 0x24u
#define ARM64_EC_INSN_ABORT_LOWER 0x20u
#define ARM64_ESR_IL (1ull << 25)
#define ARM64_ESR_ISV (1ull << 24)
#define ARM64_ESR_SAS_SHIFT 22
#define ARM64_ESR_SSE (1ull << 21)
#define ARM64_ESR_SRT_SHIFT 16
#define ARM64_ESR_SF (1ull << 15)
#define ARM64_ESR_WNR (1ull << 6)
#define ARM64_DFSC_TRANSLATION_L3 7u

/* Fills `access` from a syndrome with ISV set; VL_E_UNSUPPORTED without. */
int arm64_access_from_syndrome(uint64_t esr, struct arm64_access *access);

#endif
