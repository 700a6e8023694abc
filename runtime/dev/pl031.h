/*
 * PL031 real-time clock (PrimeCell, ARM DDI 0224). Region: one MMIO page.
 * irq line 0: RTCINTR. Counts seconds of the host's wall clock plus what the
 * guest set.
 */
#ifndef VL_DEV_PL031_H
#define VL_DEV_PL031_H

#include "common/device/device.h"

#define PL031_REGION_BYTES 0x1000

struct pl031 {
	struct dev_env *env;
	uint32_t offset_s; /* counter minus wall clock seconds, modulo 2^32 */
	uint32_t match, load;
	uint32_t checked_s; /* counter up to which a match was noticed */
	bool mask, raw;
};

extern const struct dev_model pl031_model;
void pl031_init(struct pl031 *p, struct dev_env *env);

#endif
