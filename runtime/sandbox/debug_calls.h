/*
 * What the cages of the debug image have beside the others' (calls.h): a command that a client
 * of the diagnostics server runs is any program of that image. It looks, waits, starts programs and
 * writes to what it was given; it has no socket of its own, makes no memory code, traces and mounts
 * nothing. An image that is not for debugging has none of this.
 */
#ifndef VL_SANDBOX_DEBUG_CALLS_H
#define VL_SANDBOX_DEBUG_CALLS_H

/* What a parent of commands has in any case. */
#define SANDBOX_EXEC_SHARED_CALLS(CALL, CALL_IF) \
	CALL(read) \
	CALL(write) \
	CALL(openat) \
	CALL(close) \
	CALL(fstat) \
	CALL(getdents64) \
	CALL(pread64) \
	CALL(lseek) \
	CALL(fcntl) \
	CALL(ioctl) \
	CALL(ftruncate) \
	CALL(chdir) \
	CALL(sync) \
	SANDBOX_WAITING_CALLS(CALL) \
	PORT_SANDBOX_PARAVISOR_CALLS(CALL) \
	PORT_SANDBOX_GLIBC_CALLS(CALL) \
	SANDBOX_MEMORY_CALLS(CALL, CALL_IF) \
	CALL(mremap) \
	CALL_IF(clone, NO_NAMESPACE) \
	CALL(execve) \
	CALL(exit) \
	CALL(exit_group) \
	CALL(wait4) \
	CALL(waitid) \
	CALL(kill) \
	CALL(futex) \
	CALL(getpid) \
	CALL(getppid) \
	CALL(gettid) \
	CALL(set_tid_address) \
	CALL(set_robust_list) \
	CALL(rseq) \
	CALL(prctl) \
	CALL(prlimit64) \
	CALL(close_range) \
	CALL(pidfd_open) \
	CALL(rt_sigaction) \
	CALL(rt_sigprocmask) \
	CALL(sigaltstack) \
	CALL(clock_gettime) \
	CALL(nanosleep) \
	CALL(getrandom) \
	CALL(uname) \
	CALL(sysinfo) \
	CALL(sched_setaffinity) \
	CALL(sendto) \
	CALL(recvfrom) \
	CALL(sendmsg) \
	CALL(recvmsg)

/* What it has for them alone. */
#define SANDBOX_EXEC_OWN_CALLS(CALL) \
	PORT_SANDBOX_COMMAND_CALLS(CALL) \
	/* files; what they may do to them says Landlock, whose paths a command's cage has of its own */ \
	CALL(landlock_add_rule) \
	CALL(readv) \
	CALL(writev) \
	CALL(pwrite64) \
	CALL(sendfile) \
	CALL(newfstatat) \
	CALL(statx) \
	CALL(statfs) \
	CALL(fstatfs) \
	CALL(faccessat) \
	CALL(faccessat2) \
	CALL(getcwd) \
	CALL(fchdir) \
	CALL(umask) \
	CALL(dup) \
	CALL(pipe2) \
	CALL(fsync) \
	CALL(unlinkat) \
	CALL(mkdirat) \
	CALL(renameat) \
	CALL(linkat) \
	CALL(symlinkat) \
	CALL(fchmodat) \
	CALL(fchownat) \
	CALL(utimensat) \
	/* processes and signals */ \
	CALL(tgkill) \
	CALL(setsid) \
	CALL(getsid) \
	CALL(setpgid) \
	CALL(getpgid) \
	CALL(getuid) \
	CALL(geteuid) \
	CALL(getgid) \
	CALL(getegid) \
	CALL(getgroups) \
	/* to what they are already, for there is no privilege to be another */ \
	CALL(setuid) \
	CALL(setgid) \
	CALL(capget) \
	CALL(getrusage) \
	CALL(getpriority) \
	CALL(times) \
	CALL(sched_getaffinity) \
	CALL(sched_getscheduler) \
	CALL(sched_getparam) \
	CALL(sched_yield) \
	CALL(rt_sigreturn) \
	CALL(rt_sigsuspend) \
	CALL(rt_sigtimedwait) \
	CALL(rt_sigpending) \
	CALL(shutdown) \
	/* time */ \
	CALL(gettimeofday) \
	CALL(clock_getres) \
	CALL(clock_nanosleep) \
	CALL(setitimer) \
	CALL(getitimer) \
	CALL(pselect6)

#ifdef VL_DEBUG_IMAGE
#define SANDBOX_DEBUG_CALLS(CALL) SANDBOX_EXEC_OWN_CALLS(CALL)
#define SANDBOX_INIT_OWN_CALLS(CALL) /* landlock_add_rule, which the paravisor has here, too */
/* A parent's paths bind its commands: what they may look at it may, too. */
#define SANDBOX_DEBUG_PATHS \
	{ "/", READ }, \
	{ "/dev/null", DEVICE }, \
	{ "/dev/zero", DEVICE },
#else
#define SANDBOX_DEBUG_CALLS(CALL)
#define SANDBOX_INIT_OWN_CALLS(CALL) CALL(landlock_add_rule)
#define SANDBOX_DEBUG_PATHS
#endif

#endif
