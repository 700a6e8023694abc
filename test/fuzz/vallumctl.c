/*
 * What a paravisor can send to vallumctl: the input's first byte chooses who takes
 * it - log records, folded stacks, an inspect tree as text and JSON, text for SVG.
 */
#include "tools/vallumctl/flame.h"
#include "tools/vallumctl/kmsg.h"
#include "tools/vallumctl/svg.h"
#include "tools/vallumctl/tree.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static FILE *nowhere;

static void take_record(const char *data, size_t size)
{
	struct kmsg_record r;

	if (kmsg_parse(data, size, &r))
		return;
	ctl_put_text(nowhere, r.text, r.text_size);
	ctl_put_text(nowhere, r.process, r.process_size);
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
	flame_svg(&f, &text, nowhere);
	flame_top(&f, 20, nowhere);
	flame_destroy(&f);
}

static void take_tree(const uint8_t *data, size_t size)
{
	struct ctl c = { .out = nowhere, .err = nowhere, .colour = true };
	struct inspect_node root;

	if (inspect_check(data, size, INSPECT_SENSITIVE) || inspect_node_read(data, size, &root))
		return;
	tree_text(&c, &root);
	tree_json(&c, &root);
}

static void take_text(const char *data, size_t size)
{
	char *text = strndup(data, size);

	svg_text(nowhere, text, size / 2);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	if (!size || !nowhere)
		return 0;
	switch (data[0] % 4) {
	case 0: take_record((const char *)data + 1, size - 1); break;
	case 1: take_stacks((const char *)data + 1, size - 1); break;
	case 2: take_tree(data + 1, size - 1); break;
	default: take_text((const char *)data + 1, size - 1);
	}
	return 0;
}
