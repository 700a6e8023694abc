/*
 * MC146818A real-time clock with 128 bytes of CMOS RAM, ports 0x70 and 0x71
 * (Motorola MC146818A data sheet; century in byte 0x32 as ACPI's FADT says).
 * irq line 0: IRQ (ISA interrupt 8). The clock is the host's wall clock plus
 * what the guest set, within the years 1970 to 2500. reset() is the chip's
 * RESET pin: time and RAM have a battery.
 */
#ifndef VL_PORT_DEV_CMOS_H
#define VL_PORT_DEV_CMOS_H

#include "common/device/device.h"

#define CMOS_BYTES 128
#define CMOS_CENTURY 0x32

struct cmos {
	struct dev_env *env;
	uint8_t ram[CMOS_BYTES]; /* the registers; time bytes count only while the clock is held */
	uint8_t index;
	int64_t offset_ns;      /* clock minus wall clock */
	uint64_t held_ns;       /* the clock's value while SET or the divider's reset holds it */
	uint64_t checked_s;     /* the clock's second up to which update and alarm were noticed */
	uint64_t checked_ticks; /* 32768 Hz ticks of VM time up to which the periodic flag was noticed */
};

#define CMOS_REGIONS 1
extern const struct dev_region cmos_regions[CMOS_REGIONS];
extern const struct dev_model cmos_model;
void cmos_init(struct cmos *c, struct dev_env *env);

#endif
