/*
 * The hypervisor ABI between VTL2 and its host, the part that no architecture
 * owns: hypercall codes and calling form, status codes, register names, SynIC
 * and VSM structures. Source: Hypervisor Top-Level Functional Specification
 * (TLFS), sections named at each item. What is particular to an architecture
 * (its registers, intercept messages, VP contexts) is in port/hv_arch.h.
 *
 * All structures are wire format: little endian, no implicit padding.
 */
#ifndef VL_HV_HV_H
#define VL_HV_HV_H

#include "common/base/types.h"

/* --- Hypercalls (TLFS 3, appendix A) ------------------------------------ */

enum hv_call_code {
	HV_CALL_SEND_IPI = 0x000b,
	HV_CALL_MODIFY_VTL_PROTECTION_MASK = 0x000c,
	HV_CALL_ENABLE_VP_VTL = 0x000f,
	HV_CALL_VTL_CALL = 0x0011,
	HV_CALL_VTL_RETURN = 0x0012,
	HV_CALL_SEND_IPI_EX = 0x0015,
	HV_CALL_INSTALL_INTERCEPT = 0x004d,
	HV_CALL_GET_VP_REGISTERS = 0x0050,
	HV_CALL_SET_VP_REGISTERS = 0x0051,
	HV_CALL_TRANSLATE_VIRTUAL_ADDRESS = 0x0052,
	HV_CALL_POST_MESSAGE = 0x005c,
	HV_CALL_SIGNAL_EVENT = 0x005d,
	HV_CALL_REGISTER_INTERCEPT_RESULT = 0x0091,
	HV_CALL_ASSERT_VIRTUAL_INTERRUPT = 0x0094,
	HV_CALL_START_VP = 0x0099,
	HV_CALL_GET_VP_INDEX_FROM_APIC_ID = 0x009a,
	HV_CALL_TRANSLATE_VIRTUAL_ADDRESS_EX = 0x00ac,
	HV_CALL_SIGNAL_EVENT_DIRECT = 0x00c0,
	HV_CALL_POST_MESSAGE_DIRECT = 0x00c1,
	HV_CALL_CHECK_SPARSE_GPA_PAGE_VTL_ACCESS = 0x00d4,
	HV_CALL_ACCEPT_GPA_PAGES = 0x00d9,
	HV_CALL_MODIFY_SPARSE_GPA_PAGE_HOST_VISIBILITY = 0x00db,
	HV_CALL_VBS_VM_CALL_REPORT = 0xc001,
};

/* Hypercall input value (TLFS 3.7). */
#define HV_CONTROL_CODE(c) ((uint16_t)(c))
#define HV_CONTROL_FAST (1ull << 16)
#define HV_CONTROL_VARHEAD_SHIFT 17 /* 9 bits, in units of 8 bytes */
#define HV_CONTROL_REP_COUNT_SHIFT 32 /* 12 bits */
#define HV_CONTROL_REP_START_SHIFT 48 /* 12 bits */
#define HV_REP_MASK 0xfffu
/* Hypercall result value: status in bits 0-15, reps completed in 32-43. */
#define HV_RESULT(status, reps) ((uint64_t)(status) | (uint64_t)(reps) << 32)

enum hv_status {
	HV_STATUS_SUCCESS = 0x0000,
	HV_STATUS_INVALID_HYPERCALL_CODE = 0x0002,
	HV_STATUS_INVALID_HYPERCALL_INPUT = 0x0003,
	HV_STATUS_INVALID_ALIGNMENT = 0x0004,
	HV_STATUS_INVALID_PARAMETER = 0x0005,
	HV_STATUS_ACCESS_DENIED = 0x0006,
	HV_STATUS_INVALID_PARTITION_STATE = 0x0007,
	HV_STATUS_OPERATION_DENIED = 0x0008,
	HV_STATUS_UNKNOWN_PROPERTY = 0x0009,
	HV_STATUS_INSUFFICIENT_MEMORY = 0x000b,
	HV_STATUS_INVALID_PARTITION_ID = 0x000d,
	HV_STATUS_INVALID_VP_INDEX = 0x000e,
	HV_STATUS_INVALID_PORT_ID = 0x0011,
	HV_STATUS_INVALID_CONNECTION_ID = 0x0012,
	HV_STATUS_INSUFFICIENT_BUFFERS = 0x0013,
	HV_STATUS_INVALID_VP_STATE = 0x0015,
	HV_STATUS_INVALID_REGISTER_VALUE = 0x0050,
	HV_STATUS_OPERATION_FAILED = 0x0071,
	HV_STATUS_VTL_ALREADY_ENABLED = 0x0086,
};

#define HV_PARTITION_ID_SELF (~0ull)
#define HV_VP_INDEX_SELF 0xfffffffeu
/* hv_input_vtl: bits 0-3 target VTL, bit 4 use_target_vtl (else: own VTL). */
#define HV_INPUT_VTL_USE_TARGET 0x10u
#define HV_INPUT_VTL_MASK 0x0fu

/* HvCallGet/SetVpRegisters input header; names or assocs follow as reps. */
struct hv_vp_registers_header {
	le64 partition_id;
	le32 vp_index;
	uint8_t input_vtl;
	uint8_t reserved[3];
} VL_PACKED;
_Static_assert(sizeof(struct hv_vp_registers_header) == 16, "TLFS HvCallGetVpRegisters");

/* A register value, always 16 bytes; narrower ones zero-extended. */
struct hv_reg_value {
	le64 low, high;
} VL_PACKED;

struct hv_reg_assoc {
	le32 name;
	le32 reserved0;
	le64 reserved1;
	struct hv_reg_value value;
} VL_PACKED;
_Static_assert(sizeof(struct hv_reg_assoc) == 32, "TLFS HV_REGISTER_ASSOC");

struct hv_input_post_message {
	le32 connection_id;
	le32 reserved;
	le32 message_type;
	le32 payload_size; /* bytes, <= HV_MESSAGE_PAYLOAD_BYTES */
	uint8_t payload[240];
} VL_PACKED;
_Static_assert(sizeof(struct hv_input_post_message) == 256, "TLFS HvCallPostMessage");

/* HvCallAssertVirtualInterrupt; interrupt control: bits 0-31 type, 32 level, 33 logical. */
struct hv_input_assert_interrupt {
	le64 partition_id;
	le64 interrupt_control;
	le64 destination; /* APIC id, logical destination or MPIDR */
	le32 vector;      /* vector, or INTID */
	uint8_t target_vtl;
	uint8_t reserved[3];
} VL_PACKED;
_Static_assert(sizeof(struct hv_input_assert_interrupt) == 32, "TLFS HvCallAssertVirtualInterrupt");
#define HV_INTERRUPT_LEVEL (1ull << 32)
#define HV_INTERRUPT_LOGICAL (1ull << 33)

/* --- Registers of every architecture (TLFS appendix, HvRegister*) ------- */

enum hv_reg_common {
	HV_REG_INTERNAL_ACTIVITY_STATE = 0x00000004,
	HV_REG_HYPERVISOR_VERSION = 0x00000100,
	HV_REG_PRIVILEGES_AND_FEATURES = 0x00000200,
	HV_REG_FEATURES = 0x00000201,
	HV_REG_ISOLATION_CONFIGURATION = 0x00000209, /* as CPUID 0x4000000c */
	HV_REG_GUEST_CRASH_P0 = 0x00000210, /* P0..P4 consecutive */
	HV_REG_GUEST_CRASH_CTL = 0x00000215,
	HV_REG_PROCESSOR_CLOCK_FREQUENCY = 0x00000240, /* Hz; x64: of the TSC */
	HV_REG_INTERRUPT_CLOCK_FREQUENCY = 0x00000241, /* Hz; x64: of the APIC timer */
	HV_REG_PENDING_EVENT0 = 0x00010004,
	HV_REG_PENDING_EVENT1 = 0x00010005,
	HV_REG_DELIVERABILITY_NOTIFICATIONS = 0x00010006,
	HV_REG_GUEST_OS_ID = 0x00090002,
	HV_REG_VP_INDEX = 0x00090003,
	HV_REG_TIME_REF_COUNT = 0x00090004,
	HV_REG_VP_ASSIST_PAGE = 0x00090013,
	HV_REG_REFERENCE_TSC = 0x00090017,
	HV_REG_REGISTER_PAGE = 0x0009001c,
	HV_REG_SINT0 = 0x000a0000, /* SINT0..15 consecutive */
	HV_REG_SCONTROL = 0x000a0010,
	HV_REG_SVERSION = 0x000a0011,
	HV_REG_SIEFP = 0x000a0012,
	HV_REG_SIMP = 0x000a0013,
	HV_REG_EOM = 0x000a0014,
	HV_REG_STIMER0_CONFIG = 0x000b0000, /* config, count pairs, 4 timers */
	HV_REG_VSM_CODE_PAGE_OFFSETS = 0x000d0002, /* call 0-11, return 12-23 */
	HV_REG_VSM_VP_STATUS = 0x000d0003,         /* active VTL 0-3, enabled set 16-31 */
	HV_REG_VSM_PARTITION_STATUS = 0x000d0004,
	HV_REG_VSM_VINA = 0x000d0005,
	HV_REG_VSM_CAPABILITIES = 0x000d0006,
	HV_REG_VSM_PARTITION_CONFIG = 0x000d0007,
	HV_REG_GUEST_VSM_PARTITION_CONFIG = 0x000d0008,
	HV_REG_VSM_VP_SECURE_CONFIG_VTL0 = 0x000d0010,
	HV_REG_CR_INTERCEPT_CONTROL = 0x000e0000,
};

#define HV_VSM_CAP_DR6_SHARED (1ull << 0)
#define HV_VSM_CAP_INTERCEPT_PAGE (1ull << 27)
#define HV_VSM_CAP_RETURN_ACTION_AVAILABLE (1ull << 28)
#define HV_VSM_CONFIG_ENABLE_VTL_PROTECTION (1ull << 0)
#define HV_VSM_CONFIG_INTERCEPT_PAGE (1ull << 10)

#define HV_CRASH_CTL_NOTIFY (1ull << 63)
#define HV_CRASH_CTL_MESSAGE (1ull << 62)
#define HV_CRASH_CTL_NO_CRASH_DUMP (1ull << 61)

/* --- SynIC (TLFS 11) ----------------------------------------------------- */

#define HV_SINT_COUNT 16
#define HV_MESSAGE_BYTES 256
#define HV_MESSAGE_PAYLOAD_BYTES 240
#define HV_EVENT_FLAGS_BYTES 256 /* per SINT in the event flags page */
#define HV_SINT_VECTOR_MASK 0xffull
#define HV_SINT_MASKED (1ull << 16)
#define HV_SINT_AUTO_EOI (1ull << 17)
#define HV_SINT_POLLING (1ull << 18)
#define HV_SINT_PROXY (1ull << 20)
#define HV_SYNIC_ENABLE 1ull /* SCONTROL, SIMP, SIEFP: bit 0; page address in bits 12-63 */
#define HV_SINT_INTERCEPT 0  /* intercept messages come here without an intercept page */
#define HV_SINT_VMBUS 2
#define HV_SINT_MSHV 7       /* what /dev/mshv_sint listens to in VTL2 */

struct hv_message {
	le32 type;
	uint8_t payload_size;
	uint8_t flags; /* bit 0: message pending */
	le16 reserved;
	le64 sender; /* partition or port id */
	uint8_t payload[HV_MESSAGE_PAYLOAD_BYTES];
} VL_PACKED;
_Static_assert(sizeof(struct hv_message) == HV_MESSAGE_BYTES, "TLFS HV_MESSAGE");
#define HV_MESSAGE_FLAG_PENDING 1u

enum hv_message_type {
	HV_MESSAGE_NONE = 0x00000000,
	HV_MESSAGE_VMBUS = 0x00000001,
	HV_MESSAGE_UNMAPPED_GPA = 0x80000000,
	HV_MESSAGE_GPA_INTERCEPT = 0x80000001,
	HV_MESSAGE_UNACCEPTED_GPA = 0x80000003,
	HV_MESSAGE_TIMER_EXPIRED = 0x80000010,
	HV_MESSAGE_INVALID_VP_REGISTER = 0x80000020,
	HV_MESSAGE_UNRECOVERABLE_EXCEPTION = 0x80000021,
	HV_MESSAGE_HYPERCALL_INTERCEPT = 0x80000050,
	HV_MESSAGE_SYNIC_SINT_DELIVERABLE = 0x80000062,
};

/* --- VSM: VP assist page (TLFS 7.8.7 and 15) ------------------------------ */

enum hv_vtl_entry_reason { HV_VTL_ENTRY_CALL = 1, HV_VTL_ENTRY_INTERRUPT = 2, HV_VTL_ENTRY_INTERCEPT = 3 };

struct hv_vp_assist_page {
	le32 apic_assist;
	le32 reserved0;
	le32 vtl_entry_reason;
	uint8_t vina_asserted;
	uint8_t reserved1[3];
	le64 vtl_return_registers[2]; /* x64: RAX, RCX restored on VTL return */
	le64 nested_control;
	uint8_t enlighten_vm_entry;
	uint8_t reserved2[7];
	le64 current_nested_vmcs;
	uint8_t synthetic_time_unhalted_timer_expired;
	uint8_t reserved3[7];
	uint8_t virtualization_fault[40];
	le64 reserved4;
	struct hv_message intercept_message;
	uint8_t vtl_return_actions[256];
} VL_PACKED;
_Static_assert(offsetof(struct hv_vp_assist_page, intercept_message) == 112, "VP assist page");

/* Page protections of HvCallModifyVtlProtectionMask (TLFS HV_MAP_GPA_*). */
#define HV_MAP_GPA_READ 1u
#define HV_MAP_GPA_WRITE 2u
#define HV_MAP_GPA_KERNEL_EXECUTE 4u
#define HV_MAP_GPA_USER_EXECUTE 8u

#endif
