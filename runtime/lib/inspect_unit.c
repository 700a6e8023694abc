/*
 * Units of the inspect tree (inspect_unit.h). Either end is called by its process's
 * loop; what it receives is the other process's and hostile.
 */
#include "runtime/lib/inspect_unit.h"
#include "common/base/fmt.h"
#include "common/inspect/view.h"
#include "runtime/lib/clock.h"

#include <stddef.h>
#include <string.h>

#define ANSWER_HEAD offsetof(struct inspect_unit_answer, node)
#define STALE_MAX 16 /* answers to old questions that are dropped in one go */

/* --- The unit's end ----------------------------------------------------------------------- */

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

/* --- The asking end -------------------------------------------------------------------------- */

static int send_question(struct inspect_unit *u, const struct inspect_request *q, const char *prefix)
{
	struct inspect_unit_request r = { .id = u->last_id + 1, .depth = q->depth, .level = q->level,
		.update = q->value != NULL };
	uint64_t now = clock_boot_ns();
	int err;

	/* Greater than any that a predecessor of this process gave. */
	if (r.id < now)
		r.id = now;
	if (vl_format(r.path, sizeof(r.path), "%s%s%s", prefix, *prefix ? "/" : "", q->path) >= sizeof(r.path) ||
			vl_format(r.value, sizeof(r.value), "%s", q->value ? q->value : "") >= sizeof(r.value))
		return VL_E_LIMIT;
	err = channel_send(u->fd, &r, sizeof(r), NULL, 0, 0);
	if (err)
		return err;
	u->last_id = r.id;
	u->late = true;
	return 0;
}

/* One message; VL_E_AGAIN for an answer to an older question. */
static int take_answer(struct inspect_unit *u, struct inspect_unit_answer *a, size_t *size, int limit_ms)
{
	struct channel_message m = { .data = a, .capacity = sizeof(*a) };
	int err = channel_receive(u->fd, &m, limit_ms);

	if (!err && (m.size < ANSWER_HEAD || m.fd_count))
		err = VL_E_TRUNCATED;
	channel_close_fds(&m);
	if (err)
		return err;
	if (a->id != u->last_id)
		return VL_E_AGAIN;
	u->late = false;
	*size = m.size - ANSWER_HEAD;
	return 0;
}

/* What came since: true when the unit owes nothing any more. */
static bool has_caught_up(struct inspect_unit *u, struct inspect_unit_answer *a)
{
	size_t size;

	for (int n = 0; u->late && n < STALE_MAX; n++)
		if (take_answer(u, a, &size, 0) == VL_E_CLOSED)
			break;
	return !u->late;
}

int inspect_unit_ask(struct inspect_unit *u, const struct inspect_request *q, const char *prefix,
	uint64_t deadline_ns, struct inspect_unit_answer *a, size_t *size)
{
	int err;

	if (u->fd < 0)
		return VL_E_CLOSED;
	if (!has_caught_up(u, a))
		return VL_E_BUSY;
	err = send_question(u, q, prefix);
	if (err)
		return err;
	do {
		int left = clock_left_ms(deadline_ns);

		/* With a limit of 0 "nothing there" is not told from an old answer. */
		err = left ? take_answer(u, a, size, left) : VL_E_TIMEOUT;
	} while (err == VL_E_AGAIN);
	return err ? err : inspect_check(a->node, *size, q->level);
}
