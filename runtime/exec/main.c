/*
 * `vallum-exec`'s process (exec.h): takes a namespace for what it will start, enters its
 * cage, and only then looks at the request. It runs in the time that the guest leaves, and so does the
 * command.
 */
#include "common/base/log.h"
#include "runtime/exec/exec.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/control.h"
#include "runtime/lib/crash.h"
#include "runtime/lib/kmsg.h"
#include "runtime/lib/yield.h"
#include "runtime/sandbox/sandbox.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static struct exec_request request; /* too big for a stack */

/* What binds the command, too, and a cage cannot give. */
static int bounds(const char **what)
{
	const struct rlimit processes = { EXEC_PROCESS_MAX, EXEC_PROCESS_MAX };
	const struct rlimit memory = { EXEC_MEMORY_MAX, EXEC_MEMORY_MAX };

	*what = "a namespace of processes";
	if (unshare(CLONE_NEWPID) != 0)
		return VL_E_OS;
	*what = "limits";
	return setrlimit(RLIMIT_NPROC, &processes) != 0 || setrlimit(RLIMIT_AS, &memory) != 0 ? VL_E_OS : 0;
}

static int enter(const char **what)
{
	int err = bounds(what);

	if (!err)
		err = sandbox_enter(&sandbox_exec, what);
	*what = err ? *what : "dying with the paravisor";
	/* The change of identity has cleared what the parent had set. */
	return err || prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 ? err : VL_E_OS;
}

/* The paravisor has said it before it let go of the channel's other end. */
static int take_begin(int *unit)
{
	struct exec_begin begin;
	struct channel_message m = { .data = &begin, .capacity = sizeof(begin) };
	int err = channel_receive(CONTROL_FD, &m, EXEC_REQUEST_LIMIT_MS);

	if (!err)
		err = exec_begin_check(&begin, m.size, m.fd_count);
	*unit = !err && m.fd_count ? m.fds[0] : -1;
	if (err)
		channel_close_fds(&m);
	return err;
}

static int take_request(int fds[EXEC_STREAM_COUNT])
{
	struct channel_message m = { .data = &request, .capacity = sizeof(request) };
	int err = channel_receive(CONTROL_FD, &m, EXEC_REQUEST_LIMIT_MS);
	size_t next = 0;

	if (!err)
		err = exec_request_check(&request, m.size, m.fd_count);
	if (err) {
		channel_close_fds(&m);
		return err;
	}
	for (unsigned i = 0; i < EXEC_STREAM_COUNT; i++)
		fds[i] = request.streams >> i & 1 ? m.fds[next++] : -1;
	return 0;
}

int main(void)
{
	int fds[EXEC_STREAM_COUNT], unit, err;
	const char *what = "";

	kmsg_init("vallum-exec", VL_LOG_INFO);
	signal(SIGPIPE, SIG_IGN);
	crash_init();
	yield_to_guest();
	err = enter(&what);
	if (err) {
		vl_error("%s: %s (%s)", what, vl_err_text(err), strerror(errno));
		return EXEC_NO_CODE;
	}
	err = take_begin(&unit);
	if (!err)
		err = take_request(fds);
	if (err) {
		if (err != VL_E_CLOSED)
			vl_error("the request: %s", vl_err_text(err));
		return EXEC_NO_CODE;
	}
	return exec_run(&request, fds, CONTROL_FD, unit, EXEC_LIFE_LIMIT_MS);
}
