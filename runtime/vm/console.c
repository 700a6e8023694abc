/*
 * A serial port's byte stream: rings between the device model and a connected
 * descriptor. The guest fills one direction and the host the other, both as
 * fast as they please; each side waits for room, nothing grows.
 */
#include "runtime/vm/vm.h"
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* A guest writes byte by byte; what comes within this time goes out in one piece. */
#define FLUSH_DELAY_NS 1000000u

size_t console_output(struct vm_console *c, const uint8_t *data, size_t size)
{
	size_t room = sizeof(c->out) - c->out_count, n = size < room ? size : room;

	if (c->fd < 0)
		return size;
	for (size_t i = 0; i < n; i++)
		c->out[(c->out_at + c->out_count++) % sizeof(c->out)] = data[i];
	if (n < size)
		c->starved = true;
	if (c->flush_ns == VM_NEVER && n) {
		c->flush_ns = clock_monotonic_ns() + FLUSH_DELAY_NS;
		loop_arm(c->vm, c->flush_ns);
	}
	return n;
}

static void close_stream(struct vm_console *c, const char *what)
{
	vl_warn("console %u: %s; its output is dropped from now on", c->index, what);
	c->fd = -1; /* the descriptor stays CONFIG's */
	c->out_count = 0;
	c->flush_ns = VM_NEVER;
}

/* Writes one contiguous piece of the ring; false when the stream takes no more. */
static bool write_piece(struct vm_console *c)
{
	size_t n = sizeof(c->out) - c->out_at;
	ssize_t done;

	if (n > c->out_count)
		n = c->out_count;
	done = send(c->fd, c->out + c->out_at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (done < 0) {
		if (errno != EAGAIN && errno != EINTR)
			close_stream(c, "the host closed it");
		return false;
	}
	c->out_at = (c->out_at + (size_t)done) % sizeof(c->out);
	c->out_count -= (size_t)done;
	return true;
}

void console_flush(struct vm_console *c)
{
	/* While the stream is full, EPOLLOUT and not the clock brings us back. */
	c->flush_ns = VM_NEVER;
	while (c->fd >= 0 && c->out_count && write_piece(c))
		;
	if (c->starved && c->out_count < sizeof(c->out) / 2) {
		c->starved = false;
		if (c->device && c->device->instance->model->complete)
			c->device->instance->model->complete(c->device->instance->dev, 0, 0);
	}
}

static void offer_input(struct vm_console *c)
{
	const struct dev_instance *i = c->device ? c->device->instance : NULL;

	while (c->in_count && !c->input_held) {
		size_t n = i && i->model->input ? i->model->input(i->dev, c->in + c->in_at, c->in_count) : c->in_count;

		if (n > c->in_count)
			n = c->in_count;
		c->in_at += n;
		c->in_count -= n;
		if (c->in_count)
			c->input_held = true;
	}
}

void console_input_ready(struct vm_console *c)
{
	c->input_held = false;
	/* The model is in the middle of an access: the loop offers the rest. */
	loop_wake(c->vm);
}

void console_receive(struct vm_console *c)
{
	offer_input(c);
	while (c->fd >= 0 && !c->in_count) {
		ssize_t n = read(c->fd, c->in, sizeof(c->in));

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			close_stream(c, "the host closed it");
			return;
		}
		c->in_at = 0;
		c->in_count = (size_t)n;
		offer_input(c);
	}
}

uint32_t console_events(const struct vm_console *c)
{
	uint32_t events = c->in_count ? 0 : EPOLLIN;

	/* flush_ns is set: the clock brings us back to write. */
	if (c->out_count && c->flush_ns == VM_NEVER)
		events |= EPOLLOUT;
	return events;
}
