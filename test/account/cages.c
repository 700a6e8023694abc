/*
 * vallum-account's second proof, before it starts the real init: in VTL2's own kernel
 * every process's cage kills whoever tries what it forbids, one class after the other.
 */
#include "test/account/cages.h"
#include "runtime/sandbox/sandbox.h"
#include "test/account/forbidden.h"

#include <sys/prctl.h>
#include <sys/wait.h>

/* A child under the list of `profile` makes the attempt. */
static bool is_killed(const struct sandbox_profile *profile, void (*attempt)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || sandbox_seccomp(profile) != 0)
			_exit(1);
		attempt();
		syscall(SYS_exit_group, 1);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
			WTERMSIG(status) == SIGSYS;
}

static bool starts_programs(const struct sandbox_profile *p)
{
	for (size_t i = 0; i < p->rule_count; i++)
		if (p->rules[i].number == SYS_execve)
			return true;
	return false;
}

static void try_all(FILE *log, const struct sandbox_profile *p, void (*const attempts[])(void), size_t count,
	unsigned *killed)
{
	for (size_t i = 0; i < count; i++) {
		bool good = is_killed(p, attempts[i]);

		*killed += good;
		if (!good)
			fprintf(log, "<5>account-cages: %s let attempt %zu of %zu through\n", p->program,
					i, count);
		fflush(log);
	}
}

void account_cages(FILE *log)
{
	static const struct sandbox_profile *const every[] = {
#define ADDRESS(name) &sandbox_##name,
		SANDBOX_PROFILES(ADDRESS)
#undef ADDRESS
	};

	for (size_t i = 0; i < VL_ARRAY_COUNT(every); i++) {
		size_t workers = starts_programs(every[i]) ? 0 : VL_ARRAY_COUNT(never_of_workers);
		unsigned killed = 0;

		try_all(log, every[i], never, VL_ARRAY_COUNT(never), &killed);
		try_all(log, every[i], never_of_workers, workers, &killed);
		fprintf(log, "<5>account-cages: %s killed %u of %zu\n", every[i]->program, killed,
			VL_ARRAY_COUNT(never) + workers);
		fflush(log);
	}
}
