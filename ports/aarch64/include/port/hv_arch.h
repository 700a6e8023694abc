/*
 * The aarch64 part of the hypervisor ABI (see common/hv/hv.h): calling form,
 * register names, intercept messages, and what Vallum's own host and VTL2
 * kernel driver agree on beyond the TLFS. Source: TLFS; Linux's
 * arch/arm64/include/asm/mshyperv.h and include/hyperv/hvgdk_mini.h; Arm ARM
 * (DDI 0487) for the syndrome.
 */
#ifndef VL_PORT_HV_ARCH_H
#define VL_PORT_HV_ARCH_H

#include "common/hv/hv.h"

/*
 * Calling form: `hvc #0`, x0 = HV_ARM64_FUNCTION_ID (an SMCCC function: owner
 * 6, function 1), x1 = hypercall input value, then either x2/x3 = GPA of input
 * and output, or, with HV_CONTROL_FAST, x2.. = the input structure itself. The
 * result value comes back in x0; fast HvCallGetVpRegisters answers in x6/x7.
 */
#define HV_ARM64_FUNCTION_ID 0x46000001u
/* SMCCC "call UID" of owner 6, which answers w0-w3 with Hyper-V's UUID. */
#define HV_ARM64_UID_FUNCTION 0x8600ff01u
#define HV_ARM64_UID_WORDS { 0x4d32ba58u, 0xcd244764u, 0x8eef6c75u, 0x16597024u }

/* HvArm64Register* (TLFS HV_REGISTER_NAME). */
enum hv_arm64_reg {
	HV_ARM64_REG_X0 = 0x00020000, /* X0..X28 */
	HV_ARM64_REG_FP = 0x0002001d, /* X29 */
	HV_ARM64_REG_LR = 0x0002001e, /* X30 */
	HV_ARM64_REG_SP = 0x0002001f, /* the one that PSTATE.SP selects */
	HV_ARM64_REG_SP_EL0 = 0x00020020,
	HV_ARM64_REG_SP_EL1 = 0x00020021,
	HV_ARM64_REG_PC = 0x00020022,
	HV_ARM64_REG_PSTATE = 0x00020023,
	HV_ARM64_REG_Q0 = 0x00030000, /* Q0..Q31 */
	HV_ARM64_REG_MPIDR_EL1 = 0x00040001,
	HV_ARM64_REG_SCTLR_EL1 = 0x00040002,
	HV_ARM64_REG_ACTLR_EL1 = 0x00040003,
	HV_ARM64_REG_CPACR_EL1 = 0x00040004,
	HV_ARM64_REG_TTBR0_EL1 = 0x00040005,
	HV_ARM64_REG_TTBR1_EL1 = 0x00040006,
	HV_ARM64_REG_TCR_EL1 = 0x00040007,
	HV_ARM64_REG_ESR_EL1 = 0x00040008,
	HV_ARM64_REG_FAR_EL1 = 0x00040009,
	HV_ARM64_REG_PAR_EL1 = 0x0004000a,
	HV_ARM64_REG_MAIR_EL1 = 0x0004000b,
	HV_ARM64_REG_VBAR_EL1 = 0x0004000c,
	HV_ARM64_REG_CONTEXTIDR_EL1 = 0x0004000d,
	HV_ARM64_REG_TPIDR_EL1 = 0x0004000e,
	HV_ARM64_REG_CNTKCTL_EL1 = 0x0004000f,
	HV_ARM64_REG_TPIDRRO_EL0 = 0x00040010,
	HV_ARM64_REG_TPIDR_EL0 = 0x00040011,
	HV_ARM64_REG_FPCR = 0x00040012,
	HV_ARM64_REG_FPSR = 0x00040013,
	HV_ARM64_REG_SPSR_EL1 = 0x00040014,
	HV_ARM64_REG_ELR_EL1 = 0x00040015,
};

/* Bits of hv_input_assert_interrupt.interrupt_control that only arm64 has. */
#define HV_ARM64_INTERRUPT_ASSERTED (1ull << 34) /* with HV_INTERRUPT_LEVEL: the line's level */

/* HV_INITIAL_VP_CONTEXT (TLFS HvCallEnableVpVtl). */
struct hv_arm64_initial_vp_context {
	le64 pc, sp_elh, sctlr_el1, mair_el1, tcr_el1, vbar_el1, ttbr0_el1, ttbr1_el1, x18;
} VL_PACKED;

struct hv_arm64_input_enable_vp_vtl {
	le64 partition_id;
	le32 vp_index;
	uint8_t target_vtl;
	uint8_t reserved[3];
	struct hv_arm64_initial_vp_context context;
} VL_PACKED;
_Static_assert(sizeof(struct hv_arm64_input_enable_vp_vtl) == 88, "HvCallEnableVpVtl");

/*
 * What CPUID says on x64 is in registers of 128 bits here: EAX, EBX, ECX, EDX from
 * the lowest. These bits are EBX's (TLFS 2.4.5 and 2.4.11).
 */
#define HV_ARM64_PRIVILEGE_ISOLATION (1ull << (32 + 22)) /* HvRegisterPrivilegesAndFeaturesInfo */
#define HV_ARM64_ISOLATION_TYPE (0xfull << 32)           /* HvRegisterIsolationConfiguration: 1 is VBS */
#define HV_ARM64_ISOLATION_VBS (1ull << 32)

/* --- Intercept messages ------------------------------------------------- */

enum hv_arm64_message_type { HV_MESSAGE_ARM64_RESET = 0x8001000c };

enum hv_intercept_access { HV_INTERCEPT_READ = 0, HV_INTERCEPT_WRITE = 1, HV_INTERCEPT_EXECUTE = 2 };

struct hv_arm64_intercept_header {
	le32 vp_index;
	uint8_t instruction_length;
	uint8_t access; /* enum hv_intercept_access */
	le16 execution_state;
	le64 pc;
	le64 pstate;
} VL_PACKED;
_Static_assert(sizeof(struct hv_arm64_intercept_header) == 24, "HV_ARM64_INTERCEPT_MESSAGE_HEADER");

/* UnmappedGpa and GpaIntercept. `syndrome` is ESR_EL2 of the abort. */
struct hv_arm64_memory_message {
	struct hv_arm64_intercept_header header;
	le32 cache_type;
	uint8_t instruction_byte_count;
	uint8_t access_info; /* bit 0: gva valid */
	le16 reserved1;
	uint8_t instruction_bytes[4];
	le32 reserved2;
	le64 gva;
	le64 gpa;
	le64 syndrome;
} VL_PACKED;
_Static_assert(sizeof(struct hv_arm64_memory_message) == 64, "HV_ARM64_MEMORY_INTERCEPT_MESSAGE");

/* PSCI SYSTEM_OFF, SYSTEM_RESET and the like of the guest. */
struct hv_arm64_reset_message {
	struct hv_arm64_intercept_header header;
	le32 reset_type; /* enum hv_arm64_reset_type */
	le32 reset_code;
} VL_PACKED;
enum hv_arm64_reset_type { HV_ARM64_RESET_POWER_OFF = 0, HV_ARM64_RESET_REBOOT = 1 };

/* --- Between Vallum's host and its VTL2 kernel driver -------------------- */

/*
 * The VTL context page. Hyper-V passes VTL0's general registers in the
 * registers themselves at `hvc #3`; KVM cannot show an hvc immediate to user
 * space and dispatches on x0, so here they pass through memory. VTL2 writes the
 * page's address with bit 0 set to this register once per VP; a host that does
 * not know it refuses the write. At an intercept the host stores those of
 * X0..X30 that the intercepted instruction uses, or all when it cannot tell,
 * and PC into the page before VTL2 goes on; at HvCallVtlReturn, and before it
 * reads or writes one of them by name, it takes those that VTL2 changed. By
 * name all can be read at any time. FP and SIMD registers go by name only. The
 * page is the driver's run page: the registers are at HV_ARM64_CONTEXT_OFFSET.
 * The first return to VTL0 takes X0..X30 from the page, PC never.
 */
#define HV_REG_ARM64_CONTEXT_PAGE 0x000d00c0u
#define HV_ARM64_CONTEXT_OFFSET 272u /* struct mshv_vtl_run.cpu_context: le64 x[31], pc */
#define HV_ARM64_CONTEXT_PC 31u
#define HV_ARM64_CONTEXT_WORDS 32u

#endif
