/*
 * VTL0's memory as the VM worker has it mapped. Every address is the guest's
 * or the host's word and is checked here; contents can change at any time
 * under our feet, so a value is copied once and then judged.
 */
#ifndef VL_VM_MEMORY_H
#define VL_VM_MEMORY_H

#include "common/base/err.h"
#include "common/base/types.h"

#define GUEST_MEMORY_RANGES 128

struct guest_range {
	uint64_t base, size; /* bytes */
	uint8_t *host;
};

struct guest_memory {
	struct guest_range range[GUEST_MEMORY_RANGES]; /* ascending, disjoint */
	unsigned range_count;
};

/* Appends a range above all others. VL_E_LIMIT, VL_E_ORDER, VL_E_OVERLAP, VL_E_RANGE. */
int guest_memory_add(struct guest_memory *m, gpa_t base, uint64_t size, void *host);

/* Our mapping of [addr, addr + size), or NULL unless it lies in one range. */
void *guest_memory_at(const struct guest_memory *m, gpa_t addr, uint64_t size);

/* Copies; an access may cross ranges that touch. VL_E_RANGE, and nothing copied, when a byte is not RAM. */
int guest_memory_read(const struct guest_memory *m, gpa_t addr, void *out, size_t size);
int guest_memory_write(const struct guest_memory *m, gpa_t addr, const void *data, size_t size);
/* Moves bytes that may overlap; either place lies in one range, or VL_E_RANGE and nothing moved. */
int guest_memory_move(const struct guest_memory *m, gpa_t to, gpa_t from, uint64_t size);

#endif
