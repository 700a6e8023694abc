/*
 * What a paravisor can send to vallumctl: the input's first byte chooses who takes
 * it - log records, folded stacks, an inspect tree as text and JSON, text for SVG. Nothing that is shown of
 * it controls a terminal, and no text becomes markup.
 */
#include "tools/vallumctl/flame.h"
#include "tools/vallumctl/kmsg.h"
#include "tools/vallumctl/svg.h"
#include "tools/vallumctl/tree.h"
#include "tools/vallumctl/utf8.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static FILE *shown; /* what came out of it */
static char *bytes;
static size_t byte_count;

/* Lines of whole characters that control nothing. */
static void check_shown(void)
{
	fflush(shown);
	for (size_t at = 0, n; at < byte_count; at += n) {
		n = bytes[at] == '\n' ? 1 : utf8_size(bytes + at, byte_count - at);
		if (!n)
			abort();
	}
}

/* Character data that fits between quotes. */
static void check_no_markup(void)
{
	fflush(shown);
	for (size_t at = 0; at < byte_count; at++) {
		if (strchr("<>\"'", bytes[at]) && bytes[at])
			abort();
		if (bytes[at] == '&' && !memchr(bytes + at, ';', byte_count - at))
			abort();
	}
}

static void take_record(const char *data, size_t size)
{
	struct kmsg_record r;

	if (kmsg_parse(data, size, &r))
		return;
	ctl_put_text(shown, r.text, r.text_size);
	ctl_put_text(shown, r.process, r.process_size);
	check_shown();
}

static void take_stacks(const char *data, size_t size)
{
	static const struct flame_text text = { "title", "subtitle" };
	struct flame f;

	if (flame_create(&f))
		return;
	while (size) {
		const char *end = memchr(data, '\n', size);
		size_t line = end ? (size_t)(end - data) : size;

		flame_add(&f, data, line);
		data += line + !!end;
		size -= line + !!end;
	}
	flame_svg(&f, &text, shown);
	flame_top(&f, 20, shown);
	flame_destroy(&f);
	check_shown();
}

static void take_tree(const uint8_t *data, size_t size)
{
	struct ctl c = { .out = shown, .err = shown, .colour = false };
	struct inspect_node root;

	if (inspect_check(data, size, INSPECT_SENSITIVE) || inspect_node_read(data, size, &root))
		return;
	tree_text(&c, &root);
	tree_json(&c, &root);
	tree_failed(&c, "", &root);
	check_shown();
}

static void take_text(const char *data, size_t size)
{
	char *text = strndup(data, size);

	svg_text(shown, text, size / 2);
	check_shown();
	check_no_markup();
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	shown = open_memstream(&bytes, &byte_count);
	if (!shown)
		abort();
	switch (data[0] % 4) {
	case 0: take_record((const char *)data + 1, size - 1); break;
	case 1: take_stacks((const char *)data + 1, size - 1); break;
	case 2: take_tree(data + 1, size - 1); break;
	default: take_text((const char *)data + 1, size - 1);
	}
	fclose(shown);
	free(bytes);
	return 0;
}
