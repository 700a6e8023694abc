/*
 * Where this program's code lies in memory. A static-pie is loaded at an address
 * of the kernel's choice; whoever names addresses of it (profiler, crash
 * reports) needs that base. It says where code is: not for an untrusted host.
 */
#ifndef VL_LIB_TEXT_H
#define VL_LIB_TEXT_H

#include "common/base/types.h"

/* The address at which the program's file offset 0 is mapped. */
static inline uint64_t text_base(void)
{
	extern const char __ehdr_start[] __attribute__((visibility("hidden"))); /* the linker's */

	return (uint64_t)(uintptr_t)__ehdr_start;
}

#endif
