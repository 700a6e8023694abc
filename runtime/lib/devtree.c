/*
 * Reads /proc/device-tree (devtree.h). Called by init and the paravisor at
 * their start; the content may be the host's.
 */
#include "runtime/lib/devtree.h"
#include "common/base/bytes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int os_error(void)
{
	return errno == ENOENT || errno == ENOTDIR ? VL_E_NOTFOUND : VL_E_OS;
}

int devtree_open(struct devtree *t, const char *path)
{
	t->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return t->root < 0 ? os_error() : 0;
}

void devtree_close(struct devtree *t)
{
	close(t->root);
	t->root = -1;
}

int devtree_read(const struct devtree *t, const char *path, void *out, size_t room)
{
	uint8_t extra;
	size_t used = 0;
	ssize_t n = 0;
	int fd = openat(t->root, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return os_error();
	while (used < room && (n = read(fd, (uint8_t *)out + used, room - used)) > 0)
		used += (size_t)n;
	if (n >= 0 && used == room)
		n = read(fd, &extra, 1);
	close(fd);
	if (n < 0)
		return VL_E_OS;
	return n > 0 && used == room ? VL_E_LIMIT : (int)used;
}

/* Reads exactly `size` bytes into the reader's buffer. */
static int read_cells(const struct devtree *t, const char *path, uint8_t *cells, size_t size,
	struct vl_reader *r)
{
	int n = devtree_read(t, path, cells, size);

	if (n < 0)
		return n == VL_E_LIMIT ? VL_E_FORMAT : n;
	if ((size_t)n != size)
		return VL_E_FORMAT;
	vl_reader_init(r, cells, size);
	return 0;
}

int devtree_u32(const struct devtree *t, const char *path, uint32_t *out)
{
	struct vl_reader r;
	uint8_t cells[4];
	int err = read_cells(t, path, cells, sizeof(cells), &r);

	if (!err)
		*out = vl_read_be32(&r);
	return err;
}

int devtree_u64(const struct devtree *t, const char *path, uint64_t *out)
{
	struct vl_reader r;
	uint8_t cells[8];
	int err = read_cells(t, path, cells, sizeof(cells), &r);

	if (!err)
		*out = vl_read_be64(&r);
	return err;
}

int devtree_pair(const struct devtree *t, const char *path, uint64_t *first, uint64_t *second)
{
	struct vl_reader r;
	uint8_t cells[16];
	int err = read_cells(t, path, cells, sizeof(cells), &r);

	if (err)
		return err;
	*first = vl_read_be64(&r);
	*second = vl_read_be64(&r);
	return 0;
}

int devtree_string(const struct devtree *t, const char *path, char *out, size_t room)
{
	int n = devtree_read(t, path, out, room);

	if (n < 0)
		return n;
	return n > 0 && memchr(out, 0, (size_t)n) == out + n - 1 ? 0 : VL_E_FORMAT;
}

static bool is_node(DIR *dir, const struct dirent *e)
{
	int fd;

	if (e->d_type != DT_UNKNOWN)
		return e->d_type == DT_DIR;
	fd = openat(dirfd(dir), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int devtree_each(const struct devtree *t, const char *parent, const char *prefix,
	int (*visit)(void *context, const char *name), void *context)
{
	int fd = openat(t->root, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;
	int err = 0;

	if (!dir) {
		err = os_error();
		if (fd >= 0)
			close(fd);
		return err;
	}
	while (!err && (errno = 0, e = readdir(dir))) {
		if (strncmp(e->d_name, prefix, strlen(prefix)) != 0 || e->d_name[0] == '.')
			continue;
		if (!is_node(dir, e))
			continue;
		err = strlen(e->d_name) < DEVTREE_NAME_MAX ? visit(context, e->d_name) : VL_E_LIMIT;
	}
	if (!err && errno)
		err = VL_E_OS;
	closedir(dir);
	return err;
}
