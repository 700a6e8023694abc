/*
 * Time for deadlines and boot marks: CLOCK_BOOTTIME, which starts at 0 with
 * the VTL2 kernel and never goes back.
 */
#ifndef VL_LIB_CLOCK_H
#define VL_LIB_CLOCK_H

#include "common/base/types.h"
#include <time.h>

#define CLOCK_MS_NS 1000000ull

static inline uint64_t clock_boot_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline uint64_t clock_deadline(unsigned limit_ms)
{
	return clock_boot_ns() + limit_ms * CLOCK_MS_NS;
}

/* Milliseconds until `deadline_ns`, rounded up, 0 when it has passed; fits poll(). */
static inline int clock_left_ms(uint64_t deadline_ns)
{
	uint64_t now = clock_boot_ns(), left;

	if (now >= deadline_ns)
		return 0;
	left = (deadline_ns - now + CLOCK_MS_NS - 1) / CLOCK_MS_NS;
	return left > 0x7fffffff ? 0x7fffffff : (int)left;
}

#endif
