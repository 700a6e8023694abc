/* The digest of what VTL2 was made from (runtime/paravisor/measure.c). */
#include "runtime/paravisor/measure.h"

#include <bearssl.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Suite *suite_measure(void);

static char folder[] = "/tmp/vallum-measure-XXXXXX";
static const char *const names[] = { "one", "two", NULL };

static void put(const char *name, const char *content)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(content, f);
	fclose(f);
}

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	put("one", "first");
	put("two", "second");
}

static void teardown(void)
{
	char path[64];

	for (unsigned i = 0; names[i]; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	rmdir(folder);
	strcpy(folder + sizeof(folder) - 7, "XXXXXX");
}

START_TEST(the_digest_is_of_names_sizes_and_contents_in_their_order)
{
	static const char all[] = "one\0\5\0\0\0\0\0\0\0first" "two\0\6\0\0\0\0\0\0\0second";
	uint8_t digest[32], want[32];
	br_sha256_context sha;
	unsigned which;

	ck_assert_int_eq(measure_files(folder, names, digest, &which), 0);
	br_sha256_init(&sha);
	br_sha256_update(&sha, all, sizeof(all) - 1);
	br_sha256_out(&sha, want);
	ck_assert_mem_eq(digest, want, 32);
}
END_TEST

START_TEST(another_byte_of_any_program_is_another_digest)
{
	uint8_t before[32], after[32];
	unsigned which;

	ck_assert_int_eq(measure_files(folder, names, before, &which), 0);
	put("two", "sfcond");
	ck_assert_int_eq(measure_files(folder, names, after, &which), 0);
	ck_assert_mem_ne(before, after, 32);
}
END_TEST

START_TEST(a_program_that_cannot_be_read_is_named)
{
	static const char *const more[] = { "one", "three", "two", NULL };
	uint8_t digest[32];
	unsigned which;

	ck_assert_int_eq(measure_files(folder, more, digest, &which), VL_E_OS);
	ck_assert_uint_eq(which, 1);
}
END_TEST

Suite *suite_measure(void)
{
	Suite *s = suite_create("measure");
	TCase *t = tcase_create("image");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_digest_is_of_names_sizes_and_contents_in_their_order);
	tcase_add_test(t, another_byte_of_any_program_is_another_digest);
	tcase_add_test(t, a_program_that_cannot_be_read_is_named);
	suite_add_tcase(s, t);
	return s;
}
