/*
 * The device tree as the kernel shows it: a directory per node, a file per
 * property, big-endian cells (/proc/device-tree). The boot shim wrote it from
 * the host's; in a VM that is not isolated the host decides its content, so
 * every value is checked by whoever uses it.
 */
#ifndef VL_LIB_DEVTREE_H
#define VL_LIB_DEVTREE_H

#include "common/base/err.h"
#include "common/base/types.h"

#define DEVTREE_PATH "/proc/device-tree"
#define DEVTREE_NAME_MAX 64 /* bytes with the NUL, of a node's name */

struct devtree {
	int root; /* directory descriptor */
};

/* VL_E_NOTFOUND, VL_E_OS. Close with devtree_close(). */
int devtree_open(struct devtree *t, const char *path);
void devtree_close(struct devtree *t);

/*
 * Properties by path relative to the root ("openhcl/entropy/reg"). All:
 * VL_E_NOTFOUND, VL_E_LIMIT (longer than `room`), VL_E_OS. devtree_read
 * returns the size in bytes. A u32 is one cell, a u64 two, a pair four; any
 * other size is VL_E_FORMAT. A string must end in its one NUL.
 */
int devtree_read(const struct devtree *t, const char *path, void *out, size_t room);
int devtree_u32(const struct devtree *t, const char *path, uint32_t *out);
int devtree_u64(const struct devtree *t, const char *path, uint64_t *out);
int devtree_pair(const struct devtree *t, const char *path, uint64_t *first, uint64_t *second);
int devtree_string(const struct devtree *t, const char *path, char *out, size_t room);

/*
 * Calls visit(context, name) for each node under `parent` (a path, "." for
 * the root) whose name begins with `prefix`, in no order; stops at its first
 * error. Returns that, or 0, VL_E_NOTFOUND (no parent), VL_E_LIMIT (a name
 * that is too long), VL_E_OS.
 */
int devtree_each(const struct devtree *t, const char *parent, const char *prefix,
	int (*visit)(void *context, const char *name), void *context);

#endif
