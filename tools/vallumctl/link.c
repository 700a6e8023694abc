/* Streams through the bridge (link.h). */
#include "tools/vallumctl/link.h"
#include "common/base/ports.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX 32 /* "OK 4294967295\n" fits */

uint64_t link_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t link_deadline(const struct ctl *c)
{
	return link_now_ms() + c->options.timeout_s * 1000ull;
}

int link_wait(int fd, short events, uint64_t deadline_ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	uint64_t now = link_now_ms();
	int limit = !deadline_ms ? -1 : now >= deadline_ms ? 0 : (int)(deadline_ms - now);
	int n = poll(&p, 1, limit);

	if (n == 0)
		return VL_E_TIMEOUT;
	return n < 0 && errno != EINTR ? VL_E_OS : 0;
}

int link_write(int fd, const void *data, size_t size, uint64_t deadline_ms)
{
	const char *at = data;
	int err = 0;

	while (!err && size) {
		ssize_t n = send(fd, at, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			at += n;
			size -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			err = link_wait(fd, POLLOUT, deadline_ms);
		} else if (n == 0 || errno != EINTR) {
			err = errno == EPIPE || errno == ECONNRESET ? VL_E_CLOSED : VL_E_OS;
		}
	}
	return err;
}

int link_read(int fd, void *data, size_t size, uint64_t deadline_ms)
{
	char *at = data;
	int err = 0;

	while (!err && size) {
		ssize_t n = recv(fd, at, size, MSG_DONTWAIT);

		if (n > 0) {
			at += n;
			size -= (size_t)n;
		} else if (n == 0 || errno == ECONNRESET) {
			err = VL_E_CLOSED;
		} else if (errno == EAGAIN) {
			err = link_wait(fd, POLLIN, deadline_ms);
		} else if (errno != EINTR) {
			err = VL_E_OS;
		}
	}
	return err;
}

/* --- The bridge ------------------------------------------------------------------------------ */

/* A host that takes no connections fills its queue: then even this waits, but not for ever. */
static int connect_in_time(struct ctl *c, int fd, const struct sockaddr_un *a)
{
	const struct timeval limit = { .tv_sec = c->options.timeout_s };

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)))
		return -1;
	return connect(fd, (const struct sockaddr *)a, sizeof(*a));
}

static int open_socket(struct ctl *c)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const char *path = c->options.vsock;
	int fd;

	if (strlen(path) >= sizeof(a.sun_path)) {
		ctl_fail(c, CTL_USAGE, "%s: a socket's path has at most %zu bytes", path,
				sizeof(a.sun_path) - 1);
		return VL_E_LIMIT;
	}
	memcpy(a.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect_in_time(c, fd, &a) == 0)
		return fd;
	if (errno == EAGAIN)
		ctl_fail(c, CTL_UNREACHABLE,
			"%s: the host takes no connection within %u s; see --timeout", path,
			c->options.timeout_s);
	else
		ctl_fail(c, CTL_UNREACHABLE, "%s: %s; is the VM running, with --vsock %s?", path,
			strerror(errno), path);
	if (fd >= 0)
		close(fd);
	return VL_E_OS;
}

/* The bridge's line, byte by byte: what is behind it is the stream's. */
static int read_answer(int fd, char *line, uint64_t deadline_ms)
{
	for (size_t i = 0; i < ANSWER_MAX - 1; i++) {
		int err = link_read(fd, line + i, 1, deadline_ms);

		line[i + 1] = 0;
		if (err || line[i] == '\n')
			return err;
	}
	return VL_E_PROTOCOL;
}

static int ask_bridge(int fd, uint32_t port, uint64_t deadline_ms)
{
	char line[ANSWER_MAX];
	int n = snprintf(line, sizeof(line), "CONNECT %u\n", port);
	int err = link_write(fd, line, (size_t)n, deadline_ms);

	if (!err)
		err = read_answer(fd, line, deadline_ms);
	if (!err && strncmp(line, "OK ", 3))
		err = VL_E_PROTOCOL;
	return err;
}

int link_connect(struct ctl *c, uint32_t port)
{
	int fd = open_socket(c), err;

	if (fd < 0)
		return fd;
	err = ask_bridge(fd, port, link_deadline(c));
	if (!err)
		return fd;
	ctl_fail(c, CTL_UNREACHABLE, "%s: port %u of VTL2: %s", c->options.vsock, port, err != VL_E_CLOSED ?
		vl_err_text(err) : "nobody listens there; does this paravisor have diagnostics?");
	close(fd);
	return err;
}

int link_data(struct ctl *c, uint64_t *id, int *status)
{
	int fd = c->connect(c, VL_PORT_DIAG_DATA), err;

	*status = fd == VL_E_LIMIT ? CTL_USAGE : CTL_UNREACHABLE;
	if (fd < 0)
		return -1;
	/* The server's native byte order, which is ours: all ports are little-endian. */
	err = link_read(fd, id, sizeof(*id), link_deadline(c));
	if (!err)
		return fd;
	*status = ctl_fail(c, CTL_UNREACHABLE, "the data connection got no number: %s", vl_err_text(err));
	close(fd);
	return -1;
}
