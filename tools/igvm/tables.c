/*
 * Identity-mapping page tables of an image, for ports whose tables have four
 * levels of 512 entries over 4 KiB pages; called by ports/<arch>/image.
 */
#include "tools/igvm/image.h"

struct builder {
	uint8_t *pages;
	uint64_t at;
	const struct image_entries *entries;
	unsigned used;
};

static le64 *entry_of(struct builder *b, unsigned table, uint64_t va, unsigned shift)
{
	return (le64 *)(void *)(b->pages + (size_t)table * VL_PAGE_BYTES) + (va >> shift & 511);
}

/* The table below the entry for `va` in `table`, made when it is not there. */
static unsigned next_table(struct builder *b, unsigned table, uint64_t va, unsigned shift)
{
	le64 *entry = entry_of(b, table, va, shift);

	if (!le64_to_cpu(*entry)) {
		*entry = cpu_to_le64((b->at + (uint64_t)b->used * VL_PAGE_BYTES) | b->entries->table);
		b->used++;
	}
	return (unsigned)((vl_align_down(le64_to_cpu(*entry), VL_PAGE_BYTES) - b->at) / VL_PAGE_BYTES);
}

unsigned image_tables(uint8_t *pages, uint64_t at, uint64_t base, uint64_t bytes,
	const struct image_entries *entries)
{
	struct builder b = { pages, at, entries, 1 };

	for (uint64_t va = base; va < base + bytes; va += VL_LARGE_PAGE_BYTES) {
		unsigned table = next_table(&b, next_table(&b, 0, va, 39), va, 30);

		*entry_of(&b, table, va, 21) = cpu_to_le64(va | entries->large_page);
	}
	return b.used;
}
