/*
 * How this VM is isolated, from the device tree that the shim wrote: what user
 * space asks the filter (security/filter) with. Used by init and the paravisor.
 */
#ifndef VL_LIB_ISOLATION_H
#define VL_LIB_ISOLATION_H

#include "runtime/lib/devtree.h"
#include "security/filter/filter.h"

/* 0; errors of devtree_read or VL_E_RANGE, and then *out is the strictest there is. */
int isolation_read(struct filter_context *out, const struct devtree *t);

#endif
