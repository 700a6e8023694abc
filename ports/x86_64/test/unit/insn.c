/*
 * Unit tests of the x86 decoder and executor. Expected values are from the SDM and from an assembler's
 * output.
 */
#include "ports/x86_64/common/insn.h"
#include "common/base/err.h"

#include <check.h>
#include <string.h>

Suite *suite_insn(void);

#define MEM_BASE 0x1000u

static uint8_t memory[4096];
static int refuse_writes;

static int mem_read(void *ctx, uint64_t address, void *out, unsigned size)
{
	(void)ctx;
	if (!vl_within(address - MEM_BASE, size, sizeof(memory)))
		return VL_E_GUEST;
	memcpy(out, memory + (address - MEM_BASE), size);
	return VL_OK;
}

static int mem_write(void *ctx, uint64_t address, const void *data, unsigned size)
{
	(void)ctx;
	if (refuse_writes || !vl_within(address - MEM_BASE, size, sizeof(memory)))
		return VL_E_GUEST;
	memcpy(memory + (address - MEM_BASE), data, size);
	return VL_OK;
}

static const struct x86_memory ops = { mem_read, mem_write, NULL };
static struct x86_cpu cpu;
static uint8_t xmm[16][16];
static struct x86_insn insn;

static void setup(void)
{
	memset(memory, 0, sizeof(memory));
	memset(&cpu, 0, sizeof(cpu));
	refuse_writes = 0;
	cpu.rip = 0x400000;
	cpu.rflags = 2;
	cpu.xmm = xmm;
}

/* Decodes and executes `bytes`; the whole string must be one instruction. */
static int run_mode(unsigned mode, const char *bytes, size_t count)
{
	int err = x86_decode((const uint8_t *)bytes, count, mode, &insn);

	if (err)
		return err;
	ck_assert_uint_eq(insn.length, count);
	return x86_execute(&insn, &cpu, &ops);
}
#define RUN(s) run_mode(64, s, sizeof(s) - 1)

static uint64_t peek(uint64_t address, unsigned size)
{
	uint64_t v = 0;

	memcpy(&v, memory + (address - MEM_BASE), size);
	return v;
}

START_TEST(a_32_bit_store_and_load_use_the_sib_address)
{
	cpu.gpr[X86_RBX] = MEM_BASE;
	cpu.gpr[X86_RCX] = 4;
	cpu.gpr[X86_RAX] = 0x1122334455667788;
	ck_assert_int_eq(RUN("\x89\x44\x8b\x10"), VL_OK); /* mov [rbx+rcx*4+0x10], eax */
	ck_assert(peek(MEM_BASE + 0x20, 8) == 0x55667788);
	ck_assert(cpu.rip == 0x400004);
	ck_assert_int_eq(RUN("\x8b\x54\x8b\x10"), VL_OK); /* mov edx, [..] clears the upper half */
	ck_assert(cpu.gpr[X86_RDX] == 0x55667788);
}
END_TEST

START_TEST(byte_registers_are_high_bytes_only_without_rex)
{
	cpu.gpr[X86_RDI] = MEM_BASE;
	cpu.gpr[X86_RAX] = 0xabcd;
	ck_assert_int_eq(RUN("\x88\x27"), VL_OK); /* mov [rdi], ah */
	ck_assert_uint_eq(peek(MEM_BASE, 1), 0xab);
	cpu.gpr[X86_RSP] = 0x5a;
	ck_assert_int_eq(RUN("\x40\x88\x27"), VL_OK); /* mov [rdi], spl */
	ck_assert_uint_eq(peek(MEM_BASE, 1), 0x5a);
	ck_assert_int_eq(RUN("\x8a\x27"), VL_OK); /* mov ah, [rdi] */
	ck_assert(cpu.gpr[X86_RAX] == 0x5acd);
}
END_TEST

START_TEST(rip_relative_addresses_count_from_the_next_instruction)
{
	cpu.rip = MEM_BASE;
	/* mov dword [rip+0x10], imm32 */
	ck_assert_int_eq(RUN("\xc7\x05\x10\x00\x00\x00\x78\x56\x34\x12"), VL_OK);
	ck_assert(peek(MEM_BASE + 10 + 0x10, 4) == 0x12345678);
}
END_TEST

START_TEST(extended_registers_and_sign_extended_immediates_work)
{
	cpu.gpr[12] = MEM_BASE;
	ck_assert_int_eq(RUN("\x49\xc7\x44\x24\x08\xff\xff\xff\xff"), VL_OK); /* mov qword [r12+8], -1 */
	ck_assert(peek(MEM_BASE + 8, 8) == UINT64_MAX);
	ck_assert_int_eq(RUN("\x4d\x8b\x44\x24\x08"), VL_OK); /* mov r8, [r12+8] */
	ck_assert(cpu.gpr[8] == UINT64_MAX);
}
END_TEST

START_TEST(widening_moves_extend_as_their_name_says)
{
	cpu.gpr[X86_RSI] = MEM_BASE;
	memory[0] = 0x80;
	memory[1] = 0xff;
	ck_assert_int_eq(RUN("\x0f\xb6\x06"), VL_OK); /* movzx eax, byte [rsi] */
	ck_assert(cpu.gpr[X86_RAX] == 0x80);
	ck_assert_int_eq(RUN("\x48\x0f\xbe\x06"), VL_OK); /* movsx rax, byte [rsi] */
	ck_assert(cpu.gpr[X86_RAX] == 0xffffffffffffff80);
	ck_assert_int_eq(RUN("\x0f\xbf\x06"), VL_OK); /* movsx eax, word [rsi] */
	ck_assert(cpu.gpr[X86_RAX] == 0xffffff80);
	memory[3] = 0x80;
	ck_assert_int_eq(RUN("\x48\x63\x06"), VL_OK); /* movsxd rax, dword [rsi] */
	ck_assert(cpu.gpr[X86_RAX] == 0xffffffff8000ff80);
}
END_TEST

START_TEST(alu_operations_set_the_flags_of_the_manual)
{
	cpu.gpr[X86_RDI] = MEM_BASE;
	memory[0] = 0xff;
	ck_assert_int_eq(RUN("\x80\x07\x01"), VL_OK); /* add byte [rdi], 1 */
	ck_assert_uint_eq(peek(MEM_BASE, 1), 0);
	ck_assert(cpu.rflags & X86_FLAG_CF && cpu.rflags & X86_FLAG_ZF && cpu.rflags & X86_FLAG_AF);
	ck_assert(!(cpu.rflags & X86_FLAG_OF));
	ck_assert_int_eq(RUN("\x80\x17\x00"), VL_OK); /* adc byte [rdi], 0 */
	ck_assert_uint_eq(peek(MEM_BASE, 1), 1);
	memory[0] = 0x80;
	ck_assert_int_eq(RUN("\x80\x2f\x01"), VL_OK); /* sub byte [rdi], 1 */
	ck_assert_uint_eq(peek(MEM_BASE, 1), 0x7f);
	ck_assert(cpu.rflags & X86_FLAG_OF && !(cpu.rflags & X86_FLAG_CF) && !(cpu.rflags & X86_FLAG_SF));
	ck_assert_int_eq(RUN("\x80\x3f\x80"), VL_OK); /* cmp byte [rdi], 0x80 */
	ck_assert_uint_eq(peek(MEM_BASE, 1), 0x7f);
	ck_assert(cpu.rflags & X86_FLAG_CF && cpu.rflags & X86_FLAG_SF && cpu.rflags & X86_FLAG_OF);
	ck_assert_int_eq(RUN("\x80\x27\x0f"), VL_OK); /* and */
	ck_assert_int_eq(RUN("\x80\x0f\x30"), VL_OK); /* or */
	ck_assert_int_eq(RUN("\x80\x37\x01"), VL_OK); /* xor */
	ck_assert_uint_eq(peek(MEM_BASE, 1), 0x3e);
	ck_assert(!(cpu.rflags & X86_FLAG_PF)); /* five ones */
}
END_TEST

START_TEST(inc_and_dec_leave_the_carry_alone)
{
	cpu.gpr[X86_RDI] = MEM_BASE;
	cpu.rflags |= X86_FLAG_CF;
	memory[0] = memory[1] = memory[2] = 0xff;
	memory[3] = 0x7f;
	ck_assert_int_eq(RUN("\xff\x07"), VL_OK); /* inc dword [rdi] */
	ck_assert(peek(MEM_BASE, 4) == 0x80000000);
	ck_assert(cpu.rflags & X86_FLAG_CF && cpu.rflags & X86_FLAG_OF);
	ck_assert_int_eq(RUN("\xf7\x1f"), VL_OK); /* neg */
	ck_assert(peek(MEM_BASE, 4) == 0x80000000 && cpu.rflags & X86_FLAG_OF);
	ck_assert_int_eq(RUN("\xf7\x17"), VL_OK); /* not */
	ck_assert(peek(MEM_BASE, 4) == 0x7fffffff);
}
END_TEST

START_TEST(exchanges_return_the_old_value)
{
	cpu.gpr[X86_RDI] = MEM_BASE;
	cpu.gpr[X86_RAX] = 7;
	memory[0] = 5;
	ck_assert_int_eq(RUN("\x87\x07"), VL_OK); /* xchg [rdi], eax */
	ck_assert(cpu.gpr[X86_RAX] == 5 && peek(MEM_BASE, 4) == 7);
	ck_assert_int_eq(RUN("\xf0\x0f\xc1\x07"), VL_OK); /* lock xadd [rdi], eax */
	ck_assert(cpu.gpr[X86_RAX] == 7 && peek(MEM_BASE, 4) == 12);
	cpu.gpr[X86_RAX] = 12;
	cpu.gpr[X86_RCX] = 99;
	ck_assert_int_eq(RUN("\xf0\x0f\xb1\x0f"), VL_OK); /* lock cmpxchg [rdi], ecx */
	ck_assert(peek(MEM_BASE, 4) == 99 && cpu.rflags & X86_FLAG_ZF);
	ck_assert_int_eq(RUN("\xf0\x0f\xb1\x0f"), VL_OK);
	ck_assert(cpu.gpr[X86_RAX] == 99 && !(cpu.rflags & X86_FLAG_ZF));
}
END_TEST

START_TEST(a_bit_string_index_moves_the_address)
{
	cpu.gpr[X86_RDI] = MEM_BASE + 64;
	cpu.gpr[X86_RCX] = 37;
	ck_assert_int_eq(RUN("\x0f\xab\x0f"), VL_OK); /* bts [rdi], ecx */
	ck_assert(peek(MEM_BASE + 68, 4) == 1u << 5 && !(cpu.rflags & X86_FLAG_CF));
	ck_assert_int_eq(RUN("\x0f\xa3\x0f"), VL_OK); /* bt */
	ck_assert(cpu.rflags & X86_FLAG_CF);
	cpu.gpr[X86_RCX] = (uint64_t)-1;
	ck_assert_int_eq(RUN("\x48\x0f\xab\x0f"), VL_OK); /* bts [rdi], rcx: bit 63 of the word before */
	ck_assert(peek(MEM_BASE + 56, 8) == 1ull << 63);
	ck_assert_int_eq(RUN("\x0f\xba\x3f\x25"), VL_OK); /* btc dword [rdi], 37: the immediate wraps */
	ck_assert(peek(MEM_BASE + 64, 4) == 1u << 5);
}
END_TEST

START_TEST(rep_movs_runs_in_batches_and_ends_past_the_instruction)
{
	for (unsigned i = 0; i < 256; i++)
		memory[i] = (uint8_t)i;
	cpu.gpr[X86_RSI] = MEM_BASE;
	cpu.gpr[X86_RDI] = MEM_BASE + 1024;
	cpu.gpr[X86_RCX] = X86_REP_BATCH + 10;
	ck_assert_int_eq(RUN("\xf3\xa4"), VL_OK);
	ck_assert_uint_eq(cpu.gpr[X86_RCX], 10);
	ck_assert(cpu.rip == 0x400000);
	ck_assert_int_eq(RUN("\xf3\xa4"), VL_OK);
	ck_assert(cpu.gpr[X86_RCX] == 0 && cpu.rip == 0x400002);
	ck_assert_int_eq(memcmp(memory, memory + 1024, X86_REP_BATCH + 10), 0);
	ck_assert_uint_eq(memory[1024 + X86_REP_BATCH + 10], 0);
}
END_TEST

START_TEST(a_fault_inside_rep_keeps_the_iterations_done)
{
	cpu.gpr[X86_RAX] = 0x11;
	cpu.gpr[X86_RDI] = MEM_BASE + sizeof(memory) - 3;
	cpu.gpr[X86_RCX] = 8;
	ck_assert_int_eq(RUN("\xf3\xaa"), VL_E_GUEST); /* rep stosb */
	ck_assert_uint_eq(cpu.gpr[X86_RCX], 5);
	ck_assert(cpu.rip == 0x400000);
	ck_assert(cpu.gpr[X86_RDI] == MEM_BASE + sizeof(memory));
}
END_TEST

START_TEST(repne_scas_stops_at_the_match_and_df_counts_down)
{
	memory[5] = 'x';
	cpu.gpr[X86_RAX] = 'x';
	cpu.gpr[X86_RDI] = MEM_BASE;
	cpu.gpr[X86_RCX] = 50;
	ck_assert_int_eq(RUN("\xf2\xae"), VL_OK);
	ck_assert(cpu.gpr[X86_RDI] == MEM_BASE + 6 && cpu.gpr[X86_RCX] == 44);
	cpu.rflags |= X86_FLAG_DF;
	cpu.gpr[X86_RSI] = MEM_BASE + 5;
	ck_assert_int_eq(RUN("\xac"), VL_OK); /* lodsb */
	ck_assert(cpu.gpr[X86_RSI] == MEM_BASE + 4 && (cpu.gpr[X86_RAX] & 0xff) == 'x');
}
END_TEST

START_TEST(a_refused_write_leaves_the_registers_unchanged)
{
	struct x86_cpu before;

	cpu.gpr[X86_RDI] = MEM_BASE;
	cpu.gpr[X86_RAX] = 3;
	before = cpu;
	refuse_writes = 1;
	ck_assert_int_eq(RUN("\x01\x07"), VL_E_GUEST); /* add [rdi], eax */
	ck_assert_mem_eq(&before, &cpu, sizeof(cpu));
	ck_assert_int_eq(RUN("\x0f\xc1\x07"), VL_E_GUEST); /* xadd */
	ck_assert_mem_eq(&before, &cpu, sizeof(cpu));
}
END_TEST

START_TEST(sixteen_and_thirty_two_bit_modes_have_their_own_addressing)
{
	cpu.gpr[X86_RBX] = 0x10;
	cpu.gpr[X86_RSI] = 0x20;
	cpu.gpr[X86_RAX] = 0xbeef;
	cpu.segment_base[X86_DS] = MEM_BASE;
	ck_assert_int_eq(run_mode(16, "\x89\x40\x02", 3), VL_OK); /* mov [bx+si+2], ax */
	ck_assert_uint_eq(peek(MEM_BASE + 0x32, 4), 0xbeef);
	ck_assert_int_eq(run_mode(16, "\x67\x66\x89\x43\x04", 5), VL_OK); /* mov [ebx+4], eax */
	ck_assert_uint_eq(peek(MEM_BASE + 0x14, 4), 0xbeef);
	ck_assert_int_eq(run_mode(32, "\xa3\x40\x00\x00\x00", 5), VL_OK); /* mov [0x40], eax */
	ck_assert_uint_eq(peek(MEM_BASE + 0x40, 4), 0xbeef);
	cpu.segment_base[X86_GS] = MEM_BASE + 0x100;
	ck_assert_int_eq(run_mode(64, "\x65\x89\x04\x25\x08\x00\x00\x00", 8), VL_OK); /* mov gs:[8], eax */
	ck_assert_uint_eq(peek(MEM_BASE + 0x108, 4), 0xbeef);
}
END_TEST

START_TEST(sse_moves_carry_their_width)
{
	cpu.gpr[X86_RDI] = MEM_BASE;
	for (unsigned i = 0; i < 16; i++)
		xmm[9][i] = (uint8_t)(i + 1);
	ck_assert_int_eq(RUN("\x44\x0f\x11\x0f"), VL_OK); /* movups [rdi], xmm9 */
	ck_assert_mem_eq(memory, xmm[9], 16);
	memset(xmm[1], 0xff, 16);
	ck_assert_int_eq(RUN("\xf3\x0f\x7e\x0f"), VL_OK); /* movq xmm1, [rdi] */
	ck_assert_mem_eq(xmm[1], xmm[9], 8);
	ck_assert_uint_eq(xmm[1][8] | xmm[1][15], 0);
	cpu.xmm = NULL;
	ck_assert_int_eq(RUN("\x44\x0f\x11\x0f"), VL_E_UNSUPPORTED);
}
END_TEST

START_TEST(push_and_pop_of_memory_use_the_stack)
{
	cpu.gpr[X86_RSP] = MEM_BASE + 512;
	cpu.gpr[X86_RDI] = MEM_BASE;
	memory[0] = 0x77;
	ck_assert_int_eq(RUN("\xff\x37"), VL_OK); /* push qword [rdi] */
	ck_assert(cpu.gpr[X86_RSP] == MEM_BASE + 504 && peek(MEM_BASE + 504, 8) == 0x77);
	ck_assert_int_eq(RUN("\x8f\x47\x08"), VL_OK); /* pop qword [rdi+8] */
	ck_assert(cpu.gpr[X86_RSP] == MEM_BASE + 512 && peek(MEM_BASE + 8, 8) == 0x77);
}
END_TEST

START_TEST(port_and_msr_instructions_decode_for_their_length)
{
	static const struct { const char *bytes; unsigned length, op, size; } rows[] = {
		{ "\xe4\x60", 2, X86_OP_IN, 1 }, { "\x66\xef", 2, X86_OP_OUT, 2 },
		{ "\xed", 1, X86_OP_IN, 4 },
		{ "\xf3\x6e", 2, X86_OP_OUTS, 1 }, { "\x6d", 1, X86_OP_INS, 4 },
		{ "\x0f\x30", 2, X86_OP_WRMSR, 0 },
		{ "\x0f\x32", 2, X86_OP_RDMSR, 0 }, { "\x0f\xa2", 2, X86_OP_CPUID, 0 },
		{ "\xf4", 1, X86_OP_HLT, 0 },
	};

	for (size_t i = 0; i < VL_ARRAY_COUNT(rows); i++) {
		ck_assert_int_eq(x86_decode((const uint8_t *)rows[i].bytes, rows[i].length, 64, &insn),
				VL_OK);
		ck_assert_uint_eq(insn.length, rows[i].length);
		ck_assert_uint_eq(insn.op, rows[i].op);
		if (insn.op == X86_OP_OUT)
			ck_assert_uint_eq(insn.src.size, rows[i].size);
		else if (rows[i].size)
			ck_assert_uint_eq(insn.dst.size, rows[i].size);
	}
}
END_TEST

START_TEST(every_prefix_of_an_instruction_is_truncated_not_wrong)
{
	static const char bytes[] = "\x65\x48\xc7\x84\x8b\x44\x33\x22\x11\x78\x56\x34\x12";

	for (size_t n = 0; n < sizeof(bytes) - 1; n++)
		ck_assert_int_eq(x86_decode((const uint8_t *)bytes, n, 64, &insn), VL_E_TRUNCATED);
	ck_assert_int_eq(x86_decode((const uint8_t *)bytes, sizeof(bytes) - 1, 64, &insn), VL_OK);
}
END_TEST

START_TEST(what_is_not_ours_is_refused)
{
	uint8_t prefixes[X86_INSN_BYTES_MAX + 5];

	ck_assert_int_eq(RUN("\x0f\x0b"), VL_E_UNSUPPORTED);         /* ud2 */
	ck_assert_int_eq(RUN("\xf7\x27"), VL_E_UNSUPPORTED);         /* mul */
	ck_assert_int_eq(RUN("\x82\x07\x01"), VL_E_UNSUPPORTED);     /* invalid in 64-bit mode */
	ck_assert_int_eq(RUN("\xc7\x0f\x00\x00\x00\x00"), VL_E_UNSUPPORTED); /* C7 /1 */
	memset(prefixes, 0x66, sizeof(prefixes));
	ck_assert_int_eq(x86_decode(prefixes, sizeof(prefixes), 64, &insn), VL_E_TRUNCATED);
}
END_TEST

START_TEST(the_accesses_of_an_instruction_are_listed)
{
	struct x86_access a[2];

	cpu.gpr[X86_RSI] = 0x111;
	cpu.gpr[X86_RDI] = 0x222;
	x86_decode((const uint8_t *)"\x48\xa5", 2, 64, &insn); /* movsq */
	ck_assert_uint_eq(x86_accesses(&insn, &cpu, a), 2);
	ck_assert(a[0].address == 0x111 && !a[0].write && a[1].address == 0x222 && a[1].write &&
			a[1].size == 8);
	x86_decode((const uint8_t *)"\x39\x07", 2, 64, &insn); /* cmp [rdi], eax */
	ck_assert_uint_eq(x86_accesses(&insn, &cpu, a), 1);
	ck_assert(a[0].address == 0x222 && !a[0].write);
	x86_decode((const uint8_t *)"\x01\xd8", 2, 64, &insn); /* add eax, ebx */
	ck_assert_uint_eq(x86_accesses(&insn, &cpu, a), 0);
}
END_TEST

Suite *suite_insn(void)
{
	Suite *s = suite_create("insn");
	TCase *c = tcase_create("insn");

	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, a_32_bit_store_and_load_use_the_sib_address);
	tcase_add_test(c, byte_registers_are_high_bytes_only_without_rex);
	tcase_add_test(c, rip_relative_addresses_count_from_the_next_instruction);
	tcase_add_test(c, extended_registers_and_sign_extended_immediates_work);
	tcase_add_test(c, widening_moves_extend_as_their_name_says);
	tcase_add_test(c, alu_operations_set_the_flags_of_the_manual);
	tcase_add_test(c, inc_and_dec_leave_the_carry_alone);
	tcase_add_test(c, exchanges_return_the_old_value);
	tcase_add_test(c, a_bit_string_index_moves_the_address);
	tcase_add_test(c, rep_movs_runs_in_batches_and_ends_past_the_instruction);
	tcase_add_test(c, a_fault_inside_rep_keeps_the_iterations_done);
	tcase_add_test(c, repne_scas_stops_at_the_match_and_df_counts_down);
	tcase_add_test(c, a_refused_write_leaves_the_registers_unchanged);
	tcase_add_test(c, sixteen_and_thirty_two_bit_modes_have_their_own_addressing);
	tcase_add_test(c, sse_moves_carry_their_width);
	tcase_add_test(c, push_and_pop_of_memory_use_the_stack);
	tcase_add_test(c, port_and_msr_instructions_decode_for_their_length);
	tcase_add_test(c, every_prefix_of_an_instruction_is_truncated_not_wrong);
	tcase_add_test(c, what_is_not_ours_is_refused);
	tcase_add_test(c, the_accesses_of_an_instruction_are_listed);
	suite_add_tcase(s, c);
	return s;
}
