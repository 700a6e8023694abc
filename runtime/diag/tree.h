/* The root of the inspect tree: the units' parts, and the server's own. */
#ifndef VL_DIAG_TREE_H
#define VL_DIAG_TREE_H

#include "runtime/diag/server.h"

/* The highest level that clients of this VM see. */
enum inspect_level tree_level(const struct server *s);

/*
 * What stands at q->path as an encoded Node; a unit that does not answer by
 * `deadline_ns` is INSPECT_UNRESOLVED there. Its size, or VL_E_NOSPACE.
 */
int64_t tree_node(struct server *s, const struct inspect_request *q, uint64_t deadline_ns, uint8_t *node,
	size_t room);

#endif
