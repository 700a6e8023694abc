/*
 * The guest's disks: one virtio block function per connected block service
 * (CONTROL_FD_DISK), on the machine's PCI root. Called by the ports'
 * machine_arch_create.
 */
#include "runtime/vm/disk.h"
#include "runtime/dev/virtio_blk.h"
#include <stdlib.h>

static const char *const name[CONTROL_DISK_MAX] = {
	"disk0", "disk1", "disk2", "disk3", "disk4", "disk5", "disk6", "disk7", "disk8", "disk9", "disk10",
	"disk11", "disk12", "disk13", "disk14", "disk15",
};
_Static_assert(DISK_FIRST_SLOT + CONTROL_DISK_MAX <= PCI_SLOTS, "a slot for each disk");

static int add(struct vm *vm, struct pci_root *root, unsigned n, unsigned irq)
{
	struct virtio_blk *blk = calloc(1, sizeof(*blk)); /* the machine's until the process ends */
	struct vm_device *d;

	if (!blk)
		return VL_E_NOMEM;
	d = vm_device_add(vm, name[n], &virtio_blk_model, blk, irq);
	if (!d)
		return VL_E_LIMIT;
	d->stream = vm->disk[n];
	d->stream->device = d;
	virtio_blk_init(blk, &d->env, vm->config->disk_read_only >> n & 1);
	return pci_root_attach(root, DISK_FIRST_SLOT + n, d->instance);
}

int disks_add(struct vm *vm, struct pci_root *root, unsigned first_irq, unsigned irq_count)
{
	int err = 0;

	for (unsigned n = 0; !err && n < CONTROL_DISK_MAX; n++)
		if (vm->disk[n])
			err = add(vm, root, n, first_irq + (DISK_FIRST_SLOT + n) % irq_count);
	return err;
}
