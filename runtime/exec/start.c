/*
 * The processes of a command (start.h). Two: a namespace's first process is deaf to
 * signals, and what is left behind becomes its child, so the command is not to be that one.
 */
#include "runtime/exec/start.h"
#include "common/base/fmt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOLDER "/bin"
#define CANNOT_RUN 127

static char *const default_env[] = { (char[]){ "PATH=/bin" }, (char[]){ "HOME=/" } };

struct vectors {
	char *argv[DIAG_WORDS_MAX + 3], *env[DIAG_WORDS_MAX + VL_ARRAY_COUNT(default_env) + 1];
	char path[sizeof(FOLDER) + DIAG_PATH_MAX];
};

/* Takes a variable out of the list if it is there; `word` is "NAME" or "NAME=...". */
static size_t without(char **env, size_t count, const char *word)
{
	size_t name = strcspn(word, "="), kept = 0;

	for (size_t i = 0; i < count; i++)
		if (strncmp(env[i], word, name) || env[i][name] != '=')
			env[kept++] = env[i];
	return kept;
}

static void fill_env(const struct exec_request *q, char **env)
{
	size_t count = 0;
	const char *word;
	uint32_t at = 0;

	for (; !q->clear_env && count < VL_ARRAY_COUNT(default_env); count++)
		env[count] = default_env[count];
	while ((word = diag_words_next(&q->env, &at))) {
		count = without(env, count, word);
		if (strchr(word, '='))
			env[count++] = (char *)(uintptr_t)word;
	}
	env[count] = NULL;
}

/* A shell that is to have a terminal and finds a pipe would not prompt. */
static bool wants_prompt(const struct exec_request *q)
{
	const char *name = strrchr(q->command, '/');

	name = name ? name + 1 : q->command;
	return q->tty && !q->args.count && (!strcmp(name, "sh") || !strcmp(name, "ash"));
}

static void fill(const struct exec_request *q, struct vectors *v)
{
	static char prompt[] = "-i";
	size_t count = 0;
	const char *word;
	uint32_t at = 0;

	vl_format(v->path, sizeof(v->path), "%s%s", strchr(q->command, '/') ? "" : FOLDER "/", q->command);
	v->argv[count++] = (char *)(uintptr_t)q->command;
	if (wants_prompt(q))
		v->argv[count++] = prompt;
	while ((word = diag_words_next(&q->args, &at)))
		v->argv[count++] = (char *)(uintptr_t)word;
	v->argv[count] = NULL;
	fill_env(q, v->env);
}

/* Moves the streams to 0, 1 and 2, whose old ones are in the way and not needed: first out of it. */
static bool place(const int stdio[EXEC_STREAM_COUNT])
{
	int high[EXEC_STREAM_COUNT];

	for (int i = 0; i < EXEC_STREAM_COUNT; i++)
		if ((high[i] = fcntl(stdio[i], F_DUPFD_CLOEXEC, EXEC_STREAM_COUNT)) < 0)
			return false;
	for (int i = 0; i < EXEC_STREAM_COUNT; i++)
		if (dup2(high[i], i) < 0)
			return false;
	return true;
}

/* `failed` closes when the program runs; else it gets the error. All else that is open stays behind. */
static VL_NORETURN void command(const struct exec_request *q, const int stdio[EXEC_STREAM_COUNT], int failed)
{
	struct vectors v;
	int error;

	fill(q, &v);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	if (place(stdio) && chdir("/") == 0) {
		syscall(SYS_close_range, EXEC_STREAM_COUNT, failed - 1, 0);
		syscall(SYS_close_range, failed + 1, ~0u, 0);
		execve(v.path, v.argv, v.env);
	}
	error = errno;
	while (write(failed, &error, sizeof(error)) < 0 && errno == EINTR)
		;
	_exit(CANNOT_RUN);
}

static int code_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXEC_NO_CODE;
}

/* Reaps whatever becomes its child until the command ends, which has no limit of its own: its parent has. */
static VL_NORETURN void keeper(const struct exec_request *q, const int stdio[EXEC_STREAM_COUNT], int failed)
{
	pid_t pid, got;
	int status = 0;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || setsid() < 0)
		_exit(CANNOT_RUN);
	signal(SIGINT, SIG_IGN);
	pid = fork();
	if (pid == 0)
		command(q, stdio, failed);
	syscall(SYS_close_range, 0, ~0u, 0); /* streams that it held open would not end */
	if (pid < 0)
		_exit(CANNOT_RUN);
	do {
		got = waitpid(-1, &status, 0);
	} while (got != pid && (got >= 0 || errno == EINTR));
	_exit(code_of(status));
}

static int error_of(int error)
{
	if (error == ENOENT || error == ENOTDIR)
		return VL_E_NOTFOUND;
	return error == EACCES || error == EPERM ? VL_E_DENIED : VL_E_OS;
}

/*
 * Until the program runs (the pipe closes) or cannot; a kernel that starts a program takes no time to speak
 * of.
 */
static int wait_for_start(int started)
{
	ssize_t n;
	int error;

	do {
		n = read(started, &error, sizeof(error));
	} while (n < 0 && errno == EINTR);
	return n == sizeof(error) ? error_of(error) : 0;
}

pid_t exec_start(const struct exec_request *q, const int stdio[EXEC_STREAM_COUNT])
{
	int started[2], err;
	pid_t pid;

	if (pipe2(started, O_CLOEXEC) != 0)
		return VL_E_OS;
	pid = fork();
	if (pid == 0)
		keeper(q, stdio, started[1]);
	close(started[1]);
	err = pid < 0 ? VL_E_OS : wait_for_start(started[0]);
	close(started[0]);
	if (err && pid > 0)
		waitpid(pid, NULL, 0);
	return err ? err : pid;
}
