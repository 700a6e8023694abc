/*
 * Byte streams between a device model (a serial port, a disk) and a connected
 * socket. The guest fills one direction and the host the other, both as fast
 * as they please; each side waits for room, nothing grows. Models are called
 * only from the I/O loop, never out of their own output().
 */
#include "runtime/vm/vm.h"
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * A guest writes its console byte by byte; what comes within this time goes out
 * in one piece. Nobody sees 5 ms, and a piece costs the host far more than a byte.
 */
#define FLUSH_DELAY_NS 5000000u

static void complete(struct vm_stream *s, int result)
{
	const struct dev_instance *i = s->device ? s->device->instance : NULL;

	if (i && i->model->complete)
		i->model->complete(i->dev, 0, result);
}

static void close_stream(struct vm_stream *s)
{
	vl_warn("%s: the host closed its stream; output is dropped from now on",
		s->device ? s->device->instance->name : "a stream without device");
	s->fd = -1; /* the descriptor stays CONFIG's */
	s->out_count = 0;
	s->flush_ns = VM_NEVER;
	s->gone = true;
	loop_wake(s->vm);
}

/* Writes one contiguous piece of the ring; false when the stream takes no more. */
static bool write_piece(struct vm_stream *s)
{
	size_t n = sizeof(s->out) - s->out_at;
	ssize_t done;

	if (n > s->out_count)
		n = s->out_count;
	done = send(s->fd, s->out + s->out_at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (done < 0) {
		if (errno != EAGAIN && errno != EINTR)
			close_stream(s);
		return false;
	}
	s->out_at = (s->out_at + (size_t)done) % sizeof(s->out);
	s->out_count -= (size_t)done;
	return true;
}

/* Whether it took all. While the stream is full EPOLLOUT, not the clock, brings us back. */
static bool drain(struct vm_stream *s)
{
	s->flush_ns = VM_NEVER;
	while (s->fd >= 0 && s->out_count && write_piece(s))
		;
	return !s->out_count;
}

static size_t fill(struct vm_stream *s, const uint8_t *data, size_t size)
{
	size_t room = sizeof(s->out) - s->out_count, n = size < room ? size : room;

	for (size_t done = 0; done < n;) {
		size_t at = (s->out_at + s->out_count) % sizeof(s->out), piece = sizeof(s->out) - at;

		if (piece > n - done)
			piece = n - done;
		memcpy(s->out + at, data + done, piece);
		s->out_count += piece;
		done += piece;
	}
	return n;
}

size_t stream_output(struct vm_stream *s, const uint8_t *data, size_t size)
{
	size_t n;

	if (s->fd < 0)
		return size;
	n = fill(s, data, size);
	if (s->at_once) {
		while (drain(s) && n < size && s->fd >= 0)
			n += fill(s, data + n, size - n);
		if (s->out_count)
			loop_wake(s->vm);
	} else if (s->flush_ns == VM_NEVER && n) {
		s->flush_ns = clock_monotonic_ns() + FLUSH_DELAY_NS;
		loop_arm(s->vm, s->flush_ns);
	}
	if (n < size)
		s->starved = true;
	return n;
}

size_t stream_room(struct vm_stream *s, size_t wanted)
{
	size_t room = s->fd < 0 ? SIZE_MAX : sizeof(s->out) - s->out_count;

	if (room < wanted)
		s->starved = true;
	return room;
}

void stream_flush(struct vm_stream *s)
{
	drain(s);
	if (s->starved && s->out_count < sizeof(s->out) / 2) {
		s->starved = false;
		complete(s, 0);
	}
	if (s->gone) {
		s->gone = false;
		complete(s, VL_E_CLOSED);
	}
}

static void offer_input(struct vm_stream *s)
{
	const struct dev_instance *i = s->device ? s->device->instance : NULL;

	while (s->in_count && !s->input_held) {
		size_t n = s->in_count;

		if (i && i->model->input)
			n = i->model->input(i->dev, s->in + s->in_at, s->in_count);
		if (n > s->in_count)
			n = s->in_count;
		s->in_at += n;
		s->in_count -= n;
		if (s->in_count)
			s->input_held = true;
	}
}

void stream_input_ready(struct vm_stream *s)
{
	s->input_held = false;
	/* The model is in the middle of an access: the loop offers the rest. */
	loop_wake(s->vm);
}

void stream_receive(struct vm_stream *s)
{
	offer_input(s);
	while (s->fd >= 0 && !s->in_count) {
		ssize_t n = recv(s->fd, s->in, sizeof(s->in), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			close_stream(s);
			return;
		}
		s->in_at = 0;
		s->in_count = (size_t)n;
		offer_input(s);
	}
}

uint32_t stream_events(const struct vm_stream *s)
{
	uint32_t events = s->in_count ? 0 : EPOLLIN;

	/* flush_ns is set: the clock brings us back to write. */
	if (s->out_count && s->flush_ns == VM_NEVER)
		events |= EPOLLOUT;
	return events;
}
