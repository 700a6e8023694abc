/*
 * The aarch64 part of a VTL2 image (tools/igvm/image.h): the kernel is an arm64
 * Image, and the shim is entered at EL1 with the MMU on, on identity-mapping page
 * tables from the image. Register values are those of the reference
 * implementation, but that exceptions are masked until the shim has its vectors.
 */
#include "common/base/bytes.h"
#include "port/hv_arch.h"
#include "tools/igvm/image.h"
#include "tools/igvm/tool.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

const struct image_port image_port = {
	.igvm_version = 2, /* the first that knows other architectures than x64 */
	.igvm_arch = IGVM_ARCH_AARCH64,
	.elf_machine = EM_AARCH64,
	.reserved_pages = 0,
	.has_entry_page = false,
	.region_flags = IGVM_REGION_IS_VTL2 | IGVM_REGION_APPLY_PC,
};

/* --- The kernel: Linux, Documentation/arch/arm64/booting.rst --------------------------- */

#define IMAGE_MAGIC 0x644d5241u /* "ARM\x64" */
#define IMAGE_MAGIC_OFFSET 56u
#define IMAGE_HEADER_BYTES 64u
#define IMAGE_BYTES_MAX (1ull << 30)
#define IMAGE_FLAG_BIG_ENDIAN 1u

/* {code[2] u32, text_offset u64, image_size u64, flags u64, 0[3] u64, magic u32, pe u32} */
int image_port_kernel(const struct image_input *input, struct image_program *out)
{
	uint64_t text_offset, image_size, flags;
	struct vl_reader r;

	vl_reader_init(&r, input->data, input->size);
	vl_read_skip(&r, 8);
	text_offset = vl_read_le64(&r);
	image_size = vl_read_le64(&r);
	flags = vl_read_le64(&r);
	vl_read_skip(&r, IMAGE_MAGIC_OFFSET - 32);
	if (vl_read_le32(&r) != IMAGE_MAGIC || input->size < IMAGE_HEADER_BYTES)
		return tool_fail(TOOL_INVALID, "%s: is no arm64 Image (no magic number at offset 56)",
			input->path);
	if (flags & IMAGE_FLAG_BIG_ENDIAN)
		return tool_fail(TOOL_INVALID, "%s: is a big-endian kernel", input->path);
	if (image_size < input->size || image_size > IMAGE_BYTES_MAX || text_offset >= VL_LARGE_PAGE_BYTES)
		return tool_fail(TOOL_INVALID, "%s: has an image_size or text_offset that cannot be",
			input->path);
	out->bytes = vl_align_up(text_offset + image_size, VL_PAGE_BYTES);
	out->entry = text_offset;
	out->memory = calloc(1, out->bytes);
	if (!out->memory)
		return tool_fail(TOOL_USAGE, "%s: not enough memory to load it", input->path);
	memcpy(out->memory + text_offset, input->data, input->size);
	return TOOL_OK;
}

/* --- Page tables: Arm ARM, D8.3; 4 KiB granule, 2 MiB blocks ---------------------------- */

#define DESCRIPTOR_TABLE 3ull
#define DESCRIPTOR_BLOCK 1ull
#define BLOCK_ATTRIBUTES_WB (3ull << 2) /* the index of normal write-back memory in MAIR below */
#define BLOCK_INNER_SHAREABLE (3ull << 8)
#define BLOCK_ACCESSED (1ull << 10)
#define BLOCK_USER_NEVER_EXECUTES (1ull << 54)
/*
 * A top table, and for at most 2 GiB anywhere two tables of 512 GiB and three of
 * 1 GiB; as many again for the place that the image moves to.
 */
#define TABLE_PAGES 15u

unsigned image_port_table_pages(uint64_t bytes)
{
	return TABLE_PAGES;
}

unsigned image_port_page_tables(uint8_t *pages, uint64_t at, uint64_t base, uint64_t bytes)
{
	static const struct image_entries entries = { DESCRIPTOR_TABLE,
		DESCRIPTOR_BLOCK | BLOCK_ATTRIBUTES_WB |
		BLOCK_INNER_SHAREABLE | BLOCK_ACCESSED | BLOCK_USER_NEVER_EXECUTES };

	return image_tables(pages, at, base, bytes, &entries);
}

/* --- Registers: Arm ARM, D19.2 ------------------------------------------------------------ */

#define PSTATE_EL1H 5u
#define PSTATE_DAIF (0xfu << 6)

#define SCTLR_M 1ull
#define SCTLR_C (1ull << 2)
#define SCTLR_I (1ull << 12)
/* RES1, or 1 for the behaviour without the feature: EOS, TSCXT, EIS, SPAN, nTLSMD, LSMAOE. */
#define SCTLR_FIXED (1ull << 11 | 1ull << 20 | 1ull << 22 | 1ull << 23 | 1ull << 28 | 1ull << 29)

#define TCR_T0SZ 0x11ull              /* 47 address bits: walks begin at level 0 */
#define TCR_IRGN0_WB (1ull << 8)
#define TCR_ORGN0_WB (1ull << 10)
#define TCR_SH0_INNER (3ull << 12)
#define TCR_EPD1 (1ull << 23)         /* no walks for the upper half */
#define TCR_TG1_4K (2ull << 30)       /* a valid granule all the same, erratum 822227 of Cortex-A57 */
#define TCR_IPS_48 (5ull << 32)

/* Device-nGnRnE, normal non-cacheable, normal write-through, normal write-back. */
#define MAIR 0xffbb4400ull

void image_port_entry_page(uint8_t page[VL_PAGE_BYTES])
{
}

unsigned image_port_registers(const struct image_entry *entry, struct igvm_register regs[IMAGE_REGISTERS_MAX])
{
	unsigned n = 0;

	image_register(&regs[n++], HV_ARM64_REG_X0, entry->params - entry->shim_base);
	image_register(&regs[n++], HV_ARM64_REG_PC, entry->shim_entry);
	image_register(&regs[n++], HV_ARM64_REG_PSTATE, PSTATE_DAIF | PSTATE_EL1H);
	image_register(&regs[n++], HV_ARM64_REG_SCTLR_EL1, SCTLR_FIXED | SCTLR_M | SCTLR_C | SCTLR_I);
	image_register(&regs[n++], HV_ARM64_REG_TCR_EL1, TCR_IPS_48 | TCR_TG1_4K | TCR_EPD1 | TCR_SH0_INNER |
		TCR_ORGN0_WB | TCR_IRGN0_WB | TCR_T0SZ);
	image_register(&regs[n++], HV_ARM64_REG_MAIR_EL1, MAIR);
	image_register(&regs[n++], HV_ARM64_REG_TTBR0_EL1, entry->tables);
	image_register(&regs[n++], HV_ARM64_REG_VBAR_EL1, 0);
	return n;
}
