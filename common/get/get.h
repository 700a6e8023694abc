/*
 * GET, the guest emulation transport: the messages between the paravisor and
 * its host. Layouts, numbers and limits are the reference implementation's
 * (OpenHCL, vm/devices/get/get_protocol), so either end can be exchanged.
 *
 * There the transport is a vmbus pipe that keeps message bounds. Ours is an
 * hvsock stream (VL_PORT_GET), so each message is preceded by a le32 with its
 * size in bytes, at least 4 and at most GET_MESSAGE_MAX; a size outside that
 * ends the connection. "Guest" in this protocol is VTL2.
 *
 * Both ends are hostile to each other: a message is copied once, checked by
 * get_check(), and only then read through its structure. Nothing allocates.
 */
#ifndef VL_GET_GET_H
#define VL_GET_GET_H

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/base/types.h"

#define GET_MESSAGE_MAX 12288u
#define GET_PAYLOAD_MAX 8192u /* data behind the structure of a VMGS, save or DPS message */
#define GET_PREFIX_BYTES 4u
#define GET_HEADER_VERSION 1u

enum get_type {
	GET_HOST_NOTIFICATION = 1,  /* VTL2 to host, no answer */
	GET_HOST_REQUEST = 2,       /* VTL2 to host */
	GET_HOST_RESPONSE = 3,      /* host to VTL2, with the request's id */
	GET_GUEST_NOTIFICATION = 4, /* host to VTL2, no answer */
};

enum get_version {
	GET_VERSION_RS5 = 0x00010000,
	GET_VERSION_IRON = 0x00030000,
	GET_VERSION_NICKEL_REV2 = 0x00040002, /* the one that we speak */
};

enum get_guest_notification {
	GET_UPDATE_GENERATION_ID = 1,
	GET_SAVE_GUEST_VTL2_STATE_NOTIFICATION = 2,
	GET_VPCI_DEVICE_NOTIFICATION = 4,
	GET_MODIFY_VTL2_SETTINGS = 5,
	GET_MODIFY_VTL2_SETTINGS_REV1 = 6,
	GET_BATTERY_STATUS = 7,
	GET_INJECT_DEBUG_INTERRUPT = 8,
	GET_POST_LIVE_MIGRATION = 9,
};

enum get_host_notification {
	GET_POWER_OFF = 1,
	GET_RESET = 2,
	GET_EVENT_LOG = 3,
	GET_LOG_TRACE = 4,
	GET_RESTORE_COMPLETED = 5,
	GET_MODIFY_VTL2_SETTINGS_COMPLETED = 6,
	GET_START_VTL0_COMPLETED = 7,
	GET_VTL_CRASH = 8,
	GET_TRIPLE_FAULT = 9,
};

enum get_host_request {
	GET_VERSION = 1,
	GET_TIME = 2,
	GET_VMGS_GET_DEVICE_INFO = 4,
	GET_VMGS_READ = 5,
	GET_VMGS_WRITE = 6,
	GET_VMGS_FLUSH = 7,
	GET_IGVM_ATTEST = 8,
	GET_GSP_BY_ID = 9,
	GET_GSP = 17,
	GET_DPS_V2 = 18, /* answered with the same id, or in pieces with GET_DPS_V2_REV1 */
	GET_SAVE_GUEST_VTL2_STATE = 20,
	GET_RESTORE_GUEST_VTL2_STATE = 21,
	GET_DPS_V2_REV1 = 27, /* responses only */
};

enum get_event_log_id {
	GET_EVENT_BOOT_SUCCESS = 1,
	GET_EVENT_BOOT_FAILURE = 3,
	GET_EVENT_NO_BOOT_DEVICE = 5,
	GET_EVENT_ATTESTATION_FAILED = 6,
	GET_EVENT_VMGS_FILE_CLEAR = 7,
	GET_EVENT_VMGS_INIT_FAILED = 8,
	GET_EVENT_VMGS_INVALID_FORMAT = 9,
	GET_EVENT_VMGS_CORRUPT_FORMAT = 10,
	GET_EVENT_KEY_NOT_RELEASED = 11,
	GET_EVENT_DEK_DECRYPTION_FAILED = 12,
	GET_EVENT_WATCHDOG_TIMEOUT_RESET = 13,
	GET_EVENT_BOOT_ATTEMPT = 14,
	GET_EVENT_VMGS_ACCESS_FAILED = 15,
	GET_EVENT_TPM_INVALID_STATE = 17,
	GET_EVENT_SEALING_KEY_INVALID = 20, /* DEK_HARDWARE_SEALING_INVALID_KEY */
	GET_EVENT_SEALING_FAILED = 21,      /* DEK_HARDWARE_SEALING_FAILED */
};

enum get_log_level {
	GET_LOG_CRITICAL = 1,
	GET_LOG_ERROR,
	GET_LOG_WARNING,
	GET_LOG_INFORMATION,
	GET_LOG_VERBOSE,
};
enum get_vmgs_status { GET_VMGS_SUCCESS, GET_VMGS_INVALID_COMMAND, GET_VMGS_DEVICE_ERROR, GET_VMGS_RETRY };
enum get_save_status { GET_SAVE_SUCCESS, GET_SAVE_FAILURE, GET_SAVE_MORE_DATA, GET_SAVE_REQUEST_DATA };
enum get_start_status { GET_START_SUCCESS, GET_START_FAILURE };
enum get_payload_state { GET_PAYLOAD_END, GET_PAYLOAD_MORE };
enum get_fault_type { GET_FAULT_UNRECOVERABLE_EXCEPTION = 1 };

struct get_header {
	uint8_t version; /* GET_HEADER_VERSION */
	uint8_t type;    /* enum get_type */
	le16 id;
} VL_PACKED;
_Static_assert(sizeof(struct get_header) == 4, "HeaderRaw");

/* --- Host notifications ------------------------------------------------------ */

struct get_power_off {
	struct get_header header;
	uint8_t hibernate; /* 0 or 1 */
	uint8_t padding;
} VL_PACKED;
_Static_assert(sizeof(struct get_power_off) == 6, "PowerOffNotification");

struct get_event_log {
	struct get_header header;
	le32 event; /* enum get_event_log_id */
} VL_PACKED;
_Static_assert(sizeof(struct get_event_log) == 8, "EventLogNotification");

#define GET_TRACE_UNITS 256u
struct get_log_trace {
	struct get_header header;
	le32 level; /* enum get_log_level */
	le16 text[GET_TRACE_UNITS]; /* UTF-16, ends at a zero unit or at the array's end */
} VL_PACKED;
_Static_assert(sizeof(struct get_log_trace) == 520, "LogTraceNotification");

struct get_start_vtl0_completed { /* + document */
	struct get_header header;
	le32 status; /* enum get_start_status */
	le32 document_bytes;
} VL_PACKED;
_Static_assert(sizeof(struct get_start_vtl0_completed) == 12, "StartVtl0CompleteNotification");

#define GET_CRASH_PARAMETERS 5u
struct get_vtl_crash {
	struct get_header header;
	le32 vp;
	uint8_t last_vtl;
	uint8_t reserved[7];
	le64 control; /* as the hypervisor's crash control register */
	le64 parameters[GET_CRASH_PARAMETERS];
} VL_PACKED;
_Static_assert(sizeof(struct get_vtl_crash) == 64, "VtlCrashNotification");

struct get_register {
	le32 name; /* HV_REGISTER_NAME */
	uint8_t value[16];
} VL_PACKED;
_Static_assert(sizeof(struct get_register) == 20, "RegisterState");

#define GET_REGISTER_MAX 128u
struct get_triple_fault { /* + struct get_register[register_count] */
	struct get_header header;
	le32 vp;
	le32 fault_type; /* enum get_fault_type */
	le32 register_count;
} VL_PACKED;
_Static_assert(sizeof(struct get_triple_fault) == 16, "TripleFaultNotification");

struct get_restore_completed {
	struct get_header header;
	le16 status; /* enum get_save_status */
} VL_PACKED;
_Static_assert(sizeof(struct get_restore_completed) == 6, "RestoreGuestVtl2StateHostNotification");

/* --- Requests and responses -------------------------------------------------- */

struct get_version_request {
	struct get_header header;
	le32 version; /* enum get_version */
} VL_PACKED;
_Static_assert(sizeof(struct get_version_request) == 8, "VersionRequest");

struct get_version_response {
	struct get_header header;
	uint8_t accepted; /* 0 or 1 */
	uint8_t padding;
} VL_PACKED;
_Static_assert(sizeof(struct get_version_response) == 6, "VersionResponse");

struct get_time_response {
	struct get_header header;
	le32 padding;
	le64 vm_reference_time; /* 100 ns units since the partition began */
	le64 utc;               /* signed, 100 ns units since 1601-01-01 */
	le16 time_zone;         /* signed, minutes from UTC to the west */
	uint8_t daylight_savings; /* 0 or 1 */
	uint8_t padding1[5];
} VL_PACKED;
_Static_assert(sizeof(struct get_time_response) == 32, "TimeResponse");

struct get_dps_v2_response { /* + JSON */
	struct get_header header;
	le32 payload_bytes;
} VL_PACKED;
_Static_assert(sizeof(struct get_dps_v2_response) == 8, "DevicePlatformSettingsResponseV2");

struct get_dps_v2_rev1_response { /* + JSON piece */
	struct get_header header;
	le32 payload_bytes;
	le32 payload_state; /* enum get_payload_state */
} VL_PACKED;
_Static_assert(sizeof(struct get_dps_v2_rev1_response) == 12, "DevicePlatformSettingsResponseV2Rev1");

struct get_vmgs_device_info_response {
	struct get_header header;
	le32 status;           /* enum get_vmgs_status */
	le64 capacity_sectors; /* logical sectors */
	le16 logical_sector_bytes;
	le16 physical_sector_bytes;
	le32 transfer_max_bytes;
} VL_PACKED;
_Static_assert(sizeof(struct get_vmgs_device_info_response) == 24, "VmgsGetDeviceInfoResponse");

#define GET_VMGS_WRITE_THROUGH 1u
struct get_vmgs_io_request { /* VMGS_READ; VMGS_WRITE + data */
	struct get_header header;
	le32 flags;
	le64 sector;
	le32 sector_count;
	le32 padding;
} VL_PACKED;
_Static_assert(sizeof(struct get_vmgs_io_request) == 24, "VmgsReadRequest, VmgsWriteRequest");

struct get_vmgs_io_response { /* VMGS_READ + data; VMGS_WRITE; VMGS_FLUSH */
	struct get_header header;
	le32 status; /* enum get_vmgs_status */
} VL_PACKED;
_Static_assert(sizeof(struct get_vmgs_io_response) == 8, "VmgsReadResponse");

/*
 * The reference's host puts its answer into memory that VTL2 shares with it. Here
 * gpa_count is 0 and the answer follows the response, which no shared page is
 * needed for; its body is described in common/attest/attest.h.
 */
#define GET_ATTEST_GPA_MAX 16u
#define GET_ATTEST_AGENT_MAX 2048u
#define GET_ATTEST_REPORT_MAX 4096u
struct get_igvm_attest_request {
	struct get_header header;
	le32 gpa_count;
	le64 shared_gpa[GET_ATTEST_GPA_MAX];
	le32 agent_bytes;
	le32 report_bytes;
	uint8_t agent[GET_ATTEST_AGENT_MAX];
	uint8_t report[GET_ATTEST_REPORT_MAX];
} VL_PACKED;
_Static_assert(sizeof(struct get_igvm_attest_request) == 6288, "IgvmAttestRequest");

struct get_igvm_attest_response { /* + answer */
	struct get_header header;
	le32 length_bytes; /* 0: the host has nobody to ask */
} VL_PACKED;
_Static_assert(sizeof(struct get_igvm_attest_response) == 8, "IgvmAttestResponse");

struct get_save_request { /* + data */
	struct get_header header;
	le16 status; /* enum get_save_status */
} VL_PACKED;
_Static_assert(sizeof(struct get_save_request) == 6, "SaveGuestVtl2StateRequest");

struct get_save_response {
	struct get_header header;
	le16 status;
} VL_PACKED;
_Static_assert(sizeof(struct get_save_response) == 6, "SaveGuestVtl2StateResponse");

struct get_restore_request {
	struct get_header header;
	le16 status;
} VL_PACKED;
_Static_assert(sizeof(struct get_restore_request) == 6, "RestoreGuestVtl2StateRequest");

struct get_restore_response { /* + data */
	struct get_header header;
	le32 data_bytes;
	le16 status;
} VL_PACKED;
_Static_assert(sizeof(struct get_restore_response) == 10, "RestoreGuestVtl2StateResponse");

/* --- Guest notifications ------------------------------------------------------ */

struct get_update_generation_id {
	struct get_header header;
	le32 padding;
	uint8_t generation_id[16];
} VL_PACKED;
_Static_assert(sizeof(struct get_update_generation_id) == 24, "UpdateGenerationId");

#define GET_SAVE_NVME_KEEPALIVE 1u
struct get_save_notification {
	struct get_header header;
	uint8_t correlation_id[16];
	le64 flags;
	le16 timeout_hint_seconds;
} VL_PACKED;
_Static_assert(sizeof(struct get_save_notification) == 30, "SaveGuestVtl2StateNotification");

struct get_inject_debug_interrupt {
	struct get_header header;
	uint8_t vtl;
	uint8_t padding;
} VL_PACKED;
_Static_assert(sizeof(struct get_inject_debug_interrupt) == 6, "InjectDebugInterruptNotification");

/* --- Functions ----------------------------------------------------------------- */

/*
 * Checks one whole message of `size` bytes (without the stream's prefix): the
 * header, that the size is the one of this message, that counts within it
 * agree with the size, that booleans are 0 or 1. After 0 the structure of its
 * type and id may be read, and get_payload() gives what follows it.
 * VL_E_TRUNCATED (too short, or a count says more than there is), VL_E_VERSION
 * (of the header), VL_E_TYPE (unknown type or id), VL_E_LIMIT (longer than
 * allowed), VL_E_RANGE (a boolean, or a count that disagrees).
 */
int get_check(const void *message, size_t size);

/* In a checked message: the data behind the structure and its size in bytes (0: none). */
const uint8_t *get_payload(const void *message, size_t size, size_t *payload_bytes);

/* The message's name for logs ("VMGS_READ"), "?" when unknown. */
const char *get_name(enum get_type type, unsigned id);

static inline struct get_header get_header(enum get_type type, unsigned id)
{
	return (struct get_header){ GET_HEADER_VERSION, (uint8_t)type, cpu_to_le16((uint16_t)id) };
}

/* Reassembles messages from a stream. */
struct get_stream {
	uint8_t prefix[GET_PREFIX_BYTES];
	uint8_t message[GET_MESSAGE_MAX];
	size_t prefix_fill, size, fill; /* size: the present message's, known once the prefix is full */
};

void get_stream_init(struct get_stream *s);
/*
 * Takes bytes until a message is whole. *used says how many of `size` bytes
 * were taken. 1: a message of s->size bytes stands in s->message, unchecked,
 * until the next call; 0: all bytes taken, more are needed; VL_E_LIMIT: the
 * peer announced a size out of bounds and the stream is unusable.
 */
int get_stream_feed(struct get_stream *s, const void *data, size_t size, size_t *used);

/*
 * Writes prefix, message and payload (may be empty) at the writer's place.
 * The writer's error tells when there is no room.
 */
void get_frame(struct vl_writer *w, const void *message, size_t size, const void *payload,
	size_t payload_bytes);
#define GET_FRAME_MAX (GET_PREFIX_BYTES + GET_MESSAGE_MAX)

/*
 * UTF-8 of at most `size` bytes (cut at a character) to the text of a
 * LOG_TRACE, and back (NUL-terminated, at most `room` bytes).
 */
void get_trace_encode(struct get_log_trace *t, enum get_log_level level, const char *utf8, size_t size);
void get_trace_decode(const struct get_log_trace *t, char *utf8, size_t room);

#define GET_UTC_1970 116444736000000000ull /* get_time_response.utc at 1970-01-01 */

#endif
