/*
 * The VM guest state file (vmgs.h). Called by the paravisor and by the vmgs
 * tool. Input: storage that a hostile host controls.
 */
#include "security/vmgs/vmgs.h"
#include "common/base/crc32.h"
#include "common/base/err.h"
#include "security/crypto/gcm.h"

#include <string.h>

static uint32_t header_crc(const struct vmgs_header *h)
{
	struct vmgs_header copy = *h;

	copy.checksum = cpu_to_le32(0);
	return vl_crc32(0, &copy, sizeof(copy));
}

static int header_check(const struct vmgs_header *h)
{
	if (le64_to_cpu(h->signature) != VMGS_SIGNATURE)
		return VL_E_MAGIC;
	if (le32_to_cpu(h->checksum) != header_crc(h))
		return VL_E_CHECKSUM;
	if (le32_to_cpu(h->version) != VMGS_VERSION_3 || le32_to_cpu(h->header_size) != sizeof(*h))
		return VL_E_VERSION;
	if (le16_to_cpu(h->algorithm) > VMGS_AES_GCM || le32_to_cpu(h->table_block_count) != 1)
		return VL_E_FORMAT;
	return VL_OK;
}

static int block_read(struct vmgs *v, uint32_t block, void *out, size_t size)
{
	return v->io.read(v->io.ctx, (uint64_t)block * VMGS_BLOCK_BYTES, out, size);
}

static int block_write(struct vmgs *v, uint32_t block, const void *data)
{
	return v->io.write(v->io.ctx, (uint64_t)block * VMGS_BLOCK_BYTES, data, VMGS_BLOCK_BYTES);
}

static bool is_used(const struct vmgs *v, uint32_t block)
{
	return v->used[block / 8] >> (block % 8) & 1;
}

/* Marks a range of the state in force as used; refuses one that is out of bounds or taken. */
static int claim(struct vmgs *v, uint32_t block, uint32_t count)
{
	if (block < VMGS_FIRST_BLOCK || !vl_within(block, count, v->block_count))
		return VL_E_RANGE;
	for (uint32_t i = block; i < block + count; i++) {
		if (is_used(v, i))
			return VL_E_OVERLAP;
		v->used[i / 8] |= (uint8_t)(1u << i % 8);
	}
	return VL_OK;
}

/* Entry 0 stands for the file table itself, which the header names. */
static int claim_all(struct vmgs *v)
{
	int err = claim(v, le32_to_cpu(v->header.table_block), 1);

	for (unsigned id = 1; !err && id < VMGS_FILE_COUNT; id++) {
		const struct vmgs_file_entry *f = &v->files[id];
		uint32_t count = le32_to_cpu(f->block_count);

		if (!count)
			continue;
		if (le64_to_cpu(f->size) > (uint64_t)count * VMGS_BLOCK_BYTES)
			return VL_E_FORMAT;
		err = claim(v, le32_to_cpu(f->block), count);
	}
	return err;
}

static int load_state(struct vmgs *v)
{
	int err;

	memset(v->used, 0, sizeof(v->used));
	if (le32_to_cpu(v->header.table_block) < VMGS_FIRST_BLOCK ||
	    le32_to_cpu(v->header.table_block) >= v->block_count)
		return VL_E_RANGE;
	err = block_read(v, le32_to_cpu(v->header.table_block), v->files, sizeof(v->files));
	return err ? err : claim_all(v);
}

static int io_check(struct vmgs *v, const struct vmgs_io *io)
{
	memset(v, 0, sizeof(*v));
	if (io->sector_bytes != 512 && io->sector_bytes != 4096)
		return VL_E_RANGE;
	if (io->capacity < 4 * VMGS_BLOCK_BYTES)
		return VL_E_NOSPACE;
	v->io = *io;
	v->block_count = io->capacity / VMGS_BLOCK_BYTES > VMGS_BLOCKS_MAX ?
		VMGS_BLOCKS_MAX : (uint32_t)(io->capacity / VMGS_BLOCK_BYTES);
	return VL_OK;
}

/* The newer of two headers: the numbers wrap, so it is ahead by less than half their range. */
static int choose_header(struct vmgs *v, const struct vmgs_header h[2], const int err[2])
{
	uint32_t ahead = le32_to_cpu(h[1].sequence) - le32_to_cpu(h[0].sequence);

	if (err[0] && err[1])
		return err[0] == VL_E_MAGIC ? err[1] : err[0];
	v->slot = err[0] || (!err[1] && ahead && ahead < 0x80000000u) ? 1 : 0;
	v->header = h[v->slot];
	return VL_OK;
}

/* Finds the header in force. */
static int read_headers(struct vmgs *v)
{
	static const struct vmgs_header blank;
	struct vmgs_header h[2];
	int checks[2], err = VL_OK;

	for (unsigned i = 0; !err && i < 2; i++) {
		err = v->io.read(v->io.ctx, (uint64_t)i * v->io.sector_bytes, &h[i], sizeof(h[i]));
		checks[i] = err ? err : header_check(&h[i]);
	}
	if (!err && !memcmp(&h[0], &blank, sizeof(blank)) && !memcmp(&h[1], &blank, sizeof(blank)))
		err = VL_E_NOTFOUND;
	return err ? err : choose_header(v, h, checks);
}

int vmgs_open(struct vmgs *v, const struct vmgs_io *io)
{
	int err = io_check(v, io);

	if (!err)
		err = read_headers(v);
	return err ? err : load_state(v);
}

void vmgs_close(struct vmgs *v)
{
	crypto_wipe(v, sizeof(*v));
}

bool vmgs_is_encrypted(const struct vmgs *v)
{
	return le16_to_cpu(v->header.algorithm) == VMGS_AES_GCM;
}

/* --- Changing: new blocks, then one header write -------------------------- */

/* The smallest free extent that holds `count` blocks. */
static int best_fit(const struct vmgs *v, uint32_t count, uint32_t *block)
{
	uint32_t best = UINT32_MAX, length = 0;

	for (uint32_t i = VMGS_FIRST_BLOCK; i <= v->block_count; i++) {
		if (i < v->block_count && !is_used(v, i)) {
			length++;
			continue;
		}
		if (length >= count && length < best) {
			best = length;
			*block = i - length;
		}
		length = 0;
	}
	return best == UINT32_MAX ? VL_E_NOSPACE : VL_OK;
}

/* Blocks for something new; marked used so that the next call does not give them again. */
static int allocate(struct vmgs *v, uint32_t count, uint32_t *block)
{
	int err = best_fit(v, count, block);

	return err ? err : claim(v, *block, count);
}

/* Fresh per message under one key: 4 random bytes and a counter. */
static int new_nonce(struct vmgs *v, uint8_t nonce[GCM_NONCE_BYTES])
{
	int err = v->io.random(v->io.ctx, nonce, GCM_NONCE_BYTES);

	v->nonce_counter++;
	for (unsigned i = 0; !err && i < 8; i++)
		nonce[4 + i] ^= (uint8_t)(v->nonce_counter >> 8 * i);
	return err;
}

#define WRITE_BLOCKS 2u /* what one message to the host takes: GET_PAYLOAD_MAX */

/* Writes `data` to blocks, encrypted by `g` when given, the rest of the last block zeroed. */
static int write_blocks(struct vmgs *v, uint32_t block, const uint8_t *data, size_t size, struct gcm *g)
{
	uint8_t buffer[WRITE_BLOCKS * VMGS_BLOCK_BYTES];
	int err = VL_OK;

	for (size_t at = 0; !err && at < size; at += sizeof(buffer), block += WRITE_BLOCKS) {
		size_t part = size - at < sizeof(buffer) ? size - at : sizeof(buffer);
		size_t whole = (part + VMGS_BLOCK_BYTES - 1) / VMGS_BLOCK_BYTES * VMGS_BLOCK_BYTES;

		memcpy(buffer, data + at, part);
		memset(buffer + part, 0, whole - part);
		if (g)
			gcm_run(g, true, buffer, part);
		err = v->io.write(v->io.ctx, (uint64_t)block * VMGS_BLOCK_BYTES, buffer, whole);
	}
	crypto_wipe(buffer, sizeof(buffer));
	return err;
}

/* Puts content into new blocks and describes it in `f`; with `key`, encrypted under it. */
static int store(struct vmgs *v, struct vmgs_file_entry *f, const void *data, size_t size,
		 const uint8_t *key)
{
	uint32_t block, count = size ? (uint32_t)((size + VMGS_BLOCK_BYTES - 1) / VMGS_BLOCK_BYTES) : 1;
	struct gcm g;
	int err = allocate(v, count, &block);

	if (err)
		return err;
	memset(f, 0, sizeof(*f));
	f->block = cpu_to_le32(block);
	f->block_count = cpu_to_le32(count);
	f->size = cpu_to_le64(size);
	if (!key)
		return write_blocks(v, block, data, size, NULL);
	err = new_nonce(v, f->nonce);
	if (err)
		return err;
	f->attributes = cpu_to_le32(VMGS_ATTRIBUTE_ENCRYPTED | VMGS_ATTRIBUTE_AUTHENTICATED);
	gcm_begin(&g, key, f->nonce);
	err = write_blocks(v, block, data, size, &g);
	gcm_tag(&g, f->tag);
	gcm_wipe(&g);
	return err;
}

/* A state that is being built beside the one in force. */
struct change {
	struct vmgs_header header;
	struct vmgs_file_entry files[VMGS_FILE_COUNT];
	struct vmgs_extended_entry extended[VMGS_FILE_COUNT];
	uint8_t used[VMGS_BLOCKS_MAX / 8];
};

static void change_begin(const struct vmgs *v, struct change *c)
{
	c->header = v->header;
	memcpy(c->files, v->files, sizeof(c->files));
	memcpy(c->extended, v->extended, sizeof(c->extended));
	memcpy(c->used, v->used, sizeof(c->used));
}

/* *tried: the header may have arrived, whatever is returned. */
static int commit_header(struct vmgs *v, struct vmgs_header *h, bool *tried)
{
	uint8_t sector[4096] = { 0 };
	unsigned slot = 1 - v->slot;
	int err;

	h->sequence = cpu_to_le32(le32_to_cpu(v->header.sequence) + 1);
	h->checksum = cpu_to_le32(header_crc(h));
	memcpy(sector, h, sizeof(*h));
	err = v->io.flush(v->io.ctx);
	*tried = !err;
	if (!err)
		err = v->io.write(v->io.ctx, (uint64_t)slot * v->io.sector_bytes, sector, v->io.sector_bytes);
	if (!err)
		err = v->io.flush(v->io.ctx);
	if (!err)
		v->slot = slot;
	return err;
}

static void change_drop(struct vmgs *v, struct change *c)
{
	memcpy(v->used, c->used, sizeof(v->used));
	crypto_wipe(c, sizeof(*c));
}

/*
 * Writes the tables, then the header. After an error the state in force is the
 * old one here, while on the storage it may be the new one: so the blocks of both
 * stay taken until a later header, which goes to the same slot, settles it.
 */
static int change_commit(struct vmgs *v, struct change *c)
{
	uint32_t block = 0;
	bool tried = false;
	int err = VL_OK;

	if (le16_to_cpu(c->header.algorithm) == VMGS_AES_GCM && v->unlocked)
		err = store(v, &c->files[VMGS_EXTENDED_TABLE], c->extended, sizeof(c->extended),
			    v->metadata_key);
	if (!err)
		err = allocate(v, 1, &block);
	if (!err)
		err = block_write(v, block, c->files);
	c->header.table_block = cpu_to_le32(block);
	if (!err)
		err = commit_header(v, &c->header, &tried);
	if (err) {
		if (tried)
			memcpy(c->used, v->used, sizeof(v->used));
		change_drop(v, c);
		return err;
	}
	v->header = c->header;
	memcpy(v->files, c->files, sizeof(v->files));
	memcpy(v->extended, c->extended, sizeof(v->extended));
	memset(v->used, 0, sizeof(v->used));
	crypto_wipe(c, sizeof(*c));
	return claim_all(v);
}

static int blank_header(struct vmgs *v, unsigned slot)
{
	static const uint8_t zeros[4096];
	int err = v->io.write(v->io.ctx, (uint64_t)slot * v->io.sector_bytes, zeros, v->io.sector_bytes);

	return err ? err : v->io.flush(v->io.ctx);
}

/*
 * On storage with nothing to keep: both headers are gone before the first block is
 * written, the one that is not in force first, for its blocks are not its own.
 */
static int format_anew(struct vmgs *v)
{
	unsigned in_force = read_headers(v) ? 0 : v->slot;
	struct change c;
	int err = blank_header(v, 1 - in_force);

	if (!err)
		err = blank_header(v, in_force);
	if (err)
		return err;
	memset(v->used, 0, sizeof(v->used));
	memset(v->files, 0, sizeof(v->files));
	v->header = (struct vmgs_header){
		.signature = cpu_to_le64(VMGS_SIGNATURE),
		.version = cpu_to_le32(VMGS_VERSION_3),
		.header_size = cpu_to_le32(sizeof(v->header)),
		.table_block_count = cpu_to_le32(1),
	};
	v->slot = 1;
	change_begin(v, &c);
	return change_commit(v, &c);
}

/* Over a state that is whole: one more change, so that a power cut leaves the old or the empty one. */
static int format_over(struct vmgs *v)
{
	struct change c;
	int err = read_headers(v);

	if (!err)
		err = load_state(v);
	if (err)
		return err;
	change_begin(v, &c);
	memset(c.files, 0, sizeof(c.files));
	memset(c.header.metadata_key, 0, sizeof(c.header.metadata_key));
	c.header.algorithm = cpu_to_le16(VMGS_PLAIN);
	c.header.markers = cpu_to_le16(0);
	return change_commit(v, &c);
}

int vmgs_format(struct vmgs *v, const struct vmgs_io *io)
{
	int err = io_check(v, io);

	if (err)
		return err;
	return format_over(v) ? format_anew(v) : VL_OK;
}

/* --- Keys ---------------------------------------------------------------------- */

static int wrap(struct vmgs *v, struct vmgs_wrapped_key *w, const uint8_t key[VMGS_KEY_BYTES])
{
	int err;

	memset(w, 0, sizeof(*w));
	err = new_nonce(v, w->nonce);
	memcpy(w->key, v->metadata_key, sizeof(w->key));
	gcm_seal(key, w->nonce, w->key, sizeof(w->key), w->tag);
	return err;
}

/* Ends a change that puts `key` into a slot. */
static int wrap_and_commit(struct vmgs *v, struct change *c, unsigned slot, const uint8_t key[VMGS_KEY_BYTES])
{
	int err = wrap(v, &c->header.metadata_key[slot], key);

	if (!err)
		return change_commit(v, c);
	change_drop(v, c);
	return err;
}

static bool slot_is_free(const struct vmgs_wrapped_key *w)
{
	static const struct vmgs_wrapped_key zero;

	return memcmp(w, &zero, sizeof(zero)) == 0;
}

int vmgs_encrypt(struct vmgs *v, const uint8_t key[VMGS_KEY_BYTES])
{
	struct change c;
	int err;

	if (vmgs_is_encrypted(v))
		return VL_E_STATE;
	err = v->io.random(v->io.ctx, v->metadata_key, sizeof(v->metadata_key));
	if (err)
		return err;
	change_begin(v, &c);
	memset(c.extended, 0, sizeof(c.extended));
	c.header.algorithm = cpu_to_le16(VMGS_AES_GCM);
	v->unlocked = true;
	v->key_slot = 0;
	err = wrap_and_commit(v, &c, 0, key);
	if (err) {
		v->unlocked = false;
		crypto_wipe(v->metadata_key, sizeof(v->metadata_key));
	}
	return err;
}

static bool entry_encrypted(const struct vmgs_file_entry *f)
{
	return le32_to_cpu(f->attributes) & VMGS_ATTRIBUTE_ENCRYPTED;
}

/* Reads and authenticates a file that is not larger than `size`. */
static int64_t load(struct vmgs *v, const struct vmgs_file_entry *f, const uint8_t *key, void *out,
		    size_t size)
{
	uint64_t length = le64_to_cpu(f->size);
	int err;

	if (length > size)
		return VL_E_NOSPACE;
	err = v->io.read(v->io.ctx, (uint64_t)le32_to_cpu(f->block) * VMGS_BLOCK_BYTES, out, (size_t)length);
	if (!err && key)
		err = gcm_open(key, f->nonce, out, (size_t)length, f->tag);
	if (err)
		memset(out, 0, (size_t)length);
	return err ? err : (int64_t)length;
}

/* A file that the authenticated table knows as encrypted must be there and say so. */
static int tables_agree(const struct vmgs *v)
{
	for (unsigned id = 1; id < VMGS_EXTENDED_TABLE; id++) {
		bool known = le32_to_cpu(v->extended[id].attributes) & VMGS_ATTRIBUTE_ENCRYPTED;
		bool there = le32_to_cpu(v->files[id].block_count) && entry_encrypted(&v->files[id]);

		if (known != there)
			return VL_E_AUTH;
	}
	return VL_OK;
}

static int load_extended(struct vmgs *v)
{
	const struct vmgs_file_entry *f = &v->files[VMGS_EXTENDED_TABLE];
	int64_t size;

	if (le64_to_cpu(f->size) != sizeof(v->extended) || !le32_to_cpu(f->block_count))
		return VL_E_AUTH;
	size = load(v, f, v->metadata_key, v->extended, sizeof(v->extended));
	return size < 0 ? (int)size : tables_agree(v);
}

int vmgs_unlock(struct vmgs *v, const uint8_t key[VMGS_KEY_BYTES])
{
	int err = VL_E_AUTH;

	if (!vmgs_is_encrypted(v) || v->unlocked)
		return VL_E_STATE;
	for (unsigned i = 0; err && i < 2; i++) {
		const struct vmgs_wrapped_key *w = &v->header.metadata_key[i];

		memcpy(v->metadata_key, w->key, sizeof(v->metadata_key));
		err = slot_is_free(w) ? VL_E_AUTH :
			gcm_open(key, w->nonce, v->metadata_key, sizeof(v->metadata_key), w->tag);
		v->key_slot = i;
	}
	if (!err)
		err = load_extended(v);
	v->unlocked = !err;
	if (err)
		crypto_wipe(v->metadata_key, sizeof(v->metadata_key));
	return err;
}

int vmgs_add_key(struct vmgs *v, const uint8_t key[VMGS_KEY_BYTES])
{
	unsigned free_slot = 1 - v->key_slot;
	struct change c;

	if (!v->unlocked)
		return VL_E_DENIED;
	if (!slot_is_free(&v->header.metadata_key[free_slot]))
		return VL_E_NOSPACE;
	change_begin(v, &c);
	return wrap_and_commit(v, &c, free_slot, key);
}

int vmgs_rekey(struct vmgs *v, const uint8_t key[VMGS_KEY_BYTES])
{
	unsigned slot = 1 - v->key_slot;
	struct change c;
	int err;

	if (!v->unlocked)
		return VL_E_DENIED;
	change_begin(v, &c);
	memset(&c.header.metadata_key[v->key_slot], 0, sizeof(struct vmgs_wrapped_key));
	err = wrap_and_commit(v, &c, slot, key);
	if (!err)
		v->key_slot = slot;
	return err;
}

int vmgs_remove_other_key(struct vmgs *v)
{
	struct change c;

	if (!v->unlocked)
		return VL_E_DENIED;
	change_begin(v, &c);
	memset(&c.header.metadata_key[1 - v->key_slot], 0, sizeof(struct vmgs_wrapped_key));
	return change_commit(v, &c);
}

/* --- Files ------------------------------------------------------------------- */

/* Numbers that a caller may name: not the tables. */
static bool id_ok(unsigned id)
{
	return id > VMGS_FILE_TABLE && id < VMGS_EXTENDED_TABLE;
}

int vmgs_info(const struct vmgs *v, unsigned id, struct vmgs_info *info)
{
	const struct vmgs_file_entry *f;

	if (!id_ok(id))
		return VL_E_RANGE;
	f = &v->files[id];
	if (!le32_to_cpu(f->block_count))
		return VL_E_NOTFOUND;
	info->size = le64_to_cpu(f->size);
	info->allocated = (uint64_t)le32_to_cpu(f->block_count) * VMGS_BLOCK_BYTES;
	info->encrypted = entry_encrypted(f);
	return VL_OK;
}

/*
 * The authenticated table, not the host's, says whether a file is encrypted:
 * clearing the attribute must not turn ciphertext of ours into plain text of
 * the host's.
 */
static int file_key(const struct vmgs *v, unsigned id, const uint8_t **key)
{
	bool host_says = entry_encrypted(&v->files[id]);
	bool table_says = v->unlocked && le32_to_cpu(v->extended[id].attributes) & VMGS_ATTRIBUTE_ENCRYPTED;

	*key = NULL;
	if (host_says && !v->unlocked)
		return VL_E_DENIED;
	if (host_says != table_says)
		return VL_E_AUTH;
	if (table_says)
		*key = v->extended[id].key;
	return VL_OK;
}

int64_t vmgs_read(struct vmgs *v, unsigned id, void *out, size_t size)
{
	struct vmgs_info info;
	const uint8_t *key;
	int err = vmgs_info(v, id, &info);

	if (!err)
		err = file_key(v, id, &key);
	return err ? err : load(v, &v->files[id], key, out, size);
}

int vmgs_write(struct vmgs *v, unsigned id, const void *data, size_t size, bool encrypt)
{
	struct vmgs_extended_entry *x;
	struct change c;
	int err = VL_OK;

	if (!id_ok(id) || size > (size_t)v->block_count * VMGS_BLOCK_BYTES)
		return VL_E_RANGE;
	if ((encrypt && !v->unlocked) || (!encrypt && entry_encrypted(&v->files[id])))
		return VL_E_DENIED;
	change_begin(v, &c);
	x = &c.extended[id];
	memset(x, 0, sizeof(*x));
	if (encrypt) {
		err = v->io.random(v->io.ctx, x->key, sizeof(x->key));
		x->attributes = cpu_to_le32(VMGS_ATTRIBUTE_ENCRYPTED | VMGS_ATTRIBUTE_AUTHENTICATED);
	}
	if (!err)
		err = store(v, &c.files[id], data, size, encrypt ? x->key : NULL);
	if (err) {
		change_drop(v, &c);
		return err;
	}
	return change_commit(v, &c);
}

int vmgs_delete(struct vmgs *v, unsigned id)
{
	struct change c;

	if (!id_ok(id))
		return VL_E_RANGE;
	if (!le32_to_cpu(v->files[id].block_count))
		return VL_E_NOTFOUND;
	if (entry_encrypted(&v->files[id]) && !v->unlocked)
		return VL_E_DENIED;
	change_begin(v, &c);
	memset(&c.files[id], 0, sizeof(c.files[id]));
	memset(&c.extended[id], 0, sizeof(c.extended[id]));
	return change_commit(v, &c);
}

/* Authenticates one file without a buffer of its size. */
static int check_file(struct vmgs *v, const struct vmgs_file_entry *f, const uint8_t *key)
{
	uint8_t buffer[VMGS_BLOCK_BYTES];
	uint64_t left = le64_to_cpu(f->size);
	uint32_t block = le32_to_cpu(f->block);
	struct gcm g;
	int err = VL_OK;

	gcm_begin(&g, key, f->nonce);
	for (; !err && left; block++) {
		size_t part = left < sizeof(buffer) ? (size_t)left : sizeof(buffer);

		err = block_read(v, block, buffer, part);
		gcm_run(&g, false, buffer, part);
		left -= part;
	}
	if (!err)
		err = gcm_check(&g, f->tag);
	gcm_wipe(&g);
	crypto_wipe(buffer, sizeof(buffer));
	return err;
}

int vmgs_check(struct vmgs *v, unsigned *id)
{
	const uint8_t *key;
	int err = VL_OK;

	for (*id = 1; *id < VMGS_EXTENDED_TABLE; ++*id) {
		if (!le32_to_cpu(v->files[*id].block_count))
			continue;
		err = file_key(v, *id, &key);
		if (!err && key)
			err = check_file(v, &v->files[*id], key);
		if (err && !(err == VL_E_DENIED && !v->unlocked))
			return err;
	}
	return VL_OK;
}

uint32_t vmgs_sequence(const struct vmgs *v)
{
	return le32_to_cpu(v->header.sequence);
}

void vmgs_anchor(const struct vmgs *v, uint8_t out[32])
{
	br_sha256_context sha;

	br_sha256_init(&sha);
	br_sha256_update(&sha, &v->header, sizeof(v->header));
	br_sha256_update(&sha, v->files, sizeof(v->files));
	br_sha256_out(&sha, out);
}
