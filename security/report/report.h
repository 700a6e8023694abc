/*
 * Making and believing VBS reports (common/hv/vbs_report.h), and the platform
 * key behind them. vallum-host signs; the key broker and tests verify; the tool
 * platform-key makes keys.
 *
 * Trust: a report to verify comes from the network and is hostile until
 * report_verify returns 0. It then says what the holder of the platform key
 * saw; whether that measurement, policy and report data are wanted is for the
 * caller to decide. With vallum-host the holder is an ordinary process of the
 * host: the report is as good as that process and its key file are protected.
 *
 * Nothing allocates. Key material is wiped by platform_key_wipe().
 */
#ifndef VL_REPORT_REPORT_H
#define VL_REPORT_REPORT_H

#include "common/hv/vbs_report.h"
#include "security/report/rsa_pss.h"

/* A platform's public key: an RSA modulus of 2048 bits, big endian; the exponent is 65537. */
struct platform_public {
	uint8_t modulus[RSA_PSS_BYTES];
};

struct platform_key {
	br_skey_decoder_context decoder; /* holds the numbers */
	struct platform_public public;
};

#define PLATFORM_KEY_PEM_MAX 8192u /* bytes of a private key file that are looked at */

/*
 * Reads an RSA-2048 private key, PEM in PKCS#8 or PKCS#1, as platform-key and
 * `openssl genrsa` write it. VL_E_LIMIT: longer than PLATFORM_KEY_PEM_MAX; VL_E_FORMAT: no such
 * PEM object; VL_E_TYPE: not RSA, not 2048 bits or another exponent. `key` is wiped on an error.
 */
int platform_key_read(struct platform_key *key, const void *pem, size_t size);
void platform_key_wipe(struct platform_key *key);

/*
 * Makes a new key from 32 bytes of fresh randomness, as PEM (PKCS#8) and a NUL. Its
 * length, or VL_E_INTERNAL.
 */
#define PLATFORM_KEY_PEM_MAKE 4096u
int platform_key_make(const uint8_t seed[32], char pem[PLATFORM_KEY_PEM_MAKE]);

/*
 * The public key as text: "vallum-platform-key-1 " and 512 hexadecimal digits. What
 * read takes may end in blanks and line ends. VL_E_FORMAT.
 */
#define PLATFORM_PUBLIC_TEXT_BYTES 535u /* with the NUL */
void platform_public_write(const struct platform_public *key, char out[PLATFORM_PUBLIC_TEXT_BYTES]);
int platform_public_read(struct platform_public *key, const char *text, size_t size);

/*
 * Fills header, version and signature of `report`; the caller has filled
 * report_data and identity. `salt` is fresh randomness. Errors of rsa_pss_sign.
 */
int report_sign(struct vbs_report *report, const struct platform_key *key,
		const uint8_t salt[RSA_PSS_SALT_BYTES]);

/*
 * Checks data[0, size): 0 and *out is the report, or *out is zero and
 *   VL_E_TRUNCATED  shorter than a report (bytes behind it are ignored)
 *   VL_E_VERSION    another version of package or report
 *   VL_E_TYPE       another signature scheme
 *   VL_E_RANGE      sizes that are not a report's
 *   VL_E_RESERVED   a reserved field is not zero
 *   VL_E_AUTH       not signed by this platform, or altered
 */
int report_verify(struct vbs_report *out, const void *data, size_t size, const struct platform_public *key);

#endif
