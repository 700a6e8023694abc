/*
 * The reference's client against the real server: test/golden/diag/sessions.txt holds what ohcldiag-dev
 * sent for each of its commands, and what it was answered and was content with. Here the same bytes come
 * again, with the paravisor and the processes of commands played by the test, and the same answers must go
 * out. The file is fact: who changes an answer shows that the client still takes it, and records anew.
 */
#include "common/inspect/view.h"
#include "common/ttrpc/ttrpc.h"
#include "runtime/lib/channel.h"
#include "test/unit/diag/golden_file.h"
#include "test/unit/diag/surroundings.h"

#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

Suite *suite_diag_sessions(void);

#define DATA_MAX 15 /* the greatest number of a data connection in the file, and one more */
#define RECORD "6,1,10,-;vallum: a line"
#define FILE_TEXT "Linux version"

struct frame {
	uint8_t bytes[256];
	size_t size; /* of an answer, 0: as long as what it brings */
};

/* One client, and who stands behind its server. */
struct session {
	const char *command; /* of the client: for who reads of a failure */
	bool debug;          /* the image */
	int control, data[DATA_MAX], process, unit;
	pthread_t unit_thread;
};

/* --- Behind the server ------------------------------------------------------------------------- */

static void walk(void *context, struct inspect *i)
{
	const char *update;

	if (!inspect_open(i, "settings", INSPECT_SAFE))
		return;
	update = inspect_update(i, "log-level", INSPECT_SAFE);
	inspect_text(i, "log-level", INSPECT_SAFE, update ? update : "info");
	inspect_close(i);
}

static void *serve_unit(void *context)
{
	struct pollfd f = { .fd = *(int *)context, .events = POLLIN };

	while (poll(&f, 1, -1) > 0 && inspect_unit_serve(f.fd, walk, NULL) == 0)
		;
	return NULL;
}

static void add_settings(struct session *s)
{
	const struct service_unit u = { .type = SERVICE_UNIT, .entry_count = 1, .name = "vallum",
		.entries = { "settings" } };
	int pair[2];

	ck_assert_int_eq(channel_pair(pair), 0);
	send_to_server(&u, sizeof(u), pair[0]);
	close(pair[0]);
	s->unit = pair[1];
	ck_assert_int_eq(pthread_create(&s->unit_thread, NULL, serve_unit, &s->unit), 0);
}

static void begin(struct session *s)
{
	if (s->debug)
		start_with_exec(ISOLATION_NONE, false);
	else
		start_plain();
	add_settings(s);
	ck_assert_int_eq(send(kernel, RECORD, sizeof(RECORD) - 1, 0), sizeof(RECORD) - 1);
	for (unsigned i = 1; i < DATA_MAX; i++)
		ck_assert_uint_eq(data_connection(&s->data[i]), i);
	s->control = connect_to(0);
	s->process = -1;
}

static void end(struct session *s)
{
	for (unsigned i = 1; i < DATA_MAX; i++)
		close(s->data[i]);
	close(s->control);
	if (s->process >= 0)
		close(s->process);
	stop();
	pthread_join(s->unit_thread, NULL);
	close(s->unit);
}

static void reply_file(uint64_t id)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	ck_assert_int_eq(write(fd, FILE_TEXT, sizeof(FILE_TEXT) - 1), sizeof(FILE_TEXT) - 1);
	reply(id, 0, "", fd);
	close(fd);
}

/* What a call has the server ask the paravisor for. */
static const struct asked {
	const char *method;
	enum service_what what;
	bool file; /* the paravisor answers with one */
} asked[] = {
	{ "Pause", SERVICE_PAUSE, false }, { "Resume", SERVICE_RESUME, false },
	{ "Restart", SERVICE_RESTART, false }, { "Crash", SERVICE_CRASH, false },
	{ "DumpSavedState", SERVICE_SAVE, true }, { "ReadFile", SERVICE_OPEN, true },
};

static void play_paravisor(const char *method)
{
	union service_any any;

	for (size_t i = 0; i < VL_ARRAY_COUNT(asked); i++) {
		if (strcmp(method, asked[i].method) != 0)
			continue;
		receive(&any, NULL, SERVICE_ASK);
		ck_assert_uint_eq(any.ask.what, asked[i].what);
		if (asked[i].file)
			reply_file(any.ask.id);
		else
			reply(any.ask.id, 0, "", -1);
	}
}

/* The number in the recorded answer; the error of a command that did not start. */
static int32_t number_in(const struct frame *answer)
{
	struct ttrpc_response a;
	int32_t number;

	ck_assert_int_eq(ttrpc_response_decode(answer->bytes + TTRPC_HEADER_BYTES,
		answer->size - TTRPC_HEADER_BYTES, &a), 0);
	if (a.code != TTRPC_OK)
		return VL_E_NOTFOUND;
	ck_assert_int_eq(diag_number_decode(a.payload, a.payload_size, &number), 0);
	return number;
}

/* The command has the words that the client was given, and its output is the client's data connection. */
static void play_command(struct session *s, const struct ttrpc_request *q, const struct frame *answer)
{
	static struct exec_request got;
	struct diag_exec_request wanted;
	int theirs[EXEC_STREAM_COUNT];
	char text[4];
	size_t n;

	ck_assert_int_eq(diag_exec_decode(q->payload, q->payload_size, &wanted), 0);
	s->process = give_process();
	n = take_request(s->process, &got, theirs);
	ck_assert_uint_eq(n, (wanted.in != 0) + (wanted.out != 0) + (wanted.err != 0));
	ck_assert_str_eq(got.command, wanted.command);
	ck_assert_mem_eq(&got.args, &wanted.args, sizeof(wanted.args));
	ck_assert_int_eq(send(theirs[wanted.in != 0], "out", 3, 0), 3);
	ck_assert(read_all(s->data[wanted.out], text, 3));
	while (n)
		close(theirs[--n]);
	say(s->process, EXEC_STARTED, number_in(answer));
}

static void play(struct session *s, const struct ttrpc_request *q, const struct frame *answer)
{
	if (s->debug && !strcmp(q->method, "Exec"))
		play_command(s, q, answer);
	else if (!strcmp(q->method, "Wait"))
		say(s->process, EXEC_ENDED, number_in(answer));
	else
		play_paravisor(q->method);
}

/* --- The client -------------------------------------------------------------------------------- */

/* What the data connection brings that such a call named. */
static void data_is(const struct session *s, const struct ttrpc_request *q, const char *text, size_t size)
{
	struct diag_stream_request stream;
	char got[64];

	ck_assert_int_eq(diag_stream_decode(q->payload, q->payload_size, &stream), 0);
	ck_assert(stream.conn && stream.conn < DATA_MAX && read_all(s->data[stream.conn], got, size));
	ck_assert_mem_eq(got, text, size);
	if (!stream.follow || *stream.path)
		ck_assert_int_eq(recv(s->data[stream.conn], got, 1, 0), 0);
}

/* An answer whose bytes depend on what the VM has: a Node, or the state. */
static void brings(const char *method, const uint8_t *bytes, size_t size)
{
	struct ttrpc_response a;
	const uint8_t *field;
	size_t field_size;

	ck_assert_int_eq(ttrpc_response_decode(bytes, size, &a), 0);
	ck_assert_uint_eq(a.code, TTRPC_OK);
	ck_assert_int_eq(diag_response_decode(a.payload, a.payload_size, &field, &field_size), 0);
	if (!strcmp(method, "Inspect"))
		ck_assert_int_eq(inspect_check(field, field_size, INSPECT_SENSITIVE), 0);
	else
		ck_assert(field_size == sizeof(FILE_TEXT) - 1 && !memcmp(field, FILE_TEXT, field_size));
}

static void exchange(struct session *s, const struct frame *request, const struct frame *answer)
{
	static uint8_t got[65536];
	struct ttrpc_request q;
	struct ttrpc_header h;

	ck_assert_int_eq(ttrpc_request_decode(request->bytes + TTRPC_HEADER_BYTES,
		request->size - TTRPC_HEADER_BYTES, &q), 0);
	ck_assert_int_eq(send(s->control, request->bytes, request->size, MSG_NOSIGNAL), (int)request->size);
	play(s, &q, answer);
	ck_assert(read_all(s->control, got, TTRPC_HEADER_BYTES));
	ttrpc_header_read(got, &h);
	ck_assert_uint_le(h.length, sizeof(got) - TTRPC_HEADER_BYTES);
	ck_assert(read_all(s->control, got + TTRPC_HEADER_BYTES, h.length));
	if (!answer->size)
		brings(q.method, got + TTRPC_HEADER_BYTES, h.length);
	else
		ck_assert_msg(h.length + TTRPC_HEADER_BYTES == answer->size &&
			!memcmp(got, answer->bytes, answer->size),
			"%s: %s is answered otherwise than the client was", s->command, q.method);
	if (!strcmp(q.method, "Kmsg"))
		data_is(s, &q, RECORD, sizeof(RECORD));
	else if (!strcmp(q.method, "ReadFile"))
		data_is(s, &q, FILE_TEXT, sizeof(FILE_TEXT) - 1);
}

static void read_hex(const char *text, struct frame *f)
{
	unsigned byte;
	int n;

	for (f->size = 0; sscanf(text, "%2x%n", &byte, &n) == 1; text += n) {
		ck_assert_uint_lt(f->size, sizeof(f->bytes));
		f->bytes[f->size++] = (uint8_t)byte;
	}
}

START_TEST(each_command_of_the_reference_client_is_answered_as_it_was_when_the_client_took_it)
{
	static uint8_t text[16384];
	unsigned sessions = 0, exchanges = 0;
	struct session s = { 0 };
	struct frame request = { 0 }, answer;
	char *next = (char *)text;

	text[golden_read("sessions.txt", text, sizeof(text) - 1)] = 0;
	for (char *line = strsep(&next, "\n"); line; line = strsep(&next, "\n")) {
		if (*line == '=') {
			if (sessions++)
				end(&s);
			s = (struct session){ .command = line + 2, .debug = !strncmp(line, "= debug ", 8) };
			begin(&s);
		} else if (*line == '>') {
			read_hex(line + 2, &request);
		} else if (*line == '<') {
			read_hex(line + 2, &answer);
			exchange(&s, &request, &answer);
			exchanges++;
		}
	}
	end(&s);
	ck_assert_uint_ge(sessions, 26);
	ck_assert_uint_ge(exchanges, 32);
}
END_TEST

Suite *suite_diag_sessions(void)
{
	Suite *s = suite_create("diag_sessions");
	TCase *c = tcase_create("diag_sessions");

	tcase_add_test(c, each_command_of_the_reference_client_is_answered_as_it_was_when_the_client_took_it);
	suite_add_tcase(s, c);
	return s;
}
