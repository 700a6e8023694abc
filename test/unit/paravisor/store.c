/*
 * The whole way of a worker's file: client, broker, state file, GET client, the
 * reference host's GET service and its --state file; a worker process that
 * asks, and hosts that lie.
 */
#include "runtime/lib/channel.h"
#include "runtime/lib/store.h"
#include "runtime/paravisor/guest_state.h"
#include "runtime/paravisor/store_broker.h"
#include "test/unit/paravisor/state_host.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

Suite *suite_store(void);

static char path[] = "/tmp/vallum-state-XXXXXX";

/* --- The paravisor's end, and a worker as a forked process -------------------------------- */

static struct guest_state state;
static struct store_broker broker;
static enum get_event_log_id event;

static void setup(void)
{
	int fd;

	strcpy(path, "/tmp/vallum-state-XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
	store_broker_init(&broker);
}

static void teardown(void)
{
	store_broker_close(&broker);
	guest_state_close(&state);
	unlink(path);
}

static void state_up(enum guest_state_lifetime lifetime)
{
	ck_assert_int_eq(guest_state_open(&state, &state_host.client, lifetime, &event), 0);
	broker.state = &state.vmgs;
}

/* Runs `script` as a worker with the files and serves it until it is done; its exit status. */
static int work(uint64_t files, int (*script)(int fd))
{
	struct pollfd f[STORE_CHANNEL_MAX];
	int fd = store_broker_add(&broker, files), status;
	pid_t pid;

	ck_assert_int_ge(fd, 0);
	pid = fork();
	if (pid == 0) {
		store_broker_close(&broker);
		_exit(script(fd));
	}
	close(fd);
	while (broker.channels[0].fd >= 0) {
		store_broker_poll(&broker, f);
		ck_assert_int_gt(poll(f, STORE_CHANNEL_MAX, 10000), 0);
		store_broker_ready(&broker, f);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static uint8_t content[STORE_FILE_MAX + 1], got[STORE_FILE_MAX + 1];

static void fill(size_t size, uint8_t seed)
{
	for (size_t i = 0; i < size; i++)
		content[i] = (uint8_t)(i * 7 + i / 251 + seed);
}

static int read_back(int fd, size_t size)
{
	return store_read(fd, VMGS_TPM_NVRAM, got, sizeof(got)) == (int64_t)size &&
			!memcmp(got, content, size);
}

static int writes_sizes(int fd)
{
	static const size_t sizes[] = { 0, 1, STORE_PIECE_MAX - 1, STORE_PIECE_MAX, STORE_PIECE_MAX + 1,
		100000, STORE_FILE_MAX };

	for (size_t i = 0; i < VL_ARRAY_COUNT(sizes); i++) {
		fill(sizes[i], (uint8_t)i);
		if (store_write(fd, VMGS_TPM_NVRAM, content, sizes[i]) || !read_back(fd, sizes[i]))
			return 10 + (int)i;
	}
	return store_read(fd, VMGS_TPM_NVRAM, got, 100) == VL_E_NOSPACE &&
		store_write(fd, VMGS_TPM_NVRAM, content, STORE_FILE_MAX + 1) == VL_E_LIMIT ? 0 : 1;
}

START_TEST(a_worker_reads_back_what_it_wrote)
{
	state_host_start(path, NULL);
	state_up(GUEST_STATE_DEFAULT);
	ck_assert_int_eq(work(STORE_FILE(VMGS_TPM_NVRAM), writes_sizes), 0);
	state_host_stop();
}
END_TEST

static int writes_one(int fd)
{
	fill(50000, 3);
	return store_write(fd, VMGS_TPM_NVRAM, content, 50000) != 0;
}

static int reads_one(int fd)
{
	fill(50000, 3);
	return !read_back(fd, 50000);
}

START_TEST(a_file_is_there_at_the_next_boot)
{
	state_host_start(path, NULL);
	state_up(GUEST_STATE_DEFAULT);
	ck_assert_int_eq(work(STORE_FILE(VMGS_TPM_NVRAM), writes_one), 0);
	state_host_stop(); /* nothing is closed in order: what was acknowledged is on the file */
	state_host_start(path, NULL);
	state_up(GUEST_STATE_DEFAULT);
	ck_assert_int_eq(work(STORE_FILE(VMGS_TPM_NVRAM), reads_one), 0);
	state_host_stop();
}
END_TEST

static int names_others(int fd)
{
	return store_read(fd, VMGS_TPM_NVRAM, got, 10) != VL_E_DENIED ||
		store_write(fd, VMGS_FILE_TABLE, "x", 1) != VL_E_DENIED ||
		store_write(fd, VMGS_EXTENDED_TABLE, "x", 1) != VL_E_DENIED ||
		store_delete(fd, 64) != VL_E_DENIED || store_delete(fd, 0xffffffff) != VL_E_DENIED ||
		store_read(fd, VMGS_TPM_PPI, got, 10) != VL_E_NOTFOUND ||
		store_delete(fd, VMGS_TPM_PPI) != VL_E_NOTFOUND ||
		store_write(fd, VMGS_TPM_PPI, "y", 1) != 0 || store_delete(fd, VMGS_TPM_PPI) != 0 ||
		store_read(fd, VMGS_TPM_PPI, got, 10) != VL_E_NOTFOUND;
}

START_TEST(a_worker_reaches_no_file_but_its_own)
{
	state_host_start(path, NULL);
	state_up(GUEST_STATE_DEFAULT);
	ck_assert_int_eq(work(STORE_FILE(VMGS_TPM_PPI), names_others), 0);
	state_host_stop();
}
END_TEST

START_TEST(without_a_state_file_the_store_lives_in_memory)
{
	state_host_start(NULL, NULL);
	state_up(GUEST_STATE_DEFAULT);
	ck_assert(state.ephemeral);
	ck_assert_int_eq(work(STORE_FILE(VMGS_TPM_NVRAM), writes_one), 0);
	ck_assert_int_eq(work(STORE_FILE(VMGS_TPM_NVRAM), reads_one), 0);
	state_host_stop();
}
END_TEST

static int meets_broken_storage(int fd)
{
	fill(50000, 9);
	return store_write(fd, VMGS_TPM_NVRAM, content, 50000) != VL_E_IO;
}

START_TEST(a_failing_host_is_an_error_and_the_old_content_stands)
{
	state_host_start(path, NULL);
	state_up(GUEST_STATE_DEFAULT);
	ck_assert_int_eq(work(STORE_FILE(VMGS_TPM_NVRAM), writes_one), 0);
	state_host.broken = true;
	ck_assert_int_eq(work(STORE_FILE(VMGS_TPM_NVRAM), meets_broken_storage), 0);
	state_host.broken = false;
	ck_assert_int_eq(work(STORE_FILE(VMGS_TPM_NVRAM), reads_one), 0);
	state_host_stop();
}
END_TEST

/* --- Bad requests ------------------------------------------------------------------------------ */

static int32_t raw(int fd, struct store_request q, size_t data_bytes)
{
	static uint8_t message[STORE_REQUEST_MAX + 100];
	struct channel_message m = { .data = message, .capacity = sizeof(message) };
	struct store_reply r;
	int err;

	memcpy(message, &q, sizeof(q));
	err = channel_send(fd, message, sizeof(q) + data_bytes, NULL, 0, 1000);
	if (!err)
		err = channel_receive(fd, &m, 10000);
	if (err)
		return err;
	memcpy(&r, message, sizeof(r));
	return r.error;
}

static int breaks_the_order(int fd)
{
	const struct store_request write = { STORE_WRITE, VMGS_ATTEST, 0, 100 };
	const struct store_request late = { STORE_WRITE, VMGS_ATTEST, 60, 100 };
	const struct store_request other = { STORE_WRITE, VMGS_ATTEST, 50, 90 };
	const struct store_request middle = { STORE_READ, VMGS_ATTEST, 50, 0 };
	const struct store_request whole = { STORE_READ, VMGS_ATTEST, 0, 0 };

	return raw(fd, write, 50) != 0 || raw(fd, late, 40) != VL_E_ORDER ||
		raw(fd, other, 40) != VL_E_ORDER ||
		raw(fd, middle, 0) != VL_E_ORDER || raw(fd, whole, 0) != VL_E_NOTFOUND;
}

START_TEST(pieces_out_of_order_are_refused_and_nothing_is_written)
{
	state_host_start(path, NULL);
	state_up(GUEST_STATE_DEFAULT);
	ck_assert_int_eq(work(STORE_FILE(VMGS_ATTEST), breaks_the_order), 0);
	state_host_stop();
}
END_TEST

static int sends_garbage(int fd)
{
	return raw(fd, (struct store_request){ 77, VMGS_ATTEST, 0, 0 }, 0) != VL_E_CLOSED;
}

static int sends_too_much(int fd)
{
	return raw(fd, (struct store_request){ STORE_WRITE, VMGS_ATTEST, 0, STORE_FILE_MAX },
		STORE_PIECE_MAX + 1) != VL_E_CLOSED;
}

static int sends_a_descriptor(int fd)
{
	struct store_request q = { STORE_READ, VMGS_ATTEST, 0, 0 };
	uint8_t reply[STORE_REPLY_MAX];
	struct channel_message m = { .data = reply, .capacity = sizeof(reply) };
	int in = 0;

	return channel_send(fd, &q, sizeof(q), &in, 1, 1000) || channel_receive(fd, &m, 10000) != VL_E_CLOSED;
}

START_TEST(a_worker_that_breaks_the_protocol_loses_its_channel)
{
	state_host_start(path, NULL);
	state_up(GUEST_STATE_DEFAULT);
	ck_assert_int_eq(work(STORE_FILE(VMGS_ATTEST), sends_garbage), 0);
	ck_assert_int_eq(work(STORE_FILE(VMGS_ATTEST), sends_too_much), 0);
	ck_assert_int_eq(work(STORE_FILE(VMGS_ATTEST), sends_a_descriptor), 0);
	state_host_stop();
}
END_TEST

START_TEST(impossible_requests_are_named)
{
	static const struct {
		struct store_request q;
		size_t data_bytes;
		int expected;
	} cases[] = {
		{ { 0, 1, 0, 0 }, 0, VL_E_TYPE },
		{ { 4, 1, 0, 0 }, 0, VL_E_TYPE },
		{ { STORE_READ, 1, 0, 0 }, 1, VL_E_RANGE },
		{ { STORE_READ, 1, 0, 1 }, 0, VL_E_RANGE },
		{ { STORE_DELETE, 1, 1, 0 }, 0, VL_E_RANGE },
		{ { STORE_WRITE, 1, 0, STORE_FILE_MAX + 1 }, 1, VL_E_LIMIT },
		{ { STORE_WRITE, 1, 0, 0xffffffff }, STORE_PIECE_MAX, VL_E_LIMIT },
		{ { STORE_WRITE, 1, 0, STORE_FILE_MAX }, STORE_PIECE_MAX + 1, VL_E_LIMIT },
		{ { STORE_WRITE, 1, 0xffffffff, 10 }, 5, VL_E_RANGE },
		{ { STORE_WRITE, 1, 6, 10 }, 5, VL_E_RANGE },
		{ { STORE_WRITE, 1, 5, 10 }, 0, VL_E_RANGE },
		{ { STORE_WRITE, 1, 5, 10 }, 5, 0 },
		{ { STORE_WRITE, 1, 0, 0 }, 0, 0 },
	};
	static uint8_t message[STORE_REQUEST_MAX + 1];
	size_t bytes;

	for (size_t i = 0; i < VL_ARRAY_COUNT(cases); i++) {
		memcpy(message, &cases[i].q, sizeof(cases[i].q));
		ck_assert_int_eq(store_request_check(message,
			sizeof(cases[i].q) + cases[i].data_bytes, &bytes),
			cases[i].expected);
	}
	ck_assert_int_eq(store_request_check(message, sizeof(struct store_request) - 1, &bytes),
			VL_E_TRUNCATED);
}
END_TEST

/* --- Opening ------------------------------------------------------------------------------------ */

static void damage(off_t at)
{
	int fd = open(path, O_RDWR);

	ck_assert_int_eq(pwrite(fd, "damage", 6, at), 6);
	close(fd);
}

START_TEST(a_damaged_state_file_is_an_error_unless_reprovisioning_is_wanted)
{
	state_host_start(path, NULL);
	state_up(GUEST_STATE_DEFAULT);
	damage(0);
	damage(512);
	ck_assert_int_eq(guest_state_open(&state, &state_host.client, GUEST_STATE_DEFAULT, &event),
			VL_E_MAGIC);
	ck_assert_int_eq(event, GET_EVENT_VMGS_INVALID_FORMAT);
	state_up(GUEST_STATE_REPROVISION_ON_FAILURE);
	ck_assert_int_eq(work(STORE_FILE(VMGS_TPM_NVRAM), writes_one), 0);
	state_up(GUEST_STATE_REPROVISION_ON_FAILURE);
	ck_assert_int_eq(work(STORE_FILE(VMGS_TPM_NVRAM), reads_one), 0);
	state_up(GUEST_STATE_REPROVISION);
	ck_assert_int_eq(work(STORE_FILE(VMGS_TPM_NVRAM), reads_one), 1);
	state_up(GUEST_STATE_EPHEMERAL);
	ck_assert(state.ephemeral);
	state_host_stop();
}
END_TEST

START_TEST(a_storage_that_fails_at_boot_is_named)
{
	state_host_start(path, NULL);
	state_host.broken = true;
	ck_assert_int_eq(guest_state_open(&state, &state_host.client, GUEST_STATE_DEFAULT, &event), VL_E_IO);
	ck_assert_int_eq(event, GET_EVENT_VMGS_ACCESS_FAILED);
	state_host_stop();
}
END_TEST

START_TEST(two_hosts_cannot_use_one_state_file)
{
	struct state_file other;

	state_host_start(path, NULL);
	ck_assert_int_eq(state_file_open(&other, path, 0), VL_E_BUSY);
	state_host_stop();
}
END_TEST

START_TEST(the_lifetimes_have_their_names)
{
	enum guest_state_lifetime l;

	ck_assert_int_eq(guest_state_lifetime("Ephemeral", &l), 0);
	ck_assert_int_eq(l, GUEST_STATE_EPHEMERAL);
	ck_assert_int_eq(guest_state_lifetime("ephemeral", &l), VL_E_RANGE);
}
END_TEST

Suite *suite_store(void)
{
	Suite *s = suite_create("store");
	TCase *c = tcase_create("store");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, a_worker_reads_back_what_it_wrote);
	tcase_add_test(c, a_file_is_there_at_the_next_boot);
	tcase_add_test(c, a_worker_reaches_no_file_but_its_own);
	tcase_add_test(c, without_a_state_file_the_store_lives_in_memory);
	tcase_add_test(c, a_failing_host_is_an_error_and_the_old_content_stands);
	tcase_add_test(c, pieces_out_of_order_are_refused_and_nothing_is_written);
	tcase_add_test(c, a_worker_that_breaks_the_protocol_loses_its_channel);
	tcase_add_test(c, impossible_requests_are_named);
	tcase_add_test(c, a_damaged_state_file_is_an_error_unless_reprovisioning_is_wanted);
	tcase_add_test(c, a_storage_that_fails_at_boot_is_named);
	tcase_add_test(c, two_hosts_cannot_use_one_state_file);
	tcase_add_test(c, the_lifetimes_have_their_names);
	suite_add_tcase(s, c);
	return s;
}
