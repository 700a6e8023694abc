/*
 * The time-stamp counter of x86_64: a clock that is read without touching a page,
 * for the time of short operations on one CPU.
 */
#ifndef VL_PORT_TICKS_H
#define VL_PORT_TICKS_H

#include <stdint.h>

/* Counts up at a constant rate that nobody needs to know. */
static inline uint64_t port_ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

#endif
