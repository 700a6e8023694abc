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

#define ENTROPY_BYTES 256 /* the shim passes no more */

struct pool_info { /* struct rand_pool_info with room for our bytes */
	int entropy_count, buf_size;
	uint8_t bytes[ENTROPY_BYTES];
};

static int add(struct pool_info *info, bool credit)
{
	int fd = open("/dev/random", O_WRONLY | O_CLOEXEC), failed;

	if (fd < 0)
		return VL_E_OS;
	info->entropy_count = info->buf_size * 8; /* bits */
	failed = credit ? ioctl(fd, RNDADDENTROPY, info) != 0 :
		write(fd, info->bytes, (size_t)info->buf_size) != info->buf_size;
	close(fd);
	return failed ? VL_E_OS : 0;
}

int init_entropy(void)
{
	struct filter_context filter;
	struct pool_info info;
	struct devtree t;
	int err = devtree_open(&t, DEVTREE_PATH);

	if (err)
		return err;
	info.buf_size = devtree_read(&t, "openhcl/entropy/reg", info.bytes, sizeof(info.bytes));
	(void)isolation_read(&filter, &t); /* what cannot be read is taken for the worst */
	if (info.buf_size < 0)
		err = info.buf_size;
	else
		err = add(&info, filter_keeps(&filter, FILTER_ENTROPY_CREDIT));
	explicit_bzero(&info, sizeof(info));
	devtree_close(&t);
	return err;
}
