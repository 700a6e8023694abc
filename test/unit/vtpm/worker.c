/*
 * Unit tests of the virtual TPM in a worker process: the real libtpms, its
 * thread and hooks, killed at any point of its commands. What a guest sees is
 * compared with what each command, executed once, must give.
 */
#include "runtime/vtpm/worker.h"
#include "test/bench/tpm/commands.h"
#include "test/unit/devworker/rig.h"

#include <bearssl.h>
#include <check.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>

Suite *suite_vtpm_worker(void);

#define KILLS 100u
#define COUNTER "01800002"
#define PASSWORD "00000009" "40000009" "0000" "00" "0000"

/* What a store keeps, which outlives the worker: a write is there as a whole or not at all. */
struct kept {
	_Atomic int32_t now; /* which of both; -1: none */
	size_t size[2];
	uint8_t data[2][VTPM_FILE_BYTES_MAX];
};
static struct kept *kept; /* by enum vtpm_file, shared with the workers */
#define KEPT_COUNT 4u

static struct rig *g;
static struct engine engine; /* the worker's, in its copy of this process */
static enum vtpm_interface interface;

static int64_t nv_read(void *context, enum vtpm_file file, void *out, size_t room)
{
	const struct kept *k = &kept[file];

	if (k->now < 0)
		return VL_E_NOTFOUND;
	memcpy(out, k->data[k->now], k->size[k->now]);
	return (int64_t)k->size[k->now];
}

static int nv_write(void *context, enum vtpm_file file, const void *data, size_t size)
{
	struct kept *k = &kept[file];
	int next = k->now == 0;

	memcpy(k->data[next], data, size);
	k->size[next] = size;
	k->now = next;
	return 0;
}

static const struct vtpm_nv_ops nv_ops = { nv_read, nv_write };

static void init_tpm(void *dev, struct dev_env *env)
{
	static const struct vtpm_nv nv = { &nv_ops, NULL };

	tpm_prepare_library(open("/dev/null", O_WRONLY | O_CLOEXEC));
	if (engine_open(&engine, &nv, true))
		_exit(9);
	VL_CONTAINER_OF(env, struct devhost, env)->hooks = vtpm_worker_hooks(&engine);
	vtpm_init(dev, env, &engine, interface, 0xfed40000, "Vallum test");
}

static const struct rig_kind tpm_kind = { &vtpm_model, sizeof(struct vtpm), init_tpm };

static int32_t boot_command(enum vtpm_boot_command command)
{
	rig_write(g, VTPM_REGION_BOOT, offsetof(struct vtpm_boot, command), 4, command);
	return (int32_t)rig_read(g, VTPM_REGION_BOOT, offsetof(struct vtpm_boot, error), 4);
}

static void setup(enum vtpm_interface which)
{
	interface = which;
	kept = mmap(NULL, KEPT_COUNT * sizeof(*kept), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert(kept != MAP_FAILED);
	for (unsigned i = 0; i < KEPT_COUNT; i++)
		kept[i].now = -1;
	g = rig_new(&tpm_kind);
	rig_start(g);
	ck_assert_int_eq(boot_command(VTPM_BOOT_POWER_ON), 0);
	ck_assert_int_eq(boot_command(VTPM_BOOT_FINISH), 0);
	rig_go(g);
}

static void teardown(void)
{
	rig_free(g);
	munmap(kept, KEPT_COUNT * sizeof(*kept));
}

/* Gives the command; its response must be a success. */
static void give(const char *hex, uint8_t *response)
{
	struct dev_instance d = { "vtpm", &remote_model, &g->r };
	uint8_t c[512];
	size_t n = from_hex(hex, c);
	uint32_t code;

	c[5] = (uint8_t)n;
	pthread_mutex_lock(&g->machine);
	code = (interface == VTPM_CRB ? by_crb : by_fifo)(&d, c, n, response);
	pthread_mutex_unlock(&g->machine);
	ck_assert_uint_eq(code, 0);
}

static size_t response_bytes(const uint8_t *r) { return (size_t)r[4] << 8 | r[5]; }

static void extend(uint8_t *pcr, uint8_t with)
{
	uint8_t r[RESPONSE_ROOM], digest[32];
	br_sha256_context sha;
	char hex[200];
	size_t n = (size_t)snprintf(hex, sizeof(hex), "8002000000000000018200000010" PASSWORD "00000001000b");

	memset(digest, with, sizeof(digest));
	for (unsigned i = 0; i < sizeof(digest); i++)
		n += (size_t)snprintf(hex + n, sizeof(hex) - n, "%02x", with);
	give(hex, r);
	br_sha256_init(&sha);
	br_sha256_update(&sha, pcr, 32);
	br_sha256_update(&sha, digest, sizeof(digest));
	br_sha256_out(&sha, pcr);
}

/* PCR 16. */
static void expect_pcr(const uint8_t *pcr)
{
	uint8_t r[RESPONSE_ROOM];

	give("8001000000000000017e00000001000b03000001", r);
	ck_assert_mem_eq(r + response_bytes(r) - 32, pcr, 32);
}

static uint64_t count_one(void)
{
	uint8_t r[RESPONSE_ROOM];
	uint64_t value = 0;

	give("80020000000000000134" COUNTER COUNTER PASSWORD, r);
	give("8002000000000000014e" COUNTER COUNTER PASSWORD "00080000", r);
	for (unsigned i = 0; i < 8; i++) /* before a session's 5 bytes */
		value = value << 8 | r[response_bytes(r) - 13 + i];
	return value;
}

static _Atomic bool load_ends;
static _Atomic unsigned rounds;

static void *kill_again_and_again(void *context)
{
	for (unsigned i = 0; i < KILLS; i++) {
		unsigned started = g->started, round = rounds;

		kill(g->pid, SIGKILL);
		while (g->started == started || rounds == round)
			sched_yield();
		for (unsigned spin = 0; spin < i * 20000; spin++)
			__asm__ volatile("" ::: "memory");
	}
	load_ends = true;
	return NULL;
}

START_TEST(a_tpm_that_is_killed_a_hundred_times_executes_each_command_once)
{
	uint8_t pcr[32] = { 0 }, r[RESPONSE_ROOM];
	struct dev_instance d = { "vtpm", &remote_model, NULL };
	uint64_t before, counted = 0;
	pthread_t killer;

	setup(_i ? VTPM_CRB : VTPM_FIFO);
	d.dev = &g->r;
	pthread_mutex_lock(&g->machine);
	(_i ? take_crb : take_fifo)(&d);
	pthread_mutex_unlock(&g->machine);
	give("8002000000000000012a40000001" PASSWORD "0000" "000e" COUNTER "000b" "02060016" "0000" "0008",
			r);
	before = count_one();
	load_ends = false;
	ck_assert_int_eq(pthread_create(&killer, NULL, kill_again_and_again, NULL), 0);
	for (; !load_ends; rounds++) {
		extend(pcr, (uint8_t)(rounds + 1));
		expect_pcr(pcr);
		ck_assert_uint_eq(count_one(), before + ++counted);
	}
	pthread_join(killer, NULL);
	ck_assert_uint_ge(g->started, KILLS + 1);
	ck_assert_uint_eq(g->complaints, 0);
	ck_assert_uint_gt(g->r.spared, counted); /* posted accesses were among what was lost */
	teardown();
}
END_TEST

Suite *suite_vtpm_worker(void)
{
	Suite *s = suite_create("vtpm_worker");
	TCase *t = tcase_create("a TPM in a worker");

	tcase_add_loop_test(t, a_tpm_that_is_killed_a_hundred_times_executes_each_command_once, 0, 2);
	suite_add_tcase(s, t);
	return s;
}
