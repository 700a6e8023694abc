/*
 * What of the device trees is particular to x86: COM3 in the host's, the CPU
 * nodes in VTL2's. The host's tree is untrusted; its readers bound every property.
 */
#include "common/boot/port.h"

#include <libfdt.h>

#define COM3_PORT 0x3e8

/* `reg` of the PIO bus's children is two u64: port and count. */
static int parse_serial(struct port_platform *platform, struct host_dt_reader *r, int node)
{
	int length;
	const void *reg = fdt_getprop(r->fdt, node, "reg", &length);

	if (!reg)
		return host_dt_fail(r, node, VL_E_MISSING, "reg is missing");
	if (length != 16)
		return host_dt_fail(r, node, VL_E_FORMAT, "reg has %d bytes, not 16", length);
	if (fdt64_ld(reg) == COM3_PORT)
		platform->serial = true;
	return 0;
}

int port_parse_platform(struct port_platform *platform, struct host_dt_reader *r, int node)
{
	int child, err;

	if (fdt_node_check_compatible(r->fdt, node, "x86-pio-bus") != 0)
		return 0;
	fdt_for_each_subnode(child, r->fdt, node) {
		if (fdt_node_check_compatible(r->fdt, child, "ns16550") != 0)
			continue;
		err = parse_serial(platform, r, child);
		if (err)
			return err;
	}
	return 0;
}

const char *port_console(const struct port_platform *platform)
{
	return platform->serial ? "ttyS2,115200" : "ttynull";
}

void port_write_cpu(struct fdt_writer *w, const struct host_dt *host)
{
	fdtw_text(w, "status", "okay");
}

/* VMBus's interrupt is a vector of the synthetic interrupt controller. */
void port_write_vmbus(struct fdt_writer *w)
{
}

/* What else the kernel needs comes by boot_params and CPUID. */
void port_write_platform(struct fdt_writer *w, const struct boot_handoff *handoff)
{
}
