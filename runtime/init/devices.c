/*
 * The device nodes of VTL2 (init.h). The kernel makes one for every driver that it
 * has; only those on the list stay, and the paravisor gets its own.
 */
#include "runtime/init/init.h"
#include "runtime/sandbox/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX 4

static const struct {
	const char *name;
	bool paravisors; /* opened by it, which is not root */
} devices[] = {
#define DEVICE(name, paravisors) { name, paravisors },
	INIT_DEVICES(DEVICE)
#undef DEVICE
};

static bool on_list(const char *name)
{
	for (size_t i = 0; i < VL_ARRAY_COUNT(devices); i++)
		if (strcmp(name, devices[i].name) == 0)
			return true;
	return false;
}

/* Removes what is not on the list, and all of a folder: none of ours is in one. Closes `fd`. */
static int clear(int fd, unsigned depth)
{
	DIR *dir = fdopendir(fd);
	struct dirent *e;
	int err = 0;

	if (!dir)
		close(fd);
	while (dir && !err && (e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
				(depth == 0 && on_list(e->d_name)))
			continue;
		if (unlinkat(fd, e->d_name, 0) == 0)
			continue;
		if ((errno != EISDIR && errno != EPERM) || depth == DEPTH_MAX)
			err = VL_E_OS;
		else
			err = clear(openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), depth + 1);
		if (!err && unlinkat(fd, e->d_name, AT_REMOVEDIR) != 0)
			err = VL_E_OS;
	}
	if (dir)
		closedir(dir);
	return dir ? err : VL_E_OS;
}

int init_devices(const char *path, uint32_t owner)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	if (fd < 0)
		return VL_E_OS;
	err = clear(dup(fd), 0);
	for (size_t i = 0; !err && i < VL_ARRAY_COUNT(devices); i++)
		if (devices[i].paravisors && fchownat(fd, devices[i].name, owner, owner, 0) != 0 &&
				errno != ENOENT)
			err = VL_E_OS; /* one that this kernel lacks is the paravisor's business */
	close(fd);
	return err;
}
