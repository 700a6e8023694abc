/*
 * The paravisor's end of the host channel: GET messages (common/get/get.h)
 * over a stream socket. The host is not trusted: each message is checked,
 * each wait has a limit, and the first broken rule ends the channel.
 */
#ifndef VL_PARAVISOR_HOST_H
#define VL_PARAVISOR_HOST_H

#include "common/get/dps.h"
#include "common/get/get.h"

#define HOST_CALL_LIMIT_MS 30000u
#define HOST_SEND_LIMIT_MS 5000u

/* Called for each guest notification, checked; from host_call() or host_ready(). */
typedef void host_notify(void *context, const void *message, size_t size);

struct host_channel {
	int fd; /* -1: none */
	int err; /* why the channel is over, or 0 */
	struct get_stream in;
	uint8_t bytes[4096]; /* received, not yet taken */
	size_t at, end;
	host_notify *notify;
	void *context;
	unsigned call_limit_ms, send_limit_ms; /* host_init sets the HOST_*_LIMIT_MS */
	char document[DPS_DOCUMENT_MAX];       /* pieces of a long answer */
};

struct host_time {
	uint64_t reference_100ns; /* since the partition began */
	uint64_t utc_ns;          /* since 1970; 0 when the host's time is before that */
	uint64_t boot_ns;         /* our CLOCK_BOOTTIME at the answer */
};

/* Takes over a connected, non-blocking stream. */
void host_init(struct host_channel *h, int fd, host_notify *notify, void *context);
void host_close(struct host_channel *h);

/*
 * Sends a message with `payload` behind it (may be NULL). VL_E_TIMEOUT,
 * VL_E_CLOSED, VL_E_LIMIT (longer than a message may be), VL_E_OS.
 */
int host_send(struct host_channel *h, const void *message, size_t size, const void *payload, size_t payload_bytes);

/*
 * Sends a request and waits for its response, which stands checked in
 * h->in.message (h->in.size bytes) until the next call. Errors of host_send
 * and of get_check, and VL_E_PROTOCOL (not what was asked for).
 */
int host_call(struct host_channel *h, const void *request, size_t size, const void *payload, size_t payload_bytes);

/* For the event loop, when the descriptor is readable: handles what is there. Errors as host_call. */
int host_ready(struct host_channel *h);

/* Requests. Errors of host_call, and those listed. */
int host_version(struct host_channel *h); /* VL_E_VERSION: the host does not speak ours */
int host_time(struct host_channel *h, struct host_time *t);
int host_dps(struct host_channel *h, struct dps_settings *s); /* of dps_decode; VL_E_LIMIT: too long */

/* Notifications. Errors of host_send. */
int host_event(struct host_channel *h, enum get_event_log_id event);
int host_log(struct host_channel *h, enum get_log_level level, const char *text);
int host_started(struct host_channel *h, enum get_start_status status, const char *document, size_t size);
int host_power_off(struct host_channel *h);
int host_reset(struct host_channel *h);
/* `parameters`: GET_CRASH_PARAMETERS values for whoever analyses the crash. */
int host_crash(struct host_channel *h, uint32_t vp, unsigned vtl, const uint64_t *parameters);

#endif
