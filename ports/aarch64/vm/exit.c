/*
 * runtime/vm/port.h for one aarch64 VP: its intercepts. Messages are the host's, registers the guest's:
 * hostile.
 */
#include "ports/aarch64/vm/arm64.h"

#include <string.h>

static int reset_exit(struct vp *vp, const struct hv_arm64_reset_message *m)
{
	uint32_t type = le32_to_cpu(m->reset_type);

	if (type > HV_ARM64_RESET_REBOOT)
		return VL_E_PROTOCOL;
	vm_finish(vp->vm, type == HV_ARM64_RESET_POWER_OFF ? CONTROL_POWER_OFF : CONTROL_RESET);
	return 0;
}

/* A payload of exactly this type's size, or the host's message makes no sense. */
static const void *payload(const struct vp *vp, size_t size)
{
	return vp->hv.message->payload_size >= size ? vp->hv.message->payload : NULL;
}

int vp_arch_exit(struct vp *vp)
{
	struct hv_arm64_memory_message memory;
	struct hv_arm64_reset_message reset;
	const void *p;

	switch (le32_to_cpu(vp->hv.message->type)) {
	case HV_MESSAGE_UNMAPPED_GPA:
	case HV_MESSAGE_GPA_INTERCEPT:
		p = payload(vp, sizeof(memory));
		if (!p)
			return VL_E_PROTOCOL;
		memcpy(&memory, p, sizeof(memory));
		return arm64_memory_exit(vp, &memory);
	case HV_MESSAGE_ARM64_RESET:
		p = payload(vp, sizeof(reset));
		if (!p)
			return VL_E_PROTOCOL;
		memcpy(&reset, p, sizeof(reset));
		return reset_exit(vp, &reset);
	case HV_MESSAGE_UNRECOVERABLE_EXCEPTION:
		vm_triple_fault(vp);
		return 0;
	default:
		return VL_E_PROTOCOL;
	}
}

const char *vp_arch_exit_name(uint32_t type)
{
	return type == HV_MESSAGE_ARM64_RESET ? "reset" : NULL;
}
