/*
 * `vallum-init`, PID 1 of VTL2: prepares the system, starts the paravisor and
 * reaps. When the paravisor ends, init tells the host why and ends too, which
 * the kernel turns into a panic and a reboot (reboot=, panic=-1): the host then
 * sees VTL2 stop even if nobody could talk to it.
 */
#include "common/base/fmt.h"
#include "common/base/log.h"
#include "runtime/init/init.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/clock.h"
#include "runtime/lib/crash.h"
#include "runtime/lib/isolation.h"
#include "runtime/lib/kmsg.h"
#include "runtime/sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PARAVISOR_PATH "/bin/vallum"
#define LINGER_MS 2000 /* for the host to end the partition after it was told */

static int fatal(const char *what, int err)
{
	vl_error("%s: %s (%s)", what, vl_err_text(err), strerror(errno));
	return 1;
}

/* What cannot be read is taken for the worst. */
static void read_isolation(struct filter_context *filter)
{
	struct devtree tree;

	*filter = (struct filter_context){ .isolation = ISOLATION_COUNT };
	if (devtree_open(&tree, DEVTREE_PATH))
		return;
	(void)isolation_read(filter, &tree);
	devtree_close(&tree);
}

/* The options of the kernel command line and the time at which init began. */
static void make_environment(char *env[INIT_OPTION_MAX + 2], uint64_t began_ns,
	const struct filter_context *filter)
{
	static char line[INIT_OPTIONS_BYTES], boot_time[48];
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC), count;
	ssize_t n = fd >= 0 ? read(fd, line, sizeof(line) - 1) : -1;

	if (fd >= 0)
		close(fd);
	line[n > 0 ? n : 0] = 0;
	count = init_options(line, env, filter);
	if (count < 0) {
		vl_warn("more than %d options on the kernel command line, the rest is ignored",
			INIT_OPTION_MAX);
		count = INIT_OPTION_MAX;
	}
	vl_format(boot_time, sizeof(boot_time), "KERNEL_BOOT_TIME=%llu", (unsigned long long)began_ns);
	env[count] = boot_time;
	env[count + 1] = NULL;
}

/* *crash gets the end at which its last word arrives; -1: it has nobody to hear it. */
static pid_t start_paravisor(char *const env[], int *crash)
{
	char name[] = "vallum", *argv[] = { name, NULL };
	int pair[2] = { -1, -1 };
	pid_t pid;

	if (channel_pair(pair))
		vl_warn("a crash of the paravisor would leave no report: %s", strerror(errno));
	*crash = pair[0];
	pid = fork();
	if (pid != 0)
		return pid;
	if (pair[1] == CRASH_FD)
		fcntl(CRASH_FD, F_SETFD, 0);
	else if (pair[1] >= 0)
		dup2(pair[1], CRASH_FD);
	execve(PARAVISOR_PATH, argv, env);
	vl_error("%s: %s", PARAVISOR_PATH, strerror(errno));
	_exit(127);
}

/* Reaps everybody until `pid` ends; returns its wait status. This wait is init's purpose and has no limit. */
static int reap_until(pid_t pid)
{
	int status = 0;
	pid_t got;

	do {
		got = wait(&status);
	} while (got != pid && (got >= 0 || errno == EINTR));
	return status;
}

/* What the host may not know is not in the record after this; false: there is none. */
static bool take_record(int crash, const struct filter_context *filter, struct crash_record *r)
{
	uint8_t stack[CRASH_STACK_BYTES];
	size_t stack_size;

	if (crash < 0 || crash_receive(crash, r, stack, &stack_size))
		return false;
	if (!filter_keeps(filter, FILTER_TELL_REGISTERS))
		r->register_count = 0;
	if (!filter_keeps(filter, FILTER_TELL_LOG))
		r->log_size = 0;
	return true;
}

static void tell_host(int status, int crash, const struct filter_context *filter)
{
	static struct crash_record record;
	bool detail = filter_keeps(filter, FILTER_TELL_FAILURE), spoke = take_record(crash, filter, &record);
	char how[64];
	int err;

	if (spoke && record.address)
		vl_format(how, sizeof(how), "killed by signal %u at 0x%llx", record.signal,
			(unsigned long long)record.address);
	else if (spoke || WIFSIGNALED(status))
		vl_format(how, sizeof(how), "killed by signal %d", spoke ? (int)record.signal : WTERMSIG(status));
	else
		vl_format(how, sizeof(how), "exit status %d", WEXITSTATUS(status));
	vl_error("the paravisor ended: %s", how);
	err = init_report(detail ? how : "unexpectedly", detail ? status : 0, spoke ? &record : NULL);
	if (err)
		vl_error("the host could not be told: %s", vl_err_text(err));
}

int main(void)
{
	const struct timespec linger = { .tv_sec = LINGER_MS / 1000 };
	uint64_t began_ns = clock_boot_ns();
	char *env[INIT_OPTION_MAX + 2];
	struct filter_context filter;
	const char *what = "";
	pid_t pid;
	int crash, err;

	kmsg_init("init", VL_LOG_INFO);
	err = init_mounts(&what);
	if (err)
		return fatal(what, err);
	err = init_streams();
	if (err)
		return fatal("standard streams", err);
	err = init_devices("/dev", SANDBOX_USER_PARAVISOR);
	if (err)
		return fatal("/dev", err);
	init_settings();
	err = sandbox_enter(&sandbox_init, &what);
	if (err)
		return fatal(what, err);
	err = init_entropy(DEVTREE_PATH, init_entropy_add);
	if (err)
		vl_warn("no entropy from the host: %s", vl_err_text(err));
	read_isolation(&filter);
	make_environment(env, began_ns, &filter);
	pid = start_paravisor(env, &crash);
	if (pid < 0)
		return fatal("starting " PARAVISOR_PATH, VL_E_OS);
	/* A second cage that cannot be entered is no reason to give up the guest: the first one holds. */
	if (sandbox_narrow(&sandbox_init_waiting, &what))
		vl_warn("init stays in its first cage: %s: %s", what, strerror(errno));
	tell_host(reap_until(pid), crash, &filter);
	nanosleep(&linger, NULL);
	return 1;
}
