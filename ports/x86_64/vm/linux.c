/*
 * Linux direct boot: checks the bzImage that the host placed in VTL0's memory,
 * puts kernel, initrd, boot parameters, page tables and GDT where the 64-bit
 * boot protocol wants them. Called once, before any VP runs.
 */
#include "ports/x86_64/vm/linux.h"
#include "ports/x86_64/vm/x86.h"
#include <string.h>

/* Low memory that the kernel has left behind before it uses it for itself. */
#define LOW_GDT 0x1000u
#define LOW_PAGE_TABLES 0x2000u /* PML4, PDPT, 4 page directories */
#define LOW_BOOT_PARAMS 0x8000u
#define LOW_COMMAND_LINE 0x9000u
#define LOW_RAM_END 0x9fc00u
#define MIB 0x100000ull
#define ENTRY_64 0x200u /* from the start of the protected-mode code */

/* struct boot_params, boot.rst "zero page" (Documentation/arch/x86/zero-page.rst). */
enum {
	BP_RSDP = 0x070,
	BP_EXT_RAMDISK_IMAGE = 0x0c0,
	BP_EXT_RAMDISK_SIZE = 0x0c4,
	BP_E820_COUNT = 0x1e8,
	BP_TYPE_OF_LOADER = 0x210,
	BP_RAMDISK_IMAGE = 0x218,
	BP_RAMDISK_SIZE = 0x21c,
	BP_CMD_LINE_PTR = 0x228,
	BP_E820 = 0x2d0,
	E820_ENTRY_BYTES = 20,
	E820_MAX = 128,
};
enum { E820_RAM = 1, E820_RESERVED = 2 };
#define LOADER_UNDEFINED 0xffu

static void put(uint8_t *page, size_t at, uint64_t value, unsigned bytes)
{
	memcpy(page + at, &value, bytes);
}

static void add_e820(uint8_t *page, uint64_t base, uint64_t end, uint32_t type)
{
	size_t at = BP_E820 + (size_t)page[BP_E820_COUNT] * E820_ENTRY_BYTES;

	if (base >= end || page[BP_E820_COUNT] == E820_MAX)
		return;
	put(page, at, base, 8);
	put(page, at + 8, end - base, 8);
	put(page, at + 16, type, 4);
	page[BP_E820_COUNT]++;
}

static void write_e820(const struct vm *vm, uint8_t *page)
{
	add_e820(page, 0, LOW_RAM_END, E820_RAM);
	add_e820(page, MACHINE_ACPI_BASE, MIB, E820_RESERVED);
	for (unsigned i = 0; i < vm->memory.range_count; i++) {
		const struct guest_range *r = &vm->memory.range[i];

		add_e820(page, r->base < MIB ? MIB : r->base, r->base + r->size, E820_RAM);
	}
}

static int write_boot_params(struct vm *vm, const struct linux_image *image, const struct linux_place *place)
{
	static uint8_t page[VL_PAGE_BYTES];
	uint64_t initrd_bytes = vm->config->initrd.size;

	memset(page, 0, sizeof(page));
	memcpy(page + LINUX_HEADER_AT, image->header, image->header_bytes);
	page[BP_TYPE_OF_LOADER] = LOADER_UNDEFINED;
	put(page, BP_RSDP, MACHINE_ACPI_BASE, 8);
	put(page, BP_CMD_LINE_PTR, LOW_COMMAND_LINE, 4);
	if (initrd_bytes) {
		put(page, BP_RAMDISK_IMAGE, (uint32_t)place->initrd, 4);
		put(page, BP_EXT_RAMDISK_IMAGE, place->initrd >> 32, 4);
		put(page, BP_RAMDISK_SIZE, (uint32_t)initrd_bytes, 4);
		put(page, BP_EXT_RAMDISK_SIZE, initrd_bytes >> 32, 4);
	}
	write_e820(vm, page);
	return guest_memory_write(&vm->memory, gpa(LOW_BOOT_PARAMS), page, sizeof(page));
}

/* Identity map of the first 4 GiB by 2 MiB pages (SDM 3A 4.5). */
static int write_page_tables(struct vm *vm)
{
	static uint64_t table[6][512];
	uint64_t base = LOW_PAGE_TABLES;

	memset(table, 0, sizeof(table));
	table[0][0] = (base + 0x1000) | 3;
	for (uint64_t i = 0; i < 4; i++)
		table[1][i] = (base + 0x2000 + i * 0x1000) | 3;
	for (uint64_t i = 0; i < 2048; i++)
		table[2 + i / 512][i % 512] = i << 21 | 0x83;
	return guest_memory_write(&vm->memory, gpa(base), table, sizeof(table));
}

/* The selectors that boot.rst names: __BOOT_CS 0x10, __BOOT_DS 0x18. */
static int write_gdt(struct vm *vm)
{
	static const uint64_t gdt[4] = { 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff };

	return guest_memory_write(&vm->memory, gpa(LOW_GDT), gdt, sizeof(gdt));
}

static int parse(struct vm *vm, struct linux_image *image, char *reason)
{
	const struct control_blob *k = &vm->config->kernel;
	uint8_t head[LINUX_HEAD_BYTES];
	const char *why = "";
	size_t n;
	int err = vm_kernel_head(vm, head, sizeof(head), &n, reason);

	if (err)
		return err;
	err = linux_parse(head, n, k->size, image, &why);
	if (err)
		return vm_load_fail(reason, err, why);
	if (strlen(vm->config->command_line) > image->command_line_max)
		return vm_load_fail(reason, VL_E_LIMIT,
				"the guest's command line is longer than its kernel takes");
	if (k->base < MIB || (vm->config->initrd.size && vm->config->initrd.base < MIB))
		return vm_load_fail(reason, VL_E_RANGE, "the host placed the guest's files below 1 MiB");
	return 0;
}

/* Kernel and initrd to their places; the initrd first where the kernel's move could run over it. */
static int place_files(struct vm *vm, const struct linux_image *image, struct linux_place *place,
	char *reason)
{
	const struct control_blob *k = &vm->config->kernel, *i = &vm->config->initrd;
	const struct guest_range *low = &vm->memory.range[0];
	int err;

	if (low->base || low->size < 16 * MIB)
		return vm_load_fail(reason, VL_E_NOSPACE, "VTL0's memory does not begin with 16 MiB at 0");
	err = linux_place(image, i->base, i->size, low->size, place);
	if (err)
		return vm_load_fail(reason, err,
			"kernel and initrd do not fit into VTL0's low memory; give more with --memory");
	/* linux_place moves an initrd only if it has to; then the kernel's file must not lie there. */
	if (i->size && place->initrd != i->base &&
	    vl_ranges_overlap(place->initrd, i->size, k->base, k->size))
		return vm_load_fail(reason, VL_E_OVERLAP,
				"the initrd cannot be moved below its kernel's limit");
	err = i->size ? guest_memory_move(&vm->memory, gpa(place->initrd), gpa(i->base), i->size) : 0;
	if (!err)
		err = guest_memory_move(&vm->memory, gpa(place->kernel), gpa(k->base + image->code_offset),
			image->code_bytes);
	return err ? vm_load_fail(reason, err, "kernel or initrd is not in VTL0's memory") : 0;
}

int machine_arch_load(struct vm *vm, char *reason)
{
	struct machine_arch *a = &vm->arch;
	struct linux_image image;
	struct linux_place place;
	int err = parse(vm, &image, reason);

	if (!err)
		err = place_files(vm, &image, &place, reason);
	if (err)
		return err;
	err = write_boot_params(vm, &image, &place);
	if (!err)
		err = guest_memory_write(&vm->memory, gpa(LOW_COMMAND_LINE), vm->config->command_line,
			strlen(vm->config->command_line) + 1);
	if (!err)
		err = write_page_tables(vm);
	if (!err)
		err = write_gdt(vm);
	if (!err)
		err = acpi_build(vm);
	if (err)
		return vm_load_fail(reason, err, "writing the guest's boot parameters and ACPI tables");
	a->gdt = LOW_GDT;
	a->page_tables = LOW_PAGE_TABLES;
	a->boot_params = LOW_BOOT_PARAMS;
	a->entry = place.kernel + ENTRY_64;
	vl_info("guest kernel at 0x%llx, initrd at 0x%llx", (unsigned long long)place.kernel,
		(unsigned long long)(vm->config->initrd.size ? place.initrd : 0));
	return 0;
}
