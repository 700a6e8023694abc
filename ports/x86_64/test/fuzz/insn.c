/*
 * Fuzzer of the x86 decoder and executor. Input: one byte of mode, then
 * registers, then instruction bytes. Memory callbacks fail on some addresses.
 * Any input must end in VL_OK or a named error, and rip moves by the length.
 */
#include "ports/x86_64/common/insn.h"
#include "common/base/bytes.h"
#include "common/base/err.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int mem_read(void *ctx, uint64_t address, void *out, unsigned size)
{
	memset(out, (int)address, size);
	return address & 0x8000 ? VL_E_GUEST : VL_OK;
}

static int mem_write(void *ctx, uint64_t address, const void *data, unsigned size)
{
	return address & 0x4000 ? VL_E_GUEST : VL_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned modes[] = { 16, 32, 64, 64 };
	static const struct x86_memory memory = { mem_read, mem_write, NULL };
	uint8_t xmm[16][16] = { { 0 } };
	struct x86_cpu cpu = { .xmm = xmm };
	struct x86_access access[2];
	struct x86_insn insn;
	struct vl_reader r;
	unsigned mode;
	uint64_t rip;

	vl_reader_init(&r, data, size);
	mode = modes[vl_read_u8(&r) & 3];
	for (unsigned i = 0; i < 16; i++)
		cpu.gpr[i] = vl_read_le16(&r);
	cpu.rip = rip = vl_read_le32(&r);
	cpu.rflags = vl_read_le16(&r);
	if (r.err || x86_decode(data + r.pos, size - r.pos, mode, &insn))
		return 0;
	if (insn.length == 0 || insn.length > X86_INSN_BYTES_MAX || insn.length > size - r.pos)
		abort();
	if (x86_accesses(&insn, &cpu, access) > 2)
		abort();
	if (x86_execute(&insn, &cpu, &memory) == VL_OK && cpu.rip != rip &&
	    (uint32_t)cpu.rip != (uint32_t)(rip + insn.length))
		abort();
	return 0;
}
