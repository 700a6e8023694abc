/* VBS reports: signing and verifying (report.h). A report to verify is hostile input. */
#include "security/report/report.h"
#include "common/base/err.h"

#include <string.h>

static void hash_report(const struct vbs_report *report, uint8_t hash[RSA_PSS_HASH_BYTES])
{
	br_sha256_context c;

	br_sha256_init(&c);
	br_sha256_update(&c, report, offsetof(struct vbs_report, signature));
	br_sha256_out(&c, hash);
}

int report_sign(struct vbs_report *report, const struct platform_key *key,
		const uint8_t salt[RSA_PSS_SALT_BYTES])
{
	uint8_t hash[RSA_PSS_HASH_BYTES];

	report->header = (struct vbs_package_header){ .package_bytes = cpu_to_le32(VBS_REPORT_BYTES),
		.version = cpu_to_le32(VBS_PACKAGE_VERSION),
		.signature_scheme = cpu_to_le32(VBS_SCHEME_RSA_PSS_SHA256),
		.signature_bytes = cpu_to_le32(VBS_SIGNATURE_BYTES) };
	report->version = cpu_to_le32(VBS_REPORT_VERSION);
	hash_report(report, hash);
	return rsa_pss_sign(br_skey_decoder_get_rsa(&key->decoder), key->public.modulus, hash, salt,
		report->signature);
}

static int check_form(const struct vbs_report *r)
{
	uint8_t reserved = 0;

	if (le32_to_cpu(r->header.version) != VBS_PACKAGE_VERSION ||
	    le32_to_cpu(r->version) != VBS_REPORT_VERSION)
		return VL_E_VERSION;
	if (le32_to_cpu(r->header.signature_scheme) != VBS_SCHEME_RSA_PSS_SHA256)
		return VL_E_TYPE;
	if (le32_to_cpu(r->header.package_bytes) != VBS_REPORT_BYTES ||
	    le32_to_cpu(r->header.signature_bytes) != VBS_SIGNATURE_BYTES)
		return VL_E_RANGE;
	for (size_t i = 0; i < sizeof(r->identity.reserved); i++)
		reserved |= r->identity.reserved[i];
	return reserved || le32_to_cpu(r->header.reserved) ? VL_E_RESERVED : 0;
}

int report_verify(struct vbs_report *out, const void *data, size_t size, const struct platform_public *key)
{
	uint8_t hash[RSA_PSS_HASH_BYTES];
	int err;

	memset(out, 0, sizeof(*out));
	if (size < sizeof(*out))
		return VL_E_TRUNCATED;
	memcpy(out, data, sizeof(*out));
	err = check_form(out);
	if (!err) {
		hash_report(out, hash);
		err = rsa_pss_verify(key->modulus, hash, out->signature);
	}
	if (err)
		memset(out, 0, sizeof(*out));
	return err;
}
