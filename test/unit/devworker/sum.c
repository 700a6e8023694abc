/* sum.h */
#include "test/unit/devworker/sum.h"

struct sum {
	struct dev_env *env;
	uint64_t sum;
	uint32_t error;
	uint8_t waiting[64]; /* to be sent */
	uint32_t waiting_count;
	uint8_t open; /* enum sum_open */
	uint8_t queue[SUM_QUEUE_BYTES], page[SUM_PAGE_BYTES];
	uint32_t queue_count;
	bool line;
};

#define COPY_BYTES 200000u

static void drive(struct sum *s)
{
	s->line = s->sum & 1;
	s->env->ops->irq(s->env, 0, s->line);
}

static void add(struct sum *s, uint64_t n)
{
	s->sum += n;
	drive(s);
}

static void flush(struct sum *s)
{
	size_t n = s->waiting_count ? s->env->ops->output(s->env, s->waiting, s->waiting_count) : 0;

	s->waiting_count -= (uint32_t)n;
	memmove(s->waiting, s->waiting + n, s->waiting_count);
}

static uint64_t take_queue(struct sum *s, unsigned size)
{
	unsigned n = size < s->queue_count ? size : s->queue_count;
	uint64_t value = 0;

	memcpy(&value, s->queue, n);
	s->queue_count -= n;
	memmove(s->queue, s->queue + n, s->queue_count);
	return value;
}

static void put_queue(struct sum *s, uint64_t value, unsigned size)
{
	if (s->queue_count + size > SUM_QUEUE_BYTES)
		return;
	memcpy(s->queue + s->queue_count, &value, size);
	s->queue_count += size;
}

static void add_queue(struct sum *s)
{
	uint64_t all = 0;

	for (uint32_t i = 0; i < s->queue_count; i++)
		all += s->queue[i];
	s->queue_count = 0;
	add(s, all);
}

static void sum_ahead(const void *dev, struct dev_ahead *a)
{
	const struct sum *s = dev;

	if (s->open == SUM_OPEN_QUEUE)
		*a = (struct dev_ahead){ .region = SUM_QUEUE, .size = 8, .fifo = true, .writes = true,
			.bytes = s->queue_count, .data = s->queue };
	else if (s->open == SUM_OPEN_PAGE)
		*a = (struct dev_ahead){ .region = SUM_PAGE, .size = SUM_PAGE_BYTES, .writes = true,
			.bytes = SUM_PAGE_BYTES, .data = s->page };
}

static uint64_t sum_read(void *dev, unsigned id, uint64_t offset, unsigned size)
{
	struct sum *s = dev;
	uint64_t there = 0;

	if (id == SUM_ERROR)
		return s->error;
	if (id == SUM_QUEUE)
		return take_queue(s, size);
	if (id == SUM_PAGE) {
		memcpy(&there, s->page + offset % SUM_PAGE_BYTES, size);
		return there;
	}
	if (id == SUM_MEMORY) {
		s->error = (uint32_t)-s->env->ops->mem_read(s->env, gpa(offset), &there, sizeof(there));
		add(s, there);
	}
	return s->sum;
}

static int copy(struct sum *s, uint64_t to)
{
	static uint8_t bytes[COPY_BYTES]; /* a forked worker does not allocate */
	int err = s->env->ops->mem_read(s->env, gpa(0), bytes, COPY_BYTES);

	if (!err)
		err = s->env->ops->mem_write(s->env, gpa(to), bytes, COPY_BYTES);
	return err;
}

static void signal_sum(struct sum *s)
{
	s->env->ops->msi(s->env, 0xfee00000, (uint32_t)s->sum);
	s->env->ops->timer_set(s->env, 1, s->env->ops->now_ns(s->env) + 1000000000);
}

static void print(struct sum *s, uint64_t value, unsigned size)
{
	if (s->waiting_count + size > sizeof(s->waiting))
		return;
	memcpy(s->waiting + s->waiting_count, &value, size);
	s->waiting_count += size;
	flush(s);
}

static void sum_write(void *dev, unsigned id, uint64_t offset, unsigned size, uint64_t value)
{
	struct sum *s = dev;
	const struct dev_region window = { DEV_MMIO, value, 0x1000, SUM_VALUE, 8 };
	uint8_t fill[1024];
	int err = 0;

	switch (id) {
	case SUM_VALUE: add(s, value); break;
	case SUM_MEMORY: err = s->env->ops->mem_write(s->env, gpa(value), &s->sum, sizeof(s->sum)); break;
	case SUM_FILL:
		memset(fill, (int)s->sum, sizeof(fill));
		err = s->env->ops->mem_write(s->env, gpa(value), fill, sizeof(fill));
		break;
	case SUM_COPY: err = copy(s, value); break;
	case SUM_WINDOW: err = s->env->ops->map(s->env, &window); break;
	case SUM_PRINT: print(s, value, size); break;
	case SUM_SIGNAL: signal_sum(s); break;
	case SUM_FLOOD:
		while (value--)
			s->env->ops->msi(s->env, 0xfee00000, (uint32_t)value);
		break;
	case SUM_POWER: s->env->ops->machine(s->env, (unsigned)value); break;
	case SUM_OPEN: s->open = (uint8_t)value; break;
	case SUM_QUEUE: put_queue(s, value, size); break;
	case SUM_PAGE: memcpy(s->page + offset % SUM_PAGE_BYTES, &value, size); break;
	case SUM_TAKE: add_queue(s); break;
	}
	s->error = (uint32_t)-err;
}

/* Takes three bytes at most, and asks for more at the next read of its value. */
static size_t sum_input(void *dev, const uint8_t *data, size_t size)
{
	struct sum *s = dev;
	size_t n = size < 3 ? size : 3;

	for (size_t i = 0; i < n; i++)
		add(s, data[i]);
	if (n < size)
		s->env->ops->input_ready(s->env);
	return n;
}

static void sum_timer(void *dev, unsigned timer)
{
	add(dev, 1000 + timer);
}

static void sum_complete(void *dev, uint64_t id, int result)
{
	flush(dev);
}

static void sum_start(void *dev) { flush(dev); }

static void sum_reset(void *dev)
{
	struct sum *s = dev;
	struct dev_env *env = s->env;

	memset(s, 0, sizeof(*s));
	s->env = env;
	drive(s);
}

static const struct state_field fields[] = {
	STATE_FIELD(1, struct sum, sum, UINT64_MAX),
	STATE_FIELD(2, struct sum, error, UINT32_MAX),
	STATE_FIELD(3, struct sum, waiting_count, sizeof(((struct sum *)NULL)->waiting)),
	STATE_FIELD(5, struct sum, open, SUM_OPEN_PAGE),
	STATE_FIELD(6, struct sum, queue_count, SUM_QUEUE_BYTES),
};

static void sum_save(void *dev, struct state_writer *w)
{
	const struct sum *s = dev;

	state_put_fields(w, fields, VL_ARRAY_COUNT(fields), s);
	state_put_bytes(w, 4, s->waiting, sizeof(s->waiting));
	state_put_bytes(w, 7, s->queue, sizeof(s->queue));
	state_put_bytes(w, 8, s->page, sizeof(s->page));
}

static int sum_restore(void *dev, struct state_reader *r)
{
	struct sum *s = dev;

	state_get_fields(r, fields, VL_ARRAY_COUNT(fields), s);
	state_get_bytes(r, 4, s->waiting, sizeof(s->waiting));
	state_get_bytes(r, 7, s->queue, sizeof(s->queue));
	state_get_bytes(r, 8, s->page, sizeof(s->page));
	if (!r->err)
		drive(s);
	return state_reader_finish(r);
}

static const struct dev_model sum_model = {
	.name = "sum",
	.version = 1,
	.read = sum_read,
	.write = sum_write,
	.ahead = sum_ahead,
	.start = sum_start,
	.reset = sum_reset,
	.save = sum_save,
	.restore = sum_restore,
	.timer = sum_timer,
	.input = sum_input,
	.complete = sum_complete,
};

static void sum_init(void *dev, struct dev_env *env)
{
	((struct sum *)dev)->env = env;
	sum_reset(dev);
}

const struct rig_kind sum_kind = { &sum_model, sizeof(struct sum), sum_init };
