/*
 * The machine as the shim sees it on aarch64: hypercalls by SMCCC. Calls on
 * single registers are in fast form: header in x2 and x3, the name in x4, the
 * value in x6 and x7 (port/hv_arch.h). The hypervisor's answers are trusted: a
 * host that denies that it isolates gets no report for its guest.
 */
#include "common/boot/port.h"
#include "common/hv/hv.h"
#include "port/hv_arch.h"
#include "ports/aarch64/boot/machine.h"

#define OS_ID_SHIM 1ull
#define ONE_REGISTER (HV_CONTROL_FAST | 1ull << HV_CONTROL_REP_COUNT_SHIFT)
#define VTL2 2

static bool on_hypervisor(void)
{
	static const uint32_t uid[4] = HV_ARM64_UID_WORDS;
	struct smccc call = { { HV_ARM64_UID_FUNCTION } };

	boot_hvc(&call);
	for (unsigned i = 0; i < 4; i++)
		if ((uint32_t)call.x[i] != uid[i])
			return false;
	return true;
}

static uint64_t register_call(uint64_t code, uint32_t name, uint64_t *value)
{
	struct smccc call = { { HV_ARM64_FUNCTION_ID, code | ONE_REGISTER, HV_PARTITION_ID_SELF,
		HV_VP_INDEX_SELF, name, 0,
		*value } };

	boot_hvc(&call);
	*value = call.x[6];
	return call.x[0];
}

static void set_register(uint32_t name, uint64_t value)
{
	(void)register_call(HV_CALL_SET_VP_REGISTERS, name, &value);
}

static bool get_register(uint32_t name, uint64_t *value)
{
	*value = 0;
	return register_call(HV_CALL_GET_VP_REGISTERS, name, value) == HV_RESULT(HV_STATUS_SUCCESS, 1);
}

/* `supported` VBS stands for none too. Without a hypervisor the boot ends at its first call. */
int port_isolation(uint32_t supported, enum isolation *isolation, struct boot_error *error)
{
	uint64_t privileges, type;

	*isolation = ISOLATION_NONE;
	if (supported != SHIM_ISOLATION_VBS)
		return boot_fail(error, VL_E_UNSUPPORTED,
			"boot parameters: isolation type %u does not exist on aarch64", supported);
	if (!on_hypervisor() || !get_register(HV_REG_PRIVILEGES_AND_FEATURES, &privileges) ||
	    !(privileges & HV_ARM64_PRIVILEGE_ISOLATION))
		return 0;
	if (!get_register(HV_REG_ISOLATION_CONFIGURATION, &type) ||
	    (type & HV_ARM64_ISOLATION_TYPE) != HV_ARM64_ISOLATION_VBS)
		return boot_fail(error, VL_E_UNSUPPORTED,
			"the hypervisor isolates by type %u, the image is made for none or VBS",
			(unsigned)(type >> 32 & 0xf));
	*isolation = ISOLATION_VBS;
	return 0;
}

/* ID_AA64MMFR0_EL1.PARange (Arm ARM, D19.2.64). */
unsigned port_address_bits(void)
{
	static const uint8_t bits[] = { 32, 36, 40, 42, 44, 48, 52 };
	uint64_t range = READ_REGISTER(id_aa64mmfr0_el1) & 0xf;

	return range < VL_ARRAY_COUNT(bits) ? bits[range] : 48;
}

uint64_t port_reference_time(void)
{
	uint64_t value;

	return on_hypervisor() && get_register(HV_REG_TIME_REF_COUNT, &value) ? value : 0;
}

int port_hypercall_start(struct boot_error *error)
{
	if (!on_hypervisor())
		return boot_fail(error, VL_E_UNSUPPORTED,
			"no hypervisor with Hyper-V's SMCCC interface; start the image under one");
	set_register(HV_REG_GUEST_OS_ID, OS_ID_SHIM);
	return 0;
}

uint64_t port_hypercall(uint64_t control, const void *input, void *output)
{
	struct smccc call = { { HV_ARM64_FUNCTION_ID, control, (uintptr_t)input, (uintptr_t)output } };

	boot_hvc(&call);
	return call.x[0];
}

/*
 * HvCallEnableVpVtl for all but the first, with an empty context: on Hyper-V the
 * redistributors exist only after it; PSCI starts them. A host may have enabled them.
 */
int port_prepare_cpus(void *input, unsigned cpu_count, struct boot_error *error)
{
	struct hv_arm64_input_enable_vp_vtl *in = input;

	for (unsigned vp = 1; vp < cpu_count; vp++) {
		uint16_t status;

		*in = (struct hv_arm64_input_enable_vp_vtl){
			.partition_id = cpu_to_le64(HV_PARTITION_ID_SELF),
			.vp_index = cpu_to_le32(vp), .target_vtl = VTL2 };
		status = (uint16_t)port_hypercall(HV_CALL_ENABLE_VP_VTL, in, NULL);
		if (status != HV_STATUS_SUCCESS && status != HV_STATUS_VTL_ALREADY_ENABLED)
			return boot_fail(error, VL_E_HYPERCALL,
				"enabling VTL 2 on VP %u: hypercall status 0x%x", vp, status);
	}
	return 0;
}

void port_hypercall_stop(void)
{
	set_register(HV_REG_GUEST_OS_ID, 0);
}

void port_crash(const uint64_t p[5], uint64_t control)
{
	if (!on_hypervisor())
		return;
	for (unsigned i = 0; i < 5; i++)
		set_register(HV_REG_GUEST_CRASH_P0 + i, p[i]);
	set_register(HV_REG_GUEST_CRASH_CTL, control);
}

void port_halt(void)
{
	for (;;)
		__asm__ volatile("wfi");
}
