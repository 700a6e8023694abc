/*
 * The Linux boot protocol's decisions: which files are refused and why, and
 * where kernel and initrd go (ports/x86_64/vm/linux_image.c).
 */
#include "ports/x86_64/vm/linux.h"
#include "ports/x86_64/test/unit/vm_guest.h"
#include <check.h>
#include <string.h>

Suite *suite_vm_linux(void);

#define FILE_BYTES 0x8000u
#define MIB 0x100000ull

static uint8_t file[FILE_BYTES];
static struct linux_image image;
static const char *why;

static int parse(size_t file_bytes)
{
	why = "";
	return linux_parse(file, file_bytes < LINUX_HEAD_BYTES ? file_bytes : LINUX_HEAD_BYTES, file_bytes,
		&image, &why);
}

/* A good file with `bytes` of it changed. */
static int parse_with(size_t at, unsigned bytes, uint64_t value)
{
	guest_bzimage(file, sizeof(file));
	memcpy(file + at, &value, bytes);
	return parse(sizeof(file));
}

START_TEST(a_good_bzimage_is_taken_as_its_header_says)
{
	ck_assert_int_eq(parse_with(0, 0, 0), 0);
	ck_assert_uint_eq(image.code_offset, 5 * 512);
	ck_assert_uint_eq(image.code_bytes, FILE_BYTES - 5 * 512);
	ck_assert_uint_eq(image.preferred, 16 * MIB);
	ck_assert_uint_eq(image.room_bytes, MIB);
	ck_assert_uint_eq(image.initrd_end_max, 0x80000000);
	ck_assert(image.relocatable);
}
END_TEST

START_TEST(no_sector_count_means_four)
{
	ck_assert_int_eq(parse_with(0x1f1, 1, 0), 0);
	ck_assert_uint_eq(image.code_offset, 5 * 512);
}
END_TEST

static const struct {
	size_t at;
	unsigned bytes;
	uint64_t value;
	int err;
	const char *word; /* of the reason */
} breaches[] = {
	{ 0, 4, 0x464c457f, VL_E_MAGIC, "ELF" },
	{ 56, 4, 0x644d5241, VL_E_ARCH, "arm64" },
	{ 0x1fe, 2, 0, VL_E_MAGIC, "no Linux bzImage" },
	{ 0x202, 4, 0, VL_E_MAGIC, "no Linux bzImage" },
	{ 0x206, 2, 0x20b, VL_E_VERSION, "older" },
	{ 0x211, 1, 0, VL_E_ARCH, "64-bit" },
	{ 0x236, 2, 2, VL_E_ARCH, "64-bit" },
	{ 0x201, 1, 0, VL_E_RANGE, "impossible size" },
	{ 0x201, 1, 0x50, VL_E_RANGE, "impossible size" },
	{ 0x1f1, 1, 255, VL_E_TRUNCATED, "before its code" },
	{ 0x230, 4, 0, VL_E_RANGE, "impossible place" },
	{ 0x230, 4, 0x300000, VL_E_RANGE, "impossible place" },
	{ 0x230, 4, 0x80000000, VL_E_RANGE, "impossible place" },
	{ 0x258, 8, 0, VL_E_RANGE, "impossible place" },
	{ 0x258, 8, ~0ull, VL_E_RANGE, "impossible place" },
	{ 0x260, 4, 0xffffffff, VL_E_RANGE, "impossible place" },
};

START_TEST(a_bad_header_is_refused_with_its_reason)
{
	ck_assert_int_eq(parse_with(breaches[_i].at, breaches[_i].bytes, breaches[_i].value),
		breaches[_i].err);
	ck_assert_ptr_nonnull(strstr(why, breaches[_i].word));
}
END_TEST

START_TEST(a_file_cut_anywhere_in_its_head_is_refused)
{
	guest_bzimage(file, sizeof(file));
	for (size_t n = 0; n < 5 * 512 + 512; n++)
		ck_assert_int_lt(parse(n), 0);
	ck_assert_int_eq(parse(5 * 512 + 512), 0);
}
END_TEST

static struct linux_image wish(uint64_t preferred, uint64_t room, bool relocatable)
{
	return (struct linux_image){ .align = 2 * MIB, .preferred = preferred, .room_bytes = room,
		.relocatable = relocatable, .initrd_end_max = 0x80000000 };
}

START_TEST(kernel_and_initrd_stay_where_they_want_when_they_can)
{
	struct linux_image i = wish(16 * MIB, 32 * MIB, true);
	struct linux_place p;

	ck_assert_int_eq(linux_place(&i, 200 * MIB, 20 * MIB, 512 * MIB, &p), 0);
	ck_assert_uint_eq(p.kernel, 16 * MIB);
	ck_assert_uint_eq(p.initrd, 200 * MIB);
}
END_TEST

START_TEST(the_kernel_goes_around_the_initrd)
{
	struct linux_image i = wish(16 * MIB, 32 * MIB, true);
	struct linux_place p;

	ck_assert_int_eq(linux_place(&i, 20 * MIB, 21 * MIB + 1, 512 * MIB, &p), 0);
	ck_assert_uint_eq(p.kernel, 42 * MIB);
	i.room_bytes = 8 * MIB;
	ck_assert_int_eq(linux_place(&i, 16 * MIB, 8 * MIB, 24 * MIB, &p), 0);
	ck_assert_uint_eq(p.kernel, 2 * MIB);
}
END_TEST

START_TEST(a_kernel_that_cannot_move_is_not_moved)
{
	struct linux_image i = wish(16 * MIB, 32 * MIB, false);
	struct linux_place p;

	ck_assert_int_eq(linux_place(&i, 20 * MIB, 20 * MIB, 512 * MIB, &p), VL_E_NOSPACE);
}
END_TEST

START_TEST(an_initrd_above_its_kernels_limit_is_moved_below)
{
	struct linux_image i = wish(16 * MIB, 32 * MIB, true);
	struct linux_place p;

	i.initrd_end_max = 100 * MIB;
	ck_assert_int_eq(linux_place(&i, 200 * MIB, 10 * MIB + 1, 512 * MIB, &p), 0);
	ck_assert_uint_eq(p.initrd, 90 * MIB - VL_PAGE_BYTES);
	ck_assert_int_eq(linux_place(&i, 200 * MIB, 101 * MIB, 512 * MIB, &p), VL_E_NOSPACE);
}
END_TEST

START_TEST(too_little_memory_is_refused)
{
	struct linux_image i = wish(16 * MIB, 64 * MIB, true);
	struct linux_place p;

	ck_assert_int_eq(linux_place(&i, 2 * MIB, 4096, 48 * MIB, &p), VL_E_NOSPACE);
}
END_TEST

Suite *suite_vm_linux(void)
{
	Suite *s = suite_create("vm_linux");
	TCase *c = tcase_create("linux");

	tcase_add_test(c, a_good_bzimage_is_taken_as_its_header_says);
	tcase_add_test(c, no_sector_count_means_four);
	tcase_add_loop_test(c, a_bad_header_is_refused_with_its_reason, 0, (int)VL_ARRAY_COUNT(breaches));
	tcase_add_test(c, a_file_cut_anywhere_in_its_head_is_refused);
	tcase_add_test(c, kernel_and_initrd_stay_where_they_want_when_they_can);
	tcase_add_test(c, the_kernel_goes_around_the_initrd);
	tcase_add_test(c, a_kernel_that_cannot_move_is_not_moved);
	tcase_add_test(c, an_initrd_above_its_kernels_limit_is_moved_below);
	tcase_add_test(c, too_little_memory_is_refused);
	suite_add_tcase(s, c);
	return s;
}
