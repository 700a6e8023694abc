/*
 * The calls that a hardened server does not have (calls.h): the log, files, the
 * guest's life, saved state, profiles. What needs a privilege the paravisor does,
 * by an ASK. What is decoded here is a client's and hostile.
 */
#include "common/base/fmt.h"
#include "common/base/log.h"
#include "common/inspect/view.h"
#include "common/protobuf/protobuf.h"
#include "runtime/diag/exec.h"
#include "runtime/diag/log.h"
#include "runtime/diag/tree.h"
#include "runtime/lib/clock.h"
#include "runtime/profiler/profiler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KMSG_RECORD_MAX 8192 /* of the kernel's; one that is longer it does not make */
#define KMSG_TURN_MAX 256    /* records taken in one go */
#define KMSG_PATH "/dev/kmsg"
#define PROFILE_EXTRA_MS (PROFILER_GRACE_MS + 15000u)

/* The answer to a call that has nothing to say but that it is done. */
static void call_done(const struct call *k)
{
	uint8_t bytes[64];
	struct vl_writer w;

	vl_writer_init(&w, bytes, sizeof(bytes));
	ttrpc_end(&w, ttrpc_response_begin(&w, k->stream));
	connection_send(k->server, k->connection, bytes, w.pos);
}

/* --- Streams of data connections -------------------------------------------------------------- */

static int pump_log(struct server *s, struct connection *c)
{
	uint8_t piece[SERVER_PIECE_BYTES];
	size_t size = log_read(s->log, &c->position, piece, sizeof(piece));

	if (!size)
		return c->follow ? VL_E_AGAIN : VL_E_CLOSED;
	connection_send(s, c, piece, size);
	return 0;
}

/* A file can end before its size said so: another process has it, too. */
static int pump_file(struct server *s, struct connection *c)
{
	uint8_t piece[SERVER_PIECE_BYTES];
	size_t size = c->file_left < sizeof(piece) ? (size_t)c->file_left : sizeof(piece);
	ssize_t n;

	if (!size)
		return VL_E_CLOSED;
	n = pread(c->file, piece, size, (off_t)c->position);
	if (n < 0 || (n == 0 && !c->data))
		return VL_E_IO;
	if (n == 0)
		return VL_E_CLOSED;
	c->position += (uint64_t)n;
	c->file_left -= (uint64_t)n;
	connection_send(s, c, piece, (size_t)n);
	return 0;
}

static void start_pump(struct connection *c, int (*pump)(struct server *s, struct connection *c))
{
	c->pump = pump;
	c->refilled = true;
	c->position = 0;
}

static void take_records(struct server *s)
{
	char record[KMSG_RECORD_MAX];

	for (int i = 0; i < KMSG_TURN_MAX; i++) {
		ssize_t n = read(s->log_fd, record, sizeof(record));

		if (n > 0) {
			log_add(s->log, record, (size_t)n);
		} else if (n == 0 || (errno != EPIPE && errno != EINTR)) { /* EPIPE: some were overwritten */
			if (n == 0 || errno != EAGAIN) {
				vl_warn("VTL2's log cannot be read any more: %s",
						n ? strerror(errno) : "its end");
				close(s->log_fd);
				s->log_fd = -1;
			}
			return;
		}
	}
}

static void on_log(struct server *s)
{
	take_records(s);
	for (unsigned i = 0; i < SERVER_CONNECTION_MAX; i++)
		if (s->connections[i].fd >= 0 && s->connections[i].pump == pump_log)
			s->connections[i].refilled = true;
}

int full_init(struct server *s, int kmsg)
{
	s->log = calloc(1, sizeof(*s->log));
	s->log_fd = kmsg;
	s->log_ready = on_log;
	return s->log ? 0 : VL_E_NOMEM;
}

/* --- Asking the paravisor --------------------------------------------------------------------- */

static void give_up(struct server *s, uint64_t data)
{
	struct connection *c = data ? connection_find(s, data) : NULL;

	if (c)
		connection_close(s, c);
}

/* A failed call's data connection is of no use any more. */
static void fail_with_data(const struct call *k, uint64_t data, enum ttrpc_code code, const char *text)
{
	give_up(k->server, data);
	call_fail(k, code, "%s", text);
}

static struct ask *free_ask(struct server *s)
{
	for (unsigned i = 0; i < SERVER_ASK_MAX; i++)
		if (!s->asks[i].id)
			return &s->asks[i];
	return NULL;
}

/*
 * `a` has what and its arguments; `data`: the claimed connection, whose descriptor goes along, or NULL. The
 * ask's id; 0 after the call was failed.
 */
static uint64_t ask(const struct call *k, struct service_ask *a, const struct connection *data,
		uint64_t deadline_ns)
{
	struct server *s = k->server;
	struct ask *slot = free_ask(s);
	int fd = a->what == SERVICE_PROFILE ? data->fd : -1, err;

	if (!slot) {
		fail_with_data(k, data ? data->id : 0, TTRPC_RESOURCE_EXHAUSTED,
			"too many calls wait for the paravisor; try again later");
		return 0;
	}
	a->type = SERVICE_ASK;
	a->id = ++s->last_ask;
	err = server_tell(s, a, sizeof(*a), &fd, fd >= 0);
	if (err) {
		fail_with_data(k, data ? data->id : 0, TTRPC_UNAVAILABLE, "the paravisor does not answer");
		return 0;
	}
	*slot = (struct ask){ .id = a->id, .connection = k->connection->id, .data = data ? data->id : 0,
		.stream = k->stream, .what = a->what, .deadline_ns = deadline_ns };
	k->connection->asks++;
	k->connection->deadline_ns = 0;
	return a->id;
}

uint64_t full_ask(const struct call *k, enum service_what what)
{
	struct service_ask a = { .what = what };

	return ask(k, &a, NULL, k->deadline_ns);
}

/* Frees the slot; the call to answer, or false when its client has gone. */
static bool answered(struct server *s, struct ask *slot, struct call *k)
{
	*k = (struct call){ .server = s, .connection = connection_find(s, slot->connection),
		.stream = slot->stream };
	slot->id = 0;
	if (!k->connection)
		return false;
	k->connection->asks--;
	return true;
}

uint64_t full_deadlines(struct server *s, uint64_t now_ns)
{
	uint64_t next = 0;

	for (unsigned i = 0; i < SERVER_ASK_MAX; i++) {
		struct ask *slot = &s->asks[i];
		struct call k;

		if (!slot->id)
			continue;
		if (slot->deadline_ns > now_ns) {
			next = !next || slot->deadline_ns < next ? slot->deadline_ns : next;
			continue;
		}
		give_up(s, slot->data);
		if (answered(s, slot, &k))
			call_fail(&k, TTRPC_DEADLINE_EXCEEDED, "the paravisor did not do it in time");
	}
	return next;
}

/* DumpSavedStateResponse {1: bytes}: its head here, its content from the file. */
static void send_saved(const struct call *k, int fd)
{
	struct connection *c = k->connection;
	uint8_t head[64], inner[16];
	struct vl_writer w, field;
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_size <= 0 || st.st_size > TTRPC_MESSAGE_MAX - (int)sizeof(head)) {
		close(fd);
		call_fail(k, TTRPC_UNKNOWN, "the saved state is larger than an answer holds");
		return;
	}
	vl_writer_init(&field, inner, sizeof(inner));
	vl_write_varint(&field, DIAG_RESPONSE_FIELD << 3 | PB_BYTES);
	vl_write_varint(&field, (uint64_t)st.st_size);
	vl_writer_init(&w, head, sizeof(head));
	ttrpc_response_head(&w, k->stream, field.pos + (size_t)st.st_size);
	vl_write_bytes(&w, inner, field.pos);
	c->file = fd;
	c->file_left = (uint64_t)st.st_size;
	start_pump(c, pump_file);
	connection_send(k->server, c, head, w.pos);
}

/* The file goes to the data connection; the call is answered at once, as the reference does. */
static void send_opened(const struct call *k, uint64_t data, int fd)
{
	struct connection *c = connection_find(k->server, data);

	if (!c) {
		close(fd);
		call_fail(k, TTRPC_UNKNOWN, "the data connection is gone");
		return;
	}
	c->file = fd;
	c->file_left = UINT64_MAX;
	start_pump(c, pump_file);
	call_done(k);
}

static void on_success(const struct call *k, const struct ask *was, int fd)
{
	bool wants_file = was->what == SERVICE_SAVE || was->what == SERVICE_OPEN || was->what == SERVICE_EXEC;

	if (wants_file != (fd >= 0)) {
		give_up(k->server, was->data);
		call_fail(k, TTRPC_INTERNAL, "the paravisor answers something else");
		if (fd >= 0)
			close(fd);
	} else if (was->what == SERVICE_SAVE) {
		send_saved(k, fd);
	} else if (was->what == SERVICE_OPEN) {
		send_opened(k, was->data, fd);
	} else if (was->what == SERVICE_EXEC) {
		k->server->exec->channel(k, was->id, fd);
	} else {
		call_done(k);
	}
}

void full_reply(struct server *s, const struct service_reply *r, int fd)
{
	unsigned i = 0;
	struct ask was;
	struct call k;

	while (i < SERVER_ASK_MAX && (!s->asks[i].id || s->asks[i].id != r->id))
		i++;
	if (i < SERVER_ASK_MAX) {
		was = s->asks[i];
		if (answered(s, &s->asks[i], &k)) {
			if (!r->error) {
				on_success(&k, &was, fd);
				return;
			}
			give_up(s, was.data);
			call_fail(&k, TTRPC_UNKNOWN, "%s", r->text[0] ? r->text : vl_err_text(r->error));
		} else {
			give_up(s, was.data);
		}
	}
	if (fd >= 0)
		close(fd);
}

/* --- The calls -------------------------------------------------------------------------------- */

static void call_ping(const struct call *k)
{
	call_done(k);
}

static void bad_request(const struct call *k, int err)
{
	call_fail(k, TTRPC_INVALID_ARGUMENT, "the request cannot be read: %s", vl_err_text(err));
}

/* The Value in a Node: InspectService.Update answers with no more. NULL when it is something else. */
static const uint8_t *value_of(const uint8_t *node, size_t node_size, size_t *size)
{
	struct vl_reader r, inner;
	struct pb_field f;

	vl_reader_init(&r, node, node_size);
	if (!pb_next(&r, &f) || f.number != INSPECT_NODE_VALUE || f.type != PB_BYTES)
		return NULL;
	inner = pb_message(&r, &f);
	if (!pb_next(&inner, &f) || f.number != 1 || f.type != PB_BYTES)
		return NULL;
	*size = f.size;
	return f.bytes;
}

static const char *update_error(const struct inspect_node *n, char *text, size_t room)
{
	switch (n->error) {
	case INSPECT_NOT_FOUND: return "there is no such entry";
	case INSPECT_IMMUTABLE: return "the entry cannot be changed";
	case INSPECT_UNRESOLVED: return "whoever has the entry does not answer";
	default:
		vl_format(text, room, "%.*s", (int)n->text_size, (const char *)n->text);
		return text[0] ? text : "the entry was not changed";
	}
}

static void call_update(const struct call *k)
{
	struct server *s = k->server;
	struct diag_update_request q;
	struct inspect_request r = { .path = q.path, .level = tree_level(s), .value = q.value };
	uint8_t node[SERVER_PIECE_BYTES], bytes[SERVER_PIECE_BYTES + 64];
	char text[TTRPC_TEXT_MAX];
	struct inspect_node n;
	struct ttrpc_mark mark;
	struct vl_writer w;
	const uint8_t *value;
	size_t value_size = 0;
	int64_t size;
	int err = diag_update_decode(k->payload, k->payload_size, &q);

	if (err) {
		bad_request(k, err);
		return;
	}
	size = tree_node(s, &r, clock_deadline(SERVER_UNIT_LIMIT_MS), node, sizeof(node));
	if (size < 0 || inspect_node_read(node, (size_t)size, &n)) {
		call_fail(k, TTRPC_UNKNOWN, "'%s' is no single value", q.path);
		return;
	}
	value = n.kind == INSPECT_NODE_VALUE ? value_of(node, (size_t)size, &value_size) : NULL;
	if (!value) {
		call_fail(k, TTRPC_UNKNOWN, "'%s': %s", q.path, n.kind == INSPECT_NODE_FAILED ?
			update_error(&n, text, sizeof(text)) : "it is no value");
		return;
	}
	vl_writer_init(&w, bytes, sizeof(bytes));
	mark = ttrpc_response_begin(&w, k->stream);
	pb_put_bytes(&w, DIAG_RESPONSE_FIELD, value, value_size);
	ttrpc_end(&w, mark);
	connection_send(s, k->connection, bytes, w.pos);
}

/* The request's data connection, claimed; NULL after the call was failed. */
static struct connection *data_of(const struct call *k, uint64_t id)
{
	struct connection *c = connection_claim(k->server, id);

	if (!c)
		call_fail(k, TTRPC_UNKNOWN, "there is no data connection %llu that waits",
				(unsigned long long)id);
	return c;
}

/*
 * The data connection that the request names; NULL when it names none, or makes no sense, and was answered
 * so.
 */
static struct connection *stream_of(const struct call *k, struct diag_stream_request *q)
{
	int err = diag_stream_decode(k->payload, k->payload_size, q);

	if (err) {
		bad_request(k, err);
		return NULL;
	}
	return data_of(k, q->conn);
}

static void send_log(const struct call *k, struct connection *c, bool follow)
{
	if (k->server->log_fd >= 0)
		take_records(k->server);
	c->follow = follow;
	start_pump(c, pump_log);
	call_done(k);
}

static void call_kmsg(const struct call *k)
{
	struct diag_stream_request q;
	struct connection *c = stream_of(k, &q);

	if (c)
		send_log(k, c, q.follow);
}

/* Of all files the log alone grows: of another one what it has now is everything, to who follows, too. */
static void call_read_file(const struct call *k)
{
	struct service_ask a = { .what = SERVICE_OPEN };
	struct diag_stream_request q;
	struct connection *c = stream_of(k, &q);

	if (!c)
		return;
	if (!strcmp(q.path, KMSG_PATH)) {
		send_log(k, c, q.follow);
		return;
	}
	vl_format(a.path, sizeof(a.path), "%s", q.path);
	ask(k, &a, c, k->deadline_ns);
}

static void call_pause(const struct call *k) { full_ask(k, SERVICE_PAUSE); }
static void call_resume(const struct call *k) { full_ask(k, SERVICE_RESUME); }
static void call_restart(const struct call *k) { full_ask(k, SERVICE_RESTART); }
static void call_save(const struct call *k) { full_ask(k, SERVICE_SAVE); }

/* Starts a VM that waits for it; ours does not wait. */
static void call_start(const struct call *k)
{
	struct diag_start_request q;
	int err = diag_start_decode(k->payload, k->payload_size, &q);

	if (err)
		bad_request(k, err);
	else
		call_fail(k, TTRPC_UNKNOWN, "the VM was started already");
}

/* Has a process of VTL2 crash, so that it leaves its report (runtime/lib/crash.h). */
static void call_crash(const struct call *k)
{
	struct service_ask a = { .what = SERVICE_CRASH };
	struct diag_crash_request q;
	int err = diag_crash_decode(k->payload, k->payload_size, &q);

	if (err) {
		bad_request(k, err);
		return;
	}
	a.pid = q.pid;
	ask(k, &a, NULL, k->deadline_ns);
}

/* Nothing here has packets: no network device is offered to the guest. */
static void call_capture(const struct call *k)
{
	struct diag_capture_request q;
	int err = diag_capture_decode(k->payload, k->payload_size, &q);

	if (err)
		bad_request(k, err);
	else if (q.operation == DIAG_CAPTURE_QUERY)
		call_done(k); /* {num_streams: 0} */
	else
		call_fail(k, TTRPC_UNKNOWN, "the VM has no network device whose packets could be captured");
}

static void call_profile(const struct call *k)
{
	struct service_ask a = { .what = SERVICE_PROFILE };
	struct diag_profile_request q;
	struct connection *c;
	uint64_t data;
	int err = diag_profile_decode(k->payload, k->payload_size, &q);

	if (err) {
		bad_request(k, err);
		return;
	}
	c = data_of(k, q.conn);
	if (!c)
		return;
	if (q.duration_s < 1 || q.duration_s > PROFILER_SECONDS_MAX || q.hertz > PROFILER_HERTZ_MAX) {
		fail_with_data(k, c->id, TTRPC_UNKNOWN,
				"a profile takes 1 to 600 seconds and at most 1000 Hz");
		return;
	}
	a.seconds = (uint32_t)q.duration_s;
	a.hertz = q.hertz ? q.hertz : PROFILER_HERTZ_DEFAULT;
	data = c->id;
	ask(k, &a, c, clock_deadline(a.seconds * 1000 + PROFILE_EXTRA_MS));
	give_up(k->server, data); /* the profiler has it now, and ends it */
}

static const struct method methods[] = {
	{ DIAG_SERVICE_PING, "Ping", FILTER_DIAG_PING, call_ping },
	{ DIAG_SERVICE_INSPECT, "Update", FILTER_DIAG_UPDATE, call_update },
	{ DIAG_SERVICE, "Kmsg", FILTER_DIAG_KMSG, call_kmsg },
	{ DIAG_SERVICE, "ReadFile", FILTER_DIAG_FILE, call_read_file },
	{ DIAG_SERVICE, "Start", FILTER_DIAG_LIFE, call_start },
	{ DIAG_SERVICE, "Crash", FILTER_DIAG_LIFE, call_crash },
	{ DIAG_SERVICE, "Pause", FILTER_DIAG_LIFE, call_pause },
	{ DIAG_SERVICE, "Resume", FILTER_DIAG_LIFE, call_resume },
	{ DIAG_SERVICE, "Restart", FILTER_DIAG_LIFE, call_restart },
	{ DIAG_SERVICE, "DumpSavedState", FILTER_DIAG_STATE, call_save },
	{ DIAG_SERVICE, "PacketCapture", FILTER_DIAG_CAPTURE, call_capture },
	{ DIAG_SERVICE_PROFILE, "Profile", FILTER_DIAG_PROFILE, call_profile },
};

const struct method *full_method(const char *service, const char *name)
{
	for (size_t i = 0; i < VL_ARRAY_COUNT(methods); i++)
		if (!strcmp(service, methods[i].service) && !strcmp(name, methods[i].name))
			return &methods[i];
	return NULL;
}
