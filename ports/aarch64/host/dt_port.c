/*
 * The aarch64 part of the host device tree (tools/host/devicetree.h): the
 * interrupt controller, which both VTLs have at the same addresses, and the
 * UART of VTL2's console.
 */
#include "tools/host/devicetree.h"
#include "port/layout.h"

#include <libfdt.h>

#define IDS_PER_CLUSTER 16u /* affinity level 0 of KVM's vCPUs */

uint64_t host_dt_port_hardware_id(unsigned vp_index)
{
	return vp_index % IDS_PER_CLUSTER | (uint64_t)(vp_index / IDS_PER_CLUSTER) << 8;
}

static int gic_node(void *fdt, const struct host_dt *in)
{
	const fdt64_t reg[4] = { cpu_to_fdt64(ARM64_GICD_BASE), cpu_to_fdt64(ARM64_GICD_BYTES),
		cpu_to_fdt64(ARM64_GICR_BASE), cpu_to_fdt64(in->cpu_count * ARM64_GICR_BYTES) };
	int err = fdt_begin_node(fdt, "intc@ffff0000");

	err = err ? err : fdt_property_string(fdt, "compatible", "arm,gic-v3");
	err = err ? err : fdt_property(fdt, "reg", reg, sizeof(reg));
	err = err ? err : fdt_property_u32(fdt, "#redistributor-regions", 1);
	err = err ? err : fdt_property_u64(fdt, "redistributor-stride", ARM64_GICR_BYTES);
	err = err ? err : fdt_property_u32(fdt, "#interrupt-cells", 3);
	err = err ? err : fdt_property(fdt, "interrupt-controller", NULL, 0);
	return err ? err : fdt_end_node(fdt);
}

static int serial_node(void *fdt)
{
	/* A shared interrupt, counted from INTID 32, level high. */
	const fdt32_t irq[3] = { cpu_to_fdt32(0), cpu_to_fdt32(ARM64_SERIAL_INTID - 32), cpu_to_fdt32(4) };
	const fdt64_t reg[2] = { cpu_to_fdt64(ARM64_SERIAL_BASE), cpu_to_fdt64(0x1000) };
	int err = fdt_begin_node(fdt, "serial@fec80000");

	err = err ? err : fdt_property_string(fdt, "compatible", "arm,sbsa-uart");
	err = err ? err : fdt_property(fdt, "reg", reg, sizeof(reg));
	err = err ? err : fdt_property(fdt, "interrupts", irq, sizeof(irq));
	err = err ? err : fdt_property_u32(fdt, "current-speed", 115200);
	return err ? err : fdt_end_node(fdt);
}

int host_dt_port_nodes(void *fdt, const struct host_dt *in)
{
	int err = gic_node(fdt, in);

	return err ? err : serial_node(fdt);
}
