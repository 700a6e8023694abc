/* PCI configuration mechanism #1 and the reset control register (pci_ports.h). Accesses are the guest's. */
#include "ports/x86_64/dev/pci_ports.h"
#include "common/base/err.h"

#include <string.h>

enum { REGION_ADDRESS, REGION_DATA };

#define ADDRESS_ENABLE 0x80000000u
#define ADDRESS_WRITABLE 0x80fffffcu
#define RESET_CONTROL 1 /* offset of port 0xcf9 */
#define RESET_SYSTEM 0x02u
#define RESET_CPU 0x04u
#define RESET_FULL 0x08u

const struct dev_region pci_ports_regions[PCI_PORTS_REGIONS] = {
	{ DEV_PIO, 0xcf8, 4, REGION_ADDRESS, 0 },
	{ DEV_PIO, 0xcfc, 4, REGION_DATA, 0 },
};

/* Only a whole dword is the address register; byte 1 alone is reset control. */
static void write_address(struct pci_ports *p, uint64_t offset, unsigned size, uint32_t value)
{
	bool reset;

	if (offset == 0 && size == 4) {
		p->address = value & ADDRESS_WRITABLE;
	} else if (offset == RESET_CONTROL && size == 1) {
		reset = (value & ~(uint32_t)p->reset_control) & RESET_CPU;
		p->reset_control = value & (RESET_SYSTEM | RESET_CPU | RESET_FULL);
		if (reset)
			p->env->ops->machine(p->env, DEV_MACHINE_RESET);
	}
}

static uint64_t pci_ports_read(void *dev, unsigned id, uint64_t offset, unsigned size)
{
	struct pci_ports *p = dev;

	if (id == REGION_ADDRESS && size == 4)
		return p->address;
	if (id == REGION_ADDRESS && offset == RESET_CONTROL && size == 1)
		return p->reset_control;
	if (id == REGION_DATA && (p->address & ADDRESS_ENABLE))
		return pci_root_read(p->root, p->address >> 8 & 0xffff,
				(p->address & 0xfc) + (unsigned)offset, size);
	return ~0ull;
}

static void pci_ports_write(void *dev, unsigned id, uint64_t offset, unsigned size, uint64_t value)
{
	struct pci_ports *p = dev;

	if (id == REGION_ADDRESS)
		write_address(p, offset, size, (uint32_t)value);
	else if (p->address & ADDRESS_ENABLE)
		pci_root_write(p->root, p->address >> 8 & 0xffff,
			       (p->address & 0xfc) + (unsigned)offset, size, value);
}

static void pci_ports_reset(void *dev)
{
	struct pci_ports *p = dev;

	p->address = 0;
	p->reset_control = 0;
}

static const struct state_field pci_ports_fields[] = {
	STATE_FIELD(1, struct pci_ports, address, 0xffffffff),
	STATE_FIELD(2, struct pci_ports, reset_control, RESET_SYSTEM | RESET_CPU | RESET_FULL),
};

static void pci_ports_save(void *dev, struct state_writer *w)
{
	state_put_fields(w, pci_ports_fields, VL_ARRAY_COUNT(pci_ports_fields), dev);
}

static int pci_ports_restore(void *dev, struct state_reader *r)
{
	struct pci_ports *p = dev;

	state_get_fields(r, pci_ports_fields, VL_ARRAY_COUNT(pci_ports_fields), p);
	p->address &= ADDRESS_WRITABLE;
	return state_reader_finish(r);
}

static void pci_ports_inspect(const void *dev, struct inspect *i)
{
	const struct pci_ports *p = dev;

	dev_show(i, "address", p->address);
	dev_show(i, "reset-control", p->reset_control);
}

const struct dev_model pci_ports_model = {
	.name = "pci_ports",
	.version = 1,
	.read = pci_ports_read,
	.write = pci_ports_write,
	.reset = pci_ports_reset,
	.save = pci_ports_save,
	.restore = pci_ports_restore,
	.inspect = pci_ports_inspect,
};

void pci_ports_init(struct pci_ports *p, struct dev_env *env, struct pci_root *root)
{
	memset(p, 0, sizeof(*p));
	p->env = env;
	p->root = root;
}
