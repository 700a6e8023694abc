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
#include "runtime/lib/text.h"
#include "runtime/sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PARAVISOR_PATH "/bin/vallum"
/* a process that is left behind, and there is hardly ever one, is reaped within that time */
#define ORPHAN_MS 10000
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
static void make_environment(char *env[INIT_OPTION_MAX + 2], struct init_facts *f)
{
	static char line[INIT_OPTIONS_BYTES], boot_time[48];
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC), count;
	ssize_t n = fd >= 0 ? read(fd, line, sizeof(line) - 1) : -1;

	if (fd >= 0)
		close(fd);
	line[n > 0 ? n : 0] = 0;
	count = init_options(line, env, &f->filter, &f->options_ignored);
	if (count < 0) {
		vl_warn("more than %d options on the kernel command line, the rest is ignored",
			INIT_OPTION_MAX);
		count = INIT_OPTION_MAX;
	}
	f->options_passed = (unsigned)count;
	vl_format(boot_time, sizeof(boot_time), "KERNEL_BOOT_TIME=%llu", (unsigned long long)f->began_ns);
	env[count] = boot_time;
	env[count + 1] = NULL;
}

/* Puts `fd` where the paravisor looks for it. Not made: it finds nothing there. */
static void place(int fd, int at)
{
	if (fd == at)
		fcntl(at, F_SETFD, 0);
	else if (fd >= 0)
		dup2(fd, at);
}

/* The unit's pair was made after that for a crash, so that it is not where that goes. */
static VL_NORETURN void become_paravisor(char *const env[], int crash, int unit)
{
	char name[] = "vallum", *argv[] = { name, NULL };

	place(crash, CRASH_FD);
	place(unit, INIT_UNIT_FD);
	execve(PARAVISOR_PATH, argv, env);
	vl_error("%s: %s", PARAVISOR_PATH, strerror(errno));
	_exit(127);
}

/* *crash_end gets the end at which its last word arrives; -1: it has nobody to hear it. */
static int start_paravisor(char *const env[], struct init_wait *w, int *crash_end)
{
	int crash[2] = { -1, -1 }, unit[2] = { -1, -1 };

	if (channel_pair(crash))
		vl_warn("a crash of the paravisor would leave no report: %s", strerror(errno));
	if (channel_pair(unit))
		vl_warn("init will not be in the inspect tree: %s", strerror(errno));
	*crash_end = crash[0];
	text_tell(crash[0]); /* the paravisor has our functions named, too */
	w->unit = unit[0];
	w->pid = fork();
	if (w->pid == 0)
		become_paravisor(env, crash[1], unit[1]);
	if (unit[1] >= 0)
		close(unit[1]); /* what the paravisor has then is the only one: the unit ends with it */
	w->death = w->pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, w->pid, 0);
	return w->death < 0 ? VL_E_OS : 0;
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
		vl_format(how, sizeof(how), "killed by signal %d",
				spoke ? (int)record.signal : WTERMSIG(status));
	else
		vl_format(how, sizeof(how), "exit status %d", WEXITSTATUS(status));
	vl_error("the paravisor ended: %s", how);
	err = init_report(detail ? how : "unexpectedly", detail ? status : 0, spoke ? &record : NULL);
	if (err)
		vl_error("the host could not be told: %s", vl_err_text(err));
}

/* The system, up to init's first cage; *what names what failed. */
static int prepare(struct init_facts *f, const char **what)
{
	int err = init_mounts(what);

	f->done_ns[INIT_MOUNTS] = clock_boot_ns();
	if (!err) {
		*what = "standard streams";
		err = init_streams();
	}
	if (!err) {
		*what = "/dev";
		err = init_devices("/dev", SANDBOX_USER_PARAVISOR);
	}
	f->done_ns[INIT_DEVICES] = clock_boot_ns();
	if (!err)
		init_settings();
	f->done_ns[INIT_SETTINGS] = clock_boot_ns();
	if (!err)
		err = sandbox_enter(&sandbox_init, what);
	f->done_ns[INIT_CAGE] = clock_boot_ns();
	return err;
}

static void add_entropy(struct init_facts *f)
{
	f->entropy = init_entropy(DEVTREE_PATH, init_entropy_add);
	if (f->entropy)
		vl_warn("no entropy from the host: %s", vl_err_text(f->entropy));
	f->entropy_counts = !f->entropy && filter_keeps(&f->filter, FILTER_ENTROPY_CREDIT);
	f->done_ns[INIT_ENTROPY] = clock_boot_ns();
}

int main(void)
{
	const struct timespec linger = { .tv_sec = LINGER_MS / 1000 };
	static struct init_facts facts;
	char *env[INIT_OPTION_MAX + 2];
	struct init_wait wait = { .facts = &facts, .orphan_ms = ORPHAN_MS };
	const char *what = "";
	int err, crash;

	facts.began_ns = clock_boot_ns();
	kmsg_init("init", VL_LOG_INFO);
	err = prepare(&facts, &what);
	if (err)
		return fatal(what, err);
	read_isolation(&facts.filter);
	add_entropy(&facts);
	make_environment(env, &facts);
	err = start_paravisor(env, &wait, &crash);
	if (err)
		return fatal("starting " PARAVISOR_PATH, err);
	facts.done_ns[INIT_PARAVISOR] = clock_boot_ns();
	/* A second cage that cannot be entered is no reason to give up the guest: the first one holds. */
	facts.narrow = sandbox_narrow(&sandbox_init_waiting, &what) == 0;
	if (!facts.narrow)
		vl_warn("init stays in its first cage: %s: %s", what, strerror(errno));
	/* This wait is init's purpose and has no limit. */
	while (!init_turn(&wait))
		;
	tell_host(wait.status, crash, &facts.filter);
	nanosleep(&linger, NULL);
	return 1;
}
