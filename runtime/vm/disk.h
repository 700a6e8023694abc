/* The guest's disks as virtio block functions on its PCI root; see disk.c. */
#ifndef VL_VM_DISK_H
#define VL_VM_DISK_H

#include "runtime/dev/pci.h"
#include "runtime/vm/vm.h"

#define DISK_FIRST_SLOT 1u

/*
 * Adds disk n in slot DISK_FIRST_SLOT + n, with the interrupt of its slot:
 * first_irq + slot % irq_count. VL_E_NOMEM, VL_E_LIMIT.
 */
int disks_add(struct vm *vm, struct pci_root *root, unsigned first_irq, unsigned irq_count);

#endif
