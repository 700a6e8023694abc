/* One x86_64 VP as the VM worker keeps it. See runtime/vm/port.h. */
#ifndef VL_PORT_VP_H
#define VL_PORT_VP_H

#include "port/hv_arch.h"

struct vp_arch {
	uint64_t assist_page_msr, tsc_invariant_msr, misc_enable, bios_sign; /* hold what the guest wrote */
};

#endif
