/*
 * The x86_64 part of the host device tree (tools/host/devicetree.h): the PIO
 * bus with COM3, which Linux knows by its fixed port, as VTL2's console.
 */
#include "tools/host/devicetree.h"

#include <libfdt.h>

#define COM3_PORT 0x3e8
#define COM3_IRQ 4

uint64_t host_dt_port_hardware_id(unsigned vp_index)
{
	return vp_index; /* the APIC id */
}

static int serial_node(void *fdt)
{
	const fdt64_t reg[2] = { cpu_to_fdt64(COM3_PORT), cpu_to_fdt64(8) };
	const fdt64_t irq = cpu_to_fdt64(COM3_IRQ);
	int err = fdt_begin_node(fdt, "serial@3e8");

	err = err ? err : fdt_property_string(fdt, "compatible", "ns16550");
	err = err ? err : fdt_property_u32(fdt, "clock-frequency", 0);
	err = err ? err : fdt_property_u32(fdt, "current-speed", 115200);
	/* 64-bit values whatever the bus's cells say: that is what the grammar's readers take. */
	err = err ? err : fdt_property(fdt, "reg", reg, sizeof(reg));
	err = err ? err : fdt_property(fdt, "interrupts", &irq, sizeof(irq));
	return err ? err : fdt_end_node(fdt);
}

int host_dt_port_nodes(void *fdt, const struct host_dt *in)
{
	int err = fdt_begin_node(fdt, "pio-bus");

	err = err ? err : fdt_property_string(fdt, "compatible", "x86-pio-bus");
	err = err ? err : fdt_property_u32(fdt, "#address-cells", 1);
	err = err ? err : fdt_property_u32(fdt, "#size-cells", 1);
	err = err ? err : fdt_property(fdt, "ranges", NULL, 0);
	err = err ? err : serial_node(fdt);
	return err ? err : fdt_end_node(fdt);
}
