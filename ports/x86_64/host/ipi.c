/* Interrupts into VTL2: from other threads (SynIC), and between its processors. */
#include "ports/x86_64/host/x86.h"

/* Vectors below 16 are not the APIC's to deliver (SDM 11.5.2). */
void x86_raise(struct port_vp *p, unsigned vector, bool auto_eoi)
{
	unsigned long bit = 1ul << (vector % 64);

	if (vector < 16 || vector > 255)
		return;
	if (auto_eoi)
		atomic_fetch_or(&p->auto_eoi[vector / 64], bit);
	else
		atomic_fetch_and(&p->auto_eoi[vector / 64], ~bit);
	atomic_fetch_or(&p->request[vector / 64], bit);
	port_vp_kick(p->vp);
}

void port_vtl2_interrupt(struct host_vp *vp, unsigned vector, bool auto_eoi)
{
	x86_raise(vp->port, vector, auto_eoi);
}

static bool is_target(const struct port_vp *p, const struct host_vp *vp, uint64_t icr)
{
	switch (X86_ICR_SHORTHAND(icr)) {
	case X86_SHORTHAND_SELF:
		return vp == p->vp;
	case X86_SHORTHAND_ALL:
		return true;
	case X86_SHORTHAND_OTHERS:
		return vp != p->vp;
	default:
		return x86_apic_matches((uint32_t)vp->hardware_id, X86_ICR_DESTINATION(icr),
				X86_ICR_LOGICAL(icr));
	}
}

/* INIT and SIPI are ignored: VTL2's processors start by hypercall. */
void x86_icr(struct port_vp *p, uint64_t icr)
{
	struct host *h = p->vp->host;
	unsigned i;

	for (i = 0; i < h->config.vp_count; i++) {
		struct port_vp *to = h->vp[i].port;

		if (!is_target(p, &h->vp[i], icr))
			continue;
		if (X86_ICR_MODE(icr) == X86_DELIVERY_FIXED || X86_ICR_MODE(icr) == X86_DELIVERY_LOWEST) {
			x86_raise(to, X86_ICR_VECTOR(icr), false);
		} else if (X86_ICR_MODE(icr) == X86_DELIVERY_NMI) {
			atomic_store(&to->nmi, true);
			port_vp_kick(to->vp);
		}
	}
}
