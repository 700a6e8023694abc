/*
 * Worker processes (process.h). The paravisor is single-threaded, so fork()
 * is safe; every descriptor it has is close-on-exec, and the child closes the
 * rest by number all the same.
 */
#include "runtime/paravisor/process.h"
#include "common/base/fmt.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/control.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3 /* include/uapi/linux/wait.h */
#endif

static VL_NORETURN void child(const char *path, const char *name, int control, pid_t parent)
{
	char argument[32], *argv[] = { argument, NULL }, *envp[] = { NULL };
	sigset_t none;

	vl_format(argument, sizeof(argument), "%s", name);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* The parent may be gone before the request to die with it takes effect. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(127);
	if (control == CONTROL_FD ? fcntl(control, F_SETFD, 0) < 0 : dup2(control, CONTROL_FD) < 0)
		_exit(127);
	syscall(SYS_close_range, CONTROL_FD + 1, ~0u, 0);
	execve(path, argv, envp);
	_exit(127);
}

int process_spawn(struct worker *w, const char *path)
{
	pid_t parent = getpid();
	int pair[2];

	if (channel_pair(pair) < 0)
		return VL_E_OS;
	w->pid = fork();
	if (w->pid == 0)
		child(path, w->rule->program, pair[1], parent);
	close(pair[1]);
	w->control = pair[0];
	if (w->pid > 0) {
		w->pidfd = (int)syscall(SYS_pidfd_open, w->pid, 0);
		if (w->pidfd >= 0)
			return 0;
		kill(w->pid, SIGKILL);
		waitpid(w->pid, NULL, 0);
	}
	close(w->control);
	w->control = -1;
	w->pid = 0;
	return VL_E_OS;
}

int process_reap(struct worker *w, char *text, size_t room)
{
	siginfo_t info = { 0 };

	if (waitid((idtype_t)P_PIDFD, (id_t)w->pidfd, &info, WEXITED | WNOHANG) != 0)
		return VL_E_OS;
	if (info.si_pid == 0)
		return VL_E_AGAIN;
	if (info.si_code == CLD_EXITED)
		vl_format(text, room, "exit status %d", info.si_status);
	else
		vl_format(text, room, "killed by signal %d%s", info.si_status,
			info.si_status == SIGSYS ? " (a system call that its sandbox forbids)" : "");
	close(w->pidfd);
	if (w->control >= 0)
		close(w->control);
	w->pid = 0;
	w->pidfd = -1;
	w->control = -1;
	return 0;
}

void process_kill(struct worker *w)
{
	if (w->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, w->pidfd, SIGKILL, NULL, 0);
}
