/*
 * Fuzzes the inspect tree: the bytes as a tree that another process or a
 * server sent, and as a request over a tree of ours. A tree that passes the
 * check must be walkable; what is written must pass the check.
 */
#include "common/base/err.h"
#include "common/inspect/view.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(struct inspect_node *n, unsigned depth)
{
	struct inspect_entry e;

	if (depth > INSPECT_DEPTH_MAX)
		abort();
	if (n->kind != INSPECT_NODE_DIR)
		return;
	while (inspect_next(&n->entries, &e))
		walk(&e.node, depth + 1);
	if (n->entries.err)
		abort();
}

static void read_tree(const uint8_t *data, size_t size)
{
	struct inspect_node n;

	if (inspect_check(data, size, INSPECT_SENSITIVE))
		return;
	if (inspect_node_read(data, size, &n))
		abort();
	walk(&n, 0);
}

static void show(struct inspect *i, unsigned depth)
{
	static const char *const names[] = { "a", "b", "vp" };

	for (unsigned n = 0; n < VL_ARRAY_COUNT(names); n++) {
		enum inspect_level level = (enum inspect_level)(1 + (n + depth) % 3);

		if (depth < 4 && inspect_open(i, names[n], level)) {
			show(i, depth + 1);
			inspect_close(i);
		}
		if (inspect_update(i, "x", level))
			inspect_fail(i, "x", level, INSPECT_UPDATE, "no");
		else
			inspect_u64(i, "x", level, n, depth);
	}
}

/* level, depth, room, whether a value is to be set, then the path */
static void ask(const uint8_t *data, size_t size)
{
	static uint8_t out[4096];
	char path[INSPECT_PATH_MAX] = "";
	struct inspect_request q = { .path = path };
	struct inspect i;
	int64_t end;

	if (size < 4)
		return;
	q.level = (enum inspect_level)(1 + data[0] % 3);
	q.depth = data[1] % 8;
	q.value = data[3] & 1 ? "1" : NULL;
	memcpy(path, data + 4, size - 4 < sizeof(path) - 1 ? size - 4 : sizeof(path) - 1);
	inspect_begin(&i, &q, out, sizeof(out) >> (data[2] % 12));
	show(&i, 0);
	end = inspect_end(&i);
	if (end >= 0 ? inspect_check(out, (size_t)end, q.level) != 0 : end != VL_E_NOSPACE)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_tree(data, size);
	ask(data, size);
	return 0;
}
