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
	uint64_t start_ns, start;    /* the kernel's clock and the counter, at begin */
	uint32_t sample[TIMING_MAX]; /* ticks */
};

/* Before the first operation: the counter. */
uint64_t timing_begin(struct timing *t);

/*
 * After operation n, n below TIMING_MAX, with the counter before it: the counter now. Touches the sample
 * alone.
 */
static inline uint64_t timing_step(struct timing *t, unsigned n, uint64_t before)
{
	uint64_t now = port_ticks();

	t->sample[n] = (uint32_t)(now - before);
	return now;
}

/*
 * After the last of `count` operations, one at least, with the counter after it: prints
 * "median_ns N mean_ns N best_ns N count N", without a newline. Sorts the samples.
 */
void timing_end(struct timing *t, unsigned count, uint64_t last);

#endif
