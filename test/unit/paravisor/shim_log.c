/* The shim's log as the paravisor replays it; the host may have written over it. */
#include "runtime/paravisor/shim_log.h"
#include "common/base/fmt.h"
#include "common/base/log.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Suite *suite_shim_log(void);

static struct shim_log shim;
static char lines[SHIM_LOG_BYTES * 4];

static void keep(enum vl_log_level level, const char *line, size_t length)
{
	size_t used = strlen(lines);

	vl_format(lines + used, sizeof(lines) - used, "%d %.*s;", level, (int)length, line);
}

static void setup(void)
{
	vl_log_init(keep, VL_LOG_DEBUG);
	memset(&shim, 0, sizeof(shim));
	shim.magic = cpu_to_le32(SHIM_LOG_MAGIC);
}

static int replay(const char *text)
{
	memcpy(shim.text, text, strlen(text));
	shim.length = cpu_to_le32((uint32_t)strlen(text));
	return shim_log_lines(&shim);
}

START_TEST(lines_keep_their_level_and_order)
{
	ck_assert_int_eq(replay("<6>first\n<3>second\n<7>third\n"), 0);
	ck_assert_str_eq(lines, "2 shim: first;0 shim: second;3 shim: third;");
}
END_TEST

START_TEST(lines_without_a_level_or_an_end_are_lines)
{
	ck_assert_int_eq(replay("plain\n<\n<6>\n\n<4>unended"), 0);
	ck_assert_str_eq(lines, "2 shim: plain;2 shim: <;2 shim: ;2 shim: ;1 shim: unended;");
}
END_TEST

START_TEST(lines_that_were_lost_are_counted)
{
	shim.dropped = cpu_to_le32(3);
	ck_assert_int_eq(replay(""), 0);
	ck_assert_str_eq(lines, "1 shim: 3 more lines did not fit its log;");
}
END_TEST

START_TEST(a_full_log_without_an_end_stays_within_it)
{
	memset(shim.text, 'x', sizeof(shim.text));
	shim.length = cpu_to_le32(sizeof(shim.text));
	ck_assert_int_eq(shim_log_lines(&shim), 0);
	ck_assert_uint_eq(strlen(lines), 2 + VL_LOG_LINE_MAX - 1 + 1);
}
END_TEST

START_TEST(another_magic_or_an_impossible_length_is_refused)
{
	shim.length = cpu_to_le32(sizeof(shim.text) + 1);
	ck_assert_int_eq(shim_log_lines(&shim), VL_E_LIMIT);
	shim.length = cpu_to_le32(UINT32_MAX);
	ck_assert_int_eq(shim_log_lines(&shim), VL_E_LIMIT);
	shim.magic = cpu_to_le32(1);
	ck_assert_int_eq(shim_log_lines(&shim), VL_E_MAGIC);
	ck_assert_str_eq(lines, "");
}
END_TEST

START_TEST(the_log_is_found_in_memory_by_its_address)
{
	char path[] = "/tmp/vallum-memory-XXXXXX";
	int fd = mkstemp(path);

	memcpy(shim.text, "<6>here\n", 8);
	shim.length = cpu_to_le32(8);
	ck_assert_int_eq(pwrite(fd, &shim, sizeof(shim), 3 * VL_PAGE_BYTES), sizeof(shim));
	ck_assert_int_eq(shim_log_replay(path, 3 * VL_PAGE_BYTES, sizeof(shim)), 0);
	ck_assert_str_eq(lines, "2 shim: here;");
	ck_assert_int_eq(shim_log_replay(path, 3 * VL_PAGE_BYTES, sizeof(shim) - 1), VL_E_RANGE);
	ck_assert_int_eq(shim_log_replay(path, 5, sizeof(shim)), VL_E_RANGE);
	unlink(path);
	ck_assert_int_eq(shim_log_replay(path, 0, sizeof(shim)), VL_E_OS);
	close(fd);
}
END_TEST

Suite *suite_shim_log(void)
{
	Suite *s = suite_create("shim_log");
	TCase *c = tcase_create("replay");

	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, lines_keep_their_level_and_order);
	tcase_add_test(c, lines_without_a_level_or_an_end_are_lines);
	tcase_add_test(c, lines_that_were_lost_are_counted);
	tcase_add_test(c, a_full_log_without_an_end_stays_within_it);
	tcase_add_test(c, another_magic_or_an_impossible_length_is_refused);
	tcase_add_test(c, the_log_is_found_in_memory_by_its_address);
	suite_add_tcase(s, c);
	return s;
}
