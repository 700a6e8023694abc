/*
 * What the IGVM loader (common/igvm/load.h) must know of aarch64: the VMSAv8-64
 * descriptor with a 4 KiB granule (Arm ARM, D8.3; four levels, 48 address bits)
 * and the registers that a relocation moves.
 */
#include "common/igvm/load.h"
#include "port/hv_arch.h"

#define DESCRIPTOR_VALID 1ull
#define DESCRIPTOR_TYPE 3ull
#define DESCRIPTOR_BLOCK 1ull /* above the last level */
#define DESCRIPTOR_TABLE 3ull

const struct igvm_arch igvm_arch = {
	.number = IGVM_ARCH_AARCH64,
	.reg_pc = HV_ARM64_REG_PC,
	.reg_table_root = HV_ARM64_REG_TTBR0_EL1,
	.reg_gdtr = 0,
	.address_mask = 0x0000fffffffff000ull,
	.valid_bit = DESCRIPTOR_VALID,
	.leaf_mask = DESCRIPTOR_TYPE,
	.leaf_value = DESCRIPTOR_BLOCK,
	.table_bits = DESCRIPTOR_TABLE,
};
