/*
 * The virtual TPM as a device: the register interfaces of the TCG PC Client
 * Platform TPM Profile (PTP) 1.05 - FIFO (TIS) and CRB - over libtpms, with
 * what firmware does for a TPM before the guest runs.
 *
 * Regions, by id:
 *   VTPM_REGION_TPM   the registers, 4 KiB for each of localities 0 to 4, at
 *                     whatever address the port puts them. Locality 4 belongs
 *                     to hardware that a VM does not have: it answers nothing.
 *   VTPM_REGION_PPI   CONTROL and DATA of physical presence (ppi.h), 8 bytes
 *   VTPM_REGION_BOOT  for the VM worker alone (below); never on the guest's bus
 *
 * No interrupts: a guest polls, as every driver can. A command runs in the
 * engine; when it ends, whoever hosts the model calls complete() with
 * VTPM_COMMAND_ENDED. Until it was switched on through VTPM_REGION_BOOT, and
 * when that failed, all reads give ones: there is no TPM.
 *
 * Saved state holds the TPM as it was after the last command that ended; one
 * that was running is given again after a restore. So a worker that dies in a
 * command executes it once as far as the guest can see.
 */
#ifndef VL_VTPM_VTPM_H
#define VL_VTPM_VTPM_H

#include "common/device/device.h"
#include "runtime/vtpm/boot.h"
#include "runtime/vtpm/boot_region.h"
#include "runtime/vtpm/engine.h"

#define VTPM_LOCALITIES 4u
#define VTPM_NO_LOCALITY 0xffu
#define VTPM_COMMAND_ENDED 1u /* id for complete() */

enum vtpm_interface { VTPM_FIFO = 0, VTPM_CRB = 1 };

/* PTP 1.05, figure 3: the states of the command interface. */
enum vtpm_phase { VTPM_IDLE, VTPM_READY, VTPM_RECEIVING, VTPM_EXECUTING, VTPM_COMPLETE, VTPM_PHASE_COUNT };

struct vtpm {
	struct dev_env *env;
	struct engine *engine;
	const char *version;    /* the paravisor's, measured first */
	uint64_t base;          /* where the guest finds VTPM_REGION_TPM */
	uint8_t first_interface; /* after a reset */

	uint8_t interface, interface_locked;
	uint8_t phase;
	uint8_t active;    /* locality; VTPM_NO_LOCALITY */
	uint8_t requested; /* bit per locality that waits */
	uint8_t seized;    /* bit per locality that lost the TPM to another */
	uint8_t discard;   /* the command in execution was given up: nobody wants its response */
	uint8_t cancel;    /* what CRB's cancel register reads */
	uint32_t data_bytes, data_at;
	uint8_t data[TPM_BUFFER_BYTES]; /* the command, then its response */

	struct ppi ppi;
	struct event_log log;
	uint8_t powered;  /* switched on */
	uint8_t finished; /* the guest may have begun: VTPM_REGION_BOOT is closed but for the log */
	int32_t boot_error;
	struct vtpm_boot boot;

	/* The TPM as save() writes it: `engine`'s own may be in the middle of a command. */
	size_t permanent_bytes, volatile_bytes;
	uint8_t permanent[TPM_PERMANENT_BYTES_MAX], volatile_state[TPM_VOLATILE_BYTES_MAX];
};

extern const struct dev_model vtpm_model;

/* `engine` is open, and `version` stays the caller's. */
void vtpm_init(struct vtpm *v, struct dev_env *env, struct engine *engine, enum vtpm_interface first,
	uint64_t base, const char *version);

#endif
