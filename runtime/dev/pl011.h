/*
 * PL011 UART (PrimeCell, ARM DDI 0183; revision r1p5 with FIFOs of 32 bytes).
 * Region: one MMIO page. irq line 0: UARTINTR, active high. Streams and flow
 * control as in serial16550.h. After reset it is enabled, as firmware would
 * leave it for an early console.
 */
#ifndef VL_DEV_PL011_H
#define VL_DEV_PL011_H

#include "common/device/device.h"
#include "runtime/dev/bytefifo.h"

#define PL011_REGION_BYTES 0x1000
#define PL011_CLOCK_HZ 24000000 /* UARTCLK, for the device tree's fixed clock */

struct pl011 {
	struct dev_env *env;
	struct bytefifo rx, tx;
	uint16_t ibrd, imsc, ris, cr;
	uint8_t fbrd, lcr_h, ifls, dmacr, ilpr;
	bool overrun; /* until ECR is written */
	uint64_t timeout_ns; /* VM time of the receive timeout; 0: none awaited */
	bool input_refused;  /* input() took less than offered; wakes by input_ready() */
};

extern const struct dev_model pl011_model;
void pl011_init(struct pl011 *p, struct dev_env *env);

#endif
