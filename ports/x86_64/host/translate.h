/*
 * VTL0's page tables (Intel SDM volume 3, chapter 4): finds what an instruction
 * accessed and reads that instruction. Tables and registers are the guest's:
 * every read is bounded to VTL0's RAM by the caller's function, every walk to
 * five levels. No KVM here, so that it can be tested alone.
 */
#ifndef VL_HOST_TRANSLATE_H
#define VL_HOST_TRANSLATE_H

#include "common/base/err.h"
#include "common/base/types.h"

struct x86_mmu {
	uint64_t cr0, cr3, cr4, efer;
	uint64_t cs_base;
	unsigned mode; /* bits of the code segment: 16, 32 or 64 */
	/* Reads VTL0's RAM; negative when [at, at+size) is not all of it. */
	int (*read)(const void *context, gpa_t at, void *out, size_t size);
	const void *context;
};

#define X86_ACCESS_WRITE 1u
#define X86_ACCESS_EXECUTE 2u
#define X86_ACCESS_USER 4u
/*
 * The guest physical address behind a linear one. 0, VL_E_NOTFOUND (not mapped,
 * or not for this access), VL_E_RANGE (a table is not in VTL0's RAM).
 */
int x86_translate(const struct x86_mmu *m, uint64_t linear, unsigned access, gpa_t *out) VL_HOT;
/* Up to `room` bytes of the instruction at rip, an offset in CS; returns how many are mapped RAM. */
size_t x86_fetch(const struct x86_mmu *m, uint64_t rip, uint8_t *out, size_t room) VL_HOT;
/*
 * The same with the byte before rip, in one walk if they share a page: out[0] is that byte, 0 where it is not
 * mapped RAM; out[1] on, up to `room` bytes in all, is the instruction, whose count is returned.
 */
size_t x86_fetch_with_before(const struct x86_mmu *m, uint64_t rip, uint8_t *out, size_t room) VL_HOT;

#endif
