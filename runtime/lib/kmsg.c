/*
 * Log lines to /dev/kmsg on descriptor 2 (kmsg.h). One write is one record
 * (Documentation/ABI/testing/dev-kmsg); the priority goes before the text.
 */
#include "runtime/lib/kmsg.h"
#include "common/base/fmt.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define RECENT_BYTES 2048u
#define PREFIX_BYTES 4u /* "<11>": every priority has two digits */

static char recent[RECENT_BYTES]; /* the newest lines, ending at recent_end, counted without end */
static _Atomic size_t recent_end;
static _Atomic int recent_busy;
static const char *kmsg_name = "";
static enum vl_log_level kmsg_most;
static const char *const level_names[] = { "error", "warn", "info", "debug" };

/* syslog(3) severities with facility user (1), which says that user space wrote it. */
static const int priority[] = { 8 | 3, 8 | 4, 8 | 6, 8 | 7 };

/* A line of another thread's at this very moment is not worth waiting for. */
static void remember(const char *line, size_t size)
{
	size_t end = atomic_load(&recent_end);

	if (atomic_exchange(&recent_busy, 1))
		return;
	for (size_t i = 0; i < size; i++)
		recent[(end + i) % RECENT_BYTES] = line[i];
	atomic_store(&recent_end, end + size);
	atomic_store(&recent_busy, 0);
}

size_t kmsg_recent(char *out, size_t room)
{
	size_t end = atomic_load(&recent_end), size = end < RECENT_BYTES ? end : RECENT_BYTES, from;

	size = size < room ? size : room;
	from = end - size;
	/* Without the rest of a line whose begin is gone. */
	while (size && from && recent[(from - 1) % RECENT_BYTES] != '\n') {
		from++;
		size--;
	}
	for (size_t i = 0; i < size; i++)
		out[i] = recent[(from + i) % RECENT_BYTES];
	return size;
}

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
	record[size - 1] = '\n';
	remember(record + PREFIX_BYTES, size - PREFIX_BYTES);
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
