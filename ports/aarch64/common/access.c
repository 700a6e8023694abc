/* Decoding of A64 loads and stores (access.h). Input: instruction words of the guest, untrusted. */
#include "ports/aarch64/common/access.h"
#include "common/base/err.h"

#include <string.h>

static uint32_t bits(uint32_t word, unsigned high, unsigned low)
{
	return word >> low & ((1u << (high - low + 1)) - 1);
}

static int64_t sign_extended(uint32_t value, unsigned width)
{
	return (int64_t)((uint64_t)value << (64 - width)) >> (64 - width);
}

/* Size and direction of a SIMD register access: size field, opc field (C4.1.96). */
static int simd_form(struct arm64_access *a, uint32_t size, uint32_t opc)
{
	if (opc & 2 && size)
		return VL_E_UNSUPPORTED;
	a->simd = true;
	a->size = (uint8_t)(opc & 2 ? 16 : 1u << size);
	a->write = !(opc & 1);
	return VL_OK;
}

static int general_form(struct arm64_access *a, uint32_t size, uint32_t opc)
{
	a->size = (uint8_t)(1u << size);
	a->write = opc == 0;
	a->sign_extend = opc >= 2;
	a->wide = opc == 2 || (opc == 1 && size == 3);
	if ((opc == 2 && size == 3) || (opc == 3 && size >= 2)) /* PRFM, unallocated */
		return VL_E_UNSUPPORTED;
	return VL_OK;
}

static int decode_single(uint32_t word, struct arm64_access *a)
{
	uint32_t size = bits(word, 31, 30), opc = bits(word, 23, 22);
	int err = bits(word, 26, 26) ? simd_form(a, size, opc) : general_form(a, size, opc);

	if (err)
		return err;
	a->count = 1;
	if (bits(word, 24, 24)) { /* unsigned immediate */
		a->offset = (int64_t)bits(word, 21, 10) * a->size;
		return VL_OK;
	}
	if (bits(word, 21, 21)) {
		if (bits(word, 11, 10) != 2) /* atomics, pointer authentication */
			return VL_E_UNSUPPORTED;
		a->reg_offset = true;
		a->rm = (uint8_t)bits(word, 20, 16);
		a->extend = (uint8_t)bits(word, 15, 13);
		a->shift = bits(word, 12, 12) ? (uint8_t)__builtin_ctz(a->size) : 0;
		return a->extend & 2 ? VL_OK : VL_E_UNSUPPORTED;
	}
	a->offset = sign_extended(bits(word, 20, 12), 9);
	a->writeback = bits(word, 10, 10);
	a->post_index = bits(word, 11, 10) == 1;
	return VL_OK;
}

static int decode_pair(uint32_t word, struct arm64_access *a)
{
	uint32_t opc = bits(word, 31, 30), index = bits(word, 24, 23);

	a->simd = bits(word, 26, 26);
	a->write = !bits(word, 22, 22);
	a->count = 2;
	a->rt[1] = (uint8_t)bits(word, 14, 10);
	if (opc == 3 || (opc == 1 && !a->simd && (a->write || index == 0)))
		return VL_E_UNSUPPORTED;
	if (a->simd) {
		a->size = (uint8_t)(4u << opc);
	} else {
		a->size = opc == 2 ? 8 : 4;
		a->sign_extend = opc == 1;
		a->wide = opc != 0;
	}
	a->offset = sign_extended(bits(word, 21, 15), 7) * a->size;
	a->writeback = index & 1;
	a->post_index = index == 1;
	return VL_OK;
}

/* LDAR, STLR, LDLAR, STLLR: ordered, not exclusive. */
static int decode_ordered(uint32_t word, struct arm64_access *a)
{
	if (bits(word, 23, 23) == 0 || bits(word, 21, 21) == 1)
		return VL_E_UNSUPPORTED;
	a->size = (uint8_t)(1u << bits(word, 31, 30));
	a->write = !bits(word, 22, 22);
	a->wide = a->size == 8;
	a->count = 1;
	return VL_OK;
}

int arm64_decode_access(uint32_t word, struct arm64_access *a)
{
	memset(a, 0, sizeof(*a));
	a->rt[0] = (uint8_t)bits(word, 4, 0);
	a->rn = (uint8_t)bits(word, 9, 5);
	if (bits(word, 29, 27) == 7 && !bits(word, 25, 25))
		return decode_single(word, a);
	if (bits(word, 29, 27) == 5 && !bits(word, 25, 25))
		return decode_pair(word, a);
	if (bits(word, 29, 24) == 8)
		return decode_ordered(word, a);
	return VL_E_UNSUPPORTED;
}

static uint64_t base_of(const struct arm64_access *a, const uint64_t x[31], uint64_t sp)
{
	return a->rn == ARM64_REG_SP_OR_ZERO ? sp : x[a->rn];
}

/* ExtendReg (shared pseudocode): UXTW 2, LSL 3, SXTW 6, SXTX 7. */
static uint64_t offset_of(const struct arm64_access *a, const uint64_t x[31])
{
	uint64_t v;

	if (!a->reg_offset)
		return (uint64_t)a->offset;
	v = a->rm == ARM64_REG_SP_OR_ZERO ? 0 : x[a->rm];
	if (a->extend == 2)
		v = (uint32_t)v;
	else if (a->extend == 6)
		v = (uint64_t)(int64_t)(int32_t)v;
	return v << a->shift;
}

uint64_t arm64_access_address(const struct arm64_access *a, const uint64_t x[31], uint64_t sp)
{
	return base_of(a, x, sp) + (a->post_index ? 0 : offset_of(a, x));
}

uint64_t arm64_access_writeback(const struct arm64_access *a, const uint64_t x[31], uint64_t sp)
{
	return base_of(a, x, sp) + offset_of(a, x);
}

uint64_t arm64_load_result(const struct arm64_access *a, uint64_t raw)
{
	unsigned width = a->size * 8u;

	if (width < 64)
		raw &= (1ull << width) - 1;
	if (a->sign_extend && width < 64)
		raw = (uint64_t)((int64_t)(raw << (64 - width)) >> (64 - width));
	return a->wide ? raw : (uint32_t)raw;
}

uint64_t arm64_access_syndrome(const struct arm64_access *a)
{
	uint64_t esr = (uint64_t)ARM64_EC_DATA_ABORT_LOWER << 26 | ARM64_ESR_IL | ARM64_DFSC_TRANSLATION_L3;

	if (a->write)
		esr |= ARM64_ESR_WNR;
	if (a->count != 1 || a->simd || a->writeback)
		return esr;
	esr |= ARM64_ESR_ISV | (uint64_t)__builtin_ctz(a->size) << ARM64_ESR_SAS_SHIFT;
	esr |= (uint64_t)a->rt[0] << ARM64_ESR_SRT_SHIFT;
	if (a->sign_extend)
		esr |= ARM64_ESR_SSE;
	if (a->wide || (a->write && a->size == 8))
		esr |= ARM64_ESR_SF;
	return esr;
}

int arm64_access_from_syndrome(uint64_t esr, struct arm64_access *a)
{
	memset(a, 0, sizeof(*a));
	if (ARM64_ESR_EC(esr) != ARM64_EC_DATA_ABORT_LOWER || !(esr & ARM64_ESR_ISV))
		return VL_E_UNSUPPORTED;
	a->size = (uint8_t)(1u << (esr >> ARM64_ESR_SAS_SHIFT & 3));
	a->count = 1;
	a->rt[0] = esr >> ARM64_ESR_SRT_SHIFT & 31;
	a->write = esr & ARM64_ESR_WNR;
	a->sign_extend = esr & ARM64_ESR_SSE;
	a->wide = esr & ARM64_ESR_SF;
	return VL_OK;
}
