/* What the files of the x86_64 boot shim share: instructions, the tables. */
#ifndef VL_BOOT_MACHINE_H
#define VL_BOOT_MACHINE_H

#include "common/base/types.h"
#include "common/boot/freestanding/stack.h"

#define MSR_FS_BASE 0xc0000100u

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf)
{
	struct cpuid r;

	__asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(0));
	return r;
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/* start.S */
extern const uint8_t boot_vectors[32][16];
void boot_load_tables(const void *gdt, const void *idt);
void VL_NORETURN boot_enter(uint64_t entry, uint64_t boot_params);

/* tables.c: own GDT, TSS with an interrupt stack, IDT whose vectors report and stop. */
void tables_init(void);

/* paging.c: takes the page at `page` out of the present page tables; false when they do not allow it. */
bool paging_unmap(const void *page);

#endif
