/*
 * The Arm parts of the device trees: GIC, PMU and UART that the shim reads from
 * the host's tree, with the errors it refuses them by, and what VTL2's tree says.
 */
#include "test/port/boot/machine.h"
#include "test/unit/boot/trees.h"
#include "test/unit/filter/columns.h"

#include <check.h>
#include <libfdt.h>
#include <string.h>

Suite *suite_boot_platform(void);

static void *host;

static void add_gic(void)
{
	static const uint64_t reg[] = { 0xffff0000, 0x10000, 0xff000000, 0x40000 };

	tree_add(host, "/", "intc@ffff0000");
	tree_set_text(host, "/intc@ffff0000", "compatible", "arm,gic-v3");
	tree_set_u32(host, "/intc@ffff0000", "#redistributor-regions", 1);
	tree_set_u32(host, "/intc@ffff0000", "#interrupt-cells", 3);
	tree_set_u64s(host, "/intc@ffff0000", "redistributor-stride", (const uint64_t[]){ 0x20000 }, 1);
	tree_set_u64s(host, "/intc@ffff0000", "reg", reg, 4);
}

static void set_interrupt(const char *path, uint32_t type, uint32_t number)
{
	const fdt32_t cells[3] = { cpu_to_fdt32(type), cpu_to_fdt32(number), cpu_to_fdt32(4) };

	tree_set(host, path, "interrupts", cells, sizeof(cells));
}

static void add_serial_and_pmu(void)
{
	static const uint64_t reg[] = { 0xfec80000, 0x1000 };

	tree_add(host, "/", "serial@fec80000");
	tree_set_text(host, "/serial@fec80000", "compatible", "arm,sbsa-uart");
	tree_set_u64s(host, "/serial@fec80000", "reg", reg, 2);
	set_interrupt("/serial@fec80000", 0, 223);
	tree_add(host, "/", "pmu");
	tree_set_text(host, "/pmu", "compatible", "arm,armv8-pmuv3");
	set_interrupt("/pmu", 1, 7);
}

static void setup(void)
{
	machine_init();
	host = machine_host_tree();
	tree_make(host, 2);
	add_gic();
	add_serial_and_pmu();
}

static const char *boot(void)
{
	machine_boot();
	if (machine.end == MACHINE_ENTERED_KERNEL)
		return "";
	return (const char *)(uintptr_t)machine.crash[3];
}

static const uint8_t *property(const char *path, const char *name, int size)
{
	int got, node = fdt_path_offset(machine.shim.fdt, path);
	const void *value = node < 0 ? NULL : fdt_getprop(machine.shim.fdt, node, name, &got);

	ck_assert_msg(value != NULL, "%s has no %s", path, name);
	ck_assert_msg(size < 0 || got == size, "%s %s has %d bytes", path, name, got);
	return value;
}

static uint32_t cell(const uint8_t *cells, unsigned index)
{
	return fdt32_ld((const void *)(cells + 4 * index));
}

START_TEST(the_hosts_devices_are_in_vtl2s_tree)
{
	const uint8_t *cells;

	ck_assert_str_eq(boot(), "");
	cells = property("/intc@ffff0000", "reg", 32);
	ck_assert_uint_eq(fdt64_ld((const void *)(cells + 16)), 0xff000000);
	cells = property("/serial@fec80000", "interrupts", 12);
	ck_assert_uint_eq(cell(cells, 1), 223);
	cells = property("/pmu", "interrupts", 12);
	ck_assert_uint_eq(cell(cells, 0), 1);
	ck_assert_uint_eq(cell(cells, 1), 7);
	ck_assert_ptr_nonnull(strstr(machine.shim.command_line, "console=ttyAMA0"));
}
END_TEST

/* The filter's row FILTER_INTERRUPTS: kept everywhere. */
START_TEST(the_hosts_interrupts_are_vtl2s_in_every_column)
{
	machine.isolation = filter_columns[_i].isolation;
	machine_command_line(COMMAND_LINE_STATIC,
			filter_columns[_i].debug ? "OPENHCL_CONFIDENTIAL_DEBUG=1" : "");
	set_interrupt("/pmu", 1, 5);
	ck_assert_str_eq(boot(), "");
	ck_assert_int_eq(cell(property("/pmu", "interrupts", 12), 1) == 5,
			filter_row_keeps(FILTER_INTERRUPTS, _i));
	ck_assert_int_eq(fdt64_ld((const void *)(property("/intc@ffff0000", "reg", 32) + 16)) == 0xff000000,
		filter_row_keeps(FILTER_INTERRUPTS, _i));
}
END_TEST

START_TEST(timer_and_vmbus_have_hyper_vs_interrupts)
{
	const uint8_t *cells;

	ck_assert_str_eq(boot(), "");
	cells = property("/timer", "interrupts", 12);
	ck_assert(cell(cells, 0) == 1 && cell(cells, 1) == 4 && cell(cells, 2) == 8);
	cells = property("/bus/vmbus", "interrupts", 12);
	ck_assert(cell(cells, 0) == 1 && cell(cells, 1) == 2 && cell(cells, 2) == 1);
	ck_assert_uint_eq(cell(property("/bus/vmbus", "interrupt-parent", 4), 0),
		cell(property("/intc@ffff0000", "phandle", 4), 0));
}
END_TEST

START_TEST(processors_start_by_psci)
{
	ck_assert_str_eq(boot(), "");
	ck_assert_str_eq((const char *)property("/psci", "method", -1), "hvc");
	ck_assert_str_eq((const char *)property("/cpus/cpu@2", "enable-method", -1), "psci");
	ck_assert_uint_eq(fdt64_ld((const void *)property("/cpus/cpu@2", "reg", 8)), 1);
}
END_TEST

START_TEST(the_kernel_finds_its_line_and_initrd_in_chosen)
{
	ck_assert_str_eq(boot(), "");
	ck_assert_str_eq((const char *)property("/chosen", "bootargs", -1), machine.shim.command_line);
	ck_assert_uint_eq(fdt64_ld((const void *)property("/chosen", "linux,initrd-start", 8)),
		MACHINE_INITRD);
	ck_assert_uint_eq(fdt64_ld((const void *)property("/chosen", "linux,initrd-end", 8)),
		MACHINE_INITRD + MACHINE_INITRD_BYTES);
}
END_TEST

START_TEST(without_a_gic_node_it_is_where_hyper_v_has_it)
{
	const uint8_t *reg;

	tree_delete(host, "/intc@ffff0000", NULL);
	tree_delete(host, "/serial@fec80000", NULL);
	ck_assert_str_eq(boot(), "");
	reg = property("/intc@ffff0000", "reg", 32);
	ck_assert_uint_eq(fdt64_ld((const void *)(reg + 16)), 0xeffee000);
	ck_assert_uint_eq(fdt64_ld((const void *)(reg + 24)), 2 * 0x20000);
	ck_assert_ptr_nonnull(strstr(machine.shim.command_line, "console=ttynull"));
}
END_TEST

static void two_regions(void) { tree_set_u32(host, "/intc@ffff0000", "#redistributor-regions", 2); }
static void no_stride(void) { tree_delete(host, "/intc@ffff0000", "redistributor-stride"); }
static void odd_stride(void)
{
	tree_set_u64s(host, "/intc@ffff0000", "redistributor-stride", (const uint64_t[]){ 0x1000 }, 1);
}
static void short_reg(void) { tree_set(host, "/intc@ffff0000", "reg", "12345678", 8); }
static void unaligned_reg(void)
{
	tree_set_u64s(host, "/intc@ffff0000", "reg", (const uint64_t[]){ 0xffff0001, 0x10000, 0xff000000,
		0x40000 }, 4);
}
static void serial_no_reg(void) { tree_delete(host, "/serial@fec80000", "reg"); }
static void serial_no_interrupt(void) { tree_delete(host, "/serial@fec80000", "interrupts"); }
static void serial_ppi(void) { set_interrupt("/serial@fec80000", 1, 3); }
static void serial_far(void) { set_interrupt("/serial@fec80000", 0, 5000); }
static void pmu_far(void) { set_interrupt("/pmu", 1, 16); }
static void pmu_short(void) { tree_set(host, "/pmu", "interrupts", "1234", 4); }

static const struct {
	void (*bend)(void);
	int code;
	const char *text;
} bad[] = {
	{ two_regions, VL_E_RANGE, "/intc@ffff0000: #redistributor-regions is 2" },
	{ no_stride, VL_E_MISSING, "/intc@ffff0000: redistributor-stride" },
	{ odd_stride, VL_E_ALIGN, "redistributor-stride 0x1000" },
	{ short_reg, VL_E_FORMAT, "/intc@ffff0000: reg has 8 bytes" },
	{ unaligned_reg, VL_E_ALIGN, "/intc@ffff0000: reg 0xffff0001" },
	{ serial_no_reg, VL_E_MISSING, "/serial@fec80000: reg" },
	{ serial_no_interrupt, VL_E_MISSING, "/serial@fec80000: interrupts" },
	{ serial_ppi, VL_E_RANGE, "/serial@fec80000: interrupts is not of type 0" },
	{ serial_far, VL_E_RANGE, "/serial@fec80000: interrupts" },
	{ pmu_far, VL_E_RANGE, "/pmu: interrupts is not of type 1 and below 16" },
	{ pmu_short, VL_E_FORMAT, "/pmu: interrupts has 4 bytes" },
};

START_TEST(a_bad_device_stops_the_boot_by_name_and_place)
{
	const char *reason;

	bad[_i].bend();
	reason = boot();
	ck_assert_msg(machine.end == MACHINE_HALTED, "row %d booted", _i);
	ck_assert_msg((int64_t)machine.crash[1] == bad[_i].code && strstr(reason, bad[_i].text), "row %d: %s",
		_i, reason);
}
END_TEST

Suite *suite_boot_platform(void)
{
	Suite *s = suite_create("boot_platform");
	TCase *t = tcase_create("boot_platform");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, the_hosts_devices_are_in_vtl2s_tree);
	tcase_add_loop_test(t, the_hosts_interrupts_are_vtl2s_in_every_column, 0, FILTER_COLUMNS);
	tcase_add_test(t, timer_and_vmbus_have_hyper_vs_interrupts);
	tcase_add_test(t, processors_start_by_psci);
	tcase_add_test(t, the_kernel_finds_its_line_and_initrd_in_chosen);
	tcase_add_test(t, without_a_gic_node_it_is_where_hyper_v_has_it);
	tcase_add_loop_test(t, a_bad_device_stops_the_boot_by_name_and_place, 0, (int)VL_ARRAY_COUNT(bad));
	suite_add_tcase(s, t);
	return s;
}
