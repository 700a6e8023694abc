/*
 * The device tree that the host hands to VTL2 (IGVM parameter DEVICE_TREE),
 * called by vallum-host when the image asks for it, read by the boot shim.
 * The grammar is the reference implementation's (openhcl/host_fdt_parser), so
 * either side can be exchanged, plus one node of ours, /vallum.
 *
 * Shape of the result ("<N:u64>" is two cells; addresses are 2 cells, sizes 2):
 *
 *	/ { #address-cells = 2; #size-cells = 2; model = "microsoft,hyperv";
 *	  cpus { #address-cells = 1 (2 when a hardware id needs it); #size-cells = 0;
 *	    cpu@<vp index + 1> { device_type = "cpu"; reg = hardware id;
 *	                         numa-node-id; status = "okay"; } };
 *	  memory@<base> { device_type = "memory"; reg = <base:u64 size:u64>;
 *	                  microsoft,igvm-type = enum host_dt_memory_type; numa-node-id; };
 *	  bus { compatible = "simple-bus"; ranges;
 *	    vmbus-vtl0, vmbus-vtl2 { compatible = "microsoft,vmbus"; #address-cells = 2;
 *	      #size-cells = 2; ranges = <base:u64 base:u64 size:u64>...; microsoft,vtl;
 *	      microsoft,message-connection-id; } };
 *	  (what host_dt_port_nodes adds: COM3, or interrupt controller, timer, PMU)
 *	  chosen { bootargs; };
 *	  openhcl { memory-allocation-mode = "host"; entropy { reg = bytes; }; };
 *	  vallum { guest { kernel = <gpa:u64 size:u64>; initrd = <gpa:u64 size:u64>;
 *	                   bootargs; disk-count; }; };
 *	};
 * and the header's boot_cpuid_phys is the hardware id of VP 0.
 */
#ifndef VL_HOST_DEVICETREE_H
#define VL_HOST_DEVICETREE_H

#include "common/base/types.h"

/* microsoft,igvm-type: MemoryMapEntryType of the IGVM format. */
enum host_dt_memory_type {
	HOST_DT_MEMORY = 0,           /* VTL0 RAM */
	HOST_DT_PLATFORM_RESERVED = 1,
	HOST_DT_PERSISTENT = 2,
	HOST_DT_VTL2_PROTECTABLE = 3, /* VTL2's own RAM */
};

#define HOST_DT_CPU_MAX 2048
#define HOST_DT_MEMORY_MAX 64
#define HOST_DT_MMIO_MAX 2
#define HOST_DT_ENTROPY_MAX 256 /* bytes; the shim takes no more */
#define HOST_DT_MIN_BYTES 4096  /* a buffer smaller than this is never enough */

struct host_dt_range {
	gpa_t base;
	uint64_t bytes;
};

struct host_dt_memory {
	struct host_dt_range range; /* both page aligned, not empty */
	enum host_dt_memory_type type;
	uint32_t numa_node;
};

struct host_dt_vmbus {
	uint32_t connection_id; /* that VTL's message connection: 1 for VTL0, 4 for VTL2 */
	unsigned mmio_count;    /* 0..HOST_DT_MMIO_MAX; page aligned, apart from RAM and each other */
	struct host_dt_range mmio[HOST_DT_MMIO_MAX];
};

/* Everything is the caller's and only read. Strings are NUL-terminated. */
struct host_dt {
	unsigned cpu_count;              /* VPs, 1..HOST_DT_CPU_MAX */
	/* [cpu_count] by VP index: APIC id, MPIDR affinity; all NUMA node 0 */
	const uint64_t *cpu_hardware_id;

	unsigned memory_count;               /* 1..HOST_DT_MEMORY_MAX, disjoint, any order */
	const struct host_dt_memory *memory;

	struct host_dt_vmbus vmbus_vtl0, vmbus_vtl2;

	const char *bootargs; /* /chosen: appended to VTL2's command line if the image allows; NULL: "" */
	const uint8_t *entropy;
	size_t entropy_bytes; /* 0: no entropy node; at most HOST_DT_ENTROPY_MAX */

	struct host_dt_range guest_kernel; /* raw bytes of the kernel file in VTL0 memory; bytes 0: none */
	struct host_dt_range guest_initrd; /* likewise */
	const char *guest_bootargs;        /* the guest kernel's command line; NULL: "" */
	uint32_t disk_count;               /* --disk options served on VL_PORT_DISK + n */
};

/*
 * Builds the tree into out[0, room); the rest of the buffer is left as it was.
 * *used_bytes is the tree's size. 0, or:
 *   VL_E_RANGE    a count is outside its limit
 *   VL_E_ALIGN    a range is empty or not page aligned
 *   VL_E_OVERLAP  RAM or MMIO ranges overlap each other
 *   VL_E_OVERFLOW a range wraps around the address space
 *   VL_E_NOSPACE  the buffer is too small
 */
int host_dt_build(const struct host_dt *in, void *out, size_t room, size_t *used_bytes);

/* Port: the hardware id of a VP, as in cpu_hardware_id above. */
uint64_t host_dt_port_hardware_id(unsigned vp_index);

/*
 * Port (ports/<arch>/host/dt_port.c): adds the nodes under the root that only
 * this architecture has, with libfdt's sequential-write calls on `fdt`. Returns
 * a libfdt code (0 or negative).
 */
int host_dt_port_nodes(void *fdt, const struct host_dt *in);

#endif
