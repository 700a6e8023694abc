/*
 * The --vsock bridge: a Unix socket through which programs on the host reach
 * VTL2's AF_VSOCK ports, in the way that Firecracker and Cloud Hypervisor do
 * it ("CONNECT <port>\n", then "OK <port>\n" and the bytes). Clients are local
 * users who may open the socket, VTL2 is the other side; both are untrusted.
 * Runs on the loop's thread. No data is buffered here: a side that does not
 * read holds the other one back. Who does not say in time where it wants to go
 * loses its place. A connection costs VTL2's kernel a device that comes and goes,
 * before any of the guest's work: they are opened one by one, with time in between.
 */
#include "tools/host/services_parts.h"

#include "common/base/fmt.h"
#include "common/base/log.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CLIENT_MAX 32
#define WAITING_MAX 128 /* clients that wait in the socket's queue for a place */
#define COMMAND_BYTES 32 /* "CONNECT 4294967295\n" fits */
#define PIECE_BYTES 16384
#define OPENING_MAX 4    /* connections that VTL2 has not opened yet */
#define OPEN_GAP_MS 20u  /* from one to the next: what the guest has in between */
#define MS_NS 1000000u
#define SECOND_NS 1000000000u

struct client {
	struct bridge *bridge;
	struct host_source source; /* fd -1: the place is free */
	struct host_stream *stream; /* NULL: the command is not complete */
	bool waiting;          /* the command is complete, for its turn */
	bool connected;
	bool ended;            /* the client will send no more */
	bool gone;             /* it hung up; the source is out of the loop */
	bool blocked_out;      /* VTL2's bytes wait for the client */
	bool blocked_in;       /* the client's bytes wait for VTL2 */
	uint64_t deadline_ns;  /* for the command, CLOCK_MONOTONIC */
	uint64_t turn;         /* of those that wait the smallest is next */
	uint32_t port;
	char command[COMMAND_BYTES];
	size_t command_bytes;
};

struct bridge {
	struct host *h;
	struct hvsock *sockets;
	struct host_source listener, timer;
	unsigned command_limit_ms;
	uint64_t turns, open_at_ns; /* open_at_ns: when the next connection may be opened */
	bool full; /* nobody is let in until a client leaves */
	struct sockaddr_un address;
	struct client client[CLIENT_MAX];
};

static void drop_client(struct client *c)
{
	struct bridge *b = c->bridge;

	if (!c->gone)
		loop_remove(b->h, &c->source);
	close(c->source.fd);
	c->source.fd = -1;
	c->stream = NULL;
	if (b->full)
		loop_change(b->h, &b->listener, EPOLLIN);
	b->full = false;
}

static void watch(struct client *c)
{
	uint32_t events = c->blocked_out ? EPOLLOUT : 0;

	if (!c->ended && !c->blocked_in && !c->waiting && (!c->stream || c->connected))
		events |= EPOLLIN;
	if (!c->gone)
		loop_change(c->bridge->h, &c->source, events);
}

/* --- Time --------------------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

/* Whose turn it is to be connected; NULL: nobody's. */
static struct client *next_waiting(struct bridge *b)
{
	struct client *next = NULL;
	unsigned opening = 0;

	for (unsigned i = 0; i < CLIENT_MAX; i++) {
		struct client *c = &b->client[i];

		if (c->source.fd < 0)
			continue;
		opening += c->stream && !c->connected;
		if (c->waiting && (!next || c->turn < next->turn))
			next = c;
	}
	return opening < OPENING_MAX ? next : NULL;
}

/* Sets the timer to the first deadline, or to the next turn; without either it stays off. */
static void set_timer(struct bridge *b)
{
	uint64_t next = next_waiting(b) ? b->open_at_ns : 0;
	struct itimerspec t = { 0 };

	for (unsigned i = 0; i < CLIENT_MAX; i++) {
		const struct client *c = &b->client[i];

		if (c->source.fd >= 0 && !c->stream && !c->waiting && (!next || c->deadline_ns < next))
			next = c->deadline_ns;
	}
	t.it_value.tv_sec = (time_t)(next / SECOND_NS);
	t.it_value.tv_nsec = (long)(next % SECOND_NS);
	timerfd_settime(b->timer.fd, TFD_TIMER_ABSTIME, &t, NULL);
}

/* --- VTL2 to client ------------------------------------------------------------------- */

static int64_t on_receive(void *connection, const uint8_t *data, size_t bytes)
{
	struct client *c = connection;
	ssize_t n = send(c->source.fd, data, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n > 0)
		return n;
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return VL_E_CLOSED;
	c->blocked_out = true;
	watch(c);
	return 0;
}

static void on_peer_done(void *connection)
{
	struct client *c = connection;

	shutdown(c->source.fd, SHUT_WR);
	if (c->ended)
		host_stream_close(c->stream);
}

static void finish(struct client *c);

static void on_writable(void *connection)
{
	struct client *c = connection;

	c->blocked_in = false;
	if (c->gone)
		finish(c);
	else
		watch(c);
}

static void on_closed(void *connection)
{
	struct client *c = connection;

	drop_client(c);
	set_timer(c->bridge);
}

static void on_connected(void *connection)
{
	struct client *c = connection;
	char text[COMMAND_BYTES];
	unsigned port = HVSOCK_PORT_MAX + 1 + (unsigned)(c - c->bridge->client);
	size_t n = vl_format(text, sizeof(text), "OK %u\n", port);

	c->connected = true;
	/* An empty socket takes these few bytes; one that does not has no reader. */
	if (send(c->source.fd, text, n, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)n)
		host_stream_close(c->stream);
	watch(c);
	set_timer(c->bridge);
}

static const struct host_service_ops ops = { NULL, on_receive, on_writable, on_peer_done, on_closed };

/* --- Client to VTL2 ---------------------------------------------------------------------- */

/* "CONNECT <port>" without its newline. */
static int parse_command(const char *text, size_t bytes, uint32_t *port)
{
	static const char word[] = "CONNECT ";
	uint64_t value = 0;

	if (bytes <= sizeof(word) - 1 || memcmp(text, word, sizeof(word) - 1))
		return VL_E_FORMAT;
	for (size_t i = sizeof(word) - 1; i < bytes; i++) {
		if (text[i] < '0' || text[i] > '9')
			return VL_E_FORMAT;
		value = value * 10 + (uint64_t)(text[i] - '0');
		if (value > HVSOCK_PORT_MAX)
			return VL_E_RANGE;
	}
	*port = (uint32_t)value;
	return 0;
}

/* Byte by byte: what follows the newline belongs to the connection. */
static int read_command(struct client *c, uint32_t *port)
{
	for (;;) {
		char *at = c->command + c->command_bytes;
		ssize_t n = recv(c->source.fd, at, 1, MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return VL_E_AGAIN;
		if (n <= 0)
			return VL_E_CLOSED;
		if (*at == '\n')
			return parse_command(c->command, c->command_bytes, port);
		if (++c->command_bytes == COMMAND_BYTES)
			return VL_E_FORMAT;
	}
}

/* From the timer alone: never from within a call of the stream's. */
static void open_next(struct bridge *b)
{
	struct client *c = next_waiting(b);
	int err;

	if (!c)
		return;
	c->waiting = false;
	b->open_at_ns = now_ns() + OPEN_GAP_MS * MS_NS;
	err = hvsock_connect(b->sockets, c->port, &ops, c, on_connected, &c->stream);
	if (!err) {
		watch(c);
		return;
	}
	vl_debug("bridge: a client is not connected: %s", vl_err_text(err));
	drop_client(c);
}

static void take_command(struct client *c)
{
	struct bridge *b = c->bridge;
	int err = read_command(c, &c->port);

	if (err == VL_E_AGAIN)
		return;
	if (err) {
		vl_debug("bridge: a client is not connected: %s", vl_err_text(err));
		drop_client(c);
		return;
	}
	c->waiting = true;
	c->turn = b->turns++;
	watch(c);
	if (b->open_at_ns < now_ns())
		b->open_at_ns = now_ns();
	set_timer(b);
}

static void take_data(struct client *c)
{
	uint8_t piece[PIECE_BYTES];
	size_t room = host_stream_room(c->stream);
	ssize_t n;

	if (room < sizeof(piece)) {
		/* Asks for `writable`; nothing is sent. */
		c->blocked_in = true;
		host_stream_want(c->stream);
		watch(c);
		return;
	}
	n = recv(c->source.fd, piece, sizeof(piece), MSG_DONTWAIT);
	if (n > 0) {
		host_stream_send(c->stream, piece, (size_t)n);
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	c->ended = true;
	host_stream_shutdown(c->stream);
	watch(c);
}

/* Hands on what a client that hung up had sent, then closes. */
static void finish(struct client *c)
{
	while (!c->ended && !c->blocked_in)
		take_data(c);
	if (c->ended)
		host_stream_close(c->stream);
}

static void on_client(struct host_source *s, uint32_t events)
{
	struct client *c = s->context;

	if (c->waiting) {
		if (events & (EPOLLHUP | EPOLLERR))
			drop_client(c);
		return;
	}
	if (!c->stream && events) {
		take_command(c);
		return;
	}
	if (events & (EPOLLHUP | EPOLLERR)) {
		loop_remove(c->bridge->h, s);
		c->gone = true;
		finish(c);
		return;
	}
	if (events & EPOLLOUT) {
		c->blocked_out = false;
		host_stream_resume(c->stream);
		watch(c);
	}
	if ((events & EPOLLIN) && c->connected)
		take_data(c);
}

static void on_timer(struct host_source *s, uint32_t events)
{
	struct bridge *b = s->context;
	uint64_t now = now_ns();

	for (unsigned i = 0; i < CLIENT_MAX; i++) {
		struct client *c = &b->client[i];

		if (c->source.fd < 0 || c->stream || c->waiting || c->deadline_ns > now)
			continue;
		vl_debug("bridge: a client said no port in time");
		drop_client(c);
	}
	if (b->open_at_ns <= now)
		open_next(b);
	set_timer(b);
}

/* --- Life ------------------------------------------------------------------------------------ */

static struct client *free_place(struct bridge *b)
{
	for (unsigned i = 0; i < CLIENT_MAX; i++)
		if (b->client[i].source.fd < 0)
			return &b->client[i];
	return NULL;
}

static void on_listener(struct host_source *s, uint32_t events)
{
	struct bridge *b = s->context;
	struct client *c = free_place(b);
	int fd;

	if (!c) {
		b->full = true;
		loop_change(b->h, s, 0);
		return;
	}
	fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	*c = (struct client){ .bridge = b, .source = { fd, on_client, c },
			      .deadline_ns = now_ns() + (uint64_t)b->command_limit_ms * MS_NS };
	if (!loop_add(b->h, &c->source, EPOLLIN)) {
		set_timer(b);
		return;
	}
	c->source.fd = -1;
	close(fd);
}

static int listen_on(struct bridge *b, const char *path)
{
	size_t length = strlen(path);

	if (length >= sizeof(b->address.sun_path)) {
		vl_error("--vsock %s: the path is longer than %zu bytes; take a shorter one", path,
			 sizeof(b->address.sun_path) - 1);
		return VL_E_RANGE;
	}
	b->address.sun_family = AF_UNIX;
	memcpy(b->address.sun_path, path, length);
	b->listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (b->listener.fd < 0)
		return VL_E_OS;
	if (bind(b->listener.fd, (const struct sockaddr *)&b->address, sizeof(b->address))) {
		vl_error("--vsock %s: %s%s", path, strerror(errno),
			 errno == EADDRINUSE ? "; if no other host uses it, remove it" : "");
		b->address.sun_path[0] = 0; /* not ours to remove */
		return errno == EADDRINUSE ? VL_E_EXISTS : VL_E_OS;
	}
	return listen(b->listener.fd, WAITING_MAX) ? VL_E_OS : loop_add(b->h, &b->listener, EPOLLIN);
}

static int add_timer(struct bridge *b)
{
	b->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return b->timer.fd < 0 ? VL_E_OS : loop_add(b->h, &b->timer, EPOLLIN);
}

int bridge_create(struct host *h, struct hvsock *sockets, const char *path, unsigned command_limit_ms,
	struct bridge **bridge)
{
	struct bridge *b = calloc(1, sizeof(*b));
	int err;

	if (!b)
		return VL_E_NOMEM;
	b->h = h;
	b->sockets = sockets;
	b->command_limit_ms = command_limit_ms;
	b->listener = (struct host_source){ -1, on_listener, b };
	b->timer = (struct host_source){ -1, on_timer, b };
	for (unsigned i = 0; i < CLIENT_MAX; i++)
		b->client[i].source.fd = -1;
	err = add_timer(b);
	if (!err)
		err = listen_on(b, path);
	if (err)
		bridge_destroy(b);
	else
		*bridge = b;
	return err;
}

void bridge_destroy(struct bridge *b)
{
	if (!b)
		return;
	for (unsigned i = 0; i < CLIENT_MAX; i++)
		if (b->client[i].source.fd >= 0)
			drop_client(&b->client[i]);
	if (b->listener.fd >= 0) {
		loop_remove(b->h, &b->listener);
		close(b->listener.fd);
	}
	if (b->timer.fd >= 0) {
		loop_remove(b->h, &b->timer);
		close(b->timer.fd);
	}
	if (b->address.sun_path[0])
		unlink(b->address.sun_path);
	free(b);
}
