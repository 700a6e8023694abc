/* vm_guest.h. */
#include "ports/x86_64/test/unit/vm_guest.h"
#include <string.h>

struct guest guest;

struct hv_x64_register_page *guest_registers(unsigned vp)
{
	return (struct hv_x64_register_page *)fake_hv.vp[vp].register_page;
}

struct x86_context *guest_context(unsigned vp)
{
	return (struct x86_context *)fake_hv.vp[vp].context;
}

static struct hv_x64_intercept_header header(unsigned length, enum hv_intercept_access access)
{
	const struct hv_x64_register_page *page = guest_registers(0);

	return (struct hv_x64_intercept_header){
		.instruction_length = (uint8_t)length,
		.access = (uint8_t)access,
		.cs = page->segment[X86_CS],
		.rip = cpu_to_le64(GUEST_CODE),
		.rflags = page->rflags,
	};
}

static void port_message(struct hv_message *m, const struct guest_step *s)
{
	struct hv_x64_io_port_message io = {
		.header = header(s->code ? 0 : 1,
			s->kind == GUEST_OUT ? HV_INTERCEPT_WRITE : HV_INTERCEPT_READ),
		.port = cpu_to_le16((uint16_t)s->where),
		.access_info = (uint8_t)((s->code ? 1 : s->size) | (s->code ? HV_X64_IO_STRING : 0)),
	};

	if (s->code) {
		memcpy(io.instruction_bytes, s->code, s->size);
		io.instruction_count = (uint8_t)s->size;
		guest_context(0)->gp[X86_RSI] = guest_context(0)->gp[X86_RDI] = s->rbx;
		guest_context(0)->gp[X86_RCX] = s->value;
	}
	m->type = cpu_to_le32(HV_MESSAGE_X64_IO_PORT);
	memcpy(m->payload, &io, sizeof(io));
}

static void memory_message(struct hv_message *m, const struct guest_step *s)
{
	struct hv_x64_memory_message memory = {
		.header = header(0, HV_INTERCEPT_READ),
		.gpa = cpu_to_le64(s->where),
		.gva = cpu_to_le64(s->where),
		.instruction_count = (uint8_t)s->size,
	};

	memcpy(memory.instruction_bytes, s->code, s->size);
	m->type = cpu_to_le32(HV_MESSAGE_UNMAPPED_GPA);
	memcpy(m->payload, &memory, sizeof(memory));
	guest_context(0)->gp[X86_RBX] = s->rbx;
}

static void msr_message(struct hv_message *m, const struct guest_step *s)
{
	struct hv_x64_msr_message msr = {
		.header = header(2, s->kind == GUEST_MSR_WRITE ? HV_INTERCEPT_WRITE : HV_INTERCEPT_READ),
		.msr = cpu_to_le32(s->where),
	};

	guest_context(0)->gp[X86_RDX] = s->value >> 32;
	m->type = cpu_to_le32(HV_MESSAGE_X64_MSR);
	memcpy(m->payload, &msr, sizeof(msr));
}

static void message(struct hv_message *m, const struct guest_step *s)
{
	const struct hv_x64_apic_eoi_message eoi = { .vector = cpu_to_le32(s->where) };

	memset(m, 0, sizeof(*m));
	switch (s->kind) {
	case GUEST_OUT:
	case GUEST_IN: port_message(m, s); break;
	case GUEST_MEMORY: memory_message(m, s); break;
	case GUEST_MSR_READ:
	case GUEST_MSR_WRITE: msr_message(m, s); break;
	case GUEST_EOI:
		m->type = cpu_to_le32(HV_MESSAGE_X64_APIC_EOI);
		memcpy(m->payload, &eoi, sizeof(eoi));
		break;
	case GUEST_TRIPLE_FAULT: m->type = cpu_to_le32(HV_MESSAGE_UNRECOVERABLE_EXCEPTION); break;
	case GUEST_MESSAGE: m->type = cpu_to_le32(s->where); break;
	}
}

void guest_intercept(struct hv_message *m, const struct guest_step *s)
{
	if (s->kind != GUEST_MEMORY || s->value)
		guest_context(0)->gp[X86_RAX] = s->kind == GUEST_MSR_WRITE ? (uint32_t)s->value : s->value;
	guest_registers(0)->rip = cpu_to_le64(GUEST_CODE);
	message(m, s);
}

static bool next(struct fake_vp *vp)
{
	if (vp->index)
		return false;
	if (vp->step && vp->step <= guest.count) {
		guest.rax[vp->step - 1] = guest_context(0)->gp[X86_RAX];
		guest.rip[vp->step - 1] = le64_to_cpu(guest_registers(0)->rip);
	}
	if (vp->step >= guest.count) {
		if (!guest.repeat)
			return false;
		vp->step = guest.count - 1;
	}
	guest_intercept(&vp->message, &guest.step[vp->step]);
	return true;
}

void guest_flat_mode(void)
{
	struct hv_x64_register_page *page = guest_registers(0);

	page->is_valid = 1;
	page->efer = cpu_to_le64(X86_EFER_LMA | X86_EFER_LME);
	page->cr0 = cpu_to_le64(X86_CR0_PE);
	page->segment[X86_CS].attributes = cpu_to_le16(0xa09b);
}

void guest_script(const struct guest_step *step, unsigned count)
{
	guest.step = step;
	guest.count = count;
	guest_flat_mode();
	fake_hv.guest = next;
}

void guest_bzimage(uint8_t *out, size_t size)
{
	static const struct {
		unsigned at, bytes;
		uint64_t value;
	} fields[] = {
		{ 0x1f1, 1, 4 }, { 0x1fe, 2, 0xaa55 }, { 0x200, 2, 0x6aeb }, { 0x202, 4, 0x53726448 },
		{ 0x206, 2, 0x20f },
		{ 0x211, 1, 1 }, { 0x22c, 4, 0x7fffffff }, { 0x230, 4, 0x200000 }, { 0x234, 1, 1 },
		{ 0x236, 2, 3 }, { 0x238, 4, 2047 }, { 0x258, 8, 0x1000000 }, { 0x260, 4, 0x100000 },
	};

	memset(out, 0x5a, size);
	memset(out, 0, 0x400);
	for (unsigned i = 0; i < VL_ARRAY_COUNT(fields); i++)
		memcpy(out + fields[i].at, &fields[i].value, fields[i].bytes);
}
