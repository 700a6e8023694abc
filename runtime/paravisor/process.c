/*
 * Worker processes (process.h). The paravisor is single-threaded, so fork()
 * is safe; every descriptor it has is close-on-exec, and the child closes the
 * rest by number all the same.
 */
#include "runtime/paravisor/process.h"
#include "common/base/fmt.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/control.h"
#include "runtime/lib/text.h"
#include "runtime/paravisor/crashes.h"

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

/* Puts `fd` where the program looks for it; true when it is there. */
static bool place(int fd, int at)
{
	return fd == at ? fcntl(fd, F_SETFD, 0) == 0 : dup2(fd, at) == at;
}

/* `control` and `crash` were made after 0 to 2 were open, one by one: crash is not where control goes. */
static VL_NORETURN void child(const char *path, const char *name, int control, int crash, pid_t parent)
{
	char argument[32], *argv[] = { argument, NULL }, *envp[] = { NULL };
	sigset_t none;

	vl_format(argument, sizeof(argument), "%s", name);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* The parent may be gone before the request to die with it takes effect. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(127);
	if (!place(control, CONTROL_FD) || !place(crash, CRASH_FD))
		_exit(127);
	syscall(SYS_close_range, CRASH_FD + 1, ~0u, 0);
	execve(path, argv, envp);
	_exit(127);
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int start(struct worker *w, const char *path, int control, int crash)
{
	pid_t parent = getpid();

	w->killed = false;
	w->pid = fork();
	if (w->pid == 0)
		child(path, w->rule->program, control, crash, parent);
	if (w->pid < 0) {
		w->pid = 0;
		return VL_E_OS;
	}
	w->pidfd = (int)syscall(SYS_pidfd_open, w->pid, 0);
	if (w->pidfd >= 0)
		return 0;
	kill(w->pid, SIGKILL);
	waitpid(w->pid, NULL, 0);
	w->pid = 0;
	return VL_E_OS;
}

int process_spawn(struct worker *w, const char *path)
{
	int control[2] = { -1, -1 }, crash[2] = { -1, -1 };
	int err = channel_pair(control);

	if (!err)
		err = channel_pair(crash);
	w->control = control[0];
	w->crash = crash[0];
	if (!err)
		err = start(w, path, control[1], crash[1]);
	close_one(&control[1]);
	close_one(&crash[1]);
	if (err) {
		close_one(&w->control);
		close_one(&w->crash);
	}
	return err;
}

uint64_t process_text_base(struct worker *w)
{
	if (!w->text_base && w->crash >= 0)
		w->text_base = text_hear(w->crash);
	return w->text_base;
}

/* How it ended; its own word, if it left one, is more than the exit status after it. */
static void describe(const siginfo_t *info, const struct crash_record *last, char *text, size_t room)
{
	int signal = last ? (int)last->signal : info->si_code == CLD_EXITED ? 0 : info->si_status;

	if (!signal)
		vl_format(text, room, "exit status %d", info->si_status);
	else
		vl_format(text, room, "killed by signal %d%s", signal,
			signal == SIGSYS ? " (a system call that its sandbox forbids)" : "");
}

int process_reap(struct worker *w, char *text, size_t room)
{
	struct crash_report report = { .pid = w->pid };
	siginfo_t info = { 0 };
	bool spoke;

	if (waitid((idtype_t)P_PIDFD, (id_t)w->pidfd, &info, WEXITED | WNOHANG) != 0)
		return VL_E_OS;
	if (info.si_pid == 0)
		return VL_E_AGAIN;
	report.text_base = process_text_base(w);
	spoke = w->crash >= 0 &&
			crash_receive(w->crash, &report.record, report.stack, &report.stack_size) == 0;
	describe(&info, spoke ? &report.record : NULL, text, room);
	if (!spoke)
		report.record = (struct crash_record){
			.signal = info.si_code == CLD_EXITED ? 0 : (uint32_t)info.si_status };
	if (w->crashes && report.record.signal && !w->killed)
		crashes_keep(w->crashes, w->rule->program, &report);
	close_one(&w->pidfd);
	close_one(&w->control);
	close_one(&w->crash);
	w->pid = 0;
	w->text_base = 0;
	return 0;
}

void process_signal(struct worker *w, int signal)
{
	if (w->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, w->pidfd, signal, NULL, 0);
}

void process_kill(struct worker *w)
{
	w->killed = true;
	process_signal(w, SIGKILL);
}
