/*
 * The services of vallum-host behind hvsock: consoles, disks and the --vsock
 * bridge (tools/host/services_*.c).
 */
#include "common/blockio/blockio.h"
#include "test/unit/host_vmbus/fake_host.h"
#include "tools/host/services_parts.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

Suite *suite_host_services(void);

#define DISK_BYTES (256u * 1024)
#define WAIT_MS 30000

static struct host *h;
static struct console *console;
static struct disk *disk;
static struct bridge *bridge;
static int in[2], out[2];
static char dir[] = "/tmp/vallum-test-XXXXXX", image[64], path[64];
static uint8_t pattern[DISK_BYTES];

static void begin(void)
{
	int fd;

	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(image, sizeof(image), "%s/image", dir);
	snprintf(path, sizeof(path), "%s/vsock", dir);
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 13 + (i >> 8));
	fd = open(image, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_eq(write(fd, pattern, sizeof(pattern)), sizeof(pattern));
	close(fd);
	ck_assert(!pipe(in) && !pipe(out));
	h = fake_host_new();
	guest_initiate_contact(h);
	ck_assert_int_eq(console_create(h, h->sockets, in[0], out[1], &console), 0);
	ck_assert_int_eq(disk_create(h, h->sockets, 0, image, &disk), 0);
	ck_assert_int_eq(bridge_create(h, h->sockets, path, WAIT_MS, &bridge), 0);
}

static void end(void)
{
	console_drain(console);
	hvsock_destroy(h->sockets);
	console_destroy(console);
	bridge_destroy(bridge);
	disk_destroy(disk);
	h->sockets = NULL;
	fake_host_free(h);
	ck_assert_int_eq(access(path, F_OK), -1);
	unlink(image);
	rmdir(dir);
	close(in[0]);
	close(out[0]);
	close(in[1]);
	close(out[1]);
}

/* Receives exactly `bytes`, turning the loop while the ring is empty. */
static void receive(struct guest_channel *c, uint8_t *to, size_t bytes)
{
	static uint8_t left[16384];
	static size_t left_bytes;

	while (bytes) {
		size_t n = left_bytes < bytes ? left_bytes : bytes;
		int64_t more;

		memcpy(to, left, n);
		memmove(left, left + n, left_bytes - n);
		left_bytes -= n;
		to += n;
		bytes -= n;
		if (!bytes)
			return;
		more = guest_receive(c, left);
		if (more < 0)
			ck_assert(fake_host_wait(h, WAIT_MS));
		else
			left_bytes = (size_t)more;
	}
}

static void send_all(struct guest_channel *c, const void *data, size_t bytes)
{
	while (bytes) {
		uint32_t n = bytes < 4088 ? (uint32_t)bytes : 4088;

		if (!guest_send(c, data, n)) {
			ck_assert(fake_host_wait(h, WAIT_MS));
			continue;
		}
		data = (const uint8_t *)data + n;
		bytes -= n;
	}
}

/* --- Console ---------------------------------------------------------------------- */

START_TEST(com1_is_joined_to_stdin_and_stdout)
{
	struct guest_channel c;
	uint8_t text[16];

	ck_assert_int_eq(write(in[1], "early ", 6), 6);
	ck_assert(fake_host_wait(h, WAIT_MS));
	guest_connect(h, &c, 1024, VL_PORT_CONSOLE);
	receive(&c, text, 6);
	ck_assert_mem_eq(text, "early ", 6);
	ck_assert_int_eq(write(in[1], "typed", 5), 5);
	receive(&c, text, 5);
	ck_assert_mem_eq(text, "typed", 5);
	send_all(&c, "printed", 7);
	ck_assert_int_eq(read(out[0], text, sizeof(text)), 7);
	ck_assert_mem_eq(text, "printed", 7);
}
END_TEST

START_TEST(a_stdout_that_nobody_reads_holds_the_guest_back_and_loses_nothing)
{
	struct guest_channel c;
	uint8_t piece[4096];
	size_t sent = 0, got = 0;

	guest_connect(h, &c, 1024, VL_PORT_CONSOLE);
	while (sent < sizeof(pattern) && guest_send(&c, pattern + sent, 1024))
		sent += 1024;
	ck_assert_uint_lt(sent, sizeof(pattern));
	while (got < sent) {
		ssize_t n = read(out[0], piece, sizeof(piece));

		ck_assert_int_gt(n, 0);
		ck_assert_mem_eq(piece, pattern + got, (size_t)n);
		got += (size_t)n;
		fake_host_wait(h, 0);
	}
}
END_TEST

START_TEST(the_newest_connection_of_a_console_takes_over)
{
	struct vmbus_offer_channel offer;
	struct guest_channel old, new;
	uint8_t text[16];

	guest_connect(h, &old, 1024, VL_PORT_CONSOLE);
	guest_request(h, 1025, VL_PORT_CONSOLE);
	guest_take_offer(h, &new, &offer);
	guest_take_rescind(&old);
	ck_assert_uint_eq(guest_make_gpadl(&new, 6, 6), 0);
	ck_assert_uint_eq(guest_open(&new), 0);
	ck_assert_int_eq(write(in[1], "x", 1), 1);
	receive(&new, text, 1);
	ck_assert_uint_eq(text[0], 'x');
}
END_TEST

/* --- Disk ---------------------------------------------------------------------------- */

static void request(struct guest_channel *c, uint32_t op, uint64_t offset, uint32_t bytes, uint64_t id)
{
	struct blockio_request r = { .op = cpu_to_le32(op), .bytes = cpu_to_le32(bytes),
				     .offset_bytes = cpu_to_le64(offset), .id = cpu_to_le64(id) };

	send_all(c, &r, sizeof(r));
}

/* The status; data into `data`. */
static uint32_t reply(struct guest_channel *c, uint64_t id, void *data, uint32_t bytes)
{
	struct blockio_reply r;

	receive(c, (uint8_t *)&r, sizeof(r));
	ck_assert_uint_eq(le64_to_cpu(r.id), id);
	if (le32_to_cpu(r.status) == BLOCKIO_OK) {
		ck_assert_uint_eq(le32_to_cpu(r.bytes), bytes);
		receive(c, data, bytes);
	} else {
		ck_assert_uint_eq(le32_to_cpu(r.bytes), 0);
	}
	return le32_to_cpu(r.status);
}

START_TEST(a_disk_tells_its_size_reads_writes_and_flushes)
{
	uint8_t *data = malloc(BLOCKIO_DATA_MAX), *file = malloc(BLOCKIO_DATA_MAX);
	struct blockio_info info;
	struct guest_channel c;
	int fd;

	guest_connect(h, &c, 1024, VL_PORT_DISK);
	request(&c, BLOCKIO_INFO, 0, sizeof(info), 1);
	ck_assert_uint_eq(reply(&c, 1, &info, sizeof(info)), BLOCKIO_OK);
	ck_assert_uint_eq(le64_to_cpu(info.size_bytes), DISK_BYTES);
	request(&c, BLOCKIO_READ, 65536, BLOCKIO_DATA_MAX, 2);
	ck_assert_uint_eq(reply(&c, 2, data, BLOCKIO_DATA_MAX), BLOCKIO_OK);
	ck_assert_mem_eq(data, pattern + 65536, BLOCKIO_DATA_MAX);
	request(&c, BLOCKIO_WRITE, 0, BLOCKIO_DATA_MAX, 3);
	send_all(&c, pattern + 4096, BLOCKIO_DATA_MAX);
	ck_assert_uint_eq(reply(&c, 3, NULL, 0), BLOCKIO_OK);
	request(&c, BLOCKIO_FLUSH, 0, 0, 4);
	ck_assert_uint_eq(reply(&c, 4, NULL, 0), BLOCKIO_OK);
	fd = open(image, O_RDONLY);
	ck_assert_int_eq(read(fd, file, BLOCKIO_DATA_MAX), BLOCKIO_DATA_MAX);
	ck_assert_mem_eq(file, pattern + 4096, BLOCKIO_DATA_MAX);
	close(fd);
	free(data);
	free(file);
}
END_TEST

static const struct { uint32_t op; uint64_t offset; uint32_t bytes; } outside[] = {
	{ BLOCKIO_READ, DISK_BYTES, 512 }, { BLOCKIO_READ, DISK_BYTES - 512, 1024 }, { BLOCKIO_READ, 1, 512 },
	{ BLOCKIO_READ, 0, 511 }, { BLOCKIO_READ, UINT64_MAX - 511, 512 }, { BLOCKIO_READ, UINT64_MAX - 511,
		1024 },
};

START_TEST(requests_outside_of_the_disk_are_answered_as_such)
{
	struct guest_channel c;

	guest_connect(h, &c, 1024, VL_PORT_DISK);
	request(&c, outside[_i].op, outside[_i].offset, outside[_i].bytes, 7);
	ck_assert_uint_eq(reply(&c, 7, NULL, 0), BLOCKIO_OUT_OF_RANGE);
	request(&c, BLOCKIO_FLUSH, 0, 0, 8);
	ck_assert_uint_eq(reply(&c, 8, NULL, 0), BLOCKIO_OK);
}
END_TEST

static const struct { uint32_t op; uint64_t offset; uint32_t bytes; } malformed[] = {
	{ 4, 0, 0 }, { 0xffffffff, 0, 0 }, { BLOCKIO_READ, 0, BLOCKIO_DATA_MAX + 512 }, { BLOCKIO_WRITE, 0,
		0xffffffff },
	{ BLOCKIO_INFO, 0, 8 }, { BLOCKIO_INFO, 512, 16 }, { BLOCKIO_FLUSH, 0, 512 },
};

START_TEST(a_malformed_request_closes_the_stream)
{
	struct guest_channel c;

	guest_connect(h, &c, 1024, VL_PORT_DISK);
	request(&c, malformed[_i].op, malformed[_i].offset, malformed[_i].bytes, 7);
	guest_take_rescind(&c);
}
END_TEST

START_TEST(more_requests_than_the_limit_wait_and_are_all_answered)
{
	uint8_t data[512];
	struct guest_channel c;

	guest_connect(h, &c, 1024, VL_PORT_DISK);
	for (unsigned i = 0; i < 100; i++)
		request(&c, BLOCKIO_READ, (i % 64) * 512, 512, i);
	for (unsigned i = 0; i < 100; i++) {
		ck_assert_uint_eq(reply(&c, i, data, 512), BLOCKIO_OK);
		ck_assert_mem_eq(data, pattern + (i % 64) * 512, 512);
	}
}
END_TEST

START_TEST(a_connection_may_end_with_requests_in_the_air)
{
	struct vmbus_relid_message m;
	struct guest_channel c;

	for (unsigned round = 0; round < 4; round++) {
		guest_connect(h, &c, 1024, VL_PORT_DISK);
		for (unsigned i = 0; i < 10; i++)
			request(&c, BLOCKIO_READ, 0, 65536, i);
		m.relid = cpu_to_le32(c.relid);
		guest_post(h, VMBUS_CLOSE_CHANNEL, &m, sizeof(m));
		guest_take_rescind(&c);
	}
}
END_TEST

START_TEST(an_image_that_is_no_disk_is_refused)
{
	struct disk *none;

	ck_assert_int_eq(disk_create(h, h->sockets, 1, "/nonexistent/image", &none), VL_E_OS);
	ck_assert_int_eq(truncate(image, 1000), 0);
	ck_assert_int_eq(disk_create(h, h->sockets, 1, image, &none), VL_E_RANGE);
	ck_assert_int_eq(truncate(image, 0), 0);
	ck_assert_int_eq(disk_create(h, h->sockets, 1, image, &none), VL_E_RANGE);
	ck_assert_int_eq(truncate(image, 512), 0);
	ck_assert_int_eq(disk_create(h, h->sockets, 0, image, &none), VL_E_EXISTS);
}
END_TEST

/* --- Bridge -------------------------------------------------------------------------------- */

static int client(const char *command)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(a.sun_path, path, strlen(path));
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(write(fd, command, strlen(command)), (ssize_t)strlen(command));
	return fd;
}

static void until_message(void)
{
	while (!h->message_count)
		ck_assert(fake_host_wait(h, WAIT_MS));
}

static int bridged(struct guest_channel *c, const char *command)
{
	struct vmbus_offer_channel offer;
	int fd = client(command);
	char ok[32] = "";

	until_message();
	guest_take_offer(h, c, &offer);
	ck_assert_uint_eq(offer.type.bytes[0], 2);
	ck_assert_uint_eq(guest_make_gpadl(c, 6, 6), 0);
	ck_assert_uint_eq(guest_open(c), 0);
	ck_assert_int_gt(read(fd, ok, sizeof(ok) - 1), 0);
	ck_assert_int_eq(strncmp(ok, "OK ", 3), 0);
	ck_assert_int_eq(ok[strlen(ok) - 1], '\n');
	return fd;
}

START_TEST(a_client_of_the_bridge_reaches_vtl2_and_is_answered)
{
	struct guest_channel c;
	int fd = bridged(&c, "CONNECT 2\nquestion");
	uint8_t text[16];

	receive(&c, text, 8);
	ck_assert_mem_eq(text, "question", 8);
	send_all(&c, "answer", 6);
	ck_assert_int_eq(read(fd, text, sizeof(text)), 6);
	ck_assert(guest_send(&c, NULL, 0));
	ck_assert_int_eq(read(fd, text, sizeof(text)), 0);
	close(fd);
	until_message();
	guest_take_rescind(&c);
}
END_TEST

START_TEST(what_a_client_sent_before_it_hung_up_arrives)
{
	uint8_t *data = malloc(150000);
	struct guest_channel c;
	size_t sent = 0;
	int fd = bridged(&c, "CONNECT 2\n");

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (sent < 150000) {
		ssize_t n = write(fd, pattern + sent, 150000 - sent);

		if (n > 0)
			sent += (size_t)n;
		else
			break;
		fake_host_wait(h, 0);
	}
	close(fd);
	receive(&c, data, sent);
	ck_assert_mem_eq(data, pattern, sent);
	receive(&c, data, 0);
	free(data);
}
END_TEST

static const char *const bad_commands[] = {
	"\n", "CONNECT\n", "CONNECT \n", "CONNECT x\n", "CONNECT -1\n", "CONNECT 2 \n",
	"CONNECT 2147483648\n", "CONNECT 99999999999999999999\n", "connect 2\n",
	"GET / HTTP/1.1 and a long line that never ends" };

START_TEST(a_client_for_whom_there_is_no_place_waits_until_another_leaves)
{
	int fds[32], late;
	char end;

	for (size_t i = 0; i < VL_ARRAY_COUNT(fds); i++)
		fds[i] = client("CONN");
	late = client("NONSENSE\n");
	for (int i = 0; i < 20; i++)
		fake_host_wait(h, 1);
	ck_assert_int_eq(recv(late, &end, 1, MSG_DONTWAIT), -1);
	close(fds[7]);
	/* Its command is read now, and is none. */
	while (recv(late, &end, 1, MSG_DONTWAIT) != 0)
		ck_assert(fake_host_wait(h, WAIT_MS));
	for (size_t i = 0; i < VL_ARRAY_COUNT(fds); i++)
		if (i != 7)
			close(fds[i]);
	close(late);
}
END_TEST

/* On a bridge of its own, whose limit is short; whoever is connected by then stays. */
START_TEST(a_client_that_never_says_where_it_wants_to_go_loses_its_place)
{
	struct guest_channel c;
	int fds[33], through;
	uint8_t text[8];
	char end;

	bridge_destroy(bridge);
	ck_assert_int_eq(bridge_create(h, h->sockets, path, 300, &bridge), 0);
	through = bridged(&c, "CONNECT 2\n");
	for (size_t i = 0; i < VL_ARRAY_COUNT(fds); i++)
		fds[i] = client(i % 2 ? "" : "CONN");
	for (size_t i = 0; i < VL_ARRAY_COUNT(fds); i++) {
		while (recv(fds[i], &end, 1, MSG_DONTWAIT) != 0)
			ck_assert(fake_host_wait(h, WAIT_MS));
		close(fds[i]);
	}
	ck_assert_int_eq(write(through, "still", 5), 5);
	receive(&c, text, 5);
	ck_assert_mem_eq(text, "still", 5);
	close(through);
}
END_TEST

/* Each costs VTL2's kernel time that the guest then lacks. */
START_TEST(a_crowd_of_clients_is_let_through_a_few_at_a_time_and_in_order)
{
	struct guest_channel c[6];
	struct vmbus_offer_channel offer;
	int fds[VL_ARRAY_COUNT(c)];

	for (size_t i = 0; i < VL_ARRAY_COUNT(c); i++) {
		char command[24];

		snprintf(command, sizeof(command), "CONNECT %zu\n", 100 + i);
		fds[i] = client(command);
		while (fake_host_wait(h, 0))
			;
	}
	while (fake_host_wait(h, 200))
		;
	ck_assert_uint_eq(h->message_count, 4);
	for (size_t i = 0; i < VL_ARRAY_COUNT(c); i++) {
		until_message();
		guest_take_offer(h, &c[i], &offer);
		ck_assert_uint_eq(offer.type.bytes[0], 100 + i);
		if (i < 3)
			continue;
		/* The first four are opened once all of their offers are taken. */
		for (size_t k = i == 3 ? 0 : i; k <= i; k++) {
			ck_assert_uint_eq(guest_make_gpadl(&c[k], 6, 6), 0);
			ck_assert_uint_eq(guest_open(&c[k]), 0);
		}
	}
	for (size_t i = 0; i < VL_ARRAY_COUNT(c); i++)
		close(fds[i]);
}
END_TEST

START_TEST(a_bad_command_ends_the_client)
{
	int fd = client(bad_commands[_i]);
	struct pollfd p = { fd, POLLIN, 0 };
	char byte;

	while (!poll(&p, 1, 0))
		ck_assert(fake_host_wait(h, WAIT_MS));
	ck_assert_int_le(read(fd, &byte, 1), 0);
	ck_assert_uint_eq(h->message_count, 0);
	close(fd);
}
END_TEST

START_TEST(a_path_in_use_and_a_long_path_are_refused)
{
	struct bridge *none;
	char longer[200];

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	ck_assert_int_eq(bridge_create(h, h->sockets, path, WAIT_MS, &none), VL_E_EXISTS);
	ck_assert_int_eq(bridge_create(h, h->sockets, longer, WAIT_MS, &none), VL_E_RANGE);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

Suite *suite_host_services(void)
{
	Suite *s = suite_create("host_services");
	TCase *t = tcase_create("host_services");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, com1_is_joined_to_stdin_and_stdout);
	tcase_add_test(t, a_stdout_that_nobody_reads_holds_the_guest_back_and_loses_nothing);
	tcase_add_test(t, the_newest_connection_of_a_console_takes_over);
	tcase_add_test(t, a_disk_tells_its_size_reads_writes_and_flushes);
	tcase_add_loop_test(t, requests_outside_of_the_disk_are_answered_as_such, 0, VL_ARRAY_COUNT(outside));
	tcase_add_loop_test(t, a_malformed_request_closes_the_stream, 0, VL_ARRAY_COUNT(malformed));
	tcase_add_test(t, more_requests_than_the_limit_wait_and_are_all_answered);
	tcase_add_test(t, a_connection_may_end_with_requests_in_the_air);
	tcase_add_test(t, an_image_that_is_no_disk_is_refused);
	tcase_add_test(t, a_client_of_the_bridge_reaches_vtl2_and_is_answered);
	tcase_add_test(t, what_a_client_sent_before_it_hung_up_arrives);
	tcase_add_test(t, a_client_that_never_says_where_it_wants_to_go_loses_its_place);
	tcase_add_test(t, a_crowd_of_clients_is_let_through_a_few_at_a_time_and_in_order);
	tcase_add_test(t, a_client_for_whom_there_is_no_place_waits_until_another_leaves);
	tcase_add_loop_test(t, a_bad_command_ends_the_client, 0, VL_ARRAY_COUNT(bad_commands));
	tcase_add_test(t, a_path_in_use_and_a_long_path_are_refused);
	suite_add_tcase(s, t);
	return s;
}
