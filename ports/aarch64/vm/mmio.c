/*
 * Accesses of the guest to addresses without memory: the syndrome says what
 * they are, or else the instruction. What cannot be carried out gets the
 * guest a synchronous external abort, as from a bus without a device.
 */
#include "ports/aarch64/common/access.h"
#include "ports/aarch64/vm/arm64.h"

#include <string.h>

#define PSTATE_MODE 0xfull
#define PSTATE_EL0 0x0ull
#define PSTATE_EL1T 0x4ull
#define PSTATE_EL1H_MASKED 0x3c5ull
#define PSTATE_PAN (1ull << 22)
#define PSTATE_KEPT 0xf0000000ull /* NZCV */
/* Vector offsets from VBAR_EL1 (Arm ARM table D1-7): synchronous, from EL1t, EL1h, EL0. */
#define VECTOR_EL1T 0x000u
#define VECTOR_EL1H 0x200u
#define VECTOR_EL0 0x400u
#define EC_DATA_ABORT_SAME 0x25ull
#define DFSC_EXTERNAL 0x10ull
#define FSC_FNV (1ull << 10)

static uint64_t x_read(struct vp *vp, unsigned reg)
{
	return reg == ARM64_REG_SP_OR_ZERO ? 0 : arm64_context(vp)->x[reg];
}

static void x_write(struct vp *vp, unsigned reg, uint64_t v)
{
	if (reg != ARM64_REG_SP_OR_ZERO)
		arm64_context(vp)->x[reg] = v;
}

/* What a bus without a device answers: ELR, SPSR, ESR and FAR as the exception's entry sets them. */
static int external_abort(struct vp *vp, const struct hv_arm64_memory_message *m, uint64_t address)
{
	uint64_t pstate = le64_to_cpu(m->header.pstate), vbar = 0, offset = VECTOR_EL1H,
			ec = EC_DATA_ABORT_SAME;
	int err = vp_get_register(vp, HV_ARM64_REG_VBAR_EL1, &vbar);

	if ((pstate & PSTATE_MODE) == PSTATE_EL0) {
		offset = VECTOR_EL0;
		ec = ARM64_EC_DATA_ABORT_LOWER;
	} else if ((pstate & PSTATE_MODE) == PSTATE_EL1T) {
		offset = VECTOR_EL1T;
	}
	if (!err)
		err = vp_set_register(vp, HV_ARM64_REG_ELR_EL1, le64_to_cpu(m->header.pc));
	if (!err)
		err = vp_set_register(vp, HV_ARM64_REG_SPSR_EL1, pstate);
	if (!err)
		err = vp_set_register(vp, HV_ARM64_REG_ESR_EL1,
				ec << 26 | ARM64_ESR_IL | DFSC_EXTERNAL | FSC_FNV);
	if (!err)
		err = vp_set_register(vp, HV_ARM64_REG_FAR_EL1, address);
	if (!err)
		err = vp_set_register(vp, HV_ARM64_REG_PSTATE,
				(pstate & PSTATE_KEPT) | PSTATE_PAN | PSTATE_EL1H_MASKED);
	arm64_context(vp)->pc = vbar + offset;
	return err;
}

static int simd_load(struct vp *vp, unsigned reg, const uint8_t data[16])
{
	struct hv_reg_value v;

	memcpy(&v, data, sizeof(v));
	return hvport_set_register(&vp->hv, HV_ARM64_REG_Q0 + reg, &v);
}

/* One element; an access wider than the bus is done in halves, low address first. */
static void bus_access(struct vp *vp, uint64_t at, uint8_t *data, unsigned size, bool write)
{
	unsigned part = size > 8 ? 8 : size;

	for (unsigned done = 0; done < size; done += part) {
		uint64_t v = 0;

		memcpy(&v, data + done, part);
		if (write)
			vm_bus_write(vp->vm, DEV_MMIO, at + done, part, v);
		else
			v = vm_bus_read(vp->vm, DEV_MMIO, at + done, part);
		memcpy(data + done, &v, part);
	}
}

static int store_element(struct vp *vp, const struct arm64_access *a, unsigned n, uint64_t at)
{
	struct hv_reg_value q = { 0 };
	uint8_t data[16] = { 0 };
	uint64_t v;
	int err = 0;

	if (a->simd) {
		err = hvport_get_register(&vp->hv, HV_ARM64_REG_Q0 + a->rt[n], &q);
		memcpy(data, &q, sizeof(data));
	} else {
		v = x_read(vp, a->rt[n]);
		memcpy(data, &v, sizeof(v));
	}
	if (!err)
		bus_access(vp, at, data, a->size, true);
	return err;
}

static int load_element(struct vp *vp, const struct arm64_access *a, unsigned n, uint64_t at)
{
	uint8_t data[16] = { 0 };
	uint64_t v;

	bus_access(vp, at, data, a->size, false);
	if (a->simd)
		return simd_load(vp, a->rt[n], data);
	memcpy(&v, data, sizeof(v));
	x_write(vp, a->rt[n], arm64_load_result(a, v));
	return 0;
}

static int write_back(struct vp *vp, const struct arm64_access *a)
{
	uint64_t sp = 0;
	int err = 0;

	if (!a->writeback)
		return 0;
	if (a->rn != ARM64_REG_SP_OR_ZERO) {
		arm64_context(vp)->x[a->rn] = arm64_access_writeback(a, arm64_context(vp)->x, 0);
		return 0;
	}
	err = vp_get_register(vp, HV_ARM64_REG_SP, &sp);
	return err ? err : vp_set_register(vp, HV_ARM64_REG_SP,
			arm64_access_writeback(a, arm64_context(vp)->x, sp));
}

static int describe(const struct hv_arm64_memory_message *m, struct arm64_access *access)
{
	uint32_t word;
	int err = arm64_access_from_syndrome(le64_to_cpu(m->syndrome), access);

	if (!err || m->instruction_byte_count < sizeof(word))
		return err;
	memcpy(&word, m->instruction_bytes, sizeof(word));
	return arm64_decode_access(word, access);
}

/*
 * The message's address is that of the byte that faulted first: the access's
 * own unless the access begins in RAM, which is refused like all that we
 * cannot do.
 */
int arm64_memory_exit(struct vp *vp, const struct hv_arm64_memory_message *m)
{
	uint64_t at = le64_to_cpu(m->gpa);
	struct arm64_access access;
	int err = 0;

	if (m->header.access == HV_INTERCEPT_EXECUTE || describe(m, &access) ||
	    guest_memory_at(&vp->vm->memory, gpa(at), 1)) {
		vp_complain(vp, "an access to device memory that is not emulated, to", at);
		return external_abort(vp, m, le64_to_cpu(m->gva));
	}
	for (unsigned n = 0; !err && n < access.count; n++) {
		uint64_t element = at + (uint64_t)n * access.size;

		err = access.write ? store_element(vp, &access, n, element) :
				load_element(vp, &access, n, element);
	}
	if (!err)
		err = write_back(vp, &access);
	arm64_context(vp)->pc = le64_to_cpu(m->header.pc) + 4;
	return err;
}
