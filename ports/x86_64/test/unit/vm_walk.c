/*
 * Guest page tables: each paging mode, each right, and tables that point
 * outside memory (ports/x86_64/vm/walk.c).
 */
#include "ports/x86_64/vm/x86.h"
#include <check.h>
#include <string.h>

Suite *suite_vm_walk(void);

#define RAM_BYTES 0x40000u
#define P 1ull
#define W 2ull
#define U 4ull
#define LARGE 0x80ull
#define NX (1ull << 63)

static uint8_t ram[RAM_BYTES];
static struct guest_memory memory;
static struct x86_state s;
static struct x86_fault fault;
static uint64_t out;

static void put(uint64_t table, unsigned index, unsigned bytes, uint64_t entry)
{
	memcpy(ram + table + index * bytes, &entry, bytes);
}

static void setup(void)
{
	memset(ram, 0, sizeof(ram));
	memset(&memory, 0, sizeof(memory));
	ck_assert_int_eq(guest_memory_add(&memory, gpa(0), sizeof(ram), ram), 0);
	s = (struct x86_state){ .cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_WP, .cr3 = 0x1000,
		.cr4 = X86_CR4_PAE, .efer = X86_EFER_LMA | X86_EFER_LME | X86_EFER_NXE, .mode = 64 };
	/* 4 levels: 0x40201000 -> 0x5000 | page offset */
	put(0x1000, 0, 8, 0x2000 | P | W | U);
	put(0x2000, 1, 8, 0x3000 | P | W | U);
	put(0x3000, 1, 8, 0x4000 | P | W | U);
	put(0x4000, 1, 8, 0x5000 | P | W | U);
}

static int walk(uint64_t linear, unsigned how)
{
	return x86_walk(&memory, &s, linear, how, &out, &fault);
}

START_TEST(without_paging_linear_is_physical)
{
	s.cr0 = X86_CR0_PE;
	ck_assert_int_eq(walk(0x12345678, 0), 0);
	ck_assert_uint_eq(out, 0x12345678);
}
END_TEST

START_TEST(four_levels_lead_to_a_page)
{
	ck_assert_int_eq(walk(0x40201abc, X86_WALK_WRITE), 0);
	ck_assert_uint_eq(out, 0x5abc);
}
END_TEST

START_TEST(five_levels_lead_to_a_page)
{
	s.cr4 |= X86_CR4_LA57;
	s.cr3 = 0x6000;
	put(0x6000, 3, 8, 0x1000 | P | W | U);
	ck_assert_int_eq(walk(0x3ull << 48 | 0x40201abc, 0), 0);
	ck_assert_uint_eq(out, 0x5abc);
}
END_TEST

START_TEST(large_pages_end_the_walk_early)
{
	put(0x3000, 1, 8, 0x600000 | P | W | LARGE);
	ck_assert_int_eq(walk(0x40212345, 0), 0);
	ck_assert_uint_eq(out, 0x612345);
	put(0x2000, 1, 8, 0xc0000000 | P | W | LARGE);
	ck_assert_int_eq(walk(0x40212345, 0), 0);
	ck_assert_uint_eq(out, 0xc0212345);
}
END_TEST

START_TEST(pae_and_32_bit_tables_are_walked)
{
	s.mode = 32;
	s.efer = 0;
	s.cr3 = 0x7020;
	put(0x7020, 1, 8, 0x3000 | P);
	ck_assert_int_eq(walk(0x40201abc, X86_WALK_WRITE), 0);
	ck_assert_uint_eq(out, 0x5abc);
	s.cr4 = X86_CR4_PSE;
	s.cr3 = 0x8000;
	put(0x8000, 2, 4, 0x9000 | P | W);
	put(0x9000, 3, 4, 0xa000 | P | W);
	put(0x8000, 5, 4, 0x1c00000 | P | W | LARGE);
	ck_assert_int_eq(walk(0x803abc, 0), 0);
	ck_assert_uint_eq(out, 0xaabc);
	ck_assert_int_eq(walk(0x1412345, 0), 0);
	ck_assert_uint_eq(out, 0x1c12345);
}
END_TEST

START_TEST(what_is_not_mapped_faults_with_address_and_error_code)
{
	ck_assert_int_eq(walk(0x40202000, X86_WALK_WRITE), VL_E_GUEST);
	ck_assert_uint_eq(fault.vector, X86_PF);
	ck_assert_uint_eq(fault.address, 0x40202000);
	ck_assert_uint_eq(fault.error, X86_PF_WRITE);
	s.user = true;
	ck_assert_int_eq(walk(0x40202000, X86_WALK_FETCH), VL_E_GUEST);
	ck_assert_uint_eq(fault.error, X86_PF_USER | X86_PF_FETCH);
}
END_TEST

START_TEST(rights_are_those_of_all_levels)
{
	put(0x2000, 1, 8, 0x3000 | P | U);
	ck_assert_int_eq(walk(0x40201000, 0), 0);
	ck_assert_int_eq(walk(0x40201000, X86_WALK_WRITE), VL_E_GUEST);
	ck_assert_uint_eq(fault.error, X86_PF_PRESENT | X86_PF_WRITE);
	s.cr0 &= ~(uint64_t)X86_CR0_WP;
	ck_assert_int_eq(walk(0x40201000, X86_WALK_WRITE), 0);
	s.user = true;
	ck_assert_int_eq(walk(0x40201000, X86_WALK_WRITE), VL_E_GUEST);
	put(0x3000, 1, 8, 0x4000 | P | W);
	ck_assert_int_eq(walk(0x40201000, 0), VL_E_GUEST);
	s.user = false;
	put(0x4000, 1, 8, 0x5000 | P | NX);
	ck_assert_int_eq(walk(0x40201000, X86_WALK_FETCH), VL_E_GUEST);
	ck_assert_int_eq(walk(0x40201000, 0), 0);
}
END_TEST

START_TEST(tables_outside_memory_fault)
{
	put(0x2000, 1, 8, 0x7ffffffff000 | P | W | U);
	ck_assert_int_eq(walk(0x40201000, 0), VL_E_GUEST);
	s.cr3 = ~0ull;
	ck_assert_int_eq(walk(0x40201000, 0), VL_E_GUEST);
}
END_TEST

START_TEST(an_instruction_across_a_page_is_fetched_as_far_as_it_is_mapped)
{
	uint8_t bytes[X86_INSN_BYTES_MAX];

	memset(ram + 0x5ff8, 0x90, 8);
	s.cpu.rip = 0x40201ff8;
	ck_assert_int_eq(x86_fetch_insn(&memory, &s, bytes, sizeof(bytes), &fault), 8);
	put(0x4000, 2, 8, 0x9000 | P);
	ck_assert_int_eq(x86_fetch_insn(&memory, &s, bytes, sizeof(bytes), &fault), sizeof(bytes));
	s.cpu.rip = 0x50000000;
	ck_assert_int_eq(x86_fetch_insn(&memory, &s, bytes, sizeof(bytes), &fault), VL_E_GUEST);
}
END_TEST

Suite *suite_vm_walk(void)
{
	Suite *suite = suite_create("vm_walk");
	TCase *c = tcase_create("walk");

	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, without_paging_linear_is_physical);
	tcase_add_test(c, four_levels_lead_to_a_page);
	tcase_add_test(c, five_levels_lead_to_a_page);
	tcase_add_test(c, large_pages_end_the_walk_early);
	tcase_add_test(c, pae_and_32_bit_tables_are_walked);
	tcase_add_test(c, what_is_not_mapped_faults_with_address_and_error_code);
	tcase_add_test(c, rights_are_those_of_all_levels);
	tcase_add_test(c, tables_outside_memory_fault);
	tcase_add_test(c, an_instruction_across_a_page_is_fetched_as_far_as_it_is_mapped);
	suite_add_tcase(suite, c);
	return suite;
}
