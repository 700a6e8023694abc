/*
 * Carries one attestation request from VTL2 to the key broker and its answer
 * back, unread: the host is not trusted with either, and cannot help or harm but
 * by losing them. On the host's loop thread, without waiting on it.
 *
 * To the broker: a stream to its address; le32 size in bytes, then the request;
 * back the same with the answer (tools/key-broker).
 */
#ifndef VL_HOST_BROKER_RELAY_H
#define VL_HOST_BROKER_RELAY_H

#include "tools/host/host.h"

#define BROKER_RELAY_BYTES 4100u /* the size and a request or answer of at most 4096 bytes */
#define BROKER_RELAY_LIMIT_SECONDS 15

/* size 0: no answer, after printing why. */
typedef void broker_relay_done(void *context, const void *answer, size_t size);

struct broker_relay {
	struct host *host;
	struct host_source stream, timer; /* fd -1: not there */
	uint8_t bytes[BROKER_RELAY_BYTES];
	size_t fill, sent; /* sent < fill: the request is on its way out */
	bool receiving;
	broker_relay_done *done;
	void *context;
};

void broker_relay_init(struct broker_relay *r);
/* `address` may be NULL (there is no broker). `done` is called once, perhaps before this returns. */
void broker_relay_start(struct broker_relay *r, struct host *h, const char *address, const void *request,
	size_t size, broker_relay_done *done, void *context);
/* Gives up without calling `done`. */
void broker_relay_cancel(struct broker_relay *r);

#endif
