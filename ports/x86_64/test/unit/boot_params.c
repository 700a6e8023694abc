/*
 * The zero page, memory map and setup data that the boot shim gives the VTL2
 * kernel, and COM3 in the host's device tree.
 */
#include "ports/x86_64/boot/boot_params.h"

#include <check.h>
#include <libfdt.h>
#include <string.h>

Suite *suite_boot_params(void);

static struct kernel_params params;
static struct memory_map map;
static struct boot_error error;
static struct {
	_Alignas(4096) uint8_t before[VL_PAGE_BYTES];
	uint8_t fdt[4096];
} tree;
static struct boot_handoff handoff;

static void add(uint64_t base, uint64_t size, enum boot_memory_type type)
{
	map.range[map.count++] = (struct memory_range){ { base, size }, 0, 0, type };
}

static void setup(void)
{
	map.count = 0;
	ck_assert_int_eq(fdt_create_empty_tree(tree.fdt, sizeof(tree.fdt)), 0);
	handoff = (struct boot_handoff){
		.initrd = { 0x123456000, 0x5432 }, .command_line = "quiet", .fdt = tree.fdt, .map = &map,
	};
}

static struct setup_data *next(le64 at)
{
	return (struct setup_data *)(uintptr_t)le64_to_cpu(at);
}

START_TEST(the_kernel_sees_only_vtl2_and_neighbours_are_one)
{
	const struct e820_entry *e = params.zero_page.e820_table;

	add(0, 0x20000000, BOOT_MEMORY_VTL0);
	add(0x20000000, 0x1000, BOOT_MEMORY_PERSISTED_HEADER);
	add(0x20001000, 0x1000, BOOT_MEMORY_SHIM_LOG);
	add(0x20002000, 0x1000, BOOT_MEMORY_VTL2_RAM);
	add(0x20003000, 0x1000, BOOT_MEMORY_VTL2_RAM);
	add(0x20005000, 0x1000, BOOT_MEMORY_VTL2_RAM);
	add(0xc0000000, 0x1000, BOOT_MEMORY_VTL2_MMIO);
	ck_assert_int_eq(kernel_params_fill(&params, &handoff, &error), 0);
	ck_assert_uint_eq(params.zero_page.e820_entries, 3);
	ck_assert_uint_eq(le64_to_cpu(e[0].base), 0x20000000);
	ck_assert_uint_eq(le64_to_cpu(e[0].size), 0x2000);
	ck_assert_uint_eq(le32_to_cpu(e[0].type), E820_RESERVED);
	ck_assert_uint_eq(le64_to_cpu(e[1].size), 0x2000);
	ck_assert_uint_eq(le32_to_cpu(e[1].type), E820_RAM);
	ck_assert_uint_eq(le64_to_cpu(e[2].base), 0x20005000);
}
END_TEST

START_TEST(initrd_and_command_line_may_lie_above_4_gib)
{
	const struct boot_params *p = &params.zero_page;
	uint64_t line;

	ck_assert_int_eq(kernel_params_fill(&params, &handoff, &error), 0);
	ck_assert_uint_eq(le32_to_cpu(p->ramdisk_image), 0x23456000);
	ck_assert_uint_eq(le32_to_cpu(p->ext_ramdisk_image), 1);
	ck_assert_uint_eq(le32_to_cpu(p->ramdisk_size), 0x5432);
	line = le32_to_cpu(p->cmd_line_ptr) | (uint64_t)le32_to_cpu(p->ext_cmd_line_ptr) << 32;
	ck_assert_str_eq((const char *)(uintptr_t)line, "quiet");
	ck_assert_uint_eq(le16_to_cpu(p->boot_flag), 0xaa55);
	ck_assert_uint_eq(le32_to_cpu(p->header), BOOT_HEADER_MAGIC);
	ck_assert_uint_eq(p->type_of_loader, 0xff);
}
END_TEST

START_TEST(an_initrd_of_4_gib_is_refused)
{
	handoff.initrd.size = 1ull << 32;
	ck_assert_int_eq(kernel_params_fill(&params, &handoff, &error), VL_E_LIMIT);
}
END_TEST

START_TEST(the_device_tree_is_setup_data)
{
	const struct setup_data *data;

	ck_assert_int_eq(kernel_params_fill(&params, &handoff, &error), 0);
	data = next(params.zero_page.setup_data);
	ck_assert_uint_eq(le32_to_cpu(data->type), SETUP_DTB);
	ck_assert_ptr_eq(data + 1, tree.fdt);
	ck_assert_uint_eq(le32_to_cpu(data->length), fdt_totalsize(tree.fdt));
	ck_assert_uint_eq(le64_to_cpu(data->next), 0);
}
END_TEST

START_TEST(a_map_beyond_the_zero_page_goes_on_in_setup_data)
{
	const struct setup_data *data;
	const struct e820_entry *more;

	for (unsigned i = 0; i < BOOT_E820_MAX + 3; i++)
		add(i * 0x2000ull, 0x1000, BOOT_MEMORY_VTL2_RAM);
	ck_assert_int_eq(kernel_params_fill(&params, &handoff, &error), 0);
	ck_assert_uint_eq(params.zero_page.e820_entries, BOOT_E820_MAX);
	data = next(next(params.zero_page.setup_data)->next);
	ck_assert_uint_eq(le32_to_cpu(data->type), SETUP_E820_EXT);
	ck_assert_uint_eq(le32_to_cpu(data->length), 3 * sizeof(*more));
	more = (const struct e820_entry *)(data + 1);
	ck_assert_uint_eq(le64_to_cpu(more[2].base), (BOOT_E820_MAX + 2) * 0x2000ull);
}
END_TEST

/* --- COM3 ----------------------------------------------------------------------------- */

static int parse_serial(const char *compatible, const void *reg, int size, struct port_platform *platform)
{
	struct host_dt_reader reader = { tree.fdt, &error };
	int bus = fdt_add_subnode(tree.fdt, 0, "pio-bus"), serial;

	ck_assert_int_eq(fdt_setprop_string(tree.fdt, bus, "compatible", "x86-pio-bus"), 0);
	serial = fdt_add_subnode(tree.fdt, bus, "serial@3e8");
	ck_assert_int_eq(fdt_setprop_string(tree.fdt, serial, "compatible", compatible), 0);
	if (reg)
		ck_assert_int_eq(fdt_setprop(tree.fdt, serial, "reg", reg, size), 0);
	return port_parse_platform(platform, &reader, fdt_path_offset(tree.fdt, "/pio-bus"));
}

START_TEST(com3_makes_a_serial_console)
{
	const fdt64_t reg[2] = { cpu_to_fdt64(0x3e8), cpu_to_fdt64(8) };
	struct port_platform platform = { false };

	ck_assert_str_eq(port_console(&platform), "ttynull");
	ck_assert_int_eq(parse_serial("ns16550", reg, sizeof(reg), &platform), 0);
	ck_assert_str_eq(port_console(&platform), "ttyS2,115200");
}
END_TEST

START_TEST(another_port_or_device_is_no_console)
{
	const fdt64_t reg[2] = { cpu_to_fdt64(0x2e8), cpu_to_fdt64(8) };
	struct port_platform platform = { false };

	ck_assert_int_eq(parse_serial("ns16550", reg, sizeof(reg), &platform), 0);
	ck_assert(!platform.serial);
	setup();
	ck_assert_int_eq(parse_serial("other", NULL, 0, &platform), 0);
	ck_assert(!platform.serial);
}
END_TEST

START_TEST(a_serial_port_without_a_sound_reg_is_refused)
{
	struct port_platform platform = { false };

	ck_assert_int_eq(parse_serial("ns16550", NULL, 0, &platform), VL_E_MISSING);
	ck_assert_ptr_nonnull(strstr(error.text, "/pio-bus/serial@3e8: reg"));
	setup();
	ck_assert_int_eq(parse_serial("ns16550", "1234", 4, &platform), VL_E_FORMAT);
}
END_TEST

Suite *suite_boot_params(void)
{
	Suite *s = suite_create("boot_params");
	TCase *t = tcase_create("boot_params");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, the_kernel_sees_only_vtl2_and_neighbours_are_one);
	tcase_add_test(t, initrd_and_command_line_may_lie_above_4_gib);
	tcase_add_test(t, an_initrd_of_4_gib_is_refused);
	tcase_add_test(t, the_device_tree_is_setup_data);
	tcase_add_test(t, a_map_beyond_the_zero_page_goes_on_in_setup_data);
	tcase_add_test(t, com3_makes_a_serial_console);
	tcase_add_test(t, another_port_or_device_is_no_console);
	tcase_add_test(t, a_serial_port_without_a_sound_reg_is_refused);
	suite_add_tcase(s, t);
	return s;
}
