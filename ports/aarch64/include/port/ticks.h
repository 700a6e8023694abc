/*
 * The virtual counter of aarch64: the clock that is read without touching a page,
 * for timing single operations (test/timing/timing.h).
 */
#ifndef VL_PORT_TICKS_H
#define VL_PORT_TICKS_H

#include <stdint.h>

/* Counts up at a constant rate that nobody needs to know. */
static inline uint64_t port_ticks(void)
{
	uint64_t ticks;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
	return ticks;
}

#endif
