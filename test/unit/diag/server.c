/*
 * The diagnostics server's real code among clients, a paravisor and units of the inspect tree
 * (surroundings.h).
 */
#include "common/base/fmt.h"
#include "common/inspect/view.h"
#include "common/protobuf/protobuf.h"
#include "runtime/diag/calls.h"
#include "runtime/diag/tree.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/clock.h"
#include "test/unit/diag/surroundings.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

Suite *suite_diag_server(void);

#define VALUE 42

/* --- Units ------------------------------------------------------------------------------------ */

static int add_unit(const char *name, const char *entry)
{
	struct service_unit u = { .type = SERVICE_UNIT, .entry_count = entry != NULL };
	int pair[2];

	ck_assert_int_eq(channel_pair(pair), 0);
	vl_format(u.name, sizeof(u.name), "%s", name);
	vl_format(u.entries[0], sizeof(u.entries[0]), "%s", entry ? entry : "");
	send_to_server(&u, sizeof(u), pair[0]);
	close(pair[0]);
	return pair[1];
}

static void walk(void *context, struct inspect *i)
{
	const char *update = inspect_update(i, "level", INSPECT_SAFE);

	inspect_text(i, "level", INSPECT_SAFE, update ? update : "info");
	inspect_u64(i, "count", INSPECT_SAFE, INSPECT_COUNT, VALUE);
	inspect_u64(i, "secret", INSPECT_SENSITIVE, INSPECT_HEX, VALUE);
}

/* As the paravisor: an entry of the root. */
static void walk_root(void *context, struct inspect *i)
{
	if (!inspect_open(i, "boot", INSPECT_SAFE))
		return;
	inspect_u64(i, "kernel-start", INSPECT_SAFE, INSPECT_PLAIN, VALUE);
	inspect_close(i);
}

struct unit_thread {
	pthread_t thread;
	int fd;
	inspect_unit_walk *walk;
};

static void *serve_unit(void *context)
{
	struct unit_thread *u = context;
	struct pollfd f = { .fd = u->fd, .events = POLLIN };
	struct inspect_unit_request q;
	static _Thread_local struct inspect_unit_answer a;
	struct inspect i;

	/* As inspect_unit_serve(), whose buffer is one for a process, which has one unit. */
	while (poll(&f, 1, -1) > 0 && recv(u->fd, &q, sizeof(q), 0) == sizeof(q)) {
		struct inspect_request r = { .path = q.path, .depth = q.depth,
			.level = (enum inspect_level)q.level, .value = q.update ? q.value : NULL };

		inspect_begin(&i, &r, a.node, sizeof(a.node));
		u->walk(NULL, &i);
		a.id = q.id;
		if (send(u->fd, &a, sizeof(a.id) + (size_t)inspect_end(&i), MSG_NOSIGNAL) < 0)
			break;
	}
	close(u->fd);
	return NULL;
}

static void start_unit(struct unit_thread *u, const char *name, const char *entry, inspect_unit_walk *w)
{
	u->fd = add_unit(name, entry);
	u->walk = w;
	ck_assert_int_eq(pthread_create(&u->thread, NULL, serve_unit, u), 0);
}

/* --- Clients ---------------------------------------------------------------------------------- */

static struct ttrpc_response call_on_stream(int fd, const char *method, uint64_t conn, bool follow,
	const char *path)
{
	struct diag_stream_request q = { .follow = follow, .conn = conn };
	uint8_t payload[512];
	struct vl_writer w;

	vl_format(q.path, sizeof(q.path), "%s", path);
	vl_writer_init(&w, payload, sizeof(payload));
	diag_stream_encode(&w, &q);
	return call(fd, DIAG_SERVICE, method, payload, w.pos);
}

/* The Node at `path` of the answer to an Inspect with that limit (0: none), checked. */
static struct inspect_node inspect_in(int fd, const char *path, uint64_t timeout_ns)
{
	struct diag_inspect_request q = { .depth = 64 };
	uint8_t payload[512];
	struct ttrpc_response a;
	struct inspect_node n;
	const uint8_t *node;
	struct vl_writer w;
	size_t size;

	vl_format(q.path, sizeof(q.path), "%s", path);
	vl_writer_init(&w, payload, sizeof(payload));
	diag_inspect_encode(&w, &q);
	send_call(fd, 1, DIAG_SERVICE_INSPECT, "Inspect", payload, w.pos, timeout_ns);
	a = receive_answer(fd, 1);
	ck_assert_uint_eq(a.code, TTRPC_OK);
	ck_assert_int_eq(diag_response_decode(a.payload, a.payload_size, &node, &size), 0);
	ck_assert_int_eq(inspect_check(node, size, INSPECT_SENSITIVE), 0);
	ck_assert_int_eq(inspect_node_read(node, size, &n), 0);
	return n;
}

static struct inspect_node inspect_at(int fd, const char *path)
{
	return inspect_in(fd, path, 0);
}

static bool has_value(int fd, const char *path)
{
	struct inspect_node n = inspect_at(fd, path);

	ck_assert(n.kind == INSPECT_NODE_FAILED || (n.kind == INSPECT_NODE_VALUE && n.value.u64 == VALUE));
	return n.kind == INSPECT_NODE_VALUE;
}

static void fails_with(int fd, const char *path, enum inspect_error error)
{
	struct inspect_node n = inspect_at(fd, path);

	ck_assert_uint_eq(n.kind, INSPECT_NODE_FAILED);
	ck_assert_uint_eq(n.error, error);
}

/* --- Calls ------------------------------------------------------------------------------------ */

START_TEST(ping_is_answered_and_what_is_not_there_is_unimplemented)
{
	int fd;

	start_plain();
	fd = connect_to(0);
	ck_assert_uint_eq(call(fd, DIAG_SERVICE_PING, "Ping", NULL, 0).code, TTRPC_OK);
	ck_assert_uint_eq(call(fd, DIAG_SERVICE, "Ping", NULL, 0).code, TTRPC_UNIMPLEMENTED);
	ck_assert_uint_eq(call(fd, "no.Service", "Ping", NULL, 0).code, TTRPC_UNIMPLEMENTED);
	ck_assert_uint_eq(call(fd, DIAG_SERVICE, "Exec", NULL, 0).code, TTRPC_UNIMPLEMENTED);
	close(fd);
	stop();
}
END_TEST

START_TEST(the_tree_holds_the_parts_of_all_units_and_the_servers_own)
{
	struct unit_thread vm, root;
	struct inspect_node n;
	int fd;

	start_plain();
	start_unit(&vm, "vm", NULL, walk);
	start_unit(&root, "paravisor", "boot", walk_root);
	fd = connect_to(0);
	ck_assert(has_value(fd, "vm/count"));
	ck_assert(has_value(fd, "vm/secret"));
	ck_assert(has_value(fd, "boot/kernel-start"));
	n = inspect_at(fd, "");
	ck_assert_uint_eq(n.kind, INSPECT_NODE_DIR);
	n = inspect_at(fd, "diagnostics/connections");
	ck_assert_uint_eq(n.value.u64, 1);
	fails_with(fd, "no/such", INSPECT_NOT_FOUND);
	fails_with(fd, "paravisor", INSPECT_NOT_FOUND);
	close(fd);
	stop();
	pthread_join(vm.thread, NULL);
	pthread_join(root.thread, NULL);
}
END_TEST

START_TEST(a_unit_that_hangs_is_unresolved_is_waited_for_once_and_comes_back)
{
	struct unit_thread vm;
	struct inspect_unit_request q;
	struct inspect_unit_answer a;
	uint64_t began;
	int fd, hung;
	struct inspect_request r = { .path = "count", .level = INSPECT_SENSITIVE };
	struct inspect i;

	start_plain();
	start_unit(&vm, "vm", NULL, walk);
	hung = add_unit("tpm", NULL);
	fd = connect_to(0);
	fails_with(fd, "tpm/count", INSPECT_UNRESOLVED);
	began = clock_boot_ns();
	for (int n = 0; n < 20; n++) {
		ck_assert(has_value(fd, "vm/count"));
		fails_with(fd, "tpm/count", INSPECT_UNRESOLVED);
	}
	/* Twenty times the limit would be 40 s. */
	ck_assert_uint_lt(clock_boot_ns() - began, 20000 * CLOCK_MS_NS);
	/* It answers what it owes, then the next question. */
	ck_assert_int_eq(recv(hung, &q, sizeof(q), 0), sizeof(q));
	inspect_begin(&i, &r, a.node, sizeof(a.node));
	walk(NULL, &i);
	a.id = q.id;
	ck_assert_int_gt(send(hung, &a, sizeof(a.id) + (size_t)inspect_end(&i), 0), 0);
	send_call(fd, 1, DIAG_SERVICE_INSPECT, "Inspect", "\x0a\x09tpm/count", 11, 0);
	while (recv(hung, &q, sizeof(q), 0) != sizeof(q))
		poll(&(struct pollfd){ .fd = hung, .events = POLLIN }, 1, LIMIT_MS);
	inspect_begin(&i, &r, a.node, sizeof(a.node));
	walk(NULL, &i);
	a.id = q.id;
	ck_assert_int_gt(send(hung, &a, sizeof(a.id) + (size_t)inspect_end(&i), 0), 0);
	ck_assert_uint_eq(receive_answer(fd, 1).code, TTRPC_OK);
	close(fd);
	close(hung);
	stop();
	pthread_join(vm.thread, NULL);
}
END_TEST

static enum inspect_kind kind_in_root(int fd, const char *name, uint64_t timeout_ns)
{
	struct inspect_node n = inspect_in(fd, "", timeout_ns);
	struct inspect_entry e;

	while (inspect_next(&n.entries, &e))
		if (e.name_size == strlen(name) && memcmp(e.name, name, e.name_size) == 0)
			return e.node.kind;
	return INSPECT_NODE_UNEVALUATED;
}

START_TEST(a_unit_that_hangs_leaves_those_after_it_their_time_in_the_whole_tree)
{
	struct unit_thread vm;
	int fd, hung;

	start_plain();
	hung = add_unit("device-com1", NULL);
	start_unit(&vm, "vm", NULL, walk);
	fd = connect_to(0);
	while (!has_value(fd, "vm/count")) /* until the server was told of it */
		;
	ck_assert_uint_eq(kind_in_root(fd, "vm", 0), INSPECT_NODE_DIR);
	ck_assert_uint_eq(kind_in_root(fd, "device-com1", 0), INSPECT_NODE_FAILED);
	close(fd);
	close(hung);
	stop();
	pthread_join(vm.thread, NULL);
}
END_TEST

/*
 * As the reference does it, whose client waits 1 s unless it is told otherwise, and shows what it then gets.
 */
START_TEST(at_the_clients_limit_the_tree_is_there_and_says_what_was_late)
{
	struct unit_thread vm;
	struct inspect_node n;
	int fd, hung;

	start_plain();
	start_unit(&vm, "vm", NULL, walk);
	hung = add_unit("tpm", NULL);
	fd = connect_to(0);
	while (!has_value(fd, "vm/count"))
		;
	n = inspect_in(fd, "tpm/count", 100 * CLOCK_MS_NS);
	ck_assert(n.kind == INSPECT_NODE_FAILED && n.error == INSPECT_UNRESOLVED);
	ck_assert_uint_eq(kind_in_root(fd, "tpm", CLOCK_MS_NS), INSPECT_NODE_FAILED);
	ck_assert_uint_eq(kind_in_root(fd, "diagnostics", 1), INSPECT_NODE_DIR);
	close(fd);
	close(hung);
	stop();
	pthread_join(vm.thread, NULL);
}
END_TEST

START_TEST(a_unit_that_died_is_unresolved_until_its_next_process_is_there)
{
	struct unit_thread vm;
	int fd;

	start_plain();
	close(add_unit("vm", NULL));
	fd = connect_to(0);
	fails_with(fd, "vm/count", INSPECT_UNRESOLVED);
	ck_assert_uint_eq(inspect_at(fd, "").kind, INSPECT_NODE_DIR);
	start_unit(&vm, "vm", NULL, walk);
	/* The channel keeps the order: once another unit's message was taken, this one was. */
	while (!has_value(fd, "vm/count"))
		;
	close(fd);
	stop();
	pthread_join(vm.thread, NULL);
}
END_TEST

START_TEST(a_unit_that_the_paravisor_says_is_gone_leaves_the_tree_and_its_place_to_others)
{
	struct service_unit gone = { .type = SERVICE_UNIT, .name = "exec-0" };
	struct unit_thread vm;
	int fd, one;

	start_plain();
	for (unsigned n = 0; n < 3 * SERVICE_UNIT_MAX; n++) {
		one = add_unit("exec-0", NULL);
		send_to_server(&gone, sizeof(gone), -1);
		close(one);
	}
	start_unit(&vm, "vm", NULL, walk);
	send_to_server(&gone, sizeof(gone), -1); /* it is not there */
	fd = connect_to(0);
	while (!has_value(fd, "vm/count"))
		;
	fails_with(fd, "exec-0", INSPECT_NOT_FOUND);
	close(fd);
	stop();
	pthread_join(vm.thread, NULL);
}
END_TEST

static void *lie(void *context)
{
	struct inspect_unit_request q;
	struct inspect_unit_answer a = { 0 };
	int fd = *(int *)context;

	while (poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, -1) > 0 &&
			recv(fd, &q, sizeof(q), 0) == sizeof(q)) {
		a.id = q.id;
		memset(a.node, 0xff, sizeof(a.node));
		if (send(fd, &a, sizeof(a), MSG_NOSIGNAL) < 0)
			break;
	}
	return NULL;
}

START_TEST(a_unit_that_answers_nonsense_is_shown_as_such_and_nothing_of_it_is_passed_on)
{
	pthread_t liar;
	int fd, unit;

	start_plain();
	unit = add_unit("vm", NULL);
	ck_assert_int_eq(pthread_create(&liar, NULL, lie, &unit), 0);
	fd = connect_to(0);
	fails_with(fd, "vm/count", INSPECT_CHANNEL);
	ck_assert_uint_eq(inspect_at(fd, "").kind, INSPECT_NODE_DIR);
	close(fd);
	stop();
	shutdown(unit, SHUT_RDWR);
	pthread_join(liar, NULL);
	close(unit);
}
END_TEST

START_TEST(an_update_is_carried_out_by_the_unit_and_answered_with_the_value)
{
	struct diag_update_request q = { .path = "vm/level", .value = "debug" };
	struct inspect_value v;
	struct unit_thread vm;
	struct ttrpc_response a;
	uint8_t payload[512];
	const uint8_t *value;
	struct vl_writer w;
	size_t size;
	int fd;

	start_plain();
	start_unit(&vm, "vm", NULL, walk);
	fd = connect_to(0);
	vl_writer_init(&w, payload, sizeof(payload));
	diag_update_encode(&w, &q);
	a = call(fd, DIAG_SERVICE_INSPECT, "Update", payload, w.pos);
	ck_assert_uint_eq(a.code, TTRPC_OK);
	ck_assert_int_eq(diag_response_decode(a.payload, a.payload_size, &value, &size), 0);
	ck_assert_int_eq(inspect_value_read(value, size, &v), 0);
	ck_assert_int_eq(v.size, 5);
	ck_assert_int_eq(memcmp(v.bytes, "debug", 5), 0);
	vl_writer_init(&w, payload, sizeof(payload));
	vl_format(q.path, sizeof(q.path), "vm/count");
	diag_update_encode(&w, &q);
	a = call(fd, DIAG_SERVICE_INSPECT, "Update", payload, w.pos);
	ck_assert_uint_eq(a.code, TTRPC_UNKNOWN);
	ck_assert_ptr_nonnull(strstr(a.text, "cannot be changed"));
	close(fd);
	stop();
	pthread_join(vm.thread, NULL);
}
END_TEST

START_TEST(no_packets_can_be_captured_for_there_is_no_network_device)
{
	int fd;

	start_plain();
	fd = connect_to(0);
	ck_assert_uint_eq(call(fd, DIAG_SERVICE, "PacketCapture", "", 0).code, TTRPC_OK);
	ck_assert_uint_eq(call(fd, DIAG_SERVICE, "PacketCapture", "\x18\x01", 2).code, TTRPC_UNKNOWN);
	ck_assert_uint_eq(call(fd, DIAG_SERVICE, "Start", "", 0).code, TTRPC_UNKNOWN);
	close(fd);
	stop();
}
END_TEST

/* --- The filter ------------------------------------------------------------------------------- */

static const struct {
	const char *service, *method;
	enum filter_item item;
} filtered[] = {
	{ DIAG_SERVICE_PING, "Ping", FILTER_DIAG_PING },
	{ DIAG_SERVICE_INSPECT, "Inspect", FILTER_DIAG_INSPECT },
	{ DIAG_SERVICE_INSPECT, "Update", FILTER_DIAG_UPDATE },
	{ DIAG_SERVICE, "Kmsg", FILTER_DIAG_KMSG },
	{ DIAG_SERVICE, "ReadFile", FILTER_DIAG_FILE },
	{ DIAG_SERVICE, "Start", FILTER_DIAG_LIFE },
	{ DIAG_SERVICE, "PacketCapture", FILTER_DIAG_CAPTURE },
	{ DIAG_SERVICE_PROFILE, "Profile", FILTER_DIAG_PROFILE },
	/* These would go to the paravisor. */
	{ DIAG_SERVICE, "Crash", FILTER_DIAG_LIFE },
	{ DIAG_SERVICE, "Pause", FILTER_DIAG_LIFE },
	{ DIAG_SERVICE, "Resume", FILTER_DIAG_LIFE },
	{ DIAG_SERVICE, "Restart", FILTER_DIAG_LIFE },
	{ DIAG_SERVICE, "DumpSavedState", FILTER_DIAG_STATE },
};

static const struct filter_context contexts[] = {
	{ ISOLATION_NONE, false }, { ISOLATION_VBS, false }, { ISOLATION_SNP, false },
	{ ISOLATION_TDX, false },
	{ ISOLATION_VBS, true }, { ISOLATION_SNP, true }, { ISOLATION_TDX, true }, { ISOLATION_CCA, false },
	{ ISOLATION_COUNT, true },
};

START_TEST(a_call_passes_where_its_row_of_the_filter_keeps_it_and_only_there)
{
	const struct filter_context *f = &contexts[_i];
	union service_any any;
	int fd;

	start(f->isolation, f->debug);
	fd = connect_to(0);
	for (size_t n = 0; n < VL_ARRAY_COUNT(filtered); n++) {
		bool keeps = filter_keeps(f, filtered[n].item), asks = n >= 8 && keeps;
		struct ttrpc_response a;

		send_call(fd, 1, filtered[n].service, filtered[n].method, "", 0, 0);
		if (asks) {
			receive(&any, NULL, SERVICE_ASK);
			reply(any.ask.id, VL_E_STATE, "", -1);
		}
		a = receive_answer(fd, 1);
		ck_assert_msg((a.code == TTRPC_PERMISSION_DENIED) == !keeps, "%s: %u %s", filtered[n].method,
			a.code, a.text);
	}
	/* Whatever its row says: an image that is not for debugging has no such call. */
	ck_assert_uint_eq(call(fd, DIAG_SERVICE, "Exec", "", 0).code, TTRPC_UNIMPLEMENTED);
	close(fd);
	/* Nothing that was refused reached the paravisor: its next word is none. */
	ck_assert_int_eq(poll(&(struct pollfd){ .fd = paravisor, .events = POLLIN }, 1, 0),
		filter_keeps(f, FILTER_DIAG_LIFE) ? 0 : 1); /* HELLO alone, which was not taken then */
	stop();
}
END_TEST

START_TEST(what_is_not_marked_safe_is_shown_where_its_row_keeps_it)
{
	struct unit_thread vm;
	int fd;

	start(contexts[_i].isolation, contexts[_i].debug);
	start_unit(&vm, "vm", NULL, walk);
	fd = connect_to(0);
	ck_assert(has_value(fd, "vm/count"));
	ck_assert_int_eq(has_value(fd, "vm/secret"), filter_keeps(&contexts[_i], FILTER_DIAG_INSPECT_ALL));
	close(fd);
	stop();
	pthread_join(vm.thread, NULL);
}
END_TEST

/* A unit that does not heed the level of its question. */
static void walk_too_much(void *context, struct inspect *i)
{
	i->request.level = INSPECT_SENSITIVE;
	walk(context, i);
}

START_TEST(an_isolated_vms_unit_that_tells_too_much_is_not_passed_on)
{
	struct unit_thread vm;
	int fd;

	start(ISOLATION_VBS, false);
	start_unit(&vm, "vm", NULL, walk_too_much);
	fd = connect_to(0);
	fails_with(fd, "vm", INSPECT_CHANNEL);
	close(fd);
	stop();
	pthread_join(vm.thread, NULL);
}
END_TEST

static void walk_settings(void *context, struct inspect *i)
{
	if (!inspect_open(i, "settings", INSPECT_UNSPECIFIED))
		return;
	inspect_u64(i, "count", INSPECT_UNSPECIFIED, INSPECT_COUNT, VALUE);
	inspect_close(i);
}

START_TEST(what_a_client_may_see_nothing_of_is_not_in_its_whole_tree)
{
	struct unit_thread root;
	int fd;

	start(_i ? ISOLATION_VBS : ISOLATION_NONE, false);
	start_unit(&root, "vallum", "settings", walk_settings);
	fd = connect_to(0);
	ck_assert_uint_eq(kind_in_root(fd, "settings", 0), _i ? INSPECT_NODE_UNEVALUATED : INSPECT_NODE_DIR);
	ck_assert_uint_eq(kind_in_root(fd, "diagnostics", 0), INSPECT_NODE_DIR);
	if (_i)
		fails_with(fd, "settings", INSPECT_NOT_FOUND);
	close(fd);
	stop();
	pthread_join(root.thread, NULL);
}
END_TEST

/* --- Streams ---------------------------------------------------------------------------------- */

static void log_record(const char *text)
{
	ck_assert_int_eq(send(kernel, text, strlen(text), 0), (int)strlen(text));
}

static void expect_text(int fd, const char *text, size_t size)
{
	char got[4096];

	ck_assert_uint_le(size, sizeof(got));
	ck_assert(read_all(fd, got, size));
	ck_assert_int_eq(memcmp(got, text, size), 0);
}

START_TEST(data_connections_are_numbered_from_1_and_each_serves_one_call)
{
	int fd, data, other;

	start_plain();
	fd = connect_to(0);
	ck_assert_uint_eq(call_on_stream(fd, "Kmsg", 77, false, "").code, TTRPC_UNKNOWN);
	ck_assert_uint_eq(data_connection(&data), 1);
	ck_assert_uint_eq(call_on_stream(fd, "Kmsg", 1, false, "").code, TTRPC_OK);
	ck_assert_uint_eq(recv(data, (char[1]){ 0 }, 1, 0), 0); /* the log is empty, and that was all */
	ck_assert_uint_eq(call_on_stream(fd, "Kmsg", 1, false, "").code, TTRPC_UNKNOWN);
	ck_assert_uint_eq(data_connection(&other), 2);
	close(fd);
	close(data);
	close(other);
	stop();
}
END_TEST

START_TEST(the_log_so_far_is_sent_and_what_comes_later_to_who_follows)
{
	int fd, data;
	uint64_t id;

	start_plain();
	log_record("6,1,10,-;init: one");
	log_record("6,2,20,-;vallum: two");
	fd = connect_to(0);
	id = data_connection(&data);
	ck_assert_uint_eq(call_on_stream(fd, "Kmsg", id, true, "").code, TTRPC_OK);
	expect_text(data, "6,1,10,-;init: one\0006,2,20,-;vallum: two", 40);
	log_record("6,3,30,-;three");
	expect_text(data, "6,3,30,-;three", 15);
	close(data);
	id = data_connection(&data);
	ck_assert_uint_eq(call_on_stream(fd, "ReadFile", id, false, "/dev/kmsg").code, TTRPC_OK);
	expect_text(data, "6,1,10,-;init: one", 19);
	expect_text(data, "6,2,20,-;vallum: two\0006,3,30,-;three", 36);
	ck_assert_int_eq(recv(data, (char[1]){ 0 }, 1, 0), 0);
	close(data);
	close(fd);
	stop();
}
END_TEST

static int file_with(size_t size)
{
	int fd = memfd_create("state", MFD_CLOEXEC);
	uint8_t piece[4096];

	for (size_t at = 0; at < size; at += sizeof(piece)) {
		memset(piece, (int)(at / sizeof(piece)), sizeof(piece));
		ck_assert_int_eq(write(fd, piece, sizeof(piece)), sizeof(piece));
	}
	return fd;
}

START_TEST(the_saved_state_arrives_whole)
{
	const size_t size = 3u << 20;
	union service_any any;
	struct ttrpc_response a;
	const uint8_t *bytes;
	size_t got;
	int fd, file;

	start_plain();
	fd = connect_to(0);
	send_call(fd, 1, DIAG_SERVICE, "DumpSavedState", NULL, 0, 0);
	receive(&any, NULL, SERVICE_ASK);
	ck_assert_uint_eq(any.ask.what, SERVICE_SAVE);
	file = file_with(size);
	reply(any.ask.id, 0, "", file);
	close(file);
	a = receive_answer(fd, 1);
	ck_assert_uint_eq(a.code, TTRPC_OK);
	ck_assert_int_eq(diag_response_decode(a.payload, a.payload_size, &bytes, &got), 0);
	ck_assert_uint_eq(got, size);
	for (size_t at = 0; at < size; at += 1000)
		ck_assert_uint_eq(bytes[at], (uint8_t)(at / 4096));
	/* And the connection serves on. */
	ck_assert_uint_eq(call(fd, DIAG_SERVICE_PING, "Ping", NULL, 0).code, TTRPC_OK);
	close(fd);
	stop();
}
END_TEST

/* Also to a client that would follow it: it has it, and its end. */
START_TEST(a_file_goes_to_the_data_connection_as_the_paravisor_opened_it)
{
	union service_any any;
	int fd, data, file;
	uint64_t id;
	struct diag_stream_request q = { .path = "/proc/meminfo", .follow = _i };
	uint8_t payload[512], got[8192];
	struct vl_writer w;

	start_plain();
	fd = connect_to(0);
	q.conn = id = data_connection(&data);
	vl_writer_init(&w, payload, sizeof(payload));
	diag_stream_encode(&w, &q);
	send_call(fd, 1, DIAG_SERVICE, "ReadFile", payload, w.pos, 0);
	receive(&any, NULL, SERVICE_ASK);
	ck_assert_uint_eq(any.ask.what, SERVICE_OPEN);
	ck_assert_str_eq(any.ask.path, "/proc/meminfo");
	file = file_with(sizeof(got));
	reply(any.ask.id, 0, "", file);
	close(file);
	ck_assert_uint_eq(receive_answer(fd, 1).code, TTRPC_OK);
	ck_assert(read_all(data, got, sizeof(got)));
	ck_assert_uint_eq(got[5000], 1);
	ck_assert_int_eq(recv(data, got, 1, 0), 0);
	close(data);
	/* One that cannot be opened is said in the call, and its connection ends. */
	q.conn = data_connection(&data);
	vl_writer_init(&w, payload, sizeof(payload));
	diag_stream_encode(&w, &q);
	send_call(fd, 3, DIAG_SERVICE, "ReadFile", payload, w.pos, 0);
	receive(&any, NULL, SERVICE_ASK);
	reply(any.ask.id, VL_E_OS, "no such file", -1);
	ck_assert_str_eq(receive_answer(fd, 3).text, "no such file");
	ck_assert_int_eq(recv(data, got, 1, 0), 0);
	close(data);
	close(fd);
	stop();
}
END_TEST

START_TEST(a_profile_is_asked_for_with_the_clients_connection)
{
	struct diag_profile_request q = { .duration_s = 3, .hertz = 50 };
	union service_any any;
	uint8_t payload[128];
	struct vl_writer w;
	char got[8];
	int fd, data, theirs;

	start_plain();
	fd = connect_to(0);
	q.conn = data_connection(&data);
	vl_writer_init(&w, payload, sizeof(payload));
	diag_profile_encode(&w, &q);
	send_call(fd, 1, DIAG_SERVICE_PROFILE, "Profile", payload, w.pos, 0);
	receive(&any, &theirs, SERVICE_ASK);
	ck_assert_uint_eq(any.ask.what, SERVICE_PROFILE);
	ck_assert_uint_eq(any.ask.seconds, 3);
	ck_assert_uint_eq(any.ask.hertz, 50);
	ck_assert_int_eq(send(theirs, "stacks", 6, 0), 6);
	close(theirs);
	expect_text(data, "stacks", 6);
	ck_assert_int_eq(recv(data, got, sizeof(got), 0), 0);
	reply(any.ask.id, 0, "", -1);
	ck_assert_uint_eq(receive_answer(fd, 1).code, TTRPC_OK);
	close(data);
	close(fd);
	stop();
}
END_TEST

/* --- The paravisor ---------------------------------------------------------------------------- */

START_TEST(what_the_paravisor_says_is_what_the_client_gets)
{
	union service_any any;
	struct ttrpc_response a;
	int fd;

	start_plain();
	fd = connect_to(0);
	send_call(fd, 1, DIAG_SERVICE, "Pause", NULL, 0, 0);
	receive(&any, NULL, SERVICE_ASK);
	ck_assert_uint_eq(any.ask.what, SERVICE_PAUSE);
	reply(any.ask.id + 1, 0, "", -1); /* an answer to nobody */
	reply(any.ask.id, 0, "", -1);
	ck_assert_uint_eq(receive_answer(fd, 1).code, TTRPC_OK);
	send_call(fd, 3, DIAG_SERVICE, "Pause", NULL, 0, 0);
	receive(&any, NULL, SERVICE_ASK);
	reply(any.ask.id, VL_E_STATE, "the guest is paused already", -1);
	a = receive_answer(fd, 3);
	ck_assert_uint_eq(a.code, TTRPC_UNKNOWN);
	ck_assert_str_eq(a.text, "the guest is paused already");
	close(fd);
	stop();
}
END_TEST

START_TEST(a_call_that_the_paravisor_does_not_answer_ends_at_its_deadline)
{
	union service_any any;
	int fd;

	start_plain();
	fd = connect_to(0);
	send_call(fd, 1, DIAG_SERVICE, "Pause", NULL, 0, 200 * CLOCK_MS_NS);
	receive(&any, NULL, SERVICE_ASK);
	ck_assert_uint_eq(receive_answer(fd, 1).code, TTRPC_DEADLINE_EXCEEDED);
	reply(any.ask.id, 0, "", -1); /* too late, and nobody minds */
	ck_assert_uint_eq(call(fd, DIAG_SERVICE_PING, "Ping", NULL, 0).code, TTRPC_OK);
	close(fd);
	stop();
}
END_TEST

START_TEST(a_client_that_is_gone_when_the_answer_comes_costs_nothing)
{
	union service_any any;
	int fd, file;

	start_plain();
	fd = connect_to(0);
	send_call(fd, 1, DIAG_SERVICE, "DumpSavedState", NULL, 0, 0);
	receive(&any, NULL, SERVICE_ASK);
	close(fd);
	file = file_with(4096);
	reply(any.ask.id, 0, "", file);
	close(file);
	fd = connect_to(0);
	ck_assert_uint_eq(call(fd, DIAG_SERVICE_PING, "Ping", NULL, 0).code, TTRPC_OK);
	close(fd);
	stop();
}
END_TEST

/* --- Clients that mean no good ---------------------------------------------------------------- */

START_TEST(a_hundred_clients_at_once_are_all_answered)
{
	struct unit_thread vm;
	int fds[100];

	start_plain();
	start_unit(&vm, "vm", NULL, walk);
	for (int i = 0; i < 100; i++) {
		fds[i] = connect_to(0);
		send_call(fds[i], 1, DIAG_SERVICE_INSPECT, "Inspect", NULL, 0, 0);
	}
	/* Who was answered leaves; 64 have room at a time. */
	for (int i = 0; i < 100; i++) {
		ck_assert_uint_eq(receive_answer(fds[i], 1).code, TTRPC_OK);
		close(fds[i]);
	}
	stop();
	pthread_join(vm.thread, NULL);
}
END_TEST

START_TEST(clients_that_say_nothing_make_room_for_one_that_asks)
{
	int fds[SERVER_CONNECTION_MAX + 10], fd;

	start_plain();
	for (size_t i = 0; i < VL_ARRAY_COUNT(fds); i++)
		fds[i] = connect_to(i % 2);
	fd = connect_to(0);
	ck_assert_uint_eq(call(fd, DIAG_SERVICE_PING, "Ping", NULL, 0).code, TTRPC_OK);
	for (size_t i = 0; i < VL_ARRAY_COUNT(fds); i++)
		close(fds[i]);
	close(fd);
	stop();
}
END_TEST

START_TEST(a_message_that_is_too_long_is_refused_and_the_connection_goes_on)
{
	const struct ttrpc_header h = { .length = 100000, .stream = 1, .type = TTRPC_REQUEST };
	uint8_t head[TTRPC_HEADER_BYTES];
	static uint8_t rubbish[100000];
	int fd;

	start_plain();
	fd = connect_to(0);
	ttrpc_header_write(head, &h);
	ck_assert_int_eq(send(fd, head, sizeof(head), 0), sizeof(head));
	ck_assert_int_eq(send(fd, rubbish, sizeof(rubbish), 0), sizeof(rubbish));
	ck_assert_uint_eq(receive_answer(fd, 1).code, TTRPC_RESOURCE_EXHAUSTED);
	ck_assert_uint_eq(call(fd, DIAG_SERVICE_PING, "Ping", NULL, 0).code, TTRPC_OK);
	close(fd);
	stop();
}
END_TEST

START_TEST(garbage_half_requests_and_hang_ups_disturb_nobody_else)
{
	uint32_t x = 1;
	int fd;

	start_plain();
	fd = connect_to(0);
	for (int n = 0; n < 300; n++) {
		uint8_t bytes[512];
		int bad = connect_to(n % 7 == 0);

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
		if (n % 3 == 0) { /* a good head over a bad message */
			const struct ttrpc_header h = { .length = 300, .stream = 1, .type = TTRPC_REQUEST };

			ttrpc_header_write(bytes, &h);
		}
		send(bad, bytes, x % sizeof(bytes), MSG_NOSIGNAL);
		if (n % 5 == 0)
			shutdown(bad, SHUT_WR);
		close(bad);
		if (n % 10 == 0)
			ck_assert_uint_eq(call(fd, DIAG_SERVICE_PING, "Ping", NULL, 0).code, TTRPC_OK);
	}
	close(fd);
	stop();
}
END_TEST

START_TEST(a_client_that_does_not_read_holds_up_nobody)
{
	int slow, fd, data;
	uint64_t id;

	start_plain();
	slow = connect_to(0);
	fd = connect_to(0);
	id = data_connection(&data);
	ck_assert_uint_eq(call_on_stream(slow, "Kmsg", id, true, "").code, TTRPC_OK);
	/* More than the ring and the socket hold; what the slow one misses is not kept for it. */
	for (int n = 0; n < 1000; n++) {
		char record[1500];

		memset(record, 'x', sizeof(record));
		memcpy(record, "6,1,1,-;", 8);
		while (send(kernel, record, sizeof(record), 0) < 0)
			poll(&(struct pollfd){ .fd = kernel, .events = POLLOUT }, 1, LIMIT_MS);
		if (n % 100 == 0)
			ck_assert_uint_eq(call(fd, DIAG_SERVICE_PING, "Ping", NULL, 0).code, TTRPC_OK);
	}
	for (int n = 0; n < 50; n++)
		send_call(slow, 1, DIAG_SERVICE_INSPECT, "Inspect", NULL, 0, 0);
	ck_assert_uint_eq(call(fd, DIAG_SERVICE_PING, "Ping", NULL, 0).code, TTRPC_OK);
	close(slow);
	close(data);
	close(fd);
	stop();
}
END_TEST

START_TEST(requests_sent_one_behind_the_other_are_answered_in_order)
{
	int fd;

	start_plain();
	fd = connect_to(0);
	for (uint32_t n = 0; n < 100; n++)
		send_call(fd, 2 * n + 1, DIAG_SERVICE_PING, "Ping", NULL, 0, 0);
	for (uint32_t n = 0; n < 100; n++)
		ck_assert_uint_eq(receive_answer(fd, 2 * n + 1).code, TTRPC_OK);
	close(fd);
	stop();
}
END_TEST

Suite *suite_diag_server(void)
{
	Suite *s = suite_create("diag_server");
	TCase *c = tcase_create("diag_server");

	tcase_add_test(c, ping_is_answered_and_what_is_not_there_is_unimplemented);
	tcase_add_test(c, the_tree_holds_the_parts_of_all_units_and_the_servers_own);
	tcase_add_test(c, a_unit_that_hangs_is_unresolved_is_waited_for_once_and_comes_back);
	tcase_add_test(c, a_unit_that_hangs_leaves_those_after_it_their_time_in_the_whole_tree);
	tcase_add_test(c, at_the_clients_limit_the_tree_is_there_and_says_what_was_late);
	tcase_add_test(c, a_unit_that_died_is_unresolved_until_its_next_process_is_there);
	tcase_add_test(c, a_unit_that_the_paravisor_says_is_gone_leaves_the_tree_and_its_place_to_others);
	tcase_add_test(c, a_unit_that_answers_nonsense_is_shown_as_such_and_nothing_of_it_is_passed_on);
	tcase_add_test(c, an_update_is_carried_out_by_the_unit_and_answered_with_the_value);
	tcase_add_test(c, no_packets_can_be_captured_for_there_is_no_network_device);
	tcase_add_loop_test(c, a_call_passes_where_its_row_of_the_filter_keeps_it_and_only_there, 0,
		(int)VL_ARRAY_COUNT(contexts));
	tcase_add_loop_test(c, what_is_not_marked_safe_is_shown_where_its_row_keeps_it, 0, FILTER_COLUMNS);
	tcase_add_test(c, an_isolated_vms_unit_that_tells_too_much_is_not_passed_on);
	tcase_add_loop_test(c, what_a_client_may_see_nothing_of_is_not_in_its_whole_tree, 0, 2);
	tcase_add_test(c, data_connections_are_numbered_from_1_and_each_serves_one_call);
	tcase_add_test(c, the_log_so_far_is_sent_and_what_comes_later_to_who_follows);
	tcase_add_test(c, the_saved_state_arrives_whole);
	tcase_add_loop_test(c, a_file_goes_to_the_data_connection_as_the_paravisor_opened_it, 0, 2);
	tcase_add_test(c, a_profile_is_asked_for_with_the_clients_connection);
	tcase_add_test(c, what_the_paravisor_says_is_what_the_client_gets);
	tcase_add_test(c, a_call_that_the_paravisor_does_not_answer_ends_at_its_deadline);
	tcase_add_test(c, a_client_that_is_gone_when_the_answer_comes_costs_nothing);
	tcase_add_test(c, a_hundred_clients_at_once_are_all_answered);
	tcase_add_test(c, clients_that_say_nothing_make_room_for_one_that_asks);
	tcase_add_test(c, a_message_that_is_too_long_is_refused_and_the_connection_goes_on);
	tcase_add_test(c, garbage_half_requests_and_hang_ups_disturb_nobody_else);
	tcase_add_test(c, a_client_that_does_not_read_holds_up_nobody);
	tcase_add_test(c, requests_sent_one_behind_the_other_are_answered_in_order);
	suite_add_tcase(s, c);
	return s;
}
