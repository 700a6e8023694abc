/* The hardened build's checked copies and reads (common/base/fortify.h): too much ends the program. */
#include "common/base/fortify.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

Suite *suite_fortify(void);

/* The compiler knows an object's room only when it optimizes; the build that counts lines does not. */
#ifdef __OPTIMIZE__
#define ROOM_IS_KNOWN 1
#else
#define ROOM_IS_KNOWN 0
#endif

static volatile size_t size;
static const char from[64] = "0123456789012345678901234567890123456789";

static void copies(void) { char to[16]; memcpy(to, from, size); __asm__ volatile("" : : "r"(to) : "memory"); }
static void moves(void) { char to[16]; memmove(to, from, size); __asm__ volatile("" : : "r"(to) : "memory"); }
static void sets(void) { char to[16]; memset(to, 1, size); __asm__ volatile("" : : "r"(to) : "memory"); }
static void copies_text(void)
{
	char to[16];

	strcpy(to, from + 40 - size);
	__asm__ volatile("" : : "r"(to) : "memory");
}
static void appends_text(void)
{
	char to[16] = "";

	strcat(to, from + 40 - size);
	__asm__ volatile("" : : "r"(to) : "memory");
}
static void reads(void)
{
	char to[16];
	int fd = open("/dev/zero", O_RDONLY);

	if (read(fd, to, size) < 0)
		abort();
	__asm__ volatile("" : : "r"(to) : "memory");
}
static void reads_at(void)
{
	char to[16];
	int fd = open("/dev/zero", O_RDONLY);

	if (pread(fd, to, size, 0) < 0)
		abort();
	__asm__ volatile("" : : "r"(to) : "memory");
}

static void (*const attempts[])(void) = { copies, moves, sets, copies_text, appends_text, reads, reads_at };

static int end_of(void (*attempt)(void), size_t bytes)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		size = bytes;
		attempt();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

START_TEST(what_fits_is_done_and_one_byte_more_ends_the_program)
{
	/* A text has its NUL too. */
	size_t most = attempts[_i] == copies_text || attempts[_i] == appends_text ? 15 : 16;
	int status = end_of(attempts[_i], most);

	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", status);
	status = end_of(attempts[_i], most + 1);
	/* By the trap; the sanitizer's end would be an exit. */
	ck_assert_msg(WIFSIGNALED(status), "status %#x", status);
}
END_TEST

Suite *suite_fortify(void)
{
	Suite *s = suite_create("fortify");
	TCase *c = tcase_create("fortify");

	if (ROOM_IS_KNOWN)
		tcase_add_loop_test(c, what_fits_is_done_and_one_byte_more_ends_the_program, 0,
			(int)(sizeof(attempts) / sizeof(attempts[0])));
	suite_add_tcase(s, c);
	return s;
}
