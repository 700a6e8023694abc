/*
 * Hypercalls whose parameters are x86's: starting processors of VTL2, IPIs,
 * interrupts into VTL0, VTL0's CPUID, address translation. Input is VTL2's.
 */
#include "common/base/bytes.h"
#include "ports/x86_64/host/x86.h"

#include <string.h>
#include <sys/ioctl.h>

#define MSI_ADDRESS 0xfee00000u
#define MSI_LOGICAL (1u << 2)
#define MSI_LEVEL (1u << 15)
#define MSI_ASSERT (1u << 14)

/* --- Processors ------------------------------------------------------------------------- */

/* HvCallEnableVpVtl and HvCallStartVirtualProcessor have the same input. */
static uint16_t vp_context(struct host_vp *vp, struct hv_x64_input_enable_vp_vtl *in, struct host_vp **target)
{
	const struct host_call *c = &vp->call;

	if (c->fast || c->in_bytes < sizeof(*in))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	memcpy(in, c->in, sizeof(*in));
	*target = host_vp_find(vp, le32_to_cpu(in->vp_index));
	if (le64_to_cpu(in->partition_id) != HV_PARTITION_ID_SELF)
		return HV_STATUS_INVALID_PARTITION_ID;
	if (!*target)
		return HV_STATUS_INVALID_VP_INDEX;
	/* Only VTL2 is enabled and started so: VTL0's processors answer to INIT and SIPI. */
	return (in->target_vtl & HV_INPUT_VTL_MASK) == HOST_VTL2 ? HV_STATUS_SUCCESS :
			HV_STATUS_INVALID_PARAMETER;
}

static uint16_t enable_vp_vtl(struct host_vp *vp)
{
	struct hv_x64_input_enable_vp_vtl in;
	struct host_vp *target;
	uint16_t status = vp_context(vp, &in, &target);

	if (status != HV_STATUS_SUCCESS)
		return status;
	pthread_mutex_lock(&vp->host->start_lock);
	if (target->vtl2_enabled)
		status = HV_STATUS_VTL_ALREADY_ENABLED;
	else
		x86_load_context(&target->port->vtl2, &in.context);
	target->vtl2_enabled = true;
	pthread_mutex_unlock(&vp->host->start_lock);
	return status;
}

static uint16_t start_vp(struct host_vp *vp)
{
	struct hv_x64_input_enable_vp_vtl in;
	struct host_vp *target;
	uint16_t status = vp_context(vp, &in, &target);

	if (status != HV_STATUS_SUCCESS)
		return status;
	pthread_mutex_lock(&vp->host->start_lock);
	if (target->vtl2_started || !target->vtl2_enabled)
		status = HV_STATUS_INVALID_VP_STATE;
	else
		x86_load_context(&target->port->vtl2, &in.context);
	pthread_mutex_unlock(&vp->host->start_lock);
	if (status == HV_STATUS_SUCCESS)
		host_vp_start(target);
	return status;
}

static void send_vector(struct host_vp *vp, unsigned vector, uint64_t mask, unsigned first)
{
	unsigned i;

	for (i = 0; i < 64 && first + i < vp->host->config.vp_count; i++)
		if (mask >> i & 1)
			x86_raise(vp->host->vp[first + i].port, vector, false);
}

/* Input: vector u32, target VTL u8 and padding, processor mask u64. */
static uint16_t send_ipi(struct host_vp *vp)
{
	struct vl_reader r;
	uint32_t vector;
	uint64_t mask;

	vl_reader_init(&r, vp->call.in, vp->call.in_bytes);
	vector = vl_read_le32(&r);
	vl_read_skip(&r, 4);
	mask = vl_read_le64(&r);
	if (r.err || vector < 16 || vector > 255)
		return HV_STATUS_INVALID_PARAMETER;
	send_vector(vp, vector, mask, 0);
	return HV_STATUS_SUCCESS;
}

/* As above with an HV_VP_SET: format u64 (0 sparse, 1 all), valid banks u64, bank masks u64. */
static uint16_t send_ipi_ex(struct host_vp *vp)
{
	struct vl_reader r;
	uint32_t vector;
	uint64_t format, banks;
	unsigned bank;

	vl_reader_init(&r, vp->call.in, vp->call.in_bytes);
	vector = vl_read_le32(&r);
	vl_read_skip(&r, 4);
	format = vl_read_le64(&r);
	banks = vl_read_le64(&r);
	if (r.err || vector < 16 || vector > 255 || format > 1)
		return HV_STATUS_INVALID_PARAMETER;
	for (bank = 0; bank < 64; bank++) {
		uint64_t mask = ~0ull;

		if (format == 0 && !(banks >> bank & 1))
			continue;
		if (format == 0)
			mask = vl_read_le64(&r);
		if (r.err)
			return HV_STATUS_INVALID_HYPERCALL_INPUT;
		send_vector(vp, vector, mask, bank * 64);
	}
	return HV_STATUS_SUCCESS;
}

/* --- Interrupts into VTL0 ---------------------------------------------------------------------- */

/*
 * KVM reports the EOI of a level interrupt only for a vector that one of the
 * IOAPIC's routes carries. VTL2's IOAPIC is not known to KVM, so the first
 * level interrupt of a vector gets a route of its own: pin = vector, for all.
 */
static int route_level(struct port_vm *vm, unsigned vector)
{
	union {
		struct kvm_irq_routing head;
		uint8_t room[sizeof(struct kvm_irq_routing) +
			X86_LEVEL_ROUTES * sizeof(struct kvm_irq_routing_entry)];
	} table;
	unsigned i;
	int err = 0;

	memset(&table, 0, sizeof(table));
	pthread_mutex_lock(&vm->lock);
	if (!(vm->level_routed[vector / 8] & 1u << (vector % 8))) {
		vm->level_routed[vector / 8] |= (uint8_t)(1u << (vector % 8));
		for (i = 0; i < X86_LEVEL_ROUTES; i++) {
			struct kvm_irq_routing_entry *e = &table.head.entries[table.head.nr];

			if (!(vm->level_routed[i / 8] & 1u << (i % 8)))
				continue;
			e->gsi = i;
			e->type = KVM_IRQ_ROUTING_MSI;
			e->u.msi.address_lo = MSI_ADDRESS | 0xffu << 12;
			e->u.msi.data = i | MSI_LEVEL | MSI_ASSERT;
			table.head.nr++;
		}
		err = ioctl(vm->kvm.vtl0, KVM_SET_GSI_ROUTING, &table) ? VL_E_OS : 0;
	}
	pthread_mutex_unlock(&vm->lock);
	return err;
}

static uint16_t raise_extint(struct host_vp *vp, uint64_t apic_id, unsigned vector)
{
	struct host *h = vp->host;
	unsigned i;

	for (i = 0; i < h->config.vp_count; i++) {
		if (h->vp[i].hardware_id != apic_id)
			continue;
		atomic_store(&h->vp[i].port->extint_vector, vector);
		atomic_store(&h->vp[i].port->extint_waiting, true);
		port_vp_kick(&h->vp[i]);
		return HV_STATUS_SUCCESS;
	}
	return HV_STATUS_INVALID_PARAMETER;
}

static uint16_t assert_interrupt(struct host_vp *vp)
{
	struct hv_input_assert_interrupt in;
	struct kvm_msi msi = { 0 };
	uint32_t type, vector;
	uint64_t control, destination;

	if (vp->call.in_bytes < sizeof(in))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	memcpy(&in, vp->call.in, sizeof(in));
	control = le64_to_cpu(in.interrupt_control);
	type = (uint32_t)control;
	vector = le32_to_cpu(in.vector);
	destination = le64_to_cpu(in.destination);
	if ((in.target_vtl & HV_INPUT_VTL_MASK) != HOST_VTL0 || vector > 255 || destination >> 32)
		return HV_STATUS_INVALID_PARAMETER;
	if (type == HV_X64_INTERRUPT_EXTINT)
		return raise_extint(vp, destination, vector);
	if (type > HV_X64_INTERRUPT_SIPI || type == 2 || type == 3 || (type <= 1 && vector < 16))
		return HV_STATUS_INVALID_PARAMETER;
	if ((control & HV_INTERRUPT_LEVEL) && route_level(vp->host->port, vector))
		return HV_STATUS_INSUFFICIENT_MEMORY;
	/* A message to the LAPICs (SDM 11.11); with 32-bit ids the rest of the id is in the high address. */
	msi.address_lo = MSI_ADDRESS | (uint32_t)(destination & 0xff) << 12 |
		(control & HV_INTERRUPT_LOGICAL ? MSI_LOGICAL : 0);
	msi.address_hi = (uint32_t)destination & 0xffffff00u;
	msi.data = vector | type << 8 | (control & HV_INTERRUPT_LEVEL ? MSI_LEVEL | MSI_ASSERT : 0);
	/* 0: the guest blocked it; that is no error of the caller. */
	return ioctl(vp->host->port->kvm.vtl0, KVM_SIGNAL_MSI, &msi) < 0 ? HV_STATUS_INVALID_PARAMETER :
			HV_STATUS_SUCCESS;
}

/* --- Intercepts ------------------------------------------------------------------------------------ */

enum { INTERCEPT_IO_PORT = 0, INTERCEPT_MSR = 1, INTERCEPT_CPUID = 2 };

/* Input: partition u64, access u32, type u32, parameter u64. Ports and unknown MSRs exit anyway. */
static uint16_t install_intercept(struct host_vp *vp)
{
	struct vl_reader r;
	uint32_t type;

	vl_reader_init(&r, vp->call.in, vp->call.in_bytes);
	vl_read_skip(&r, 12);
	type = vl_read_le32(&r);
	if (r.err)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	return type == INTERCEPT_IO_PORT || type == INTERCEPT_MSR ? HV_STATUS_SUCCESS :
			HV_STATUS_INVALID_PARAMETER;
}

/*
 * HvCallRegisterInterceptResult for CPUID: partition u64, VP u32, type u32; leaf,
 * subleaf u32, subleaf matters u8, always override u8, padding u16; then value
 * and mask u32 of EAX, EBX, ECX, EDX. It holds for all VPs.
 */
static uint16_t register_intercept_result(struct host_vp *vp)
{
	struct port_vm *vm = vp->host->port;
	struct x86_cpuid_override o;
	uint16_t status = HV_STATUS_SUCCESS;
	struct vl_reader r;
	unsigned i;

	vl_reader_init(&r, vp->call.in, vp->call.in_bytes);
	vl_read_skip(&r, 12);
	if (vl_read_le32(&r) != INTERCEPT_CPUID)
		return HV_STATUS_INVALID_PARAMETER;
	o.leaf = vl_read_le32(&r);
	o.subleaf = vl_read_le32(&r);
	o.subleaf_matters = vl_read_u8(&r) != 0;
	vl_read_skip(&r, 3);
	for (i = 0; i < 4; i++) {
		o.value[i] = vl_read_le32(&r);
		o.mask[i] = vl_read_le32(&r);
	}
	if (r.err)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	pthread_mutex_lock(&vm->lock);
	if (vm->vtl0_ran)
		status = HV_STATUS_INVALID_PARTITION_STATE; /* KVM fixes CPUID at the first run */
	else if (vm->override_count == X86_CPUID_OVERRIDE_MAX)
		status = HV_STATUS_INSUFFICIENT_BUFFERS;
	else
		vm->override[vm->override_count++] = o;
	pthread_mutex_unlock(&vm->lock);
	return status;
}

/* --- Translation -------------------------------------------------------------------------------------- */

/* Control flags of HvCallTranslateVirtualAddress (TLFS); the result code is in the first word's low half. */
#define TRANSLATE_WRITE 2u
#define TRANSLATE_EXECUTE 4u
#define TRANSLATE_PRIVILEGE_EXEMPT 8u
enum { TRANSLATED = 0, NOT_PRESENT = 1, GPA_UNMAPPED = 4 };

/* Input: partition u64, VP u32, padding u32, control u64, page u64. Output: result u64, page u64. */
static uint16_t translate(struct host_vp *vp)
{
	struct host_call *c = &vp->call;
	struct x86_mmu mmu = x86_vtl0_mmu(vp->port);
	struct vl_reader r;
	struct vl_writer w;
	uint64_t control, page;
	unsigned access = 0;
	gpa_t where = gpa(0);
	int err;

	vl_reader_init(&r, c->in, c->in_bytes);
	vl_read_skip(&r, 8);
	if (host_vp_find(vp, vl_read_le32(&r)) != vp)
		return HV_STATUS_INVALID_VP_INDEX;
	vl_read_skip(&r, 4);
	control = vl_read_le64(&r);
	page = vl_read_le64(&r);
	if (r.err)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	if (!(control & TRANSLATE_PRIVILEGE_EXEMPT) && (x86_sregs(&vp->port->vtl0)->ss.dpl & 3) == 3)
		access = X86_ACCESS_USER;
	access |= (control & TRANSLATE_WRITE ? X86_ACCESS_WRITE : 0) |
			(control & TRANSLATE_EXECUTE ? X86_ACCESS_EXECUTE : 0);
	err = x86_translate(&mmu, page << VL_PAGE_SHIFT, access, &where);
	vl_writer_init(&w, c->out, sizeof(c->out));
	vl_write_le64(&w, !err ? TRANSLATED : err == VL_E_RANGE ? GPA_UNMAPPED : NOT_PRESENT);
	vl_write_le64(&w, gpa_raw(where) >> VL_PAGE_SHIFT);
	c->out_bytes = w.pos;
	return HV_STATUS_SUCCESS;
}

uint16_t port_hypercall(struct host_vp *vp, unsigned code)
{
	switch (code) {
	case HV_CALL_ENABLE_VP_VTL:
		return enable_vp_vtl(vp);
	case HV_CALL_START_VP:
		return start_vp(vp);
	case HV_CALL_SEND_IPI:
		return send_ipi(vp);
	case HV_CALL_SEND_IPI_EX:
		return send_ipi_ex(vp);
	case HV_CALL_ASSERT_VIRTUAL_INTERRUPT:
		return assert_interrupt(vp);
	case HV_CALL_INSTALL_INTERCEPT:
		return install_intercept(vp);
	case HV_CALL_REGISTER_INTERCEPT_RESULT:
		return register_intercept_result(vp);
	case HV_CALL_TRANSLATE_VIRTUAL_ADDRESS:
		return translate(vp);
	default:
		return HV_STATUS_INVALID_HYPERCALL_CODE;
	}
}
