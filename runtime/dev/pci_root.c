/* The PCI root bus, its host bridge and its ECAM window (pci.h). Accesses are the guest's. */
#include "runtime/dev/pci.h"
#include "common/base/err.h"

#include <string.h>

void pci_root_init(struct pci_root *root, struct dev_env *env)
{
	/* A generic host bridge that no driver binds to and no quirk knows. */
	static const struct pci_id id = { .vendor = 0x1b36, .device = 0x0008, .subsystem_vendor = 0x1af4,
					  .subsystem = 0x1100, .class_code = 0x060000 };

	memset(root, 0, sizeof(*root));
	pci_function_init(&root->bridge, env, &id);
}

int pci_root_attach(struct pci_root *root, unsigned slot, const struct dev_instance *device)
{
	if (slot == 0 || slot >= PCI_SLOTS)
		return VL_E_RANGE;
	if (root->slot[slot])
		return VL_E_EXISTS;
	root->slot[slot] = device;
	return VL_OK;
}

/* Naturally aligned dwords and their parts, as the bus transfers them. */
static bool access_ok(unsigned offset, unsigned size)
{
	return (size == 1 || size == 2 || size == 4) && (offset & 3) + size <= 4;
}

uint64_t pci_root_read(struct pci_root *root, unsigned function, unsigned offset, unsigned size)
{
	unsigned slot = function >> 3;
	const struct dev_instance *d;

	if (slot >= PCI_SLOTS || (function & 7) || !access_ok(offset, size))
		return ~0ull;
	d = root->slot[slot];
	if (slot != 0 && !d)
		return ~0ull;
	if (offset >= PCI_CONFIG_BYTES)
		return 0; /* no extended capabilities */
	if (slot == 0)
		return pci_config_read(&root->bridge, offset, size);
	return d->model->read(d->dev, DEV_REGION_PCI_CONFIG, offset, size);
}

void pci_root_write(struct pci_root *root, unsigned function, unsigned offset, unsigned size, uint64_t value)
{
	unsigned slot = function >> 3;
	const struct dev_instance *d;

	if (slot >= PCI_SLOTS || (function & 7) || !access_ok(offset, size) || offset >= PCI_CONFIG_BYTES)
		return;
	d = root->slot[slot];
	if (slot == 0)
		pci_config_write(&root->bridge, offset, size, value);
	else if (d)
		d->model->write(d->dev, DEV_REGION_PCI_CONFIG, offset, size, value);
}

/* ECAM: bus in bits 20-27, device 15-19, function 12-14, register 0-11. */
static uint64_t ecam_read(void *dev, unsigned id, uint64_t offset, unsigned size)
{
	return pci_root_read(dev, (unsigned)(offset >> 12), offset & 0xfff, size);
}

static void ecam_write(void *dev, unsigned id, uint64_t offset, unsigned size, uint64_t value)
{
	pci_root_write(dev, (unsigned)(offset >> 12), offset & 0xfff, size, value);
}

static void ecam_reset(void *dev)
{
	struct pci_root *root = dev;

	pci_function_reset(&root->bridge);
}

static void ecam_save(void *dev, struct state_writer *w)
{
	const struct pci_root *root = dev;

	pci_function_save(&root->bridge, w);
}

static int ecam_restore(void *dev, struct state_reader *r)
{
	struct pci_root *root = dev;

	pci_function_restore(&root->bridge, r);
	return state_reader_finish(r);
}

static void ecam_inspect(const void *dev, struct inspect *i)
{
	const struct pci_root *root = dev;
	uint32_t slots = 0;

	for (unsigned n = 0; n < PCI_SLOTS; n++)
		slots |= root->slot[n] ? 1u << n : 0;
	dev_show(i, "slots", slots);
	pci_function_inspect(&root->bridge, i);
}

const struct dev_model pci_root_model = {
	.name = "pci_root",
	.version = 1,
	.read = ecam_read,
	.write = ecam_write,
	.reset = ecam_reset,
	.save = ecam_save,
	.restore = ecam_restore,
	.inspect = ecam_inspect,
};
