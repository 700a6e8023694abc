/*
 * Inside of the x86_64 port of the reference host. One KVM VM per VTL; per VP
 * one thread that runs VTL2's vCPU and VTL0's vCPU in turn. VTL2 has no
 * in-kernel interrupt controller: its x2APIC is emulated here (apic.h), so that
 * every interrupt pending for VTL2 is seen and can preempt VTL0. VTL0 has KVM's
 * LAPIC with a split irqchip; all else of its platform is VTL2's business.
 */
#ifndef VL_HOST_X86_H
#define VL_HOST_X86_H

#include "ports/x86_64/host/apic.h"
#include "ports/x86_64/host/translate.h"
#include "port/hv_arch.h"
#include "tools/host/kvm.h"
#include "tools/host/port.h"

#include <linux/kvm.h>
#include <signal.h>
#include <time.h>

#define X86_CPUID_MAX 128
#define X86_CPUID_OVERRIDE_MAX 64
#define X86_STIMER_COUNT 4
#define X86_LEVEL_ROUTES 256
/* Ports behind the hypercall page; nothing else of VTL2 lives there. */
#define X86_PORT_HYPERCALL 0x40
#define X86_PORT_VTL_CALL 0x41
#define X86_PORT_VTL_RETURN 0x42

struct x86_cpuid_override {
	uint32_t leaf, subleaf;
	bool subleaf_matters;
	uint32_t value[4], mask[4]; /* EAX EBX ECX EDX */
};

struct x86_com3 {
	pthread_mutex_t lock;
	uint8_t reg[8], divisor[2];
	char line[200];
	size_t length;
};

struct port_vm {
	struct kvm_vms kvm;
	uint64_t tsc_hz;
	uint64_t tsc_scale; /* 100 ns = TSC * scale >> 64 */
	uint64_t hypercall_page;  /* HV_X64_MSR_HYPERCALL of VTL2 */
	uint64_t reference_tsc;   /* HV_X64_MSR_REFERENCE_TSC of VTL2 */
	bool hide_xsave;          /* an emulated host CPU: its XSAVE confuses guests */
	pthread_mutex_t lock;     /* what follows */
	struct x86_cpuid_override override[X86_CPUID_OVERRIDE_MAX];
	unsigned override_count;
	bool vtl0_ran;
	uint8_t level_routed[X86_LEVEL_ROUTES / 8];
	struct kvm_cpuid2 *supported;
	struct x86_com3 com3;
};

struct x86_vcpu {
	int fd;
	struct kvm_run *run; /* s.regs holds the register state between runs; kvm_dirty_regs what to load */
};

struct x86_stimer {
	uint64_t config, count; /* as the MSRs */
	uint64_t expiry;        /* reference time, 0: not armed */
	bool message_pending;   /* the SynIC had no room */
};

#define X86_PAST_EXITS 6
struct x86_past_exit {
	uint64_t rip;
	uint32_t reason, port_or_msr; /* KVM_EXIT_* */
};

struct port_vp {
	struct host_vp *vp;
	struct x86_vcpu vtl0, vtl2;
	bool in_vtl0;
	struct x86_past_exit vtl2_past[X86_PAST_EXITS]; /* for the report of a failure, a ring */
	unsigned vtl2_past_count;
	bool vtl0_ready;       /* CPUID was applied and the vCPU may run */
	bool vtl0_resume_rip;  /* KVM completes VTL0's IN or OUT at the next run unless RIP moves */
	uint64_t vtl0_exit_rip;
	bool intercepted;      /* a register page is being shown */
	struct kvm_fpu fpu;    /* as both VTLs had it at the last switch */
	struct kvm_debugregs debug;
	bool debug_owed;       /* VTL2 does not have VTL0's debug registers yet (switch.c) */
	struct x86_apic apic;
	atomic_ulong request[4];     /* vectors raised by other threads */
	atomic_ulong auto_eoi[4];
	atomic_bool nmi;
	atomic_bool extint_waiting;
	atomic_uint extint_vector;
	atomic_bool kicked;
	_Atomic pid_t tid;
	struct x86_stimer stimer[X86_STIMER_COUNT];
	timer_t timer;         /* kicks the VP's thread */
	uint64_t timer_expiry; /* what the timer is set to; 0: off */
};

/* vm.c */
struct kvm_regs *x86_regs(struct x86_vcpu *c);   /* for reading */
struct kvm_sregs *x86_sregs(struct x86_vcpu *c);
struct kvm_regs *x86_change_regs(struct x86_vcpu *c);   /* to be loaded at the next run */
struct kvm_sregs *x86_change_sregs(struct x86_vcpu *c);
int x86_get_msr(struct x86_vcpu *c, uint32_t msr, uint64_t *value);
int x86_set_msr(struct x86_vcpu *c, uint32_t msr, uint64_t value);

/* cpuid.c */
int x86_cpuid_load(struct port_vm *vm);
int x86_cpuid_vtl2(struct host_vp *vp);
int x86_cpuid_vtl0(struct host_vp *vp);
bool x86_cpu_is_emulated(void);
bool x86_cpu_virtualizes(void);

/* vtl2.c: runs VTL2 until it returns to VTL0 or the host ends. */
void x86_run_vtl2(struct port_vp *p) VL_HOT;
/* True when an interrupt for VTL2 would be taken, were its interrupt flag set. */
bool x86_vtl2_wants_in(struct port_vp *p) VL_HOT;
/* The kicks so far are seen: what they were for is looked for next. */
void x86_drain_kick(struct port_vp *p);

/* vtl0.c: runs VTL0 until VTL2 has to be entered or the host ends. */
void x86_run_vtl0(struct port_vp *p) VL_HOT;

/* switch.c */
void x86_enter_vtl2(struct port_vp *p, enum hv_vtl_entry_reason reason, uint32_t type, const void *payload,
		size_t size) VL_HOT;
void x86_return_to_vtl0(struct port_vp *p, bool fast) VL_HOT;
/* Before anything that VTL2 does but to return: it gets the debug registers that the last entry owes it. */
void x86_settle_debug(struct port_vp *p) VL_HOT;
/* Register page: takes over what VTL2 changed there; shows the present state. */
void x86_register_page_apply(struct port_vp *p) VL_HOT;
void x86_register_page_fill(struct port_vp *p) VL_HOT;
struct hv_x64_segment x86_segment_to_hv(const struct kvm_segment *s);
struct kvm_segment x86_segment_from_hv(const struct hv_x64_segment *s);

/* regs.c */
void x86_load_context(struct x86_vcpu *c, const struct hv_x64_initial_vp_context *context);

/* msr.c: synthetic, x2APIC and forwarded MSRs of VTL2. False: #GP. */
bool x86_msr_read(struct port_vp *p, uint32_t msr, uint64_t *value);
bool x86_msr_write(struct port_vp *p, uint32_t msr, uint64_t value);

/* stimer.c */
bool x86_stimer_read(struct port_vp *p, uint32_t msr, uint64_t *value);
bool x86_stimer_write(struct port_vp *p, uint32_t msr, uint64_t value);
void x86_stimer_poll(struct port_vp *p) VL_HOT; /* fires what is due and sets the timer */

/* ipi.c: delivers a vector or NMI to the VPs of VTL2 with a bit in mask. */
void x86_raise(struct port_vp *p, unsigned vector, bool auto_eoi);
void x86_icr(struct port_vp *p, uint64_t icr);

/* vtl0.c: VTL0's address translation as its registers have it now. */
struct x86_mmu x86_vtl0_mmu(struct port_vp *p);

/* com3.c: VTL2's serial port, for its kernel's messages. */
uint8_t x86_com3_read(struct port_vp *p, unsigned port);
void x86_com3_write(struct port_vp *p, unsigned port, uint8_t value);

#endif
