/*
 * What of the device trees is particular to Arm: GIC, PMU and UART in the host's;
 * CPU method, PSCI, GIC, timer, PMU, UART and /chosen in VTL2's. The host's tree
 * is untrusted; every property is bounded here.
 */
#include "common/boot/port.h"

#include <libfdt.h>

#define GIC_PHANDLE 1
#define GIC_SPI 0
#define GIC_PPI 1
#define IRQ_EDGE_RISING 1
#define IRQ_LEVEL_HIGH 4
#define IRQ_LEVEL_LOW 8
#define PPI_COUNT 16
#define SPI_COUNT 988 /* INTIDs 32..1019 */
/* Hyper-V's fixed interrupts: the virtual timer, VMBus's SINT; as INTID - 16. */
#define TIMER_PPI 4
#define VMBUS_PPI 2
/* Where Hyper-V has its GIC when the host does not say. */
#define DISTRIBUTOR_BASE 0xffff0000ull
#define DISTRIBUTOR_SIZE 0x10000ull
#define REDISTRIBUTORS_BASE 0xeffee000ull
#define REDISTRIBUTOR_STRIDE 0x20000ull

/* --- The host's tree ------------------------------------------------------------------ */

/* `count` {base, size} pairs of u64 in reg. */
static int read_reg(struct host_dt_reader *r, int node, struct boot_range *ranges, unsigned count)
{
	int length, err = 0;
	const uint8_t *reg = fdt_getprop(r->fdt, node, "reg", &length);

	if (!reg)
		return host_dt_fail(r, node, VL_E_MISSING, "reg is missing");
	if (length != (int)(count * 16))
		return host_dt_fail(r, node, VL_E_FORMAT, "reg has %d bytes, not %u", length, count * 16);
	for (unsigned i = 0; i < count && !err; i++) {
		ranges[i].base = fdt64_ld((const void *)(reg + 16 * i));
		ranges[i].size = fdt64_ld((const void *)(reg + 16 * i + 8));
		err = host_dt_check_range(r, node, "reg", &ranges[i]);
	}
	return err;
}

static int parse_gic(struct port_platform *p, struct host_dt_reader *r, int node)
{
	struct boot_range ranges[2];
	int err = host_dt_expect(r, node, "#redistributor-regions", 1);

	if (!err)
		err = host_dt_expect(r, node, "#interrupt-cells", 3);
	if (!err)
		err = host_dt_u64(r, node, "redistributor-stride", &p->redistributor_stride);
	if (!err)
		err = read_reg(r, node, ranges, 2);
	if (err)
		return err;
	if (!p->redistributor_stride || !vl_is_aligned(p->redistributor_stride, REDISTRIBUTOR_STRIDE / 2))
		return host_dt_fail(r, node, VL_E_ALIGN,
			"redistributor-stride 0x%llx is not a multiple of 64 KiB",
			(unsigned long long)p->redistributor_stride);
	p->gic = true;
	p->distributor_base = ranges[0].base;
	p->distributor_size = ranges[0].size;
	p->redistributors_base = ranges[1].base;
	p->redistributors_size = ranges[1].size;
	return 0;
}

/* `interrupts` of one interrupt of `type`, in three cells. */
static int read_interrupt(struct host_dt_reader *r, int node, uint32_t type, uint32_t limit, uint32_t *number)
{
	int length;
	const uint8_t *cells = fdt_getprop(r->fdt, node, "interrupts", &length);

	if (!cells)
		return host_dt_fail(r, node, VL_E_MISSING, "interrupts is missing");
	if (length != 12)
		return host_dt_fail(r, node, VL_E_FORMAT, "interrupts has %d bytes, not 12", length);
	*number = fdt32_ld((const void *)(cells + 4));
	if (fdt32_ld((const void *)cells) != type || *number >= limit)
		return host_dt_fail(r, node, VL_E_RANGE, "interrupts is not of type %u and below %u", type,
			limit);
	return 0;
}

static int parse_serial(struct port_platform *p, struct host_dt_reader *r, int node)
{
	struct boot_range range;
	int err = read_reg(r, node, &range, 1);

	if (!err)
		err = read_interrupt(r, node, GIC_SPI, SPI_COUNT, &p->serial_spi);
	if (err)
		return err;
	p->serial = true;
	p->serial_base = range.base;
	p->serial_size = range.size;
	return 0;
}

int port_parse_platform(struct port_platform *p, struct host_dt_reader *r, int node)
{
	if (fdt_node_check_compatible(r->fdt, node, "arm,gic-v3") == 0)
		return parse_gic(p, r, node);
	if (fdt_node_check_compatible(r->fdt, node, "arm,sbsa-uart") == 0)
		return parse_serial(p, r, node);
	if (fdt_node_check_compatible(r->fdt, node, "arm,armv8-pmuv3") == 0) {
		p->pmu = true;
		return read_interrupt(r, node, GIC_PPI, PPI_COUNT, &p->pmu_ppi);
	}
	return 0;
}

const char *port_console(const struct port_platform *platform)
{
	return platform->serial ? "ttyAMA0" : "ttynull";
}

/* --- VTL2's tree ------------------------------------------------------------------------ */

/* One interrupt of the GIC: {type, number, flags}. */
static void write_interrupt(struct fdt_writer *w, uint32_t type, uint32_t number, uint32_t flags)
{
	const uint32_t cells[3] = { type, number, flags };

	fdtw_u32(w, "interrupt-parent", GIC_PHANDLE);
	fdtw_u32s(w, "interrupts", cells, 3);
}

void port_write_cpu(struct fdt_writer *w, const struct host_dt *host)
{
	fdtw_text(w, "compatible", "arm,armv8");
	fdtw_text(w, "status", "okay");
	if (host->cpu_count > 1)
		fdtw_text(w, "enable-method", "psci");
}

void port_write_vmbus(struct fdt_writer *w)
{
	write_interrupt(w, GIC_PPI, VMBUS_PPI, IRQ_EDGE_RISING);
}

static void write_psci(struct fdt_writer *w)
{
	fdtw_begin(w, "psci");
	fdtw_text(w, "compatible", "arm,psci-0.2");
	fdtw_text(w, "method", "hvc");
	fdtw_end(w);
}

static void write_gic(struct fdt_writer *w, const struct host_dt *host)
{
	const struct port_platform *p = &host->platform;
	uint64_t stride = p->gic ? p->redistributor_stride : REDISTRIBUTOR_STRIDE;
	const uint64_t given[4] = { p->distributor_base, p->distributor_size, p->redistributors_base,
		p->redistributors_size };
	const uint64_t fixed[4] = { DISTRIBUTOR_BASE, DISTRIBUTOR_SIZE, REDISTRIBUTORS_BASE,
		host->cpu_count * stride };
	const uint64_t *reg = p->gic ? given : fixed;

	fdtw_begin_at(w, "intc", reg[0]);
	fdtw_text(w, "compatible", "arm,gic-v3");
	fdtw_u32(w, "#redistributor-regions", 1);
	fdtw_u64(w, "redistributor-stride", stride);
	fdtw_u64s(w, "reg", reg, 4);
	fdtw_cells(w, 2, 2);
	fdtw_u32(w, "#interrupt-cells", 3);
	fdtw_empty(w, "interrupt-controller");
	fdtw_u32(w, "phandle", GIC_PHANDLE);
	fdtw_empty(w, "ranges");
	fdtw_end(w);
}

static void write_timer(struct fdt_writer *w)
{
	fdtw_begin(w, "timer");
	fdtw_text(w, "compatible", "arm,armv8-timer");
	fdtw_text(w, "interrupt-names", "virt");
	write_interrupt(w, GIC_PPI, TIMER_PPI, IRQ_LEVEL_LOW);
	fdtw_empty(w, "always-on");
	fdtw_end(w);
}

static void write_pmu(struct fdt_writer *w, const struct port_platform *p)
{
	fdtw_begin(w, "pmu");
	fdtw_text(w, "compatible", "arm,armv8-pmuv3");
	write_interrupt(w, GIC_PPI, p->pmu_ppi, IRQ_LEVEL_HIGH);
	fdtw_end(w);
}

static void write_serial(struct fdt_writer *w, const struct port_platform *p)
{
	const uint64_t reg[2] = { p->serial_base, p->serial_size };

	fdtw_begin_at(w, "serial", p->serial_base);
	fdtw_text(w, "compatible", "arm,sbsa-uart");
	fdtw_u64s(w, "reg", reg, 2);
	write_interrupt(w, GIC_SPI, p->serial_spi, IRQ_LEVEL_HIGH);
	fdtw_u32(w, "current-speed", 115200);
	fdtw_end(w);
}

static void write_chosen(struct fdt_writer *w, const struct boot_handoff *handoff)
{
	fdtw_begin(w, "chosen");
	fdtw_text(w, "bootargs", handoff->command_line);
	fdtw_u64(w, "linux,initrd-start", handoff->initrd.base);
	fdtw_u64(w, "linux,initrd-end", handoff->initrd.base + handoff->initrd.size);
	fdtw_end(w);
}

/*
 * User space reads the shim's log through /dev/mem, which shows no RAM that the kernel may use: to be
 * reserved (/memreserve/) does not take it out of that.
 */
static void write_shim_log(struct fdt_writer *w, const struct memory_map *map)
{
	fdtw_begin(w, "reserved-memory");
	fdtw_cells(w, 2, 2);
	fdtw_empty(w, "ranges");
	for (unsigned i = 0; i < map->count; i++) {
		const uint64_t reg[2] = { map->range[i].range.base, map->range[i].range.size };

		if (map->range[i].type != BOOT_MEMORY_SHIM_LOG)
			continue;
		fdtw_begin_at(w, "shim-log", reg[0]);
		fdtw_u64s(w, "reg", reg, 2);
		fdtw_empty(w, "no-map");
		fdtw_end(w);
	}
	fdtw_end(w);
}

void port_write_platform(struct fdt_writer *w, const struct boot_handoff *handoff)
{
	const struct port_platform *p = &handoff->host->platform;

	write_psci(w);
	write_gic(w, handoff->host);
	write_timer(w);
	if (p->pmu)
		write_pmu(w, p);
	if (p->serial)
		write_serial(w, p);
	write_shim_log(w, handoff->map);
	write_chosen(w, handoff);
}
