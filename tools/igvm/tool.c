/* Whole files in memory, and messages (tool.h), for all commands of the igvm tool. */
#include "tools/igvm/tool.h"
#include "common/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int tool_fail(int status, const char *fmt, ...)
{
	va_list args;

	fputs("igvm: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return status;
}

static int read_all(struct tool_file *file, FILE *in, const char *path)
{
	struct stat st;

	if (fstat(fileno(in), &st) || !S_ISREG(st.st_mode))
		return tool_fail(TOOL_USAGE, "%s: is not a regular file", path);
	if ((uint64_t)st.st_size > UINT32_MAX)
		return tool_fail(TOOL_USAGE, "%s: is larger than 4 GiB, which no IGVM file holds", path);
	file->size = (size_t)st.st_size;
	file->data = malloc(file->size + 1);
	if (!file->data)
		return tool_fail(TOOL_USAGE, "%s: not enough memory for its %zu bytes", path, file->size);
	if (fread(file->data, 1, file->size, in) != file->size)
		return tool_fail(TOOL_USAGE, "%s: cannot be read: %s", path, strerror(errno));
	file->data[file->size] = 0;
	return TOOL_OK;
}

int tool_read(struct tool_file *file, const char *dir, const char *path)
{
	char joined[4096];
	FILE *in;
	int status;

	*file = (struct tool_file){ NULL, 0 };
	if (dir && path[0] != '/') {
		if ((size_t)snprintf(joined, sizeof(joined), "%s/%s", dir, path) >= sizeof(joined))
			return tool_fail(TOOL_USAGE, "%s: the path is too long", path);
		path = joined;
	}
	in = fopen(path, "rb");
	if (!in)
		return tool_fail(TOOL_USAGE, "%s: cannot be opened: %s", path, strerror(errno));
	status = read_all(file, in, path);
	fclose(in);
	if (status)
		tool_release(file);
	return status;
}

void tool_release(struct tool_file *file)
{
	free(file->data);
	*file = (struct tool_file){ NULL, 0 };
}

int tool_write(const char *path, const void *data, size_t size)
{
	FILE *out = fopen(path, "wb");
	bool good;

	if (!out)
		return tool_fail(TOOL_USAGE, "%s: cannot be created: %s", path, strerror(errno));
	good = fwrite(data, 1, size, out) == size;
	good = !fclose(out) && good;
	if (good)
		return TOOL_OK;
	tool_fail(TOOL_USAGE, "%s: cannot be written: %s; is the disk full?", path, strerror(errno));
	unlink(path);
	return TOOL_USAGE;
}

int tool_malformed(const char *path, const struct igvm_error *error)
{
	return tool_fail(TOOL_INVALID, "%s: at offset 0x%zx: %s (%s)", path, error->offset, error->what,
		vl_err_name(error->code));
}

int tool_arguments(struct tool_arguments *out, const char *command, int argc, char **argv)
{
	bool good = true;

	*out = (struct tool_arguments){ NULL, NULL, NULL };
	for (int i = 0; i < argc; i++) {
		bool option = !strcmp(argv[i], "-o") || !strcmp(argv[i], "-C");
		const char **to = option ? (argv[i][1] == 'o' ? &out->output : &out->dir) : &out->input;

		i += option;
		good = good && i < argc && !*to && (option || argv[i][0] != '-');
		*to = i < argc ? argv[i] : NULL;
	}
	if (good && out->input && out->output)
		return TOOL_OK;
	return tool_fail(TOOL_USAGE, "usage: igvm %s INPUT -o FILE [-C DIR]; see `igvm --help`", command);
}
