/*
 * Inside of the aarch64 port of the reference host. One KVM VM per VTL, each
 * with KVM's own GICv3, PSCI and timers; per VP one thread that runs VTL2's
 * vCPU and VTL0's vCPU in turn.
 *
 * An interrupt for VTL2 that arrives in KVM while VTL0 runs - its timer, or
 * another VP's - is seen only by running VTL2's vCPU. While intercepts come
 * densely VTL2 gets in with each of them. When VTL0 has run on for a while
 * (ARM64_LOOK_NS), VTL2 is entered to look, as for an interrupt, and then when
 * its timer is due but ever less often for others, down to once in
 * ARM64_LOOK_MAX_NS. A vCPU stays on one thread: in
 * kernels before 6.13 KVM_RUN on another one waits for an RCU grace period,
 * which was measured at 8 to 30 ms.
 *
 * KVM holds the line of a PPI level-triggered, but the SynIC's interrupt is an
 * edge. The only exact way to set a PPI's pending latch while vCPUs run is a
 * vCPU's own write to a redistributor: gic.c keeps one vCPU for that in VTL2's
 * VM, which VTL2 never hears of. What KVM loses of that is set once more.
 */
#ifndef VL_HOST_ARM64_H
#define VL_HOST_ARM64_H

#include "port/layout.h"
#include "port/hv_arch.h"
#include "tools/host/kvm.h"
#include "tools/host/port.h"

#include <linux/kvm.h>
#include <signal.h>
#include <time.h>

#define ARM64_LOOK_NS 4000000u
#define ARM64_LOOK_MAX_NS 16000000u

struct arm64_vcpu {
	int fd;
	struct kvm_run *run;
};

#define ARM64_PULSE_QUEUE 256
#define ARM64_PULSE_LOOK_NS 2000000u /* so long after an edge it is looked whether VTL2 has taken it */
struct arm64_pulse {
	struct arm64_vcpu vcpu;
	pthread_t thread;
	bool thread_running;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct { uint16_t vp; uint8_t intid; } queue[ARM64_PULSE_QUEUE];
	unsigned first, count;
	bool stop;
	_Atomic pid_t tid;
};

struct port_vm {
	struct kvm_vms kvm;
	int gic0, gic2;
	uint32_t *pulse_code;
	struct arm64_pulse pulse;
	pthread_mutex_t serial_lock;
	char line[200];
	size_t line_length;
};

struct port_vp {
	struct host_vp *vp;
	struct arm64_vcpu vtl0, vtl2;
	bool in_vtl0;
	uint64_t context_page; /* HV_REG_ARM64_CONTEXT_PAGE */
	/* what the context page showed when it last agreed with VTL0's vCPU */
	uint64_t x[HV_ARM64_CONTEXT_WORDS];
	bool x_valid;          /* it has; before that the page alone counts */
	atomic_bool wanted;    /* VTL2 has an interrupt: VTL0 is to be left */
	uint64_t vtl0_runs, intercepts; /* for the log */
	_Atomic pid_t tid;
	timer_t timer;
	uint64_t look_ns; /* how long VTL0 runs on before VTL2 looks */
	uint64_t kick_ns; /* when `timer` was last set to fire, of host_now_ns() */
};

/* vm.c: register access by KVM_GET/SET_ONE_REG; the VM must not be running that vCPU on another thread. */
int arm64_get_reg(const struct arm64_vcpu *c, uint64_t id, uint64_t *value);
int arm64_set_reg(const struct arm64_vcpu *c, uint64_t id, uint64_t value);
#define ARM64_CORE_REG(field) (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | \
	(offsetof(struct kvm_regs, field) / sizeof(uint32_t)))
#define ARM64_X(n) (ARM64_CORE_REG(regs.regs[0]) + 2 * (n))
/* Creates a vCPU with these KVM_ARM_VCPU_* feature bits beside PSCI 0.2. */
int arm64_create_vcpu(struct port_vm *vm, int fd, unsigned index, uint32_t features, struct arm64_vcpu *c);
void arm64_close_vcpu(const struct port_vm *vm, struct arm64_vcpu *c);
/* One KVM_RUN: 0 for an exit, 1 interrupted, VL_E_OS else. */
int arm64_run(struct arm64_vcpu *c);

/* gic.c */
int arm64_gic_create(struct host *h);          /* before vCPUs */
int arm64_gic_init(struct host *h);            /* after all vCPUs; starts the pulse thread */
void arm64_gic_stop(struct host *h);           /* joins the pulse thread */
/* Sets an edge on a PPI of a VTL2 VP. Any thread. */
void arm64_pulse(struct host *h, unsigned vp, unsigned intid);
/* Drives an SPI of VTL0. VL_E_RANGE, VL_E_OS. */
int arm64_assert_spi(struct host *h, unsigned intid, bool level);

/* regs.c: the KVM register of an HV register name, 0 for none; size is that of a 64-bit or 128-bit value. */
uint64_t arm64_kvm_register(uint32_t name, const struct arm64_vcpu *c);

/* vtl2.c, vtl0.c: run until the VTL changes or the host ends. */
void arm64_run_vtl2(struct port_vp *p);
void arm64_run_vtl0(struct port_vp *p);

/* Gives VTL0's vCPU what VTL2 changed in the context page. */
void arm64_load_registers(struct port_vp *p);
/* Word `n` of the context was set by name: the page shows it too. */
void arm64_show_register(struct port_vp *p, unsigned n, uint64_t value);

#endif
