/* Unit tests of the ACPI PM block, the small fixed ports and PCI configuration mechanism #1. */
#include "ports/x86_64/dev/acpi_pm.h"
#include "ports/x86_64/dev/pc_ports.h"
#include "ports/x86_64/dev/pci_ports.h"
#include "test/unit/dev/twin.h"

Suite *suite_acpi_pm(void);

static struct acpi_pm pm;
static struct pc_ports ports;
static struct pci_root root;
static struct pci_ports pci;
static struct dev_instance pm_device = { "pm", &acpi_pm_model, &pm };
static struct dev_instance ports_device = { "ports", &pc_ports_model, &ports };
static struct dev_instance pci_device = { "pci", &pci_ports_model, &pci };
static struct fake_env f, fports, fpci;
static struct bus bus;

static void open_ports(void)
{
	bus_init(&bus);
	fake_env_init(&f, &pm_device);
	fake_env_init(&fports, &ports_device);
	fake_env_init(&fpci, &pci_device);
	acpi_pm_init(&pm, &f.env);
	pc_ports_init(&ports, &fports.env);
	pci_root_init(&root, &fpci.env);
	pci_ports_init(&pci, &fpci.env, &root);
	ck_assert_int_eq(bus_add_all(&bus, &pm_device, acpi_pm_regions, ACPI_PM_REGIONS), VL_OK);
	ck_assert_int_eq(bus_add_all(&bus, &ports_device, pc_ports_regions, PC_PORTS_REGIONS), VL_OK);
	ck_assert_int_eq(bus_add_all(&bus, &pci_device, pci_ports_regions, PCI_PORTS_REGIONS), VL_OK);
}

static uint32_t in(unsigned port, unsigned size)
{
	uint64_t v;

	bus_read(&bus, DEV_PIO, port, size, &v);
	return (uint32_t)v;
}

static void out(unsigned port, unsigned size, uint32_t value)
{
	bus_write(&bus, DEV_PIO, port, size, value);
}

#define PM(x) (ACPI_PM_BASE + ACPI_PM_##x)

START_TEST(the_power_button_raises_the_sci_until_it_is_cleared)
{
	acpi_pm_power_button(&pm);
	ck_assert(!f.line[0]);
	out(PM(EVT) + 2, 2, 0x0120);
	ck_assert(f.line[0]);
	ck_assert_uint_eq(in(PM(EVT), 2), 0x0100);
	ck_assert_uint_eq(in(PM(EVT), 4), 0x01200100);
	out(PM(EVT), 2, 0x0001);
	ck_assert(f.line[0]);
	out(PM(EVT), 2, 0x0100);
	ck_assert(!f.line[0]);
	ck_assert_uint_eq(in(PM(EVT), 2), 0);
}
END_TEST

START_TEST(acpi_mode_is_on_and_only_s5_powers_off)
{
	ck_assert_uint_eq(in(PM(CNT), 2), 1);
	out(PM(CNT), 2, 0x2000 | 1 << 10);
	ck_assert_uint_eq(f.machine_count, 0);
	out(PM(CNT), 2, 5 << 10);
	ck_assert_uint_eq(f.machine_count, 0);
	ck_assert_uint_eq(in(PM(CNT), 2), 5 << 10 | 1);
	out(PM(CNT), 2, 0x2000 | 5 << 10);
	ck_assert_uint_eq(f.machine_count, 1);
	ck_assert_uint_eq(f.machine[0], DEV_MACHINE_POWER_OFF);
	ck_assert_uint_eq(in(PM(CNT), 2), 5 << 10 | 1); /* SLP_EN reads 0 */
}
END_TEST

START_TEST(the_pm_timer_counts_3579545_a_second_in_24_bits)
{
	uint32_t start = in(PM(TMR), 4);

	fake_advance(&f, 1000000000);
	ck_assert_uint_eq((in(PM(TMR), 4) - start) & 0xffffff, 3579545);
	fake_advance(&f, 4000000000);
	ck_assert_uint_eq(in(PM(TMR), 4), (5 * 3579545) & 0xffffff);
	ck_assert_uint_eq(in(PM(TMR), 4) >> 24, 0);
}
END_TEST

START_TEST(the_pm_timer_interrupts_each_time_bit_23_flips)
{
	out(PM(EVT) + 2, 2, 1);
	fake_advance(&f, 2343484000); /* 2^23 / 3579545 s = 2.343484... s */
	ck_assert(!f.line[0]);
	fake_advance(&f, 2000);
	ck_assert(f.line[0]);
	out(PM(EVT), 2, 1);
	ck_assert(!f.line[0]);
	fake_advance(&f, 2343486000);
	ck_assert_uint_eq(f.rises[0], 2);
	ck_assert_uint_eq(in(PM(EVT), 2), 1);
}
END_TEST

START_TEST(general_purpose_events_are_enabled_and_cleared_by_bit)
{
	acpi_pm_gpe(&pm, 3);
	ck_assert_uint_eq(in(PM(GPE0), 2), 8);
	ck_assert(!f.line[0]);
	out(PM(GPE0) + 2, 1, 8);
	ck_assert(f.line[0]);
	out(PM(GPE0), 1, 8);
	ck_assert(!f.line[0]);
}
END_TEST

START_TEST(every_documented_reset_port_resets)
{
	out(0x64, 1, 0xfe);
	ck_assert_uint_eq(fports.machine_count, 1);
	out(0x64, 1, 0xd1);
	out(0x60, 1, 0xfe);
	ck_assert_uint_eq(fports.machine_count, 2);
	out(0x92, 1, 0x03);
	ck_assert_uint_eq(fports.machine_count, 3);
	out(0x92, 1, 0x03); /* no edge */
	ck_assert_uint_eq(fports.machine_count, 3);
	out(0xcf9, 1, 0x02);
	ck_assert_uint_eq(fpci.machine_count, 0);
	out(0xcf9, 1, 0x06);
	ck_assert_uint_eq(fpci.machine_count, 1);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_eq(fports.machine[i], DEV_MACHINE_RESET);
	ck_assert_uint_eq(fpci.machine[0], DEV_MACHINE_RESET);
}
END_TEST

START_TEST(the_keyboard_controller_passes_its_self_test_and_has_no_keyboard)
{
	ck_assert_uint_eq(in(0x64, 1), 0x04);
	out(0x64, 1, 0xaa);
	ck_assert_uint_eq(in(0x64, 1), 0x05);
	ck_assert_uint_eq(in(0x60, 1), 0x55);
	ck_assert_uint_eq(in(0x64, 1), 0x04);
	out(0x64, 1, 0x60);
	out(0x60, 1, 0x65);
	out(0x64, 1, 0x20);
	ck_assert_uint_eq(in(0x60, 1), 0x65);
	out(0x64, 1, 0xab);
	ck_assert_uint_ne(in(0x60, 1), 0);
	out(0x60, 1, 0xff); /* for a keyboard */
	ck_assert_uint_eq(in(0x64, 1), 0x04);
}
END_TEST

START_TEST(post_and_a20_ports_remember)
{
	out(0x80, 1, 0x42);
	ck_assert_uint_eq(in(0x80, 1), 0x42);
	ck_assert_uint_eq(in(0x92, 1), 0x02);
	out(0x92, 1, 0);
	ck_assert_uint_eq(in(0x92, 1), 0);
}
END_TEST

START_TEST(configuration_mechanism_1_reaches_the_host_bridge)
{
	out(0xcfb, 1, 0x01); /* as Linux's pci_check_type1() does first */
	ck_assert_uint_eq(in(0xcf8, 4), 0);
	out(0xcf8, 4, 0x80000000);
	ck_assert_uint_eq(in(0xcf8, 4), 0x80000000);
	ck_assert_uint_eq(in(0xcfc, 4), 0x00081b36);
	out(0xcf8, 4, 0x80000008);
	ck_assert_uint_eq(in(0xcfe, 2), 0x0600);
	ck_assert_uint_eq(in(0xcff, 1), 0x06);
	out(0xcf8, 4, 0x80000800);
	ck_assert_uint_eq(in(0xcfc, 4), 0xffffffff);
	out(0xcf8, 4, 0x80010000); /* bus 1 */
	ck_assert_uint_eq(in(0xcfc, 4), 0xffffffff);
	out(0xcf8, 4, 0x00000000);
	ck_assert_uint_eq(in(0xcfc, 4), 0xffffffff);
	ck_assert_uint_eq(in(0xcfe, 4), 0xffffffff); /* over the region's end */
}
END_TEST

static void pm_init(void *dev, struct dev_env *env) { acpi_pm_init(dev, env); }
static void ports_init(void *dev, struct dev_env *env) { pc_ports_init(dev, env); }

/* The mechanism with a root bus of its own. */
struct pci_machine {
	struct pci_ports ports;
	struct pci_root root;
};

static void pci_init(void *dev, struct dev_env *env)
{
	struct pci_machine *m = dev;

	pci_root_init(&m->root, env);
	pci_ports_init(&m->ports, env, &m->root);
}

static void pm_poke(void *dev, struct fake_env *env, uint64_t random)
{
	if (random & 1)
		acpi_pm_power_button(dev);
	else
		acpi_pm_gpe(dev, random >> 8 & 31);
}

START_TEST(restored_fixed_hardware_behaves_as_the_saved_one)
{
	static const struct twin_kind kinds[] = {
		{ .model = &acpi_pm_model, .dev_bytes = sizeof(struct acpi_pm), .init = pm_init,
		  .regions = acpi_pm_regions, .region_count = ACPI_PM_REGIONS, .poke = pm_poke },
		{ .model = &pc_ports_model, .dev_bytes = sizeof(struct pc_ports), .init = ports_init,
		  .regions = pc_ports_regions, .region_count = PC_PORTS_REGIONS },
		{ .model = &pci_ports_model, .dev_bytes = sizeof(struct pci_machine), .init = pci_init,
		  .regions = pci_ports_regions, .region_count = 1 },
	};

	for (size_t i = 0; i < VL_ARRAY_COUNT(kinds); i++)
		twin_check(&kinds[i]);
}
END_TEST

Suite *suite_acpi_pm(void)
{
	Suite *s = suite_create("acpi_pm");
	TCase *t = tcase_create("fixed hardware");

	tcase_add_checked_fixture(t, open_ports, NULL);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, the_power_button_raises_the_sci_until_it_is_cleared);
	tcase_add_test(t, acpi_mode_is_on_and_only_s5_powers_off);
	tcase_add_test(t, the_pm_timer_counts_3579545_a_second_in_24_bits);
	tcase_add_test(t, the_pm_timer_interrupts_each_time_bit_23_flips);
	tcase_add_test(t, general_purpose_events_are_enabled_and_cleared_by_bit);
	tcase_add_test(t, every_documented_reset_port_resets);
	tcase_add_test(t, the_keyboard_controller_passes_its_self_test_and_has_no_keyboard);
	tcase_add_test(t, post_and_a20_ports_remember);
	tcase_add_test(t, configuration_mechanism_1_reaches_the_host_bridge);
	tcase_add_test(t, restored_fixed_hardware_behaves_as_the_saved_one);
	suite_add_tcase(s, t);
	return s;
}
