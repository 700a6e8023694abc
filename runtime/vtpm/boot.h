/*
 * The firmware's part of the virtual TPM: what stands between power-on and the
 * guest's first instruction. Called by vtpm.c on the VM worker's word, at each
 * power-on and in this order: boot_power_on, boot_measure any number of times,
 * boot_finish.
 */
#ifndef VL_VTPM_BOOT_H
#define VL_VTPM_BOOT_H

#include "runtime/vtpm/event_log.h"
#include "runtime/vtpm/keys.h"
#include "runtime/vtpm/ppi.h"
#include "runtime/vtpm/tpm.h"

#define BOOT_BANKS_OF_A_NEW_TPM 0x2u /* SHA-256; a guest asks for others by physical presence */

/*
 * Switches the TPM on and starts it up, does what the guest asked for by
 * physical presence, prepares the keys and begins the log; `version` is the
 * paravisor's own and the first measurement. Errors: tpm_power_on, ppi_load,
 * VL_E_STATE when the TPM refuses what it must not.
 */
int boot_power_on(struct tpm *t, const struct vtpm_nv *nv, struct ppi *p, struct event_log *l, bool isolated,
	const char *version);

/* Extends PCR `pcr` in every bank, adds the event. VL_E_RANGE: no such PCR; VL_E_NOSPACE: the log is full. */
int boot_measure(struct tpm *t, struct event_log *l, uint32_t pcr, uint32_t type, const uint8_t *digests,
	const void *data, size_t size);

/*
 * Ends what precedes the guest: a separator in PCRs 0 to 7, and a password on
 * the platform hierarchy that nobody knows.
 */
int boot_finish(struct tpm *t, struct event_log *l);

#endif
