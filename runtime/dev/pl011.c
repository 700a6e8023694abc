/*
 * PL011 UART (pl011.h). Register accesses are the guest's, input bytes come
 * from the host's console; both untrusted.
 */
#include "runtime/dev/pl011.h"
#include "common/base/err.h"

#include <string.h>

/* Register offsets (DDI 0183 table 3-1). */
enum { DR = 0x00, RSR_ECR = 0x04, FR = 0x18, ILPR = 0x20, IBRD = 0x24, FBRD = 0x28, LCR_H = 0x2c, CR = 0x30,
       IFLS = 0x34, IMSC = 0x38, RIS = 0x3c, MIS = 0x40, ICR = 0x44, DMACR = 0x48, ID = 0xfe0 };

#define FR_CTS 0x001u
#define FR_DSR 0x002u
#define FR_DCD 0x004u
#define FR_BUSY 0x008u
#define FR_RX_EMPTY 0x010u
#define FR_TX_FULL 0x020u
#define FR_RX_FULL 0x040u
#define FR_TX_EMPTY 0x080u
#define LCR_FIFOS 0x10u
#define CR_ENABLE 0x001u
#define CR_LOOP 0x080u
#define CR_TX 0x100u
#define CR_RX 0x200u
#define CR_RESET (CR_ENABLE | CR_TX | CR_RX)
#define CR_WRITABLE 0xff87u
#define INT_RX 0x010u
#define INT_TX 0x020u
#define INT_TIMEOUT 0x040u
#define INT_OVERRUN 0x400u
#define INT_ALL 0x7ffu
#define DR_OVERRUN 0x800u
#define RSR_OVERRUN 0x8u
#define IFLS_RESET 0x12u

#define FIFO_BYTES 32
#define TIMER_RX_TIMEOUT 0

static unsigned fifo_limit(const struct pl011 *p)
{
	return p->lcr_h & LCR_FIFOS ? FIFO_BYTES : 1;
}

/* FIFO level of a trigger select field: 1/8, 1/4, 1/2, 3/4, 7/8 (3.3.10). */
static unsigned level(const struct pl011 *p, unsigned select)
{
	static const uint8_t levels[8] = { 4, 8, 16, 24, 28, 28, 28, 28 };

	return levels[select & 7];
}

static bool rx_reached(const struct pl011 *p)
{
	return p->rx.count >= (p->lcr_h & LCR_FIFOS ? level(p, p->ifls >> 3) : 1);
}

static bool tx_low(const struct pl011 *p)
{
	return p->tx.count <= (p->lcr_h & LCR_FIFOS ? level(p, p->ifls) : 0);
}

static void update_irq(struct pl011 *p)
{
	p->env->ops->irq(p->env, 0, p->ris & p->imsc);
}

static bool enabled(const struct pl011 *p, unsigned direction)
{
	return (p->cr & (CR_ENABLE | direction)) == (CR_ENABLE | direction);
}

/* 32 bit times (2.8.3). */
static uint64_t timeout_length_ns(const struct pl011 *p)
{
	uint64_t divisor = (uint64_t)p->ibrd * 64 + p->fbrd; /* in 64ths of 16 clocks */

	return (divisor ? divisor : 64) * 32 * 16 * 1000000000u / 64 / PL011_CLOCK_HZ;
}

/* After each received or read character. */
static void restart_timeout(struct pl011 *p)
{
	if (p->rx.count) {
		p->timeout_ns = p->env->ops->now_ns(p->env) + timeout_length_ns(p);
		p->env->ops->timer_set(p->env, TIMER_RX_TIMEOUT, p->timeout_ns);
	} else {
		p->ris &= ~INT_TIMEOUT;
		p->timeout_ns = 0;
		p->env->ops->timer_cancel(p->env, TIMER_RX_TIMEOUT);
	}
}

static void receive(struct pl011 *p, uint8_t byte)
{
	if (p->rx.count >= fifo_limit(p)) {
		p->overrun = true;
		p->ris |= INT_OVERRUN;
		return;
	}
	bytefifo_push(&p->rx, byte);
	if (rx_reached(p))
		p->ris |= INT_RX;
}

static bool takes_input(const struct pl011 *p)
{
	return enabled(p, CR_RX) && !(p->cr & CR_LOOP) && p->rx.count < fifo_limit(p);
}

static void wake_input(struct pl011 *p)
{
	if (p->input_refused && takes_input(p)) {
		p->input_refused = false;
		p->env->ops->input_ready(p->env);
	}
}

static size_t send(struct pl011 *p, const uint8_t *data, size_t count)
{
	if (!(p->cr & CR_LOOP))
		return p->env->ops->output(p->env, data, count);
	for (size_t i = 0; i < count; i++)
		receive(p, data[i]);
	restart_timeout(p);
	return count;
}

static void transmit(struct pl011 *p)
{
	size_t count, taken = 1;

	if (p->tx.count == 0 || !enabled(p, CR_TX))
		return;
	while (p->tx.count && taken) {
		const uint8_t *data = bytefifo_peek(&p->tx, &count);

		taken = send(p, data, count);
		bytefifo_drop(&p->tx, taken < count ? taken : count);
	}
	if (tx_low(p))
		p->ris |= INT_TX;
}

static void write_data(struct pl011 *p, uint8_t byte)
{
	/* A write to a full FIFO is lost, as on the chip. */
	if (p->tx.count < fifo_limit(p))
		bytefifo_push(&p->tx, byte);
	if (!tx_low(p))
		p->ris &= ~INT_TX;
	transmit(p);
}

static uint32_t read_data(struct pl011 *p)
{
	uint32_t v = bytefifo_pop(&p->rx) | (p->overrun ? DR_OVERRUN : 0);

	if (!rx_reached(p))
		p->ris &= ~INT_RX;
	restart_timeout(p);
	return v;
}

static uint32_t flags(const struct pl011 *p)
{
	return FR_CTS | FR_DSR | FR_DCD | (p->tx.count ? FR_BUSY : FR_TX_EMPTY) |
	       (p->tx.count >= fifo_limit(p) ? FR_TX_FULL : 0) | (p->rx.count ? 0 : FR_RX_EMPTY) |
	       (p->rx.count >= fifo_limit(p) ? FR_RX_FULL : 0);
}

/* Switching the FIFOs empties them (3.3.7). */
static void write_lcr_h(struct pl011 *p, uint8_t value)
{
	if ((value ^ p->lcr_h) & LCR_FIFOS) {
		bytefifo_clear(&p->rx);
		bytefifo_clear(&p->tx);
		p->ris &= ~INT_RX;
		restart_timeout(p);
	}
	p->lcr_h = value;
}

static uint32_t read_register(struct pl011 *p, uint64_t offset)
{
	/* Peripheral identification: part 0x011, designer ARM, revision r1p5; PrimeCell identification. */
	static const uint8_t ids[8] = { 0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

	switch (offset) {
	case DR: return read_data(p);
	case RSR_ECR: return p->overrun ? RSR_OVERRUN : 0;
	case FR: return flags(p);
	case ILPR: return p->ilpr;
	case IBRD: return p->ibrd;
	case FBRD: return p->fbrd;
	case LCR_H: return p->lcr_h;
	case CR: return p->cr;
	case IFLS: return p->ifls;
	case IMSC: return p->imsc;
	case RIS: return p->ris;
	case MIS: return p->ris & p->imsc;
	case DMACR: return p->dmacr;
	}
	return offset >= ID ? ids[(offset - ID) / 4 % 8] : 0;
}

static void write_register(struct pl011 *p, uint64_t offset, uint32_t value)
{
	switch (offset) {
	case DR: write_data(p, (uint8_t)value); break;
	case RSR_ECR: p->overrun = false; break;
	case ILPR: p->ilpr = (uint8_t)value; break;
	case IBRD: p->ibrd = (uint16_t)value; break;
	case FBRD: p->fbrd = value & 0x3f; break;
	case LCR_H: write_lcr_h(p, (uint8_t)value); break;
	case CR: p->cr = value & CR_WRITABLE; break;
	case IFLS: p->ifls = value & 0x3f; break;
	case IMSC: p->imsc = value & INT_ALL; break;
	case ICR: p->ris &= ~value; break;
	case DMACR: p->dmacr = value & 7; break;
	}
}

static uint64_t pl011_read(void *dev, unsigned id, uint64_t offset, unsigned size)
{
	struct pl011 *p = dev;
	uint32_t v = read_register(p, vl_align_down(offset, 4));

	wake_input(p);
	update_irq(p);
	return v >> 8 * (offset & 3);
}

static void pl011_write(void *dev, unsigned id, uint64_t offset, unsigned size, uint64_t value)
{
	struct pl011 *p = dev;

	if (offset & 3)
		return;
	write_register(p, offset, (uint32_t)value);
	transmit(p);
	wake_input(p);
	update_irq(p);
}

static size_t pl011_input(void *dev, const uint8_t *data, size_t size)
{
	struct pl011 *p = dev;
	size_t taken = 0;

	while (taken < size && takes_input(p))
		receive(p, data[taken++]);
	p->input_refused = taken < size;
	if (taken)
		restart_timeout(p);
	update_irq(p);
	return taken;
}

static void pl011_complete(void *dev, uint64_t id, int result)
{
	transmit(dev);
	update_irq(dev);
}

static void pl011_timer(void *dev, unsigned timer)
{
	struct pl011 *p = dev;

	if (p->timeout_ns == 0)
		return;
	if (p->env->ops->now_ns(p->env) < p->timeout_ns) {
		p->env->ops->timer_set(p->env, TIMER_RX_TIMEOUT, p->timeout_ns);
		return;
	}
	p->timeout_ns = 0;
	if (p->rx.count)
		p->ris |= INT_TIMEOUT;
	update_irq(p);
}

static void pl011_start(void *dev)
{
	struct pl011 *p = dev;

	if (p->timeout_ns)
		p->env->ops->timer_set(p->env, TIMER_RX_TIMEOUT, p->timeout_ns);
	transmit(p);
	p->input_refused = true;
	wake_input(p);
	update_irq(p);
}

static void pl011_stop(void *dev)
{
	struct pl011 *p = dev;

	p->env->ops->timer_cancel(p->env, TIMER_RX_TIMEOUT);
}

static void pl011_reset(void *dev)
{
	struct pl011 *p = dev;
	struct dev_env *env = p->env;

	memset(p, 0, sizeof(*p));
	p->env = env;
	p->cr = CR_RESET;
	p->ifls = IFLS_RESET;
	env->ops->timer_cancel(env, TIMER_RX_TIMEOUT);
	update_irq(p);
}

static const struct state_field pl011_fields[] = {
	STATE_FIELD(3, struct pl011, ibrd, 0xffff),
	STATE_FIELD(4, struct pl011, fbrd, 0x3f),
	STATE_FIELD(5, struct pl011, imsc, INT_ALL),
	STATE_FIELD(6, struct pl011, ris, INT_ALL),
	STATE_FIELD(7, struct pl011, cr, 0xffff),
	STATE_FIELD(8, struct pl011, lcr_h, 0xff),
	STATE_FIELD(9, struct pl011, ifls, 0x3f),
	STATE_FIELD(10, struct pl011, dmacr, 7),
	STATE_FIELD(11, struct pl011, ilpr, 0xff),
	STATE_FIELD(12, struct pl011, overrun, 1),
	STATE_FIELD(13, struct pl011, timeout_ns, UINT64_MAX),
};

static void pl011_save(void *dev, struct state_writer *w)
{
	struct pl011 *p = dev;

	bytefifo_save(&p->rx, w, 1);
	bytefifo_save(&p->tx, w, 2);
	state_put_fields(w, pl011_fields, VL_ARRAY_COUNT(pl011_fields), p);
}

static int pl011_restore(void *dev, struct state_reader *r)
{
	struct pl011 *p = dev;

	state_get_fields(r, pl011_fields, VL_ARRAY_COUNT(pl011_fields), p);
	p->cr &= CR_WRITABLE;
	bytefifo_restore(&p->rx, r, 1, fifo_limit(p));
	bytefifo_restore(&p->tx, r, 2, fifo_limit(p));
	if (!r->err)
		update_irq(p);
	return state_reader_finish(r);
}

static void pl011_inspect(const void *dev, struct inspect *i)
{
	const struct pl011 *p = dev;

	dev_show(i, "cr", p->cr);
	dev_show(i, "lcr-h", p->lcr_h);
	dev_show(i, "ibrd", p->ibrd);
	dev_show(i, "fbrd", p->fbrd);
	dev_show(i, "ifls", p->ifls);
	dev_show(i, "imsc", p->imsc);
	dev_show(i, "ris", p->ris);
	dev_show(i, "dmacr", p->dmacr);
	dev_show(i, "overrun", p->overrun);
}

const struct dev_model pl011_model = {
	.name = "pl011",
	.version = 1,
	.read = pl011_read,
	.write = pl011_write,
	.start = pl011_start,
	.stop = pl011_stop,
	.reset = pl011_reset,
	.save = pl011_save,
	.restore = pl011_restore,
	.inspect = pl011_inspect,
	.timer = pl011_timer,
	.input = pl011_input,
	.complete = pl011_complete,
};

void pl011_init(struct pl011 *p, struct dev_env *env)
{
	p->env = env;
	pl011_reset(p);
}
