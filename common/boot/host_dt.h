/*
 * The host device tree: decoder of what the host tells VTL2 about the machine.
 * Called once by the boot shim, before anything of it is used. Untrusted input:
 * every count, address and string is bounded here, and a tree that contradicts
 * itself is refused with the path of the node at fault.
 *
 * Grammar (the reference implementation's, openhcl/host_fdt_parser):
 *   /               #address-cells 2, #size-cells 2 (the default when absent)
 *   /cpus           #address-cells 1 or 2; children cpu@*: status ("okay": used),
 *                   reg, numa-node-id; order is the VP index
 *   /memory@*       reg = pairs of u64, whole pages; numa-node-id;
 *                   microsoft,igvm-type u32 (enum igvm_memory_type, default MEMORY)
 *   /chosen         bootargs
 *   simple-bus      children compatible "microsoft,vmbus": microsoft,vtl 0 or 2,
 *                   #address-cells 2, #size-cells 2, microsoft,message-connection-id,
 *                   ranges = up to 2 of {child u64, parent u64, size u64}, child == parent
 *   /openhcl        memory-allocation-mode "host" | "vtl2" (memory-size, mmio-size u64);
 *                   vtl0-alias-map u64; entropy { reg = bytes }
 *   /vallum         what the host tells user space in VTL2; copied, not interpreted
 *   others          offered to the port (struct port_platform), else ignored
 */
#ifndef VL_BOOT_HOST_DT_H
#define VL_BOOT_HOST_DT_H

#include "common/boot/error.h"
#include "common/igvm/igvm.h"
#include "port/boot.h"

#define HOST_CPUS_MAX 2048
#define HOST_NUMA_NODES_MAX 64
#define HOST_RAM_MAX 1024
#define HOST_MMIO_MAX 2
#define HOST_BOOTARGS_MAX 0x2000 /* bytes, with the terminator */
#define HOST_ENTROPY_MAX 256     /* bytes; more is cut off */
#define HOST_ADDRESS_BITS 52     /* no range reaches beyond */

struct boot_range {
	uint64_t base, size; /* bytes */
};

struct host_cpu {
	uint64_t reg; /* the hardware's id: APIC id, MPIDR affinity */
	uint32_t numa_node;
};

struct host_ram {
	struct boot_range range;
	uint32_t numa_node;
	uint32_t igvm_type; /* enum igvm_memory_type */
};

struct host_vmbus {
	bool present;
	uint32_t connection_id;
	unsigned mmio_count;
	struct boot_range mmio[HOST_MMIO_MAX]; /* ascending */
};

enum host_allocation { HOST_ALLOCATES, VTL2_ALLOCATES };

struct host_dt {
	unsigned cpu_count;
	struct host_cpu cpu[HOST_CPUS_MAX];
	uint32_t boot_cpu; /* the boot processor's `reg`, from the header */
	unsigned ram_count;
	struct host_ram ram[HOST_RAM_MAX]; /* ascending, disjoint */
	struct host_vmbus vmbus_vtl0, vmbus_vtl2;
	char bootargs[HOST_BOOTARGS_MAX];
	enum host_allocation allocation;
	uint64_t memory_size, mmio_size; /* with VTL2_ALLOCATES; 0: not given */
	bool alias_map_present;
	uint64_t alias_map; /* GPA bit by which VTL2 sees VTL0's memory a second time */
	unsigned entropy_size;
	uint8_t entropy[HOST_ENTROPY_MAX];
	int vallum_node; /* offset of /vallum in the tree, or -1 */
	struct port_platform platform;
};

/*
 * Decodes fdt[0, size) into `out`. 0, or with `error` filled:
 *   VL_E_FORMAT     no well-formed tree, or a property of the wrong length or kind
 *   VL_E_VERSION    a flattened tree of before version 17
 *   VL_E_MISSING    a required node or property
 *   VL_E_RANGE      a value outside its range
 *   VL_E_ALIGN      not whole pages
 *   VL_E_LIMIT      more CPUs, ranges, nodes or text than above
 *   VL_E_OVERLAP    RAM or MMIO overlaps RAM or MMIO
 *   VL_E_DUPLICATE  two CPUs with one id, two VMBus nodes of one VTL
 */
int host_dt_parse(struct host_dt *out, const void *fdt, size_t size, struct boot_error *error);

/* --- For the port's own nodes ---------------------------------------------- */

struct host_dt_reader {
	const void *fdt; /* checked as a whole by fdt_check_full */
	struct boot_error *error;
};

/* Fills the reader's error with "host device tree: PATH: ..." and returns `code`. */
int host_dt_fail(struct host_dt_reader *r, int node, int code, const char *fmt, ...) VL_PRINTF(4, 5);
/* A property of exactly one cell, two cells, or one string. VL_E_MISSING, VL_E_FORMAT. */
int host_dt_u32(struct host_dt_reader *r, int node, const char *name, uint32_t *value);
int host_dt_u64(struct host_dt_reader *r, int node, const char *name, uint64_t *value);
int host_dt_string(struct host_dt_reader *r, int node, const char *name, const char **value);
/* A one-cell property that must have one value: VL_E_MISSING, VL_E_FORMAT, VL_E_RANGE. */
int host_dt_expect(struct host_dt_reader *r, int node, const char *name, uint32_t expected);
/* Whole pages, not empty, below 2^HOST_ADDRESS_BITS: VL_E_ALIGN, VL_E_RANGE. */
int host_dt_check_range(struct host_dt_reader *r, int node, const char *name, const struct boot_range *range);

#endif
