/*
 * The host's side of the GET protocol on one connection, without transport or
 * host around it: bytes in, frames and events out. get.c puts it on hvsock; a
 * test puts it back to back with the paravisor's client. What comes in is
 * VTL2's and untrusted; after an error the connection is to be closed.
 */
#ifndef VL_HOST_GET_SERVICE_H
#define VL_HOST_GET_SERVICE_H

#include "common/get/dps.h"
#include "common/get/get.h"

#define GET_SERVICE_TEXT_MAX 1024 /* bytes with the NUL, of a text for the user */

/* What the service needs and tells. Texts are printable UTF-8 that VTL2 wrote. */
struct get_service_ops {
	/* Sends all bytes or fails: VL_E_*. */
	int (*send)(void *context, const void *data, size_t size);
	uint64_t (*reference_100ns)(void *context); /* partition reference time */
	uint64_t (*utc_ns)(void *context);          /* wall clock since 1970 */

	void (*log)(void *context, enum get_log_level level, const char *text);
	void (*event)(void *context, unsigned id, const char *name);
	/* One for each boot phase that VTL2 reports, then started(). */
	void (*phase)(void *context, const char *name, uint64_t reference_100ns);
	void (*started)(void *context);
	void (*start_failed)(void *context, const char *text);
	void (*power_off)(void *context);
	void (*reset)(void *context);
	/* vtl 0: the guest crashed; else the paravisor. */
	void (*crashed)(void *context, uint32_t vp, unsigned vtl, uint64_t code);
	void (*triple_fault)(void *context, uint32_t vp, const char *registers);
	/*
	 * Sends an attestation request to the key broker; get_service_attested() answers
	 * it later or at once, also when there is none. NULL: there is no broker.
	 */
	void (*attest)(void *context, const void *request, size_t size);
};

/*
 * Where the guest state file is kept. All functions 0 or VL_E_*; ranges are in
 * whole sectors and within the size.
 */
struct get_storage {
	int (*read)(void *context, uint64_t offset, void *out, size_t size);
	int (*write)(void *context, uint64_t offset, const void *data, size_t size);
	int (*flush)(void *context);
	void *context;
	uint64_t size_bytes;
};
#define GET_STORAGE_SECTOR_BYTES 512u

struct get_service {
	const struct get_service_ops *ops;
	void *context;
	const struct dps_settings *settings;
	const struct get_storage *storage; /* the caller's, set after get_service_init; NULL: there is none */
	bool version_agreed, attesting; /* attesting: a request is with the broker */
	struct get_stream in;
	char document[DPS_DOCUMENT_MAX];
};

/* `settings` stays the caller's and is read at each DPS request. */
void get_service_init(struct get_service *s, const struct get_service_ops *ops, void *context,
		      const struct dps_settings *settings);

/*
 * Takes `size` bytes of the stream and handles every message in them. 0, or
 * the reason to close: errors of get_stream_feed, get_check and `send`;
 * VL_E_PROTOCOL (not VTL2's to send, or before the version was agreed on);
 * VL_E_UNSUPPORTED (a request that this host does not serve).
 */
int get_service_receive(struct get_service *s, const void *data, size_t size);

/* The broker's answer, size 0: none came. Longer ones than a message takes are none. Errors of `send`. */
int get_service_attested(struct get_service *s, const void *answer, size_t size);

#endif
