/*
 * Fuzzes the device worker's end of device worker IPC (runtime/devworker) with
 * a hostile VM worker: the input is requests, results of demands and what lies
 * in the areas of data. The models are those that it hosts, and one with guest
 * memory. A worker that refuses what it was told begins anew.
 */
#include "runtime/dev/pl011.h"
#include "runtime/dev/serial16550.h"
#include "runtime/dev/virtio_blk.h"
#include "runtime/devworker/host.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static union {
	struct serial16550 serial;
	struct pl011 uart;
	struct virtio_blk disk;
} dev;
static struct devhost host;
static uint8_t *shared;
static int its[DEVLINK_FDS], ours[DEVLINK_FDS]; /* the device worker's, the VM worker's */

static const uint8_t *input;
static size_t input_bytes;
static _Atomic bool serving;

static void take(void *out, size_t size)
{
	size_t n = size < input_bytes ? size : input_bytes;

	memcpy(out, input, n);
	input += n;
	input_bytes -= n;
}

/* --- The VM worker: a thread that answers demands ------------------------------------------- */

/* Or silences the worker's bell, or leaves both so full that nobody can ring. */
static void ring(uint8_t how)
{
	const uint64_t full = UINT64_MAX - 1, one = 1;
	uint64_t times;
	ssize_t n = 0;

	if (how & 0x40)
		n = read(ours[DEVIPC_FD_ASKED], &times, sizeof(times));
	if (n >= 0 && how & 0x80)
		n = write(ours[DEVIPC_FD_ANSWERED], &full, sizeof(full));
	if (n >= 0 || errno == EAGAIN)
		n = write(ours[DEVIPC_FD_ASKED], how & 0x80 ? &full : &one, sizeof(one));
	if (n < 0 && errno != EAGAIN)
		abort();
}

static void *answer_demands(void *context)
{
	struct devipc_mailbox *m = devipc_mailbox(shared);

	for (;;) {
		struct devipc_request result = { .op = DEVIPC_RESULT };
		uint8_t how = 0;

		if (!serving || atomic_load(&m->answered) != atomic_load(&m->asked) ||
				m->reply.kind == DEVIPC_ANSWER) {
			sched_yield();
			continue;
		}
		take(&how, 1);
		if (how & 1)
			take(&result, sizeof(result));
		else
			take(shared + DEVIPC_TO_DEVICE_AT, how);
		m->request = result;
		m->reply.kind = DEVIPC_ANSWER;
		atomic_fetch_add(&m->asked, 1);
		ring(how);
	}
	return NULL;
}

static void init_disk(void)
{
	virtio_blk_init(&dev.disk, &host.env, false);
}

static void power_on(uint8_t kind)
{
	struct devipc_mailbox *m = devipc_mailbox(shared);

	memset(&host, 0, sizeof(host));
	memset(&dev, 0, sizeof(dev));
	memset(shared + DEVIPC_POSTED_AT, 0, 64 * sizeof(struct devipc_posted));
	devlink_answerer(&host.end, its, shared);
	host.end.open = true;
	atomic_store(&m->asked, 0);
	atomic_store(&m->answered, 0);
	atomic_store(&m->asker_sleeps, 0);
	m->reply.kind = DEVIPC_ANSWER;
	switch (kind % 3) {
	case 0:
		devhost_init(&host, &serial16550_model, &dev);
		serial16550_init(&dev.serial, &host.env);
		break;
	case 1:
		devhost_init(&host, &pl011_model, &dev);
		pl011_init(&dev.uart, &host.env);
		break;
	default:
		devhost_init(&host, &virtio_blk_model, &dev);
		init_disk();
	}
}

static void begin(void)
{
	pthread_t thread;

	shared = mmap(NULL, DEVIPC_SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || devlink_make(ours, its))
		abort();
	power_on(0);
	if (pthread_create(&thread, NULL, answer_demands, NULL))
		abort();
}

/* None of the counts that may be is so large that an input takes long. */
static void take_posted(unsigned count)
{
	struct devipc_posted *p = (struct devipc_posted *)(void *)(shared + DEVIPC_POSTED_AT);

	take(p, count * sizeof(*p));
	for (unsigned i = 0; i < count; i++)
		if (p[i].count <= DEVIPC_AHEAD_BYTES)
			p[i].count &= 63;
}

/* One request: a short form that often makes sense, or all of it. */
static int ask(void)
{
	struct devipc_mailbox *m = devipc_mailbox(shared);
	struct devipc_request q = { .room = 16 };
	uint8_t how = 0, byte[4] = { 0 };
	int err;

	take(&how, 1);
	if (how & 0x80) {
		take(&q, sizeof(q));
	} else {
		take(byte, sizeof(byte));
		q.op = how % DEVIPC_OP_COUNT;
		q.region = how & 0x40 ? DEV_REGION_PCI_CONFIG : byte[0] & 3;
		q.offset = byte[1];
		q.size = 1u << (byte[0] >> 6);
		q.value = byte[2] | (uint64_t)byte[3] << 8;
	}
	if (how & 0x10 && q.op != DEVIPC_RESULT) {
		take(byte, 1);
		q.posted = byte[0] & 63;
		take_posted(q.posted);
	}
	if (how & 0x20)
		take(shared + (q.op == DEVIPC_RESTORE ? DEVIPC_STATE_AT : DEVIPC_TO_DEVICE_AT), 128);
	m->request = q;
	atomic_fetch_add(&m->asked, 1);
	serving = true;
	err = devhost_serve(&host);
	serving = false;
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!shared)
		begin();
	if (!size)
		return 0;
	power_on(data[0]);
	input = data + 1;
	input_bytes = size - 1;
	for (unsigned i = 0; i < 64 && input_bytes; i++)
		if (ask())
			power_on(data[0]);
	return 0;
}
