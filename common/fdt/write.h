/*
 * Writing a device tree as a series of calls: libfdt's sequential writer with a
 * sticky error, so that a tree's description reads straight and is checked once.
 * Used by the boot shim and whoever else builds a tree; nothing allocates.
 */
#ifndef VL_FDT_WRITE_H
#define VL_FDT_WRITE_H

#include "common/base/types.h"

struct fdt_writer {
	void *fdt;
	int err; /* libfdt's: 0, or the first failure (negative); later calls do nothing */
};

/* Begins a tree in fdt[0, size). Reserve entries come first, then the nodes. */
void fdtw_create(struct fdt_writer *w, void *fdt, size_t size);
void fdtw_reserve(struct fdt_writer *w, uint64_t base, uint64_t size);
/* Ends the reserve map. */
void fdtw_nodes(struct fdt_writer *w);
/* Ends the tree and makes its size final. Returns `err`. */
int fdtw_finish(struct fdt_writer *w);

void fdtw_begin(struct fdt_writer *w, const char *name);
void fdtw_begin_at(struct fdt_writer *w, const char *name, uint64_t address); /* "name@address" */
void fdtw_end(struct fdt_writer *w);

/* Properties of the node begun last; before its first child. */
void fdtw_bytes(struct fdt_writer *w, const char *name, const void *value, size_t size);
void fdtw_empty(struct fdt_writer *w, const char *name);
void fdtw_text(struct fdt_writer *w, const char *name, const char *value);
void fdtw_u32(struct fdt_writer *w, const char *name, uint32_t value);
void fdtw_u32s(struct fdt_writer *w, const char *name, const uint32_t *values, size_t count); /* at most 16 */
void fdtw_u64(struct fdt_writer *w, const char *name, uint64_t value);
void fdtw_u64s(struct fdt_writer *w, const char *name, const uint64_t *values, size_t count); /* at most 16 */
/* #address-cells and #size-cells. */
void fdtw_cells(struct fdt_writer *w, uint32_t address, uint32_t size);

#endif
