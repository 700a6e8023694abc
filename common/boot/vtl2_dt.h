/*
 * The VTL2 device tree: what the VTL2 kernel and, through /proc/device-tree,
 * user space learn of the machine. Written by the shim from checked data only.
 * Layout: the reference implementation's (openhcl_boot, dt.rs), plus a copy of
 * the host's /vallum.
 *
 * /memreserve/ every VTL2 range that is not RAM
 * /: #address-cells 2, #size-cells 2, compatible "microsoft,openvmm",
 *    reftime_boot_start, reftime_boot_end (u64, 100 ns)
 * /hypervisor { compatible "microsoft,hyperv" }
 * /cpus, /memory@X (VTL2's RAM), the port's nodes
 * /bus { simple-bus; vmbus { microsoft,vtl 2; ranges = VTL2's MMIO } }
 * /openhcl: isolation-type, vallum,confidential-debug (present: measured
 *    debugging), memory-allocation-mode (with "vtl2": memory-size,
 *    mmio-size), vtl0-alias-map, memory@X {reg, numa-node-id, microsoft,igvm-type,
 *    openhcl,memory-type} for all of the partition, entropy { reg }
 * /vallum: as the host gave it, as far as the filter lets it through
 */
#ifndef VL_BOOT_VTL2_DT_H
#define VL_BOOT_VTL2_DT_H

#include "common/boot/port.h"

#define VTL2_DT_BYTES_MAX (256 * 1024) /* what Linux maps early on x86 */
/* Bounds of the copied /vallum. */
#define VALLUM_DEPTH_MAX 4
#define VALLUM_NODES_MAX 64
#define VALLUM_BYTES_MAX 16384 /* of property values */

struct vtl2_dt {
	const struct boot_handoff *handoff;
	const struct boot_plan *plan;
	const void *host_fdt;
	struct filter_context filter;
	bool alias_map_present;
	uint64_t alias_map;
	uint64_t time_start, time_end; /* 100 ns */
};

/*
 * Writes the tree to fdt[0, size). VL_E_NOSPACE when it does not fit, VL_E_LIMIT when
 * /vallum is beyond its bounds.
 */
int vtl2_dt_write(void *fdt, size_t size, const struct vtl2_dt *dt, struct boot_error *error);

#endif
