/*
 * The command lines of VTL2 (command_line.h). Input: one measured page, and host text that was decoded
 * before.
 */
#include "common/boot/command_line.h"
#include "common/base/fmt.h"

#include <string.h>

/*
 * For every port. Errors end VTL2 at once instead of leaving a half-dead
 * paravisor (oops, panic), messages keep their level for the log that user
 * space forwards (console_msg_format), the console itself, slow as it is, gets
 * warnings unless the host asks for more, and nothing waits for hardware that
 * a paravisor does not have.
 */
#define KERNEL_ARGUMENTS \
	"rdinit=/init rootfstype=tmpfs loglevel=4 log_buf_len=128K printk.time=1 console_msg_format=syslog " \
	"printk.devkmsg=on cryptomgr.notests oops=panic panic=-1 panic_on_warn=0"

/* The value of `name` in a line of words, up to the next blank; NULL when absent. The last one counts. */
static const char *find_option(const char *line, const char *name)
{
	size_t length = strlen(name);
	const char *found = NULL;

	while (*line) {
		if (strncmp(line, name, length) == 0 && line[length] == '=')
			found = line + length + 1;
		while (*line && *line != ' ')
			line++;
		while (*line == ' ')
			line++;
	}
	return found;
}

static bool option_on(const char *line, const char *name)
{
	const char *value = find_option(line, name);

	return value && value[0] == '1' && (value[1] == ' ' || value[1] == '\0');
}

int boot_options_parse(struct boot_options *out, const struct paravisor_command_line *measured,
	struct boot_error *error)
{
	uint16_t policy = le16_to_cpu(measured->policy);
	uint16_t length = le16_to_cpu(measured->length);

	memset(out, 0, sizeof(*out));
	if (policy != COMMAND_LINE_STATIC && policy != COMMAND_LINE_APPEND_CHOSEN)
		return boot_fail(error, VL_E_RANGE, "measured command line: policy %u is unknown", policy);
	if (length > COMMAND_LINE_TEXT_MAX)
		return boot_fail(error, VL_E_RANGE, "measured command line: length %u is beyond its page",
			length);
	memcpy(out->text, measured->text, length);
	for (unsigned i = 0; i < length; i++)
		if (out->text[i] < ' ' || out->text[i] > '~')
			return boot_fail(error, VL_E_FORMAT,
				"measured command line: byte 0x%x at %u is not printable",
				measured->text[i], i);
	out->append_host = policy == COMMAND_LINE_APPEND_CHOSEN;
	out->confidential_debug = option_on(out->text, "OPENHCL_CONFIDENTIAL_DEBUG");
	return 0;
}

int kernel_command_line_write(char *out, size_t size, const struct kernel_command_line *line,
	struct boot_error *error)
{
	bool host = line->options->append_host && line->host_bootargs[0];
	size_t length = vl_format(out, size, "%s %s console=%s%s%s%s%s%s%s", KERNEL_ARGUMENTS,
		PORT_KERNEL_ARGUMENTS,
		line->console, line->isolated ? " OPENHCL_CONFIDENTIAL=1" : "",
		line->isolated && line->debug ? " OPENHCL_CONFIDENTIAL_DEBUG=1" : "",
		line->options->text[0] ? " " : "", line->options->text, host ? " " : "",
		host ? line->host_bootargs : "");

	if (length >= size)
		return boot_fail(error, VL_E_LIMIT,
			"kernel command line: %zu bytes, Linux takes %zu; shorten the measured line or the "
			"host's bootargs", length, size - 1);
	return 0;
}
