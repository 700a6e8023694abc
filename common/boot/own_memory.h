/*
 * The shim's own memory, as its portable code sees it. freestanding/own_memory.c
 * is the real thing on every architecture; the test port has a fake.
 */
#ifndef VL_BOOT_OWN_MEMORY_H
#define VL_BOOT_OWN_MEMORY_H

#include "common/base/types.h"
#include "common/boot/error.h"

/* The memory at [at, at + size), which the caller has checked to be the image's own. */
void *boot_memory(gpa_t at, uint64_t size);

/* VL_E_INTERNAL when the stack was overrun. */
int boot_check_stack(struct boot_error *error);

#endif
