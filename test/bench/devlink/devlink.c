/*
 * devlink-bench: what a register read costs through a device worker, beside a
 * bare futex ping-pong between two processes on the same two CPUs and a call
 * of a model in the same process. All three in one run, in turns; the figures
 * are ratios. Then what a lost worker costs, and a worker's memory. The VM
 * worker's end and the device worker's are the real ones. Run by `make bench`.
 */
#include "runtime/devworker/host.h"
#include "runtime/lib/channel.h"
#include "runtime/vm/remote.h"
#include "test/unit/dev/fake_env.h"
#include "test/timing/pss.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 9u
#define READS 2000u
#define LIMIT_MS 60000u /* also of an end that waits for its turn */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void pin(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		die("devlink-bench needs two CPUs");
}

static void *share(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

/* A child on CPU 1 that ends with us. */
static pid_t fork_pinned(void)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
			_exit(1);
		pin(1);
	}
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* --- Futex ping-pong ---------------------------------------------------------------- */

static void futex_wait(_Atomic uint32_t *word, uint32_t value)
{
	static const struct timespec limit = { .tv_sec = LIMIT_MS / 1000 };

	while (atomic_load(word) == value)
		if (syscall(SYS_futex, word, FUTEX_WAIT, value, &limit, NULL, 0) != 0 && errno == ETIMEDOUT)
			die("the other process");
}

static void futex_set(_Atomic uint32_t *word, uint32_t value)
{
	atomic_store(word, value);
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void pong(_Atomic uint32_t *words)
{
	for (uint32_t i = 1;; i++) {
		futex_wait(&words[0], i - 1);
		futex_set(&words[32], i);
	}
}

static uint64_t ping(_Atomic uint32_t *words, uint32_t *count)
{
	uint64_t start = now_ns();

	for (uint32_t i = 0; i < READS; i++) {
		futex_set(&words[0], ++*count);
		futex_wait(&words[32], *count - 1);
	}
	return now_ns() - start;
}

/* --- The worker ------------------------------------------------------------------------ */

static uint64_t register_read(void *dev, unsigned id, uint64_t offset, unsigned size)
{
	return *(volatile uint64_t *)dev;
}

static void register_write(void *dev, unsigned id, uint64_t offset, unsigned size, uint64_t value)
{
	*(uint64_t *)dev = value;
}

static void register_reset(void *dev) { *(uint64_t *)dev = 42; }
static void register_save(void *dev, struct state_writer *w) { state_put_u64(w, 1, *(uint64_t *)dev); }

static int register_restore(void *dev, struct state_reader *r)
{
	state_get_u64(r, 1, dev);
	return state_reader_finish(r);
}

static const struct dev_model register_model = {
	.name = "register",
	.version = 1,
	.read = register_read,
	.write = register_write,
	.reset = register_reset,
	.save = register_save,
	.restore = register_restore,
};

static struct remote remote;
static struct fake_env place;
static pthread_mutex_t machine = PTHREAD_MUTEX_INITIALIZER;
static uint8_t *shared;
static int supply[2];

static void work(const int fds[DEVLINK_FDS])
{
	static struct devhost host;
	uint64_t value = 0;

	devhost_init(&host, &register_model, &value);
	devlink_answerer(&host.end, fds, shared);
	host.unit = -1;
	_exit(devhost_run(&host) == VL_E_CLOSED ? 0 : 1);
}

static pid_t start_worker(void)
{
	const struct devipc_supply s = { DEVIPC_SUPPLY, 1 };
	int ours[DEVLINK_FDS], its[DEVLINK_FDS];
	pid_t pid;

	if (devlink_make(ours, its))
		die("a link");
	pid = fork_pinned();
	if (pid == 0) {
		devlink_close(ours);
		close(supply[0]);
		work(its);
	}
	if (channel_send(supply[0], &s, sizeof(s), ours, DEVLINK_FDS, LIMIT_MS))
		die("supply");
	devlink_close(ours);
	devlink_close(its);
	return pid;
}

static void connect_worker(void)
{
	if (channel_pair(supply) || remote_init(&remote, "register", supply[1], shared, &machine))
		die("the VM worker's end");
	fake_env_init(&place, NULL);
	remote.env = &place.env;
}

static uint64_t ask(void)
{
	uint64_t start = now_ns();

	pthread_mutex_lock(&machine);
	for (unsigned i = 0; i < READS; i++)
		if (remote_model.read(&remote, 0, 0, 4) != 42)
			die("the worker");
	pthread_mutex_unlock(&machine);
	return now_ns() - start;
}

/* From the kill until the next worker, restored, has answered. */
static uint64_t lose(pid_t *server)
{
	uint64_t start = now_ns();

	end_child(*server);
	*server = start_worker();
	pthread_mutex_lock(&machine);
	if (remote_model.read(&remote, 0, 0, 4) != 42)
		die("the next worker");
	pthread_mutex_unlock(&machine);
	return now_ns() - start;
}

/* --- In process -------------------------------------------------------------------------- */

static uint64_t call_model(void)
{
	/* the compiler is not to see through the table */
	const struct dev_model *volatile m = &register_model;
	uint64_t value = 42, start = now_ns();

	for (unsigned i = 0; i < READS; i++)
		m->read(&value, 0, 0, 4);
	return now_ns() - start;
}

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double median_ns(uint64_t *times, unsigned each)
{
	qsort(times, ROUNDS, sizeof(*times), compare);
	return (double)times[ROUNDS / 2] / each;
}

static void compare_reads(void)
{
	uint64_t futex[ROUNDS], worker[ROUNDS], local[ROUNDS];
	_Atomic uint32_t *words = share(4096);
	uint32_t count = 0;
	pid_t ponger = fork_pinned();
	double f, w, l;

	if (ponger == 0)
		pong(words);
	for (unsigned i = 0; i < ROUNDS; i++) {
		futex[i] = ping(words, &count);
		worker[i] = ask();
		local[i] = call_model();
	}
	end_child(ponger);
	f = median_ns(futex, READS); /* sorts them: the first is the best */
	w = median_ns(worker, READS);
	l = median_ns(local, READS);
	printf("register read, median of %u rounds of %u\n", ROUNDS, READS);
	printf("  futex ping-pong, two pinned processes %9.1f ns   best round %9.1f ns\n", f,
		(double)futex[0] / READS);
	printf("  through a device worker               %9.1f ns   best round %9.1f ns   %.2f of the "
		"ping-pong, best %.2f\n",
		w, (double)worker[0] / READS, w / f, (double)worker[0] / (double)futex[0]);
	printf("  model in the same process             %9.1f ns   %.4f of the ping-pong\n", l, l / f);
}

int main(void)
{
	uint64_t restart[ROUNDS];
	pid_t server;

	shared = share(DEVIPC_SHARED_BYTES);
	connect_worker();
	server = start_worker();
	pin(0);
	pthread_mutex_lock(&machine);
	remote_model.reset(&remote);
	pthread_mutex_unlock(&machine);
	compare_reads();
	for (unsigned i = 0; i < ROUNDS; i++)
		restart[i] = lose(&server);
	printf("a worker that is lost, until the next has answered (fork, restore, replay of at most %u "
		"requests;\n"
		"without the paravisor's back-off, exec and cage), median of %u: %.1f ms\n",
		REMOTE_JOURNAL_DEFAULT, ROUNDS, median_ns(restart, 1) / 1e6);
	printf("a worker's proportional memory (PSS), as a fork of this program: %u KiB\n", pss_kib(server));
	end_child(server);
	return 0;
}
