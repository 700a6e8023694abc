/* rig.h */
#include "test/unit/devworker/rig.h"
#include "common/device/units.h"
#include "runtime/lib/channel.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_S 60
#define WORKER_FDS 3 /* a worker's first descriptor of its link */

/* --- The worker, in a process of its own ----------------------------------------------------- */

static struct rig_behaviour mine;
static struct devhost *my_host;
static unsigned served;

static bool instead_of_the_answer(void *dev, const struct devipc_request *q)
{
	if (mine.served && served == mine.at)
		mine.act(my_host);
	return false;
}

static void work(const struct rig *g, const int fds[DEVLINK_FDS])
{
	struct devhost *h = g->host;
	void *dev = g->dev;
	struct pollfd f[DEVLINK_POLL];
	int err = 0;

	my_host = h;
	h->hooks.lasting = instead_of_the_answer;
	devhost_init(h, g->kind->model, dev);
	devlink_answerer(&h->end, fds, g->shared);
	devlink_poll(&h->end, f);
	g->kind->init(dev, &h->env);
	while (!err) {
		if (!devlink_pending(&h->end)) {
			err = poll(f, DEVLINK_POLL, -1) < 0 ? VL_E_OS : devlink_woken(&h->end, f);
			continue;
		}
		if (++served == mine.at && !mine.served)
			mine.act(h);
		err = devhost_serve(h);
	}
	_exit(err == VL_E_CLOSED ? 0 : 1);
}

/* --- In the paravisor's place ------------------------------------------------------------------ */

/* As after an exec: the ends of others are not kept open. */
static void keep_only(int fds[DEVLINK_FDS])
{
	int high[DEVLINK_FDS];

	for (int i = 0; i < DEVLINK_FDS; i++) { /* out of the way of where they go */
		high[i] = fcntl(fds[i], F_DUPFD, WORKER_FDS + DEVLINK_FDS);
		if (high[i] < 0)
			_exit(1);
	}
	for (int i = 0; i < DEVLINK_FDS; i++) {
		fds[i] = WORKER_FDS + i;
		if (dup2(high[i], fds[i]) < 0)
			_exit(1);
	}
	if (syscall(SYS_close_range, WORKER_FDS + DEVLINK_FDS, ~0u, 0) != 0)
		_exit(1);
}

static int start_worker(struct rig *g)
{
	unsigned n = g->started;
	pid_t parent = getpid(), pid;
	const struct devipc_supply supply = { DEVIPC_SUPPLY, n + 1 };
	int ours[DEVLINK_FDS], its[DEVLINK_FDS], fd;

	ck_assert_int_eq(devlink_make(ours, its), 0);
	mine = n < RIG_BEHAVIOURS_MAX ? g->behaviour[n] : (struct rig_behaviour){ 0 };
	pid = fork();
	if (pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
			_exit(1);
		keep_only(its);
		work(g, its);
	}
	ck_assert_int_gt(pid, 0);
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	g->pid = pid;
	g->started = n + 1; /* before it can answer: who sees an answer sees its count, too */
	ck_assert_int_eq(channel_send(g->supply[0], &supply, sizeof(supply), ours, DEVLINK_FDS, 1000), 0);
	devlink_close(ours);
	devlink_close(its);
	return fd;
}

static void hear(struct rig *g)
{
	struct devipc_complaint c = { 0 };
	struct channel_message m = { .data = &c, .capacity = sizeof(c) };

	if (channel_receive(g->supply[0], &m, 0) || c.magic != DEVIPC_COMPLAINT)
		return;
	g->complaint = c.error;
	g->complaint_about = c.number;
	g->complaints++;
	kill(g->pid, SIGKILL);
}

static void *watch(void *context)
{
	struct rig *g = context;
	int pidfd = start_worker(g);

	for (;;) {
		struct pollfd f[] = { { g->quit[0], POLLIN, 0 }, { g->supply[0], POLLIN, 0 },
			{ pidfd, POLLIN, 0 } };

		if (poll(f, 3, -1) < 0)
			continue;
		if (f[0].revents)
			break;
		if (f[1].revents)
			hear(g);
		if (!f[2].revents)
			continue;
		close(pidfd);
		waitpid(g->pid, NULL, 0);
		pidfd = -1;
		if (g->no_more)
			shutdown(g->supply[0], SHUT_RDWR);
		else
			pidfd = start_worker(g);
	}
	if (pidfd >= 0) {
		kill(g->pid, SIGKILL);
		waitpid(g->pid, NULL, 0);
		close(pidfd);
	}
	return NULL;
}

/* --- The rig -------------------------------------------------------------------------------------- */

struct rig *rig_new(const struct rig_kind *kind)
{
	struct rig *g = calloc(1, sizeof(*g));

	ck_assert_ptr_nonnull(g);
	g->kind = kind;
	g->host = calloc(1, sizeof(*g->host));
	g->dev = calloc(1, kind->size);
	g->shared_fd = memfd_create("rig", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(g->shared_fd, DEVIPC_SHARED_BYTES), 0);
	g->shared = mmap(NULL, DEVIPC_SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, g->shared_fd, 0);
	ck_assert(g->shared != MAP_FAILED);
	ck_assert_int_eq(channel_pair(g->supply), 0);
	ck_assert_int_eq(channel_pair(g->quit), 0);
	pthread_mutex_init(&g->machine, NULL);
	ck_assert_int_eq(remote_init(&g->r, "rig", g->supply[1], g->shared, &g->machine), 0);
	g->r.limit_ms = 20000;
	g->r.supply_limit_ms = 20000;
	g->instance = (struct dev_instance){ "rig", &remote_model, &g->r };
	fake_env_init(&g->f, &g->instance);
	g->f.ram = calloc(1, RIG_RAM_BYTES);
	g->f.ram_bytes = RIG_RAM_BYTES;
	g->r.env = &g->f.env;
	return g;
}

void rig_watch(struct rig *g)
{
	ck_assert_int_eq(pthread_create(&g->nanny, NULL, watch, g), 0);
}

void rig_start(struct rig *g)
{
	rig_watch(g);
	rig_reset(g);
}

void rig_free(struct rig *g)
{
	ck_assert_int_eq(channel_send(g->quit[1], "", 1, NULL, 0, 1000), 0);
	pthread_join(g->nanny, NULL);
	shutdown(g->supply[0], SHUT_RDWR);
	remote_destroy(&g->r);
	for (unsigned i = 0; i < 2; i++) {
		close(g->supply[i]);
		close(g->quit[i]);
	}
	munmap(g->shared, DEVIPC_SHARED_BYTES);
	close(g->shared_fd);
	free(g->f.ram);
	free(g->host);
	free(g->dev);
	free(g);
}

uint64_t rig_read(struct rig *g, unsigned id, uint64_t offset, unsigned size)
{
	uint64_t value;

	pthread_mutex_lock(&g->machine);
	value = remote_model.read(&g->r, id, offset, size);
	pthread_mutex_unlock(&g->machine);
	return value;
}

void rig_write(struct rig *g, unsigned id, uint64_t offset, unsigned size, uint64_t value)
{
	pthread_mutex_lock(&g->machine);
	remote_model.write(&g->r, id, offset, size, value);
	pthread_mutex_unlock(&g->machine);
}

void rig_reset(struct rig *g)
{
	pthread_mutex_lock(&g->machine);
	remote_model.reset(&g->r);
	pthread_mutex_unlock(&g->machine);
}

void rig_go(struct rig *g)
{
	pthread_mutex_lock(&g->machine);
	remote_model.start(&g->r);
	pthread_mutex_unlock(&g->machine);
}

void rig_stop(struct rig *g)
{
	pthread_mutex_lock(&g->machine);
	remote_model.stop(&g->r);
	pthread_mutex_unlock(&g->machine);
}

size_t rig_input(struct rig *g, const void *data, size_t size)
{
	size_t taken;

	pthread_mutex_lock(&g->machine);
	taken = remote_model.input(&g->r, data, size);
	pthread_mutex_unlock(&g->machine);
	return taken;
}

void rig_timer(struct rig *g, unsigned timer)
{
	pthread_mutex_lock(&g->machine);
	g->f.armed[timer] = false;
	remote_model.timer(&g->r, timer);
	pthread_mutex_unlock(&g->machine);
}

void rig_room(struct rig *g, size_t room)
{
	pthread_mutex_lock(&g->machine);
	g->f.output_room = room;
	remote_model.complete(&g->r, 0, 0);
	pthread_mutex_unlock(&g->machine);
}

int64_t rig_save(struct rig *g, void *out, size_t room)
{
	struct state_writer w;
	int64_t size;

	state_writer_init(&w, out, room);
	pthread_mutex_lock(&g->machine);
	units_save(&g->instance, 1, &w);
	pthread_mutex_unlock(&g->machine);
	size = state_writer_finish(&w);
	return size;
}

int rig_restore(struct rig *g, const void *data, size_t size)
{
	struct state_stream s;
	int err = state_stream_open(&s, data, size, NULL);

	if (err)
		return err;
	pthread_mutex_lock(&g->machine);
	err = units_restore(&g->instance, 1, &s, NULL);
	pthread_mutex_unlock(&g->machine);
	return err;
}

void rig_settle(struct rig *g)
{
	struct remote *r = &g->r;
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += WAIT_S;
	pthread_mutex_lock(&g->machine);
	while (r->timers || r->completed || r->passing || (r->input_count && !r->input_held))
		ck_assert_int_eq(pthread_cond_timedwait(&r->work, &g->machine, &end), 0);
	pthread_mutex_unlock(&g->machine);
}

void rig_kill(struct rig *g)
{
	unsigned before = g->started;

	ck_assert_int_eq(kill(g->pid, SIGKILL), 0);
	while (g->started == before)
		sched_yield();
}
