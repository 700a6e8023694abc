/* The cages of our processes (sandbox.h): who they are and what they keep. */
#include "runtime/sandbox/sandbox.h"
#include "runtime/sandbox/calls.h"

#include <linux/capability.h>

#define USER_VM 1001
/* A kick per VP, consoles, disks, timers; a child cannot have more than its parent. */
#define DESCRIPTOR_MAX 4096
#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define DEVICE (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
	LANDLOCK_ACCESS_FS_IOCTL_DEV)
#define RUN (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE)
#define CAPABILITY(c) (1ull << (c))

#define ALLOW(name) { SYS_##name, SANDBOX_ANY },
#define ALLOW_IF(name, check) { SYS_##name, SANDBOX_##check },

/* --- vallum: opens what its workers get, starts them, speaks with the host ---------------- */

static const struct sandbox_rule paravisor_rules[] = { SANDBOX_PARAVISOR_CALLS(ALLOW, ALLOW_IF) };

static const struct sandbox_path paravisor_paths[] = {
	{ "/sys/firmware", READ }, /* /proc/device-tree leads there */
	{ "/proc/device-tree", READ },
	{ "/bin", RUN },
	{ "/dev/mem", LANDLOCK_ACCESS_FS_READ_FILE }, /* the shim's log */
	{ "/dev/mshv", DEVICE },
	{ "/dev/mshv_vtl_low", DEVICE },
	{ "/dev/mshv_hvcall", DEVICE },
	{ SANDBOX_EMPTY, LANDLOCK_ACCESS_FS_READ_DIR },
};

const struct sandbox_profile sandbox_paravisor = {
	.name = "vallum",
	/* The drivers ask for SYS_ADMIN and SYS_RAWIO; the rest is what a worker needs to enter its cage. */
	.capabilities = CAPABILITY(CAP_SYS_ADMIN) | CAPABILITY(CAP_SYS_RAWIO) | CAPABILITY(CAP_SYS_CHROOT) |
		CAPABILITY(CAP_SETUID) | CAPABILITY(CAP_SETGID) | CAPABILITY(CAP_SETPCAP) |
		CAPABILITY(CAP_KILL),
	.descriptor_max = DESCRIPTOR_MAX,
	.paths = paravisor_paths,
	.path_count = VL_ARRAY_COUNT(paravisor_paths),
	.rules = paravisor_rules,
	.rule_count = VL_ARRAY_COUNT(paravisor_rules),
};

/* --- vallum-vm: all that it uses it was given ----------------------------------------------- */

static const struct sandbox_rule vm_rules[] = { SANDBOX_VM_CALLS(ALLOW, ALLOW_IF) };

const struct sandbox_profile sandbox_vm = {
	.name = "vallum-vm",
	.user = USER_VM,
	.empty_root = true,
	.descriptor_max = DESCRIPTOR_MAX,
	.rules = vm_rules,
	.rule_count = VL_ARRAY_COUNT(vm_rules),
};
