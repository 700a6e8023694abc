/*
 * The guest's ACPI tables (ACPI 6.5 chapter 5): RSDP, XSDT, FADT with the
 * fixed hardware of acpi_pm.h, FACS, DSDT, MADT, and TPM2 if there is a TPM. Built from CONFIG once,
 * before the guest runs, and written into its memory below 1 MiB.
 */
#include "ports/x86_64/vm/acpi_tpm.h"
#include "ports/x86_64/vm/aml.h"
#include "ports/x86_64/vm/x86.h"
#include <string.h>

#define HEADER_BYTES 36u
#define OFFSET_LENGTH 4u
#define OFFSET_CHECKSUM 9u
#define FADT_BYTES 244u /* revision 4 */
#define FACS_BYTES 64u
#define RSDP_BYTES 36u
#define RESET_PORT 0xcf9u
#define RESET_VALUE 6u
#define PCI_SLOTS_ROUTED 32u

struct tables {
	struct vl_writer w; /* position = address - MACHINE_ACPI_BASE */
	const struct vm *vm;
	const struct control_config *config;
};

static uint64_t address(size_t pos)
{
	return MACHINE_ACPI_BASE + pos;
}

static uint8_t checksum(const uint8_t *data, size_t size)
{
	uint8_t sum = 0;

	while (size--)
		sum = (uint8_t)(sum + *data++);
	return (uint8_t)-sum;
}

static void align(struct tables *t, size_t to)
{
	vl_write_zeros(&t->w, (size_t)(vl_align_up(t->w.pos, to) - t->w.pos));
}

static size_t begin(struct tables *t, const char *signature, uint8_t revision)
{
	size_t at;

	align(t, 16);
	at = t->w.pos;
	vl_write_bytes(&t->w, signature, 4);
	vl_write_le32(&t->w, 0);
	vl_write_u8(&t->w, revision);
	vl_write_u8(&t->w, 0);
	vl_write_bytes(&t->w, "VALLUM", 6);
	vl_write_bytes(&t->w, "VALLUMVM", 8);
	vl_write_le32(&t->w, 1);
	vl_write_bytes(&t->w, "VLUM", 4);
	vl_write_le32(&t->w, 1);
	return at;
}

static void end(struct tables *t, size_t at)
{
	uint32_t length = (uint32_t)(t->w.pos - at);
	uint8_t *p = t->w.data + at;

	if (t->w.err)
		return;
	memcpy(p + OFFSET_LENGTH, &length, sizeof(length));
	p[OFFSET_CHECKSUM] = checksum(p, length);
}

/* --- DSDT ----------------------------------------------------------------------- */

/* Slot n's INTA is GSI 16 + n % 8, hard-wired (disk.h). */
static void pci_routes(struct vl_writer *w)
{
	aml_mark table, route;

	aml_name(w, "_PRT");
	table = aml_package(w, PCI_SLOTS_ROUTED);
	for (uint32_t slot = 0; slot < PCI_SLOTS_ROUTED; slot++) {
		route = aml_package(w, 4);
		aml_integer(w, slot << 16 | 0xffff);
		aml_integer(w, 0);
		aml_integer(w, 0);
		aml_integer(w, PC_IRQ_PCI0 + slot % MACHINE_PCI_IRQS);
		aml_end(w, route);
	}
	aml_end(w, table);
}

static void pci_root(struct vl_writer *w)
{
	aml_mark device = aml_device(w, "PCI0"), resources;

	aml_name(w, "_HID");
	aml_eisa_id(w, "PNP0A03");
	aml_name(w, "_UID");
	aml_integer(w, 0);
	aml_name(w, "_BBN");
	aml_integer(w, 0);
	aml_name(w, "_CRS");
	resources = aml_resources(w);
	aml_bus_numbers(w, 0, 0);
	aml_io(w, 0xcf8, 8);
	aml_io_window(w, 0, 0xcf7);
	aml_io_window(w, 0xd00, 0xffff);
	aml_memory_window(w, MACHINE_PCI_BASE, MACHINE_PCI_BASE + MACHINE_PCI_BYTES - 1);
	aml_resources_end(w, resources);
	pci_routes(w);
	aml_end(w, device);
}

static void isa_device(struct vl_writer *w, const char *name, const char *hid, unsigned uid, uint16_t port,
	uint8_t size, unsigned irq)
{
	aml_mark device = aml_device(w, name), resources;

	aml_name(w, "_HID");
	aml_eisa_id(w, hid);
	aml_name(w, "_UID");
	aml_integer(w, uid);
	aml_name(w, "_STA");
	aml_integer(w, 0xf);
	aml_name(w, "_CRS");
	resources = aml_resources(w);
	aml_io(w, port, size);
	aml_irq(w, irq);
	aml_resources_end(w, resources);
	aml_end(w, device);
}

static void write_dsdt(struct tables *t)
{
	struct vl_writer *w = &t->w;
	size_t at = begin(t, "DSDT", 2);
	aml_mark scope = aml_scope(w, "\\_SB_"), package;

	pci_root(w);
	isa_device(w, "COM1", "PNP0501", 1, 0x3f8, 8, PC_IRQ_COM1);
	isa_device(w, "COM2", "PNP0501", 2, 0x2f8, 8, PC_IRQ_COM2);
	isa_device(w, "RTC_", "PNP0B00", 0, 0x70, 2, PC_IRQ_RTC);
	if (t->vm->tpm.device)
		acpi_tpm_device(w);
	aml_end(w, scope);
	aml_name(w, "_S5_");
	package = aml_package(w, 4);
	aml_integer(w, ACPI_PM_SLP_TYP_S5);
	aml_integer(w, ACPI_PM_SLP_TYP_S5);
	aml_integer(w, 0);
	aml_integer(w, 0);
	aml_end(w, package);
	end(t, at);
}

/* --- FADT, FACS ------------------------------------------------------------------- */

static size_t write_facs(struct tables *t)
{
	size_t at;

	align(t, 64);
	at = t->w.pos;
	vl_write_bytes(&t->w, "FACS", 4);
	vl_write_le32(&t->w, FACS_BYTES);
	vl_write_zeros(&t->w, FACS_BYTES - 8);
	return at;
}

/* Generic address structure (5.2.3.2) of an I/O port; bits 0: none. */
static void io_address(struct vl_writer *w, uint8_t bits, uint64_t port)
{
	vl_write_u8(w, 1);
	vl_write_u8(w, bits);
	vl_write_u8(w, 0);
	vl_write_u8(w, 0);
	vl_write_le64(w, bits ? port : 0);
}

/* Offsets 46 to 111: the fixed hardware's ports and lengths, then what we leave 0. */
static void fadt_fixed(struct vl_writer *w)
{
	vl_write_le16(w, PC_IRQ_SCI);
	vl_write_le32(w, 0); /* SMI_CMD: none, always in ACPI mode */
	vl_write_le32(w, 0); /* ACPI_ENABLE .. PSTATE_CNT */
	vl_write_le32(w, ACPI_PM_BASE + ACPI_PM_EVT);
	vl_write_le32(w, 0);
	vl_write_le32(w, ACPI_PM_BASE + ACPI_PM_CNT);
	vl_write_le32(w, 0);
	vl_write_le32(w, 0); /* PM2_CNT */
	vl_write_le32(w, ACPI_PM_BASE + ACPI_PM_TMR);
	vl_write_le32(w, ACPI_PM_BASE + ACPI_PM_GPE0);
	vl_write_le32(w, 0);
	vl_write_u8(w, 4); /* PM1_EVT_LEN */
	vl_write_u8(w, 2); /* PM1_CNT_LEN */
	vl_write_u8(w, 0);
	vl_write_u8(w, 4); /* PM_TMR_LEN */
	vl_write_u8(w, 4); /* GPE0_BLK_LEN */
	vl_write_zeros(w, 3);
	vl_write_le16(w, 101);  /* P_LVL2_LAT: over 100, no C2 */
	vl_write_le16(w, 1001); /* P_LVL3_LAT: no C3 */
	vl_write_zeros(w, 8);   /* FLUSH_SIZE .. MON_ALRM */
	vl_write_u8(w, CMOS_CENTURY);
	vl_write_le16(w, 1 | 1u << 2); /* IAPC_BOOT_ARCH: legacy devices, no VGA */
	vl_write_u8(w, 0);
	/* WBINVD, PROC_C1, SLP_BUTTON is no fixed one, RESET_REG_SUP. */
	vl_write_le32(w, 1u << 0 | 1u << 2 | 1u << 5 | 1u << 10);
}

static void write_fadt(struct tables *t, size_t facs, size_t dsdt)
{
	struct vl_writer *w = &t->w;
	size_t at = begin(t, "FACP", 4);

	vl_write_le32(w, (uint32_t)address(facs));
	vl_write_le32(w, (uint32_t)address(dsdt));
	vl_write_u8(w, 0);
	vl_write_u8(w, 4); /* preferred profile: enterprise server */
	fadt_fixed(w);
	io_address(w, 8, RESET_PORT);
	vl_write_u8(w, RESET_VALUE);
	vl_write_zeros(w, 3);
	vl_write_le64(w, 0); /* X_FIRMWARE_CTRL: the 32-bit field holds it */
	vl_write_le64(w, address(dsdt));
	io_address(w, 32, ACPI_PM_BASE + ACPI_PM_EVT);
	io_address(w, 0, 0);
	io_address(w, 16, ACPI_PM_BASE + ACPI_PM_CNT);
	io_address(w, 0, 0);
	io_address(w, 0, 0);
	io_address(w, 32, ACPI_PM_BASE + ACPI_PM_TMR);
	io_address(w, 32, ACPI_PM_BASE + ACPI_PM_GPE0);
	io_address(w, 0, 0);
	if (!w->err && w->pos - at != FADT_BYTES)
		w->err = VL_E_INTERNAL;
	end(t, at);
}

/* --- MADT ---------------------------------------------------------------------------- */

static void madt_vp(struct vl_writer *w, uint32_t uid, uint64_t apic_id)
{
	if (apic_id < 0xff && uid <= 0xff) {
		vl_write_u8(w, 0); /* local APIC */
		vl_write_u8(w, 8);
		vl_write_u8(w, (uint8_t)uid);
		vl_write_u8(w, (uint8_t)apic_id);
		vl_write_le32(w, 1);
	} else {
		vl_write_u8(w, 9); /* local x2APIC */
		vl_write_u8(w, 16);
		vl_write_le16(w, 0);
		vl_write_le32(w, (uint32_t)apic_id);
		vl_write_le32(w, 1);
		vl_write_le32(w, uid);
	}
}

static void madt_override(struct vl_writer *w, uint8_t irq, uint32_t gsi, uint16_t flags)
{
	vl_write_u8(w, 2);
	vl_write_u8(w, 10);
	vl_write_u8(w, 0);
	vl_write_u8(w, irq);
	vl_write_le32(w, gsi);
	vl_write_le16(w, flags);
}

static void write_madt(struct tables *t)
{
	struct vl_writer *w = &t->w;
	size_t at = begin(t, "APIC", 4);

	vl_write_le32(w, MACHINE_LAPIC_BASE);
	vl_write_le32(w, 1); /* PCAT_COMPAT: there are 8259s as well */
	for (uint32_t i = 0; i < t->config->vp_count; i++)
		madt_vp(w, i, t->config->vps[i].hw_id);
	vl_write_u8(w, 1); /* I/O APIC */
	vl_write_u8(w, 12);
	vl_write_u8(w, 0);
	vl_write_u8(w, 0);
	vl_write_le32(w, IOAPIC_BASE);
	vl_write_le32(w, 0);
	madt_override(w, PC_IRQ_PIT, PC_GSI_PIT, 0);
	madt_override(w, PC_IRQ_SCI, PC_IRQ_SCI, 0x0d); /* active high, level */
	vl_write_u8(w, 4); /* NMI is LINT1 of all */
	vl_write_u8(w, 6);
	vl_write_u8(w, 0xff);
	vl_write_le16(w, 0);
	vl_write_u8(w, 1);
	end(t, at);
}

/* --- TPM2 ------------------------------------------------------------------------------ */

static void write_tpm2(struct tables *t)
{
	size_t at = begin(t, "TPM2", ACPI_TPM2_REVISION);

	acpi_tpm2_body(&t->w, t->vm);
	end(t, at);
}

/* --- RSDP, XSDT ------------------------------------------------------------------------ */

static size_t write_xsdt(struct tables *t, size_t fadt, size_t madt, size_t tpm2)
{
	size_t at = begin(t, "XSDT", 1);

	vl_write_le64(&t->w, address(fadt));
	vl_write_le64(&t->w, address(madt));
	if (tpm2)
		vl_write_le64(&t->w, address(tpm2));
	end(t, at);
	return at;
}

/* Fills the room left at the start (5.2.5.3). */
static void write_rsdp(struct tables *t, size_t xsdt)
{
	struct vl_writer w;

	vl_writer_init(&w, t->w.data, RSDP_BYTES);
	vl_write_bytes(&w, "RSD PTR ", 8);
	vl_write_u8(&w, 0);
	vl_write_bytes(&w, "VALLUM", 6);
	vl_write_u8(&w, 2);
	vl_write_le32(&w, 0);
	vl_write_le32(&w, RSDP_BYTES);
	vl_write_le64(&w, address(xsdt));
	vl_write_zeros(&w, 4);
	w.data[8] = checksum(w.data, 20);
	w.data[32] = checksum(w.data, RSDP_BYTES);
}

static size_t next_table(struct tables *t)
{
	align(t, 16);
	return t->w.pos;
}

int acpi_build(struct vm *vm)
{
	static uint8_t buffer[MACHINE_ACPI_BYTES]; /* one machine per process */
	struct tables t = { .vm = vm, .config = vm->config };
	size_t dsdt, facs, fadt, madt, tpm2 = 0, xsdt;
	int err;

	vl_writer_init(&t.w, buffer, sizeof(buffer));
	vl_write_zeros(&t.w, RSDP_BYTES);
	dsdt = next_table(&t);
	write_dsdt(&t);
	facs = write_facs(&t);
	fadt = next_table(&t);
	write_fadt(&t, facs, dsdt);
	madt = next_table(&t);
	write_madt(&t);
	if (vm->tpm.device) {
		tpm2 = next_table(&t);
		write_tpm2(&t);
	}
	xsdt = write_xsdt(&t, fadt, madt, tpm2);
	if (t.w.err)
		return t.w.err;
	write_rsdp(&t, xsdt);
	err = guest_memory_write(&vm->memory, gpa(MACHINE_TPM_LOG_BASE), vm->tpm.log, vm->tpm.log_bytes);
	return err ? err : guest_memory_write(&vm->memory, gpa(MACHINE_ACPI_BASE), buffer, t.w.pos);
}
