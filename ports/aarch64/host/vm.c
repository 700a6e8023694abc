/*
 * KVM on aarch64: the two VMs and their vCPUs, memory slots, SMCCC filter and
 * counter offsets. Uses the documented KVM interface
 * (Documentation/virt/kvm/api.rst); needs Linux 6.4 or newer.
 */
#include "common/base/log.h"
#include "ports/aarch64/host/arm64.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* owner 6 (vendor hypervisor), fast 64-bit calls that Linux makes as 0x46... */
#define SMCCC_HYPERV_BASE 0x46000000u
#define SMCCC_UID_BASE 0x86000000u
#define SMCCC_RANGE 0x10000u

int arm64_get_reg(const struct arm64_vcpu *c, uint64_t id, uint64_t *value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)value };

	return ioctl(c->fd, KVM_GET_ONE_REG, &reg) ? VL_E_OS : 0;
}

int arm64_set_reg(const struct arm64_vcpu *c, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	return ioctl(c->fd, KVM_SET_ONE_REG, &reg) ? VL_E_OS : 0;
}

int arm64_run(struct arm64_vcpu *c)
{
	if (!ioctl(c->fd, KVM_RUN, NULL))
		return 0;
	return errno == EINTR || errno == EAGAIN ? 1 : VL_E_OS;
}

/* --- Set-up ------------------------------------------------------------------ */

int arm64_create_vcpu(struct port_vm *vm, int fd, unsigned index, uint32_t features, struct arm64_vcpu *c)
{
	struct kvm_vcpu_init init;
	int err = kvm_create_vcpu(fd, index, vm->kvm.run_bytes, &c->fd, &c->run);

	if (err)
		return err;
	memset(&init, 0, sizeof(init));
	if (ioctl(fd, KVM_ARM_PREFERRED_TARGET, &init))
		return kvm_complain("KVM_ARM_PREFERRED_TARGET");
	init.features[0] = 1u << KVM_ARM_VCPU_PSCI_0_2 | features;
	return ioctl(c->fd, KVM_ARM_VCPU_INIT, &init) ? kvm_complain("KVM_ARM_VCPU_INIT") : 0;
}

void arm64_close_vcpu(const struct port_vm *vm, struct arm64_vcpu *c)
{
	kvm_close_vcpu(c->fd, c->run, vm->kvm.run_bytes);
	*c = (struct arm64_vcpu){ .fd = -1 };
}

/*
 * VTL2's VM has all RAM, VTL0's only its own: an access elsewhere is an MMIO
 * exit, which on this architecture leaves the state before the instruction.
 */
static int map_memory(struct host *h)
{
	const struct host_memory *m = &h->memory;
	int err = 0;

	for (unsigned i = 0; i < m->ram_count && !err; i++) {
		const struct host_ram *r = &m->ram[i];

		err = kvm_set_slot(h->port->kvm.vtl2, i, r->range.gpa, r->range.size, m->base + r->offset, 0);
		if (!err && !r->vtl2)
			err = kvm_set_slot(h->port->kvm.vtl0, i, r->range.gpa, r->range.size,
				m->vtl0_base + r->range.gpa, 0);
	}
	return err;
}

/* Hypercalls of VTL2 come to user space; all of KVM's own services stay in the kernel. */
static int forward_hypercalls(int vm)
{
	static const uint32_t bases[] = { SMCCC_HYPERV_BASE, SMCCC_UID_BASE };

	for (size_t i = 0; i < VL_ARRAY_COUNT(bases); i++) {
		struct kvm_smccc_filter filter = { .base = bases[i], .nr_functions = SMCCC_RANGE,
			.action = KVM_SMCCC_FILTER_FWD_TO_USER };
		struct kvm_device_attr attr = { .group = KVM_ARM_VM_SMCCC_CTRL,
			.attr = KVM_ARM_VM_SMCCC_FILTER, .addr = (uintptr_t)&filter };

		if (ioctl(vm, KVM_SET_DEVICE_ATTR, &attr))
			return kvm_complain("KVM_ARM_VM_SMCCC_FILTER");
	}
	return 0;
}

static int prepare_vm(int vm, bool is_vtl0)
{
	struct kvm_arm_counter_offset offset = { .counter_offset = 0 };
	struct kvm_enable_cap nisv = { .cap = KVM_CAP_ARM_NISV_TO_USER };

	/* Both VTLs read the host's counter: one time for all. */
	if (ioctl(vm, KVM_ARM_SET_COUNTER_OFFSET, &offset))
		return kvm_complain("KVM_ARM_SET_COUNTER_OFFSET");
	if (ioctl(vm, KVM_ENABLE_CAP, &nisv))
		return kvm_complain("KVM_CAP_ARM_NISV_TO_USER");
	return is_vtl0 ? 0 : forward_hypercalls(vm);
}

/* VTL2's virtual timer has Hyper-V's fixed PPI, which its device tree names; KVM's default is another. */
static int set_timer_interrupt(const struct arm64_vcpu *c)
{
	uint32_t intid = ARM64_TIMER_INTID;
	struct kvm_device_attr attr = { .group = KVM_ARM_VCPU_TIMER_CTRL,
		.attr = KVM_ARM_VCPU_TIMER_IRQ_VTIMER, .addr = (uintptr_t)&intid };

	return ioctl(c->fd, KVM_SET_DEVICE_ATTR, &attr) ? kvm_complain("KVM_ARM_VCPU_TIMER_IRQ_VTIMER") : 0;
}

static int create_vp(struct host *h, struct host_vp *vp)
{
	struct port_vp *p = calloc(1, sizeof(*p));
	/* All but the first wait for PSCI CPU_ON, in either VTL. */
	uint32_t features = vp->index ? 1u << KVM_ARM_VCPU_POWER_OFF : 0;
	int err;

	if (!p)
		return VL_E_NOMEM;
	vp->port = p;
	p->vp = vp;
	p->vtl0.fd = p->vtl2.fd = -1;
	p->look_ns = ARM64_LOOK_NS;
	err = arm64_create_vcpu(h->port, h->port->kvm.vtl2, vp->index, features, &p->vtl2);
	if (!err)
		err = set_timer_interrupt(&p->vtl2);
	if (!err)
		err = arm64_create_vcpu(h->port, h->port->kvm.vtl0, vp->index, features, &p->vtl0);
	/* KVM's PSCI starts VTL2 on this VP: its thread is to sit in KVM_RUN from the beginning. */
	vp->vtl2_enabled = vp->vtl2_started = true;
	return err;
}

/* --- The port's interface ------------------------------------------------------- */

/* 100 ns units of the counter that both VTLs read. */
uint64_t port_reference_clock(const struct host *h)
{
	uint64_t frequency, count;

	__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(frequency));
	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(count));
	return (uint64_t)((unsigned __int128)count * 10000000u / frequency);
}

int port_vm_create(struct host *h)
{
	struct port_vm *vm = calloc(1, sizeof(*vm));
	pthread_condattr_t monotonic;
	int err;

	if (!vm)
		return VL_E_NOMEM;
	vm->gic0 = vm->gic2 = vm->pulse.vcpu.fd = -1;
	pthread_mutex_init(&vm->serial_lock, NULL);
	pthread_mutex_init(&vm->pulse.lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&vm->pulse.cond, &monotonic);
	pthread_condattr_destroy(&monotonic);
	h->port = vm;
	err = kvm_vms_open(&vm->kvm, prepare_vm);
	if (!err)
		err = map_memory(h);
	if (!err)
		err = arm64_gic_create(h);
	for (unsigned i = 0; i < h->config.vp_count && !err; i++)
		err = create_vp(h, &h->vp[i]);
	if (!err)
		err = arm64_gic_init(h);
	if (!err)
		h->reference_origin = port_reference_clock(h);
	return err;
}

static void destroy_vp(struct port_vm *vm, struct host_vp *vp)
{
	struct port_vp *p = vp->port;

	if (!p)
		return;
	arm64_close_vcpu(vm, &p->vtl0);
	arm64_close_vcpu(vm, &p->vtl2);
	free(p);
	vp->port = NULL;
}

void port_vm_destroy(struct host *h)
{
	struct port_vm *vm = h->port;

	if (!vm)
		return;
	arm64_gic_stop(h);
	for (unsigned i = 0; i < h->config.vp_count; i++)
		destroy_vp(vm, &h->vp[i]);
	if (vm->gic0 >= 0)
		close(vm->gic0);
	if (vm->gic2 >= 0)
		close(vm->gic2);
	kvm_vms_close(&vm->kvm);
	if (vm->pulse_code)
		munmap(vm->pulse_code, VL_PAGE_BYTES);
	pthread_cond_destroy(&vm->pulse.cond);
	pthread_mutex_destroy(&vm->pulse.lock);
	pthread_mutex_destroy(&vm->serial_lock);
	free(vm);
	h->port = NULL;
}

void port_vp_kick(struct host_vp *vp)
{
	kvm_thread_kick(&vp->port->tid);
}

/* VTL2 leaves VTL0 when it can take the interrupt; the pulse itself is KVM's business. */
void port_vtl2_interrupt(struct host_vp *vp, unsigned vector, bool auto_eoi)
{
	arm64_pulse(vp->host, vp->index, vector & 31);
}

/* This architecture shows VTL0's registers through the context page only. */
void port_register_page_changed(struct host_vp *vp)
{
	vp->register_page = 0;
}

/* Where the VP stood when the run ended: what one wants to know of a run that hangs. */
static void show_state(const struct port_vp *p)
{
	uint64_t pc0 = 0, pc2 = 0, pstate0 = 0;

	(void)arm64_get_reg(&p->vtl0, ARM64_CORE_REG(regs.pc), &pc0);
	(void)arm64_get_reg(&p->vtl0, ARM64_CORE_REG(regs.pstate), &pstate0);
	(void)arm64_get_reg(&p->vtl2, ARM64_CORE_REG(regs.pc), &pc2);
	vl_info("VP %u ended in VTL%u: VTL0 pc 0x%llx pstate 0x%llx after %llu runs, %llu intercepts; VTL2 "
		"pc 0x%llx",
		p->vp->index, p->in_vtl0 ? 0u : 2u, (unsigned long long)pc0, (unsigned long long)pstate0,
		(unsigned long long)p->vtl0_runs, (unsigned long long)p->intercepts, (unsigned long long)pc2);
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
			arm64_run_vtl0(p);
		else
			arm64_run_vtl2(p);
	}
	kvm_thread_end(&p->tid, p->timer);
	if (vp->host->config.log)
		show_state(p);
}
