/*
 * Runs VTL0's vCPU and turns its exits into intercepts of VTL2 (TLFS 10): the
 * message always shows the state before the instruction. VTL0 is the guest
 * and hostile.
 */
#include "ports/x86_64/common/insn.h"
#include "ports/x86_64/host/x86.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define CR0_PE 1u
#define CR0_AM (1u << 18)
#define EFER_LMA (1u << 10)
#define RFLAGS_DF (1u << 10)
#define OUTS_OPCODE 0x6eu /* and 0x6f */

static int read_vtl0(const void *context, gpa_t at, void *out, size_t size)
{
	const void *memory = host_memory_map_vtl0(context, at, size);

	if (!memory)
		return VL_E_RANGE;
	memcpy(out, memory, size);
	return 0;
}

static unsigned code_mode(const struct kvm_sregs *s)
{
	if ((s->efer & EFER_LMA) && s->cs.l)
		return 64;
	return s->cs.db ? 32 : 16;
}

struct x86_mmu x86_vtl0_mmu(struct port_vp *p)
{
	const struct kvm_sregs *s = x86_sregs(&p->vtl0);

	return (struct x86_mmu){ .cr0 = s->cr0, .cr3 = s->cr3, .cr4 = s->cr4, .efer = s->efer,
			.cs_base = s->cs.base,
		.mode = code_mode(s), .read = read_vtl0, .context = p->vp->host };
}

static struct hv_x64_intercept_header header(struct port_vp *p, unsigned length,
		enum hv_intercept_access access)
{
	const struct kvm_sregs *s = x86_sregs(&p->vtl0);
	const struct kvm_regs *r = x86_regs(&p->vtl0);
	unsigned state = (s->ss.dpl & 3) | !!(s->cr0 & CR0_PE) << 2 | !!(s->cr0 & CR0_AM) << 3 |
			!!(s->efer & EFER_LMA) << 4;

	return (struct hv_x64_intercept_header){ .vp_index = cpu_to_le32(p->vp->index),
		.instruction_length = (uint8_t)((length & 15) | (s->cr8 & 15) << 4),
		.access = (uint8_t)access,
		.execution_state = cpu_to_le16((uint16_t)state), .cs = x86_segment_to_hv(&s->cs),
		.rip = cpu_to_le64(r->rip), .rflags = cpu_to_le64(r->rflags) };
}

static void intercept(struct port_vp *p, uint32_t type, const void *payload, size_t size)
{
	x86_enter_vtl2(p, HV_VTL_ENTRY_INTERCEPT, type, payload, size);
}

static void unrecoverable(struct port_vp *p)
{
	struct hv_x64_unrecoverable_message m = { .header = header(p, 0, HV_INTERCEPT_READ) };

	intercept(p, HV_MESSAGE_UNRECOVERABLE_EXCEPTION, &m, sizeof(m));
}

/* --- Ports ------------------------------------------------------------------------------ */

/* Steps a string instruction's register back to before one element. */
static uint64_t step_back(uint64_t reg, unsigned bytes, bool down, unsigned address_size)
{
	uint64_t v = down ? reg + bytes : reg - bytes;

	if (address_size == 8)
		return v;
	return address_size == 4 ? v & 0xffffffffu : (reg & ~0xffffull) | (v & 0xffff);
}

/*
 * KVM has carried out one element of OUTS when it exits: undo that. A REP is
 * still on the instruction; a single OUTS is past it, so look back for it over
 * its prefixes.
 */
static bool rewind_outs(struct port_vp *p, struct x86_insn *insn, uint8_t *bytes, size_t *count)
{
	struct kvm_regs *r = x86_change_regs(&p->vtl0);
	struct x86_mmu mmu = x86_vtl0_mmu(p);
	unsigned back;

	for (back = 0; back <= X86_INSN_BYTES_MAX; back++) {
		*count = x86_fetch(&mmu, r->rip - back, bytes, X86_INSN_BYTES_MAX);
		if (!x86_decode(bytes, *count, mmu.mode, insn) && insn->op == X86_OP_OUTS &&
				(insn->length == back ||
				(back == 0 && insn->rep)))
			break;
	}
	if (back > X86_INSN_BYTES_MAX)
		return false;
	r->rip -= back;
	r->rsi = step_back(r->rsi, p->vtl0.run->io.size, r->rflags & RFLAGS_DF, insn->address_size);
	if (insn->rep)
		r->rcx = step_back(r->rcx, 1, true, insn->address_size);
	return true;
}

/*
 * Lets KVM finish what it began (it would write data to a register or memory at
 * the next run) and restores the registers. Returns by how much RIP had moved.
 */
static uint64_t finish_and_restore(struct port_vp *p)
{
	struct kvm_regs before = *x86_regs(&p->vtl0);
	uint64_t moved;

	if (kvm_complete(p->vtl0.fd, p->vtl0.run))
		host_end(p->vp->host, HOST_END_ERROR, "KVM did not complete an access of VP %u: %s",
				p->vp->index, strerror(errno));
	moved = x86_regs(&p->vtl0)->rip - before.rip;
	*x86_change_regs(&p->vtl0) = before;
	return moved;
}

/*
 * The length of an IN or OUT in its common forms (SDM 2), without a full decoding; 0 for another instruction.
 */
static unsigned plain_io_length(const uint8_t *bytes, size_t count)
{
	unsigned prefix = count > 1 && bytes[0] == 0x66;
	uint8_t opcode = count > prefix ? bytes[prefix] : 0;

	if ((opcode & 0xf4) != 0xe4) /* E4-E7 with a port in the next byte, EC-EF with DX */
		return 0;
	return prefix + (opcode & 8 ? 1 : 2);
}

/*
 * Whether KVM stands before the OUT that it is on, which the byte `before` precedes. After an OUTS it is on
 * the next instruction, which may be an OUT of the same data: then its completion, which moves RIP for an OUT
 * alone, tells.
 */
static bool stands_before_out(struct port_vp *p, uint8_t before)
{
	const struct kvm_run *run = p->vtl0.run;

	if (memcmp((const uint8_t *)run + run->io.data_offset, &x86_regs(&p->vtl0)->rax, run->io.size))
		return false; /* an OUT writes what is in RAX */
	if ((before & 0xfe) != OUTS_OPCODE)
		return true;
	return finish_and_restore(p) != 0;
}

static void io_exit(struct port_vp *p)
{
	struct kvm_run *run = p->vtl0.run;
	const struct kvm_sregs *s = x86_sregs(&p->vtl0);
	const struct kvm_regs *r = x86_regs(&p->vtl0);
	struct hv_x64_io_port_message m = { .port = cpu_to_le16(run->io.port) };
	struct x86_insn insn = { .length = 0 };
	uint8_t fetched[1 + X86_INSN_BYTES_MAX], *bytes = fetched + 1;
	bool in = run->io.direction == KVM_EXIT_IO_IN, known;
	struct x86_mmu mmu = x86_vtl0_mmu(p);
	size_t count = x86_fetch_with_before(&mmu, r->rip, fetched, sizeof(fetched));

	known = in || stands_before_out(p, fetched[0]);
	insn.length = (uint8_t)(known ? plain_io_length(bytes, count) : 0);
	if (insn.length)
		insn.op = in ? X86_OP_IN : X86_OP_OUT;
	else
		known = known && !x86_decode(bytes, count, mmu.mode, &insn);
	if (known && (insn.op == X86_OP_IN || insn.op == X86_OP_OUT)) {
		/* Nothing is done yet, and moving RIP cancels KVM's own completion. */
		p->vtl0_resume_rip = true;
		p->vtl0_exit_rip = r->rip;
	} else if (in) {
		(void)finish_and_restore(p); /* INS: KVM would store the data at the next run */
	} else {
		known = rewind_outs(p, &insn, bytes, &count);
	}
	if (!known) {
		unrecoverable(p);
		return;
	}
	m.header = header(p, insn.length, in ? HV_INTERCEPT_READ : HV_INTERCEPT_WRITE);
	m.access_info = run->io.size;
	if (insn.op == X86_OP_INS || insn.op == X86_OP_OUTS)
		m.access_info |= (uint8_t)(HV_X64_IO_STRING | (insn.rep ? HV_X64_IO_REP : 0));
	m.instruction_count = (uint8_t)count;
	memcpy(m.instruction_bytes, bytes, count);
	m.rax = cpu_to_le64(r->rax);
	m.rcx = cpu_to_le64(r->rcx);
	m.rsi = cpu_to_le64(r->rsi);
	m.rdi = cpu_to_le64(r->rdi);
	m.ds = x86_segment_to_hv(&s->ds);
	m.es = x86_segment_to_hv(&s->es);
	intercept(p, HV_MESSAGE_X64_IO_PORT, &m, sizeof(m));
}

/* --- MSRs --------------------------------------------------------------------------------- */

static void msr_exit(struct port_vp *p, bool write)
{
	struct kvm_run *run = p->vtl0.run;
	struct hv_x64_msr_message m = { .msr = cpu_to_le32(run->msr.index) };
	uint64_t length;

	run->msr.error = 0;
	if (!write)
		run->msr.data = 0;
	length = finish_and_restore(p);
	m.header = header(p, (unsigned)length & 15, write ? HV_INTERCEPT_WRITE : HV_INTERCEPT_READ);
	m.rax = cpu_to_le64(x86_regs(&p->vtl0)->rax);
	m.rdx = cpu_to_le64(x86_regs(&p->vtl0)->rdx);
	intercept(p, HV_MESSAGE_X64_MSR, &m, sizeof(m));
}

/* --- Memory ---------------------------------------------------------------------------------- */

static void memory_intercept(struct port_vp *p, uint64_t gva, gpa_t where, enum hv_intercept_access access,
		const uint8_t *bytes, size_t count, unsigned length)
{
	bool ram = host_memory_is_vtl0(p->vp->host, where, 1) || host_memory_map(p->vp->host, where, 1);
	struct hv_x64_memory_message m = { .header = header(p, length, access),
			.instruction_count = (uint8_t)count,
		.access_info = 3, .gva = cpu_to_le64(gva), .gpa = cpu_to_le64(gpa_raw(where)) };

	memcpy(m.instruction_bytes, bytes, count);
	/* Not there at all, or there and forbidden: the two messages of TLFS 10. */
	intercept(p, ram ? HV_MESSAGE_GPA_INTERCEPT : HV_MESSAGE_UNMAPPED_GPA, &m, sizeof(m));
}

static void fill_cpu(struct x86_cpu *cpu, const struct kvm_regs *r, const struct kvm_sregs *s)
{
	const uint64_t gpr[16] = { r->rax, r->rcx, r->rdx, r->rbx, r->rsp, r->rbp, r->rsi, r->rdi, r->r8,
			r->r9, r->r10,
		r->r11, r->r12, r->r13, r->r14, r->r15 };

	*cpu = (struct x86_cpu){ .rip = r->rip, .rflags = r->rflags,
		.segment_base = { s->es.base, s->cs.base, s->ss.base, s->ds.base, s->fs.base, s->gs.base } };
	memcpy(cpu->gpr, gpr, sizeof(gpr));
}

/* True when VTL0 may do this at `where`, as far as its own view of memory goes. */
static bool reachable(struct port_vp *p, gpa_t where, bool write)
{
	return memory_vtl0_access(&p->vp->host->memory, where, write);
}

/* The instruction itself lies where VTL0 has no memory. */
static bool fetch_fault(struct port_vp *p, const uint8_t *bytes, size_t count)
{
	struct x86_mmu mmu = x86_vtl0_mmu(p);
	uint64_t rip = x86_regs(&p->vtl0)->rip + count;
	uint64_t linear = mmu.mode == 64 ? rip : (mmu.cs_base + rip) & 0xffffffffu;
	gpa_t where;

	if (x86_translate(&mmu, linear, X86_ACCESS_EXECUTE, &where) || reachable(p, where, false))
		return false;
	memory_intercept(p, linear, where, HV_INTERCEPT_EXECUTE, bytes, count, 0);
	return true;
}

/*
 * KVM_RUN gave EFAULT and no more: find out from the instruction what VTL0
 * touched. What no operand explains (a page table or descriptor table in
 * device memory) no hardware could serve either.
 */
static void memory_exit(struct port_vp *p)
{
	const struct kvm_sregs *s = x86_sregs(&p->vtl0);
	const struct kvm_regs *r = x86_regs(&p->vtl0);
	uint8_t bytes[X86_INSN_BYTES_MAX];
	struct x86_mmu mmu = x86_vtl0_mmu(p);
	size_t count = x86_fetch(&mmu, r->rip, bytes, sizeof(bytes));
	struct x86_access access[2];
	struct x86_insn insn;
	struct x86_cpu cpu;
	unsigned i, n;

	if (x86_decode(bytes, count, mmu.mode, &insn)) {
		if (count == sizeof(bytes) || !fetch_fault(p, bytes, count))
			unrecoverable(p);
		return;
	}
	fill_cpu(&cpu, r, s);
	n = x86_accesses(&insn, &cpu, access);
	for (i = 0; i < n; i++) {
		gpa_t where;

		if (x86_translate(&mmu, access[i].address, access[i].write ? X86_ACCESS_WRITE : 0, &where) ||
		    reachable(p, where, access[i].write))
			continue;
		memory_intercept(p, access[i].address, where,
				access[i].write ? HV_INTERCEPT_WRITE : HV_INTERCEPT_READ, bytes,
			count, insn.length);
		return;
	}
	unrecoverable(p);
}

/* --- The loop ---------------------------------------------------------------------------------- */

static void serve(struct port_vp *p)
{
	struct kvm_run *run = p->vtl0.run;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		io_exit(p);
		break;
	case KVM_EXIT_X86_RDMSR:
	case KVM_EXIT_X86_WRMSR:
		msr_exit(p, run->exit_reason == KVM_EXIT_X86_WRMSR);
		break;
	case KVM_EXIT_IOAPIC_EOI: {
		struct hv_x64_apic_eoi_message m = { cpu_to_le32(p->vp->index),
				cpu_to_le32(run->eoi.vector) };

		intercept(p, HV_MESSAGE_X64_APIC_EOI, &m, sizeof(m));
		break;
	}
	case KVM_EXIT_MMIO:
		/*
		 * Beyond both MMIO windows, where VTL2 has no device: KVM has committed a write
		 * already. Reads give ones, as on a bus where nobody answers.
		 */
		if (!run->mmio.is_write)
			memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
		break;
	case KVM_EXIT_SHUTDOWN:
	case KVM_EXIT_INTERNAL_ERROR:
		unrecoverable(p);
		break;
	case KVM_EXIT_INTR:
		break;
	default:
		kvm_exit_unknown(p->vp, HOST_VTL0, run->exit_reason);
	}
}

/*
 * An IN or OUT that VTL2 did not move RIP past is to be executed again, but KVM
 * would now complete it and skip: let it, and put RIP back.
 */
static void keep_on_instruction(struct port_vp *p)
{
	if (p->vtl0_resume_rip && x86_regs(&p->vtl0)->rip == p->vtl0_exit_rip)
		(void)finish_and_restore(p);
	p->vtl0_resume_rip = false;
}

/* A vector of VTL2's PIC for VTL0: KVM holds one until VTL0's LAPIC takes it. */
static void inject_extint(struct port_vp *p)
{
	struct kvm_interrupt interrupt;

	if (!atomic_exchange(&p->extint_waiting, false))
		return;
	interrupt.irq = atomic_load(&p->extint_vector);
	if (ioctl(p->vtl0.fd, KVM_INTERRUPT, &interrupt) && errno == EEXIST)
		atomic_store(&p->extint_waiting, true); /* after the one before it */
}

static bool prepare(struct port_vp *p)
{
	if (p->vtl0_ready)
		return true;
	pthread_mutex_lock(&p->vp->host->port->lock);
	p->vp->host->port->vtl0_ran = true; /* from here on the CPUID tables are fixed */
	pthread_mutex_unlock(&p->vp->host->port->lock);
	if (x86_cpuid_vtl0(p->vp)) {
		host_end(p->vp->host, HOST_END_ERROR, "KVM refuses the CPUID that VTL2 wants for VTL0");
		return false;
	}
	if (p->vp->index == 0)
		host_mark(p->vp->host, "VTL0 start");
	p->vtl0_ready = true;
	return true;
}

void x86_run_vtl0(struct port_vp *p)
{
	if (!prepare(p))
		return;
	while (p->in_vtl0 && !host_ending(p->vp->host)) {
		if (x86_vtl2_wants_in(p)) {
			x86_enter_vtl2(p, HV_VTL_ENTRY_INTERRUPT, 0, NULL, 0);
			return;
		}
		keep_on_instruction(p);
		inject_extint(p);
		if (!ioctl(p->vtl0.fd, KVM_RUN, NULL))
			serve(p);
		else if (errno == EINTR || errno == EAGAIN)
			x86_drain_kick(p);
		else if (errno == EFAULT)
			memory_exit(p);
		else
			kvm_run_failed(p->vp, HOST_VTL0);
	}
}
