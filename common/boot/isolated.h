/*
 * What the shim does more when the VM is isolated and the hypervisor, not the
 * host, is trusted (VBS): VTL2's memory becomes VTL2's alone, pages that the
 * loader did not fill are accepted, and what it filled without measuring is
 * compared with the measured hash before anything of it is used.
 */
#ifndef VL_BOOT_ISOLATED_H
#define VL_BOOT_ISOLATED_H

#include "common/boot/hypercall.h"
#include "common/boot/params.h"

/*
 * Checks the measured list: ascending, disjoint, whole, and inside VTL2's memory but
 * for regions that were accepted at load. VL_E_ORDER, VL_E_RANGE, VL_E_OVERFLOW.
 * `moved` is the distance (modulo 2^64) by which the image was moved.
 */
int isolated_check_regions(const struct imported_regions *regions, uint64_t moved,
	const struct memory_map *map, struct boot_error *error);

/*
 * Keeps VTL0 from all of VTL2's memory: what the loader filled and accepted by
 * HvCallModifyVtlProtectionMask, the rest by HvCallAcceptGpaPages. VL_E_HYPERCALL.
 */
int isolated_take_memory(struct hypercall_pages *pages, const struct imported_regions *regions,
	uint64_t moved, const struct boot_plan *plan, struct boot_error *error);

/*
 * SHA-384 over the regions that were not accepted at load. VL_E_MEASUREMENT when it is not the measured one.
 */
int isolated_verify_regions(const struct imported_regions *regions, uint64_t moved, struct boot_error *error);

#endif
