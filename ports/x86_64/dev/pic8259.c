/* Pair of 8259A interrupt controllers (pic8259.h). Register accesses are the guest's. */
#include "ports/x86_64/dev/pic8259.h"
#include "common/base/err.h"

#include <string.h>

#define CASCADE 2
#define SPURIOUS 7
#define REGION_MASTER 0
#define REGION_SLAVE 1
#define REGION_ELCR 2

#define ICW1 0x10u /* in the even port: begins initialization */
#define ICW1_NEED_ICW4 1u
#define ICW1_SINGLE 2u
#define ICW4_AEOI 2u
#define ICW4_SFNM 0x10u
#define OCW3 0x08u
#define OCW3_READ_ISR 1u
#define OCW3_READ 2u
#define OCW3_POLL 4u
#define OCW3_SPECIAL_MASK 0x20u
#define OCW3_SET_SPECIAL_MASK 0x40u

const struct dev_region pic8259_regions[PIC8259_REGIONS] = {
	{ DEV_PIO, 0x20, 2, REGION_MASTER, 1 },
	{ DEV_PIO, 0xa0, 2, REGION_SLAVE, 1 },
	{ DEV_PIO, 0x4d0, 2, REGION_ELCR, 1 },
};

/* Inputs that ELCR cannot make level triggered: 0, 1, 2 and 8, 13 (ICH9 13.4). */
static const uint8_t elcr_writable[2] = { 0xf8, 0xde };

/* 0 (highest) .. 7; 8 when `inputs` is empty. */
static unsigned top_priority(const struct pic8259_chip *c, uint8_t inputs)
{
	for (unsigned p = 0; p < 8; p++)
		if (inputs >> ((c->lowest + 1 + p) & 7) & 1)
			return p;
	return 8;
}

static uint8_t input_of(const struct pic8259_chip *c, unsigned priority)
{
	return (uint8_t)((c->lowest + 1 + priority) & 7);
}

/* The input whose request may interrupt now, or 8. */
static unsigned request_of(const struct pic8259_chip *c)
{
	unsigned want = top_priority(c, c->irr & ~c->imr);
	uint8_t serving = c->isr;

	if (c->special_mask)
		serving &= ~c->imr;
	/* Fully nested for the slave: its own higher requests pass while its input is in service. */
	if (c->sfnm)
		serving &= ~(1u << CASCADE);
	return want < top_priority(c, serving) ? input_of(c, want) : 8;
}

static void set_input(struct pic8259_chip *c, unsigned input, bool level, bool level_mode)
{
	uint8_t bit = (uint8_t)(1u << input);
	bool rising = level && !(c->lines & bit);

	c->lines = level ? c->lines | bit : c->lines & ~bit;
	/* A request must stand until it is acknowledged, else it is withdrawn (data sheet, figure 9). */
	if (!level)
		c->irr &= ~bit;
	else if (rising || level_mode)
		c->irr |= bit;
}

/* Slave into master, master out to the processor. */
static void update(struct pic8259 *p)
{
	set_input(&p->chip[0], CASCADE, request_of(&p->chip[1]) < 8, true);
	p->env->ops->irq(p->env, 0, pic8259_pending(p));
}

bool pic8259_pending(const struct pic8259 *p)
{
	return request_of(&p->chip[0]) < 8;
}

void pic8259_set(struct pic8259 *p, unsigned irq, bool level)
{
	struct pic8259_chip *c;

	if (irq > 15 || irq == CASCADE)
		return;
	c = &p->chip[irq / 8];
	set_input(c, irq % 8, level, c->elcr >> irq % 8 & 1);
	update(p);
}

/* One chip's INTA cycle; the input, or 8 for a spurious one. */
static unsigned take_request(struct pic8259_chip *c, bool cascade)
{
	unsigned input = request_of(c);
	uint8_t bit = (uint8_t)(1u << input);

	if (input == 8)
		return 8;
	if (!(c->elcr & bit) && !(cascade && input == CASCADE))
		c->irr &= ~bit;
	if (!c->aeoi)
		c->isr |= bit;
	else if (c->rotate_aeoi)
		c->lowest = (uint8_t)input;
	return input;
}

uint8_t pic8259_acknowledge(struct pic8259 *p)
{
	unsigned input = take_request(&p->chip[0], true);
	struct pic8259_chip *c = &p->chip[0];

	if (input == CASCADE) {
		c = &p->chip[1];
		input = take_request(c, false);
	}
	update(p);
	return (uint8_t)(c->base + (input == 8 ? SPURIOUS : input));
}

static void begin_init(struct pic8259_chip *c, uint8_t icw1)
{
	c->irr = c->lines & c->elcr; /* the edge detectors start anew */
	c->isr = c->imr = 0;
	c->lowest = 7;
	c->read_isr = c->poll = c->special_mask = false;
	c->aeoi = c->rotate_aeoi = c->sfnm = false;
	c->need_icw4 = icw1 & ICW1_NEED_ICW4;
	c->single = icw1 & ICW1_SINGLE;
	c->icw_step = 2;
}

static void end_of_interrupt(struct pic8259_chip *c, unsigned input, bool rotate)
{
	c->isr &= ~(1u << input);
	if (rotate)
		c->lowest = (uint8_t)input;
}

static void write_ocw2(struct pic8259_chip *c, uint8_t value)
{
	unsigned input = value & 7, serving;

	switch (value >> 5) {
	case 0: c->rotate_aeoi = false; break;
	case 4: c->rotate_aeoi = true; break;
	case 1: /* non-specific EOI, 5: with rotation */
	case 5:
		serving = top_priority(c, c->special_mask ? c->isr & ~c->imr : c->isr);
		if (serving < 8)
			end_of_interrupt(c, input_of(c, serving), value >> 5 == 5);
		break;
	case 3: end_of_interrupt(c, input, false); break;
	case 7: end_of_interrupt(c, input, true); break;
	case 6: c->lowest = (uint8_t)input; break;
	}
}

static void write_ocw3(struct pic8259_chip *c, uint8_t value)
{
	c->poll = value & OCW3_POLL;
	if (value & OCW3_READ)
		c->read_isr = value & OCW3_READ_ISR;
	if (value & OCW3_SET_SPECIAL_MASK)
		c->special_mask = value & OCW3_SPECIAL_MASK;
}

/* The odd port: ICW2 to ICW4 during initialization, else the mask. */
static void write_odd(struct pic8259_chip *c, uint8_t value)
{
	switch (c->icw_step) {
	case 0:
		c->imr = value;
		break;
	case 2:
		c->base = value & 0xf8;
		c->icw_step = c->single ? (c->need_icw4 ? 4 : 0) : 3;
		break;
	case 3: /* the wiring of the cascade is fixed */
		c->icw_step = c->need_icw4 ? 4 : 0;
		break;
	case 4:
		c->aeoi = value & ICW4_AEOI;
		c->sfnm = value & ICW4_SFNM;
		c->icw_step = 0;
		break;
	}
}

static void pic_write(void *dev, unsigned id, uint64_t offset, unsigned size, uint64_t value)
{
	struct pic8259 *p = dev;
	uint8_t v = (uint8_t)value;
	struct pic8259_chip *c = &p->chip[id == REGION_ELCR ? offset & 1 : id];

	if (id == REGION_ELCR) {
		c->elcr = v & elcr_writable[offset & 1];
		c->irr |= c->lines & c->elcr;
	} else if (offset & 1) {
		write_odd(c, v);
	} else if (v & ICW1) {
		begin_init(c, v);
	} else if (v & OCW3) {
		write_ocw3(c, v);
	} else {
		write_ocw2(c, v);
	}
	update(p);
}

/* The poll command makes the next read an acknowledgement (data sheet: POLL COMMAND). */
static uint8_t read_poll(struct pic8259 *p, struct pic8259_chip *c)
{
	unsigned input = take_request(c, c == &p->chip[0]);

	c->poll = false;
	update(p);
	return input == 8 ? SPURIOUS : (uint8_t)(0x80 | input);
}

static uint64_t pic_read(void *dev, unsigned id, uint64_t offset, unsigned size)
{
	struct pic8259 *p = dev;
	struct pic8259_chip *c = &p->chip[id == REGION_ELCR ? offset & 1 : id];

	if (id == REGION_ELCR)
		return c->elcr;
	if (c->poll)
		return read_poll(p, c);
	if (offset & 1)
		return c->imr;
	return c->read_isr ? c->isr : c->irr;
}

static void pic_reset(void *dev)
{
	struct pic8259 *p = dev;

	for (unsigned i = 0; i < 2; i++) {
		uint8_t lines = p->chip[i].lines; /* held by the devices */

		memset(&p->chip[i], 0, sizeof(p->chip[i]));
		p->chip[i].lines = lines;
		p->chip[i].imr = 0xff; /* undefined before ICW1; silent as firmware leaves it */
		p->chip[i].lowest = 7;
	}
	update(p);
}

#define CHIP_FIELDS(n, i) \
	STATE_FIELD(n + 0, struct pic8259, chip[i].irr, 0xff), \
	STATE_FIELD(n + 1, struct pic8259, chip[i].isr, 0xff), \
	STATE_FIELD(n + 2, struct pic8259, chip[i].imr, 0xff), \
	STATE_FIELD(n + 3, struct pic8259, chip[i].lines, 0xff), \
	STATE_FIELD(n + 4, struct pic8259, chip[i].elcr, 0xff), \
	STATE_FIELD(n + 5, struct pic8259, chip[i].icw_step, 4), \
	STATE_FIELD(n + 6, struct pic8259, chip[i].base, 0xff), \
	STATE_FIELD(n + 7, struct pic8259, chip[i].lowest, 7), \
	STATE_FIELD(n + 8, struct pic8259, chip[i].need_icw4, 1), \
	STATE_FIELD(n + 9, struct pic8259, chip[i].single, 1), \
	STATE_FIELD(n + 10, struct pic8259, chip[i].read_isr, 1), \
	STATE_FIELD(n + 11, struct pic8259, chip[i].poll, 1), \
	STATE_FIELD(n + 12, struct pic8259, chip[i].special_mask, 1), \
	STATE_FIELD(n + 13, struct pic8259, chip[i].aeoi, 1), \
	STATE_FIELD(n + 14, struct pic8259, chip[i].rotate_aeoi, 1), \
	STATE_FIELD(n + 15, struct pic8259, chip[i].sfnm, 1)

static const struct state_field pic_fields[] = { CHIP_FIELDS(16, 0), CHIP_FIELDS(32, 1) };

static void pic_save(void *dev, struct state_writer *w)
{
	state_put_fields(w, pic_fields, VL_ARRAY_COUNT(pic_fields), dev);
}

static int pic_restore(void *dev, struct state_reader *r)
{
	struct pic8259 *p = dev;

	state_get_fields(r, pic_fields, VL_ARRAY_COUNT(pic_fields), p);
	for (unsigned i = 0; i < 2; i++)
		p->chip[i].elcr &= elcr_writable[i];
	if (!r->err)
		update(p);
	return state_reader_finish(r);
}

static void pic_inspect(const void *dev, struct inspect *i)
{
	static const char *const names[] = { "master", "slave" };
	const struct pic8259 *p = dev;

	for (unsigned n = 0; n < VL_ARRAY_COUNT(names); n++) {
		const struct pic8259_chip *c = &p->chip[n];

		if (!inspect_open(i, names[n], INSPECT_SENSITIVE))
			continue;
		dev_show(i, "irr", c->irr);
		dev_show(i, "isr", c->isr);
		dev_show(i, "imr", c->imr);
		dev_show(i, "elcr", c->elcr);
		dev_show(i, "lines", c->lines);
		dev_show(i, "base", c->base);
		inspect_close(i);
	}
}

const struct dev_model pic8259_model = {
	.name = "pic8259",
	.version = 1,
	.read = pic_read,
	.write = pic_write,
	.reset = pic_reset,
	.save = pic_save,
	.restore = pic_restore,
	.inspect = pic_inspect,
};

void pic8259_init(struct pic8259 *p, struct dev_env *env)
{
	memset(p, 0, sizeof(*p));
	p->env = env;
	pic_reset(p);
}
