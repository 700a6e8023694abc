/* Files that vallumctl makes (ctl.h). Paths are the user's words, trusted. */
#include "tools/vallumctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int cannot(struct ctl *c, const char *path, int error)
{
	return ctl_fail(c, CTL_USAGE, "%s cannot be written: %s", path, strerror(error));
}

/* Of a new or plain file a new one takes the place, so it is the folder that must let us. */
static int look(struct ctl *c, struct ctl_file *f)
{
	char folder[PATH_MAX];
	struct stat s;

	if (strlen(f->path) >= sizeof(folder) - sizeof(".XXXXXX"))
		return cannot(c, f->path, ENAMETOOLONG);
	if (stat(f->path, &s) == 0 && S_ISDIR(s.st_mode))
		return cannot(c, f->path, EISDIR);
	f->in_place = stat(f->path, &s) == 0 && !S_ISREG(s.st_mode);
	strcpy(folder, f->path);
	return access(f->in_place ? f->path : dirname(folder), W_OK) ? cannot(c, f->path, errno) : CTL_OK;
}

int ctl_create(struct ctl *c, struct ctl_file *f, const char *path)
{
	int status;

	*f = (struct ctl_file){ .path = path };
	if (!strcmp(path, "-")) {
		f->stream = c->out;
		return CTL_OK;
	}
	status = look(c, f);
	if (status)
		return status;
	f->stream = open_memstream(&f->text, &f->size);
	return f->stream ? CTL_OK : ctl_fail(c, CTL_USAGE, "%s: not enough memory", path);
}

static int write_all(int fd, const char *text, size_t size)
{
	while (size) {
		ssize_t n = write(fd, text, size);

		if (n < 0 && errno != EINTR)
			return -1;
		text += n > 0 ? n : 0;
		size -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int write_in_place(const struct ctl_file *f)
{
	int fd = open(f->path, O_WRONLY | O_CLOEXEC), bad;

	if (fd < 0)
		return -1;
	bad = write_all(fd, f->text, f->size);
	return close(fd) || bad ? -1 : 0;
}

/* A file beside it that then takes its place and mode; a link stays one, and what it names is replaced. */
static int replace(const struct ctl_file *f)
{
	char target[PATH_MAX], temporary[PATH_MAX + sizeof(".XXXXXX")];
	mode_t mask = umask(0);
	struct stat s = { .st_mode = 0666 & ~mask };
	int fd, bad;

	umask(mask);
	if (stat(f->path, &s) != 0 || !realpath(f->path, target))
		strcpy(target, f->path);
	snprintf(temporary, sizeof(temporary), "%s.XXXXXX", target);
	fd = mkstemp(temporary);
	if (fd < 0)
		return -1;
	bad = fchmod(fd, s.st_mode & 0777) || write_all(fd, f->text, f->size);
	if (!close(fd) && !bad && rename(temporary, target) == 0)
		return 0;
	bad = errno;
	unlink(temporary);
	errno = bad;
	return -1;
}

int ctl_commit(struct ctl *c, struct ctl_file *f)
{
	bool bad = fflush(f->stream) != 0 || ferror(f->stream);

	if (f->stream == c->out)
		return bad ? cannot(c, "the output", errno) : CTL_OK;
	bad = fclose(f->stream) != 0 || bad || (f->in_place ? write_in_place(f) : replace(f));
	f->stream = NULL;
	free(f->text);
	return bad ? cannot(c, f->path, errno) : CTL_OK;
}

void ctl_discard(struct ctl_file *f)
{
	if (!f->stream || !strcmp(f->path, "-"))
		return;
	fclose(f->stream);
	f->stream = NULL;
	free(f->text);
}
