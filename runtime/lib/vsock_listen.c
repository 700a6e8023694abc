/* The listening side of vsock.h, apart: of all programs the paravisor alone has it. */
#include "runtime/lib/vsock.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#define BACKLOG 16

int vsock_listen(uint32_t port)
{
	const struct sockaddr_vm any = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port };
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error;

	if (fd < 0)
		return VL_E_OS;
	if (bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return VL_E_OS;
}
