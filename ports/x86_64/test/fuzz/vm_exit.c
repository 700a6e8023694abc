/*
 * Fuzzes the VM worker's x86_64 exits: any intercept message from the host,
 * any registers, page tables and instructions of the guest. Input: message
 * type and payload, registers, then guest memory from GPA 0 on. Whatever it
 * is ends in VL_OK or a named error.
 */
#include "common/base/bytes.h"
#include "ports/x86_64/vm/x86.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RAM_BYTES 0x8000u

static uint8_t ram[RAM_BYTES];
static uint8_t context[HVPORT_CONTEXT_BYTES] __attribute__((aligned(16)));
static struct hv_x64_register_page page;
static struct hv_message message;

/* The boundary: registers answer what the page says, hypercalls succeed. */
int hvport_get_register(struct hvport_vp *vp, uint32_t name, struct hv_reg_value *value)
{
	*value = (struct hv_reg_value){ .low = page.gp[name & 15], .high = page.gp[name & 7] };
	return 0;
}

int hvport_set_register(struct hvport_vp *vp, uint32_t name, const struct hv_reg_value *value)
{
	return 0;
}

int hvport_call(struct hvport *p, uint16_t code, const void *in, size_t in_size, void *out, size_t out_size,
	uint16_t *status)
{
	if (status)
		*status = HV_STATUS_SUCCESS;
	return 0;
}

void hvport_kick(struct hvport_vp *vp)
{
}

int hvport_run(struct hvport_vp *vp)
{
	return VL_E_OS;
}

int hvport_open(struct hvport *p, int mshv_fd, int low_fd, int hvcall_fd)
{
	return VL_E_OS;
}

int hvport_map_memory(struct hvport *p, gpa_t base, uint64_t size, void **out)
{
	return VL_E_OS;
}

int hvport_vp_open(struct hvport *p, unsigned index, struct hvport_vp *vp)
{
	return VL_E_OS;
}

int hvport_vp_bind(struct hvport_vp *vp)
{
	return VL_E_OS;
}

static void machine(struct vm *vm, struct vp *vp)
{
	static struct control_config config = { .vp_count = 1 };

	memset(vm, 0, sizeof(*vm));
	memset(vp, 0, sizeof(*vp));
	vm->config = &config;
	vm->vp = vp;
	vm->vp_count = 1;
	vm->wake_fd = vm->timer_fd = -1;
	vm->armed_ns = VM_NEVER;
	pthread_mutex_init(&vm->lock, NULL);
	pthread_mutex_init(&vm->run_lock, NULL);
	bus_init(&vm->bus);
	vp->vm = vm;
	vp->hv = (struct hvport_vp){ .message = &message, .context = context, .register_page = &page };
	if (guest_memory_add(&vm->memory, gpa(0), RAM_BYTES, ram) || machine_arch_create(vm))
		abort();
	units_reset(vm->instance, vm->device_count);
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
	n = vl_reader_left(&r) < RAM_BYTES ? vl_reader_left(&r) : RAM_BYTES;
	vl_read_copy(&r, ram, n);
	if (r.err)
		return 0;
	machine(&vm, &vp);
	for (unsigned i = 0; i < 4; i++) {
		vp_arch_enter(&vp);
		if (vp_arch_exit(&vp))
			break;
	}
	return 0;
}
