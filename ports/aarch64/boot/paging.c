/*
 * The one change that the shim makes to the image's page tables: a hole for the
 * guard page below its stack. The tables are the measured image's (4 KiB granule,
 * four levels, identity-mapped, leaves of 2 MiB); what they point to is mapped.
 * Arm ARM, D8.3.
 */
#include "ports/aarch64/boot/machine.h"

#define VALID 1ull
#define TYPE_TABLE 2ull /* or, at the last level, a page */
#define ADDRESS 0x0000fffffffff000ull
#define TABLE_ENTRIES 512

static uint64_t split[TABLE_ENTRIES] __attribute__((aligned(VL_PAGE_BYTES)));

static uint64_t *entry_of(uint64_t table, uint64_t address, unsigned level)
{
	uint64_t *entries = (uint64_t *)(uintptr_t)(table & ADDRESS);

	return &entries[address >> (VL_PAGE_SHIFT + 9 * (3 - level)) & (TABLE_ENTRIES - 1)];
}

void cache_clean(const void *start, uint64_t size)
{
	/* CTR_EL0.DminLine: log2 of the words of the smallest line. */
	uint64_t line = 4u << (READ_REGISTER(ctr_el0) >> 16 & 0xf);
	uint64_t at = vl_align_down((uintptr_t)start, line), end = (uintptr_t)start + size;

	for (; at < end; at += line)
		__asm__ volatile("dc cvac, %0" : : "r"(at) : "memory");
	__asm__ volatile("dsb sy" : : : "memory");
}

/* Replaces a 2 MiB block by a table that maps the same but for the page at `hole`. */
static void split_block(uint64_t *block, uint64_t hole)
{
	uint64_t base = *block & ADDRESS, attributes = *block & ~(ADDRESS | VALID | TYPE_TABLE);

	for (unsigned i = 0; i < TABLE_ENTRIES; i++)
		split[i] = (base + i * VL_PAGE_BYTES) | attributes | VALID | TYPE_TABLE;
	*entry_of((uintptr_t)split, hole, 3) = 0;
	cache_clean(split, sizeof(split));
	boot_replace_entry(block, (uintptr_t)split | VALID | TYPE_TABLE);
}

bool paging_unmap(const void *page)
{
	uint64_t address = (uintptr_t)page, table = READ_REGISTER(ttbr0_el1);

	for (unsigned level = 0; level < 3; level++) {
		uint64_t *entry = entry_of(table, address, level);

		if (!(*entry & VALID))
			return false;
		if (!(*entry & TYPE_TABLE)) {
			if (level != 2)
				return false;
			split_block(entry, address);
			return true;
		}
		table = *entry;
	}
	return false; /* mapped by pages: not what the image builder makes */
}
