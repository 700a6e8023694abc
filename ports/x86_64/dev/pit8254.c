/* 8254 timer and port 0x61 (pit8254.h). Register accesses are the guest's. */
#include "ports/x86_64/dev/pit8254.h"
#include "common/base/fmt.h"
#include "common/base/err.h"

#include <string.h>

#define NS_PER_S 1000000000ull
#define REGION_PIT 0
#define REGION_61 1
#define CONTROL 3 /* port 0x43 */
#define READ_BACK 3
#define STATUS_OUT 0x80u
#define STATUS_NULL 0x40u
#define P61_WRITABLE 0x0fu
#define P61_GATE2 1u
#define P61_REFRESH 0x10u
#define P61_OUT2 0x20u
#define REFRESH_NS 15085 /* DRAM refresh toggles bit 4: 18 clocks of the PIT */
#define MIN_INTERVAL_NS 50000

const struct dev_region pit8254_regions[PIT8254_REGIONS] = {
	{ DEV_PIO, 0x40, 4, REGION_PIT, 1 },
	{ DEV_PIO, 0x61, 1, REGION_61, 1 },
};

static uint64_t ns_to_ticks(uint64_t ns)
{
	return ns / NS_PER_S * PIT8254_HZ + ns % NS_PER_S * PIT8254_HZ / NS_PER_S;
}

/* Rounded up, so that ns_to_ticks() of the result gives `ticks`. */
static uint64_t ticks_to_ns(uint64_t ticks)
{
	return ticks / PIT8254_HZ * NS_PER_S +
	       (ticks % PIT8254_HZ * NS_PER_S + PIT8254_HZ - 1) / PIT8254_HZ;
}

static uint64_t now(const struct pit8254 *p)
{
	return p->env->ops->now_ns(p->env);
}

static bool periodic(const struct pit8254_counter *c)
{
	return c->mode == 2 || c->mode == 3;
}

/* Counts only after a trigger at the gate. */
static bool triggered(const struct pit8254_counter *c)
{
	return c->mode == 1 || c->mode == 5;
}

static bool counting(const struct pit8254_counter *c)
{
	return c->loaded && (triggered(c) ? c->running : c->gate);
}

/* Clocks since `reload` was loaded. */
static uint64_t elapsed(const struct pit8254_counter *c, uint64_t at_ns)
{
	if (!counting(c))
		return ns_to_ticks(c->held_ns);
	return at_ns > c->start_ns ? ns_to_ticks(at_ns - c->start_ns) : 0;
}

/* A count that was written during a period takes over at the period's end. */
static void take_next_reload(struct pit8254_counter *c, uint64_t at_ns)
{
	if (c->next_reload && elapsed(c, at_ns) >= c->reload) {
		c->start_ns += ticks_to_ns(c->reload);
		c->reload = c->next_reload;
		c->next_reload = 0;
	}
}

static uint32_t mode3_count(const struct pit8254_counter *c, uint64_t ticks)
{
	uint32_t high = (c->reload + 1) / 2, at = (uint32_t)(ticks % c->reload);

	/* Counts down by two in each half, from an even number (data sheet, mode 3). */
	return (c->reload & ~1u) - 2 * (at < high ? at : at - high);
}

static uint16_t count_value(const struct pit8254_counter *c, uint64_t at_ns)
{
	uint64_t ticks = elapsed(c, at_ns);
	uint32_t modulus = c->bcd ? 10000 : 0x10000, v;

	if (c->mode == 3)
		v = mode3_count(c, ticks);
	else if (c->mode == 2)
		v = c->reload - (uint32_t)(ticks % c->reload);
	else
		v = (uint32_t)(c->reload + modulus - ticks % modulus);
	v %= modulus;
	if (c->bcd)
		v = v / 1000 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 | v % 10;
	return (uint16_t)v;
}

/* The level of OUT. */
static bool out(const struct pit8254_counter *c, uint64_t at_ns)
{
	uint64_t ticks = elapsed(c, at_ns);

	if (!c->loaded || (triggered(c) && !c->running) || (periodic(c) && !c->gate))
		return c->mode != 0;
	switch (c->mode) {
	case 2: return ticks % c->reload != c->reload - 1;
	case 3: return ticks % c->reload < (c->reload + 1) / 2;
	case 4:
	case 5: return ticks != c->reload;
	}
	return ticks >= c->reload;
}

/* Counter 0: when OUT rises next, later than `at_ns`. */
static void plan(struct pit8254 *p, uint64_t at_ns)
{
	struct pit8254_counter *c = &p->counter[0];
	uint64_t ticks;

	c->event_ns = 0;
	if (!counting(c) || triggered(c)) {
		p->env->ops->timer_cancel(p->env, 0);
		return;
	}
	if (periodic(c)) {
		ticks = elapsed(c, at_ns) / c->reload + 1;
		if (c->start_ns + ticks_to_ns(ticks * c->reload) < at_ns + MIN_INTERVAL_NS && !c->next_reload)
			ticks = elapsed(c, at_ns + MIN_INTERVAL_NS) / c->reload + 1;
		ticks *= c->reload;
	} else {
		ticks = c->reload + (c->mode == 4); /* the strobe of mode 4 ends one clock later */
	}
	c->event_ns = c->start_ns + ticks_to_ns(ticks);
	if (c->event_ns <= at_ns) /* only by a forged start_ns in restored state */
		c->event_ns = at_ns + MIN_INTERVAL_NS;
	p->env->ops->timer_set(p->env, 0, c->event_ns);
}

static void pit_timer(void *dev, unsigned timer)
{
	struct pit8254 *p = dev;
	struct pit8254_counter *c = &p->counter[0];
	uint64_t at_ns = now(p);

	if (c->event_ns == 0)
		return;
	if (at_ns < c->event_ns) {
		p->env->ops->timer_set(p->env, 0, c->event_ns);
		return;
	}
	take_next_reload(c, at_ns);
	if (c->mode != 0)
		p->env->ops->irq(p->env, 0, false);
	p->env->ops->irq(p->env, 0, true);
	if (periodic(c))
		plan(p, at_ns);
	else
		c->event_ns = 0;
}

/* A count written during a period waits for the period's end. */
static void load_next(struct pit8254 *p, unsigned n, uint32_t count)
{
	struct pit8254_counter *c = &p->counter[n];
	uint64_t at_ns = now(p);

	c->start_ns += ticks_to_ns(elapsed(c, at_ns) / c->reload * c->reload); /* of this period */
	c->next_reload = count;
	if (n == 0)
		plan(p, at_ns);
}

/* A whole count was written. */
static void load(struct pit8254 *p, unsigned n, uint16_t value)
{
	struct pit8254_counter *c = &p->counter[n];
	uint32_t count = value;

	if (c->bcd)
		count = (value >> 12) * 1000u + (value >> 8 & 15) * 100u + (value >> 4 & 15) * 10u +
				(value & 15);
	if (count == 0)
		count = c->bcd ? 10000 : 0x10000;
	if (periodic(c) && count == 1)
		count = 2; /* 1 is illegal there */
	if (periodic(c) && counting(c)) {
		load_next(p, n, count);
		return;
	}
	c->reload = count;
	c->loaded = true;
	if (triggered(c)) /* counts from the next trigger on */
		return;
	c->start_ns = now(p);
	c->held_ns = 0;
	if (n == 0) {
		if (c->mode == 0)
			p->env->ops->irq(p->env, 0, false);
		plan(p, c->start_ns);
	}
}

static void write_count(struct pit8254 *p, unsigned n, uint8_t value)
{
	struct pit8254_counter *c = &p->counter[n];

	take_next_reload(c, now(p));
	if (c->access == 1) {
		load(p, n, value);
	} else if (c->access == 2) {
		load(p, n, (uint16_t)(value << 8));
	} else if (!c->write_high) {
		c->write_low = value;
		c->write_high = true;
		if (c->mode == 0 && counting(c)) { /* the first byte stops the counting */
			c->held_ns = 0;
			c->loaded = false;
			if (n == 0) {
				plan(p, 0);
				p->env->ops->irq(p->env, 0, false);
			}
		}
	} else {
		c->write_high = false;
		load(p, n, (uint16_t)(value << 8 | c->write_low));
	}
}

static void latch_count(struct pit8254_counter *c, uint64_t at_ns)
{
	if (c->latched)
		return;
	c->latch = count_value(c, at_ns);
	c->latched = true;
}

static void latch_status(struct pit8254_counter *c, uint64_t at_ns)
{
	if (c->status_latched)
		return;
	c->status = (uint8_t)((out(c, at_ns) ? STATUS_OUT : 0) |
			      (!c->loaded || c->next_reload ? STATUS_NULL : 0) |
			      c->access << 4 | c->mode << 1 | c->bcd);
	c->status_latched = true;
}

static void set_mode(struct pit8254 *p, unsigned n, uint8_t control)
{
	struct pit8254_counter *c = &p->counter[n];
	bool gate = c->gate;

	memset(c, 0, sizeof(*c));
	c->gate = gate;
	c->reload = 0x10000;
	c->access = control >> 4 & 3;
	c->mode = control >> 1 & 7;
	if (c->mode > 5)
		c->mode -= 4; /* bit 2 is ignored for modes 2 and 3 */
	c->bcd = control & 1;
	if (n == 0) {
		plan(p, 0);
		p->env->ops->irq(p->env, 0, c->mode != 0);
	}
}

static void write_control(struct pit8254 *p, uint8_t value)
{
	uint64_t at_ns = now(p);
	unsigned n = value >> 6;

	if (n != READ_BACK && (value >> 4 & 3)) {
		set_mode(p, n, value);
		return;
	}
	for (unsigned i = 0; i < 3; i++) {
		struct pit8254_counter *c = &p->counter[i];

		take_next_reload(c, at_ns);
		if (n == READ_BACK && !(value >> (i + 1) & 1))
			continue;
		if (n != READ_BACK && n != i)
			continue;
		if (n != READ_BACK || !(value & 0x20))
			latch_count(c, at_ns);
		if (n == READ_BACK && !(value & 0x10))
			latch_status(c, at_ns);
	}
}

static uint8_t read_count(struct pit8254 *p, unsigned n)
{
	struct pit8254_counter *c = &p->counter[n];
	uint16_t v;
	bool high;

	take_next_reload(c, now(p));
	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	v = c->latched ? c->latch : count_value(c, now(p));
	high = c->access == 2 || (c->access == 3 && c->read_high);
	if (c->access == 3)
		c->read_high = !c->read_high;
	if (c->access != 3 || high)
		c->latched = false;
	return (uint8_t)(high ? v >> 8 : v);
}

static void set_gate2(struct pit8254 *p, bool gate)
{
	struct pit8254_counter *c = &p->counter[2];
	uint64_t at_ns = now(p);

	take_next_reload(c, at_ns);
	if (gate == c->gate)
		return;
	if (!gate && !triggered(c) && c->loaded)
		c->held_ns = at_ns > c->start_ns ? at_ns - c->start_ns : 0;
	c->gate = gate;
	if (!gate)
		return;
	if (periodic(c) || triggered(c)) { /* the rising edge starts the count anew */
		c->reload = c->next_reload ? c->next_reload : c->reload;
		c->next_reload = 0;
		c->held_ns = 0;
		c->running = triggered(c) && c->loaded;
	}
	c->start_ns = at_ns - c->held_ns;
}

static uint8_t read_port61(struct pit8254 *p)
{
	uint64_t at_ns = now(p);
	uint8_t v = p->port61;

	take_next_reload(&p->counter[2], at_ns);
	if (at_ns / REFRESH_NS & 1)
		v |= P61_REFRESH;
	if (out(&p->counter[2], at_ns))
		v |= P61_OUT2;
	return v;
}

static uint64_t pit_read(void *dev, unsigned id, uint64_t offset, unsigned size)
{
	struct pit8254 *p = dev;

	if (id == REGION_61)
		return read_port61(p);
	return offset == CONTROL ? 0xff : read_count(p, (unsigned)offset);
}

static void pit_write(void *dev, unsigned id, uint64_t offset, unsigned size, uint64_t value)
{
	struct pit8254 *p = dev;
	uint8_t v = (uint8_t)value;

	if (id == REGION_61) {
		p->port61 = v & P61_WRITABLE;
		set_gate2(p, v & P61_GATE2);
	} else if (offset == CONTROL) {
		write_control(p, v);
	} else {
		write_count(p, (unsigned)offset, v);
	}
}

static void pit_start(void *dev)
{
	struct pit8254 *p = dev;

	if (p->counter[0].event_ns)
		p->env->ops->timer_set(p->env, 0, p->counter[0].event_ns);
}

static void pit_stop(void *dev)
{
	struct pit8254 *p = dev;

	p->env->ops->timer_cancel(p->env, 0);
}

static void pit_reset(void *dev)
{
	struct pit8254 *p = dev;

	memset(p->counter, 0, sizeof(p->counter));
	for (unsigned i = 0; i < 3; i++) {
		p->counter[i].reload = 0x10000;
		p->counter[i].access = 3;
		p->counter[i].gate = i != 2;
	}
	p->port61 = 0;
	p->env->ops->timer_cancel(p->env, 0);
	p->env->ops->irq(p->env, 0, false);
}

#define COUNTER_FIELDS(n, i) \
	STATE_FIELD(n + 0, struct pit8254, counter[i].reload, 0x10000), \
	STATE_FIELD(n + 1, struct pit8254, counter[i].next_reload, 0x10000), \
	STATE_FIELD(n + 2, struct pit8254, counter[i].start_ns, UINT64_MAX), \
	STATE_FIELD(n + 3, struct pit8254, counter[i].held_ns, UINT64_MAX), \
	STATE_FIELD(n + 4, struct pit8254, counter[i].event_ns, UINT64_MAX), \
	STATE_FIELD(n + 5, struct pit8254, counter[i].latch, 0xffff), \
	STATE_FIELD(n + 6, struct pit8254, counter[i].status, 0xff), \
	STATE_FIELD(n + 7, struct pit8254, counter[i].mode, 5), \
	STATE_FIELD(n + 8, struct pit8254, counter[i].access, 3), \
	STATE_FIELD(n + 9, struct pit8254, counter[i].write_low, 0xff), \
	STATE_FIELD(n + 10, struct pit8254, counter[i].bcd, 1), \
	STATE_FIELD(n + 11, struct pit8254, counter[i].gate, 1), \
	STATE_FIELD(n + 12, struct pit8254, counter[i].loaded, 1), \
	STATE_FIELD(n + 13, struct pit8254, counter[i].running, 1), \
	STATE_FIELD(n + 14, struct pit8254, counter[i].latched, 1), \
	STATE_FIELD(n + 15, struct pit8254, counter[i].status_latched, 1), \
	STATE_FIELD(n + 16, struct pit8254, counter[i].read_high, 1), \
	STATE_FIELD(n + 17, struct pit8254, counter[i].write_high, 1)

static const struct state_field pit_fields[] = {
	STATE_FIELD(1, struct pit8254, port61, P61_WRITABLE),
	COUNTER_FIELDS(32, 0),
	COUNTER_FIELDS(64, 1),
	COUNTER_FIELDS(96, 2),
};

static void pit_save(void *dev, struct state_writer *w)
{
	state_put_fields(w, pit_fields, VL_ARRAY_COUNT(pit_fields), dev);
}

static int pit_restore(void *dev, struct state_reader *r)
{
	struct pit8254 *p = dev;
	const struct pit8254_counter *c = &p->counter[0];

	state_get_fields(r, pit_fields, VL_ARRAY_COUNT(pit_fields), p);
	for (unsigned i = 0; i < 3; i++)
		if (p->counter[i].reload == 0 || p->counter[i].access == 0)
			state_reader_fail(r, VL_E_RANGE);
	/* High until the next event, but for mode 0 before its end. */
	if (!r->err)
		p->env->ops->irq(p->env, 0, c->mode ? true : c->loaded && c->event_ns == 0);
	return state_reader_finish(r);
}

static void pit_inspect(const void *dev, struct inspect *i)
{
	const struct pit8254 *p = dev;

	dev_show(i, "port61", p->port61);
	for (unsigned n = 0; n < VL_ARRAY_COUNT(p->counter); n++) {
		const struct pit8254_counter *c = &p->counter[n];
		char name[16];

		vl_format(name, sizeof(name), "counter%u", n);
		if (!inspect_open(i, name, INSPECT_SENSITIVE))
			continue;
		dev_show(i, "mode", c->mode);
		dev_show(i, "reload", c->reload);
		dev_show(i, "access", c->access);
		dev_show(i, "gate", c->gate);
		inspect_u64(i, "start-ns", INSPECT_SENSITIVE, INSPECT_PLAIN, c->start_ns);
		inspect_close(i);
	}
}

const struct dev_model pit8254_model = {
	.name = "pit8254",
	.version = 1,
	.read = pit_read,
	.write = pit_write,
	.start = pit_start,
	.stop = pit_stop,
	.reset = pit_reset,
	.save = pit_save,
	.restore = pit_restore,
	.inspect = pit_inspect,
	.timer = pit_timer,
};

void pit8254_init(struct pit8254 *p, struct dev_env *env)
{
	memset(p, 0, sizeof(*p));
	p->env = env;
	pit_reset(p);
}
