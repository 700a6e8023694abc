/*
 * Flame graphs: folded stacks (runtime/profiler/profiler.h) become a tree, the
 * tree an SVG file of its own that a browser shows: hover for the numbers, click
 * to zoom, search by name. The lines come from the paravisor and are hostile.
 */
#ifndef VL_CTL_FLAME_H
#define VL_CTL_FLAME_H

#include "common/base/err.h"
#include "common/base/types.h"

#include <stdio.h>

#define FLAME_NODE_MAX 200000u
#define FLAME_DEPTH_MAX 128u
#define FLAME_NAME_MAX 256u  /* bytes with the NUL; longer names are cut */
#define FLAME_LINE_MAX 16384u

struct flame_node {
	uint64_t count;      /* samples here and above */
	uint32_t name;       /* offset in names */
	uint32_t parent, child, sibling; /* indices; 0: none (the root is 0) */
	uint32_t depth;
};

/* Made by flame_create: an empty tree has its root, "all". */
struct flame {
	struct flame_node *nodes;
	uint32_t node_count, node_room;
	char *names;
	size_t names_used, names_room;
	uint32_t *slots; /* hash of parent and name to a node */
	uint32_t depth;  /* of the deepest node */
};

/* What stands above the graph. */
struct flame_text {
	const char *title;
	const char *subtitle;
};

int flame_create(struct flame *f); /* VL_E_NOMEM */
void flame_destroy(struct flame *f);

/*
 * One folded line without its newline: names with ';' between them, a blank, a
 * count. VL_E_FORMAT (no count, or it is not 1 to 2^32-1; no name), VL_E_LIMIT
 * (too deep, too long, too many nodes), VL_E_NOMEM; the tree is usable after any.
 */
int flame_add(struct flame *f, const char *line, size_t size);

const char *flame_name(const struct flame *f, uint32_t node);

/* The whole file; the caller looks for the stream's error. VL_E_NOMEM. */
int flame_svg(const struct flame *f, const struct flame_text *text, FILE *out);

/* The functions with the most samples of their own: "  42.1 %  name" lines, at most `most`. VL_E_NOMEM. */
int flame_top(const struct flame *f, unsigned most, FILE *out);

/* The script that makes the graph answer; ends in NUL. */
extern const char flame_script[];

#endif
