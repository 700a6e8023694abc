/* The golden files of the PC devices' saved state (test/unit/dev/golden.h). */
#include "ports/x86_64/dev/acpi_pm.h"
#include "ports/x86_64/dev/cmos.h"
#include "ports/x86_64/dev/irq_router.h"
#include "ports/x86_64/dev/pc_ports.h"
#include "ports/x86_64/dev/pci_ports.h"
#include "ports/x86_64/dev/pit8254.h"
#include "test/unit/dev/fake_env.h"
#include "test/unit/dev/golden.h"

Suite *suite_pc_golden(void);

static struct pic8259 pic;
static struct ioapic ioapic;
static struct pit8254 pit;
static struct cmos cmos;
static struct acpi_pm pm;
static struct pc_ports ports;
static struct pci_root root;
static struct pci_ports pci;
static struct fake_env env[8];
static struct bus bus;
static const struct dev_instance devices[] = {
	{ "pic", &pic8259_model, &pic },        { "ioapic", &ioapic_model, &ioapic },
	{ "pit", &pit8254_model, &pit },        { "cmos", &cmos_model, &cmos },
	{ "acpi-pm", &acpi_pm_model, &pm },     { "pc-ports", &pc_ports_model, &ports },
	{ "pci-root", &pci_root_model, &root }, { "pci-ports", &pci_ports_model, &pci },
};

static void add(unsigned i, const struct dev_region *regions, unsigned count)
{
	ck_assert_int_eq(bus_add_all(&bus, &devices[i], regions, count), VL_OK);
}

static void fresh(void)
{
	bus_init(&bus);
	for (unsigned i = 0; i < VL_ARRAY_COUNT(env); i++)
		fake_env_init(&env[i], &devices[i]);
	pic8259_init(&pic, &env[0].env);
	ioapic_init(&ioapic, &env[1].env);
	pit8254_init(&pit, &env[2].env);
	cmos_init(&cmos, &env[3].env);
	acpi_pm_init(&pm, &env[4].env);
	pc_ports_init(&ports, &env[5].env);
	pci_root_init(&root, &env[6].env);
	pci_ports_init(&pci, &env[7].env, &root);
	add(0, pic8259_regions, PIC8259_REGIONS);
	add(1, ioapic_regions, IOAPIC_REGIONS);
	add(2, pit8254_regions, PIT8254_REGIONS);
	add(3, cmos_regions, CMOS_REGIONS);
	add(4, acpi_pm_regions, ACPI_PM_REGIONS);
	add(5, pc_ports_regions, PC_PORTS_REGIONS);
	add(7, pci_ports_regions, PCI_PORTS_REGIONS);
}

#define START_NS 98765432101
#define END_NS (START_NS + 1234567)

static void pass_time(uint64_t now_ns)
{
	for (unsigned i = 0; i < VL_ARRAY_COUNT(env); i++)
		env[i].now_ns = now_ns;
}

static void settle(void)
{
	pass_time(END_NS);
}

static void script(void)
{
	static const uint32_t outs[][2] = {
		{ 0x20, 0x11 }, { 0x21, 0x30 }, { 0x21, 4 }, { 0x21, 1 }, { 0x21, 0xfa }, { 0xa0, 0x11 },
		{ 0xa1, 0x38 },
		{ 0xa1, 2 }, { 0x43, 0x34 }, { 0x40, 0xa5 }, { 0x40, 0x12 }, { 0x43, 0xb0 }, { 0x42, 0x34 },
		{ 0x61, 1 },
		{ 0x70, 11 }, { 0x71, 0x62 }, { 0x70, 5 }, { 0x71, 0x23 }, { 0x70, 0x40 }, { 0x71, 0x99 },
		{ ACPI_PM_BASE + 3, 1 }, { 0x64, 0x60 }, { 0x80, 0x42 }, { 0x92, 0 },
	};
	uint64_t v;

	pass_time(START_NS);
	for (unsigned i = 0; i < VL_ARRAY_COUNT(outs); i++)
		ck_assert(bus_write(&bus, DEV_PIO, outs[i][0], 1, outs[i][1]));
	bus_write(&bus, DEV_PIO, 0xcf8, 4, 0x8000003c);
	bus_write(&bus, DEV_PIO, 0xcfc, 1, 11);
	bus_write(&bus, DEV_MMIO, IOAPIC_BASE, 4, 0x10 + 18);
	bus_write(&bus, DEV_MMIO, IOAPIC_BASE + 0x10, 4, 0x8039);
	pass_time(END_NS);
	bus_read(&bus, DEV_PIO, 0x40, 1, &v); /* the high byte is next */
	/* the clock has noticed this moment, as it does when restored */
	bus_read(&bus, DEV_PIO, 0x71, 1, &v);
	pic8259_set(&pic, 0, true);
	pic8259_set(&pic, 9, true);
	pic8259_acknowledge(&pic);
	ioapic_set(&ioapic, 9, true);
	acpi_pm_power_button(&pm);
	acpi_pm_gpe(&pm, 5);
}

START_TEST(what_every_version_saved_of_the_pc_devices_is_restored)
{
	static const struct golden golden = {
		"../ports/x86_64/test/golden/pc", 1, devices, VL_ARRAY_COUNT(devices), fresh, script, settle,
	};

	golden_check(&golden);
}
END_TEST

Suite *suite_pc_golden(void)
{
	Suite *s = suite_create("pc_golden");
	TCase *t = tcase_create("golden files");

	tcase_set_timeout(t, 300);
	tcase_add_test(t, what_every_version_saved_of_the_pc_devices_is_restored);
	suite_add_tcase(s, t);
	return s;
}
