/* The virtual TPM in the guest's ACPI tables. Called by acpi.c; our own data only. */
#ifndef VL_PORT_VM_ACPI_TPM_H
#define VL_PORT_VM_ACPI_TPM_H

#include "common/base/bytes.h"

struct vm;

#define ACPI_TPM2_REVISION 4

/* The device, with its resources and physical presence (_DSM), as a term of the DSDT. */
void acpi_tpm_device(struct vl_writer *w);
/* What follows the header in the table TPM2: TCG ACPI Specification 1.4, table 7. */
void acpi_tpm2_body(struct vl_writer *w, const struct vm *vm);

#endif
