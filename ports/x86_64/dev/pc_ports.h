/*
 * A PC's small fixed ports: keyboard controller (0x60, 0x64: self test,
 * output port and reset pulse, no keyboard), POST codes (0x80), system control
 * port A (0x92: A20, fast reset). Reset requests leave by env->machine. A20 is
 * always open; the ports remember what was written.
 */
#ifndef VL_PORT_DEV_PC_PORTS_H
#define VL_PORT_DEV_PC_PORTS_H

#include "common/device/device.h"

struct pc_ports {
	struct dev_env *env;
	uint8_t command; /* of the keyboard controller that awaits its data byte */
	uint8_t config;  /* controller command byte */
	uint8_t data;    /* output buffer */
	bool data_full;
	uint8_t post, system_a;
};

#define PC_PORTS_REGIONS 4
extern const struct dev_region pc_ports_regions[PC_PORTS_REGIONS];
extern const struct dev_model pc_ports_model;
void pc_ports_init(struct pc_ports *p, struct dev_env *env);

#endif
