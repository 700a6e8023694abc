/*
 * The consoles of the guest: the VM worker in VTL2 connects one stream per
 * serial port (VL_PORT_CONSOLE + n). COM1 is joined to the host's stdin and
 * stdout; what the others print goes to the log. The bytes are the guest's:
 * any value, any amount. Runs on the loop's thread.
 *
 * Nothing is buffered towards stdout: while it cannot be written, VTL2 is held
 * back. stdout is not made non-blocking, because a terminal shares that flag
 * with other programs; it is written in pieces that do not block after
 * poll() said so (pipe(7): PIPE_BUF).
 */
#include "tools/host/services_parts.h"

#include "common/base/log.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define PIECE_BYTES 1024
#define LAST_WORDS_MS 2000
#define LINE_BYTES 160

/* One connection; a restarted VM worker may connect before its old one has ended. */
struct link {
	struct port *port;
	struct host_stream *stream;
};

struct port {
	struct console *console;
	unsigned number;
	struct link *link; /* the last that connected; NULL: none */
	char line[LINE_BYTES + 1];  /* not COM1 */
	size_t line_bytes;
};

struct console {
	struct host *h;
	struct port port[VL_PORT_CONSOLE_COUNT];
	struct host_source in, out;
	bool in_watched; /* `in` is in the loop; otherwise it is a file or at its end */
	bool in_file;    /* cannot be watched, is always readable */
	bool in_tty;
	bool out_watched;
	bool out_failed; /* nobody reads stdout any more */
	int last_words_ms; /* > 0: the loop has stopped, wait that long for stdout */
	uint8_t typed[4096];
	size_t typed_bytes;
};

/* --- From the guest -------------------------------------------------------------- */

static bool out_ready(struct console *c)
{
	struct pollfd p = { c->out.fd, POLLOUT, 0 };
	struct timespec before, after;
	int n;

	clock_gettime(CLOCK_MONOTONIC, &before);
	n = poll(&p, 1, c->last_words_ms);
	clock_gettime(CLOCK_MONOTONIC, &after);
	if (c->last_words_ms)
		c->last_words_ms -= (int)((after.tv_sec - before.tv_sec) * 1000 +
					  (after.tv_nsec - before.tv_nsec) / 1000000);
	c->last_words_ms = c->last_words_ms < 0 ? 0 : c->last_words_ms;
	return n > 0;
}

static void on_out(struct host_source *s, uint32_t events)
{
	struct console *c = s->context;

	loop_remove(c->h, s);
	c->out_watched = false;
	if (c->port[0].link)
		host_stream_resume(c->port[0].link->stream);
}

static int64_t wait_for_out(struct console *c)
{
	if (!c->out_watched)
		c->out_watched = !loop_add(c->h, &c->out, EPOLLOUT);
	return 0;
}

static int64_t to_stdout(void *context, const uint8_t *data, size_t bytes)
{
	struct link *link = context;
	struct console *c = link->port->console;
	ssize_t n;

	if (c->out_failed)
		return (int64_t)bytes;
	if (!out_ready(c))
		return wait_for_out(c);
	n = write(c->out.fd, data, bytes < PIECE_BYTES ? bytes : PIECE_BYTES);
	if (n >= 0)
		return n;
	if (errno == EINTR || errno == EAGAIN)
		return wait_for_out(c);
	vl_warn("console: stdout cannot be written (errno %d); the guest's output is dropped from here on",
		errno);
	c->out_failed = true;
	return (int64_t)bytes;
}

static void put_line(struct port *port)
{
	if (port->line_bytes) {
		port->line[port->line_bytes] = 0;
		vl_info("guest COM%u: %s", port->number + 1, port->line);
	}
	port->line_bytes = 0;
}

static int64_t to_log(void *context, const uint8_t *data, size_t bytes)
{
	struct port *port = ((struct link *)context)->port;

	for (size_t i = 0; i < bytes; i++) {
		if (data[i] == '\n' || port->line_bytes == LINE_BYTES)
			put_line(port);
		if (data[i] >= 0x20 && data[i] < 0x7f)
			port->line[port->line_bytes++] = (char)data[i];
	}
	return (int64_t)bytes;
}

/* --- To the guest ------------------------------------------------------------------ */

static void send_typed(struct console *c)
{
	size_t n;

	if (!c->port[0].link || !c->typed_bytes)
		return;
	n = host_stream_send(c->port[0].link->stream, c->typed, c->typed_bytes);
	memmove(c->typed, c->typed + n, c->typed_bytes - n);
	c->typed_bytes -= n;
}

static void stop_input(struct console *c)
{
	if (c->in_watched)
		loop_remove(c->h, &c->in);
	c->in_watched = c->in_file = false;
}

/* One read; false when there is nothing more for now. */
static bool read_input(struct console *c)
{
	size_t room = sizeof(c->typed) - c->typed_bytes;
	uint8_t piece[256];
	ssize_t n;

	if (!c->in_tty && room < sizeof(piece))
		return false;
	n = read(c->in.fd, piece, sizeof(piece));
	if (n <= 0) {
		if (n == 0 || (errno != EINTR && errno != EAGAIN))
			stop_input(c);
		return false;
	}
	n = (ssize_t)terminal_filter(c->h, piece, (size_t)n);
	/* What is typed beyond the room is lost, so that the escapes always work. */
	if ((size_t)n > room)
		n = (ssize_t)room;
	memcpy(c->typed + c->typed_bytes, piece, (size_t)n);
	c->typed_bytes += (size_t)n;
	send_typed(c);
	return true;
}

static void watch_input(struct console *c)
{
	bool room = c->in_tty || sizeof(c->typed) - c->typed_bytes >= 256;

	if (c->in_watched)
		loop_change(c->h, &c->in, room ? EPOLLIN : 0);
	while (c->in_file && c->port[0].link && read_input(c))
		;
}

static void on_input(struct host_source *s, uint32_t events)
{
	struct console *c = s->context;

	read_input(c);
	watch_input(c);
}

static void on_writable(void *context)
{
	struct console *c = ((struct link *)context)->port->console;

	send_typed(c);
	watch_input(c);
}

/* --- Connections ---------------------------------------------------------------------- */

static int on_open(void *service, struct host_stream *stream, void **connection)
{
	struct port *port = service;
	struct link *link = malloc(sizeof(*link));

	if (!link)
		return VL_E_NOMEM;
	*link = (struct link){ port, stream };
	if (port->link)
		host_stream_close(port->link->stream);
	port->link = link;
	*connection = link;
	if (!port->number)
		on_writable(link);
	return 0;
}

static void on_closed(void *context)
{
	struct link *link = context;
	struct port *port = link->port;

	if (port->link == link)
		port->link = NULL;
	put_line(port);
	free(link);
}

static const struct host_service_ops first_ops = { on_open, to_stdout, on_writable, NULL, on_closed };
static const struct host_service_ops other_ops = { on_open, to_log, NULL, NULL, on_closed };

int console_create(struct host *h, struct hvsock *sockets, int in, int out, struct console **console)
{
	struct console *c = calloc(1, sizeof(*c));
	int err = 0;

	if (!c)
		return VL_E_NOMEM;
	c->h = h;
	c->in = (struct host_source){ in, on_input, c };
	c->out = (struct host_source){ out, on_out, c };
	c->in_tty = in >= 0 && isatty(in);
	c->in_watched = in >= 0 && !loop_add(h, &c->in, EPOLLIN);
	c->in_file = in >= 0 && !c->in_watched;
	for (unsigned i = 0; !err && i < VL_PORT_CONSOLE_COUNT; i++) {
		c->port[i] = (struct port){ .console = c, .number = i };
		err = host_service_register(sockets, VL_PORT_CONSOLE + i, i ? &other_ops : &first_ops,
				&c->port[i]);
	}
	if (err) {
		stop_input(c);
		free(c);
		return err;
	}
	*console = c;
	return 0;
}

void console_drain(struct console *c)
{
	if (!c)
		return;
	c->last_words_ms = LAST_WORDS_MS;
	for (unsigned i = 0; i < VL_PORT_CONSOLE_COUNT; i++)
		if (c->port[i].link)
			host_stream_drain(c->port[i].link->stream);
}

void console_destroy(struct console *c)
{
	if (!c)
		return;
	stop_input(c);
	if (c->out_watched)
		loop_remove(c->h, &c->out);
	free(c);
}
