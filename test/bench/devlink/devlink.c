/*
 * devlink-bench: what a register read costs through a device worker, beside a
 * bare futex ping-pong between two processes on the same two CPUs and a call
 * of a model in the same process. All three in one run, in turns; the figures
 * are ratios. Run by `make bench`.
 */
#include "common/device/device.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/devlink.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 9u
#define READS 2000u
#define LIMIT_MS 60000u /* also of an end that waits for its turn */

static uint64_t register_value = 42;

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

static void work(int link, uint8_t *shared)
{
	struct pollfd p = { .fd = link, .events = POLLIN };
	struct devlink_request q;
	struct devlink_end end;
	int err = 0;

	devlink_answerer(&end, link, shared);
	while (!err) {
		if (devlink_pending(&end)) {
			err = devlink_take(&end, &q);
			if (!err)
				err = devlink_answer(&end, &(struct devlink_reply){ .value = register_value }, LIMIT_MS);
		} else if (poll(&p, 1, -1) > 0) {
			err = devlink_doorbell(&end);
		}
	}
	_exit(err == VL_E_CLOSED ? 0 : 1);
}

static uint64_t ask(struct devlink_end *end)
{
	const struct devlink_request q = { .op = DEVLINK_READ, .size = 4 };
	uint64_t start = now_ns();
	struct devlink_reply a;

	for (unsigned i = 0; i < READS; i++)
		if (devlink_ask(end, &q, &a, LIMIT_MS) || a.value != register_value)
			die("the worker");
	return now_ns() - start;
}

/* --- In process -------------------------------------------------------------------------- */

static uint64_t local_read(void *dev, unsigned id, uint64_t offset, unsigned size)
{
	return *(volatile uint64_t *)dev;
}

static uint64_t call_model(void)
{
	static const struct dev_model model = { .name = "local", .read = local_read };
	const struct dev_model *volatile m = &model; /* the compiler is not to see through the table */
	uint64_t start = now_ns();

	for (unsigned i = 0; i < READS; i++)
		m->read(&register_value, 0, 0, 4);
	return now_ns() - start;
}

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double median_ns(uint64_t *times)
{
	qsort(times, ROUNDS, sizeof(*times), compare);
	return (double)times[ROUNDS / 2] / READS;
}

int main(void)
{
	uint64_t futex[ROUNDS], worker[ROUNDS], local[ROUNDS];
	_Atomic uint32_t *words = share(4096);
	uint8_t *shared = share(DEVLINK_SHARED_BYTES);
	struct devlink_end end;
	uint32_t count = 0;
	pid_t ponger, server;
	int link[2];
	double f, w, l;

	if (channel_pair(link))
		die("channel");
	ponger = fork_pinned();
	if (ponger == 0)
		pong(words);
	devlink_asker(&end, link[0], shared);
	server = fork_pinned();
	if (server == 0) {
		close(link[0]);
		work(link[1], shared);
	}
	close(link[1]);
	pin(0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		futex[i] = ping(words, &count);
		worker[i] = ask(&end);
		local[i] = call_model();
	}
	end_child(ponger);
	end_child(server);
	f = median_ns(futex);
	w = median_ns(worker);
	l = median_ns(local);
	printf("register read, median of %u rounds of %u\n", ROUNDS, READS);
	printf("  futex ping-pong, two pinned processes %9.1f ns\n", f);
	printf("  through a device worker               %9.1f ns   %.2f of the ping-pong\n", w, w / f);
	printf("  model in the same process             %9.1f ns   %.4f of the ping-pong\n", l, l / f);
	return 0;
}
