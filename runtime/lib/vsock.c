/* Connects to services of the host (vsock.h). Called by the paravisor and, for the last report, by init. */
#include "runtime/lib/vsock.h"
#include "runtime/lib/clock.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#define RETRY_NS 20000000 /* 20 ms: the channel's set-up by the VMBus takes about that */

static int finish(int fd, uint64_t deadline_ns)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t size = sizeof(int);
	int error = 0;

	if (poll(&p, 1, clock_left_ms(deadline_ns)) <= 0)
		return VL_E_AGAIN;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
		return VL_E_OS;
	return error ? VL_E_AGAIN : fd;
}

/* Returns the descriptor, VL_E_AGAIN when it is worth another try, VL_E_OS. */
static int try_connect(uint32_t port, uint64_t deadline_ns)
{
	struct sockaddr_vm host = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = port };
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), got;

	if (fd < 0)
		return VL_E_OS;
	if (connect(fd, (struct sockaddr *)&host, sizeof(host)) == 0)
		return fd;
	got = errno == EINPROGRESS ? finish(fd, deadline_ns) : VL_E_AGAIN;
	if (got < 0)
		close(fd);
	return got;
}

int vsock_connect(uint32_t port, unsigned limit_ms)
{
	const struct timespec pause = { .tv_nsec = RETRY_NS };
	uint64_t deadline_ns = clock_deadline(limit_ms);
	int fd;

	for (;;) {
		fd = try_connect(port, deadline_ns);
		if (fd != VL_E_AGAIN)
			return fd;
		if (clock_left_ms(deadline_ns) == 0)
			return VL_E_TIMEOUT;
		nanosleep(&pause, NULL);
	}
}
