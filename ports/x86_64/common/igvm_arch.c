/*
 * What the IGVM loader (common/igvm/load.h) must know of x86_64: the long mode
 * page table entry (Intel SDM 3A, 4.5; four levels) and the registers that a
 * relocation moves.
 */
#include "common/igvm/load.h"
#include "port/hv_arch.h"

#define PTE_PRESENT 1ull
#define PTE_WRITE 2ull
#define PTE_ACCESSED 0x20ull
#define PTE_LARGE 0x80ull

const struct igvm_arch igvm_arch = {
	.number = IGVM_ARCH_X64,
	.reg_pc = HV_X64_REG_RIP,
	.reg_table_root = HV_X64_REG_CR3,
	.reg_gdtr = HV_X64_REG_GDTR,
	.address_mask = 0x000ffffffffff000ull,
	.valid_bit = PTE_PRESENT,
	.leaf_mask = PTE_LARGE,
	.leaf_value = PTE_LARGE,
	.table_bits = PTE_PRESENT | PTE_WRITE | PTE_ACCESSED,
};
