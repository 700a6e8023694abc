/*
 * The cages as the kernel enforces them: a child enters one and tries what is
 * forbidden. The system calls that a sanitizer needs at a program's end are
 * not on any list, so a child ends by its signal or by exit_group.
 */
#include "runtime/sandbox/sandbox.h"
#include "test/account/forbidden.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/perf_event.h>

Suite *suite_sandbox(void);

/* Runs `attempt` in a child under the list of `profile`; returns the child's wait status. */
static int status_of(const struct sandbox_profile *profile, void (*attempt)(void))
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || sandbox_seccomp(profile) != 0)
			_exit(99);
		attempt();
		syscall(SYS_exit_group, 42);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

#define ASSERT_KILLED(profile, attempt) do { \
	int s_ = status_of(profile, attempt); \
	ck_assert_msg(WIFSIGNALED(s_) && WTERMSIG(s_) == SIGSYS, #attempt " under " #profile ": status %#x", \
		s_); \
} while (0)

#define ASSERT_ALLOWED(profile, attempt) do { \
	int s_ = status_of(profile, attempt); \
	ck_assert_msg(WIFEXITED(s_) && WEXITSTATUS(s_) == 42, #attempt " under " #profile ": status %#x", \
		s_); \
} while (0)

static void makes_a_unix_socket(void) { close((int)syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0)); }

static void maps_data(void)
{
	syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void asks_a_terminal(void) { syscall(SYS_ioctl, 0, TIOCGWINSZ, NULL); }
static void asks_the_driver(void) { syscall(SYS_ioctl, -1, 0xb800, NULL); }

START_TEST(the_vm_worker_can_do_nothing_of_each_forbidden_class)
{
	ASSERT_KILLED(&sandbox_vm, opens_a_file);
	ASSERT_KILLED(&sandbox_vm, runs_a_program);
	ASSERT_KILLED(&sandbox_vm, makes_a_socket);
	ASSERT_KILLED(&sandbox_vm, makes_a_unix_socket);
	ASSERT_KILLED(&sandbox_vm, makes_a_process);
	ASSERT_KILLED(&sandbox_vm, makes_a_process_by_clone3);
	ASSERT_KILLED(&sandbox_vm, makes_a_user_namespace);
	ASSERT_KILLED(&sandbox_vm, traces);
	ASSERT_KILLED(&sandbox_vm, kills_another);
	ASSERT_KILLED(&sandbox_vm, becomes_root);
	ASSERT_KILLED(&sandbox_vm, mounts);
	ASSERT_KILLED(&sandbox_vm, loads_a_module);
	ASSERT_KILLED(&sandbox_vm, reads_anothers_memory);
	ASSERT_KILLED(&sandbox_vm, loads_bpf);
	ASSERT_KILLED(&sandbox_vm, adds_a_key);
	ASSERT_KILLED(&sandbox_vm, sets_up_io_uring);
	ASSERT_KILLED(&sandbox_vm, reboots);
	ASSERT_KILLED(&sandbox_vm, maps_code);
	ASSERT_KILLED(&sandbox_vm, makes_memory_code);
	ASSERT_KILLED(&sandbox_vm, asks_a_terminal);
	ASSERT_KILLED(&sandbox_vm, types_into_a_terminal);
}
END_TEST

static void opens_a_perf_event(void) { syscall(SYS_perf_event_open, NULL, -1, 0, -1, 0); }
static void starts_a_perf_event(void) { syscall(SYS_ioctl, -1, PERF_EVENT_IOC_ENABLE, 0); }

START_TEST(the_profiler_can_do_nothing_of_each_forbidden_class)
{
	ASSERT_KILLED(&sandbox_profiler, opens_a_file);
	ASSERT_KILLED(&sandbox_profiler, runs_a_program);
	ASSERT_KILLED(&sandbox_profiler, makes_a_unix_socket);
	ASSERT_KILLED(&sandbox_profiler, makes_a_process);
	ASSERT_KILLED(&sandbox_profiler, traces);
	ASSERT_KILLED(&sandbox_profiler, becomes_root);
	ASSERT_KILLED(&sandbox_profiler, reads_anothers_memory);
	ASSERT_KILLED(&sandbox_profiler, loads_bpf);
	ASSERT_KILLED(&sandbox_profiler, maps_data);
	ASSERT_KILLED(&sandbox_profiler, asks_a_terminal);
	ASSERT_KILLED(&sandbox_profiler, asks_the_driver);
	ASSERT_KILLED(&sandbox_profiler, opens_a_perf_event);
	ASSERT_ALLOWED(&sandbox_profiler, starts_a_perf_event);
}
END_TEST

static void listens(void) { syscall(SYS_listen, -1, 1); }

START_TEST(the_diagnostics_server_can_do_nothing_of_each_forbidden_class)
{
	ASSERT_KILLED(&sandbox_diag, opens_a_file);
	ASSERT_KILLED(&sandbox_diag, runs_a_program);
	ASSERT_KILLED(&sandbox_diag, makes_a_unix_socket);
	ASSERT_KILLED(&sandbox_diag, listens);
	ASSERT_KILLED(&sandbox_diag, makes_a_process);
	ASSERT_KILLED(&sandbox_diag, makes_a_process_by_clone3);
	ASSERT_KILLED(&sandbox_diag, makes_a_user_namespace);
	ASSERT_KILLED(&sandbox_diag, traces);
	ASSERT_KILLED(&sandbox_diag, kills_another);
	ASSERT_KILLED(&sandbox_diag, becomes_root);
	ASSERT_KILLED(&sandbox_diag, mounts);
	ASSERT_KILLED(&sandbox_diag, reads_anothers_memory);
	ASSERT_KILLED(&sandbox_diag, loads_bpf);
	ASSERT_KILLED(&sandbox_diag, maps_code);
	ASSERT_KILLED(&sandbox_diag, makes_memory_code);
	ASSERT_KILLED(&sandbox_diag, asks_a_terminal);
	ASSERT_KILLED(&sandbox_diag, asks_the_driver);
	ASSERT_ALLOWED(&sandbox_diag, maps_data);
}
END_TEST

START_TEST(the_paravisor_can_do_nothing_of_each_forbidden_class)
{
	ASSERT_KILLED(&sandbox_paravisor, makes_a_socket);
	ASSERT_KILLED(&sandbox_paravisor, makes_a_packet_socket);
	ASSERT_KILLED(&sandbox_paravisor, makes_a_process_by_clone3);
	ASSERT_KILLED(&sandbox_paravisor, traces);
	ASSERT_KILLED(&sandbox_paravisor, mounts);
	ASSERT_KILLED(&sandbox_paravisor, loads_a_module);
	ASSERT_KILLED(&sandbox_paravisor, reads_anothers_memory);
	ASSERT_KILLED(&sandbox_paravisor, loads_bpf);
	ASSERT_KILLED(&sandbox_paravisor, adds_a_key);
	ASSERT_KILLED(&sandbox_paravisor, sets_up_io_uring);
	ASSERT_KILLED(&sandbox_paravisor, reboots);
	ASSERT_KILLED(&sandbox_paravisor, maps_code);
	ASSERT_KILLED(&sandbox_paravisor, makes_memory_code);
}
END_TEST

static const struct sandbox_profile *const every[] = {
#define ADDRESS(name) &sandbox_##name,
	SANDBOX_PROFILES(ADDRESS)
#undef ADDRESS
};

static bool lists(const struct sandbox_profile *p, unsigned number)
{
	for (size_t i = 0; i < p->rule_count; i++)
		if (p->rules[i].number == number)
			return true;
	return false;
}

START_TEST(no_process_can_do_anything_of_a_forbidden_class)
{
	const struct sandbox_profile *p = every[_i];

	for (size_t i = 0; i < VL_ARRAY_COUNT(never); i++) {
		int s = status_of(p, never[i]);

		ck_assert_msg(WIFSIGNALED(s) && WTERMSIG(s) == SIGSYS, "%s, class %zu: status %#x",
				p->program, i, s);
	}
	for (size_t i = 0; !lists(p, SYS_execve) && i < VL_ARRAY_COUNT(never_of_workers); i++) {
		int s = status_of(p, never_of_workers[i]);

		ck_assert_msg(WIFSIGNALED(s) && WTERMSIG(s) == SIGSYS, "%s, worker's class %zu: status %#x",
			p->program, i, s);
	}
}
END_TEST

static void makes_a_descriptor_block_by_fcntl(void) { syscall(SYS_fcntl, 0, F_SETFL, 0); }
static void makes_a_descriptor_block_by_ioctl(void) { syscall(SYS_ioctl, 0, FIONBIO, NULL); }

/* Its flags are those of all who have it: the bells of a link would make the other end wait. */
START_TEST(no_end_of_a_device_workers_link_can_change_the_flags_of_what_it_shares)
{
	static const struct sandbox_profile *const ends[] = { &sandbox_vm, &sandbox_devworker,
		&sandbox_vtpm };

	ASSERT_KILLED(ends[_i], makes_a_descriptor_block_by_fcntl);
	ASSERT_KILLED(ends[_i], makes_a_descriptor_block_by_ioctl);
}
END_TEST

START_TEST(no_process_opens_a_file_that_is_not_its_own)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || sandbox_landlock(every[_i]) != 0)
			_exit(1);
		_exit(open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES ? 0 : 2);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: status %#x",
			every[_i]->program, status);
}
END_TEST

START_TEST(every_process_has_a_user_of_its_own_and_workers_have_no_capability)
{
	const struct sandbox_profile *p = every[_i];

	/* Init alone begins as root, which mounts; then it waits as another. */
	ck_assert(p->user != 0 || p == &sandbox_init);
	for (size_t k = 0; k < VL_ARRAY_COUNT(every); k++)
		ck_assert(every[k] == p || every[k]->user != p->user);
	ck_assert(p->capabilities == 0 || lists(p, SYS_execve));
	ck_assert_uint_gt(p->descriptor_max, 0);
}
END_TEST

/* What a child sees of itself in a cage of this user that keeps one capability; needs root. */
static int identity_of(uint32_t user)
{
	static const struct sandbox_rule rules[] = { { SYS_getresuid, SANDBOX_ANY },
		{ SYS_capget, SANDBOX_ANY },
		{ SYS_prctl, SANDBOX_ANY }, { SYS_exit_group, SANDBOX_ANY } };
	struct sandbox_profile p = { .user = user, .capabilities = 1ull << CAP_KILL, .rules = rules,
		.rule_count = VL_ARRAY_COUNT(rules) };
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2];
	uid_t real = 0, effective = 0, saved = 0;
	const char *step;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (sandbox_narrow(&p, &step))
		return 1;
	syscall(SYS_getresuid, &real, &effective, &saved);
	syscall(SYS_capget, &header, sets);
	if (real != user || effective != user || saved != user)
		return 2;
	if (sets[0].effective != 1u << CAP_KILL || sets[0].permitted != 1u << CAP_KILL || sets[1].permitted)
		return 3;
	return syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0) == 1 ? 0 : 4;
}

START_TEST(a_cage_leaves_its_user_and_its_capabilities_and_no_more)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		syscall(SYS_exit_group, identity_of(4321));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	/* Without root the kernel refuses the first step. */
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == (geteuid() ? 1 : 0), "status %#x", status);
}
END_TEST

/* In a whole cage without namespaces: what its limits are (FILTER_TELL_CORE: no core); needs root. */
static int limits_inside(void)
{
	static const struct sandbox_rule rules[] = { { SYS_prlimit64, SANDBOX_ANY },
		{ SYS_exit_group, SANDBOX_ANY } };
	struct sandbox_profile p = { .descriptor_max = 77, .rules = rules,
		.rule_count = VL_ARRAY_COUNT(rules) };
	static const int kinds[] = { RLIMIT_CORE, RLIMIT_MSGQUEUE, RLIMIT_NOFILE, RLIMIT_FSIZE };
	static const uint64_t expected[] = { 0, 0, 77, 256ull << 20 };
	const char *step;

	if (sandbox_enter(&p, &step))
		return 1;
	for (size_t i = 0; i < VL_ARRAY_COUNT(kinds); i++) {
		uint64_t now[2] = { 1, 1 };

		syscall(SYS_prlimit64, 0, kinds[i], NULL, now);
		if (now[0] != expected[i] || now[1] != expected[i])
			return 2;
	}
	return 0;
}

START_TEST(a_cage_bounds_core_files_descriptors_and_the_size_of_files)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		syscall(SYS_exit_group, limits_inside());
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == (geteuid() ? 1 : 0), "status %#x", status);
}
END_TEST

START_TEST(what_is_on_a_list_is_allowed)
{
	ASSERT_ALLOWED(&sandbox_vm, maps_data);
	ASSERT_ALLOWED(&sandbox_vm, asks_the_driver);
	ASSERT_ALLOWED(&sandbox_paravisor, maps_data);
	ASSERT_ALLOWED(&sandbox_paravisor, opens_a_file);
	ASSERT_ALLOWED(&sandbox_paravisor, makes_a_unix_socket);
}
END_TEST

static void is_within_the_paravisors(const struct sandbox_profile *worker)
{
	for (size_t i = 0; i < worker->rule_count; i++) {
		size_t k = 0;

		while (k < sandbox_paravisor.rule_count &&
		       sandbox_paravisor.rules[k].number != worker->rules[i].number)
			k++;
		ck_assert_msg(k < sandbox_paravisor.rule_count, "system call %u", worker->rules[i].number);
		/* The parent's check is none or the same. */
		ck_assert(sandbox_paravisor.rules[k].check == SANDBOX_ANY ||
			sandbox_paravisor.rules[k].check == worker->rules[i].check);
	}
}

START_TEST(a_workers_calls_are_all_on_its_parents_list)
{
	for (size_t i = 0; i < VL_ARRAY_COUNT(every); i++)
		if (every[i]->empty_root)
			is_within_the_paravisors(every[i]);
}
END_TEST

#define WAIT_MS 300
#define SLEEPS_WITHIN_MS 5000

/* True once the process sleeps. */
static bool sleeps(pid_t pid)
{
	char path[64], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (unsigned i = 0; i < SLEEPS_WITHIN_MS && state != 'S'; i++) {
		FILE *f = fopen(path, "r");

		if (!f || fscanf(f, "%*d %*s %c", &state) != 1)
			state = 0;
		if (f)
			fclose(f);
		usleep(1000);
	}
	return state == 'S';
}

static void waits(void) { poll(NULL, 0, WAIT_MS); }

/* The kernel goes on with such a wait by a call of its own, restart_syscall. */
START_TEST(a_wait_that_a_stop_interrupts_goes_on)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || sandbox_seccomp(every[_i]) != 0)
			_exit(99);
		waits();
		syscall(SYS_exit_group, 42);
	}
	ck_assert(sleeps(pid));
	ck_assert_int_eq(kill(pid, SIGSTOP), 0);
	ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
	ck_assert(WIFSTOPPED(status));
	ck_assert_int_eq(kill(pid, SIGCONT), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 42, "cage %d: status %#x", _i, status);
}
END_TEST

START_TEST(more_rules_than_fit_are_refused)
{
	struct sandbox_profile p = sandbox_vm;

	p.rule_count = SANDBOX_RULE_MAX + 1;
	ck_assert_int_eq(sandbox_seccomp(&p), VL_E_LIMIT);
}
END_TEST

/* In a child: 0 when Landlock leaves exactly `readable` of the two. */
static int landlocked(const char *readable, const char *refused)
{
	struct sandbox_path path = { readable, LANDLOCK_ACCESS_FS_READ_FILE };
	struct sandbox_profile p = { .paths = &path, .path_count = readable != NULL };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || sandbox_landlock(&p) != 0)
			_exit(1);
		if (readable && open(readable, O_RDONLY) < 0)
			_exit(2);
		if (readable && (open(readable, O_RDWR) >= 0 || errno != EACCES))
			_exit(3);
		_exit(open(refused, O_RDONLY) < 0 && errno == EACCES ? 0 : 4);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

START_TEST(landlock_leaves_the_listed_paths_and_no_other)
{
	ck_assert_int_eq(landlocked("/dev/null", "/dev/zero"), 0);
	ck_assert_int_eq(landlocked(NULL, "/dev/null"), 0);
}
END_TEST

Suite *suite_sandbox(void)
{
	Suite *s = suite_create("sandbox");
	TCase *c = tcase_create("cages");

	tcase_add_test(c, the_vm_worker_can_do_nothing_of_each_forbidden_class);
	tcase_add_test(c, the_profiler_can_do_nothing_of_each_forbidden_class);
	tcase_add_test(c, the_diagnostics_server_can_do_nothing_of_each_forbidden_class);
	tcase_add_test(c, the_paravisor_can_do_nothing_of_each_forbidden_class);
	tcase_add_loop_test(c, no_process_can_do_anything_of_a_forbidden_class, 0,
			(int)VL_ARRAY_COUNT(every));
	tcase_add_loop_test(c, no_end_of_a_device_workers_link_can_change_the_flags_of_what_it_shares, 0, 3);
	tcase_add_loop_test(c, no_process_opens_a_file_that_is_not_its_own, 0, (int)VL_ARRAY_COUNT(every));
	tcase_add_loop_test(c, every_process_has_a_user_of_its_own_and_workers_have_no_capability, 0,
		(int)VL_ARRAY_COUNT(every));
	tcase_add_test(c, a_cage_leaves_its_user_and_its_capabilities_and_no_more);
	tcase_add_test(c, a_cage_bounds_core_files_descriptors_and_the_size_of_files);
	tcase_add_test(c, what_is_on_a_list_is_allowed);
	tcase_add_test(c, a_workers_calls_are_all_on_its_parents_list);
	tcase_add_loop_test(c, a_wait_that_a_stop_interrupts_goes_on, 0, (int)VL_ARRAY_COUNT(every));
	tcase_add_test(c, more_rules_than_fit_are_refused);
	tcase_add_test(c, landlock_leaves_the_listed_paths_and_no_other);
	suite_add_tcase(s, c);
	return s;
}
