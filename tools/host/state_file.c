/*
 * Files with a guest state file in them (state_file.h). Called on the host's loop
 * thread, where offsets come from VTL2 and are checked, and by the vmgs tool.
 */
#include "tools/host/state_file.h"
#include "common/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SMALLEST_BYTES (16u << 10)

static int fail(struct state_file *f, const char *path, const char *what, const char *why, int err)
{
	vl_error("state file %s: %s: %s", path, what, why);
	state_file_close(f);
	return err;
}

int state_file_open(struct state_file *f, const char *path, uint64_t new_bytes)
{
	struct stat st;
	off_t end;

	f->fd = open(path, O_RDWR | O_CLOEXEC | (new_bytes ? O_CREAT : 0), 0600);
	if (f->fd < 0)
		return fail(f, path, "cannot be opened", strerror(errno), VL_E_OS);
	if (flock(f->fd, LOCK_EX | LOCK_NB) != 0)
		return fail(f, path, "in use by another process", "two users of one state would destroy it",
			VL_E_BUSY);
	if (fstat(f->fd, &st) != 0 || (S_ISREG(st.st_mode) && st.st_size == 0 &&
				       ftruncate(f->fd, (off_t)new_bytes) != 0))
		return fail(f, path, "cannot be made", strerror(errno), VL_E_OS);
	end = lseek(f->fd, 0, SEEK_END);
	if (end < (off_t)SMALLEST_BYTES)
		return fail(f, path, "too small", "give a file of at least 16 KiB, or none", VL_E_NOSPACE);
	f->size_bytes = (uint64_t)end;
	return 0;
}

void state_file_close(struct state_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

int state_file_read(struct state_file *f, uint64_t offset, void *out, size_t size)
{
	if (!vl_within(offset, size, f->size_bytes))
		return VL_E_RANGE;
	return pread(f->fd, out, size, (off_t)offset) == (ssize_t)size ? 0 : VL_E_IO;
}

int state_file_write(struct state_file *f, uint64_t offset, const void *data, size_t size)
{
	if (!vl_within(offset, size, f->size_bytes))
		return VL_E_RANGE;
	return pwrite(f->fd, data, size, (off_t)offset) == (ssize_t)size ? 0 : VL_E_IO;
}

int state_file_flush(struct state_file *f)
{
	return fdatasync(f->fd) == 0 ? 0 : VL_E_IO;
}
