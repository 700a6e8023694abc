/* Host device trees for the tests of the boot shim: a sound one, to be bent by the tests. */
#ifndef VL_TEST_BOOT_TREES_H
#define VL_TEST_BOOT_TREES_H

#include "common/base/types.h"

#define TREE_BYTES 65536

/*
 * A host with `cpus` CPUs (ids 0...), 512 MiB of VTL0 RAM, VTL2 RAM (protectable)
 * at 512 MiB of 64 MiB, two VMBuses, COM3 and /vallum, open for libfdt's
 * read-write functions.
 */
void tree_make(void *fdt, unsigned cpus);

/* libfdt's setters on a path; a failure fails the test. */
void tree_set(void *fdt, const char *path, const char *name, const void *value, int size);
void tree_set_u32(void *fdt, const char *path, const char *name, uint32_t value);
void tree_set_u64s(void *fdt, const char *path, const char *name, const uint64_t *values, unsigned count);
void tree_set_text(void *fdt, const char *path, const char *name, const char *value);
void tree_delete(void *fdt, const char *path, const char *name); /* a property, or the node when NULL */
void tree_add(void *fdt, const char *parent, const char *name);

#endif
