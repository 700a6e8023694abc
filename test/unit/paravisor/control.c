/* The channel between our processes and the control protocol's checks. */
#include "runtime/lib/control.h"
#include "runtime/lib/channel.h"

#include <check.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

Suite *suite_control(void);

static int pair[2];
static struct control_config config;
static union control_any received;

static void setup(void)
{
	ck_assert_int_eq(channel_pair(pair), 0);
	memset(&config, 0, sizeof(config));
	config.header = (struct control_header){ CONTROL_CONFIG, sizeof(config) };
	config.version = CONTROL_VERSION;
	config.vp_count = 1;
	config.range_count = 3;
	config.ranges[0] = (struct control_range){ 0, 0x10000000, CONTROL_RANGE_RAM, 0 };
	config.ranges[1] = (struct control_range){ 0xe0000000, 0x1000000, CONTROL_RANGE_MMIO, 0 };
	config.ranges[2] = (struct control_range){ 0x100000000, 0x10000000, CONTROL_RANGE_RAM, 0 };
	config.kernel = (struct control_blob){ 0x1000000, 0x800001 };
}

static void teardown(void)
{
	close(pair[0]);
	close(pair[1]);
}

static int check(void)
{
	return control_check(&config, sizeof(config), config.fd_count);
}

static int open_fds(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

START_TEST(a_message_and_its_descriptors_arrive_together)
{
	struct channel_message m = { .data = &received, .capacity = sizeof(received) };
	int fds[3] = { dup(0), dup(0), dup(0) };

	ck_assert_int_eq(channel_send(pair[0], "hello", 5, fds, 3, 1000), 0);
	ck_assert_int_eq(channel_receive(pair[1], &m, 1000), 0);
	ck_assert_uint_eq(m.size, 5);
	ck_assert_mem_eq(&received, "hello", 5);
	ck_assert_uint_eq(m.fd_count, 3);
	ck_assert_int_eq(fcntl(m.fds[2], F_GETFD), FD_CLOEXEC);
	channel_close_fds(&m);
	ck_assert_uint_eq(m.fd_count, 0);
}
END_TEST

START_TEST(a_message_that_is_too_long_is_refused_and_its_descriptors_closed)
{
	struct channel_message m = { .data = &received, .capacity = 4 };
	int before, fd = dup(0);

	before = open_fds();
	ck_assert_int_eq(channel_send(pair[0], "hello", 5, &fd, 1, 1000), 0);
	ck_assert_int_eq(channel_receive(pair[1], &m, 1000), VL_E_LIMIT);
	ck_assert_int_eq(open_fds(), before);
	/* It was consumed. */
	ck_assert_int_eq(channel_receive(pair[1], &m, 0), VL_E_AGAIN);
}
END_TEST

START_TEST(waits_are_bounded_and_a_gone_peer_is_told)
{
	struct channel_message m = { .data = &received, .capacity = sizeof(received) };
	char big[60000] = "";
	int err = 0;

	ck_assert_int_eq(channel_receive(pair[1], &m, 20), VL_E_TIMEOUT);
	for (int i = 0; i < 100 && !err; i++)
		err = channel_send(pair[0], big, sizeof(big), NULL, 0, 20);
	ck_assert_int_eq(err, VL_E_TIMEOUT);
	ck_assert_int_eq(channel_send(pair[0], big, 1, pair, CHANNEL_FD_MAX + 1, 0), VL_E_LIMIT);
	close(pair[1]);
	ck_assert_int_eq(channel_send(pair[0], big, 1, NULL, 0, 20), VL_E_CLOSED);
	ck_assert_int_eq(channel_receive(pair[0], &m, 20), VL_E_CLOSED);
}
END_TEST

START_TEST(the_last_message_of_a_peer_that_did_not_read_ours_arrives)
{
	struct channel_message m = { .data = &received, .capacity = sizeof(received) };

	ck_assert_int_eq(channel_send(pair[0], "unread", 6, NULL, 0, 0), 0);
	ck_assert_int_eq(channel_send(pair[1], "last", 4, NULL, 0, 0), 0);
	close(pair[1]);
	ck_assert_int_eq(channel_receive(pair[0], &m, 0), 0);
	ck_assert_uint_eq(m.size, 4);
	ck_assert_int_eq(channel_receive(pair[0], &m, 0), VL_E_CLOSED);
}
END_TEST

START_TEST(a_good_configuration_passes_whole_through_the_channel)
{
	struct channel_message m = { .data = &received, .capacity = sizeof(received) };
	int fd = dup(0);

	config.fd_count = 1;
	config.fds[0] = (struct control_fd){ CONTROL_FD_CONSOLE, 1 };
	ck_assert_int_eq(control_send(pair[0], CONTROL_CONFIG, &config, sizeof(config), &fd, 1), 0);
	ck_assert_int_eq(channel_receive(pair[1], &m, 1000), 0);
	ck_assert_int_eq(control_check(m.data, m.size, m.fd_count), 0);
	ck_assert_int_eq(control_fd_of(&received.config, m.fds, CONTROL_FD_CONSOLE, 1), m.fds[0]);
	ck_assert_int_eq(control_fd_of(&received.config, m.fds, CONTROL_FD_CONSOLE, 0), -1);
	channel_close_fds(&m);
}
END_TEST

START_TEST(counts_of_a_configuration_are_bounded)
{
	config.vp_count = 0;
	ck_assert_int_eq(check(), VL_E_LIMIT);
	config.vp_count = CONTROL_VP_MAX + 1;
	ck_assert_int_eq(check(), VL_E_LIMIT);
	config.vp_count = 1;
	config.range_count = CONTROL_RANGE_MAX + 1;
	ck_assert_int_eq(check(), VL_E_LIMIT);
	config.range_count = 3;
	config.fd_count = VL_ARRAY_COUNT(config.fds) + 1;
	ck_assert_int_eq(check(), VL_E_LIMIT);
	config.fd_count = 0;
	ck_assert_int_eq(control_check(&config, sizeof(config), 1), VL_E_LIMIT);
	config.version++;
	ck_assert_int_eq(check(), VL_E_VERSION);
}
END_TEST

START_TEST(ranges_that_wrap_overlap_or_are_crooked_are_refused)
{
	config.ranges[2].size = 0 - config.ranges[2].base;
	ck_assert_int_eq(check(), VL_E_RANGE);
	config.ranges[2].size = 0;
	ck_assert_int_eq(check(), VL_E_RANGE);
	config.ranges[2].size = 0x1800;
	ck_assert_int_eq(check(), VL_E_ALIGN);
	config.ranges[2].size = 0x1000;
	config.ranges[2].base = 0xe0fff000;
	ck_assert_int_eq(check(), VL_E_OVERLAP);
	config.ranges[2].base = 0xe1000000;
	ck_assert_int_eq(check(), 0);
}
END_TEST

START_TEST(a_kernel_outside_ram_is_refused)
{
	config.kernel.base = 0xe0000000; /* MMIO */
	ck_assert_int_eq(check(), VL_E_RANGE);
	config.kernel.base = 0x0ffff000;
	ck_assert_int_eq(check(), VL_E_RANGE);
	config.kernel = (struct control_blob){ 0x1000, UINT64_MAX };
	ck_assert_int_eq(check(), VL_E_RANGE);
	config.kernel = (struct control_blob){ UINT64_MAX, 0 };
	ck_assert_int_eq(check(), 0);
}
END_TEST

START_TEST(descriptor_roles_are_known_in_range_and_unique)
{
	config.fd_count = 2;
	config.fds[0] = (struct control_fd){ CONTROL_FD_MSHV, 0 };
	config.fds[1] = (struct control_fd){ 99, 0 };
	ck_assert_int_eq(check(), VL_E_RANGE);
	config.fds[1] = (struct control_fd){ CONTROL_FD_MSHV, 1 };
	ck_assert_int_eq(check(), VL_E_RANGE);
	config.fds[1] = (struct control_fd){ CONTROL_FD_MSHV, 0 };
	ck_assert_int_eq(check(), VL_E_DUPLICATE);
	config.fds[1] = (struct control_fd){ CONTROL_FD_DISK, CONTROL_DISK_MAX - 1 };
	ck_assert_int_eq(check(), 0);
}
END_TEST

START_TEST(texts_must_end)
{
	struct control_crash crash = { .header = { CONTROL_CRASH, sizeof(crash) }, .error = VL_E_GUEST };

	memset(config.command_line, 'x', sizeof(config.command_line));
	ck_assert_int_eq(check(), VL_E_FORMAT);
	ck_assert_int_eq(control_check(&crash, sizeof(crash), 0), 0);
	memset(crash.text, 'x', sizeof(crash.text));
	ck_assert_int_eq(control_check(&crash, sizeof(crash), 0), VL_E_FORMAT);
}
END_TEST

START_TEST(errors_of_the_worker_are_from_the_list)
{
	struct control_crash crash = { .header = { CONTROL_CRASH, sizeof(crash) } };
	struct control_done done = { .header = { CONTROL_DONE, sizeof(done) }, .request = CONTROL_STOP };
	static const int32_t bad[] = { 1, INT32_MAX, INT32_MIN, -VL_ERR_COUNT };

	for (size_t i = 0; i < VL_ARRAY_COUNT(bad); i++) {
		crash.error = done.error = bad[i];
		ck_assert_int_eq(control_check(&crash, sizeof(crash), 0), VL_E_RANGE);
		ck_assert_int_eq(control_check(&done, sizeof(done), 0), VL_E_RANGE);
	}
	crash.error = done.error = 0;
	ck_assert_int_eq(control_check(&crash, sizeof(crash), 0), VL_E_RANGE);
	ck_assert_int_eq(control_check(&done, sizeof(done), 0), 0);
}
END_TEST

START_TEST(size_type_and_descriptor_count_belong_together)
{
	struct control_header h = { CONTROL_START, sizeof(h) };
	struct control_done done = { .header = { CONTROL_DONE, sizeof(done) }, .request = CONTROL_SAVE };
	struct control_triple_fault f = { .header = { CONTROL_TRIPLE_FAULT, sizeof(f) } };

	ck_assert_int_eq(control_check(&h, sizeof(h), 0), 0);
	ck_assert_int_eq(control_check(&h, sizeof(h), 1), VL_E_LIMIT);
	ck_assert_int_eq(control_check(&h, sizeof(h) - 1, 0), VL_E_TRUNCATED);
	h.size++;
	ck_assert_int_eq(control_check(&h, sizeof(h), 0), VL_E_TRUNCATED);
	h.type = 77;
	ck_assert_int_eq(control_check(&h, sizeof(h), 0), VL_E_TYPE);
	ck_assert_int_eq(control_check(&done, sizeof(done), 0), VL_E_LIMIT);
	ck_assert_int_eq(control_check(&done, sizeof(done), 1), 0);
	f.register_count = CONTROL_REGISTER_MAX + 1;
	ck_assert_int_eq(control_check(&f, sizeof(f), 0), VL_E_LIMIT);
}
END_TEST

Suite *suite_control(void)
{
	Suite *s = suite_create("control");
	TCase *c = tcase_create("channel");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, a_message_and_its_descriptors_arrive_together);
	tcase_add_test(c, a_message_that_is_too_long_is_refused_and_its_descriptors_closed);
	tcase_add_test(c, waits_are_bounded_and_a_gone_peer_is_told);
	tcase_add_test(c, the_last_message_of_a_peer_that_did_not_read_ours_arrives);
	tcase_add_test(c, a_good_configuration_passes_whole_through_the_channel);
	tcase_add_test(c, counts_of_a_configuration_are_bounded);
	tcase_add_test(c, ranges_that_wrap_overlap_or_are_crooked_are_refused);
	tcase_add_test(c, a_kernel_outside_ram_is_refused);
	tcase_add_test(c, descriptor_roles_are_known_in_range_and_unique);
	tcase_add_test(c, texts_must_end);
	tcase_add_test(c, errors_of_the_worker_are_from_the_list);
	tcase_add_test(c, size_type_and_descriptor_count_belong_together);
	suite_add_tcase(s, c);
	return s;
}
