/*
 * The guest's device tree: what VTL0 is told of its machine. Bindings: Linux
 * Documentation/devicetree/bindings (arm/cpus, arm,psci, arm,gic-v3,
 * arm,arch_timer, pl011, pl031, pci-host-generic, tpm/tcg,tpm-tis-mmio,
 * tpm/tpm-common).
 */
#include "common/base/fmt.h"
#include "ports/aarch64/vm/arm64.h"

#include <libfdt.h>

enum { PHANDLE_GIC = 1, PHANDLE_CLOCK = 2 };
enum { GIC_SPI = 0, GIC_PPI = 1 };
enum { IRQ_EDGE = 1, IRQ_LEVEL_HIGH = 4, IRQ_LEVEL_LOW = 8 };
/*
 * Private interrupts of the architected timer: secure, non-secure physical, virtual, hypervisor (BSA 3.1.5).
 */
static const uint32_t timer_ppi[4] = { 13, 14, 11, 10 };

#define CHECK(call) \
	do { \
		int err_ = (call); \
		if (err_) \
			return err_; \
	} while (0)

static int put_pairs(void *fdt, const char *name, const uint64_t *values, unsigned count)
{
	fdt64_t cells[8];

	if (count > VL_ARRAY_COUNT(cells))
		return -FDT_ERR_BADVALUE;
	for (unsigned i = 0; i < count; i++)
		cells[i] = cpu_to_fdt64(values[i]);
	return fdt_property(fdt, name, cells, (int)(count * sizeof(cells[0])));
}

static int put_cells(void *fdt, const char *name, const uint32_t *values, unsigned count)
{
	fdt32_t cells[16];

	if (count > VL_ARRAY_COUNT(cells))
		return -FDT_ERR_BADVALUE;
	for (unsigned i = 0; i < count; i++)
		cells[i] = cpu_to_fdt32(values[i]);
	return fdt_property(fdt, name, cells, (int)(count * sizeof(cells[0])));
}

static int put_reg(void *fdt, uint64_t base, uint64_t size)
{
	return put_pairs(fdt, "reg", (uint64_t[]){ base, size }, 2);
}

static int begin_at(void *fdt, const char *name, uint64_t at)
{
	char text[40];

	vl_format(text, sizeof(text), "%s@%llx", name, (unsigned long long)at);
	return fdt_begin_node(fdt, text);
}

static int put_cpus(void *fdt, const struct vm *vm)
{
	CHECK(fdt_begin_node(fdt, "cpus"));
	CHECK(fdt_property_u32(fdt, "#address-cells", 2));
	CHECK(fdt_property_u32(fdt, "#size-cells", 0));
	for (unsigned i = 0; i < vm->config->vp_count; i++) {
		uint64_t id = vm->config->vps[i].hw_id;

		CHECK(begin_at(fdt, "cpu", id));
		CHECK(fdt_property_string(fdt, "device_type", "cpu"));
		CHECK(fdt_property_string(fdt, "compatible", "arm,armv8"));
		CHECK(put_pairs(fdt, "reg", &id, 1));
		CHECK(fdt_property_string(fdt, "enable-method", "psci"));
		CHECK(fdt_end_node(fdt));
	}
	return fdt_end_node(fdt);
}

static int put_psci(void *fdt)
{
	static const char compatible[] = "arm,psci-1.0\0arm,psci-0.2";

	CHECK(fdt_begin_node(fdt, "psci"));
	CHECK(fdt_property(fdt, "compatible", compatible, sizeof(compatible)));
	CHECK(fdt_property_string(fdt, "method", "hvc"));
	return fdt_end_node(fdt);
}

static int put_memory(void *fdt, const struct vm *vm)
{
	for (unsigned i = 0; i < vm->memory.range_count; i++) {
		const struct guest_range *r = &vm->memory.range[i];

		CHECK(begin_at(fdt, "memory", r->base));
		CHECK(fdt_property_string(fdt, "device_type", "memory"));
		CHECK(put_reg(fdt, r->base, r->size));
		CHECK(fdt_end_node(fdt));
	}
	return 0;
}

static int put_gic(void *fdt, const struct vm *vm)
{
	CHECK(begin_at(fdt, "interrupt-controller", ARM64_GICD_BASE));
	CHECK(fdt_property_string(fdt, "compatible", "arm,gic-v3"));
	CHECK(put_pairs(fdt, "reg", (uint64_t[]){ ARM64_GICD_BASE, ARM64_GICD_BYTES, ARM64_GICR_BASE,
		vm->config->vp_count * ARM64_GICR_BYTES }, 4));
	CHECK(fdt_property(fdt, "interrupt-controller", NULL, 0));
	CHECK(fdt_property_u32(fdt, "#interrupt-cells", 3));
	CHECK(fdt_property_u32(fdt, "#address-cells", 0));
	CHECK(fdt_property_u32(fdt, "phandle", PHANDLE_GIC));
	return fdt_end_node(fdt);
}

static int put_timer(void *fdt)
{
	uint32_t cells[12];

	for (unsigned i = 0; i < 4; i++) {
		cells[i * 3] = GIC_PPI;
		cells[i * 3 + 1] = timer_ppi[i];
		cells[i * 3 + 2] = IRQ_LEVEL_LOW;
	}
	CHECK(fdt_begin_node(fdt, "timer"));
	CHECK(fdt_property_string(fdt, "compatible", "arm,armv8-timer"));
	CHECK(put_cells(fdt, "interrupts", cells, 12));
	CHECK(fdt_property(fdt, "always-on", NULL, 0));
	return fdt_end_node(fdt);
}

static int put_clock(void *fdt)
{
	CHECK(fdt_begin_node(fdt, "apb-pclk"));
	CHECK(fdt_property_string(fdt, "compatible", "fixed-clock"));
	CHECK(fdt_property_u32(fdt, "#clock-cells", 0));
	CHECK(fdt_property_u32(fdt, "clock-frequency", PL011_CLOCK_HZ));
	CHECK(fdt_property_string(fdt, "clock-output-names", "clk24mhz"));
	CHECK(fdt_property_u32(fdt, "phandle", PHANDLE_CLOCK));
	return fdt_end_node(fdt);
}

/* A PrimeCell device: its compatible strings, one page, one SPI, the clocks it names. */
static int put_primecell(void *fdt, const char *name, uint64_t base, uint32_t spi, const char *compatible,
	int compatible_bytes, unsigned clocks, const char *clock_names, int clock_names_bytes)
{
	const uint32_t handles[2] = { PHANDLE_CLOCK, PHANDLE_CLOCK };

	CHECK(begin_at(fdt, name, base));
	CHECK(fdt_property(fdt, "compatible", compatible, compatible_bytes));
	CHECK(put_reg(fdt, base, VL_PAGE_BYTES));
	CHECK(put_cells(fdt, "interrupts", (uint32_t[]){ GIC_SPI, spi, IRQ_LEVEL_HIGH }, 3));
	CHECK(put_cells(fdt, "clocks", handles, clocks));
	CHECK(fdt_property(fdt, "clock-names", clock_names, clock_names_bytes));
	return fdt_end_node(fdt);
}

static int put_primecells(void *fdt)
{
	static const char uart[] = "arm,pl011\0arm,primecell", uart_clocks[] = "uartclk\0apb_pclk";
	static const char rtc[] = "arm,pl031\0arm,primecell", rtc_clocks[] = "apb_pclk";

	for (unsigned n = 0; n < MACHINE_UARTS; n++)
		CHECK(put_primecell(fdt, "serial", MACHINE_UART_BASE + n * PL011_REGION_BYTES,
			MACHINE_SPI_UART + n, uart, sizeof(uart), 2, uart_clocks, sizeof(uart_clocks)));
	return put_primecell(fdt, "rtc", MACHINE_RTC_BASE, MACHINE_SPI_RTC, rtc, sizeof(rtc), 1, rtc_clocks,
		sizeof(rtc_clocks));
}

/* INTA# of slot n is SPI MACHINE_SPI_PCI + n % 4: matched by the slot's low two bits. */
static int put_interrupt_map(void *fdt)
{
	fdt32_t map[4 * 8];

	for (unsigned slot = 0; slot < 4; slot++) {
		const uint32_t row[8] = { slot << 11, 0, 0, 1, PHANDLE_GIC, GIC_SPI, MACHINE_SPI_PCI + slot,
			IRQ_LEVEL_HIGH };

		for (unsigned i = 0; i < 8; i++)
			map[slot * 8 + i] = cpu_to_fdt32(row[i]);
	}
	CHECK(put_cells(fdt, "interrupt-map-mask", (uint32_t[]){ 3 << 11, 0, 0, 7 }, 4));
	return fdt_property(fdt, "interrupt-map", map, sizeof(map));
}

static int put_pci(void *fdt)
{
	/* 32-bit memory space, identity mapped */
	const uint32_t window[7] = { 0x02000000, 0, MACHINE_PCI_BASE, 0, MACHINE_PCI_BASE, 0,
		MACHINE_PCI_BYTES };

	CHECK(begin_at(fdt, "pcie", MACHINE_ECAM_BASE));
	CHECK(fdt_property_string(fdt, "compatible", "pci-host-ecam-generic"));
	CHECK(fdt_property_string(fdt, "device_type", "pci"));
	CHECK(put_reg(fdt, MACHINE_ECAM_BASE, PCI_ECAM_BYTES));
	CHECK(fdt_property_u32(fdt, "#address-cells", 3));
	CHECK(fdt_property_u32(fdt, "#size-cells", 2));
	CHECK(fdt_property_u32(fdt, "#interrupt-cells", 1));
	CHECK(put_cells(fdt, "bus-range", (uint32_t[]){ 0, 0 }, 2));
	CHECK(put_cells(fdt, "ranges", window, 7));
	CHECK(fdt_property(fdt, "dma-coherent", NULL, 0));
	CHECK(put_interrupt_map(fdt));
	return fdt_end_node(fdt);
}

/* No interrupt: the driver polls. The log is reserved memory, which the kernel finds by its address. */
static int put_tpm(void *fdt, const struct vm *vm, uint64_t log)
{
	if (!vm->tpm.device)
		return 0;
	CHECK(begin_at(fdt, "tpm", MACHINE_TPM_BASE));
	CHECK(fdt_property_string(fdt, "compatible", "tcg,tpm-tis-mmio"));
	CHECK(put_reg(fdt, MACHINE_TPM_BASE, VTPM_REGION_TPM_BYTES));
	CHECK(put_pairs(fdt, "linux,sml-base", &log, 1));
	CHECK(fdt_property_u32(fdt, "linux,sml-size", vm->tpm.log_bytes));
	return fdt_end_node(fdt);
}

static int put_chosen(void *fdt, const struct vm *vm, uint64_t initrd)
{
	char path[40];

	vl_format(path, sizeof(path), "/serial@%x", MACHINE_UART_BASE);
	CHECK(fdt_begin_node(fdt, "chosen"));
	CHECK(fdt_property_string(fdt, "bootargs", vm->config->command_line));
	CHECK(fdt_property_string(fdt, "stdout-path", path));
	if (vm->config->initrd.size) {
		CHECK(fdt_property_u64(fdt, "linux,initrd-start", initrd));
		CHECK(fdt_property_u64(fdt, "linux,initrd-end", initrd + vm->config->initrd.size));
	}
	return fdt_end_node(fdt);
}

static int put_root(void *fdt, const struct vm *vm, uint64_t initrd, uint64_t log)
{
	CHECK(fdt_begin_node(fdt, ""));
	CHECK(fdt_property_string(fdt, "compatible", "vallum,virt"));
	CHECK(fdt_property_string(fdt, "model", "Vallum virtual machine"));
	CHECK(fdt_property_u32(fdt, "#address-cells", 2));
	CHECK(fdt_property_u32(fdt, "#size-cells", 2));
	CHECK(fdt_property_u32(fdt, "interrupt-parent", PHANDLE_GIC));
	CHECK(put_chosen(fdt, vm, initrd));
	CHECK(put_cpus(fdt, vm));
	CHECK(put_psci(fdt));
	CHECK(put_memory(fdt, vm));
	CHECK(put_gic(fdt, vm));
	CHECK(put_timer(fdt));
	CHECK(put_clock(fdt));
	CHECK(put_primecells(fdt));
	CHECK(put_pci(fdt));
	CHECK(put_tpm(fdt, vm, log));
	return fdt_end_node(fdt);
}

int64_t guest_fdt_build(const struct vm *vm, uint64_t initrd, uint64_t log, void *out, size_t size)
{
	int err = fdt_create(out, (int)size);

	if (!err && vm->tpm.log_bytes)
		err = fdt_add_reservemap_entry(out, log, vl_align_up(vm->tpm.log_bytes, VL_PAGE_BYTES));
	if (!err)
		err = fdt_finish_reservemap(out);
	if (!err)
		err = put_root(out, vm, initrd, log);
	if (!err)
		err = fdt_finish(out);
	return err ? VL_E_NOSPACE : (int64_t)fdt_totalsize(out);
}
