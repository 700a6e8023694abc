/* PL031 clock (pl031.h). Register accesses are the guest's; the wall clock is the host's and may jump. */
#include "runtime/dev/pl031.h"
#include "common/base/err.h"

#include <string.h>

/* Register offsets (DDI 0224 table 3-1). */
enum { DR = 0x00, MR = 0x04, LR = 0x08, CR = 0x0c, IMSC = 0x10, RIS = 0x14, MIS = 0x18,
       ICR = 0x1c, ID = 0xfe0 };

#define NS_PER_S 1000000000ull

static uint32_t counter(const struct pl031 *p)
{
	return (uint32_t)(p->env->ops->wall_ns(p->env) / NS_PER_S) + p->offset_s;
}

/* Notes a match between the last call and now (modulo 2^32), drives the line. */
static void sync(struct pl031 *p)
{
	uint32_t now = counter(p);

	if ((int32_t)(now - p->checked_s) > 0 && p->match - p->checked_s - 1 < now - p->checked_s)
		p->raw = true;
	p->checked_s = now;
	p->env->ops->irq(p->env, 0, p->raw && p->mask);
}

static void plan(struct pl031 *p)
{
	uint64_t wall = p->env->ops->wall_ns(p->env), left_s = (uint32_t)(p->match - counter(p));

	if (p->raw || left_s == 0)
		p->env->ops->timer_cancel(p->env, 0);
	else
		p->env->ops->timer_set(p->env, 0,
				p->env->ops->now_ns(p->env) + left_s * NS_PER_S - wall % NS_PER_S);
}

static uint32_t read_register(struct pl031 *p, uint64_t offset)
{
	/* Peripheral identification: part 0x031, designer ARM; PrimeCell identification. */
	static const uint8_t ids[8] = { 0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

	switch (offset) {
	case DR: return counter(p);
	case MR: return p->match;
	case LR: return p->load;
	case CR: return 1; /* always counting */
	case IMSC: return p->mask;
	case RIS: return p->raw;
	case MIS: return p->raw && p->mask;
	}
	return offset >= ID ? ids[(offset - ID) / 4 % 8] : 0;
}

static void write_register(struct pl031 *p, uint64_t offset, uint32_t value)
{
	switch (offset) {
	case MR: p->match = value; break;
	case LR:
		p->load = value;
		p->offset_s += value - counter(p);
		p->checked_s = value;
		break;
	case IMSC: p->mask = value & 1; break;
	case ICR: p->raw = p->raw && !(value & 1); break;
	}
	if ((offset == MR || offset == LR) && p->match == counter(p))
		p->raw = true;
}

static uint64_t pl031_read(void *dev, unsigned id, uint64_t offset, unsigned size)
{
	sync(dev);
	return read_register(dev, vl_align_down(offset, 4)) >> 8 * (offset & 3);
}

static void pl031_write(void *dev, unsigned id, uint64_t offset, unsigned size, uint64_t value)
{
	if (offset & 3)
		return;
	sync(dev);
	write_register(dev, offset, (uint32_t)value);
	sync(dev);
	plan(dev);
}

static void pl031_timer(void *dev, unsigned timer)
{
	sync(dev);
	plan(dev);
}

static void pl031_start(void *dev)
{
	pl031_timer(dev, 0);
}

static void pl031_stop(void *dev)
{
	struct pl031 *p = dev;

	p->env->ops->timer_cancel(p->env, 0);
}

/* The counter itself keeps running: it has a battery. */
static void pl031_reset(void *dev)
{
	struct pl031 *p = dev;

	p->match = p->load = 0;
	p->mask = p->raw = false;
	p->checked_s = counter(p);
	p->env->ops->timer_cancel(p->env, 0);
	sync(p);
}

static const struct state_field pl031_fields[] = {
	STATE_FIELD(1, struct pl031, offset_s, 0xffffffff),
	STATE_FIELD(2, struct pl031, match, 0xffffffff),
	STATE_FIELD(3, struct pl031, load, 0xffffffff),
	STATE_FIELD(4, struct pl031, checked_s, 0xffffffff),
	STATE_FIELD(5, struct pl031, mask, 1),
	STATE_FIELD(6, struct pl031, raw, 1),
};

static void pl031_save(void *dev, struct state_writer *w)
{
	state_put_fields(w, pl031_fields, VL_ARRAY_COUNT(pl031_fields), dev);
}

static int pl031_restore(void *dev, struct state_reader *r)
{
	state_get_fields(r, pl031_fields, VL_ARRAY_COUNT(pl031_fields), dev);
	if (!r->err)
		sync(dev);
	return state_reader_finish(r);
}

static void pl031_inspect(const void *dev, struct inspect *i)
{
	const struct pl031 *p = dev;

	dev_show(i, "offset-s", p->offset_s);
	dev_show(i, "match", p->match);
	dev_show(i, "load", p->load);
	dev_show(i, "mask", p->mask);
	dev_show(i, "raw", p->raw);
}

const struct dev_model pl031_model = {
	.name = "pl031",
	.version = 1,
	.read = pl031_read,
	.write = pl031_write,
	.start = pl031_start,
	.stop = pl031_stop,
	.reset = pl031_reset,
	.save = pl031_save,
	.restore = pl031_restore,
	.inspect = pl031_inspect,
	.timer = pl031_timer,
};

void pl031_init(struct pl031 *p, struct dev_env *env)
{
	memset(p, 0, sizeof(*p));
	p->env = env;
	pl031_reset(p);
}
