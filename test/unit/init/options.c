/* Which words of the kernel command line reach the paravisor's environment. */
#include "runtime/init/init.h"

#include <check.h>
#include <string.h>

Suite *suite_options(void);

static char *env[INIT_OPTION_MAX + 1];
static unsigned ignored;

static const struct filter_context none;

START_TEST(listed_names_pass_and_all_others_do_not)
{
	char line[] = "console=ttyS2 VALLUM_LOG=debug LD_PRELOAD=/x OPENHCL_CONFIDENTIAL=1\tquiet PATH=/ "
		"VALLUM_LOGX=1 XVALLUM_LOG=1 VALLUM_LOG OPENHCL_CONFIDENTIAL_DEBUG=0\n";

	ck_assert_int_eq(init_options(line, env, &none, &ignored), 3);
	ck_assert_str_eq(env[0], "VALLUM_LOG=debug");
	ck_assert_str_eq(env[1], "OPENHCL_CONFIDENTIAL=1");
	ck_assert_str_eq(env[2], "OPENHCL_CONFIDENTIAL_DEBUG=0");
	ck_assert_uint_eq(ignored, 7);
	ck_assert_ptr_null(env[3]);
}
END_TEST

START_TEST(words_for_init_alone_are_not_options)
{
	char line[] = "quiet -- VALLUM_LOG=debug";

	ck_assert_int_eq(init_options(line, env, &none, &ignored), 0);
	ck_assert_ptr_null(env[0]);
	ck_assert_uint_eq(ignored, 1);
}
END_TEST

START_TEST(an_empty_line_has_no_options)
{
	char line[] = "";

	ck_assert_int_eq(init_options(line, env, &none, &ignored), 0);
	ck_assert_ptr_null(env[0]);
}
END_TEST

START_TEST(more_options_than_fit_are_cut_off)
{
	char line[INIT_OPTIONS_BYTES] = "";

	for (int i = 0; i < INIT_OPTION_MAX + 1; i++)
		strcat(line, "VALLUM_LOG=info ");
	ck_assert_int_eq(init_options(line, env, &none, &ignored), VL_E_LIMIT);
	ck_assert_str_eq(env[INIT_OPTION_MAX - 1], "VALLUM_LOG=info");
	ck_assert_ptr_null(env[INIT_OPTION_MAX]);
	ck_assert_uint_eq(ignored, 1);
}
END_TEST

Suite *suite_options(void)
{
	Suite *s = suite_create("options");
	TCase *c = tcase_create("command line");

	tcase_add_test(c, listed_names_pass_and_all_others_do_not);
	tcase_add_test(c, words_for_init_alone_are_not_options);
	tcase_add_test(c, an_empty_line_has_no_options);
	tcase_add_test(c, more_options_than_fit_are_cut_off);
	suite_add_tcase(s, c);
	return s;
}
