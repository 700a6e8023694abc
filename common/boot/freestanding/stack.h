/*
 * The shim's stack (common/boot/stack.inc), for start.S, which puts the cookie there, and for what looks
 * after it.
 */
#ifndef VL_BOOT_STACK_H
#define VL_BOOT_STACK_H

#define STACK_COOKIE 0x30405060

#ifndef __ASSEMBLER__
#include "common/base/types.h"

extern uint8_t boot_stack_guard[VL_PAGE_BYTES];
extern uint64_t boot_stack[];
#endif

#endif
