/*
 * HvCallVallumSealingKey: a key that the platform derives for an isolated
 * partition from what it measured, so that a state can be kept without a key
 * broker. Vallum's reference host has it where SEV-SNP has MSG_KEY_REQ and TDX has
 * TDG.MR.KEY.GET; Hyper-V's VBS has no counterpart, so that its host refuses the
 * call and the state is then not kept.
 */
#ifndef VL_HV_SEALING_H
#define VL_HV_SEALING_H

#include "common/base/types.h"

/* In the range of codes that the TLFS leaves to extended and vendor calls. */
#define HV_CALL_VALLUM_SEALING_KEY 0xc0f1u

enum sealing_policy {
	SEALING_NONE,   /* nothing is sealed */
	SEALING_HASH,   /* to the image's measurement: the same image alone gets the key again */
	SEALING_SIGNER, /* to the image's signer: any image of that signer does */
};

struct sealing_input {
	le32 policy; /* SEALING_HASH or SEALING_SIGNER */
	le32 reserved;
} VL_PACKED;

#define SEALING_KEY_BYTES 32u /* the output */

#endif
