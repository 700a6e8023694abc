/*
 * 16550A UART, as on a PC's COM ports. Source: National Semiconductor
 * PC16550D data sheet (registers and interrupts, sections 8.1-8.11).
 * Region: 8 ports (or bytes) under any id. irq line 0: INTR, gated by MCR OUT2
 * as on a PC. The stream is the line: env->output carries what the guest
 * sends, model->input what it receives. When the stream is full the
 * transmitter stays busy (LSR THRE clear), the guest's VP never waits.
 */
#ifndef VL_DEV_SERIAL16550_H
#define VL_DEV_SERIAL16550_H

#include "common/device/device.h"
#include "runtime/dev/bytefifo.h"

#define SERIAL16550_REGION_BYTES 8
#define SERIAL16550_FIFO_BYTES 16

struct serial16550 {
	struct dev_env *env;
	struct bytefifo rx, tx;
	uint8_t ier, lcr, mcr, msr, scr, fcr;
	uint8_t lsr_errors; /* overrun, break ...: sticky until LSR is read */
	uint16_t divisor;
	bool thre_pending; /* the transmitter emptied, or its interrupt was enabled while empty */
	bool timeout;      /* character timeout */
	uint64_t timeout_ns; /* VM time of it; 0: none awaited */
	bool input_refused; /* input() took less than offered; wakes by input_ready() */
};

extern const struct dev_model serial16550_model;
void serial16550_init(struct serial16550 *s, struct dev_env *env);

#endif
