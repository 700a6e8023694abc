/*
 * x86 instruction decoding (insn.h). Called by the reference host and the VM
 * worker with bytes from guest memory: untrusted.
 */
#include "ports/x86_64/common/insn.h"
#include "common/base/bytes.h"
#include "common/base/err.h"

#include <string.h>

struct decoder {
	struct vl_reader in;
	struct x86_insn *insn;
	uint8_t rex;
	bool operand16, address_override, has_segment;
	uint8_t modrm, operand_size;
	bool have_modrm;
};

#define REX_W 8u
#define REX_R 4u
#define REX_X 2u
#define REX_B 1u

static unsigned modrm_mod(const struct decoder *d) { return d->modrm >> 6; }
static unsigned modrm_reg(const struct decoder *d) { return d->modrm >> 3 & 7; }
static unsigned modrm_rm(const struct decoder *d) { return d->modrm & 7; }

static int64_t read_signed(struct decoder *d, unsigned size)
{
	switch (size) {
	case 1: return (int8_t)vl_read_u8(&d->in);
	case 2: return (int16_t)vl_read_le16(&d->in);
	case 4: return (int32_t)vl_read_le32(&d->in);
	default: return (int64_t)vl_read_le64(&d->in);
	}
}

static void set_segment(struct decoder *d, enum x86_segment segment)
{
	d->insn->segment = (uint8_t)segment;
	d->has_segment = true;
}

/* Takes one legacy prefix; false when `b` is none. */
static bool legacy_prefix(struct decoder *d, uint8_t b)
{
	switch (b) {
	case 0x26: set_segment(d, X86_ES); return true;
	case 0x2e: set_segment(d, X86_CS); return true;
	case 0x36: set_segment(d, X86_SS); return true;
	case 0x3e: set_segment(d, X86_DS); return true;
	case 0x64: set_segment(d, X86_FS); return true;
	case 0x65: set_segment(d, X86_GS); return true;
	case 0x66: d->operand16 = true; return true;
	case 0x67: d->address_override = true; return true;
	case 0xf0: return true; /* LOCK: device accesses are serialized by the caller anyway */
	case 0xf2: d->insn->repne = true; d->insn->rep = false; return true;
	case 0xf3: d->insn->rep = true; d->insn->repne = false; return true;
	default: return false;
	}
}

/* Reads the prefixes and returns the first opcode byte. */
static uint8_t read_prefixes(struct decoder *d)
{
	for (;;) {
		uint8_t b = vl_read_u8(&d->in);

		if (d->in.err)
			return 0;
		if (legacy_prefix(d, b)) {
			d->rex = 0; /* a REX not directly before the opcode is ignored */
			continue;
		}
		if (d->insn->mode != 64 || (b & 0xf0) != 0x40)
			return b;
		d->rex = b;
	}
}

static void set_sizes(struct decoder *d)
{
	unsigned mode = d->insn->mode;

	if (mode == 64) {
		d->operand_size = d->rex & REX_W ? 8 : d->operand16 ? 2 : 4;
		d->insn->address_size = d->address_override ? 4 : 8;
	} else {
		bool wide = mode == 32;

		d->operand_size = wide != d->operand16 ? 4 : 2;
		d->insn->address_size = wide != d->address_override ? 4 : 2;
	}
}

static void read_modrm_16(struct decoder *d)
{
	static const int8_t base[8] = { X86_RBX, X86_RBX, X86_RBP, X86_RBP, X86_RSI, X86_RDI, X86_RBP,
		X86_RBX };
	static const int8_t index[8] = { X86_RSI, X86_RDI, X86_RSI, X86_RDI, -1, -1, -1, -1 };
	struct x86_insn *i = d->insn;
	unsigned rm = modrm_rm(d), mod = modrm_mod(d);

	i->base = base[rm];
	i->index = index[rm];
	if (mod == 0 && rm == 6) {
		i->base = -1;
		i->displacement = read_signed(d, 2);
	} else if (mod) {
		i->displacement = read_signed(d, mod == 1 ? 1 : 2);
	}
	if (!d->has_segment)
		i->segment = i->base == X86_RBP ? X86_SS : X86_DS;
}

static void read_sib(struct decoder *d)
{
	struct x86_insn *i = d->insn;
	uint8_t sib = vl_read_u8(&d->in);
	unsigned index = (sib >> 3 & 7) | (d->rex & REX_X ? 8u : 0u);

	i->scale = sib >> 6;
	i->index = index == 4 ? -1 : (int8_t)index;
	if ((sib & 7) == 5 && modrm_mod(d) == 0) {
		i->base = -1;
		i->displacement = read_signed(d, 4);
	} else {
		i->base = (int8_t)((sib & 7) | (d->rex & REX_B ? 8u : 0u));
	}
}

static void read_modrm_32(struct decoder *d)
{
	struct x86_insn *i = d->insn;
	unsigned rm = modrm_rm(d), mod = modrm_mod(d);

	if (rm == 4) {
		read_sib(d);
	} else if (rm == 5 && mod == 0) {
		i->rip_relative = i->mode == 64;
		i->displacement = read_signed(d, 4);
	} else {
		i->base = (int8_t)(rm | (d->rex & REX_B ? 8u : 0u));
	}
	if (mod == 1 || mod == 2)
		i->displacement = read_signed(d, mod == 1 ? 1 : 4);
	if (!d->has_segment)
		i->segment = i->base == X86_RSP || i->base == X86_RBP ? X86_SS : X86_DS;
}

static void read_modrm(struct decoder *d)
{
	if (d->have_modrm)
		return;
	d->have_modrm = true;
	d->modrm = vl_read_u8(&d->in);
	if (modrm_mod(d) == 3)
		return;
	if (d->insn->address_size == 2)
		read_modrm_16(d);
	else
		read_modrm_32(d);
}

static struct x86_operand reg_operand(const struct decoder *d, unsigned reg, unsigned size)
{
	struct x86_operand o = { X86_REG, (uint8_t)reg, (uint8_t)size };

	if (size == 1 && !d->rex && reg >= 4 && reg < 8) {
		o.kind = X86_REG_HIGH8;
		o.reg -= 4;
	}
	return o;
}

/* Operand E: register or memory by ModRM.rm. */
static struct x86_operand operand_e(struct decoder *d, unsigned size)
{
	read_modrm(d);
	if (modrm_mod(d) == 3)
		return reg_operand(d, modrm_rm(d) | (d->rex & REX_B ? 8u : 0u), size);
	return (struct x86_operand){ X86_MEM, 0, (uint8_t)size };
}

/* Operand G: register by ModRM.reg. */
static struct x86_operand operand_g(struct decoder *d, unsigned size)
{
	read_modrm(d);
	return reg_operand(d, modrm_reg(d) | (d->rex & REX_R ? 8u : 0u), size);
}

static struct x86_operand operand_imm(struct decoder *d, unsigned size, unsigned encoded)
{
	d->insn->imm = (uint64_t)read_signed(d, encoded);
	return (struct x86_operand){ X86_IMM, 0, (uint8_t)size };
}

/* Immediates are at most 4 bytes wide, sign-extended, but for MOV moffs. */
static unsigned imm_size(unsigned operand_size) { return operand_size == 8 ? 4 : operand_size; }

/* dst and src in the direction that opcode bit 1 gives: 0 is E,G, 1 is G,E. */
static void operands_eg(struct decoder *d, uint8_t opcode, unsigned size)
{
	struct x86_operand e = operand_e(d, size), g = operand_g(d, size);

	d->insn->dst = opcode & 2 ? g : e;
	d->insn->src = opcode & 2 ? e : g;
}

static int decode_alu(struct decoder *d, uint8_t opcode, unsigned size)
{
	d->insn->op = X86_OP_ALU;
	d->insn->sub = opcode >> 3 & 7;
	if ((opcode & 7) < 4) {
		operands_eg(d, opcode, size);
	} else {
		d->insn->dst = reg_operand(d, X86_RAX, size);
		d->insn->src = operand_imm(d, size, imm_size(size));
	}
	return VL_OK;
}

static int decode_group1(struct decoder *d, uint8_t opcode, unsigned size)
{
	if (opcode == 0x82)
		return VL_E_UNSUPPORTED;
	d->insn->op = X86_OP_ALU;
	d->insn->dst = operand_e(d, size);
	d->insn->sub = (uint8_t)modrm_reg(d);
	d->insn->src = operand_imm(d, size, opcode == 0x83 ? 1 : imm_size(size));
	return VL_OK;
}

static int decode_moffs(struct decoder *d, uint8_t opcode, unsigned size)
{
	struct x86_operand memory = { X86_MEM, 0, (uint8_t)size };
	struct x86_operand acc = reg_operand(d, X86_RAX, size);

	d->insn->op = X86_OP_MOV;
	d->insn->displacement = read_signed(d, d->insn->address_size);
	d->insn->dst = opcode & 2 ? memory : acc;
	d->insn->src = opcode & 2 ? acc : memory;
	return VL_OK;
}

/* F6/F7: TEST, NOT, NEG of memory or register; MUL and DIV are not for devices. */
static int decode_group3(struct decoder *d, unsigned size)
{
	d->insn->dst = operand_e(d, size);
	switch (modrm_reg(d)) {
	case 0:
	case 1:
		d->insn->op = X86_OP_TEST;
		d->insn->src = operand_imm(d, size, imm_size(size));
		return VL_OK;
	case 2: d->insn->op = X86_OP_NOT; return VL_OK;
	case 3: d->insn->op = X86_OP_NEG; return VL_OK;
	default: return VL_E_UNSUPPORTED;
	}
}

/* FE/FF: INC, DEC, and PUSH (whose size is 8 in 64-bit mode unless 66). */
static int decode_group45(struct decoder *d, uint8_t opcode, unsigned size)
{
	read_modrm(d);
	if (modrm_reg(d) < 2) {
		d->insn->op = modrm_reg(d) ? X86_OP_DEC : X86_OP_INC;
		d->insn->dst = operand_e(d, size);
		return VL_OK;
	}
	if (opcode == 0xff && modrm_reg(d) == 6) {
		d->insn->op = X86_OP_PUSH;
		d->insn->src = operand_e(d, d->insn->mode == 64 && !d->operand16 ? 8 : size);
		return VL_OK;
	}
	return VL_E_UNSUPPORTED;
}

static int decode_pop(struct decoder *d, unsigned size)
{
	read_modrm(d);
	if (modrm_reg(d))
		return VL_E_UNSUPPORTED;
	d->insn->op = X86_OP_POP;
	d->insn->dst = operand_e(d, d->insn->mode == 64 && !d->operand16 ? 8 : size);
	return VL_OK;
}

static int decode_string(struct decoder *d, enum x86_op op, unsigned size)
{
	d->insn->op = (uint8_t)op;
	d->insn->dst.size = d->insn->src.size = (uint8_t)size;
	if (!d->has_segment)
		d->insn->segment = X86_DS;
	return VL_OK;
}

/* IN and OUT, immediate (E4-E7) or DX (EC-EF): the port is src or dst as imm; DX is register 2. */
static int decode_io(struct decoder *d, uint8_t opcode)
{
	unsigned size = opcode & 1 ? (d->operand_size == 2 ? 2 : 4) : 1;
	struct x86_operand port = { X86_REG, X86_RDX, 2 };
	struct x86_operand acc = { X86_REG, X86_RAX, (uint8_t)size };

	if (opcode < 0xe8) {
		d->insn->imm = vl_read_u8(&d->in);
		port = (struct x86_operand){ X86_IMM, 0, 2 };
	}
	d->insn->op = opcode & 2 ? X86_OP_OUT : X86_OP_IN;
	d->insn->dst = opcode & 2 ? port : acc;
	d->insn->src = opcode & 2 ? acc : port;
	return VL_OK;
}

static int set_op(struct decoder *d, enum x86_op op)
{
	d->insn->op = (uint8_t)op;
	return VL_OK;
}

static int decode_one_byte(struct decoder *d, uint8_t opcode)
{
	unsigned size = opcode & 1 ? d->operand_size : 1;
	unsigned io_size = opcode & 1 ? (d->operand_size == 2 ? 2 : 4) : 1;

	if (opcode < 0x40 && (opcode & 7) < 6)
		return decode_alu(d, opcode, size);
	switch (opcode) {
	case 0x63:
		if (d->insn->mode != 64)
			return VL_E_UNSUPPORTED;
		d->insn->dst = operand_g(d, d->operand_size);
		d->insn->src = operand_e(d, 4);
		return set_op(d, X86_OP_MOVSX);
	case 0x6c: case 0x6d: return decode_string(d, X86_OP_INS, io_size);
	case 0x6e: case 0x6f: return decode_string(d, X86_OP_OUTS, io_size);
	case 0x80: case 0x81: case 0x82: case 0x83: return decode_group1(d, opcode, size);
	case 0x84: case 0x85: operands_eg(d, 0, size); return set_op(d, X86_OP_TEST);
	case 0x86: case 0x87: operands_eg(d, 0, size); return set_op(d, X86_OP_XCHG);
	case 0x88: case 0x89: case 0x8a: case 0x8b:
		operands_eg(d, opcode, size);
		return set_op(d, X86_OP_MOV);
	case 0x8f: return decode_pop(d, size);
	case 0xa0: case 0xa1: case 0xa2: case 0xa3: return decode_moffs(d, opcode, size);
	case 0xa4: case 0xa5: return decode_string(d, X86_OP_MOVS, size);
	case 0xa6: case 0xa7: return decode_string(d, X86_OP_CMPS, size);
	case 0xaa: case 0xab: return decode_string(d, X86_OP_STOS, size);
	case 0xac: case 0xad: return decode_string(d, X86_OP_LODS, size);
	case 0xae: case 0xaf: return decode_string(d, X86_OP_SCAS, size);
	case 0xc6: case 0xc7:
		d->insn->dst = operand_e(d, size);
		d->insn->src = operand_imm(d, size, imm_size(size));
		return modrm_reg(d) ? VL_E_UNSUPPORTED : set_op(d, X86_OP_MOV);
	case 0xe4: case 0xe5: case 0xe6: case 0xe7:
	case 0xec: case 0xed: case 0xee: case 0xef: return decode_io(d, opcode);
	case 0xf4: return set_op(d, X86_OP_HLT);
	case 0xf6: case 0xf7: return decode_group3(d, size);
	case 0xfe: case 0xff: return decode_group45(d, opcode, size);
	default: return VL_E_UNSUPPORTED;
	}
}

static struct x86_operand xmm_operand(struct decoder *d, unsigned size)
{
	read_modrm(d);
	return (struct x86_operand){ X86_XMM, (uint8_t)(modrm_reg(d) | (d->rex & REX_R ? 8u : 0u)),
		(uint8_t)size };
}

/* An SSE move between memory and a register; register forms never reach us and are refused. */
static int decode_sse(struct decoder *d, unsigned size, bool store)
{
	struct x86_operand e = operand_e(d, size), x = xmm_operand(d, size);

	if (!size || e.kind != X86_MEM)
		return VL_E_UNSUPPORTED;
	d->insn->dst = store ? e : x;
	d->insn->src = store ? x : e;
	return set_op(d, X86_OP_SSE_MOV);
}

/* Width of MOVUPS/MOVUPD/MOVSS/MOVSD (0F 10/11) by prefix. */
static unsigned sse_scalar_size(const struct decoder *d)
{
	return d->insn->rep ? 4 : d->insn->repne ? 8 : 16;
}

static int decode_two_byte_sse(struct decoder *d, uint8_t opcode)
{
	bool none = !d->operand16 && !d->insn->rep && !d->insn->repne;

	switch (opcode) {
	case 0x10: case 0x11: return decode_sse(d, sse_scalar_size(d), opcode & 1);
	case 0x28: case 0x29: return decode_sse(d, 16, opcode & 1);
	case 0x2b: return decode_sse(d, 16, true);
	case 0x6e: return decode_sse(d, d->operand16 ? (d->rex & REX_W ? 8 : 4) : 0, false);
	case 0x6f: return decode_sse(d, none ? 0 : 16, false);
	case 0x7e:
		if (d->insn->rep)
			return decode_sse(d, 8, false);
		return decode_sse(d, d->operand16 ? (d->rex & REX_W ? 8 : 4) : 0, true);
	case 0x7f: return decode_sse(d, none ? 0 : 16, true);
	case 0xd6: return decode_sse(d, d->operand16 ? 8 : 0, true);
	case 0xe7: return decode_sse(d, d->operand16 ? 16 : 0, true);
	default: return VL_E_UNSUPPORTED;
	}
}

static int decode_bt_imm(struct decoder *d)
{
	d->insn->dst = operand_e(d, d->operand_size);
	if (modrm_reg(d) < 4)
		return VL_E_UNSUPPORTED;
	d->insn->sub = (uint8_t)(modrm_reg(d) - 4);
	d->insn->src = operand_imm(d, d->operand_size, 1);
	d->insn->imm &= d->operand_size * 8u - 1;
	return set_op(d, X86_OP_BT);
}

static int decode_two_byte(struct decoder *d)
{
	uint8_t opcode = vl_read_u8(&d->in);
	unsigned size = opcode & 1 ? d->operand_size : 1;

	switch (opcode) {
	case 0x30: return set_op(d, X86_OP_WRMSR);
	case 0x32: return set_op(d, X86_OP_RDMSR);
	case 0xa2: return set_op(d, X86_OP_CPUID);
	case 0xa3: case 0xab: case 0xb3: case 0xbb:
		operands_eg(d, 0, d->operand_size);
		d->insn->sub = (uint8_t[]){ X86_BT_TEST, X86_BT_SET, X86_BT_RESET,
			X86_BT_COMPLEMENT }[(opcode - 0xa3) / 8];
		return set_op(d, X86_OP_BT);
	case 0xba: return decode_bt_imm(d);
	case 0xb0: case 0xb1: operands_eg(d, 0, size); return set_op(d, X86_OP_CMPXCHG);
	case 0xc0: case 0xc1: operands_eg(d, 0, size); return set_op(d, X86_OP_XADD);
	case 0xb6: case 0xb7: case 0xbe: case 0xbf:
		d->insn->dst = operand_g(d, d->operand_size);
		d->insn->src = operand_e(d, opcode & 1 ? 2 : 1);
		return set_op(d, opcode & 8 ? X86_OP_MOVSX : X86_OP_MOVZX);
	case 0xc3:
		operands_eg(d, 0, d->operand_size);
		return set_op(d, X86_OP_MOV);
	default: return decode_two_byte_sse(d, opcode);
	}
}

int x86_decode(const uint8_t *bytes, size_t count, unsigned mode, struct x86_insn *insn)
{
	struct decoder d = { .insn = insn };
	uint8_t opcode;
	int err;

	memset(insn, 0, sizeof(*insn));
	insn->mode = (uint8_t)mode;
	insn->base = insn->index = -1;
	insn->segment = X86_DS;
	vl_reader_init(&d.in, bytes, count < X86_INSN_BYTES_MAX ? count : X86_INSN_BYTES_MAX);
	opcode = read_prefixes(&d);
	if (d.in.err)
		return d.in.err;
	set_sizes(&d);
	err = opcode == 0x0f ? decode_two_byte(&d) : decode_one_byte(&d, opcode);
	if (d.in.err)
		return d.in.err;
	insn->length = (uint8_t)d.in.pos;
	return err;
}

bool x86_has_memory_operand(const struct x86_insn *insn)
{
	return insn->dst.kind == X86_MEM || insn->src.kind == X86_MEM;
}

static uint64_t address_mask(const struct x86_insn *insn)
{
	return insn->address_size == 8 ? ~0ull : (1ull << insn->address_size * 8) - 1;
}

/* Adds the segment base; in 64-bit mode only FS and GS have one. */
static uint64_t linear(const struct x86_insn *insn, const struct x86_cpu *cpu, unsigned segment,
		uint64_t offset)
{
	if (insn->mode == 64)
		return segment >= X86_FS ? offset + cpu->segment_base[segment] : offset;
	return (uint32_t)(offset + cpu->segment_base[segment]);
}

static int64_t bit_string_offset(const struct x86_insn *insn, const struct x86_cpu *cpu)
{
	unsigned bits = insn->dst.size * 8u;
	int64_t index;

	if (insn->op != X86_OP_BT || insn->src.kind != X86_REG)
		return 0;
	index = (int64_t)cpu->gpr[insn->src.reg];
	if (bits == 16)
		index = (int16_t)index;
	else if (bits == 32)
		index = (int32_t)index;
	/* SDM BT: the word that holds the bit, rounding towards minus infinity */
	return (index & ~(int64_t)(bits - 1)) / 8;
}

uint64_t x86_memory_operand(const struct x86_insn *insn, const struct x86_cpu *cpu)
{
	uint64_t offset = (uint64_t)insn->displacement;

	if (insn->base >= 0)
		offset += cpu->gpr[insn->base];
	if (insn->index >= 0)
		offset += cpu->gpr[insn->index] << insn->scale;
	if (insn->rip_relative)
		offset += cpu->rip + insn->length;
	offset += (uint64_t)bit_string_offset(insn, cpu);
	if (insn->op == X86_OP_POP && insn->base == X86_RSP)
		offset += insn->dst.size; /* SDM POP: RSP is incremented before the address is computed */
	return linear(insn, cpu, insn->segment, offset & address_mask(insn));
}

static uint64_t string_address(const struct x86_insn *insn, const struct x86_cpu *cpu, bool source)
{
	uint64_t offset = cpu->gpr[source ? X86_RSI : X86_RDI] & address_mask(insn);

	return linear(insn, cpu, source ? insn->segment : X86_ES, offset);
}

static bool writes_memory(const struct x86_insn *insn)
{
	if (insn->op == X86_OP_ALU)
		return insn->sub != X86_ALU_CMP;
	if (insn->op == X86_OP_BT)
		return insn->sub != X86_BT_TEST;
	return insn->op != X86_OP_TEST;
}

unsigned x86_accesses(const struct x86_insn *insn, const struct x86_cpu *cpu, struct x86_access out[2])
{
	uint8_t size = insn->dst.size;
	unsigned count = 0;

	switch (insn->op) {
	case X86_OP_MOVS:
	case X86_OP_CMPS:
		out[count++] = (struct x86_access){ string_address(insn, cpu, true), size, false };
		out[count++] = (struct x86_access){ string_address(insn, cpu, false), size,
			insn->op == X86_OP_MOVS };
		return count;
	case X86_OP_LODS:
	case X86_OP_OUTS:
		out[count++] = (struct x86_access){ string_address(insn, cpu, true), size, false };
		return count;
	case X86_OP_STOS:
	case X86_OP_INS:
	case X86_OP_SCAS:
		out[count++] = (struct x86_access){ string_address(insn, cpu, false), size,
			insn->op != X86_OP_SCAS };
		return count;
	case X86_OP_PUSH:
		size = insn->src.size;
		out[count++] = (struct x86_access){ linear(insn, cpu, X86_SS, cpu->gpr[X86_RSP] - size),
			size, true };
		break;
	case X86_OP_POP:
		out[count++] = (struct x86_access){ linear(insn, cpu, X86_SS, cpu->gpr[X86_RSP]),
			size, false };
		break;
	}
	if (insn->src.kind == X86_MEM)
		out[count++] = (struct x86_access){ x86_memory_operand(insn, cpu), insn->src.size,
						    insn->op == X86_OP_XCHG };
	else if (insn->dst.kind == X86_MEM)
		out[count++] = (struct x86_access){ x86_memory_operand(insn, cpu), size,
			writes_memory(insn) };
	return count;
}
