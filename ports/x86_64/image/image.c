/*
 * The x86_64 part of a VTL2 image (tools/igvm/image.h): the kernel is a vmlinux,
 * and the shim is entered in long mode with a GDT and identity-mapping page tables
 * from the image. Register values are those of the reference implementation, but
 * that CR4.OSXSAVE is off, for VTL2's kernel runs without XSAVE.
 */
#include "port/hv_arch.h"
#include "tools/igvm/image.h"
#include "tools/igvm/tool.h"

#include <elf.h>
#include <string.h>

#define RESERVED_PAGES 4u /* SHIM_RESERVED_PAGES: SNP's VMSA, CPUID (2) and secrets */

const struct image_port image_port = {
	.igvm_version = 1,
	.igvm_arch = IGVM_ARCH_X64,
	.elf_machine = EM_X86_64,
	.reserved_pages = RESERVED_PAGES,
	.has_entry_page = true,
	.region_flags = IGVM_REGION_IS_VTL2 | IGVM_REGION_APPLY_PC | IGVM_REGION_APPLY_GDTR,
};

int image_port_kernel(const struct image_input *input, struct image_program *out)
{
	return image_load_elf(input, EM_X86_64, out);
}

/* --- Page tables: Intel SDM 3A, 4.5 ------------------------------------------------ */

#define PTE_PRESENT 1ull
#define PTE_WRITE 2ull
#define PTE_ACCESSED 0x20ull
#define PTE_DIRTY 0x40ull
#define PTE_LARGE 0x80ull
#define GIB (1ull << 30)

/*
 * A PML4; before the move and after it the range can cross a 512 GiB boundary (2
 * PDPTs) and touch one GiB more than it has. The relocation frees nothing.
 */
unsigned image_port_table_pages(uint64_t bytes)
{
	return 5 + 2 * (unsigned)((bytes + GIB - 1) / GIB + 1);
}

unsigned image_port_page_tables(uint8_t *pages, uint64_t at, uint64_t base, uint64_t bytes)
{
	static const struct image_entries entries = { PTE_PRESENT | PTE_WRITE | PTE_ACCESSED,
		PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY | PTE_LARGE };

	return image_tables(pages, at, base, bytes, &entries);
}

/* --- GDT and registers --------------------------------------------------------------- */

#define GDT_ENTRIES 4u /* null, null, code, data */
#define SELECTOR_CODE 0x10u
#define SELECTOR_DATA 0x18u
/* Segment attributes (SDM 3A, 3.4.5): present, DPL 0, accessed, in units of 4 KiB; code is 64-bit. */
#define ATTRIBUTES_CODE 0xa09bu
#define ATTRIBUTES_DATA 0xc093u
#define ATTRIBUTES_BUSY_TSS 0x008bu

#define CR0_PE 1ull
#define CR0_NE (1ull << 5)
#define CR0_PG (1ull << 31)
#define CR4_PAE (1ull << 5)
#define CR4_MCE (1ull << 6)
#define EFER_LME (1ull << 8)
#define EFER_LMA (1ull << 10)
#define EFER_NXE (1ull << 11)
#define RFLAGS_FIXED 2ull
#define PAT_DEFAULT 0x0007040600070406ull /* SDM 3A, 11.12.4 */

/* A flat descriptor: base 0, limit 0xfffff pages. */
static uint64_t descriptor(uint32_t attributes)
{
	return 0xffffull | (uint64_t)(attributes & 0xff) << 40 | 0xfull << 48 |
		(uint64_t)(attributes >> 12) << 52;
}

void image_port_entry_page(uint8_t page[VL_PAGE_BYTES])
{
	le64 gdt[GDT_ENTRIES] = { cpu_to_le64(0), cpu_to_le64(0), cpu_to_le64(descriptor(ATTRIBUTES_CODE)),
		cpu_to_le64(descriptor(ATTRIBUTES_DATA)) };

	memcpy(page, gdt, sizeof(gdt));
}

static void segment(struct igvm_register *reg, uint32_t name, uint16_t selector, uint32_t limit,
	uint16_t attributes)
{
	struct hv_x64_segment s = { .limit = cpu_to_le32(limit), .selector = cpu_to_le16(selector),
		.attributes = cpu_to_le16(attributes) };

	image_register(reg, name, 0);
	memcpy(reg->value, &s, sizeof(s));
}

static void table(struct igvm_register *reg, uint32_t name, uint64_t base, uint16_t limit)
{
	struct hv_x64_table t = { .limit = cpu_to_le16(limit), .base = cpu_to_le64(base) };

	image_register(reg, name, 0);
	memcpy(reg->value, &t, sizeof(t));
}

unsigned image_port_registers(const struct image_entry *entry, struct igvm_register regs[IMAGE_REGISTERS_MAX])
{
	static const uint32_t data_segments[] = { HV_X64_REG_DS, HV_X64_REG_ES, HV_X64_REG_FS, HV_X64_REG_GS,
		HV_X64_REG_SS };
	unsigned n = 0;

	table(&regs[n++], HV_X64_REG_GDTR, entry->entry_page, GDT_ENTRIES * 8 - 1);
	for (size_t i = 0; i < VL_ARRAY_COUNT(data_segments); i++)
		segment(&regs[n++], data_segments[i], SELECTOR_DATA, 0xffffffff, ATTRIBUTES_DATA);
	segment(&regs[n++], HV_X64_REG_CS, SELECTOR_CODE, 0xffffffff, ATTRIBUTES_CODE);
	segment(&regs[n++], HV_X64_REG_TR, 0, 0xffff, ATTRIBUTES_BUSY_TSS);
	image_register(&regs[n++], HV_X64_REG_CR0, CR0_PG | CR0_NE | CR0_PE);
	image_register(&regs[n++], HV_X64_REG_CR3, entry->tables);
	image_register(&regs[n++], HV_X64_REG_CR4, CR4_PAE | CR4_MCE);
	image_register(&regs[n++], HV_X64_REG_EFER, EFER_LMA | EFER_LME | EFER_NXE);
	image_register(&regs[n++], HV_X64_REG_PAT, PAT_DEFAULT);
	image_register(&regs[n++], HV_X64_REG_RFLAGS, RFLAGS_FIXED);
	image_register(&regs[n++], HV_X64_REG_RSI, entry->params - entry->shim_base);
	image_register(&regs[n++], HV_X64_REG_RIP, entry->shim_entry);
	return n;
}
