/*
 * Physical presence: what the guest's system asks of the TPM's firmware for the
 * next boot (TCG PC Client Platform Physical Presence Interface 1.30), and what
 * came of the last request. Kept in the file VTPM_FILE_PPI. The ACPI method
 * _DSM, which the port writes, speaks with it through two 32-bit registers: it
 * writes a number to CONTROL, which selects or does something, then reads or
 * writes DATA. The guest may do the same at any time and is hostile.
 */
#ifndef VL_VTPM_PPI_H
#define VL_VTPM_PPI_H

#include "runtime/vtpm/nv.h"

struct tpm;

#define PPI_CONTROL 0u
#define PPI_DATA 4u

/* What a number in CONTROL does, and DATA is then. */
enum ppi_control {
	PPI_NONE = 0,
	PPI_PENDING = 1,        /* reads the operation that is asked for; 0: none */
	PPI_PENDING_ARGUMENT = 2,
	PPI_LAST = 3,           /* the operation of the last boot; 0: none */
	PPI_LAST_RESPONSE = 4,  /* and what came of it: 0, a TPM response code, or PPI_RESPONSE_* */
	PPI_ARGUMENT = 5,       /* write: the argument of the next request */
	PPI_REQUEST = 6,        /* write: asks for an operation; then read: enum ppi_result */
	PPI_CONFIRMATION = 7,   /* write an operation; then read: enum ppi_confirmation */
};

/* Physical presence operations, table 2 of the specification. */
enum ppi_operation {
	PPI_OP_NONE = 0,
	PPI_OP_ENABLE = 1,
	PPI_OP_CLEAR = 5,
	PPI_OP_ENABLE_CLEAR = 14,
	PPI_OP_CLEAR_ENABLE_21 = 21,
	PPI_OP_CLEAR_ENABLE_22 = 22,
	PPI_OP_SET_PCR_BANKS = 23, /* the argument: bit per bank, as EFI_TCG2_EVENT_ALGORITHM_BITMAP */
	PPI_OP_CHANGE_EPS = 24,
};

enum ppi_result { PPI_SUCCESS = 0, PPI_NOT_IMPLEMENTED = 1, PPI_FAILURE = 2 };
/* Without a person at the machine, what is done at all needs no confirmation. */
enum ppi_confirmation { PPI_CONFIRM_NOT_IMPLEMENTED = 0, PPI_CONFIRM_NOT_NEEDED = 4 };
#define PPI_RESPONSE_FAILURE 0xfffffff1u

struct ppi {
	const struct vtpm_nv *nv;
	uint32_t pending, pending_argument, last, last_response; /* what the file holds */
	uint32_t control, argument, result;
};

/*
 * Reads the file; no file: nothing was ever asked. Errors of state.h when it is
 * damaged or newer than we are, of nv.h when it cannot be read.
 */
int ppi_load(struct ppi *p, const struct vtpm_nv *nv);
/*
 * Does what is pending, with the TPM started up and the platform hierarchy open,
 * and remembers the outcome durably. *again: the TPM wants another power cycle.
 */
int ppi_execute(struct ppi *p, struct tpm *t, bool *again);

uint32_t ppi_read(struct ppi *p, uint64_t offset);
void ppi_write(struct ppi *p, uint64_t offset, uint32_t value);

#endif
