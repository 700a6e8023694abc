/*
 * Carries connections of a Unix socket over one byte stream, so that a socket
 * inside the emulated machine can be used outside of it, or the reverse.
 * tools/l1/run starts it twice: `relay listen SOCKET LINK` where the socket is to
 * be, `relay connect SOCKET LINK` where it leads to. Inside, LINK is a virtio port;
 * outside, the socket that QEMU connects to that port. Each end trusts the other,
 * and checks what it reads all the same: a wrong frame ends the relay.
 *
 * A frame is an id, a type and a size (16 bits each, little-endian) and the bytes.
 * A sender has WINDOW bytes of credit for each connection, which the receiver's
 * ACK frames give back: one slow reader stops nobody else.
 */
#include "common/base/types.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTION_MAX 32
#define WAITING_MAX 128
#define WINDOW 32768u
#define CHUNK 4096u
#define LINK_BUFFER 65536u
#define RETRY_MS 100

enum frame_type {
	FRAME_HELLO, /* the socket inside is there */
	FRAME_OPEN,
	FRAME_DATA,
	FRAME_ACK,   /* data: u16, how many bytes were delivered */
	FRAME_END,   /* no more data from the sender */
	FRAME_CLOSE, /* the id is free */
	FRAME_TYPE_COUNT,
};

struct frame {
	le16 id, type, size;
};

/* An id is in use from OPEN until both ends sent CLOSE. */
struct connection {
	int fd; /* -1: closed here */
	bool used, ended_here, ended_there, closed_there;
	unsigned credit; /* bytes that we may still send */
	unsigned held;   /* bytes in `data` for the socket */
	uint8_t data[WINDOW];
};

struct relay {
	const char *path; /* of the Unix socket */
	bool listens;
	int listen_fd, link_fd;
	bool hello; /* sent or received */
	unsigned in_held, out_held;
	uint8_t in[LINK_BUFFER], out[LINK_BUFFER];
	struct connection connections[CONNECTION_MAX];
};

static struct relay relay;

static int fail(const char *what)
{
	fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
	return -1;
}

static int unix_address(struct sockaddr_un *address, const char *path)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(address->sun_path)) {
		errno = ENAMETOOLONG;
		return fail(path);
	}
	strcpy(address->sun_path, path);
	return 0;
}

static int unix_listen(const char *path)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0 || unix_address(&address, path))
		return fail("socket");
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, WAITING_MAX)) {
		fail(path);
		close(fd);
		return -1;
	}
	return fd;
}

/* -1 and nothing said when nobody listens. */
static int unix_connect(const char *path)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0 || unix_address(&address, path))
		return fail("socket");
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) || fcntl(fd, F_SETFL, O_NONBLOCK)) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool link_has_room(void)
{
	/* Room for one more chunk and the short frames of every connection. */
	return relay.out_held + CHUNK + sizeof(struct frame) * (1 + 4 * CONNECTION_MAX) <= LINK_BUFFER;
}

static void send_frame(unsigned id, enum frame_type type, const void *data, unsigned size)
{
	struct frame frame = { cpu_to_le16((uint16_t)id), cpu_to_le16((uint16_t)type),
		cpu_to_le16((uint16_t)size) };

	memcpy(relay.out + relay.out_held, &frame, sizeof(frame));
	memcpy(relay.out + relay.out_held + sizeof(frame), data, size);
	relay.out_held += (unsigned)sizeof(frame) + size;
}

static void connection_begin(struct connection *c, int fd)
{
	memset(c, 0, offsetof(struct connection, data));
	c->fd = fd;
	c->used = true;
	c->credit = WINDOW;
}

static void connection_close(struct connection *c, unsigned id)
{
	if (c->fd < 0)
		return;
	close(c->fd);
	c->fd = -1;
	c->held = 0;
	send_frame(id, FRAME_CLOSE, "", 0);
	c->used = !c->closed_there;
}

/* Writes what is held for the socket, then passes on the end or the close. */
static void connection_flush(struct connection *c, unsigned id)
{
	ssize_t done = c->held ? write(c->fd, c->data, c->held) : 0;

	if (done < 0 && errno != EAGAIN && errno != EINTR) {
		connection_close(c, id);
		return;
	}
	if (done > 0) {
		le16 count = cpu_to_le16((uint16_t)done);

		c->held -= (unsigned)done;
		memmove(c->data, c->data + done, c->held);
		send_frame(id, FRAME_ACK, &count, sizeof(count));
	}
	if (!c->held && c->ended_there)
		shutdown(c->fd, SHUT_WR);
	if (!c->held && (c->closed_there || (c->ended_here && c->ended_there)))
		connection_close(c, id);
}

/* A Unix socket's peer that is closed, not merely done with sending: nobody will read there. */
static bool peer_is_gone(const struct connection *c)
{
	struct pollfd f = { .fd = c->fd };

	return poll(&f, 1, 0) == 1 && (f.revents & POLLHUP);
}

static void connection_read(struct connection *c, unsigned id)
{
	uint8_t data[CHUNK];
	ssize_t got;

	if (!c->credit || c->ended_here)
		return;
	got = read(c->fd, data, c->credit < CHUNK ? c->credit : CHUNK);
	if (got > 0) {
		c->credit -= (unsigned)got;
		send_frame(id, FRAME_DATA, data, (unsigned)got);
	} else if (got == 0) {
		c->ended_here = true;
		send_frame(id, FRAME_END, "", 0);
		if (peer_is_gone(c))
			connection_close(c, id);
		else
			connection_flush(c, id);
	} else if (errno != EAGAIN && errno != EINTR) {
		connection_close(c, id);
	}
}

/* CONNECTION_MAX: none; who connects waits in the socket's queue then. */
static unsigned free_connection(void)
{
	unsigned id = 0;

	while (id < CONNECTION_MAX && relay.connections[id].used)
		id++;
	return id;
}

static void accept_connection(void)
{
	unsigned id = free_connection();
	int fd = accept(relay.listen_fd, NULL, NULL);

	if (fd < 0)
		return;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	connection_begin(&relay.connections[id], fd);
	send_frame(id, FRAME_OPEN, "", 0);
}

static int frame_error(const char *what)
{
	fprintf(stderr, "relay: the other end sent %s\n", what);
	return -1;
}

static int take_data(struct connection *c, unsigned id, const uint8_t *data, unsigned size)
{
	if (size > WINDOW - c->held)
		return frame_error("more than its credit");
	/* Closed here already: the bytes have nowhere to go, and their sender will learn it. */
	if (c->fd < 0)
		return 0;
	memcpy(c->data + c->held, data, size);
	c->held += size;
	connection_flush(c, id);
	return 0;
}

static int take_ack(struct connection *c, const uint8_t *data, unsigned size)
{
	le16 count;

	if (size != sizeof(count))
		return frame_error("a malformed ACK");
	memcpy(&count, data, sizeof(count));
	if (le16_to_cpu(count) > WINDOW - c->credit)
		return frame_error("an ACK for what was not sent");
	c->credit += le16_to_cpu(count);
	return 0;
}

static void take_close(struct connection *c, unsigned id)
{
	c->closed_there = true;
	if (c->fd < 0)
		c->used = false;
	else
		connection_flush(c, id);
}

static void take_open(struct connection *c, unsigned id)
{
	connection_begin(c, unix_connect(relay.path));
	if (c->fd < 0)
		send_frame(id, FRAME_CLOSE, "", 0);
}

static int take_frame(unsigned id, unsigned type, const uint8_t *data, unsigned size)
{
	struct connection *c = &relay.connections[id];

	if (type == FRAME_HELLO && relay.listens && !relay.hello) {
		relay.hello = true;
		relay.listen_fd = unix_listen(relay.path);
		return relay.listen_fd < 0 ? -1 : 0;
	}
	if (type == FRAME_OPEN ? relay.listens || c->used : !c->used)
		return frame_error("a frame for a connection in another state");
	switch (type) {
	case FRAME_OPEN:
		take_open(c, id);
		return 0;
	case FRAME_DATA:
		return take_data(c, id, data, size);
	case FRAME_ACK:
		return take_ack(c, data, size);
	case FRAME_END:
		c->ended_there = true;
		if (c->fd >= 0)
			connection_flush(c, id);
		return 0;
	case FRAME_CLOSE:
		take_close(c, id);
		return 0;
	}
	return frame_error("an unknown frame");
}

/* Takes every complete frame of the link's input while there is room to answer. */
static int take_frames(void)
{
	unsigned pos = 0;
	int err = 0;

	while (!err && relay.in_held - pos >= sizeof(struct frame) && link_has_room()) {
		struct frame frame;
		unsigned size;

		memcpy(&frame, relay.in + pos, sizeof(frame));
		size = le16_to_cpu(frame.size);
		if (size > CHUNK || le16_to_cpu(frame.id) >= CONNECTION_MAX)
			return frame_error("a frame that is too large");
		if (relay.in_held - pos - sizeof(frame) < size)
			break;
		pos += (unsigned)sizeof(frame);
		err = take_frame(le16_to_cpu(frame.id), le16_to_cpu(frame.type), relay.in + pos, size);
		pos += size;
	}
	relay.in_held -= pos;
	memmove(relay.in, relay.in + pos, relay.in_held);
	return err;
}

static int read_link(void)
{
	ssize_t got = read(relay.link_fd, relay.in + relay.in_held, LINK_BUFFER - relay.in_held);

	if (got == 0)
		return -1;
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : fail("link");
	relay.in_held += (unsigned)got;
	return 0;
}

static int write_link(void)
{
	ssize_t done = write(relay.link_fd, relay.out, relay.out_held);

	if (done < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : fail("link");
	relay.out_held -= (unsigned)done;
	memmove(relay.out, relay.out + done, relay.out_held);
	return 0;
}

static short wanted_events(const struct connection *c)
{
	short events = 0;

	if (!c->ended_here && c->credit && link_has_room())
		events |= POLLIN;
	if (c->held && link_has_room())
		events |= POLLOUT;
	return events;
}

/* The socket may appear late: the link says when it is there. */
static void try_hello(void)
{
	int fd = unix_connect(relay.path);

	if (fd < 0)
		return;
	close(fd);
	relay.hello = true;
	send_frame(0, FRAME_HELLO, "", 0);
}

static int serve_once(void)
{
	struct pollfd fds[CONNECTION_MAX + 2];

	if (!relay.listens && !relay.hello)
		try_hello();
	fds[0].fd = relay.link_fd;
	fds[0].events = (short)((relay.in_held < LINK_BUFFER ? POLLIN : 0) | (relay.out_held ? POLLOUT : 0));
	fds[1].fd = link_has_room() && free_connection() < CONNECTION_MAX ? relay.listen_fd : -1;
	fds[1].events = POLLIN;
	for (unsigned id = 0; id < CONNECTION_MAX; id++) {
		const struct connection *c = &relay.connections[id];

		fds[id + 2].events = c->used && c->fd >= 0 ? wanted_events(c) : 0;
		fds[id + 2].fd = fds[id + 2].events ? c->fd : -1;
	}
	if (poll(fds, VL_ARRAY_COUNT(fds), relay.hello || relay.listens ? -1 : RETRY_MS) < 0)
		return errno == EINTR ? 0 : fail("poll");
	if ((fds[0].revents & (POLLIN | POLLHUP) && read_link()) ||
			(fds[0].revents & POLLOUT && write_link()))
		return -1;
	if (fds[1].revents)
		accept_connection();
	for (unsigned id = 0; id < CONNECTION_MAX; id++) {
		struct connection *c = &relay.connections[id];

		if (fds[id + 2].revents & POLLOUT)
			connection_flush(c, id);
		if (fds[id + 2].revents & (POLLIN | POLLHUP | POLLERR) && c->fd >= 0 && link_has_room())
			connection_read(c, id);
	}
	return take_frames();
}

static int open_link(const char *path)
{
	int fd, listen_fd;
	struct stat st;

	if (!stat(path, &st) && S_ISCHR(st.st_mode)) {
		fd = open(path, O_RDWR | O_NONBLOCK);
		return fd < 0 ? fail(path) : fd;
	}
	listen_fd = unix_listen(path);
	if (listen_fd < 0)
		return -1;
	fcntl(listen_fd, F_SETFL, 0);
	fd = accept(listen_fd, NULL, NULL);
	close(listen_fd);
	if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK))
		return fail(path);
	return fd;
}

int main(int argc, char **argv)
{
	if (argc != 4 || (strcmp(argv[1], "listen") && strcmp(argv[1], "connect"))) {
		fprintf(stderr, "usage: relay listen SOCKET LINK | relay connect SOCKET LINK\n");
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	relay.listens = !strcmp(argv[1], "listen");
	relay.path = argv[2];
	relay.listen_fd = -1;
	relay.link_fd = open_link(argv[3]);
	if (relay.link_fd < 0)
		return 1;
	while (!serve_once())
		;
	return 1;
}
