/*
 * VTL2's serial port: a 16550 at 0x3e8 that only sends (no interrupt, no
 * input). Its lines go to stderr with --log. Fed by VTL2, untrusted: control
 * characters are shown as '?'.
 */
#include "ports/x86_64/host/x86.h"

#include <stdio.h>

#define COM3_BASE 0x3e8
#define LCR_DLAB 0x80
#define MCR_LOOP 0x10
#define LSR_EMPTY 0x60 /* transmitter empty, holding register empty */

enum { THR, IER, IIR, LCR, MCR, LSR, MSR, SCR };

uint8_t x86_com3_read(struct port_vp *p, unsigned port)
{
	struct x86_com3 *u = &p->vp->host->port->com3;
	unsigned reg = port - COM3_BASE;
	uint8_t value;

	pthread_mutex_lock(&u->lock);
	value = u->reg[reg];
	if (u->reg[LCR] & LCR_DLAB && reg <= IER)
		value = u->divisor[reg];
	else if (reg == THR)
		value = 0;
	else if (reg == IIR)
		value = 0xc1; /* no interrupt; FIFOs on */
	else if (reg == LSR)
		value = LSR_EMPTY;
	else if (reg == MSR) /* looped back: DTR RTS OUT1 OUT2 appear as DSR CTS RI DCD */
		value = u->reg[MCR] & MCR_LOOP ?
			(uint8_t)((u->reg[MCR] & 1) << 5 | (u->reg[MCR] & 2) << 3 | (u->reg[MCR] & 4) << 4 |
				(u->reg[MCR] & 8) << 4) : 0xb0;
	pthread_mutex_unlock(&u->lock);
	return value;
}

static void put(struct port_vp *p, struct x86_com3 *u, uint8_t c)
{
	if (c != '\n' && c != '\r')
		u->line[u->length++] = c >= ' ' || c == '\t' ? (char)c : '?';
	if (u->length && (c == '\n' || u->length == sizeof(u->line))) {
		if (p->vp->host->config.log)
			fprintf(stderr, "vtl2: %.*s\n", (int)u->length, u->line);
		u->length = 0;
	}
}

void x86_com3_write(struct port_vp *p, unsigned port, uint8_t value)
{
	struct x86_com3 *u = &p->vp->host->port->com3;
	unsigned reg = port - COM3_BASE;

	pthread_mutex_lock(&u->lock);
	if (u->reg[LCR] & LCR_DLAB && reg <= IER)
		u->divisor[reg] = value;
	else if (reg == THR && !(u->reg[MCR] & MCR_LOOP))
		put(p, u, value);
	else if (reg == IER)
		u->reg[reg] = value & 0x0f;
	else if (reg != LSR && reg != MSR)
		u->reg[reg] = value;
	pthread_mutex_unlock(&u->lock);
}
