/*
 * SEQPACKET channel between our processes (channel.h). The peer is not
 * trusted: sizes and descriptor counts are the kernel's, checked here.
 */
#include "runtime/lib/channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union fd_space {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(CHANNEL_FD_MAX * sizeof(int))];
};

int channel_pair(int fds[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
		return VL_E_OS;
	return 0;
}

/* Waits once; a signal counts as readiness, the caller tries and comes back. */
static int wait_for(int fd, short events, int limit_ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int n = poll(&p, 1, limit_ms);

	if (n == 0)
		return VL_E_TIMEOUT;
	return n < 0 && errno != EINTR ? VL_E_OS : 0;
}

static int send_error(void)
{
	switch (errno) {
	case EPIPE:
	case ECONNRESET:
		return VL_E_CLOSED;
	case EMSGSIZE:
		return VL_E_LIMIT;
	case EAGAIN:
	case EINTR:
	case ENOBUFS:
		return VL_E_AGAIN;
	default:
		return VL_E_OS;
	}
}

int channel_send(int fd, const void *data, size_t size, const int *fds, size_t fd_count, int limit_ms)
{
	union fd_space space;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = size };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	int err;

	if (fd_count > CHANNEL_FD_MAX)
		return VL_E_LIMIT;
	if (fd_count) {
		memset(&space, 0, sizeof(space));
		h.msg_control = space.bytes;
		h.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		space.align.cmsg_level = SOL_SOCKET;
		space.align.cmsg_type = SCM_RIGHTS;
		space.align.cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(&space.align), fds, fd_count * sizeof(int));
	}
	for (;;) {
		if (sendmsg(fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return 0;
		err = send_error();
		if (err != VL_E_AGAIN)
			return err;
		err = wait_for(fd, POLLOUT, limit_ms);
		if (err)
			return err;
	}
}

/* No other kind of control message is switched on for this socket, so descriptors are in the first one. */
static void take_fds(struct channel_message *m, struct msghdr *h)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(h);
	size_t bytes;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return;
	bytes = c->cmsg_len - CMSG_LEN(0);
	memcpy(m->fds, CMSG_DATA(c), bytes); /* the room that recvmsg had bounds the count */
	m->fd_count = bytes / sizeof(int);
}

static int receive_once(int fd, struct channel_message *m)
{
	union fd_space space;
	struct iovec iov = { .iov_base = m->data, .iov_len = m->capacity };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = space.bytes, .msg_controllen = sizeof(space.bytes) };
	ssize_t n = recvmsg(fd, &h, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	/*
	 * A peer that ended with unread messages of ours: the kernel tells that
	 * once, before what the peer had sent last.
	 */
	if (n < 0 && errno == ECONNRESET)
		n = recvmsg(fd, &h, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? VL_E_AGAIN : VL_E_OS;
	take_fds(m, &h);
	if (h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		channel_close_fds(m);
		return VL_E_LIMIT;
	}
	m->size = (size_t)n;
	return n == 0 ? VL_E_CLOSED : 0;
}

int channel_receive(int fd, struct channel_message *m, int limit_ms)
{
	int err;

	m->size = 0;
	m->fd_count = 0;
	for (;;) {
		err = receive_once(fd, m);
		if (err != VL_E_AGAIN || limit_ms == 0)
			return err;
		err = wait_for(fd, POLLIN, limit_ms);
		if (err)
			return err;
	}
}

void channel_close_fds(struct channel_message *m)
{
	for (size_t i = 0; i < m->fd_count; i++)
		if (m->fds[i] >= 0)
			close(m->fds[i]);
	m->fd_count = 0;
}
