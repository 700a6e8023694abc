/* devlink.h. Called by both ends; that the other one keeps to the turns is checked, not trusted. */
#include "runtime/lib/devlink.h"
#include "runtime/lib/clock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define LOOK_NS_MAX 250000u /* more than a sleeper takes to wake, even emulated: two that sleep find back */
#define LOOKS_EACH 256u /* until the clock is read */
#define LOOKS_MIN 16u
#define SEE_HURRY_MS 200 /* so often one that sleeps looks whether it is to hurry */
/* So many turns after an end gave up looking it tries it for the full time; in vain: twice as many later. */
#define REST_TURNS_MIN 64u
#define REST_TURNS_MAX 1024u
#define RINGS_MAX 16u /* without an answer; an honest end's are two, of which one was for the answer before */

static void begin(struct devlink_end *e, const int fds[DEVLINK_FDS], enum devipc_fd bell,
	enum devipc_fd other, uint8_t *shared)
{
	*e = (struct devlink_end){ .link = fds[DEVIPC_FD_LINK], .bell = fds[bell], .other = fds[other],
		.mail = devipc_mailbox(shared), .shared = shared, .look_ns = LOOK_NS_MAX,
		.rest_turns = REST_TURNS_MIN };
}

void devlink_asker(struct devlink_end *e, const int fds[DEVLINK_FDS], uint8_t *shared)
{
	begin(e, fds, DEVIPC_FD_ANSWERED, DEVIPC_FD_ASKED, shared);
	atomic_store(&e->mail->asked, 0);
	atomic_store(&e->mail->answered, 0);
	atomic_store(&e->mail->asker_sleeps, 0);
	atomic_store(&e->mail->answerer_sleeps, 1);
}

void devlink_answerer(struct devlink_end *e, const int fds[DEVLINK_FDS], uint8_t *shared)
{
	begin(e, fds, DEVIPC_FD_ASKED, DEVIPC_FD_ANSWERED, shared);
}

void devlink_drop(struct devlink_end *e)
{
	if (e->link >= 0) {
		close(e->link);
		close(e->bell);
		close(e->other);
	}
	e->link = e->bell = e->other = -1;
}

static bool look_for(const _Atomic uint32_t *counter, uint32_t old, uint32_t limit_ns)
{
	uint64_t end_ns = limit_ns ? clock_boot_ns() + limit_ns : 0;
	uint32_t looks = limit_ns ? LOOKS_EACH : LOOKS_MIN;

	do {
		for (uint32_t i = 0; i < looks; i++)
			if (atomic_load_explicit(counter, memory_order_acquire) != old)
				return true;
	} while (limit_ns && clock_boot_ns() < end_ns);
	return false;
}

/* True as soon as *counter is not `old` any more; false after as long a look as has been worth it. */
static bool look(struct devlink_end *e, const _Atomic uint32_t *counter, uint32_t old)
{
	bool anew = ++e->turns >= e->rest_turns;
	uint32_t limit_ns = anew ? LOOK_NS_MAX : e->look_ns;
	bool seen = look_for(counter, old, limit_ns);

	e->look_ns = seen ? limit_ns : e->look_ns / 2;
	if (!anew)
		return seen;
	e->turns = 0;
	e->rest_turns = seen ? REST_TURNS_MIN : e->rest_turns * 2;
	if (e->rest_turns > REST_TURNS_MAX)
		e->rest_turns = REST_TURNS_MAX;
	return seen;
}

/* --- Bells -------------------------------------------------------------------------------- */

static int ring(struct devlink_end *e, _Atomic uint32_t *sleeps)
{
	const uint64_t one = 1;

	if (!atomic_exchange(sleeps, 0) || write(e->other, &one, sizeof(one)) >= 0)
		return 0;
	return errno == EAGAIN ? 0 : VL_E_OS; /* a counter that is full rings already */
}

/* The other end may have silenced it meanwhile. */
static int silence(struct devlink_end *e)
{
	uint64_t count;

	return read(e->bell, &count, sizeof(count)) >= 0 || errno == EAGAIN ? 0 : VL_E_OS;
}

/* Of the link its end is asked for alone, which poll() always tells: whatever is sent there wakes nobody. */
void devlink_poll(const struct devlink_end *e, struct pollfd *f)
{
	f[0] = (struct pollfd){ .fd = e->bell, .events = POLLIN };
	f[1] = (struct pollfd){ .fd = e->link };
}

bool devlink_lost(const struct devlink_end *e)
{
	struct pollfd f = { .fd = e->link };

	return poll(&f, 1, 0) > 0;
}

/* Who rang and died has answered before. */
static int woken(struct devlink_end *e, const struct pollfd *f)
{
	if (f[0].revents & POLLIN)
		return silence(e);
	return f[0].revents || f[1].revents ? VL_E_CLOSED : VL_E_AGAIN;
}

/* Sleeps until the bell rings, at most `limit_ms`. VL_E_AGAIN: it did not; VL_E_CLOSED, VL_E_OS. */
static int sleep_until_rung(struct devlink_end *e, int limit_ms)
{
	struct pollfd f[DEVLINK_POLL];

	devlink_poll(e, f);
	if (poll(f, DEVLINK_POLL, limit_ms) < 0)
		return errno == EINTR ? VL_E_AGAIN : VL_E_OS;
	return woken(e, f);
}

/* --- The asking end ------------------------------------------------------------------------- */

/* With e->hurry it sleeps not longer than until that may say something new. */
static int nap(const struct devlink_end *e, uint64_t deadline_ns)
{
	int left_ms = clock_left_ms(deadline_ns);

	return e->hurry && left_ms > SEE_HURRY_MS ? SEE_HURRY_MS : left_ms;
}

static void hurry_up(const struct devlink_end *e, uint64_t *deadline_ns)
{
	uint64_t soon_ns = clock_deadline(DEVLINK_HURRY_MS);

	if (e->hurry && atomic_load(e->hurry) && soon_ns < *deadline_ns)
		*deadline_ns = soon_ns;
}

static int wait_for_answer(struct devlink_end *e, unsigned limit_ms)
{
	unsigned rings = 0;
	uint64_t deadline;
	int err = 0, nap_ms;

	if (look(e, &e->mail->answered, e->count - 1))
		return 0;
	deadline = clock_deadline(limit_ms);
	while (!err) {
		atomic_store(&e->mail->asker_sleeps, 1);
		if (atomic_load(&e->mail->answered) != e->count - 1)
			break;
		hurry_up(e, &deadline);
		nap_ms = nap(e, deadline);
		err = nap_ms ? sleep_until_rung(e, nap_ms) : VL_E_TIMEOUT;
		if (err == VL_E_AGAIN)
			err = 0;
		else if (!err && ++rings > RINGS_MAX)
			err = VL_E_PROTOCOL;
	}
	atomic_store(&e->mail->asker_sleeps, 0);
	return err;
}

int devlink_ask(struct devlink_end *e, const struct devipc_request *q, unsigned limit_ms)
{
	int err;

	memcpy(&e->mail->request, q, sizeof(*q));
	atomic_store(&e->mail->asked, ++e->count);
	err = ring(e, &e->mail->answerer_sleeps);
	if (!err)
		err = wait_for_answer(e, limit_ms);
	if (!err && atomic_load(&e->mail->answered) != e->count)
		err = VL_E_PROTOCOL;
	return err;
}

/* --- The answering end ---------------------------------------------------------------------- */

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

int devlink_answer(struct devlink_end *e, const struct devipc_reply *a, const struct devipc_effect *effects)
{
	memcpy(&e->mail->reply, a, sizeof(*a));
	for (uint32_t i = 0; i < a->effect_count; i++)
		e->mail->effects[i] = effects[i];
	atomic_store(&e->mail->answered, ++e->count);
	return ring(e, &e->mail->asker_sleeps);
}

static int opened(struct devlink_end *e, int err)
{
	if (!err)
		e->open = true;
	return err == VL_E_AGAIN ? 0 : err;
}

int devlink_woken(struct devlink_end *e, const struct pollfd *f)
{
	return opened(e, woken(e, f));
}

int devlink_next(struct devlink_end *e, struct devipc_request *q, unsigned limit_ms)
{
	uint64_t deadline = clock_deadline(limit_ms);
	int err = 0, left;

	while (!err && !devlink_pending(e)) {
		left = clock_left_ms(deadline);
		err = left ? opened(e, sleep_until_rung(e, left)) : VL_E_TIMEOUT;
	}
	return err ? err : devlink_take(e, q);
}
