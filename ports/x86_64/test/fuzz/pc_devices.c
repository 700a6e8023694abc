/* Fuzzes the PC's device models: what a guest and a forged saved state can do to them. */
#include "ports/x86_64/dev/acpi_pm.h"
#include "ports/x86_64/dev/cmos.h"
#include "ports/x86_64/dev/irq_router.h"
#include "ports/x86_64/dev/pc_ports.h"
#include "ports/x86_64/dev/pci_ports.h"
#include "ports/x86_64/dev/pit8254.h"
#include "test/fuzz/device_script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct pci_machine {
	struct pci_ports ports;
	struct pci_root root;
};

static void pic_init(void *dev, struct dev_env *env) { pic8259_init(dev, env); }
static void io_init(void *dev, struct dev_env *env) { ioapic_init(dev, env); }
static void pit_init(void *dev, struct dev_env *env) { pit8254_init(dev, env); }
static void clock_init(void *dev, struct dev_env *env) { cmos_init(dev, env); }
static void pm_init(void *dev, struct dev_env *env) { acpi_pm_init(dev, env); }
static void ports_init(void *dev, struct dev_env *env) { pc_ports_init(dev, env); }

static void pci_init(void *dev, struct dev_env *env)
{
	struct pci_machine *m = dev;

	pci_root_init(&m->root, env);
	pci_ports_init(&m->ports, env, &m->root);
}

static void pic_poke(void *dev, struct fake_env *f, uint32_t value)
{
	if (value & 0x80000000)
		pic8259_acknowledge(dev);
	else
		pic8259_set(dev, value & 0xff, value & 0x100);
}

static void io_poke(void *dev, struct fake_env *f, uint32_t value)
{
	uint64_t vectors[4];

	if (value & 0x80000000)
		ioapic_eoi(dev, (uint8_t)value);
	else
		ioapic_set(dev, value & 0xff, value & 0x100);
	ioapic_eoi_vectors(dev, vectors);
}

static void pm_poke(void *dev, struct fake_env *f, uint32_t value)
{
	if (value & 1)
		acpi_pm_power_button(dev);
	else
		acpi_pm_gpe(dev, value >> 1);
}

static const struct script_kind kinds[] = {
	{ &pic8259_model, sizeof(struct pic8259), pic_init, pic8259_regions, PIC8259_REGIONS,
		pic_poke, false },
	{ &ioapic_model, sizeof(struct ioapic), io_init, ioapic_regions, IOAPIC_REGIONS, io_poke, false },
	{ &pit8254_model, sizeof(struct pit8254), pit_init, pit8254_regions, PIT8254_REGIONS, NULL, false },
	{ &cmos_model, sizeof(struct cmos), clock_init, cmos_regions, CMOS_REGIONS, NULL, false },
	{ &acpi_pm_model, sizeof(struct acpi_pm), pm_init, acpi_pm_regions, ACPI_PM_REGIONS, pm_poke, false },
	{ &pc_ports_model, sizeof(struct pc_ports), ports_init, pc_ports_regions, PC_PORTS_REGIONS,
		NULL, false },
	{ &pci_ports_model, sizeof(struct pci_machine), pci_init, pci_ports_regions, PCI_PORTS_REGIONS, NULL,
	  false },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	script_run(kinds, VL_ARRAY_COUNT(kinds), data, size);
	return 0;
}
