/*
 * Hyper-V sockets on VMBus channels (see hvsock.h). Everything runs on the
 * loop's thread; the peer is VTL2's hv_sock driver and hostile. A stream lives
 * in a fixed slot; its buffers are freed when the service has been told that
 * it ended, the slot when VTL2 has let go of the channel.
 *
 * Services are called from pump() and from the channel's events only, which
 * always start at the loop, so that a service may call host_stream_* from
 * within its functions; those only queue, write into the ring and poke().
 */
#include "tools/host/hvsock.h"

#include "common/base/log.h"
#include "tools/host/host.h"
#include "tools/host/vmbus_protocol.h"
#include "tools/host/vmbus_ring.h"
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define OPEN_LIMIT_NS 5000000000ull  /* VTL2 must open an offered channel */
#define CLOSE_LIMIT_NS 5000000000ull /* VTL2 must take what was queued before a close */
#define TICK_NS 250000000
#define PACKETS_PER_TURN 64 /* then other work gets its turn */
#define SEND_PAYLOAD_MAX (VL_PAGE_BYTES - sizeof(struct vmbus_pipe_header))

struct buffers {
	uint8_t in[sizeof(struct vmbus_pipe_header) + VMBUS_PIPE_PAYLOAD_MAX];
	uint8_t out[HVSOCK_SEND_BUFFER_BYTES];
};

struct host_stream {
	struct hvsock *sockets;
	struct vmbus_channel *channel; /* NULL: the slot is free */
	const struct host_service_ops *ops;
	void *connection;
	void (*connected)(void *connection);
	struct buffers *buffers; /* NULL: `closed` was called, waiting for VTL2 to let go */
	uint64_t deadline_ns;    /* 0: none */
	size_t in_first, in_count;
	size_t out_first, out_count;
	bool open;      /* the rings may be used */
	bool poked;     /* pump() is due */
	bool stalled;   /* the service left bytes in `in` */
	bool peer_done; /* VTL2's FIN was read */
	bool peer_told;
	bool shutdown;  /* FIN is to follow the queued bytes */
	bool fin_sent;
	bool closing;   /* by host_stream_close */
	bool broken;    /* end now, whatever is queued */
	bool short_send;
};

struct service {
	uint32_t port;
	const struct host_service_ops *ops;
	void *service;
};

struct hvsock {
	struct host *h;
	struct vmbus *bus;
	struct service service[HVSOCK_SERVICE_MAX];
	unsigned service_count;
	struct host_stream stream[HVSOCK_STREAM_MAX];
	struct host_source tick;
	bool posted; /* run_poked() is on its way */
	uint32_t ephemeral_port;
};

/* <port>-facb-11e6-bd58-64006a7986d3 */
static const uint8_t service_template[12] = { 0xcb, 0xfa, 0xe6, 0x11, 0xbd, 0x58, 0x64, 0x00, 0x6a, 0x79,
		0x86, 0xd3 };

static struct vmbus_guid port_guid(uint32_t port)
{
	le32 wire = cpu_to_le32(port);
	struct vmbus_guid guid;

	memcpy(guid.bytes, &wire, sizeof(wire));
	memcpy(guid.bytes + sizeof(wire), service_template, sizeof(service_template));
	return guid;
}

/* False when the GUID is not one of a port. */
static bool guid_port(const struct vmbus_guid *guid, uint32_t *port)
{
	le32 wire;

	memcpy(&wire, guid->bytes, sizeof(wire));
	*port = le32_to_cpu(wire);
	return !memcmp(guid->bytes + sizeof(wire), service_template, sizeof(service_template));
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- Ending --------------------------------------------------------------------- */

/* The service hears of the end once; the slot stays until VTL2 lets go. */
static void tell_closed(struct host_stream *s)
{
	if (!s->buffers)
		return;
	free(s->buffers);
	s->buffers = NULL;
	s->deadline_ns = 0;
	if (s->ops->closed)
		s->ops->closed(s->connection);
}

static void end_stream(struct host_stream *s)
{
	s->open = false;
	vmbus_rescind(s->channel);
	tell_closed(s);
}

static void on_closed(void *context)
{
	end_stream(context);
}

static void on_released(void *context)
{
	struct host_stream *s = context;

	s->open = false;
	tell_closed(s);
	*s = (struct host_stream){ .sockets = s->sockets };
}

static void break_stream(struct host_stream *s, const char *what, int err)
{
	if (!s->broken)
		vl_warn("hvsock: a connection ends: %s: %s", what, vl_err_text(err));
	s->broken = true;
}

/* --- Sending ----------------------------------------------------------------------- */

/* Writes one packet; false when there is no room (VTL2 will signal) or the ring is broken. */
static bool send_packet(struct host_stream *s, const void *data, uint32_t bytes, bool *interrupt)
{
	struct vmbus_pipe_header head = { cpu_to_le32(VMBUS_PIPE_DATA), cpu_to_le32(bytes) };
	struct vmbus_ring *ring = vmbus_outbound(s->channel);
	int err = vmbus_ring_write(ring, &head, sizeof(head), data, bytes, interrupt);

	if (err == VL_E_AGAIN) {
		vmbus_ring_want(ring, sizeof(head) + bytes);
		err = vmbus_ring_write(ring, &head, sizeof(head), data, bytes, interrupt);
	}
	if (err && err != VL_E_AGAIN)
		break_stream(s, "VTL2 broke its ring buffer", err);
	if (!err)
		vmbus_ring_want(ring, 0);
	return !err;
}

static void flush(struct host_stream *s)
{
	bool interrupt = false;
	size_t most;

	if (!s->open || s->broken)
		return;
	most = vmbus_outbound(s->channel)->bytes / 2; /* a packet must fit at all */
	most = most < SEND_PAYLOAD_MAX ? most : SEND_PAYLOAD_MAX;
	while (s->out_count) {
		size_t n = HVSOCK_SEND_BUFFER_BYTES - s->out_first;

		n = n < s->out_count ? n : s->out_count;
		n = n < most ? n : most;
		if (!send_packet(s, s->buffers->out + s->out_first, (uint32_t)n, &interrupt))
			break;
		s->out_first = (s->out_first + n) % HVSOCK_SEND_BUFFER_BYTES;
		s->out_count -= n;
	}
	if (!s->out_count && s->shutdown && !s->fin_sent && !s->broken)
		s->fin_sent = send_packet(s, NULL, 0, &interrupt);
	if (interrupt)
		vmbus_interrupt(s->channel);
}

/* --- Receiving ---------------------------------------------------------------------- */

/* Shows the service what is buffered; true when all is used. */
static bool deliver(struct host_stream *s)
{
	while (s->in_count && !s->broken) {
		int64_t n = (int64_t)s->in_count;

		if (!s->closing)
			n = s->ops->receive(s->connection, s->buffers->in + s->in_first, s->in_count);
		if (n < 0) {
			break_stream(s, "its service refused the data", (int)n);
			break;
		}
		if (n == 0) {
			s->stalled = true;
			return false;
		}
		if ((uint64_t)n > s->in_count)
			n = (int64_t)s->in_count;
		s->in_first += (size_t)n;
		s->in_count -= (size_t)n;
	}
	return !s->in_count;
}

/* Takes the next packet into `in`; false when there is none or the peer broke the protocol. */
static bool next_packet(struct host_stream *s, bool *interrupt)
{
	struct vmbus_pipe_header head;
	int64_t n = vmbus_ring_read(vmbus_inbound(s->channel), s->buffers->in, sizeof(s->buffers->in),
			interrupt);

	if (n == VL_E_AGAIN)
		return false;
	if (n < 0) {
		break_stream(s, "VTL2 broke its ring buffer", (int)n);
		return false;
	}
	if ((size_t)n >= sizeof(head))
		memcpy(&head, s->buffers->in, sizeof(head));
	if ((size_t)n < sizeof(head) || le32_to_cpu(head.type) != VMBUS_PIPE_DATA ||
	    le32_to_cpu(head.data_bytes) > (size_t)n - sizeof(head) || s->peer_done) {
		break_stream(s, "VTL2 sent a packet that is no socket data", VL_E_PROTOCOL);
		return false;
	}
	s->in_first = sizeof(head);
	s->in_count = le32_to_cpu(head.data_bytes);
	s->peer_done = !s->in_count;
	return true;
}

static void poke(struct host_stream *s);

static void drain(struct host_stream *s)
{
	struct vmbus_ring *ring = vmbus_inbound(s->channel);
	bool interrupt = false;
	unsigned packets = 0;

	s->stalled = false;
	vmbus_ring_mask(ring, true);
	while (deliver(s) && !s->broken && packets < PACKETS_PER_TURN && next_packet(s, &interrupt))
		packets++;
	vmbus_ring_mask(ring, false);
	/* What came between the last look and the mask's end was not signalled. */
	if (!s->stalled && !s->broken && vmbus_ring_readable(ring))
		poke(s);
	if (interrupt)
		vmbus_interrupt(s->channel);
}

/* --- One turn of a stream --------------------------------------------------------------- */

static void tell_peer_done(struct host_stream *s)
{
	if (!s->peer_done || s->peer_told || s->in_count || s->closing)
		return;
	s->peer_told = true;
	if (s->ops->peer_done)
		s->ops->peer_done(s->connection);
	else
		host_stream_close(s);
}

static void tell_writable(struct host_stream *s)
{
	if (!s->short_send || s->shutdown || s->out_count > HVSOCK_SEND_BUFFER_BYTES / 2)
		return;
	s->short_send = false;
	if (s->ops->writable)
		s->ops->writable(s->connection);
}

static void pump(struct host_stream *s)
{
	s->poked = false;
	if (!s->buffers)
		return;
	if (s->open) {
		drain(s);
		tell_peer_done(s);
		flush(s);
		tell_writable(s);
	}
	if (s->broken || (s->fin_sent && (s->closing || s->peer_done)))
		end_stream(s);
}

static void run_poked(void *context)
{
	struct hvsock *sockets = context;

	sockets->posted = false;
	for (unsigned i = 0; i < HVSOCK_STREAM_MAX; i++)
		if (sockets->stream[i].channel && sockets->stream[i].poked)
			pump(&sockets->stream[i]);
}

static void poke(struct host_stream *s)
{
	struct hvsock *sockets = s->sockets;

	s->poked = true;
	if (!sockets->posted) {
		sockets->posted = true;
		loop_post(sockets->h, run_poked, sockets);
	}
}

static void on_signalled(void *context)
{
	struct host_stream *s = context;

	if (s->open)
		pump(s);
}

static void on_opened(void *context)
{
	struct host_stream *s = context;

	if (!s->buffers)
		return;
	s->open = true;
	s->deadline_ns = s->closing ? s->deadline_ns : 0;
	if (s->connected)
		s->connected(s->connection);
	pump(s);
}

static const struct vmbus_channel_ops channel_ops = { on_opened, on_signalled, on_closed, on_released };

/* --- Time limits --------------------------------------------------------------------------- */

static void set_deadline(struct host_stream *s, uint64_t limit_ns)
{
	struct itimerspec t = { .it_value.tv_nsec = TICK_NS };

	s->deadline_ns = now_ns() + limit_ns;
	timerfd_settime(s->sockets->tick.fd, 0, &t, NULL);
}

static void on_tick(struct host_source *source, uint32_t events)
{
	struct itimerspec t = { .it_value.tv_nsec = TICK_NS };
	struct hvsock *sockets = source->context;
	uint64_t ticks, now = now_ns();
	bool more = false;

	if (read(source->fd, &ticks, sizeof(ticks)) != sizeof(ticks))
		return;
	for (unsigned i = 0; i < HVSOCK_STREAM_MAX; i++) {
		struct host_stream *s = &sockets->stream[i];

		if (s->deadline_ns && now >= s->deadline_ns)
			end_stream(s);
		more |= s->deadline_ns != 0;
	}
	if (more)
		timerfd_settime(source->fd, 0, &t, NULL);
}

/* --- Connecting -------------------------------------------------------------------------------- */

static struct host_stream *new_stream(struct hvsock *sockets, const struct host_service_ops *ops,
		void *connection)
{
	for (unsigned i = 0; i < HVSOCK_STREAM_MAX; i++) {
		struct host_stream *s = &sockets->stream[i];

		if (s->channel || s->buffers)
			continue;
		*s = (struct host_stream){ .sockets = sockets, .ops = ops, .connection = connection,
					   .buffers = malloc(sizeof(*s->buffers)) };
		return s->buffers ? s : NULL;
	}
	return NULL;
}

static void drop_stream(struct host_stream *s)
{
	free(s->buffers);
	*s = (struct host_stream){ .sockets = s->sockets };
}

static int offer_stream(struct host_stream *s, struct vmbus_guid type, struct vmbus_guid instance,
		bool from_host)
{
	struct vmbus_offer offer = {
		.type = type, .instance = instance,
		.flags = VMBUS_OFFER_ENUMERATE_DEVICE | VMBUS_OFFER_NAMED_PIPE | VMBUS_OFFER_TLNPI_PROVIDER,
		.user_defined[VMBUS_SOCKET_FROM_HOST_OFFSET] = from_host,
	};
	int err = vmbus_offer(s->sockets->bus, &offer, &channel_ops, s, &s->channel);

	if (!err)
		set_deadline(s, OPEN_LIMIT_NS);
	return err;
}

static const struct service *find_service(const struct hvsock *sockets, const struct vmbus_guid *guid)
{
	uint32_t port;

	if (!guid_port(guid, &port))
		return NULL;
	for (unsigned i = 0; i < sockets->service_count; i++)
		if (sockets->service[i].port == port)
			return &sockets->service[i];
	return NULL;
}

static int accept_stream(struct host_stream *s, const struct service *service,
		const struct vmbus_guid *endpoint, const struct vmbus_guid *guid)
{
	int err = service->ops->open ? service->ops->open(service->service, s, &s->connection) : 0;

	if (err)
		return err;
	err = offer_stream(s, *guid, *endpoint, false);
	if (err && s->ops->closed)
		s->ops->closed(s->connection);
	return err;
}

static void on_connect(void *context, const struct vmbus_guid *endpoint, const struct vmbus_guid *guid)
{
	struct hvsock *sockets = context;
	const struct service *service = find_service(sockets, guid);
	struct host_stream *s = service ? new_stream(sockets, service->ops, service->service) : NULL;
	int err = s ? accept_stream(s, service, endpoint, guid) : service ? VL_E_LIMIT : VL_E_NOTFOUND;

	if (!err)
		return;
	vl_debug("hvsock: a connection of VTL2 is refused: %s", vl_err_text(err));
	if (s)
		drop_stream(s);
	vmbus_refuse_connect(sockets->bus, endpoint, guid);
}

int hvsock_connect(struct hvsock *sockets, uint32_t port, const struct host_service_ops *ops,
		void *connection, void (*connected)(void *connection), struct host_stream **stream)
{
	struct host_stream *s;
	int err;

	if (port > HVSOCK_PORT_MAX)
		return VL_E_RANGE;
	s = new_stream(sockets, ops, connection);
	if (!s)
		return VL_E_LIMIT;
	s->connected = connected;
	/* Ports of the host's end lie above those that VTL2 can connect to. */
	sockets->ephemeral_port = (sockets->ephemeral_port + 1) | (HVSOCK_PORT_MAX + 1);
	err = offer_stream(s, port_guid(port), port_guid(sockets->ephemeral_port), true);
	if (err) {
		drop_stream(s);
		return err;
	}
	*stream = s;
	return 0;
}

/* --- For services ------------------------------------------------------------------------------- */

int host_service_register(struct hvsock *sockets, uint32_t port, const struct host_service_ops *ops,
		void *service)
{
	if (port > HVSOCK_PORT_MAX)
		return VL_E_RANGE;
	if (sockets->service_count == HVSOCK_SERVICE_MAX)
		return VL_E_LIMIT;
	for (unsigned i = 0; i < sockets->service_count; i++)
		if (sockets->service[i].port == port)
			return VL_E_EXISTS;
	sockets->service[sockets->service_count++] = (struct service){ port, ops, service };
	return 0;
}

size_t host_stream_room(const struct host_stream *s)
{
	return s->buffers && !s->shutdown && !s->broken ? HVSOCK_SEND_BUFFER_BYTES - s->out_count : 0;
}

void host_stream_want(struct host_stream *s)
{
	s->short_send = true;
	poke(s);
}

size_t host_stream_send(struct host_stream *s, const void *data, size_t bytes)
{
	size_t room = host_stream_room(s), n = bytes < room ? bytes : room;
	size_t at = (s->out_first + s->out_count) % HVSOCK_SEND_BUFFER_BYTES;
	size_t first = HVSOCK_SEND_BUFFER_BYTES - at < n ? HVSOCK_SEND_BUFFER_BYTES - at : n;

	if (n) {
		memcpy(s->buffers->out + at, data, first);
		memcpy(s->buffers->out, (const uint8_t *)data + first, n - first);
		s->out_count += n;
		flush(s);
	}
	if (n < bytes)
		host_stream_want(s);
	if (s->broken)
		poke(s);
	return n;
}

void host_stream_resume(struct host_stream *s)
{
	poke(s);
}

void host_stream_drain(struct host_stream *s)
{
	do {
		s->poked = false;
		if (s->open && s->buffers)
			drain(s);
	} while (s->poked);
}

void host_stream_shutdown(struct host_stream *s)
{
	s->shutdown = true;
	poke(s);
}

void host_stream_close(struct host_stream *s)
{
	if (s->closing)
		return;
	s->closing = true;
	s->shutdown = true;
	set_deadline(s, CLOSE_LIMIT_NS);
	poke(s);
}

/* --- Life --------------------------------------------------------------------------------------- */

struct hvsock *hvsock_create(struct host *h, struct vmbus *bus)
{
	struct hvsock *sockets = calloc(1, sizeof(*sockets));

	if (!sockets)
		return NULL;
	sockets->h = h;
	sockets->bus = bus;
	for (unsigned i = 0; i < HVSOCK_STREAM_MAX; i++)
		sockets->stream[i].sockets = sockets;
	sockets->tick = (struct host_source){ timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC),
		on_tick,
					      sockets };
	if (sockets->tick.fd < 0 || loop_add(h, &sockets->tick, EPOLLIN)) {
		vl_error("hvsock: cannot make a timer; is the limit of open files reached?");
		if (sockets->tick.fd >= 0)
			close(sockets->tick.fd);
		free(sockets);
		return NULL;
	}
	vmbus_set_connect_handler(bus, on_connect, sockets);
	return sockets;
}

void hvsock_destroy(struct hvsock *sockets)
{
	if (!sockets)
		return;
	vmbus_set_connect_handler(sockets->bus, NULL, NULL);
	vmbus_disconnect(sockets->bus);
	loop_remove(sockets->h, &sockets->tick);
	close(sockets->tick.fd);
	free(sockets);
}
