/*
 * x86 instruction decoder and executor for the instructions that touch device
 * memory. The reference host uses the decoder to find the memory operand of
 * an access that KVM refused; the VM worker uses the executor to carry out an
 * MMIO access. Source: Intel SDM volume 2, AMD APM volume 3.
 *
 * The instruction bytes and all register values come from the guest and are
 * hostile: any byte string decodes to an instruction or to a named error.
 * Nothing allocates; nothing here knows a hypervisor.
 *
 * Covered: MOV in all integer forms, MOVZX/MOVSX/MOVSXD, the eight ALU
 * operations, TEST, NOT, NEG, INC, DEC, XCHG, XADD, CMPXCHG, BT/BTS/BTR/BTC,
 * MOVNTI, PUSH/POP of memory, the string instructions, and the SSE moves of
 * 4, 8 and 16 bytes. IN, OUT, INS, OUTS, RDMSR, WRMSR, CPUID and HLT are decoded
 * for their length and form only. Anything else is VL_E_UNSUPPORTED.
 */
#ifndef VL_X86_INSN_H
#define VL_X86_INSN_H

#include "common/base/types.h"

#define X86_INSN_BYTES_MAX 15

enum x86_gpr { X86_RAX, X86_RCX, X86_RDX, X86_RBX, X86_RSP, X86_RBP, X86_RSI, X86_RDI };
/* Order of the ISA's segment encoding and of HvX64RegisterEs.. */
enum x86_segment { X86_ES, X86_CS, X86_SS, X86_DS, X86_FS, X86_GS };

#define X86_FLAG_CF (1u << 0)
#define X86_FLAG_PF (1u << 2)
#define X86_FLAG_AF (1u << 4)
#define X86_FLAG_ZF (1u << 6)
#define X86_FLAG_SF (1u << 7)
#define X86_FLAG_DF (1u << 10)
#define X86_FLAG_OF (1u << 11)

enum x86_op {
	X86_OP_INVALID,
	X86_OP_MOV, X86_OP_MOVZX, X86_OP_MOVSX, X86_OP_ALU, X86_OP_TEST, X86_OP_NOT, X86_OP_NEG, X86_OP_INC,
	X86_OP_DEC, X86_OP_XCHG, X86_OP_XADD, X86_OP_CMPXCHG, X86_OP_BT, X86_OP_PUSH, X86_OP_POP,
	X86_OP_SSE_MOV, X86_OP_MOVS, X86_OP_CMPS, X86_OP_STOS, X86_OP_LODS, X86_OP_SCAS,
	X86_OP_IN, X86_OP_OUT, X86_OP_INS, X86_OP_OUTS, X86_OP_RDMSR, X86_OP_WRMSR, X86_OP_CPUID, X86_OP_HLT,
};

/* x86_insn.sub of X86_OP_ALU (the encoding's own order) and of X86_OP_BT. */
enum { X86_ALU_ADD, X86_ALU_OR, X86_ALU_ADC, X86_ALU_SBB, X86_ALU_AND, X86_ALU_SUB, X86_ALU_XOR,
	X86_ALU_CMP };
enum { X86_BT_TEST, X86_BT_SET, X86_BT_RESET, X86_BT_COMPLEMENT };

enum x86_operand_kind { X86_NONE, X86_REG, X86_REG_HIGH8, X86_MEM, X86_IMM, X86_XMM };

struct x86_operand {
	uint8_t kind; /* enum x86_operand_kind */
	uint8_t reg;  /* for REG: 0-15; for REG_HIGH8 0-3 (AH CH DH BH); XMM 0-15 */
	uint8_t size; /* bytes: 1, 2, 4, 8, 16 */
};

struct x86_insn {
	uint8_t length;       /* bytes, prefixes included */
	uint8_t op, sub;      /* enum x86_op */
	uint8_t mode;         /* bits of the code segment: 16, 32 or 64 */
	uint8_t address_size; /* bytes: 2, 4, 8 */
	bool rep, repne;
	struct x86_operand dst, src;
	uint64_t imm;         /* sign-extended as the instruction says */
	/* The memory operand, when dst or src is X86_MEM. */
	int8_t base, index;   /* register, or -1 */
	uint8_t scale;        /* 0-3 */
	uint8_t segment;      /* enum x86_segment */
	bool rip_relative;
	int64_t displacement;
};

/* The registers that decoding addresses and executing need; the caller fills and takes them back. */
struct x86_cpu {
	uint64_t gpr[16];
	uint64_t rip, rflags;
	uint64_t segment_base[6];
	uint8_t (*xmm)[16]; /* 16 registers, or NULL: SSE moves are VL_E_UNSUPPORTED */
};

/*
 * Decodes the instruction at the start of `bytes`. VL_E_TRUNCATED: more bytes
 * are needed (at X86_INSN_BYTES_MAX: there is no such instruction);
 * VL_E_UNSUPPORTED: not one of ours, or undefined.
 */
int x86_decode(const uint8_t *bytes, size_t count, unsigned mode, struct x86_insn *insn) VL_HOT;

/* True when the instruction has an explicit memory operand. */
bool x86_has_memory_operand(const struct x86_insn *insn);
/* The linear address of the memory operand; rip is that of the instruction itself. */
uint64_t x86_memory_operand(const struct x86_insn *insn, const struct x86_cpu *cpu);
/*
 * Every linear address that the instruction accesses in its next iteration,
 * string operands and stack included: at most 2. Returns the count.
 */
struct x86_access {
	uint64_t address;
	uint8_t size;
	bool write; /* a read-modify-write is a write */
};
unsigned x86_accesses(const struct x86_insn *insn, const struct x86_cpu *cpu, struct x86_access out[2]);

/*
 * Memory as the executor sees it, by linear address; size 1, 2, 4, 8 or 16; an error ends the instruction
 * unfinished.
 */
struct x86_memory {
	int (*read)(void *ctx, uint64_t address, void *out, unsigned size);
	int (*write)(void *ctx, uint64_t address, const void *data, unsigned size);
	void *ctx;
};

#define X86_REP_BATCH 64 /* iterations of a REP per call: bounds the time of one exit */

/*
 * Executes the instruction: on VL_OK registers and flags are updated and rip
 * moved past it, or left on it when REP iterations remain. On an error of a
 * memory callback that error is returned; iterations finished before it stay
 * done, as on hardware.
 */
int x86_execute(const struct x86_insn *insn, struct x86_cpu *cpu, const struct x86_memory *memory);

#endif
