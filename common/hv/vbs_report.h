/*
 * The attestation report of a VBS-isolated partition: what HvCallVbsVmCallReport
 * answers to VTL2. Made by the host's trusted part, which signs with its platform
 * key; carried by anybody; believed by whoever knows that key
 * (security/report/report.h makes and checks one).
 *
 * Sources: VBS_VM_REPORT of vbsvmcrypto.h in Microsoft's guest attestation
 * library, and hvdef/src/vbs.rs and lib.rs (hypercall) of the reference
 * implementation. All little endian, no padding.
 */
#ifndef VL_HV_VBS_REPORT_H
#define VL_HV_VBS_REPORT_H

#include "common/base/types.h"

#define VBS_REPORT_DATA_BYTES 64u
#define VBS_DIGEST_BYTES 32u
#define VBS_SIGNATURE_BYTES 256u

/*
 * The hypercall: 64 bytes in, 2048 out, of which the report is the first VBS_REPORT_BYTES and the rest zero.
 */
#define VBS_REPORT_INPUT_BYTES VBS_REPORT_DATA_BYTES
#define VBS_REPORT_OUTPUT_BYTES 2048u

#define VBS_PACKAGE_VERSION 1u
#define VBS_REPORT_VERSION 1u
#define VBS_SCHEME_RSA_PSS_SHA256 1u /* RSA-2048, PSS with SHA-256, MGF1 with SHA-256 and 32 bytes of salt */

struct vbs_package_header {
	le32 package_bytes; /* VBS_REPORT_BYTES */
	le32 version;
	le32 signature_scheme;
	le32 signature_bytes;
	le32 reserved;
} VL_PACKED;

#define VBS_VTL0 1u /* bits of enabled_vtls */
#define VBS_VTL2 4u
#define VBS_POLICY_DEBUG 1u /* bit of policy: the image lets its host debug it */

struct vbs_identity {
	uint8_t owner_id[VBS_DIGEST_BYTES];    /* of this instance of the VM: fresh at each boot here */
	uint8_t measurement[VBS_DIGEST_BYTES]; /* the boot digest (common/igvm/measure.h) */
	/* SHA-256 of the image signer's public key; zero: not signed */
	uint8_t signer[VBS_DIGEST_BYTES];
	uint8_t host_data[VBS_DIGEST_BYTES];   /* what the host chose when it made the VM; zero here */
	le32 enabled_vtls;
	le32 policy;
	le32 guest_vtl; /* the VTL that asked */
	le32 guest_svn; /* these three from the image's VBS_MEASUREMENT header */
	le32 guest_product_id;
	le32 guest_module_id;
	uint8_t reserved[64];
} VL_PACKED;

struct vbs_report {
	struct vbs_package_header header;
	le32 version;
	uint8_t report_data[VBS_REPORT_DATA_BYTES]; /* as VTL2 gave it */
	struct vbs_identity identity;
	uint8_t signature[VBS_SIGNATURE_BYTES]; /* over all bytes before it */
} VL_PACKED;

#define VBS_REPORT_BYTES 0x230u
_Static_assert(sizeof(struct vbs_package_header) == 20, "VBS_VM_REPORT_PKG_HEADER");
_Static_assert(sizeof(struct vbs_identity) == 216, "VBS_VM_IDENTITY");
_Static_assert(sizeof(struct vbs_report) == VBS_REPORT_BYTES, "VBS_VM_REPORT");

#endif
