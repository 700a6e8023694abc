/*
 * Moving a loaded image by one distance (the format's RELOCATABLE_REGION and
 * PAGE_TABLE_RELOCATION). Internal to common/igvm: igvm_load is its only caller.
 */
#ifndef VL_IGVM_RELOCATE_H
#define VL_IGVM_RELOCATE_H

#include "common/igvm/load.h"

struct igvm_relocation {
	uint64_t delta; /* modulo 2^64 */
	unsigned region_count;
	struct igvm_relocatable region[IGVM_REGIONS_MAX];
	bool has_page_tables;
	struct igvm_page_table_region tables;
	size_t tables_offset; /* of the header, for errors */
	uint64_t root;        /* old address of the top table; 0: the context sets none */
};

/* Collects what `mask` may move and checks `delta` against it. */
int igvm_plan_relocation(struct igvm_relocation *move, const struct igvm_file *file, uint32_t mask,
	uint64_t delta, struct igvm_error *error);

/* Where an address of the file ends up. */
uint64_t igvm_relocated(const struct igvm_relocation *move, uint64_t at);

/* Applies the move to a register that holds an address, and notes the top page table. */
void igvm_relocate_register(struct igvm_relocation *move, uint16_t vp_index, struct igvm_register *reg);

/* Fixes the page tables, which are in guest memory by now. */
int igvm_relocate_page_tables(struct igvm_relocation *move, const struct igvm_load *load,
	struct igvm_error *error);

#endif
