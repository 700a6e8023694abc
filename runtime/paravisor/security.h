/*
 * Platform security of an isolated VM: brings the guest's state file under a key
 * that the host does not have, before anything of the guest runs. With a key
 * broker: a report over an ephemeral key goes to it through the host, the state's
 * key comes back, and the state is advanced to the next epoch. Without one: the
 * platform seals the key to the image's measurement or signer. Without either the
 * state is not kept.
 *
 * The host carries every message, keeps the file, and is not trusted with either.
 * Which of the three ways is taken says the measured command line alone.
 */
#ifndef VL_PARAVISOR_SECURITY_H
#define VL_PARAVISOR_SECURITY_H

#include "common/attest/attest.h"
#include "common/hv/sealing.h"
#include "common/hv/vbs_report.h"
#include "runtime/paravisor/guest_state.h"

#define SECURITY_BROKER_BYTES 32u

struct security_config {
	bool has_broker;
	uint8_t broker[SECURITY_BROKER_BYTES]; /* SHA-256 of the broker's public key */
	enum sealing_policy sealing;           /* when there is no broker */
};

/*
 * From the options of the measured command line: `broker` (VALLUM_BROKER) is 64
 * hexadecimal digits, `sealing` (VALLUM_SEALING) none, hash or signer; NULL: not
 * given. VL_E_FORMAT: anything else, and then the VM must not start.
 */
int security_config(struct security_config *c, const char *broker, const char *sealing);

/*
 * What the platform gives; hvcall.h has the real one, a test its own. Errors: VL_E_HYPERCALL (refused),
 * VL_E_OS.
 */
struct security_platform {
	int (*report)(void *context, const uint8_t data[VBS_REPORT_DATA_BYTES], struct vbs_report *out);
	int (*sealing_key)(void *context, enum sealing_policy policy, uint8_t key[SEALING_KEY_BYTES]);
	void *context;
};

/* What the VM's configuration claims to a broker. */
struct security_facts {
	bool console_enabled, secure_boot, tpm_enabled, debug;
};

/*
 * Opens the state file and unlocks it; afterwards it is encrypted, and what is
 * written to it encrypted is safe from the host. After an error the state is
 * closed and the file as it was, except that its key may already be the next
 * epoch's; *event is what the host's event log has to hear, *what says the step.
 * Beside the errors of guest_state_open: VL_E_DENIED (the broker refused, or a
 * false broker answered), VL_E_MISSING (no answer), VL_E_AUTH (an answer or the
 * state was altered, replayed or exchanged), VL_E_HYPERCALL (no report or key from
 * the platform).
 */
int security_open(struct guest_state *state, struct get_client *host, const struct security_config *config,
	const struct security_platform *platform, const struct security_facts *facts,
	enum get_event_log_id *event, const char **what);

#endif
