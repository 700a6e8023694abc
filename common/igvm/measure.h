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

/*
 * Content of a VBS_MEASUREMENT header (IGVM_VHS_VBS_MEASUREMENT of igvm_defs): what the
 * builder says about its image, and a VBS host checks. It is not measured itself.
 */
#define IGVM_VBS_MEASUREMENT_VERSION 1u
#define IGVM_VBS_POLICY_DEBUG 1u     /* the measured command line asks for confidential debugging */
#define IGVM_VBS_DIGEST_SHA256 1u
#define IGVM_VBS_SIGNING_NONE 0u     /* no signature, no public key; ECDSA P-384 would be 1 */
struct igvm_vbs_measurement {
	le32 mask;
	le32 version;
	le32 product_id, module_id;
	le32 security_version; /* a number that grows with each fix: "guest SVN" in reports */
	le32 policy;
	le32 digest_algorithm;
	le32 signing_algorithm;
	uint8_t digest[64]; /* the first IGVM_VBS_DIGEST_BYTES; the rest is zero */
	uint8_t signature[256];
	uint8_t public_key[512];
} VL_PACKED;
_Static_assert(sizeof(struct igvm_vbs_measurement) == 864, "IGVM_VHS_VBS_MEASUREMENT");

/* The header for `mask`: 0, or VL_E_NOTFOUND. The file has passed igvm_check. */
int igvm_vbs_measurement(const struct igvm_file *file, uint32_t mask, struct igvm_vbs_measurement *out);

/* SNP launch digest: SHA-384 over a chain of PAGE_INFO (SEV-SNP firmware ABI, 8.17.2). */
int igvm_measure_snp(const struct igvm_file *file, uint32_t mask, uint8_t digest[IGVM_SNP_DIGEST_BYTES],
	struct igvm_error *error);

/* TDX MRTD: SHA-384 over MEM.PAGE.ADD and MR.EXTEND records (TDX module base specification). */
int igvm_measure_tdx(const struct igvm_file *file, uint32_t mask, uint8_t digest[IGVM_TDX_DIGEST_BYTES],
	struct igvm_error *error);

#endif
