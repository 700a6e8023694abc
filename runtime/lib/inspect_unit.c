/*
 * The unit's end of a channel of the inspect tree (inspect_unit.h), called by its process's loop; what it
 * receives is the diagnostics server's and hostile. The other end, which has to read Nodes, is no part of it:
 * PID 1 has this one, too.
 */
#include "runtime/lib/inspect_unit.h"

#include <stddef.h>
#include <string.h>

#define ANSWER_HEAD offsetof(struct inspect_unit_answer, node)

static bool is_terminated(const char *text, size_t room)
{
	return memchr(text, 0, room) != NULL;
}

int inspect_unit_request_check(const struct inspect_unit_request *q, size_t size)
{
	if (size != sizeof(*q))
		return VL_E_TRUNCATED;
	if (q->level < INSPECT_SAFE || q->level > INSPECT_SENSITIVE || q->update > 1)
		return VL_E_RANGE;
	if (!is_terminated(q->path, sizeof(q->path)) || !is_terminated(q->value, sizeof(q->value)))
		return VL_E_FORMAT;
	return 0;
}

/* The Node's size; folder by folder less of it until it fits. */
static int64_t answer_node(const struct inspect_unit_request *q, inspect_unit_walk *walk, void *context,
	uint8_t *node)
{
	struct inspect_request r = { .path = q->path, .level = (enum inspect_level)q->level,
		.value = q->update ? q->value : NULL };
	uint32_t depth = q->depth < INSPECT_DEPTH_MAX ? q->depth : INSPECT_DEPTH_MAX;
	struct inspect i;
	int64_t size;

	for (;; depth /= 2) {
		r.depth = depth;
		inspect_begin(&i, &r, node, INSPECT_UNIT_NODE_MAX);
		walk(context, &i);
		size = inspect_end(&i);
		if (size != VL_E_NOSPACE || depth == 0)
			break;
	}
	return size >= 0 ? size : inspect_failed_node(node, INSPECT_UNIT_NODE_MAX, INSPECT_CHANNEL,
		"more than one answer holds; ask for a path below it");
}

int inspect_unit_serve(int fd, inspect_unit_walk *walk, void *context)
{
	static struct inspect_unit_answer a; /* too big for a stack; one loop per process */
	struct inspect_unit_request q;
	struct channel_message m = { .data = &q, .capacity = sizeof(q) };
	int64_t size;
	int err = channel_receive(fd, &m, 0);

	if (err == VL_E_AGAIN || err == VL_E_CLOSED)
		return err;
	if (!err)
		err = inspect_unit_request_check(&q, m.size);
	if (!err && m.fd_count)
		err = VL_E_PROTOCOL;
	channel_close_fds(&m);
	if (err)
		return VL_E_PROTOCOL;
	a.id = q.id;
	size = answer_node(&q, walk, context, a.node);
	if (size < 0)
		return (int)size;
	/* Who does not read its answers gets none: the unit does not wait. */
	err = channel_send(fd, &a, ANSWER_HEAD + (size_t)size, NULL, 0, 0);
	return err == VL_E_TIMEOUT ? 0 : err;
}
