/* The boot shim's log lines, which it left in reserved memory, into the kernel's log. */
#ifndef VL_PARAVISOR_SHIM_LOG_H
#define VL_PARAVISOR_SHIM_LOG_H

#include "common/base/err.h"
#include "common/base/types.h"
#include "common/boot/params.h"

/*
 * Maps the log at physical address `base` through `memory_path` (/dev/mem) and
 * logs its lines. VL_E_RANGE (not the log's size), VL_E_OS (cannot be mapped),
 * VL_E_MAGIC, VL_E_LIMIT (its length is impossible).
 */
int shim_log_replay(const char *memory_path, uint64_t base, uint64_t size);

/* Logs the lines of `log`, a copy that nobody changes. VL_E_MAGIC, VL_E_LIMIT. */
int shim_log_lines(const struct shim_log *log);

#endif
