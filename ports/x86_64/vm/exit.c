/*
 * runtime/vm/port.h for one x86_64 VP: its exits, its first state, its saved
 * state. On the VP's own thread.
 */
#include "ports/x86_64/vm/x86.h"
#include <string.h>

#define MXCSR_RESET 0x1f80u /* SDM 1 10.2.3 */
#define FCW_RESET 0x37fu

int vp_arch_reset(struct vp *vp)
{
	struct x86_context *c = x86_context(vp);
	uint16_t fcw = FCW_RESET;
	uint32_t mxcsr = MXCSR_RESET;

	memset(c, 0, sizeof(*c));
	/* The driver loads this image with FXRSTOR before each entry. */
	memcpy(c->fx, &fcw, sizeof(fcw));
	memcpy(c->fx + 24, &mxcsr, sizeof(mxcsr));
	vp->arch.misc_enable = 1; /* fast strings */
	if (vp->index)
		return 0;
	/* Registers that a host need not have: without them the guest measures for itself. */
	if (vp_get_register(vp, HV_REG_PROCESSOR_CLOCK_FREQUENCY, &vp->vm->arch.tsc_hz) ||
	    vp_get_register(vp, HV_REG_INTERRUPT_CLOCK_FREQUENCY, &vp->vm->arch.apic_hz))
		vp->vm->arch.tsc_hz = vp->vm->arch.apic_hz = 0;
	return 0;
}

static int set_segment(struct vp *vp, uint32_t name, uint16_t selector, uint16_t attributes)
{
	struct hv_x64_segment segment = {
		.limit = cpu_to_le32(0xffffffff),
		.selector = cpu_to_le16(selector),
		.attributes = cpu_to_le16(attributes),
	};
	struct hv_reg_value v;

	memcpy(&v, &segment, sizeof(v));
	return hvport_set_register(&vp->hv, name, &v);
}

static int set_gdt(struct vp *vp, uint64_t base)
{
	struct hv_x64_table table = { .limit = cpu_to_le16(4 * 8 - 1), .base = cpu_to_le64(base) };
	struct hv_reg_value v;

	memcpy(&v, &table, sizeof(v));
	return hvport_set_register(&vp->hv, HV_X64_REG_GDTR, &v);
}

/* The 64-bit boot protocol's entry state (Linux Documentation/arch/x86/boot.rst). */
int vp_arch_boot(struct vp *vp)
{
	const struct machine_arch *a = &vp->vm->arch;
	const struct {
		uint32_t name;
		uint64_t value;
	} regs[] = {
		{ HV_X64_REG_CR4, X86_CR4_PAE },
		{ HV_X64_REG_CR3, a->page_tables },
		{ HV_X64_REG_EFER, X86_EFER_LME | X86_EFER_LMA },
		{ HV_X64_REG_CR0, X86_CR0_PE | X86_CR0_MP | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP |
			X86_CR0_PG },
		{ HV_X64_REG_RIP, a->entry },
		{ HV_X64_REG_RSP, 0 },
		{ HV_X64_REG_RFLAGS, 2 },
	};
	int err = set_gdt(vp, a->gdt);

	for (size_t i = 0; !err && i < VL_ARRAY_COUNT(regs); i++)
		err = vp_set_register(vp, regs[i].name, regs[i].value);
	/* Attributes as in struct hv_x64_segment: long code, and flat data in what can hold data. */
	if (!err)
		err = set_segment(vp, HV_X64_REG_CS, 0x10, 0xa09b);
	for (unsigned i = X86_ES; !err && i <= X86_GS; i++)
		if (i != X86_CS)
			err = set_segment(vp, HV_X64_REG_ES + i, 0x18, 0xc093);
	x86_context(vp)->gp[X86_RSI] = a->boot_params;
	return err;
}

/* --- The PIC's external interrupt ---------------------------------------------------- */

/*
 * The PIC gives its vector when it is acknowledged, and the hypervisor then
 * holds that one interrupt until VP 0 takes it; so nothing is acknowledged
 * before the PIC asks. Not done in machine_arch_irq(), which the PIC calls.
 */
void vp_arch_enter(struct vp *vp)
{
	struct machine_arch *a = &vp->vm->arch;

	if (vp->index || !atomic_load_explicit(&a->pic_intr, memory_order_relaxed))
		return;
	pthread_mutex_lock(&vp->vm->lock);
	if (pic8259_pending(&a->pic))
		x86_assert(vp->vm, HV_X64_INTERRUPT_EXTINT, (uint32_t)vp->hw_id,
			pic8259_acknowledge(&a->pic));
	atomic_store(&a->pic_intr, pic8259_pending(&a->pic));
	pthread_mutex_unlock(&vp->vm->lock);
}

/* --- Exits ---------------------------------------------------------------------------- */

static int apic_eoi(struct vp *vp, const struct hv_x64_apic_eoi_message *m)
{
	uint32_t vector = le32_to_cpu(m->vector);

	if (vector > 0xff)
		return VL_E_PROTOCOL;
	pthread_mutex_lock(&vp->vm->lock);
	ioapic_eoi(&vp->vm->arch.ioapic, (uint8_t)vector);
	pthread_mutex_unlock(&vp->vm->lock);
	return 0;
}

int vp_arch_exit(struct vp *vp)
{
	const void *payload = vp->hv.message->payload;

	switch (le32_to_cpu(vp->hv.message->type)) {
	case HV_MESSAGE_X64_IO_PORT: return x86_pio_exit(vp, payload);
	case HV_MESSAGE_UNMAPPED_GPA:
	case HV_MESSAGE_GPA_INTERCEPT: return x86_memory_exit(vp, payload);
	case HV_MESSAGE_X64_MSR: return x86_msr_exit(vp, payload);
	case HV_MESSAGE_X64_CPUID: return x86_cpuid_exit(vp, payload);
	case HV_MESSAGE_X64_APIC_EOI: return apic_eoi(vp, payload);
	case HV_MESSAGE_X64_HALT: return 0; /* the VP waits in the hypervisor */
	case HV_MESSAGE_UNRECOVERABLE_EXCEPTION:
		vm_triple_fault(vp);
		return 0;
	default: return VL_E_PROTOCOL;
	}
}

/* --- Saved state ------------------------------------------------------------------------ */

/*
 * Registers of VTL0 that are not in the shared context. Field FIELD_REGISTERS:
 * (le32 name, le64 low, le64 high)*.
 */
static const uint32_t saved_registers[] = {
	HV_X64_REG_RSP, HV_X64_REG_RIP, HV_X64_REG_RFLAGS, HV_X64_REG_CR0, HV_X64_REG_CR3, HV_X64_REG_CR4,
	HV_X64_REG_CR8, HV_X64_REG_EFER, HV_X64_REG_ES, HV_X64_REG_CS, HV_X64_REG_SS, HV_X64_REG_DS,
	HV_X64_REG_FS, HV_X64_REG_GS, HV_X64_REG_LDTR, HV_X64_REG_TR, HV_X64_REG_IDTR, HV_X64_REG_GDTR,
	HV_X64_REG_DR0,
	HV_X64_REG_DR0 + 1, HV_X64_REG_DR0 + 2, HV_X64_REG_DR0 + 3, HV_X64_REG_DR7, HV_X64_REG_KERNEL_GS_BASE,
	HV_X64_REG_PAT, HV_X64_REG_SYSENTER_CS, HV_X64_REG_SYSENTER_EIP, HV_X64_REG_SYSENTER_ESP,
	HV_X64_REG_STAR,
	HV_X64_REG_LSTAR, HV_X64_REG_CSTAR, HV_X64_REG_SFMASK, HV_X64_REG_TSC_AUX, HV_X64_REG_DR6,
	HV_REG_PENDING_EVENT0, HV_REG_INTERNAL_ACTIVITY_STATE,
};
#define REGISTER_RECORD_BYTES 20u

enum field {
	FIELD_GP = 1, FIELD_FX = 2, FIELD_REGISTERS = 3, FIELD_ASSIST_PAGE = 4, FIELD_MISC_ENABLE = 5,
	FIELD_TSC_INVARIANT = 6,
	FIELD_GUEST_OS_ID = 7, FIELD_HYPERCALL = 8, /* VP 0: of the whole VM */
};

int vp_arch_save(struct vp *vp, struct state_writer *w)
{
	uint8_t records[VL_ARRAY_COUNT(saved_registers) * REGISTER_RECORD_BYTES];
	struct x86_context *c = x86_context(vp);
	struct vl_writer r;

	vl_writer_init(&r, records, sizeof(records));
	for (size_t i = 0; i < VL_ARRAY_COUNT(saved_registers); i++) {
		struct hv_reg_value v;
		int err = hvport_get_register(&vp->hv, saved_registers[i], &v);

		if (err)
			return err;
		vl_write_le32(&r, saved_registers[i]);
		vl_write_le64(&r, le64_to_cpu(v.low));
		vl_write_le64(&r, le64_to_cpu(v.high));
	}
	state_put_bytes(w, FIELD_GP | STATE_MANDATORY, c->gp, sizeof(c->gp));
	state_put_bytes(w, FIELD_FX | STATE_MANDATORY, c->fx, sizeof(c->fx));
	state_put_bytes(w, FIELD_REGISTERS | STATE_MANDATORY, records, r.pos);
	state_put_u64(w, FIELD_ASSIST_PAGE, vp->arch.assist_page_msr);
	state_put_u64(w, FIELD_MISC_ENABLE, vp->arch.misc_enable);
	state_put_u64(w, FIELD_TSC_INVARIANT, vp->arch.tsc_invariant_msr);
	if (!vp->index) {
		state_put_u64(w, FIELD_GUEST_OS_ID, vp->vm->arch.guest_os_id);
		state_put_u64(w, FIELD_HYPERCALL, vp->vm->arch.hypercall_msr);
	}
	return 0;
}

/* Only registers that we save are set: the stream does not choose names. */
static bool is_saved_register(uint32_t name)
{
	for (size_t i = 0; i < VL_ARRAY_COUNT(saved_registers); i++)
		if (saved_registers[i] == name)
			return true;
	return false;
}

static int restore_registers(struct vp *vp, struct state_reader *s)
{
	const uint8_t *data;
	size_t size;
	struct vl_reader r;

	if (!state_get_view(s, FIELD_REGISTERS, &data, &size))
		return VL_E_MISSING;
	vl_reader_init(&r, data, size);
	while (vl_reader_left(&r)) {
		uint32_t name = vl_read_le32(&r);
		struct hv_reg_value v;
		int err;

		v.low = cpu_to_le64(vl_read_le64(&r));
		v.high = cpu_to_le64(vl_read_le64(&r));
		if (r.err || !is_saved_register(name))
			return r.err ? r.err : VL_E_TYPE;
		err = hvport_set_register(&vp->hv, name, &v);
		if (err)
			return err;
	}
	return 0;
}

int vp_arch_restore(struct vp *vp, struct state_reader *r)
{
	struct x86_context *c = x86_context(vp);

	if (!state_get_bytes(r, FIELD_GP, c->gp, sizeof(c->gp)) ||
	    !state_get_bytes(r, FIELD_FX, c->fx, sizeof(c->fx)))
		return VL_E_MISSING;
	/* FXRSTOR faults on reserved MXCSR bits: those above 16 are (SDM 1 10.2.3). */
	c->fx[26] = c->fx[27] = 0;
	state_get_u64(r, FIELD_ASSIST_PAGE, &vp->arch.assist_page_msr);
	state_get_u64(r, FIELD_MISC_ENABLE, &vp->arch.misc_enable);
	state_get_u64(r, FIELD_TSC_INVARIANT, &vp->arch.tsc_invariant_msr);
	if (!vp->index) {
		state_get_u64(r, FIELD_GUEST_OS_ID, &vp->vm->arch.guest_os_id);
		state_get_u64(r, FIELD_HYPERCALL, &vp->vm->arch.hypercall_msr);
	}
	return restore_registers(vp, r);
}

const char *vp_arch_exit_name(uint32_t type)
{
	switch (type) {
	case HV_MESSAGE_X64_IO_PORT: return "io-port";
	case HV_MESSAGE_X64_MSR: return "msr";
	case HV_MESSAGE_X64_CPUID: return "cpuid";
	case HV_MESSAGE_X64_EXCEPTION: return "exception";
	case HV_MESSAGE_X64_APIC_EOI: return "apic-eoi";
	case HV_MESSAGE_X64_HALT: return "halt";
	case HV_MESSAGE_X64_INTERRUPTION_DELIVERABLE: return "interruption-deliverable";
	case HV_MESSAGE_X64_SIPI: return "sipi";
	default: return NULL;
	}
}

uint32_t vp_arch_registers(struct vp *vp, struct control_register *out, uint32_t max)
{
	static const uint32_t names[] = {
		HV_X64_REG_RIP, HV_X64_REG_RSP, HV_X64_REG_RFLAGS, HV_X64_REG_CR0, HV_X64_REG_CR3,
		HV_X64_REG_CR4, HV_X64_REG_EFER, HV_X64_REG_CS, HV_X64_REG_SS, HV_X64_REG_IDTR,
		HV_X64_REG_GDTR,
	};
	struct x86_context *c = x86_context(vp);
	uint32_t count = vp_list_registers(vp, names, VL_ARRAY_COUNT(names), out, max);

	for (uint32_t i = 0; i < 16 && count < max; i++)
		if (i != X86_RSP)
			out[count++] = (struct control_register){ HV_X64_REG_RAX + i, 0, c->gp[i], 0 };
	return count;
}
