/*
 * Launch measurements: what a platform's trusted hardware or hypervisor reports
 * about a guest that was started from an IGVM file. Computed from the file alone
 * (at the addresses in the file: a moved image has the measurement of the
 * unmoved one). Used by `igvm measure` and by a host that measures what it
 * loads; the file must have passed igvm_check.
 */
#ifndef VL_IGVM_MEASURE_H
#define VL_IGVM_MEASURE_H

#include "common/igvm/igvm.h"

#define IGVM_VBS_DIGEST_BYTES 32
#define IGVM_SNP_DIGEST_BYTES 48
#define IGVM_TDX_DIGEST_BYTES 48

/*
 * Each: `mask` is the platform's compatibility bit. 0, or VL_E_UNSUPPORTED when
 * the file has something that the platform cannot measure (an SNP page type in a
 * VBS image, a VP context in TDX), with its place in `error`.
 *
 * VBS: SHA-256 over a chain of pages, registers last (the boot measurement of
 * Hyper-V's virtualization-based security).
 */
int igvm_measure_vbs(const struct igvm_file *file, uint32_t mask, uint8_t digest[IGVM_VBS_DIGEST_BYTES],
	struct igvm_error *error);

/* SNP launch digest: SHA-384 over a chain of PAGE_INFO (SEV-SNP firmware ABI, 8.17.2). */
int igvm_measure_snp(const struct igvm_file *file, uint32_t mask, uint8_t digest[IGVM_SNP_DIGEST_BYTES],
	struct igvm_error *error);

/* TDX MRTD: SHA-384 over MEM.PAGE.ADD and MR.EXTEND records (TDX module base specification). */
int igvm_measure_tdx(const struct igvm_file *file, uint32_t mask, uint8_t digest[IGVM_TDX_DIGEST_BYTES],
	struct igvm_error *error);

#endif
