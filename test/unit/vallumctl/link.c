/* vallumctl's way through the bridge's socket (tools/vallumctl/link.h), against bridges with a script. */
#include "tools/vallumctl/link.h"
#include "common/base/ports.h"

#include <check.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

Suite *suite_vallumctl_link(void);

static char folder[] = "/tmp/vallumctl-link-XXXXXX", path[64], heard[64], said[1024];
static pid_t bridge;
static int words; /* the bridge's report of what the client sent */

static void setup(void)
{
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/vsock", folder);
}

static void teardown(void)
{
	unlink(path);
	rmdir(folder);
}

/* Takes one client, reads its line, sends `answer` and closes, or waits for the client to close first. */
static void start_bridge(const char *answer, bool stay)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), report[2];

	memcpy(a.sun_path, path, strlen(path));
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(listener, 4), 0);
	ck_assert_int_eq(pipe(report), 0);
	bridge = fork();
	if (bridge == 0) {
		char line[64];
		int client = accept(listener, NULL, NULL);
		ssize_t n = read(client, line, sizeof(line));
		struct pollfd p = { .fd = client, .events = POLLRDHUP };

		if (n > 0 && write(report[1], line, (size_t)n) != n)
			_exit(1);
		send(client, answer, strlen(answer), MSG_NOSIGNAL);
		if (stay)
			poll(&p, 1, 10000);
		_exit(0);
	}
	close(report[1]);
	close(listener);
	words = report[0];
}

static int connect_to(uint32_t port)
{
	struct ctl c = { .options = { .vsock = path, .timeout_s = 1 } };
	int fd;

	memset(said, 0, sizeof(said));
	c.out = c.err = fmemopen(said, sizeof(said) - 1, "w");
	fd = link_connect(&c, port);
	fclose(c.err);
	return fd;
}

static void end_bridge(void)
{
	memset(heard, 0, sizeof(heard));
	ck_assert_int_ge(read(words, heard, sizeof(heard) - 1), 0);
	close(words);
	ck_assert_int_eq(waitpid(bridge, NULL, 0), bridge);
	unlink(path);
}

START_TEST(a_port_is_asked_for_and_what_follows_the_answer_is_the_streams)
{
	char bytes[3];
	int fd;

	start_bridge("OK 1\nabc", true);
	fd = connect_to(VL_PORT_DIAG_CONTROL);
	ck_assert_msg(fd >= 0, "%s", said);
	ck_assert_int_eq(link_read(fd, bytes, 3, link_now_ms() + 5000), 0);
	ck_assert_mem_eq(bytes, "abc", 3);
	close(fd);
	end_bridge();
	ck_assert_str_eq(heard, "CONNECT 1\n");
}
END_TEST

START_TEST(a_port_where_nobody_listens_is_told_apart_from_a_socket_that_is_not_there)
{
	ck_assert_int_lt(connect_to(1), 0);
	ck_assert_msg(strstr(said, "No such file") && strstr(said, "is the VM running"), "%s", said);
	start_bridge("", false);
	ck_assert_int_eq(connect_to(1), VL_E_CLOSED);
	ck_assert_msg(strstr(said, "nobody listens there"), "%s", said);
	end_bridge();
}
END_TEST

START_TEST(a_host_that_takes_no_connection_is_given_up_in_time)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), waiting[2];

	memcpy(a.sun_path, path, strlen(path));
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(listener, 0), 0);
	/* Its queue is full with the first. */
	for (unsigned i = 0; i < 2; i++) {
		waiting[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		connect(waiting[i], (struct sockaddr *)&a, sizeof(a));
	}
	ck_assert_int_lt(connect_to(1), 0);
	ck_assert_msg(strstr(said, "takes no connection within 1 s"), "%s", said);
	close(waiting[0]), close(waiting[1]), close(listener);
}
END_TEST

START_TEST(a_bridge_that_answers_nonsense_or_without_end_is_refused)
{
	static const char *const answers[] = { "NO\n", "\n", "OK",
		"OK 1111111111111111111111111111111111111111111\n" };

	for (size_t i = 0; i < VL_ARRAY_COUNT(answers); i++) {
		start_bridge(answers[i], false);
		ck_assert_int_lt(connect_to(1), 0);
		end_bridge();
	}
}
END_TEST

START_TEST(a_bridge_that_says_nothing_is_given_up)
{
	start_bridge("OK ", true);
	ck_assert_int_eq(connect_to(1), VL_E_TIMEOUT);
	end_bridge();
}
END_TEST

START_TEST(a_path_too_long_for_a_socket_is_refused)
{
	static char long_path[300];
	struct ctl c = { .options = { .vsock = long_path, .timeout_s = 1 } };

	memset(long_path, 'a', sizeof(long_path) - 1);
	memset(said, 0, sizeof(said));
	c.out = c.err = fmemopen(said, sizeof(said) - 1, "w");
	ck_assert_int_eq(link_connect(&c, 1), VL_E_LIMIT);
	fclose(c.err);
	ck_assert_ptr_nonnull(strstr(said, "has at most 107 bytes"));
}
END_TEST

START_TEST(reading_and_writing_have_a_limit_and_notice_the_other_sides_end)
{
	char byte = 0;
	int pair[2], small = 1;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(link_read(pair[0], &byte, 1, link_now_ms() + 50), VL_E_TIMEOUT);
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	for (int i = 0; i < 1000000 && !link_write(pair[0], said, sizeof(said), link_now_ms()); i++)
		;
	ck_assert_int_eq(link_write(pair[0], said, sizeof(said), link_now_ms() + 50), VL_E_TIMEOUT);
	close(pair[1]);
	ck_assert_int_eq(link_write(pair[0], said, sizeof(said), link_now_ms() + 5000), VL_E_CLOSED);
	ck_assert_int_eq(link_read(pair[0], &byte, 1, link_now_ms() + 5000), VL_E_CLOSED);
	close(pair[0]);
}
END_TEST

Suite *suite_vallumctl_link(void)
{
	Suite *s = suite_create("vallumctl_link");
	TCase *c = tcase_create("link");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, a_port_is_asked_for_and_what_follows_the_answer_is_the_streams);
	tcase_add_test(c, a_port_where_nobody_listens_is_told_apart_from_a_socket_that_is_not_there);
	tcase_add_test(c, a_host_that_takes_no_connection_is_given_up_in_time);
	tcase_add_test(c, a_bridge_that_answers_nonsense_or_without_end_is_refused);
	tcase_add_test(c, a_bridge_that_says_nothing_is_given_up);
	tcase_add_test(c, a_path_too_long_for_a_socket_is_refused);
	tcase_add_test(c, reading_and_writing_have_a_limit_and_notice_the_other_sides_end);
	suite_add_tcase(s, c);
	return s;
}
