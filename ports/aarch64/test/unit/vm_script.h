/* Intercepts of a scripted aarch64 guest for the fake hypervisor (test/port/vm), beside those of script.h. */
#ifndef VL_TEST_ARM64_SCRIPT_H
#define VL_TEST_ARM64_SCRIPT_H

#include "ports/aarch64/vm/arm64.h"
#include "test/port/vm/script.h"

#define SCRIPT_CODE 0x10000u /* pc of every step */
#define SCRIPT_RT 1u         /* register of single accesses */

struct arm64_context *script_context(void);

/*
 * The message of an access at `gpa`: with `word`, as the reference host describes the
 * instruction (with a syndrome when hardware would give one); with 0, from nothing.
 */
void script_memory_message(struct hv_message *m, uint64_t gpa, enum hv_intercept_access access,
		uint32_t word);

/* Runs these instructions as accesses at the given addresses, one after the other. */
struct script_access {
	uint64_t gpa;
	enum hv_intercept_access access;
	uint32_t word;
};
void script_play_accesses(const struct script_access *access, unsigned count);

#endif
