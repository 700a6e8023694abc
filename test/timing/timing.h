/*
 * How long an operation takes that is repeated many times: the median, for an
 * interrupt of the kernel in between says nothing of the operation, with the
 * mean and the best beside it. For the benchmark's programs.
 *
 * Each operation is timed by the processor's own counter, inline: the call of a
 * clock would touch more pages than some of the operations that are timed, and
 * under nested paging a page's first touch after each exit is what costs. The
 * kernel's clock, read at begin and end, says how long a tick is.
 */
#ifndef VL_TEST_TIMING_H
#define VL_TEST_TIMING_H

#include "port/ticks.h"

#define TIMING_MAX 100000u

struct timing {
	unsigned count; /* of operations so far */
	uint64_t start_ns, start, last; /* the kernel's clock, and the counter: at begin, after the last operation */
	uint32_t sample[TIMING_MAX];    /* ticks */
};

/* Before the first operation. */
void timing_begin(struct timing *t);
/* "median_ns N mean_ns N best_ns N count N", without a newline. After at least one operation; sorts the samples. */
void timing_print(struct timing *t);

/* After each operation, TIMING_MAX of them at most. */
static inline void timing_step(struct timing *t)
{
	uint64_t now = port_ticks();

	if (t->count < TIMING_MAX)
		t->sample[t->count++] = (uint32_t)(now - t->last);
	t->last = now;
}

#endif
