/*
 * Fuzzes the VM worker's aarch64 exits: any intercept message from the host,
 * any registers of the guest, up to four of them in a row on one machine. Input
 * per exit: message type, payload size, payload, then registers. Whatever it is
 * ends in VL_OK or a named error.
 */
#include "common/base/bytes.h"
#include "ports/aarch64/vm/arm64.h"
#include "test/fuzz/vm_boundary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t ram[FUZZ_RAM_BYTES];
static struct arm64_context context;
static struct hv_message message;

struct hv_reg_value fuzz_register(uint32_t name)
{
	return (struct hv_reg_value){ .low = cpu_to_le64(context.x[name % 31]), .high = cpu_to_le64(name) };
}

/* Addresses near the devices are found by taking what the machine has for the upper bits. */
static uint64_t address(struct vl_reader *r)
{
	static const uint64_t bases[] = { 0, MACHINE_PCI_BASE, MACHINE_UART_BASE, MACHINE_RTC_BASE,
		MACHINE_ECAM_BASE, UINT64_MAX - 0xffff };
	uint8_t n = vl_read_u8(r);

	return n < VL_ARRAY_COUNT(bases) ? bases[n] + vl_read_le16(r) : vl_read_le64(r);
}

static void read_exit(struct vl_reader *r)
{
	static const uint32_t types[] = { HV_MESSAGE_UNMAPPED_GPA, HV_MESSAGE_GPA_INTERCEPT,
		HV_MESSAGE_ARM64_RESET, HV_MESSAGE_UNRECOVERABLE_EXCEPTION, 0 };
	struct hv_arm64_memory_message m;

	memset(&message, 0, sizeof(message));
	message.type = cpu_to_le32(types[vl_read_u8(r) % VL_ARRAY_COUNT(types)]);
	message.payload_size = vl_read_u8(r);
	vl_read_copy(r, &m, sizeof(m));
	m.gpa = cpu_to_le64(address(r));
	memcpy(message.payload, &m, sizeof(m));
	for (unsigned i = 0; i < 4; i++)
		context.x[i] = vl_read_le64(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vm vm;
	static struct vp vp;
	struct vl_reader r;

	vl_reader_init(&r, data, size);
	fuzz_machine(&vm, &vp, ram);
	vp.hv = (struct hvport_vp){ .message = &message, .context = &context };
	for (unsigned i = 0; i < 4; i++) {
		read_exit(&r);
		if (r.err)
			break;
		vp_arch_enter(&vp);
		if (vp_arch_exit(&vp))
			break;
	}
	return 0;
}
