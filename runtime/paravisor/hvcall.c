/* The paravisor's hypercalls (hvcall.h). What comes back is the hypervisor's; who trusts it checks it. */
#include "runtime/paravisor/hvcall.h"
#include "common/hv/hv.h"

#include <fcntl.h>
#include <linux/mshv.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int allow(int fd)
{
	static uint8_t bitmap[HV_CALL_VALLUM_SEALING_KEY / 8 + 1];
	struct mshv_vtl_hvcall_setup setup = {
		.bitmap_array_size = sizeof(bitmap),
		.allow_bitmap_ptr = (uintptr_t)bitmap,
	};

	bitmap[HV_CALL_VBS_VM_CALL_REPORT / 8] |= 1u << HV_CALL_VBS_VM_CALL_REPORT % 8;
	bitmap[HV_CALL_VALLUM_SEALING_KEY / 8] |= 1u << HV_CALL_VALLUM_SEALING_KEY % 8;
	return ioctl(fd, MSHV_HVCALL_SETUP, &setup) < 0 ? VL_E_OS : 0;
}

static int call(uint16_t code, const void *in, size_t in_bytes, void *out, size_t out_bytes)
{
	struct mshv_vtl_hvcall c = {
		.control = code,
		.input_size = in_bytes,
		.input_ptr = (uintptr_t)in,
		.output_size = out_bytes,
		.output_ptr = (uintptr_t)out,
	};
	int fd = open("/dev/mshv_hvcall", O_RDWR | O_CLOEXEC), err;

	if (fd < 0)
		return VL_E_OS;
	err = allow(fd);
	if (!err && ioctl(fd, MSHV_HVCALL, &c) < 0)
		err = VL_E_OS;
	close(fd);
	if (err)
		return err;
	return (uint16_t)c.status == HV_STATUS_SUCCESS ? 0 : VL_E_HYPERCALL;
}

static int report(void *context, const uint8_t data[VBS_REPORT_DATA_BYTES], struct vbs_report *out)
{
	uint8_t answer[VBS_REPORT_OUTPUT_BYTES];
	int err = call(HV_CALL_VBS_VM_CALL_REPORT, data, VBS_REPORT_DATA_BYTES, answer, sizeof(answer));

	memcpy(out, answer, sizeof(*out));
	return err;
}

static int sealing_key(void *context, enum sealing_policy policy, uint8_t key[SEALING_KEY_BYTES])
{
	const struct sealing_input in = { .policy = cpu_to_le32(policy) };

	return call(HV_CALL_VALLUM_SEALING_KEY, &in, sizeof(in), key, SEALING_KEY_BYTES);
}

const struct security_platform hvcall_platform = { report, sealing_key, NULL };
