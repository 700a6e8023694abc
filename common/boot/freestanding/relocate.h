/*
 * Self-relocation of the shim's ELF (static PIE linked at 0). Called by the
 * port's entry code before any other C; it must not use a relocated pointer.
 */
#ifndef VL_BOOT_RELOCATE_H
#define VL_BOOT_RELOCATE_H

#include "common/base/types.h"

struct elf_dyn {
	uint64_t tag, value;
};

/* Applies the relative relocations that `dynamic` lists (ELF gABI; DT_RELA of the psABIs). */
void boot_relocate(uint64_t base, const struct elf_dyn *dynamic);

#endif
