/*
 * The two GICs (KVM's vGICv3), interrupts into VTL0, and edges on VTL2's PPIs
 * by the pulse vCPU (see arm64.h for why). Documentation/virt/kvm/devices/
 * arm-vgic-v3.rst; Arm IHI 0069 for the redistributor's registers.
 */
#include "common/base/log.h"
#include "ports/aarch64/host/arm64.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define GICR_SGI_FRAME 0x10000ull
#define GICR_ISPENDR0 0x200ull
#define PSTATE_EL1H_MASKED 0x3c5ull
#define NS_PER_S 1000000000u

/* str w1, [x0]; ldr w2, [x3]; b .-8 */
static const uint32_t pulse_code[] = { 0xb9000001, 0xb9400062, 0x17fffffe };

static int set_attr(int gic, uint32_t group, uint64_t attr, const void *value)
{
	struct kvm_device_attr a = { .group = group, .attr = attr, .addr = (uintptr_t)value };

	return ioctl(gic, KVM_SET_DEVICE_ATTR, &a) ? kvm_complain("setting up the vGICv3") : 0;
}

/* KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION: count 63-52, base 51-16, flags 0, index 11-0. */
static int add_redistributors(int gic, uint64_t base, unsigned count, unsigned index)
{
	uint64_t region = (uint64_t)count << 52 | base | index;

	return set_attr(gic, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION, &region);
}

static int create(int vm, int *gic, unsigned vp_count)
{
	struct kvm_create_device device = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };
	uint64_t distributor = ARM64_GICD_BASE;
	uint32_t interrupts = 32 + ARM64_SPI_COUNT;
	int err;

	if (ioctl(vm, KVM_CREATE_DEVICE, &device))
		return kvm_complain("KVM_CREATE_DEVICE for a vGICv3");
	*gic = (int)device.fd;
	err = set_attr(*gic, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &interrupts);
	if (!err)
		err = set_attr(*gic, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &distributor);
	return err ? err : add_redistributors(*gic, ARM64_GICR_BASE, vp_count, 0);
}

int arm64_gic_create(struct host *h)
{
	int err = create(h->port->kvm.vtl2, &h->port->gic2, h->config.vp_count);

	/* A region of its own: so the last real redistributor still says that it is the last. */
	if (!err)
		err = add_redistributors(h->port->gic2, ARM64_PULSE_GICR, 1, 1);
	return err ? err : create(h->port->kvm.vtl0, &h->port->gic0, h->config.vp_count);
}

/* --- The pulse vCPU ---------------------------------------------------------------- */

static int map_code(struct port_vm *vm)
{
	vm->pulse_code = mmap(NULL, VL_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (vm->pulse_code == MAP_FAILED) {
		vm->pulse_code = NULL;
		return VL_E_NOMEM;
	}
	memcpy(vm->pulse_code, pulse_code, sizeof(pulse_code));
	__builtin___clear_cache((char *)vm->pulse_code, (char *)vm->pulse_code + sizeof(pulse_code));
	return kvm_set_slot(vm->kvm.vtl2, HOST_RAM_MAX, ARM64_PULSE_CODE, VL_PAGE_BYTES, vm->pulse_code,
			KVM_MEM_READONLY);
}

/* Runs the vCPU once from the store to its exit. */
static int pulse_once(struct host *h, unsigned vp, unsigned intid)
{
	struct arm64_vcpu *c = &h->port->pulse.vcpu;
	uint64_t target = ARM64_GICR_BASE + vp * ARM64_GICR_BYTES + GICR_SGI_FRAME + GICR_ISPENDR0;
	int err = arm64_set_reg(c, ARM64_X(0), target);

	if (!err)
		err = arm64_set_reg(c, ARM64_X(1), 1u << intid);
	while (!err) {
		err = arm64_run(c);
		if (err == 1 && !host_ending(h)) {
			kvm_take_kicks();
			err = 0;
		} else if (!err && c->run->exit_reason == KVM_EXIT_MMIO &&
				c->run->mmio.phys_addr == ARM64_PULSE_EXIT) {
			return 0;
		} else if (!err) {
			err = VL_E_INTERNAL;
		}
	}
	return err;
}

/*
 * The next edge to set, if one comes before `until_ns` of host_now_ns(); false: none, or the thread is to
 * end.
 */
static bool next_pulse(struct arm64_pulse *q, uint64_t until_ns, unsigned *vp, unsigned *intid)
{
	const struct timespec until = { (time_t)(until_ns / NS_PER_S), (long)(until_ns % NS_PER_S) };
	int timed_out = 0;
	bool got;

	pthread_mutex_lock(&q->lock);
	while (!q->count && !q->stop && !timed_out) {
		if (until_ns == UINT64_MAX)
			pthread_cond_wait(&q->cond, &q->lock);
		else
			timed_out = pthread_cond_timedwait(&q->cond, &q->lock, &until);
	}
	got = q->count && !q->stop;
	if (got) {
		*vp = q->queue[q->first].vp;
		*intid = q->queue[q->first].intid;
		q->first = (q->first + 1) % ARM64_PULSE_QUEUE;
		q->count--;
	}
	pthread_mutex_unlock(&q->lock);
	return got;
}

/*
 * KVM forgets a latch that is set while VTL2 is still in the handler of the
 * edge before: with the end of a level-triggered interrupt it clears the latch
 * (vgic_v3_fold_lr_state). VTL2 may have looked at its pages before the second
 * edge, so what still lies there a little later gets an edge of its own; one
 * too many does no harm. `watched`: a bit per PPI for each VP that had an edge.
 */
static bool pulse_again(struct host *h, uint32_t *watched)
{
	bool any = false;

	for (unsigned vp = 0; vp < h->config.vp_count; vp++) {
		for (uint32_t bits = watched[vp]; bits; bits &= bits - 1) {
			unsigned intid = (unsigned)__builtin_ctz(bits);

			if (synic_waiting(&h->vp[vp], intid)) {
				arm64_pulse(h, vp, intid);
				any = true;
			} else {
				watched[vp] &= ~(1u << intid);
			}
		}
	}
	return any;
}

static void pulse(struct host *h, unsigned vp, unsigned intid)
{
	int err = pulse_once(h, vp, intid);

	if (err && !host_ending(h))
		host_end(h, HOST_END_ERROR, "the vCPU that raises VTL2's interrupts failed: exit reason %u",
			h->port->pulse.vcpu.run->exit_reason);
	/* If it runs VTL0 now it is to look: VTL2 may take the interrupt. */
	atomic_store(&h->vp[vp].port->wanted, true);
	port_vp_kick(&h->vp[vp]);
}

static bool is_stopping(struct arm64_pulse *q)
{
	bool stop;

	pthread_mutex_lock(&q->lock);
	stop = q->stop;
	pthread_mutex_unlock(&q->lock);
	return stop;
}

static void *pulse_thread(void *context)
{
	struct host *h = context;
	struct arm64_pulse *q = &h->port->pulse;
	uint32_t watched[HOST_VP_MAX] = { 0 };
	uint64_t look_ns = UINT64_MAX; /* when to look whether all was taken */
	unsigned vp, intid;

	kvm_accept_kicks(q->vcpu.run, NULL);
	atomic_store(&q->tid, gettid());
	while (!is_stopping(q)) {
		if (next_pulse(q, look_ns, &vp, &intid)) {
			pulse(h, vp, intid);
			watched[vp] |= 1u << intid;
			look_ns = look_ns == UINT64_MAX ? host_now_ns() + ARM64_PULSE_LOOK_NS : look_ns;
		}
		if (host_now_ns() >= look_ns)
			look_ns = pulse_again(h, watched) ? host_now_ns() + ARM64_PULSE_LOOK_NS : UINT64_MAX;
	}
	atomic_store(&q->tid, 0);
	return NULL;
}

void arm64_pulse(struct host *h, unsigned vp, unsigned intid)
{
	struct arm64_pulse *q = &h->port->pulse;
	bool queued = false;
	unsigned i;

	pthread_mutex_lock(&q->lock);
	/* an edge that is still to come stands for this one too */
	for (i = 0; i < q->count && !queued; i++) {
		unsigned at = (q->first + i) % ARM64_PULSE_QUEUE;

		queued = q->queue[at].vp == vp && q->queue[at].intid == intid;
	}
	if (!queued && q->count < ARM64_PULSE_QUEUE) {
		unsigned at = (q->first + q->count++) % ARM64_PULSE_QUEUE;

		q->queue[at].vp = (uint16_t)vp;
		q->queue[at].intid = (uint8_t)intid;
		queued = true;
	}
	pthread_cond_signal(&q->cond);
	pthread_mutex_unlock(&q->lock);
	if (!queued)
		host_end(h, HOST_END_ERROR, "too many interrupts wait for VTL2");
}

static int start_pulse(struct host *h)
{
	struct arm64_pulse *q = &h->port->pulse;
	int err = arm64_set_reg(&q->vcpu, ARM64_CORE_REG(regs.pc), ARM64_PULSE_CODE);

	if (!err)
		err = arm64_set_reg(&q->vcpu, ARM64_CORE_REG(regs.pstate), PSTATE_EL1H_MASKED);
	if (!err)
		err = arm64_set_reg(&q->vcpu, ARM64_X(3), ARM64_PULSE_EXIT);
	if (!err && pthread_create(&q->thread, NULL, pulse_thread, h))
		err = VL_E_OS;
	q->thread_running = !err;
	return err;
}

int arm64_gic_init(struct host *h)
{
	struct port_vm *vm = h->port;
	int err = arm64_create_vcpu(vm, vm->kvm.vtl2, h->config.vp_count, 0, &vm->pulse.vcpu);

	if (!err)
		err = set_attr(vm->gic2, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
	if (!err)
		err = set_attr(vm->gic0, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
	if (!err)
		err = map_code(vm);
	return err ? err : start_pulse(h);
}

void arm64_gic_stop(struct host *h)
{
	struct arm64_pulse *q = &h->port->pulse;

	if (q->thread_running) {
		pthread_mutex_lock(&q->lock);
		q->stop = true;
		pthread_cond_signal(&q->cond);
		pthread_mutex_unlock(&q->lock);
		kvm_thread_kick(&q->tid);
		pthread_join(q->thread, NULL);
		q->thread_running = false;
	}
	arm64_close_vcpu(h->port, &q->vcpu);
}

/* --- VTL0 ----------------------------------------------------------------------------- */

int arm64_assert_spi(struct host *h, unsigned intid, bool level)
{
	struct kvm_irq_level line = { .level = level };

	if (intid < 32 || intid >= 32 + ARM64_SPI_COUNT)
		return VL_E_RANGE;
	line.irq = (uint32_t)KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | intid;
	return ioctl(h->port->kvm.vtl0, KVM_IRQ_LINE, &line) ? VL_E_OS : 0;
}
