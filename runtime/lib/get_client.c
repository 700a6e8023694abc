/*
 * Host channel client (get_client.h). Single-threaded: the paravisor's thread calls,
 * and the host's bytes are copied into our buffers before anything looks at them.
 */
#include "runtime/lib/get_client.h"
#include "runtime/lib/clock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CRASH_NOTIFY (1ull << 63) /* of the crash control register (TLFS) */

void get_client_init(struct get_client *c, int fd, get_client_notify *notify, void *context)
{
	memset(c, 0, sizeof(*c));
	c->fd = fd;
	c->notify = notify;
	c->context = context;
	c->call_limit_ms = GET_CLIENT_CALL_LIMIT_MS;
	c->send_limit_ms = GET_CLIENT_SEND_LIMIT_MS;
	get_stream_init(&c->in);
}

void get_client_close(struct get_client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	if (!c->err)
		c->err = VL_E_CLOSED;
}

static int fail(struct get_client *c, int err)
{
	c->err = err;
	get_client_close(c);
	return err;
}

static int wait_until(int fd, short events, uint64_t deadline_ns)
{
	struct pollfd p = { .fd = fd, .events = events };
	int left = clock_left_ms(deadline_ns), n;

	if (left == 0)
		return VL_E_TIMEOUT;
	n = poll(&p, 1, left);
	return n < 0 && errno != EINTR ? VL_E_OS : 0;
}

static bool again(void)
{
	return errno == EAGAIN || errno == EINTR;
}

static int gone(void)
{
	return errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN ? VL_E_CLOSED : VL_E_OS;
}

static int write_all(struct get_client *c, const uint8_t *data, size_t size, uint64_t deadline_ns)
{
	int err = 0;

	while (size) {
		ssize_t n = send(c->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			data += n;
			size -= (size_t)n;
			continue;
		}
		if (n < 0 && !again())
			return fail(c, gone());
		err = wait_until(c->fd, POLLOUT, deadline_ns);
		if (err)
			return fail(c, err);
	}
	return 0;
}

int get_client_send(struct get_client *c, const void *message, size_t size, const void *payload,
	size_t payload_bytes)
{
	uint8_t frame[GET_FRAME_MAX];
	struct vl_writer w;

	if (c->err)
		return c->err;
	vl_writer_init(&w, frame, sizeof(frame));
	get_frame(&w, message, size, payload, payload_bytes);
	if (w.err)
		return VL_E_LIMIT;
	c->counts.sent++;
	return write_all(c, frame, w.pos, clock_deadline(c->send_limit_ms));
}

/* One message into c->in. VL_E_AGAIN when no more bytes are there. */
static int next_message(struct get_client *c)
{
	size_t used;
	ssize_t n;
	int got;

	for (;;) {
		got = get_stream_feed(&c->in, c->bytes + c->at, c->end - c->at, &used);
		c->at += used;
		if (got < 0)
			return got;
		if (got) {
			c->counts.received++;
			return get_check(c->in.message, c->in.size);
		}
		n = recv(c->fd, c->bytes, sizeof(c->bytes), MSG_DONTWAIT);
		if (n == 0)
			return VL_E_CLOSED;
		if (n < 0)
			return again() ? VL_E_AGAIN : gone();
		c->at = 0;
		c->end = (size_t)n;
	}
}

/* Hands on a guest notification. VL_E_PROTOCOL for what the host may not send now. */
static int take_notification(struct get_client *c)
{
	const struct get_header *header = (const void *)c->in.message;

	if (header->type != GET_GUEST_NOTIFICATION)
		return VL_E_PROTOCOL;
	c->notify(c->context, c->in.message, c->in.size);
	return 0;
}

/* The host answers DPS_V2 under either of two ids. */
static bool answers(const struct get_header *response, unsigned request_id)
{
	unsigned id = le16_to_cpu(response->id);

	return id == request_id || (request_id == GET_DPS_V2 && id == GET_DPS_V2_REV1);
}

static int next_response(struct get_client *c, unsigned request_id, uint64_t deadline_ns)
{
	const struct get_header *header = (const void *)c->in.message;
	int err;

	for (;;) {
		err = next_message(c);
		if (!err && header->type == GET_HOST_RESPONSE)
			return answers(header, request_id) ? 0 : fail(c, VL_E_PROTOCOL);
		if (!err)
			err = take_notification(c);
		else if (err == VL_E_AGAIN)
			err = wait_until(c->fd, POLLIN, deadline_ns);
		if (err)
			return fail(c, err);
		if (clock_left_ms(deadline_ns) == 0)
			return fail(c, VL_E_TIMEOUT);
	}
}

int get_client_call(struct get_client *c, const void *request, size_t size, const void *payload,
	size_t payload_bytes)
{
	const struct get_header *header = request;
	uint64_t begun_ns = clock_boot_ns(), took_ns;
	int err = get_client_send(c, request, size, payload, payload_bytes);

	if (!err)
		err = next_response(c, le16_to_cpu(header->id), clock_deadline(c->call_limit_ms));
	if (err)
		return err;
	took_ns = clock_boot_ns() - begun_ns;
	c->counts.calls++;
	if (took_ns > c->counts.slowest_call_ns)
		c->counts.slowest_call_ns = took_ns;
	return 0;
}

int get_client_ready(struct get_client *c)
{
	int err = c->err;

	while (!err) {
		err = next_message(c);
		if (!err)
			err = take_notification(c);
	}
	if (err == VL_E_AGAIN)
		return 0;
	return c->err ? c->err : fail(c, err);
}

/* --- Requests ------------------------------------------------------------------- */

int get_client_version(struct get_client *c)
{
	struct get_version_request q = {
		.header = get_header(GET_HOST_REQUEST, GET_VERSION),
		.version = cpu_to_le32(GET_VERSION_NICKEL_REV2),
	};
	const struct get_version_response *r = (const void *)c->in.message;
	int err = get_client_call(c, &q, sizeof(q), NULL, 0);

	if (err)
		return err;
	return r->accepted ? 0 : VL_E_VERSION;
}

int get_client_time(struct get_client *c, struct get_client_time *t)
{
	struct get_header q = get_header(GET_HOST_REQUEST, GET_TIME);
	const struct get_time_response *r = (const void *)c->in.message;
	int err = get_client_call(c, &q, sizeof(q), NULL, 0);
	uint64_t utc;

	if (err)
		return err;
	utc = le64_to_cpu(r->utc);
	t->boot_ns = clock_boot_ns();
	t->reference_100ns = le64_to_cpu(r->vm_reference_time);
	t->utc_ns = 0;
	/* Signed in the protocol; later than the year 2500 is nonsense and would overflow. */
	if (utc > GET_UTC_1970 && utc < GET_UTC_1970 + UINT64_MAX / 200)
		t->utc_ns = (utc - GET_UTC_1970) * 100;
	return 0;
}

/* Appends one response's piece to the document; *more tells whether another follows. */
static int take_piece(struct get_client *c, size_t *used, bool *more)
{
	const struct get_dps_v2_rev1_response *r = (const void *)c->in.message;
	size_t size;
	const uint8_t *piece = get_payload(c->in.message, c->in.size, &size);

	*more = false;
	if (le16_to_cpu(r->header.id) == GET_DPS_V2_REV1) {
		if (le32_to_cpu(r->payload_state) > GET_PAYLOAD_MORE)
			return VL_E_RANGE;
		*more = le32_to_cpu(r->payload_state) == GET_PAYLOAD_MORE;
	}
	if (size > DPS_DOCUMENT_MAX - *used)
		return VL_E_LIMIT;
	if (*more && size == 0) /* would never end */
		return VL_E_PROTOCOL;
	memcpy(c->document + *used, piece, size);
	*used += size;
	return 0;
}

int get_client_dps(struct get_client *c, struct dps_settings *s)
{
	struct get_header q = get_header(GET_HOST_REQUEST, GET_DPS_V2);
	uint64_t deadline_ns = clock_deadline(c->call_limit_ms);
	size_t used = 0, offset;
	bool more = false;
	int err = get_client_call(c, &q, sizeof(q), NULL, 0);

	while (!err) {
		err = take_piece(c, &used, &more);
		if (err || !more)
			break;
		err = next_response(c, GET_DPS_V2, deadline_ns);
	}
	if (!err)
		err = dps_decode(c->document, used, s, &offset);
	return err && !c->err ? fail(c, err) : err;
}

/* --- Guest state storage ----------------------------------------------------------- */

int get_client_vmgs_info(struct get_client *c, struct get_client_vmgs_info *info)
{
	struct get_header q = get_header(GET_HOST_REQUEST, GET_VMGS_GET_DEVICE_INFO);
	const struct get_vmgs_device_info_response *r = (const void *)c->in.message;
	int err = get_client_call(c, &q, sizeof(q), NULL, 0);

	if (err)
		return err;
	if (le32_to_cpu(r->status) != GET_VMGS_SUCCESS)
		return VL_E_NOTFOUND;
	info->capacity_sectors = le64_to_cpu(r->capacity_sectors);
	info->sector_bytes = le16_to_cpu(r->logical_sector_bytes);
	info->transfer_max_bytes = le32_to_cpu(r->transfer_max_bytes);
	return 0;
}

static int vmgs_io(struct get_client *c, enum get_host_request id, uint64_t sector, uint32_t sector_count,
	const void *data, size_t bytes)
{
	struct get_vmgs_io_request q = {
		.header = get_header(GET_HOST_REQUEST, id),
		.sector = cpu_to_le64(sector),
		.sector_count = cpu_to_le32(sector_count),
	};
	const struct get_vmgs_io_response *r = (const void *)c->in.message;
	int err = get_client_call(c, &q, sizeof(q), data, bytes);

	if (err)
		return err;
	return le32_to_cpu(r->status) == GET_VMGS_SUCCESS ? 0 : VL_E_IO;
}

int get_client_vmgs_read(struct get_client *c, uint64_t sector, uint32_t sector_count, void *out,
	size_t bytes)
{
	const uint8_t *data;
	size_t size;
	int err = vmgs_io(c, GET_VMGS_READ, sector, sector_count, NULL, 0);

	if (err)
		return err;
	data = get_payload(c->in.message, c->in.size, &size);
	if (size != bytes)
		return fail(c, VL_E_PROTOCOL);
	memcpy(out, data, size);
	return 0;
}

int get_client_vmgs_write(struct get_client *c, uint64_t sector, uint32_t sector_count, const void *data,
	size_t bytes)
{
	return vmgs_io(c, GET_VMGS_WRITE, sector, sector_count, data, bytes);
}

int get_client_vmgs_flush(struct get_client *c)
{
	struct get_header q = get_header(GET_HOST_REQUEST, GET_VMGS_FLUSH);
	const struct get_vmgs_io_response *r = (const void *)c->in.message;
	int err = get_client_call(c, &q, sizeof(q), NULL, 0);

	if (err)
		return err;
	return le32_to_cpu(r->status) == GET_VMGS_SUCCESS ? 0 : VL_E_IO;
}

int get_client_attest(struct get_client *c, const void *request, size_t size, void *answer, size_t room)
{
	struct get_igvm_attest_request q = {
		.header = get_header(GET_HOST_REQUEST, GET_IGVM_ATTEST),
		.report_bytes = cpu_to_le32((uint32_t)size),
	};
	const uint8_t *data;
	int err;

	if (size > sizeof(q.report))
		return VL_E_LIMIT;
	memcpy(q.report, request, size);
	err = get_client_call(c, &q, sizeof(q), NULL, 0);
	if (err)
		return err;
	data = get_payload(c->in.message, c->in.size, &size);
	if (!size || size > room)
		return size ? VL_E_NOSPACE : VL_E_MISSING;
	memcpy(answer, data, size);
	return (int)size;
}

/* --- Notifications ---------------------------------------------------------------- */

int get_client_event(struct get_client *c, enum get_event_log_id event)
{
	struct get_event_log n = {
		.header = get_header(GET_HOST_NOTIFICATION, GET_EVENT_LOG),
		.event = cpu_to_le32(event),
	};

	return get_client_send(c, &n, sizeof(n), NULL, 0);
}

int get_client_log(struct get_client *c, enum get_log_level level, const char *text)
{
	struct get_log_trace n;

	get_trace_encode(&n, level, text, strlen(text));
	return get_client_send(c, &n, sizeof(n), NULL, 0);
}

int get_client_started(struct get_client *c, enum get_start_status status, const char *document, size_t size)
{
	struct get_start_vtl0_completed n = {
		.header = get_header(GET_HOST_NOTIFICATION, GET_START_VTL0_COMPLETED),
		.status = cpu_to_le32(status),
		.document_bytes = cpu_to_le32((uint32_t)size),
	};

	return get_client_send(c, &n, sizeof(n), document, size);
}

int get_client_power_off(struct get_client *c)
{
	struct get_power_off n = { .header = get_header(GET_HOST_NOTIFICATION, GET_POWER_OFF) };

	return get_client_send(c, &n, sizeof(n), NULL, 0);
}

int get_client_reset(struct get_client *c)
{
	struct get_header n = get_header(GET_HOST_NOTIFICATION, GET_RESET);

	return get_client_send(c, &n, sizeof(n), NULL, 0);
}

int get_client_crash(struct get_client *c, uint32_t vp, unsigned vtl, const uint64_t *parameters)
{
	struct get_vtl_crash n = {
		.header = get_header(GET_HOST_NOTIFICATION, GET_VTL_CRASH),
		.vp = cpu_to_le32(vp),
		.last_vtl = (uint8_t)vtl,
		.control = cpu_to_le64(CRASH_NOTIFY),
	};

	for (size_t i = 0; i < GET_CRASH_PARAMETERS; i++)
		n.parameters[i] = cpu_to_le64(parameters[i]);
	return get_client_send(c, &n, sizeof(n), NULL, 0);
}
