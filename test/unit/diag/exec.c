/*
 * Exec and Wait of the debug image: what clients send, the server between a client, the
 * paravisor and a command's process, and the real process with commands of this machine.
 */
#include "common/base/fmt.h"
#include "common/inspect/view.h"
#include "common/ttrpc/ttrpc.h"
#include "runtime/diag/exec.h"
#include "runtime/exec/terminal.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/clock.h"
#include "test/unit/diag/golden_file.h"
#include "test/unit/diag/surroundings.h"
#include "test/unit/filter/columns.h"

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

Suite *suite_diag_exec(void);

/* --- Messages. The golden files are what protoc makes of the reference's diag.proto. ------------ */

static void add_words(struct diag_words *w, const char *const *words)
{
	for (; *words; words++)
		ck_assert_int_eq(diag_words_add(w, *words), 0);
}

START_TEST(an_exec_request_has_the_bytes_of_the_references_format)
{
	struct diag_exec_request q = { .command = "/bin/sh", .in = 1, .out = 2, .err = 300,
		.combine_stderr = true, .clear_env = true }, got;
	struct diag_wait_request wait = { .pid = 42 };
	uint8_t bytes[512];
	struct vl_writer w;
	size_t size;

	add_words(&q.args, (const char *const[]){ "-c", "echo one", NULL });
	add_words(&q.env, (const char *const[]){ "TERM=xterm", "EMPTY=", "HOME", NULL });
	vl_writer_init(&w, bytes, sizeof(bytes));
	diag_exec_encode(&w, &q);
	golden_is("exec-request.bin", bytes, w.pos);
	size = golden_read("exec-request.bin", bytes, sizeof(bytes));
	ck_assert_int_eq(diag_exec_decode(bytes, size, &got), 0);
	ck_assert_mem_eq(&got, &q, sizeof(q));
	vl_writer_init(&w, bytes, sizeof(bytes));
	diag_wait_encode(&w, &wait);
	golden_is("wait-request.bin", bytes, w.pos);
}
END_TEST

START_TEST(the_answers_to_exec_and_wait_have_the_bytes_of_the_references_format)
{
	uint8_t bytes[64];
	struct vl_writer w;
	int32_t number;
	size_t size;

	vl_writer_init(&w, bytes, sizeof(bytes));
	diag_number_encode(&w, 1234);
	golden_is("exec-response.bin", bytes, w.pos);
	vl_writer_init(&w, bytes, sizeof(bytes));
	diag_number_encode(&w, 255);
	golden_is("wait-response.bin", bytes, w.pos);
	size = golden_read("exec-response.bin", bytes, sizeof(bytes));
	ck_assert_int_eq(diag_number_decode(bytes, size, &number), 0);
	ck_assert_int_eq(number, 1234);
	ck_assert_int_eq(diag_number_decode("", 0, &number), 0);
	ck_assert_int_eq(number, 0);
}
END_TEST

#define DECODED(text) diag_exec_decode(text, sizeof(text) - 1, &q)

START_TEST(a_hostile_exec_request_is_refused_by_name)
{
	static uint8_t bytes[2 * DIAG_WORDS_BYTES];
	struct diag_exec_request q;
	struct vl_writer w;

	ck_assert_int_eq(DECODED("\x0a\x05/bin"), VL_E_TRUNCATED);
	ck_assert_int_eq(DECODED("\x08\x01"), VL_E_TYPE);
	ck_assert_int_eq(DECODED("\x12\x03" "a\0b"), VL_E_FORMAT);
	ck_assert_int_eq(DECODED("\x12\x01\xff"), VL_E_FORMAT);
	ck_assert_int_eq(DECODED("\x42\x00"), VL_E_FORMAT); /* a variable without a name */
	ck_assert_int_eq(DECODED("\x42\x05\x0a\x03" "A=B"), VL_E_FORMAT);
	ck_assert_int_eq(DECODED("\x42\x03\x0a\x07" "A"), VL_E_TRUNCATED);
	ck_assert_int_eq(DECODED("\x42\x05\x0a\x01" "A\x10\x01"), VL_E_TYPE);
	vl_writer_init(&w, bytes, sizeof(bytes));
	for (unsigned i = 0; i <= DIAG_WORDS_MAX; i++)
		vl_write_bytes(&w, "\x12\x01x", 3);
	ck_assert_int_eq(diag_exec_decode(bytes, w.pos - 3, &q), 0);
	ck_assert_uint_eq(q.args.count, DIAG_WORDS_MAX);
	ck_assert_int_eq(diag_exec_decode(bytes, w.pos, &q), VL_E_LIMIT);
	memcpy(bytes, "\x12\x80\x10", 3); /* an argument of 2048 bytes: no room for its NUL */
	memset(bytes + 3, 'x', DIAG_WORDS_BYTES);
	ck_assert_int_eq(diag_exec_decode(bytes, 3 + DIAG_WORDS_BYTES, &q), VL_E_LIMIT);
}
END_TEST

START_TEST(what_goes_to_and_from_a_commands_process_is_checked)
{
	struct exec_request q = { .version = EXEC_VERSION, .streams = 5, .command = "x" };
	struct exec_message m = { .said = EXEC_STARTED, .value = 7 };
	struct exec_begin b = { .version = EXEC_VERSION };

	ck_assert_int_eq(exec_begin_check(&b, sizeof(b), 0), 0);
	ck_assert_int_eq(exec_begin_check(&b, sizeof(b), 1), 0);
	ck_assert_int_eq(exec_begin_check(&b, sizeof(b), 2), VL_E_RANGE);
	ck_assert_int_eq(exec_begin_check(&b, sizeof(b) - 1, 1), VL_E_TRUNCATED);
	b.version++;
	ck_assert_int_eq(exec_begin_check(&b, sizeof(b), 1), VL_E_VERSION);
	ck_assert_int_eq(exec_request_check(&q, sizeof(q), 2), 0);
	ck_assert_int_eq(exec_request_check(&q, sizeof(q) - 1, 2), VL_E_TRUNCATED);
	ck_assert_int_eq(exec_request_check(&q, sizeof(q), 3), VL_E_RANGE);
	q.streams = 8;
	ck_assert_int_eq(exec_request_check(&q, sizeof(q), 1), VL_E_RANGE);
	q.streams = 0;
	q.tty = 2;
	ck_assert_int_eq(exec_request_check(&q, sizeof(q), 0), VL_E_RANGE);
	q.tty = 0;
	memset(q.command, 'x', sizeof(q.command));
	ck_assert_int_eq(exec_request_check(&q, sizeof(q), 0), VL_E_FORMAT);
	q.command[0] = 0;
	ck_assert_int_eq(exec_request_check(&q, sizeof(q), 0), VL_E_FORMAT);
	memcpy(q.command, "sh", 3);
	q.args.count = 1; /* and no text */
	ck_assert_int_eq(exec_request_check(&q, sizeof(q), 0), VL_E_FORMAT);
	q.args.size = sizeof(q.args.text) + 1;
	ck_assert_int_eq(exec_request_check(&q, sizeof(q), 0), VL_E_LIMIT);
	ck_assert_int_eq(exec_message_check(&m, sizeof(m), 0), 0);
	ck_assert_int_eq(exec_message_check(&m, sizeof(m) - 4, 0), VL_E_TRUNCATED);
	ck_assert_int_eq(exec_message_check(&m, sizeof(m), 1), VL_E_RANGE);
	m.value = 0;
	ck_assert_int_eq(exec_message_check(&m, sizeof(m), 0), VL_E_RANGE);
	m = (struct exec_message){ .said = EXEC_ENDED, .value = 256 };
	ck_assert_int_eq(exec_message_check(&m, sizeof(m), 0), VL_E_RANGE);
	m.said = 3;
	ck_assert_int_eq(exec_message_check(&m, sizeof(m), 0), VL_E_TYPE);
}
END_TEST

/* --- The server -------------------------------------------------------------------------------- */

static struct vl_writer encoded(const struct diag_exec_request *q)
{
	static uint8_t bytes[8192];
	struct vl_writer w;

	vl_writer_init(&w, bytes, sizeof(bytes));
	diag_exec_encode(&w, q);
	ck_assert_int_eq(w.err, 0);
	return w;
}

static void send_exec(int fd, uint32_t stream, const struct diag_exec_request *q)
{
	struct vl_writer w = encoded(q);

	send_call(fd, stream, DIAG_SERVICE, "Exec", w.data, w.pos, 0);
}

static void send_wait(int fd, uint32_t stream, uint32_t pid, uint64_t timeout_ns)
{
	const struct diag_wait_request q = { .pid = pid };
	uint8_t bytes[16];
	struct vl_writer w;

	vl_writer_init(&w, bytes, sizeof(bytes));
	diag_wait_encode(&w, &q);
	send_call(fd, stream, DIAG_SERVICE, "Wait", bytes, w.pos, timeout_ns);
}

static int32_t number_of(int fd, uint32_t stream)
{
	struct ttrpc_response a = receive_answer(fd, stream);
	int32_t number;

	ck_assert_msg(a.code == TTRPC_OK, "%u: %s", a.code, a.text);
	ck_assert_int_eq(diag_number_decode(a.payload, a.payload_size, &number), 0);
	return number;
}

static struct exec_request request;

static bool is_let_go(int process)
{
	uint8_t byte[64];
	struct channel_message m = { .data = byte, .capacity = sizeof(byte) };

	return channel_receive(process, &m, LIMIT_MS) == VL_E_CLOSED;
}

START_TEST(a_server_that_is_not_the_debug_images_has_neither_exec_nor_wait)
{
	int fd;

	start_plain();
	fd = connect_to(0);
	ck_assert_uint_eq(call(fd, DIAG_SERVICE, "Exec", "", 0).code, TTRPC_UNIMPLEMENTED);
	ck_assert_uint_eq(call(fd, DIAG_SERVICE, "Wait", "", 0).code, TTRPC_UNIMPLEMENTED);
	close(fd);
	stop();
}
END_TEST

START_TEST(in_an_isolated_vm_a_command_runs_with_measured_debug_alone)
{
	const struct filter_context *f = &filter_columns[_i];
	bool keeps = !f->isolation || f->debug;
	int fd;

	ck_assert_int_eq(filter_row_keeps(FILTER_DIAG_EXEC, _i), keeps);
	start_with_exec(f->isolation, f->debug);
	fd = connect_to(0);
	ck_assert_uint_eq(call(fd, DIAG_SERVICE, "Exec", "", 0).code,
		keeps ? TTRPC_INVALID_ARGUMENT : TTRPC_PERMISSION_DENIED);
	ck_assert_uint_eq(call(fd, DIAG_SERVICE, "Wait", "\x08\x05", 2).code,
		keeps ? TTRPC_UNKNOWN : TTRPC_PERMISSION_DENIED);
	close(fd);
	stop();
}
END_TEST

START_TEST(a_command_gets_its_words_and_the_clients_connections_and_its_end_is_waited_for)
{
	struct diag_exec_request q = { .command = "sh", .combine_stderr = true, .tty = true };
	int fd, in, out, process, theirs[EXEC_STREAM_COUNT];
	char got[8];

	start_with_exec(ISOLATION_NONE, false);
	fd = connect_to(0);
	q.in = data_connection(&in);
	q.out = data_connection(&out);
	add_words(&q.args, (const char *const[]){ "-c", "exit 3", NULL });
	add_words(&q.env, (const char *const[]){ "A=b", NULL });
	send_exec(fd, 1, &q);
	process = give_process();
	ck_assert_uint_eq(take_request(process, &request, theirs), 2);
	ck_assert_uint_eq(request.streams, 1u << EXEC_IN | 1u << EXEC_OUT);
	ck_assert_str_eq(request.command, "sh");
	ck_assert_mem_eq(&request.args, &q.args, sizeof(q.args));
	ck_assert_mem_eq(&request.env, &q.env, sizeof(q.env));
	ck_assert(request.tty && request.combine_stderr && !request.clear_env);
	say(process, EXEC_STARTED, 77);
	ck_assert_int_eq(number_of(fd, 1), 77);
	/* Its bytes go past the server, both ways. */
	ck_assert_int_eq(send(in, "in", 2, 0), 2);
	ck_assert_int_eq(recv(theirs[0], got, 2, MSG_WAITALL), 2);
	ck_assert_int_eq(send(theirs[1], "out", 3, 0), 3);
	ck_assert(read_all(out, got, 3));
	/* Whoever waits does not hold up the connection's other calls. */
	send_wait(fd, 3, 77, 0);
	ck_assert_uint_eq(call(fd, DIAG_SERVICE_PING, "Ping", NULL, 0).code, TTRPC_OK);
	shutdown(theirs[1], SHUT_WR);
	say(process, EXEC_ENDED, 3);
	ck_assert_int_eq(number_of(fd, 3), 3);
	ck_assert(is_let_go(process));
	ck_assert_int_eq(recv(out, got, 1, 0), 0);
	/* it was told */
	ck_assert_uint_eq(call(fd, DIAG_SERVICE, "Wait", "\x08\x4d", 2).code, TTRPC_UNKNOWN);
	close(process);
	close(theirs[0]);
	close(theirs[1]);
	close(in);
	close(out);
	close(fd);
	stop();
}
END_TEST

START_TEST(a_command_that_cannot_be_started_is_said_and_its_connections_end)
{
	struct diag_exec_request q = { .command = "nothing" };
	int fd, out, process, theirs[EXEC_STREAM_COUNT];
	struct ttrpc_response a;
	union service_any any;
	char got[1];

	start_with_exec(ISOLATION_NONE, false);
	fd = connect_to(0);
	q.out = data_connection(&out);
	send_exec(fd, 1, &q);
	process = give_process();
	take_request(process, &request, theirs);
	close(theirs[0]);
	say(process, EXEC_STARTED, VL_E_NOTFOUND);
	a = receive_answer(fd, 1);
	ck_assert_uint_eq(a.code, TTRPC_UNKNOWN);
	ck_assert_str_eq(a.text, "nothing: there is no such thing");
	ck_assert_int_eq(recv(out, got, 1, 0), 0);
	close(process);
	close(out);
	/* The same of a process that dies first, and of a paravisor that says no. */
	q.out = 0;
	send_exec(fd, 3, &q);
	close(give_process());
	ck_assert_uint_eq(receive_answer(fd, 3).code, TTRPC_UNKNOWN);
	send_exec(fd, 5, &q);
	receive(&any, NULL, SERVICE_ASK);
	reply(any.ask.id, VL_E_UNSUPPORTED, "no commands here", -1);
	ck_assert_str_eq(receive_answer(fd, 5).text, "no commands here");
	q.out = 99;
	send_exec(fd, 7, &q);
	ck_assert_str_eq(receive_answer(fd, 7).text, "there is no data connection 99 that waits");
	ck_assert_uint_eq(call(fd, DIAG_SERVICE_PING, "Ping", NULL, 0).code, TTRPC_OK);
	close(fd);
	stop();
}
END_TEST

static int run_one(int fd, uint32_t stream, int32_t pid)
{
	const struct diag_exec_request q = { .command = "sleep" };
	int process, theirs[EXEC_STREAM_COUNT];

	send_exec(fd, stream, &q);
	process = give_process();
	take_request(process, &request, theirs);
	say(process, EXEC_STARTED, pid);
	ck_assert_int_eq(number_of(fd, stream), pid);
	return process;
}

START_TEST(a_client_that_hangs_up_lets_go_of_its_commands_and_of_no_others)
{
	int fd, other, mine, theirs;

	start_with_exec(ISOLATION_NONE, false);
	fd = connect_to(0);
	other = connect_to(0);
	mine = run_one(fd, 1, 5);
	theirs = run_one(other, 1, 6);
	close(fd);
	ck_assert(is_let_go(mine));
	send_wait(other, 3, 6, 0);
	say(theirs, EXEC_ENDED, 0);
	ck_assert_int_eq(number_of(other, 3), 0);
	close(mine);
	close(theirs);
	close(other);
	stop();
}
END_TEST

START_TEST(commands_are_as_many_as_the_limit_and_one_that_nobody_waited_for_makes_room)
{
	int fd, process[EXEC_MAX + 1];

	start_with_exec(ISOLATION_NONE, false);
	fd = connect_to(0);
	for (unsigned i = 0; i < EXEC_MAX; i++)
		process[i] = run_one(fd, 2 * i + 1, (int32_t)i + 10);
	send_exec(fd, 99, &(struct diag_exec_request){ .command = "sleep" });
	ck_assert_uint_eq(receive_answer(fd, 99).code, TTRPC_RESOURCE_EXHAUSTED);
	say(process[0], EXEC_ENDED, 1);
	ck_assert(is_let_go(process[0]));
	process[EXEC_MAX] = run_one(fd, 101, 50);
	send_wait(fd, 103, 10, 0);
	ck_assert_uint_eq(receive_answer(fd, 103).code, TTRPC_UNKNOWN);
	for (unsigned i = 0; i <= EXEC_MAX; i++)
		close(process[i]);
	close(fd);
	stop();
}
END_TEST

START_TEST(a_wait_ends_with_the_clients_limit_with_the_process_and_is_nobody_elses)
{
	int fd, other, process;

	start_with_exec(ISOLATION_NONE, false);
	fd = connect_to(0);
	other = connect_to(0);
	process = run_one(fd, 1, 5);
	send_wait(other, 1, 5, 0);
	ck_assert_uint_eq(receive_answer(other, 1).code, TTRPC_UNKNOWN);
	send_wait(fd, 3, 5, 100 * CLOCK_MS_NS);
	send_wait(fd, 5, 5, 0);
	ck_assert_uint_eq(receive_answer(fd, 5).code, TTRPC_UNKNOWN); /* one waits already */
	ck_assert_uint_eq(receive_answer(fd, 3).code, TTRPC_DEADLINE_EXCEEDED);
	send_wait(fd, 7, 5, 0);
	close(process);
	ck_assert_int_eq(number_of(fd, 7), EXEC_NO_CODE);
	close(other);
	close(fd);
	stop();
}
END_TEST

/* --- The process ------------------------------------------------------------------------------- */

struct running {
	pthread_t thread;
	int control, ours[EXEC_STREAM_COUNT], theirs[EXEC_STREAM_COUNT], their_control;
	unsigned life_ms; /* 0: long enough */
	int unit;         /* 0: none */
	struct exec_request request;
};

static void *run_command(void *context)
{
	struct running *r = context;
	int code = exec_run(&r->request, r->theirs, r->their_control, r->unit ? r->unit : -1,
		r->life_ms ? r->life_ms : 600000);

	close(r->their_control);
	return (void *)(intptr_t)code;
}

static void start_command(struct running *r, const char *command, const char *const *args)
{
	int pair[2];

	r->request.version = EXEC_VERSION;
	vl_format(r->request.command, sizeof(r->request.command), "%s", command);
	add_words(&r->request.args, args);
	ck_assert_int_eq(channel_pair(pair), 0);
	r->control = pair[0];
	r->their_control = pair[1];
	for (unsigned i = 0; i < EXEC_STREAM_COUNT; i++) {
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		r->ours[i] = pair[0];
		r->theirs[i] = pair[1];
	}
	ck_assert_int_eq(pthread_create(&r->thread, NULL, run_command, r), 0);
}

static int32_t heard(struct running *r, uint32_t said)
{
	struct exec_message m;
	struct channel_message c = { .data = &m, .capacity = sizeof(m) };

	ck_assert_int_eq(channel_receive(r->control, &c, LIMIT_MS), 0);
	ck_assert_int_eq(exec_message_check(&m, c.size, c.fd_count), 0);
	ck_assert_uint_eq(m.said, said);
	return m.value;
}

static int end_of(struct running *r)
{
	void *code;

	ck_assert_int_eq(pthread_join(r->thread, &code), 0);
	for (unsigned i = 0; i < EXEC_STREAM_COUNT; i++)
		close(r->ours[i]);
	close(r->control);
	return (int)(intptr_t)code;
}

/* All that comes until the end. */
static const char *all_of(int fd)
{
	static char text[4096];
	size_t size = 0;
	ssize_t n;

	while ((n = recv(fd, text + size, sizeof(text) - 1 - size, 0)) > 0)
		size += (size_t)n;
	ck_assert_int_eq(n, 0);
	text[size] = 0;
	return text;
}

START_TEST(a_commands_output_its_errors_and_its_exit_code_arrive)
{
	static struct running r;

	start_command(&r, "/bin/sh",
			(const char *const[]){ "-c", "read x; echo out $x; echo err >&2; exit 7", NULL });
	ck_assert_int_gt(heard(&r, EXEC_STARTED), 0);
	ck_assert_int_eq(send(r.ours[EXEC_IN], "line\n", 5, 0), 5);
	ck_assert_str_eq(all_of(r.ours[EXEC_OUT]), "out line\n");
	ck_assert_str_eq(all_of(r.ours[EXEC_ERR]), "err\n");
	ck_assert_int_eq(heard(&r, EXEC_ENDED), 7);
	ck_assert_int_eq(end_of(&r), 7);
}
END_TEST

static struct inspect_node shown_by(struct inspect_unit *unit, const char *path, enum inspect_level level)
{
	static struct inspect_unit_answer a;
	const struct inspect_request q = { .path = path, .level = level };
	struct inspect_node n;
	size_t size;

	ck_assert_int_eq(inspect_unit_ask(unit, &q, "", clock_deadline(LIMIT_MS), &a, &size), 0);
	ck_assert_int_eq(inspect_node_read(a.node, size, &n), 0);
	return n;
}

START_TEST(a_running_command_is_seen_in_the_inspect_tree_and_who_asks_badly_does_not_disturb_it)
{
	static struct running r;
	struct inspect_unit unit = { .fd = -1 };
	struct exec_message m;
	struct channel_message c = { .data = &m, .capacity = sizeof(m) };
	int pair[2];
	int32_t process;

	ck_assert_int_eq(channel_pair(pair), 0);
	r.unit = pair[0];
	unit.fd = pair[1];
	r.request.tty = (unsigned)_i;
	start_command(&r, "/bin/sh", (const char *const[]){ "-c", "read x; exit 7", NULL });
	process = heard(&r, EXEC_STARTED);
	ck_assert_uint_eq(shown_by(&unit, "process", INSPECT_SAFE).value.u64, (uint64_t)process);
	ck_assert_uint_eq(shown_by(&unit, "arguments", INSPECT_SAFE).value.u64, 2);
	ck_assert_uint_gt(shown_by(&unit, "ms-left", INSPECT_SAFE).value.u64, 0);
	ck_assert_uint_eq(shown_by(&unit, "command", INSPECT_SAFE).error, INSPECT_NOT_FOUND);
	ck_assert_int_eq(memcmp(shown_by(&unit, "command", INSPECT_SENSITIVE).value.bytes, "/bin/sh", 7), 0);
	ck_assert_int_eq(channel_send(unit.fd, "garbage", 7, NULL, 0, LIMIT_MS), 0);
	ck_assert_int_eq(channel_receive(unit.fd, &c, LIMIT_MS), VL_E_CLOSED);
	ck_assert_int_eq(send(r.ours[EXEC_IN], "line\n", 5, 0), 5);
	ck_assert_int_eq(heard(&r, EXEC_ENDED), 7);
	ck_assert_int_eq(end_of(&r), 7);
	close(unit.fd);
}
END_TEST

START_TEST(a_commands_environment_is_the_given_one)
{
	static struct running r;

	r.request.clear_env = 1;
	add_words(&r.request.env, (const char *const[]){ "A=1", "B=2", "A=3", "B", NULL });
	start_command(&r, "/usr/bin/env", (const char *const[]){ NULL });
	ck_assert_str_eq(all_of(r.ours[EXEC_OUT]), "A=3\n");
	ck_assert_int_eq(end_of(&r), 0);
	r = (struct running){ 0 };
	add_words(&r.request.env, (const char *const[]){ "HOME", "TERM=dumb", NULL });
	start_command(&r, "/usr/bin/env", (const char *const[]){ NULL });
	ck_assert_str_eq(all_of(r.ours[EXEC_OUT]), "PATH=/bin\nTERM=dumb\n");
	ck_assert_int_eq(end_of(&r), 0);
}
END_TEST

START_TEST(a_command_that_is_not_there_or_no_program_has_its_error)
{
	static struct running r;

	start_command(&r, "/no/such", (const char *const[]){ NULL });
	ck_assert_int_eq(heard(&r, EXEC_STARTED), VL_E_NOTFOUND);
	ck_assert_str_eq(all_of(r.ours[EXEC_OUT]), "");
	end_of(&r);
	r = (struct running){ 0 };
	start_command(&r, "/", (const char *const[]){ NULL });
	ck_assert_int_eq(heard(&r, EXEC_STARTED), VL_E_DENIED);
	end_of(&r);
}
END_TEST

START_TEST(a_command_whose_server_lets_go_ends)
{
	static struct running r;

	start_command(&r, "/bin/sleep", (const char *const[]){ "600", NULL });
	ck_assert_int_gt(heard(&r, EXEC_STARTED), 0);
	shutdown(r.control, SHUT_RDWR);
	ck_assert_int_eq(end_of(&r), EXEC_NO_CODE);
}
END_TEST

START_TEST(a_command_whose_time_is_over_ends_and_that_is_told)
{
	static struct running r = { .life_ms = 200 };

	start_command(&r, "/bin/sleep", (const char *const[]){ "600", NULL });
	ck_assert_int_gt(heard(&r, EXEC_STARTED), 0);
	ck_assert_int_eq(heard(&r, EXEC_ENDED), EXEC_NO_CODE);
	ck_assert_int_eq(end_of(&r), EXEC_NO_CODE);
}
END_TEST

START_TEST(a_command_waits_for_a_client_that_does_not_read)
{
	static struct running r;
	char piece[4096];
	size_t size = 0;
	ssize_t n;

	start_command(&r, "/bin/sh", (const char *const[]){ "-c", "exec head -c 3000000 /dev/zero", NULL });
	heard(&r, EXEC_STARTED);
	/* More than the socket holds: it cannot have ended. */
	ck_assert_int_eq(poll(&(struct pollfd){ .fd = r.control, .events = POLLIN }, 1, 100), 0);
	while ((n = recv(r.ours[EXEC_OUT], piece, sizeof(piece), 0)) > 0)
		size += (size_t)n;
	ck_assert_uint_eq(size, 3000000);
	ck_assert_int_eq(heard(&r, EXEC_ENDED), 0);
	ck_assert_int_eq(end_of(&r), 0);
}
END_TEST

START_TEST(a_client_without_a_terminal_of_its_own_has_lines_echo_interrupt_and_end)
{
	static struct running r;

	r.request.tty = 1;
	start_command(&r, "/bin/cat", (const char *const[]){ NULL });
	heard(&r, EXEC_STARTED);
	ck_assert_int_eq(send(r.ours[EXEC_IN], "onf\x7f" "e\r\x04", 7, 0), 7);
	ck_assert_str_eq(all_of(r.ours[EXEC_OUT]), "onf\b \be\r\none\r\n");
	ck_assert_int_eq(heard(&r, EXEC_ENDED), 0);
	end_of(&r);
	r = (struct running){ .request = { .tty = 1 } };
	start_command(&r, "/bin/sleep", (const char *const[]){ "600", NULL });
	heard(&r, EXEC_STARTED);
	ck_assert_int_eq(send(r.ours[EXEC_IN], "\x03", 1, 0), 1);
	ck_assert_int_eq(heard(&r, EXEC_ENDED), EXEC_NO_CODE);
	ck_assert_str_eq(all_of(r.ours[EXEC_OUT]), "^C\r\n");
	end_of(&r);
}
END_TEST

START_TEST(a_line_is_as_long_as_there_is_room_and_control_characters_are_none_of_it)
{
	static struct terminal t;
	char echo[TERMINAL_ECHO_MAX], out[8];
	size_t size;

	for (unsigned i = 0; i < 2 * TERMINAL_LINE_MAX; i++)
		ck_assert_int_eq(terminal_input(&t, 'x', echo, &size), TERMINAL_NOTHING);
	ck_assert_uint_eq(t.size, TERMINAL_LINE_MAX - 1);
	ck_assert_mem_eq(echo, "\a", size);
	ck_assert_int_eq(terminal_input(&t, '\r', echo, &size), TERMINAL_LINE);
	ck_assert_uint_eq(t.size, TERMINAL_LINE_MAX);
	terminal_taken(&t);
	terminal_input(&t, '\x1b', echo, &size);
	ck_assert_uint_eq(t.size, 0);
	ck_assert_int_eq(terminal_input(&t, '\b', echo, &size), TERMINAL_NOTHING);
	ck_assert_uint_eq(size, 0);
	terminal_input(&t, 'a', echo, &size);
	terminal_input(&t, 0x15, echo, &size);
	ck_assert_uint_eq(t.size, 0);
	ck_assert_int_eq(terminal_input(&t, 4, echo, &size), TERMINAL_END);
	ck_assert_uint_eq(terminal_output("a\nb\n", 4, out), 6);
	ck_assert_mem_eq(out, "a\r\nb\r\n", 6);
}
END_TEST

Suite *suite_diag_exec(void)
{
	Suite *s = suite_create("diag_exec");
	TCase *c = tcase_create("diag_exec");

	tcase_add_test(c, an_exec_request_has_the_bytes_of_the_references_format);
	tcase_add_test(c, the_answers_to_exec_and_wait_have_the_bytes_of_the_references_format);
	tcase_add_test(c, a_hostile_exec_request_is_refused_by_name);
	tcase_add_test(c, what_goes_to_and_from_a_commands_process_is_checked);
	tcase_add_test(c, a_server_that_is_not_the_debug_images_has_neither_exec_nor_wait);
	tcase_add_loop_test(c, in_an_isolated_vm_a_command_runs_with_measured_debug_alone, 0, FILTER_COLUMNS);
	tcase_add_test(c, a_command_gets_its_words_and_the_clients_connections_and_its_end_is_waited_for);
	tcase_add_test(c, a_command_that_cannot_be_started_is_said_and_its_connections_end);
	tcase_add_test(c, a_client_that_hangs_up_lets_go_of_its_commands_and_of_no_others);
	tcase_add_test(c, commands_are_as_many_as_the_limit_and_one_that_nobody_waited_for_makes_room);
	tcase_add_test(c, a_wait_ends_with_the_clients_limit_with_the_process_and_is_nobody_elses);
	tcase_add_test(c, a_commands_output_its_errors_and_its_exit_code_arrive);
	tcase_add_loop_test(c,
			a_running_command_is_seen_in_the_inspect_tree_and_who_asks_badly_does_not_disturb_it,
			0, 2);
	tcase_add_test(c, a_commands_environment_is_the_given_one);
	tcase_add_test(c, a_command_that_is_not_there_or_no_program_has_its_error);
	tcase_add_test(c, a_command_whose_server_lets_go_ends);
	tcase_add_test(c, a_command_whose_time_is_over_ends_and_that_is_told);
	tcase_add_test(c, a_command_waits_for_a_client_that_does_not_read);
	tcase_add_test(c, a_client_without_a_terminal_of_its_own_has_lines_echo_interrupt_and_end);
	tcase_add_test(c, a_line_is_as_long_as_there_is_room_and_control_characters_are_none_of_it);
	suite_add_tcase(s, c);
	return s;
}
