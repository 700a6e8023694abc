/*
 * What no process of VTL2 may do, and what none may that starts no programs: an
 * attempt of each class - files, programs, network, processes, privileges, code,
 * kernel. An attempt that a list says does not exist ends as a forbidden one does.
 * For the unit tests of the cages, and for vallum-account, which proves the same
 * in VTL2 itself, on each architecture.
 */
#ifndef VL_TEST_FORBIDDEN_H
#define VL_TEST_FORBIDDEN_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void opens_a_file(void) { syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY); }
static void runs_a_program(void) { syscall(SYS_execve, "/bin/true", NULL, NULL); }
static void makes_a_socket(void) { syscall(SYS_socket, AF_INET, SOCK_STREAM, 0); }
static void makes_a_packet_socket(void) { syscall(SYS_socket, AF_PACKET, SOCK_RAW, 0); }
static void makes_a_process(void) { syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }
static void traces(void) { syscall(SYS_ptrace, 0, 0, 0, 0); }
static void kills_another(void) { syscall(SYS_kill, getppid(), 0); }
static void becomes_root(void) { syscall(SYS_setresuid, 0, 0, 0); }
static void mounts(void) { syscall(SYS_mount, NULL, NULL, NULL, 0, NULL); }
static void loads_a_module(void) { syscall(SYS_finit_module, 0, NULL, 0); }
static void reads_anothers_memory(void) { syscall(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0); }
static void loads_bpf(void) { syscall(SYS_bpf, 0, NULL, 0); }
static void adds_a_key(void) { syscall(SYS_add_key, NULL, NULL, NULL, 0, 0); }
static void sets_up_io_uring(void) { syscall(SYS_io_uring_setup, 1, NULL); }
static void reboots(void) { syscall(SYS_reboot, 0, 0, 0, NULL); }

/*
 * A list may also say that there is no such call, so that nothing is made either: that ends as the others do.
 */
static void makes_a_process_by_clone3(void)
{
	if (syscall(SYS_clone3, NULL, 0) < 0 && errno == ENOSYS)
		reboots();
}

static void makes_a_user_namespace(void)
{
	syscall(SYS_clone, CLONE_VM | CLONE_THREAD | CLONE_NEWUSER, 0, 0, 0, 0);
}

static void maps_code(void)
{
	syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void makes_memory_code(void)
{
	static char page[8192];

	syscall(SYS_mprotect, ((uintptr_t)page + 4095) & ~4095ul, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
}

static void types_into_a_terminal(void) { syscall(SYS_ioctl, 0, TIOCSTI, NULL); }

/* What no process of VTL2 may do. */
static void (*const never[])(void) = { makes_a_socket, makes_a_packet_socket, makes_a_process_by_clone3,
	traces, mounts,
	loads_a_module, reads_anothers_memory, loads_bpf, adds_a_key, sets_up_io_uring, reboots, maps_code,
	makes_memory_code };
/* What none may that starts no programs. */
static void (*const never_of_workers[])(void) = { opens_a_file, runs_a_program, makes_a_process,
	makes_a_user_namespace, becomes_root, kills_another, types_into_a_terminal };

#endif
