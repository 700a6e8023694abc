/*
 * The paravisor's end of the workers' stores (runtime/lib/store.h): channels, each
 * with the files that it may name, over one VM guest state file. The requests are
 * workers' and not trusted; a worker that breaks the protocol loses its channel.
 */
#ifndef VL_PARAVISOR_STORE_BROKER_H
#define VL_PARAVISOR_STORE_BROKER_H

#include "runtime/lib/store.h"
#include "security/vmgs/vmgs.h"

#include <poll.h>

#define STORE_CHANNEL_MAX 4

/* One bit per file number, 1 to 62. */
#define STORE_FILE(id) (1ull << (id))

struct store_channel {
	int fd;         /* -1: free */
	uint64_t files; /* STORE_FILE bits that it may name */
	/* The file that travels in pieces. */
	uint32_t op, file, total, done; /* op 0: none; done: bytes so far */
	uint8_t content[STORE_FILE_MAX];
};

struct store_broker {
	struct vmgs *state; /* NULL: no requests are served (VL_E_DENIED) */
	bool encrypt;       /* files are written encrypted */
	struct store_channel channels[STORE_CHANNEL_MAX];
};

void store_broker_init(struct store_broker *b);

/*
 * A new channel for the `files`: returns the worker's end, close-on-exec and
 * non-blocking, which the caller hands over and closes. VL_E_LIMIT (no free
 * channel), VL_E_OS. The channel ends when the worker's end is closed.
 */
int store_broker_add(struct store_broker *b, uint64_t files);

/* For the event loop: fills STORE_CHANNEL_MAX entries before poll(), serves what poll() found after it. */
void store_broker_poll(const struct store_broker *b, struct pollfd f[STORE_CHANNEL_MAX]);
void store_broker_ready(struct store_broker *b, const struct pollfd f[STORE_CHANNEL_MAX]);

/* Ends all channels and wipes what they held. */
void store_broker_close(struct store_broker *b);

#endif
