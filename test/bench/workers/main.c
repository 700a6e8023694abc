/*
 * workers-bench DIRECTORY [SOCKET]: the programs of device workers, from DIRECTORY, as
 * the paravisor runs them: its own supervision, store and process code starts
 * and replaces them, in their cages, and the VM worker's end asks them. Prints
 * what each takes of memory, how long its device is without it when it is
 * killed, and TPM commands per second beside those of a swtpm that listens on
 * SOCKET. Natively, as root; run by test/bench/tpm/run.
 */
#define CAPACITY VMGS_CAPACITY_DEFAULT
#include "common/devipc/devipc.h"
#include "runtime/lib/clock.h"
#include "runtime/paravisor/devices.h"
#include "runtime/paravisor/process.h"
#include "runtime/vm/remote.h"
#include "runtime/vtpm/boot_region.h"
#include "test/fuzz/memory_disk.h"
#include "test/unit/dev/fake_env.h"
#include "test/bench/tpm/commands.h"
#include "test/timing/pss.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROUNDS 9u

static const char *directory;
static struct vmgs state;
static struct store_broker store;
static struct devices devices;
static _Atomic bool ends;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* --- In the paravisor's place ----------------------------------------------------------- */

static int no_unit(void *context, const char *name) { return VL_E_STATE; }

static int spawn(void *context, struct worker *w)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", directory, w->rule->program);
	return process_spawn(w, path);
}

static void tell(void *context, const char *text) {}

static void failed(void *context, int err, const char *text)
{
	fprintf(stderr, "workers-bench: %s\n", text);
	exit(1);
}

static void *supervise(void *context)
{
	struct pollfd f[DEVICES_POLL_MAX + STORE_CHANNEL_MAX];

	while (!ends) {
		devices_poll(&devices, f);
		store_broker_poll(&store, f + DEVICES_POLL_MAX);
		if (poll(f, VL_ARRAY_COUNT(f), 10) < 0)
			continue;
		store_broker_ready(&store, f + DEVICES_POLL_MAX);
		devices_ready(&devices, f);
	}
	return NULL;
}

/* The cage's root, which VTL2's init makes there. */
static void make_place(void)
{
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("run", "/run", "tmpfs", 0, NULL) != 0 || mkdir("/run/empty", 0555) != 0)
		die("a root for the workers' cages");
}

/* VTL2's kernel has no restartable sequences, and the cages do not allow them. */
static void hide_rseq(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rseq, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = { VL_ARRAY_COUNT(code), code };

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
		die("a kernel without rseq");
}

/* --- In the VM worker's ------------------------------------------------------------------- */

struct device {
	struct remote remote;
	struct fake_env place;
	pthread_mutex_t machine;
	unsigned region;
	uint64_t offset;
};

static void connect_worker(struct device *d, enum control_device id, unsigned region, uint64_t offset)
{
	struct device_worker *w = &devices.list[id];
	void *shared;

	if (devices_start(&devices, id))
		die(w->worker.rule->program);
	shared = mmap(NULL, DEVIPC_SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, w->shared, 0);
	if (shared == MAP_FAILED)
		die("shared memory");
	pthread_mutex_init(&d->machine, NULL);
	if (remote_init(&d->remote, w->worker.rule->name, w->supply[1], shared, &d->machine))
		die("the VM worker's end");
	fake_env_init(&d->place, NULL);
	d->remote.env = &d->place.env;
	d->region = region;
	d->offset = offset;
	pthread_mutex_lock(&d->machine);
	remote_model.reset(&d->remote);
	pthread_mutex_unlock(&d->machine);
}

static uint64_t read_device(struct device *d)
{
	uint64_t value;

	pthread_mutex_lock(&d->machine);
	value = remote_model.read(&d->remote, d->region, d->offset, 1);
	pthread_mutex_unlock(&d->machine);
	return value;
}

/* Makes its keys and saves its first state. */
static void power_on(struct device *d)
{
	int32_t err;

	pthread_mutex_lock(&d->machine);
	remote_model.write(&d->remote, VTPM_REGION_BOOT, offsetof(struct vtpm_boot, command), 4,
		VTPM_BOOT_POWER_ON);
	err = (int32_t)remote_model.read(&d->remote, VTPM_REGION_BOOT, offsetof(struct vtpm_boot, error), 4);
	pthread_mutex_unlock(&d->machine);
	if (err) {
		fprintf(stderr, "workers-bench: the virtual TPM: %s\n", vl_err_text(err));
		exit(1);
	}
}

/* --- What is measured ------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* From the kill until the next one, restored, has answered. Each counts as the first of its window. */
static double lose_ms(struct device *d, struct worker *w)
{
	uint64_t times[ROUNDS];

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t start = clock_boot_ns();
		unsigned replaced = d->remote.replaced;

		w->deaths = 0;
		process_kill(w);
		while (d->remote.replaced == replaced)
			read_device(d);
		times[i] = clock_boot_ns() - start;
	}
	qsort(times, ROUNDS, sizeof(*times), compare);
	return (double)times[ROUNDS / 2] / 1e6;
}

static void measure(struct device *d, enum control_device id)
{
	struct worker *w = &devices.list[id].worker;
	unsigned pss = pss_kib(w->pid);

	printf("  %-5s %6u KiB  %7.1f ms, %u of them the paravisor's first back-off\n", w->rule->name, pss,
		lose_ms(d, w), w->rule->backoff_ms);
}

/* The machine lock is held as it is for a guest's access. */
static void compare_with_swtpm(struct device *d, int socket)
{
	struct dev_instance i = { "vtpm", &remote_model, &d->remote };

	pthread_mutex_lock(&d->machine);
	remote_model.write(&d->remote, VTPM_REGION_BOOT, 0, 4, VTPM_BOOT_FINISH);
	remote_model.start(&d->remote);
	compare_commands("through its worker", &i, socket);
	pthread_mutex_unlock(&d->machine);
}

int main(int argc, char **argv)
{
	static struct device com1, tpm;
	pthread_t supervisor;
	int socket;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: workers-bench DIRECTORY [SOCKET]\n");
		return 1;
	}
	directory = argv[1];
	socket = argc > 2 ? open_socket(argv[2]) : -1;
	make_place();
	hide_rseq();
	if (vmgs_format(&state, &io))
		die("a state file");
	store_broker_init(&store);
	store.state = &state;
	devices_init(&devices);
	devices.store = &store;
	devices.spawn = spawn;
	devices.unit = no_unit;
	devices.tell = tell;
	devices.fail = failed;
	connect_worker(&com1, CONTROL_DEVICE_COM1, 0, 7);
	connect_worker(&tpm, CONTROL_DEVICE_TPM, VTPM_REGION_TPM, 0);
	if (pthread_create(&supervisor, NULL, supervise, NULL))
		die("a thread");
	power_on(&tpm);
	printf("device workers: memory (PSS) and how long the device waits when its worker is killed, "
		"median of %u\n", ROUNDS);
	measure(&com1, CONTROL_DEVICE_COM1);
	measure(&tpm, CONTROL_DEVICE_TPM);
	compare_with_swtpm(&tpm, socket);
	ends = true;
	pthread_join(supervisor, NULL);
	return 0;
}
