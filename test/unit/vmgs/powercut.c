/*
 * Power cuts and failing storage under the VM guest state file. The storage keeps
 * what was written since the last flush apart: at a cut any part of it may be
 * lost, and the write that was under way may be torn. Every call of every
 * operation is a place for a cut; what is found after reopening is compared, file
 * by file and key by key, with the old and the new content.
 */
#include "common/base/crc32.h"
#include "common/base/err.h"
#include "security/vmgs/vmgs.h"

#include <check.h>
#include <string.h>

Suite *suite_powercut(void);

#define CAPACITY (40u * 4096)
#define PENDING_MAX 12
#define WRITE_MAX 8192 /* bytes of one write: what the host channel takes */
#define BIG (5 * 4096 - 100) /* a file of several blocks */

struct pending {
	uint64_t offset;
	size_t size;
	uint8_t data[WRITE_MAX];
};

struct store {
	uint8_t view[CAPACITY];    /* what a read sees */
	uint8_t durable[CAPACITY]; /* what is there whatever happens */
	struct pending pending[PENDING_MAX];
	unsigned pending_count;
	unsigned calls, cut_at; /* writes and flushes so far; the call at which power goes, 0: none */
	unsigned fail_at;       /* the call that fails without a cut, 0: none */
	bool fail_arrives;      /* a failing write has arrived all the same */
	bool dead;
	uint32_t seed;
};

static struct store disk, start;
static struct vmgs v;
static const uint8_t key_a[32] = { 1, 2, 3 }, key_b[32] = { 9, 9 };

static int disk_read(void *ctx, uint64_t offset, void *out, size_t size)
{
	ck_assert(vl_within(offset, size, CAPACITY));
	memcpy(out, disk.view + offset, size);
	return disk.dead ? VL_E_IO : 0;
}

static void pend(uint64_t offset, const void *data, size_t size)
{
	struct pending *p = &disk.pending[disk.pending_count++];

	ck_assert_uint_le(disk.pending_count, PENDING_MAX);
	p->offset = offset;
	p->size = size;
	memcpy(p->data, data, size);
}

static int disk_write(void *ctx, uint64_t offset, const void *data, size_t size)
{
	bool fails;

	ck_assert(vl_within(offset, size, CAPACITY) && size <= WRITE_MAX && size % 512 == 0 &&
			offset % 512 == 0);
	if (disk.dead)
		return VL_E_IO;
	disk.calls++;
	fails = disk.calls == disk.fail_at;
	if (fails && !disk.fail_arrives)
		return VL_E_IO;
	pend(offset, data, size);
	if (disk.calls == disk.cut_at) {
		disk.dead = true;
		return VL_E_IO;
	}
	memcpy(disk.view + offset, data, size);
	return fails ? VL_E_IO : 0;
}

static int disk_flush(void *ctx)
{
	if (disk.dead)
		return VL_E_IO;
	disk.calls++;
	if (disk.calls == disk.cut_at)
		disk.dead = true;
	if (disk.dead || disk.calls == disk.fail_at)
		return VL_E_IO;
	memcpy(disk.durable, disk.view, sizeof(disk.durable));
	disk.pending_count = 0;
	return 0;
}

static int disk_random(void *ctx, void *out, size_t size)
{
	uint8_t *p = out;

	while (size--) {
		disk.seed = disk.seed * 1664525 + 1013904223;
		*p++ = (uint8_t)(disk.seed >> 24);
	}
	return 0;
}

static const struct vmgs_io io = { disk_read, disk_write, disk_flush, disk_random, NULL, CAPACITY, 512 };

/* Power is back: of the unflushed writes those in `kept` arrived, of the last one only `torn` bytes. */
static void power_on(unsigned kept, size_t torn)
{
	memcpy(disk.view, disk.durable, sizeof(disk.view));
	for (unsigned i = 0; i < disk.pending_count; i++) {
		const struct pending *p = &disk.pending[i];
		size_t size = i + 1 == disk.pending_count && torn < p->size ? torn : p->size;

		if (kept >> i & 1)
			memcpy(disk.view + p->offset, p->data, size);
	}
	memcpy(disk.durable, disk.view, sizeof(disk.durable));
	disk.pending_count = disk.calls = disk.cut_at = disk.fail_at = 0;
	disk.dead = false;
}

/* --- What one finds in the file ------------------------------------------------------------- */

struct picture {
	int opened;       /* vmgs_open */
	int with_a, with_b; /* vmgs_unlock */
	int64_t size[8];
	uint32_t crc[8];
};

static void look_at_files(struct picture *p)
{
	static uint8_t buffer[CAPACITY];

	for (unsigned id = 1; id < VL_ARRAY_COUNT(p->size); id++) {
		p->size[id] = vmgs_read(&v, id, buffer, sizeof(buffer));
		p->crc[id] = p->size[id] > 0 ? vl_crc32(0, buffer, (size_t)p->size[id]) : 0;
	}
}

static struct picture look(void)
{
	struct picture p = { 0 };

	p.opened = vmgs_open(&v, &io);
	if (p.opened)
		return p;
	p.with_b = vmgs_is_encrypted(&v) ? vmgs_unlock(&v, key_b) : VL_E_STATE;
	if (!p.with_b)
		look_at_files(&p);
	ck_assert_int_eq(vmgs_open(&v, &io), 0);
	p.with_a = vmgs_is_encrypted(&v) ? vmgs_unlock(&v, key_a) : VL_E_STATE;
	if (p.with_b)
		look_at_files(&p);
	return p;
}

static bool same(const struct picture *a, const struct picture *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* --- The operations ---------------------------------------------------------------------------- */

static uint8_t big[BIG];

static void open_again(void)
{
	ck_assert_int_eq(vmgs_open(&v, &io), 0);
	if (vmgs_is_encrypted(&v))
		ck_assert(vmgs_unlock(&v, key_a) == 0 || vmgs_unlock(&v, key_b) == 0);
}

static void begin_plain(void)
{
	memset(&disk, 0, sizeof(disk));
	memset(disk.view, 0xee, sizeof(disk.view));
	memset(big, 'b', sizeof(big));
	ck_assert_int_eq(vmgs_format(&v, &io), 0);
	ck_assert_int_eq(vmgs_write(&v, VMGS_ATTEST, "old plain", 9, false), 0);
}

static void begin(void)
{
	begin_plain();
	ck_assert_int_eq(vmgs_encrypt(&v, key_a), 0);
	ck_assert_int_eq(vmgs_write(&v, VMGS_TPM_NVRAM, "the old secret", 14, true), 0);
}

static void begin_two_keys(void)
{
	begin();
	ck_assert_int_eq(vmgs_add_key(&v, key_b), 0);
}

static int op_write(void) { return vmgs_write(&v, VMGS_TPM_NVRAM, big, sizeof(big), true); }
static int op_new(void) { return vmgs_write(&v, VMGS_BIOS_NVRAM, "variables", 9, true); }
static int op_empty(void) { return vmgs_write(&v, VMGS_TPM_NVRAM, "", 0, true); }
static int op_plain(void) { return vmgs_write(&v, VMGS_ATTEST, "new", 3, false); }
static int op_delete(void) { return vmgs_delete(&v, VMGS_TPM_NVRAM); }
static int op_encrypt(void) { return vmgs_encrypt(&v, key_a); }
static int op_add_key(void) { return vmgs_add_key(&v, key_b); }
static int op_rekey(void) { return vmgs_rekey(&v, key_b); }
static int op_remove_key(void) { return vmgs_remove_other_key(&v); }
static int op_format(void) { return vmgs_format(&v, &io); }

static const struct operation {
	const char *name;
	void (*before)(void);
	int (*run)(void);
} operations[] = {
	{ "write", begin, op_write },
	{ "new file", begin, op_new },
	{ "empty file", begin, op_empty },
	{ "plain file", begin, op_plain },
	{ "delete", begin, op_delete },
	{ "encrypt", begin_plain, op_encrypt },
	{ "add key", begin, op_add_key },
	{ "rekey", begin, op_rekey },
	{ "remove key", begin_two_keys, op_remove_key },
	{ "format", begin, op_format },
};

static struct picture old, new;
static unsigned call_count; /* of the operation when nothing goes wrong */

static void prepare(const struct operation *o)
{
	o->before();
	disk_flush(NULL);
	start = disk;
	old = look();
	open_again();
	disk.calls = 0;
	ck_assert_int_eq(o->run(), 0);
	call_count = disk.calls;
	new = look();
	ck_assert_msg(!same(&old, &new), "%s changes nothing", o->name);
}

static void begin_again(void)
{
	disk = start;
	disk.calls = 0;
	open_again();
}

static void expect_old_or_new(const struct operation *o, bool acknowledged, const char *where, unsigned at)
{
	struct picture p = look();

	ck_assert_msg(same(&p, &new) || (!acknowledged && same(&p, &old)), "%s: %s %u", o->name, where, at);
	/* and the file goes on working */
	open_again();
	ck_assert_int_eq(vmgs_write(&v, VMGS_VM_UNIQUE_ID, "id", 2, false), 0);
	ck_assert_int_eq(look().size[VMGS_VM_UNIQUE_ID], 2);
}

static const size_t torn[] = { WRITE_MAX, 0, 1, 17, 100, 167, 168, 511, 512, 513, 2048, 4095, 4096, 8191 };

START_TEST(a_power_cut_at_any_call_leaves_old_or_new_content)
{
	for (size_t i = 0; i < VL_ARRAY_COUNT(operations); i++) {
		const struct operation *o = &operations[i];

		prepare(o);
		ck_assert_uint_ge(call_count, 3);
		for (unsigned cut = 1; cut <= call_count; cut++) {
			struct store dead;
			unsigned subsets;

			begin_again();
			disk.cut_at = cut;
			ck_assert_int_eq(o->run(), VL_E_IO);
			dead = disk;
			subsets = 1u << disk.pending_count;
			for (unsigned kept = 0; kept < subsets; kept++) {
				for (size_t t = 0; t < VL_ARRAY_COUNT(torn); t++) {
					disk = dead;
					power_on(kept, torn[t]);
					expect_old_or_new(o, false, "cut at call", cut);
				}
			}
		}
	}
}
END_TEST

START_TEST(what_was_acknowledged_survives_a_power_cut)
{
	for (size_t i = 0; i < VL_ARRAY_COUNT(operations); i++) {
		prepare(&operations[i]);
		begin_again();
		ck_assert_int_eq(operations[i].run(), 0);
		power_on(0, 0);
		expect_old_or_new(&operations[i], true, "after", 0);
	}
}
END_TEST

/*
 * The storage fails one call and lives on; then another write is cut anywhere.
 * Afterwards each file has one of the contents that were ever asked for.
 */
static void fail_then_cut(const struct operation *o, unsigned fail, bool arrives, unsigned cut)
{
	struct picture p;
	bool is_old, is_new;
	int err;

	begin_again();
	disk.fail_at = fail;
	disk.fail_arrives = arrives;
	err = o->run();
	disk.fail_at = disk.calls = 0;
	disk.cut_at = cut;
	if (err)
		vmgs_write(&v, VMGS_VM_UNIQUE_ID, big, sizeof(big), false);
	power_on(disk.pending_count ? (1u << disk.pending_count) - 1 : 0, WRITE_MAX);
	p = look();
	ck_assert_int_eq(p.opened, 0);
	/* the second write is there or not, whole */
	ck_assert(p.size[VMGS_VM_UNIQUE_ID] == VL_E_NOTFOUND || p.size[VMGS_VM_UNIQUE_ID] == BIG);
	p.size[VMGS_VM_UNIQUE_ID] = old.size[VMGS_VM_UNIQUE_ID];
	p.crc[VMGS_VM_UNIQUE_ID] = 0;
	is_old = same(&p, &old);
	is_new = same(&p, &new);
	ck_assert_msg(is_old || is_new, "%s: call %u fails%s, cut at %u", o->name, fail,
		arrives ? " but arrives" : "", cut);
}

START_TEST(a_failed_call_and_a_later_power_cut_leave_old_or_new_content)
{
	for (size_t i = 0; i < VL_ARRAY_COUNT(operations); i++) {
		const struct operation *o = &operations[i];

		prepare(o);
		for (unsigned fail = 1; fail <= call_count; fail++)
			for (unsigned cut = 1; cut < 10; cut++)
				for (unsigned arrives = 0; arrives < 2; arrives++)
					fail_then_cut(o, fail, arrives, cut);
	}
}
END_TEST

START_TEST(space_comes_back_after_failures)
{
	begin();
	for (unsigned i = 0; i < 100; i++) {
		disk.calls = 0;
		disk.fail_at = 1 + i % 8;
		disk.fail_arrives = i & 1;
		vmgs_write(&v, VMGS_TPM_NVRAM, big, sizeof(big), true);
		disk.fail_at = 0;
		ck_assert_int_eq(vmgs_write(&v, VMGS_TPM_NVRAM, big, sizeof(big), true), 0);
	}
	look();
}
END_TEST

Suite *suite_powercut(void)
{
	Suite *s = suite_create("powercut");
	TCase *c = tcase_create("powercut");

	tcase_set_timeout(c, 300);
	tcase_add_test(c, a_power_cut_at_any_call_leaves_old_or_new_content);
	tcase_add_test(c, what_was_acknowledged_survives_a_power_cut);
	tcase_add_test(c, a_failed_call_and_a_later_power_cut_leave_old_or_new_content);
	tcase_add_test(c, space_comes_back_after_failures);
	suite_add_tcase(s, c);
	return s;
}
