/*
 * The log sink of the processes in VTL2: lines go to descriptor 2, which init
 * opened on /dev/kmsg for everybody, so that the kernel's log is the one
 * timeline. Each line begins with the process's name.
 */
#ifndef VL_LIB_KMSG_H
#define VL_LIB_KMSG_H

#include "common/base/err.h"
#include "common/base/log.h"

/* Sends vl_log()'s lines to descriptor 2 as "<priority>name: line". `name` stays the caller's. */
void kmsg_init(const char *name, enum vl_log_level most);

/* The least important lines that are sent: "error", "warn", "info", "debug". VL_E_RANGE: another word. */
int kmsg_set_level(const char *level);
const char *kmsg_level(void);

/*
 * Copies this process's newest lines to `out`, as many whole ones as fit into `room`, oldest first, each
 * with its '\n'; returns their size. Safe in a signal handler.
 */
size_t kmsg_recent(char *out, size_t room);

#endif
