/*
 * Enters a cage (sandbox.h). Called once by each process at its start; takes
 * no input but our own tables.
 */
#include "runtime/sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#define FILE_BYTES_MAX (256ull << 20) /* of a memfd: saved state is the largest thing that anybody writes */

static int limits(const struct sandbox_profile *p)
{
	const struct rlimit none = { 0, 0 }, files = { p->descriptor_max, p->descriptor_max };
	const struct rlimit bytes = { FILE_BYTES_MAX, FILE_BYTES_MAX };

	if (setrlimit(RLIMIT_CORE, &none) != 0 || setrlimit(RLIMIT_MSGQUEUE, &none) != 0)
		return VL_E_OS;
	return setrlimit(RLIMIT_NOFILE, &files) != 0 || setrlimit(RLIMIT_FSIZE, &bytes) != 0 ? VL_E_OS : 0;
}

static int namespaces(const struct sandbox_profile *p)
{
	if (!p->empty_root)
		return 0;
	return unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) != 0 ? VL_E_OS : 0;
}

static int root(const struct sandbox_profile *p)
{
	if (!p->empty_root)
		return 0;
	return chroot(SANDBOX_EMPTY) != 0 || chdir("/") != 0 ? VL_E_OS : 0;
}

/* What the programs that a user other than root starts keep, until their own cages take it. */
static int ambient(const struct sandbox_profile *p)
{
	for (int i = 0; p->user && i <= CAP_LAST_CAP; i++)
		if (p->capabilities >> i & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) != 0)
			return VL_E_OS;
	return 0;
}

/* Drops from the bounding set first: that takes a capability of its own. */
static int identity(const struct sandbox_profile *p)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2] = { { 0 } };

	for (int i = 0; i <= CAP_LAST_CAP; i++)
		if (!(p->capabilities >> i & 1) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) != 0 && errno != EINVAL)
			return VL_E_OS;
	if (setgroups(0, NULL) != 0)
		return VL_E_OS;
	/* Without this the change of the user takes all of them. */
	if (p->user && p->capabilities && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
		return VL_E_OS;
	if (p->user && (setresgid(p->user, p->user, p->user) != 0 ||
			setresuid(p->user, p->user, p->user) != 0))
		return VL_E_OS;
	for (size_t i = 0; i < 2; i++) {
		sets[i].effective = sets[i].permitted = (uint32_t)(p->capabilities >> (32 * i));
		sets[i].inheritable = p->user ? sets[i].permitted : 0;
	}
	return syscall(SYS_capset, &header, sets) != 0 || ambient(p) != 0 ? VL_E_OS : 0;
}

static int privileges(const struct sandbox_profile *p)
{
	/* The change of identity has cleared what the parent had set. */
	if (p->empty_root && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		return VL_E_OS;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ? VL_E_OS : 0;
}

/* --- Landlock -------------------------------------------------------------------------- */

/* Everything that the first, second, third and fifth version of the ABI can refuse. */
static uint64_t handled_access(int version)
{
	uint64_t access = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;

	if (version >= 2)
		access |= LANDLOCK_ACCESS_FS_REFER;
	if (version >= 3)
		access |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (version >= 5)
		access |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
	return access;
}

static int allow_path(int ruleset, const struct sandbox_path *p, uint64_t handled)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = p->access & handled };
	int fd = open(p->path, O_PATH | O_CLOEXEC), failed;

	if (fd < 0)
		return errno == ENOENT ? 0 : VL_E_OS;
	rule.parent_fd = fd;
	failed = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0;
	close(fd);
	return failed ? VL_E_OS : 0;
}

int sandbox_landlock(const struct sandbox_profile *p)
{
	struct landlock_ruleset_attr attr = { 0 };
	int version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	int ruleset, err = 0;

	if (version < 1)
		return VL_E_OS;
	attr.handled_access_fs = handled_access(version);
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr.handled_access_fs), 0);
	if (ruleset < 0)
		return VL_E_OS;
	for (size_t i = 0; !err && i < p->path_count; i++)
		err = allow_path(ruleset, &p->paths[i], attr.handled_access_fs);
	if (!err && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
		err = VL_E_OS;
	close(ruleset);
	return err;
}

struct step {
	int (*enter)(const struct sandbox_profile *p);
	const char *name;
};

static int take(const struct step *steps, size_t count, const struct sandbox_profile *p, const char **name)
{
	int err = 0;

	for (size_t i = 0; !err && i < count; i++) {
		*name = steps[i].name;
		err = steps[i].enter(p);
	}
	return err;
}

int sandbox_enter(const struct sandbox_profile *p, const char **step)
{
	static const struct step steps[] = {
		{ limits, "resource limits" },
		{ namespaces, "namespaces" },
		{ root, "root folder" },
		{ identity, "user and capabilities" },
		{ privileges, "no_new_privs" },
		{ sandbox_landlock, "Landlock" },
		{ sandbox_seccomp, "seccomp" },
	};

	return take(steps, VL_ARRAY_COUNT(steps), p, step);
}

int sandbox_narrow(const struct sandbox_profile *p, const char **step)
{
	static const struct step steps[] = {
		{ identity, "user and capabilities" },
		{ sandbox_seccomp, "seccomp" },
	};

	return take(steps, VL_ARRAY_COUNT(steps), p, step);
}
