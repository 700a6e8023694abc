/*
 * Runs VTL2's vCPU: delivers its interrupts, serves its exits. VTL2 is not
 * trusted by the host: whatever it does wrong ends in #GP, an error status or
 * "paravisor failed", never in a fault of ours.
 */
#include "common/base/fmt.h"
#include "ports/x86_64/host/x86.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COM3_BASE 0x3e8
#define COM3_END 0x3f0
#define VTL_RETURN_FAST 1u /* TLFS 15.9: RAX and RCX are not taken from the assist page */
#define RFLAGS_IF (1u << 9)

/* Moves what other threads requested into the APIC. */
static void take_requests(struct port_vp *p)
{
	unsigned word;

	for (word = 0; word < VL_ARRAY_COUNT(p->request); word++) {
		unsigned long bits = 0;
		unsigned long auto_eoi = atomic_load(&p->auto_eoi[word]);

		if (atomic_load(&p->request[word]))
			bits = atomic_exchange(&p->request[word], 0);
		while (bits) {
			unsigned bit = (unsigned)__builtin_ctzl(bits);

			bits &= bits - 1;
			x86_apic_raise(&p->apic, word * 64 + bit, auto_eoi >> bit & 1);
		}
	}
}

bool x86_vtl2_wants_in(struct port_vp *p)
{
	x86_stimer_poll(p);
	take_requests(p);
	return x86_apic_pending(&p->apic) >= 0 || atomic_load(&p->nmi);
}

/* KVM without its own APIC takes one interrupt when it is ready, else tells when it becomes so. */
static void inject(struct port_vp *p)
{
	struct kvm_run *run = p->vtl2.run;
	struct kvm_interrupt interrupt;
	int vector;

	if (atomic_load(&p->nmi) && atomic_exchange(&p->nmi, false))
		(void)ioctl(p->vtl2.fd, KVM_NMI);
	vector = x86_apic_pending(&p->apic);
	run->request_interrupt_window = 0;
	if (vector < 0)
		return;
	if (!run->ready_for_interrupt_injection) {
		run->request_interrupt_window = 1;
		return;
	}
	interrupt.irq = (uint32_t)vector;
	if (ioctl(p->vtl2.fd, KVM_INTERRUPT, &interrupt)) {
		run->request_interrupt_window = 1;
		return;
	}
	x86_apic_accept(&p->apic, (unsigned)vector);
	run->ready_for_interrupt_injection = 0;
	run->request_interrupt_window = x86_apic_pending(&p->apic) >= 0;
}

/* A fast call's parameters beyond 16 bytes are in XMM0-5 (TLFS 3.7.4). */
static void fetch_xmm(struct port_vp *p, struct host_call *c)
{
	struct kvm_fpu fpu;

	if (ioctl(p->vtl2.fd, KVM_GET_FPU, &fpu))
		return;
	memcpy(c->in + c->in_bytes, fpu.xmm, 6 * 16);
	c->in_bytes += 6 * 16;
}

static void hypercall(struct port_vp *p)
{
	struct kvm_regs *r = x86_change_regs(&p->vtl2);
	struct host_call *c = &p->vp->call;

	c->control = r->rcx;
	c->fast = r->rcx & HV_CONTROL_FAST;
	c->input = gpa(r->rdx);
	c->output = gpa(r->r8);
	if (c->fast) {
		uint64_t in[2] = { r->rdx, r->r8 };

		memcpy(c->in, in, sizeof(in));
		c->in_bytes = sizeof(in);
		if (c->control >> HV_CONTROL_VARHEAD_SHIFT)
			fetch_xmm(p, c);
	}
	r->rax = hypercall_run(p->vp);
	/* Output in XMM registers is not offered (CPUID 0x40000003 EDX bit 15). */
	if (c->fast && c->out_bytes)
		r->rax = HV_RESULT(HV_STATUS_INVALID_HYPERCALL_INPUT, 0);
}

static bool at_hypercall_page(const struct port_vp *p, unsigned offset)
{
	return (p->vtl2.run->s.regs.regs.rip & (VL_PAGE_BYTES - 1)) == offset;
}

static void port_out(struct port_vp *p, const struct kvm_run *run, const uint8_t *data)
{
	unsigned port = run->io.port;

	if (port == X86_PORT_HYPERCALL && at_hypercall_page(p, 0x00))
		hypercall(p);
	else if (port == X86_PORT_VTL_RETURN && at_hypercall_page(p, 0x20))
		x86_return_to_vtl0(p, p->vtl2.run->s.regs.regs.rcx & VTL_RETURN_FAST);
	else if (port >= COM3_BASE && port < COM3_END && run->io.size == 1)
		x86_com3_write(p, port, data[0]);
}

static void port_io(struct port_vp *p)
{
	struct kvm_run *run = p->vtl2.run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	uint32_t i;

	for (i = 0; i < run->io.count; i++, data += run->io.size) {
		if (run->io.direction == KVM_EXIT_IO_OUT)
			port_out(p, run, data);
		else if (run->io.port >= COM3_BASE && run->io.port < COM3_END && run->io.size == 1)
			data[0] = x86_com3_read(p, run->io.port);
		else
			memset(data, 0xff, run->io.size); /* nobody there */
	}
}

static bool has_work(void *context)
{
	struct port_vp *p = context;

	x86_drain_kick(p);
	return host_ending(p->vp->host) || x86_vtl2_wants_in(p);
}

/* Remembers the exits before this one: an AMD host resets the vCPU when it reports a triple fault. */
static void remember(struct port_vp *p)
{
	const struct kvm_run *run = p->vtl2.run;

	p->vtl2_past[p->vtl2_past_count++ % X86_PAST_EXITS] = (struct x86_past_exit){
		.rip = run->s.regs.regs.rip, .reason = run->exit_reason,
		.port_or_msr = run->exit_reason == KVM_EXIT_IO ? run->io.port :
			run->exit_reason == KVM_EXIT_X86_WRMSR ? run->msr.index : 0 };
}

static void failed(struct port_vp *p, const char *what)
{
	char text[X86_PAST_EXITS * 64];
	size_t used = 0;
	unsigned i;

	for (i = 0; i < X86_PAST_EXITS; i++) {
		const struct x86_past_exit *e = &p->vtl2_past[(p->vtl2_past_count + i) % X86_PAST_EXITS];

		used += vl_format(text + used, sizeof(text) - used, " %u/%x@%llx", e->reason, e->port_or_msr,
			(unsigned long long)e->rip);
	}
	host_end(p->vp->host, HOST_END_PARAVISOR_FAILED, "VTL2 %s on VP %u; --log shows its messages "
		"(last exits, KVM reason/port or MSR@rip:%s)", what, p->vp->index, text);
}

static void internal_error(struct port_vp *p)
{
	const struct kvm_run *run = p->vtl2.run;

	host_end(p->vp->host, HOST_END_PARAVISOR_FAILED,
			"KVM cannot go on with VTL2 on VP %u: suberror %u at rip %#llx",
		p->vp->index, run->internal.suberror, (unsigned long long)run->s.regs.regs.rip);
}

static void serve(struct port_vp *p)
{
	struct kvm_run *run = p->vtl2.run;
	uint64_t value = 0;

	if (run->exit_reason != KVM_EXIT_SHUTDOWN)
		remember(p);
	if (run->exit_reason != KVM_EXIT_IO || run->io.port != X86_PORT_VTL_RETURN)
		x86_settle_debug(p);
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		port_io(p);
		break;
	case KVM_EXIT_X86_RDMSR:
		run->msr.error = !x86_msr_read(p, run->msr.index, &value);
		run->msr.data = value;
		break;
	case KVM_EXIT_X86_WRMSR:
		run->msr.error = !x86_msr_write(p, run->msr.index, run->msr.data);
		break;
	case KVM_EXIT_HLT:
		if (!(run->s.regs.regs.rflags & RFLAGS_IF) && p->vp->host->config.vp_count == 1)
			failed(p, "halted for good");
		kvm_wait_for_kick(has_work, p);
		break;
	case KVM_EXIT_MMIO: /* no device: reads give ones, writes go nowhere */
		if (!run->mmio.is_write)
			memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
		break;
	case KVM_EXIT_SET_TPR: /* CR8 */
		p->apic.tpr = (uint32_t)(run->cr8 & 15) << 4;
		break;
	case KVM_EXIT_IRQ_WINDOW_OPEN:
	case KVM_EXIT_INTR:
		break;
	case KVM_EXIT_SHUTDOWN:
		failed(p, "triple-faulted");
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		internal_error(p);
		break;
	default:
		kvm_exit_unknown(p->vp, HOST_VTL2, run->exit_reason);
	}
}

void x86_run_vtl2(struct port_vp *p)
{
	while (!p->in_vtl0 && !host_ending(p->vp->host)) {
		x86_stimer_poll(p);
		take_requests(p);
		inject(p);
		if (!ioctl(p->vtl2.fd, KVM_RUN, NULL)) {
			serve(p);
		} else if (errno == EINTR || errno == EAGAIN) {
			x86_settle_debug(p);
			x86_drain_kick(p);
		} else {
			kvm_run_failed(p->vp, HOST_VTL2);
		}
	}
}
