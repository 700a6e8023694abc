/*
 * What the VM worker and the virtual TPM say to each other before the guest
 * runs: the layout of VTPM_REGION_BOOT, which is memory of the device's that
 * the VM worker writes and reads by register accesses. It is on no bus, so the
 * guest cannot reach it. Native integers: both are built together.
 *
 * The VM worker fills in what a command needs, writes the command to `command`
 * and reads `error`: 0 or enum vl_err.
 */
#ifndef VL_VTPM_BOOT_REGION_H
#define VL_VTPM_BOOT_REGION_H

#include "common/base/types.h"

enum vtpm_region { VTPM_REGION_TPM = 0, VTPM_REGION_PPI = 1, VTPM_REGION_BOOT = 2 };

#define VTPM_REGION_TPM_BYTES 0x5000u
#define VTPM_REGION_PPI_BYTES 8u
#define VTPM_BOOT_DIGESTS_BYTES 164u /* SHA-1, SHA-256, SHA-384, SHA-512 */
#define VTPM_BOOT_TEXT_MAX 4096u
#define VTPM_BOOT_LOG_MAX 8192u
#define VTPM_REGION_BOOT_BYTES 0x4000u
#define VTPM_BOOT_LOG_AT 0x2000u /* the log's bytes; read only */

enum vtpm_boot_command {
	VTPM_BOOT_POWER_ON = 1, /* needs `isolated` */
	VTPM_BOOT_MEASURE = 2,  /* needs all from `pcr` on */
	VTPM_BOOT_FINISH = 3,   /* the last: `log_bytes` and the log are final */
};

struct vtpm_boot {
	uint32_t command;   /* write: enum vtpm_boot_command */
	int32_t error;      /* read only: of the last command */
	uint32_t log_bytes; /* read only */
	uint32_t banks;     /* read only: bit n, in the order of `digests`: the bank is in use */
	uint32_t isolated;
	uint32_t pcr, type, text_bytes; /* type: EV_*, of the TCG's firmware profile */
	uint8_t digests[VTPM_BOOT_DIGESTS_BYTES];
	uint8_t text[VTPM_BOOT_TEXT_MAX]; /* the event's data */
};

#endif
