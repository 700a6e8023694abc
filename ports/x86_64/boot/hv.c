/*
 * The machine as the shim sees it on x86_64: CPUID, synthetic MSRs, the
 * hypercall page. Sources: TLFS 2 (feature discovery), 3 (hypercalls), appendix B
 * (MSRs). The processor's answers come from the hypervisor, which for a VM that
 * is not isolated is trusted, and for an isolated one decides nothing but how
 * calls are made.
 */
#include "common/boot/port.h"
#include "common/hv/hv.h"
#include "port/hv_arch.h"
#include "ports/x86_64/boot/machine.h"

#define LEAF_FEATURES 1
#define LEAF_HV_INTERFACE 0x40000001u
#define LEAF_HV_FEATURES 0x40000003u
#define LEAF_HV_ISOLATION 0x4000000cu
#define LEAF_ADDRESS_BITS 0x80000008u
#define FEATURE_HYPERVISOR (1u << 31)
#define INTERFACE_HV 0x31237648u /* "Hv#1" */
#define HV_EAX_TIME_REF_COUNT (1u << 1)
#define HV_EAX_HYPERCALL_MSRS (1u << 5)
#define HV_EBX_ISOLATION (1u << 22)
#define HV_EDX_CRASH_MSRS (1u << 10)
#define HV_ISOLATION_TYPE 0xfu
#define HV_ISOLATION_TYPE_VBS 1u
#define HYPERCALL_ENABLE 1ull
#define OS_ID_SHIM 1ull /* any value but 0 enables the hypercall page */

static uint8_t hypercall_page[VL_PAGE_BYTES] __attribute__((aligned(VL_PAGE_BYTES)));

static bool on_hypervisor(void)
{
	return cpuid(LEAF_FEATURES).ecx & FEATURE_HYPERVISOR && cpuid(LEAF_HV_INTERFACE).eax == INTERFACE_HV;
}

static int vbs_or_none(enum isolation *isolation, struct boot_error *error)
{
	uint32_t type;

	*isolation = ISOLATION_NONE;
	if (!on_hypervisor() || !(cpuid(LEAF_HV_FEATURES).ebx & HV_EBX_ISOLATION))
		return 0;
	type = cpuid(LEAF_HV_ISOLATION).ebx & HV_ISOLATION_TYPE;
	if (type != HV_ISOLATION_TYPE_VBS)
		return boot_fail(error, VL_E_UNSUPPORTED,
			"the hypervisor isolates by type %u, the image is made for none or VBS",
			type);
	*isolation = ISOLATION_VBS;
	return 0;
}

int port_isolation(uint32_t supported, enum isolation *isolation, struct boot_error *error)
{
	*isolation = ISOLATION_NONE;
	switch (supported) {
	case SHIM_ISOLATION_VBS:
		return vbs_or_none(isolation, error);
	case SHIM_ISOLATION_SNP:
		*isolation = ISOLATION_SNP;
		break;
	case SHIM_ISOLATION_TDX:
		*isolation = ISOLATION_TDX;
		break;
	}
	return boot_fail(error, VL_E_UNSUPPORTED,
		"boot parameters: isolation type %u is not supported by this shim", supported);
}

unsigned port_address_bits(void)
{
	return cpuid(LEAF_ADDRESS_BITS).eax & 0xff;
}

uint64_t port_reference_time(void)
{
	if (!on_hypervisor() || !(cpuid(LEAF_HV_FEATURES).eax & HV_EAX_TIME_REF_COUNT))
		return 0;
	return rdmsr(HV_X64_MSR_TIME_REF_COUNT);
}

int port_hypercall_start(struct boot_error *error)
{
	if (!on_hypervisor() || !(cpuid(LEAF_HV_FEATURES).eax & HV_EAX_HYPERCALL_MSRS))
		return boot_fail(error, VL_E_UNSUPPORTED,
			"no hypervisor with the Hv#1 interface and hypercalls; start the image under one");
	wrmsr(HV_X64_MSR_GUEST_OS_ID, OS_ID_SHIM);
	wrmsr(HV_X64_MSR_HYPERCALL, (uintptr_t)hypercall_page | HYPERCALL_ENABLE);
	return 0;
}

uint64_t port_hypercall(uint64_t control, const void *input, void *output)
{
	register void *out __asm__("r8") = output;
	uint64_t result;

	__asm__ volatile("call *%[page]"
		: "=a"(result), "+c"(control), "+d"(input), "+r"(out)
		: [page] "r"(hypercall_page)
		: "r9", "r10", "r11", "memory");
	return result;
}

/* The kernel starts the others by hypercalls of its own. */
int port_prepare_cpus(void *input, unsigned cpu_count, struct boot_error *error)
{
	return 0;
}

void port_hypercall_stop(void)
{
	wrmsr(HV_X64_MSR_HYPERCALL, 0);
	wrmsr(HV_X64_MSR_GUEST_OS_ID, 0);
}

void port_crash(const uint64_t p[5], uint64_t control)
{
	if (!on_hypervisor() || !(cpuid(LEAF_HV_FEATURES).edx & HV_EDX_CRASH_MSRS))
		return;
	for (unsigned i = 0; i < 5; i++)
		wrmsr(HV_X64_MSR_CRASH_P0 + i, p[i]);
	wrmsr(HV_X64_MSR_CRASH_CTL, control);
}

void port_halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}
