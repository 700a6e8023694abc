/*
 * The host channel's client (runtime/lib/get_client.h) alone, with a short limit, against hosts that hold it
 * up.
 */
#include "runtime/lib/get_client.h"

#include <check.h>
#include <sys/socket.h>
#include <unistd.h>

Suite *suite_get_client(void);

static unsigned notifications;

static void count(void *context, const void *message, size_t size)
{
	notifications++;
}

START_TEST(a_late_answer_is_a_time_out_and_ends_the_channel)
{
	static struct get_client c;
	struct get_client_time t;
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	get_client_init(&c, pair[0], count, NULL);
	c.call_limit_ms = 30;
	ck_assert_int_eq(get_client_time(&c, &t), VL_E_TIMEOUT);
	ck_assert_int_eq(c.fd, -1);
	ck_assert_int_eq(get_client_time(&c, &t), VL_E_TIMEOUT);
	close(pair[1]);
}
END_TEST

START_TEST(a_host_that_only_notifies_cannot_hold_up_a_call)
{
	static const uint8_t notification[] = { 4, 0, 0, 0, 1, 4, 9, 0 };
	static struct get_client c;
	int pair[2], sent = 0;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	get_client_init(&c, pair[0], count, NULL);
	c.call_limit_ms = 30;
	while (send(pair[1], notification, sizeof(notification), MSG_NOSIGNAL) == sizeof(notification))
		sent++;
	ck_assert_int_eq(get_client_version(&c), VL_E_TIMEOUT);
	ck_assert_int_gt(sent, 0);
	ck_assert_uint_gt(notifications, 0);
	close(pair[1]);
}
END_TEST

START_TEST(a_host_that_does_not_read_cannot_hold_up_a_notification)
{
	static struct get_client c;
	int pair[2], err = 0;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	get_client_init(&c, pair[0], count, NULL);
	c.send_limit_ms = 30;
	for (unsigned i = 0; i < 100000 && !err; i++)
		err = get_client_log(&c, GET_LOG_ERROR, "nobody reads this");
	ck_assert_int_eq(err, VL_E_TIMEOUT);
	close(pair[1]);
}
END_TEST

Suite *suite_get_client(void)
{
	Suite *s = suite_create("get_client");
	TCase *c = tcase_create("get_client");

	tcase_add_test(c, a_late_answer_is_a_time_out_and_ends_the_channel);
	tcase_add_test(c, a_host_that_only_notifies_cannot_hold_up_a_call);
	tcase_add_test(c, a_host_that_does_not_read_cannot_hold_up_a_notification);
	suite_add_tcase(s, c);
	return s;
}
