/* remote.h. All calls come under the machine lock; a wait for a worker keeps it. */
#include "runtime/vm/remote.h"
#include "common/base/log.h"
#include "runtime/lib/channel.h"

#include <string.h>
#include <unistd.h>

#define ANSWER_LIMIT_MS 60000u /* a key of the TPM's firmware, on an emulated machine */
#define SUPPLY_LIMIT_MS 120000u
#define TRIES_MAX 16u /* workers that die in one and the same access */
#define VERSION 1
#define FIELD_STATE 1

static void drop_link(struct remote *r)
{
	if (r->end.link >= 0)
		close(r->end.link);
	r->end.link = -1;
}

/* The device is gone for good. */
static void give_up(struct remote *r, int err)
{
	vl_error("%s: no worker any more: %s; the guest reads ones", r->name, vl_err_text(err));
	r->supply = -1;
}

/* The next link. A paravisor that closes the supply gives no more. */
static int take_link(struct remote *r)
{
	uint8_t byte[8];
	struct channel_message m = { .data = byte, .capacity = sizeof(byte) };
	int err = channel_receive(r->supply, &m, (int)r->supply_limit_ms);

	if (!err && m.fd_count != 1) {
		channel_close_fds(&m);
		err = VL_E_PROTOCOL;
	}
	if (!err)
		devlink_asker(&r->end, m.fds[0], r->shared);
	return err;
}

static int exchange(struct remote *r, const struct devlink_request *q, struct devlink_reply *a)
{
	int err = devlink_ask(&r->end, q, a, r->limit_ms);

	if (!err && (a->slot >= DEVLINK_SLOT_COUNT || a->checkpoint_bytes > DEVLINK_SLOT_BYTES))
		err = VL_E_PROTOCOL;
	return err;
}

static void complain(const struct remote *r)
{
	const struct devlink_complaint c = { DEVLINK_COMPLAINT };
	int err = channel_send(r->supply, &c, sizeof(c), NULL, 0, 0);

	if (err)
		vl_debug("%s: complaint about its worker: %s", r->name, vl_err_text(err));
}

static int replay_one(struct remote *r, const struct devlink_request *q)
{
	struct devlink_reply a;

	return exchange(r, q, &a); /* a checkpoint in it is not taken: the journal is the truth until it is over */
}

/* A fresh worker is brought to where the last one was. */
static int bring_up(struct remote *r)
{
	const struct devlink_request restore = { .op = DEVLINK_RESTORE, .offset = r->slot, .value = r->checkpoint_bytes };
	const struct devlink_request start = { .op = DEVLINK_START };
	struct devlink_reply a;
	int err = 0;

	if (r->checkpoint_bytes) {
		err = exchange(r, &restore, &a);
		if (!err && a.error) {
			vl_error("%s: a new worker refuses the checkpoint: %s", r->name, vl_err_text(a.error));
			err = VL_E_STATE;
		}
		if (!err && r->started)
			err = replay_one(r, &start);
	}
	for (unsigned i = 0; !err && i < r->journal_count; i++)
		err = replay_one(r, &r->journal[i]);
	return err;
}

static int connect_worker(struct remote *r)
{
	int err = take_link(r);

	if (err) {
		give_up(r, err);
		return VL_E_CLOSED;
	}
	err = bring_up(r);
	if (err)
		drop_link(r);
	return err;
}

/* One request through whichever worker there is. VL_E_CLOSED: there is none any more. */
static int call(struct remote *r, const struct devlink_request *q, struct devlink_reply *a)
{
	int err = VL_E_CLOSED;

	for (unsigned tries = 0; r->supply >= 0 && tries < TRIES_MAX; tries++) {
		err = r->end.link < 0 ? connect_worker(r) : 0;
		if (!err)
			err = exchange(r, q, a);
		if (!err)
			return 0;
		if (r->supply < 0)
			break;
		vl_warn("%s: lost its worker (%s), waiting for the next", r->name, vl_err_text(err));
		if (err != VL_E_CLOSED)
			complain(r);
		drop_link(r);
		r->replaced++;
	}
	if (r->supply >= 0)
		give_up(r, err);
	return VL_E_CLOSED;
}

/* After an answer: what the checkpoint has need not be given again. */
static void forget(struct remote *r, const struct devlink_reply *a)
{
	if (!a->checkpoint_bytes)
		return;
	r->slot = a->slot;
	r->checkpoint_bytes = a->checkpoint_bytes;
	r->journal_count = 0;
}

static int checkpoint(struct remote *r)
{
	const struct devlink_request q = { .op = DEVLINK_SAVE };
	struct devlink_reply a;
	int err = call(r, &q, &a);

	if (!err && !a.checkpoint_bytes)
		err = VL_E_PROTOCOL;
	if (!err)
		forget(r, &a);
	return err;
}

/* An access that changes the device: it is remembered until a checkpoint holds it. */
static uint64_t remembered(struct remote *r, const struct devlink_request *q)
{
	struct devlink_reply a;

	if (r->journal_count == REMOTE_JOURNAL_MAX && checkpoint(r))
		return ~0ull;
	if (call(r, q, &a))
		return ~0ull;
	forget(r, &a);
	r->journal[r->journal_count++] = *q;
	return a.value;
}

static uint64_t remote_read(void *dev, unsigned id, uint64_t offset, unsigned size)
{
	const struct devlink_request q = { .op = DEVLINK_READ, .region = id, .offset = offset, .size = size };

	return remembered(dev, &q);
}

static void remote_write(void *dev, unsigned id, uint64_t offset, unsigned size, uint64_t value)
{
	const struct devlink_request q = { .op = DEVLINK_WRITE, .region = id, .offset = offset, .size = size,
		.value = value };

	remembered(dev, &q);
}

static void remote_start(void *dev)
{
	const struct devlink_request q = { .op = DEVLINK_START };
	struct remote *r = dev;

	remembered(r, &q);
	r->started = true;
}

static void remote_stop(void *dev)
{
	const struct devlink_request q = { .op = DEVLINK_STOP };
	struct remote *r = dev;

	remembered(r, &q);
	r->started = false;
}

static void remote_reset(void *dev)
{
	const struct devlink_request q = { .op = DEVLINK_RESET };
	struct remote *r = dev;

	r->journal_count = 0;
	r->checkpoint_bytes = 0;
	remembered(r, &q);
}

static void remote_save(void *dev, struct state_writer *w)
{
	struct remote *r = dev;

	if (checkpoint(r))
		w->w.err = w->w.err ? w->w.err : VL_E_CLOSED;
	else
		state_put_bytes(w, FIELD_STATE | STATE_MANDATORY, r->shared + r->slot * DEVLINK_SLOT_BYTES,
			r->checkpoint_bytes);
}

static int remote_restore(void *dev, struct state_reader *reader)
{
	struct remote *r = dev;
	struct devlink_request q = { .op = DEVLINK_RESTORE };
	struct devlink_reply a;
	const uint8_t *state;
	size_t bytes;
	int err;

	if (!state_get_view(reader, FIELD_STATE, &state, &bytes))
		state_reader_fail(reader, VL_E_MISSING);
	else if (bytes > DEVLINK_SLOT_BYTES || !bytes)
		state_reader_fail(reader, VL_E_LIMIT);
	err = state_reader_finish(reader);
	if (err)
		return err;
	memcpy(r->shared, state, bytes);
	q.value = bytes;
	err = call(r, &q, &a);
	if (err || a.error)
		return err ? err : a.error < 0 ? a.error : VL_E_PROTOCOL;
	r->slot = 0;
	r->checkpoint_bytes = bytes;
	r->journal_count = 0;
	return 0;
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
};

void remote_init(struct remote *r, const char *name, int supply, uint8_t *shared)
{
	memset(r, 0, sizeof(*r));
	r->name = name;
	r->supply = supply;
	r->end.link = -1;
	r->limit_ms = ANSWER_LIMIT_MS;
	r->supply_limit_ms = SUPPLY_LIMIT_MS;
	r->shared = shared;
}
