/*
 * The cage of a process of VTL2: what it gives up before it looks at the first
 * byte that is not trusted. One call at the start of main(), in this order:
 *
 *	limits      no core file, descriptors and file size bounded
 *	namespaces  mounts, network, IPC and host name of its own
 *	root        an empty folder, nothing to open
 *	identity    own user and group, capabilities only as listed
 *	privileges  no_new_privs; a worker dies with its parent
 *	Landlock    files only as listed
 *	seccomp     system calls only as listed; any other kills the process
 *
 * The lists of system calls stand in calls.h, the port's part of them in
 * port/sandbox_arch.h. A list also binds the processes that this one starts,
 * so that of a parent holds those of its children.
 */
#ifndef VL_SANDBOX_SANDBOX_H
#define VL_SANDBOX_SANDBOX_H

#include "common/base/err.h"
#include "common/base/types.h"

#include <linux/landlock.h>

/* Of the ABI's versions 3 and 5, which the build machine's headers may not have. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ull << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ull << 15)
#endif

/* What is asked of a system call's arguments before it is allowed. */
enum sandbox_check {
	SANDBOX_ANY,
	SANDBOX_NO_EXEC,    /* mmap, mprotect: never PROT_EXEC */
	SANDBOX_MSHV_IOCTL, /* ioctl: the requests of the mshv driver only */
	SANDBOX_PERF_IOCTL, /* ioctl: the requests of perf events only */
	SANDBOX_THREAD,     /* clone: a thread of this process only */
	SANDBOX_NO_NAMESPACE, /* clone: a process like this one */
	SANDBOX_ABSENT,     /* fails with ENOSYS, as on an older kernel: the library has another way */
	SANDBOX_UNIX,       /* socket calls' first argument: AF_UNIX or AF_VSOCK only */
};

struct sandbox_rule {
	uint16_t number; /* of the system call, SYS_* */
	uint16_t check;  /* enum sandbox_check */
};

/* A path that stays usable; `access` is LANDLOCK_ACCESS_FS_*. A path that does not exist is passed over. */
struct sandbox_path {
	const char *path;
	uint64_t access;
};

#define SANDBOX_RULE_MAX 200

struct sandbox_profile {
	const char *program;   /* and what of its life, when it has more than one cage */
	uint32_t user;         /* user and group id; 0: stays root */
	uint64_t capabilities; /* bit per CAP_*; kept in every set, and by the programs that it starts */
	bool empty_root;       /* namespaces of its own and SANDBOX_EMPTY as root */
	uint64_t descriptor_max;
	const struct sandbox_path *paths;
	size_t path_count;
	const struct sandbox_rule *rules;
	size_t rule_count; /* at most SANDBOX_RULE_MAX */
};

#define SANDBOX_EMPTY "/run/empty" /* made by init */

/*
 * Enters the cage; single-threaded. 0, or VL_E_OS with *step naming what the
 * kernel refused: the caller must end then. VL_E_LIMIT: too many rules.
 */
int sandbox_enter(const struct sandbox_profile *p, const char **step);

/* A second, narrower cage in the first: identity and seccomp of `p` alone. Errors as above. */
int sandbox_narrow(const struct sandbox_profile *p, const char **step);

/* The last two steps alone, for tests. */
int sandbox_landlock(const struct sandbox_profile *p);
int sandbox_seccomp(const struct sandbox_profile *p);

/*
 * The cages of our processes (profiles.c), sandbox_<name>. A new process gets its
 * name here, a profile there, and a list in calls.h; what tests and documents say
 * of all of them follows.
 */
#define SANDBOX_PROFILES(PROFILE) \
	PROFILE(init) \
	PROFILE(init_waiting) \
	PROFILE(paravisor) \
	PROFILE(vm) \
	PROFILE(devworker) \
	PROFILE(vtpm) \
	PROFILE(profiler) \
	PROFILE(diag)

#define SANDBOX_PROFILE(name) extern const struct sandbox_profile sandbox_##name;
SANDBOX_PROFILES(SANDBOX_PROFILE)
#undef SANDBOX_PROFILE
extern const struct sandbox_profile sandbox_exec; /* in the debug image (debug_calls.h) */

#define SANDBOX_USER_PARAVISOR 1000 /* init gives it the devices that it opens */

#endif
