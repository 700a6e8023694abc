/*
 * Laying out a VTL2 image (openhcl layout: see common/boot/params.h for what the
 * shim finds in it) and what a port gives to it. The portable part is image.c,
 * the port's part ports/<arch>/image/.
 *
 * From the image's base (2 MiB aligned) upwards:
 *	persisted state (2 MiB, nothing imported) | kernel | shim | initrd |
 *	the port's entry page, if any | shim parameters | command line |
 *	reserved pages | parameter region | shim log, shim heap (nothing imported) |
 *	free memory ... | page tables, up to the end of VTL2's memory
 *
 * The page tables lie last, so that one relocatable region covers all the rest.
 */
#ifndef VL_IGVM_IMAGE_H
#define VL_IGVM_IMAGE_H

#include "common/base/types.h"
#include "common/igvm/igvm.h"

#define IMAGE_DEFAULT_BASE 0x8000000ull /* 128 MiB */
#define IMAGE_LOWEST 0x200000ull        /* where a relocatable image may go: from here */
#define IMAGE_HIGHEST (1ull << 47)      /* to here, the end of the lower half of virtual addresses */
#define IMAGE_REGISTERS_MAX 32

/* A program as it lies in memory; `memory` is malloc'ed, bytes is a page multiple. */
struct image_program {
	uint8_t *memory;
	uint64_t bytes;
	uint64_t entry; /* from the start of memory */
};

/* A file's bytes and its path for messages. */
struct image_input {
	const uint8_t *data;
	size_t size;
	const char *path;
};

/* What the VP context may refer to; addresses as in the file. */
struct image_entry {
	uint64_t shim_base, shim_entry;
	uint64_t params;     /* the page of struct shim_params */
	uint64_t tables;     /* the top page table */
	uint64_t entry_page; /* the port's own page, when it has one */
};

/*
 * Reads a little-endian ELF64 program for `machine` (e_machine) into memory by
 * its physical addresses, the lowest one first. 0, or an exit status of the tool
 * with the reason printed. `out->memory` is then the caller's to free.
 */
int image_load_elf(const struct image_input *input, uint16_t machine, struct image_program *out);

/* --- The port ---------------------------------------------------------------------- */

struct image_port {
	uint32_t igvm_version; /* 1 or 2 */
	uint32_t igvm_arch;    /* enum igvm_architecture */
	uint16_t elf_machine;  /* e_machine of the shim */
	uint16_t reserved_pages; /* between command line and parameter region */
	bool has_entry_page;
	uint8_t region_flags;  /* IGVM_REGION_*: the registers that a relocation moves */
};
extern const struct image_port image_port;

/* The kernel as the port's boot protocol wants it in memory, from a 2 MiB boundary. As image_load_elf. */
int image_port_kernel(const struct image_input *input, struct image_program *out);

/* Pages to reserve for page tables that map `bytes` anywhere, before and after a move. */
unsigned image_port_table_pages(uint64_t bytes);

/*
 * Writes page tables at address `at` that map [base, base + bytes) to itself in
 * 2 MiB pages. `pages` has image_port_table_pages(bytes) zeroed pages; the top
 * table is the first. Returns how many it used.
 */
unsigned image_port_page_tables(uint8_t *pages, uint64_t at, uint64_t base, uint64_t bytes);

/*
 * image_port_page_tables for ports whose tables have four levels of 512 entries;
 * `entries` are the bits of an entry beside its address.
 */
struct image_entries {
	uint64_t table, large_page;
};
unsigned image_tables(uint8_t *pages, uint64_t at, uint64_t base, uint64_t bytes,
	const struct image_entries *entries);

/* Fills the zeroed entry page; called when has_entry_page. */
void image_port_entry_page(uint8_t page[VL_PAGE_BYTES]);

/* The registers of VTL2's first VP at the shim's entry; returns their count. */
unsigned image_port_registers(const struct image_entry *entry,
	struct igvm_register regs[IMAGE_REGISTERS_MAX]);

/* Fills `reg` with a 64-bit value for VTL2; for image_port_registers. */
void image_register(struct igvm_register *reg, uint32_t name, uint64_t value);

#endif
