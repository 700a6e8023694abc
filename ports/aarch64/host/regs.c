/*
 * VP registers of this architecture by their HV names, over KVM_GET/SET_ONE_REG.
 * Names and values come from VTL2. Called on the VP's own thread, or before VPs
 * run.
 */
#include "ports/aarch64/host/arm64.h"

#include <string.h>
#include <sys/ioctl.h>

/* HvRegisterHypervisorVersion: build, major and minor, service pack, service number (TLFS 2.4.4). */
#define VERSION_BUILD 26100ull
#define VERSION_MAJOR_MINOR (10ull << 16)
/*
 * HvRegisterPrivilegesAndFeaturesInfo (TLFS 2.4.5): time counter, SynIC, hypercalls, VP index; messages,
 * signals.
 */
#define FEATURES_LOW 0x66ull
#define FEATURES_HIGH 0x30030ull

#define SYSREG(op0, op1, crn, crm, op2) ARM64_SYS_REG(op0, op1, crn, crm, op2)

static const struct {
	uint32_t name;
	uint64_t id;
} table[] = {
	{ HV_ARM64_REG_SP_EL0, ARM64_CORE_REG(regs.sp) },
	{ HV_ARM64_REG_SP_EL1, ARM64_CORE_REG(sp_el1) },
	{ HV_ARM64_REG_PC, ARM64_CORE_REG(regs.pc) },
	{ HV_ARM64_REG_PSTATE, ARM64_CORE_REG(regs.pstate) },
	{ HV_ARM64_REG_ELR_EL1, ARM64_CORE_REG(elr_el1) },
	{ HV_ARM64_REG_SPSR_EL1, ARM64_CORE_REG(spsr[KVM_SPSR_EL1]) },
	{ HV_ARM64_REG_SCTLR_EL1, SYSREG(3, 0, 1, 0, 0) },
	{ HV_ARM64_REG_ACTLR_EL1, SYSREG(3, 0, 1, 0, 1) },
	{ HV_ARM64_REG_CPACR_EL1, SYSREG(3, 0, 1, 0, 2) },
	{ HV_ARM64_REG_TTBR0_EL1, SYSREG(3, 0, 2, 0, 0) },
	{ HV_ARM64_REG_TTBR1_EL1, SYSREG(3, 0, 2, 0, 1) },
	{ HV_ARM64_REG_TCR_EL1, SYSREG(3, 0, 2, 0, 2) },
	{ HV_ARM64_REG_ESR_EL1, SYSREG(3, 0, 5, 2, 0) },
	{ HV_ARM64_REG_FAR_EL1, SYSREG(3, 0, 6, 0, 0) },
	{ HV_ARM64_REG_PAR_EL1, SYSREG(3, 0, 7, 4, 0) },
	{ HV_ARM64_REG_MAIR_EL1, SYSREG(3, 0, 10, 2, 0) },
	{ HV_ARM64_REG_VBAR_EL1, SYSREG(3, 0, 12, 0, 0) },
	{ HV_ARM64_REG_CONTEXTIDR_EL1, SYSREG(3, 0, 13, 0, 1) },
	{ HV_ARM64_REG_TPIDR_EL1, SYSREG(3, 0, 13, 0, 4) },
	{ HV_ARM64_REG_CNTKCTL_EL1, SYSREG(3, 0, 14, 1, 0) },
	{ HV_ARM64_REG_TPIDRRO_EL0, SYSREG(3, 3, 13, 0, 3) },
	{ HV_ARM64_REG_TPIDR_EL0, SYSREG(3, 3, 13, 0, 2) },
};

#define PSTATE_SP_ELX 1ull

/* SP names the stack pointer that PSTATE.SP selects at EL1; at EL0 there is only one. */
static uint64_t current_sp(const struct arm64_vcpu *c)
{
	uint64_t pstate = 0;

	(void)arm64_get_reg(c, ARM64_CORE_REG(regs.pstate), &pstate);
	return pstate & PSTATE_SP_ELX ? ARM64_CORE_REG(sp_el1) : ARM64_CORE_REG(regs.sp);
}

uint64_t arm64_kvm_register(uint32_t name, const struct arm64_vcpu *c)
{
	if (name >= HV_ARM64_REG_X0 && name <= HV_ARM64_REG_LR)
		return ARM64_X(name - HV_ARM64_REG_X0);
	if (name == HV_ARM64_REG_SP)
		return current_sp(c);
	for (size_t i = 0; i < VL_ARRAY_COUNT(table); i++)
		if (table[i].name == name)
			return table[i].id;
	return 0;
}

/* Q0..Q31, FPSR and FPCR have other sizes. */
static int sized_register(uint32_t name, struct kvm_one_reg *reg)
{
	const uint64_t core = KVM_REG_ARM64 | KVM_REG_ARM_CORE;

	if (name >= HV_ARM64_REG_Q0 && name < HV_ARM64_REG_Q0 + 32)
		reg->id = core | KVM_REG_SIZE_U128 |
			((offsetof(struct kvm_regs, fp_regs.vregs) +
			(name - HV_ARM64_REG_Q0) * 16) / sizeof(uint32_t));
	else if (name == HV_ARM64_REG_FPSR)
		reg->id = core | KVM_REG_SIZE_U32 |
				offsetof(struct kvm_regs, fp_regs.fpsr) / sizeof(uint32_t);
	else if (name == HV_ARM64_REG_FPCR)
		reg->id = core | KVM_REG_SIZE_U32 |
				offsetof(struct kvm_regs, fp_regs.fpcr) / sizeof(uint32_t);
	else
		return VL_E_NOTFOUND;
	return 0;
}

static struct arm64_vcpu *vcpu_of(struct host_vp *vp, unsigned vtl)
{
	return vtl == HOST_VTL0 ? &vp->port->vtl0 : &vp->port->vtl2;
}

/* What VTL2's kernel asks at its start. */
static bool get_info(const struct host *h, uint32_t name, struct hv_reg_value *value)
{
	bool isolated = h->config.isolation == HOST_ISOLATION_VBS;

	switch (name) {
	case HV_REG_HYPERVISOR_VERSION:
		value->low = cpu_to_le64(VERSION_BUILD | VERSION_MAJOR_MINOR << 32);
		return true;
	case HV_REG_PRIVILEGES_AND_FEATURES:
		value->low = cpu_to_le64(FEATURES_LOW | FEATURES_HIGH << 32 |
				(isolated ? HV_ARM64_PRIVILEGE_ISOLATION : 0));
		return true;
	case HV_REG_ISOLATION_CONFIGURATION:
		value->low = cpu_to_le64(isolated ? HV_ARM64_ISOLATION_VBS : 0);
		return true;
	case HV_REG_FEATURES:
		return true; /* no hints */
	default:
		return false;
	}
}

/* The context page's word of a register of VTL0, HV_ARM64_CONTEXT_WORDS for none. */
static unsigned context_word(unsigned vtl, uint32_t name)
{
	if (vtl == HOST_VTL0 && name >= HV_ARM64_REG_X0 && name <= HV_ARM64_REG_LR)
		return name - HV_ARM64_REG_X0;
	return vtl == HOST_VTL0 && name == HV_ARM64_REG_PC ? HV_ARM64_CONTEXT_PC : HV_ARM64_CONTEXT_WORDS;
}

uint16_t port_register_get(struct host_vp *vp, unsigned vtl, uint32_t name, struct hv_reg_value *value)
{
	struct arm64_vcpu *c = vcpu_of(vp, vtl);
	uint8_t raw[16] = { 0 };
	struct kvm_one_reg reg = { .addr = (uintptr_t)raw };

	*value = (struct hv_reg_value){ .low = cpu_to_le64(0) };
	if (get_info(vp->host, name, value))
		return HV_STATUS_SUCCESS;
	if (name == HV_REG_ARM64_CONTEXT_PAGE) {
		value->low = cpu_to_le64(vp->port->context_page);
		return HV_STATUS_SUCCESS;
	}
	reg.id = arm64_kvm_register(name, c);
	if (!reg.id && sized_register(name, &reg))
		return HV_STATUS_INVALID_PARAMETER;
	if (context_word(vtl, name) < HV_ARM64_CONTEXT_WORDS)
		arm64_load_registers(vp->port);
	if (ioctl(c->fd, KVM_GET_ONE_REG, &reg))
		return HV_STATUS_INVALID_VP_STATE;
	memcpy(value, raw, sizeof(*value));
	return HV_STATUS_SUCCESS;
}

static uint16_t set_context_page(struct host_vp *vp, uint64_t v)
{
	uint64_t page = vl_align_down(v, VL_PAGE_BYTES);

	if ((v & HV_SYNIC_ENABLE) && (!host_memory_map(vp->host, gpa(page), VL_PAGE_BYTES) ||
				      host_memory_is_vtl0(vp->host, gpa(page), VL_PAGE_BYTES)))
		return HV_STATUS_INVALID_PARAMETER;
	vp->port->context_page = v;
	vp->port->x_valid = false;
	return HV_STATUS_SUCCESS;
}

uint16_t port_register_set(struct host_vp *vp, unsigned vtl, uint32_t name, const struct hv_reg_value *value)
{
	struct arm64_vcpu *c = vcpu_of(vp, vtl);
	unsigned word = context_word(vtl, name);
	uint8_t raw[16];
	struct kvm_one_reg reg = { .addr = (uintptr_t)raw };

	if (name == HV_REG_ARM64_CONTEXT_PAGE)
		return vtl == HOST_VTL2 ? set_context_page(vp, le64_to_cpu(value->low)) :
				HV_STATUS_INVALID_PARAMETER;
	memcpy(raw, value, sizeof(raw));
	reg.id = arm64_kvm_register(name, c);
	if (!reg.id && sized_register(name, &reg))
		return HV_STATUS_INVALID_PARAMETER;
	if (word < HV_ARM64_CONTEXT_WORDS)
		arm64_load_registers(vp->port);
	if (ioctl(c->fd, KVM_SET_ONE_REG, &reg))
		return HV_STATUS_INVALID_REGISTER_VALUE;
	if (word < HV_ARM64_CONTEXT_WORDS)
		arm64_show_register(vp->port, word, le64_to_cpu(value->low));
	return HV_STATUS_SUCCESS;
}
