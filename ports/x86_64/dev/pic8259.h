/*
 * The PC's pair of 8259A interrupt controllers with ELCR. Source: Intel 8259A
 * data sheet (231468), ICH9 data sheet 13.4 for the ELCR ports.
 *
 * env->irq line 0 is INTR. The VM worker delivers it as an external interrupt
 * (ExtINT) to the boot VP; when the VP takes it, it calls
 * pic8259_acknowledge() for the vector.
 */
#ifndef VL_PORT_DEV_PIC8259_H
#define VL_PORT_DEV_PIC8259_H

#include "common/device/device.h"

struct pic8259_chip {
	uint8_t irr, isr, imr;
	uint8_t lines;  /* levels of the eight inputs */
	uint8_t elcr;   /* 1: level triggered */
	uint8_t icw_step; /* next ICW expected: 0 none, 2, 3, 4 */
	uint8_t base;   /* vector of input 0 */
	uint8_t lowest; /* input with the lowest priority; 7 after ICW1 */
	bool need_icw4, single, read_isr, poll, special_mask, aeoi, rotate_aeoi, sfnm;
};

struct pic8259 {
	struct dev_env *env;
	struct pic8259_chip chip[2]; /* master, slave on its input 2 */
};

#define PIC8259_REGIONS 3
extern const struct dev_region pic8259_regions[PIC8259_REGIONS];
extern const struct dev_model pic8259_model;
void pic8259_init(struct pic8259 *p, struct dev_env *env);
/* Input 0..15 (2 is the cascade and ignored). */
void pic8259_set(struct pic8259 *p, unsigned irq, bool level);
/* The two INTA cycles: the vector; a spurious one when no request stands any more. */
uint8_t pic8259_acknowledge(struct pic8259 *p);
/* INTR is active. */
bool pic8259_pending(const struct pic8259 *p);

#endif
