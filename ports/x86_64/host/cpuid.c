/*
 * What CPUID shows to each VTL. VTL2: this processor with Hyper-V's leaves
 * (TLFS 2.4), so that a mainline kernel finds its hypervisor. VTL0: this
 * processor, overlaid by what VTL2 registered (HvCallRegisterInterceptResult);
 * KVM has no CPUID exit, so the tables are fixed when VTL0 first runs.
 */
#include "common/base/log.h"
#include "ports/x86_64/host/x86.h"

#include <cpuid.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define HYPERVISOR_LEAVES 0x40000000u
#define HYPERVISOR_LEAVES_END 0x50000000u

/* Leaf 1 ECX */
#define X_MONITOR (1u << 3)
#define X_VMX (1u << 5)
#define X_FMA (1u << 12)
#define X_PCID (1u << 17)
#define X_X2APIC (1u << 21)
#define X_TSC_DEADLINE (1u << 24)
#define X_XSAVE (1u << 26)
#define X_OSXSAVE (1u << 27)
#define X_AVX (1u << 28)
#define X_F16C (1u << 29)
#define X_HYPERVISOR (1u << 31)
#define X_ALL_XSAVE (X_FMA | X_XSAVE | X_OSXSAVE | X_AVX | X_F16C)
/* Leaf 1 EDX, leaf 7 ECX, leaf 0x80000001 ECX, leaf 7 EBX */
#define X_HTT (1u << 28)
#define X_LA57 (1u << 16)
#define X_SVM (1u << 2)
#define X_INVPCID (1u << 10)
#define X_AVX_LEAF7_EBX (1u << 5 | 1u << 16 | 1u << 17 | 1u << 21 | 1u << 28 | 1u << 30 | 1u << 31)

/* A union: the kernel's structure ends in an array of no declared length. */
union table {
	struct kvm_cpuid2 head;
	uint8_t room[sizeof(struct kvm_cpuid2) + X86_CPUID_MAX * sizeof(struct kvm_cpuid_entry2)];
};

/* "TCGTCGTCGTCG": the processor under KVM is QEMU's. */
bool x86_cpu_is_emulated(void)
{
	unsigned a, b, c, d;

	__cpuid(1, a, b, c, d);
	if (!(c & X_HYPERVISOR))
		return false;
	__cpuid(HYPERVISOR_LEAVES, a, b, c, d);
	return b == 0x54474354 && c == 0x43544743 && d == 0x47435447;
}

bool x86_cpu_virtualizes(void)
{
	unsigned a, b, c, d, vmx;

	__cpuid(1, a, b, vmx, d);
	if (vmx & X_VMX)
		return true;
	__cpuid(0x80000000, a, b, c, d);
	if (a < 0x80000001)
		return false;
	__cpuid(0x80000001, a, b, c, d);
	return c & X_SVM;
}

int x86_cpuid_load(struct port_vm *vm)
{
	vm->supported = calloc(1, sizeof(union table));
	if (!vm->supported)
		return VL_E_NOMEM;
	vm->supported->nent = X86_CPUID_MAX;
	if (ioctl(vm->kvm.kvm, KVM_GET_SUPPORTED_CPUID, vm->supported)) {
		vl_error("KVM_GET_SUPPORTED_CPUID failed: %s", strerror(errno));
		return VL_E_OS;
	}
	return 0;
}

static struct kvm_cpuid_entry2 *find(union table *t, uint32_t leaf, uint32_t subleaf)
{
	unsigned i;

	for (i = 0; i < t->head.nent; i++) {
		struct kvm_cpuid_entry2 *e = &t->head.entries[i];

		if (e->function == leaf && (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) ||
				e->index == subleaf))
			return e;
	}
	return NULL;
}

static void put(union table *t, uint32_t leaf, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	struct kvm_cpuid_entry2 *e = find(t, leaf, 0);

	if (!e) {
		if (t->head.nent == X86_CPUID_MAX)
			return;
		e = &t->head.entries[t->head.nent++];
	}
	*e = (struct kvm_cpuid_entry2){ .function = leaf, .eax = a, .ebx = b, .ecx = c, .edx = d };
}

static void drop(union table *t, uint32_t from, uint32_t to)
{
	unsigned i, kept = 0;

	for (i = 0; i < t->head.nent; i++)
		if (t->head.entries[i].function < from || t->head.entries[i].function > to)
			t->head.entries[kept++] = t->head.entries[i];
	t->head.nent = kept;
}

static void no_xsave(union table *t)
{
	struct kvm_cpuid_entry2 *e = find(t, 1, 0);

	if (e)
		e->ecx &= ~X_ALL_XSAVE;
	e = find(t, 7, 0);
	if (e) {
		e->ebx &= ~X_AVX_LEAF7_EBX;
		e->ecx = 0; /* vector extensions, LA57, PKU, RDPID: none is needed */
		e->edx = 0;
	}
	drop(t, 0xd, 0xd);
	drop(t, 0x19, 0x24); /* key locker, AMX, AVX10 */
}

/* One package of vp_count cores with one thread each; APIC id = VP index. */
static void topology(union table *t, const struct host_vp *vp)
{
	unsigned count = vp->host->config.vp_count, bits = 0;
	struct kvm_cpuid_entry2 *e = find(t, 1, 0);
	uint32_t id = (uint32_t)vp->hardware_id;

	while ((1u << bits) < count)
		bits++;
	drop(t, 0xb, 0xb);
	drop(t, 0x1f, 0x1f);
	drop(t, 0x8000001e, 0x8000001e);
	if (e) {
		e->ebx = (e->ebx & 0xffff) | (count & 0xff) << 16 | id << 24;
		e->edx = count > 1 ? e->edx | X_HTT : e->edx & ~X_HTT;
	}
	e = find(t, 0x80000008, 0);
	if (e && e->ecx)
		e->ecx = bits << 12 | (count - 1);
	if (t->head.nent + 2 > X86_CPUID_MAX)
		return;
	t->head.entries[t->head.nent++] = (struct kvm_cpuid_entry2){ .function = 0xb,
			.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		.index = 0, .eax = 0, .ebx = 1, .ecx = 0x100, .edx = id };
	t->head.entries[t->head.nent++] = (struct kvm_cpuid_entry2){ .function = 0xb,
			.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		.index = 1, .eax = bits, .ebx = count, .ecx = 0x201, .edx = id };
}

static void base(union table *t, const struct host_vp *vp)
{
	struct kvm_cpuid_entry2 *e;

	memcpy(t, vp->host->port->supported, sizeof(*t));
	drop(t, HYPERVISOR_LEAVES, HYPERVISOR_LEAVES_END);
	drop(t, 0x8000000a, 0x8000000a); /* SVM's features: no nested guests */
	drop(t, 0x8000001f, 0x8000001f); /* SEV's */
	topology(t, vp);
	e = find(t, 1, 0);
	if (e)
		e->ecx = (e->ecx | X_X2APIC | X_HYPERVISOR) & ~(X_VMX | X_MONITOR);
	e = find(t, 7, 0);
	if (e)
		e->ecx &= ~X_LA57;
	e = find(t, 0x80000001, 0);
	if (e)
		e->ecx &= ~X_SVM;
}

/* TLFS 2.4: what a VTL2 Linux looks at; the reasons for each bit are the features implemented here. */
static void hyperv_leaves(union table *t, const struct host_vp *vp)
{
	uint32_t count = vp->host->config.vp_count;
	uint32_t leaf;

	put(t, 0x40000000, 0x4000000c, 0x7263694d, 0x666f736f, 0x76482074); /* "Microsoft Hv" */
	put(t, 0x40000001, 0x31237648, 0, 0, 0);                            /* "Hv#1" */
	put(t, 0x40000002, 26100, 10u << 16, 0, 0);
	/*
	 * Time reference, SynIC, synthetic timers, APIC MSRs, hypercalls, VP index, reference TSC,
	 * frequencies; post and signal, VSM and VP registers; frequency MSRs, crash MSRs, direct timers.
	 */
	put(t, 0x40000003, 0xa7e, 0x30030, 0, 1u << 8 | 1u << 10 | 1u << 19);
	/* Relaxed timing, no AutoEOI, and cluster IPIs when there is somebody to send to. */
	put(t, 0x40000004, 0x220 | (count > 1 ? 1u << 10 : 0), 0xffffffff, 0, 0);
	put(t, 0x40000005, count, count, 0, 0);
	for (leaf = 0x40000006; leaf <= 0x4000000c; leaf++)
		put(t, leaf, 0, 0, 0, 0);
	if (vp->host->config.isolation == HOST_ISOLATION_VBS) {
		/* 0x40000003 EBX bit 22: isolation; 0x4000000c EBX bits 0-3: type 1 is VBS. */
		put(t, 0x40000003, 0xa7e, 0x30030 | 1u << 22, 0, 1u << 8 | 1u << 10 | 1u << 19);
		put(t, 0x4000000c, 0, 1, 0, 0);
	}
}

static int load(const struct x86_vcpu *c, const union table *t)
{
	if (!ioctl(c->fd, KVM_SET_CPUID2, t))
		return 0;
	vl_error("KVM_SET_CPUID2 failed: %s", strerror(errno));
	return VL_E_OS;
}

int x86_cpuid_vtl2(struct host_vp *vp)
{
	union table t;
	struct kvm_cpuid_entry2 *e;

	base(&t, vp);
	no_xsave(&t); /* XSAVE state is shared between VTLs and never switched */
	e = find(&t, 1, 0);
	if (e)
		e->ecx &= ~(X_TSC_DEADLINE | X_PCID);
	e = find(&t, 7, 0);
	if (e)
		e->ebx &= ~X_INVPCID; /* senseless without PCID */
	drop(&t, 0xb, 0xb);
	hyperv_leaves(&t, vp);
	return load(&vp->port->vtl2, &t);
}

static void overlay(union table *t, const struct x86_cpuid_override *o)
{
	struct kvm_cpuid_entry2 *e = find(t, o->leaf, o->subleaf);

	if (!e) {
		if (t->head.nent == X86_CPUID_MAX)
			return;
		e = &t->head.entries[t->head.nent++];
		*e = (struct kvm_cpuid_entry2){ .function = o->leaf,
			.index = o->subleaf_matters ? o->subleaf : 0,
			.flags = o->subleaf_matters ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0 };
	}
	e->eax = (e->eax & ~o->mask[0]) | (o->value[0] & o->mask[0]);
	e->ebx = (e->ebx & ~o->mask[1]) | (o->value[1] & o->mask[1]);
	e->ecx = (e->ecx & ~o->mask[2]) | (o->value[2] & o->mask[2]);
	e->edx = (e->edx & ~o->mask[3]) | (o->value[3] & o->mask[3]);
}

int x86_cpuid_vtl0(struct host_vp *vp)
{
	struct port_vm *vm = vp->host->port;
	union table t;
	struct kvm_cpuid_entry2 *e;
	unsigned i;

	base(&t, vp);
	e = find(&t, 1, 0);
	if (e)
		e->ecx &= ~X_HYPERVISOR; /* VTL2 says what hypervisor its guest sees */
	if (vm->hide_xsave)
		no_xsave(&t);
	pthread_mutex_lock(&vm->lock);
	for (i = 0; i < vm->override_count; i++)
		overlay(&t, &vm->override[i]);
	pthread_mutex_unlock(&vm->lock);
	return load(&vp->port->vtl0, &t);
}
