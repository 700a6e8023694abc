/*
 * igvm cpio: an initrd in the newc format (Linux, Documentation/driver-api/
 * early-userspace/buffer-format.rst) from a list in the grammar of gen_init_cpio.
 * The bytes depend on the list and the contents only: no times, no owners of the
 * build machine, inode numbers in list order. Called by the build.
 */
#include "tools/igvm/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 9
#define FILE_TYPE_DIR 0040000u
#define FILE_TYPE_REGULAR 0100000u
#define FILE_TYPE_SYMLINK 0120000u
#define FILE_TYPE_CHARACTER 0020000u
#define FILE_TYPE_BLOCK 0060000u
#define ARCHIVE_BLOCK_BYTES 512u

struct archive {
	uint8_t *data;
	size_t size, room;
	unsigned entries;
	bool no_memory;
};

struct entry {
	const char *name;
	uint32_t mode, uid, gid, major, minor;
	const void *content;
	size_t bytes;
};

static void append(struct archive *a, const void *data, size_t bytes)
{
	if (a->no_memory)
		return;
	if (a->size + bytes > a->room) {
		size_t room = (a->size + bytes) * 2;
		uint8_t *grown = realloc(a->data, room);

		if (!grown) {
			a->no_memory = true;
			return;
		}
		a->data = grown;
		a->room = room;
	}
	if (data)
		memcpy(a->data + a->size, data, bytes);
	else
		memset(a->data + a->size, 0, bytes);
	a->size += bytes;
}

static void pad(struct archive *a, size_t alignment)
{
	append(a, NULL, (0 - a->size) & (alignment - 1));
}

/* magic, then 13 numbers of 8 hexadecimal digits, the name, the content; each padded to 4. */
static void add_entry(struct archive *a, const struct entry *e)
{
	size_t name_bytes = strlen(e->name) + 1;
	char head[6 + 13 * 8 + 1];

	a->entries++;
	snprintf(head, sizeof(head), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", a->entries,
		e->mode, e->uid, e->gid, 1u, 0u, (unsigned)e->bytes, 0u, 0u, e->major, e->minor,
		(unsigned)name_bytes, 0u);
	append(a, head, sizeof(head) - 1);
	append(a, e->name, name_bytes);
	pad(a, 4);
	append(a, e->content, e->bytes);
	pad(a, 4);
}

struct list {
	const char *path, *dir;
	unsigned line;
};

static int bad_line(const struct list *l, const char *what)
{
	return tool_fail(TOOL_INVALID, "%s:%u: %s; `igvm --help` shows the grammar", l->path, l->line, what);
}

static bool number(const char *word, int base, uint32_t *out)
{
	char *end;
	unsigned long v = strtoul(word, &end, base);

	*out = (uint32_t)v;
	return *word && !*end && v <= UINT32_MAX;
}

/* mode, uid and gid stand in three words in a row. */
static bool owner(char **words, uint32_t type, struct entry *e)
{
	bool good = number(words[0], 8, &e->mode) && e->mode <= 07777 && number(words[1], 10, &e->uid) &&
		number(words[2], 10, &e->gid);

	e->mode |= type;
	return good;
}

static int add_file(struct archive *a, const struct list *l, char **words)
{
	struct entry e = { .name = words[1] };
	struct tool_file content;
	int status;

	if (!owner(words + 3, FILE_TYPE_REGULAR, &e))
		return bad_line(l, "mode, uid or gid is no number");
	status = tool_read(&content, l->dir, words[2]);
	if (status)
		return status;
	e.content = content.data;
	e.bytes = content.size;
	add_entry(a, &e);
	tool_release(&content);
	return TOOL_OK;
}

static int add_nod(struct archive *a, const struct list *l, char **words)
{
	struct entry e = { .name = words[1] };
	bool block = !strcmp(words[5], "b");

	if (!block && strcmp(words[5], "c"))
		return bad_line(l, "a device is c or b");
	if (!owner(words + 2, block ? FILE_TYPE_BLOCK : FILE_TYPE_CHARACTER, &e) ||
	    !number(words[6], 10, &e.major) || !number(words[7], 10, &e.minor))
		return bad_line(l, "mode, uid, gid, major or minor is no number");
	add_entry(a, &e);
	return TOOL_OK;
}

static int add_line(struct archive *a, const struct list *l, char **words, unsigned count)
{
	struct entry e = { .name = words[1] };

	if (words[1][0] == '/')
		words[1]++, e.name++; /* names in the archive are relative to its root */
	if (!strcmp(words[0], "file") && count == 6)
		return add_file(a, l, words);
	if (!strcmp(words[0], "nod") && count == 8)
		return add_nod(a, l, words);
	if (!strcmp(words[0], "dir") && count == 5 && owner(words + 2, FILE_TYPE_DIR, &e)) {
		add_entry(a, &e);
		return TOOL_OK;
	}
	if (!strcmp(words[0], "slink") && count == 6 && owner(words + 3, FILE_TYPE_SYMLINK, &e)) {
		e.content = words[2];
		e.bytes = strlen(words[2]);
		add_entry(a, &e);
		return TOOL_OK;
	}
	return bad_line(l, "this is no dir, file, slink or nod with its words");
}

static int add_words(struct archive *a, const struct list *l, char *line)
{
	char *words[WORDS_MAX], *save, *word = strtok_r(line, " \t", &save);
	unsigned count = 0;

	for (; word && count < WORDS_MAX; word = strtok_r(NULL, " \t", &save))
		words[count++] = word;
	if (!count || words[0][0] == '#')
		return TOOL_OK;
	return count > 1 ? add_line(a, l, words, count) : bad_line(l, "a name is missing");
}

static int add_list(struct archive *a, struct list *l, char *text)
{
	int status = TOOL_OK;

	while (text && !status) {
		char *end = strchr(text, '\n');

		if (end)
			*end = '\0';
		l->line++;
		status = add_words(a, l, text);
		text = end ? end + 1 : NULL;
	}
	return status;
}

int tool_cpio(int argc, char **argv)
{
	struct archive a = { 0 };
	struct tool_file text;
	struct list list = { 0 };
	struct tool_arguments arguments;
	int status = tool_arguments(&arguments, "cpio", argc, argv);

	if (status)
		return status;
	list.path = arguments.input;
	list.dir = arguments.dir;
	status = tool_read(&text, NULL, list.path);
	if (status)
		return status;
	status = add_list(&a, &list, (char *)text.data);
	a.entries = UINT32_MAX; /* the trailer has inode 0 */
	add_entry(&a, &(struct entry){ .name = "TRAILER!!!" });
	pad(&a, ARCHIVE_BLOCK_BYTES);
	if (!status && a.no_memory)
		status = tool_fail(TOOL_USAGE, "%s: not enough memory for the archive", list.path);
	if (!status)
		status = tool_write(arguments.output, a.data, a.size);
	free(a.data);
	tool_release(&text);
	return status;
}
