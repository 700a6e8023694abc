/*
 * MC146818A clock and CMOS RAM (cmos.h). Register accesses are the guest's;
 * the wall clock is the host's and may jump.
 */
#include "ports/x86_64/dev/cmos.h"
#include "common/base/err.h"

#include <string.h>

enum { SECONDS, SECONDS_ALARM, MINUTES, MINUTES_ALARM, HOURS, HOURS_ALARM, WEEKDAY, DAY, MONTH, YEAR,
       REG_A, REG_B, REG_C, REG_D };

#define A_UIP 0x80u
#define A_DIVIDER_RESET 0x60u /* both bits: divider held */
#define A_RATE 0x0fu
#define B_SET 0x80u
#define B_PIE 0x40u
#define B_AIE 0x20u
#define B_UIE 0x10u
#define B_BINARY 0x04u
#define B_24_HOURS 0x02u
#define C_IRQ 0x80u
#define C_PERIODIC 0x40u /* the flags stand where their enables do in B */
#define C_ALARM 0x20u
#define C_UPDATE 0x10u
#define D_VALID 0x80u
#define HOUR_PM 0x80u
#define ALARM_ANY 0xc0u /* from here on an alarm byte matches all */

#define NS_PER_S 1000000000ull
#define DAY_S 86400u
#define MAX_S (530ull * 365 * DAY_S) /* from 1970; keeps ns within 64 bits */
/* UIP rises t_BUC = 244 us before the update cycle of t_UC = 1984 us (data sheet table 5). */
#define UIP_NS 2228000u

const struct dev_region cmos_regions[CMOS_REGIONS] = { { DEV_PIO, 0x70, 2, 0, 1 } };

static bool running(const struct cmos *c)
{
	return !(c->ram[REG_B] & B_SET) && (c->ram[REG_A] & A_DIVIDER_RESET) != A_DIVIDER_RESET;
}

static uint64_t clock_ns(const struct cmos *c)
{
	return running(c) ? c->env->ops->wall_ns(c->env) + (uint64_t)c->offset_ns : c->held_ns;
}

static void set_clock(struct cmos *c, uint64_t ns)
{
	c->held_ns = ns;
	c->offset_ns = (int64_t)(ns - c->env->ops->wall_ns(c->env));
	c->checked_s = ns / NS_PER_S;
}

static uint64_t ticks_32k(const struct cmos *c)
{
	uint64_t ns = c->env->ops->now_ns(c->env);

	return ns / NS_PER_S * 32768 + ns % NS_PER_S * 32768 / NS_PER_S;
}

static uint8_t encode(const struct cmos *c, unsigned v)
{
	return (uint8_t)(c->ram[REG_B] & B_BINARY ? v : v / 10 << 4 | v % 10);
}

static unsigned decode(const struct cmos *c, uint8_t v)
{
	return c->ram[REG_B] & B_BINARY ? v : (v >> 4) * 10u + (v & 15);
}

static uint8_t encode_hour(const struct cmos *c, unsigned hour)
{
	if (c->ram[REG_B] & B_24_HOURS)
		return encode(c, hour);
	return encode(c, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? HOUR_PM : 0);
}

static unsigned decode_hour(const struct cmos *c, uint8_t v)
{
	if (c->ram[REG_B] & B_24_HOURS)
		return decode(c, v);
	return decode(c, v & ~HOUR_PM) % 12 + (v & HOUR_PM ? 12 : 0);
}

/* Days from 1970-01-01 to the first of March that begins year `y` (counted March to February). */
static int64_t days_to_march(int64_t y)
{
	return y * 365 + y / 4 - y / 100 + y / 400 - 719468;
}

/* Writes the time bytes for second `s` since 1970. */
static void put_time(struct cmos *c, uint8_t *bytes, uint64_t s)
{
	int64_t days = (int64_t)(s / DAY_S), year = 1970 + days / 365;
	unsigned day, month;

	while (days_to_march(year) > days)
		year--;
	day = (unsigned)(days - days_to_march(year));
	month = (5 * day + 2) / 153; /* March is 0: months of 31 30 31 30 31 days repeat every 153 */
	day -= (153 * month + 2) / 5;
	year += month >= 10;
	bytes[SECONDS] = encode(c, (unsigned)(s % 60));
	bytes[MINUTES] = encode(c, (unsigned)(s / 60 % 60));
	bytes[HOURS] = encode_hour(c, (unsigned)(s / 3600 % 24));
	bytes[WEEKDAY] = encode(c, (unsigned)((days + 4) % 7 + 1)); /* 1970 began on a Thursday */
	bytes[DAY] = encode(c, day + 1);
	bytes[MONTH] = encode(c, month < 10 ? month + 3 : month - 9);
	bytes[YEAR] = encode(c, (unsigned)(year % 100));
	bytes[CMOS_CENTURY] = encode(c, (unsigned)(year / 100));
}

/* The second since 1970 that the time bytes name; bytes out of range give some second. */
static uint64_t get_time(const struct cmos *c)
{
	int64_t year = decode(c, c->ram[CMOS_CENTURY]) * 100 + decode(c, c->ram[YEAR]);
	int64_t month = decode(c, c->ram[MONTH]), s;

	year += (month + 9) / 12 - 1;
	month = (month + 9) % 12;
	s = (days_to_march(year) + (153 * month + 2) / 5 + decode(c, c->ram[DAY]) - 1) * DAY_S;
	s += decode_hour(c, c->ram[HOURS]) * 3600 + decode(c, c->ram[MINUTES]) * 60 +
			decode(c, c->ram[SECONDS]);
	return s < 0 ? 0 : (uint64_t)s > MAX_S ? MAX_S : (uint64_t)s;
}

static bool alarm_field(unsigned alarm, uint8_t raw, unsigned value)
{
	return raw >= ALARM_ANY || alarm == value;
}

/* The first second from `s` on that the alarm bytes name; false when they name none. */
static bool next_alarm(const struct cmos *c, uint64_t *s)
{
	const uint8_t *r = c->ram;

	/* At most 24 steps of an hour and twice 60 of a minute and of a second lead there. */
	for (unsigned step = 0; step < 24 + 4 * 60 + 4; step++) {
		if (!alarm_field(decode_hour(c, r[HOURS_ALARM]), r[HOURS_ALARM], (unsigned)(*s / 3600 % 24)))
			*s = (*s / 3600 + 1) * 3600;
		else if (!alarm_field(decode(c, r[MINUTES_ALARM]), r[MINUTES_ALARM],
				(unsigned)(*s / 60 % 60)))
			*s = (*s / 60 + 1) * 60;
		else if (!alarm_field(decode(c, r[SECONDS_ALARM]), r[SECONDS_ALARM], (unsigned)(*s % 60)))
			(*s)++;
		else
			return true;
	}
	return false;
}

/* The periodic flag follows this bit of the 32768 Hz ticks; 0: none (data sheet table 6). */
static unsigned rate_shift(const struct cmos *c)
{
	unsigned rate = c->ram[REG_A] & A_RATE;

	return rate == 0 ? 0 : rate < 3 ? rate + 6 : rate - 1;
}

/* Notes in register C what happened since the last call, and drives the line. */
static void sync(struct cmos *c)
{
	uint64_t second = clock_ns(c) / NS_PER_S, ticks = ticks_32k(c), alarm = c->checked_s + 1;
	uint8_t flags;

	if (running(c) && second > c->checked_s) {
		c->ram[REG_C] |= C_UPDATE;
		if (next_alarm(c, &alarm) && alarm <= second)
			c->ram[REG_C] |= C_ALARM;
	}
	c->checked_s = second;
	if (rate_shift(c) && ticks >> rate_shift(c) != c->checked_ticks >> rate_shift(c))
		c->ram[REG_C] |= C_PERIODIC;
	c->checked_ticks = ticks;
	flags = c->ram[REG_C] & (C_PERIODIC | C_ALARM | C_UPDATE);
	c->ram[REG_C] = flags | (flags & c->ram[REG_B] ? C_IRQ : 0);
	c->env->ops->irq(c->env, 0, c->ram[REG_C] & C_IRQ);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Arms the timer for the next flag that is enabled and not yet set. */
static void plan(struct cmos *c)
{
	uint64_t clock = clock_ns(c), now = c->env->ops->now_ns(c->env), deadline = UINT64_MAX;
	uint8_t wanted = c->ram[REG_B] & ~c->ram[REG_C];
	uint64_t alarm = clock / NS_PER_S + 1, ticks;

	if ((wanted & B_PIE) && rate_shift(c)) {
		ticks = ((ticks_32k(c) >> rate_shift(c)) + 1) << rate_shift(c);
		deadline = ticks / 32768 * NS_PER_S + (ticks % 32768 * NS_PER_S + 32767) / 32768;
	}
	if (running(c) && (wanted & B_UIE))
		deadline = earlier(deadline, now + NS_PER_S - clock % NS_PER_S);
	if (running(c) && (wanted & B_AIE) && next_alarm(c, &alarm))
		deadline = earlier(deadline, now + (alarm * NS_PER_S - clock));
	if (deadline == UINT64_MAX)
		c->env->ops->timer_cancel(c->env, 0);
	else
		c->env->ops->timer_set(c->env, 0, deadline);
}

static bool is_time(unsigned index)
{
	return index == SECONDS || index == MINUTES || index == HOURS ||
	       (index >= WEEKDAY && index <= YEAR) || index == CMOS_CENTURY;
}

static uint8_t read_register(struct cmos *c, unsigned index)
{
	uint8_t bytes[CMOS_BYTES];
	uint8_t v = c->ram[index];

	if (is_time(index) && running(c)) {
		put_time(c, bytes, clock_ns(c) / NS_PER_S);
		return bytes[index];
	}
	if (index == REG_A && running(c) && clock_ns(c) % NS_PER_S >= NS_PER_S - UIP_NS)
		return v | A_UIP;
	if (index == REG_C)
		c->ram[REG_C] = 0;
	return v;
}

/* Registers A and B: may hold the clock or let it go. */
static void write_control(struct cmos *c, unsigned index, uint8_t value)
{
	bool was_running = running(c), was_reset = (c->ram[REG_A] & A_DIVIDER_RESET) == A_DIVIDER_RESET;
	uint64_t clock = clock_ns(c);

	if (index == REG_B && (value & B_SET))
		value &= ~B_UIE; /* SET clears it (data sheet, register B) */
	if (index == REG_A)
		value &= ~A_UIP;
	if (was_running)
		put_time(c, c->ram, clock / NS_PER_S);
	c->ram[index] = value;
	if (was_running && !running(c))
		c->held_ns = clock;
	/* After the divider's reset the first update comes half a second later. */
	if (!was_running && running(c))
		set_clock(c, get_time(c) * NS_PER_S + (was_reset ? NS_PER_S / 2 : clock % NS_PER_S));
}

static void write_register(struct cmos *c, unsigned index, uint8_t value)
{
	uint64_t clock = clock_ns(c);

	if (index == REG_A || index == REG_B) {
		write_control(c, index, value);
	} else if (is_time(index) && running(c)) {
		put_time(c, c->ram, clock / NS_PER_S);
		c->ram[index] = value;
		set_clock(c, get_time(c) * NS_PER_S + clock % NS_PER_S);
	} else if (index != REG_C && index != REG_D) {
		c->ram[index] = value;
	}
}

static uint64_t cmos_read(void *dev, unsigned id, uint64_t offset, unsigned size)
{
	struct cmos *c = dev;
	uint8_t v;

	if (offset == 0)
		return 0xff; /* the index cannot be read back */
	sync(c);
	v = read_register(c, c->index);
	sync(c);
	plan(c);
	return v;
}

static void cmos_write(void *dev, unsigned id, uint64_t offset, unsigned size, uint64_t value)
{
	struct cmos *c = dev;

	if (offset == 0) {
		c->index = value & (CMOS_BYTES - 1); /* bit 7 is the NMI mask, which nothing here raises */
		return;
	}
	sync(c);
	write_register(c, c->index, (uint8_t)value);
	sync(c);
	plan(c);
}

static void cmos_timer(void *dev, unsigned timer)
{
	sync(dev);
	plan(dev);
}

static void cmos_start(void *dev)
{
	cmos_timer(dev, 0);
}

static void cmos_stop(void *dev)
{
	struct cmos *c = dev;

	c->env->ops->timer_cancel(c->env, 0);
}

static void cmos_reset(void *dev)
{
	struct cmos *c = dev;
	uint64_t clock = clock_ns(c);

	c->index = 0;
	c->ram[REG_A] = 0x26; /* 32768 Hz crystal, rate 1024 Hz, as firmware sets it */
	c->ram[REG_B] = B_24_HOURS;
	c->ram[REG_C] = 0;
	c->ram[REG_D] = D_VALID;
	set_clock(c, clock);
	c->checked_ticks = ticks_32k(c);
	c->env->ops->timer_cancel(c->env, 0);
	sync(c);
}

static const struct state_field cmos_fields[] = {
	STATE_FIELD(2, struct cmos, index, CMOS_BYTES - 1),
	STATE_FIELD(3, struct cmos, offset_ns, UINT64_MAX),
	STATE_FIELD(4, struct cmos, held_ns, UINT64_MAX),
	STATE_FIELD(5, struct cmos, checked_s, UINT64_MAX),
	STATE_FIELD(6, struct cmos, checked_ticks, UINT64_MAX),
};

static void cmos_save(void *dev, struct state_writer *w)
{
	struct cmos *c = dev;

	state_put_bytes(w, 1, c->ram, sizeof(c->ram));
	state_put_fields(w, cmos_fields, VL_ARRAY_COUNT(cmos_fields), c);
}

static int cmos_restore(void *dev, struct state_reader *r)
{
	struct cmos *c = dev;

	state_get_bytes(r, 1, c->ram, sizeof(c->ram));
	state_get_fields(r, cmos_fields, VL_ARRAY_COUNT(cmos_fields), c);
	c->ram[REG_A] &= ~A_UIP;
	c->ram[REG_D] = D_VALID;
	if (!r->err)
		sync(c);
	return state_reader_finish(r);
}

static void cmos_inspect(const void *dev, struct inspect *i)
{
	const struct cmos *c = dev;

	dev_show(i, "index", c->index);
	inspect_i64(i, "offset-ns", INSPECT_SENSITIVE, c->offset_ns);
	inspect_bytes(i, "ram", INSPECT_SENSITIVE, c->ram, sizeof(c->ram));
}

const struct dev_model cmos_model = {
	.name = "cmos",
	.version = 1,
	.read = cmos_read,
	.write = cmos_write,
	.start = cmos_start,
	.stop = cmos_stop,
	.reset = cmos_reset,
	.save = cmos_save,
	.restore = cmos_restore,
	.inspect = cmos_inspect,
	.timer = cmos_timer,
};

void cmos_init(struct cmos *c, struct dev_env *env)
{
	memset(c, 0, sizeof(*c));
	c->env = env;
	cmos_reset(c);
}
