/* The logger (log.h). Formats on the stack: no allocation, no lock; the sink orders lines. */
#include "common/base/log.h"
#include "common/base/fmt.h"

#include <stdarg.h>
#include <string.h>

static vl_log_sink *log_sink;
static enum vl_log_level log_most;

void vl_log_init(vl_log_sink *sink, enum vl_log_level most)
{
	log_sink = sink;
	log_most = most;
}

void vl_log(enum vl_log_level level, const char *fmt, ...)
{
	char line[VL_LOG_LINE_MAX];
	size_t length;
	va_list args;

	if (!log_sink || level > log_most)
		return;
	va_start(args, fmt);
	length = vl_vformat(line, sizeof(line), fmt, args);
	va_end(args);
	if (length >= sizeof(line)) {
		length = sizeof(line) - 1;
		memcpy(line + length - 3, "...", 3);
	}
	log_sink(level, line, length);
}
