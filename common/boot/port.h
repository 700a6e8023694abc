/*
 * What a port provides to the boot shim's portable code (common/boot): all that
 * it needs of the machine, so that a fake of these functions runs the real shim
 * as an ordinary process (test/port/boot). All are mandatory. Implemented in
 * ports/<arch>/boot; the constants and types that differ are in port/boot.h:
 *
 *   PORT_KERNEL_ARGUMENTS         string: kernel arguments particular to the architecture
 *   PORT_KERNEL_COMMAND_LINE_MAX  bytes that the kernel takes, with the terminator
 *   PORT_CPU_ADDRESS_CELLS        #address-cells of /cpus in the VTL2 device tree, 1 or 2
 *   PORT_HV_CPU_ID_BYTES          size of a CPU id in HvCallGetVpIndexFromApicId, 4 or 8
 *   struct port_platform          what port_parse_platform found
 *
 * The entry code (start.S, start.c) is the port's too: it makes the state that C
 * needs (zeroed BSS, stack with a guard, relocation, floating point registers,
 * exception vectors that call boot_stop) and calls shim_main. Its end includes
 * common/boot/stack.inc, the stack that common/boot/freestanding/own_memory.c looks after.
 */
#ifndef VL_BOOT_PORT_H
#define VL_BOOT_PORT_H

#include "common/boot/filter.h"
#include "common/boot/host_dt.h"
#include "common/boot/plan.h"
#include "common/fdt/write.h"

/* --- The machine ------------------------------------------------------------- */

/*
 * How this VM is isolated, from `supported` (the measured supported_isolation_type)
 * and what the processor says. VL_E_UNSUPPORTED for a kind that this shim cannot run in.
 */
int port_isolation(uint32_t supported, enum isolation *isolation, struct boot_error *error);

/* Time since the partition was created in units of 100 ns, or 0 when the host has no such clock. */
uint64_t port_reference_time(void);

/* Width of a guest physical address in bits. */
unsigned port_address_bits(void);

/* Makes hypercalls possible. VL_E_UNSUPPORTED when there is no hypervisor that knows them. */
int port_hypercall_start(struct boot_error *error);

/* One hypercall in memory form: TLFS input value, two pages or NULL; returns the result value. */
uint64_t port_hypercall(uint64_t control, const void *input, void *output);

/*
 * Makes the other processors ready for the kernel to start, where the hypervisor
 * asks VTL2 for that; `input` is a page for parameters. VL_E_HYPERCALL.
 */
int port_prepare_cpus(void *input, unsigned cpu_count, struct boot_error *error);

/* Undoes port_hypercall_start, for the kernel begins anew. */
void port_hypercall_stop(void);

/* Writes the guest crash parameters P0-P4 and then the control word; must work at any time. */
void port_crash(const uint64_t p[5], uint64_t control);

/* Ends this processor for good. */
void VL_NORETURN port_halt(void);

/* --- The host's device tree ------------------------------------------------------- */

/* Takes what it knows from a child of the root that no portable rule took; 0 when it knows it not. */
int port_parse_platform(struct port_platform *platform, struct host_dt_reader *reader, int node);

/* The tty of the kernel's console, "ttynull" when the platform has none for VTL2. */
const char *port_console(const struct port_platform *platform);

/* --- The VTL2 device tree ------------------------------------------------------------ */

/* Adds the port's properties to a CPU's node: status, enable-method ... */
void port_write_cpu(struct fdt_writer *w, const struct host_dt *host);

/* Adds the port's properties to the VMBus node: interrupts. */
void port_write_vmbus(struct fdt_writer *w);

struct boot_handoff {
	uint64_t kernel_entry;
	struct boot_range initrd;
	const char *command_line;
	void *fdt; /* VTL2's tree; the page before it is the port's to use */
	const struct host_dt *host;
	const struct memory_map *map;
};

/*
 * Adds nodes to the root: interrupt controller, timer, /chosen ... The tree in `handoff` is not finished yet.
 */
void port_write_platform(struct fdt_writer *w, const struct boot_handoff *handoff);

/* --- The end ------------------------------------------------------------------------ */

/* Prepares what the kernel's boot protocol asks for; the last step that can fail. */
int port_prepare_handoff(const struct boot_handoff *handoff, struct boot_error *error);

/* Enters the kernel. */
void VL_NORETURN port_handoff(const struct boot_handoff *handoff);

#endif
