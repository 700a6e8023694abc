/*
 * Port accesses of the guest. The plain ones are the hot path of the whole
 * worker: no ioctl, no decoding. String forms are executed iteration by
 * iteration, a bounded number per exit.
 */
#include "ports/x86_64/vm/x86.h"

static uint64_t low_mask(unsigned bytes)
{
	return bytes >= 8 ? ~0ull : (1ull << bytes * 8) - 1;
}

/* A 32-bit result clears the upper half, narrower ones leave the rest (SDM 1 3.4.1.1). */
static uint64_t merge(uint64_t old, uint64_t value, unsigned bytes)
{
	uint64_t mask = low_mask(bytes);

	return bytes == 4 ? (uint32_t)value : (old & ~mask) | (value & mask);
}

static void step(uint64_t *reg, unsigned address_size, int64_t by)
{
	*reg = merge(*reg, *reg + (uint64_t)by, address_size);
}

/* One iteration; INS and OUTS know no other segments than ES and the (overridable) DS. */
static int string_once(struct vp *vp, struct x86_state *s, const struct x86_insn *insn, unsigned port,
	unsigned size, const struct x86_memory *memory)
{
	bool in = insn->op == X86_OP_INS;
	unsigned reg = in ? X86_RDI : X86_RSI;
	uint64_t address = s->cpu.segment_base[in ? X86_ES : insn->segment] +
		(s->cpu.gpr[reg] & low_mask(insn->address_size));
	int64_t by = s->cpu.rflags & X86_FLAG_DF ? -(int64_t)size : (int64_t)size;
	uint64_t value = 0;
	int err;

	if (in) {
		value = vm_bus_read(vp->vm, DEV_PIO, port, size);
		err = memory->write(memory->ctx, address, &value, size);
	} else {
		err = memory->read(memory->ctx, address, &value, size);
		if (!err)
			vm_bus_write(vp->vm, DEV_PIO, port, size, value);
	}
	if (!err)
		step(&s->cpu.gpr[reg], insn->address_size, by);
	return err;
}

static int string_run(struct vp *vp, struct x86_state *s, const struct x86_insn *insn, unsigned port,
	unsigned size, const struct x86_memory *memory)
{
	uint64_t mask = low_mask(insn->address_size);

	if (!insn->rep && !insn->repne) {
		int err = string_once(vp, s, insn, port, size, memory);

		s->cpu.rip += err ? 0 : insn->length;
		return err;
	}
	for (unsigned i = 0; i < X86_REP_BATCH && s->cpu.gpr[X86_RCX] & mask; i++) {
		int err = string_once(vp, s, insn, port, size, memory);

		if (err)
			return err;
		step(&s->cpu.gpr[X86_RCX], insn->address_size, -1);
	}
	if (!(s->cpu.gpr[X86_RCX] & mask))
		s->cpu.rip += insn->length;
	return 0;
}

static int string_exit(struct vp *vp, const struct hv_x64_io_port_message *m, unsigned size)
{
	struct x86_state before, s;
	struct x86_insn insn;
	struct x86_view view = { .vp = vp, .state = &before };
	struct x86_memory memory = x86_view_memory(&view);
	int err = x86_load(vp, &m->header, &before);

	if (err)
		return err;
	s = before;
	err = x86_intercepted(vp, &before, m->instruction_bytes, m->instruction_count, &insn, &view.fault);
	if (!err && insn.op != X86_OP_INS && insn.op != X86_OP_OUTS)
		err = VL_E_PROTOCOL;
	if (!err)
		err = string_run(vp, &s, &insn, le16_to_cpu(m->port), size, &memory);
	return x86_finish(vp, &view, &s, err);
}

int x86_pio_exit(struct vp *vp, const struct hv_x64_io_port_message *m)
{
	unsigned size = m->access_info & HV_X64_IO_SIZE_MASK, port = le16_to_cpu(m->port);
	uint64_t *rax = &x86_context(vp)->gp[X86_RAX];

	if (size != 1 && size != 2 && size != 4)
		return VL_E_PROTOCOL;
	if (m->access_info & HV_X64_IO_STRING)
		return string_exit(vp, m, size);
	if (m->header.access == HV_INTERCEPT_WRITE)
		vm_bus_write(vp->vm, DEV_PIO, port, size, *rax & low_mask(size));
	else
		*rax = merge(*rax, vm_bus_read(vp->vm, DEV_PIO, port, size), size);
	return x86_skip(vp, &m->header);
}
