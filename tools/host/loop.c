/*
 * The host's one I/O thread: waits for file descriptors and runs posted work.
 * Called by every part of the host; knows nothing about the guest.
 */
#include "tools/host/partition.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct loop_work {
	struct loop_work *next;
	void (*fn)(void *context);
	void *context;
};

static int control(struct host *h, int op, struct host_source *s, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = s };

	return epoll_ctl(h->loop.epoll_fd, op, s->fd, &event) ? VL_E_OS : 0;
}

int loop_add(struct host *h, struct host_source *s, uint32_t epoll_events)
{
	return control(h, EPOLL_CTL_ADD, s, epoll_events);
}

int loop_change(struct host *h, struct host_source *s, uint32_t epoll_events)
{
	return control(h, EPOLL_CTL_MOD, s, epoll_events);
}

void loop_remove(struct host *h, struct host_source *s)
{
	(void)control(h, EPOLL_CTL_DEL, s, 0); /* a closed descriptor has left already */
}

static void wake(struct host *h)
{
	if (eventfd_write(h->loop.wake_fd, 1) && errno != EAGAIN)
		host_end(h, HOST_END_ERROR, "cannot wake the I/O loop (errno %d)", errno);
}

void loop_post(struct host *h, void (*fn)(void *context), void *context)
{
	struct loop_work *w = malloc(sizeof(*w));

	if (!w) {
		host_end(h, HOST_END_ERROR, "out of memory for I/O work");
		return;
	}
	*w = (struct loop_work){ .fn = fn, .context = context };
	pthread_mutex_lock(&h->loop.lock);
	*h->loop.last = w;
	h->loop.last = &w->next;
	pthread_mutex_unlock(&h->loop.lock);
	wake(h);
}

static struct loop_work *take_all(struct host *h)
{
	struct loop_work *w;

	pthread_mutex_lock(&h->loop.lock);
	w = h->loop.first;
	h->loop.first = NULL;
	h->loop.last = &h->loop.first;
	pthread_mutex_unlock(&h->loop.lock);
	return w;
}

static void run_work(struct host *h, bool call)
{
	struct loop_work *w = take_all(h), *next;

	for (; w; w = next) {
		next = w->next;
		if (call)
			w->fn(w->context);
		free(w);
	}
}

static void *loop_thread(void *context)
{
	struct host *h = context;
	struct epoll_event event;
	eventfd_t ignored;

	/* One event at a time: a callback may remove any other source. */
	while (!atomic_load(&h->loop.stop)) {
		int n = epoll_wait(h->loop.epoll_fd, &event, 1, -1);

		if (n < 0 && errno != EINTR) {
			host_end(h, HOST_END_ERROR, "epoll_wait failed (errno %d)", errno);
			break;
		}
		if (n > 0 && event.data.ptr) {
			struct host_source *s = event.data.ptr;

			s->ready(s, event.events);
		} else if (n > 0) {
			(void)eventfd_read(h->loop.wake_fd, &ignored);
			run_work(h, true);
		}
	}
	return NULL;
}

int loop_create(struct host *h)
{
	struct epoll_event event = { .events = EPOLLIN };

	h->loop = (struct loop){ .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
		.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	h->loop.last = &h->loop.first;
	pthread_mutex_init(&h->loop.lock, NULL);
	if (h->loop.epoll_fd < 0 || h->loop.wake_fd < 0 ||
	    epoll_ctl(h->loop.epoll_fd, EPOLL_CTL_ADD, h->loop.wake_fd, &event))
		return VL_E_OS;
	return 0;
}

int loop_start(struct host *h)
{
	if (pthread_create(&h->loop.thread, NULL, loop_thread, h))
		return VL_E_OS;
	h->loop.thread_running = true;
	return 0;
}

void loop_stop(struct host *h)
{
	if (!h->loop.thread_running)
		return;
	atomic_store(&h->loop.stop, true);
	wake(h);
	pthread_join(h->loop.thread, NULL);
	h->loop.thread_running = false;
}

void loop_destroy(struct host *h)
{
	run_work(h, false);
	if (h->loop.wake_fd >= 0)
		close(h->loop.wake_fd);
	if (h->loop.epoll_fd >= 0)
		close(h->loop.epoll_fd);
	pthread_mutex_destroy(&h->loop.lock);
}
