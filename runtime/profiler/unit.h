/*
 * The profiler's part of the inspect tree, served while it samples; what comes after that takes no time to
 * speak of, and the unit is late then. Who asks is not trusted.
 */
#ifndef VL_PROFILER_UNIT_H
#define VL_PROFILER_UNIT_H

#include "runtime/lib/inspect_unit.h"
#include "runtime/profiler/profiler.h"
#include "runtime/profiler/sampler.h"

struct profiler_unit {
	int fd; /* -1: none, or closed because who asks broke the rules */
	uint64_t end_ns; /* CLOCK_BOOTTIME when sampling ends */
	const struct profiler_request *request;
	const struct sampler *sampler;
	const struct stacks *stacks;
};

/* An inspect_unit_walk; `context` is struct profiler_unit. */
void profiler_inspect(void *context, struct inspect *i);

/* Answers until `until_ns`, however many ask. 0; VL_E_CLOSED when `control` is over; VL_E_OS with errno. */
int profiler_wait(struct profiler_unit *u, int control, uint64_t until_ns);

#endif
