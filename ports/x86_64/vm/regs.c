/*
 * A VP's registers, taken from the cheapest place that has them: the context
 * that the VTLs share, the register page, else one ioctl each. See x86.h.
 */
#include "ports/x86_64/vm/x86.h"

struct x86_context *x86_context(struct vp *vp)
{
	_Static_assert(sizeof(struct x86_context) <= HVPORT_CONTEXT_BYTES, "mshv_vtl_cpu_context");
	return vp->hv.context;
}

static struct hv_x64_register_page *register_page(struct vp *vp)
{
	struct hv_x64_register_page *page = vp->hv.register_page;

	return page && page->is_valid ? page : NULL;
}

static void mark_dirty(struct hv_x64_register_page *page, uint32_t what)
{
	page->dirty = cpu_to_le32(le32_to_cpu(page->dirty) | what);
}

int x86_set_rip(struct vp *vp, uint64_t rip)
{
	struct hv_x64_register_page *page = register_page(vp);

	if (!page)
		return vp_set_register(vp, HV_X64_REG_RIP, rip);
	page->rip = cpu_to_le64(rip);
	mark_dirty(page, HV_X64_DIRTY_RIP);
	return 0;
}

static int set_rflags(struct vp *vp, uint64_t rflags)
{
	struct hv_x64_register_page *page = register_page(vp);

	if (!page)
		return vp_set_register(vp, HV_X64_REG_RFLAGS, rflags);
	page->rflags = cpu_to_le64(rflags);
	mark_dirty(page, HV_X64_DIRTY_FLAGS);
	return 0;
}

static int set_rsp(struct vp *vp, uint64_t rsp)
{
	struct hv_x64_register_page *page = register_page(vp);

	if (!page)
		return vp_set_register(vp, HV_X64_REG_RSP, rsp);
	/* The dirty bit covers all sixteen, so all are made right. */
	for (unsigned i = 0; i < 16; i++)
		page->gp[i] = cpu_to_le64(i == X86_RSP ? rsp : x86_context(vp)->gp[i]);
	mark_dirty(page, HV_X64_DIRTY_GP);
	return 0;
}

static void load_page(const struct hv_x64_register_page *page, struct x86_state *s)
{
	s->cpu.gpr[X86_RSP] = le64_to_cpu(page->gp[X86_RSP]);
	for (unsigned i = 0; i < 6; i++)
		s->cpu.segment_base[i] = le64_to_cpu(page->segment[i].base);
	s->cr0 = le64_to_cpu(page->cr0);
	s->cr3 = le64_to_cpu(page->cr3);
	s->cr4 = le64_to_cpu(page->cr4);
	s->efer = le64_to_cpu(page->efer);
}

static int load_slowly(struct vp *vp, struct x86_state *s)
{
	int err = vp_get_register(vp, HV_X64_REG_RSP, &s->cpu.gpr[X86_RSP]);

	for (unsigned i = 0; !err && i < 6; i++)
		/* base is the low half */
		err = vp_get_register(vp, HV_X64_REG_ES + i, &s->cpu.segment_base[i]);
	if (!err)
		err = vp_get_register(vp, HV_X64_REG_CR0, &s->cr0);
	if (!err)
		err = vp_get_register(vp, HV_X64_REG_CR3, &s->cr3);
	if (!err)
		err = vp_get_register(vp, HV_X64_REG_CR4, &s->cr4);
	return err ? err : vp_get_register(vp, HV_X64_REG_EFER, &s->efer);
}

/* Attributes: bit 13 L, bit 14 D/B (SDM 3A 3.4.5). */
static unsigned code_mode(uint16_t attributes, uint64_t cr0, uint64_t efer, uint64_t rflags)
{
	if (efer & X86_EFER_LMA && attributes & 1u << 13)
		return 64;
	if (!(cr0 & X86_CR0_PE) || rflags & X86_FLAG_VM)
		return 16;
	return attributes & 1u << 14 ? 32 : 16;
}

int x86_load(struct vp *vp, const struct hv_x64_intercept_header *h, struct x86_state *s)
{
	const struct hv_x64_register_page *page = register_page(vp);
	struct x86_context *c = x86_context(vp);
	int err = 0;

	if (page)
		load_page(page, s);
	else
		err = load_slowly(vp, s);
	for (unsigned i = 0; i < 16; i++)
		if (i != X86_RSP)
			s->cpu.gpr[i] = c->gp[i];
	s->cpu.xmm = (uint8_t (*)[16])(c->fx + 160); /* XMM0-15 in the FXSAVE image, SDM 1 10.5.1 */
	s->cpu.rip = le64_to_cpu(h->rip);
	s->cpu.rflags = le64_to_cpu(h->rflags);
	s->mode = code_mode(le16_to_cpu(h->cs.attributes), s->cr0, s->efer, s->cpu.rflags);
	s->user = (le16_to_cpu(h->execution_state) & 3) == 3;
	/* In 64-bit mode only FS and GS have a base (SDM 1 3.4.2.1). */
	for (unsigned i = 0; s->mode == 64 && i < X86_FS; i++)
		s->cpu.segment_base[i] = 0;
	return err;
}

int x86_store(struct vp *vp, const struct x86_state *before, const struct x86_state *after)
{
	struct x86_context *c = x86_context(vp);
	int err = 0;

	for (unsigned i = 0; i < 16; i++)
		if (i != X86_RSP)
			c->gp[i] = after->cpu.gpr[i];
	if (after->cpu.gpr[X86_RSP] != before->cpu.gpr[X86_RSP])
		err = set_rsp(vp, after->cpu.gpr[X86_RSP]);
	if (!err && after->cpu.rflags != before->cpu.rflags)
		err = set_rflags(vp, after->cpu.rflags);
	if (!err && after->cpu.rip != before->cpu.rip)
		err = x86_set_rip(vp, after->cpu.rip);
	return err;
}

int x86_skip(struct vp *vp, const struct hv_x64_intercept_header *h)
{
	unsigned length = h->instruction_length & 0xf;
	struct x86_state s;
	struct x86_insn insn;
	struct x86_fault fault;
	int err;

	if (length)
		return x86_set_rip(vp, le64_to_cpu(h->rip) + length);
	err = x86_load(vp, h, &s);
	if (!err)
		err = x86_intercepted(vp, &s, NULL, 0, &insn, &fault);
	return err ? err : x86_set_rip(vp, le64_to_cpu(h->rip) + insn.length);
}

int x86_inject(struct vp *vp, enum x86_vector vector, int64_t error, uint64_t parameter)
{
	uint64_t event = HV_X64_EVENT_PENDING | HV_X64_EVENT_EXCEPTION |
		(uint64_t)vector << HV_X64_EVENT_VECTOR_SHIFT;
	struct hv_reg_value v;

	if (error >= 0)
		event |= HV_X64_EVENT_HAS_ERROR_CODE | (uint64_t)error << HV_X64_EVENT_ERROR_CODE_SHIFT;
	if (vector == X86_PF)
		x86_context(vp)->gp[X86_RSP] = parameter; /* CR2 is shared between the VTLs */
	v.low = cpu_to_le64(event);
	v.high = cpu_to_le64(parameter);
	return hvport_set_register(&vp->hv, HV_REG_PENDING_EVENT0, &v);
}

int x86_finish(struct vp *vp, const struct x86_view *view, const struct x86_state *after, int err)
{
	const struct x86_fault *f = &view->fault;
	int stored = x86_store(vp, view->state, after);

	if (stored || err != VL_E_GUEST)
		return stored ? stored : err;
	return x86_inject(vp, f->vector, f->vector == X86_UD ? -1 : (int64_t)f->error, f->address);
}
