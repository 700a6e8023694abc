/*
 * Fuzzes the VM worker's x86_64 exits: any intercept message from the host,
 * any registers, page tables and instructions of the guest. Input: message
 * type and payload, registers, then guest memory from GPA 0 on. Whatever it
 * is ends in VL_OK or a named error.
 */
#include "common/base/bytes.h"
#include "ports/x86_64/vm/x86.h"
#include "test/fuzz/vm_boundary.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t ram[FUZZ_RAM_BYTES];
static uint8_t context[HVPORT_CONTEXT_BYTES] __attribute__((aligned(16)));
static struct hv_x64_register_page page;
static struct hv_message message;

struct hv_reg_value fuzz_register(uint32_t name)
{
	return (struct hv_reg_value){ .low = page.gp[name & 15], .high = page.gp[name & 7] };
}

static void registers(struct vl_reader *r)
{
	static const uint64_t cr4[] = { 0, X86_CR4_PAE, X86_CR4_PAE | X86_CR4_LA57, X86_CR4_PSE };
	uint8_t mode = vl_read_u8(r);

	memset(&page, 0, sizeof(page));
	page.is_valid = !(mode & 1);
	page.cr0 = cpu_to_le64(X86_CR0_PE | (mode & 2 ? X86_CR0_PG : 0) | (mode & 4 ? X86_CR0_WP : 0));
	page.cr4 = cpu_to_le64(cr4[mode >> 3 & 3]);
	page.efer = cpu_to_le64((mode & 32 ? X86_EFER_LMA : 0) | (mode & 64 ? X86_EFER_NXE : 0));
	page.cr3 = cpu_to_le64(vl_read_le16(r));
	for (unsigned i = 0; i < 16; i++) {
		uint64_t v = (uint64_t)(int32_t)vl_read_le32(r);

		page.gp[i] = cpu_to_le64(v);
		memcpy(context + i * 8, &v, sizeof(v));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t types[] = { HV_MESSAGE_X64_IO_PORT, HV_MESSAGE_UNMAPPED_GPA, HV_MESSAGE_X64_MSR,
		HV_MESSAGE_X64_CPUID, HV_MESSAGE_X64_APIC_EOI, HV_MESSAGE_UNRECOVERABLE_EXCEPTION,
		HV_MESSAGE_X64_HALT, 0 };
	static struct vm vm;
	static struct vp vp;
	struct vl_reader r;
	size_t n;

	vl_reader_init(&r, data, size);
	memset(ram, 0, sizeof(ram));
	memset(&message, 0, sizeof(message));
	message.type = cpu_to_le32(types[vl_read_u8(&r) & 7]);
	vl_read_copy(&r, message.payload, 128);
	registers(&r);
	n = vl_reader_left(&r) < FUZZ_RAM_BYTES ? vl_reader_left(&r) : FUZZ_RAM_BYTES;
	vl_read_copy(&r, ram, n);
	if (r.err)
		return 0;
	fuzz_machine(&vm, &vp, ram);
	vp.hv = (struct hvport_vp){ .message = &message, .context = context, .register_page = &page };
	for (unsigned i = 0; i < 4; i++) {
		vp_arch_enter(&vp);
		if (vp_arch_exit(&vp))
			break;
	}
	return 0;
}
