/* Output of vallumctl (ctl.h): messages, progress, text from the paravisor, whole files. */
#include "tools/vallumctl/ctl.h"
#include "tools/vallumctl/utf8.h"

#include <errno.h>
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

int ctl_create(struct ctl *c, struct ctl_file *f, const char *path)
{
	f->path = path;
	if (!strcmp(path, "-")) {
		f->stream = c->out;
		return CTL_OK;
	}
	if ((size_t)snprintf(f->temporary, sizeof(f->temporary), "%s.part", path) >= sizeof(f->temporary))
		return ctl_fail(c, CTL_USAGE, "%s: the path is too long", path);
	f->stream = fopen(f->temporary, "w");
	if (!f->stream)
		return ctl_fail(c, CTL_USAGE, "%s cannot be made: %s", f->temporary, strerror(errno));
	return CTL_OK;
}

int ctl_commit(struct ctl *c, struct ctl_file *f)
{
	bool bad = fflush(f->stream) != 0 || ferror(f->stream);

	if (f->stream == c->out)
		return bad ? ctl_fail(c, CTL_USAGE, "the output cannot be written: %s", strerror(errno)) : CTL_OK;
	bad = fclose(f->stream) != 0 || bad;
	f->stream = NULL;
	if (!bad && rename(f->temporary, f->path) == 0)
		return CTL_OK;
	ctl_fail(c, CTL_USAGE, "%s cannot be written: %s", f->path, strerror(errno));
	unlink(f->temporary);
	return CTL_USAGE;
}

void ctl_discard(struct ctl_file *f)
{
	if (!f->stream || !strcmp(f->path, "-"))
		return;
	fclose(f->stream);
	f->stream = NULL;
	unlink(f->temporary);
}
