/*
 * Samples of every CPU by perf events: cycles where the machine has a PMU that
 * VTL2 may use, else the kernel's CPU clock. Opened with the privileges of the
 * paravisor, read without any. The kernel writes the rings; addresses in user
 * stacks are whatever a process has on its stack.
 */
#ifndef VL_PROFILER_SAMPLER_H
#define VL_PROFILER_SAMPLER_H

#include "common/base/err.h"
#include "runtime/profiler/stacks.h"

#include <linux/perf_event.h>

#define SAMPLER_CPU_MAX 64           /* what tools/kernel.config allows */
#define SAMPLER_RING_BYTES 32768u    /* of one CPU; a power of two */
#define SAMPLER_RING_SAMPLES 40u     /* that surely fit */

/*
 * The kernel's clock rings wherever a CPU is, in the guest too, and each time costs the
 * guest a way into VTL2 and back. A CPU that shows the same stack again and again - VTL0
 * runs -, or none at all, is sampled so much more rarely, and a sample counts for as many;
 * more rarely still once it shows nothing else. Each begins as such a one: most are, and the
 * first seconds are no dearer than the others. No rate falls below the slowest by that.
 */
#define SAMPLER_RARE 8u
#define SAMPLER_RAREST 32u
#define SAMPLER_SLOWEST_HERTZ 2u
/* Samples before a CPU is judged by them: frequent ones, rare ones. Of the rarest each counts. */
#define SAMPLER_TREND_MIN 12u
#define SAMPLER_RARE_MIN 4u

struct sampler_trend {
	uint32_t weight;        /* of the samples that come now: 1, SAMPLER_RARE or SAMPLER_RAREST */
	uint32_t samples;       /* since the last judgement */
	/* the one that may be the most frequent, and by how much it leads (a majority vote) */
	uint32_t stack, lead;
};

/*
 * The weight that the CPU's samples are to have from now on; starts the next count when this one has enough.
 */
uint32_t sampler_judge(struct sampler_trend *t);

/* The same within what `hertz` allows. */
uint32_t sampler_weight(uint32_t weight, unsigned hertz);

struct sampler_cpu {
	int fd;
	struct perf_event_mmap_page *page; /* the ring begins a page behind it */
	struct sampler_trend trend;
};

struct sampler {
	unsigned cpu_count;
	bool hardware; /* cycles of VTL2's own, not the CPU clock */
	unsigned hertz;
	struct sampler_cpu cpu[SAMPLER_CPU_MAX];
};

/*
 * Makes an event and a ring for each CPU that is online; they count nothing
 * yet. VL_E_UNSUPPORTED (this kernel has no perf events), VL_E_DENIED,
 * VL_E_NOMEM, VL_E_OS with errno; what was opened is closed then.
 */
int sampler_open(struct sampler *s);
void sampler_close(struct sampler *s);

/* Begins, `hertz` times a second on each CPU. VL_E_OS. */
int sampler_start(struct sampler *s, unsigned hertz);

/* Takes what is in the rings. Call it at least each SAMPLER_RING_SAMPLES / hertz seconds. */
void sampler_drain(struct sampler *s, struct stacks *out);

/*
 * Takes the records between `tail` and `head` of a ring and returns the new tail.
 * A record that breaks the format ends the reading: the tail is then `head`.
 */
uint64_t sampler_records(const uint8_t *ring, size_t ring_bytes, uint64_t tail, uint64_t head,
	struct sampler_trend *trend, struct stacks *out);

#endif
