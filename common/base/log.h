/*
 * The one logger. Each program sets its sink once at start; the boot shim's
 * sink writes its log buffer, VTL2 processes write /dev/kmsg or the channel
 * they were given, tools write stderr. A line says what happened, where, and,
 * when somebody has to act, what to do. Secrets are never passed: key
 * material has no formatter.
 */
#ifndef VL_BASE_LOG_H
#define VL_BASE_LOG_H

#include "common/base/types.h"

enum vl_log_level { VL_LOG_ERROR, VL_LOG_WARN, VL_LOG_INFO, VL_LOG_DEBUG };

#define VL_LOG_LINE_MAX 256 /* longer lines are cut and end in "..." */

/* Receives one formatted line without newline; must not log or block. */
typedef void vl_log_sink(enum vl_log_level level, const char *line, size_t length);

void vl_log_init(vl_log_sink *sink, enum vl_log_level most);
void vl_log(enum vl_log_level level, const char *fmt, ...) VL_PRINTF(2, 3);

#define vl_error(...) vl_log(VL_LOG_ERROR, __VA_ARGS__)
#define vl_warn(...) vl_log(VL_LOG_WARN, __VA_ARGS__)
#define vl_info(...) vl_log(VL_LOG_INFO, __VA_ARGS__)
/* The hardened build has no debug messages: they are compiled for their checks alone. */
#ifdef VL_HARDENED
#define vl_debug(...) do { if (0) vl_log(VL_LOG_DEBUG, __VA_ARGS__); } while (0)
#else
#define vl_debug(...) vl_log(VL_LOG_DEBUG, __VA_ARGS__)
#endif

#endif
