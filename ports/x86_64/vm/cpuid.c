/*
 * What the guest's CPUID says beyond the hypervisor's own answers: the
 * smallest Hyper-V that tells a kernel the frequencies of TSC and APIC timer
 * (so that it need not measure them against an emulated timer) and that the
 * TSC can be trusted. No hypercall, no SynIC, no VMBus. TLFS 2.4.
 */
#include "ports/x86_64/vm/x86.h"

#define FEATURE_HYPERCALL_MSRS (1u << 5)
#define FEATURE_VP_INDEX (1u << 6)
#define FEATURE_FREQUENCY_MSRS (1u << 11)
#define FEATURE_TSC_INVARIANT (1u << 15)
#define FEATURE_EDX_FREQUENCY_MSRS (1u << 8)
#define HINT_RELAXED_TIMING (1u << 5)
#define ECX_HYPERVISOR (1u << 31)
#define EDX_INVARIANT_TSC (1u << 8)
#define ALL 0xffffffffu

struct leaf {
	uint32_t leaf, value[4], mask[4]; /* EAX EBX ECX EDX */
};

#define LEAF_LIMITS 0x40000005u
#define LEAF_FEATURES 0x40000003u

static const struct leaf leaves[] = {
	{ 1, { 0, 0, ECX_HYPERVISOR, 0 }, { 0, 0, ECX_HYPERVISOR, 0 } },
	/* "Microsoft Hv" */
	{ 0x40000000, { LEAF_LIMITS, 0x7263694d, 0x666f736f, 0x76482074 }, { ALL, ALL, ALL, ALL } },
	{ 0x40000001, { 0x31237648, 0, 0, 0 }, { ALL, ALL, ALL, ALL } }, /* "Hv#1" */
	{ 0x40000002, { 0, 10u << 16, 0, 0 }, { ALL, ALL, ALL, ALL } },
	{ LEAF_FEATURES, {
		FEATURE_HYPERCALL_MSRS | FEATURE_VP_INDEX | FEATURE_FREQUENCY_MSRS | FEATURE_TSC_INVARIANT,
		0, 0, FEATURE_EDX_FREQUENCY_MSRS }, { ALL, ALL, ALL, ALL } },
	{ 0x40000004, { HINT_RELAXED_TIMING, ALL /* spin: never tell */, 0, 0 }, { ALL, ALL, ALL, ALL } },
	{ LEAF_LIMITS, { 0, 0, 0, 0 }, { ALL, ALL, ALL, ALL } },
	/* The processor's own word for it: kernels look at both before they trust the TSC as their clock. */
	{ 0x80000007, { 0, 0, 0, EDX_INVARIANT_TSC }, { 0, 0, 0, EDX_INVARIANT_TSC } },
};

/* The leaf with what depends on this VM. */
static struct leaf leaf_of(const struct vm *vm, size_t i)
{
	struct leaf l = leaves[i];

	if (l.leaf == LEAF_LIMITS)
		l.value[0] = l.value[1] = vm->config->vp_count;
	if (l.leaf == LEAF_FEATURES && (!vm->arch.tsc_hz || !vm->arch.apic_hz)) {
		l.value[0] &= ~FEATURE_FREQUENCY_MSRS;
		l.value[3] = 0;
	}
	return l;
}

int x86_cpuid_register(struct vm *vm)
{
	for (size_t i = 0; i < VL_ARRAY_COUNT(leaves); i++) {
		struct leaf l = leaf_of(vm, i);
		struct hv_x64_input_cpuid_result in = {
			.partition_id = cpu_to_le64(HV_PARTITION_ID_SELF),
			.vp_index = cpu_to_le32(HV_ANY_VP),
			.intercept_type = cpu_to_le32(HV_INTERCEPT_TYPE_X64_CPUID),
			.leaf = cpu_to_le32(l.leaf),
			.always_override = 1,
		};
		uint16_t status = 0;
		int err;

		for (unsigned r = 0; r < 4; r++) {
			in.reg[r].value = cpu_to_le32(l.value[r]);
			in.reg[r].mask = cpu_to_le32(l.mask[r]);
		}
		err = hvport_call(&vm->hv, HV_CALL_REGISTER_INTERCEPT_RESULT, &in, sizeof(in), NULL, 0,
			&status);
		if (err) {
			vl_error("registering CPUID leaf 0x%x: %s (hypercall status 0x%x)", l.leaf,
				vl_err_text(err), status);
			return err;
		}
	}
	return 0;
}

/* A hypervisor that intercepts CPUID instead of keeping our table: the same answer, made here. */
int x86_cpuid_exit(struct vp *vp, const struct hv_x64_cpuid_message *m)
{
	static const unsigned order[4] = { X86_RAX, X86_RBX, X86_RCX, X86_RDX };
	uint32_t out[4] = {
		(uint32_t)le64_to_cpu(m->default_rax), (uint32_t)le64_to_cpu(m->default_rbx),
		(uint32_t)le64_to_cpu(m->default_rcx), (uint32_t)le64_to_cpu(m->default_rdx),
	};

	for (size_t i = 0; i < VL_ARRAY_COUNT(leaves); i++) {
		struct leaf l = leaf_of(vp->vm, i);

		for (unsigned r = 0; r < 4 && l.leaf == (uint32_t)le64_to_cpu(m->rax); r++)
			out[r] = (out[r] & ~l.mask[r]) | (l.value[r] & l.mask[r]);
	}
	for (unsigned r = 0; r < 4; r++)
		x86_context(vp)->gp[order[r]] = out[r];
	return x86_skip(vp, &m->header);
}
