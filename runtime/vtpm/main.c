/*
 * vallum-vtpm, the virtual TPM's worker: a static program against GNU's libc,
 * for Debian has libtpms for no other. Started by the paravisor with nothing
 * open but 3, over which it gets its configuration, its link to the VM worker,
 * the memory for checkpoints and the store for its two files. The VM worker
 * passes on what the guest does and is not trusted.
 */
#include "common/base/fmt.h"
#include "common/device/units.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/control.h"
#include "runtime/lib/devlink.h"
#include "runtime/lib/kmsg.h"
#include "runtime/lib/store.h"
#include "runtime/sandbox/sandbox.h"
#include "runtime/vtpm/vtpm.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CONFIG_LIMIT_MS 60000
#define REPLY_LIMIT_MS 10000
#define VERSION_TEXT "Vallum"

static struct vtpm device; /* libtpms has one TPM in a process */
static struct engine engine;
static struct dev_env nothing; /* the model calls none of it */

struct host {
	int store;
	struct devlink_end end;
	uint8_t *shared;
	unsigned slot; /* the next checkpoint's */
	bool dirty;    /* a command ended, or the boot went a step: to be in a checkpoint before it is seen */
	uint8_t copy[DEVLINK_SLOT_BYTES]; /* of a checkpoint, before it is judged */
};

static const struct dev_instance instance = { DEVLINK_UNIT, &vtpm_model, &device };

static int64_t nv_read(void *context, enum vtpm_file file, void *out, size_t room)
{
	return store_read(((const struct host *)context)->store, file, out, room);
}

static int nv_write(void *context, enum vtpm_file file, const void *data, size_t size)
{
	return store_write(((const struct host *)context)->store, file, data, size);
}

static const struct vtpm_nv_ops nv_ops = { nv_read, nv_write };

static int take_config(struct devlink_tpm_config *c, struct host *h)
{
	struct channel_message m = { .data = c, .capacity = sizeof(*c) };
	int err = channel_receive(CONTROL_FD, &m, CONFIG_LIMIT_MS);

	if (!err && (m.size != sizeof(*c) || m.fd_count != DEVLINK_TPM_FD_COUNT || c->version != DEVLINK_VERSION))
		err = VL_E_PROTOCOL;
	if (err)
		return err;
	h->store = m.fds[DEVLINK_TPM_FD_STORE];
	h->shared = mmap(NULL, DEVLINK_SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
		m.fds[DEVLINK_TPM_FD_SHARED], 0);
	if (h->shared == MAP_FAILED)
		return VL_E_OS;
	devlink_answerer(&h->end, m.fds[DEVLINK_TPM_FD_LINK], h->shared);
	return 0;
}

/* Into the slot that the last one is not in. */
static void checkpoint(struct host *h, struct devlink_reply *a)
{
	struct state_writer w;
	int64_t size;

	state_writer_init(&w, h->shared + h->slot * DEVLINK_SLOT_BYTES, DEVLINK_SLOT_BYTES);
	units_save(&instance, 1, &w);
	size = state_writer_finish(&w);
	if (size < 0) {
		vl_error("a checkpoint cannot be written: %s", vl_err_text((int)size));
		return;
	}
	a->slot = h->slot;
	a->checkpoint_bytes = (uint64_t)size;
	h->slot = (h->slot + 1) % DEVLINK_SLOT_COUNT;
	h->dirty = false;
}

static int restore(struct host *h, const struct devlink_request *q)
{
	struct state_stream s;
	int err;

	memcpy(h->copy, h->shared + q->offset * DEVLINK_SLOT_BYTES, q->value);
	err = state_stream_open(&s, h->copy, q->value, NULL);
	if (!err)
		err = units_restore(&instance, 1, &s, NULL);
	h->slot = (unsigned)(q->offset + 1) % DEVLINK_SLOT_COUNT;
	h->dirty = false;
	return err;
}

/* A command that ended is in a checkpoint before the guest can see it: only requests are looked at, one by one. */
static void collect(struct host *h)
{
	unsigned before = device.phase;
	uint64_t count;
	ssize_t n = read(engine.event_fd, &count, sizeof(count));

	(void)n; /* empty: nothing has ended */
	vtpm_model.complete(&device, VTPM_COMMAND_ENDED, 0);
	h->dirty = h->dirty || (before == VTPM_EXECUTING && device.phase != VTPM_EXECUTING);
}

static void act(struct host *h, const struct devlink_request *q, struct devlink_reply *a)
{
	switch (q->op) {
	case DEVLINK_READ: a->value = vtpm_model.read(&device, q->region, q->offset, q->size); break;
	case DEVLINK_WRITE:
		vtpm_model.write(&device, q->region, q->offset, q->size, q->value);
		h->dirty = h->dirty || device.phase == VTPM_COMPLETE ||
			(q->region == VTPM_REGION_BOOT && q->offset == offsetof(struct vtpm_boot, command));
		break;
	case DEVLINK_START: vtpm_model.start(&device); break;
	case DEVLINK_STOP: vtpm_model.stop(&device); break;
	case DEVLINK_RESET: vtpm_model.reset(&device); break;
	case DEVLINK_SAVE: checkpoint(h, a); break;
	case DEVLINK_RESTORE: a->error = restore(h, q); break;
	}
}

static int serve(struct host *h)
{
	struct devlink_request q;
	struct devlink_reply a = { 0 };
	int err = devlink_take(&h->end, &q);

	if (err)
		return err;
	if (h->dirty && q.op != DEVLINK_RESTORE && q.op != DEVLINK_RESET)
		checkpoint(h, &a);
	act(h, &q, &a);
	return devlink_answer(&h->end, &a, REPLY_LIMIT_MS);
}

static int run(struct host *h)
{
	struct pollfd f[] = {
		{ .fd = h->end.link, .events = POLLIN },
		{ .fd = engine.event_fd, .events = POLLIN },
	};
	int err = 0;

	while (!err) {
		/* A guest that asks without a pause must not hold up the end of its command. */
		while (!err && devlink_pending(&h->end)) {
			collect(h);
			err = serve(h);
		}
		if (err || poll(f, VL_ARRAY_COUNT(f), -1) < 0)
			continue;
		if (f[1].revents)
			collect(h);
		if (f[0].revents)
			err = devlink_doorbell(&h->end);
	}
	return err;
}

static int prepare(struct host *h)
{
	const struct vtpm_nv nv = { &nv_ops, h };
	struct devlink_tpm_config c;
	int err = take_config(&c, h);

	if (err) {
		vl_error("no usable configuration from the paravisor: %s", vl_err_text(err));
		return err;
	}
	err = engine_open(&engine, &nv, true);
	if (err)
		vl_error("the engine's thread: %s", vl_err_text(err));
	else
		vtpm_init(&device, &nothing, &engine, c.interface == VTPM_CRB ? VTPM_CRB : VTPM_FIFO, c.base,
			VERSION_TEXT);
	return err;
}

int main(void)
{
	static struct host host; /* too big for the stack */
	const char *step = "";
	int err;

	kmsg_init("vallum-vtpm", VL_LOG_INFO);
	tpm_prepare_library(open("/dev/null", O_WRONLY | O_CLOEXEC));
	err = sandbox_enter(&sandbox_vtpm, &step);
	if (err) {
		vl_error("sandbox: %s: %s", step, vl_err_text(err));
		return 1;
	}
	err = prepare(&host);
	if (!err)
		err = run(&host);
	if (err != VL_E_CLOSED)
		vl_error("ends: %s", vl_err_text(err));
	return err == VL_E_CLOSED ? 0 : 1;
}
