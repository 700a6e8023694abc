/* See timing.h. */
#include "test/timing/timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void timing_begin(struct timing *t)
{
	t->count = 0;
	t->start_ns = t->last_ns = now_ns();
}

void timing_step(struct timing *t)
{
	uint64_t now = now_ns();

	if (t->count < TIMING_MAX)
		t->sample_ns[t->count++] = (uint32_t)(now - t->last_ns);
	t->last_ns = now;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void timing_print(struct timing *t)
{
	qsort(t->sample_ns, t->count, sizeof(t->sample_ns[0]), compare);
	printf("median_ns %u mean_ns %llu best_ns %u count %u", t->sample_ns[t->count / 2],
		(unsigned long long)((t->last_ns - t->start_ns) / t->count), t->sample_ns[0], t->count);
}
