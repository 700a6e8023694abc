/*
 * The x2APIC that VTL2 sees (Intel SDM volume 3, chapter 11). A state machine
 * without threads or memory: its VP's thread owns it. What the guest writes is
 * checked here.
 */
#ifndef VL_HOST_APIC_H
#define VL_HOST_APIC_H

#include "common/base/types.h"

#define X86_APIC_MSR 0x800u
#define X86_APIC_MSR_END 0x840u

struct x86_apic {
	uint32_t id;
	uint32_t tpr, svr, esr;
	uint32_t irr[8], isr[8], auto_eoi[8];
	uint32_t lvt[7]; /* CMCI, timer, thermal, performance, LINT0, LINT1, error */
	uint32_t timer_initial, timer_divide;
	uint64_t icr;
};

void x86_apic_init(struct x86_apic *a, uint32_t id);
/* Sets the vector's request bit; with auto_eoi its acceptance leaves no in-service bit. */
void x86_apic_raise(struct x86_apic *a, unsigned vector, bool auto_eoi);
/* The vector to deliver now, or -1: the highest request above the processor's priority. */
int x86_apic_pending(const struct x86_apic *a) VL_HOT;
/* The processor took `vector`, which x86_apic_pending returned. */
void x86_apic_accept(struct x86_apic *a, unsigned vector);
void x86_apic_eoi(struct x86_apic *a);
/* MSRs 0x800-0x83f; false: #GP. A write to ICR or SELF_IPI sets *icr to what is to be sent, else 0. */
bool x86_apic_read(const struct x86_apic *a, uint32_t msr, uint64_t *value);
bool x86_apic_write(struct x86_apic *a, uint32_t msr, uint64_t value, uint64_t *icr);
/* True when an x2APIC destination (with its mode) names the APIC with this id. */
bool x86_apic_matches(uint32_t id, uint32_t destination, bool logical);

#define X86_ICR_DESTINATION(icr) ((uint32_t)((icr) >> 32))
#define X86_ICR_VECTOR(icr) ((unsigned)(icr) & 0xff)
#define X86_ICR_MODE(icr) ((unsigned)((icr) >> 8) & 7)
#define X86_ICR_LOGICAL(icr) (((icr) >> 11) & 1)
#define X86_ICR_SHORTHAND(icr) ((unsigned)((icr) >> 18) & 3)
enum { X86_DELIVERY_FIXED = 0, X86_DELIVERY_LOWEST = 1, X86_DELIVERY_NMI = 4, X86_DELIVERY_INIT = 5,
		X86_DELIVERY_SIPI = 6 };
enum { X86_SHORTHAND_NONE, X86_SHORTHAND_SELF, X86_SHORTHAND_ALL, X86_SHORTHAND_OTHERS };

#endif
