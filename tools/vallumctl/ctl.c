/* Output of vallumctl (ctl.h): messages, progress, text from the paravisor. */
#include "tools/vallumctl/ctl.h"
#include "tools/vallumctl/utf8.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

int ctl_fail(struct ctl *c, int status, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	ctl_progress_end(c);
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	/* What went wrong before is printed before. */
	fflush(c->out);
	fputs("vallumctl: ", c->err);
	ctl_put_text(c->err, text, strlen(text));
	fputc('\n', c->err);
	return status;
}

void ctl_progress(struct ctl *c, const char *fmt, ...)
{
	va_list args;

	if (!c->terminal)
		return;
	fputs("\r\033[K", c->err);
	va_start(args, fmt);
	vfprintf(c->err, fmt, args);
	va_end(args);
	fflush(c->err);
}

void ctl_progress_end(struct ctl *c)
{
	if (c->terminal)
		fputs("\r\033[K", c->err);
	fflush(c->err);
}

const char *ctl_style(const struct ctl *c, const char *sequence)
{
	return c->colour ? sequence : "";
}

void ctl_put_text(FILE *out, const char *text, size_t size)
{
	for (size_t at = 0, n; at < size; at += n) {
		n = utf8_size(text + at, size - at);
		if (n)
			fwrite(text + at, 1, n, out);
		else
			fputc('?', out), n = 1;
	}
}
