/*
 * The system calls that the processes of VTL2 may make: what their own code
 * calls and what musl makes of it. port/sandbox_arch.h adds what only its
 * architecture has (the older calls of x86_64, for instance). Most frequent
 * first, for the kernel compares in this order.
 */
#ifndef VL_SANDBOX_CALLS_H
#define VL_SANDBOX_CALLS_H

#include "port/sandbox_arch.h"
#include "runtime/sandbox/debug_calls.h"

#include <sys/syscall.h>

/*
 * Waiting. A wait that is interrupted though there is no signal to handle - by a stop, a
 * tracer, a signal that is ignored - the kernel goes on with by a call of its own, and
 * asks the list for it as for any other.
 */
#define SANDBOX_WAITING_CALLS(CALL) \
	PORT_SANDBOX_WORKER_CALLS(CALL) \
	CALL(restart_syscall)

/* Memory as malloc() wants it, none of it to run. */
#define SANDBOX_MEMORY_CALLS(CALL, CALL_IF) \
	CALL_IF(mmap, NO_EXEC) \
	CALL_IF(mprotect, NO_EXEC) \
	CALL(munmap) \
	CALL(madvise) \
	CALL(brk)

/* One thread per VP: it serves VTL0's exits by the driver, and I/O by what it was given. */
#define SANDBOX_VM_CALLS(CALL, CALL_IF) \
	CALL_IF(ioctl, MSHV_IOCTL) \
	CALL_IF(clone, THREAD) \
	SANDBOX_VM_OTHER_CALLS(CALL, CALL_IF)

/* What its parent has with the same checks. */
#define SANDBOX_VM_OTHER_CALLS(CALL, CALL_IF) \
	CALL(futex) \
	CALL(read) \
	CALL(write) \
	CALL(epoll_pwait) \
	CALL(epoll_ctl) \
	CALL(timerfd_settime) \
	CALL(sendto) \
	CALL(recvfrom) \
	CALL(sendmsg) \
	CALL(recvmsg) \
	CALL(clock_gettime) \
	SANDBOX_WAITING_CALLS(CALL) \
	SANDBOX_MEMORY_CALLS(CALL, CALL_IF) \
	/* threads */ \
	CALL(sched_setaffinity) \
	CALL(sched_setscheduler) \
	CALL(rt_sigprocmask) \
	CALL(sigaltstack) \
	/* what it makes for itself: events, timers, saved state */ \
	CALL(eventfd2) \
	CALL(timerfd_create) \
	CALL(epoll_create1) \
	CALL(memfd_create) \
	CALL(ftruncate) \
	CALL(fstat) \
	CALL(pread64) \
	CALL(close) \
	CALL(exit) \
	CALL(exit_group)

/*
 * A device worker: no thread, nothing to open; it waits, is rung and rings. Its configuration and questions
 * of the inspect tree are recvmsg(), answers to these sendmsg().
 */
#define SANDBOX_DEVWORKER_CALLS(CALL, CALL_IF) \
	SANDBOX_WAITING_CALLS(CALL) \
	CALL(read) \
	CALL(write) \
	CALL(clock_gettime) \
	CALL(recvmsg) \
	CALL(sendmsg) \
	CALL_IF(mmap, NO_EXEC) \
	CALL(close) \
	CALL(exit_group)

/*
 * What GNU's libc calls where musl does not: at the start of a program and of a thread. Where it tries clone3
 * first (the port says so), that is absent: no list can look at its arguments, and the library can do
 * without.
 */
#define SANDBOX_GLIBC_CALLS(CALL, CALL_IF) \
	PORT_SANDBOX_THREAD_CALLS(CALL_IF) \
	CALL(set_robust_list) \
	CALL(rt_sigaction)

/*
 * The virtual TPM, the one program with GNU's libc: commands by a thread of its own, two channels, a store.
 */
#define SANDBOX_VTPM_CALLS(CALL, CALL_IF) \
	CALL(futex) \
	SANDBOX_WAITING_CALLS(CALL) \
	CALL(read) \
	CALL(write) \
	CALL(clock_gettime) \
	CALL(recvmsg) \
	CALL(sendmsg) \
	CALL(getrandom) \
	CALL(getpid) \
	CALL(close) \
	SANDBOX_MEMORY_CALLS(CALL, CALL_IF) \
	CALL(eventfd2) \
	CALL_IF(clone, THREAD) \
	SANDBOX_GLIBC_CALLS(CALL, CALL_IF) \
	CALL(rt_sigprocmask) \
	CALL(sigaltstack) \
	CALL(exit) \
	CALL(exit_group)

/* No memory, no thread, nothing new to open: it reads, counts and writes. */
#define SANDBOX_PROFILER_CALLS(CALL, CALL_IF) \
	SANDBOX_WAITING_CALLS(CALL) \
	CALL_IF(ioctl, PERF_IOCTL) \
	CALL(clock_gettime) \
	CALL(read) \
	CALL(lseek) \
	CALL(sendto) \
	CALL(sendmsg) \
	CALL(recvmsg) \
	CALL(write) \
	CALL(close) \
	CALL(munmap) \
	CALL(exit_group)

/*
 * Clients' streams, channels, the log and files that it was handed; memory for what clients have not taken
 * yet.
 */
#define SANDBOX_DIAG_CALLS(CALL, CALL_IF) \
	SANDBOX_WAITING_CALLS(CALL) \
	CALL(clock_gettime) \
	CALL(recvfrom) \
	CALL(sendto) \
	CALL(recvmsg) \
	CALL(sendmsg) \
	CALL(read) \
	CALL(accept4) \
	CALL(close) \
	CALL(write) \
	CALL(pread64) \
	CALL(fstat) \
	SANDBOX_MEMORY_CALLS(CALL, CALL_IF) \
	CALL(mremap) \
	CALL(exit_group)

/* Init while its child runs, and the last words to the host. */
#define SANDBOX_INIT_WAITING_CALLS(CALL, CALL_IF) \
	CALL(wait4) \
	CALL(write) \
	CALL_IF(socket, UNIX) \
	CALL(connect) \
	CALL(getsockopt) \
	CALL(fcntl) \
	SANDBOX_WAITING_CALLS(CALL) \
	CALL(sendto) \
	CALL(sendmsg) \
	CALL(recvfrom) \
	CALL(recvmsg) \
	CALL(clock_gettime) \
	CALL(nanosleep) \
	CALL(close) \
	CALL(exit_group)

/*
 * Also all of its workers' calls, for a list binds the children too; their own narrow
 * it. A worker whose calls are not here yet adds its list, and what it opens before
 * it enters its cage.
 */
#define SANDBOX_PARAVISOR_CALLS(CALL, CALL_IF) \
	CALL(ioctl) \
	CALL(clone) \
	SANDBOX_VM_OTHER_CALLS(CALL, CALL_IF) \
	PORT_SANDBOX_PARAVISOR_CALLS(CALL) \
	/* device tree, drivers, the shim's log */ \
	CALL(openat) \
	CALL(getdents64) \
	CALL(sync) \
	CALL(getrandom) \
	/* streams to the host, channels to the workers */ \
	CALL_IF(socket, UNIX) \
	CALL_IF(socketpair, UNIX) \
	CALL(connect) \
	CALL(getsockopt) \
	CALL(fcntl) \
	CALL(nanosleep) \
	/* the diagnostics server's, and the sockets that it is handed */ \
	CALL(bind) \
	CALL(listen) \
	CALL(accept4) \
	CALL(mremap) \
	CALL(uname) \
	/* starting, watching and ending workers */ \
	CALL(getpid) \
	CALL(getppid) \
	CALL(gettid) \
	CALL(set_tid_address) \
	CALL(close_range) \
	CALL(execve) \
	CALL(pidfd_open) \
	CALL(pidfd_send_signal) \
	CALL(waitid) \
	CALL(wait4) \
	CALL(kill) \
	/* the virtual TPM's, also to start; there is no rseq in VTL2's kernel, and the library leaves it */ \
	SANDBOX_GLIBC_CALLS(CALL, CALL_IF) \
	CALL(rseq) \
	PORT_SANDBOX_GLIBC_CALLS(CALL) \
	/* the profiler's, and what it opens before it enters its cage */ \
	CALL(perf_event_open) \
	CALL(sysinfo) \
	CALL(lseek) \
	/* the debug image's commands' */ \
	SANDBOX_DEBUG_CALLS(CALL) \
	/* a worker's way into its own cage */ \
	CALL(prlimit64) \
	CALL(unshare) \
	CALL(chroot) \
	CALL(chdir) \
	CALL(prctl) \
	CALL(setgroups) \
	CALL(setresgid) \
	CALL(setresuid) \
	CALL(capset) \
	CALL(landlock_create_ruleset) \
	CALL(landlock_restrict_self) \
	CALL(seccomp)

/* Init's own are few; the rest is its child's, which also has paths to keep. */
#define SANDBOX_INIT_CALLS(CALL, CALL_IF) \
	SANDBOX_PARAVISOR_CALLS(CALL, CALL_IF) \
	SANDBOX_INIT_OWN_CALLS(CALL)

/* Every call of every list. */
#define SANDBOX_ALL_CALLS(CALL, CALL_IF) SANDBOX_INIT_CALLS(CALL, CALL_IF)

#endif
