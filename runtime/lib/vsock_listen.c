/* The listening side of vsock.h, apart: of all programs the paravisor alone has it. */
#include "runtime/lib/vsock.h"
#include "common/base/ports.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#define BACKLOG 16

static bool is_ours(uint32_t port)
{
#define PORT(n) if (port == (n)) return true;
	VL_PORTS_OF_VTL2(PORT)
#undef PORT
	return false;
}

int vsock_listen(uint32_t port)
{
	const struct sockaddr_vm any = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY,
		.svm_port = port };
	int fd, error;

	if (!is_ours(port))
		return VL_E_DENIED;
	fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return VL_E_OS;
	if (bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return VL_E_OS;
}
