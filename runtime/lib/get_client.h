/*
 * The paravisor's end of the host channel: GET messages (common/get/get.h)
 * over a stream socket. The host is not trusted: each message is checked,
 * each wait has a limit, and the first broken rule ends the channel.
 */
#ifndef VL_LIB_GET_CLIENT_H
#define VL_LIB_GET_CLIENT_H

#include "common/get/dps.h"
#include "common/get/get.h"

#define GET_CLIENT_CALL_LIMIT_MS 30000u
#define GET_CLIENT_SEND_LIMIT_MS 5000u

/* Called for each guest notification, checked; from get_client_call() or get_client_ready(). */
typedef void get_client_notify(void *context, const void *message, size_t size);

struct get_client {
	int fd; /* -1: none */
	int err; /* why the channel is over, or 0 */
	struct get_stream in;
	uint8_t bytes[4096]; /* received, not yet taken */
	size_t at, end;
	get_client_notify *notify;
	void *context;
	struct {
		uint64_t sent, calls, received; /* messages; calls are those sent that were answered */
		uint64_t slowest_call_ns;
	} counts;
	unsigned call_limit_ms, send_limit_ms; /* get_client_init sets the GET_CLIENT_*_LIMIT_MS */
	char document[DPS_DOCUMENT_MAX];       /* pieces of a long answer */
};

/* The host's storage of the guest state file. */
struct get_client_vmgs_info {
	uint64_t capacity_sectors;
	uint32_t sector_bytes, transfer_max_bytes;
};

struct get_client_time {
	uint64_t reference_100ns; /* since the partition began */
	uint64_t utc_ns;          /* since 1970; 0 when the host's time is before that */
	uint64_t boot_ns;         /* our CLOCK_BOOTTIME at the answer */
};

/* Takes over a connected, non-blocking stream. */
void get_client_init(struct get_client *c, int fd, get_client_notify *notify, void *context);
void get_client_close(struct get_client *c);

/*
 * Sends a message with `payload` behind it (may be NULL). VL_E_TIMEOUT,
 * VL_E_CLOSED, VL_E_LIMIT (longer than a message may be), VL_E_OS.
 */
int get_client_send(struct get_client *c, const void *message, size_t size, const void *payload,
	size_t payload_bytes);

/*
 * Sends a request and waits for its response, which stands checked in
 * c->in.message (c->in.size bytes) until the next call. Errors of get_client_send
 * and of get_check, and VL_E_PROTOCOL (not what was asked for).
 */
int get_client_call(struct get_client *c, const void *request, size_t size, const void *payload,
	size_t payload_bytes);

/* For the event loop, when the descriptor is readable: handles what is there. Errors as get_client_call. */
int get_client_ready(struct get_client *c);

/* Requests. Errors of get_client_call, and those listed. */
int get_client_version(struct get_client *c); /* VL_E_VERSION: the host does not speak ours */
int get_client_time(struct get_client *c, struct get_client_time *t);
int get_client_dps(struct get_client *c, struct dps_settings *s); /* of dps_decode; VL_E_LIMIT: too long */
/*
 * VMGS storage. VL_E_NOTFOUND from _info: this host keeps no guest state; VL_E_IO:
 * its storage fails. `bytes` is sectors times the sector's size, at most GET_PAYLOAD_MAX.
 */
int get_client_vmgs_info(struct get_client *c, struct get_client_vmgs_info *info);
int get_client_vmgs_read(struct get_client *c, uint64_t sector, uint32_t sector_count, void *out,
	size_t bytes);
int get_client_vmgs_write(struct get_client *c, uint64_t sector, uint32_t sector_count, const void *data,
	size_t bytes);
int get_client_vmgs_flush(struct get_client *c); /* 0: all that was written before is durable */

/*
 * Has the host relay `request` to whoever releases keys; the answer's size in
 * bytes, at most `room`. VL_E_LIMIT (request too long), VL_E_MISSING (the host has
 * nobody to ask or got no answer), VL_E_NOSPACE.
 */
int get_client_attest(struct get_client *c, const void *request, size_t size, void *answer, size_t room);

/* Notifications. Errors of get_client_send. */
int get_client_event(struct get_client *c, enum get_event_log_id event);
int get_client_log(struct get_client *c, enum get_log_level level, const char *text);
int get_client_started(struct get_client *c, enum get_start_status status, const char *document, size_t size);
int get_client_power_off(struct get_client *c);
int get_client_reset(struct get_client *c);
/* `parameters`: GET_CRASH_PARAMETERS values for whoever analyses the crash. */
int get_client_crash(struct get_client *c, uint32_t vp, unsigned vtl, const uint64_t *parameters);

#endif
