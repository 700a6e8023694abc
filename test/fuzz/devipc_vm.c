/*
 * Fuzzes the VM worker's end of device worker IPC (runtime/vm/remote.c) with a
 * hostile device worker: the input is what lies in the shared memory when the
 * worker says that it has answered. A thread is the worker and the paravisor
 * that replaces it; when the input is used up it is honest, so that every call
 * ends. What must not happen: a crash, a wait without end, an effect that the
 * machine cannot take.
 */
#include "common/device/units.h"
#include "runtime/lib/channel.h"
#include "runtime/vm/remote.h"
#include "test/unit/dev/fake_env.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RAM_BYTES 0x10000u
#define RINGS 20u /* more than an honest worker's */
#define BELL_FULL (UINT64_MAX - 1) /* eventfd(2): the counter can have no more */

static struct remote remote;
static struct fake_env place;
static struct dev_env_ops ops;
static pthread_mutex_t machine = PTHREAD_MUTEX_INITIALIZER;
static uint8_t *shared;
static int supply[2];

static const uint8_t *input;
static size_t input_bytes;

/* The machine has more lines than the fake one; none of what a model may not do may arrive. */
static void take_irq(struct dev_env *env, unsigned line, bool level)
{
	if (line >= DEVIPC_LINES)
		abort();
}

static void take_timer(struct dev_env *env, unsigned timer, uint64_t deadline_ns)
{
	if (timer >= DEV_TIMER_COUNT)
		abort();
}

static size_t take_output(struct dev_env *env, const uint8_t *data, size_t size)
{
	if (size > DEVIPC_DATA_BYTES)
		abort();
	return size;
}

/* --- The worker -------------------------------------------------------------------------- */

static size_t take(void *out, size_t size)
{
	size_t n = size < input_bytes ? size : input_bytes;

	memcpy(out, input, n);
	input += n;
	input_bytes -= n;
	return n;
}

static void be_honest(struct devipc_mailbox *m)
{
	struct state_writer w;

	memset(&m->reply, 0, sizeof(m->reply));
	m->reply.kind = DEVIPC_ANSWER;
	state_writer_init(&w, shared, DEVIPC_STATE_BYTES);
	state_begin_unit(&w, DEVIPC_UNIT, 1);
	state_end_unit(&w);
	m->reply.checkpoint_bytes = (uint32_t)state_writer_finish(&w);
}

static void ring(int bell, uint64_t times)
{
	if (write(bell, &times, sizeof(times)) < 0 && errno != EAGAIN)
		abort();
}

static void silence(int bell)
{
	uint64_t times;

	if (read(bell, &times, sizeof(times)) < 0 && errno != EAGAIN)
		abort();
}

/* All that it can do with its descriptors but to leave the VM worker waiting, which takes its time. */
static void abuse(const int *its)
{
	uint8_t how = 0;

	take(&how, 1);
	if (how & 1)
		ring(its[DEVIPC_FD_ANSWERED], BELL_FULL);
	if (how & 2)
		ring(its[DEVIPC_FD_ASKED], BELL_FULL);
	if (how & 4)
		channel_send(its[DEVIPC_FD_LINK], "", 1, NULL, 0, 0);
	if (how & 8)
		silence(its[DEVIPC_FD_ANSWERED]);
	for (unsigned i = 0; (how & 0x70) == 0x70 && i < RINGS; i++) {
		ring(its[DEVIPC_FD_ANSWERED], 1);
		sched_yield();
	}
}

static void answer(const int *its, uint32_t *count)
{
	struct devipc_mailbox *m = devipc_mailbox(shared);
	uint8_t how;

	if (take(&how, 1) == 0) {
		be_honest(m);
	} else {
		if (how & 1)
			be_honest(m);
		if (how & 2)
			take(&m->reply, sizeof(m->reply));
		else
			take(&m->reply, 12); /* kind, error, half a value */
		if (how & 4)
			take(m->effects, 2 * sizeof(m->effects[0]));
		if (how & 8)
			take(shared + DEVIPC_STATE_AT, 64);
		if (how & 16)
			take(&m->reply.ahead, sizeof(m->reply.ahead));
		*count += (how & 0xf0) == 0xf0;
		if ((how & 0x60) == 0x60)
			abuse(its);
	}
	atomic_store(&m->answerer_sleeps, 1);
	atomic_store(&m->answered, ++*count);
	ring(its[DEVIPC_FD_ANSWERED], 1);
}

static void give_link(int its[DEVLINK_FDS])
{
	const struct devipc_supply s = { DEVIPC_SUPPLY, 1 };
	int ours[DEVLINK_FDS];

	if (devlink_make(ours, its) || channel_send(supply[0], &s, sizeof(s), ours, DEVLINK_FDS, 1000))
		abort();
	devlink_close(ours);
}

static void *be_the_worker(void *context)
{
	int its[DEVLINK_FDS];
	uint32_t count = 0;

	give_link(its);
	for (;;) {
		struct pollfd f[] = { { its[DEVIPC_FD_ASKED], POLLIN, 0 }, { its[DEVIPC_FD_LINK], 0, 0 },
			{ supply[0], POLLIN, 0 } };
		uint8_t bytes[64];
		struct channel_message m = { .data = bytes, .capacity = sizeof(bytes) };

		if (poll(f, VL_ARRAY_COUNT(f), -1) < 0)
			continue;
		if (f[2].revents)
			channel_receive(supply[0], &m, 0);
		if (f[1].revents) { /* it was dropped */
			devlink_close(its);
			count = 0;
			give_link(its);
			continue;
		}
		silence(its[DEVIPC_FD_ASKED]);
		if (atomic_load(&devipc_mailbox(shared)->asked) != count)
			answer(its, &count);
	}
	return NULL;
}

/* --- The machine ---------------------------------------------------------------------------- */

static void begin(void)
{
	static uint8_t ram[RAM_BYTES];
	pthread_t thread;

	shared = mmap(NULL, DEVIPC_SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || channel_pair(supply) ||
	    remote_init(&remote, "fuzz", supply[1], shared, &machine))
		abort();
	fake_env_init(&place, NULL);
	ops = fake_env_ops;
	ops.irq = take_irq;
	ops.timer_set = take_timer;
	ops.output = take_output;
	place.env.ops = &ops;
	place.ram = ram;
	place.ram_bytes = sizeof(ram);
	remote.env = &place.env;
	remote.limit_ms = 2000;
	if (pthread_create(&thread, NULL, be_the_worker, NULL))
		abort();
}

/* All that the machine calls, so that each kind of answer is read. */
static void use_device(uint8_t what)
{
	static uint8_t state[2 * DEVIPC_STATE_BYTES];
	const struct dev_instance device = { "fuzz", &remote_model, &remote };
	struct state_writer w;

	switch (what % 9) {
	case 0: remote_model.read(&remote, 0, 0, 4); break;
	case 1: remote_model.write(&remote, 1, 8, 8, ~0ull); break;
	case 7: /* perhaps in a window */
		for (unsigned i = 0; i < what; i++)
			remote_model.read(&remote, 1, what & 0x70, 1u << (i & 3));
		break;
	case 8:
		for (unsigned i = 0; i < what * 10u; i++)
			remote_model.write(&remote, 1, what & 0x70, 1u << (i & 3), i);
		break;
	case 2: remote_model.start(&remote); break;
	case 3: remote_model.input(&remote, (const uint8_t *)"abcdefgh", 8); break;
	case 4: remote_model.timer(&remote, 1); break;
	case 5: remote_model.stop(&remote); break;
	case 6:
		state_writer_init(&w, state, sizeof(state));
		units_save(&device, 1, &w);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool begun;

	if (!begun)
		begin();
	begun = true;
	if (size < 4)
		return 0;
	pthread_mutex_lock(&machine);
	input = data + 4;
	input_bytes = size - 4;
	remote_model.reset(&remote);
	for (unsigned i = 0; i < 4; i++)
		use_device(data[i]);
	if (remote.posted_count > DEVIPC_POSTED_MAX ||
			remote.journal_posted_count > REMOTE_JOURNAL_POSTED_MAX)
		abort();
	while (remote.passing || remote.timers || remote.completed ||
			(remote.input_count && !remote.input_held))
		pthread_cond_wait(&remote.work, &machine);
	input_bytes = 0;
	pthread_mutex_unlock(&machine);
	/* A device that was given up in this input is there again for the next. */
	if (remote.supply < 0)
		remote.supply = supply[1];
	return 0;
}
