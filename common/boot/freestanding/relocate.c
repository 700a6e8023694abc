/*
 * Self-relocation (relocate.h). Input: the shim's own dynamic section, measured;
 * the linker was told to leave nothing but relative relocations (see the build).
 */
#include "common/boot/freestanding/relocate.h"

#define DT_RELA 7
#define DT_RELASZ 8

struct elf_rela {
	uint64_t offset, info;
	int64_t addend;
};

void boot_relocate(uint64_t base, const struct elf_dyn *dynamic)
{
	const struct elf_rela *rela = NULL;
	uint64_t bytes = 0;

	for (; dynamic->tag; dynamic++) {
		if (dynamic->tag == DT_RELA)
			rela = (const struct elf_rela *)(base + dynamic->value);
		else if (dynamic->tag == DT_RELASZ)
			bytes = dynamic->value;
	}
	for (uint64_t i = 0; i < bytes / sizeof(*rela); i++)
		*(uint64_t *)(base + rela[i].offset) = base + (uint64_t)rela[i].addend;
}
