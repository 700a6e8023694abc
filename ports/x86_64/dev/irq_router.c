/* Interrupt lines of a PC (irq_router.h). Lines are driven by our device models. */
#include "ports/x86_64/dev/irq_router.h"

void irq_router_set(const struct irq_router *r, unsigned irq, bool level)
{
	if (irq < 16)
		pic8259_set(r->pic, irq, level);
	/* Pin 0 has no interrupt; pin 2 has the timer's (MADT override). */
	if (irq == PC_IRQ_PIT)
		ioapic_set(r->ioapic, PC_GSI_PIT, level);
	else if (irq != PC_GSI_PIT)
		ioapic_set(r->ioapic, irq, level);
}
