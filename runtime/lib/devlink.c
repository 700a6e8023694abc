/* devlink.h. Called by both ends with what the other one wrote, which is not trusted. */
#include "runtime/lib/devlink.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/clock.h"

#include <string.h>

#define LOOKS_MAX 20000u /* some 10 us */
#define LOOKS_MIN 16u
#define TRY_ANEW_TURNS 64u /* so often an end that gave up looking tries it for the full time */

_Static_assert(offsetof(struct devlink_mailbox, answered) == 128, "a line of its own");
_Static_assert(sizeof(struct devlink_mailbox) <= DEVLINK_MAILBOX_BYTES, "room for the mailbox");

static bool is_access_size(uint32_t size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

int devlink_request_check(const void *data, size_t size)
{
	const struct devlink_request *r = data;

	if (size != sizeof(*r))
		return VL_E_TRUNCATED;
	if (r->op < DEVLINK_READ || r->op >= DEVLINK_OP_COUNT)
		return VL_E_TYPE;
	if ((r->op == DEVLINK_READ || r->op == DEVLINK_WRITE) && !is_access_size(r->size))
		return VL_E_RANGE;
	if (r->op == DEVLINK_RESTORE && (r->offset >= DEVLINK_SLOT_COUNT || r->value > DEVLINK_SLOT_BYTES))
		return VL_E_RANGE;
	return 0;
}

static struct devlink_mailbox *mailbox(uint8_t *shared)
{
	return (struct devlink_mailbox *)(void *)(shared + DEVLINK_MAILBOX_AT);
}

void devlink_asker(struct devlink_end *e, int link, uint8_t *shared)
{
	*e = (struct devlink_end){ .link = link, .mail = mailbox(shared), .looks = LOOKS_MAX };
	atomic_store(&e->mail->asked, 0);
	atomic_store(&e->mail->answered, 0);
	atomic_store(&e->mail->asker_sleeps, 0);
	atomic_store(&e->mail->answerer_sleeps, 1);
}

void devlink_answerer(struct devlink_end *e, int link, uint8_t *shared)
{
	*e = (struct devlink_end){ .link = link, .mail = mailbox(shared), .looks = LOOKS_MAX };
}

/* True as soon as *counter is not `old` any more; false after as many looks as have been worth it. */
static bool look(struct devlink_end *e, const _Atomic uint32_t *counter, uint32_t old)
{
	uint32_t looks = ++e->turns % TRY_ANEW_TURNS ? e->looks : LOOKS_MAX;

	for (uint32_t i = 0; i < looks; i++) {
		if (atomic_load_explicit(counter, memory_order_acquire) != old) {
			e->looks = looks;
			return true;
		}
	}
	if (e->looks > LOOKS_MIN)
		e->looks /= 2;
	return false;
}

static int ring(struct devlink_end *e, _Atomic uint32_t *sleeps, int limit_ms)
{
	const uint8_t bell = 0;

	return atomic_exchange(sleeps, 0) ? channel_send(e->link, &bell, sizeof(bell), NULL, 0, limit_ms) : 0;
}

static int take_bell(struct devlink_end *e, int limit_ms)
{
	uint8_t bell;
	struct channel_message m = { .data = &bell, .capacity = sizeof(bell) };
	int err = channel_receive(e->link, &m, limit_ms);

	channel_close_fds(&m);
	return err == VL_E_LIMIT ? VL_E_PROTOCOL : err;
}

static int wait_for_answer(struct devlink_end *e, unsigned limit_ms)
{
	uint64_t deadline = clock_deadline(limit_ms);
	int err = 0;

	if (look(e, &e->mail->answered, e->count - 1))
		return 0;
	while (!err) {
		int left = clock_left_ms(deadline);

		atomic_store(&e->mail->asker_sleeps, 1);
		if (atomic_load(&e->mail->answered) != e->count - 1)
			break;
		err = left ? take_bell(e, left) : VL_E_TIMEOUT;
	}
	atomic_store(&e->mail->asker_sleeps, 0);
	return err;
}

int devlink_ask(struct devlink_end *e, const struct devlink_request *q, struct devlink_reply *a,
	unsigned limit_ms)
{
	int err;

	memcpy(&e->mail->request, q, sizeof(*q));
	atomic_store(&e->mail->asked, ++e->count);
	err = ring(e, &e->mail->answerer_sleeps, (int)limit_ms);
	if (!err)
		err = wait_for_answer(e, limit_ms);
	if (!err && atomic_load(&e->mail->answered) != e->count)
		err = VL_E_PROTOCOL;
	if (!err)
		memcpy(a, &e->mail->reply, sizeof(*a));
	return err;
}

bool devlink_pending(struct devlink_end *e)
{
	if (!e->open)
		return false;
	if (look(e, &e->mail->asked, e->count))
		return true;
	atomic_store(&e->mail->answerer_sleeps, 1);
	return atomic_load(&e->mail->asked) != e->count;
}

int devlink_take(struct devlink_end *e, struct devlink_request *q)
{
	atomic_store(&e->mail->answerer_sleeps, 0);
	if (atomic_load(&e->mail->asked) != e->count + 1)
		return VL_E_PROTOCOL;
	memcpy(q, &e->mail->request, sizeof(*q));
	return devlink_request_check(q, sizeof(*q));
}

int devlink_answer(struct devlink_end *e, const struct devlink_reply *a, int limit_ms)
{
	memcpy(&e->mail->reply, a, sizeof(*a));
	atomic_store(&e->mail->answered, ++e->count);
	return ring(e, &e->mail->asker_sleeps, limit_ms);
}

int devlink_doorbell(struct devlink_end *e)
{
	int err = take_bell(e, 0);

	if (!err)
		e->open = true;
	return err == VL_E_AGAIN ? 0 : err;
}
