/*
 * The virtual counter of aarch64: a clock that is read without touching a page,
 * for the time of short operations on one CPU.
 */
#ifndef VL_PORT_TICKS_H
#define VL_PORT_TICKS_H

#include <stdint.h>
#include <time.h>

/* Counts up at a constant rate that nobody needs to know. */
static inline uint64_t port_ticks(void)
{
#ifdef __aarch64__
	uint64_t ticks;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
	return ticks;
#else /* unit tests of this port on another machine */
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
#endif
}

#endif
