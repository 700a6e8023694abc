/*
 * The TPM 2.0 itself: libtpms behind a small interface. libtpms keeps its state
 * in globals and gives its callbacks no context, so there is one TPM in a
 * process. Called by the engine's thread, or by a test. Commands are the
 * guest's and hostile; libtpms decodes them.
 *
 * What lasts is one file (VTPM_FILE_NVRAM): a record stream (common/state) with
 * the unit "tpm-nvram" and libtpms' permanent state as field 1. libtpms hands
 * it out while it executes the command that changed it, so that it is durable
 * before the guest sees the response. If it cannot be written, the command
 * fails, the TPM goes into its failure mode and the file stays as it was.
 */
#ifndef VL_VTPM_TPM_H
#define VL_VTPM_TPM_H

#include "runtime/vtpm/nv.h"

#define TPM_BUFFER_BYTES 3968u             /* largest command or response: what a CRB's page holds */
#define TPM_HEADER_BYTES 10u               /* tag, size, code */
#define TPM_PERMANENT_BYTES_MAX (240u << 10)
#define TPM_VOLATILE_BYTES_MAX (64u << 10)

#define TPM_UNIT_NVRAM "tpm-nvram"
#define TPM_UNIT_NVRAM_VERSION 1
#define TPM_FIELD_PERMANENT 1

struct tpm {
	const struct vtpm_nv *nv;
	bool on;
	bool loading;      /* libtpms is starting: what it stores is kept until that succeeded */
	bool changed;      /* `permanent` is not in the file yet */
	bool resuming;     /* libtpms is to take up the volatile state */
	unsigned locality; /* of the command in execution */
	int nv_error;      /* why the last write failed; 0 */
	size_t permanent_bytes, volatile_bytes;
	uint8_t permanent[TPM_PERMANENT_BYTES_MAX];
	uint8_t volatile_state[TPM_VOLATILE_BYTES_MAX]; /* after the last command */
	uint8_t file[VTPM_FILE_BYTES_MAX];              /* scratch of reading and writing it */
};

/*
 * Switches it on as a power cycle does: from the file, or, when there is none,
 * a new TPM is made (*made). Needs TPM2_Startup next. VL_E_VERSION: a newer
 * version wrote the state; VL_E_CHECKSUM, VL_E_TRUNCATED, VL_E_MAGIC,
 * VL_E_FORMAT ...: it is damaged; VL_E_AUTH, VL_E_IO ...: it could not be read.
 * Whatever the error, the file is left as it is.
 */
int tpm_power_on(struct tpm *t, const struct vtpm_nv *nv, bool *made);

/*
 * Switches it on as it stood: with `permanent` and `volatile_state` filled in by
 * the caller. The file is written if it differs. Errors as tpm_power_on().
 */
int tpm_resume(struct tpm *t, const struct vtpm_nv *nv);

void tpm_power_off(struct tpm *t);

/*
 * Before the process enters its cage. libtpms writes commands that it fails on,
 * with the guest's secrets in them, to standard error: now to `nowhere`. libcrypto
 * would read a file of settings: now it does not.
 */
void tpm_prepare_library(int nowhere);

/*
 * Executes a command of `size` bytes, at most TPM_BUFFER_BYTES; the response
 * goes to `response` (TPM_BUFFER_BYTES). Returns its size, at least
 * TPM_HEADER_BYTES: there is always one.
 */
size_t tpm_execute(struct tpm *t, unsigned locality, const uint8_t *command, size_t size, uint8_t *response);

/* Makes the command in execution end early with TPM_RC_CANCELED, if it is one that can. Any thread. */
void tpm_cancel(void);

/* A response that has a code and nothing else, for what never reaches the TPM. Returns its size. */
size_t tpm_error_response(uint8_t *response, uint32_t code);

#endif
