/*
 * loop.h. The paravisor's messages are checked by control_check and acted on
 * in the order of the protocol (runtime/lib/control.h); what a stream's peer
 * sends is bytes for the device's model.
 */
#include "runtime/vm/loop.h"
#include "common/base/fmt.h"
#include "runtime/lib/channel.h"
#include "runtime/vm/inspect.h"
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define STATE_BYTES_MAX (64u << 20) /* a saved state larger than this is a bug */
#define STATE_BYTES_FIRST (1u << 20)

enum source { SOURCE_CONTROL, SOURCE_TIMER, SOURCE_WAKE, SOURCE_INSPECT, SOURCE_STREAM };

struct loop {
	struct vm *vm;
	int epoll_fd, control_fd, inspect_fd; /* inspect_fd -1: none */
	bool running, loaded, ended;
	struct {
		int fd;
		uint32_t events;
	} polled[VM_STREAM_MAX];
};

int loop_create(struct vm *vm)
{
	vm->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	vm->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return vm->timer_fd < 0 || vm->wake_fd < 0 ? VL_E_OS : 0;
}

void loop_destroy(struct vm *vm)
{
	close(vm->timer_fd);
	close(vm->wake_fd);
}

void loop_wake(struct vm *vm)
{
	uint64_t one = 1;
	ssize_t n = write(vm->wake_fd, &one, sizeof(one));

	(void)n; /* a full counter wakes as well */
}

void loop_arm(struct vm *vm, uint64_t deadline_ns)
{
	struct itimerspec t = { 0 };

	if (deadline_ns >= vm->armed_ns)
		return;
	vm->armed_ns = deadline_ns;
	t.it_value.tv_sec = (time_t)(deadline_ns / 1000000000u);
	t.it_value.tv_nsec = (long)(deadline_ns % 1000000000u);
	if (!deadline_ns)
		t.it_value.tv_nsec = 1; /* 0 would disarm */
	if (timerfd_settime(vm->timer_fd, TFD_TIMER_ABSTIME, &t, NULL) < 0)
		loop_wake(vm);
}

/* Timers and rings that are due, then the clock for what comes next. */
static void serve_clock(struct vm *vm)
{
	uint64_t now;

	pthread_mutex_lock(&vm->lock);
	vm->armed_ns = VM_NEVER;
	loop_arm(vm, clock_to_monotonic(&vm->clock, vm_timers_run(vm)));
	now = clock_monotonic_ns();
	for (unsigned i = 0; i < vm->stream_count; i++) {
		struct vm_stream *s = vm->stream[i];

		if (s->flush_ns <= now || s->gone)
			stream_flush(s);
		if (s->flush_ns != VM_NEVER)
			loop_arm(vm, s->flush_ns);
	}
	pthread_mutex_unlock(&vm->lock);
}

static void poll_stream(struct loop *l, unsigned i)
{
	struct vm_stream *s = l->vm->stream[i];
	struct epoll_event e = { .events = stream_events(s), .data.u64 = SOURCE_STREAM + i };

	if (s->fd == l->polled[i].fd && (s->fd < 0 || e.events == l->polled[i].events))
		return;
	if (s->fd < 0)
		epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, l->polled[i].fd, NULL);
	else if (epoll_ctl(l->epoll_fd, l->polled[i].fd < 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, s->fd, &e) < 0)
		s->fd = -1;
	l->polled[i].fd = s->fd;
	l->polled[i].events = e.events;
}

static void serve_streams(struct loop *l, const uint32_t *ready)
{
	struct vm *vm = l->vm;

	pthread_mutex_lock(&vm->lock);
	for (unsigned i = 0; i < vm->stream_count; i++) {
		struct vm_stream *s = vm->stream[i];

		if (ready[i] & EPOLLOUT)
			stream_flush(s);
		if (l->running && (s->in_count || ready[i] & (EPOLLIN | EPOLLHUP | EPOLLERR)))
			stream_receive(s);
		poll_stream(l, i);
	}
	pthread_mutex_unlock(&vm->lock);
}

static int send_crash(int fd, uint32_t vp, int error, const char *text)
{
	struct control_crash m = { .vp = vp, .error = error };

	vl_format(m.text, sizeof(m.text), "%s", text);
	return control_send(fd, CONTROL_CRASH, &m, sizeof(m), NULL, 0);
}

static int send_end(struct loop *l, const struct vm_end *end)
{
	struct control_triple_fault fault = { .vp = end->vp, .register_count = end->register_count };

	vm_stop(l->vm);
	l->ended = true;
	l->running = false;
	switch (end->type) {
	case CONTROL_TRIPLE_FAULT:
		memcpy(fault.registers, end->registers, sizeof(fault.registers));
		return control_send(l->control_fd, CONTROL_TRIPLE_FAULT, &fault, sizeof(fault), NULL, 0);
	case CONTROL_CRASH:
		return send_crash(l->control_fd, end->vp, end->error, end->text);
	default:
		return control_signal(l->control_fd, end->type);
	}
}

static int send_done(struct loop *l, enum control_type request, int error, int fd)
{
	struct control_done m = { .request = request, .error = error };

	return control_send(l->control_fd, CONTROL_DONE, &m, sizeof(m), &fd, fd >= 0);
}

static int do_start(struct loop *l)
{
	struct control_started started = { 0 };
	char reason[CONTROL_TEXT_MAX];
	struct timespec t = { 0 };
	int err = l->loaded ? 0 : vm_load(l->vm, reason);

	if (err) {
		l->ended = true;
		return send_crash(l->control_fd, CONTROL_NO_VP, err, reason);
	}
	l->loaded = l->running = true;
	clock_gettime(CLOCK_BOOTTIME, &t);
	started.boot_ns = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
	vm_start(l->vm);
	return control_send(l->control_fd, CONTROL_STARTED, &started, sizeof(started), NULL, 0);
}

/* Saves into a memfd that fits; *fd is the caller's. */
static int save_to_memfd(struct vm *vm, int *fd)
{
	int64_t size = VL_E_NOSPACE;

	*fd = memfd_create("vm-state", MFD_CLOEXEC);
	if (*fd < 0)
		return VL_E_OS;
	for (size_t room = STATE_BYTES_FIRST; size == VL_E_NOSPACE && room <= STATE_BYTES_MAX; room *= 2) {
		void *p = MAP_FAILED;

		if (ftruncate(*fd, (off_t)room) == 0)
			p = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
		if (p == MAP_FAILED)
			return VL_E_OS;
		size = vm_save(vm, p, room);
		munmap(p, room);
	}
	if (size < 0)
		return (int)size;
	return ftruncate(*fd, (off_t)size) < 0 ? VL_E_OS : 0;
}

static int do_save(struct loop *l)
{
	int fd = -1, err = l->running ? VL_E_STATE : save_to_memfd(l->vm, &fd), sent;

	if (err && fd >= 0) {
		close(fd);
		fd = -1;
	}
	sent = send_done(l, CONTROL_SAVE, err, fd);
	if (fd >= 0)
		close(fd);
	return sent;
}

static int restore_from(struct vm *vm, int fd)
{
	struct stat st;
	void *copy;
	int err = VL_E_OS;

	if (fstat(fd, &st) < 0)
		return VL_E_OS;
	if (st.st_size <= 0 || st.st_size > STATE_BYTES_MAX)
		return VL_E_LIMIT;
	/* A private copy: the sender could change the file while it is decoded. */
	copy = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (copy == MAP_FAILED)
		return VL_E_NOMEM;
	if (pread(fd, copy, (size_t)st.st_size, 0) == st.st_size)
		err = vm_restore(vm, copy, (size_t)st.st_size);
	munmap(copy, (size_t)st.st_size);
	return err;
}

static int do_restore(struct loop *l, const struct channel_message *m)
{
	int err = l->running || l->loaded ? VL_E_STATE : restore_from(l->vm, m->fds[0]);

	l->loaded = !err;
	return send_done(l, CONTROL_RESTORE, err, -1);
}

static int do_stop(struct loop *l)
{
	if (!l->running)
		return send_done(l, CONTROL_STOP, VL_E_STATE, -1);
	vm_stop(l->vm);
	l->running = false;
	/* A guest that ended meanwhile is reported instead: the VM cannot go on. */
	return vm_ended(l->vm, NULL) ? 0 : send_done(l, CONTROL_STOP, 0, -1);
}

static int act(struct loop *l, const struct channel_message *m)
{
	const struct control_header *h = m->data;

	if (l->ended)
		return 0;
	switch (h->type) {
	case CONTROL_START: return l->running ? VL_E_PROTOCOL : do_start(l);
	case CONTROL_STOP: return do_stop(l);
	case CONTROL_SAVE: return do_save(l);
	case CONTROL_RESTORE: return do_restore(l, m);
	default: return VL_E_PROTOCOL;
	}
}

static int serve_control(struct loop *l)
{
	static union control_any buffer; /* too large for a stack; one loop per process */
	struct channel_message m = { .data = &buffer, .capacity = sizeof(buffer) };
	int err = channel_receive(l->control_fd, &m, 0);

	if (err)
		return err == VL_E_AGAIN ? 0 : err;
	err = control_check(m.data, m.size, m.fd_count);
	if (!err)
		err = act(l, &m);
	channel_close_fds(&m);
	return err;
}

/* A server that breaks the protocol loses this unit, and the guest goes on. */
static void serve_inspect(struct loop *l)
{
	int err = inspect_unit_serve(l->inspect_fd, vm_inspect, l->vm);

	if (!err || err == VL_E_AGAIN)
		return;
	epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, l->inspect_fd, NULL);
	l->inspect_fd = -1;
}

static int watch(struct loop *l, int fd, enum source source)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = source };

	return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0 ? VL_E_OS : 0;
}

/* One wait and what it brought. */
static int turn(struct loop *l)
{
	struct epoll_event e[8];
	uint32_t ready[VM_STREAM_MAX] = { 0 };
	uint64_t count;
	struct vm_end end;
	int err = 0, n = epoll_wait(l->epoll_fd, e, VL_ARRAY_COUNT(e), -1);

	for (int i = 0; i < n; i++) {
		if (e[i].data.u64 >= SOURCE_STREAM)
			ready[e[i].data.u64 - SOURCE_STREAM] = e[i].events;
		else if (e[i].data.u64 == SOURCE_CONTROL)
			err = serve_control(l);
		else if (e[i].data.u64 == SOURCE_INSPECT)
			serve_inspect(l);
		else if (read(e[i].data.u64 == SOURCE_TIMER ? l->vm->timer_fd : l->vm->wake_fd,
				&count, sizeof(count)) < 0)
			continue; /* somebody re-armed it meanwhile */
	}
	serve_clock(l->vm);
	serve_streams(l, ready);
	if (!err && !l->ended && vm_ended(l->vm, &end))
		err = send_end(l, &end);
	return err;
}

int loop_run(struct vm *vm, int control_fd, int inspect_fd)
{
	struct loop l = { .vm = vm, .control_fd = control_fd, .inspect_fd = inspect_fd };
	int err;

	l.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l.epoll_fd < 0)
		return VL_E_OS;
	for (unsigned i = 0; i < VM_STREAM_MAX; i++)
		l.polled[i].fd = -1;
	err = watch(&l, control_fd, SOURCE_CONTROL);
	if (!err)
		err = watch(&l, vm->timer_fd, SOURCE_TIMER);
	if (!err)
		err = watch(&l, vm->wake_fd, SOURCE_WAKE);
	if (!err && inspect_fd >= 0)
		err = watch(&l, inspect_fd, SOURCE_INSPECT);
	while (!err)
		err = turn(&l);
	close(l.epoll_fd);
	return err == VL_E_CLOSED ? 0 : err;
}
