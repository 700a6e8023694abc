/*
 * remote.h: conversations with the worker, its replacement, and the thread that
 * passes on what the loop has. What the worker leaves in the shared memory is
 * not trusted; common/devipc decodes it.
 */
#include "runtime/vm/remote.h"
#include "common/base/log.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/clock.h"
#include "runtime/lib/crash.h"
#include "runtime/lib/timed_condition.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_LIMIT_MS 60000u /* a key of the TPM's firmware, on an emulated machine */
#define SUPPLY_LIMIT_MS 120000u
#define ALONE_LIMIT_MS 5000u /* more than the paravisor's longest back-off */
#define BRING_UP_LIMITS 2u /* times the limit, for a fresh worker until it is where the last one was */
#define LOOK_NS 250000000 /* between two looks whether the worker of a device that rests lives */
#define TRIES_MAX 16u /* workers that are lost in one and the same request */
#define VERSION 1
#define FIELD_STATE 1
#define FIELD_INPUT 2

/* --- The worker's place -------------------------------------------------------------- */

/* The device is gone for good. */
static void give_up(struct remote *r, int err)
{
	vl_error("%s: no worker any more: %s; the guest reads ones", r->name, vl_err_text(err));
	r->supply = -1;
}

static void complain(const struct remote *r, int error)
{
	const struct devipc_complaint c = { DEVIPC_COMPLAINT, r->link_number, error };
	int err = channel_send(r->supply, &c, sizeof(c), NULL, 0, 0);

	if (err)
		vl_debug("%s: complaint about its worker: %s", r->name, vl_err_text(err));
}

/*
 * When none comes for a while the last worker lives on without its link: then that is said, and it is ended.
 */
static int receive_link(struct remote *r, struct channel_message *m)
{
	int err = channel_receive(r->supply, m, (int)r->alone_limit_ms);

	if (err != VL_E_TIMEOUT)
		return err;
	complain(r, VL_E_CLOSED);
	return channel_receive(r->supply, m, (int)r->supply_limit_ms);
}

/* The next link. A paravisor that closes the supply gives no more. */
static int take_link(struct remote *r)
{
	struct devipc_supply s = { 0 };
	struct channel_message m = { .data = &s, .capacity = sizeof(s) };
	int err = receive_link(r, &m);

	if (!err && (m.fd_count != DEVLINK_FDS || m.size != sizeof(s) || s.magic != DEVIPC_SUPPLY)) {
		channel_close_fds(&m);
		err = VL_E_PROTOCOL;
	}
	if (err)
		return err;
	r->link_number = s.number;
	devlink_asker(&r->end, m.fds, r->shared);
	return 0;
}

/* --- One request, with the demands on the way -------------------------------------------- */

static int map_region(struct remote *r, const struct devipc_reply *d)
{
	const struct dev_region region = { (enum dev_space)d->space, d->address, d->size64, d->region,
		d->width };
	int err;

	pthread_mutex_lock(r->machine);
	err = r->env->ops->map(r->env, &region);
	pthread_mutex_unlock(r->machine);
	return err;
}

static int fill(struct remote *r, const struct devipc_reply *d)
{
	uint8_t *area = r->shared + DEVIPC_TO_DEVICE_AT;

	memset(area, (int)d->value, d->size);
	return r->env->ops->mem_write(r->env, gpa(d->address), area, d->size);
}

/* A demand that was checked; its result. Guest memory needs no lock. */
static int serve_demand(struct remote *r, const struct devipc_reply *d)
{
	const struct dev_env_ops *ops = r->env->ops;
	uint8_t *to = r->shared + DEVIPC_TO_DEVICE_AT, *from = r->shared + DEVIPC_FROM_DEVICE_AT;

	switch (d->kind) {
	case DEVIPC_MEM_READ: return ops->mem_read(r->env, gpa(d->address), to, d->size);
	case DEVIPC_MEM_WRITE: return ops->mem_write(r->env, gpa(d->address), from, d->size);
	case DEVIPC_MEM_FILL: return fill(r, d);
	default: return map_region(r, d);
	}
}

/* What travels in the areas of data with a request; anew at each try. */
static void put_data(struct remote *r, const struct devipc_request *q, const struct devipc_posted *posted)
{
	memcpy(r->shared + DEVIPC_POSTED_AT, posted, q->posted * sizeof(*posted));
	if (q->op == DEVIPC_INPUT)
		memcpy(r->shared + DEVIPC_TO_DEVICE_AT, r->input, q->size);
	else if (q->op == DEVIPC_RESTORE)
		memcpy(r->shared + DEVIPC_STATE_AT, r->checkpoint, q->size);
}

static int ask(struct remote *r, const struct devipc_request *q, uint64_t deadline_ns)
{
	int left = clock_left_ms(deadline_ns);

	return left ? devlink_ask(&r->end, q, (unsigned)left) : VL_E_TIMEOUT;
}

/*
 * Puts a request, with the q->posted accesses before it, to the worker that there is. Other errors than
 * VL_E_CLOSED and VL_E_TIMEOUT: it breaks the rules.
 */
static int exchange(struct remote *r, const struct devipc_request *q, const struct devipc_posted *posted,
	struct devipc_answer *a, bool *demanded, uint64_t deadline_ns)
{
	struct devipc_request result = { .op = DEVIPC_RESULT };
	int err;

	put_data(r, q, posted);
	/* What starts and stops it, or moves its state, may take its time. */
	r->end.hurry = q->op <= DEVIPC_COMPLETE ? r->hurry : NULL;
	*demanded = false;
	err = ask(r, q, deadline_ns);
	while (!err) {
		err = devipc_take_reply(r->shared, q, a);
		if (err || a->reply.kind == DEVIPC_ANSWER)
			break;
		*demanded = true;
		result.error = serve_demand(r, &a->reply);
		err = ask(r, &result, deadline_ns);
	}
	return err;
}

/* --- Checkpoints and the journal ------------------------------------------------------------ */

/* A copy of the checkpoint, if it is one; the last one is kept until then. */
static int take_checkpoint(struct remote *r, size_t bytes)
{
	struct state_stream s;
	struct state_reader unit;
	uint8_t *taken = r->next;
	int err;

	memcpy(taken, r->shared + DEVIPC_STATE_AT, bytes);
	err = state_stream_open(&s, taken, bytes, NULL);
	if (!err)
		err = state_stream_find(&s, DEVIPC_UNIT, &unit);
	if (err)
		return err;
	r->next = r->checkpoint;
	r->checkpoint = taken;
	r->checkpoint_bytes = bytes;
	r->checkpoint_started = r->started;
	r->journal_count = r->journal_posted_count = 0;
	return 0;
}

static void note_state(struct remote *r, uint32_t op)
{
	if (op == DEVIPC_START)
		r->started = true;
	else if (op == DEVIPC_STOP || op == DEVIPC_RESET || op == DEVIPC_RESTORE)
		r->started = false;
}

static void note_request(struct remote *r, const struct devipc_request *q)
{
	memcpy(&r->journal_posted[r->journal_posted_count], r->posted, q->posted * sizeof(r->posted[0]));
	r->journal_posted_count += q->posted;
	r->journal[r->journal_count++] = *q;
}

/* The next request, and the accesses posted before it, may need more room than there is. */
static bool journal_is_full(const struct remote *r)
{
	return r->journal_count >= r->journal_limit ||
		r->journal_posted_count + r->posted_count > REMOTE_JOURNAL_POSTED_MAX;
}

/* What an answer means for the next worker. */
static int commit(struct remote *r, const struct devipc_request *q, const struct devipc_reply *a,
	bool demanded)
{
	bool replayable = q->op != DEVIPC_INPUT && !demanded;

	note_state(r, q->op);
	if (a->checkpoint_bytes)
		return take_checkpoint(r, a->checkpoint_bytes);
	if (!replayable)
		return VL_E_PROTOCOL;
	if (q->op != DEVIPC_RESTORE)
		note_request(r, q);
	return 0;
}

/* What was posted is done, and the next window is open. */
static void open_window(struct remote *r, const struct devipc_ahead *a)
{
	r->ahead = *a;
	r->ahead_taken = 0;
	r->posted_count = 0;
	memcpy(r->ahead_data, r->shared + DEVIPC_AHEAD_AT, a->bytes);
}

static void close_window(struct remote *r)
{
	r->ahead = (struct devipc_ahead){ 0 };
	r->posted_count = 0;
}

/* --- A fresh worker --------------------------------------------------------------------------- */

static void input_ready(struct remote *r);
static void put_context(struct remote *r, struct devipc_request *q);

static int revive(struct remote *r, const struct devipc_request *q, const struct devipc_posted *posted,
	struct devipc_answer *a, uint64_t deadline_ns)
{
	bool demanded;
	int err = exchange(r, q, posted, a, &demanded, deadline_ns);

	if (!err && a->reply.error) {
		vl_error("%s: a new worker refuses the checkpoint: %s", r->name, vl_err_text(a->reply.error));
		return VL_E_STATE;
	}
	return !err && demanded && q->op != DEVIPC_RESTORE && q->op != DEVIPC_START ? VL_E_PROTOCOL : err;
}

/*
 * From the checkpoint to where it can be called. Lines and timers are as the last worker left them, so that
 * the effects of this start are not wanted; and it has no room for output, for that would be sent to nowhere.
 */
static int restart(struct remote *r, uint64_t deadline_ns)
{
	const struct devipc_request restore = { .op = DEVIPC_RESTORE, .size = (uint32_t)r->checkpoint_bytes };
	struct devipc_request start = { .op = DEVIPC_START };
	struct devipc_answer a;
	int err = revive(r, &restore, r->posted, &a, deadline_ns);

	if (err || !r->checkpoint_started)
		return err;
	pthread_mutex_lock(r->machine);
	put_context(r, &start);
	pthread_mutex_unlock(r->machine);
	start.room = 0;
	return revive(r, &start, r->posted, &a, deadline_ns);
}

/*
 * Brings it to where the last one was. Checkpoints that it leaves meanwhile are not taken: the journal is the
 * truth until it is over. Whether it waits for input or room it may have forgotten: both are offered again.
 */
static int bring_up(struct remote *r)
{
	uint64_t deadline_ns = clock_deadline(BRING_UP_LIMITS * r->limit_ms);
	struct devipc_answer a;
	const struct devipc_posted *posted = r->journal_posted;
	int err = r->checkpoint_bytes ? restart(r, deadline_ns) : 0;

	for (unsigned i = 0; !err && i < r->journal_count; i++) {
		err = revive(r, &r->journal[i], posted, &a, deadline_ns);
		posted += r->journal[i].posted;
	}
	if (err)
		return err;
	pthread_mutex_lock(r->machine);
	input_ready(r);
	r->completed = r->started;
	pthread_cond_broadcast(&r->work);
	pthread_mutex_unlock(r->machine);
	return 0;
}

/* A worker is where the last one was: how long the device was without. */
static void back(struct remote *r)
{
	unsigned ms = (unsigned)((clock_boot_ns() - r->lost_ns) / CLOCK_MS_NS);

	if (!r->lost_ns)
		return;
	r->lost_ns = 0;
	r->away_ms = ms > r->away_ms ? ms : r->away_ms;
	vl_info("%s: goes on after %u ms, %u requests given again", r->name, ms, r->journal_count);
}

static int connect_worker(struct remote *r, uint32_t op)
{
	int err = take_link(r);

	if (err) {
		give_up(r, err);
		return VL_E_CLOSED;
	}
	/* After these two it does not matter where the last one was. */
	err = op == DEVIPC_RESET || op == DEVIPC_RESTORE ? 0 : bring_up(r);
	if (!err)
		back(r);
	return err;
}

static int attempt(struct remote *r, const struct devipc_request *q, struct devipc_answer *a)
{
	bool demanded = false;
	int err = r->end.link < 0 ? connect_worker(r, q->op) : 0;

	if (!err)
		err = exchange(r, q, r->posted, a, &demanded, clock_deadline(r->limit_ms));
	if (!err)
		err = commit(r, q, &a->reply, demanded);
	if (!err)
		open_window(r, &a->reply.ahead);
	return err;
}

static void lost(struct remote *r, int err)
{
	vl_warn("%s: lost its worker (%s), waiting for the next", r->name, vl_err_text(err));
	if (err != VL_E_CLOSED)
		complain(r, err);
	devlink_drop(&r->end);
	r->replaced++;
	if (!r->lost_ns)
		r->lost_ns = clock_boot_ns();
}

/*
 * One request, and what was posted, through whichever worker there is. VL_E_CLOSED: there is none any more.
 */
static int call(struct remote *r, struct devipc_request *q, struct devipc_answer *a)
{
	q->posted = r->posted_count;
	for (unsigned tries = 0; r->supply >= 0 && tries < TRIES_MAX; tries++) {
		int err = attempt(r, q, a);

		if (!err)
			return 0;
		if (r->supply >= 0)
			lost(r, err);
	}
	if (r->supply >= 0)
		give_up(r, VL_E_LIMIT);
	devlink_drop(&r->end);
	close_window(r);
	return VL_E_CLOSED;
}

/* --- Conversations: machine lock held before and after, not meanwhile --------------------------- */

static void input_ready(struct remote *r)
{
	r->input_held = false;
	if (r->input_count) {
		pthread_cond_broadcast(&r->work);
	} else if (r->offer_refused) {
		r->offer_refused = false;
		r->env->ops->input_ready(r->env);
	}
}

/* Room that came while the answer was under way is no news to the stream. */
static void output_waits(struct remote *r)
{
	if (r->env->ops->output_room(r->env, 1) == 0)
		return;
	r->completed = true;
	pthread_cond_broadcast(&r->work);
}

static void set_timer(struct remote *r, const struct devipc_effect *e)
{
	r->timers &= ~(1u << e->index);
	if (e->kind == DEVIPC_TIMER_SET)
		r->env->ops->timer_set(r->env, e->index, e->value);
	else
		r->env->ops->timer_cancel(r->env, e->index);
}

static void apply(struct remote *r, const struct devipc_answer *a)
{
	const struct dev_env_ops *ops = r->env->ops;
	const uint8_t *output = r->shared + DEVIPC_FROM_DEVICE_AT;

	for (uint32_t i = 0; i < a->reply.effect_count; i++) {
		const struct devipc_effect *e = &a->effects[i];

		switch (e->kind) {
		case DEVIPC_IRQ: ops->irq(r->env, e->index, e->value != 0); break;
		case DEVIPC_MSI: ops->msi(r->env, e->address, (uint32_t)e->value); break;
		case DEVIPC_TIMER_SET:
		case DEVIPC_TIMER_CANCEL: set_timer(r, e); break;
		case DEVIPC_OUTPUT:
			ops->output(r->env, output, e->value);
			output += e->value;
			break;
		case DEVIPC_OUTPUT_WAITS: output_waits(r); break;
		case DEVIPC_INPUT_READY: input_ready(r); break;
		case DEVIPC_MACHINE: ops->machine(r->env, e->index); break;
		}
	}
}

/* What the model may look at beside its request. */
static void put_context(struct remote *r, struct devipc_request *q)
{
	size_t room = r->env->ops->output_room(r->env, 0);

	q->now_ns = r->env->ops->now_ns(r->env);
	q->wall_ns = r->env->ops->wall_ns(r->env);
	q->room = room < DEVIPC_DATA_BYTES ? (uint32_t)room : DEVIPC_DATA_BYTES;
}

static int converse_alone(struct remote *r, struct devipc_request *q, struct devipc_answer *a)
{
	struct devipc_request save = { .op = DEVIPC_SAVE };
	int err = 0;

	pthread_mutex_lock(r->machine);
	put_context(r, q);
	pthread_mutex_unlock(r->machine);
	if (journal_is_full(r) && q->op != DEVIPC_RESET && q->op != DEVIPC_RESTORE)
		err = call(r, &save, a);
	if (!err)
		err = call(r, q, a);
	pthread_mutex_lock(r->machine);
	if (!err)
		apply(r, a);
	return err;
}

static int converse(struct remote *r, struct devipc_request *q, struct devipc_answer *a)
{
	int err;

	pthread_mutex_unlock(r->machine);
	pthread_mutex_lock(&r->lock);
	err = converse_alone(r, q, a);
	pthread_mutex_unlock(&r->lock);
	return err;
}

/* --- Accesses in the window that the last answer opened ------------------------------------------- */

static bool in_window(const struct remote *r, const struct devipc_posted *p)
{
	const struct devipc_ahead *a = &r->ahead;

	return p->region == a->region && p->offset >= a->offset &&
		vl_within(p->offset - a->offset, p->size, a->size);
}

/* Reads of a FIFO differ in nothing. */
static bool post(struct remote *r, const struct devipc_posted *p)
{
	struct devipc_posted *last = r->posted_count ? &r->posted[r->posted_count - 1] : NULL;

	if (last && p->op == DEVIPC_READ && last->op == DEVIPC_READ && last->size == p->size &&
	    last->offset == p->offset) {
		last->count++;
		return true;
	}
	if (r->posted_count == DEVIPC_POSTED_MAX)
		return false;
	r->posted[r->posted_count++] = *p;
	return true;
}

static bool read_in_window(struct remote *r, struct devipc_posted *p)
{
	bool fifo = r->ahead.flags & DEVIPC_AHEAD_FIFO;
	uint64_t at = fifo ? r->ahead_taken : p->offset - r->ahead.offset;

	if (!in_window(r, p) || !vl_within(at, p->size, r->ahead.bytes) || (fifo && !post(r, p)))
		return false;
	r->ahead_taken += fifo ? p->size : 0;
	p->value = 0;
	memcpy(&p->value, r->ahead_data + at, p->size);
	return true;
}

static bool write_in_window(struct remote *r, const struct devipc_posted *p)
{
	if (!in_window(r, p) || !(r->ahead.flags & DEVIPC_AHEAD_WRITES) || !post(r, p))
		return false;
	r->ahead.bytes = 0;
	return true;
}

/* True: there is nothing to ask for, and what was read is in p->value. */
static bool access_in_window(struct remote *r, struct devipc_posted *p)
{
	bool done;

	if (pthread_mutex_trylock(&r->lock) != 0)
		return false;
	done = p->op == DEVIPC_READ ? read_in_window(r, p) : write_in_window(r, p);
	r->spared += done;
	r->asked += !done;
	pthread_mutex_unlock(&r->lock);
	return done;
}

/* --- What the loop has for the device ------------------------------------------------------------ */

static void pass_input(struct remote *r)
{
	struct devipc_request q = { .op = DEVIPC_INPUT, .size = (uint32_t)r->input_count };
	struct devipc_answer a;
	size_t taken;

	r->input_held = true; /* until it asks, or took all */
	r->input_busy = true;
	taken = converse(r, &q, &a) ? r->input_count : a.reply.value;
	r->input_busy = false;
	r->input_count -= taken;
	memmove(r->input, r->input + taken, r->input_count);
	if (!r->input_count)
		input_ready(r);
}

static void pass_timer(struct remote *r)
{
	struct devipc_request q = { .op = DEVIPC_TIMER, .region = (uint32_t)__builtin_ctz(r->timers) };
	struct devipc_answer a;

	r->timers &= r->timers - 1;
	converse(r, &q, &a); /* without a worker there is no device that could miss it */
}

static void pass_completion(struct remote *r)
{
	struct devipc_request q = { .op = DEVIPC_COMPLETE, .error = r->result };
	struct devipc_answer a;

	r->completed = false;
	converse(r, &q, &a);
}

/* Passes one thing on; false when there is none. Machine lock held, given up meanwhile. */
static bool pass_on(struct remote *r)
{
	bool any = true;

	r->passing++;
	if (r->timers)
		pass_timer(r);
	else if (r->completed)
		pass_completion(r);
	else if (r->input_count && !r->input_held && !r->input_busy)
		pass_input(r);
	else
		any = false;
	r->passing--;
	if (any)
		pthread_cond_broadcast(&r->work);
	return any;
}

static bool worker_is_lost(struct remote *r)
{
	bool lost;

	if (pthread_mutex_trylock(&r->lock) != 0)
		return false; /* a conversation sees it */
	lost = r->supply >= 0 && r->end.link >= 0 && devlink_lost(&r->end);
	pthread_mutex_unlock(&r->lock);
	return lost;
}

/* Any request finds the next worker; this one changes nothing. */
static void replace_worker(struct remote *r)
{
	struct devipc_request q = { .op = DEVIPC_SAVE };
	struct devipc_answer a;

	r->passing++;
	converse(r, &q, &a);
	r->passing--;
	pthread_cond_broadcast(&r->work);
}

static void wait_for_work(struct remote *r)
{
	const struct timespec end = timed_condition_end(LOOK_NS);

	if (!r->rests) {
		pthread_cond_wait(&r->work, r->machine);
		return;
	}
	if (pthread_cond_timedwait(&r->work, r->machine, &end) && r->rests && worker_is_lost(r))
		replace_worker(r);
}

static void *run(void *context)
{
	struct remote *r = context;
	struct crash_thread crash;

	crash_thread_begin(&crash);
	pthread_mutex_lock(r->machine);
	while (!r->ends)
		if (!pass_on(r))
			wait_for_work(r);
	pthread_mutex_unlock(r->machine);
	crash_thread_end(&crash);
	return NULL;
}

static void remote_timer(void *dev, unsigned timer)
{
	struct remote *r = dev;

	r->timers |= 1u << timer;
	pthread_cond_broadcast(&r->work);
}

static size_t remote_input(void *dev, const uint8_t *data, size_t size)
{
	struct remote *r = dev;
	size_t n = size < sizeof(r->input) ? size : sizeof(r->input);

	if (r->input_count)
		n = 0;
	r->offer_refused = n < size;
	if (!n)
		return 0;
	memcpy(r->input, data, n);
	r->input_count = n;
	pthread_cond_broadcast(&r->work);
	return n;
}

/* Nothing is started under an id by what the environment has. */
static void remote_complete(void *dev, uint64_t id, int result)
{
	struct remote *r = dev;

	if (id)
		return;
	r->completed = true;
	if (!r->result)
		r->result = result;
	pthread_cond_broadcast(&r->work);
}

/* --- The model --------------------------------------------------------------------------------------- */

static uint64_t remote_read(void *dev, unsigned id, uint64_t offset, unsigned size)
{
	struct devipc_request q = { .op = DEVIPC_READ, .region = id, .offset = offset, .size = size };
	struct devipc_posted p = { DEVIPC_READ, (uint8_t)size, 1, id, offset, 0 };
	struct devipc_answer a;

	if (access_in_window(dev, &p))
		return p.value;
	return converse(dev, &q, &a) ? ~0ull : a.reply.value;
}

static void remote_write(void *dev, unsigned id, uint64_t offset, unsigned size, uint64_t value)
{
	struct devipc_request q = { .op = DEVIPC_WRITE, .region = id, .offset = offset, .size = size,
		.value = value };
	struct devipc_posted p = { DEVIPC_WRITE, (uint8_t)size, 1, id, offset, value };
	struct devipc_answer a;

	if (access_in_window(dev, &p))
		return;
	converse(dev, &q, &a); /* without a worker it is dropped, as where there is no device */
}

static void say(struct remote *r, uint32_t op)
{
	struct devipc_request q = { .op = op };
	struct devipc_answer a;

	converse(r, &q, &a);
}

/* From here on nobody but the caller asks the worker for anything. Machine lock held, given up meanwhile. */
static void end_rest(struct remote *r)
{
	r->rests = false;
	while (r->passing)
		pthread_cond_wait(&r->work, r->machine);
}

static void remote_start(void *dev)
{
	end_rest(dev);
	say(dev, DEVIPC_START);
	input_ready(dev);
}

/* What was due before goes first: a stopped device is not called. */
static void remote_stop(void *dev)
{
	struct remote *r = dev;

	while (pass_on(r) || r->passing)
		if (r->passing)
			pthread_cond_wait(&r->work, r->machine);
	say(r, DEVIPC_STOP);
	r->rests = true;
	pthread_cond_broadcast(&r->work);
}

/* Machine lock held; not within a conversation of another thread. */
static void forget(struct remote *r)
{
	pthread_mutex_unlock(r->machine);
	pthread_mutex_lock(&r->lock);
	r->journal_count = r->journal_posted_count = 0;
	r->checkpoint_bytes = 0;
	close_window(r);
	pthread_mutex_unlock(&r->lock);
	pthread_mutex_lock(r->machine);
	r->timers = 0;
	r->completed = false;
	r->result = 0;
	r->input_held = r->input_count != 0; /* until it is started */
}

static void remote_reset(void *dev)
{
	end_rest(dev);
	forget(dev);
	say(dev, DEVIPC_RESET);
}

static void remote_save(void *dev, struct state_writer *w)
{
	struct devipc_request q = { .op = DEVIPC_SAVE };
	struct remote *r = dev;
	struct devipc_answer a;

	if (converse(r, &q, &a)) {
		w->w.err = w->w.err ? w->w.err : VL_E_CLOSED;
		return;
	}
	state_put_bytes(w, FIELD_STATE | STATE_MANDATORY, r->checkpoint, r->checkpoint_bytes);
	state_put_bytes(w, FIELD_INPUT, r->input, r->input_count);
}

static int take_state(struct remote *r, struct state_reader *reader)
{
	const uint8_t *state, *input;
	size_t bytes, input_bytes = 0;

	if (!state_get_view(reader, FIELD_STATE, &state, &bytes))
		state_reader_fail(reader, VL_E_MISSING);
	else if (bytes > DEVIPC_STATE_BYTES || !bytes)
		state_reader_fail(reader, VL_E_LIMIT);
	if (state_get_view(reader, FIELD_INPUT, &input, &input_bytes) && input_bytes > sizeof(r->input))
		state_reader_fail(reader, VL_E_LIMIT);
	if (state_reader_finish(reader))
		return state_reader_finish(reader);
	memcpy(r->checkpoint, state, bytes);
	r->checkpoint_bytes = bytes;
	r->checkpoint_started = false;
	if (input_bytes)
		memcpy(r->input, input, input_bytes);
	r->input_count = input_bytes;
	r->input_held = true; /* until the device is started */
	return 0;
}

static int remote_restore(void *dev, struct state_reader *reader)
{
	struct devipc_request q = { .op = DEVIPC_RESTORE };
	struct remote *r = dev;
	struct devipc_answer a;
	int err;

	end_rest(r);
	forget(r);
	err = take_state(r, reader);
	if (err)
		return err;
	q.size = (uint32_t)r->checkpoint_bytes;
	err = converse(r, &q, &a);
	if (!err)
		err = a.reply.error;
	if (err)
		forget(r);
	return err;
}

static void remote_inspect(const void *dev, struct inspect *i)
{
	const struct remote *r = dev;

	inspect_bool(i, "connected", INSPECT_SENSITIVE, r->end.link >= 0);
	inspect_u64(i, "workers-replaced", INSPECT_SENSITIVE, INSPECT_COUNT, r->replaced);
	inspect_u64(i, "longest-replacement-ms", INSPECT_SENSITIVE, INSPECT_PLAIN, r->away_ms);
	inspect_u64(i, "checkpoint-bytes", INSPECT_SENSITIVE, INSPECT_PLAIN, r->checkpoint_bytes);
	inspect_u64(i, "journal-accesses", INSPECT_SENSITIVE, INSPECT_COUNT, r->journal_count);
	inspect_u64(i, "accesses-asked", INSPECT_SENSITIVE, INSPECT_COUNT, r->asked);
	inspect_u64(i, "accesses-in-window", INSPECT_SENSITIVE, INSPECT_COUNT, r->spared);
}

const struct dev_model remote_model = {
	.name = "remote",
	.version = VERSION,
	.read = remote_read,
	.write = remote_write,
	.start = remote_start,
	.stop = remote_stop,
	.reset = remote_reset,
	.save = remote_save,
	.restore = remote_restore,
	.timer = remote_timer,
	.input = remote_input,
	.complete = remote_complete,
	.inspect = remote_inspect,
};

int remote_init(struct remote *r, const char *name, int supply, uint8_t *shared, pthread_mutex_t *machine)
{
	memset(r, 0, offsetof(struct remote, input));
	r->name = name;
	r->machine = machine;
	r->supply = supply;
	r->end.link = -1;
	r->limit_ms = ANSWER_LIMIT_MS;
	r->supply_limit_ms = SUPPLY_LIMIT_MS;
	r->alone_limit_ms = ALONE_LIMIT_MS;
	r->journal_limit = REMOTE_JOURNAL_DEFAULT;
	r->shared = shared;
	pthread_mutex_init(&r->lock, NULL);
	timed_condition_init(&r->work);
	r->checkpoint = malloc(DEVIPC_STATE_BYTES);
	r->next = malloc(DEVIPC_STATE_BYTES);
	if (!r->checkpoint || !r->next)
		return VL_E_NOMEM;
	r->runs = pthread_create(&r->thread, NULL, run, r) == 0;
	return r->runs ? 0 : VL_E_OS;
}

void remote_destroy(struct remote *r)
{
	pthread_mutex_lock(r->machine);
	r->ends = true;
	pthread_cond_broadcast(&r->work);
	pthread_mutex_unlock(r->machine);
	if (r->runs)
		pthread_join(r->thread, NULL);
	devlink_drop(&r->end);
	free(r->checkpoint);
	free(r->next);
}
