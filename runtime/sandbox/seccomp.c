/*
 * The list of allowed system calls as a BPF program (sandbox.h; program and
 * data layout: linux/seccomp.h). Comparisons in order; the lists are short and
 * the frequent calls stand first. What is not allowed kills the process.
 */
#include "runtime/sandbox/sandbox.h"
#include "port/sandbox_arch.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#define MSHV_IOCTL_TYPE 0xb8u /* MSHV_IOCTL of linux/mshv.h */
#define PERF_IOCTL_TYPE 0x24u /* of PERF_EVENT_IOC_* in linux/perf_event.h */

#define NAMESPACES (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

/* The most that one rule becomes: number, load, test, test, verdicts, reload. */
#define PER_RULE 7
#define PROGRAM_MAX (6 + PER_RULE * SANDBOX_RULE_MAX)

struct program {
	struct sock_filter code[PROGRAM_MAX];
	unsigned short count;
};

static void emit(struct program *b, struct sock_filter f)
{
	b->code[b->count++] = f;
}

static void load(struct program *b, size_t offset)
{
	emit(b, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void verdict(struct program *b, uint32_t action)
{
	emit(b, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* Allows when the low 32 bits of an argument, masked, are `value`; kills otherwise. */
static void test_masked(struct program *b, unsigned argument, uint32_t mask, uint32_t value)
{
	/* The low half: our ports are little-endian (common/base/types.h). */
	load(b, offsetof(struct seccomp_data, args) + argument * sizeof(uint64_t));
	emit(b, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
	emit(b, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
	verdict(b, SECCOMP_RET_ALLOW);
	verdict(b, SECCOMP_RET_KILL_PROCESS);
}

static void test_family(struct program *b)
{
	load(b, offsetof(struct seccomp_data, args));
	emit(b, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 1, 0));
	emit(b, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_VSOCK, 0, 1));
	verdict(b, SECCOMP_RET_ALLOW);
	verdict(b, SECCOMP_RET_KILL_PROCESS);
}

/* The number is in the accumulator when a rule begins; a test ends in a verdict. */
static void emit_rule(struct program *b, const struct sandbox_rule *r)
{
	unsigned short jump = b->count;

	emit(b, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, r->number, 0, 0));
	switch ((enum sandbox_check)r->check) {
	case SANDBOX_ANY:
		verdict(b, SECCOMP_RET_ALLOW);
		break;
	case SANDBOX_NO_EXEC:
		test_masked(b, 2, PROT_EXEC, 0);
		break;
	case SANDBOX_MSHV_IOCTL:
		test_masked(b, 1, 0xff00, MSHV_IOCTL_TYPE << 8);
		break;
	case SANDBOX_PERF_IOCTL:
		test_masked(b, 1, 0xff00, PERF_IOCTL_TYPE << 8);
		break;
	case SANDBOX_THREAD:
		test_masked(b, 0, CLONE_VM | CLONE_THREAD | CLONE_NEWUSER, CLONE_VM | CLONE_THREAD);
		break;
	case SANDBOX_NO_NAMESPACE:
		test_masked(b, 0, NAMESPACES, 0);
		break;
	case SANDBOX_ABSENT:
		verdict(b, SECCOMP_RET_ERRNO | ENOSYS);
		break;
	case SANDBOX_UNIX:
		test_family(b);
		break;
	}
	b->code[jump].jf = (uint8_t)(b->count - jump - 1);
}

int sandbox_seccomp(const struct sandbox_profile *p)
{
	static struct program b;
	struct sock_fprog list = { .filter = b.code };

	if (p->rule_count > SANDBOX_RULE_MAX)
		return VL_E_LIMIT;
	b.count = 0;
	load(&b, offsetof(struct seccomp_data, arch));
	emit(&b, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PORT_AUDIT_ARCH, 1, 0));
	verdict(&b, SECCOMP_RET_KILL_PROCESS);
	load(&b, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < p->rule_count; i++)
		emit_rule(&b, &p->rules[i]);
	verdict(&b, SECCOMP_RET_KILL_PROCESS);
	list.len = b.count;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &list) != 0)
		return VL_E_OS;
	return 0;
}
