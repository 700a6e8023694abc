/*
 * The x86_64 machine: which devices stand where, and the way of an interrupt
 * from a device's line to a VP's local APIC, which the hypervisor has.
 * Called by the VM worker (runtime/vm/port.h).
 */
#include "ports/x86_64/vm/x86.h"
#include "runtime/vm/disk.h"

#define COM1_BASE 0x3f8
#define COM2_BASE 0x2f8

static int add(struct vm *vm, const struct vm_device *d, const struct dev_region *regions, unsigned count)
{
	return bus_add_all(&vm->bus, d->instance, regions, count);
}

static int add_interrupts(struct vm *vm)
{
	struct machine_arch *a = &vm->arch;
	struct vm_device *pic = vm_device_add(vm, "pic", &pic8259_model, &a->pic, X86_IRQ_INTR);
	struct vm_device *ioapic = vm_device_add(vm, "ioapic", &ioapic_model, &a->ioapic, VM_NO_IRQ);
	int err;

	if (!pic || !ioapic)
		return VL_E_LIMIT;
	pic8259_init(&a->pic, &pic->env);
	ioapic_init(&a->ioapic, &ioapic->env);
	a->router = (struct irq_router){ &a->pic, &a->ioapic };
	err = add(vm, pic, pic8259_regions, PIC8259_REGIONS);
	return err ? err : add(vm, ioapic, ioapic_regions, IOAPIC_REGIONS);
}

static void init_com(void *dev, struct dev_env *env)
{
	serial16550_init(dev, env);
}

static int add_com(struct vm *vm, unsigned n)
{
	static const char *const name[2] = { "com1", "com2" };
	const uint64_t base = n ? COM2_BASE : COM1_BASE;
	const struct dev_region region = { DEV_PIO, base, SERIAL16550_REGION_BYTES, 0, 1 };
	const unsigned irq = n ? PC_IRQ_COM2 : PC_IRQ_COM1;

	return vm_add_serial(vm, n, name[n], &serial16550_model, &vm->arch.com[n], irq, &region, init_com);
}

static int add_timers(struct vm *vm)
{
	struct machine_arch *a = &vm->arch;
	struct vm_device *pit = vm_device_add(vm, "pit", &pit8254_model, &a->pit, PC_IRQ_PIT);
	struct vm_device *cmos = vm_device_add(vm, "cmos", &cmos_model, &a->cmos, PC_IRQ_RTC);
	int err;

	if (!pit || !cmos)
		return VL_E_LIMIT;
	pit8254_init(&a->pit, &pit->env);
	cmos_init(&a->cmos, &cmos->env);
	err = add(vm, pit, pit8254_regions, PIT8254_REGIONS);
	return err ? err : add(vm, cmos, cmos_regions, CMOS_REGIONS);
}

static int add_platform(struct vm *vm)
{
	struct machine_arch *a = &vm->arch;
	struct vm_device *pm = vm_device_add(vm, "acpi-pm", &acpi_pm_model, &a->pm, PC_IRQ_SCI);
	struct vm_device *ports = vm_device_add(vm, "pc-ports", &pc_ports_model, &a->ports, VM_NO_IRQ);
	struct vm_device *root = vm_device_add(vm, "pci-root", &pci_root_model, &a->pci, VM_NO_IRQ);
	struct vm_device *pci = vm_device_add(vm, "pci-ports", &pci_ports_model, &a->pci_ports, VM_NO_IRQ);
	int err;

	if (!pm || !ports || !root || !pci)
		return VL_E_LIMIT;
	acpi_pm_init(&a->pm, &pm->env);
	pc_ports_init(&a->ports, &ports->env);
	pci_root_init(&a->pci, &root->env);
	pci_ports_init(&a->pci_ports, &pci->env, &a->pci);
	err = add(vm, pm, acpi_pm_regions, ACPI_PM_REGIONS);
	if (!err)
		err = add(vm, ports, pc_ports_regions, PC_PORTS_REGIONS);
	return err ? err : add(vm, pci, pci_ports_regions, PCI_PORTS_REGIONS);
}

static int add_tpm(struct vm *vm)
{
	static const struct dev_region regions[] = {
		{ DEV_MMIO, MACHINE_TPM_BASE, VTPM_REGION_TPM_BYTES, VTPM_REGION_TPM, 8 },
		{ DEV_PIO, MACHINE_TPM_PPI_PORT, VTPM_REGION_PPI_BYTES, VTPM_REGION_PPI, 4 },
	};

	return vm_add_tpm(vm, regions, VL_ARRAY_COUNT(regions));
}

int machine_arch_create(struct vm *vm)
{
	int err = add_interrupts(vm);

	if (!err)
		err = add_timers(vm);
	if (!err)
		err = add_platform(vm);
	for (unsigned n = 0; !err && n < 2; n++)
		err = add_com(vm, n);
	if (!err)
		err = disks_add(vm, &vm->arch.pci, PC_IRQ_PCI0, MACHINE_PCI_IRQS);
	if (!err)
		err = add_tpm(vm);
	/* The hypervisor takes each leaf once; a process before this one has told it all of them. */
	return err || vm->config->takes_over ? err : x86_cpuid_register(vm);
}

void machine_arch_irq(struct vm *vm, unsigned irq, bool level)
{
	if (irq != X86_IRQ_INTR) {
		irq_router_set(&vm->arch.router, irq, level);
		return;
	}
	atomic_store(&vm->arch.pic_intr, level);
	if (level && vm->vp_count)
		hvport_kick(&vm->vp[0].hv);
}

void x86_assert(struct vm *vm, uint64_t control, uint32_t destination, uint32_t vector)
{
	struct hv_input_assert_interrupt in = {
		.partition_id = cpu_to_le64(HV_PARTITION_ID_SELF),
		.interrupt_control = cpu_to_le64(control),
		.destination = cpu_to_le64(destination),
		.vector = cpu_to_le32(vector),
	};
	uint16_t status = 0;
	int err = hvport_call(&vm->hv, HV_CALL_ASSERT_VIRTUAL_INTERRUPT, &in, sizeof(in), NULL, 0, &status);

	if (err)
		vl_debug("interrupt vector 0x%x to 0x%x: %s (status 0x%x)", vector, destination,
			vl_err_text(err), status);
}

/* Address and data as in SDM 3A 11.11; the 15-bit destination as in ioapic.h. */
void machine_arch_msi(struct vm *vm, uint64_t address, uint32_t data)
{
	uint64_t control = data >> 8 & 7;

	if (address >> 20 != MACHINE_LAPIC_BASE >> 20)
		return; /* a message to memory: nobody is interrupted */
	if (address & 4)
		control |= HV_INTERRUPT_LOGICAL;
	if (data & 1u << 15)
		control |= HV_INTERRUPT_LEVEL;
	x86_assert(vm, control, (uint32_t)((address >> 12 & 0xff) | (address >> 5 & 0x7f) << 8), data & 0xff);
}
