/* Starts a command with all that will be its own (start.c); for run.c. */
#ifndef VL_EXEC_START_H
#define VL_EXEC_START_H

#include "runtime/exec/exec.h"

#include <sys/types.h>

/*
 * Starts the command with `stdio` as its standard streams, which stay the caller's. Returns its keeper: a
 * process that ends with it, with its exit code, and leads its process group; where the caller has a process
 * namespace for its children, all that the command started ends with the keeper. VL_E_NOTFOUND, VL_E_DENIED,
 * VL_E_OS.
 */
pid_t exec_start(const struct exec_request *q, const int stdio[EXEC_STREAM_COUNT]);

#endif
