/*
 * A PC's interrupt lines: what the VM worker's env->irq of each device calls.
 * Lock order: the caller holds the device lock (common/device/bus.h); the
 * controllers call nothing but their own env (irq = INTR, msi).
 */
#ifndef VL_PORT_DEV_IRQ_ROUTER_H
#define VL_PORT_DEV_IRQ_ROUTER_H

#include "ports/x86_64/dev/ioapic.h"
#include "ports/x86_64/dev/pic8259.h"

/* ISA interrupts; above 15: I/O APIC pins for PCI INTx. */
enum pc_irq {
	PC_IRQ_PIT = 0,
	PC_IRQ_COM2 = 3,
	PC_IRQ_COM1 = 4,
	PC_IRQ_RTC = 8,
	PC_IRQ_SCI = 9,
	PC_IRQ_PCI0 = 16,
};
#define PC_GSI_PIT 2 /* ISA interrupt 0 is I/O APIC pin 2: needs an override in the MADT */

struct irq_router {
	struct pic8259 *pic;
	struct ioapic *ioapic;
};

/* Drives ISA interrupt or GSI `irq` (0..23) at both controllers; others are ignored. */
void irq_router_set(const struct irq_router *r, unsigned irq, bool level);

#endif
