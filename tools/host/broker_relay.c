/* The way to the key broker (broker_relay.h). The broker's bytes are bounded and handed on unread. */
#include "tools/host/broker_relay.h"
#include "common/base/bytes.h"
#include "common/base/log.h"
#include "tools/host/broker_address.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define SIZE_BYTES 4u

void broker_relay_init(struct broker_relay *r)
{
	memset(r, 0, sizeof(*r));
	r->stream.fd = r->timer.fd = -1;
}

static void drop(struct broker_relay *r, struct host_source *s)
{
	if (s->fd < 0)
		return;
	loop_remove(r->host, s);
	close(s->fd);
	s->fd = -1;
}

void broker_relay_cancel(struct broker_relay *r)
{
	drop(r, &r->stream);
	drop(r, &r->timer);
}

static void finish(struct broker_relay *r, const void *answer, size_t size)
{
	broker_relay_cancel(r);
	r->done(r->context, answer, size);
}

static void fail(struct broker_relay *r, const char *what, const char *why)
{
	vl_error("key broker: %s: %s", what, why);
	finish(r, NULL, 0);
}

static bool again(void)
{
	return errno == EAGAIN || errno == EINTR;
}

static uint32_t announced(const struct broker_relay *r)
{
	struct vl_reader in;

	vl_reader_init(&in, r->bytes, SIZE_BYTES);
	return vl_read_le32(&in);
}

static void receive(struct broker_relay *r)
{
	ssize_t n = recv(r->stream.fd, r->bytes + r->fill, sizeof(r->bytes) - r->fill, MSG_DONTWAIT);

	if (n < 0 && again())
		return;
	if (n <= 0) {
		fail(r, "no answer", n ? strerror(errno) : "it closed the connection");
		return;
	}
	r->fill += (size_t)n;
	if (r->fill < SIZE_BYTES)
		return;
	if (announced(r) > sizeof(r->bytes) - SIZE_BYTES)
		fail(r, "no answer", "it announced one that is too long");
	else if (r->fill >= SIZE_BYTES + announced(r))
		finish(r, r->bytes + SIZE_BYTES, announced(r));
}

static void transmit(struct broker_relay *r)
{
	ssize_t n = send(r->stream.fd, r->bytes + r->sent, r->fill - r->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && again())
		return;
	if (n < 0) {
		fail(r, "cannot be reached", strerror(errno));
		return;
	}
	r->sent += (size_t)n;
	if (r->sent < r->fill)
		return;
	r->receiving = true;
	r->fill = 0;
	if (loop_change(r->host, &r->stream, EPOLLIN))
		fail(r, "host loop", strerror(errno));
}

static void on_stream(struct host_source *s, uint32_t events)
{
	struct broker_relay *r = s->context;

	if (r->receiving)
		receive(r);
	else
		transmit(r);
}

static void on_timer(struct host_source *s, uint32_t events)
{
	fail(s->context, "no answer", "the time limit has passed");
}

static int watch(struct broker_relay *r)
{
	const struct itimerspec limit = { .it_value.tv_sec = BROKER_RELAY_LIMIT_SECONDS };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), err;

	if (fd < 0)
		return VL_E_OS;
	r->timer = (struct host_source){ .fd = fd, .ready = on_timer, .context = r };
	err = timerfd_settime(fd, 0, &limit, NULL) ? VL_E_OS : loop_add(r->host, &r->timer, EPOLLIN);
	if (!err)
		err = loop_add(r->host, &r->stream, EPOLLOUT);
	return err;
}

void broker_relay_start(struct broker_relay *r, struct host *h, const char *address, const void *request,
	size_t size, broker_relay_done *done, void *context)
{
	struct vl_writer w;
	int fd;

	broker_relay_init(r);
	r->host = h;
	r->done = done;
	r->context = context;
	vl_writer_init(&w, r->bytes, sizeof(r->bytes));
	vl_write_le32(&w, (uint32_t)size);
	vl_write_bytes(&w, request, size);
	r->fill = w.pos;
	if (!address || w.err) {
		fail(r, "none", "VTL2 wants a key; give vallum-host --key-broker ADDRESS");
		return;
	}
	fd = broker_address_connect(address);
	if (fd < 0) {
		fail(r, address, fd == VL_E_FORMAT ? "give unix:PATH or tcp:ADDRESS:PORT" : strerror(errno));
		return;
	}
	r->stream = (struct host_source){ .fd = fd, .ready = on_stream, .context = r };
	if (watch(r))
		fail(r, "host loop", strerror(errno));
}
