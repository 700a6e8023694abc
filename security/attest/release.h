/*
 * The cryptography of a key release (common/attest/attest.h), both ends: the
 * paravisor binds its claims to a report and opens what the broker answers, the
 * broker signs and encrypts. What is opened came through the host and is hostile
 * until the signature of the broker that the VM's measured configuration names
 * says otherwise.
 */
#ifndef VL_ATTEST_RELEASE_H
#define VL_ATTEST_RELEASE_H

#include "common/attest/attest.h"
#include "security/crypto/keywrap.h"
#include "security/report/report.h"

#define BROKER_ID_BYTES 32u /* SHA-256 of the broker's modulus: what the VM's configuration names */

void broker_id(const uint8_t modulus[ATTEST_RSA_BYTES], uint8_t id[BROKER_ID_BYTES]);

/* What a report's data must be to vouch for the claims. */
void release_report_data(const void *claims, size_t size, uint8_t data[VBS_REPORT_DATA_BYTES]);

/* What both ends know of the exchange. */
struct release_context {
	uint8_t claims_hash[32]; /* SHA-256 of the request's claims */
};
void release_begin(struct release_context *r, const void *claims, size_t size);

/* The broker's side. `random` is fresh. VL_E_RANGE (no modulus), errors of rsa_pss_sign. */
int release_seal(const struct release_context *r, const struct platform_key *broker,
		 const uint8_t to[ATTEST_RSA_BYTES], const struct attest_secret *secret,
		 const uint8_t random[96], struct attest_release *out);
int release_confirm(const struct release_context *r, const struct platform_key *broker, uint64_t epoch,
		    const uint8_t salt[RSA_PSS_SALT_BYTES], struct attest_confirmation *out);

/*
 * The VM's side: data[0, size) is an answer's payload. VL_E_TRUNCATED or
 * VL_E_RANGE (not the payload's size); VL_E_DENIED (of another broker than `id`);
 * VL_E_AUTH (not signed for this request, altered, or not for this key).
 */
int release_open(const struct release_context *r, const uint8_t id[BROKER_ID_BYTES],
		 const br_rsa_private_key *key, const void *data, size_t size, struct attest_secret *secret);
/* As release_open; VL_E_AUTH also when it confirms another epoch. */
int release_confirmed(const struct release_context *r, const uint8_t id[BROKER_ID_BYTES], uint64_t epoch,
		      const void *data, size_t size);

#endif
