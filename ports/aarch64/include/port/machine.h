/* The aarch64 machine that the VM worker builds: its devices and memory map. See runtime/vm/port.h. */
#ifndef VL_PORT_MACHINE_H
#define VL_PORT_MACHINE_H

#include "port/layout.h"
#include "port/tpm.h"
#include "runtime/dev/pci.h"
#include "runtime/dev/pl011.h"
#include "runtime/dev/pl031.h"

#define MACHINE_UARTS 2
/* Within the low MMIO window that the host leaves to VTL0; the guest learns it from its device tree. */
#define MACHINE_PCI_BASE 0xd0000000u
#define MACHINE_PCI_BYTES 0x18000000u
#define MACHINE_UART_BASE 0xe8000000u /* + n pages */
#define MACHINE_RTC_BASE 0xe8010000u
#define MACHINE_TPM_BASE PORT_TPM_BASE
/* no system on this architecture uses it yet; CONTROL and DATA, 8 bytes */
#define MACHINE_TPM_PPI_BASE 0xe8030000u
#define MACHINE_ECAM_BASE 0xe8100000u /* bus 0 only: PCI_ECAM_BYTES */
/* Shared peripheral interrupts, counted from INTID 32 as device trees do. */
#define MACHINE_SPI_UART 1u /* + n */
#define MACHINE_SPI_RTC 3u
#define MACHINE_SPI_PCI 4u /* + slot % MACHINE_PCI_IRQS */
#define MACHINE_PCI_IRQS 4u
#define MACHINE_SPI_BASE 32u

struct machine_arch {
	struct pl011 uart[MACHINE_UARTS];
	struct pl031 rtc;
	struct pci_root pci;
	uint64_t entry, fdt; /* of the loaded kernel: guest physical */
	uint32_t spi_told;   /* bit per SPI: the hypervisor has its level from us */
	uint32_t spi_level;  /* that level */
};

#endif
