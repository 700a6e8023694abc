/* The tree behind a flame graph (flame.h). */
#include "tools/vallumctl/flame.h"
#include "tools/vallumctl/ctl.h"

#include <stdlib.h>
#include <string.h>

#define SLOT_COUNT (1u << 19) /* twice FLAME_NODE_MAX */

static int reserve(void **block, size_t *room, size_t wanted, size_t size)
{
	size_t more = *room ? *room : 256;
	void *grown;

	while (more < wanted)
		more *= 2;
	if (more == *room)
		return 0;
	grown = realloc(*block, more * size);
	if (!grown)
		return VL_E_NOMEM;
	*block = grown;
	*room = more;
	return 0;
}

/* Offset of the kept name. */
static int keep_name(struct flame *f, const char *name, size_t size, uint32_t *offset)
{
	int err = reserve((void **)&f->names, &f->names_room, f->names_used + size + 1, 1);

	if (err)
		return err;
	memcpy(f->names + f->names_used, name, size);
	f->names[f->names_used + size] = 0;
	*offset = (uint32_t)f->names_used;
	f->names_used += size + 1;
	return 0;
}

static int new_node(struct flame *f, uint32_t parent, const char *name, size_t size, uint32_t *made)
{
	size_t room = f->node_room;
	struct flame_node n = { .parent = parent };
	int err;

	if (f->node_count == FLAME_NODE_MAX)
		return VL_E_LIMIT;
	err = reserve((void **)&f->nodes, &room, f->node_count + 1u, sizeof(f->nodes[0]));
	f->node_room = (uint32_t)room;
	if (!err)
		err = keep_name(f, name, size, &n.name);
	if (err)
		return err;
	if (f->node_count) {
		n.depth = f->nodes[parent].depth + 1;
		n.sibling = f->nodes[parent].child;
		f->nodes[parent].child = f->node_count;
		f->depth = n.depth > f->depth ? n.depth : f->depth;
	}
	*made = f->node_count;
	f->nodes[f->node_count++] = n;
	return 0;
}

int flame_create(struct flame *f)
{
	uint32_t root;

	memset(f, 0, sizeof(*f));
	f->slots = calloc(SLOT_COUNT, sizeof(f->slots[0]));
	if (f->slots && new_node(f, 0, "all", 3, &root) == 0)
		return 0;
	flame_destroy(f);
	return VL_E_NOMEM;
}

void flame_destroy(struct flame *f)
{
	free(f->nodes);
	free(f->names);
	free(f->slots);
	memset(f, 0, sizeof(*f));
}

const char *flame_name(const struct flame *f, uint32_t node)
{
	return f->names + f->nodes[node].name;
}

static uint32_t hash(uint32_t parent, const char *name, size_t size)
{
	uint64_t h = 0xcbf29ce484222325u ^ parent;

	for (size_t i = 0; i < size; i++)
		h = (h ^ (unsigned char)name[i]) * 0x100000001b3u;
	h *= 0x9e3779b97f4a7c15u;
	return (uint32_t)(h >> 40);
}

/* The child of that name, made if it is new. */
static int child_of(struct flame *f, uint32_t parent, const char *name, size_t size, uint32_t *child)
{
	uint32_t slot = hash(parent, name, size) % SLOT_COUNT;
	int err;

	/* Fewer nodes than slots: there is always an empty one to end at. */
	for (; f->slots[slot]; slot = (slot + 1) % SLOT_COUNT) {
		*child = f->slots[slot];
		if (f->nodes[*child].parent == parent && !strncmp(flame_name(f, *child), name, size) &&
				!flame_name(f, *child)[size])
			return 0;
	}
	err = new_node(f, parent, name, size, child);
	if (!err)
		f->slots[slot] = *child;
	return err;
}

/* The number behind the last blank, and where the names before it end. */
static int split(const char *line, size_t size, size_t *names_size, uint64_t *count)
{
	size_t at = size;

	while (at && line[at - 1] != ' ')
		at--;
	if (at < 2 || size - at < 1 || size - at > 10)
		return VL_E_FORMAT;
	*names_size = at - 1;
	for (*count = 0; at < size; at++) {
		if (line[at] < '0' || line[at] > '9')
			return VL_E_FORMAT;
		*count = *count * 10 + (uint64_t)(line[at] - '0');
	}
	return *count && *count <= UINT32_MAX ? 0 : VL_E_FORMAT;
}

int flame_add(struct flame *f, const char *line, size_t size)
{
	uint32_t path[FLAME_DEPTH_MAX], depth = 0, node = 0;
	size_t names_size, at = 0;
	uint64_t count;
	int err;

	if (size > FLAME_LINE_MAX)
		return VL_E_LIMIT;
	if (memchr(line, 0, size) || split(line, size, &names_size, &count))
		return VL_E_FORMAT;
	while (at <= names_size) {
		const char *end = memchr(line + at, ';', names_size - at);
		size_t length = end ? (size_t)(end - line) - at : names_size - at;

		if (!length)
			return VL_E_FORMAT;
		if (depth == FLAME_DEPTH_MAX)
			return VL_E_LIMIT;
		err = child_of(f, node, line + at,
				length < FLAME_NAME_MAX ? length : FLAME_NAME_MAX - 1, &node);
		if (err)
			return err;
		path[depth++] = node;
		at += length + 1;
	}
	f->nodes[0].count += count;
	for (uint32_t i = 0; i < depth; i++)
		f->nodes[path[i]].count += count;
	return 0;
}

/* --- Functions by their own samples ------------------------------------------------------- */

struct own {
	const char *name;
	uint64_t count;
};

static int by_name(const void *left, const void *right)
{
	return strcmp(((const struct own *)left)->name, ((const struct own *)right)->name);
}

static int by_count(const void *left, const void *right)
{
	const struct own *a = left, *b = right;

	return a->count != b->count ? (a->count < b->count ? 1 : -1) : strcmp(a->name, b->name);
}

static size_t merge_names(struct own *list, size_t count)
{
	size_t kept = 0;

	qsort(list, count, sizeof(list[0]), by_name);
	for (size_t i = 0; i < count; i++) {
		if (kept && !strcmp(list[kept - 1].name, list[i].name))
			list[kept - 1].count += list[i].count;
		else
			list[kept++] = list[i];
	}
	qsort(list, kept, sizeof(list[0]), by_count);
	return kept;
}

int flame_top(const struct flame *f, unsigned most, FILE *out)
{
	struct own *list = calloc(f->node_count, sizeof(list[0]));
	size_t count = 0;

	if (!list)
		return VL_E_NOMEM;
	for (uint32_t i = 1; i < f->node_count; i++) {
		uint64_t above = 0;

		for (uint32_t c = f->nodes[i].child; c; c = f->nodes[c].sibling)
			above += f->nodes[c].count;
		if (f->nodes[i].count > above)
			list[count++] = (struct own){ flame_name(f, i), f->nodes[i].count - above };
	}
	count = merge_names(list, count);
	for (size_t i = 0; i < count && i < most; i++) {
		fprintf(out, "%6.1f %%  ", 100.0 * (double)list[i].count / (double)f->nodes[0].count);
		ctl_put_text(out, list[i].name, strlen(list[i].name));
		fputc('\n', out);
	}
	free(list);
	return 0;
}
