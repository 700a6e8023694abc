/*
 * Tests of the x86_64 reference host's parts that need no KVM: VTL2's x2APIC
 * and the walk over VTL0's page tables. The guest writes all that they see.
 */
#include "ports/x86_64/host/apic.c"
#include "ports/x86_64/host/translate.c"

#include <check.h>
#include <string.h>

Suite *suite_host_x86(void);

/* --- x2APIC ---------------------------------------------------------------------- */

static struct x86_apic apic;

static uint64_t read_apic(uint32_t reg)
{
	uint64_t value = ~0ull;

	ck_assert(x86_apic_read(&apic, X86_APIC_MSR + reg, &value));
	return value;
}

static uint64_t write_apic(uint32_t reg, uint64_t value)
{
	uint64_t icr = ~0ull;

	ck_assert(x86_apic_write(&apic, X86_APIC_MSR + reg, value, &icr));
	return icr;
}

static void fresh_apic(void)
{
	x86_apic_init(&apic, 0x13);
}

START_TEST(a_fresh_apic_is_masked_and_has_nothing_to_deliver)
{
	ck_assert_int_eq(x86_apic_pending(&apic), -1);
	ck_assert_uint_eq(read_apic(REG_ID), 0x13);
	ck_assert_uint_eq(read_apic(REG_LVT), LVT_MASKED);
	ck_assert_uint_eq(read_apic(REG_LDR), 0x10008);
}
END_TEST

START_TEST(the_highest_vector_comes_first_and_blocks_its_class_until_eoi)
{
	x86_apic_raise(&apic, 0x41, false);
	x86_apic_raise(&apic, 0x52, false);
	ck_assert_int_eq(x86_apic_pending(&apic), 0x52);
	x86_apic_accept(&apic, 0x52);
	ck_assert_int_eq(x86_apic_pending(&apic), -1);
	x86_apic_raise(&apic, 0x5f, false); /* same class */
	ck_assert_int_eq(x86_apic_pending(&apic), -1);
	x86_apic_raise(&apic, 0x60, false);
	ck_assert_int_eq(x86_apic_pending(&apic), 0x60);
	x86_apic_accept(&apic, 0x60);
	write_apic(REG_EOI, 0);
	ck_assert_uint_eq(read_apic(REG_PPR), 0x50);
	write_apic(REG_EOI, 0);
	ck_assert_int_eq(x86_apic_pending(&apic), 0x5f);
}
END_TEST

START_TEST(the_task_priority_holds_back_lower_vectors)
{
	write_apic(REG_TPR, 0x60);
	x86_apic_raise(&apic, 0x61, false);
	ck_assert_int_eq(x86_apic_pending(&apic), -1);
	x86_apic_raise(&apic, 0x70, false);
	ck_assert_int_eq(x86_apic_pending(&apic), 0x70);
	write_apic(REG_TPR, 0);
	x86_apic_accept(&apic, 0x70);
	write_apic(REG_EOI, 0);
	ck_assert_int_eq(x86_apic_pending(&apic), 0x61);
}
END_TEST

START_TEST(an_auto_eoi_vector_is_never_in_service)
{
	x86_apic_raise(&apic, 0xf3, true);
	x86_apic_accept(&apic, 0xf3);
	ck_assert_uint_eq(read_apic(REG_ISR + 7), 0);
	x86_apic_raise(&apic, 0xf3, false);
	x86_apic_accept(&apic, 0xf3);
	ck_assert_uint_eq(read_apic(REG_ISR + 7), 1u << (0xf3 - 0xe0));
}
END_TEST

START_TEST(vectors_that_no_apic_delivers_are_dropped)
{
	x86_apic_raise(&apic, 15, false);
	x86_apic_raise(&apic, 256, false);
	x86_apic_raise(&apic, ~0u, false);
	ck_assert_int_eq(x86_apic_pending(&apic), -1);
	x86_apic_eoi(&apic); /* with nothing in service */
	ck_assert_int_eq(x86_apic_pending(&apic), -1);
}
END_TEST

START_TEST(every_msr_number_is_answered_or_refused)
{
	uint32_t msr;
	uint64_t value, icr;

	for (msr = X86_APIC_MSR; msr < X86_APIC_MSR_END; msr++) {
		(void)x86_apic_read(&apic, msr, &value);
		(void)x86_apic_write(&apic, msr, 0xffffffffu, &icr);
		ck_assert(msr == X86_APIC_MSR + REG_ICR || !x86_apic_write(&apic, msr, 1ull << 32, &icr));
	}
	ck_assert(!x86_apic_read(&apic, X86_APIC_MSR + REG_EOI, &value));
	ck_assert(!x86_apic_write(&apic, X86_APIC_MSR + REG_ID, 1, &icr));
}
END_TEST

START_TEST(writes_to_the_command_register_are_handed_out)
{
	ck_assert_uint_eq(write_apic(REG_ICR, 5ull << 32 | 0x30), 5ull << 32 | 0x30);
	ck_assert_uint_eq(X86_ICR_SHORTHAND(write_apic(REG_SELF_IPI, 0x77)), X86_SHORTHAND_SELF);
	ck_assert_uint_eq(write_apic(REG_TPR, 0), 0);
}
END_TEST

START_TEST(destinations_match_by_id_broadcast_and_cluster)
{
	ck_assert(x86_apic_matches(0x13, 0x13, false));
	ck_assert(!x86_apic_matches(0x13, 0x12, false));
	ck_assert(x86_apic_matches(0x13, 0xffffffff, false));
	ck_assert(x86_apic_matches(0x13, 0x10008, true));
	ck_assert(!x86_apic_matches(0x13, 0x20008, true));
	ck_assert(!x86_apic_matches(0x13, 0x10004, true));
}
END_TEST

/* --- Page tables ----------------------------------------------------------------------- */

#define RAM_BYTES 0x10000u
static uint8_t ram[RAM_BYTES];

static int read_ram(const void *context, gpa_t at, void *out, size_t size)
{
	if (!vl_within(gpa_raw(at), size, RAM_BYTES))
		return VL_E_RANGE;
	memcpy(out, ram + gpa_raw(at), size);
	return 0;
}

static void put64(uint64_t at, uint64_t value)
{
	memcpy(ram + at, &value, sizeof(value));
}

static struct x86_mmu long_mode(void)
{
	memset(ram, 0, sizeof(ram));
	return (struct x86_mmu){ .cr0 = CR0_PG | CR0_WP, .cr3 = 0x1000, .cr4 = CR4_PAE, .efer = EFER_LMA |
		EFER_NXE,
		.mode = 64, .read = read_ram };
}

START_TEST(without_paging_addresses_are_physical)
{
	struct x86_mmu m = { .mode = 16, .read = read_ram };
	gpa_t out;

	ck_assert_int_eq(x86_translate(&m, 0x1234, X86_ACCESS_WRITE, &out), 0);
	ck_assert_uint_eq(gpa_raw(out), 0x1234);
}
END_TEST

START_TEST(four_levels_lead_to_a_page_with_its_rights)
{
	struct x86_mmu m = long_mode();
	gpa_t out;

	put64(0x1000, 0x2000 | PTE_P | PTE_W | PTE_U);
	put64(0x2000, 0x3000 | PTE_P | PTE_W | PTE_U);
	put64(0x3000, 0x4000 | PTE_P | PTE_W | PTE_U);
	put64(0x4000 + 8 * 5, 0xd0000000 | PTE_P | PTE_U | PTE_NX);
	ck_assert_int_eq(x86_translate(&m, 0x5678, 0, &out), 0);
	ck_assert_uint_eq(gpa_raw(out), 0xd0000678);
	ck_assert_int_eq(x86_translate(&m, 0x5678, X86_ACCESS_WRITE, &out), VL_E_NOTFOUND);
	ck_assert_int_eq(x86_translate(&m, 0x5678, X86_ACCESS_EXECUTE, &out), VL_E_NOTFOUND);
	ck_assert_int_eq(x86_translate(&m, 0x6678, 0, &out), VL_E_NOTFOUND);
	m.cr0 &= ~CR0_WP; /* the kernel may write then, the user may not */
	ck_assert_int_eq(x86_translate(&m, 0x5678, X86_ACCESS_WRITE, &out), 0);
	ck_assert_int_eq(x86_translate(&m, 0x5678, X86_ACCESS_WRITE | X86_ACCESS_USER, &out), VL_E_NOTFOUND);
}
END_TEST

START_TEST(large_pages_end_the_walk_early)
{
	struct x86_mmu m = long_mode();
	gpa_t out;

	put64(0x1000, 0x2000 | PTE_P | PTE_W | PTE_U);
	put64(0x2000, 0x3000 | PTE_P | PTE_W | PTE_U);
	put64(0x2000 + 8, 0x80000000 | PTE_P | PTE_W | PTE_PS);
	put64(0x3000 + 8, 0xe0000000 | PTE_P | PTE_W | PTE_PS);
	ck_assert_int_eq(x86_translate(&m, 0x234567, X86_ACCESS_WRITE, &out), 0);
	ck_assert_uint_eq(gpa_raw(out), 0xe0034567);
	ck_assert_int_eq(x86_translate(&m, 0x40000000 + 0x12345678, 0, &out), 0);
	ck_assert_uint_eq(gpa_raw(out), 0x92345678);
	ck_assert_int_eq(x86_translate(&m, 0x40000000, X86_ACCESS_USER, &out), VL_E_NOTFOUND);
}
END_TEST

START_TEST(tables_outside_ram_end_the_walk)
{
	struct x86_mmu m = long_mode();
	gpa_t out;

	m.cr3 = 0xffffffffff000;
	ck_assert_int_eq(x86_translate(&m, 0, 0, &out), VL_E_RANGE);
	m.cr3 = 0x1000;
	put64(0x1000, 0xfffffff000 | PTE_P);
	ck_assert_int_eq(x86_translate(&m, 0, 0, &out), VL_E_RANGE);
}
END_TEST

START_TEST(a_table_that_points_to_itself_ends)
{
	struct x86_mmu m = long_mode();
	gpa_t out;

	m.cr4 |= CR4_LA57;
	put64(0x1000, 0x1000 | PTE_P | PTE_W | PTE_U);
	ck_assert_int_eq(x86_translate(&m, 0x77, 0, &out), 0);
	ck_assert_uint_eq(gpa_raw(out), 0x1077);
}
END_TEST

START_TEST(thirty_two_bit_tables_are_walked)
{
	struct x86_mmu m = { .cr0 = CR0_PG, .cr3 = 0x1000, .cr4 = CR4_PSE, .mode = 32, .read = read_ram };
	uint32_t directory = 0x2000 | 3, page = 0xd0001000 | 3, large = 0xc0000000 | 3 | 0x80;
	gpa_t out;

	memset(ram, 0, sizeof(ram));
	memcpy(ram + 0x1000, &directory, 4);
	memcpy(ram + 0x2000 + 4 * 7, &page, 4);
	memcpy(ram + 0x1000 + 4 * 2, &large, 4);
	ck_assert_int_eq(x86_translate(&m, 0x7123, 0, &out), 0);
	ck_assert_uint_eq(gpa_raw(out), 0xd0001123);
	ck_assert_int_eq(x86_translate(&m, 0x800000 + 0x212345, 0, &out), 0);
	ck_assert_uint_eq(gpa_raw(out), 0xc0212345);
}
END_TEST

START_TEST(pae_tables_start_with_four_pointers)
{
	struct x86_mmu m = { .cr0 = CR0_PG, .cr3 = 0x1020, .cr4 = CR4_PAE, .mode = 32, .read = read_ram };
	gpa_t out;

	memset(ram, 0, sizeof(ram));
	put64(0x1020 + 8 * 3, 0x2000 | PTE_P);
	put64(0x2000, 0x40000000 | PTE_P | PTE_W | PTE_PS);
	ck_assert_int_eq(x86_translate(&m, 0xc0012345, X86_ACCESS_WRITE, &out), 0);
	ck_assert_uint_eq(gpa_raw(out), 0x40012345);
}
END_TEST

START_TEST(a_fetch_stops_where_memory_ends)
{
	struct x86_mmu m = { .mode = 32, .cs_base = 0x8000, .read = read_ram };
	uint8_t bytes[15];

	memset(ram, 0x90, sizeof(ram));
	ck_assert_uint_eq(x86_fetch(&m, 0x100, bytes, 15), 15);
	ck_assert_uint_eq(x86_fetch(&m, 0x7ff8, bytes, 15), 8);
	ck_assert_uint_eq(x86_fetch(&m, 0x8000, bytes, 15), 0);
	ck_assert_uint_eq(x86_fetch(&m, 0xffffffffu, bytes, 15), 15); /* wraps at 4 GiB */
}
END_TEST

static unsigned reads;

static int count_reads(const void *context, gpa_t at, void *out, size_t size)
{
	reads++;
	return read_ram(context, at, out, size);
}

/* Pages 5 and 6 of the address space; the one before them is not mapped. */
static struct x86_mmu two_pages(void)
{
	struct x86_mmu m = long_mode();

	put64(0x1000, 0x2000 | PTE_P);
	put64(0x2000, 0x3000 | PTE_P);
	put64(0x3000, 0x4000 | PTE_P);
	put64(0x4000 + 8 * 5, 0x7000 | PTE_P);
	put64(0x4000 + 8 * 6, 0x9000 | PTE_P);
	memset(ram + 0x7000, 0x90, 0x1000);
	memset(ram + 0x9000, 0x90, 0x1000);
	m.read = count_reads;
	reads = 0;
	return m;
}

START_TEST(an_instruction_and_the_byte_before_it_on_one_page_take_one_walk)
{
	struct x86_mmu m = two_pages();
	uint8_t bytes[16];

	ram[0x7122] = 0x6e;
	ram[0x7123] = 0xee;
	ck_assert_uint_eq(x86_fetch_with_before(&m, 0x5123, bytes, sizeof(bytes)), 15);
	ck_assert_uint_eq(reads, 4 + 1); /* a table each of four levels, and the bytes */
	ck_assert_uint_eq(bytes[0], 0x6e);
	ck_assert_uint_eq(bytes[1], 0xee);
}
END_TEST

START_TEST(the_byte_before_an_instruction_may_lie_on_another_page)
{
	struct x86_mmu m = two_pages();
	uint8_t bytes[16];

	ram[0x7fff] = 0x6f;
	ram[0x9000] = 0xef;
	ck_assert_uint_eq(x86_fetch_with_before(&m, 0x6000, bytes, sizeof(bytes)), 15);
	ck_assert_uint_eq(bytes[0], 0x6f);
	ck_assert_uint_eq(bytes[1], 0xef);
	ck_assert_uint_eq(x86_fetch_with_before(&m, 0x7000, bytes, sizeof(bytes)), 0);
	ck_assert_uint_eq(bytes[0], 0x90);
}
END_TEST

START_TEST(an_instruction_behind_an_unmapped_page_is_fetched_without_the_byte_before_it)
{
	struct x86_mmu m = two_pages();
	uint8_t bytes[16] = { 0x6e };

	ram[0x7000] = 0xee;
	ck_assert_uint_eq(x86_fetch_with_before(&m, 0x5000, bytes, sizeof(bytes)), 15);
	ck_assert_uint_eq(bytes[0], 0);
	ck_assert_uint_eq(bytes[1], 0xee);
	bytes[0] = 0x6e;
	ck_assert_uint_eq(x86_fetch_with_before(&m, 0x8123, bytes, sizeof(bytes)), 0);
	ck_assert_uint_eq(bytes[0], 0);
}
END_TEST

Suite *suite_host_x86(void)
{
	Suite *s = suite_create("host_x86");
	TCase *a = tcase_create("apic"), *t = tcase_create("translate");

	tcase_add_checked_fixture(a, fresh_apic, NULL);
	tcase_add_test(a, a_fresh_apic_is_masked_and_has_nothing_to_deliver);
	tcase_add_test(a, the_highest_vector_comes_first_and_blocks_its_class_until_eoi);
	tcase_add_test(a, the_task_priority_holds_back_lower_vectors);
	tcase_add_test(a, an_auto_eoi_vector_is_never_in_service);
	tcase_add_test(a, vectors_that_no_apic_delivers_are_dropped);
	tcase_add_test(a, every_msr_number_is_answered_or_refused);
	tcase_add_test(a, writes_to_the_command_register_are_handed_out);
	tcase_add_test(a, destinations_match_by_id_broadcast_and_cluster);
	tcase_add_test(t, without_paging_addresses_are_physical);
	tcase_add_test(t, four_levels_lead_to_a_page_with_its_rights);
	tcase_add_test(t, large_pages_end_the_walk_early);
	tcase_add_test(t, tables_outside_ram_end_the_walk);
	tcase_add_test(t, a_table_that_points_to_itself_ends);
	tcase_add_test(t, thirty_two_bit_tables_are_walked);
	tcase_add_test(t, pae_tables_start_with_four_pointers);
	tcase_add_test(t, a_fetch_stops_where_memory_ends);
	tcase_add_test(t, an_instruction_and_the_byte_before_it_on_one_page_take_one_walk);
	tcase_add_test(t, the_byte_before_an_instruction_may_lie_on_another_page);
	tcase_add_test(t, an_instruction_behind_an_unmapped_page_is_fetched_without_the_byte_before_it);
	suite_add_tcase(s, a);
	suite_add_tcase(s, t);
	return s;
}
