/* devipc.h. Called by both ends with what the other one wrote, which is not trusted. */
#include "common/devipc/devipc.h"
#include "common/device/device.h"

#include <string.h>

_Static_assert(offsetof(struct devipc_mailbox, answered) == 128, "lines of its own");
_Static_assert(sizeof(struct devipc_mailbox) <= DEVIPC_MAILBOX_BYTES, "room for the mailbox");
_Static_assert(sizeof(struct devipc_posted) * DEVIPC_POSTED_MAX == DEVIPC_POSTED_BYTES,
		"room for posted accesses");

static bool is_access_size(uint32_t size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

static bool is_result(int32_t error)
{
	return error <= 0 && error > -VL_ERR_COUNT;
}

int devipc_take_request(const uint8_t *shared, struct devipc_request *q)
{
	const uint8_t *from = shared + DEVIPC_MAILBOX_AT + offsetof(struct devipc_mailbox, request);

	memcpy(q, from, sizeof(*q));
	if (q->op < DEVIPC_READ || q->op >= DEVIPC_OP_COUNT)
		return VL_E_TYPE;
	if (!is_result(q->error) || q->room > DEVIPC_DATA_BYTES)
		return VL_E_RANGE;
	if (q->posted > (q->op == DEVIPC_RESULT ? 0 : DEVIPC_POSTED_MAX))
		return VL_E_LIMIT;
	switch (q->op) {
	case DEVIPC_READ:
	case DEVIPC_WRITE: return is_access_size(q->size) ? 0 : VL_E_RANGE;
	case DEVIPC_INPUT: return q->size && q->size <= DEVIPC_DATA_BYTES ? 0 : VL_E_RANGE;
	case DEVIPC_TIMER: return q->region < DEV_TIMER_COUNT ? 0 : VL_E_RANGE;
	case DEVIPC_RESTORE: return q->size <= DEVIPC_STATE_BYTES ? 0 : VL_E_RANGE;
	default: return 0;
	}
}

int devipc_take_posted(const uint8_t *shared, uint32_t count, struct devipc_posted *posted)
{
	memcpy(posted, shared + DEVIPC_POSTED_AT, count * sizeof(*posted));
	for (uint32_t i = 0; i < count; i++) {
		const struct devipc_posted *p = &posted[i];

		if (p->op != DEVIPC_READ && p->op != DEVIPC_WRITE)
			return VL_E_TYPE;
		if (!is_access_size(p->size) || !p->count || p->count > DEVIPC_AHEAD_BYTES)
			return VL_E_RANGE;
	}
	return 0;
}

/* Addresses are the guest's, so that a wrong one is no fault of the worker's: the demand's result says so. */
static int check_demand(const struct devipc_reply *r)
{
	if (r->kind == DEVIPC_MAP)
		return r->space <= DEV_MMIO && r->width <= 8 ? 0 : VL_E_RANGE;
	if (r->size > DEVIPC_DATA_BYTES)
		return VL_E_LIMIT;
	return r->kind != DEVIPC_MEM_FILL || r->value <= 0xff ? 0 : VL_E_RANGE;
}

/* *left: bytes of output that no effect has named yet. */
static int check_effect(const struct devipc_effect *e, uint64_t *left)
{
	switch (e->kind) {
	case DEVIPC_IRQ: return e->index < DEVIPC_LINES && e->value <= 1 ? 0 : VL_E_RANGE;
	case DEVIPC_MSI: return e->value <= 0xffffffff ? 0 : VL_E_RANGE;
	case DEVIPC_TIMER_SET:
	case DEVIPC_TIMER_CANCEL: return e->index < DEV_TIMER_COUNT ? 0 : VL_E_RANGE;
	case DEVIPC_OUTPUT:
		if (e->value > *left)
			return VL_E_LIMIT;
		*left -= e->value;
		return 0;
	case DEVIPC_OUTPUT_WAITS:
	case DEVIPC_INPUT_READY: return 0;
	case DEVIPC_MACHINE: return e->index <= DEV_MACHINE_SLEEP ? 0 : VL_E_RANGE;
	default: return VL_E_TYPE;
	}
}

static int check_ahead(const struct devipc_ahead *a)
{
	if (a->bytes > DEVIPC_AHEAD_BYTES)
		return VL_E_LIMIT;
	if (a->flags & ~(uint32_t)(DEVIPC_AHEAD_FIFO | DEVIPC_AHEAD_WRITES) ||
	    a->offset > UINT64_MAX - a->size || (!(a->flags & DEVIPC_AHEAD_FIFO) && a->bytes > a->size))
		return VL_E_RANGE;
	return 0;
}

static int check_answer(const struct devipc_request *q, const struct devipc_answer *a)
{
	const struct devipc_reply *r = &a->reply;
	uint64_t left = r->output_bytes;

	if (r->output_bytes > q->room || r->checkpoint_bytes > DEVIPC_STATE_BYTES)
		return VL_E_LIMIT;
	if (!is_result(r->error) || (q->op != DEVIPC_RESTORE && r->error) ||
	    (q->op == DEVIPC_INPUT && r->value > q->size))
		return VL_E_RANGE;
	if (q->op == DEVIPC_SAVE && !r->checkpoint_bytes)
		return VL_E_MISSING;
	for (uint32_t i = 0; i < r->effect_count; i++) {
		int err = check_effect(&a->effects[i], &left);

		if (err)
			return err;
	}
	return check_ahead(&r->ahead);
}

int devipc_take_reply(const uint8_t *shared, const struct devipc_request *q, struct devipc_answer *a)
{
	const uint8_t *mailbox = shared + DEVIPC_MAILBOX_AT;

	memcpy(&a->reply, mailbox + offsetof(struct devipc_mailbox, reply), sizeof(a->reply));
	if (a->reply.kind < DEVIPC_ANSWER || a->reply.kind >= DEVIPC_KIND_COUNT)
		return VL_E_TYPE;
	if (a->reply.kind != DEVIPC_ANSWER)
		return check_demand(&a->reply);
	if (a->reply.effect_count > DEVIPC_EFFECT_MAX)
		return VL_E_LIMIT;
	memcpy(a->effects, mailbox + offsetof(struct devipc_mailbox, effects),
		a->reply.effect_count * sizeof(a->effects[0]));
	return check_answer(q, a);
}

int devipc_config_check(const void *data, size_t size, size_t fd_count, bool keeps_files)
{
	const struct devipc_config *c = data;

	if (size != sizeof(*c))
		return VL_E_TRUNCATED;
	if (c->version != DEVIPC_VERSION)
		return VL_E_VERSION;
	if (!memchr(c->kind, 0, sizeof(c->kind)) || c->unit > 1 ||
	    fd_count != (keeps_files ? DEVIPC_FD_MAX : DEVIPC_FD_STORE) + (size_t)c->unit)
		return VL_E_FORMAT;
	return 0;
}
