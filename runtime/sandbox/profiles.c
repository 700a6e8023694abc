/* The cages of our processes (sandbox.h): who they are and what they keep. */
#include "runtime/sandbox/sandbox.h"
#include "runtime/sandbox/calls.h"

#include <linux/capability.h>

#define USER_VM 1001
#define USER_INIT 1002
#define USER_VTPM 1003
#define USER_DEVWORKER 1004
#define USER_PROFILER 1010
#define USER_DIAG 1011
#define USER_EXEC 1012
/* A kick per VP, consoles, disks, timers; a child cannot have more than its parent. */
#define DESCRIPTOR_MAX 4096
#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define DEVICE (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
	LANDLOCK_ACCESS_FS_IOCTL_DEV)
#define RUN (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE)
#define CAPABILITY(c) (1ull << (c))

/* The drivers ask for SYS_ADMIN and SYS_RAWIO; the rest is what a worker needs to enter its cage,
 * SYSLOG what the profiler needs to see the addresses in /proc/kallsyms and what /dev/kmsg wants of a reader,
 * NET_BIND_SERVICE what the ports of the diagnostics server want. */
#define PARAVISOR_CAPABILITIES (CAPABILITY(CAP_SYS_ADMIN) | CAPABILITY(CAP_SYS_RAWIO) | \
	CAPABILITY(CAP_SYS_CHROOT) | CAPABILITY(CAP_SETUID) | CAPABILITY(CAP_SETGID) | \
	CAPABILITY(CAP_SETPCAP) | CAPABILITY(CAP_KILL) | CAPABILITY(CAP_SYSLOG) | \
	CAPABILITY(CAP_NET_BIND_SERVICE))

/*
 * What clients of the diagnostics server may read of VTL2's kernel (ReadFile); the hardened image has no such
 * call.
 */
#ifdef VL_HARDENED
#define KERNEL_PATHS
#else
#define KERNEL_PATHS \
	{ "/proc/version", LANDLOCK_ACCESS_FS_READ_FILE }, \
	{ "/proc/meminfo", LANDLOCK_ACCESS_FS_READ_FILE }, \
	{ "/proc/interrupts", LANDLOCK_ACCESS_FS_READ_FILE },
#endif

/*
 * /proc/device-tree leads to /sys/firmware; /dev/mem is for the shim's log, /dev/kmsg for the diagnostics
 * server.
 */
#define PARAVISOR_PATHS \
	{ "/sys/firmware", READ }, \
	{ "/proc/device-tree", READ }, \
	{ "/bin", RUN | LANDLOCK_ACCESS_FS_READ_DIR }, \
	{ "/proc/kallsyms", LANDLOCK_ACCESS_FS_READ_FILE }, \
	{ "/dev/mem", LANDLOCK_ACCESS_FS_READ_FILE }, \
	{ "/dev/kmsg", LANDLOCK_ACCESS_FS_READ_FILE }, \
	{ "/dev/mshv", DEVICE }, \
	{ "/dev/mshv_vtl_low", DEVICE }, \
	{ "/dev/mshv_hvcall", DEVICE }, \
	{ SANDBOX_EMPTY, LANDLOCK_ACCESS_FS_READ_DIR }, \
	KERNEL_PATHS SANDBOX_DEBUG_PATHS

#define ALLOW(name) { SYS_##name, SANDBOX_ANY },
#define ALLOW_IF(name, check) { SYS_##name, SANDBOX_##check },

/* --- init: once the system stands, before it reads the kernel command line ------------------ */

static const struct sandbox_rule init_rules[] = { SANDBOX_INIT_CALLS(ALLOW, ALLOW_IF) };

static const struct sandbox_path init_paths[] = {
	{ "/proc/cmdline", LANDLOCK_ACCESS_FS_READ_FILE },
	{ "/dev/random", DEVICE },
	PARAVISOR_PATHS
};

const struct sandbox_profile sandbox_init = {
	.program = "vallum-init",
	.capabilities = PARAVISOR_CAPABILITIES,
	.descriptor_max = DESCRIPTOR_MAX,
	.paths = init_paths,
	.path_count = VL_ARRAY_COUNT(init_paths),
	.rules = init_rules,
	.rule_count = VL_ARRAY_COUNT(init_rules),
};

/* From when the paravisor runs: waits for its end, and tells the host. */
static const struct sandbox_rule init_waiting_rules[] = { SANDBOX_INIT_WAITING_CALLS(ALLOW, ALLOW_IF) };

const struct sandbox_profile sandbox_init_waiting = {
	.program = "vallum-init, waiting",
	.user = USER_INIT,
	.descriptor_max = DESCRIPTOR_MAX,
	.rules = init_waiting_rules,
	.rule_count = VL_ARRAY_COUNT(init_waiting_rules),
};

/* --- vallum: opens what its workers get, starts them, speaks with the host ---------------- */

static const struct sandbox_rule paravisor_rules[] = { SANDBOX_PARAVISOR_CALLS(ALLOW, ALLOW_IF) };

static const struct sandbox_path paravisor_paths[] = { PARAVISOR_PATHS };

const struct sandbox_profile sandbox_paravisor = {
	.program = "vallum",
	.user = SANDBOX_USER_PARAVISOR,
	.capabilities = PARAVISOR_CAPABILITIES,
	.descriptor_max = DESCRIPTOR_MAX,
	.paths = paravisor_paths,
	.path_count = VL_ARRAY_COUNT(paravisor_paths),
	.rules = paravisor_rules,
	.rule_count = VL_ARRAY_COUNT(paravisor_rules),
};

/* --- vallum-vm: all that it uses it was given ----------------------------------------------- */

static const struct sandbox_rule vm_rules[] = { SANDBOX_VM_CALLS(ALLOW, ALLOW_IF) };

const struct sandbox_profile sandbox_vm = {
	.program = "vallum-vm",
	.user = USER_VM,
	.empty_root = true,
	.descriptor_max = DESCRIPTOR_MAX,
	.rules = vm_rules,
	.rule_count = VL_ARRAY_COUNT(vm_rules),
};

/* --- vallum-devworker: its channels, the memory that it shares with the VM worker --------------- */

#define DEVWORKER_DESCRIPTOR_MAX 16

static const struct sandbox_rule devworker_rules[] = { SANDBOX_DEVWORKER_CALLS(ALLOW, ALLOW_IF) };

const struct sandbox_profile sandbox_devworker = {
	.program = "vallum-devworker",
	.user = USER_DEVWORKER,
	.empty_root = true,
	.descriptor_max = DEVWORKER_DESCRIPTOR_MAX,
	.rules = devworker_rules,
	.rule_count = VL_ARRAY_COUNT(devworker_rules),
};

/* --- vallum-vtpm: its channels, a store, the memory for checkpoints --------------------------- */

#define VTPM_DESCRIPTOR_MAX 32

static const struct sandbox_rule vtpm_rules[] = { SANDBOX_VTPM_CALLS(ALLOW, ALLOW_IF) };

const struct sandbox_profile sandbox_vtpm = {
	.program = "vallum-vtpm",
	.user = USER_VTPM,
	.empty_root = true,
	.descriptor_max = VTPM_DESCRIPTOR_MAX,
	.rules = vtpm_rules,
	.rule_count = VL_ARRAY_COUNT(vtpm_rules),
};

/* --- vallum-profiler: what it reads it opened before ---------------------------------------- */

#define PROFILER_DESCRIPTOR_MAX 256 /* an event of every CPU, the tables of names */

static const struct sandbox_rule profiler_rules[] = { SANDBOX_PROFILER_CALLS(ALLOW, ALLOW_IF) };

const struct sandbox_profile sandbox_profiler = {
	.program = "vallum-profiler",
	.user = USER_PROFILER,
	.empty_root = true,
	.descriptor_max = PROFILER_DESCRIPTOR_MAX,
	.rules = profiler_rules,
	.rule_count = VL_ARRAY_COUNT(profiler_rules),
};

/* --- vallum-diag: serves what it was handed ------------------------------------------------- */

#define DIAG_DESCRIPTOR_MAX 256 /* connections, and a file for each */

static const struct sandbox_rule diag_rules[] = { SANDBOX_DIAG_CALLS(ALLOW, ALLOW_IF) };

const struct sandbox_profile sandbox_diag = {
	.program = "vallum-diag",
	.user = USER_DIAG,
	.empty_root = true,
	.descriptor_max = DIAG_DESCRIPTOR_MAX,
	.rules = diag_rules,
	.rule_count = VL_ARRAY_COUNT(diag_rules),
};

#ifdef VL_DEBUG_IMAGE
/* --- vallum-exec and the commands that it runs: all of VTL2 to look at, nothing to change --------- */

#define EXEC_DESCRIPTOR_MAX 256

static const struct sandbox_rule exec_rules[] = { SANDBOX_EXEC_SHARED_CALLS(ALLOW, ALLOW_IF)
	SANDBOX_EXEC_OWN_CALLS(ALLOW) };

static const struct sandbox_path exec_paths[] = { { "/bin", RUN | LANDLOCK_ACCESS_FS_READ_DIR },
	SANDBOX_DEBUG_PATHS };

const struct sandbox_profile sandbox_exec = {
	.program = "vallum-exec",
	.user = USER_EXEC,
	.descriptor_max = EXEC_DESCRIPTOR_MAX,
	.paths = exec_paths,
	.path_count = VL_ARRAY_COUNT(exec_paths),
	.rules = exec_rules,
	.rule_count = VL_ARRAY_COUNT(exec_rules),
};
#endif
