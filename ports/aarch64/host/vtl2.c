/*
 * Runs VTL2's vCPU and serves its exits: hypercalls, its debug console, PSCI.
 * VTL2 is not trusted by the host: whatever it does wrong ends in an error
 * status or "paravisor failed".
 */
#include "common/base/log.h"
#include "ports/aarch64/host/arm64.h"

#include <errno.h>
#include <string.h>

#define SMCCC_NOT_SUPPORTED ((uint64_t)-1)
#define FAST_WORDS 16 /* x2..x17 */
#define PL011_FLAGS 0x18
#define PL011_FLAGS_IDLE 0x90 /* transmit FIFO empty, receive FIFO empty */
#define PL011_BYTES 0x1000

static void failed(struct port_vp *p, const char *what)
{
	uint64_t pc = 0;

	(void)arm64_get_reg(&p->vtl2, ARM64_CORE_REG(regs.pc), &pc);
	host_end(p->vp->host, HOST_END_PARAVISOR_FAILED, "VTL2 %s on VP %u at pc %#llx", what, p->vp->index,
		(unsigned long long)pc);
}

static uint64_t get_x(struct port_vp *p, unsigned n)
{
	uint64_t v = 0;

	(void)arm64_get_reg(&p->vtl2, ARM64_X(n), &v);
	return v;
}

static void set_x(struct port_vp *p, unsigned n, uint64_t v)
{
	if (arm64_set_reg(&p->vtl2, ARM64_X(n), v))
		host_end(p->vp->host, HOST_END_ERROR, "KVM refuses a register of VP %u: %s", p->vp->index,
				strerror(errno));
}

/* A fast call's input structure is x2..x17; the output stands right behind the input it had. */
static void hypercall(struct port_vp *p, uint64_t control)
{
	struct host_call *c = &p->vp->call;
	uint64_t words[FAST_WORDS];
	bool reads_register = HV_CONTROL_CODE(control) == HV_CALL_GET_VP_REGISTERS;

	c->control = control;
	c->fast = control & HV_CONTROL_FAST;
	if (c->fast) {
		/* no call of ours has more than one register pair's reps */
		unsigned used = reads_register ? 3 : 6;

		memset(words, 0, sizeof(words));
		for (unsigned i = 0; i < used; i++)
			words[i] = get_x(p, 2 + i);
		memcpy(c->in, words, sizeof(words));
		c->in_bytes = sizeof(words);
	} else {
		c->input = gpa(get_x(p, 2));
		c->output = gpa(get_x(p, 3));
	}
	set_x(p, 0, hypercall_run(p->vp));
	if (!c->fast || !c->out_bytes)
		return;
	/* Input of 16 bytes head and one name, rounded up to 32: the output is in x6 and x7. */
	memcpy(words, c->out, 16);
	set_x(p, 6, words[0]);
	set_x(p, 7, words[1]);
}

/* KVM has moved pc past the HVC already. */
static void smccc(struct port_vp *p)
{
	static const uint32_t uid[4] = HV_ARM64_UID_WORDS;
	uint64_t function = p->vtl2.run->hypercall.nr, control;

	if (function == HV_ARM64_UID_FUNCTION) {
		for (unsigned i = 0; i < 4; i++)
			set_x(p, i, uid[i]);
		return;
	}
	if (function != HV_ARM64_FUNCTION_ID) {
		set_x(p, 0, SMCCC_NOT_SUPPORTED);
		return;
	}
	control = get_x(p, 1);
	if (HV_CONTROL_CODE(control) == HV_CALL_VTL_RETURN)
		p->in_vtl0 = true; /* x0 is set when VTL2 is entered again */
	else
		hypercall(p, control);
}

/* Prints whole lines of VTL2's console with --log. */
static void serial_write(struct port_vp *p, uint8_t c)
{
	struct port_vm *vm = p->vp->host->port;

	pthread_mutex_lock(&vm->serial_lock);
	if (c != '\n' && c >= ' ' && vm->line_length < sizeof(vm->line) - 1)
		vm->line[vm->line_length++] = (char)c;
	if (c == '\n') {
		vm->line[vm->line_length] = '\0';
		vm->line_length = 0;
		if (p->vp->host->config.log)
			vl_info("vtl2: %s", vm->line);
	}
	pthread_mutex_unlock(&vm->serial_lock);
}

/* Only the console answers; other reads give ones and writes go nowhere. */
static void mmio(struct port_vp *p)
{
	struct kvm_run *run = p->vtl2.run;
	uint64_t offset = run->mmio.phys_addr - ARM64_SERIAL_BASE;

	if (run->mmio.is_write) {
		if (offset == 0)
			serial_write(p, run->mmio.data[0]);
		return;
	}
	memset(run->mmio.data, offset < PL011_BYTES ? 0 : 0xff, sizeof(run->mmio.data));
	if (offset == PL011_FLAGS)
		run->mmio.data[0] = PL011_FLAGS_IDLE;
}

static void system_event(struct port_vp *p)
{
	switch (p->vtl2.run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		failed(p, "switched itself off");
		break;
	case KVM_SYSTEM_EVENT_RESET:
		failed(p, "reset itself");
		break;
	case KVM_SYSTEM_EVENT_CRASH:
		failed(p, "crashed");
		break;
	default: /* a wake-up */
		break;
	}
}

static void serve(struct port_vp *p)
{
	struct kvm_run *run = p->vtl2.run;

	switch (run->exit_reason) {
	case KVM_EXIT_HYPERCALL:
		smccc(p);
		break;
	case KVM_EXIT_MMIO:
		mmio(p);
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		system_event(p);
		break;
	case KVM_EXIT_ARM_NISV:
		failed(p, "touched a device in a way that has no syndrome");
		break;
	case KVM_EXIT_INTR:
		break;
	default:
		kvm_exit_unknown(p->vp, HOST_VTL2, run->exit_reason);
	}
}

void arm64_run_vtl2(struct port_vp *p)
{
	while (!p->in_vtl0 && !host_ending(p->vp->host)) {
		int r = arm64_run(&p->vtl2);

		if (!r)
			serve(p);
		else if (r == 1)
			kvm_take_kicks();
		else
			kvm_run_failed(p->vp, HOST_VTL2);
	}
}
