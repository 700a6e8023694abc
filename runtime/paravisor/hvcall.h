/* The hypercalls that the paravisor itself makes, for an isolated VM only: report and sealing key. */
#ifndef VL_PARAVISOR_HVCALL_H
#define VL_PARAVISOR_HVCALL_H

#include "runtime/paravisor/security.h"

/* By /dev/mshv_hvcall, opened for each call with nothing but these two codes allowed on it. */
extern const struct security_platform hvcall_platform;

#endif
