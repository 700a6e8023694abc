/*
 * What the boot shim's portable code needs to know about x86_64 at compile
 * time; the functions that a port provides are in common/boot/port.h.
 */
#ifndef VL_PORT_BOOT_H
#define VL_PORT_BOOT_H

#include <stdbool.h>

/*
 * Kernel arguments that this architecture needs in VTL2. noxsave: the XSAVE
 * state components are shared with VTL0 and not switched, a VTL2 kernel that
 * uses them would corrupt the guest (Linux's hv_vtl refuses to start with
 * it). nopcid: PCIDs give nothing to a few processes and cost state.
 * The initcalls touch real mode memory, which is VTL0's.
 */
#define PORT_KERNEL_ARGUMENTS \
	"noxsave nopcid idle=halt lpj=3000000 no_timer_check tsc=reliable reboot=t unknown_nmi_panic=1 " \
	"initcall_blacklist=init_real_mode,sbf_init"
#define PORT_KERNEL_COMMAND_LINE_MAX 2048 /* Linux COMMAND_LINE_SIZE, with the terminator */
#define PORT_CPU_ADDRESS_CELLS 1
#define PORT_HV_CPU_ID_BYTES 4

/* Parts of the host device tree that only x86 machines have. */
struct port_platform {
	bool serial; /* COM3 is there for VTL2: /x86-pio-bus with an ns16550 at 0x3e8 */
};

#endif
