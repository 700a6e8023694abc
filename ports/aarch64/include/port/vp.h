/* One aarch64 VP as the VM worker keeps it. See runtime/vm/port.h. */
#ifndef VL_PORT_VP_H
#define VL_PORT_VP_H

#include "port/hv_arch.h"

struct vp_arch {
	uint32_t warnings; /* lines logged about this VP's guest, bounded */
};

#endif
