/*
 * Unit tests of the VM guest state file: content, keys, every power cut,
 * every altered byte. The storage is an array that can stop at any write.
 */
#include "common/base/crc32.h"
#include "common/base/err.h"
#include "security/vmgs/vmgs.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *suite_vmgs(void);

#define CAPACITY (64u * 4096)

struct store {
	uint8_t bytes[CAPACITY];
	unsigned writes_left; /* writes before the power cut */
	unsigned torn_bytes;  /* of the write that the cut interrupts, how much arrives */
	bool dead;
	uint8_t seed;
};

static struct store disk;

static int disk_read(void *ctx, uint64_t offset, void *out, size_t size)
{
	struct store *d = ctx;

	if (d->dead || !vl_within(offset, size, CAPACITY))
		return VL_E_IO;
	memcpy(out, d->bytes + offset, size);
	return VL_OK;
}

static int disk_write(void *ctx, uint64_t offset, const void *data, size_t size)
{
	struct store *d = ctx;

	ck_assert(vl_within(offset, size, CAPACITY) && size % 512 == 0 && offset % 512 == 0);
	if (d->dead)
		return VL_E_IO;
	if (!d->writes_left) {
		d->dead = true;
		memcpy(d->bytes + offset, data, d->torn_bytes < size ? d->torn_bytes : size);
		return VL_E_IO;
	}
	d->writes_left--;
	memcpy(d->bytes + offset, data, size);
	return VL_OK;
}

static int disk_flush(void *ctx)
{
	return ((struct store *)ctx)->dead ? VL_E_IO : VL_OK;
}

static int disk_random(void *ctx, void *out, size_t size)
{
	uint8_t *p = out;

	while (size--)
		*p++ = ((struct store *)ctx)->seed++;
	return VL_OK;
}

static const struct vmgs_io io = { disk_read, disk_write, disk_flush, disk_random, &disk, CAPACITY, 512 };
static struct vmgs v;
static const uint8_t key_a[32] = { 1, 2, 3 }, key_b[32] = { 9, 9 }, key_c[32] = { 5 };
static uint8_t buffer[CAPACITY];

static void power_on(void)
{
	disk.dead = false;
	disk.writes_left = UINT32_MAX;
	disk.torn_bytes = 0;
}

static void setup(void)
{
	memset(&disk, 0xee, sizeof(disk));
	power_on();
}

static void expect(unsigned id, const char *text)
{
	ck_assert_int_eq(vmgs_read(&v, id, buffer, sizeof(buffer)), (int)strlen(text));
	ck_assert_mem_eq(buffer, text, strlen(text));
}

static int put(unsigned id, const char *text, bool encrypt)
{
	return vmgs_write(&v, id, text, strlen(text), encrypt);
}

START_TEST(an_empty_storage_is_no_state_file)
{
	ck_assert_int_eq(vmgs_open(&v, &io), VL_E_MAGIC);
	memset(disk.bytes, 0, sizeof(disk.bytes));
	ck_assert_int_eq(vmgs_open(&v, &io), VL_E_NOTFOUND);
}
END_TEST

START_TEST(files_are_there_after_reopening)
{
	struct vmgs_info info;

	ck_assert_int_eq(vmgs_format(&v, &io), VL_OK);
	ck_assert_int_eq(put(VMGS_BIOS_NVRAM, "variables", false), VL_OK);
	ck_assert_int_eq(put(VMGS_ATTEST, "", false), VL_OK);
	ck_assert_int_eq(vmgs_open(&v, &io), VL_OK);
	expect(VMGS_BIOS_NVRAM, "variables");
	ck_assert_int_eq(vmgs_info(&v, VMGS_ATTEST, &info), VL_OK);
	ck_assert_uint_eq(info.size, 0);
	ck_assert_int_eq(vmgs_info(&v, VMGS_TPM_PPI, &info), VL_E_NOTFOUND);
	ck_assert_int_eq(vmgs_delete(&v, VMGS_BIOS_NVRAM), VL_OK);
	ck_assert_int_eq(vmgs_open(&v, &io), VL_OK);
	ck_assert_int_eq(vmgs_read(&v, VMGS_BIOS_NVRAM, buffer, 10), VL_E_NOTFOUND);
}
END_TEST

START_TEST(the_tables_cannot_be_named_as_files)
{
	struct vmgs_info info;

	ck_assert_int_eq(vmgs_format(&v, &io), VL_OK);
	ck_assert_int_eq(put(VMGS_FILE_TABLE, "x", false), VL_E_RANGE);
	ck_assert_int_eq(put(VMGS_EXTENDED_TABLE, "x", false), VL_E_RANGE);
	ck_assert_int_eq(vmgs_info(&v, 1000, &info), VL_E_RANGE);
}
END_TEST

START_TEST(a_file_that_does_not_fit_leaves_the_old_one)
{
	ck_assert_int_eq(vmgs_format(&v, &io), VL_OK);
	ck_assert_int_eq(put(VMGS_ATTEST, "old", false), VL_OK);
	memset(buffer, 7, sizeof(buffer));
	ck_assert_int_eq(vmgs_write(&v, VMGS_ATTEST, buffer, sizeof(buffer) - 3 * 4096, false), VL_E_NOSPACE);
	expect(VMGS_ATTEST, "old");
	for (int i = 0; i < 200; i++) /* nothing leaks: space is found again and again */
		ck_assert_int_eq(vmgs_write(&v, VMGS_ATTEST, buffer, CAPACITY / 2 - 5 * 4096, false), VL_OK);
}
END_TEST

static void make_encrypted(void)
{
	ck_assert_int_eq(vmgs_format(&v, &io), VL_OK);
	ck_assert_int_eq(vmgs_encrypt(&v, key_a), VL_OK);
	ck_assert_int_eq(put(VMGS_TPM_NVRAM, "the secret", true), VL_OK);
}

static bool disk_has(const char *text)
{
	for (size_t i = 0; i + strlen(text) <= CAPACITY; i++)
		if (!memcmp(disk.bytes + i, text, strlen(text)))
			return true;
	return false;
}

START_TEST(an_encrypted_file_needs_its_key_and_is_not_on_the_storage)
{
	make_encrypted();
	ck_assert(!disk_has("the secret"));
	ck_assert_int_eq(vmgs_open(&v, &io), VL_OK);
	ck_assert_int_eq(vmgs_read(&v, VMGS_TPM_NVRAM, buffer, 100), VL_E_DENIED);
	ck_assert_int_eq(vmgs_unlock(&v, key_b), VL_E_AUTH);
	ck_assert_int_eq(vmgs_read(&v, VMGS_TPM_NVRAM, buffer, 100), VL_E_DENIED);
	ck_assert_int_eq(vmgs_unlock(&v, key_a), VL_OK);
	expect(VMGS_TPM_NVRAM, "the secret");
	ck_assert_int_eq(put(VMGS_TPM_NVRAM, "plain", false), VL_E_DENIED);
}
END_TEST

START_TEST(rotation_changes_the_key_without_rewriting_files)
{
	make_encrypted();
	ck_assert_int_eq(vmgs_add_key(&v, key_b), VL_OK);
	ck_assert_int_eq(vmgs_add_key(&v, key_c), VL_E_NOSPACE);
	ck_assert_int_eq(vmgs_open(&v, &io), VL_OK);
	ck_assert_int_eq(vmgs_unlock(&v, key_b), VL_OK);
	ck_assert_int_eq(vmgs_remove_other_key(&v), VL_OK);
	ck_assert_int_eq(vmgs_open(&v, &io), VL_OK);
	ck_assert_int_eq(vmgs_unlock(&v, key_a), VL_E_AUTH);
	ck_assert_int_eq(vmgs_unlock(&v, key_b), VL_OK);
	expect(VMGS_TPM_NVRAM, "the secret");
}
END_TEST

START_TEST(rekeying_leaves_one_key)
{
	make_encrypted();
	ck_assert_int_eq(vmgs_add_key(&v, key_b), VL_OK);
	ck_assert_int_eq(vmgs_rekey(&v, key_c), VL_OK);
	ck_assert_int_eq(vmgs_rekey(&v, key_b), VL_OK);
	ck_assert_int_eq(vmgs_rekey(&v, key_c), VL_OK);
	ck_assert_int_eq(vmgs_open(&v, &io), VL_OK);
	ck_assert_int_eq(vmgs_rekey(&v, key_c), VL_E_DENIED);
	ck_assert_int_eq(vmgs_unlock(&v, key_a), VL_E_AUTH);
	ck_assert_int_eq(vmgs_unlock(&v, key_b), VL_E_AUTH);
	ck_assert_int_eq(vmgs_unlock(&v, key_c), VL_OK);
	expect(VMGS_TPM_NVRAM, "the secret");
}
END_TEST

START_TEST(closing_wipes_all_keys)
{
	static const struct vmgs zero;

	make_encrypted();
	vmgs_close(&v);
	ck_assert_mem_eq(&v, &zero, sizeof(v));
}
END_TEST

/* The operations whose every write is a place for a power cut. */
static int op_write(void) { return put(VMGS_TPM_NVRAM, "the new secret", true); }
static int op_write_plain(void) { return put(VMGS_ATTEST, "new plain", false); }
static int op_delete(void) { return vmgs_delete(&v, VMGS_TPM_NVRAM); }
static int op_add_key(void) { return vmgs_add_key(&v, key_b); }

static void expect_old_or_new(int (*op)(void), bool done)
{
	int64_t size;
	bool is_new;

	ck_assert_int_eq(vmgs_open(&v, &io), VL_OK);
	ck_assert_int_eq(vmgs_unlock(&v, key_a), VL_OK);
	size = vmgs_read(&v, VMGS_TPM_NVRAM, buffer, sizeof(buffer));
	is_new = op == op_write ? size == 14 : op == op_delete ? size == VL_E_NOTFOUND : done;
	if (op == op_write && is_new)
		expect(VMGS_TPM_NVRAM, "the new secret");
	else if (!(op == op_delete && is_new))
		expect(VMGS_TPM_NVRAM, "the secret");
	ck_assert(is_new || !done); /* what was acknowledged is there */
	/* and the file goes on working */
	ck_assert_int_eq(put(VMGS_VM_UNIQUE_ID, "id", true), VL_OK);
	expect(VMGS_VM_UNIQUE_ID, "id");
}

static unsigned cut_everywhere(int (*op)(void), unsigned torn_bytes)
{
	static struct store before;
	unsigned cut;

	setup();
	make_encrypted();
	before = disk;
	for (cut = 0; cut < 100; cut++) {
		int err;

		disk = before;
		ck_assert_int_eq(vmgs_open(&v, &io), VL_OK);
		ck_assert_int_eq(vmgs_unlock(&v, key_a), VL_OK);
		disk.writes_left = cut;
		disk.torn_bytes = torn_bytes;
		err = op();
		power_on();
		expect_old_or_new(op, err == VL_OK);
		if (!err)
			return cut;
	}
	ck_abort_msg("the operation never ends");
}

START_TEST(a_power_cut_at_any_write_leaves_old_or_new_content)
{
	static int (*const ops[])(void) = { op_write, op_write_plain, op_delete, op_add_key };
	static const unsigned torn[] = { 0, 1, 17, 100, 511, 512, 513, 2048, 4095 };

	for (size_t i = 0; i < VL_ARRAY_COUNT(ops); i++)
		for (size_t j = 0; j < VL_ARRAY_COUNT(torn); j++)
			ck_assert_uint_ge(cut_everywhere(ops[i], torn[j]), 3);
}
END_TEST

START_TEST(a_power_cut_while_encrypting_leaves_a_usable_file)
{
	static struct store before;

	ck_assert_int_eq(vmgs_format(&v, &io), VL_OK);
	ck_assert_int_eq(put(VMGS_ATTEST, "plain", false), VL_OK);
	before = disk;
	for (unsigned cut = 0; cut < 10; cut++) {
		disk = before;
		ck_assert_int_eq(vmgs_open(&v, &io), VL_OK);
		disk.writes_left = cut;
		vmgs_encrypt(&v, key_a);
		power_on();
		ck_assert_int_eq(vmgs_open(&v, &io), VL_OK);
		ck_assert(!vmgs_is_encrypted(&v) || vmgs_unlock(&v, key_a) == VL_OK);
		expect(VMGS_ATTEST, "plain");
	}
}
END_TEST

/* Whether the state still gives the secret, and nothing else instead. */
static bool secret_or_refused(void)
{
	int64_t size;

	if (vmgs_open(&v, &io) || !vmgs_is_encrypted(&v) || vmgs_unlock(&v, key_a))
		return false;
	size = vmgs_read(&v, VMGS_TPM_NVRAM, buffer, sizeof(buffer));
	if (size < 0)
		return false;
	expect(VMGS_TPM_NVRAM, "the secret");
	return true;
}

static unsigned alter(size_t from, size_t to)
{
	unsigned refused = 0;

	for (size_t i = from; i < to; i++) {
		disk.bytes[i] ^= 0x40;
		refused += !secret_or_refused();
		disk.bytes[i] ^= 0x40;
	}
	return refused;
}

START_TEST(an_altered_byte_is_detected_or_means_nothing)
{
	uint8_t used[sizeof(v.used)];
	unsigned refused;

	make_encrypted();
	memcpy(used, v.used, sizeof(used));
	ck_assert(secret_or_refused());
	refused = alter(0, VMGS_FIRST_BLOCK * 4096);
	for (uint32_t block = VMGS_FIRST_BLOCK; block < CAPACITY / 4096; block++)
		if (used[block / 8] >> block % 8 & 1)
			refused += alter(block * 4096u, (block + 1) * 4096u);
	/* the header, the file's bytes, nonce and tag, the whole extended table */
	ck_assert_uint_gt(refused, 4096);
	for (uint32_t block = VMGS_FIRST_BLOCK; block < CAPACITY / 4096; block++)
		if (!(used[block / 8] >> block % 8 & 1))
			memset(disk.bytes + block * 4096u, 0x5a, 4096);
	ck_assert(secret_or_refused());
}
END_TEST

/* A host that knows the format makes the checksum right again. */
START_TEST(an_altered_header_with_a_right_checksum_is_detected_or_means_nothing)
{
	struct vmgs_header *h, before;
	unsigned refused = 0;

	make_encrypted();
	h = (void *)(disk.bytes + 512 * v.slot);
	memset(disk.bytes + 512 * (1 - v.slot), 0, 512);
	before = *h;
	for (size_t i = 0; i < sizeof(*h); i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			((uint8_t *)h)[i] ^= (uint8_t)(1u << bit);
			h->checksum = cpu_to_le32(0);
			h->checksum = cpu_to_le32(vl_crc32(0, h, sizeof(*h)));
			refused += !secret_or_refused();
			*h = before;
		}
	}
	/*
	 * signature, version, sizes and place of the table, algorithm, the wrapped key but its reserved bytes
	 */
	ck_assert_uint_ge(refused, 8 * (8 + 4 + 4 + 4 + 4 + 2 + 60));
	ck_assert(secret_or_refused());
}
END_TEST

START_TEST(a_hidden_or_exchanged_file_is_noticed)
{
	uint8_t *table;
	struct vmgs_file_entry swap;

	make_encrypted();
	ck_assert_int_eq(put(VMGS_VM_UNIQUE_ID, "the other", true), VL_OK);
	table = disk.bytes + 4096 * le32_to_cpu(v.header.table_block);
	memcpy(&swap, table + 64 * VMGS_TPM_NVRAM, 64);
	memcpy(table + 64 * VMGS_TPM_NVRAM, table + 64 * VMGS_VM_UNIQUE_ID, 64);
	memcpy(table + 64 * VMGS_VM_UNIQUE_ID, &swap, 64);
	ck_assert_int_eq(vmgs_open(&v, &io), VL_OK);
	ck_assert_int_eq(vmgs_unlock(&v, key_a), VL_OK);
	ck_assert_int_eq(vmgs_read(&v, VMGS_TPM_NVRAM, buffer, 100), VL_E_AUTH);
	ck_assert_uint_eq(buffer[0], 0);
	memset(table + 64 * VMGS_TPM_NVRAM, 0, 64);
	ck_assert_int_eq(vmgs_open(&v, &io), VL_OK);
	ck_assert_int_eq(vmgs_unlock(&v, key_a), VL_E_AUTH);
}
END_TEST

START_TEST(a_replayed_older_state_has_another_anchor)
{
	static struct store old;
	uint8_t before[32], after[32];

	make_encrypted();
	old = disk;
	vmgs_anchor(&v, before);
	ck_assert_int_eq(put(VMGS_TPM_NVRAM, "newer", true), VL_OK);
	vmgs_anchor(&v, after);
	ck_assert_int_ne(memcmp(before, after, 32), 0);
	disk = old;
	ck_assert_int_eq(vmgs_open(&v, &io), VL_OK);
	vmgs_anchor(&v, after);
	ck_assert_mem_eq(before, after, 32);
}
END_TEST

START_TEST(tables_that_cannot_be_are_refused)
{
	struct vmgs_file_entry *f;

	ck_assert_int_eq(vmgs_format(&v, &io), VL_OK);
	ck_assert_int_eq(put(VMGS_ATTEST, "x", false), VL_OK);
	f = (void *)(disk.bytes + 4096 * le32_to_cpu(v.header.table_block) + 64 * VMGS_ATTEST);
	f->size = cpu_to_le64(4097);
	ck_assert_int_eq(vmgs_open(&v, &io), VL_E_FORMAT);
	f->size = cpu_to_le64(1);
	f->block = cpu_to_le32(0xffffffff);
	ck_assert_int_eq(vmgs_open(&v, &io), VL_E_RANGE);
	f->block = v.header.table_block;
	ck_assert_int_eq(vmgs_open(&v, &io), VL_E_OVERLAP);
	f->block = cpu_to_le32(1);
	ck_assert_int_eq(vmgs_open(&v, &io), VL_E_RANGE);
}
END_TEST

Suite *suite_vmgs(void)
{
	Suite *s = suite_create("vmgs");
	TCase *c = tcase_create("vmgs");

	tcase_add_checked_fixture(c, setup, NULL);
	tcase_set_timeout(c, 300);
	tcase_add_test(c, an_empty_storage_is_no_state_file);
	tcase_add_test(c, files_are_there_after_reopening);
	tcase_add_test(c, the_tables_cannot_be_named_as_files);
	tcase_add_test(c, a_file_that_does_not_fit_leaves_the_old_one);
	tcase_add_test(c, an_encrypted_file_needs_its_key_and_is_not_on_the_storage);
	tcase_add_test(c, rotation_changes_the_key_without_rewriting_files);
	tcase_add_test(c, rekeying_leaves_one_key);
	tcase_add_test(c, closing_wipes_all_keys);
	tcase_add_test(c, a_power_cut_at_any_write_leaves_old_or_new_content);
	tcase_add_test(c, a_power_cut_while_encrypting_leaves_a_usable_file);
	tcase_add_test(c, an_altered_byte_is_detected_or_means_nothing);
	tcase_add_test(c, an_altered_header_with_a_right_checksum_is_detected_or_means_nothing);
	tcase_add_test(c, a_hidden_or_exchanged_file_is_noticed);
	tcase_add_test(c, a_replayed_older_state_has_another_anchor);
	tcase_add_test(c, tables_that_cannot_be_are_refused);
	suite_add_tcase(s, c);
	return s;
}
