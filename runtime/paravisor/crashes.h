/*
 * The reports of processes that crashed (runtime/lib/crash.h): the newest few are kept
 * for the inspect tree's "crashes" and told to the host and the log once. What a host may
 * not learn of an isolated VM is wiped when a report comes in. What is in a report is a
 * dying process's word, checked.
 */
#ifndef VL_PARAVISOR_CRASHES_H
#define VL_PARAVISOR_CRASHES_H

#include "common/inspect/inspect.h"
#include "runtime/lib/crash.h"
#include "security/filter/filter.h"

#include <sys/types.h>

#define CRASH_REPORT_MAX 6 /* all of them fit an answer of the inspect tree */

struct crash_report {
	uint64_t number;     /* the first is 1 */
	uint64_t boot_ns;    /* CLOCK_BOOTTIME, when it was reaped */
	const char *program; /* static text */
	pid_t pid;
	uint64_t text_base;  /* registers and stack minus this are places in the program; 0: unknown */
	size_t stack_size;
	struct crash_record record; /* version 0: it left none, and only the signal is known */
	uint8_t stack[CRASH_STACK_BYTES];
};

struct crashes {
	const struct filter_context *filter; /* the caller's */
	uint64_t count, told;                /* ever; `told`: how many crashes_next() has given out */
	struct crash_report list[CRASH_REPORT_MAX]; /* number n stands at (n - 1) % CRASH_REPORT_MAX */
};

/* Keeps the report; the oldest gives way. `program` stays the caller's. */
void crashes_keep(struct crashes *c, const char *program, const struct crash_report *r);

/* The oldest that was not given out yet and is still there; NULL when there is none. */
const struct crash_report *crashes_next(struct crashes *c);

/* "vallum-vm (process 12) crashed: signal 11 at 0x10". */
size_t crash_title(const struct crash_report *r, char *text, size_t room);

/* The entry "crashes". */
void crashes_inspect(const struct crashes *c, struct inspect *i);

#endif
