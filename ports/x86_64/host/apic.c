/* The x2APIC of VTL2; see apic.h. */
#include "ports/x86_64/host/apic.h"

/* MSR numbers less X86_APIC_MSR; SDM volume 3 table 11-6. */
enum {
	REG_ID = 0x02, REG_VERSION = 0x03, REG_TPR = 0x08, REG_PPR = 0x0a, REG_EOI = 0x0b, REG_LDR = 0x0d,
	REG_SVR = 0x0f,
	REG_ISR = 0x10, REG_TMR = 0x18, REG_IRR = 0x20, REG_ESR = 0x28, REG_LVT_CMCI = 0x2f, REG_ICR = 0x30,
	REG_LVT = 0x32, REG_LVT_END = 0x37, REG_TIMER_INITIAL = 0x38, REG_TIMER_CURRENT = 0x39,
	REG_TIMER_DIVIDE = 0x3e,
	REG_SELF_IPI = 0x3f,
};
#define VERSION (0x14u | 6u << 16) /* 7 LVT entries, no EOI suppression */
#define SVR_ENABLED (1u << 8)
#define LVT_MASKED (1u << 16)

void x86_apic_init(struct x86_apic *a, uint32_t id)
{
	unsigned i;

	*a = (struct x86_apic){ .id = id, .svr = 0xff };
	for (i = 0; i < VL_ARRAY_COUNT(a->lvt); i++)
		a->lvt[i] = LVT_MASKED;
}

void x86_apic_raise(struct x86_apic *a, unsigned vector, bool auto_eoi)
{
	uint32_t bit = 1u << (vector % 32);

	if (vector < 16 || vector > 255)
		return;
	a->irr[vector / 32] |= bit;
	if (auto_eoi)
		a->auto_eoi[vector / 32] |= bit;
	else
		a->auto_eoi[vector / 32] &= ~bit;
}

static int highest(const uint32_t set[8])
{
	int i;

	for (i = 7; i >= 0; i--)
		if (set[i])
			return i * 32 + 31 - __builtin_clz(set[i]);
	return -1;
}

static unsigned processor_priority(const struct x86_apic *a)
{
	int served = highest(a->isr);
	unsigned class = served < 0 ? 0 : (unsigned)served & 0xf0;

	return (a->tpr & 0xf0) >= class ? a->tpr & 0xff : class;
}

int x86_apic_pending(const struct x86_apic *a)
{
	int vector = highest(a->irr);

	return vector >= 0 && ((unsigned)vector & 0xf0) > (processor_priority(a) & 0xf0) ? vector : -1;
}

void x86_apic_accept(struct x86_apic *a, unsigned vector)
{
	uint32_t bit = 1u << (vector % 32);

	a->irr[vector / 32] &= ~bit;
	if (!(a->auto_eoi[vector / 32] & bit))
		a->isr[vector / 32] |= bit;
}

void x86_apic_eoi(struct x86_apic *a)
{
	int vector = highest(a->isr);

	if (vector >= 0)
		a->isr[vector / 32] &= ~(1u << (vector % 32));
}

/* Cluster in the high half, one bit of 16 in the low half (SDM 11.12.10.2). */
static uint32_t logical_id(uint32_t id)
{
	return id >> 4 << 16 | 1u << (id & 15);
}

bool x86_apic_matches(uint32_t id, uint32_t destination, bool logical)
{
	if (destination == 0xffffffffu)
		return true;
	if (!logical)
		return id == destination;
	return logical_id(id) >> 16 == destination >> 16 && (logical_id(id) & destination & 0xffff);
}

bool x86_apic_read(const struct x86_apic *a, uint32_t msr, uint64_t *value)
{
	uint32_t reg = msr - X86_APIC_MSR;

	if (reg >= REG_ISR && reg < REG_TMR)
		*value = a->isr[reg - REG_ISR];
	else if (reg >= REG_TMR && reg < REG_IRR)
		*value = 0;
	else if (reg >= REG_IRR && reg < REG_ESR)
		*value = a->irr[reg - REG_IRR];
	else if (reg >= REG_LVT && reg <= REG_LVT_END)
		*value = a->lvt[1 + reg - REG_LVT];
	else if (reg == REG_ID)
		*value = a->id;
	else if (reg == REG_VERSION)
		*value = VERSION;
	else if (reg == REG_TPR)
		*value = a->tpr;
	else if (reg == REG_PPR)
		*value = processor_priority(a);
	else if (reg == REG_LDR)
		*value = logical_id(a->id);
	else if (reg == REG_SVR)
		*value = a->svr;
	else if (reg == REG_ESR)
		*value = a->esr;
	else if (reg == REG_LVT_CMCI)
		*value = a->lvt[0];
	else if (reg == REG_ICR)
		*value = a->icr;
	else if (reg == REG_TIMER_INITIAL)
		*value = a->timer_initial;
	else if (reg == REG_TIMER_CURRENT)
		*value = 0; /* the timer never runs: VTL2 uses the synthetic timers */
	else if (reg == REG_TIMER_DIVIDE)
		*value = a->timer_divide;
	else
		return false;
	return true;
}

bool x86_apic_write(struct x86_apic *a, uint32_t msr, uint64_t value, uint64_t *icr)
{
	uint32_t reg = msr - X86_APIC_MSR, v = (uint32_t)value;

	*icr = 0;
	if (reg != REG_ICR && value >> 32)
		return false;
	if (reg >= REG_LVT && reg <= REG_LVT_END)
		a->lvt[1 + reg - REG_LVT] = v;
	else if (reg == REG_TPR)
		a->tpr = v & 0xff;
	else if (reg == REG_EOI)
		x86_apic_eoi(a);
	else if (reg == REG_SVR)
		a->svr = v & (0xffu | SVR_ENABLED);
	else if (reg == REG_ESR)
		a->esr = 0;
	else if (reg == REG_LVT_CMCI)
		a->lvt[0] = v;
	else if (reg == REG_ICR)
		a->icr = *icr = value;
	else if (reg == REG_SELF_IPI)
		*icr = (uint64_t)X86_SHORTHAND_SELF << 18 | (v & 0xff);
	else if (reg == REG_TIMER_INITIAL)
		a->timer_initial = v;
	else if (reg == REG_TIMER_DIVIDE)
		a->timer_divide = v & 0xb;
	else
		return false;
	return true;
}
