/*
 * A VP's registers by name, one hypercall each; first state, saved state. On
 * the VP's own thread.
 */
#include "ports/aarch64/vm/arm64.h"

#include <string.h>

#define PSTATE_EL1H_MASKED 0x3c5ull /* EL1h, DAIF set: Linux Documentation/arch/arm64/booting.rst */

/* The host has the architecture's reset state; PSCI in the hypervisor starts all but VP 0. */
int vp_arch_reset(struct vp *vp)
{
	_Static_assert(sizeof(struct arm64_context) <= HVPORT_CONTEXT_BYTES, "VTL context");
	memset(arm64_context(vp), 0, sizeof(struct arm64_context));
	return 0;
}

int vp_arch_boot(struct vp *vp)
{
	int err = vp_set_register(vp, HV_ARM64_REG_PC, vp->vm->arch.entry);

	arm64_context(vp)->x[0] = vp->vm->arch.fdt;
	return err ? err : vp_set_register(vp, HV_ARM64_REG_PSTATE, PSTATE_EL1H_MASKED);
}

/* Nothing here: every interrupt is the hypervisor's to deliver. */
void vp_arch_enter(struct vp *vp)
{
	(void)vp;
}

/*
 * What a saved VP consists of; the position is the field's number in the stream, so entries are only
 * appended.
 */
static const uint32_t saved[] = {
	HV_ARM64_REG_PC, HV_ARM64_REG_PSTATE, HV_ARM64_REG_SP_EL0, HV_ARM64_REG_SP_EL1, HV_ARM64_REG_ELR_EL1,
	HV_ARM64_REG_SPSR_EL1, HV_ARM64_REG_SCTLR_EL1, HV_ARM64_REG_ACTLR_EL1, HV_ARM64_REG_CPACR_EL1,
	HV_ARM64_REG_TTBR0_EL1, HV_ARM64_REG_TTBR1_EL1, HV_ARM64_REG_TCR_EL1, HV_ARM64_REG_ESR_EL1,
	HV_ARM64_REG_FAR_EL1, HV_ARM64_REG_PAR_EL1, HV_ARM64_REG_MAIR_EL1, HV_ARM64_REG_VBAR_EL1,
	HV_ARM64_REG_CONTEXTIDR_EL1, HV_ARM64_REG_TPIDR_EL1, HV_ARM64_REG_CNTKCTL_EL1,
	HV_ARM64_REG_TPIDRRO_EL0, HV_ARM64_REG_TPIDR_EL0, HV_ARM64_REG_FPSR, HV_ARM64_REG_FPCR,
};
#define FIELD_GPRS 1u
#define FIELD_REGISTER 2u /* + index in saved[] */
#define FIELD_Q 64u       /* + 0..31 */

int vp_arch_save(struct vp *vp, struct state_writer *w)
{
	struct hv_reg_value v;
	uint64_t x[31] = { 0 };
	int err = 0;

	/* By name: the context page shows only what the last intercept needed. */
	for (uint32_t i = 0; !err && i < VL_ARRAY_COUNT(x); i++)
		err = vp_get_register(vp, HV_ARM64_REG_X0 + i, &x[i]);
	state_put_bytes(w, STATE_MANDATORY | FIELD_GPRS, x, sizeof(x));
	for (uint32_t i = 0; !err && i < VL_ARRAY_COUNT(saved); i++) {
		uint64_t value;

		err = vp_get_register(vp, saved[i], &value);
		state_put_u64(w, STATE_MANDATORY | (FIELD_REGISTER + i), value);
	}
	for (uint32_t i = 0; !err && i < 32; i++) {
		err = hvport_get_register(&vp->hv, HV_ARM64_REG_Q0 + i, &v);
		state_put_bytes(w, STATE_MANDATORY | (FIELD_Q + i), &v, sizeof(v));
	}
	return err;
}

/* All fields are there or the state is refused: a VP with half its registers is none. */
int vp_arch_restore(struct vp *vp, struct state_reader *r)
{
	uint64_t value[VL_ARRAY_COUNT(saved)];
	struct hv_reg_value q[32];
	uint64_t x[31];
	bool whole = state_get_bytes(r, FIELD_GPRS, x, sizeof(x));
	int err;

	for (uint32_t i = 0; i < VL_ARRAY_COUNT(saved); i++)
		whole = state_get_u64(r, FIELD_REGISTER + i, &value[i]) && whole;
	for (uint32_t i = 0; i < 32; i++)
		whole = state_get_bytes(r, FIELD_Q + i, &q[i], sizeof(q[i])) && whole;
	err = state_reader_finish(r);
	if (!err && !whole)
		err = VL_E_MISSING;
	if (err)
		return err;
	for (uint32_t i = 0; !err && i < VL_ARRAY_COUNT(x); i++)
		err = vp_set_register(vp, HV_ARM64_REG_X0 + i, x[i]);
	for (uint32_t i = 0; !err && i < VL_ARRAY_COUNT(saved); i++)
		err = vp_set_register(vp, saved[i], value[i]);
	for (uint32_t i = 0; !err && i < 32; i++)
		err = hvport_set_register(&vp->hv, HV_ARM64_REG_Q0 + i, &q[i]);
	return err;
}

uint32_t vp_arch_registers(struct vp *vp, struct control_register *out, uint32_t max)
{
	static const uint32_t names[] = { HV_ARM64_REG_PC, HV_ARM64_REG_PSTATE, HV_ARM64_REG_SP,
		HV_ARM64_REG_LR,
		HV_ARM64_REG_SCTLR_EL1, HV_ARM64_REG_VBAR_EL1, HV_ARM64_REG_ESR_EL1, HV_ARM64_REG_FAR_EL1,
		HV_ARM64_REG_ELR_EL1 };

	return vp_list_registers(vp, names, VL_ARRAY_COUNT(names), out, max);
}
