/* The x86_64 machine that the VM worker builds: its devices and memory map. See runtime/vm/port.h. */
#ifndef VL_PORT_MACHINE_H
#define VL_PORT_MACHINE_H

#include "ports/x86_64/dev/acpi_pm.h"
#include "ports/x86_64/dev/cmos.h"
#include "ports/x86_64/dev/irq_router.h"
#include "ports/x86_64/dev/pc_ports.h"
#include "ports/x86_64/dev/pci_ports.h"
#include "ports/x86_64/dev/pit8254.h"
#include "port/tpm.h"
#include "runtime/dev/serial16550.h"
#include <stdatomic.h>

/* Where the guest's low memory holds what we put there for it; e820 lists it as reserved. */
#define MACHINE_ACPI_BASE 0xe0000u
#define MACHINE_ACPI_BYTES 0x1c000u
#define MACHINE_TPM_LOG_BASE 0xfc000u /* its measurement log, up to 1 MiB */
/* PCI memory window, above the most that VTL0's low RAM and VTL2 can take. */
#define MACHINE_PCI_BASE 0xe0000000u
#define MACHINE_PCI_BYTES 0x1ec00000u
#define MACHINE_PCI_IRQS 8u /* slot n has GSI PC_IRQ_PCI0 + n % 8 */
#define MACHINE_TPM_BASE PORT_TPM_BASE
#define MACHINE_TPM_PPI_PORT 0x1040u
#define MACHINE_LAPIC_BASE 0xfee00000u

struct machine_arch {
	struct pic8259 pic;
	struct ioapic ioapic;
	struct irq_router router;
	struct pit8254 pit;
	struct cmos cmos;
	struct acpi_pm pm;
	struct pc_ports ports;
	struct pci_root pci;
	struct pci_ports pci_ports;
	struct serial16550 com[2];
	_Atomic bool pic_intr; /* the PIC wants the boot VP's attention */
	uint64_t guest_os_id, hypercall_msr; /* hold what the guest wrote */
	uint64_t entry, boot_params; /* of the loaded kernel: guest physical */
	uint64_t page_tables, gdt;
	uint64_t tsc_hz, apic_hz; /* 0: the host does not say */
};

#endif
