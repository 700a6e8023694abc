/*
 * The asking end of a channel of the inspect tree (inspect_unit.h), called by the diagnostics server's loop;
 * what it receives is the unit's and hostile.
 */
#include "common/base/fmt.h"
#include "common/inspect/view.h"
#include "runtime/lib/clock.h"
#include "runtime/lib/inspect_unit.h"

#include <stddef.h>

#define ANSWER_HEAD offsetof(struct inspect_unit_answer, node)
#define STALE_MAX 16 /* answers to old questions that are dropped in one go */

static int send_question(struct inspect_unit *u, const struct inspect_request *q, const char *prefix)
{
	struct inspect_unit_request r = { .id = u->last_id + 1, .depth = q->depth, .level = q->level,
		.update = q->value != NULL };
	uint64_t now = clock_boot_ns();
	int err;

	/* Greater than any that a predecessor of this process gave. */
	if (r.id < now)
		r.id = now;
	if (vl_format(r.path, sizeof(r.path), "%s%s%s", prefix, *prefix ? "/" : "", q->path)
			>= sizeof(r.path) ||
			vl_format(r.value, sizeof(r.value), "%s", q->value ? q->value : "")
			>= sizeof(r.value))
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
