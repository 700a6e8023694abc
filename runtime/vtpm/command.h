/*
 * The few TPM 2.0 commands that the virtual TPM's own firmware part (boot.h)
 * gives, and their responses. Numbers and structures: TCG TPM 2.0 Library,
 * Part 2 (structures) and Part 3 (commands). Big endian on the wire.
 */
#ifndef VL_VTPM_COMMAND_H
#define VL_VTPM_COMMAND_H

#include "common/base/bytes.h"

struct tpm;

enum {
	TPM_ST_NO_SESSIONS = 0x8001,
	TPM_ST_SESSIONS = 0x8002,

	TPM_CC_EVICT_CONTROL = 0x120,
	TPM_CC_HIERARCHY_CONTROL = 0x121,
	TPM_CC_CHANGE_EPS = 0x124,
	TPM_CC_CLEAR = 0x126,
	TPM_CC_CLEAR_CONTROL = 0x127,
	TPM_CC_HIERARCHY_CHANGE_AUTH = 0x129,
	TPM_CC_PCR_ALLOCATE = 0x12b,
	TPM_CC_CREATE_PRIMARY = 0x131,
	TPM_CC_STARTUP = 0x144,
	TPM_CC_FLUSH_CONTEXT = 0x165,
	TPM_CC_READ_PUBLIC = 0x173,
	TPM_CC_GET_CAPABILITY = 0x17a,
	TPM_CC_GET_RANDOM = 0x17b,
	TPM_CC_PCR_EXTEND = 0x182,

	TPM_RC_SUCCESS = 0,
	TPM_RC_INITIALIZE = 0x100,
	TPM_RC_FAILURE = 0x101,
	TPM_RC_COMMAND_SIZE = 0x142,
	TPM_RC_HANDLE_1 = 0x18b, /* TPM_RC_HANDLE, handle 1: there is no such object */

	TPM_ALG_RSA = 0x01,
	TPM_ALG_SHA1 = 0x04,
	TPM_ALG_AES = 0x06,
	TPM_ALG_SHA256 = 0x0b,
	TPM_ALG_SHA384 = 0x0c,
	TPM_ALG_SHA512 = 0x0d,
	TPM_ALG_NULL = 0x10,
	TPM_ALG_RSASSA = 0x14,
	TPM_ALG_CFB = 0x43,

	TPM_SU_CLEAR = 0,
	TPM_CAP_PCRS = 5,
	TPM_PCR_COUNT = 24,
	TPM_PCR_SELECT_BYTES = 3,
};

#define TPM_RH_OWNER 0x40000001u
#define TPM_RH_ENDORSEMENT 0x4000000bu
#define TPM_RH_PLATFORM 0x4000000cu

/* The banks of PCRs that the TPM can have, in the order of vtpm_boot.digests (boot_region.h). */
#define TPM_BANK_COUNT 4
#define TPM_DIGESTS_BYTES (20 + 32 + 48 + 64)

struct tpm_bank {
	uint16_t algorithm;
	uint8_t bytes; /* of a digest */
	uint8_t at;    /* of its digest in TPM_DIGESTS_BYTES of them */
};
extern const struct tpm_bank tpm_bank[TPM_BANK_COUNT];

#define COMMAND_BYTES_MAX 1024u

struct command {
	struct vl_writer w;
	uint8_t bytes[COMMAND_BYTES_MAX];
};

struct response {
	struct vl_reader r; /* behind the code: handle, with sessions the parameters' size, parameters */
	uint32_t code;      /* TPM_RC_* */
	uint8_t bytes[4096];
};

void command_put16(struct vl_writer *w, uint16_t v);
uint16_t command_get16(struct vl_reader *r);

/* Begins a command; handles go next, by vl_write_be32. */
void command_begin(struct command *c, uint32_t code, bool sessions);
/* Behind the handles of a command with sessions: one authorization by the empty password. */
void command_authorize(struct command *c);
/*
 * Executes it at locality 0. 0 whatever the response's code is, which the caller
 * judges; VL_E_INTERNAL when the command did not fit, VL_E_FORMAT when the
 * response makes no sense.
 */
int command_run(struct command *c, struct tpm *t, struct response *r);
/* The same where all but success is an error: VL_E_STATE, with a line in the log that names `what`. */
int command_must(struct command *c, struct tpm *t, struct response *r, const char *what);

/* The banks that have PCRs: bit n for tpm_bank[n]. Errors of command_must(). */
int command_active_banks(struct tpm *t, uint8_t *banks);
/* TPM2_PCR_Allocate: `banks` get all PCRs, the others none, from the next power cycle on. *code: TPM_RC_*. */
int command_allocate_banks(struct tpm *t, uint32_t banks, uint32_t *code);

#endif
