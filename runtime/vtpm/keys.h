/*
 * The endorsement key (EK) and the attestation key (AK) that a guest finds at
 * fixed handles. Both are primary keys of the endorsement hierarchy, so the
 * TPM's seed makes the same ones again.
 *
 * A persistent key comes out of the state file and is believed only after a
 * check (CVE-2025-49707: one of other attributes would sign what its owner
 * likes): its public area is our template byte for byte, its name is the one
 * that the public area gives, and its qualified name says that the endorsement
 * hierarchy is its parent. What fails is removed and made anew. When the VM is
 * isolated both are always made anew.
 *
 * Templates: EK: TCG EK Credential Profile, template L-1 (RSA 2048). AK: RSA
 * 2048, restricted, signing by RSASSA with SHA-256.
 */
#ifndef VL_VTPM_KEYS_H
#define VL_VTPM_KEYS_H

#include "runtime/vtpm/command.h"

#define KEYS_AK_HANDLE 0x81000003u
#define KEYS_EK_HANDLE 0x81010001u

/* What the caller may want to know of it. */
struct keys_outcome {
	unsigned kept, made, refused; /* keys; refused: one was removed because it failed the check */
	unsigned locked; /* not made: the guest has put a password on the hierarchy */
};

/*
 * Both keys, in a TPM that was started up. 0, or an error of command_must(): the
 * TPM itself does not work.
 */
int keys_prepare(struct tpm *t, bool isolated, struct keys_outcome *out);

#endif
