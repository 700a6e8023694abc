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

uint64_t timing_begin(struct timing *t)
{
	t->start_ns = now_ns();
	t->start = port_ticks();
	return t->start;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void timing_end(struct timing *t, unsigned count, uint64_t last)
{
	double tick_ns = (double)(now_ns() - t->start_ns) / (double)(last - t->start);

	qsort(t->sample, count, sizeof(t->sample[0]), compare);
	printf("median_ns %.0f mean_ns %.0f best_ns %.0f count %u", t->sample[count / 2] * tick_ns,
		(double)(last - t->start) / count * tick_ns, t->sample[0] * tick_ns, count);
}
