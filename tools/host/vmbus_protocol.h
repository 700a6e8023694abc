/*
 * VMBus on the wire: the channel messages between VTL2 and its host, ring
 * buffers, packets, and the Hyper-V socket pipe header. Public description of
 * the formats: Linux include/linux/hyperv.h and net/vmw_vsock/
 * hyperv_transport.c. Used by vmbus.c, vmbus_ring.c, hvsock.c and their tests.
 */
#ifndef VL_HOST_VMBUS_PROTOCOL_H
#define VL_HOST_VMBUS_PROTOCOL_H

#include "common/hv/hv.h"
#include "tools/host/vmbus.h"

enum vmbus_version {
	VMBUS_VERSION_5_0 = 0x50000,
	VMBUS_VERSION_5_1 = 0x50001,
	VMBUS_VERSION_5_2 = 0x50002,
	VMBUS_VERSION_5_3 = 0x50003, /* from here ModifyChannel is answered */
	VMBUS_VERSION_6_0 = 0x60000,
};

enum vmbus_message_type {
	VMBUS_OFFER_CHANNEL = 1,
	VMBUS_RESCIND_OFFER = 2,
	VMBUS_REQUEST_OFFERS = 3,
	VMBUS_ALL_OFFERS_DELIVERED = 4,
	VMBUS_OPEN_CHANNEL = 5,
	VMBUS_OPEN_CHANNEL_RESULT = 6,
	VMBUS_CLOSE_CHANNEL = 7,
	VMBUS_GPADL_HEADER = 8,
	VMBUS_GPADL_BODY = 9,
	VMBUS_GPADL_CREATED = 10,
	VMBUS_GPADL_TEARDOWN = 11,
	VMBUS_GPADL_TORNDOWN = 12,
	VMBUS_RELID_RELEASED = 13,
	VMBUS_INITIATE_CONTACT = 14,
	VMBUS_VERSION_RESPONSE = 15,
	VMBUS_UNLOAD = 16,
	VMBUS_UNLOAD_RESPONSE = 17,
	VMBUS_TL_CONNECT_REQUEST = 21,
	VMBUS_MODIFY_CHANNEL = 22,
	VMBUS_TL_CONNECT_RESULT = 23,
	VMBUS_MODIFY_CHANNEL_RESPONSE = 24,
};

/* NTSTATUS values that answers carry. */
#define VMBUS_STATUS_SUCCESS 0u
#define VMBUS_STATUS_INVALID_PARAMETER 0xc000000du
#define VMBUS_STATUS_CONNECTION_REFUSED 0xc0000236u

struct vmbus_header {
	le32 type; /* enum vmbus_message_type */
	le32 padding;
} VL_PACKED;

struct vmbus_initiate_contact {
	struct vmbus_header header;
	le32 version;
	le32 target_vp;
	uint8_t sint;
	uint8_t vtl;
	uint8_t reserved[2];
	le32 feature_flags;
	le64 monitor_page[2];
} VL_PACKED;
_Static_assert(sizeof(struct vmbus_initiate_contact) == 40, "vmbus_channel_initiate_contact");

struct vmbus_version_response {
	struct vmbus_header header;
	uint8_t version_supported;
	uint8_t connection_state; /* 0: ok */
	le16 padding;
	le32 connection_id; /* for all further messages */
} VL_PACKED;
_Static_assert(sizeof(struct vmbus_version_response) == 16, "vmbus_channel_version_response");

#define VMBUS_OFFER_ENUMERATE_DEVICE 0x0001u
#define VMBUS_OFFER_NAMED_PIPE 0x0010u
#define VMBUS_OFFER_TLNPI_PROVIDER 0x2000u /* a Hyper-V socket */

struct vmbus_offer_channel {
	struct vmbus_header header;
	struct vmbus_guid type, instance;
	le64 reserved[2];
	le16 flags; /* VMBUS_OFFER_* */
	le16 mmio_megabytes;
	uint8_t user_defined[VMBUS_USER_DEFINED_BYTES];
	le16 sub_channel_index;
	le16 reserved2;
	le32 relid;
	uint8_t monitor_id;
	uint8_t monitor_allocated;
	le16 dedicated_interrupt;
	le32 connection_id; /* what VTL2 signals */
} VL_PACKED;
_Static_assert(sizeof(struct vmbus_offer_channel) == 196, "vmbus_channel_offer_channel");

struct vmbus_relid_message { /* RescindOffer, CloseChannel, RelIdReleased */
	struct vmbus_header header;
	le32 relid;
} VL_PACKED;

struct vmbus_open_channel {
	struct vmbus_header header;
	le32 relid;
	le32 open_id;
	le32 gpadl;
	le32 target_vp;
	le32 downstream_page; /* first page of the ring that VTL2 reads */
	uint8_t user_data[VMBUS_USER_DEFINED_BYTES];
} VL_PACKED;
_Static_assert(sizeof(struct vmbus_open_channel) == 148, "vmbus_channel_open_channel");

struct vmbus_open_result {
	struct vmbus_header header;
	le32 relid;
	le32 open_id;
	le32 status;
} VL_PACKED;

struct vmbus_modify_channel {
	struct vmbus_header header;
	le32 relid;
	le32 target_vp;
} VL_PACKED;

struct vmbus_modify_response {
	struct vmbus_header header;
	le32 relid;
	le32 status;
} VL_PACKED;

/* One range of guest pages; page numbers follow, in the header and then in bodies. */
struct vmbus_gpadl_header {
	struct vmbus_header header;
	le32 relid;
	le32 gpadl;
	le16 range_bytes; /* of the range structures with their page numbers */
	le16 range_count;
	le32 byte_count;
	le32 byte_offset;
} VL_PACKED;
_Static_assert(sizeof(struct vmbus_gpadl_header) == 28, "vmbus_channel_gpadl_header and gpa_range");

struct vmbus_gpadl_body {
	struct vmbus_header header;
	le32 message_number;
	le32 gpadl;
} VL_PACKED;
_Static_assert(sizeof(struct vmbus_gpadl_body) == 16, "vmbus_channel_gpadl_body");

struct vmbus_gpadl_created {
	struct vmbus_header header;
	le32 relid;
	le32 gpadl;
	le32 status;
} VL_PACKED;

struct vmbus_gpadl_teardown {
	struct vmbus_header header;
	le32 relid;
	le32 gpadl;
} VL_PACKED;

struct vmbus_gpadl_torndown {
	struct vmbus_header header;
	le32 gpadl;
} VL_PACKED;

struct vmbus_tl_connect_request {
	struct vmbus_header header;
	struct vmbus_guid endpoint; /* in VTL2 */
	struct vmbus_guid service;  /* on the host */
} VL_PACKED;
_Static_assert(sizeof(struct vmbus_tl_connect_request) == 40, "vmbus_channel_tl_connect_request");

struct vmbus_tl_connect_result {
	struct vmbus_header header;
	struct vmbus_guid endpoint, service;
	le32 status;
} VL_PACKED;

/* --- Ring buffers: a header page, then data pages --------------------------- */

/* Naturally aligned; both sides change it at any time. */
struct vmbus_ring_header {
	le32 write_index; /* bytes from the start of the data */
	le32 read_index;
	le32 interrupt_mask;
	le32 pending_send_bytes; /* the writer waits for more than this much room */
	le32 reserved[12];
	le32 features; /* VMBUS_RING_FEATURE_* */
};
_Static_assert(offsetof(struct vmbus_ring_header, features) == 64, "hv_ring_buffer");
#define VMBUS_RING_FEATURE_PENDING_SEND 1u

struct vmbus_packet {
	le16 type; /* VMBUS_PACKET_* */
	le16 data_offset8;
	le16 length8; /* with this header, in units of 8 bytes; the trailer is not counted */
	le16 flags;
	le64 transaction_id;
} VL_PACKED;
_Static_assert(sizeof(struct vmbus_packet) == 16, "vmpacket_descriptor");
#define VMBUS_PACKET_DATA_INBAND 6u
#define VMBUS_PACKET_TRAILER_BYTES 8u /* start of the packet in the upper half */

/* --- Hyper-V sockets --------------------------------------------------------- */

struct vmbus_pipe_header {
	le32 type; /* 1: data */
	le32 data_bytes; /* 0: the sender will send no more */
} VL_PACKED;
#define VMBUS_PIPE_DATA 1u
#define VMBUS_PIPE_PAYLOAD_MAX 16384u

/* user_defined[] of a socket's offer: pipe mode (0: bytes), then this. */
#define VMBUS_SOCKET_FROM_HOST_OFFSET 4 /* 1: the host connects to VTL2 */

#endif
