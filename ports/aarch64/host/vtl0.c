/*
 * Runs VTL0's vCPU: intercepts for VTL2, and the switch between the two
 * (TLFS 15). VTL0 is the guest and hostile; so is VTL2 to the host.
 */
#include "ports/aarch64/common/access.h"
#include "ports/aarch64/common/walk.h"
#include "ports/aarch64/host/arm64.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define ALL_REGISTERS UINT32_MAX
#define NS_PER_S 1000000000ull
/* CNTV_CTL_EL0 (Arm ARM D24.10). */
#define TIMER_ENABLE 1ull
#define TIMER_MASKED 2ull
#define VTL2_TIMER_FAR_S 3600u

static uint64_t vtl0_reg(const struct port_vp *p, uint32_t name)
{
	uint64_t v = 0;

	(void)arm64_get_reg(&p->vtl0, arm64_kvm_register(name, &p->vtl0), &v);
	return v;
}

/* --- The pages that carry the switch: VTL2's memory, looked up at each use ------- */

static struct hv_vp_assist_page *assist_page(const struct host_vp *vp)
{
	return vp->assist_page & HV_SYNIC_ENABLE ?
		host_memory_map(vp->host, gpa(vl_align_down(vp->assist_page, VL_PAGE_BYTES)),
		VL_PAGE_BYTES) : NULL;
}

static le64 *context_registers(const struct port_vp *p)
{
	uint8_t *page = p->context_page & HV_SYNIC_ENABLE ?
		host_memory_map(p->vp->host, gpa(vl_align_down(p->context_page, VL_PAGE_BYTES)),
		VL_PAGE_BYTES) : NULL;

	return page ? (le64 *)(void *)(page + HV_ARM64_CONTEXT_OFFSET) : NULL;
}

static uint64_t context_register(unsigned n)
{
	return n == HV_ARM64_CONTEXT_PC ? ARM64_CORE_REG(regs.pc) : ARM64_X(n);
}

/* Shows PC, and the context words in `mask`; until the page is valid, all of them. */
static void store_registers(struct port_vp *p, uint32_t mask, uint64_t pc)
{
	le64 *out = context_registers(p);

	if (!out)
		return;
	for (unsigned i = 0; i < HV_ARM64_CONTEXT_WORDS; i++) {
		if (i == HV_ARM64_CONTEXT_PC)
			p->x[i] = pc;
		else if (p->x_valid && !(mask >> i & 1))
			continue;
		else if (arm64_get_reg(&p->vtl0, context_register(i), &p->x[i]))
			p->x[i] = 0;
		out[i] = cpu_to_le64(p->x[i]);
	}
	p->x_valid = true;
}

/*
 * Each value is read once. The page may show what an earlier intercept left
 * there: so only a difference to what was there then counts.
 */
void arm64_load_registers(struct port_vp *p)
{
	const volatile le64 *in = context_registers(p);

	for (unsigned i = 0; in && i < HV_ARM64_CONTEXT_WORDS; i++) {
		uint64_t v = le64_to_cpu(in[i]);

		if (p->x_valid ? v == p->x[i] : i == HV_ARM64_CONTEXT_PC)
			continue;
		(void)arm64_set_reg(&p->vtl0, context_register(i), v);
		p->x[i] = v;
	}
	if (in && !p->x_valid) {
		p->x_valid = true;
		store_registers(p, 0, vtl0_reg(p, HV_ARM64_REG_PC));
	}
}

void arm64_show_register(struct port_vp *p, unsigned n, uint64_t value)
{
	le64 *out = context_registers(p);

	if (!out || !p->x_valid)
		return;
	out[n] = cpu_to_le64(value);
	p->x[n] = value;
}

static void enter_vtl2(struct port_vp *p, enum hv_vtl_entry_reason reason)
{
	struct hv_vp_assist_page *page = assist_page(p->vp);

	p->in_vtl0 = false;
	if (!page) {
		host_end(p->vp->host, HOST_END_PARAVISOR_FAILED,
			"VTL2 ran VTL0 on VP %u without a VP assist page", p->vp->index);
		return;
	}
	page->vtl_entry_reason = cpu_to_le32(reason);
	if (arm64_set_reg(&p->vtl2, ARM64_X(0), HV_STATUS_SUCCESS))
		host_end(p->vp->host, HOST_END_ERROR, "KVM refuses a register of VP %u: %s", p->vp->index,
				strerror(errno));
}

/*
 * `message` begins with an intercept header. `registers`: the context words
 * that VTL2 is to see beside PC.
 */
static void intercept(struct port_vp *p, uint32_t type, const void *message, size_t size, uint32_t registers)
{
	const struct hv_arm64_intercept_header *header = message;
	struct hv_vp_assist_page *page = assist_page(p->vp);

	p->intercepts++;
	p->look_ns = ARM64_LOOK_NS;
	if (page) {
		struct hv_message *m = &page->intercept_message;

		memset(m, 0, sizeof(*m));
		m->payload_size = (uint8_t)size;
		memcpy(m->payload, message, size);
		m->type = cpu_to_le32(type);
		store_registers(p, registers, le64_to_cpu(header->pc));
	}
	enter_vtl2(p, HV_VTL_ENTRY_INTERCEPT);
}

/* --- Intercepts ---------------------------------------------------------------------- */

static int read_descriptor(void *ctx, gpa_t address, uint64_t *descriptor)
{
	const struct host *h = ctx;

	return host_memory_is_vtl0(h, address, sizeof(*descriptor)) ?
		host_memory_read(h, address, descriptor, sizeof(*descriptor)) : VL_E_RANGE;
}

/* Bit 55 of an address selects its table; each register costs a load of the vCPU. */
static int translate(struct port_vp *p, uint64_t va, gpa_t *out)
{
	struct arm64_mmu mmu = { .sctlr = vtl0_reg(p, HV_ARM64_REG_SCTLR_EL1) };

	mmu.tcr = vtl0_reg(p, HV_ARM64_REG_TCR_EL1);
	if (va >> 55 & 1)
		mmu.ttbr1 = vtl0_reg(p, HV_ARM64_REG_TTBR1_EL1);
	else
		mmu.ttbr0 = vtl0_reg(p, HV_ARM64_REG_TTBR0_EL1);
	return arm64_translate(&mmu, va, read_descriptor, p->vp->host, out);
}

static struct hv_arm64_intercept_header header(const struct port_vp *p, enum hv_intercept_access access)
{
	return (struct hv_arm64_intercept_header){ .vp_index = cpu_to_le32(p->vp->index),
		.instruction_length = 4,
		.access = (uint8_t)access, .pc = cpu_to_le64(vtl0_reg(p, HV_ARM64_REG_PC)),
		.pstate = cpu_to_le64(vtl0_reg(p, HV_ARM64_REG_PSTATE)) };
}

/* The instruction at pc, when it lies in VTL0's RAM. */
static bool fetch(struct port_vp *p, uint64_t pc, uint32_t *word)
{
	gpa_t at;

	return !translate(p, pc, &at) && host_memory_is_vtl0(p->vp->host, at, sizeof(*word)) &&
		!host_memory_read(p->vp->host, at, word, sizeof(*word));
}

/*
 * KVM keeps the syndrome to itself: it is rebuilt from the instruction. An
 * instruction that is no load or store of ours goes to VTL2 without ISV.
 */
static void describe(struct port_vp *p, struct hv_arm64_memory_message *m, struct arm64_access *access)
{
	uint32_t word = 0;

	memset(access, 0, sizeof(*access));
	access->write = m->header.access == HV_INTERCEPT_WRITE;
	if (fetch(p, le64_to_cpu(m->header.pc), &word)) {
		memcpy(m->instruction_bytes, &word, sizeof(word));
		m->instruction_byte_count = sizeof(word);
		if (arm64_decode_access(word, access))
			access->count = 0;
	}
	m->syndrome = cpu_to_le64(arm64_access_syndrome(access));
}

/*
 * The context words that carrying out an access takes, all when it was not
 * understood. The address is in the message: its registers count only where the
 * instruction changes them.
 */
static uint32_t used_registers(const struct arm64_access *access)
{
	uint32_t mask = 0;

	if (!access->count)
		return ALL_REGISTERS;
	for (unsigned i = 0; i < access->count; i++)
		mask |= 1u << access->rt[i];
	if (access->writeback)
		mask |= 1u << access->rn;
	return access->writeback && access->reg_offset ? mask | 1u << access->rm : mask;
}

static void mmio_intercept(struct port_vp *p, uint64_t address, bool write)
{
	struct hv_arm64_memory_message m = { .gpa = cpu_to_le64(address),
		.header = header(p, write ? HV_INTERCEPT_WRITE : HV_INTERCEPT_READ) };
	struct arm64_access access;

	describe(p, &m, &access);
	intercept(p, host_memory_map(p->vp->host, gpa(vl_align_down(address, VL_PAGE_BYTES)), VL_PAGE_BYTES) ?
		HV_MESSAGE_GPA_INTERCEPT : HV_MESSAGE_UNMAPPED_GPA, &m, sizeof(m), used_registers(&access));
}

/*
 * A page that VTL2 took from VTL0 has no accessible host memory: KVM_RUN gives
 * EFAULT with the state before the instruction, and no address.
 */
static void protected_access(struct port_vp *p)
{
	struct hv_arm64_memory_message m = { .header = header(p, HV_INTERCEPT_EXECUTE) };
	uint64_t x[31], va = le64_to_cpu(m.header.pc), sp = vtl0_reg(p, HV_ARM64_REG_SP);
	struct arm64_access access;
	gpa_t at;

	describe(p, &m, &access);
	for (unsigned i = 0; i < 31; i++)
		x[i] = vtl0_reg(p, HV_ARM64_REG_X0 + i);
	if (access.count) {
		va = arm64_access_address(&access, x, sp);
		m.header.access = access.write ? HV_INTERCEPT_WRITE : HV_INTERCEPT_READ;
	}
	if (translate(p, va, &at)) {
		host_end(p->vp->host, HOST_END_ERROR,
			"KVM cannot resolve an access of VTL0 on VP %u at pc %#llx",
			p->vp->index, (unsigned long long)le64_to_cpu(m.header.pc));
		return;
	}
	m.gva = cpu_to_le64(va);
	m.access_info = 1;
	m.gpa = cpu_to_le64(gpa_raw(at));
	intercept(p, HV_MESSAGE_GPA_INTERCEPT, &m, sizeof(m), ALL_REGISTERS);
}

static void system_event(struct port_vp *p)
{
	struct hv_arm64_reset_message m = { .header = header(p, HV_INTERCEPT_EXECUTE) };
	uint32_t type = p->vtl0.run->system_event.type;

	if (type == KVM_SYSTEM_EVENT_WAKEUP)
		return;
	m.reset_type = cpu_to_le32(type == KVM_SYSTEM_EVENT_SHUTDOWN ? HV_ARM64_RESET_POWER_OFF :
			HV_ARM64_RESET_REBOOT);
	intercept(p, HV_MESSAGE_ARM64_RESET, &m, sizeof(m), ALL_REGISTERS);
}

static void serve(struct port_vp *p)
{
	struct kvm_run *run = p->vtl0.run;

	switch (run->exit_reason) {
	case KVM_EXIT_MMIO:
		mmio_intercept(p, run->mmio.phys_addr, run->mmio.is_write);
		/* VTL2 completes the access by setting the registers: KVM is to forget it. */
		run->exit_reason = KVM_EXIT_UNKNOWN;
		break;
	case KVM_EXIT_ARM_NISV:
		mmio_intercept(p, run->arm_nisv.fault_ipa, run->arm_nisv.esr_iss & ARM64_ESR_WNR);
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		system_event(p);
		break;
	case KVM_EXIT_INTR:
		break;
	default:
		kvm_exit_unknown(p->vp, HOST_VTL0, run->exit_reason);
	}
}

/* --- When VTL2 looks for its interrupts ------------------------------------------------- */

/*
 * When VTL2's timer fires, in ns of host_now_ns(); UINT64_MAX when it is off.
 * VTL2 sets it: any value is possible.
 */
static uint64_t vtl2_timer(const struct port_vp *p, uint64_t now_ns)
{
	uint64_t control = 0, due = 0, count, frequency;

	if (arm64_get_reg(&p->vtl2, KVM_REG_ARM_TIMER_CTL, &control) ||
	    (control & (TIMER_ENABLE | TIMER_MASKED)) != TIMER_ENABLE ||
	    arm64_get_reg(&p->vtl2, KVM_REG_ARM_TIMER_CVAL, &due))
		return UINT64_MAX;
	__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(frequency));
	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(count));
	if (due <= count)
		return now_ns;
	if ((due - count) / frequency >= VTL2_TIMER_FAR_S)
		return UINT64_MAX;
	return now_ns + (due - count) * NS_PER_S / frequency;
}

/*
 * While intercepts come densely VTL2 gets in by them, and asking for its timer
 * would cost more than a look that is hardly ever needed.
 */
static uint64_t next_look(const struct port_vp *p)
{
	uint64_t now = host_now_ns(), look_at = now + p->look_ns, timer;

	if (p->look_ns == ARM64_LOOK_NS)
		return look_at;
	timer = vtl2_timer(p, now);
	return timer < look_at ? timer : look_at;
}

/*
 * A kick that comes too early is left as it is, and set again when it has come:
 * to set it anew at each entry costs more. Where this host is emulated itself,
 * setting the timer was what held up an intercept most, by up to 180 ms.
 */
static void set_kick(struct port_vp *p, uint64_t look_at)
{
	struct itimerspec at = { .it_value.tv_sec = (time_t)(look_at / NS_PER_S) };

	if (p->kick_ns > host_now_ns() && p->kick_ns <= look_at)
		return;
	at.it_value.tv_nsec = (long)(look_at % NS_PER_S);
	p->kick_ns = look_at;
	(void)timer_settime(p->timer, TIMER_ABSTIME, &at, NULL);
}

static void kicked(struct port_vp *p, uint64_t look_at)
{
	kvm_take_kicks();
	if (host_now_ns() < look_at) {
		set_kick(p, look_at);
		return;
	}
	p->look_ns = p->look_ns * 2 < ARM64_LOOK_MAX_NS ? p->look_ns * 2 : ARM64_LOOK_MAX_NS;
	atomic_store(&p->wanted, true);
}

void arm64_run_vtl0(struct port_vp *p)
{
	uint64_t look_at = next_look(p);

	arm64_load_registers(p);
	set_kick(p, look_at);
	while (p->in_vtl0 && !host_ending(p->vp->host)) {
		int r;

		if (atomic_exchange(&p->wanted, false)) {
			enter_vtl2(p, HV_VTL_ENTRY_INTERRUPT);
			break;
		}
		if (!p->vtl0_runs++ && p->vp->index == 0)
			host_mark(p->vp->host, "VTL0 start");
		r = arm64_run(&p->vtl0);
		if (!r) {
			serve(p);
		} else if (r == 1) {
			kicked(p, look_at);
		} else if (errno == EFAULT) {
			protected_access(p);
		} else {
			kvm_run_failed(p->vp, HOST_VTL0);
		}
	}
}
