/* Stage 1 page walk (walk.h). Called by the host and the VM worker with the guest's registers and memory. */
#include "ports/aarch64/common/walk.h"
#include "common/base/err.h"

#define SCTLR_M 1ull
#define TCR_EPD0 (1ull << 7)
#define TCR_EPD1 (1ull << 23)
#define TCR_TBI0 (1ull << 37)
#define TCR_TBI1 (1ull << 38)
#define TCR_DS (1ull << 59)

struct walk {
	uint64_t table;
	unsigned va_bits, page_shift;
	bool lpa2; /* 52-bit output addresses, with 4 and 16 KiB granules */
};

/* TG0 and TG1 encode the granule differently (D24.2.191). */
static unsigned granule_shift(unsigned field, bool upper)
{
	static const uint8_t tg0[4] = { 12, 16, 14, 0 }, tg1[4] = { 0, 14, 12, 16 };

	return upper ? tg1[field] : tg0[field];
}

static int walk_setup(struct walk *w, const struct arm64_mmu *mmu, uint64_t va)
{
	bool upper = va >> 55 & 1;
	uint64_t tcr = mmu->tcr;
	unsigned size = tcr >> (upper ? 16 : 0) & 0x3f;
	bool tbi = tcr & (upper ? TCR_TBI1 : TCR_TBI0);
	uint64_t top, ones;

	if (tcr & (upper ? TCR_EPD1 : TCR_EPD0))
		return VL_E_GUEST;
	w->page_shift = granule_shift(tcr >> (upper ? 30 : 14) & 3, upper);
	if (!w->page_shift || size < 12 || size > 47)
		return VL_E_UNSUPPORTED;
	w->va_bits = 64 - size;
	w->lpa2 = tcr & TCR_DS && w->page_shift != 16;
	w->table = upper ? mmu->ttbr1 : mmu->ttbr0;
	/* All bits above the address must equal bit 55, without the tag byte when it is ignored. */
	ones = tbi ? (1ull << (56 - w->va_bits)) - 1 : ~0ull >> w->va_bits;
	top = va >> w->va_bits & ones;
	return top == (upper ? ones : 0) ? VL_OK : VL_E_GUEST;
}

static uint64_t output_address(const struct walk *w, uint64_t descriptor, unsigned low_bit)
{
	uint64_t address = descriptor & ((w->lpa2 ? 1ull << 50 : 1ull << 48) - 1);

	address &= ~((1ull << low_bit) - 1);
	if (w->lpa2)
		address |= (descriptor >> 8 & 3) << 50;
	else if (w->page_shift == 16)
		address |= (descriptor >> 12 & 15) << 48;
	return address;
}

static uint64_t first_table(const struct walk *w)
{
	uint64_t base = w->table & ((1ull << 48) - 1) & ~0x3full;

	if (w->lpa2 || w->page_shift == 16)
		base |= (w->table >> 2 & 15) << 48; /* 52-bit base: bits 51:48 stand in 5:2 */
	return base;
}

int arm64_translate(const struct arm64_mmu *mmu, uint64_t va, arm64_read_descriptor *read, void *ctx,
		gpa_t *out)
{
	struct walk w;
	uint64_t table, descriptor;
	unsigned stride, shift;
	int err;

	if (!(mmu->sctlr & SCTLR_M)) {
		*out = gpa(va);
		return VL_OK;
	}
	err = walk_setup(&w, mmu, va);
	if (err)
		return err;
	stride = w.page_shift - 3;
	/* Levels count up to 3; the first one resolves what is left over. */
	shift = w.page_shift + (w.va_bits - w.page_shift - 1) / stride * stride;
	table = first_table(&w);
	for (;; shift -= stride) {
		unsigned top = shift + stride < w.va_bits ? shift + stride : w.va_bits;
		uint64_t index = va >> shift & ((1ull << (top - shift)) - 1);

		err = read(ctx, gpa(table + index * 8), &descriptor);
		if (err)
			return err;
		if (!(descriptor & 1) || (shift == w.page_shift && !(descriptor & 2)))
			return VL_E_GUEST;
		if (shift == w.page_shift || !(descriptor & 2)) { /* page or block */
			uint64_t mask = (1ull << shift) - 1;

			*out = gpa(output_address(&w, descriptor, shift) | (va & mask));
			return VL_OK;
		}
		table = output_address(&w, descriptor, w.page_shift);
	}
}
