/*
 * Execution of decoded x86 instructions against callbacks (insn.h). Called by
 * the VM worker for accesses to device memory; registers and addresses are
 * the guest's and untrusted. Flags: Intel SDM volume 2, each instruction.
 */
#include "ports/x86_64/common/insn.h"
#include "common/base/err.h"

#include <string.h>

struct run {
	const struct x86_insn *insn;
	struct x86_cpu *cpu;
	const struct x86_memory *memory;
};

static uint64_t size_mask(unsigned size)
{
	return size >= 8 ? ~0ull : (1ull << size * 8) - 1;
}

static uint64_t sign_bit(unsigned size) { return 1ull << (size * 8 - 1); }

static uint64_t sign_extend(uint64_t v, unsigned size)
{
	v &= size_mask(size);
	return v & sign_bit(size) ? v | ~size_mask(size) : v;
}

static uint64_t gpr_read(const struct x86_cpu *cpu, unsigned reg, unsigned size)
{
	return cpu->gpr[reg] & size_mask(size);
}

/* A 4-byte write clears the upper half; 1 and 2 byte writes keep the rest. */
static void gpr_write(struct x86_cpu *cpu, unsigned reg, unsigned size, uint64_t v)
{
	uint64_t keep = size == 4 ? 0 : ~size_mask(size);

	cpu->gpr[reg] = (cpu->gpr[reg] & keep) | (v & size_mask(size));
}

static int mem_read(struct run *r, uint64_t address, unsigned size, uint64_t *v)
{
	*v = 0;
	return r->memory->read(r->memory->ctx, address, v, size);
}

static int mem_write(struct run *r, uint64_t address, unsigned size, uint64_t v)
{
	return r->memory->write(r->memory->ctx, address, &v, size);
}

static int operand_read(struct run *r, const struct x86_operand *o, uint64_t *v)
{
	switch (o->kind) {
	case X86_REG: *v = gpr_read(r->cpu, o->reg, o->size); return VL_OK;
	case X86_REG_HIGH8: *v = r->cpu->gpr[o->reg] >> 8 & 0xff; return VL_OK;
	case X86_IMM: *v = r->insn->imm & size_mask(o->size); return VL_OK;
	case X86_MEM: return mem_read(r, x86_memory_operand(r->insn, r->cpu), o->size, v);
	default: return VL_E_UNSUPPORTED;
	}
}

static int operand_write(struct run *r, const struct x86_operand *o, uint64_t v)
{
	switch (o->kind) {
	case X86_REG:
		gpr_write(r->cpu, o->reg, o->size, v);
		return VL_OK;
	case X86_REG_HIGH8:
		r->cpu->gpr[o->reg] = (r->cpu->gpr[o->reg] & ~0xff00ull) | (v & 0xff) << 8;
		return VL_OK;
	case X86_MEM: return mem_write(r, x86_memory_operand(r->insn, r->cpu), o->size, v);
	default: return VL_E_UNSUPPORTED;
	}
}

static void set_flag(struct x86_cpu *cpu, uint64_t flag, bool on)
{
	cpu->rflags = on ? cpu->rflags | flag : cpu->rflags & ~flag;
}

static void set_result_flags(struct x86_cpu *cpu, uint64_t v, unsigned size)
{
	v &= size_mask(size);
	set_flag(cpu, X86_FLAG_ZF, v == 0);
	set_flag(cpu, X86_FLAG_SF, v & sign_bit(size));
	set_flag(cpu, X86_FLAG_PF, !__builtin_parity((unsigned)(v & 0xff)));
}

static void set_arith_flags(struct x86_cpu *cpu, uint64_t a, uint64_t b, uint64_t v, unsigned size,
		bool subtract)
{
	uint64_t overflow = subtract ? (a ^ b) & (a ^ v) : ~(a ^ b) & (a ^ v);

	set_result_flags(cpu, v, size);
	set_flag(cpu, X86_FLAG_OF, overflow & sign_bit(size));
	set_flag(cpu, X86_FLAG_AF, (a ^ b ^ v) & 0x10);
}

static uint64_t add(struct x86_cpu *cpu, uint64_t a, uint64_t b, unsigned carry, unsigned size)
{
	uint64_t v = (a + b + carry) & size_mask(size);

	set_arith_flags(cpu, a, b, v, size, false);
	set_flag(cpu, X86_FLAG_CF, v < a || (carry && v == a));
	return v;
}

static uint64_t subtract(struct x86_cpu *cpu, uint64_t a, uint64_t b, unsigned borrow, unsigned size)
{
	uint64_t v = (a - b - borrow) & size_mask(size);

	set_arith_flags(cpu, a, b, v, size, true);
	set_flag(cpu, X86_FLAG_CF, a < b || (borrow && a == b));
	return v;
}

static uint64_t logic(struct x86_cpu *cpu, uint64_t v, unsigned size)
{
	set_result_flags(cpu, v, size);
	cpu->rflags &= ~(uint64_t)(X86_FLAG_CF | X86_FLAG_OF | X86_FLAG_AF);
	return v;
}

static uint64_t alu(struct x86_cpu *cpu, unsigned sub, uint64_t a, uint64_t b, unsigned size)
{
	unsigned carry = cpu->rflags & X86_FLAG_CF ? 1 : 0;

	switch (sub) {
	case X86_ALU_ADD: return add(cpu, a, b, 0, size);
	case X86_ALU_OR: return logic(cpu, a | b, size);
	case X86_ALU_ADC: return add(cpu, a, b, carry, size);
	case X86_ALU_SBB: return subtract(cpu, a, b, carry, size);
	case X86_ALU_AND: return logic(cpu, a & b, size);
	case X86_ALU_XOR: return logic(cpu, a ^ b, size);
	default: return subtract(cpu, a, b, 0, size); /* SUB and CMP */
	}
}

/*
 * Read-modify-write: memory is written before flags are committed, so that a
 * refused write leaves the registers as they were.
 */
static int commit(struct run *r, const struct x86_operand *dst, uint64_t v, const struct x86_cpu *after)
{
	int err = operand_write(r, dst, v);

	if (!err)
		r->cpu->rflags = after->rflags;
	return err;
}

static int execute_alu(struct run *r)
{
	const struct x86_insn *i = r->insn;
	struct x86_cpu after = *r->cpu;
	uint64_t a, b, v;
	int err = operand_read(r, &i->dst, &a);

	if (!err)
		err = operand_read(r, &i->src, &b);
	if (err)
		return err;
	if (i->op == X86_OP_TEST)
		logic(&after, a & b, i->dst.size);
	v = i->op == X86_OP_ALU ? alu(&after, i->sub, a, b, i->dst.size) : 0;
	if (i->op == X86_OP_TEST || i->sub == X86_ALU_CMP) {
		r->cpu->rflags = after.rflags;
		return VL_OK;
	}
	return commit(r, &i->dst, v, &after);
}

static int execute_unary(struct run *r)
{
	const struct x86_insn *i = r->insn;
	struct x86_cpu after = *r->cpu;
	uint64_t a, v, carry = after.rflags & X86_FLAG_CF;
	int err = operand_read(r, &i->dst, &a);

	if (err)
		return err;
	switch (i->op) {
	case X86_OP_NOT: v = ~a; break;
	case X86_OP_NEG: v = subtract(&after, 0, a, 0, i->dst.size); break;
	case X86_OP_INC: v = add(&after, a, 1, 0, i->dst.size); break;
	default: v = subtract(&after, a, 1, 0, i->dst.size); break;
	}
	if (i->op == X86_OP_INC || i->op == X86_OP_DEC) /* CF is not affected */
		set_flag(&after, X86_FLAG_CF, carry);
	return commit(r, &i->dst, v, &after);
}

static int execute_mov(struct run *r)
{
	const struct x86_insn *i = r->insn;
	uint64_t v;
	int err = operand_read(r, &i->src, &v);

	if (err)
		return err;
	return operand_write(r, &i->dst, i->op == X86_OP_MOVSX ? sign_extend(v, i->src.size) : v);
}

/* XCHG, XADD and CMPXCHG: dst may be memory, src is a register. */
static int execute_exchange(struct run *r)
{
	const struct x86_insn *i = r->insn;
	struct x86_cpu after = *r->cpu;
	uint64_t a, b, sum;
	int err = operand_read(r, &i->dst, &a);

	if (!err)
		err = operand_read(r, &i->src, &b);
	if (err)
		return err;
	if (i->op == X86_OP_XADD) {
		sum = add(&after, a, b, 0, i->dst.size);
		if (i->dst.kind != X86_MEM) { /* with one register for both, the sum stays */
			operand_write(r, &i->src, a);
			return commit(r, &i->dst, sum, &after);
		}
		err = commit(r, &i->dst, sum, &after);
	} else {
		err = operand_write(r, &i->dst, b);
	}
	return err ? err : operand_write(r, &i->src, a);
}

static int execute_cmpxchg(struct run *r)
{
	const struct x86_insn *i = r->insn;
	struct x86_cpu after = *r->cpu;
	uint64_t acc = gpr_read(r->cpu, X86_RAX, i->dst.size);
	uint64_t a, b;
	int err = operand_read(r, &i->dst, &a);

	if (!err)
		err = operand_read(r, &i->src, &b);
	if (err)
		return err;
	subtract(&after, acc, a, 0, i->dst.size);
	if (acc == a)
		return commit(r, &i->dst, b, &after);
	/* SDM: the destination is written back in either case */
	err = commit(r, &i->dst, a, &after);
	if (!err)
		gpr_write(r->cpu, X86_RAX, i->dst.size, a);
	return err;
}

static int execute_bt(struct run *r)
{
	const struct x86_insn *i = r->insn;
	struct x86_cpu after = *r->cpu;
	uint64_t a, index, bit;
	int err = operand_read(r, &i->dst, &a);

	if (!err)
		err = operand_read(r, &i->src, &index);
	if (err)
		return err;
	bit = 1ull << (index & (i->dst.size * 8u - 1));
	set_flag(&after, X86_FLAG_CF, a & bit);
	switch (i->sub) {
	case X86_BT_SET: a |= bit; break;
	case X86_BT_RESET: a &= ~bit; break;
	case X86_BT_COMPLEMENT: a ^= bit; break;
	default:
		r->cpu->rflags = after.rflags;
		return VL_OK;
	}
	return commit(r, &i->dst, a, &after);
}

static int execute_stack(struct run *r)
{
	const struct x86_insn *i = r->insn;
	struct x86_access access[2];
	unsigned width = i->mode == 64 ? 8 : i->mode / 8;
	unsigned size = i->op == X86_OP_PUSH ? i->src.size : i->dst.size;
	uint64_t v;
	int err;

	x86_accesses(i, r->cpu, access);
	if (i->op == X86_OP_PUSH) {
		err = operand_read(r, &i->src, &v);
		if (!err)
			err = mem_write(r, access[0].address, size, v);
		if (!err)
			gpr_write(r->cpu, X86_RSP, width, r->cpu->gpr[X86_RSP] - size);
		return err;
	}
	err = mem_read(r, access[0].address, size, &v);
	if (!err)
		err = operand_write(r, &i->dst, v);
	if (!err)
		gpr_write(r->cpu, X86_RSP, width, r->cpu->gpr[X86_RSP] + size);
	return err;
}

static int execute_sse(struct run *r)
{
	const struct x86_insn *i = r->insn;
	const struct x86_memory *m = r->memory;
	uint64_t address = x86_memory_operand(i, r->cpu);
	uint8_t value[16] = { 0 };
	int err;

	if (!r->cpu->xmm)
		return VL_E_UNSUPPORTED;
	if (i->dst.kind == X86_MEM)
		return m->write(m->ctx, address, r->cpu->xmm[i->src.reg], i->dst.size);
	err = m->read(m->ctx, address, value, i->src.size);
	if (!err) /* a load of 4 or 8 bytes clears the rest of the register */
		memcpy(r->cpu->xmm[i->dst.reg], value, sizeof(value));
	return err;
}

static void string_advance(struct run *r, unsigned reg, unsigned size)
{
	uint64_t step = r->cpu->rflags & X86_FLAG_DF ? 0 - (uint64_t)size : size;

	gpr_write(r->cpu, reg, r->insn->address_size, r->cpu->gpr[reg] + step);
}

/* One iteration of a string instruction. */
static int string_step(struct run *r)
{
	const struct x86_insn *i = r->insn;
	struct x86_access a[2];
	unsigned size = i->dst.size;
	uint64_t v = 0, w = 0;
	int err;

	x86_accesses(i, r->cpu, a);
	switch (i->op) {
	case X86_OP_MOVS:
		err = mem_read(r, a[0].address, size, &v);
		if (!err)
			err = mem_write(r, a[1].address, size, v);
		break;
	case X86_OP_CMPS:
		err = mem_read(r, a[0].address, size, &v);
		if (!err)
			err = mem_read(r, a[1].address, size, &w);
		if (!err)
			subtract(r->cpu, v, w, 0, size);
		break;
	case X86_OP_STOS:
		err = mem_write(r, a[0].address, size, gpr_read(r->cpu, X86_RAX, size));
		break;
	case X86_OP_LODS:
		err = mem_read(r, a[0].address, size, &v);
		if (!err)
			gpr_write(r->cpu, X86_RAX, size, v);
		break;
	default: /* SCAS */
		err = mem_read(r, a[0].address, size, &v);
		if (!err)
			subtract(r->cpu, gpr_read(r->cpu, X86_RAX, size), v, 0, size);
	}
	if (err)
		return err;
	if (i->op != X86_OP_STOS && i->op != X86_OP_SCAS)
		string_advance(r, X86_RSI, size);
	if (i->op != X86_OP_LODS)
		string_advance(r, X86_RDI, size);
	return VL_OK;
}

/* True when a REPE/REPNE compare has found its end. */
static bool string_condition_met(const struct run *r)
{
	bool zero = r->cpu->rflags & X86_FLAG_ZF;

	if (r->insn->op != X86_OP_CMPS && r->insn->op != X86_OP_SCAS)
		return false;
	return r->insn->repne ? zero : !zero;
}

/* Sets *more when iterations remain after this batch: rip then stays. */
static int execute_string(struct run *r, bool *more)
{
	const struct x86_insn *i = r->insn;
	unsigned width = i->address_size;
	uint64_t count;
	int err;

	if (!i->rep && !i->repne)
		return string_step(r);
	for (unsigned n = 0; n < X86_REP_BATCH; n++) {
		count = gpr_read(r->cpu, X86_RCX, width);
		if (!count)
			return VL_OK;
		err = string_step(r);
		if (err)
			return err;
		gpr_write(r->cpu, X86_RCX, width, count - 1);
		if (string_condition_met(r))
			return VL_OK;
	}
	*more = gpr_read(r->cpu, X86_RCX, width) != 0;
	return VL_OK;
}

static int execute_one(struct run *r, bool *more)
{
	switch (r->insn->op) {
	case X86_OP_MOV:
	case X86_OP_MOVZX:
	case X86_OP_MOVSX: return execute_mov(r);
	case X86_OP_ALU:
	case X86_OP_TEST: return execute_alu(r);
	case X86_OP_NOT:
	case X86_OP_NEG:
	case X86_OP_INC:
	case X86_OP_DEC: return execute_unary(r);
	case X86_OP_XCHG:
	case X86_OP_XADD: return execute_exchange(r);
	case X86_OP_CMPXCHG: return execute_cmpxchg(r);
	case X86_OP_BT: return execute_bt(r);
	case X86_OP_PUSH:
	case X86_OP_POP: return execute_stack(r);
	case X86_OP_SSE_MOV: return execute_sse(r);
	case X86_OP_MOVS:
	case X86_OP_CMPS:
	case X86_OP_STOS:
	case X86_OP_LODS:
	case X86_OP_SCAS: return execute_string(r, more);
	default: return VL_E_UNSUPPORTED;
	}
}

int x86_execute(const struct x86_insn *insn, struct x86_cpu *cpu, const struct x86_memory *memory)
{
	struct run r = { insn, cpu, memory };
	bool more = false;
	int err = execute_one(&r, &more);

	if (!err && !more) {
		cpu->rip += insn->length;
		if (insn->mode != 64)
			cpu->rip &= 0xffffffff;
	}
	return err;
}
