/* devlink.h. Called by the device worker with what the VM worker sent. */
#include "runtime/lib/devlink.h"

static bool is_access_size(uint32_t size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

int devlink_request_check(const void *data, size_t size)
{
	const struct devlink_request *r = data;

	if (size != sizeof(*r))
		return VL_E_TRUNCATED;
	if (r->op < DEVLINK_READ || r->op >= DEVLINK_OP_COUNT)
		return VL_E_TYPE;
	if ((r->op == DEVLINK_READ || r->op == DEVLINK_WRITE) && !is_access_size(r->size))
		return VL_E_RANGE;
	if (r->op == DEVLINK_RESTORE && (r->offset >= DEVLINK_SLOT_COUNT || r->value > DEVLINK_SLOT_BYTES))
		return VL_E_RANGE;
	return 0;
}
