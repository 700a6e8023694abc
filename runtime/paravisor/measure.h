/*
 * What this VTL2 was made from, for the guest's TPM (PCR 0): in an isolated VM
 * the launch measurement as the platform reports it; elsewhere, where nobody
 * measured the image, a digest of the programs in it, which says what runs but
 * is only as good as the host.
 */
#ifndef VL_PARAVISOR_MEASURE_H
#define VL_PARAVISOR_MEASURE_H

#include "common/base/err.h"
#include "common/base/types.h"

#define MEASURE_DIGEST_BYTES 32u

/*
 * SHA-256 over each file of `folder` (names with their NUL, then 8 bytes of size, then content) in the order
 * of `names`, which ends with NULL. VL_E_OS: one cannot be read; its number in *which.
 */
int measure_files(const char *folder, const char *const *names, uint8_t digest[MEASURE_DIGEST_BYTES],
	unsigned *which);

#endif
