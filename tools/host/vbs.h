/*
 * The measured launch of a VBS-isolated partition: what the host measures while
 * it loads the image, what it refuses, and the report that it signs about it for
 * VTL2. Used by main.c (set-up) and hypercall.c. The image and VTL2 are not
 * trusted; the platform key's file is the user's.
 */
#ifndef VL_HOST_VBS_H
#define VL_HOST_VBS_H

#include "tools/host/image.h"

struct host_vbs;

/*
 * Measures the image, checks that it allows what is asked for, and reads the
 * platform key. NULL in *out when config->isolation is none. Errors are printed:
 * VL_E_MEASUREMENT  the image's own VBS_MEASUREMENT names another digest
 * VL_E_UNSUPPORTED  it is of a kind that this host does not know
 * VL_E_OS, VL_E_FORMAT, VL_E_TYPE ...  the platform key; errors of igvm_measure_vbs
 */
int host_vbs_create(const struct host_config *config, const struct image *image, struct host_vbs **out);
/* Wipes the key. NULL is fine. */
void host_vbs_destroy(struct host_vbs *vbs);

/* HvCallVbsVmCallReport (common/hv/vbs_report.h); `vbs` NULL: not isolated. Result: enum hv_status. */
uint16_t host_vbs_report(const struct host_vbs *vbs, struct host_call *call);

/*
 * HvCallVallumSealingKey (common/hv/sealing.h): derived from the platform key, so that
 * it is as secret as that key's file. An image without a signer gets none for a signer.
 */
uint16_t host_vbs_sealing_key(const struct host_vbs *vbs, struct host_call *call);

#endif
