/* Starts and ends the paravisor's worker processes. */
#ifndef VL_PARAVISOR_PROCESS_H
#define VL_PARAVISOR_PROCESS_H

#include "common/base/err.h"
#include "runtime/paravisor/supervise.h"

/*
 * Runs `path` with nothing open but 0 (/dev/null), 1 and 2 (the paravisor's
 * own, /dev/kmsg), CONTROL_FD and CRASH_FD, an empty environment and its name as only
 * argument; it dies with the paravisor. Sets pid, pidfd, control and crash. VL_E_OS.
 */
int process_spawn(struct worker *w, const char *path);

/* Where its code lies (runtime/lib/text.h), by its own word; 0: it did not say (yet). */
uint64_t process_text_base(struct worker *w);

/*
 * Collects a process that ended; `text` gets how ("exit status 1", "killed by
 * signal 11"). A crash is kept in w->crashes. Closes pidfd, control and crash. VL_E_AGAIN when it still runs.
 */
int process_reap(struct worker *w, char *text, size_t room);

void process_kill(struct worker *w);

/* Lets a test have it crash: as a signal of its own making. */
void process_signal(struct worker *w, int signal);

#endif
