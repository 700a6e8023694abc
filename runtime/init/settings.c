/*
 * Kernel settings (init.h): what openhcl's init sets, without what
 * only its drivers need.
 */
#include "runtime/init/init.h"
#include "common/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *path, *value;
} settings[] = {
	{ "/proc/sys/kernel/threads-max", "32768" },
	{ "/proc/sys/kernel/kptr_restrict", "1" },
	{ "/proc/sys/kernel/core_pattern", "" },
	{ "/proc/sys/kernel/panic_on_oops", "1" },
	/* Half of VTL2 gone is worse than a reported end. */
	{ "/proc/sys/vm/panic_on_oom", "1" },
	{ "/proc/sys/vm/min_free_kbytes", "1024" },
	{ "/proc/sys/vm/watermark_scale_factor", "1" },
	{ "/proc/sys/vm/watermark_boost_factor", "0" },
	/* All user-space processes log there; the kernel would drop lines of a busy boot. */
	{ "/proc/sys/kernel/printk_devkmsg", "on" },
	{ "/sys/kernel/mm/transparent_hugepage/enabled", "madvise" },
};

static void apply(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	/* An empty value still has to be written: its newline. */
	if (fd < 0 || write(fd, *value ? value : "\n", *value ? strlen(value) : 1) < 0)
		vl_debug("setting %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

void init_settings(void)
{
	for (size_t i = 0; i < VL_ARRAY_COUNT(settings); i++)
		apply(settings[i].path, settings[i].value);
}
