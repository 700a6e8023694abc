/*
 * Where a program's code lies in memory. A static-pie is loaded at an address of
 * the kernel's choice; whoever names addresses of it (profiler, crash reports)
 * needs that base. So each process of VTL2 tells its parent, first thing, as the
 * first message on the channel of its last word (CRASH_FD; crash_init() does it), and
 * init tells the paravisor over the same. Nothing of it leaves VTL2 when the VM is
 * isolated, and a hardened program tells nobody: nobody there would ask.
 */
#ifndef VL_LIB_TEXT_H
#define VL_LIB_TEXT_H

#include "common/base/types.h"

#define TEXT_VERSION 1u

/* Of a process that is not trusted: a lie costs names in a profile. */
struct text_hello {
	uint32_t version, reserved; /* TEXT_VERSION, 0 */
	uint64_t text_base;         /* page aligned */
};

/* The address at which the program's file offset 0 is mapped. */
static inline uint64_t text_base(void)
{
	extern const char __ehdr_start[] __attribute__((visibility("hidden"))); /* the linker's */

	return (uint64_t)(uintptr_t)__ehdr_start;
}

#ifdef VL_HARDENED
static inline void text_tell(int fd) { }
static inline uint64_t text_hear(int fd) { return 0; }
#else
/* Tells who has the other end of `fd`, if somebody does. Never waits. */
void text_tell(int fd);

/*
 * Takes what text_tell() sent, if that is next on `fd`, and returns the base. 0: it is not there (yet) - any
 * other message stays where it is -, or makes no sense. Never waits.
 */
uint64_t text_hear(int fd);
#endif

#endif
