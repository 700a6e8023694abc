/*
 * VTL0's (and, for a VP's start, VTL2's) registers by their TLFS names. VTL2
 * sets them one at a time and passes through states that no processor allows,
 * so they are gathered in the run page and loaded when the vCPU next runs.
 */
#include "ports/x86_64/host/x86.h"

#include <string.h>
#include <sys/ioctl.h>

/* Registers that are MSRs to KVM. */
static uint32_t msr_of(uint32_t name)
{
	switch (name) {
	case HV_X64_REG_TSC: return 0x10;
	case HV_X64_REG_KERNEL_GS_BASE: return 0xc0000102;
	case HV_X64_REG_PAT: return 0x277;
	case HV_X64_REG_SYSENTER_CS: return 0x174;
	case HV_X64_REG_SYSENTER_ESP: return 0x175;
	case HV_X64_REG_SYSENTER_EIP: return 0x176;
	case HV_X64_REG_STAR: return 0xc0000081;
	case HV_X64_REG_LSTAR: return 0xc0000082;
	case HV_X64_REG_CSTAR: return 0xc0000083;
	case HV_X64_REG_SFMASK: return 0xc0000084;
	case HV_X64_REG_MTRR_CAP: return 0xfe;
	case HV_X64_REG_MTRR_DEF_TYPE: return 0x2ff;
	case HV_X64_REG_TSC_AUX: return 0xc0000103;
	default: return 0;
	}
}

static uint64_t *gpr(struct kvm_regs *r, uint32_t name)
{
	uint64_t *const order[] = { (uint64_t *)&r->rax, (uint64_t *)&r->rcx, (uint64_t *)&r->rdx,
		(uint64_t *)&r->rbx, (uint64_t *)&r->rsp, (uint64_t *)&r->rbp, (uint64_t *)&r->rsi,
		(uint64_t *)&r->rdi, (uint64_t *)&r->r8, (uint64_t *)&r->r9, (uint64_t *)&r->r10,
		(uint64_t *)&r->r11, (uint64_t *)&r->r12, (uint64_t *)&r->r13, (uint64_t *)&r->r14,
		(uint64_t *)&r->r15, (uint64_t *)&r->rip, (uint64_t *)&r->rflags };

	return name >= HV_X64_REG_RAX && name <= HV_X64_REG_RFLAGS ? order[name - HV_X64_REG_RAX] : NULL;
}

static uint64_t *control(struct kvm_sregs *s, uint32_t name)
{
	switch (name) {
	case HV_X64_REG_CR0: return (uint64_t *)&s->cr0;
	case HV_X64_REG_CR2: return (uint64_t *)&s->cr2;
	case HV_X64_REG_CR3: return (uint64_t *)&s->cr3;
	case HV_X64_REG_CR4: return (uint64_t *)&s->cr4;
	case HV_X64_REG_CR8: return (uint64_t *)&s->cr8;
	case HV_X64_REG_EFER: return (uint64_t *)&s->efer;
	case HV_X64_REG_APIC_BASE: return (uint64_t *)&s->apic_base;
	default: return NULL;
	}
}

static struct kvm_segment *segment(struct kvm_sregs *s, uint32_t name)
{
	struct kvm_segment *const order[] = { &s->es, &s->cs, &s->ss, &s->ds, &s->fs, &s->gs, &s->ldt,
			&s->tr };

	return name >= HV_X64_REG_ES && name <= HV_X64_REG_TR ? order[name - HV_X64_REG_ES] : NULL;
}

static struct kvm_dtable *table(struct kvm_sregs *s, uint32_t name)
{
	if (name == HV_X64_REG_IDTR)
		return &s->idt;
	return name == HV_X64_REG_GDTR ? &s->gdt : NULL;
}

static struct x86_vcpu *vcpu(struct host_vp *vp, unsigned vtl)
{
	return vtl == HOST_VTL0 ? &vp->port->vtl0 : &vp->port->vtl2;
}

/* --- Pending events and activity ------------------------------------------------------- */

/*
 * HV_X64_PENDING_EXCEPTION_EVENT: pending 0, type 1-3 (0: exception), error
 * code 8, vector 16-31, code 32-63.
 */
#define EVENT_PENDING 1ull
#define EVENT_TYPE(v) ((v) >> 1 & 7)
#define EVENT_DELIVER_ERROR (1ull << 8)

static uint16_t set_pending_event(struct x86_vcpu *c, uint64_t v, uint64_t parameter)
{
	struct kvm_vcpu_events e;
	unsigned vector = (unsigned)(v >> 16) & 0xffff;

	if (ioctl(c->fd, KVM_GET_VCPU_EVENTS, &e))
		return HV_STATUS_INVALID_VP_STATE;
	if ((v & EVENT_PENDING) && (EVENT_TYPE(v) || vector > 31))
		return HV_STATUS_INVALID_REGISTER_VALUE;
	e.exception.injected = v & EVENT_PENDING;
	e.exception.nr = (uint8_t)vector;
	e.exception.has_error_code = !!(v & EVENT_DELIVER_ERROR);
	e.exception.error_code = (uint32_t)(v >> 32);
	if (ioctl(c->fd, KVM_SET_VCPU_EVENTS, &e))
		return HV_STATUS_INVALID_REGISTER_VALUE;
	if ((v & EVENT_PENDING) && vector == 14)
		x86_change_sregs(c)->cr2 = parameter;
	return HV_STATUS_SUCCESS;
}

static uint16_t get_pending_event(struct x86_vcpu *c, uint64_t *v)
{
	struct kvm_vcpu_events e;

	if (ioctl(c->fd, KVM_GET_VCPU_EVENTS, &e))
		return HV_STATUS_INVALID_VP_STATE;
	*v = 0;
	if (e.exception.injected)
		*v = EVENT_PENDING | (e.exception.has_error_code ? EVENT_DELIVER_ERROR : 0) |
			(uint64_t)e.exception.nr << 16 | (uint64_t)e.exception.error_code << 32;
	return HV_STATUS_SUCCESS;
}

/* HV_INTERNAL_ACTIVITY_REGISTER: startup suspend 0, halt suspend 1. */
static uint16_t get_activity(struct x86_vcpu *c, uint64_t *v)
{
	struct kvm_mp_state state;

	if (ioctl(c->fd, KVM_GET_MP_STATE, &state))
		return HV_STATUS_INVALID_VP_STATE;
	*v = state.mp_state == KVM_MP_STATE_HALTED ? 2 : state.mp_state == KVM_MP_STATE_RUNNABLE ? 0 : 1;
	return HV_STATUS_SUCCESS;
}

static uint16_t set_activity(struct x86_vcpu *c, uint64_t v)
{
	struct kvm_mp_state state = { .mp_state = v & 1 ? KVM_MP_STATE_UNINITIALIZED :
		v & 2 ? KVM_MP_STATE_HALTED : KVM_MP_STATE_RUNNABLE };

	return ioctl(c->fd, KVM_SET_MP_STATE, &state) ? HV_STATUS_INVALID_REGISTER_VALUE : HV_STATUS_SUCCESS;
}

/* --- Debug registers and XCR0 ----------------------------------------------------------------- */

static uint16_t debug_register(struct x86_vcpu *c, uint32_t name, uint64_t *v, bool set)
{
	struct kvm_debugregs d;
	uint64_t *reg;

	if (ioctl(c->fd, KVM_GET_DEBUGREGS, &d))
		return HV_STATUS_INVALID_VP_STATE;
	reg = name == HV_X64_REG_DR7 ? (uint64_t *)&d.dr7 : name == HV_X64_REG_DR6 ? (uint64_t *)&d.dr6 :
		(uint64_t *)&d.db[name - HV_X64_REG_DR0];
	if (!set) {
		*v = *reg;
		return HV_STATUS_SUCCESS;
	}
	*reg = *v;
	return ioctl(c->fd, KVM_SET_DEBUGREGS, &d) ? HV_STATUS_INVALID_REGISTER_VALUE : HV_STATUS_SUCCESS;
}

static uint16_t xfem(struct x86_vcpu *c, uint64_t *v, bool set)
{
	struct kvm_xcrs x;

	if (ioctl(c->fd, KVM_GET_XCRS, &x) || x.nr_xcrs == 0)
		return HV_STATUS_INVALID_PARAMETER;
	if (!set) {
		*v = x.xcrs[0].value;
		return HV_STATUS_SUCCESS;
	}
	x.xcrs[0].value = *v;
	return ioctl(c->fd, KVM_SET_XCRS, &x) ? HV_STATUS_INVALID_REGISTER_VALUE : HV_STATUS_SUCCESS;
}

/* --- Clocks ---------------------------------------------------------------------------------------- */

#define KVM_APIC_HZ 1000000000u /* KVM_CAP_X86_APIC_BUS_CYCLES_NS is left at its 1 ns */

/* VTL0's clocks: VTL2 tells its guest, who then need not measure them. */
static uint64_t clock_hz(const struct host_vp *vp, uint32_t name)
{
	if (name == HV_REG_PROCESSOR_CLOCK_FREQUENCY)
		return vp->host->port->tsc_hz;
	return name == HV_REG_INTERRUPT_CLOCK_FREQUENCY ? KVM_APIC_HZ : 0;
}

/* --- By name ------------------------------------------------------------------------------------ */

static bool is_debug(uint32_t name)
{
	return (name >= HV_X64_REG_DR0 && name < HV_X64_REG_DR0 + 4) || name == HV_X64_REG_DR6 ||
			name == HV_X64_REG_DR7;
}

static uint16_t get_scalar(struct x86_vcpu *c, uint32_t name, uint64_t *v)
{
	uint32_t msr = msr_of(name);

	if (gpr(x86_regs(c), name))
		*v = *gpr(x86_regs(c), name);
	else if (control(x86_sregs(c), name))
		*v = *control(x86_sregs(c), name);
	else if (msr)
		return x86_get_msr(c, msr, v) ? HV_STATUS_INVALID_PARAMETER : HV_STATUS_SUCCESS;
	else if (is_debug(name))
		return debug_register(c, name, v, false);
	else if (name == HV_X64_REG_XFEM)
		return xfem(c, v, false);
	else if (name == HV_REG_PENDING_EVENT0)
		return get_pending_event(c, v);
	else if (name == HV_REG_INTERNAL_ACTIVITY_STATE)
		return get_activity(c, v);
	else
		return HV_STATUS_INVALID_PARAMETER;
	return HV_STATUS_SUCCESS;
}

static uint16_t set_scalar(struct x86_vcpu *c, uint32_t name, uint64_t v, uint64_t high)
{
	uint32_t msr = msr_of(name);

	if (gpr(x86_regs(c), name))
		*gpr(x86_change_regs(c), name) = v;
	else if (control(x86_sregs(c), name))
		*control(x86_change_sregs(c), name) = v;
	else if (msr)
		return x86_set_msr(c, msr, v) ? HV_STATUS_INVALID_REGISTER_VALUE : HV_STATUS_SUCCESS;
	else if (is_debug(name))
		return debug_register(c, name, &v, true);
	else if (name == HV_X64_REG_XFEM)
		return xfem(c, &v, true);
	else if (name == HV_REG_PENDING_EVENT0)
		return set_pending_event(c, v, high);
	else if (name == HV_REG_INTERNAL_ACTIVITY_STATE)
		return set_activity(c, v);
	else
		return HV_STATUS_INVALID_PARAMETER;
	return HV_STATUS_SUCCESS;
}

uint16_t port_register_get(struct host_vp *vp, unsigned vtl, uint32_t name, struct hv_reg_value *value)
{
	struct x86_vcpu *c = vcpu(vp, vtl);
	uint64_t v = 0;
	uint16_t status;

	if (vtl == HOST_VTL0)
		x86_register_page_apply(vp->port);
	if (segment(x86_sregs(c), name)) {
		struct hv_x64_segment s = x86_segment_to_hv(segment(x86_sregs(c), name));

		memcpy(value, &s, sizeof(s));
		return HV_STATUS_SUCCESS;
	}
	if (table(x86_sregs(c), name)) {
		const struct kvm_dtable *t = table(x86_sregs(c), name);
		struct hv_x64_table out = { .limit = cpu_to_le16(t->limit), .base = cpu_to_le64(t->base) };

		memcpy(value, &out, sizeof(out));
		return HV_STATUS_SUCCESS;
	}
	v = clock_hz(vp, name);
	status = v ? HV_STATUS_SUCCESS : get_scalar(c, name, &v);
	*value = (struct hv_reg_value){ .low = cpu_to_le64(v) };
	return status;
}

static uint16_t set_any(struct x86_vcpu *c, uint32_t name, const struct hv_reg_value *value)
{
	struct hv_x64_segment s;
	struct hv_x64_table t;

	if (segment(x86_sregs(c), name)) {
		memcpy(&s, value, sizeof(s));
		*segment(x86_change_sregs(c), name) = x86_segment_from_hv(&s);
		return HV_STATUS_SUCCESS;
	}
	if (table(x86_sregs(c), name)) {
		memcpy(&t, value, sizeof(t));
		*table(x86_change_sregs(c), name) = (struct kvm_dtable){ .base = le64_to_cpu(t.base),
			.limit = le16_to_cpu(t.limit) };
		return HV_STATUS_SUCCESS;
	}
	return set_scalar(c, name, le64_to_cpu(value->low), le64_to_cpu(value->high));
}

uint16_t port_register_set(struct host_vp *vp, unsigned vtl, uint32_t name, const struct hv_reg_value *value)
{
	struct port_vp *p = vp->port;
	uint16_t status;

	if (vtl == HOST_VTL2)
		return set_any(&p->vtl2, name, value);
	/* What VTL2 left in the register page comes first in time; after this the page shows the sum. */
	x86_register_page_apply(p);
	status = set_any(&p->vtl0, name, value);
	if (p->intercepted)
		x86_register_page_fill(p);
	return status;
}

/* --- Initial context ------------------------------------------------------------------------------- */

void x86_load_context(struct x86_vcpu *c, const struct hv_x64_initial_vp_context *x)
{
	struct kvm_regs *r = x86_change_regs(c);
	struct kvm_sregs *s = x86_change_sregs(c);

	memset(r, 0, sizeof(*r));
	r->rip = le64_to_cpu(x->rip);
	r->rsp = le64_to_cpu(x->rsp);
	r->rflags = le64_to_cpu(x->rflags);
	s->cs = x86_segment_from_hv(&x->cs);
	s->ds = x86_segment_from_hv(&x->ds);
	s->es = x86_segment_from_hv(&x->es);
	s->fs = x86_segment_from_hv(&x->fs);
	s->gs = x86_segment_from_hv(&x->gs);
	s->ss = x86_segment_from_hv(&x->ss);
	s->tr = x86_segment_from_hv(&x->tr);
	s->ldt = x86_segment_from_hv(&x->ldtr);
	s->idt = (struct kvm_dtable){ .base = le64_to_cpu(x->idtr.base),
			.limit = le16_to_cpu(x->idtr.limit) };
	s->gdt = (struct kvm_dtable){ .base = le64_to_cpu(x->gdtr.base),
			.limit = le16_to_cpu(x->gdtr.limit) };
	s->efer = le64_to_cpu(x->efer);
	s->cr0 = le64_to_cpu(x->cr0);
	s->cr3 = le64_to_cpu(x->cr3);
	s->cr4 = le64_to_cpu(x->cr4);
	(void)x86_set_msr(c, 0x277, le64_to_cpu(x->pat));
}
