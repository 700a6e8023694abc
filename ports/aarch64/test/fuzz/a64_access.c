/*
 * Fuzzes the decoder of loads and stores, its syndrome, and the page walk: the
 * guest's instruction, registers and tables. Input: an instruction word, a
 * syndrome, MMU registers and an address, then the tables' memory. Proves that
 * a syndrome that was made says what its access said, and that a walk ends.
 */
#include "common/base/bytes.h"
#include "common/base/err.h"
#include "ports/aarch64/common/access.h"
#include "ports/aarch64/common/walk.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct tables {
	const uint8_t *memory;
	size_t bytes;
	unsigned reads;
};

static int read_descriptor(void *context, gpa_t at, uint64_t *descriptor)
{
	struct tables *t = context;

	if (++t->reads > 5)
		abort();
	if (!vl_within(gpa_raw(at), sizeof(*descriptor), t->bytes))
		return VL_E_RANGE;
	memcpy(descriptor, t->memory + gpa_raw(at), sizeof(*descriptor));
	return 0;
}

static void check_access(uint32_t word)
{
	static const uint64_t x[31];
	struct arm64_access a, b;
	uint64_t esr;

	if (arm64_decode_access(word, &a))
		return;
	if (!a.count || a.count > 2 || !a.size || a.size > 16 || a.rn > 31 || a.rt[0] > 31 || a.rt[1] > 31)
		abort();
	(void)arm64_access_address(&a, x, 0);
	(void)arm64_access_writeback(&a, x, 0);
	(void)arm64_load_result(&a, UINT64_MAX);
	esr = arm64_access_syndrome(&a);
	if (!(esr & ARM64_ESR_ISV))
		return;
	if (arm64_access_from_syndrome(esr, &b) || b.size != a.size || b.rt[0] != a.rt[0] ||
	    b.write != a.write || b.count != 1 || b.sign_extend != a.sign_extend)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arm64_access access;
	struct arm64_mmu mmu;
	struct tables tables = { 0 };
	struct vl_reader r;
	uint64_t va;
	gpa_t out;

	vl_reader_init(&r, data, size);
	check_access(vl_read_le32(&r));
	(void)arm64_access_from_syndrome(vl_read_le64(&r), &access);
	mmu.sctlr = vl_read_le32(&r);
	mmu.tcr = vl_read_le64(&r);
	mmu.ttbr0 = vl_read_le16(&r);
	mmu.ttbr1 = vl_read_le16(&r);
	va = vl_read_le64(&r);
	if (r.err)
		return 0;
	tables.memory = data + r.pos;
	tables.bytes = size - r.pos;
	(void)arm64_translate(&mmu, va, read_descriptor, &tables, &out);
	return 0;
}
