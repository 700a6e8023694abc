/* The file systems and standard streams of VTL2 (init.h). */
#include "runtime/init/init.h"
#include "runtime/sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
	const char *type, *where, *options;
	unsigned long flags;
} mounts[] = {
	{ "proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "devtmpfs", "/dev", NULL, MS_NOSUID | MS_NOEXEC },
	{ "tmpfs", "/run", "size=1m,mode=755", MS_NOSUID | MS_NODEV | MS_NOEXEC },
};

int init_mounts(const char **what)
{
	for (size_t i = 0; i < VL_ARRAY_COUNT(mounts); i++) {
		const char *type = mounts[i].type, *where = mounts[i].where;

		*what = where;
		if (mkdir(where, 0755) != 0 && errno != EEXIST)
			return VL_E_OS;
		/* EBUSY: the kernel mounted devtmpfs itself (CONFIG_DEVTMPFS_MOUNT). */
		if (mount(type, where, type, mounts[i].flags, mounts[i].options) != 0 && errno != EBUSY)
			return VL_E_OS;
	}
	*what = SANDBOX_EMPTY;
	return mkdir(SANDBOX_EMPTY, 0555) != 0 ? VL_E_OS : 0;
}

int init_streams(void)
{
	int null = open("/dev/null", O_RDWR), kmsg = open("/dev/kmsg", O_WRONLY);

	if (null < 0 || kmsg < 0)
		return VL_E_OS;
	if (dup2(null, 0) < 0 || dup2(kmsg, 1) < 0 || dup2(kmsg, 2) < 0)
		return VL_E_OS;
	if (null > 2)
		close(null);
	if (kmsg > 2)
		close(kmsg);
	return 0;
}
