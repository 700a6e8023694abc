/* engine.h */
#include "runtime/vtpm/engine.h"
#include "runtime/lib/crash.h"
#include "runtime/lib/timed_condition.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void run(struct engine *e)
{
	e->response_bytes = tpm_execute(&e->tpm, e->locality, e->command, e->command_bytes, e->response);
}

/* Lock held. Who waits in engine_submit() sees it without. */
static void notify(struct engine *e)
{
	const uint64_t one = 1;

	e->notified = !e->awaited && write(e->event_fd, &one, sizeof(one)) >= 0;
}

static void *thread_main(void *context)
{
	struct engine *e = context;
	struct crash_thread crash;

	crash_thread_begin(&crash);
	pthread_mutex_lock(&e->lock);
	for (;;) {
		while (!e->submitted && !e->quit)
			pthread_cond_wait(&e->changed, &e->lock);
		if (!e->submitted)
			break;
		e->submitted = false;
		pthread_mutex_unlock(&e->lock);
		run(e);
		pthread_mutex_lock(&e->lock);
		e->done = true;
		pthread_cond_broadcast(&e->changed);
		notify(e);
	}
	pthread_mutex_unlock(&e->lock);
	crash_thread_end(&crash);
	return NULL;
}

int engine_open(struct engine *e, const struct vtpm_nv *nv, bool threaded)
{
	memset(e, 0, sizeof(*e));
	e->nv = *nv;
	e->event_fd = -1;
	if (!threaded)
		return 0;
	e->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (e->event_fd < 0)
		return VL_E_OS;
	pthread_mutex_init(&e->lock, NULL);
	timed_condition_init(&e->changed);
	if (!pthread_create(&e->thread, NULL, thread_main, e))
		return 0;
	close(e->event_fd);
	e->event_fd = -1;
	return VL_E_OS;
}

void engine_close(struct engine *e)
{
	if (e->event_fd >= 0) {
		pthread_mutex_lock(&e->lock);
		e->quit = true;
		pthread_cond_broadcast(&e->changed);
		pthread_mutex_unlock(&e->lock);
		pthread_join(e->thread, NULL);
		close(e->event_fd);
		e->event_fd = -1;
	}
	tpm_power_off(&e->tpm);
}

/* Lock held. */
static void wait_a_little(struct engine *e)
{
	const struct timespec end = timed_condition_end(ENGINE_PATIENCE_NS);
	int err = 0;

	while (!e->done && !err)
		err = pthread_cond_timedwait(&e->changed, &e->lock, &end);
}

void engine_submit(struct engine *e, unsigned locality, const uint8_t *command, size_t size)
{
	memcpy(e->command, command, size);
	e->command_bytes = size;
	e->locality = locality;
	e->busy = true;
	if (e->event_fd < 0) {
		run(e);
		e->done = true;
		return;
	}
	pthread_mutex_lock(&e->lock);
	e->submitted = e->awaited = true;
	pthread_mutex_unlock(&e->lock);
	pthread_cond_broadcast(&e->changed); /* who wakes finds the lock free */
	pthread_mutex_lock(&e->lock);
	wait_a_little(e);
	e->awaited = false;
	pthread_mutex_unlock(&e->lock);
}

void engine_cancel(struct engine *e)
{
	if (e->busy)
		tpm_cancel();
}

/* Lock held. */
static void silence(struct engine *e)
{
	uint64_t count;

	if (e->notified && read(e->event_fd, &count, sizeof(count)) >= 0)
		e->notified = false;
}

static bool take_done(struct engine *e)
{
	bool done;

	if (e->event_fd < 0) {
		done = e->done;
		e->done = false;
		return done;
	}
	pthread_mutex_lock(&e->lock);
	done = e->done;
	e->done = false;
	silence(e);
	pthread_mutex_unlock(&e->lock);
	return done;
}

bool engine_collect(struct engine *e)
{
	if (!e->busy || !take_done(e))
		return false;
	e->busy = false;
	return true;
}

void engine_wait(struct engine *e)
{
	if (!e->busy || e->event_fd < 0)
		return;
	pthread_mutex_lock(&e->lock);
	while (!e->done)
		pthread_cond_wait(&e->changed, &e->lock);
	pthread_mutex_unlock(&e->lock);
}
