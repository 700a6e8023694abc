/*
 * Checks, frames and names GET messages (get.h). Called by the paravisor for
 * what its host says and by the reference host for what VTL2 says; every byte
 * is untrusted. One table holds what is known of each message.
 */
#include "common/get/get.h"

#include <string.h>

/* What may follow the structure. */
enum tail {
	TAIL_NONE,
	TAIL_DATA,      /* any number of bytes up to GET_PAYLOAD_MAX */
	TAIL_BYTES,     /* as many as the le32 at `at` says */
	TAIL_REGISTERS, /* as many struct get_register as the le32 at `at` says */
};

struct rule {
	uint8_t type;
	uint8_t tail;
	uint16_t id;
	uint16_t size; /* of the structure */
	uint16_t at;   /* offset of the count for TAIL_BYTES, TAIL_REGISTERS */
	uint16_t flag; /* offset of a boolean, 0: none */
	const char *name;
};

#define H sizeof(struct get_header)
#define ROW(t, n, bytes, ...) { .type = GET_##t, .id = GET_##n, .size = bytes, .name = #n, ##__VA_ARGS__ }
#define AT(struct_name, field) offsetof(struct struct_name, field)

static const struct rule rules[] = {
	ROW(HOST_NOTIFICATION, POWER_OFF, sizeof(struct get_power_off), .flag = AT(get_power_off, hibernate)),
	ROW(HOST_NOTIFICATION, RESET, H),
	ROW(HOST_NOTIFICATION, EVENT_LOG, sizeof(struct get_event_log)),
	ROW(HOST_NOTIFICATION, LOG_TRACE, sizeof(struct get_log_trace)),
	ROW(HOST_NOTIFICATION, RESTORE_COMPLETED, sizeof(struct get_restore_completed)),
	ROW(HOST_NOTIFICATION, START_VTL0_COMPLETED, sizeof(struct get_start_vtl0_completed),
		.tail = TAIL_BYTES, .at = AT(get_start_vtl0_completed, document_bytes)),
	ROW(HOST_NOTIFICATION, VTL_CRASH, sizeof(struct get_vtl_crash)),
	ROW(HOST_NOTIFICATION, TRIPLE_FAULT, sizeof(struct get_triple_fault),
		.tail = TAIL_REGISTERS, .at = AT(get_triple_fault, register_count)),

	ROW(HOST_REQUEST, VERSION, sizeof(struct get_version_request)),
	ROW(HOST_REQUEST, TIME, H),
	ROW(HOST_REQUEST, DPS_V2, H),
	ROW(HOST_REQUEST, VMGS_GET_DEVICE_INFO, H),
	ROW(HOST_REQUEST, VMGS_READ, sizeof(struct get_vmgs_io_request)),
	ROW(HOST_REQUEST, VMGS_WRITE, sizeof(struct get_vmgs_io_request), .tail = TAIL_DATA),
	ROW(HOST_REQUEST, VMGS_FLUSH, H),
	ROW(HOST_REQUEST, IGVM_ATTEST, sizeof(struct get_igvm_attest_request)),
	ROW(HOST_REQUEST, SAVE_GUEST_VTL2_STATE, sizeof(struct get_save_request), .tail = TAIL_DATA),
	ROW(HOST_REQUEST, RESTORE_GUEST_VTL2_STATE, sizeof(struct get_restore_request)),

	ROW(HOST_RESPONSE, VERSION, sizeof(struct get_version_response),
		.flag = AT(get_version_response, accepted)),
	ROW(HOST_RESPONSE, TIME, sizeof(struct get_time_response),
		.flag = AT(get_time_response, daylight_savings)),
	ROW(HOST_RESPONSE, DPS_V2, sizeof(struct get_dps_v2_response),
		.tail = TAIL_BYTES, .at = AT(get_dps_v2_response, payload_bytes)),
	ROW(HOST_RESPONSE, DPS_V2_REV1, sizeof(struct get_dps_v2_rev1_response),
		.tail = TAIL_BYTES, .at = AT(get_dps_v2_rev1_response, payload_bytes)),
	ROW(HOST_RESPONSE, VMGS_GET_DEVICE_INFO, sizeof(struct get_vmgs_device_info_response)),
	ROW(HOST_RESPONSE, VMGS_READ, sizeof(struct get_vmgs_io_response), .tail = TAIL_DATA),
	ROW(HOST_RESPONSE, VMGS_WRITE, sizeof(struct get_vmgs_io_response)),
	ROW(HOST_RESPONSE, VMGS_FLUSH, sizeof(struct get_vmgs_io_response)),
	ROW(HOST_RESPONSE, IGVM_ATTEST, sizeof(struct get_igvm_attest_response),
		.tail = TAIL_BYTES, .at = AT(get_igvm_attest_response, length_bytes)),
	ROW(HOST_RESPONSE, SAVE_GUEST_VTL2_STATE, sizeof(struct get_save_response)),
	ROW(HOST_RESPONSE, RESTORE_GUEST_VTL2_STATE, sizeof(struct get_restore_response),
		.tail = TAIL_BYTES, .at = AT(get_restore_response, data_bytes)),

	ROW(GUEST_NOTIFICATION, UPDATE_GENERATION_ID, sizeof(struct get_update_generation_id)),
	ROW(GUEST_NOTIFICATION, SAVE_GUEST_VTL2_STATE_NOTIFICATION, sizeof(struct get_save_notification)),
	ROW(GUEST_NOTIFICATION, INJECT_DEBUG_INTERRUPT, sizeof(struct get_inject_debug_interrupt)),
	ROW(GUEST_NOTIFICATION, POST_LIVE_MIGRATION, H),
};

static const struct rule *rule_of(unsigned type, unsigned id)
{
	for (size_t i = 0; i < VL_ARRAY_COUNT(rules); i++)
		if (rules[i].type == type && rules[i].id == id)
			return &rules[i];
	return NULL;
}

static const struct rule *rule_for(const void *message)
{
	const struct get_header *h = message;

	return rule_of(h->type, le16_to_cpu(h->id));
}

static int check_tail(const struct rule *r, const uint8_t *message, size_t tail_bytes)
{
	size_t unit = r->tail == TAIL_REGISTERS ? sizeof(struct get_register) : 1;
	le32 count_le;
	uint32_t count;

	if (r->tail == TAIL_NONE)
		return tail_bytes ? VL_E_RANGE : 0;
	if (r->tail == TAIL_DATA)
		return tail_bytes > GET_PAYLOAD_MAX ? VL_E_LIMIT : 0;
	memcpy(&count_le, message + r->at, sizeof(count_le));
	count = le32_to_cpu(count_le);
	if (r->tail == TAIL_REGISTERS && count > GET_REGISTER_MAX)
		return VL_E_LIMIT;
	if (count > tail_bytes / unit)
		return VL_E_TRUNCATED;
	return count * unit == tail_bytes ? 0 : VL_E_RANGE;
}

int get_check(const void *message, size_t size)
{
	const struct get_header *h = message;
	const uint8_t *bytes = message;
	const struct rule *r;

	if (size < sizeof(*h))
		return VL_E_TRUNCATED;
	if (size > GET_MESSAGE_MAX)
		return VL_E_LIMIT;
	if (h->version != GET_HEADER_VERSION)
		return VL_E_VERSION;
	r = rule_for(message);
	if (!r)
		return VL_E_TYPE;
	if (size < r->size)
		return VL_E_TRUNCATED;
	if (r->flag && bytes[r->flag] > 1)
		return VL_E_RANGE;
	return check_tail(r, bytes, size - r->size);
}

const uint8_t *get_payload(const void *message, size_t size, size_t *payload_bytes)
{
	const struct rule *r = rule_for(message);

	*payload_bytes = size - r->size;
	return (const uint8_t *)message + r->size;
}

const char *get_name(enum get_type type, unsigned id)
{
	const struct rule *r = rule_of(type, id);

	return r ? r->name : "?";
}

void get_stream_init(struct get_stream *s)
{
	s->prefix_fill = 0;
	s->size = 0;
	s->fill = 0;
}

static size_t take(uint8_t *to, size_t *fill, size_t wanted, const uint8_t *data, size_t size)
{
	size_t n = wanted - *fill < size ? wanted - *fill : size;

	memcpy(to + *fill, data, n);
	*fill += n;
	return n;
}

int get_stream_feed(struct get_stream *s, const void *data, size_t size, size_t *used)
{
	const uint8_t *bytes = data;
	struct vl_reader r;

	*used = 0;
	if (s->size && s->fill == s->size)
		get_stream_init(s);
	if (s->size == 0) {
		*used = take(s->prefix, &s->prefix_fill, GET_PREFIX_BYTES, bytes, size);
		if (s->prefix_fill < GET_PREFIX_BYTES)
			return 0;
		vl_reader_init(&r, s->prefix, GET_PREFIX_BYTES);
		s->size = vl_read_le32(&r);
		if (s->size < sizeof(struct get_header) || s->size > GET_MESSAGE_MAX) {
			s->size = 0;
			return VL_E_LIMIT;
		}
	}
	*used += take(s->message, &s->fill, s->size, bytes + *used, size - *used);
	return s->fill == s->size;
}

void get_frame(struct vl_writer *w, const void *message, size_t size, const void *payload,
	size_t payload_bytes)
{
	vl_write_le32(w, (uint32_t)(size + payload_bytes));
	vl_write_bytes(w, message, size);
	if (payload_bytes)
		vl_write_bytes(w, payload, payload_bytes);
}
