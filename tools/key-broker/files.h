/*
 * What the key broker keeps in its folder: broker.key (signs answers, PEM),
 * master (32 bytes, the guests' keys are derived from it) and epochs. All are made
 * when they are not there, readable for their owner only.
 */
#ifndef VL_KEY_BROKER_FILES_H
#define VL_KEY_BROKER_FILES_H

#include "security/attest/broker.h"

#define BROKER_GUEST_MAX 4096u

struct broker_guest {
	uint8_t id[ATTEST_ID_BYTES];
	le64 epoch;
} VL_PACKED;

struct broker_files {
	int dir; /* -1: not open; locked, so that two brokers cannot count apart */
	struct broker_guest guests[BROKER_GUEST_MAX];
	unsigned guest_count;
};

/* Fills key, master and epochs of `b`. 0, or 1 after printing what was wrong. */
int broker_files_open(struct broker_files *f, struct broker *b, const char *dir);
/* The policy file. 0, or 1 after printing what was wrong and where. */
int broker_files_policy(struct broker *b, const char *path);
void broker_files_close(struct broker_files *f, struct broker *b);

#endif
