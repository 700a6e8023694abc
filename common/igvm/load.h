/*
 * Loading an IGVM file into a guest: walks the directives of one platform,
 * applies relocation, and hands each thing to place to the caller. Used by
 * vallum-host; the file is untrusted and is checked completely (igvm_open,
 * igvm_check) before the first callback. Nothing allocates.
 *
 * Order of use:
 *	struct igvm_file file;
 *	igvm_open(&file, bytes, size, &error) and igvm_check(&file, &error);
 *	igvm_find_platform(&file, IGVM_PLATFORM_VSM_ISOLATION, &platform);
 *	igvm_vtl2_region(&file, platform.mask, &region);  where it may go
 *	choose a base: region.gpa itself, or a multiple of region.alignment
 *		within [region.minimum, region.maximum - region.bytes]
 *	igvm_load(&file, &(struct igvm_load){ ... }, &error);
 */
#ifndef VL_IGVM_LOAD_H
#define VL_IGVM_LOAD_H

#include "common/igvm/igvm.h"

/* Where the VTL2 part of the image lies in the file and where it may go. */
struct igvm_region {
	bool relocatable; /* false: the file has a fixed base, gpa is the only choice */
	gpa_t gpa;        /* base in the file */
	uint64_t bytes;   /* all memory that must be there: the region, page tables, required memory */
	uint64_t alignment, minimum, maximum; /* of the new base; relocatable only */
};

/*
 * Describes the region of `mask` (one platform's bit) that is VTL2's: the
 * relocatable region flagged IS_VTL2 when there is one, else the required
 * memory flagged VTL2_PROTECTABLE. 0, or VL_E_MISSING when the file has neither.
 */
int igvm_vtl2_region(const struct igvm_file *file, uint32_t mask, struct igvm_region *region);

/*
 * The caller's side. All return 0 or a negative enum vl_err, which ends the
 * load and is returned from igvm_load. Addresses are final (relocated).
 * `memory` is mandatory; another that is NULL means "nothing to do" for
 * `required` and `page_placed`, and VL_E_UNSUPPORTED when the file needs it for
 * the others.
 */
struct igvm_load_ops {
	/*
	 * Guest memory [at, at + bytes) as host memory that may be written until
	 * igvm_load returns, or NULL when it is not (contiguous) RAM. `bytes` is a
	 * page multiple of at most one parameter area or one 2 MiB page.
	 */
	uint8_t *(*memory)(void *context, gpa_t at, uint64_t bytes);
	/*
	 * Memory that must be present. `vtl2`: to be reported and protected as
	 * VTL2's. Called in file order, before the pages when the file says so.
	 */
	int (*required)(void *context, gpa_t at, uint64_t bytes, bool vtl2);
	/*
	 * Write the parameter `kind` (IGVM_DEVICE_TREE, IGVM_COMMAND_LINE, IGVM_SLIT,
	 * IGVM_VP_COUNT ...: common/igvm/igvm.h says the format of each) to out[0, room).
	 * The area is zeroed (or holds the file's initial contents) before. A parameter
	 * that this host does not have is left alone: return 0. Too little room:
	 * VL_E_NOSPACE.
	 */
	int (*parameter)(void *context, uint32_t kind, uint8_t *out, size_t room);
	/* One register of VP `vp_index`, in file order, relocation applied. */
	int (*vp_register)(void *context, uint16_t vp_index, const struct igvm_register *reg);
	/*
	 * A page or parameter area was placed. `flags` is IGVM_PAGE_*; parameter
	 * areas come as unmeasured. For hosts that keep a page state.
	 */
	int (*page_placed)(void *context, gpa_t at, uint64_t bytes, uint32_t flags);
};

struct igvm_load {
	uint32_t mask;   /* one platform's compatibility bit */
	uint64_t delta;  /* new base - region.gpa, modulo 2^64; 0: where the file says */
	const struct igvm_load_ops *ops;
	void *context;
};

/*
 * Places everything of `load->mask`. 0, or:
 *   VL_E_ARCH         the file is for another architecture than this host's
 *   VL_E_RANGE/ALIGN  `delta` is outside what the region allows
 *   VL_E_NOSPACE      a page is not RAM (`memory` gave NULL), or the page table region is too
 *                     small for the moved tables
 *   VL_E_FORMAT       the page tables in the file are not a tree of identity mappings
 *   VL_E_UNSUPPORTED  a directive that this loader cannot serve (a VMSA, an SNP page type)
 *   what igvm_check or a callback returned
 * with the file offset of the header concerned in `error`. After a failure the
 * guest memory is in an undefined state.
 */
int igvm_load(const struct igvm_file *file, const struct igvm_load *load, struct igvm_error *error);

/*
 * The architecture that igvm_load serves, given by the port
 * (ports/<arch>/common/igvm_arch.c): its number in the file, its page tables
 * and which registers a relocation moves.
 */
struct igvm_arch {
	uint32_t number;         /* enum igvm_architecture */
	uint32_t reg_pc;         /* register names; 0 in reg_gdtr: none */
	uint32_t reg_table_root; /* holds the address of the top table */
	uint32_t reg_gdtr;       /* base in bytes 8-15 of the value */
	uint64_t address_mask;   /* address bits of a page table entry or root register */
	uint64_t valid_bit;
	uint64_t leaf_mask, leaf_value; /* above the last level: entry & mask == value is a leaf */
	uint64_t table_bits;     /* bits of a new entry that points to a table */
	/* Four levels of 512 entries of 8 bytes, 4 KiB pages, as both known architectures have. */
};
extern const struct igvm_arch igvm_arch;

#endif
