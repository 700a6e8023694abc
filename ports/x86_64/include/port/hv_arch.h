/*
 * The x86_64 part of the hypervisor ABI (see common/hv/hv.h): register names,
 * intercept messages, the register page, and the VP context of
 * HvCallEnableVpVtl. Source: TLFS, and Linux's include/hyperv/hvgdk_mini.h
 * and hvhdk.h for what the TLFS text leaves out.
 */
#ifndef VL_PORT_HV_ARCH_H
#define VL_PORT_HV_ARCH_H

#include "common/hv/hv.h"

/* HvX64Register* (TLFS HV_REGISTER_NAME). GPRs are in the encoding order of the ISA. */
enum hv_x64_reg {
	HV_X64_REG_RAX = 0x00020000, /* RAX RCX RDX RBX RSP RBP RSI RDI R8..R15 */
	HV_X64_REG_RSP = 0x00020004,
	HV_X64_REG_RSI = 0x00020006,
	HV_X64_REG_R15 = 0x0002000f,
	HV_X64_REG_RIP = 0x00020010,
	HV_X64_REG_RFLAGS = 0x00020011,
	HV_X64_REG_XMM0 = 0x00030000,      /* ..XMM15 */
	HV_X64_REG_FP_MMX0 = 0x00030010,   /* ..7 */
	HV_X64_REG_FP_CONTROL_STATUS = 0x00030018,
	HV_X64_REG_XMM_CONTROL_STATUS = 0x00030019,
	HV_X64_REG_CR0 = 0x00040000,
	HV_X64_REG_CR2 = 0x00040001,
	HV_X64_REG_CR3 = 0x00040002,
	HV_X64_REG_CR4 = 0x00040003,
	HV_X64_REG_CR8 = 0x00040004,
	HV_X64_REG_XFEM = 0x00040005,
	HV_X64_REG_DR0 = 0x00050000, /* DR0-3, 6, 7 */
	HV_X64_REG_DR6 = 0x00050004,
	HV_X64_REG_DR7 = 0x00050005,
	HV_X64_REG_ES = 0x00060000, /* ES CS SS DS FS GS LDTR TR */
	HV_X64_REG_CS = 0x00060001,
	HV_X64_REG_SS = 0x00060002,
	HV_X64_REG_DS = 0x00060003,
	HV_X64_REG_FS = 0x00060004,
	HV_X64_REG_GS = 0x00060005,
	HV_X64_REG_LDTR = 0x00060006,
	HV_X64_REG_TR = 0x00060007,
	HV_X64_REG_IDTR = 0x00070000,
	HV_X64_REG_GDTR = 0x00070001,
	HV_X64_REG_TSC = 0x00080000,
	HV_X64_REG_EFER = 0x00080001,
	HV_X64_REG_KERNEL_GS_BASE = 0x00080002,
	HV_X64_REG_APIC_BASE = 0x00080003,
	HV_X64_REG_PAT = 0x00080004,
	HV_X64_REG_SYSENTER_CS = 0x00080005,
	HV_X64_REG_SYSENTER_EIP = 0x00080006,
	HV_X64_REG_SYSENTER_ESP = 0x00080007,
	HV_X64_REG_STAR = 0x00080008,
	HV_X64_REG_LSTAR = 0x00080009,
	HV_X64_REG_CSTAR = 0x0008000a,
	HV_X64_REG_SFMASK = 0x0008000b,
	HV_X64_REG_MTRR_CAP = 0x0008000d,
	HV_X64_REG_MTRR_DEF_TYPE = 0x0008000e,
	HV_X64_REG_TSC_AUX = 0x0008007b,
};

/*
 * HV_REG_PENDING_EVENT0, low 64 bits (TLFS HV_X64_PENDING_EXCEPTION_EVENT and
 * HV_X64_PENDING_EXT_INT_EVENT): taken by the VP at its next entry, RIP unchanged.
 */
#define HV_X64_EVENT_PENDING 1ull
#define HV_X64_EVENT_EXCEPTION (0ull << 1)
#define HV_X64_EVENT_EXT_INT (5ull << 1)        /* vector in bits 8-15 */
#define HV_X64_EVENT_EXT_INT_VECTOR_SHIFT 8
#define HV_X64_EVENT_HAS_ERROR_CODE (1ull << 8) /* error code in bits 32-63 */
#define HV_X64_EVENT_VECTOR_SHIFT 16
#define HV_X64_EVENT_ERROR_CODE_SHIFT 32
/* The high 64 bits are the exception's parameter: CR2 of a page fault. */

/* HV_REG_DELIVERABILITY_NOTIFICATIONS: an InterruptionDeliverable intercept once the VP can take one. */
#define HV_X64_NOTIFY_INTERRUPT (1ull << 1)

/* HvCallRegisterInterceptResult for CPUID: what VTL0 reads instead of the hypervisor's own answer. */
#define HV_INTERCEPT_TYPE_X64_CPUID 2u
#define HV_ANY_VP 0xffffffffu
struct hv_x64_input_cpuid_result {
	le64 partition_id;
	le32 vp_index; /* HV_ANY_VP: all */
	le32 intercept_type;
	le32 leaf, subleaf;
	uint8_t subleaf_matters;
	uint8_t always_override; /* also where the hypervisor would answer by itself */
	le16 padding;
	struct {
		le32 value, mask; /* bits of the mask come from value, the others stay */
	} VL_PACKED reg[4]; /* EAX EBX ECX EDX */
} VL_PACKED;
_Static_assert(sizeof(struct hv_x64_input_cpuid_result) == 60, "HV_REGISTER_X64_CPUID_RESULT_PARAMETERS");

/* HV_X64_SEGMENT_REGISTER: attributes are the VMX/SVM style access rights word. */
struct hv_x64_segment {
	le64 base;
	le32 limit;
	le16 selector;
	le16 attributes; /* type 0-3, s 4, dpl 5-6, p 7, avl 12, l 13, db 14, g 15 */
} VL_PACKED;
struct hv_x64_table {
	le16 pad[3];
	le16 limit;
	le64 base;
} VL_PACKED;
_Static_assert(sizeof(struct hv_x64_segment) == 16, "HV_X64_SEGMENT_REGISTER");
_Static_assert(sizeof(struct hv_x64_table) == 16, "HV_X64_TABLE_REGISTER");

/* HV_INITIAL_VP_CONTEXT (TLFS HvCallEnableVpVtl, HvCallStartVirtualProcessor). */
struct hv_x64_initial_vp_context {
	le64 rip, rsp, rflags;
	struct hv_x64_segment cs, ds, es, fs, gs, ss, tr, ldtr;
	struct hv_x64_table idtr, gdtr;
	le64 efer, cr0, cr3, cr4, pat;
} VL_PACKED;
_Static_assert(sizeof(struct hv_x64_initial_vp_context) == 224, "HV_INITIAL_VP_CONTEXT");

struct hv_x64_input_enable_vp_vtl {
	le64 partition_id;
	le32 vp_index;
	uint8_t target_vtl;
	uint8_t reserved[3];
	struct hv_x64_initial_vp_context context;
} VL_PACKED;

/* --- Intercept messages (TLFS 10) ---------------------------------------- */

enum hv_x64_message_type {
	HV_MESSAGE_X64_IO_PORT = 0x80010000,
	HV_MESSAGE_X64_MSR = 0x80010001,
	HV_MESSAGE_X64_CPUID = 0x80010002,
	HV_MESSAGE_X64_EXCEPTION = 0x80010003,
	HV_MESSAGE_X64_APIC_EOI = 0x80010004,
	HV_MESSAGE_X64_HALT = 0x80010007,
	HV_MESSAGE_X64_INTERRUPTION_DELIVERABLE = 0x80010008,
	HV_MESSAGE_X64_SIPI = 0x80010009,
};

enum hv_intercept_access { HV_INTERCEPT_READ = 0, HV_INTERCEPT_WRITE = 1, HV_INTERCEPT_EXECUTE = 2 };

/* HV_X64_INTERCEPT_MESSAGE_HEADER; every x64 intercept payload begins with it. */
struct hv_x64_intercept_header {
	le32 vp_index;
	uint8_t instruction_length; /* bits 0-3; bits 4-7: CR8 */
	uint8_t access;             /* enum hv_intercept_access */
	/* cpl 0-1, cr0.pe 2, cr0.am 3, efer.lma 4, debug 5, interruption pending 6 */
	le16 execution_state;
	struct hv_x64_segment cs;
	le64 rip;
	le64 rflags;
} VL_PACKED;
_Static_assert(sizeof(struct hv_x64_intercept_header) == 40, "HV_X64_INTERCEPT_MESSAGE_HEADER");

struct hv_x64_io_port_message {
	struct hv_x64_intercept_header header;
	le16 port;
	uint8_t access_info; /* size 0-2 (bytes), string 3, rep 4 */
	uint8_t instruction_count;
	le32 reserved;
	le64 rax;
	uint8_t instruction_bytes[16];
	struct hv_x64_segment ds, es;
	le64 rcx, rsi, rdi;
} VL_PACKED;
_Static_assert(sizeof(struct hv_x64_io_port_message) == 128, "HV_X64_IO_PORT_INTERCEPT_MESSAGE");
#define HV_X64_IO_SIZE_MASK 7u
#define HV_X64_IO_STRING 8u
#define HV_X64_IO_REP 16u

/* UnmappedGpa and GpaIntercept. */
struct hv_x64_memory_message {
	struct hv_x64_intercept_header header;
	le32 cache_type;
	uint8_t instruction_count;
	uint8_t access_info; /* bit 0: gva valid, bit 1: gva gpa valid */
	uint8_t tpr_priority;
	uint8_t reserved;
	le64 gva;
	le64 gpa;
	uint8_t instruction_bytes[16];
} VL_PACKED;
_Static_assert(sizeof(struct hv_x64_memory_message) == 80, "HV_X64_MEMORY_INTERCEPT_MESSAGE");

struct hv_x64_msr_message {
	struct hv_x64_intercept_header header;
	le32 msr;
	le32 reserved;
	le64 rdx, rax;
} VL_PACKED;
_Static_assert(sizeof(struct hv_x64_msr_message) == 64, "HV_X64_MSR_INTERCEPT_MESSAGE");

struct hv_x64_cpuid_message {
	struct hv_x64_intercept_header header;
	le64 rax, rcx, rdx, rbx;
	le64 default_rax, default_rcx, default_rdx, default_rbx; /* what the hypervisor would answer */
} VL_PACKED;
_Static_assert(sizeof(struct hv_x64_cpuid_message) == 104, "HV_X64_CPUID_INTERCEPT_MESSAGE");

struct hv_x64_apic_eoi_message {
	le32 vp_index;
	le32 vector;
} VL_PACKED;

struct hv_x64_unrecoverable_message {
	struct hv_x64_intercept_header header;
} VL_PACKED;

/* --- Register page (HV_VP_REGISTER_PAGE, version 1) ------------------------ */

struct hv_x64_register_page {
	le16 version;
	uint8_t is_valid;
	uint8_t vtl;
	le32 dirty; /* HV_X64_DIRTY_* */
	le64 gp[16];
	le64 rip;
	le64 rflags;
	le64 reserved0;
	uint8_t xmm[6][16];
	struct hv_x64_segment segment[6]; /* ES CS SS DS FS GS */
	le64 cr0, cr3, cr4, cr8, efer, dr7;
	le64 pending_interruption;
	le64 interrupt_state;
	le64 instruction_emulation_hints;
} VL_PACKED;
_Static_assert(offsetof(struct hv_x64_register_page, rip) == 136, "register page");
#define HV_X64_DIRTY_GP 1u
#define HV_X64_DIRTY_RIP 2u
#define HV_X64_DIRTY_XMM 4u
#define HV_X64_DIRTY_SEGMENTS 8u
#define HV_X64_DIRTY_FLAGS 16u

/* --- Synthetic MSRs (TLFS appendix B) ------------------------------------- */

enum hv_x64_msr {
	HV_X64_MSR_GUEST_OS_ID = 0x40000000,
	HV_X64_MSR_HYPERCALL = 0x40000001,
	HV_X64_MSR_VP_INDEX = 0x40000002,
	HV_X64_MSR_RESET = 0x40000003,
	HV_X64_MSR_TIME_REF_COUNT = 0x40000020,
	HV_X64_MSR_REFERENCE_TSC = 0x40000021,
	HV_X64_MSR_TSC_FREQUENCY = 0x40000022,
	HV_X64_MSR_APIC_FREQUENCY = 0x40000023,
	HV_X64_MSR_EOI = 0x40000070,
	HV_X64_MSR_ICR = 0x40000071,
	HV_X64_MSR_TPR = 0x40000072,
	HV_X64_MSR_VP_ASSIST_PAGE = 0x40000073,
	HV_X64_MSR_SCONTROL = 0x40000080,
	HV_X64_MSR_SVERSION = 0x40000081,
	HV_X64_MSR_SIEFP = 0x40000082,
	HV_X64_MSR_SIMP = 0x40000083,
	HV_X64_MSR_EOM = 0x40000084,
	HV_X64_MSR_SINT0 = 0x40000090,
	HV_X64_MSR_STIMER0_CONFIG = 0x400000b0,
	HV_X64_MSR_STIMER0_COUNT = 0x400000b1,
	HV_X64_MSR_GUEST_IDLE = 0x400000f0,
	HV_X64_MSR_CRASH_P0 = 0x40000100,
	HV_X64_MSR_CRASH_CTL = 0x40000105,
};

/* Interrupt types of HvCallAssertVirtualInterrupt (TLFS HV_INTERRUPT_TYPE). */
enum hv_x64_interrupt_type {
	HV_X64_INTERRUPT_FIXED = 0, HV_X64_INTERRUPT_LOWEST_PRIORITY = 1, HV_X64_INTERRUPT_NMI = 4,
	HV_X64_INTERRUPT_INIT = 5, HV_X64_INTERRUPT_SIPI = 6, HV_X64_INTERRUPT_EXTINT = 7,
};

#endif
