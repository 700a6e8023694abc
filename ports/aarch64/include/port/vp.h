/* One aarch64 VP as the VM worker keeps it. See runtime/vm/port.h. */
#ifndef VL_PORT_VP_H
#define VL_PORT_VP_H

#include "port/hv_arch.h"

/* Nothing: all that a VP is lies in the hypervisor. */
struct vp_arch {
};

#endif
