/*
 * vallum-account: which of the system calls that the cages allow are used at all.
 * Test images have it as /init; it starts the real init as /vallum-init, follows
 * every process and thread of VTL2 by ptrace, and says each (cage, call) once in the
 * kernel's log, "account: CAGE CALL". A call counts for every cage that the process
 * is in, its own and its parents'. What a cage forbids it tries itself, before
 * (cages.h). Test code: trusts what it traces.
 */
#include "runtime/sandbox/calls.h"
#include "runtime/sandbox/sandbox.h"
#include "test/account/cages.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

#define INIT_PATH "/vallum-init"
#define TASK_MAX 256
#define CALL_MAX 512
#define CAGE_MAX 16
#define NAME_MAX_BYTES 32
#define OPTIONS (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | \
	PTRACE_O_TRACEEXEC)

struct task {
	pid_t pid;
	bool attached;
	bool known, early; /* its parent said that it is there; it stopped before that, and waits */
	uint32_t cages;   /* bit per cage that it is in */
	uint64_t call;    /* the one that it is in */
	char program[NAME_MAX_BYTES], next_program[NAME_MAX_BYTES];
};

static struct task tasks[TASK_MAX];
static char cages[CAGE_MAX][NAME_MAX_BYTES];
static bool seen[CAGE_MAX][CALL_MAX];
static FILE *log_file;

#define NAMED(name) [SYS_##name] = #name,
#define NAMED_IF(name, check) NAMED(name)
static const char *const call_names[CALL_MAX] = { SANDBOX_ALL_CALLS(NAMED, NAMED_IF) };

static struct task *task_of(pid_t pid)
{
	struct task *free_task = NULL;

	for (unsigned i = 0; i < TASK_MAX; i++) {
		if (tasks[i].pid == pid)
			return &tasks[i];
		if (!tasks[i].pid && !free_task)
			free_task = &tasks[i];
	}
	if (free_task)
		*free_task = (struct task){ .pid = pid };
	return free_task;
}

/* The program's name is its cage's; init's own cage is named by init. */
static unsigned cage_of(const char *program)
{
	unsigned i = 0;

	while (i < CAGE_MAX - 1 && cages[i][0] && strcmp(cages[i], program))
		i++;
	snprintf(cages[i], sizeof(cages[i]), "%s", program);
	return i;
}

static void read_path(pid_t pid, uint64_t at, char out[NAME_MAX_BYTES])
{
	char path[128] = { 0 };
	const char *slash;

	for (size_t i = 0; i + sizeof(long) < sizeof(path); i += sizeof(long)) {
		long word = ptrace(PTRACE_PEEKDATA, pid, at + i, NULL);

		memcpy(path + i, &word, sizeof(word));
		if (memchr(&word, 0, sizeof(word)))
			break;
	}
	slash = strrchr(path, '/');
	snprintf(out, NAME_MAX_BYTES, "%.31s", slash ? slash + 1 : path);
}

static void count(const struct task *t)
{
	for (unsigned i = 0; i < CAGE_MAX; i++) {
		if (!(t->cages >> i & 1) || t->call >= CALL_MAX || seen[i][t->call])
			continue;
		seen[i][t->call] = true;
		if (call_names[t->call])
			fprintf(log_file, "<5>account: %s %s\n", cages[i], call_names[t->call]);
		else
			fprintf(log_file, "<5>account: %s number-%u\n", cages[i], (unsigned)t->call);
		fflush(log_file);
	}
}

static void on_call(struct task *t)
{
	struct ptrace_syscall_info info = { 0 };

	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, sizeof(info), &info) < 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		t->call = info.entry.nr;
		if (t->call == SYS_execve)
			read_path(t->pid, info.entry.args[0], t->next_program);
		count(t);
	} else if (info.op == PTRACE_SYSCALL_INFO_EXIT && t->call == SYS_seccomp && !info.exit.is_error) {
		t->cages |= 1u << cage_of(t->program);
	}
}

static void on_event(struct task *t, int event)
{
	unsigned long message = 0;
	struct task *child;

	if (event == PTRACE_EVENT_EXEC) {
		memcpy(t->program, t->next_program, sizeof(t->program));
	} else if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE) {
		if (ptrace(PTRACE_GETEVENTMSG, t->pid, NULL, &message) < 0)
			return;
		child = task_of((pid_t)message);
		if (child) {
			child->cages = t->cages;
			child->known = true;
			memcpy(child->program, t->program, sizeof(child->program));
			if (child->early)
				ptrace(PTRACE_SYSCALL, child->pid, NULL, NULL);
		}
	}
}

/* One stop; the task goes on in the end. */
static void on_stop(struct task *t, int status)
{
	int signal = WSTOPSIG(status), event = status >> 16;

	/* What it calls counts from the first: not before it is known whose cages it is in. */
	if (!t->known) {
		t->attached = t->early = true;
		return;
	}
	if (signal == (SIGTRAP | 0x80)) {
		on_call(t);
		signal = 0;
	} else if (event == PTRACE_EVENT_STOP) {
		/* A stop of all threads by a signal stays one; the first stop of a new task does not. */
		if (signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU) {
			if (t->attached) {
				ptrace(PTRACE_LISTEN, t->pid, NULL, NULL);
				return;
			}
		}
		t->attached = true;
		signal = 0;
	} else if (event) {
		on_event(t, event);
		signal = 0;
	}
	ptrace(PTRACE_SYSCALL, t->pid, NULL, (void *)(uintptr_t)signal);
}

static pid_t start(void)
{
	char name[] = "vallum-init", *argv[] = { name, NULL }, *env[] = { NULL };
	pid_t pid = fork();

	if (pid == 0) {
		raise(SIGSTOP);
		execve(INIT_PATH, argv, env);
		_exit(127);
	}
	return pid;
}

int main(void)
{
	int status;
	pid_t init, pid;

	mknod("/dev/kmsg", S_IFCHR | 0600, makedev(1, 11));
	log_file = fopen("/dev/kmsg", "we");
	if (log_file)
		account_cages(log_file);
	init = start();
	if (!log_file || init < 0 || waitpid(init, &status, WUNTRACED) != init ||
	    ptrace(PTRACE_SEIZE, init, NULL, (void *)(uintptr_t)OPTIONS) < 0)
		return 1;
	if (!task_of(init))
		return 1;
	task_of(init)->known = true;
	kill(init, SIGCONT);
	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		struct task *t = pid > 0 ? task_of(pid) : NULL;

		if (t && WIFSTOPPED(status))
			on_stop(t, status);
		else if (t)
			t->pid = 0;
		if (pid == init && !WIFSTOPPED(status))
			break;
	}
	return 1; /* as the real init: the kernel panics and the host sees VTL2 stop */
}
