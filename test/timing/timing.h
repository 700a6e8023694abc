/*
 * How long an operation takes that is repeated many times: the median, for an
 * interrupt of the kernel in between says nothing of the operation, with the
 * mean and the best beside it. For the benchmark's programs.
 */
#ifndef VL_TEST_TIMING_H
#define VL_TEST_TIMING_H

#include <stdint.h>

#define TIMING_MAX 100000u

struct timing {
	unsigned count; /* of operations so far */
	uint64_t start_ns, last_ns;
	uint32_t sample_ns[TIMING_MAX];
};

/* Before the first operation. */
void timing_begin(struct timing *t);
/* After each, TIMING_MAX of them at most: the clock is read once per operation. */
void timing_step(struct timing *t);
/* "median_ns N mean_ns N best_ns N count N", without a newline. After at least one operation; sorts the samples. */
void timing_print(struct timing *t);

#endif
