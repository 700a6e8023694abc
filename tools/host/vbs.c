/* Measured launch and reports (vbs.h). */
#include "tools/host/vbs.h"
#include "common/base/fmt.h"
#include "common/base/log.h"
#include "common/igvm/measure.h"
#include "common/hv/sealing.h"
#include "security/crypto/gcm.h"
#include "security/crypto/kdf.h"
#include "security/report/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

_Static_assert(VBS_DIGEST_BYTES == IGVM_VBS_DIGEST_BYTES, "one digest");

struct host_vbs {
	struct platform_key key;
	struct vbs_identity identity;
};

/* --- The platform key ---------------------------------------------------------------------- */

static int read_key(struct platform_key *key, const char *path)
{
	uint8_t pem[PLATFORM_KEY_PEM_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	ssize_t n = fd < 0 ? -1 : read(fd, pem, sizeof(pem));

	if (n < 0) {
		vl_error("platform key %s: %s; make one with `platform-key create %s`", path,
			strerror(errno), path);
		err = VL_E_OS;
	} else {
		err = platform_key_read(key, pem, (size_t)n);
		if (err)
			vl_error("platform key %s: %s; it must be an RSA private key of 2048 bits in PEM",
				path, vl_err_text(err));
	}
	crypto_wipe(pem, sizeof(pem));
	if (fd >= 0)
		close(fd);
	return err;
}

/* --- Measuring ------------------------------------------------------------------------------- */

static void hex(const uint8_t digest[VBS_DIGEST_BYTES], char out[2 * VBS_DIGEST_BYTES + 1])
{
	for (size_t i = 0; i < VBS_DIGEST_BYTES; i++)
		vl_format(out + 2 * i, 3, "%02x", digest[i]);
}

static int measure(struct vbs_identity *id, const struct host_config *config, const struct image *image)
{
	struct igvm_error error = { 0 };
	char text[2 * VBS_DIGEST_BYTES + 1];
	int err = igvm_measure_vbs(&image->file, image->platform.mask, id->measurement, &error);

	if (err) {
		vl_error("image %s, offset 0x%zx cannot be measured: %s%s%s", config->igvm, error.offset,
			error.what ? error.what : "", error.what ? ": " : "", vl_err_text(err));
		return err;
	}
	hex(id->measurement, text);
	vl_info("VBS boot digest %s", text);
	return 0;
}

/* What the image says about itself; one that says nothing allows isolation, and is of no version. */
static int check_image(struct vbs_identity *id, const struct host_config *config, const struct image *image)
{
	struct igvm_vbs_measurement m;
	char text[2 * VBS_DIGEST_BYTES + 1];

	if (igvm_vbs_measurement(&image->file, image->platform.mask, &m))
		return 0;
	if (le32_to_cpu(m.version) != IGVM_VBS_MEASUREMENT_VERSION ||
	    le32_to_cpu(m.digest_algorithm) != IGVM_VBS_DIGEST_SHA256 ||
	    le32_to_cpu(m.signing_algorithm) != IGVM_VBS_SIGNING_NONE) {
		vl_error("image %s: its VBS_MEASUREMENT is of version %u, digest %u, signature %u; this "
			"host knows version 1, SHA-256 and no signature", config->igvm,
			le32_to_cpu(m.version), le32_to_cpu(m.digest_algorithm),
			le32_to_cpu(m.signing_algorithm));
		return VL_E_UNSUPPORTED;
	}
	if (memcmp(m.digest, id->measurement, sizeof(id->measurement))) {
		hex(m.digest, text);
		vl_error("image %s is made for the VBS boot digest %s and has another: it was altered; "
			"build it anew", config->igvm, text);
		return VL_E_MEASUREMENT;
	}
	id->policy = cpu_to_le32(le32_to_cpu(m.policy) & IGVM_VBS_POLICY_DEBUG ? VBS_POLICY_DEBUG : 0);
	id->guest_svn = m.security_version;
	id->guest_product_id = m.product_id;
	id->guest_module_id = m.module_id;
	return 0;
}

static int identify(struct vbs_identity *id)
{
	id->enabled_vtls = cpu_to_le32(VBS_VTL0 | VBS_VTL2);
	id->guest_vtl = cpu_to_le32(HOST_VTL2);
	if (getrandom(id->owner_id, sizeof(id->owner_id), 0) == (ssize_t)sizeof(id->owner_id))
		return 0;
	vl_error("no entropy from the kernel: %s", strerror(errno));
	return VL_E_OS;
}

int host_vbs_create(const struct host_config *config, const struct image *image, struct host_vbs **out)
{
	struct host_vbs *vbs;
	int err;

	*out = NULL;
	if (config->isolation == HOST_ISOLATION_NONE)
		return 0;
	vbs = calloc(1, sizeof(*vbs));
	if (!vbs)
		return VL_E_NOMEM;
	err = read_key(&vbs->key, config->platform_key);
	if (!err)
		err = identify(&vbs->identity);
	if (!err)
		err = measure(&vbs->identity, config, image);
	if (!err)
		err = check_image(&vbs->identity, config, image);
	if (err)
		host_vbs_destroy(vbs);
	else
		*out = vbs;
	return err;
}

void host_vbs_destroy(struct host_vbs *vbs)
{
	if (vbs)
		platform_key_wipe(&vbs->key);
	free(vbs);
}

/* --- Reporting ------------------------------------------------------------------------------- */

uint16_t host_vbs_report(const struct host_vbs *vbs, struct host_call *call)
{
	uint8_t salt[RSA_PSS_SALT_BYTES];
	struct vbs_report report = { 0 };
	int err;

	if (!vbs)
		return HV_STATUS_INVALID_PARTITION_STATE;
	if (call->fast || call->in_bytes < VBS_REPORT_INPUT_BYTES)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	memcpy(report.report_data, call->in, sizeof(report.report_data));
	report.identity = vbs->identity;
	if (getrandom(salt, sizeof(salt), 0) != (ssize_t)sizeof(salt))
		return HV_STATUS_OPERATION_FAILED;
	err = report_sign(&report, &vbs->key, salt);
	if (err) {
		vl_error("VTL2 asked for a report, and signing it failed: %s", vl_err_text(err));
		return HV_STATUS_OPERATION_FAILED;
	}
	memset(call->out, 0, VBS_REPORT_OUTPUT_BYTES);
	memcpy(call->out, &report, sizeof(report));
	call->out_bytes = VBS_REPORT_OUTPUT_BYTES;
	return HV_STATUS_SUCCESS;
}

/* --- Sealing ----------------------------------------------------------------------------------- */

#define SEALING_LABEL "VALLUM SEALING"

static void derive(const struct platform_key *key, uint32_t policy, const uint8_t digest[VBS_DIGEST_BYTES],
	uint8_t out[SEALING_KEY_BYTES])
{
	const br_rsa_private_key *rsa = br_skey_decoder_get_rsa(&key->decoder);
	struct {
		le32 policy;
		uint8_t digest[VBS_DIGEST_BYTES];
	} VL_PACKED context = { .policy = cpu_to_le32(policy) };

	memcpy(context.digest, digest, sizeof(context.digest));
	kdf(rsa->p, rsa->plen, SEALING_LABEL, &context, sizeof(context), out, SEALING_KEY_BYTES);
}

uint16_t host_vbs_sealing_key(const struct host_vbs *vbs, struct host_call *call)
{
	static const uint8_t unsigned_image[VBS_DIGEST_BYTES];
	struct sealing_input in;
	const uint8_t *digest;

	if (!vbs)
		return HV_STATUS_INVALID_PARTITION_STATE;
	if (call->fast || call->in_bytes < sizeof(in))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	memcpy(&in, call->in, sizeof(in));
	digest = le32_to_cpu(in.policy) == SEALING_SIGNER ? vbs->identity.signer : vbs->identity.measurement;
	if ((le32_to_cpu(in.policy) != SEALING_HASH && le32_to_cpu(in.policy) != SEALING_SIGNER) ||
	    le32_to_cpu(in.reserved) || !memcmp(digest, unsigned_image, VBS_DIGEST_BYTES))
		return HV_STATUS_INVALID_PARAMETER;
	derive(&vbs->key, le32_to_cpu(in.policy), digest, call->out);
	call->out_bytes = SEALING_KEY_BYTES;
	return HV_STATUS_SUCCESS;
}
