/*
 * PCI configuration mechanism #1 (ports 0xcf8 and 0xcfc, PCI Local Bus 3.0
 * section 3.2.2.3.2) and the reset control register 0xcf9 that lies within
 * (ICH9 data sheet 13.7.5): FADT RESET_REG is port 0xcf9, RESET_VALUE 0x06.
 */
#ifndef VL_PORT_DEV_PCI_PORTS_H
#define VL_PORT_DEV_PCI_PORTS_H

#include "runtime/dev/pci.h"

struct pci_ports {
	struct dev_env *env; /* machine events */
	struct pci_root *root;
	uint32_t address;
	uint8_t reset_control;
};

#define PCI_PORTS_REGIONS 2
extern const struct dev_region pci_ports_regions[PCI_PORTS_REGIONS];
extern const struct dev_model pci_ports_model;
void pci_ports_init(struct pci_ports *p, struct dev_env *env, struct pci_root *root);

#endif
