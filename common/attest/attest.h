/*
 * Attestation messages between a paravisor and a key broker: what travels in GET's
 * IGVM_ATTEST through the untrusted host. Source of header, report, data and claims:
 * the reference implementation (openhcl_attestation_protocol, igvm_attest/get.rs),
 * version 2. The payload of a release is Vallum's own, for the reference's comes
 * from a cloud service.
 *
 *	request:  struct attest_request_header
 *	          report, padded with zeros to ATTEST_REPORT_BYTES
 *	          struct attest_request_data, then `variable_bytes` of claims: JSON
 *	answer:   struct attest_response_header, then the payload
 *
 * The report's data begins with SHA-256 of the claims, zeros follow. The claims hold
 * the public key that the answer is encrypted to, so that all of a request stands
 * and falls with the report's signature.
 *
 * Both directions are hostile input to their receiver. Nothing allocates.
 */
#ifndef VL_ATTEST_ATTEST_H
#define VL_ATTEST_ATTEST_H

#include "common/base/err.h"
#include "common/base/types.h"

#define ATTEST_SIGNATURE 0x414c4348u /* "HCLA" */
#define ATTEST_VERSION 2u
#define ATTEST_REPORT_BYTES 1184u
#define ATTEST_REQUEST_MAX 4096u /* bytes of a whole request: GET_ATTEST_REPORT_MAX */
#define ATTEST_RESPONSE_MAX 4096u
#define ATTEST_RSA_BYTES 256u    /* RSA-2048: modulus, signature, big endian */

enum attest_request_type { ATTEST_KEY_RELEASE = 1, ATTEST_AK_CERT = 2, ATTEST_WRAPPED_KEY = 3 };
enum attest_report_type { ATTEST_VBS = 1, ATTEST_SNP = 2, ATTEST_TVM = 3, ATTEST_TDX = 4, ATTEST_CCA = 5 };
#define ATTEST_HASH_SHA256 1u

struct attest_request_header {
	le32 signature, version;
	le32 report_bytes; /* ATTEST_REPORT_BYTES */
	le32 request_type; /* enum attest_request_type */
	le32 status, reserved[3];
} VL_PACKED;
_Static_assert(sizeof(struct attest_request_header) == 32, "IgvmAttestRequestHeader");

#define ATTEST_CAN_ERROR_CODE 1u /* bits of capabilities: what the answer may use */
#define ATTEST_CAN_RETRY 2u

struct attest_request_data {
	le32 data_bytes; /* of this structure and the claims */
	le32 version;
	le32 report_type; /* enum attest_report_type */
	le32 hash_type;   /* ATTEST_HASH_SHA256 */
	le32 variable_bytes;
	le32 capabilities;
} VL_PACKED;
_Static_assert(sizeof(struct attest_request_data) == 24, "IgvmAttestRequestData, with its extension");

#define ATTEST_CLAIMS_MAX \
	(ATTEST_REQUEST_MAX - sizeof(struct attest_request_header) - ATTEST_REPORT_BYTES - \
	 sizeof(struct attest_request_data))

#define ATTEST_SIGNAL_RETRY 1u /* bit of signal: nothing is wrong with the request, ask again */

struct attest_response_header {
	le32 data_bytes; /* of this structure and the payload */
	le32 version;
	le32 error;       /* enum attest_refusal; not 0: there is no payload */
	le32 http_status; /* 200, 403, 503: the reference's agents hand on their service's */
	le32 signal;
	le32 reserved[3];
} VL_PACKED;
_Static_assert(sizeof(struct attest_response_header) == 32, "IgvmAttestKeyReleaseResponseHeader");

/* Why a broker refuses. Nobody vouches for it on the way: a refusal is a hint, never a fact. */
enum attest_refusal {
	ATTEST_RELEASED = 0,
	ATTEST_MALFORMED = 1,   /* no request, or claims that lack something */
	ATTEST_NOT_SIGNED = 2,  /* the report is not of a platform that the broker knows, or was altered */
	ATTEST_NOT_BOUND = 3,   /* the report does not vouch for these claims */
	ATTEST_MEASUREMENT = 4, /* not an accepted measurement or signer */
	ATTEST_POLICY = 5,      /* too old, debuggable, or a claim that the policy does not allow */
	ATTEST_EPOCH = 6,       /* confirms an epoch that is not the next one */
	ATTEST_UNAVAILABLE = 7, /* the broker cannot now */
	ATTEST_REPORT_TYPE = 8, /* a report of a kind that the broker cannot verify: SNP, TDX, TVM, CCA */
	ATTEST_REFUSAL_COUNT
};
const char *attest_refusal_text(unsigned refusal);

/*
 * Payload of a release. The state file's datastore keys change with each boot: the
 * broker keeps a VM's epoch and gives the keys of this epoch and of the next. The
 * state that opens with `next`, or is brought to it, is then confirmed; from the
 * broker's answer on no older key is ever given out. That is the anchor against a
 * replay of the whole state file; what was written since that confirmation can
 * still be replayed among itself.
 */
struct attest_secret { /* travels in `transfer` (security/crypto/keywrap.h) */
	le64 epoch;
	uint8_t current[32], next[32]; /* keys of `epoch` and `epoch` + 1 */
} VL_PACKED;
_Static_assert(sizeof(struct attest_secret) == 72, "no padding");

#define ATTEST_TRANSFER_BYTES (ATTEST_RSA_BYTES + 80u)

/* Signed: PSS over SHA-256(ATTEST_RELEASE_DOMAIN | SHA-256 of the request's claims | transfer). */
struct attest_release {
	/* Modulus of the broker's key; the VM's measured words have its SHA-256. */
	uint8_t broker[ATTEST_RSA_BYTES];
	uint8_t signature[ATTEST_RSA_BYTES];
	uint8_t transfer[ATTEST_TRANSFER_BYTES];
} VL_PACKED;

/* For claims that confirm an epoch. Signed: ATTEST_CONFIRM_DOMAIN | SHA-256 of the claims | epoch. */
struct attest_confirmation {
	uint8_t broker[ATTEST_RSA_BYTES];
	uint8_t signature[ATTEST_RSA_BYTES];
	le64 epoch;
} VL_PACKED;

#define ATTEST_RELEASE_DOMAIN "vallum key release 1"
#define ATTEST_CONFIRM_DOMAIN "vallum epoch confirmation 1"

/* Lays a request out around its report and claims. Returns its size in bytes, or VL_E_LIMIT. */
int attest_request_encode(uint8_t out[ATTEST_REQUEST_MAX], enum attest_report_type type, const void *report,
	size_t report_bytes, const char *claims, size_t claims_bytes);

/* Views into a request of a peer. */
struct attest_request {
	enum attest_report_type report_type;
	const uint8_t *report; /* ATTEST_REPORT_BYTES */
	const char *claims;
	size_t claims_bytes;
};

/*
 * VL_E_TRUNCATED, VL_E_MAGIC, VL_E_VERSION, VL_E_RESERVED, VL_E_TYPE (a request or
 * hash that this is not for), VL_E_RANGE (sizes that disagree).
 */
int attest_request_decode(struct attest_request *r, const void *data, size_t size);

/* Header and payload (NULL for a refusal). Returns the size in bytes. */
size_t attest_response_encode(uint8_t out[ATTEST_RESPONSE_MAX], enum attest_refusal refusal, bool retry,
	const void *payload, size_t payload_bytes);
/*
 * *payload is a view. 0; VL_E_DENIED: refused, with *refusal; VL_E_AGAIN: the same,
 * and asking again may help; VL_E_TRUNCATED, VL_E_VERSION, VL_E_RANGE.
 */
int attest_response_decode(const void *data, size_t size, const uint8_t **payload, size_t *payload_bytes,
	unsigned *refusal);

#define ATTEST_ID_BYTES 16u

/* What Vallum's runtime claims say. */
struct attest_claims {
	uint8_t modulus[ATTEST_RSA_BYTES]; /* of the key that the answer is encrypted to; exponent 65537 */
	uint8_t vm_id[ATTEST_ID_BYTES];
	bool console_enabled, secure_boot, tpm_enabled, debug;
	char sealing_policy[8]; /* "none", "hash", "signer" */
	bool confirms;  /* the request confirms `epoch` and asks for no key */
	uint64_t epoch;
};

/*
 * As JSON, in the reference's names: "keys" with HCLTransferKey as a JWK,
 * "vm-configuration", and under "user-data" what is ours. Returns the size in
 * bytes, or VL_E_NOSPACE.
 */
int attest_claims_encode(const struct attest_claims *c, char *out, size_t room);
/* The reverse. VL_E_FORMAT, VL_E_TYPE, VL_E_RANGE, VL_E_LIMIT, VL_E_DUPLICATE, VL_E_MISSING. */
int attest_claims_decode(struct attest_claims *c, const char *json, size_t size);

/* base64url without padding (RFC 7515). out[base64url_bytes(n)] and a NUL. */
#define ATTEST_BASE64_BYTES(n) (((n) * 8 + 5) / 6)
void attest_base64url(char *out, const uint8_t *data, size_t size);
/* Exactly `size` bytes. VL_E_FORMAT. */
int attest_unbase64url(uint8_t *out, size_t size, const char *text);

#endif
