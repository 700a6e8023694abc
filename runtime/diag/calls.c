/*
 * Dispatch of the diagnostics server's calls, and the one call that every image
 * has (calls.h). What is decoded here is a client's and hostile.
 */
#include "runtime/diag/exec.h"
#include "common/base/fmt.h"
#include "common/protobuf/protobuf.h"
#include "runtime/diag/tree.h"
#include "runtime/lib/clock.h"

#include <stdarg.h>
#include <string.h>

static void send_written(const struct call *k, const struct vl_writer *w)
{
	if (w->err)
		call_fail(k, TTRPC_RESOURCE_EXHAUSTED, "the answer does not fit; ask for less");
	else
		connection_send(k->server, k->connection, w->data, w->pos);
}

void call_fail(const struct call *k, enum ttrpc_code code, const char *fmt, ...)
{
	uint8_t bytes[TTRPC_TEXT_MAX + 64];
	char text[TTRPC_TEXT_MAX];
	struct vl_writer w;
	va_list args;

	va_start(args, fmt);
	vl_vformat(text, sizeof(text), fmt, args);
	va_end(args);
	k->server->counts.failed++;
	vl_writer_init(&w, bytes, sizeof(bytes));
	ttrpc_status_write(&w, k->stream, code, text);
	connection_send(k->server, k->connection, bytes, w.pos);
}

/* At the client's limit it gets what is there, as the reference does it: what was late is said to be so. */
static void call_inspect(const struct call *k)
{
	struct server *s = k->server;
	struct diag_inspect_request q;
	struct inspect_request r = { .path = q.path, .level = tree_level(s) };
	uint64_t limit_ns = clock_deadline(SERVER_UNIT_LIMIT_MS);
	struct ttrpc_mark mark;
	struct vl_writer w;
	size_t field;
	int64_t size;
	int err = diag_inspect_decode(k->payload, k->payload_size, &q);

	if (err) {
		call_fail(k, TTRPC_INVALID_ARGUMENT, "the request cannot be read: %s", vl_err_text(err));
		return;
	}
	r.depth = q.depth;
	vl_writer_init(&w, s->answer, sizeof(s->answer));
	mark = ttrpc_response_begin(&w, k->stream);
	field = pb_open(&w, DIAG_RESPONSE_FIELD);
	size = tree_node(s, &r, limit_ns < k->deadline_ns ? limit_ns : k->deadline_ns, w.data + w.pos,
		w.size - w.pos);
	if (size < 0)
		w.err = (int)size;
	else
		w.pos += (size_t)size;
	pb_close(&w, field);
	ttrpc_end(&w, mark);
	send_written(k, &w);
}

static const struct method inspect = { DIAG_SERVICE_INSPECT, "Inspect", FILTER_DIAG_INSPECT, call_inspect };

static const struct method *find(const struct server *s, const char *service, const char *name)
{
	const struct method *m = NULL;

	if (!strcmp(service, inspect.service) && !strcmp(name, inspect.name))
		return &inspect;
#ifndef VL_HARDENED
	m = full_method(service, name);
	if (!m && s->exec)
		m = s->exec->method(service, name);
#endif
	return m;
}

static uint64_t deadline_of(const struct ttrpc_request *q)
{
	uint64_t limit_ms = q->timeout_ns / CLOCK_MS_NS;

	if (!q->timeout_ns || limit_ms > SERVER_IDLE_LIMIT_MS)
		limit_ms = q->timeout_ns ? SERVER_IDLE_LIMIT_MS : SERVER_CALL_LIMIT_MS;
	return clock_deadline((unsigned)limit_ms);
}

void calls_serve(struct server *s, struct connection *c, uint32_t stream, const uint8_t *message, size_t size)
{
	struct call k = { .server = s, .connection = c, .stream = stream };
	const struct method *m;
	struct ttrpc_request q;
	int err = ttrpc_request_decode(message, size, &q);

	s->counts.calls++;
	if (err) {
		s->counts.malformed++;
		call_fail(&k, TTRPC_INVALID_ARGUMENT, "the request cannot be read: %s", vl_err_text(err));
		return;
	}
	k.deadline_ns = deadline_of(&q);
	k.limited = q.timeout_ns != 0;
	k.payload = q.payload;
	k.payload_size = q.payload_size;
	m = find(s, q.service, q.method);
	if (!m) {
		call_fail(&k, TTRPC_UNIMPLEMENTED, "this image has no %s.%s", q.service, q.method);
	} else if (!filter_keeps(&s->filter, m->item)) {
		s->counts.refused++;
		call_fail(&k, TTRPC_PERMISSION_DENIED,
				"this VM is isolated, and %s is not for its host", m->name);
	} else {
		m->run(&k);
	}
}
