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

struct sampler_cpu {
	int fd;
	struct perf_event_mmap_page *page; /* the ring begins a page behind it */
};

struct sampler {
	unsigned cpu_count;
	bool hardware; /* cycles, not the CPU clock */
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
	struct stacks *out);

#endif
