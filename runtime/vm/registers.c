/*
 * What the ports do with a VP's registers alike: one by name, those that are
 * reported, and complaints about the guest that owns them. On the VP's own
 * thread; all values are the guest's.
 */
#include "runtime/vm/vm.h"

#define COMPLAINTS_PER_VP 16

int vp_get_register(struct vp *vp, uint32_t name, uint64_t *value)
{
	struct hv_reg_value v = { 0 };
	int err = hvport_get_register(&vp->hv, name, &v);

	*value = le64_to_cpu(v.low);
	return err;
}

int vp_set_register(struct vp *vp, uint32_t name, uint64_t value)
{
	struct hv_reg_value v = { .low = cpu_to_le64(value) };

	return hvport_set_register(&vp->hv, name, &v);
}

uint32_t vp_list_registers(struct vp *vp, const uint32_t *names, size_t count, struct control_register *out,
	uint32_t max)
{
	uint32_t listed = 0;

	for (size_t i = 0; i < count && listed < max; i++) {
		struct hv_reg_value v;

		if (!hvport_get_register(&vp->hv, names[i], &v))
			out[listed++] = (struct control_register){ names[i], 0, le64_to_cpu(v.low),
				le64_to_cpu(v.high) };
	}
	return listed;
}

void vp_complain(struct vp *vp, const char *what, uint64_t value)
{
	if (vp->complaints == COMPLAINTS_PER_VP)
		return;
	vp->complaints++;
	vl_warn("vp %u: %s 0x%llx%s", vp->index, what, (unsigned long long)value,
		vp->complaints == COMPLAINTS_PER_VP ? "; no more such lines for this VP" : "");
}
