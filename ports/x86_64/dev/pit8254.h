/*
 * 8254 interval timer with the PC's port 0x61 (Intel 8254 data sheet 231164;
 * ICH9 data sheet 13.7.1 for NMI_SC). irq line 0: OUT of counter 0 (ISA
 * interrupt 0). Counting is computed from env->now_ns at 1193182 Hz; a count
 * written in mode 3 takes over at the end of the period, not of its half. The
 * guest cannot have more than 20000 interrupts a second: ticks between are
 * skipped.
 */
#ifndef VL_PORT_DEV_PIT8254_H
#define VL_PORT_DEV_PIT8254_H

#include "common/device/device.h"

#define PIT8254_HZ 1193182u

struct pit8254_counter {
	uint32_t reload;      /* the count in use: 1..0x10000 */
	uint32_t next_reload; /* modes 2 and 3: takes over when the present period ends; 0: none */
	uint64_t start_ns;    /* VM time when counting from `reload` began */
	uint64_t held_ns;     /* what had passed of it when the gate went low */
	uint64_t event_ns;    /* counter 0: VM time of the next interrupt; 0: none */
	uint16_t latch;
	uint8_t status;       /* latched status */
	uint8_t mode;         /* 0..5 */
	uint8_t access;       /* 1 low byte, 2 high byte, 3 low then high */
	uint8_t write_low;    /* first byte of access 3 */
	bool bcd, gate;
	bool loaded;          /* a count was written since the mode was set */
	bool running;         /* modes 1 and 5: the gate has triggered */
	bool latched, status_latched;
	bool read_high, write_high; /* access 3: the high byte is next */
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
