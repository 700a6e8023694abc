/* A diagnostics server with a script (fake_server.h). */
#include "test/unit/vallumctl/fake_server.h"
#include "common/base/ports.h"
#include "common/diag/diag.h"
#include "common/ttrpc/ttrpc.h"

#include <check.h>
#include <poll.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_MS 20000
#define DATA_ID 0x1122334455667788u
#define WORDS_MAX 24
#define DATA_MAX 3 /* standard streams of a command: what a step has for the client is its output */

/* The client asks for connections over `link`: a port out, one descriptor back. */
struct server {
	int control, data[DATA_MAX], log;
	unsigned data_count;
	const struct fake_step *step;
};

static bool read_all(int fd, void *data, size_t size)
{
	for (char *at = data; size;) {
		ssize_t n = read(fd, at, size);

		if (n <= 0)
			return false;
		at += n;
		size -= (size_t)n;
	}
	return true;
}

static void write_all(int fd, const void *data, size_t size)
{
	for (const char *at = data; size;) {
		ssize_t n = send(fd, at, size, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		at += n;
		size -= (size_t)n;
	}
}

static void write_down(struct server *s, const struct ttrpc_request *q)
{
	dprintf(s->log, "%s.%s ", q->service, q->method);
	for (size_t i = 0; i < q->payload_size; i++)
		dprintf(s->log, "%02x", q->payload[i]);
	dprintf(s->log, "\n");
}

static void answer(struct server *s, uint32_t stream)
{
	static uint8_t bytes[1 << 20];
	const struct fake_step *k = s->step;
	struct ttrpc_mark mark;
	struct vl_writer w;

	vl_writer_init(&w, bytes, sizeof(bytes));
	if (k->raw)
		vl_write_bytes(&w, k->raw, k->raw_size);
	else if (k->code)
		ttrpc_status_write(&w, stream, (enum ttrpc_code)k->code, k->text);
	else {
		mark = ttrpc_response_begin(&w, stream);
		vl_write_bytes(&w, k->answer, k->answer_size);
		ttrpc_end(&w, mark);
	}
	write_all(s->control, bytes, w.pos);
}

static void send_data(struct server *s)
{
	if (!s->data_count || (s->data_count == DATA_MAX && !s->step->data))
		return;
	write_all(s->data[s->data_count == DATA_MAX], s->step->data, s->step->data_size);
	while (s->data_count)
		close(s->data[--s->data_count]);
}

static void wait_for_hang_up(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };

	poll(&p, 1, LIMIT_MS);
}

/* One call. False when the client has gone. */
static bool serve(struct server *s)
{
	static uint8_t message[65536];
	uint8_t bytes[TTRPC_HEADER_BYTES];
	struct ttrpc_request q;
	struct ttrpc_header h;

	if (!read_all(s->control, bytes, sizeof(bytes)))
		return false;
	ttrpc_header_read(bytes, &h);
	if (h.length > sizeof(message) || !read_all(s->control, message, h.length) ||
			ttrpc_request_decode(message, h.length, &q) || !s->step->method)
		return dprintf(s->log, "unexpected\n") < 0;
	write_down(s, &q);
	if (strcmp(q.method, s->step->method))
		dprintf(s->log, "expected %s\n", s->step->method);
	if (s->step->silent) {
		wait_for_hang_up(s->control);
		return false;
	}
	if (s->step->answer_first)
		answer(s, h.stream);
	send_data(s);
	if (!s->step->answer_first)
		answer(s, h.stream);
	s->step++;
	return true;
}

static void send_fd(int link, int fd)
{
	union { struct cmsghdr align; char bytes[CMSG_SPACE(sizeof(int))]; } space = { .bytes = { 0 } };
	struct iovec iov = { (char[]){ 1 }, 1 };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &space,
		.msg_controllen = sizeof(space) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	sendmsg(link, &h, 0);
	close(fd);
}

static void take_connection(struct server *s, int link, uint32_t port)
{
	const uint64_t id = DATA_ID;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		exit(1);
	send_fd(link, pair[1]);
	if (port == VL_PORT_DIAG_CONTROL) {
		s->control = pair[0];
	} else if (s->data_count < DATA_MAX) {
		s->data[s->data_count++] = pair[0];
		write_all(pair[0], &id, sizeof(id));
	} else {
		exit(1);
	}
}

/* Until the client has closed everything. */
static VL_NORETURN void server(int link, int log, const struct fake_step *steps)
{
	struct server s = { .control = -1, .log = log, .step = steps };

	for (;;) {
		struct pollfd f[] = { { .fd = link, .events = POLLIN },
			{ .fd = s.control, .events = POLLIN } };
		uint32_t port;

		if (poll(f, 2, LIMIT_MS) <= 0)
			_exit(1);
		if (f[1].revents && !serve(&s)) {
			close(s.control);
			s.control = -1;
		} else if (!f[1].revents) {
			if (!read_all(link, &port, sizeof(port)))
				_exit(0);
			take_connection(&s, link, port);
		}
	}
}

static int connect_fake(struct ctl *c, uint32_t port)
{
	union { struct cmsghdr align; char bytes[CMSG_SPACE(sizeof(int))]; } space;
	int link = *(int *)c->context, fd = -1;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &space,
		.msg_controllen = sizeof(space) };

	ck_assert_int_eq(write(link, &port, sizeof(port)), sizeof(port));
	ck_assert_int_eq(recvmsg(link, &h, 0), 1);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&h)), sizeof(fd));
	return fd;
}

static void open_terminal(const struct fake_run *run, struct ctl *c, int *terminal)
{
	const struct winsize size = { .ws_row = (unsigned short)run->rows,
		.ws_col = (unsigned short)run->columns };
	int slave;

	ck_assert_int_eq(openpty(terminal, &slave, NULL, NULL, &size), 0);
	c->out = fdopen(slave, "w");
	c->err = fdopen(dup(slave), "w");
}

/* What is on the terminal's way: little enough to have waited there. */
static void read_terminal(struct fake_run *run, int terminal)
{
	struct pollfd p = { .fd = terminal, .events = POLLIN };
	size_t used = 0;

	while (used + 1 < sizeof(run->out) && poll(&p, 1, 0) > 0) {
		ssize_t n = read(terminal, run->out + used, sizeof(run->out) - 1 - used);

		ck_assert_int_gt(n, 0);
		used += (size_t)n;
	}
	close(terminal);
}

static void run_client(struct fake_run *run, int link, const char *arguments)
{
	char words[512], *argv[WORDS_MAX + 1], *save;
	struct ctl c = { .connect = connect_fake, .context = &link };
	int argc = 0, terminal = -1;

	if (run->rows) {
		open_terminal(run, &c, &terminal);
	} else {
		c.out = fmemopen(run->out, sizeof(run->out), "w");
		c.err = fmemopen(run->err, sizeof(run->err), "w");
	}
	snprintf(words, sizeof(words), "vallumctl --vsock test --timeout 5 --color never %s", arguments);
	for (char *w = strtok_r(words, " ", &save); w && argc < WORDS_MAX; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	argv[argc] = NULL;
	run->status = ctl_run(&c, argc, argv);
	if (run->rows)
		read_terminal(run, terminal);
	fclose(c.out);
	fclose(c.err);
}

void fake_run(struct fake_run *run, const struct fake_step *steps, const char *arguments)
{
	int link[2], log[2], status;
	ssize_t n;
	pid_t pid;

	memset(run->out, 0, sizeof(run->out));
	memset(run->err, 0, sizeof(run->err));
	memset(run->asked, 0, sizeof(run->asked));
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link), 0);
	ck_assert_int_eq(pipe(log), 0);
	fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(link[0]);
		close(log[0]);
		server(link[1], log[1], steps);
	}
	close(link[1]);
	close(log[1]);
	run_client(run, link[0], arguments);
	close(link[0]);
	n = read(log[0], run->asked, sizeof(run->asked) - 1);
	for (size_t used = 0; n > 0; n = read(log[0], run->asked + used, sizeof(run->asked) - 1 - used))
		used += (size_t)n;
	close(log[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
}
