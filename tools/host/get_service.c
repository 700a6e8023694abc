/* GET protocol, host's side (get_service.h). Runs on the host's loop thread or in a test. */
#include "tools/host/get_service.h"
#include "common/base/fmt.h"
#include "common/json/json.h"

#include <string.h>

void get_service_init(struct get_service *s, const struct get_service_ops *ops, void *context,
		      const struct dps_settings *settings)
{
	memset(s, 0, sizeof(*s));
	s->ops = ops;
	s->context = context;
	s->settings = settings;
	get_stream_init(&s->in);
}

static int answer(struct get_service *s, const void *message, size_t size, const void *payload,
	size_t payload_bytes)
{
	uint8_t frame[GET_FRAME_MAX];
	struct vl_writer w;

	vl_writer_init(&w, frame, sizeof(frame));
	get_frame(&w, message, size, payload, payload_bytes);
	return w.err ? w.err : s->ops->send(s->context, frame, w.pos);
}

/* --- Requests --------------------------------------------------------------------- */

static int on_version(struct get_service *s)
{
	const struct get_version_request *q = (const void *)s->in.message;
	struct get_version_response r = { .header = get_header(GET_HOST_RESPONSE, GET_VERSION) };

	r.accepted = le32_to_cpu(q->version) == GET_VERSION_NICKEL_REV2;
	s->version_agreed |= r.accepted;
	return answer(s, &r, sizeof(r), NULL, 0);
}

static int on_time(struct get_service *s)
{
	struct get_time_response r = { .header = get_header(GET_HOST_RESPONSE, GET_TIME) };

	r.vm_reference_time = cpu_to_le64(s->ops->reference_100ns(s->context));
	r.utc = cpu_to_le64(GET_UTC_1970 + s->ops->utc_ns(s->context) / 100);
	return answer(s, &r, sizeof(r), NULL, 0);
}

/* One message when it fits, else pieces, as the reference host does. */
static int on_dps(struct get_service *s)
{
	struct get_dps_v2_response whole = { .header = get_header(GET_HOST_RESPONSE, GET_DPS_V2) };
	struct get_dps_v2_rev1_response piece = { .header = get_header(GET_HOST_RESPONSE, GET_DPS_V2_REV1) };
	int size = dps_encode(s->settings, s->document, sizeof(s->document)), err = 0;
	size_t left, n;

	if (size < 0)
		return size;
	if (size <= (int)GET_PAYLOAD_MAX) {
		whole.payload_bytes = cpu_to_le32((uint32_t)size);
		return answer(s, &whole, sizeof(whole), s->document, (size_t)size);
	}
	for (left = (size_t)size; !err && left; left -= n) {
		n = left < GET_PAYLOAD_MAX ? left : GET_PAYLOAD_MAX;
		piece.payload_bytes = cpu_to_le32((uint32_t)n);
		piece.payload_state = cpu_to_le32(n < left ? GET_PAYLOAD_MORE : GET_PAYLOAD_END);
		err = answer(s, &piece, sizeof(piece), s->document + size - left, n);
	}
	return err;
}

/* --- Guest state storage ------------------------------------------------------------ */

static int on_device_info(struct get_service *s)
{
	struct get_vmgs_device_info_response r = {
		.header = get_header(GET_HOST_RESPONSE, GET_VMGS_GET_DEVICE_INFO),
		.status = cpu_to_le32(GET_VMGS_DEVICE_ERROR),
	};

	if (s->storage) {
		r.status = cpu_to_le32(GET_VMGS_SUCCESS);
		r.capacity_sectors = cpu_to_le64(s->storage->size_bytes / GET_STORAGE_SECTOR_BYTES);
		r.logical_sector_bytes = cpu_to_le16(GET_STORAGE_SECTOR_BYTES);
		r.physical_sector_bytes = cpu_to_le16(4096);
		r.transfer_max_bytes = cpu_to_le32(GET_PAYLOAD_MAX);
	}
	return answer(s, &r, sizeof(r), NULL, 0);
}

static int answer_io(struct get_service *s, unsigned id, enum get_vmgs_status status, const void *data,
	size_t bytes)
{
	struct get_vmgs_io_response r = {
		.header = get_header(GET_HOST_RESPONSE, id),
		.status = cpu_to_le32(status),
	};

	return answer(s, &r, sizeof(r), data, status == GET_VMGS_SUCCESS ? bytes : 0);
}

/* The request's range in bytes; false when this storage does not have it. */
static bool storage_range(const struct get_service *s, uint64_t *offset, size_t *bytes)
{
	const struct get_vmgs_io_request *q = (const void *)s->in.message;
	uint64_t sector = le64_to_cpu(q->sector), count = le32_to_cpu(q->sector_count);

	if (!s->storage || !count || count > GET_PAYLOAD_MAX / GET_STORAGE_SECTOR_BYTES ||
	    !vl_within(sector, count, s->storage->size_bytes / GET_STORAGE_SECTOR_BYTES))
		return false;
	*offset = sector * GET_STORAGE_SECTOR_BYTES;
	*bytes = (size_t)count * GET_STORAGE_SECTOR_BYTES;
	return true;
}

static int on_storage_read(struct get_service *s)
{
	uint8_t data[GET_PAYLOAD_MAX];
	uint64_t offset;
	size_t bytes;
	int err;

	if (!storage_range(s, &offset, &bytes))
		return answer_io(s, GET_VMGS_READ, GET_VMGS_INVALID_COMMAND, NULL, 0);
	err = s->storage->read(s->storage->context, offset, data, bytes);
	return answer_io(s, GET_VMGS_READ, err ? GET_VMGS_DEVICE_ERROR : GET_VMGS_SUCCESS, data, bytes);
}

static int on_storage_write(struct get_service *s)
{
	size_t bytes, payload_bytes;
	const uint8_t *data = get_payload(s->in.message, s->in.size, &payload_bytes);
	uint64_t offset;
	int err;

	if (!storage_range(s, &offset, &bytes) || payload_bytes != bytes)
		return answer_io(s, GET_VMGS_WRITE, GET_VMGS_INVALID_COMMAND, NULL, 0);
	err = s->storage->write(s->storage->context, offset, data, bytes);
	return answer_io(s, GET_VMGS_WRITE, err ? GET_VMGS_DEVICE_ERROR : GET_VMGS_SUCCESS, NULL, 0);
}

static int on_storage_flush(struct get_service *s)
{
	int err = s->storage ? s->storage->flush(s->storage->context) : VL_E_NOTFOUND;

	return answer_io(s, GET_VMGS_FLUSH, err ? GET_VMGS_DEVICE_ERROR : GET_VMGS_SUCCESS, NULL, 0);
}

/* --- Attestation ---------------------------------------------------------------------- */

int get_service_attested(struct get_service *s, const void *data, size_t size)
{
	struct get_igvm_attest_response r = { .header = get_header(GET_HOST_RESPONSE, GET_IGVM_ATTEST) };

	if (!s->attesting)
		return VL_E_STATE;
	s->attesting = false;
	size = size <= GET_PAYLOAD_MAX ? size : 0;
	r.length_bytes = cpu_to_le32((uint32_t)size);
	return answer(s, &r, sizeof(r), data, size);
}

/* One at a time; only answers that follow the response are given. */
static int on_attest(struct get_service *s)
{
	const struct get_igvm_attest_request *q = (const void *)s->in.message;
	uint32_t size = le32_to_cpu(q->report_bytes);

	if (s->attesting)
		return VL_E_PROTOCOL;
	s->attesting = true;
	if (!s->ops->attest || le32_to_cpu(q->gpa_count) || size > sizeof(q->report))
		return get_service_attested(s, NULL, 0);
	s->ops->attest(s->context, q->report, size);
	return 0;
}

static int on_request(struct get_service *s, unsigned id)
{
	if (id == GET_VERSION)
		return on_version(s);
	if (!s->version_agreed)
		return VL_E_PROTOCOL;
	switch (id) {
	case GET_TIME:
		return on_time(s);
	case GET_DPS_V2:
		return on_dps(s);
	case GET_VMGS_GET_DEVICE_INFO:
		return on_device_info(s);
	case GET_VMGS_READ:
		return on_storage_read(s);
	case GET_VMGS_WRITE:
		return on_storage_write(s);
	case GET_VMGS_FLUSH:
		return on_storage_flush(s);
	case GET_IGVM_ATTEST:
		return on_attest(s);
	default:
		return VL_E_UNSUPPORTED;
	}
}

/* --- Notifications ------------------------------------------------------------------ */

static const char *event_name(unsigned id)
{
	static const struct {
		unsigned id;
		const char *name;
	} names[] = {
		{ GET_EVENT_BOOT_SUCCESS, "boot success" },
		{ GET_EVENT_BOOT_FAILURE, "boot failure" },
		{ GET_EVENT_NO_BOOT_DEVICE, "no boot device" },
		{ GET_EVENT_ATTESTATION_FAILED, "attestation failed" },
		{ GET_EVENT_VMGS_FILE_CLEAR, "guest state file cleared" },
		{ GET_EVENT_VMGS_INIT_FAILED, "guest state file cannot be initialized" },
		{ GET_EVENT_VMGS_INVALID_FORMAT, "guest state file has an invalid format" },
		{ GET_EVENT_VMGS_CORRUPT_FORMAT, "guest state file is corrupt" },
		{ GET_EVENT_KEY_NOT_RELEASED, "key not released" },
		{ GET_EVENT_DEK_DECRYPTION_FAILED, "data key cannot be decrypted" },
		{ GET_EVENT_WATCHDOG_TIMEOUT_RESET, "watchdog reset" },
		{ GET_EVENT_BOOT_ATTEMPT, "boot attempt" },
		{ GET_EVENT_VMGS_ACCESS_FAILED, "guest state file cannot be accessed" },
		{ GET_EVENT_TPM_INVALID_STATE, "TPM state is invalid" },
		{ GET_EVENT_SEALING_KEY_INVALID, "no key to seal with" },
		{ GET_EVENT_SEALING_FAILED, "sealed data key cannot be opened" },
	};

	for (size_t i = 0; i < VL_ARRAY_COUNT(names); i++)
		if (names[i].id == id)
			return names[i].name;
	return "unknown event";
}

static void on_log(struct get_service *s)
{
	const struct get_log_trace *n = (const void *)s->in.message;
	char text[GET_SERVICE_TEXT_MAX];

	get_trace_decode(n, text, sizeof(text));
	s->ops->log(s->context, (enum get_log_level)le32_to_cpu(n->level), text);
}

struct phases {
	struct get_service *service;
	char name[64];
};

/* "Phases.<n>.Name", then "Phases.<n>.Reference100ns". */
static int on_phase_field(void *context, const struct json_value *v)
{
	const char *field = strrchr(v->path, '.');
	struct phases *p = context;
	uint64_t reference;
	int err;

	if (strncmp(v->path, "Phases.", 7) != 0 || !field)
		return 0;
	if (strcmp(field, ".Name") == 0)
		return json_string(v, p->name, sizeof(p->name));
	if (strcmp(field, ".Reference100ns") != 0)
		return 0;
	err = json_uint(v, UINT64_MAX, &reference);
	if (!err)
		p->service->ops->phase(p->service->context, p->name, reference);
	return err;
}

static void printable(char *out, size_t room, const uint8_t *text, size_t size)
{
	size_t n = size < room - 1 ? size : room - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = text[i] >= ' ' && text[i] < 0x7f ? (char)text[i] : '?';
	out[n] = 0;
}

static int on_started(struct get_service *s)
{
	const struct get_start_vtl0_completed *n = (const void *)s->in.message;
	struct phases phases = { .service = s };
	char text[GET_SERVICE_TEXT_MAX];
	size_t size;
	const uint8_t *document = get_payload(s->in.message, s->in.size, &size);
	int err;

	if (le32_to_cpu(n->status) != GET_START_SUCCESS) {
		printable(text, sizeof(text), document, size);
		s->ops->start_failed(s->context, text);
		return 0;
	}
	err = size ? json_walk((const char *)document, size, on_phase_field, &phases, NULL) : 0;
	s->ops->started(s->context);
	return err;
}

static void on_crash(struct get_service *s)
{
	const struct get_vtl_crash *n = (const void *)s->in.message;

	s->ops->crashed(s->context, le32_to_cpu(n->vp), n->last_vtl, le64_to_cpu(n->parameters[0]));
}

static void on_triple_fault(struct get_service *s)
{
	const struct get_triple_fault *n = (const void *)s->in.message;
	char text[GET_SERVICE_TEXT_MAX] = "";
	size_t size, used = 0;
	const uint8_t *p = get_payload(s->in.message, s->in.size, &size);

	for (; size >= sizeof(struct get_register); size -= sizeof(struct get_register)) {
		const struct get_register *r = (const void *)p;
		struct vl_reader value;

		vl_reader_init(&value, r->value, sizeof(r->value));
		used += vl_format(text + used, sizeof(text) - used, " %08x=%llx", le32_to_cpu(r->name),
			(unsigned long long)vl_read_le64(&value));
		if (used >= sizeof(text))
			break;
		p += sizeof(struct get_register);
	}
	s->ops->triple_fault(s->context, le32_to_cpu(n->vp), text);
}

static int on_notification(struct get_service *s, unsigned id)
{
	const struct get_event_log *event = (const void *)s->in.message;

	if (!s->version_agreed)
		return VL_E_PROTOCOL;
	switch (id) {
	case GET_POWER_OFF:
		s->ops->power_off(s->context);
		return 0;
	case GET_RESET:
		s->ops->reset(s->context);
		return 0;
	case GET_EVENT_LOG:
		s->ops->event(s->context, le32_to_cpu(event->event), event_name(le32_to_cpu(event->event)));
		return 0;
	case GET_LOG_TRACE:
		on_log(s);
		return 0;
	case GET_START_VTL0_COMPLETED:
		return on_started(s);
	case GET_VTL_CRASH:
		on_crash(s);
		return 0;
	case GET_TRIPLE_FAULT:
		on_triple_fault(s);
		return 0;
	default:
		return VL_E_UNSUPPORTED;
	}
}

static int on_message(struct get_service *s)
{
	const struct get_header *h = (const void *)s->in.message;
	int err = get_check(s->in.message, s->in.size);

	if (err)
		return err;
	if (h->type == GET_HOST_REQUEST)
		return on_request(s, le16_to_cpu(h->id));
	if (h->type == GET_HOST_NOTIFICATION)
		return on_notification(s, le16_to_cpu(h->id));
	return VL_E_PROTOCOL;
}

int get_service_receive(struct get_service *s, const void *data, size_t size)
{
	const uint8_t *bytes = data;
	size_t used;
	int got;

	for (; size; bytes += used, size -= used) {
		got = get_stream_feed(&s->in, bytes, size, &used);
		if (got > 0)
			got = on_message(s);
		if (got < 0)
			return got;
	}
	return 0;
}
