/*
 * The one change that the shim makes to the image's page tables: a hole for the
 * guard page below its stack. The tables are the measured image's (4 levels,
 * identity-mapped, leaves of 2 MiB); what they point to is mapped.
 */
#include "ports/x86_64/boot/machine.h"

#define PTE_PRESENT 1ull
#define PTE_LARGE 0x80ull
#define PTE_LARGE_PAT 0x1000ull
#define PTE_ADDRESS 0x000ffffffffff000ull
#define TABLE_ENTRIES 512

static uint64_t split[TABLE_ENTRIES] __attribute__((aligned(VL_PAGE_BYTES)));

static uint64_t *entry_of(uint64_t table, uint64_t address, unsigned level)
{
	uint64_t *entries = (uint64_t *)(uintptr_t)(table & PTE_ADDRESS);

	return &entries[address >> (VL_PAGE_SHIFT + 9 * level) & (TABLE_ENTRIES - 1)];
}

/* Replaces a 2 MiB leaf by a table that maps the same. */
static void split_large(uint64_t *leaf)
{
	uint64_t base = *leaf & PTE_ADDRESS & ~(uint64_t)(VL_LARGE_PAGE_BYTES - 1);
	uint64_t flags = *leaf & ~(PTE_ADDRESS | PTE_LARGE);

	if (*leaf & PTE_LARGE_PAT)
		flags |= PTE_LARGE; /* the same bit is PAT in a 4 KiB entry */
	for (unsigned i = 0; i < TABLE_ENTRIES; i++)
		split[i] = (base + i * VL_PAGE_BYTES) | flags;
	*leaf = (uintptr_t)split | (*leaf & (PTE_PRESENT | 0x1e)); /* present, writable, user, caching */
}

bool paging_unmap(const void *page)
{
	uint64_t address = (uintptr_t)page, table;

	__asm__ volatile("mov %%cr3, %0" : "=r"(table));
	for (unsigned level = 3; level > 0; level--) {
		uint64_t *entry = entry_of(table, address, level);

		if (!(*entry & PTE_PRESENT) || (level > 1 && *entry & PTE_LARGE))
			return false;
		if (*entry & PTE_LARGE)
			split_large(entry);
		table = *entry;
	}
	*entry_of(table, address, 0) = 0;
	__asm__ volatile("mov %%cr3, %0; mov %0, %%cr3" : "=&r"(table) : : "memory");
	return true;
}
