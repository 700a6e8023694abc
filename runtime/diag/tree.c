/* The whole inspect tree (tree.h). Requests are a client's, answers those of other processes: hostile. */
#include "runtime/diag/tree.h"
#include "common/inspect/view.h"
#include "runtime/lib/clock.h"

enum inspect_level tree_level(const struct server *s)
{
#ifdef VL_HARDENED
	return INSPECT_SAFE;
#else
	return filter_keeps(&s->filter, FILTER_DIAG_INSPECT_ALL) ? INSPECT_SENSITIVE : INSPECT_SAFE;
#endif
}

/* Of what a unit has under that name this VM's clients may see nothing, or it has nothing. */
static bool is_nothing(const uint8_t *node, size_t size)
{
	struct inspect_node n;

	return inspect_node_read(node, size, &n) == 0 && n.kind == INSPECT_NODE_FAILED &&
			n.error == INSPECT_NOT_FOUND;
}

/*
 * An entry of the root that a unit has: all of it, or what it has at `prefix`. In the whole tree one that is
 * nothing is left out; who asks for it is told so.
 */
static void put_unit(struct server *s, struct inspect *i, struct unit *u, const char *name,
	const char *prefix, bool whole, uint64_t deadline_ns)
{
	struct inspect_request rest;
	size_t size = 0;
	int err;

	if (!inspect_foreign(i, name, INSPECT_SAFE, &rest))
		return;
	err = inspect_unit_ask(&u->link, &rest, prefix, deadline_ns, &s->unit_answer, &size);
	if (!err && whole && is_nothing(s->unit_answer.node, size))
		return;
	if (!err)
		inspect_graft(i, name, INSPECT_SAFE, s->unit_answer.node, size);
	else if (err == VL_E_TIMEOUT || err == VL_E_BUSY || err == VL_E_CLOSED)
		inspect_fail(i, name, INSPECT_SAFE, INSPECT_UNRESOLVED, NULL);
	else
		inspect_fail(i, name, INSPECT_SAFE, INSPECT_CHANNEL, vl_err_text(err));
}

/* One that hangs leaves those after it half of the time that is left; who is asked alone has all of it. */
static uint64_t share_of(const struct inspect_request *q, uint64_t deadline_ns)
{
	uint64_t now = clock_boot_ns();

	return *q->path || deadline_ns <= now ? deadline_ns : now + (deadline_ns - now) / 2;
}

static void put_own(const struct server *s, struct inspect *i)
{
	const struct server_counts *n = &s->counts;
	unsigned open = 0;

	if (!inspect_open(i, "diagnostics", INSPECT_SAFE))
		return;
	for (unsigned c = 0; c < SERVER_CONNECTION_MAX; c++)
		open += s->connections[c].fd >= 0;
	inspect_u64(i, "connections", INSPECT_SAFE, INSPECT_COUNT, open);
	inspect_u64(i, "connections-max", INSPECT_SAFE, INSPECT_PLAIN, SERVER_CONNECTION_MAX);
	inspect_u64(i, "connections-accepted", INSPECT_SAFE, INSPECT_COUNT, n->accepted);
	inspect_u64(i, "connections-timed-out", INSPECT_SAFE, INSPECT_COUNT, n->timed_out);
	inspect_u64(i, "calls", INSPECT_SAFE, INSPECT_COUNT, n->calls);
	inspect_u64(i, "calls-failed", INSPECT_SAFE, INSPECT_COUNT, n->failed);
	inspect_u64(i, "calls-refused", INSPECT_SAFE, INSPECT_COUNT, n->refused);
	inspect_u64(i, "malformed", INSPECT_SAFE, INSPECT_COUNT, n->malformed);
	inspect_u64(i, "backlog-bytes", INSPECT_SAFE, INSPECT_PLAIN, s->backlog);
	inspect_close(i);
}

int64_t tree_node(struct server *s, const struct inspect_request *q, uint64_t deadline_ns, uint8_t *node,
	size_t room)
{
	struct inspect i;

	inspect_begin(&i, q, node, room);
	for (unsigned n = 0; n < s->unit_count; n++) {
		struct unit *u = &s->units[n];

		if (!u->is.entry_count)
			put_unit(s, &i, u, u->is.name, "", !*q->path, share_of(q, deadline_ns));
		for (uint32_t e = 0; e < u->is.entry_count; e++)
			put_unit(s, &i, u, u->is.entries[e], u->is.entries[e], !*q->path,
				share_of(q, deadline_ns));
	}
	put_own(s, &i);
	return inspect_end(&i);
}
