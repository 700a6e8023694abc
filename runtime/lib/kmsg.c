/*
 * Log lines to /dev/kmsg on descriptor 2 (kmsg.h). One write is one record
 * (Documentation/ABI/testing/dev-kmsg); the priority goes before the text.
 */
#include "runtime/lib/kmsg.h"
#include "common/base/fmt.h"

#include <string.h>
#include <unistd.h>

static const char *kmsg_name = "";
static enum vl_log_level kmsg_most;
static const char *const level_names[] = { "error", "warn", "info", "debug" };

/* syslog(3) severities with facility user (1), which says that user space wrote it. */
static const int priority[] = { 8 | 3, 8 | 4, 8 | 6, 8 | 7 };

static void to_kmsg(enum vl_log_level level, const char *line, size_t length)
{
	char record[VL_LOG_LINE_MAX + 48];
	size_t size = vl_format(record, sizeof(record), "<%d>%s: %.*s\n", priority[level], kmsg_name,
		(int)length, line);

	if (size >= sizeof(record))
		size = sizeof(record) - 1;
	/* A text from a guest or the host may not begin a line of its own. */
	for (size_t i = 0; i + 1 < size; i++)
		if ((unsigned char)record[i] < ' ' || record[i] == 0x7f)
			record[i] = '?';
	/* A log line that cannot be written has nowhere else to go. */
	if (write(STDERR_FILENO, record, size) < 0)
		return;
}

void kmsg_init(const char *name, enum vl_log_level most)
{
	kmsg_name = name;
	kmsg_most = most;
	vl_log_init(to_kmsg, most);
}

int kmsg_set_level(const char *level)
{
	for (size_t i = 0; i < VL_ARRAY_COUNT(level_names); i++) {
		if (strcmp(level, level_names[i]))
			continue;
		kmsg_init(kmsg_name, (enum vl_log_level)i);
		return 0;
	}
	return VL_E_RANGE;
}

const char *kmsg_level(void)
{
	return level_names[kmsg_most];
}
