/*
 * The VM worker's side of the virtual TPM: what it measures into it before the
 * guest runs, and the log that the guest gets. The TPM itself (runtime/vtpm) is
 * a device like any other; only this file knows VTPM_REGION_BOOT. Its answers
 * come from another process and are bounded here.
 */
#ifndef VL_VM_TPM_H
#define VL_VM_TPM_H

#include "common/base/types.h"
#include "runtime/vtpm/boot_region.h"

struct vm;
struct vm_device;

/* Which PCR has what; as GRUB's users know them. */
enum { VM_TPM_PCR_IMAGE = 0, VM_TPM_PCR_COMMAND_LINE = 8, VM_TPM_PCR_FILES = 9 };

struct vm_tpm {
	struct vm_device *device; /* once the port has given it its place; NULL: this machine has no TPM */
	uint32_t log_bytes;       /* at most VTPM_BOOT_LOG_MAX */
	uint8_t log[VTPM_BOOT_LOG_MAX];
};

/*
 * Switches the TPM on, measures the image, the guest's command line, kernel and
 * initrd as the host placed them, and fetches the log. Nothing without a TPM.
 * Before any VP runs and before the guest's files are moved. Errors as
 * vm_create(): the TPM's own, VL_E_RANGE when a file is not in VTL0's memory.
 */
int vm_tpm_measure(struct vm *vm, char *reason);

#endif
