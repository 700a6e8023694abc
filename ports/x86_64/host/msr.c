/*
 * MSRs of VTL2 that KVM leaves to us: Hyper-V's synthetic ones (TLFS appendix
 * B; most are VP registers under another number), the x2APIC, and VTL0's
 * memory types, which the VTLs share. A value that is refused gives #GP.
 */
#include "ports/x86_64/host/x86.h"

#define HYPERCALL_ENABLE 1ull
#define REFERENCE_TSC_ENABLE 1ull
#define APIC_HZ 200000000ull

/* The VP register behind a synthetic MSR, 0: none. */
static uint32_t register_of(uint32_t msr)
{
	if (msr >= HV_X64_MSR_SINT0 && msr < HV_X64_MSR_SINT0 + HV_SINT_COUNT)
		return HV_REG_SINT0 + (msr - HV_X64_MSR_SINT0);
	if (msr >= HV_X64_MSR_CRASH_P0 && msr <= HV_X64_MSR_CRASH_CTL)
		return HV_REG_GUEST_CRASH_P0 + (msr - HV_X64_MSR_CRASH_P0);
	switch (msr) {
	case HV_X64_MSR_GUEST_OS_ID: return HV_REG_GUEST_OS_ID;
	case HV_X64_MSR_VP_INDEX: return HV_REG_VP_INDEX;
	case HV_X64_MSR_TIME_REF_COUNT: return HV_REG_TIME_REF_COUNT;
	case HV_X64_MSR_VP_ASSIST_PAGE: return HV_REG_VP_ASSIST_PAGE;
	case HV_X64_MSR_SCONTROL: return HV_REG_SCONTROL;
	case HV_X64_MSR_SVERSION: return HV_REG_SVERSION;
	case HV_X64_MSR_SIEFP: return HV_REG_SIEFP;
	case HV_X64_MSR_SIMP: return HV_REG_SIMP;
	case HV_X64_MSR_EOM: return HV_REG_EOM;
	default: return 0;
	}
}

static bool is_stimer(uint32_t msr)
{
	return msr >= HV_X64_MSR_STIMER0_CONFIG && msr < HV_X64_MSR_STIMER0_CONFIG + 2 * X86_STIMER_COUNT;
}

static bool is_apic(uint32_t msr) { return msr >= X86_APIC_MSR && msr < X86_APIC_MSR_END; }
static bool is_mtrr(uint32_t msr) { return (msr >= 0x200 && msr < 0x260) || msr == 0x2ff; }

/*
 * The hypercall page: three entries, each an OUT to a port of ours, which needs
 * no register and is the cheapest exit of KVM: hypercall, VTL call at 0x10, VTL
 * return at 0x20 (as HV_REG_VSM_CODE_PAGE_OFFSETS says).
 */
static bool set_hypercall_page(struct host *h, uint64_t value)
{
	static const uint8_t code[] = {
		[0x00] = 0xe6, X86_PORT_HYPERCALL, 0xc3,
		[0x10] = 0xe6, X86_PORT_VTL_CALL, 0xc3,
		[0x20] = 0xe6, X86_PORT_VTL_RETURN, 0xc3,
	};

	if ((value & HYPERCALL_ENABLE) && host_memory_write(h, gpa(vl_align_down(value, VL_PAGE_BYTES)), code,
			sizeof(code)))
		return false;
	h->port->hypercall_page = value;
	return true;
}

/* HV_REFERENCE_TSC_PAGE: sequence u32, reserved u32, scale u64, offset i64 (TLFS 12.6). */
static bool set_reference_tsc(struct host *h, uint64_t value)
{
	const struct { le32 sequence, reserved; le64 scale, offset; } page = {
		cpu_to_le32(1), cpu_to_le32(0), cpu_to_le64(h->port->tsc_scale),
				cpu_to_le64(-h->reference_origin) };

	if ((value & REFERENCE_TSC_ENABLE) &&
	    host_memory_write(h, gpa(vl_align_down(value, VL_PAGE_BYTES)), &page, sizeof(page)))
		return false;
	h->port->reference_tsc = value;
	return true;
}

bool x86_msr_read(struct port_vp *p, uint32_t msr, uint64_t *value)
{
	const struct port_vm *vm = p->vp->host->port;
	struct hv_reg_value v = { 0 };
	uint32_t name = register_of(msr);

	if (is_apic(msr))
		return x86_apic_read(&p->apic, msr, value);
	if (is_stimer(msr))
		return x86_stimer_read(p, msr, value);
	if (is_mtrr(msr))
		return !x86_get_msr(&p->vtl0, msr, value);
	if (name) {
		if (register_get(p->vp, HOST_VTL2, name, &v) != HV_STATUS_SUCCESS)
			return false;
		*value = le64_to_cpu(v.low);
		return true;
	}
	switch (msr) {
	case HV_X64_MSR_HYPERCALL:
		*value = vm->hypercall_page;
		return true;
	case HV_X64_MSR_REFERENCE_TSC:
		*value = vm->reference_tsc;
		return true;
	case HV_X64_MSR_TSC_FREQUENCY:
		*value = vm->tsc_hz;
		return true;
	case HV_X64_MSR_APIC_FREQUENCY:
		*value = APIC_HZ;
		return true;
	case HV_X64_MSR_TPR:
		*value = p->apic.tpr;
		return true;
	case HV_X64_MSR_ICR:
		*value = p->apic.icr;
		return true;
	default:
		return false;
	}
}

static bool apic_write(struct port_vp *p, uint32_t msr, uint64_t value)
{
	uint64_t icr;

	if (!x86_apic_write(&p->apic, msr, value, &icr))
		return false;
	if (icr)
		x86_icr(p, icr);
	return true;
}

bool x86_msr_write(struct port_vp *p, uint32_t msr, uint64_t value)
{
	struct hv_reg_value v = { .low = cpu_to_le64(value) };
	uint32_t name = register_of(msr);

	if (is_apic(msr))
		return apic_write(p, msr, value);
	if (is_stimer(msr))
		return x86_stimer_write(p, msr, value);
	if (is_mtrr(msr))
		return !x86_set_msr(&p->vtl0, msr, value);
	if (name)
		return register_set(p->vp, HOST_VTL2, name, &v) == HV_STATUS_SUCCESS;
	switch (msr) {
	case HV_X64_MSR_HYPERCALL:
		return set_hypercall_page(p->vp->host, value);
	case HV_X64_MSR_REFERENCE_TSC:
		return set_reference_tsc(p->vp->host, value);
	case HV_X64_MSR_RESET:
		host_end(p->vp->host, HOST_END_PARAVISOR_FAILED, "VTL2 asked for a reset of the partition");
		return true;
	case HV_X64_MSR_EOI:
		x86_apic_eoi(&p->apic);
		return true;
	case HV_X64_MSR_ICR:
		return apic_write(p, X86_APIC_MSR + 0x30, value);
	case HV_X64_MSR_TPR:
		p->apic.tpr = value & 0xff;
		return true;
	default:
		return false;
	}
}
