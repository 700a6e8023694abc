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
	t->start_ns = now_ns();
	t->start = t->last = port_ticks();
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void timing_print(struct timing *t)
{
	double tick_ns = (double)(now_ns() - t->start_ns) / (double)(t->last - t->start);

	qsort(t->sample, t->count, sizeof(t->sample[0]), compare);
	printf("median_ns %.0f mean_ns %.0f best_ns %.0f count %u", t->sample[t->count / 2] * tick_ns,
		(double)(t->last - t->start) / t->count * tick_ns, t->sample[0] * tick_ns, t->count);
}
