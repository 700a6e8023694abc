/* devlink.h. Called by both ends; that the other one keeps to the turns is checked, not trusted. */
#include "runtime/lib/devlink.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/clock.h"

#include <string.h>

#define LOOKS_MAX 20000u /* some 10 us */
#define LOOKS_MIN 16u
#define SEE_HURRY_MS 200 /* so often one that sleeps looks whether it is to hurry */
#define TRY_ANEW_TURNS 64u /* so often an end that gave up looking tries it for the full time */

void devlink_asker(struct devlink_end *e, int link, uint8_t *shared)
{
	*e = (struct devlink_end){ .link = link, .mail = devipc_mailbox(shared), .shared = shared,
		.looks = LOOKS_MAX };
	atomic_store(&e->mail->asked, 0);
	atomic_store(&e->mail->answered, 0);
	atomic_store(&e->mail->asker_sleeps, 0);
	atomic_store(&e->mail->answerer_sleeps, 1);
}

void devlink_answerer(struct devlink_end *e, int link, uint8_t *shared)
{
	*e = (struct devlink_end){ .link = link, .mail = devipc_mailbox(shared), .shared = shared,
		.looks = LOOKS_MAX };
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

/* Sleeps until there is a bell or the limit; with e->hurry not longer than until that may say something new. */
static int sleep_on_link(struct devlink_end *e, int left_ms)
{
	int limit_ms = e->hurry && left_ms > SEE_HURRY_MS ? SEE_HURRY_MS : left_ms;
	int err = take_bell(e, limit_ms);

	return err == VL_E_TIMEOUT && limit_ms < left_ms ? 0 : err;
}

static void hurry_up(const struct devlink_end *e, uint64_t *deadline_ns)
{
	uint64_t soon_ns = clock_deadline(DEVLINK_HURRY_MS);

	if (e->hurry && atomic_load(e->hurry) && soon_ns < *deadline_ns)
		*deadline_ns = soon_ns;
}

static int wait_for_answer(struct devlink_end *e, unsigned limit_ms)
{
	uint64_t deadline = clock_deadline(limit_ms);
	int err = 0;

	if (look(e, &e->mail->answered, e->count - 1))
		return 0;
	while (!err) {
		int left;

		atomic_store(&e->mail->asker_sleeps, 1);
		if (atomic_load(&e->mail->answered) != e->count - 1)
			break;
		hurry_up(e, &deadline);
		left = clock_left_ms(deadline);
		err = left ? sleep_on_link(e, left) : VL_E_TIMEOUT;
	}
	atomic_store(&e->mail->asker_sleeps, 0);
	return err;
}

int devlink_ask(struct devlink_end *e, const struct devipc_request *q, unsigned limit_ms)
{
	int err;

	memcpy(&e->mail->request, q, sizeof(*q));
	atomic_store(&e->mail->asked, ++e->count);
	err = ring(e, &e->mail->answerer_sleeps, (int)limit_ms);
	if (!err)
		err = wait_for_answer(e, limit_ms);
	if (!err && atomic_load(&e->mail->answered) != e->count)
		err = VL_E_PROTOCOL;
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

int devlink_take(struct devlink_end *e, struct devipc_request *q)
{
	atomic_store(&e->mail->answerer_sleeps, 0);
	if (atomic_load(&e->mail->asked) != e->count + 1)
		return VL_E_PROTOCOL;
	return devipc_take_request(e->shared, q);
}

int devlink_answer(struct devlink_end *e, const struct devipc_reply *a, const struct devipc_effect *effects,
	int limit_ms)
{
	memcpy(&e->mail->reply, a, sizeof(*a));
	for (uint32_t i = 0; i < a->effect_count; i++)
		e->mail->effects[i] = effects[i];
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

int devlink_next(struct devlink_end *e, struct devipc_request *q, unsigned limit_ms)
{
	uint64_t deadline = clock_deadline(limit_ms);
	int err = 0, left;

	while (!err && !devlink_pending(e)) {
		left = clock_left_ms(deadline);
		err = left ? take_bell(e, left) : VL_E_TIMEOUT;
	}
	return err ? err : devlink_take(e, q);
}
