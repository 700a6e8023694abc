/* host.h: requests, effects, demands, checkpoints; the unit of the inspect tree. */
#include "runtime/devworker/host.h"
#include "common/base/log.h"
#include "common/device/units.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/control.h"
#include "runtime/lib/inspect_unit.h"

#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CONFIG_LIMIT_MS 60000
#define RESULT_LIMIT_MS 60000u
#define SERVE_MAX 64u /* requests in a row until somebody else is looked at */
#define FILL_MIN 256u /* from so many equal bytes on they are not sent one by one */

static struct devhost *host_of(struct dev_env *env)
{
	return VL_CONTAINER_OF(env, struct devhost, env);
}

static void fail(struct devhost *h, int err)
{
	if (!h->err)
		h->err = err;
}

/* --- Effects: carried out by the VM worker when it has the answer ------------------------ */

static struct devipc_effect *effect(struct devhost *h, uint32_t kind, uint32_t index)
{
	static struct devipc_effect nowhere;
	struct devipc_effect *e = &h->effects[h->reply.effect_count];

	if (h->reply.effect_count == DEVIPC_EFFECT_MAX) {
		fail(h, VL_E_LIMIT);
		return &nowhere;
	}
	h->reply.effect_count++;
	*e = (struct devipc_effect){ .kind = kind, .index = index };
	return e;
}

static void env_irq(struct dev_env *env, unsigned line, bool level)
{
	struct devhost *h = host_of(env);
	uint32_t bit = line < DEVIPC_LINES ? 1u << line : 0;

	if (!bit || ((h->lines_known & bit) && !(h->lines & bit) == !level))
		return;
	h->lines_known |= bit;
	h->lines = level ? h->lines | bit : h->lines & ~bit;
	effect(h, DEVIPC_IRQ, line)->value = level;
}

static void env_msi(struct dev_env *env, uint64_t address, uint32_t data)
{
	struct devipc_effect *e = effect(host_of(env), DEVIPC_MSI, 0);

	e->address = address;
	e->value = data;
}

/* The last word on a timer counts. */
static struct devipc_effect *timer_effect(struct devhost *h, unsigned timer)
{
	for (uint32_t i = 0; i < h->reply.effect_count; i++) {
		struct devipc_effect *e = &h->effects[i];

		if (e->index == timer && (e->kind == DEVIPC_TIMER_SET || e->kind == DEVIPC_TIMER_CANCEL))
			return e;
	}
	return effect(h, DEVIPC_TIMER_SET, timer);
}

static void env_timer_set(struct dev_env *env, unsigned timer, uint64_t deadline_ns)
{
	struct devipc_effect *e;

	if (timer >= DEV_TIMER_COUNT)
		return;
	e = timer_effect(host_of(env), timer);
	e->kind = DEVIPC_TIMER_SET;
	e->value = deadline_ns;
}

static void env_timer_cancel(struct dev_env *env, unsigned timer)
{
	if (timer < DEV_TIMER_COUNT)
		timer_effect(host_of(env), timer)->kind = DEVIPC_TIMER_CANCEL;
}

static size_t env_output_room(struct dev_env *env, size_t wanted)
{
	struct devhost *h = host_of(env);
	size_t room = h->request.room - h->reply.output_bytes;

	if (room < wanted)
		effect(h, DEVIPC_OUTPUT_WAITS, 0);
	return room;
}

/* What is sent in one go is one effect. */
static struct devipc_effect *output_effect(struct devhost *h)
{
	struct devipc_effect *last = h->reply.effect_count ? &h->effects[h->reply.effect_count - 1] : NULL;

	return last && last->kind == DEVIPC_OUTPUT ? last : effect(h, DEVIPC_OUTPUT, 0);
}

static size_t env_output(struct dev_env *env, const uint8_t *data, size_t size)
{
	struct devhost *h = host_of(env);
	size_t room = env_output_room(env, size), n = size < room ? size : room;

	if (!n)
		return 0;
	memcpy(h->output + h->reply.output_bytes, data, n);
	h->reply.output_bytes += (uint32_t)n;
	output_effect(h)->value += n;
	return n;
}

static void env_input_ready(struct dev_env *env)
{
	effect(host_of(env), DEVIPC_INPUT_READY, 0);
}

static void env_machine(struct dev_env *env, unsigned event)
{
	effect(host_of(env), DEVIPC_MACHINE, event);
}

static uint64_t env_now_ns(struct dev_env *env)
{
	return host_of(env)->request.now_ns;
}

static uint64_t env_wall_ns(struct dev_env *env)
{
	return host_of(env)->request.wall_ns;
}

/* --- Demands: the VM worker's result is waited for ------------------------------------------ */

/* The result's error; after VL_E_CLOSED and the like the worker ends, and the model is told to stop. */
static int demand(struct devhost *h, const struct devipc_reply *r)
{
	struct devipc_request result;
	int err = h->err;

	h->demanded = true;
	h->counts.demands++;
	if (!err)
		err = devlink_answer(&h->end, r, NULL);
	if (!err)
		err = devlink_next(&h->end, &result, RESULT_LIMIT_MS);
	if (!err && result.op != DEVIPC_RESULT)
		err = VL_E_PROTOCOL;
	if (err) {
		fail(h, err);
		return VL_E_CLOSED;
	}
	return result.error;
}

static int env_mem_read(struct dev_env *env, gpa_t at, void *out, size_t size)
{
	struct devhost *h = host_of(env);
	uint8_t *to = out;
	size_t n;
	int err = 0;

	for (size_t done = 0; !err && done < size; done += n) {
		struct devipc_reply r = { .kind = DEVIPC_MEM_READ, .address = gpa_raw(at) + done };

		n = size - done < DEVIPC_DATA_BYTES ? size - done : DEVIPC_DATA_BYTES;
		r.size = (uint32_t)n;
		err = demand(h, &r);
		if (!err)
			memcpy(to + done, h->end.shared + DEVIPC_TO_DEVICE_AT, n);
	}
	return err;
}

static bool all_equal(const uint8_t *data, size_t size)
{
	return memcmp(data, data + 1, size - 1) == 0;
}

/* A piece that fits one demand; what is larger may be written in part before an error. */
static int write_piece(struct devhost *h, uint64_t at, const uint8_t *data, size_t size)
{
	struct devipc_reply r = { .kind = DEVIPC_MEM_WRITE, .address = at, .size = (uint32_t)size };

	if (size >= FILL_MIN && all_equal(data, size)) {
		r.kind = DEVIPC_MEM_FILL;
		r.value = data[0];
	} else {
		memcpy(h->end.shared + DEVIPC_FROM_DEVICE_AT, data, size);
	}
	return demand(h, &r);
}

static int env_mem_write(struct dev_env *env, gpa_t at, const void *data, size_t size)
{
	const uint8_t *from = data;
	size_t n;
	int err = 0;

	for (size_t done = 0; !err && done < size; done += n) {
		n = size - done < DEVIPC_DATA_BYTES ? size - done : DEVIPC_DATA_BYTES;
		err = write_piece(host_of(env), gpa_raw(at) + done, from + done, n);
	}
	return err;
}

static int env_map(struct dev_env *env, const struct dev_region *region)
{
	const struct devipc_reply r = { .kind = DEVIPC_MAP, .region = region->id,
		.space = (uint16_t)region->space, .width = (uint16_t)region->width,
		.address = region->base, .size64 = region->size };

	return demand(host_of(env), &r);
}

static const struct dev_env_ops env_ops = {
	.irq = env_irq,
	.msi = env_msi,
	.mem_read = env_mem_read,
	.mem_write = env_mem_write,
	.now_ns = env_now_ns,
	.timer_set = env_timer_set,
	.timer_cancel = env_timer_cancel,
	.wall_ns = env_wall_ns,
	.output = env_output,
	.output_room = env_output_room,
	.input_ready = env_input_ready,
	.machine = env_machine,
	.map = env_map,
};

/* --- Requests ---------------------------------------------------------------------------------- */

static void checkpoint(struct devhost *h)
{
	struct state_writer w;
	int64_t size;

	state_writer_init(&w, h->end.shared + DEVIPC_STATE_AT, DEVIPC_STATE_BYTES);
	units_save(&h->instance, 1, &w);
	size = state_writer_finish(&w);
	if (size < 0)
		fail(h, (int)size);
	else
		h->reply.checkpoint_bytes = (uint32_t)size;
	h->counts.checkpoints++;
}

static int restore(struct devhost *h, size_t size)
{
	struct state_stream s;
	int err;

	memcpy(h->copy, h->end.shared + DEVIPC_STATE_AT, size);
	err = state_stream_open(&s, h->copy, size, NULL);
	return err ? err : units_restore(&h->instance, 1, &s, NULL);
}

/* The model gets a copy of the input: it may look at a byte twice. */
static void input(struct devhost *h, size_t size)
{
	const struct dev_model *m = h->instance.model;

	memcpy(h->copy, h->end.shared + DEVIPC_TO_DEVICE_AT, size);
	h->reply.value = m->input ? m->input(h->instance.dev, h->copy, size) : size;
}

/* What is read here the guest has had already. */
static void act_posted(struct devhost *h)
{
	const struct dev_model *m = h->instance.model;

	for (uint32_t i = 0; i < h->request.posted; i++) {
		const struct devipc_posted *p = &h->posted[i];

		for (unsigned n = 0; n < p->count; n++) {
			if (p->op == DEVIPC_READ)
				m->read(h->instance.dev, p->region, p->offset, p->size);
			else
				m->write(h->instance.dev, p->region, p->offset, p->size, p->value);
		}
	}
}

static void look_ahead(struct devhost *h)
{
	const struct dev_model *m = h->instance.model;
	struct dev_ahead a = { 0 };

	if (m->ahead)
		m->ahead(h->instance.dev, &a);
	if (a.bytes > DEVIPC_AHEAD_BYTES)
		a.bytes = DEVIPC_AHEAD_BYTES;
	if (a.bytes)
		memcpy(h->end.shared + DEVIPC_AHEAD_AT, a.data, a.bytes);
	h->reply.ahead = (struct devipc_ahead){ .region = a.region, .offset = a.offset, .size = a.size,
		.bytes = a.bytes,
		.flags = (a.fifo ? DEVIPC_AHEAD_FIFO : 0u) | (a.writes ? DEVIPC_AHEAD_WRITES : 0u) };
}

static void act(struct devhost *h)
{
	const struct devipc_request *q = &h->request;
	const struct dev_model *m = h->instance.model;
	void *dev = h->instance.dev;

	switch (q->op) {
	case DEVIPC_READ: h->reply.value = m->read(dev, q->region, q->offset, q->size); break;
	case DEVIPC_WRITE: m->write(dev, q->region, q->offset, q->size, q->value); break;
	case DEVIPC_INPUT: input(h, q->size); break;
	case DEVIPC_TIMER:
		if (m->timer)
			m->timer(dev, q->region);
		break;
	case DEVIPC_COMPLETE:
		if (m->complete)
			m->complete(dev, q->offset, q->error);
		break;
	case DEVIPC_START: units_start(&h->instance, 1); break;
	case DEVIPC_STOP: units_stop(&h->instance, 1); break;
	case DEVIPC_RESET: units_reset(&h->instance, 1); break;
	case DEVIPC_SAVE: break;
	case DEVIPC_RESTORE: h->reply.error = restore(h, q->size); break;
	default: fail(h, VL_E_PROTOCOL); /* a result that nobody demanded */
	}
}

/* Its answer depends on more than the request, or has to last. */
static bool needs_checkpoint(const struct devhost *h)
{
	uint32_t op = h->request.op;

	if (op == DEVIPC_SAVE || op == DEVIPC_INPUT || h->demanded)
		return true;
	return op != DEVIPC_RESTORE && op != DEVIPC_RESET && h->hooks.lasting &&
		h->hooks.lasting(h->instance.dev, &h->request);
}

int devhost_serve(struct devhost *h)
{
	int err = devlink_take(&h->end, &h->request);

	if (!err)
		err = devipc_take_posted(h->end.shared, h->request.posted, h->posted);
	if (err)
		return err;
	h->reply = (struct devipc_reply){ .kind = DEVIPC_ANSWER };
	h->demanded = false;
	h->counts.requests++;
	h->counts.posted += h->request.posted;
	if (h->hooks.event)
		h->hooks.event(h->instance.dev);
	act_posted(h);
	act(h);
	look_ahead(h);
	if (!h->err && needs_checkpoint(h))
		checkpoint(h);
	if (h->err)
		return h->err;
	memcpy(h->end.shared + DEVIPC_FROM_DEVICE_AT, h->output, h->reply.output_bytes);
	return devlink_answer(&h->end, &h->reply, h->effects);
}

/* --- The unit of the inspect tree ---------------------------------------------------------------- */

void devhost_inspect(void *context, struct inspect *i)
{
	const struct devhost *h = context;
	const struct dev_model *m = h->instance.model;

	inspect_text(i, "model", INSPECT_SAFE, m->name);
	inspect_u64(i, "requests", INSPECT_SAFE, INSPECT_COUNT, h->counts.requests);
	inspect_u64(i, "posted-accesses", INSPECT_SAFE, INSPECT_COUNT, h->counts.posted);
	inspect_u64(i, "demands", INSPECT_SAFE, INSPECT_COUNT, h->counts.demands);
	inspect_u64(i, "checkpoints", INSPECT_SAFE, INSPECT_COUNT, h->counts.checkpoints);
	if (m->inspect && inspect_open(i, "registers", INSPECT_SENSITIVE)) {
		m->inspect(h->instance.dev, i);
		inspect_close(i);
	}
}

/* Who asks badly is not listened to any more; the device goes on. */
static void serve_unit(struct devhost *h, struct pollfd *f)
{
	int err = inspect_unit_serve(h->unit, devhost_inspect, h);

	if (!err || err == VL_E_AGAIN)
		return;
	close(h->unit);
	h->unit = f->fd = -1;
}

/* --- Loop -------------------------------------------------------------------------------------- */

enum { POLL_EVENT = DEVLINK_POLL, POLL_UNIT, POLL_COUNT };

/* True: there may be more, and the guest waits for it. */
static bool serve_some(struct devhost *h, int *err)
{
	unsigned n = 0;

	for (; !*err && n < SERVE_MAX && devlink_pending(&h->end); n++)
		*err = devhost_serve(h);
	return n == SERVE_MAX;
}

int devhost_run(struct devhost *h)
{
	struct pollfd f[POLL_COUNT] = {
		[POLL_EVENT] = { .fd = h->hooks.event ? h->hooks.event_fd : -1, .events = POLLIN },
		[POLL_UNIT] = { .fd = h->unit, .events = POLLIN },
	};
	int err = 0;

	devlink_poll(&h->end, f);
	while (!err) {
		bool more = serve_some(h, &err);

		if (err || poll(f, POLL_COUNT, more ? 0 : -1) < 0)
			continue;
		if (f[POLL_EVENT].revents)
			h->hooks.event(h->instance.dev);
		if (f[POLL_UNIT].revents)
			serve_unit(h, &f[POLL_UNIT]);
		err = devlink_woken(&h->end, f);
	}
	return err;
}

void devhost_init(struct devhost *h, const struct dev_model *model, void *dev)
{
	h->env.ops = &env_ops;
	h->instance = (struct dev_instance){ DEVIPC_UNIT, model, dev };
}

int devhost_open(struct devhost *h, struct devipc_config *config, int *store)
{
	struct channel_message m = { .data = config, .capacity = sizeof(*config) };
	int err = channel_receive(CONTROL_FD, &m, CONFIG_LIMIT_MS);
	void *shared;

	if (!err)
		err = devipc_config_check(m.data, m.size, m.fd_count, store != NULL);
	if (err) {
		channel_close_fds(&m);
		return err;
	}
	if (store)
		*store = m.fds[DEVIPC_FD_STORE];
	shared = mmap(NULL, DEVIPC_SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
		m.fds[DEVIPC_FD_SHARED], 0);
	if (shared == MAP_FAILED)
		return VL_E_OS;
	devlink_answerer(&h->end, m.fds, shared);
	h->unit = config->unit ? m.fds[m.fd_count - 1] : -1;
	return 0;
}
