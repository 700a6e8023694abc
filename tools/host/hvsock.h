/*
 * Streams between VTL2's AF_VSOCK sockets and services of the host (Hyper-V
 * sockets: one VMBus channel each). A service registers for a port and is
 * called on the loop thread (host.h) only; all bytes come from VTL2 and are
 * untrusted. Used by services.c (console, disks, the --vsock bridge) and by
 * the host channel (get.c).
 */
#ifndef VL_HOST_HVSOCK_H
#define VL_HOST_HVSOCK_H

#include "common/base/types.h"

struct hvsock;      /* all streams of one partition */
struct host_stream; /* one connection */

#define HVSOCK_STREAM_MAX 64          /* connections at a time, both directions */
#define HVSOCK_SERVICE_MAX 64         /* registered ports */
#define HVSOCK_SEND_BUFFER_BYTES 65536u /* accepted by host_stream_send beyond what VTL2 has room for */
#define HVSOCK_PORT_MAX 0x7fffffffu

/*
 * What a service does with its connections. `service` is what was registered,
 * `connection` what `open` stored. A function may call host_stream_* on the
 * stream that it is called for.
 */
struct host_service_ops {
	/*
	 * VTL2 connects. Stores the connection's context; returns 0, or a negative
	 * vl_err to refuse. NULL: accept, and the context is `service`. Sending is
	 * allowed at once.
	 */
	int (*open)(void *service, struct host_stream *stream, void **connection);
	/*
	 * Bytes from VTL2. Returns how many were used (0..bytes); the rest is shown
	 * again after host_stream_resume() and holds VTL2 back meanwhile. A negative
	 * vl_err closes the stream.
	 */
	int64_t (*receive)(void *connection, const uint8_t *data, size_t bytes);
	/* There is room to send again after host_stream_send took less than all. May be NULL. */
	void (*writable)(void *connection);
	/* VTL2 will send no more; what it sent was all received. NULL: the stream is closed then. */
	void (*peer_done)(void *connection);
	/* The stream is gone, by either side; the last call. May be NULL. */
	void (*closed)(void *connection);
};

/*
 * All streams on one VMBus. NULL when out of memory. Destroy after the loop has
 * stopped and before the bus: every stream's `closed` is called.
 */
struct host;
struct vmbus;
struct hvsock *hvsock_create(struct host *h, struct vmbus *bus);
void hvsock_destroy(struct hvsock *sockets);

/*
 * Offers `port` (common/base/ports.h) to VTL2. `ops` and `service` must stay
 * as long as `sockets`. 0, or VL_E_EXISTS, VL_E_LIMIT, VL_E_RANGE (port).
 */
int host_service_register(struct hvsock *sockets, uint32_t port, const struct host_service_ops *ops,
		void *service);

/*
 * Queues bytes for VTL2 and returns how many were accepted: all of them unless
 * HVSOCK_SEND_BUFFER_BYTES are waiting already or the stream has ended.
 * To send a message whole or not at all ask host_stream_room() first.
 */
size_t host_stream_send(struct host_stream *stream, const void *data, size_t bytes);
/* Bytes that host_stream_send accepts now. */
size_t host_stream_room(const struct host_stream *stream);
/* Asks for `writable`, as a send that took less than all does. */
void host_stream_want(struct host_stream *stream);
/* Calls `receive` again (from the loop, not from within) for bytes that it left. */
void host_stream_resume(struct host_stream *stream);
/* After the loop has stopped: receives what VTL2 has sent until now. */
void host_stream_drain(struct host_stream *stream);
/* Ends our direction after the queued bytes; VTL2 may go on sending. */
void host_stream_shutdown(struct host_stream *stream);
/*
 * Ends the stream: what is queued is still delivered if VTL2 takes it within
 * a few seconds, what VTL2 sends is dropped. `closed` is called later, from the
 * loop; no other function is called any more.
 */
void host_stream_close(struct host_stream *stream);

/*
 * Connects to `port` in VTL2. `ops->open` is not called; `connection` is the
 * context. The connection is usable at once (bytes are queued); it is known to
 * stand when `connected` is called, or ends in `closed` when VTL2 does not
 * accept it within 5 seconds. 0, or VL_E_RANGE, VL_E_LIMIT, VL_E_STATE (VTL2 has
 * no VMBus connection yet).
 */
int hvsock_connect(struct hvsock *sockets, uint32_t port, const struct host_service_ops *ops,
		void *connection, void (*connected)(void *connection), struct host_stream **stream);

#endif
