/*
 * The measurement log that a guest gets with its TPM: TCG PC Client Platform
 * Firmware Profile, section 10, crypto agile form. A header event names the
 * banks of PCRs that are in use; each event then has a digest for each of
 * them. Replaying it gives the PCRs' values. Ours alone: it takes no input
 * but the digests and texts of the caller.
 */
#ifndef VL_VTPM_EVENT_LOG_H
#define VL_VTPM_EVENT_LOG_H

#include "runtime/vtpm/command.h"

#define EVENT_LOG_BYTES_MAX 8192u
#define EVENT_TEXT_MAX 4096u /* bytes of an event's own data */

/* Event types, table 27 of the profile. */
enum {
	EV_NO_ACTION = 3,
	EV_SEPARATOR = 4,
	EV_S_CRTM_CONTENTS = 7,
	EV_S_CRTM_VERSION = 8,
	EV_IPL = 0xd,
};

struct event_log {
	uint8_t banks; /* bit n: tpm_bank[n] is in use */
	struct vl_writer w;
	uint8_t bytes[EVENT_LOG_BYTES_MAX];
};

/* Begins it with the header event. */
void event_log_begin(struct event_log *l, uint8_t banks);
/* VL_E_NOSPACE, and then the log is as it was. `digests` holds TPM_DIGESTS_BYTES. */
int event_log_add(struct event_log *l, uint32_t pcr, uint32_t type, const uint8_t *digests, const void *data,
	size_t size);

#endif
