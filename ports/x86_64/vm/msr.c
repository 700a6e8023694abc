/*
 * MSRs that the hypervisor leaves to us. The little of Hyper-V that the guest
 * is offered (cpuid.c) is answered here; some that kernels touch without
 * asking read as a plain machine's; all others fault, as on hardware.
 */
#include "ports/x86_64/vm/x86.h"

enum {
	MSR_PLATFORM_ID = 0x17,
	MSR_EBL_CR_POWERON = 0x2a,
	MSR_SMI_COUNT = 0x34,
	MSR_FEATURE_CONTROL = 0x3a,
	MSR_BIOS_UPDATE_TRIGGER = 0x79,
	MSR_BIOS_SIGN_ID = 0x8b,
	MSR_PLATFORM_INFO = 0xce,
	MSR_THERM_CONTROL = 0x19a,
	MSR_THERM_STATUS = 0x19c,
	MSR_MISC_ENABLE = 0x1a0,
	MSR_DEBUGCTL = 0x1d9,
	MSR_HV_TSC_INVARIANT = 0x40000118,
	MSR_AMD_SYSCFG = 0xc0010010,
	MSR_AMD_HWCR = 0xc0010015,
	MSR_AMD_PATCH_LOADER = 0xc0010020,
	MSR_AMD_INT_PENDING = 0xc0010055,
	MSR_AMD_MMIO_CONF_BASE = 0xc0010058,
	MSR_AMD_OSVW_ID_LENGTH = 0xc0010140,
	MSR_AMD_OSVW_STATUS = 0xc0010141,
	MSR_AMD_LS_CFG = 0xc0011020,
	MSR_AMD_DC_CFG = 0xc0011022,
	MSR_AMD_DE_CFG = 0xc0011029,
};

/* Read as the value, writes are dropped. */
static const struct {
	uint32_t msr;
	uint64_t value;
} constant[] = {
	{ MSR_PLATFORM_ID, 0 },
	{ MSR_EBL_CR_POWERON, 0 },
	{ MSR_SMI_COUNT, 0 },
	{ MSR_FEATURE_CONTROL, 1 }, /* locked: no VMX, no SGX */
	{ MSR_BIOS_UPDATE_TRIGGER, 0 },
	{ MSR_PLATFORM_INFO, 0 },
	{ MSR_THERM_CONTROL, 0 },
	{ MSR_THERM_STATUS, 0 },
	{ MSR_DEBUGCTL, 0 },
	{ MSR_AMD_SYSCFG, 0 },
	{ MSR_AMD_HWCR, 1u << 24 }, /* TscFreqSel: the TSC counts at P0's frequency */
	{ MSR_AMD_PATCH_LOADER, 0 },
	{ MSR_AMD_INT_PENDING, 0 },
	{ MSR_AMD_MMIO_CONF_BASE, 0 },
	{ MSR_AMD_OSVW_ID_LENGTH, 0 },
	{ MSR_AMD_OSVW_STATUS, 0 },
	{ MSR_AMD_LS_CFG, 0 },
	{ MSR_AMD_DC_CFG, 0 },
	{ MSR_AMD_DE_CFG, 2 }, /* LFENCE serializes */
};

/* Those that hold what the guest writes. */
static uint64_t *stored(struct vp *vp, uint32_t msr)
{
	switch (msr) {
	case HV_X64_MSR_GUEST_OS_ID: return &vp->vm->arch.guest_os_id;
	case HV_X64_MSR_HYPERCALL: return &vp->vm->arch.hypercall_msr;
	case HV_X64_MSR_VP_ASSIST_PAGE: return &vp->arch.assist_page_msr;
	case MSR_HV_TSC_INVARIANT: return &vp->arch.tsc_invariant_msr;
	case MSR_MISC_ENABLE: return &vp->arch.misc_enable;
	case MSR_BIOS_SIGN_ID: return &vp->arch.bios_sign;
	default: return NULL;
	}
}

static const uint64_t *constant_of(uint32_t msr)
{
	for (size_t i = 0; i < VL_ARRAY_COUNT(constant); i++)
		if (constant[i].msr == msr)
			return &constant[i].value;
	return NULL;
}

static bool read_msr(struct vp *vp, uint32_t msr, uint64_t *value)
{
	const uint64_t *p = stored(vp, msr);

	*value = 0;
	if (!p)
		p = constant_of(msr);
	if (p)
		*value = *p;
	else if (msr == HV_X64_MSR_VP_INDEX)
		*value = vp->index;
	else if (msr == HV_X64_MSR_TSC_FREQUENCY)
		*value = vp->vm->arch.tsc_hz;
	else if (msr == HV_X64_MSR_APIC_FREQUENCY)
		*value = vp->vm->arch.apic_hz;
	else
		return false;
	return p || *value || msr == HV_X64_MSR_VP_INDEX;
}

/*
 * The hypercall page (TLFS 3.13): no hypercall is offered to VTL0, so the code
 * there answers HV_STATUS_INVALID_HYPERCALL_CODE without leaving the guest:
 * mov eax, 2; xor edx, edx; ret.
 */
static bool write_hypercall_page(struct vp *vp, uint64_t value)
{
	static const uint8_t code[] = { 0xb8, HV_STATUS_INVALID_HYPERCALL_CODE, 0, 0, 0, 0x31, 0xd2, 0xc3 };

	if (!(value & 1))
		return true;
	return !guest_memory_write(&vp->vm->memory, gpa(value & ~0xfffull), code, sizeof(code));
}

static bool write_msr(struct vp *vp, uint32_t msr, uint64_t value)
{
	uint64_t *p = stored(vp, msr);

	if (msr == HV_X64_MSR_HYPERCALL && !write_hypercall_page(vp, value))
		return false;
	if (p)
		/* written before CPUID to ask for the revision: none */
		*p = msr == MSR_BIOS_SIGN_ID ? 0 : value;
	return p || constant_of(msr);
}

int x86_msr_exit(struct vp *vp, const struct hv_x64_msr_message *m)
{
	struct x86_context *c = x86_context(vp);
	uint32_t msr = le32_to_cpu(m->msr);
	uint64_t value = c->gp[X86_RDX] << 32 | (uint32_t)c->gp[X86_RAX];
	bool write = m->header.access == HV_INTERCEPT_WRITE;
	bool known;

	pthread_mutex_lock(&vp->vm->lock);
	known = write ? write_msr(vp, msr, value) : read_msr(vp, msr, &value);
	pthread_mutex_unlock(&vp->vm->lock);
	if (!known) {
		vl_debug("vp %u: %s of MSR 0x%x faults", vp->index, write ? "write" : "read", msr);
		return x86_inject(vp, X86_GP, 0, 0);
	}
	if (!write) {
		c->gp[X86_RAX] = (uint32_t)value;
		c->gp[X86_RDX] = value >> 32;
	}
	return x86_skip(vp, &m->header);
}
