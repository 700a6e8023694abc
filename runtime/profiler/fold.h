/*
 * From counted stacks to folded lines (profiler.h has their form). Asks for the
 * names of all addresses first, then writes.
 */
#ifndef VL_PROFILER_FOLD_H
#define VL_PROFILER_FOLD_H

#include "runtime/profiler/profiler.h"
#include "runtime/profiler/stacks.h"
#include "runtime/profiler/symbols.h"

#define FOLD_TABLE_KERNEL 0
#define FOLD_TABLE_PROCESS 1 /* + n: the request's n-th process */

/* A whole line is put together here; deep stacks of long names lose their leaf. */
#define FOLD_LINE_MAX (STACK_FRAME_MAX * 48)

/* Receives one line with its newline. An error ends the writing and is returned. */
typedef int fold_sink(void *context, const char *line, size_t size);

/* Asks `names` for every address; what it has no room for stays without a name. Sorts `names`. */
void fold_want(const struct stacks *s, const struct profiler_request *q, struct symbols *names);

int fold_write(const struct stacks *s, const struct profiler_request *q, const struct symbols *names,
	fold_sink *sink, void *context);

#endif
