/*
 * The aarch64 machine: which devices stand where, and the way of an interrupt
 * from a device's line to the guest's GIC, which the hypervisor has. Called by
 * the VM worker (runtime/vm/port.h). Power-off and reset are PSCI's.
 */
#include "ports/aarch64/vm/arm64.h"
#include "runtime/vm/disk.h"

static void init_uart(void *dev, struct dev_env *env)
{
	pl011_init(dev, env);
}

static int add_uart(struct vm *vm, unsigned n)
{
	static const char *const name[MACHINE_UARTS] = { "uart0", "uart1" };
	const struct dev_region region = { DEV_MMIO, MACHINE_UART_BASE + n * PL011_REGION_BYTES,
		PL011_REGION_BYTES, 0, 4 };

	return vm_add_serial(vm, n, name[n], &pl011_model, &vm->arch.uart[n], MACHINE_SPI_UART + n, &region,
			init_uart);
}

static int add_rtc(struct vm *vm)
{
	const struct dev_region region = { DEV_MMIO, MACHINE_RTC_BASE, PL031_REGION_BYTES, 0, 4 };
	struct vm_device *d = vm_device_add(vm, "rtc", &pl031_model, &vm->arch.rtc, MACHINE_SPI_RTC);

	if (!d)
		return VL_E_LIMIT;
	pl031_init(&vm->arch.rtc, &d->env);
	return bus_add(&vm->bus, d->instance, &region);
}

static int add_pci(struct vm *vm)
{
	const struct dev_region region = { DEV_MMIO, MACHINE_ECAM_BASE, PCI_ECAM_BYTES, 0, 4 };
	struct vm_device *d = vm_device_add(vm, "pci-root", &pci_root_model, &vm->arch.pci, VM_NO_IRQ);

	if (!d)
		return VL_E_LIMIT;
	pci_root_init(&vm->arch.pci, &d->env);
	return bus_add(&vm->bus, d->instance, &region);
}

static int add_tpm(struct vm *vm)
{
	static const struct dev_region regions[] = {
		{ DEV_MMIO, MACHINE_TPM_BASE, VTPM_REGION_TPM_BYTES, VTPM_REGION_TPM, 8 },
		{ DEV_MMIO, MACHINE_TPM_PPI_BASE, VTPM_REGION_PPI_BYTES, VTPM_REGION_PPI, 4 },
	};

	return vm_add_tpm(vm, regions, VL_ARRAY_COUNT(regions));
}

int machine_arch_create(struct vm *vm)
{
	int err = 0;

	for (unsigned n = 0; !err && n < MACHINE_UARTS; n++)
		err = add_uart(vm, n);
	if (!err)
		err = add_rtc(vm);
	if (!err)
		err = add_pci(vm);
	if (!err)
		err = disks_add(vm, &vm->arch.pci, MACHINE_SPI_PCI, MACHINE_PCI_IRQS);
	return err ? err : add_tpm(vm);
}

/*
 * A serial port drives its line at each access: the hypervisor, which keeps a line's level, hears only of
 * changes.
 */
void machine_arch_irq(struct vm *vm, unsigned irq, bool level)
{
	struct machine_arch *a = &vm->arch;
	const uint32_t bit = irq < 32 ? 1u << irq : 0;
	struct hv_input_assert_interrupt in = {
		.partition_id = cpu_to_le64(HV_PARTITION_ID_SELF),
		.interrupt_control = cpu_to_le64(HV_INTERRUPT_LEVEL |
				(level ? HV_ARM64_INTERRUPT_ASSERTED : 0)),
		.vector = cpu_to_le32(MACHINE_SPI_BASE + irq),
	};
	uint16_t status = 0;

	if (a->spi_told & bit && !(a->spi_level & bit) == !level)
		return;
	if (hvport_call(&vm->hv, HV_CALL_ASSERT_VIRTUAL_INTERRUPT, &in, sizeof(in), NULL, 0, &status)) {
		a->spi_told &= ~bit;
		vl_debug("SPI %u: hypercall status 0x%x", irq, status);
		return;
	}
	a->spi_told |= bit;
	a->spi_level = level ? a->spi_level | bit : a->spi_level & ~bit;
}

/* No MSI controller is described to the guest, so it has no address to send to. */
void machine_arch_msi(struct vm *vm, uint64_t address, uint32_t data)
{
	vl_debug("message-signalled interrupt 0x%x to 0x%llx dropped", data, (unsigned long long)address);
}
