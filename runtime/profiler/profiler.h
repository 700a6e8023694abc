/*
 * `vallum-profiler`: where VTL2 spends its time. Started for one profile and
 * then gone: it samples every CPU of VTL2 by perf events, kernel and processes,
 * names the functions and writes folded stacks to the client's data connection.
 * This header is the contract with whoever starts it (process_spawn() of the
 * paravisor); both sides of the channel are checked, for the request holds what
 * a client asked for.
 *
 *   starter                       vallum-profiler, on CONTROL_FD
 *   REQUEST + data connection ->          once, within PROFILER_REQUEST_LIMIT_MS
 *   [+ its end as a unit of the inspect tree (unit.h)]
 *                             <-  RESULT  once, then it ends
 *
 * It stops early when the client hangs up or the channel closes. It ends by
 * itself within `seconds` and PROFILER_GRACE_MS; whoever started it kills it
 * when that has passed. Nothing that it does waits for, or holds up, another
 * process of VTL2.
 *
 * Folded stacks, one line each, root first, as flame graph tools take them:
 *
 *   vallum-vm;main;loop_run;vp_run;ioctl;do_syscall_64_[k];..._[k] 17
 *
 * The first name is the process: of the request's list, else "[kernel]" or
 * "pid-N"; a line "[lost]" alone counts the samples for which there was no room. Functions of the kernel end
 * in "_[k]". What has no name is "[unknown]" or "[unknown]_[k]". The number counts samples, or what rarer
 * ones stand for (SAMPLER_RARE in sampler.h); lines may repeat.
 */
#ifndef VL_PROFILER_PROFILER_H
#define VL_PROFILER_PROFILER_H

#include "common/base/err.h"
#include "common/base/types.h"

#define PROFILER_PATH "/bin/vallum-profiler"
#define PROFILER_VERSION 1
#define PROFILER_REQUEST_LIMIT_MS 10000
#define PROFILER_GRACE_MS 15000u       /* to name the functions and to write */
/* Of VTL2's memory. With less free it refuses, for a VTL2 without memory panics. */
#define PROFILER_FREE_MIN_BYTES (10u << 20)

enum {
	PROFILER_PROCESS_MAX = 32,
	PROFILER_NAME_MAX = 24,  /* bytes with the NUL */
	PROFILER_TEXT_MAX = 200, /* bytes with the NUL */
	PROFILER_SECONDS_MAX = 600,
	PROFILER_HERTZ_MAX = 1000,
	PROFILER_HERTZ_DEFAULT = 99, /* not in step with the timers, which run at multiples of 10 */
};

struct profiler_process {
	uint32_t pid;
	uint32_t reserved;
	uint64_t text_base;           /* text_base() of that process (runtime/lib/text.h); 0: unknown */
	char name[PROFILER_NAME_MAX]; /* of its program in /bin; NUL-terminated */
};

/*
 * Descriptors come with it: the connected stream that gets the folded stacks, and, unless there is no room
 * for it, the profiler's end as a unit of the inspect tree.
 */
struct profiler_request {
	uint32_t version; /* PROFILER_VERSION */
	uint32_t seconds; /* 1 to PROFILER_SECONDS_MAX */
	uint32_t hertz;   /* samples a second on each CPU, 1 to PROFILER_HERTZ_MAX */
	uint32_t process_count;
	struct profiler_process processes[PROFILER_PROCESS_MAX];
};

struct profiler_result {
	int32_t error; /* 0 or enum vl_err; VL_E_CLOSED: the client hung up */
	uint32_t samples;
	uint32_t lost; /* samples for which there was no room, here or in the kernel */
	uint32_t reserved;
	char text[PROFILER_TEXT_MAX]; /* of the error, for a person; NUL-terminated, else empty */
};

/*
 * Both checks are for bytes as received. 0, or VL_E_TRUNCATED (size),
 * VL_E_VERSION, VL_E_RANGE (seconds, hertz, an error that is none), VL_E_LIMIT
 * (processes), VL_E_FORMAT (a text that is not terminated, a name that is
 * empty or has other characters than a-z, 0-9 and '-').
 */
int profiler_request_check(const struct profiler_request *q, size_t size);
int profiler_result_check(const struct profiler_result *r, size_t size);

/* Whether VTL2 with so much free memory can afford a profile: 0, or VL_E_NOMEM and the reason in `text`. */
int profiler_memory_check(uint64_t free_bytes, char text[PROFILER_TEXT_MAX]);

#endif
