/* The virtual TPM of this architecture's guests: ACPI names a CRB at the place that PCs have it. */
#ifndef VL_PORT_TPM_H
#define VL_PORT_TPM_H

#define PORT_TPM_INTERFACE 1u /* enum vtpm_interface: CRB */
#define PORT_TPM_BASE 0xfed40000u

#endif
