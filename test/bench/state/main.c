/*
 * What the protection of the guest's state costs, for `make bench`: sealing and opening
 * a buffer beside BearSSL's bare AES-256-GCM over the same buffer in the same run, the
 * same through a state file in memory, and opening a state file of 4 MiB that is full.
 * No test: prints, and fails only when something does not work.
 */
#include "common/base/err.h"
#include "security/crypto/gcm.h"
#include "security/vmgs/vmgs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BUFFER_BYTES (1u << 20)
#define TURNS 60 /* each measures all kinds once, so that a busy moment meets them alike */
#define STATE_BYTES VMGS_CAPACITY_DEFAULT
#define FILL_FILES 12
#define FILL_BYTES (256u << 10) /* 3 MiB of files, and room for one that is replaced */

static uint8_t buffer[BUFFER_BYTES], disk[STATE_BYTES];
static const uint8_t key[32] = { 1 }, nonce[12] = { 2 };

/* --- A state file in memory ---------------------------------------------------------------------- */

static int disk_read(void *ctx, uint64_t offset, void *out, size_t size)
{
	if (!vl_within(offset, size, STATE_BYTES))
		return VL_E_RANGE;
	memcpy(out, disk + offset, size);
	return 0;
}

static int disk_write(void *ctx, uint64_t offset, const void *data, size_t size)
{
	if (!vl_within(offset, size, STATE_BYTES))
		return VL_E_RANGE;
	memcpy(disk + offset, data, size);
	return 0;
}

static int disk_flush(void *ctx) { return 0; }

static int disk_random(void *ctx, void *out, size_t size)
{
	memset(out, 0x33, size);
	return 0;
}

static const struct vmgs_io io = { disk_read, disk_write, disk_flush, disk_random, NULL, STATE_BYTES, 512 };
static struct vmgs v;

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "state-bench: %s failed\n", what);
	exit(1);
}

/* --- What is measured ------------------------------------------------------------------------------ */

static const br_block_ctr_class *aes;
static br_ghash ghash;

/* The implementations that BearSSL would choose itself on this CPU; what asking costs is not the cipher's. */
static void choose(void)
{
	aes = br_aes_x86ni_ctr_get_vtable();
	aes = aes ? aes : br_aes_pwr8_ctr_get_vtable();
	aes = aes ? aes : &br_aes_ct64_ctr_vtable;
	ghash = br_ghash_pclmul_get();
	ghash = ghash ? ghash : br_ghash_pwr8_get();
	ghash = ghash ? ghash : br_ghash_ctmul64;
}

/* BearSSL alone. */
static void bare(bool encrypt)
{
	static union {
		br_aes_gen_ctr_keys gen;
		const br_block_ctr_class *vtable;
	} keys;
	br_gcm_context gcm;
	uint8_t tag[16];

	aes->init(&keys.vtable, key, sizeof(key));
	br_gcm_init(&gcm, &keys.vtable, ghash);
	br_gcm_reset(&gcm, nonce, sizeof(nonce));
	br_gcm_flip(&gcm);
	br_gcm_run(&gcm, encrypt, buffer, sizeof(buffer));
	br_gcm_get_tag(&gcm, tag);
}

static uint8_t tag[16];
static void bare_seal(void) { bare(true); }
static void bare_open(void) { bare(false); }
static void seal(void) { gcm_seal(key, nonce, buffer, sizeof(buffer), tag); }
static void open_sealed(void) { must(gcm_open(key, nonce, buffer, sizeof(buffer), tag) == 0, "opening"); }

static void file_write(void)
{
	must(vmgs_write(&v, VMGS_GUEST_FIRMWARE, buffer, sizeof(buffer), true) == 0, "writing a file");
}

static void file_read(void)
{
	must(vmgs_read(&v, VMGS_GUEST_FIRMWARE, buffer, sizeof(buffer)) == BUFFER_BYTES, "reading a file");
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* not what other processes take */
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Pairs: ours, and BearSSL's bare of the same direction just before it. */
static struct measured {
	const char *what;
	void (*ours)(void), (*bare)(void);
	uint64_t best_ns, bare_best_ns, sum_ns, bare_sum_ns;
} all[] = {
	{ .what = "seal a buffer", .ours = seal, .bare = bare_seal },
	{ .what = "open a buffer", .ours = open_sealed, .bare = bare_open },
	{ .what = "write a file", .ours = file_write, .bare = bare_seal },
	{ .what = "read a file", .ours = file_read, .bare = bare_open },
};

static void time_of(void (*run)(void), uint64_t *best, uint64_t *sum)
{
	uint64_t start = now_ns(), took;

	run();
	took = now_ns() - start;
	*sum += took;
	if (!*best || took < *best)
		*best = took;
}

static double mib_s(uint64_t ns)
{
	return (double)BUFFER_BYTES / (1 << 20) * 1e9 / (double)ns;
}

static void print(const struct measured *m)
{
	printf("  %-14s mean %7.1f MiB/s, bare %7.1f, ratio %.2f", m->what, mib_s(m->sum_ns / TURNS),
	       mib_s(m->bare_sum_ns / TURNS), (double)m->bare_sum_ns / (double)m->sum_ns);
	printf("   best %7.1f MiB/s, bare %7.1f, ratio %.2f\n", mib_s(m->best_ns), mib_s(m->bare_best_ns),
	       (double)m->bare_best_ns / (double)m->best_ns);
}

static void throughput(void)
{
	must(vmgs_format(&v, &io) == 0 && vmgs_encrypt(&v, key) == 0, "making a state file");
	for (unsigned turn = 0; turn < TURNS; turn++) {
		for (size_t i = 0; i < VL_ARRAY_COUNT(all); i++) {
			/* What is opened must have been sealed just before. */
			if (all[i].bare == bare_open && all[i].ours == open_sealed)
				seal();
			time_of(all[i].bare, &all[i].bare_best_ns, &all[i].bare_sum_ns);
			if (all[i].ours == open_sealed)
				seal();
			time_of(all[i].ours, &all[i].best_ns, &all[i].sum_ns);
		}
	}
	puts("a buffer of 1 MiB under AES-256-GCM, and as a file of the guest's state, beside BearSSL alone");
	for (size_t i = 0; i < VL_ARRAY_COUNT(all); i++)
		print(&all[i]);
}

/* As at a boot: headers, tables, keys. Then all files, as `vmgs check` does. */
static void opening(void)
{
	uint64_t open_best = 0, open_sum = 0, all_best = 0, all_sum = 0, start, took;
	unsigned id;

	must(vmgs_format(&v, &io) == 0 && vmgs_encrypt(&v, key) == 0, "making a state file");
	for (unsigned i = 0; i < FILL_FILES; i++)
		must(vmgs_write(&v, 20 + i, buffer, FILL_BYTES, true) == 0, "filling the state file");
	for (unsigned turn = 0; turn < TURNS; turn++) {
		vmgs_close(&v);
		start = now_ns();
		must(vmgs_open(&v, &io) == 0 && vmgs_unlock(&v, key) == 0, "opening the state file");
		took = now_ns() - start;
		open_sum += took;
		open_best = !open_best || took < open_best ? took : open_best;
		must(vmgs_check(&v, &id) == 0, "authenticating all files");
		took = now_ns() - start;
		all_sum += took;
		all_best = !all_best || took < all_best ? took : all_best;
	}
	printf("a state file of 4 MiB, 3 MiB of it in %d encrypted files, in memory\n", FILL_FILES);
	printf("  open and unlock            mean %8.3f ms   best %8.3f ms\n", (double)open_sum / TURNS / 1e6,
	       (double)open_best / 1e6);
	printf("  and authenticate all files mean %8.3f ms   best %8.3f ms\n", (double)all_sum / TURNS / 1e6,
	       (double)all_best / 1e6);
}

int main(void)
{
	choose();
	throughput();
	opening();
	return fflush(stdout) ? 1 : 0;
}
