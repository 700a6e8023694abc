/*
 * Connections, frames and deadlines of the diagnostics server (server.h). All that
 * is read here is a client's, or the paravisor's by service_check().
 */
#include "runtime/diag/server.h"
#include "common/base/log.h"
#include "runtime/diag/exec.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONFIG_LIMIT_MS 60000
#define TELL_LIMIT_MS 1000
#define NO_DEADLINE_MS 60000 /* poll()'s limit when nothing has one */

/* --- One connection --------------------------------------------------------------------------- */

static void expect(struct connection *c, unsigned limit_ms)
{
	c->deadline_ns = limit_ms ? clock_deadline(limit_ms) : 0;
}

void connection_set_deadline(struct connection *c)
{
	c->active_ns = clock_boot_ns();
	if (c->out_size || c->ending)
		expect(c, SERVER_STALL_LIMIT_MS);
	else if (c->data)
		expect(c, c->claimed ? 0 : SERVER_CLAIM_LIMIT_MS);
	else if (c->asks || c->held)
		expect(c, 0); /* the call has one, and so has the command */
	else if (!c->in_size && !c->skip)
		expect(c, SERVER_IDLE_LIMIT_MS);
}

static void drop_output(struct server *s, struct connection *c)
{
	s->backlog -= c->out_size - c->out_at;
	free(c->out);
	c->out = NULL;
	c->out_at = c->out_size = 0;
}

void connection_close(struct server *s, struct connection *c)
{
	drop_output(s, c);
	if (c->file >= 0)
		close(c->file);
	close(c->fd);
	c->file = c->fd = -1;
	c->pump = NULL;
}

struct connection *connection_find(struct server *s, uint64_t id)
{
	for (unsigned i = 0; i < SERVER_CONNECTION_MAX; i++)
		if (s->connections[i].fd >= 0 && s->connections[i].id == id)
			return &s->connections[i];
	return NULL;
}

struct connection *connection_claim(struct server *s, uint64_t number)
{
	for (unsigned i = 0; i < SERVER_CONNECTION_MAX; i++) {
		struct connection *c = &s->connections[i];

		if (c->fd < 0 || !c->data || c->claimed || c->number != number)
			continue;
		c->claimed = true;
		connection_set_deadline(c);
		return c;
	}
	return NULL;
}

/* Bytes that the socket took; a negative vl_err. */
static int64_t write_some(const struct connection *c, const void *data, size_t size)
{
	ssize_t n = send(c->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EINTR ? 0 : VL_E_CLOSED;
}

static void keep(struct server *s, struct connection *c, const uint8_t *data, size_t size)
{
	uint8_t *more = s->backlog + size > SERVER_BACKLOG_MAX ? NULL : realloc(c->out, c->out_size + size);

	if (!more) {
		vl_warn("a client that does not take its answers is disconnected");
		connection_close(s, c);
		return;
	}
	memcpy(more + c->out_size, data, size);
	c->out = more;
	c->out_size += size;
	s->backlog += size;
	connection_set_deadline(c);
}

void connection_send(struct server *s, struct connection *c, const void *data, size_t size)
{
	int64_t n = c->out_size ? 0 : write_some(c, data, size);

	if (n < 0)
		connection_close(s, c);
	else if ((size_t)n < size)
		keep(s, c, (const uint8_t *)data + n, size - (size_t)n);
	else
		connection_set_deadline(c);
}

/* Writes what waits; false when the connection is gone. */
static bool flush(struct server *s, struct connection *c)
{
	int64_t n = write_some(c, c->out + c->out_at, c->out_size - c->out_at);

	if (n < 0) {
		connection_close(s, c);
		return false;
	}
	c->out_at += (size_t)n;
	s->backlog -= (size_t)n;
	if (c->out_at == c->out_size)
		drop_output(s, c);
	if (n)
		connection_set_deadline(c);
	return true;
}

/* What a stream has, as far as the client takes it. */
static void refill(struct server *s, struct connection *c)
{
	int err = c->pump ? c->pump(s, c) : VL_E_AGAIN;

	c->refilled = !err;
	if (c->fd < 0 || !err || err == VL_E_AGAIN)
		return;
	if (err == VL_E_CLOSED && !c->data) {
		c->pump = NULL; /* the answer is complete, the next request may come */
		connection_set_deadline(c);
	} else if (err == VL_E_CLOSED && c->out_size) {
		c->pump = NULL;
		c->ending = true;
	} else {
		connection_close(s, c);
	}
}

static void on_writable(struct server *s, struct connection *c)
{
	if (c->out_size && !flush(s, c))
		return;
	if (c->out_size)
		return;
	if (c->ending)
		connection_close(s, c);
	else
		refill(s, c);
}

/* --- Requests --------------------------------------------------------------------------------- */

/* Serves the first frame of c->in if it is whole; false when more has to come first. */
static bool take_frame(struct server *s, struct connection *c)
{
	struct ttrpc_header h;
	struct call k = { .server = s, .connection = c };
	enum ttrpc_code code;
	const char *text;
	size_t size;

	if (c->in_size < TTRPC_HEADER_BYTES)
		return false;
	ttrpc_header_read(c->in, &h);
	code = ttrpc_header_check(&h, SERVER_REQUEST_MAX, &text);
	if (code != TTRPC_OK) {
		size = c->in_size - TTRPC_HEADER_BYTES;
		size = size < h.length ? size : h.length;
		c->skip = h.length - (uint32_t)size;
	} else {
		size = h.length;
		if (c->in_size < TTRPC_HEADER_BYTES + size)
			return false;
	}
	k.stream = h.stream;
	if (code != TTRPC_OK) {
		s->counts.malformed++;
		call_fail(&k, code, "%s", text);
	} else {
		calls_serve(s, c, h.stream, c->in + TTRPC_HEADER_BYTES, size);
	}
	size += TTRPC_HEADER_BYTES;
	memmove(c->in, c->in + size, c->in_size - size);
	c->in_size -= size;
	return true;
}

static void skip_some(struct connection *c, size_t received)
{
	size_t n = received < c->skip ? received : c->skip;

	c->skip -= (uint32_t)n;
	memmove(c->in, c->in + n, received - n);
	c->in_size = received - n;
}

/* Nothing that comes on a data connection means anything; that it ends does. */
static void on_data_input(struct server *s, struct connection *c)
{
	char piece[512];
	ssize_t n = recv(c->fd, piece, sizeof(piece), MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		connection_close(s, c);
}

static void on_readable(struct server *s, struct connection *c)
{
	bool begins = c->in_size == 0 && c->skip == 0;
	ssize_t n;

	if (c->data) {
		on_data_input(s, c);
		return;
	}
	n = recv(c->fd, c->in + c->in_size, sizeof(c->in) - c->in_size, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) { /* also half: who asks no more is not waited for */
		connection_close(s, c);
		return;
	}
	if (c->skip)
		skip_some(c, (size_t)n);
	else
		c->in_size += (size_t)n;
	c->active_ns = clock_boot_ns();
	if (begins)
		expect(c, SERVER_FRAME_LIMIT_MS);
}

/* One request a turn of each client, when it has taken its last answer. */
static void serve_input(struct server *s, struct connection *c)
{
	bool served;

	if (c->fd < 0 || c->data || c->out_size || c->pump || c->asks || c->skip)
		return;
	served = take_frame(s, c);
	if (!served || c->fd < 0)
		return;
	if (c->in_size || c->skip)
		expect(c, SERVER_FRAME_LIMIT_MS);
	else
		connection_set_deadline(c);
}

static bool has_frame(const struct connection *c)
{
	struct ttrpc_header h;
	const char *text;

	if (c->fd < 0 || c->data || c->in_size < TTRPC_HEADER_BYTES || c->skip)
		return false;
	ttrpc_header_read(c->in, &h);
	return ttrpc_header_check(&h, SERVER_REQUEST_MAX, &text) != TTRPC_OK ||
		c->in_size >= TTRPC_HEADER_BYTES + h.length;
}

/* --- New connections -------------------------------------------------------------------------- */

static struct connection *free_place(struct server *s)
{
	for (unsigned i = 0; i < SERVER_CONNECTION_MAX; i++)
		if (s->connections[i].fd < 0)
			return &s->connections[i];
	return NULL;
}

/* Who asked nothing for the longest time makes room; whoever is being served stays. */
static struct connection *idlest(struct server *s)
{
	struct connection *found = NULL;

	for (unsigned i = 0; i < SERVER_CONNECTION_MAX; i++) {
		struct connection *c = &s->connections[i];

		if (c->asks || c->held || c->out_size || c->pump || c->claimed || has_frame(c))
			continue;
		if (!found || c->active_ns < found->active_ns)
			found = c;
	}
	return found && clock_boot_ns() - found->active_ns > SERVER_ROOM_MS * CLOCK_MS_NS ? found : NULL;
}

static void welcome(struct server *s, struct connection *c, int fd, bool data)
{
	uint8_t number[DIAG_CONNECTION_ID_BYTES];
	struct vl_writer w;

	drop_output(s, c);
	c->fd = fd;
	c->data = data;
	c->claimed = c->ending = c->refilled = c->follow = false;
	c->id = ++s->last_id;
	c->asks = c->held = 0;
	c->skip = 0;
	c->in_size = 0;
	c->file = -1;
	c->pump = NULL;
	s->counts.accepted++;
	connection_set_deadline(c);
	if (!data)
		return;
	vl_writer_init(&w, number, sizeof(number));
	c->number = ++s->last_number;
	vl_write_le64(&w, c->number);
	connection_send(s, c, number, sizeof(number));
}

/* True when the queue holds clients for whom there is no room now. */
static bool is_full(struct server *s)
{
	return !free_place(s) && !idlest(s);
}

static void on_listener(struct server *s, bool data)
{
	struct connection *c = free_place(s);
	int fd;

	if (!c) {
		c = idlest(s);
		if (!c)
			return;
		connection_close(s, c);
	}
	fd = accept4(s->listeners[data], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		welcome(s, c, fd, data);
}

/* --- The paravisor ---------------------------------------------------------------------------- */

int server_tell(struct server *s, const void *message, size_t size, const int *fds, size_t fd_count)
{
	return channel_send(s->parent, message, size, fds, fd_count, TELL_LIMIT_MS);
}

static unsigned find_unit(const struct server *s, const struct service_unit *is)
{
	unsigned n = 0;

	while (n < s->unit_count && strcmp(s->units[n].is.name, is->name))
		n++;
	return n;
}

/* A unit of a known name is that unit's new process. */
static int add_unit(struct server *s, const struct service_unit *is, int fd)
{
	unsigned n = find_unit(s, is);

	if (n == SERVICE_UNIT_MAX)
		return VL_E_LIMIT;
	if (n == s->unit_count)
		s->unit_count++;
	else
		close(s->units[n].link.fd);
	s->units[n] = (struct unit){ .is = *is, .link = { .fd = fd } };
	return 0;
}

static void drop_unit(struct server *s, const struct service_unit *is)
{
	unsigned n = find_unit(s, is);

	if (n == s->unit_count)
		return;
	close(s->units[n].link.fd);
	s->unit_count--;
	memmove(&s->units[n], &s->units[n + 1], (s->unit_count - n) * sizeof(s->units[n]));
}

static int on_unit(struct server *s, const struct service_unit *is, struct channel_message *c)
{
	int err = c->fd_count ? add_unit(s, is, c->fds[0]) : 0;

	if (!c->fd_count)
		drop_unit(s, is);
	else if (!err)
		c->fd_count = 0; /* the unit's now */
	return err;
}

static int act(struct server *s, const union service_any *m, struct channel_message *c)
{
	switch (m->type) {
	case SERVICE_UNIT:
		return on_unit(s, &m->unit, c);
#ifndef VL_HARDENED
	case SERVICE_REPLY:
		full_reply(s, &m->reply, c->fd_count ? c->fds[0] : -1);
		c->fd_count = 0;
		return 0;
#endif
	default:
		return VL_E_PROTOCOL;
	}
}

static int on_parent(struct server *s)
{
	union service_any any;
	struct channel_message m = { .data = &any, .capacity = sizeof(any) };
	int err = channel_receive(s->parent, &m, 0);

	if (err)
		return err == VL_E_AGAIN ? 0 : err;
	err = service_check(&any, m.size, m.fd_count);
	if (!err)
		err = act(s, &any, &m);
	channel_close_fds(&m);
	return err;
}

static int take_config(struct server *s)
{
	union service_any any;
	struct channel_message m = { .data = &any, .capacity = sizeof(any) };
	int kmsg = -1, err = channel_receive(s->parent, &m, CONFIG_LIMIT_MS);

	if (!err)
		err = service_check(&any, m.size, m.fd_count);
	if (!err && any.type != SERVICE_CONFIG)
		err = VL_E_PROTOCOL;
	if (err) {
		channel_close_fds(&m);
		return err;
	}
	s->filter = (struct filter_context){ (enum isolation)any.config.isolation, any.config.debug };
	s->listeners[0] = m.fds[SERVICE_FD_CONTROL];
	if (m.fd_count > SERVICE_FD_DATA)
		s->listeners[1] = m.fds[SERVICE_FD_DATA];
	if (m.fd_count > SERVICE_FD_KMSG)
		kmsg = m.fds[SERVICE_FD_KMSG];
#ifdef VL_HARDENED
	if (kmsg >= 0)
		close(kmsg);
	return 0;
#else
	return full_init(s, kmsg);
#endif
}

int server_init(struct server *s, int parent)
{
	const struct service_hello hello = { .type = SERVICE_HELLO, .version = SERVICE_VERSION };
	int err;

	memset(s, 0, sizeof(*s));
	s->parent = parent;
	s->last_ask = clock_boot_ns();
	s->listeners[0] = s->listeners[1] = s->log_fd = -1;
	for (unsigned i = 0; i < SERVER_CONNECTION_MAX; i++)
		s->connections[i].fd = s->connections[i].file = -1;
	err = take_config(s);
	return err ? err : server_tell(s, &hello, sizeof(hello), NULL, 0);
}

void server_destroy(struct server *s)
{
	for (unsigned i = 0; i < SERVER_CONNECTION_MAX; i++)
		if (s->connections[i].fd >= 0)
			connection_close(s, &s->connections[i]);
	for (unsigned i = 0; i < s->unit_count; i++)
		close(s->units[i].link.fd);
	for (unsigned i = 0; i < VL_ARRAY_COUNT(s->listeners); i++)
		if (s->listeners[i] >= 0)
			close(s->listeners[i]);
	if (s->log_fd >= 0)
		close(s->log_fd);
	free(s->log);
	if (s->exec)
		s->exec->destroy(s);
}

/* --- Loop ------------------------------------------------------------------------------------- */

enum { POLL_PARENT, POLL_CONTROL, POLL_DATA, POLL_LOG, POLL_COMMANDS,
	POLL_CONNECTIONS = POLL_COMMANDS + EXEC_MAX };
#define POLL_COUNT (POLL_CONNECTIONS + SERVER_CONNECTION_MAX)

static short events_of(const struct connection *c)
{
	if (c->out_size || c->refilled || c->ending)
		return POLLOUT | (c->data ? POLLIN : 0);
	if (c->data)
		return POLLIN;
	/* A client that asks on before its answer is there waits; so does its socket's queue. */
	return c->asks || c->pump || c->in_size == sizeof(c->in) || has_frame(c) ? 0 : POLLIN;
}

static void fill(struct server *s, struct pollfd f[POLL_COUNT])
{
	bool full = is_full(s);

	f[POLL_PARENT] = (struct pollfd){ .fd = s->parent, .events = POLLIN };
	f[POLL_CONTROL] = (struct pollfd){ .fd = full ? -1 : s->listeners[0], .events = POLLIN };
	f[POLL_DATA] = (struct pollfd){ .fd = full ? -1 : s->listeners[1], .events = POLLIN };
	f[POLL_LOG] = (struct pollfd){ .fd = s->log_fd, .events = POLLIN };
	for (unsigned i = 0; i < EXEC_MAX; i++)
		f[POLL_COMMANDS + i] = (struct pollfd){ .fd = -1 };
	if (s->exec)
		s->exec->poll(s, &f[POLL_COMMANDS]);
	for (unsigned i = 0; i < SERVER_CONNECTION_MAX; i++)
		f[POLL_CONNECTIONS + i] = (struct pollfd){ .fd = s->connections[i].fd,
			.events = events_of(&s->connections[i]) };
}

/* Of two deadlines, 0 being none. */
static uint64_t sooner(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

/* Closes what has waited too long; the next deadline's distance for poll(). */
static int deadlines(struct server *s)
{
	uint64_t now = clock_boot_ns(), next = 0;

#ifndef VL_HARDENED
	next = full_deadlines(s, now);
	if (s->exec)
		next = sooner(next, s->exec->deadlines(s, now));
#endif
	for (unsigned i = 0; i < SERVER_CONNECTION_MAX; i++) {
		struct connection *c = &s->connections[i];

		if (c->fd < 0 || !c->deadline_ns)
			continue;
		if (c->deadline_ns <= now) {
			s->counts.timed_out++;
			connection_close(s, c);
		} else {
			next = sooner(next, c->deadline_ns);
		}
	}
	return next && clock_left_ms(next) < NO_DEADLINE_MS ? clock_left_ms(next) : NO_DEADLINE_MS;
}

static int poll_limit(struct server *s)
{
	int limit = deadlines(s);

	/* Requests that were read already, and clients that wait for a place, are looked at again soon. */
	for (unsigned i = 0; i < SERVER_CONNECTION_MAX; i++)
		if (has_frame(&s->connections[i]) && !s->connections[i].asks && !s->connections[i].out_size)
			return 0;
	if (is_full(s) && limit > 100)
		limit = 100;
	return limit;
}

static void serve_connection(struct server *s, struct connection *c, short happened)
{
	if (c->fd >= 0 && happened & POLLIN)
		on_readable(s, c);
	else if (c->fd >= 0 && happened & (POLLERR | POLLHUP | POLLNVAL))
		connection_close(s, c);
	if (c->fd >= 0 && happened & POLLOUT)
		on_writable(s, c);
	serve_input(s, c);
}

static int turn(struct server *s)
{
	struct pollfd f[POLL_COUNT];
	int err = 0;

	fill(s, f);
	if (poll(f, POLL_COUNT, poll_limit(s)) < 0)
		return errno == EINTR ? 0 : VL_E_OS;
	if (f[POLL_PARENT].revents)
		err = on_parent(s);
	if (f[POLL_LOG].revents && s->log_ready)
		s->log_ready(s);
	for (unsigned i = 0; !err && i < SERVER_CONNECTION_MAX; i++)
		serve_connection(s, &s->connections[i], f[POLL_CONNECTIONS + i].revents);
	if (!err && s->exec)
		s->exec->serve(s, &f[POLL_COMMANDS]);
	if (f[POLL_CONTROL].revents)
		on_listener(s, false);
	if (f[POLL_DATA].revents)
		on_listener(s, true);
	return err;
}

int server_run(struct server *s)
{
	int err = 0;

	while (!err)
		err = turn(s);
	return err == VL_E_CLOSED ? 0 : err;
}
