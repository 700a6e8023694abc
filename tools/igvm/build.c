/*
 * igvm build: reads a manifest and the files that it names, and has image.c lay
 * them out. The manifest and the files are the builder's own; mistakes in them
 * get a line that names the file and the line. The grammar stands in the help
 * text of main.c.
 */
#include "tools/igvm/layout.h"
#include "tools/igvm/tool.h"

#include <stdlib.h>
#include <string.h>

struct manifest {
	const char *path; /* of the manifest itself */
	unsigned line;
	const char *shim, *kernel, *initrd; /* paths */
	struct layout_options options;
	size_t text_length;
	char text[COMMAND_LINE_TEXT_MAX + 1];
};

static int bad_line(const struct manifest *m, const char *what)
{
	return tool_fail(TOOL_INVALID, "%s:%u: %s; `igvm --help` lists the keys", m->path, m->line, what);
}

static int set_path(const struct manifest *m, const char **path, const char *value)
{
	if (*path)
		return bad_line(m, "this key was given before");
	*path = value;
	return *value ? TOOL_OK : bad_line(m, "the path is missing");
}

static int set_number(const struct manifest *m, uint64_t *out, const char *value)
{
	char *end;

	if (*out)
		return bad_line(m, "this key was given before");
	*out = strtoull(value, &end, 0);
	return *value >= '0' && *value <= '9' && !*end && *out ? TOOL_OK :
		bad_line(m, "the value is no number above 0");
}

static int add_text(struct manifest *m, const char *value)
{
	size_t length = strlen(value), blank = m->text_length > 0;

	if (m->text_length + blank + length > COMMAND_LINE_TEXT_MAX)
		return bad_line(m, "the command line is longer than 4092 bytes");
	m->text[m->text_length] = ' ';
	memcpy(m->text + m->text_length + blank, value, length);
	m->text_length += blank + length;
	m->text[m->text_length] = '\0';
	return TOOL_OK;
}

static int set_policy(struct manifest *m, const char *value)
{
	m->options.append_chosen = !strcmp(value, "append_chosen");
	return m->options.append_chosen || !strcmp(value, "static") ? TOOL_OK :
		bad_line(m, "the policy is static or append_chosen");
}

static int set_key(struct manifest *m, const char *key, const char *value)
{
	if (!strcmp(key, "shim"))
		return set_path(m, &m->shim, value);
	if (!strcmp(key, "kernel"))
		return set_path(m, &m->kernel, value);
	if (!strcmp(key, "initrd"))
		return set_path(m, &m->initrd, value);
	if (!strcmp(key, "memory_mib"))
		return set_number(m, &m->options.memory_mib, value);
	if (!strcmp(key, "base"))
		return set_number(m, &m->options.fixed_base, value);
	if (!strcmp(key, "command_line"))
		return add_text(m, value);
	if (!strcmp(key, "command_line_policy"))
		return set_policy(m, value);
	if (!strcmp(key, "guest_svn"))
		return set_number(m, &m->options.guest_svn, value);
	return bad_line(m, "the key is unknown");
}

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && strchr(" \t\r", end[-1]))
		*--end = '\0';
	return text + strspn(text, " \t");
}

static int read_line(struct manifest *m, char *line)
{
	char *value;

	line = trim(line);
	if (!*line || *line == '#')
		return TOOL_OK;
	value = strchr(line, '=');
	if (!value)
		return bad_line(m, "there is no '='");
	*value = '\0';
	return set_key(m, trim(line), trim(value + 1));
}

/* The manifest's strings stay inside `text`. */
static int read_manifest(struct manifest *m, char *text)
{
	int status = TOOL_OK;

	while (text && !status) {
		char *end = strchr(text, '\n');

		if (end)
			*end = '\0';
		m->line++;
		status = read_line(m, text);
		text = end ? end + 1 : NULL;
	}
	if (status)
		return status;
	if (!m->shim || !m->kernel || !m->initrd || !m->options.memory_mib)
		return tool_fail(TOOL_INVALID, "%s: one of shim, kernel, initrd and memory_mib is missing",
			m->path);
	m->options.command_line = m->text;
	m->options.manifest = m->path;
	return TOOL_OK;
}

static int build(struct manifest *m, const char *dir, const char *out_path)
{
	const char *paths[] = { m->kernel, m->shim, m->initrd };
	struct tool_file files[VL_ARRAY_COUNT(paths)] = { { NULL, 0 } }, image = { NULL, 0 };
	struct image_input inputs[VL_ARRAY_COUNT(paths)];
	int status = TOOL_OK;

	for (size_t i = 0; i < VL_ARRAY_COUNT(paths) && !status; i++) {
		status = tool_read(&files[i], dir, paths[i]);
		inputs[i] = (struct image_input){ files[i].data, files[i].size, paths[i] };
	}
	if (!status)
		status = layout_build(&m->options, &inputs[0], &inputs[1], &inputs[2], &image);
	if (!status)
		status = tool_write(out_path, image.data, image.size);
	tool_release(&image);
	for (size_t i = 0; i < VL_ARRAY_COUNT(paths); i++)
		tool_release(&files[i]);
	return status;
}

int tool_build(int argc, char **argv)
{
	struct manifest m = { 0 };
	struct tool_arguments arguments;
	struct tool_file text;
	int status = tool_arguments(&arguments, "build", argc, argv);

	if (status)
		return status;
	m.path = arguments.input;
	status = tool_read(&text, NULL, m.path);
	if (status)
		return status;
	status = read_manifest(&m, (char *)text.data);
	if (!status)
		status = build(&m, arguments.dir, arguments.output);
	tool_release(&text);
	return status;
}
