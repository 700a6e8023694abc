/*
 * VP registers that every architecture has (TLFS HvRegister*), for
 * HvCallGet/SetVpRegisters and, on x86_64, the synthetic MSRs. All values
 * come from VTL2, which is untrusted here.
 */
#include "tools/host/port.h"

#include <string.h>

/* Where the hypercall page has its VTL call and return entries; the port writes that page. */
#define CODE_OFFSETS (0x10ull | 0x20ull << 12)
#define CAPABILITIES (HV_VSM_CAP_DR6_SHARED | HV_VSM_CAP_INTERCEPT_PAGE)
#define CRASH_TEXT_MAX 3500

/* A message of the crash registers: what VTL2 had to say. Its text may hold anything. */
static void crash_text(struct host_vp *vp, char *out, size_t room)
{
	size_t size = vp->crash[4] < room - 1 ? (size_t)vp->crash[4] : room - 1, i;

	if (host_memory_read(vp->host, gpa(vp->crash[3]), out, size))
		size = 0;
	for (i = 0; i < size && out[i]; i++)
		if ((unsigned char)out[i] < ' ' && out[i] != '\n' && out[i] != '\t')
			out[i] = '?';
	out[i] = 0;
}

static void crash(struct host_vp *vp, uint64_t control)
{
	char text[CRASH_TEXT_MAX];

	text[0] = 0;
	if (control & HV_CRASH_CTL_MESSAGE)
		crash_text(vp, text, sizeof(text));
	host_end(vp->host, HOST_END_PARAVISOR_FAILED,
		"VTL2 reported a crash on VP %u (parameters %#llx %#llx %#llx %#llx %#llx)%s%s", vp->index,
		(unsigned long long)vp->crash[0], (unsigned long long)vp->crash[1],
		(unsigned long long)vp->crash[2],
		(unsigned long long)vp->crash[3], (unsigned long long)vp->crash[4], text[0] ? ":\n" : "",
		text);
}

static bool is_synic(uint32_t name)
{
	return name >= HV_REG_SINT0 && name <= HV_REG_EOM;
}

static bool is_crash(uint32_t name)
{
	return name >= HV_REG_GUEST_CRASH_P0 && name < HV_REG_GUEST_CRASH_P0 + 5;
}

/* Registers of VTL2 that the core keeps. */
static uint16_t get_own(struct host_vp *vp, uint32_t name, uint64_t *v)
{
	switch (name) {
	case HV_REG_VP_INDEX:
		*v = vp->index;
		return HV_STATUS_SUCCESS;
	case HV_REG_GUEST_OS_ID:
		*v = vp->host->guest_os_id;
		return HV_STATUS_SUCCESS;
	case HV_REG_TIME_REF_COUNT:
		*v = host_reference_time(vp->host);
		return HV_STATUS_SUCCESS;
	case HV_REG_VP_ASSIST_PAGE:
		*v = vp->assist_page;
		return HV_STATUS_SUCCESS;
	case HV_REG_GUEST_CRASH_CTL:
		*v = HV_CRASH_CTL_NOTIFY | HV_CRASH_CTL_MESSAGE | HV_CRASH_CTL_NO_CRASH_DUMP;
		return HV_STATUS_SUCCESS;
	case HV_REG_VSM_CODE_PAGE_OFFSETS:
		*v = CODE_OFFSETS;
		return HV_STATUS_SUCCESS;
	case HV_REG_VSM_VP_STATUS: /* active VTL 2; enabled: 0 and 2 */
		*v = HOST_VTL2 | 5ull << 16;
		return HV_STATUS_SUCCESS;
	case HV_REG_VSM_PARTITION_STATUS: /* enabled VTLs 0-15, maximum 16-19 */
		*v = 5ull | 2ull << 16;
		return HV_STATUS_SUCCESS;
	case HV_REG_VSM_CAPABILITIES:
		*v = CAPABILITIES;
		return HV_STATUS_SUCCESS;
	case HV_REG_VSM_PARTITION_CONFIG:
		*v = vp->host->vsm_config;
		return HV_STATUS_SUCCESS;
	default:
		return HV_STATUS_INVALID_PARAMETER;
	}
}

static uint16_t set_own(struct host_vp *vp, uint32_t name, uint64_t v)
{
	switch (name) {
	case HV_REG_GUEST_OS_ID:
		vp->host->guest_os_id = v;
		return HV_STATUS_SUCCESS;
	case HV_REG_VP_ASSIST_PAGE:
		vp->assist_page = v;
		return HV_STATUS_SUCCESS;
	case HV_REG_GUEST_CRASH_CTL:
		if (v & HV_CRASH_CTL_NOTIFY)
			crash(vp, v);
		return HV_STATUS_SUCCESS;
	case HV_REG_VSM_PARTITION_CONFIG:
		vp->host->vsm_config = v;
		return HV_STATUS_SUCCESS;
	case HV_REG_VSM_VINA: /* VINA tells a VTL of interrupts; with two VTLs VTL2 sees them itself */
		return HV_STATUS_SUCCESS;
	default:
		return HV_STATUS_INVALID_PARAMETER;
	}
}

uint16_t register_get(struct host_vp *vp, unsigned vtl, uint32_t name, struct hv_reg_value *value)
{
	uint16_t status = HV_STATUS_INVALID_PARAMETER;
	uint64_t v = 0;

	if (vtl != HOST_VTL0 && vtl != HOST_VTL2)
		return HV_STATUS_INVALID_PARAMETER;
	/* The driver asks for the register page without a target VTL; the page shows the lower one. */
	if (name == HV_REG_REGISTER_PAGE) {
		v = vp->register_page;
		status = HV_STATUS_SUCCESS;
	} else if (is_crash(name)) {
		v = vp->crash[name - HV_REG_GUEST_CRASH_P0];
		status = HV_STATUS_SUCCESS;
	} else if (vtl == HOST_VTL2) {
		status = is_synic(name) ? synic_register_get(vp, name, &v) : get_own(vp, name, &v);
	} else if (name == HV_REG_VP_INDEX) {
		v = vp->index;
		status = HV_STATUS_SUCCESS;
	}
	if (status != HV_STATUS_SUCCESS)
		return port_register_get(vp, vtl, name, value);
	*value = (struct hv_reg_value){ .low = cpu_to_le64(v) };
	return HV_STATUS_SUCCESS;
}

uint16_t register_set(struct host_vp *vp, unsigned vtl, uint32_t name, const struct hv_reg_value *value)
{
	uint64_t v = le64_to_cpu(value->low);
	uint16_t status = HV_STATUS_INVALID_PARAMETER;

	if (vtl != HOST_VTL0 && vtl != HOST_VTL2)
		return HV_STATUS_INVALID_PARAMETER;
	if (name == HV_REG_REGISTER_PAGE) {
		if ((v & HV_SYNIC_ENABLE) && !host_memory_map(vp->host, gpa(vl_align_down(v, VL_PAGE_BYTES)),
				VL_PAGE_BYTES))
			return HV_STATUS_INVALID_PARAMETER;
		vp->register_page = v;
		port_register_page_changed(vp);
		return HV_STATUS_SUCCESS;
	}
	if (is_crash(name)) {
		vp->crash[name - HV_REG_GUEST_CRASH_P0] = v;
		return HV_STATUS_SUCCESS;
	}
	if (vtl == HOST_VTL2)
		status = is_synic(name) ? synic_register_set(vp, name, v) : set_own(vp, name, v);
	return status == HV_STATUS_SUCCESS ? status : port_register_set(vp, vtl, name, value);
}
