/* The host's entropy on its way into VTL2's pool: whether it counts is the filter's to say. */
#include "runtime/init/init.h"
#include "test/unit/filter/columns.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

Suite *suite_entropy(void);

static char tree[] = "/tmp/vallum-tree-XXXXXX";
static char added[64];
static unsigned calls;
static bool credited;

static int add(const void *bytes, size_t size, bool credit)
{
	ck_assert_uint_lt(size, sizeof(added));
	memcpy(added, bytes, size);
	credited = credit;
	calls++;
	return 0;
}

static void path_of(char out[200], const char *name)
{
	snprintf(out, 200, "%s/%s", tree, name);
}

static void put(const char *name, const char *value, size_t size)
{
	char path[200];
	FILE *f;

	path_of(path, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(value, 1, size, f), size);
	ck_assert_int_eq(fclose(f), 0);
}

static void setup(void)
{
	char path[200];

	ck_assert_ptr_nonnull(mkdtemp(tree));
	path_of(path, "openhcl");
	ck_assert_int_eq(mkdir(path, 0700), 0);
	path_of(path, "openhcl/entropy");
	ck_assert_int_eq(mkdir(path, 0700), 0);
	put("openhcl/entropy/reg", "0123456789abcdef", 16);
}

static void end(void)
{
	static const char *const names[] = { "openhcl/entropy/reg", "openhcl/entropy",
		"openhcl/isolation-type",
		"openhcl/vallum,confidential-debug", "openhcl", "" };
	char path[200];

	for (size_t i = 0; i < VL_ARRAY_COUNT(names); i++) {
		path_of(path, names[i]);
		remove(path);
	}
}

START_TEST(the_hosts_entropy_counts_where_its_row_keeps_it)
{
	const char *name = isolation_name(filter_columns[_i].isolation);

	put("openhcl/isolation-type", name, strlen(name) + 1);
	if (filter_columns[_i].debug)
		put("openhcl/vallum,confidential-debug", "", 0);
	ck_assert_int_eq(init_entropy(tree, add), 0);
	ck_assert_uint_eq(calls, 1);
	ck_assert_str_eq(added, "0123456789abcdef");
	ck_assert_int_eq(credited, filter_row_keeps(FILTER_ENTROPY_CREDIT, _i));
}
END_TEST

START_TEST(entropy_of_who_knows_what_host_does_not_count)
{
	if (_i)
		put("openhcl/isolation-type", "nonsense", 9);
	ck_assert_int_eq(init_entropy(tree, add), 0);
	ck_assert_str_eq(added, "0123456789abcdef");
	ck_assert(!credited);
}
END_TEST

START_TEST(without_a_hosts_entropy_nothing_is_added)
{
	char path[200];

	path_of(path, "openhcl/entropy/reg");
	ck_assert_int_eq(remove(path), 0);
	ck_assert_int_eq(init_entropy(tree, add), VL_E_NOTFOUND);
	ck_assert_uint_eq(calls, 0);
}
END_TEST

Suite *suite_entropy(void)
{
	Suite *s = suite_create("entropy");
	TCase *c = tcase_create("entropy");

	tcase_add_checked_fixture(c, setup, end);
	tcase_add_loop_test(c, the_hosts_entropy_counts_where_its_row_keeps_it, 0, FILTER_COLUMNS);
	tcase_add_loop_test(c, entropy_of_who_knows_what_host_does_not_count, 0, 2);
	tcase_add_test(c, without_a_hosts_entropy_nothing_is_added);
	suite_add_tcase(s, c);
	return s;
}
