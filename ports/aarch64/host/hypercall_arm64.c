/*
 * Hypercalls whose parameters are this architecture's. Input is VTL2's.
 * PSCI, not a hypercall, starts processors here.
 */
#include "common/base/bytes.h"
#include "ports/aarch64/host/arm64.h"

#include <string.h>

/* VTL2 is enabled on every VP from the start, and its context comes with PSCI CPU_ON. */
static uint16_t enable_vp_vtl(struct host_vp *vp)
{
	struct vl_reader r;
	uint32_t index;
	uint8_t vtl;

	vl_reader_init(&r, vp->call.in, vp->call.in_bytes);
	if (vl_read_le64(&r) != HV_PARTITION_ID_SELF)
		return HV_STATUS_INVALID_PARTITION_ID;
	index = vl_read_le32(&r);
	vtl = vl_read_u8(&r) & HV_INPUT_VTL_MASK;
	if (r.err)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	if (!host_vp_find(vp, index))
		return HV_STATUS_INVALID_VP_INDEX;
	return vtl == HOST_VTL2 ? HV_STATUS_VTL_ALREADY_ENABLED : HV_STATUS_INVALID_PARAMETER;
}

/*
 * An SPI of VTL0. An edge is a pulse of KVM's line; a level stays until it is asserted again without the bit.
 */
static uint16_t assert_interrupt(struct host_vp *vp)
{
	struct hv_input_assert_interrupt in;
	uint64_t control;
	uint32_t intid;
	int err;

	if (vp->call.in_bytes < sizeof(in))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	memcpy(&in, vp->call.in, sizeof(in));
	control = le64_to_cpu(in.interrupt_control);
	intid = le32_to_cpu(in.vector);
	if (control & HV_INTERRUPT_LEVEL) {
		err = arm64_assert_spi(vp->host, intid, control & HV_ARM64_INTERRUPT_ASSERTED);
	} else {
		err = arm64_assert_spi(vp->host, intid, true);
		if (!err)
			err = arm64_assert_spi(vp->host, intid, false);
	}
	return err ? HV_STATUS_INVALID_PARAMETER : HV_STATUS_SUCCESS;
}

uint16_t port_hypercall(struct host_vp *vp, unsigned code)
{
	switch (code) {
	case HV_CALL_ENABLE_VP_VTL:
		return enable_vp_vtl(vp);
	case HV_CALL_ASSERT_VIRTUAL_INTERRUPT:
		return assert_interrupt(vp);
	default:
		return HV_STATUS_INVALID_HYPERCALL_CODE;
	}
}
