/* The paravisor's part of the inspect tree. */
#ifndef VL_PARAVISOR_INSPECT_H
#define VL_PARAVISOR_INSPECT_H

#include "runtime/lib/inspect_unit.h"
#include "runtime/paravisor/paravisor.h"

/* Its entries in the tree's root; ends in NULL. */
extern const char *const paravisor_entries[];

/* An inspect_unit_walk; `context` is the paravisor. */
void paravisor_inspect(void *context, struct inspect *i);

#endif
