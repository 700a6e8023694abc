/* The virtual TPM of this architecture's guests: device trees know the FIFO (tcg,tpm-tis-mmio). */
#ifndef VL_PORT_TPM_H
#define VL_PORT_TPM_H

#define PORT_TPM_INTERFACE 0u /* enum vtpm_interface: FIFO */
#define PORT_TPM_BASE 0xe8020000u

#endif
