/* Log lines into the log buffer (boot_log.h); our own text, with names from the host made printable. */
#include "common/boot/boot_log.h"
#include "common/base/log.h"

#include <string.h>

/* vl_log's sink has no context argument; one buffer per boot. */
static struct shim_log *buffer;

static void sink(enum vl_log_level level, const char *line, size_t length)
{
	static const char kmsg_level[] = { '3', '4', '6', '7' };
	uint32_t at = le32_to_cpu(buffer->length);

	if (at > sizeof(buffer->text) || length + 4 > sizeof(buffer->text) - at) {
		buffer->dropped = cpu_to_le32(le32_to_cpu(buffer->dropped) + 1);
		return;
	}
	buffer->text[at++] = '<';
	buffer->text[at++] = kmsg_level[level];
	buffer->text[at++] = '>';
	for (size_t i = 0; i < length; i++)
		buffer->text[at++] = line[i] >= ' ' && line[i] <= '~' ? line[i] : '?';
	buffer->text[at++] = '\n';
	buffer->length = cpu_to_le32(at);
}

void boot_log_init(struct shim_log *log)
{
	memset(log, 0, sizeof(*log));
	log->magic = cpu_to_le32(SHIM_LOG_MAGIC);
	buffer = log;
	vl_log_init(sink, VL_LOG_INFO);
}
