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

#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RAM_BYTES 0x10000u

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

static void answer(int link, uint32_t *count)
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
	}
	atomic_store(&m->answerer_sleeps, 1);
	atomic_store(&m->answered, ++*count);
	channel_send(link, "", 1, NULL, 0, 1000);
}

static int give_link(void)
{
	int link[2];

	if (channel_pair(link) || channel_send(supply[0], "", 1, &link[1], 1, 1000))
		abort();
	close(link[1]);
	return link[0];
}

static void *be_the_worker(void *context)
{
	int link = give_link();
	uint32_t count = 0;

	for (;;) {
		struct pollfd f[] = { { link, POLLIN, 0 }, { supply[0], POLLIN, 0 } };
		uint8_t bytes[64];
		struct channel_message m = { .data = bytes, .capacity = sizeof(bytes) };

		if (poll(f, 2, -1) < 0)
			continue;
		if (f[1].revents)
			channel_receive(supply[0], &m, 0);
		if (!f[0].revents)
			continue;
		if (channel_receive(link, &m, 0)) { /* it was dropped */
			close(link);
			count = 0;
			link = give_link();
			continue;
		}
		if (atomic_load(&devipc_mailbox(shared)->asked) != count)
			answer(link, &count);
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
	if (remote.posted_count > DEVIPC_POSTED_MAX || remote.journal_posted_count > REMOTE_JOURNAL_POSTED_MAX)
		abort();
	while (remote.passing || remote.timers || remote.completed || (remote.input_count && !remote.input_held))
		pthread_cond_wait(&remote.work, &machine);
	input_bytes = 0;
	pthread_mutex_unlock(&machine);
	/* A device that was given up in this input is there again for the next. */
	if (remote.supply < 0)
		remote.supply = supply[1];
	return 0;
}
