/*
 * What the boot shim's portable code needs to know about aarch64 at compile
 * time; the functions that a port provides are in common/boot/port.h.
 */
#ifndef VL_PORT_BOOT_H
#define VL_PORT_BOOT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Kernel arguments that this architecture needs in VTL2. swiotlb=1,1: no device
 * of VTL2 bounces, and the default would take 64 MiB.
 */
#define PORT_KERNEL_ARGUMENTS "swiotlb=1,1"
#define PORT_KERNEL_COMMAND_LINE_MAX 2048 /* Linux COMMAND_LINE_SIZE, with the terminator */
#define PORT_CPU_ADDRESS_CELLS 2
#define PORT_HV_CPU_ID_BYTES 8

/* Parts of the host device tree that only Arm machines have; all bounded by the parser. */
struct port_platform {
	bool gic; /* /intc@*, "arm,gic-v3" */
	uint64_t distributor_base, distributor_size;
	uint64_t redistributors_base, redistributors_size, redistributor_stride;
	bool serial; /* serial@*, "arm,sbsa-uart" */
	uint64_t serial_base, serial_size;
	uint32_t serial_spi; /* its interrupt, a shared one, edge or level as the UART has it */
	bool pmu; /* "arm,armv8-pmuv3" */
	uint32_t pmu_ppi;
};

#endif
