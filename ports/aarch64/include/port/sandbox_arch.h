/* seccomp on aarch64: its name there, and what it has in place of older calls. */
#ifndef VL_PORT_SANDBOX_ARCH_H
#define VL_PORT_SANDBOX_ARCH_H

#include <linux/audit.h>

#define PORT_AUDIT_ARCH AUDIT_ARCH_AARCH64

#define PORT_SANDBOX_WORKER_CALLS(CALL) CALL(ppoll)
#define PORT_SANDBOX_PARAVISOR_CALLS(CALL) CALL(dup3)
/* What GNU's libc tries first for a thread: here it makes the call that musl makes, too. */
#define PORT_SANDBOX_THREAD_CALLS(CALL_IF)
/* Where its program is, which GNU's libc looks for at the start. */
#define PORT_SANDBOX_GLIBC_CALLS(CALL) CALL(readlinkat)

/* There are no older calls that a program of GNU's libc would make. */
#define PORT_SANDBOX_COMMAND_CALLS(CALL)

#endif
