/* What the files of the aarch64 boot shim share: system registers, hypercalls. */
#ifndef VL_BOOT_MACHINE_H
#define VL_BOOT_MACHINE_H

#include "common/base/types.h"
#include "common/boot/freestanding/stack.h"


#define READ_REGISTER(name) \
	({ \
		uint64_t value_; \
		__asm__ volatile("mrs %0, " #name : "=r"(value_)); \
		value_; \
	})

/* x0..x7 of an SMCCC call, in and out. */
struct smccc {
	uint64_t x[8];
};

/* start.S */
void boot_hvc(struct smccc *call);
/* Writes one page table entry while the MMU is off, as break-before-make asks for; it maps this very code. */
void boot_replace_entry(uint64_t *entry, uint64_t value);
/* Turns the MMU off and enters the kernel (Linux, Documentation/arch/arm64/booting.rst). */
void VL_NORETURN boot_enter(uint64_t entry, uint64_t fdt);

/* paging.c: takes the page at `page` out of the present page tables; false when they do not allow it. */
bool paging_unmap(const void *page);
/* paging.c: writes [start, start + size) back from the data caches to memory. */
void cache_clean(const void *start, uint64_t size);

#endif
