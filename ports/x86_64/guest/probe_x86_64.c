/*
 * guest-probe on x86_64: `poke` reads and writes every port, `bench-pio PORT
 * COUNT` reads one, `outs` and `breakpoint` see that what the switches of VTLs
 * leave out is not missed.
 */
#include "test/guest/guest-probe.h"
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT_COUNT 0x10000u
#define CMOS_DATA 0x71
#define PIT_COUNTER_2 0x42
#define PIT_CONTROL 0x43
#define PIT_SET_2 0xb0    /* counter 2, low byte then high byte, mode 0 */
#define PIT_STATUS_2 0xe8 /* read-back of counter 2's status */
#define PIT_NULL_COUNT 0x40
#define DR7_L0 1ul

const uint64_t probe_port_mmio_base = 0xd0000000;
const uint64_t probe_port_mmio_end = 0xfe000000;

/* Writing these ends the guest or stops its clock or console. */
static int is_deadly(unsigned port)
{
	return port < 0x100 || port == 0xcf9 || (port >= 0x3f8 && port <= 0x3ff) ||
			(port >= 0x400 && port < 0x700);
}

int probe_port_poke(void)
{
	unsigned sum = 0;

	if (iopl(3)) {
		perror("iopl");
		return 1;
	}
	for (unsigned port = 0; port < PORT_COUNT; port++)
		sum += inb((unsigned short)port);
	for (unsigned port = 0; port < PORT_COUNT; port++)
		if (!is_deadly(port))
			outb(0xff, (unsigned short)port);
	printf("vallum-guest: poked every port, sum %u\n", sum);
	return 0;
}

static void read_port(uint64_t where)
{
	inb((unsigned short)where);
}

/* True when counter 2 got both bytes of its count and counts. */
static int pit_counts(void)
{
	outb(PIT_STATUS_2, PIT_CONTROL);
	return !(inb(PIT_COUNTER_2) & PIT_NULL_COUNT);
}

/*
 * KVM is past an OUTS when it exits and before an OUT: one must not be taken for the other, even with equal
 * data.
 */
static int check_outs(void)
{
	static const uint8_t byte = 0x5a;
	const uint8_t *from = &byte;
	int half, whole;

	outb(PIT_SET_2, PIT_CONTROL);
	outb(byte, PIT_COUNTER_2);
	half = pit_counts();
	outb(PIT_SET_2, PIT_CONTROL);
	__asm__ volatile("outsb; outb %%al, %%dx" : "+S"(from) : "a"(byte), "d"(PIT_COUNTER_2) : "memory");
	whole = pit_counts();
	printf("the counter counts after one write: %d, after OUTS and OUT: %d; OUTS moved on by %td\n", half,
			whole, from - &byte);
	return half || !whole || from != &byte + 1;
}

static volatile unsigned touches;

static __attribute__((noinline)) void touch(void)
{
	touches++;
}

static int reads_then_touches(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	for (unsigned i = 0; i < 1000; i++)
		inb(CMOS_DATA);
	touch();
	return 0;
}

static int set_debug_register(pid_t pid, unsigned number, unsigned long value)
{
	return ptrace(PTRACE_POKEUSER, pid,
			(void *)(offsetof(struct user, u_debugreg) + number * sizeof(long)), value) != 0;
}

/* A hardware breakpoint that is set before port accesses stops the program after them. */
static int check_breakpoint(void)
{
	pid_t pid = fork();
	int status;
	unsigned long dr6;

	if (pid == 0)
		_exit(reads_then_touches());
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
	    set_debug_register(pid, 0, (uintptr_t)touch) || set_debug_register(pid, 7, DR7_L0)) {
		perror("breakpoint");
		return 1;
	}
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	waitpid(pid, &status, 0);
	if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) {
		printf("no breakpoint: status %#x\n", (unsigned)status);
		return 1;
	}
	dr6 = (unsigned long)ptrace(PTRACE_PEEKUSER, pid,
			(void *)(offsetof(struct user, u_debugreg) + 6 * sizeof(long)), NULL);
	printf("stopped with DR6 %#lx\n", dr6);
	ptrace(PTRACE_KILL, pid, NULL, NULL);
	waitpid(pid, &status, 0);
	return !(dr6 & DR7_L0);
}

int probe_port(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (iopl(3)) {
		perror("iopl");
		return 1;
	}
	if (!strcmp(what, "bench-pio") && argc == 4)
		return probe_bench("PIO read", read_port, strtoul(argv[2], NULL, 0),
			(unsigned)strtoul(argv[3], NULL, 0));
	if (!strcmp(what, "outs"))
		return check_outs();
	if (!strcmp(what, "breakpoint"))
		return check_breakpoint();
	return -1;
}
