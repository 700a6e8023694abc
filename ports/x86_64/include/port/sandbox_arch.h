/* seccomp on x86_64: its name there, and the calls that newer architectures do not have. */
#ifndef VL_PORT_SANDBOX_ARCH_H
#define VL_PORT_SANDBOX_ARCH_H

#include <linux/audit.h>

#define PORT_AUDIT_ARCH AUDIT_ARCH_X86_64

#define PORT_SANDBOX_WORKER_CALLS(CALL) CALL(poll)

/* arch_prctl: a program's start sets its thread pointer. */
#define PORT_SANDBOX_PARAVISOR_CALLS(CALL) \
	CALL(arch_prctl) \
	CALL(open) \
	CALL(fork) \
	CALL(dup2)

/* What GNU's libc tries first for a thread. */
#define PORT_SANDBOX_THREAD_CALLS(CALL_IF) CALL_IF(clone3, ABSENT)
/* Where its program is, which GNU's libc looks for at the start. */
#define PORT_SANDBOX_GLIBC_CALLS(CALL) CALL(readlink)

/* A program of GNU's libc makes the older calls where there are some, and the newer ones. */
#define PORT_SANDBOX_COMMAND_CALLS(CALL) \
	CALL(dup3) \
	CALL(readlinkat) \
	CALL(ppoll) \
	CALL(stat) \
	CALL(lstat) \
	CALL(access) \
	CALL(pipe) \
	CALL(select) \
	CALL(vfork) \
	CALL(getpgrp) \
	CALL(getdents) \
	CALL(unlink) \
	CALL(mkdir) \
	CALL(rmdir) \
	CALL(rename) \
	CALL(link) \
	CALL(symlink) \
	CALL(chmod) \
	CALL(chown) \
	CALL(alarm) \
	CALL(pause) \
	CALL(time)

#endif
