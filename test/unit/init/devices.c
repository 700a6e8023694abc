/* Which device nodes init leaves (runtime/init/devices.c); files stand for them here. */
#include "runtime/init/init.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

Suite *suite_init_devices(void);

static char folder[] = "/tmp/vallum-dev.XXXXXX";
static char path[128];

static const char *in_folder(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void make(const char *name)
{
	int fd = open(in_folder(name), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void tear_down(void)
{
#define DEVICE(name, paravisors) unlink(in_folder(name));
	INIT_DEVICES(DEVICE)
#undef DEVICE
	ck_assert_int_eq(rmdir(folder), 0);
}

START_TEST(only_the_listed_devices_stay)
{
	struct stat st;

	make("null");
	make("mshv");
	make("ttyS2");
	make("console");
	ck_assert_int_eq(mkdir(in_folder("input"), 0755), 0);
	make("input/event0");
	make("input/null");
	ck_assert_int_eq(init_devices(folder, getuid()), 0);
	ck_assert_int_eq(stat(in_folder("null"), &st), 0);
	ck_assert_int_eq(stat(in_folder("mshv"), &st), 0);
	ck_assert_int_ne(stat(in_folder("ttyS2"), &st), 0);
	ck_assert_int_ne(stat(in_folder("console"), &st), 0);
	ck_assert_int_ne(stat(in_folder("input"), &st), 0);
}
END_TEST

START_TEST(the_paravisor_owns_what_it_opens)
{
	struct stat st;

	make("null");
	make("mshv");
	if (geteuid() != 0) { /* giving a file away is root's */
		ck_assert_int_eq(init_devices(folder, getuid() + 1), VL_E_OS);
		return;
	}
	ck_assert_int_eq(init_devices(folder, 1234), 0);
	ck_assert_int_eq(stat(in_folder("mshv"), &st), 0);
	ck_assert_uint_eq(st.st_uid, 1234);
	ck_assert_int_eq(stat(in_folder("null"), &st), 0);
	ck_assert_uint_eq(st.st_uid, 0);
}
END_TEST

START_TEST(a_folder_that_is_not_there_is_an_error)
{
	ck_assert_int_eq(init_devices("/nonexistent", 0), VL_E_OS);
}
END_TEST

Suite *suite_init_devices(void)
{
	Suite *s = suite_create("init_devices");
	TCase *c = tcase_create("init_devices");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, only_the_listed_devices_stay);
	tcase_add_test(c, the_paravisor_owns_what_it_opens);
	tcase_add_test(c, a_folder_that_is_not_there_is_an_error);
	suite_add_tcase(s, c);
	return s;
}
