/*
 * 8254 interval timer with the PC's port 0x61 (Intel 8254 data sheet 231164;
 * ICH9 data sheet 13.7.1 for NMI_SC). irq line 0: OUT of counter 0 (ISA
 * interrupt 0). Counting is computed from env->now_ns at 1193182 Hz.
 */
#ifndef VL_PORT_DEV_PIT8254_H
#define VL_PORT_DEV_PIT8254_H

#include "common/device/device.h"

#define PIT8254_HZ 1193182u

struct pit8254_counter {
	uint32_t reload;   /* 1..0x10000; the count register CR */
	uint64_t start_ns; /* VM time when counting from `reload` began */
	uint64_t held_ns;  /* time counted before the gate went low (modes 0 and 4) */
	uint16_t latch;
	uint8_t status;    /* latched status */
	uint8_t mode, access; /* access 1 low, 2 high, 3 low then high byte */
	uint8_t write_low;
	bool bcd, gate, loaded; /* loaded: a count was written since the mode was set */
	bool latched, status_latched, read_high, write_high;
	bool out_idle;     /* OUT while not loaded */
	bool fired;        /* one-shot modes: the interrupt of this count was raised */
};

struct pit8254 {
	struct dev_env *env;
	struct pit8254_counter counter[3];
	uint8_t port61;
};

#define PIT8254_REGIONS 2
extern const struct dev_region pit8254_regions[PIT8254_REGIONS];
extern const struct dev_model pit8254_model;
void pit8254_init(struct pit8254 *p, struct dev_env *env);

#endif
