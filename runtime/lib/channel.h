/*
 * SOCK_SEQPACKET pairs between our processes: one call is one message, with
 * the descriptors that travel beside it. Both ends treat the other as hostile:
 * a message is copied whole into the caller's buffer, one that is too long or
 * carries too many descriptors is refused and its descriptors are closed.
 */
#ifndef VL_LIB_CHANNEL_H
#define VL_LIB_CHANNEL_H

#include "common/base/err.h"
#include "common/base/types.h"

#define CHANNEL_FD_MAX 64 /* descriptors in one message */

struct channel_message {
	void *data;      /* the caller's buffer */
	size_t capacity; /* its size in bytes */
	size_t size;     /* bytes received */
	int fds[CHANNEL_FD_MAX]; /* received, close-on-exec; now the caller's */
	size_t fd_count;
};

/*
 * Makes a pair; both ends are close-on-exec and non-blocking. 0 or VL_E_OS.
 */
int channel_pair(int fds[2]);

/*
 * Sends `size` bytes with `fd_count` descriptors (kept open here). Waits at
 * most `limit_ms` for room. VL_E_TIMEOUT, VL_E_CLOSED, VL_E_LIMIT (too long
 * for the socket, or too many descriptors), VL_E_OS.
 */
int channel_send(int fd, const void *data, size_t size, const int *fds, size_t fd_count, int limit_ms);

/*
 * Receives one message into `m` (data and capacity are set by the caller).
 * Waits at most `limit_ms` (0: not at all). VL_E_AGAIN when there is none and
 * limit_ms is 0, else VL_E_TIMEOUT; VL_E_CLOSED; VL_E_LIMIT for a message
 * that does not fit (it is consumed); VL_E_OS.
 */
int channel_receive(int fd, struct channel_message *m, int limit_ms);

/* Closes every descriptor in `m` that is not -1. */
void channel_close_fds(struct channel_message *m);

#endif
