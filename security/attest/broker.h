/*
 * The key broker's decision, without sockets and files: a request in, an answer
 * out. tools/key-broker runs it as a service; tests put it behind the paravisor.
 * The request is anybody's and hostile.
 *
 * A VM's datastore keys are derived from the broker's master secret, the VM's id
 * and an epoch. The epochs are the broker's memory: it must not lose them, or old
 * states become acceptable again.
 */
#ifndef VL_ATTEST_BROKER_H
#define VL_ATTEST_BROKER_H

#include "security/attest/release.h"

#define BROKER_PLATFORM_MAX 16u
#define BROKER_MEASUREMENT_MAX 64u
#define BROKER_MASTER_BYTES 32u

enum broker_wish { BROKER_ANY, BROKER_TRUE, BROKER_FALSE };

struct broker_policy {
	struct platform_public platforms[BROKER_PLATFORM_MAX];
	uint8_t measurements[BROKER_MEASUREMENT_MAX][VBS_DIGEST_BYTES];
	uint8_t signers[BROKER_MEASUREMENT_MAX][VBS_DIGEST_BYTES];
	unsigned platform_count, measurement_count, signer_count;
	uint32_t min_svn;
	bool allow_debug;
	enum broker_wish secure_boot, tpm, console;
};

/*
 * Reads a policy file: lines `word value`; # begins a comment.
 *	platform <public key, as platform-key prints it>      at least one
 *	measurement <64 hexadecimal digits> [comment]         at least one of these
 *	signer <64 hexadecimal digits> [comment]              and these
 *	min-svn <number>
 *	debug allow|deny                                      default deny
 *	secure-boot|tpm|console any|true|false                default any
 * The last five stand at most once, with nothing behind the value.
 * VL_E_FORMAT, VL_E_TYPE (unknown word), VL_E_DUPLICATE, VL_E_LIMIT, VL_E_MISSING; *line is where, from 1.
 */
int broker_policy_read(struct broker_policy *p, const char *text, size_t size, unsigned *line);

/* Where the epochs are. Both return 0 or a negative error; a new VM's epoch is 0. */
struct broker_epochs {
	int (*get)(void *context, const uint8_t vm_id[ATTEST_ID_BYTES], uint64_t *epoch);
	/* Durable when it returns 0. */
	int (*set)(void *context, const uint8_t vm_id[ATTEST_ID_BYTES], uint64_t epoch);
	void *context;
};

struct broker {
	struct broker_policy policy;
	struct platform_key key; /* signs answers */
	uint8_t master[BROKER_MASTER_BYTES];
	struct broker_epochs epochs;
	int (*random)(void *out, size_t size); /* 0 or negative */
};

/*
 * Answers one request; *size is the answer's. Returns why it was refused
 * (ATTEST_RELEASED: it was not), for the broker's log; `vm_id` (16 bytes) is whose
 * it was, zero when that is unknown.
 */
enum attest_refusal broker_answer(struct broker *b, const void *request, size_t request_bytes,
				  uint8_t out[ATTEST_RESPONSE_MAX], size_t *size,
				  uint8_t vm_id[ATTEST_ID_BYTES]);

#endif
