/*
 * The host's entropy into the kernel's pool (init.h). The host is not trusted
 * in an isolated VM: its bytes are mixed in there, which never hurts, but they
 * do not count.
 */
#include "runtime/init/init.h"
#include "runtime/lib/isolation.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/random.h>

int init_entropy_add(const void *bytes, size_t size, bool credit)
{
	struct { /* struct rand_pool_info with room for our bytes */
		int entropy_count, buf_size;
		uint8_t bytes[INIT_ENTROPY_BYTES];
	} info = { .entropy_count = (int)size * 8 /* bits */, .buf_size = (int)size };
	int fd = open("/dev/random", O_WRONLY | O_CLOEXEC), failed;

	if (fd < 0)
		return VL_E_OS;
	memcpy(info.bytes, bytes, size);
	failed = credit ? ioctl(fd, RNDADDENTROPY, &info) != 0 : write(fd, bytes, size) != (ssize_t)size;
	explicit_bzero(&info, sizeof(info));
	close(fd);
	return failed ? VL_E_OS : 0;
}

int init_entropy(const char *tree, int (*add)(const void *bytes, size_t size, bool credit))
{
	uint8_t bytes[INIT_ENTROPY_BYTES];
	struct filter_context filter;
	struct devtree t;
	int err = devtree_open(&t, tree), size;

	if (err)
		return err;
	size = devtree_read(&t, "openhcl/entropy/reg", bytes, sizeof(bytes));
	(void)isolation_read(&filter, &t); /* what cannot be read is taken for the worst */
	err = size < 0 ? size : add(bytes, (size_t)size, filter_keeps(&filter, FILTER_ENTROPY_CREDIT));
	explicit_bzero(bytes, sizeof(bytes));
	devtree_close(&t);
	return err;
}
