/*
 * The switch between VTL2 and VTL0 of a VP (TLFS 15): which state both share,
 * the VP assist page, the intercept message and the register page. The pages
 * are VTL2's memory and looked up at each use.
 */
#include "ports/x86_64/host/x86.h"

#include <string.h>
#include <sys/ioctl.h>

#define ATTRIBUTE_P 0x80u

/* The page that an overlay register (enabled in bit 0) names, or NULL. */
static void *overlay(const struct host_vp *vp, uint64_t reg)
{
	gpa_t at = gpa(vl_align_down(reg, VL_PAGE_BYTES));

	return reg & HV_SYNIC_ENABLE ? host_memory_map(vp->host, at, VL_PAGE_BYTES) : NULL;
}

static struct hv_vp_assist_page *assist_page(const struct host_vp *vp)
{
	return overlay(vp, vp->assist_page);
}

static struct hv_x64_register_page *register_page(const struct host_vp *vp)
{
	return overlay(vp, vp->register_page);
}

struct hv_x64_segment x86_segment_to_hv(const struct kvm_segment *s)
{
	unsigned attributes = s->type | s->s << 4 | s->dpl << 5 | (s->present && !s->unusable) << 7 |
			s->avl << 12 |
		s->l << 13 | s->db << 14 | s->g << 15;

	return (struct hv_x64_segment){ .base = cpu_to_le64(s->base), .limit = cpu_to_le32(s->limit),
		.selector = cpu_to_le16(s->selector), .attributes = cpu_to_le16((uint16_t)attributes) };
}

struct kvm_segment x86_segment_from_hv(const struct hv_x64_segment *s)
{
	unsigned a = le16_to_cpu(s->attributes);

	return (struct kvm_segment){ .base = le64_to_cpu(s->base), .limit = le32_to_cpu(s->limit),
		.selector = le16_to_cpu(s->selector), .type = a & 15, .s = a >> 4 & 1, .dpl = a >> 5 & 3,
		.present = a >> 7 & 1, .avl = a >> 12 & 1, .l = a >> 13 & 1, .db = a >> 14 & 1,
		.g = a >> 15 & 1,
		.unusable = !(a & ATTRIBUTE_P) };
}

/* --- Register page ----------------------------------------------------------------- */

static struct kvm_segment *segment(struct kvm_sregs *s, unsigned i)
{
	struct kvm_segment *const order[] = { &s->es, &s->cs, &s->ss, &s->ds, &s->fs, &s->gs };

	return order[i];
}

/*
 * Of the general purpose registers only RSP is VTL0's own; the others are
 * shared and pass through VTL2's registers. So are the XMM registers.
 */
void x86_register_page_apply(struct port_vp *p)
{
	struct hv_x64_register_page *page = register_page(p->vp);
	uint32_t dirty;
	unsigned i;

	if (!page || !p->intercepted || !page->is_valid)
		return;
	dirty = le32_to_cpu(page->dirty);
	page->dirty = cpu_to_le32(0);
	if (dirty & HV_X64_DIRTY_GP)
		x86_change_regs(&p->vtl0)->rsp = le64_to_cpu(page->gp[4]);
	if (dirty & HV_X64_DIRTY_RIP)
		x86_change_regs(&p->vtl0)->rip = le64_to_cpu(page->rip);
	if (dirty & HV_X64_DIRTY_FLAGS)
		x86_change_regs(&p->vtl0)->rflags = le64_to_cpu(page->rflags);
	if (dirty & HV_X64_DIRTY_SEGMENTS)
		for (i = 0; i < 6; i++)
			*segment(x86_change_sregs(&p->vtl0), i) = x86_segment_from_hv(&page->segment[i]);
}

static void fill_gp(struct hv_x64_register_page *page, const struct kvm_regs *r)
{
	const uint64_t gp[16] = { r->rax, r->rcx, r->rdx, r->rbx, r->rsp, r->rbp, r->rsi, r->rdi,
		r->r8, r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15 };
	unsigned i;

	for (i = 0; i < 16; i++)
		page->gp[i] = cpu_to_le64(gp[i]);
	page->rip = cpu_to_le64(r->rip);
	page->rflags = cpu_to_le64(r->rflags);
}

/* Once shown the page speaks for VTL0's registers until the next return: keep it true after each change. */
void x86_register_page_fill(struct port_vp *p)
{
	struct hv_x64_register_page *page = register_page(p->vp);
	struct kvm_sregs *s = x86_sregs(&p->vtl0);
	unsigned i;

	if (!page)
		return;
	fill_gp(page, x86_regs(&p->vtl0));
	for (i = 0; i < 6; i++)
		page->segment[i] = x86_segment_to_hv(segment(s, i));
	memcpy(page->xmm, p->fpu.xmm, sizeof(page->xmm));
	page->cr0 = cpu_to_le64(s->cr0);
	page->cr3 = cpu_to_le64(s->cr3);
	page->cr4 = cpu_to_le64(s->cr4);
	page->cr8 = cpu_to_le64(s->cr8);
	page->efer = cpu_to_le64(s->efer);
	page->dr7 = cpu_to_le64(p->debug.dr7);
	page->dirty = cpu_to_le32(0);
	page->vtl = HOST_VTL0;
	page->version = cpu_to_le16(1);
	page->is_valid = 1;
	p->intercepted = true;
}

void port_register_page_changed(struct host_vp *vp)
{
	vp->port->intercepted = false;
	x86_register_page_fill(vp->port);
}

/* --- Shared state -------------------------------------------------------------------- */

/* All general purpose registers but RSP. */
static void share_gp(struct kvm_regs *to, const struct kvm_regs *from)
{
	uint64_t rsp = to->rsp, rip = to->rip, rflags = to->rflags;

	*to = *from;
	to->rsp = rsp;
	to->rip = rip;
	to->rflags = rflags;
}

/* As !memcmp(), which musl does byte by byte: this is in the path of every exit. */
static bool same_fpu(const struct kvm_fpu *a, const struct kvm_fpu *b)
{
	uint64_t x[sizeof(*a) / 8], y[sizeof(*a) / 8], differences = 0;
	unsigned i;

	_Static_assert(sizeof(x) == sizeof(*a), "whole words");
	memcpy(x, a, sizeof(x));
	memcpy(y, b, sizeof(y));
	for (i = 0; i < VL_ARRAY_COUNT(x); i++)
		differences |= x[i] ^ y[i];
	return !differences;
}

/* The x87 and SSE state; a copy that the target has already is not loaded again. */
static void share_fpu(struct port_vp *p, const struct x86_vcpu *to, const struct x86_vcpu *from)
{
	struct kvm_fpu fpu;

	if (ioctl(from->fd, KVM_GET_FPU, &fpu) || same_fpu(&fpu, &p->fpu))
		return;
	p->fpu = fpu;
	(void)ioctl(to->fd, KVM_SET_FPU, &fpu);
}

/* DR0-3 and, as VsmCapabilities says, DR6; DR7 is each VTL's own. */
static void share_debug(struct port_vp *p, const struct x86_vcpu *to, const struct x86_vcpu *from)
{
	struct kvm_debugregs d, target;

	if (ioctl(from->fd, KVM_GET_DEBUGREGS, &d))
		return;
	if (from == &p->vtl0)
		p->debug.dr7 = d.dr7;
	if (d.db[0] == p->debug.db[0] && d.db[1] == p->debug.db[1] && d.db[2] == p->debug.db[2] &&
			d.db[3] == p->debug.db[3] && d.dr6 == p->debug.dr6)
		return;
	memcpy(p->debug.db, d.db, sizeof(d.db));
	p->debug.dr6 = d.dr6;
	if (ioctl(to->fd, KVM_GET_DEBUGREGS, &target))
		return;
	d.dr7 = target.dr7;
	(void)ioctl(to->fd, KVM_SET_DEBUGREGS, &d);
}

/* CR2 needs a load of all special registers: only when it differs. */
static void share_cr2(struct x86_vcpu *to, struct x86_vcpu *from)
{
	if (x86_sregs(to)->cr2 != x86_sregs(from)->cr2)
		x86_change_sregs(to)->cr2 = x86_sregs(from)->cr2;
}

static void share(struct port_vp *p, struct x86_vcpu *to, struct x86_vcpu *from)
{
	share_gp(x86_change_regs(to), x86_regs(from));
	share_cr2(to, from);
	share_fpu(p, to, from);
}

/*
 * Two reads of debug registers were a twelfth of a port access, which needs none
 * of them. So an entry for a port access owes them: VTL2 gets VTL0's at its
 * first exit other than the return, and without one its own are not read at the
 * return either. An interrupt of VTL2, a halt, a hypercall or a read of an MSR is
 * such an exit, so whoever stops VTL0, saves or debugs it sees them. Only code
 * that serves a port access and touches debug registers itself, uninterrupted,
 * finds those of the switch before; what it writes follows at the next switch.
 */
void x86_settle_debug(struct port_vp *p)
{
	struct hv_x64_register_page *page = register_page(p->vp);

	if (!p->debug_owed)
		return;
	p->debug_owed = false;
	share_debug(p, &p->vtl2, &p->vtl0);
	if (page && p->intercepted)
		page->dr7 = cpu_to_le64(p->debug.dr7);
}

/* --- The switch ------------------------------------------------------------------------ */

static void put_message(struct host_vp *vp, struct hv_vp_assist_page *page, uint32_t type,
		const void *payload, size_t size)
{
	struct hv_message *m = &page->intercept_message;

	memset(m, 0, sizeof(*m));
	m->payload_size = (uint8_t)size;
	memcpy(m->payload, payload, size);
	m->type = cpu_to_le32(type);
}

/*
 * Without an intercept page the message comes through SINT 0, whose interrupt
 * is the reason of the entry.
 */
void x86_enter_vtl2(struct port_vp *p, enum hv_vtl_entry_reason reason, uint32_t type, const void *payload,
		size_t size)
{
	struct hv_vp_assist_page *page = assist_page(p->vp);
	bool with_page = page && (p->vp->host->vsm_config & HV_VSM_CONFIG_INTERCEPT_PAGE);

	p->in_vtl0 = false;
	share(p, &p->vtl2, &p->vtl0);
	p->debug_owed = true;
	if (type != HV_MESSAGE_X64_IO_PORT)
		x86_settle_debug(p);
	x86_register_page_fill(p);
	if (reason == HV_VTL_ENTRY_INTERCEPT && with_page) {
		put_message(p->vp, page, type, payload, size);
	} else if (reason == HV_VTL_ENTRY_INTERCEPT) {
		reason = HV_VTL_ENTRY_INTERRUPT;
		if (synic_post_message(p->vp->host, p->vp->index, HV_SINT_INTERCEPT, type, payload, size))
			host_end(p->vp->host, HOST_END_PARAVISOR_FAILED,
				"VTL2 takes no intercepts on VP %u: neither intercept page nor SINT 0",
				p->vp->index);
	}
	if (page)
		page->vtl_entry_reason = cpu_to_le32(reason);
}

void x86_return_to_vtl0(struct port_vp *p, bool fast)
{
	const struct hv_vp_assist_page *page = assist_page(p->vp);

	x86_register_page_apply(p);
	p->intercepted = false;
	share(p, &p->vtl0, &p->vtl2);
	if (!p->debug_owed)
		share_debug(p, &p->vtl0, &p->vtl2);
	if (!fast && page) {
		struct kvm_regs *r = x86_change_regs(&p->vtl0);

		r->rax = le64_to_cpu(page->vtl_return_registers[0]);
		r->rcx = le64_to_cpu(page->vtl_return_registers[1]);
	}
	p->in_vtl0 = true;
}
