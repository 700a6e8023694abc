/*
 * KVM on x86_64: the two VMs and their vCPUs, memory slots, MSR filters, the
 * clock; and access to a vCPU's registers through the run page. Uses the
 * documented KVM interface only (Documentation/virt/kvm/api.rst).
 */
#include "common/base/log.h"
#include "port/ticks.h"
#include "ports/x86_64/host/x86.h"

#include <cpuid.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define LAPIC_PAGE 0xfee00000ull
#define TSS_ADDRESS 0xfffbd000ull /* 3 pages that Intel hosts need for real mode */
#define X2APIC_ON 0xd00ull        /* IA32_APIC_BASE: global enable, x2APIC, BSP apart */
#define APIC_BSP 0x100ull
#define MXCSR_RESET 0x1f80
#define FCW_RESET 0x37f

struct kvm_regs *x86_regs(struct x86_vcpu *c) { return &c->run->s.regs.regs; }
struct kvm_sregs *x86_sregs(struct x86_vcpu *c) { return &c->run->s.regs.sregs; }

struct kvm_regs *x86_change_regs(struct x86_vcpu *c)
{
	c->run->kvm_dirty_regs |= KVM_SYNC_X86_REGS;
	return &c->run->s.regs.regs;
}

/*
 * KVM only ever adds to the bitmap of the run page, and queues the interrupt
 * that it finds there when it loads the registers: one that was delivered long
 * ago would come again, even with the interrupt flag clear. What is really
 * under way KVM remembers by itself.
 */
struct kvm_sregs *x86_change_sregs(struct x86_vcpu *c)
{
	struct kvm_sregs *s = &c->run->s.regs.sregs;

	memset(s->interrupt_bitmap, 0, sizeof(s->interrupt_bitmap));
	c->run->kvm_dirty_regs |= KVM_SYNC_X86_SREGS;
	return s;
}

/* A union: the kernel's structure ends in an array of no declared length. */
union one_msr {
	struct kvm_msrs head;
	uint8_t room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
};

static union one_msr one_msr(uint32_t msr, uint64_t value)
{
	union one_msr m;

	memset(&m, 0, sizeof(m));
	m.head.nmsrs = 1;
	m.head.entries[0] = (struct kvm_msr_entry){ .index = msr, .data = value };
	return m;
}

int x86_get_msr(struct x86_vcpu *c, uint32_t msr, uint64_t *value)
{
	union one_msr m = one_msr(msr, 0);

	if (ioctl(c->fd, KVM_GET_MSRS, &m) != 1)
		return VL_E_OS;
	*value = m.head.entries[0].data;
	return 0;
}

int x86_set_msr(struct x86_vcpu *c, uint32_t msr, uint64_t value)
{
	union one_msr m = one_msr(msr, value);

	return ioctl(c->fd, KVM_SET_MSRS, &m) == 1 ? 0 : VL_E_OS;
}

/* --- Set-up -------------------------------------------------------------------- */

/*
 * VTL2's VM has the RAM. VTL0's has one slot over its whole address space but
 * for the LAPIC: what is not RAM there has no accessible host memory, KVM_RUN
 * gives EFAULT and leaves the exact state before the instruction, which
 * KVM_EXIT_MMIO does not (a write would be committed already).
 */
static int map_memory(struct host *h)
{
	const struct host_memory *m = &h->memory;
	const struct port_vm *vm = h->port;
	unsigned i;
	int err = 0;

	for (i = 0; i < m->ram_count && !err; i++)
		err = kvm_set_slot(vm->kvm.vtl2, i, m->ram[i].range.gpa, m->ram[i].range.size,
				m->base + m->ram[i].offset, 0);
	if (!err)
		err = kvm_set_slot(vm->kvm.vtl0, 0, 0, LAPIC_PAGE, m->vtl0_base, 0);
	if (!err)
		err = kvm_set_slot(vm->kvm.vtl0, 1, LAPIC_PAGE + VL_PAGE_BYTES,
				m->vtl0_bytes - LAPIC_PAGE - VL_PAGE_BYTES,
			m->vtl0_base + LAPIC_PAGE + VL_PAGE_BYTES, 0);
	return err;
}

/*
 * Synthetic MSRs must come to us: KVM would act on them itself once the CPUID
 * names Hyper-V. The paravirtual ones of KVM are no part of either VTL's
 * platform. VTL2 sees VTL0's memory types, they belong to the processor.
 */
static int filter_msrs(int vm, bool mtrrs)
{
	static uint8_t deny[64];
	struct kvm_msr_filter filter = { .flags = KVM_MSR_FILTER_DEFAULT_ALLOW };
	const struct { uint32_t base, count; } range[] = {
		{ 0x40000000, 0x200 }, { 0x4b564d00, 0x10 }, { 0x11, 2 }, { 0x200, 0x60 }, { 0x2ff, 1 } };
	unsigned i, count = mtrrs ? 5 : 3;
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_USER_SPACE_MSR,
		.args = { KVM_MSR_EXIT_REASON_INVAL | KVM_MSR_EXIT_REASON_UNKNOWN |
		KVM_MSR_EXIT_REASON_FILTER } };

	for (i = 0; i < count; i++)
		filter.ranges[i] = (struct kvm_msr_filter_range){ .flags = KVM_MSR_FILTER_READ |
				KVM_MSR_FILTER_WRITE,
			.base = range[i].base, .nmsrs = range[i].count, .bitmap = deny };
	if (ioctl(vm, KVM_ENABLE_CAP, &cap))
		return kvm_complain("KVM_CAP_X86_USER_SPACE_MSR");
	return ioctl(vm, KVM_X86_SET_MSR_FILTER, &filter) ? kvm_complain("KVM_X86_SET_MSR_FILTER") : 0;
}

static int prepare_vm(int vm, bool is_vtl0)
{
	/* That quirk has an OUT to 0x7e done before its exit; all others show the state before. */
	struct kvm_enable_cap quirks = { .cap = KVM_CAP_DISABLE_QUIRKS,
		.args = { KVM_X86_QUIRK_OUT_7E_INC_RIP } };
	/* One route per vector: see level interrupts in hypercall_x86.c. */
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { X86_LEVEL_ROUTES } };
	struct kvm_enable_cap x2apic = { .cap = KVM_CAP_X2APIC_API,
			.args = { KVM_X2APIC_API_USE_32BIT_IDS } };

	if (ioctl(vm, KVM_ENABLE_CAP, &quirks))
		return kvm_complain("KVM_CAP_DISABLE_QUIRKS");
	if (ioctl(vm, KVM_SET_TSS_ADDR, TSS_ADDRESS))
		return kvm_complain("KVM_SET_TSS_ADDR");
	if (is_vtl0 && (ioctl(vm, KVM_ENABLE_CAP, &split) || ioctl(vm, KVM_ENABLE_CAP, &x2apic)))
		return kvm_complain("KVM_CAP_SPLIT_IRQCHIP");
	return filter_msrs(vm, !is_vtl0);
}

static int create_vcpu(struct port_vm *vm, int fd, unsigned index, struct x86_vcpu *c)
{
	struct kvm_device_attr tsc = { .group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET };
	uint64_t zero = 0;
	int err = kvm_create_vcpu(fd, index, vm->kvm.run_bytes, &c->fd, &c->run);

	if (err)
		return err;
	/* Guest TSC = host TSC in both VTLs, so that the reference TSC page is a pure scale. */
	tsc.addr = (uintptr_t)&zero;
	if (ioctl(c->fd, KVM_SET_DEVICE_ATTR, &tsc))
		return kvm_complain("KVM_VCPU_TSC_OFFSET");
	if (ioctl(c->fd, KVM_GET_REGS, &c->run->s.regs.regs) ||
			ioctl(c->fd, KVM_GET_SREGS, &c->run->s.regs.sregs))
		return kvm_complain("KVM_GET_SREGS");
	c->run->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
	return 0;
}

static int create_vp(struct host *h, struct host_vp *vp)
{
	struct port_vp *p = calloc(1, sizeof(*p));
	struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };
	int err;

	if (!p)
		return VL_E_NOMEM;
	vp->port = p;
	p->vp = vp;
	p->vtl0.fd = p->vtl2.fd = -1;
	p->fpu = (struct kvm_fpu){ .fcw = FCW_RESET, .mxcsr = MXCSR_RESET };
	x86_apic_init(&p->apic, (uint32_t)vp->hardware_id);
	err = create_vcpu(h->port, h->port->kvm.vtl2, vp->index, &p->vtl2);
	if (!err)
		err = x86_cpuid_vtl2(vp);
	if (!err)
		err = create_vcpu(h->port, h->port->kvm.vtl0, vp->index, &p->vtl0);
	if (!err)
		err = x86_cpuid_vtl0(vp);
	if (err)
		return err;
	/* In x2APIC mode from the start (after CPUID allowed it): VTL2 never uses the APIC's memory page. */
	x86_change_sregs(&p->vtl2)->apic_base = LAPIC_PAGE | X2APIC_ON | (vp->index ? 0 : APIC_BSP);
	/* VTL0's other processors wait for INIT and SIPI in KVM's own LAPIC. */
	if (vp->index == 0 && ioctl(p->vtl0.fd, KVM_SET_MP_STATE, &runnable))
		return kvm_complain("KVM_SET_MP_STATE");
	return 0;
}

static int read_tsc_frequency(struct host *h)
{
	int khz = ioctl(h->vp[0].port->vtl2.fd, KVM_GET_TSC_KHZ, 0);

	if (khz <= 0)
		return kvm_complain("KVM_GET_TSC_KHZ");
	h->port->tsc_hz = (uint64_t)khz * 1000;
	h->port->tsc_scale = (uint64_t)(((unsigned __int128)10000000u << 64) / h->port->tsc_hz);
	h->reference_origin = port_reference_clock(h);
	return 0;
}

/* --- The port's interface ----------------------------------------------------------- */

uint64_t port_reference_clock(const struct host *h)
{
	return (uint64_t)(((unsigned __int128)port_ticks() * h->port->tsc_scale) >> 64);
}

int port_vm_create(struct host *h)
{
	struct port_vm *vm = calloc(1, sizeof(*vm));
	unsigned i;
	int err;

	if (!vm)
		return VL_E_NOMEM;
	vm->hide_xsave = x86_cpu_is_emulated();
	pthread_mutex_init(&vm->lock, NULL);
	pthread_mutex_init(&vm->com3.lock, NULL);
	h->port = vm;
	err = kvm_vms_open(&vm->kvm, prepare_vm);
	if (!err)
		err = x86_cpuid_load(vm);
	if (!err)
		err = map_memory(h);
	for (i = 0; i < h->config.vp_count && !err; i++)
		err = create_vp(h, &h->vp[i]);
	return err ? err : read_tsc_frequency(h);
}

void port_vm_destroy(struct host *h)
{
	struct port_vm *vm = h->port;
	unsigned i;

	if (!vm)
		return;
	for (i = 0; i < h->config.vp_count; i++) {
		struct port_vp *p = h->vp[i].port;

		if (!p)
			continue;
		kvm_close_vcpu(p->vtl0.fd, p->vtl0.run, vm->kvm.run_bytes);
		kvm_close_vcpu(p->vtl2.fd, p->vtl2.run, vm->kvm.run_bytes);
		free(p);
		h->vp[i].port = NULL;
	}
	kvm_vms_close(&vm->kvm);
	pthread_mutex_destroy(&vm->com3.lock);
	pthread_mutex_destroy(&vm->lock);
	free(vm->supported);
	free(vm);
	h->port = NULL;
}

/* The flag makes one signal out of many kicks; the VP clears it before it looks at its requests. */
void port_vp_kick(struct host_vp *vp)
{
	struct port_vp *p = vp->port;

	if (atomic_load(&p->tid) && !atomic_exchange(&p->kicked, true))
		kvm_thread_kick(&p->tid);
}

void x86_drain_kick(struct port_vp *p)
{
	kvm_take_kicks();
	atomic_store(&p->kicked, false);
	/* The signal may have been the timer's, a little before its time: have it set again. */
	if (p->timer_expiry)
		p->timer_expiry = ~0ull;
}

void port_vp_run(struct host_vp *vp)
{
	struct port_vp *p = vp->port;

	if (kvm_thread_begin(&p->tid, &p->timer, p->vtl0.run, p->vtl2.run)) {
		host_end(vp->host, HOST_END_ERROR, "VP %u has no timer", vp->index);
		return;
	}
	while (!host_ending(vp->host)) {
		if (p->in_vtl0)
			x86_run_vtl0(p);
		else
			x86_run_vtl2(p);
	}
	kvm_thread_end(&p->tid, p->timer);
}
