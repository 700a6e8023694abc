/* Unit tests of the A64 load/store decoder and the page walk; encodings are an assembler's. */
#include "ports/aarch64/common/access.h"
#include "ports/aarch64/common/walk.h"
#include "common/base/err.h"

#include <check.h>
#include <string.h>

Suite *suite_arm64_access(void);

static struct arm64_access a;
static uint64_t x[31];

START_TEST(single_loads_and_stores_decode)
{
	ck_assert_int_eq(arm64_decode_access(0xb9000c41, &a), VL_OK); /* str w1, [x2, #12] */
	ck_assert(a.write && a.size == 4 && a.rt[0] == 1 && a.rn == 2 && a.offset == 12 && !a.simd);
	ck_assert_int_eq(arm64_decode_access(0xf9400be3, &a), VL_OK); /* ldr x3, [sp, #16] */
	ck_assert(!a.write && a.size == 8 && a.wide && a.rn == 31 && a.offset == 16);
	ck_assert_int_eq(arm64_decode_access(0x39800020, &a), VL_OK); /* ldrsb x0, [x1] */
	ck_assert(a.size == 1 && a.sign_extend && a.wide);
	ck_assert_int_eq(arm64_decode_access(0x79c00020, &a), VL_OK); /* ldrsh w0, [x1] */
	ck_assert(a.size == 2 && a.sign_extend && !a.wide);
	ck_assert_int_eq(arm64_decode_access(0x885ffc20, &a), VL_E_UNSUPPORTED); /* ldaxr */
	ck_assert_int_eq(arm64_decode_access(0x88dffc20, &a), VL_OK);            /* ldar w0, [x1] */
	ck_assert(a.size == 4 && !a.write);
	ck_assert_int_eq(arm64_decode_access(0x3dc00420, &a), VL_OK); /* ldr q0, [x1, #16] */
	ck_assert(a.simd && a.size == 16 && a.offset == 16);
	ck_assert_int_eq(arm64_decode_access(0xf9800020, &a), VL_E_UNSUPPORTED); /* prfm */
	ck_assert_int_eq(arm64_decode_access(0xb8200020, &a), VL_E_UNSUPPORTED); /* ldadd */
	ck_assert_int_eq(arm64_decode_access(0xd503201f, &a), VL_E_UNSUPPORTED); /* nop */
}
END_TEST

START_TEST(pairs_and_write_back_decode)
{
	x[2] = 0x1000;
	ck_assert_int_eq(arm64_decode_access(0xa9411440, &a), VL_OK); /* ldp x0, x5, [x2, #16] */
	ck_assert(a.count == 2 && a.size == 8 && a.rt[0] == 0 && a.rt[1] == 5 && !a.writeback);
	ck_assert(arm64_access_address(&a, x, 0) == 0x1010);
	ck_assert_int_eq(arm64_decode_access(0x29be0440, &a), VL_OK); /* stp w0, w1, [x2, #-16]! */
	ck_assert(a.write && a.size == 4 && a.writeback && !a.post_index);
	ck_assert(arm64_access_address(&a, x, 0) == 0xff0 && arm64_access_writeback(&a, x, 0) == 0xff0);
	ck_assert_int_eq(arm64_decode_access(0xb8404441, &a), VL_OK); /* ldr w1, [x2], #4 */
	ck_assert(arm64_access_address(&a, x, 0) == 0x1000 && arm64_access_writeback(&a, x, 0) == 0x1004);
	ck_assert_int_eq(arm64_decode_access(0x69400440, &a), VL_OK); /* ldpsw x0, x1, [x2] */
	ck_assert(a.size == 4 && a.sign_extend && a.wide);
}
END_TEST

START_TEST(register_offsets_are_extended_and_shifted)
{
	x[1] = 0x2000;
	x[3] = 0xfffffffffffffffc;
	ck_assert_int_eq(arm64_decode_access(0xb863d820, &a), VL_OK); /* ldr w0, [x1, w3, sxtw #2] */
	ck_assert(arm64_access_address(&a, x, 0) == 0x2000 - 16);
	ck_assert_int_eq(arm64_decode_access(0xb8634820, &a), VL_OK); /* ldr w0, [x1, w3, uxtw] */
	ck_assert(arm64_access_address(&a, x, 0) == 0x2000ull + 0xfffffffc);
	ck_assert_int_eq(arm64_decode_access(0xf83f6820, &a), VL_OK); /* str x0, [x1, xzr] */
	ck_assert(arm64_access_address(&a, x, 0) == 0x2000);
}
END_TEST

START_TEST(load_results_are_extended)
{
	a = (struct arm64_access){ .size = 1, .sign_extend = true, .wide = true };
	ck_assert(arm64_load_result(&a, 0x1280) == 0xffffffffffffff80);
	a.wide = false;
	ck_assert(arm64_load_result(&a, 0x80) == 0xffffff80);
	a = (struct arm64_access){ .size = 4 };
	ck_assert(arm64_load_result(&a, 0x1ffffffff) == 0xffffffff);
	a = (struct arm64_access){ .size = 8, .wide = true };
	ck_assert(arm64_load_result(&a, UINT64_MAX) == UINT64_MAX);
}
END_TEST

START_TEST(a_syndrome_carries_a_single_access_there_and_back)
{
	static const uint32_t words[] = { 0xb9000c41, 0xf9400be3, 0x39800020, 0x79c00020, 0xf9000441 };
	struct arm64_access b;

	for (size_t i = 0; i < VL_ARRAY_COUNT(words); i++) {
		ck_assert_int_eq(arm64_decode_access(words[i], &a), VL_OK);
		ck_assert_int_eq(arm64_access_from_syndrome(arm64_access_syndrome(&a), &b), VL_OK);
		ck_assert(a.size == b.size && a.rt[0] == b.rt[0] && a.write == b.write &&
				a.sign_extend == b.sign_extend);
		ck_assert(a.write || a.wide == b.wide);
	}
	ck_assert_int_eq(arm64_decode_access(0xa9411440, &a), VL_OK);
	ck_assert_int_eq(arm64_access_from_syndrome(arm64_access_syndrome(&a), &b), VL_E_UNSUPPORTED);
	ck_assert_uint_eq(ARM64_ESR_EC(arm64_access_syndrome(&a)), ARM64_EC_DATA_ABORT_LOWER);
}
END_TEST

static uint64_t tables[4][512];
static unsigned reads;

static int read_descriptor(void *ctx, gpa_t address, uint64_t *descriptor)
{
	uint64_t raw = gpa_raw(address) - 0x10000;

	reads++;
	if (raw >= sizeof(tables) || raw & 7)
		return VL_E_RANGE;
	*descriptor = tables[raw / 4096][raw % 4096 / 8];
	return VL_OK;
}

/* 48-bit addresses, 4 KiB granule, both halves. */
static const struct arm64_mmu mmu = { 1, 16 | 16ull << 16 | 2ull << 30, 0x10000, 0x10000 };

START_TEST(a_four_level_walk_finds_page_and_block)
{
	gpa_t out;

	memset(tables, 0, sizeof(tables));
	tables[0][511] = 0x11003;
	tables[1][1] = 0x12003;
	tables[2][2] = 0x13003;
	tables[2][3] = 0x40600401; /* 2 MiB block */
	tables[3][3] = 0x0000000087654403;
	ck_assert_int_eq(arm64_translate(&mmu, 0xffffff8040403abc, read_descriptor, NULL, &out), VL_OK);
	ck_assert(gpa_raw(out) == 0x87654abc);
	ck_assert_int_eq(arm64_translate(&mmu, 0xffffff8040612345, read_descriptor, NULL, &out), VL_OK);
	ck_assert(gpa_raw(out) == 0x40612345);
	ck_assert_int_eq(arm64_translate(&mmu, 0xffffff8040405000, read_descriptor, NULL, &out), VL_E_GUEST);
	ck_assert_int_eq(arm64_translate(&mmu, 0x00ff000000000000, read_descriptor, NULL, &out), VL_E_GUEST);
}
END_TEST

START_TEST(with_the_mmu_off_an_address_is_its_own)
{
	static const struct arm64_mmu off;
	gpa_t out;

	ck_assert_int_eq(arm64_translate(&off, 0x40080000, read_descriptor, NULL, &out), VL_OK);
	ck_assert(gpa_raw(out) == 0x40080000);
}
END_TEST

START_TEST(tables_that_point_at_themselves_end_the_walk)
{
	gpa_t out;

	memset(tables, 0, sizeof(tables));
	for (unsigned i = 0; i < 512; i++)
		tables[0][i] = 0x10003;
	reads = 0;
	ck_assert_int_eq(arm64_translate(&mmu, 0x1000, read_descriptor, NULL, &out), VL_OK);
	ck_assert_uint_eq(reads, 4);
	tables[0][0] = 0xdead00000003;
	ck_assert_int_eq(arm64_translate(&mmu, 0x1000, read_descriptor, NULL, &out), VL_E_RANGE);
}
END_TEST

Suite *suite_arm64_access(void)
{
	Suite *s = suite_create("arm64_access");
	TCase *c = tcase_create("arm64_access");

	tcase_add_test(c, single_loads_and_stores_decode);
	tcase_add_test(c, pairs_and_write_back_decode);
	tcase_add_test(c, register_offsets_are_extended_and_shifted);
	tcase_add_test(c, load_results_are_extended);
	tcase_add_test(c, a_syndrome_carries_a_single_access_there_and_back);
	tcase_add_test(c, a_four_level_walk_finds_page_and_block);
	tcase_add_test(c, with_the_mmu_off_an_address_is_its_own);
	tcase_add_test(c, tables_that_point_at_themselves_end_the_walk);
	suite_add_tcase(s, c);
	return s;
}
