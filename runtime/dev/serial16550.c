/*
 * 16550A UART (serial16550.h). Register accesses are the guest's, input bytes
 * come from the host's console; both untrusted.
 */
#include "runtime/dev/serial16550.h"
#include "common/base/err.h"

#include <string.h>

/* Registers by offset; with DLAB set 0 and 1 are the divisor (data sheet table II). */
enum { RBR_THR, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR };

#define IER_RDA 1u
#define IER_THRE 2u
#define IER_LINE 4u
#define IER_MODEM 8u
#define IIR_NONE 0x01u
#define IIR_MODEM 0x00u
#define IIR_THRE 0x02u
#define IIR_RDA 0x04u
#define IIR_LINE 0x06u
#define IIR_TIMEOUT 0x0cu
#define IIR_FIFOS 0xc0u
#define FCR_ENABLE 1u
#define FCR_CLEAR_RX 2u
#define FCR_CLEAR_TX 4u
#define LCR_DLAB 0x80u
#define MCR_OUT2 8u
#define MCR_LOOP 0x10u
#define LSR_DATA 1u
#define LSR_OVERRUN 2u
#define LSR_THRE 0x20u
#define LSR_IDLE 0x40u
#define MSR_DELTA_RI 4u
#define MSR_DELTAS 0x0fu
#define MSR_CTS 0x10u
#define MSR_DSR 0x20u
#define MSR_RI 0x40u
#define MSR_DCD 0x80u
#define MSR_CONNECTED (MSR_CTS | MSR_DSR | MSR_DCD)

#define CLOCK_HZ 1843200u
#define TIMER_RX_TIMEOUT 0

static unsigned fifo_limit(const struct serial16550 *s)
{
	return s->fcr & FCR_ENABLE ? SERIAL16550_FIFO_BYTES : 1;
}

static unsigned rx_trigger(const struct serial16550 *s)
{
	static const uint8_t level[4] = { 1, 4, 8, 14 };

	return s->fcr & FCR_ENABLE ? level[s->fcr >> 6] : 1;
}

static uint8_t interrupt_id(const struct serial16550 *s)
{
	if ((s->ier & IER_LINE) && s->lsr_errors)
		return IIR_LINE;
	if ((s->ier & IER_RDA) && s->rx.count >= rx_trigger(s))
		return IIR_RDA;
	if ((s->ier & IER_RDA) && s->timeout)
		return IIR_TIMEOUT;
	if ((s->ier & IER_THRE) && s->thre_pending)
		return IIR_THRE;
	if ((s->ier & IER_MODEM) && (s->msr & MSR_DELTAS))
		return IIR_MODEM;
	return IIR_NONE;
}

/* On a PC, OUT2 opens the gate to the interrupt line; in loopback the pin is inactive (8.6). */
static void update_irq(struct serial16550 *s)
{
	bool gate = (s->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;

	s->env->ops->irq(s->env, 0, gate && interrupt_id(s) != IIR_NONE);
}

/* Four characters of ten bits (8.11: character timeout). */
static uint64_t timeout_length_ns(const struct serial16550 *s)
{
	uint64_t divisor = s->divisor ? s->divisor : 1;

	return 40 * 16 * divisor * 1000000000u / CLOCK_HZ;
}

/* After each received or read character. */
static void restart_timeout(struct serial16550 *s)
{
	s->timeout = false;
	if ((s->fcr & FCR_ENABLE) && s->rx.count) {
		s->timeout_ns = s->env->ops->now_ns(s->env) + timeout_length_ns(s);
		s->env->ops->timer_set(s->env, TIMER_RX_TIMEOUT, s->timeout_ns);
	} else if (s->timeout_ns) {
		s->timeout_ns = 0;
		s->env->ops->timer_cancel(s->env, TIMER_RX_TIMEOUT);
	}
}

static void receive(struct serial16550 *s, uint8_t byte)
{
	if (s->rx.count < fifo_limit(s))
		bytefifo_push(&s->rx, byte);
	else
		s->lsr_errors |= LSR_OVERRUN;
}

/* There may be room again for what input() refused. */
static void wake_input(struct serial16550 *s)
{
	if (s->input_refused && s->rx.count < fifo_limit(s) && !(s->mcr & MCR_LOOP)) {
		s->input_refused = false;
		s->env->ops->input_ready(s->env);
	}
}

static void transmit(struct serial16550 *s)
{
	size_t count, taken;

	if (s->tx.count == 0)
		return;
	while (s->tx.count) {
		const uint8_t *data = bytefifo_peek(&s->tx, &count);

		taken = s->env->ops->output(s->env, data, count);
		bytefifo_drop(&s->tx, taken < count ? taken : count);
		if (taken < count)
			return;
	}
	s->thre_pending = true;
}

static void write_data(struct serial16550 *s, uint8_t byte)
{
	s->thre_pending = false;
	if (s->mcr & MCR_LOOP) {
		receive(s, byte);
		restart_timeout(s);
		s->thre_pending = true;
		return;
	}
	/* A write to a full transmitter is lost, as on the chip. */
	if (s->tx.count < fifo_limit(s))
		bytefifo_push(&s->tx, byte);
	transmit(s);
}

static void write_ier(struct serial16550 *s, uint8_t value)
{
	uint8_t enabled = value & ~s->ier;

	s->ier = value & 0x0f;
	if ((enabled & IER_THRE) && s->tx.count == 0)
		s->thre_pending = true;
}

static void write_fcr(struct serial16550 *s, uint8_t value)
{
	bool toggled = (value ^ s->fcr) & FCR_ENABLE;

	/* The other bits count only while bit 0 is written as 1 (8.5). */
	s->fcr = value & FCR_ENABLE ? value & (FCR_ENABLE | IIR_FIFOS) : 0;
	if (toggled || (value & FCR_ENABLE && value & FCR_CLEAR_RX))
		bytefifo_clear(&s->rx);
	if ((toggled || (value & FCR_ENABLE && value & FCR_CLEAR_TX)) && s->tx.count) {
		bytefifo_clear(&s->tx);
		s->thre_pending = true;
	}
	restart_timeout(s);
}

static uint8_t modem_inputs(uint8_t mcr)
{
	if (!(mcr & MCR_LOOP))
		return MSR_CONNECTED;
	/* RTS drives CTS, DTR DSR, OUT1 RI, OUT2 DCD (8.6). */
	return (uint8_t)((mcr & 2 ? MSR_CTS : 0) | (mcr & 1 ? MSR_DSR : 0) | (mcr & 4 ? MSR_RI : 0) |
			 (mcr & 8 ? MSR_DCD : 0));
}

static void write_mcr(struct serial16550 *s, uint8_t value)
{
	uint8_t inputs, changed;

	s->mcr = value & 0x1f;
	inputs = modem_inputs(s->mcr);
	changed = (inputs ^ s->msr) & 0xf0;
	if (changed & inputs & MSR_RI)
		changed &= ~MSR_RI; /* only its trailing edge is noted */
	s->msr = inputs | (s->msr & MSR_DELTAS) | changed >> 4;
	transmit(s);
}

static uint8_t read_data(struct serial16550 *s)
{
	uint8_t byte = bytefifo_pop(&s->rx);

	restart_timeout(s);
	return byte;
}

static uint8_t read_iir(struct serial16550 *s)
{
	uint8_t id = interrupt_id(s);

	if (id == IIR_THRE)
		s->thre_pending = false;
	return id | (s->fcr & FCR_ENABLE ? IIR_FIFOS : 0);
}

static uint8_t read_lsr(struct serial16550 *s)
{
	uint8_t v = s->lsr_errors | (s->rx.count ? LSR_DATA : 0) | (s->tx.count ? 0 : LSR_THRE | LSR_IDLE);

	s->lsr_errors = 0;
	return v;
}

static uint8_t read_msr(struct serial16550 *s)
{
	uint8_t v = s->msr;

	s->msr &= ~MSR_DELTAS;
	return v;
}

static uint8_t read_register(struct serial16550 *s, uint64_t offset)
{
	bool dlab = s->lcr & LCR_DLAB;

	switch (offset) {
	case RBR_THR: return dlab ? (uint8_t)s->divisor : read_data(s);
	case IER: return dlab ? (uint8_t)(s->divisor >> 8) : s->ier;
	case IIR_FCR: return read_iir(s);
	case LCR: return s->lcr;
	case MCR: return s->mcr;
	case LSR: return read_lsr(s);
	case MSR: return read_msr(s);
	case SCR: return s->scr;
	}
	return 0xff;
}

static void write_register(struct serial16550 *s, uint64_t offset, uint8_t value)
{
	bool dlab = s->lcr & LCR_DLAB;

	switch (offset) {
	case RBR_THR:
		if (dlab)
			s->divisor = (uint16_t)((s->divisor & 0xff00) | value);
		else
			write_data(s, value);
		break;
	case IER:
		if (dlab)
			s->divisor = (uint16_t)((s->divisor & 0xff) | value << 8);
		else
			write_ier(s, value);
		break;
	case IIR_FCR: write_fcr(s, value); break;
	case LCR: s->lcr = value; break;
	case MCR: write_mcr(s, value); break;
	case SCR: s->scr = value; break;
	}
}

static uint64_t serial_read(void *dev, unsigned id, uint64_t offset, unsigned size)
{
	struct serial16550 *s = dev;
	uint8_t v = read_register(s, offset);

	wake_input(s);
	update_irq(s);
	return v;
}

static void serial_write(void *dev, unsigned id, uint64_t offset, unsigned size, uint64_t value)
{
	struct serial16550 *s = dev;

	write_register(s, offset, (uint8_t)value);
	wake_input(s);
	update_irq(s);
}

static size_t serial_input(void *dev, const uint8_t *data, size_t size)
{
	struct serial16550 *s = dev;
	size_t taken = 0;

	while (taken < size && s->rx.count < fifo_limit(s) && !(s->mcr & MCR_LOOP))
		receive(s, data[taken++]);
	s->input_refused = taken < size;
	if (taken)
		restart_timeout(s);
	update_irq(s);
	return taken;
}

static void serial_complete(void *dev, uint64_t id, int result)
{
	struct serial16550 *s = dev;

	transmit(s);
	update_irq(s);
}

static void serial_timer(void *dev, unsigned timer)
{
	struct serial16550 *s = dev;

	if (s->timeout_ns == 0)
		return;
	if (s->env->ops->now_ns(s->env) < s->timeout_ns) {
		s->env->ops->timer_set(s->env, TIMER_RX_TIMEOUT, s->timeout_ns);
		return;
	}
	s->timeout_ns = 0;
	s->timeout = s->rx.count > 0;
	update_irq(s);
}

static void serial_start(void *dev)
{
	struct serial16550 *s = dev;

	if (s->timeout_ns)
		s->env->ops->timer_set(s->env, TIMER_RX_TIMEOUT, s->timeout_ns);
	transmit(s);
	s->input_refused = true;
	wake_input(s);
	update_irq(s);
}

static void serial_stop(void *dev)
{
	struct serial16550 *s = dev;

	s->env->ops->timer_cancel(s->env, TIMER_RX_TIMEOUT);
}

static void serial_reset(void *dev)
{
	struct serial16550 *s = dev;
	struct dev_env *env = s->env;

	memset(s, 0, sizeof(*s));
	s->env = env;
	s->divisor = 12; /* undefined on the chip; 9600 baud as firmware leaves it */
	s->msr = MSR_CONNECTED;
	s->thre_pending = true;
	env->ops->timer_cancel(env, TIMER_RX_TIMEOUT);
	update_irq(s);
}

static const struct state_field serial_fields[] = {
	STATE_FIELD(3, struct serial16550, ier, 0x0f),
	STATE_FIELD(4, struct serial16550, lcr, 0xff),
	STATE_FIELD(5, struct serial16550, mcr, 0x1f),
	STATE_FIELD(6, struct serial16550, msr, 0xff),
	STATE_FIELD(7, struct serial16550, scr, 0xff),
	STATE_FIELD(8, struct serial16550, fcr, 0xff),
	STATE_FIELD(9, struct serial16550, lsr_errors, LSR_OVERRUN),
	STATE_FIELD(10, struct serial16550, divisor, 0xffff),
	STATE_FIELD(11, struct serial16550, thre_pending, 1),
	STATE_FIELD(12, struct serial16550, timeout, 1),
	STATE_FIELD(13, struct serial16550, timeout_ns, UINT64_MAX),
};

static void serial_save(void *dev, struct state_writer *w)
{
	struct serial16550 *s = dev;

	bytefifo_save(&s->rx, w, 1);
	bytefifo_save(&s->tx, w, 2);
	state_put_fields(w, serial_fields, VL_ARRAY_COUNT(serial_fields), s);
}

static int serial_restore(void *dev, struct state_reader *r)
{
	struct serial16550 *s = dev;

	state_get_fields(r, serial_fields, VL_ARRAY_COUNT(serial_fields), s);
	s->fcr &= FCR_ENABLE | IIR_FIFOS;
	bytefifo_restore(&s->rx, r, 1, fifo_limit(s));
	bytefifo_restore(&s->tx, r, 2, fifo_limit(s));
	if (!r->err)
		update_irq(s);
	return state_reader_finish(r);
}

static void serial_inspect(const void *dev, struct inspect *i)
{
	const struct serial16550 *s = dev;

	dev_show(i, "ier", s->ier);
	dev_show(i, "fcr", s->fcr);
	dev_show(i, "lcr", s->lcr);
	dev_show(i, "mcr", s->mcr);
	dev_show(i, "msr", s->msr);
	dev_show(i, "scr", s->scr);
	dev_show(i, "divisor", s->divisor);
	dev_show(i, "line-errors", s->lsr_errors);
	dev_show(i, "transmitter-empty-pending", s->thre_pending);
	dev_show(i, "timeout", s->timeout);
}

const struct dev_model serial16550_model = {
	.name = "serial16550",
	.version = 1,
	.read = serial_read,
	.write = serial_write,
	.start = serial_start,
	.stop = serial_stop,
	.reset = serial_reset,
	.save = serial_save,
	.restore = serial_restore,
	.inspect = serial_inspect,
	.timer = serial_timer,
	.input = serial_input,
	.complete = serial_complete,
};

void serial16550_init(struct serial16550 *s, struct dev_env *env)
{
	s->env = env;
	serial_reset(s);
}
