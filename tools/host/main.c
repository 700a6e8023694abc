/*
 * vallum-host: runs a paravisor image and its guest on KVM. This file is the
 * life of a run: set-up, VP threads, waiting for the end, tear-down, and again
 * when the guest was reset.
 */
#include "common/base/log.h"
#include "tools/host/devicetree.h"
#include "tools/host/get.h"
#include "tools/host/image.h"
#include "tools/host/options.h"
#include "tools/host/port.h"
#include "tools/host/services.h"
#include "tools/host/terminal.h"
#include "tools/host/vbs.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

struct run {
	struct host h;
	struct image image;
	struct host_services *services;
	struct host_channel *channel;
	struct host_source signals;
};

uint64_t host_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void print_line(enum vl_log_level level, const char *line, size_t length)
{
	fprintf(stderr, "vallum-host: %.*s\n", (int)length, line);
}

/* --- What every part may call (host.h, partition.h) ------------------------------------- */

const struct host_config *host_config(const struct host *h) { return &h->config; }
bool host_ending(const struct host *h) { return atomic_load(&h->end) != HOST_END_NONE; }

void host_end(struct host *h, enum host_end end, const char *fmt, ...)
{
	int none = HOST_END_NONE;
	va_list args;
	unsigned i;

	if (!atomic_compare_exchange_strong(&h->end, &none, end))
		return;
	if (fmt) {
		va_start(args, fmt);
		fputs("vallum-host: ", stderr);
		vfprintf(stderr, fmt, args);
		fputc('\n', stderr);
		va_end(args);
	}
	pthread_mutex_lock(&h->end_lock);
	pthread_cond_broadcast(&h->end_cond);
	pthread_mutex_unlock(&h->end_lock);
	pthread_mutex_lock(&h->start_lock);
	pthread_cond_broadcast(&h->start_cond);
	pthread_mutex_unlock(&h->start_lock);
	for (i = 0; i < h->config.vp_count; i++)
		if (h->vp && h->vp[i].port)
			port_vp_kick(&h->vp[i]);
}

void host_mark(struct host *h, const char *phase)
{
	if (h->config.log)
		fprintf(stderr, "phase: %7.1f ms %s\n", (double)(host_now_ns() - h->start_ns) / 1e6, phase);
}

void host_mark_at(struct host *h, const char *phase, uint64_t reference_100ns)
{
	double ago_ms = ((double)host_reference_time(h) - (double)reference_100ns) / 1e4;

	if (h->config.log)
		fprintf(stderr, "phase: %7.1f ms %s\n",
				(double)(host_now_ns() - h->start_ns) / 1e6 - ago_ms, phase);
}

uint64_t host_reference_time(const struct host *h)
{
	return port_reference_clock(h) - h->reference_origin;
}

struct host_vp *host_vp_find(struct host_vp *self, uint32_t index)
{
	if (index == HV_VP_INDEX_SELF)
		return self;
	return index < self->host->config.vp_count ? &self->host->vp[index] : NULL;
}

/* --- VP threads ----------------------------------------------------------------------------- */

void host_vp_start(struct host_vp *vp)
{
	pthread_mutex_lock(&vp->host->start_lock);
	vp->vtl2_started = true;
	pthread_cond_broadcast(&vp->host->start_cond);
	pthread_mutex_unlock(&vp->host->start_lock);
}

static void *vp_thread(void *context)
{
	struct host_vp *vp = context;
	struct host *h = vp->host;

	pthread_mutex_lock(&h->start_lock);
	while (!vp->vtl2_started && !host_ending(h))
		pthread_cond_wait(&h->start_cond, &h->start_lock);
	pthread_mutex_unlock(&h->start_lock);
	if (!host_ending(h))
		port_vp_run(vp);
	atomic_store(&vp->finished, true);
	return NULL;
}

static int start_threads(struct host *h)
{
	unsigned i;

	for (i = 0; i < h->config.vp_count; i++) {
		if (pthread_create(&h->vp[i].thread, NULL, vp_thread, &h->vp[i])) {
			vl_error("cannot start the thread of VP %u: %s", i, strerror(errno));
			return VL_E_OS;
		}
		h->vp[i].thread_running = true;
	}
	h->vp[0].vtl2_enabled = true;
	host_vp_start(&h->vp[0]);
	return 0;
}

/* A VP that was about to enter its guest when the end came is kicked again until it is out. */
static void join_threads(struct host *h)
{
	const struct timespec pause = { 0, 10000000 };
	unsigned i;

	for (i = 0; h->vp && i < h->config.vp_count; i++) {
		struct host_vp *vp = &h->vp[i];

		if (!vp->thread_running)
			continue;
		while (!atomic_load(&vp->finished)) {
			port_vp_kick(vp);
			nanosleep(&pause, NULL);
		}
		pthread_join(vp->thread, NULL);
		vp->thread_running = false;
	}
}

/* --- Set-up and tear-down ------------------------------------------------------------------------ */

static void on_signal(struct host_source *s, uint32_t events)
{
	struct host *h = s->context;
	struct signalfd_siginfo info;

	if (read(s->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		host_end(h, HOST_END_ERROR, "ended by signal %u (%s)", info.ssi_signo,
				strsignal((int)info.ssi_signo));
}

static int watch_signals(struct run *run)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	run->signals = (struct host_source){ .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
			.ready = on_signal,
		.context = &run->h };
	return run->signals.fd < 0 ? VL_E_OS : loop_add(&run->h, &run->signals, 1 /* EPOLLIN */);
}

static int create_vps(struct host *h)
{
	unsigned i;

	h->vp = calloc(h->config.vp_count, sizeof(*h->vp));
	if (!h->vp)
		return VL_E_NOMEM;
	for (i = 0; i < h->config.vp_count; i++) {
		h->vp[i].host = h;
		h->vp[i].index = i;
		h->vp[i].hardware_id = host_dt_port_hardware_id(i);
		synic_init(&h->vp[i].synic);
	}
	return 0;
}

static int report_memory(struct host *h, int err)
{
	if (err)
		vl_error("cannot have %llu MiB of memory for the guest: %s; give less --memory",
			(unsigned long long)h->config.memory_bytes >> 20, vl_err_text(err));
	return err;
}

static int set_up(struct run *run)
{
	struct host *h = &run->h;
	int err;

	err = image_open(&run->image, h->config.igvm);
	if (!err)
		err = host_vbs_create(&h->config, &run->image, &h->vbs);
	if (!err)
		err = report_memory(h, memory_create(&h->memory, &h->config, image_vtl2_bytes(&run->image)));
	if (!err)
		err = create_vps(h);
	if (!err)
		err = loop_create(h);
	if (!err)
		err = port_vm_create(h);
	if (!err)
		err = image_place(h, &run->image);
	if (!err)
		err = watch_signals(run);
	if (!err)
		err = vmbus_create(h, &h->vmbus);
	if (!err)
		err = host_services_create(h, h->vmbus, &run->services);
	if (!err)
		err = host_channel_create(h, host_services_sockets(run->services), &run->channel);
	return err;
}

static void tear_down(struct run *run)
{
	struct host *h = &run->h;
	unsigned i;

	join_threads(h);
	loop_stop(h);
	host_services_destroy(run->services);
	host_channel_destroy(run->channel);
	vmbus_destroy(h->vmbus);
	if (run->signals.fd >= 0)
		close(run->signals.fd);
	port_vm_destroy(h);
	loop_destroy(h);
	for (i = 0; h->vp && i < h->config.vp_count; i++)
		pthread_mutex_destroy(&h->vp[i].synic.lock);
	free(h->vp);
	host_vbs_destroy(h->vbs);
	memory_destroy(&h->memory);
	image_close(&run->image);
	pthread_cond_destroy(&h->end_cond);
	pthread_mutex_destroy(&h->end_lock);
	pthread_cond_destroy(&h->start_cond);
	pthread_mutex_destroy(&h->start_lock);
}

static void init_run(struct run *run, const struct host_config *config, uint64_t start_ns)
{
	struct host *h = &run->h;
	pthread_condattr_t monotonic;

	*run = (struct run){ .signals.fd = -1 };
	h->config = *config;
	h->memory.fd = h->loop.epoll_fd = h->loop.wake_fd = -1;
	h->start_ns = start_ns;
	atomic_init(&h->end, HOST_END_NONE);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&h->start_lock, NULL);
	pthread_cond_init(&h->start_cond, NULL);
	pthread_mutex_init(&h->end_lock, NULL);
	pthread_cond_init(&h->end_cond, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

static void wait_for_end(struct host *h)
{
	uint64_t deadline = h->start_ns + h->config.timeout_seconds * 1000000000ull;
	struct timespec t = { (time_t)(deadline / 1000000000u), (long)(deadline % 1000000000u) };
	int late = 0;

	pthread_mutex_lock(&h->end_lock);
	while (!host_ending(h) && !late)
		late = h->config.timeout_seconds ? pthread_cond_timedwait(&h->end_cond, &h->end_lock, &t) :
			pthread_cond_wait(&h->end_cond, &h->end_lock);
	pthread_mutex_unlock(&h->end_lock);
	if (late)
		host_end(h, HOST_END_TIMEOUT, "the time limit of %u s has passed", h->config.timeout_seconds);
}

/* One boot of the partition, until it ends somehow. */
static enum host_end run_once(struct run *run)
{
	struct host *h = &run->h;

	if (set_up(run))
		return HOST_END_ERROR;
	host_mark(h, "host ready");
	terminal_start();
	if (loop_start(h) || start_threads(h))
		host_end(h, HOST_END_ERROR, NULL);
	wait_for_end(h);
	return (enum host_end)atomic_load(&h->end);
}

int main(int argc, char **argv)
{
	struct host_config config;
	struct run *run = malloc(sizeof(*run));
	enum host_end end;
	sigset_t set;
	uint64_t start_ns = host_now_ns();
	int err;

	vl_log_init(print_line, VL_LOG_INFO);
	err = options_parse(argc, argv, &config);
	if (err || !run) {
		free(run);
		return err > 0 ? 0 : HOST_END_ERROR;
	}
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1); /* the port's kick; VP threads take it when they are ready */
	sigprocmask(SIG_BLOCK, &set, NULL);
	do {
		init_run(run, &config, start_ns);
		end = run_once(run);
		tear_down(run);
	} while (end == HOST_END_RESET);
	terminal_restore();
	free(run);
	return (int)end;
}
