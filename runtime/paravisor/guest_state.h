/*
 * The VM guest state file of this partition, as the paravisor has it: VMGS over
 * the host's storage (GET), or over memory when the host has none or the state
 * is to live only as long as the partition. The storage is the host's: whatever
 * it gives back is checked by vmgs.
 */
#ifndef VL_PARAVISOR_GUEST_STATE_H
#define VL_PARAVISOR_GUEST_STATE_H

#include "runtime/lib/get_client.h"
#include "security/vmgs/vmgs.h"

/* What becomes of a state file that is there (GET DPS GuestStateLifetime). */
enum guest_state_lifetime {
	GUEST_STATE_DEFAULT,               /* an empty storage is formatted, a damaged one is an error */
	GUEST_STATE_REPROVISION_ON_FAILURE, /* a damaged one is formatted too */
	GUEST_STATE_REPROVISION,           /* formatted at each boot */
	GUEST_STATE_EPHEMERAL,             /* in memory */
};

#define GUEST_STATE_MEMORY_BYTES (2u << 20) /* of an ephemeral state */

struct guest_state {
	struct get_client *host;
	struct vmgs vmgs;
	bool open, ephemeral;
	uint32_t transfer_max_bytes; /* of one GET request */
	uint8_t *memory;             /* ephemeral: GUEST_STATE_MEMORY_BYTES */
};

/* The document's name ("Default", ...) as a value. VL_E_RANGE: unknown. */
int guest_state_lifetime(const char *name, enum guest_state_lifetime *out);

/*
 * Opens the state file, formats it where `lifetime` says so. Nothing is unlocked
 * yet. *event is what the host's event log has to hear after an error. VL_E_IO
 * (the host's storage fails), VL_E_NOSPACE, VL_E_RANGE (its size cannot be),
 * VL_E_NOMEM, errors of vmgs_open and of the GET client.
 */
int guest_state_open(struct guest_state *s, struct get_client *host, enum guest_state_lifetime lifetime,
	enum get_event_log_id *event);

/* Wipes keys and what was in memory. Safe on a zeroed structure. */
void guest_state_close(struct guest_state *s);

#endif
