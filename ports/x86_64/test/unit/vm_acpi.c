/* The guest's ACPI tables as an operating system would find them (ports/x86_64/vm/acpi.c, aml.c). */
#include "ports/x86_64/vm/x86.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *suite_vm_acpi(void);

static uint8_t ram[1u << 20];
static struct vm vm;
static struct control_config config;

static bool with_tpm;

static void build(uint32_t vp_count, uint64_t first_id)
{
	memset(&vm, 0, sizeof(vm));
	if (with_tpm) {
		vm.tpm.device = &vm.device[0];
		vm.tpm.log_bytes = 3;
		memcpy(vm.tpm.log, "log", 3);
	}
	vm.config = &config;
	config.vp_count = vp_count;
	for (uint32_t i = 0; i < vp_count; i++)
		config.vps[i].hw_id = first_id + i;
	ck_assert_int_eq(guest_memory_add(&vm.memory, gpa(0), sizeof(ram), ram), 0);
	ck_assert_int_eq(acpi_build(&vm), 0);
}

static uint64_t at(uint64_t addr, unsigned bytes)
{
	uint64_t v = 0;

	ck_assert(vl_within(addr, bytes, sizeof(ram)));
	memcpy(&v, ram + addr, bytes);
	return v;
}

static unsigned sum(uint64_t addr, uint64_t size)
{
	uint8_t s = 0;

	ck_assert(vl_within(addr, size, sizeof(ram)));
	while (size--)
		s = (uint8_t)(s + ram[addr++]);
	return s;
}

/* The table with this signature in the XSDT, checked; 0 when there is none. */
static uint64_t find(const char *signature)
{
	uint64_t xsdt = at(MACHINE_ACPI_BASE + 24, 8), size = at(xsdt + 4, 4);

	ck_assert_uint_eq(sum(xsdt, size), 0);
	for (uint64_t p = xsdt + 36; p < xsdt + size; p += 8) {
		uint64_t table = at(p, 8);

		ck_assert_uint_eq(sum(table, at(table + 4, 4)), 0);
		if (!memcmp(ram + table, signature, 4))
			return table;
	}
	return 0;
}

START_TEST(the_root_pointer_is_where_a_kernel_looks_and_sums_to_zero)
{
	build(2, 0);
	ck_assert_mem_eq(ram + MACHINE_ACPI_BASE, "RSD PTR ", 8);
	ck_assert_uint_eq(sum(MACHINE_ACPI_BASE, 20), 0);
	ck_assert_uint_eq(sum(MACHINE_ACPI_BASE, 36), 0);
}
END_TEST

START_TEST(the_fadt_names_dsdt_facs_and_the_fixed_hardware)
{
	uint64_t fadt, dsdt;

	build(1, 0);
	fadt = find("FACP");
	ck_assert_uint_ne(fadt, 0);
	dsdt = at(fadt + 40, 4);
	ck_assert_uint_eq(at(fadt + 140, 8), dsdt);
	ck_assert_mem_eq(ram + dsdt, "DSDT", 4);
	ck_assert_uint_eq(sum(dsdt, at(dsdt + 4, 4)), 0);
	ck_assert_mem_eq(ram + at(fadt + 36, 4), "FACS", 4);
	ck_assert_uint_eq(at(fadt + 36, 4) % 64, 0);
	ck_assert_uint_eq(at(fadt + 46, 2), 9);
	ck_assert_uint_eq(at(fadt + 76, 4), ACPI_PM_BASE + ACPI_PM_TMR);
	ck_assert_uint_eq(at(fadt + 120, 8), 0xcf9);
	ck_assert_uint_eq(at(fadt + 128, 1), 6);
}
END_TEST

/* Processors in the MADT, by type of entry: 0 local APIC, 9 x2APIC. */
static unsigned processors(unsigned type)
{
	uint64_t madt = find("APIC"), end = madt + at(madt + 4, 4);
	unsigned count = 0;

	for (uint64_t p = madt + 44; p < end; p += at(p + 1, 1)) {
		ck_assert_uint_ge(at(p + 1, 1), 2);
		count += at(p, 1) == type;
	}
	return count;
}

START_TEST(every_vp_is_in_the_madt_once)
{
	build(8, 0);
	ck_assert_uint_eq(processors(0), 8);
	ck_assert_uint_eq(processors(9), 0);
	build(300, 0);
	ck_assert_uint_eq(processors(0) + processors(9), 300);
	ck_assert_uint_eq(processors(0), 255);
	build(CONTROL_VP_MAX, 0);
	ck_assert_uint_eq(processors(0) + processors(9), CONTROL_VP_MAX);
}
END_TEST

/* Walks a term list of scopes, devices and names down to `end`; its lengths must agree. */
static uint64_t package_end(uint64_t *p)
{
	uint64_t start = *p;
	unsigned lead = (unsigned)at(start, 1), more = lead >> 6;
	uint64_t length = more ? lead & 0xf : lead & 0x3f;

	for (unsigned i = 0; i < more; i++)
		length |= at(start + 1 + i, 1) << (4 + 8 * i);
	*p = start + 1 + more;
	return start + length;
}

static void skip_object(uint64_t *p)
{
	unsigned op = (unsigned)at((*p)++, 1);

	switch (op) {
	case 0x0a: *p += 1; break;
	case 0x0b: *p += 2; break;
	case 0x0c: *p += 4; break;
	case 0x0e: *p += 8; break;
	case 0x0d:
		while (at((*p)++, 1))
			;
		break;
	case 0x11:
	case 0x12: *p = package_end(p); break;
	default: ck_abort_msg("AML op 0x%x at 0x%llx", op, (unsigned long long)*p);
	}
}

static unsigned walk_terms(uint64_t p, uint64_t end)
{
	unsigned devices = 0;

	while (p < end) {
		unsigned op = (unsigned)at(p++, 1);
		uint64_t inner;

		if (op == 0x08) {
			p += 4;
			skip_object(&p);
			continue;
		}
		if (op == 0x5b && at(p, 1) == 0x80) { /* an operation region */
			p += 1 + 4 + 1;
			skip_object(&p);
			skip_object(&p);
			continue;
		}
		if (op == 0x14 || (op == 0x5b && at(p, 1) == 0x81)) { /* a method, fields */
			p += op == 0x5b;
			p = package_end(&p);
			continue;
		}
		if (op == 0x5b) {
			ck_assert_uint_eq(at(p++, 1), 0x82);
			devices++;
		} else {
			ck_assert_uint_eq(op, 0x10);
		}
		inner = package_end(&p);
		ck_assert_uint_le(inner, end);
		devices += walk_terms(p + (at(p, 1) == '\\' ? 5 : 4), inner);
		p = inner;
	}
	ck_assert_uint_eq(p, end);
	return devices;
}

START_TEST(the_dsdts_packages_nest_and_hold_four_devices)
{
	uint64_t dsdt;

	build(1, 0);
	dsdt = at(find("FACP") + 40, 4);
	ck_assert_uint_eq(walk_terms(dsdt + 36, dsdt + at(dsdt + 4, 4)), 4);
}
END_TEST

START_TEST(a_tpm_has_its_table_its_device_and_its_log)
{
	uint64_t tpm2, dsdt;

	build(1, 0);
	ck_assert_uint_eq(find("TPM2"), 0);
	with_tpm = true;
	build(CONTROL_VP_MAX, 0);
	tpm2 = find("TPM2");
	ck_assert_uint_ne(tpm2, 0);
	ck_assert_uint_eq(at(tpm2 + 4, 4), 76);
	ck_assert_uint_eq(at(tpm2 + 40, 8), 0xfed40040); /* the control area */
	ck_assert_uint_eq(at(tpm2 + 48, 4), 7);          /* CRB */
	ck_assert_uint_eq(at(tpm2 + 64, 4), 3);
	ck_assert_mem_eq(ram + at(tpm2 + 68, 8), "log", 3);
	dsdt = at(find("FACP") + 40, 4);
	ck_assert_uint_eq(walk_terms(dsdt + 36, dsdt + at(dsdt + 4, 4)), 5);
	with_tpm = false;
}
END_TEST

Suite *suite_vm_acpi(void)
{
	Suite *s = suite_create("vm_acpi");
	TCase *c = tcase_create("acpi");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, the_root_pointer_is_where_a_kernel_looks_and_sums_to_zero);
	tcase_add_test(c, the_fadt_names_dsdt_facs_and_the_fixed_hardware);
	tcase_add_test(c, every_vp_is_in_the_madt_once);
	tcase_add_test(c, the_dsdts_packages_nest_and_hold_four_devices);
	tcase_add_test(c, a_tpm_has_its_table_its_device_and_its_log);
	suite_add_tcase(s, c);
	return s;
}
