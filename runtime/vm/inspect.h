/* The VM worker's part of the inspect tree. */
#ifndef VL_VM_INSPECT_H
#define VL_VM_INSPECT_H

#include "runtime/lib/inspect_unit.h"
#include "runtime/vm/vm.h"

/* An inspect_unit_walk; `context` is the machine. On the I/O loop's thread. */
void vm_inspect(void *context, struct inspect *i);

#endif
