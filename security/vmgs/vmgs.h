/*
 * The VM guest state file (VMGS version 3): a few numbered files, each
 * optionally encrypted, on untrusted storage. Every change is copy-on-write and
 * becomes visible by one sector write, so that a power cut leaves the old or
 * the new content. A write that failed is neither promised nor undone on the
 * storage: reopened, the file has the old or the new content, never neither.
 *
 * Trust: when the VM is isolated the storage is the host's and hostile. All
 * that is read is bounded and checked; encrypted files are authenticated before
 * a byte is handed out. What this format cannot see: the host giving back an
 * older, once valid state of the whole file. The caller compares
 * vmgs_sequence() and vmgs_anchor() with what a trusted party remembers.
 *
 * No function allocates; a struct vmgs holds all state (about 20 KiB).
 */
#ifndef VL_VMGS_VMGS_H
#define VL_VMGS_VMGS_H

#include "security/vmgs/format.h"

#define VMGS_KEY_BYTES 32
#define VMGS_BLOCKS_MAX 16384u /* 64 MiB */

/* The storage and the randomness; all functions return 0 or a negative error. */
struct vmgs_io {
	int (*read)(void *ctx, uint64_t offset, void *out, size_t size);
	/* Whole sectors; only the order across flush() is promised. */
	int (*write)(void *ctx, uint64_t offset, const void *data, size_t size);
	int (*flush)(void *ctx);
	int (*random)(void *ctx, void *out, size_t size);
	void *ctx;
	uint64_t capacity;     /* bytes */
	uint32_t sector_bytes; /* 512 or 4096 */
};

struct vmgs {
	struct vmgs_io io;
	struct vmgs_header header; /* the one in force */
	unsigned slot;             /* where it stands: 0 or 1 */
	uint32_t block_count;
	bool unlocked;     /* metadata key and extended table are known */
	unsigned key_slot; /* which wrapped key opened it */
	uint8_t metadata_key[VMGS_KEY_BYTES];
	uint64_t nonce_counter;
	struct vmgs_file_entry files[VMGS_FILE_COUNT];
	struct vmgs_extended_entry extended[VMGS_FILE_COUNT];
	uint8_t used[VMGS_BLOCKS_MAX / 8]; /* bitmap of the state in force */
};

/*
 * Writes a new, empty, unencrypted file. VL_E_NOSPACE: under 16 KiB; VL_E_RANGE: a
 * sector size that is none; storage errors.
 */
int vmgs_format(struct vmgs *v, const struct vmgs_io *io);

/*
 * Reads what is there. VL_E_NOTFOUND: the storage is blank where the headers
 * belong; VL_E_MAGIC: neither header is one; VL_E_CHECKSUM: both are damaged;
 * VL_E_VERSION; VL_E_FORMAT, VL_E_RANGE, VL_E_OVERLAP: tables that cannot be;
 * storage errors.
 */
int vmgs_open(struct vmgs *v, const struct vmgs_io *io);

/* Forgets all keys. The structure is then unusable. */
void vmgs_close(struct vmgs *v);

bool vmgs_is_encrypted(const struct vmgs *v);

/*
 * Turns an unencrypted file into one with a metadata key, wrapped by `key`. Files
 * that exist stay plain. VL_E_STATE: encrypted already; storage errors.
 */
int vmgs_encrypt(struct vmgs *v, const uint8_t key[VMGS_KEY_BYTES]);
/* Opens the encrypted files. VL_E_AUTH: neither slot knows this key, or the tables were altered. */
int vmgs_unlock(struct vmgs *v, const uint8_t key[VMGS_KEY_BYTES]);
/*
 * Rotation, while unlocked: adds a second datastore key in the free slot
 * (VL_E_NOSPACE: none), then removes the other one. Files are not rewritten.
 */
int vmgs_add_key(struct vmgs *v, const uint8_t key[VMGS_KEY_BYTES]);
int vmgs_remove_other_key(struct vmgs *v);
/* Both in one step: afterwards `key` alone opens the file. VL_E_DENIED: not unlocked; storage errors. */
int vmgs_rekey(struct vmgs *v, const uint8_t key[VMGS_KEY_BYTES]);

struct vmgs_info {
	uint64_t size;     /* valid bytes */
	uint64_t allocated; /* bytes */
	bool encrypted;
};
/* VL_E_RANGE: no such number; VL_E_NOTFOUND. */
int vmgs_info(const struct vmgs *v, unsigned id, struct vmgs_info *info);

/*
 * The whole file into `out`. VL_E_NOSPACE: larger than `size`; VL_E_DENIED:
 * encrypted and not unlocked; VL_E_AUTH: altered (then `out` is zeroed).
 * Returns the file's size in bytes.
 */
int64_t vmgs_read(struct vmgs *v, unsigned id, void *out, size_t size);

/*
 * Replaces the file's content, durably when it returns 0. With `encrypt` each
 * write uses a fresh key. On an error the old content is still in force.
 * VL_E_DENIED: an encrypted file would become plain, or not unlocked; VL_E_RANGE:
 * no such number, or more than the storage; VL_E_NOSPACE: more than is free beside
 * the old content.
 */
int vmgs_write(struct vmgs *v, unsigned id, const void *data, size_t size, bool encrypt);
int vmgs_delete(struct vmgs *v, unsigned id);

/* Walks all files and authenticates what can be; 0 or the first error, with *id the file. */
int vmgs_check(struct vmgs *v, unsigned *id);

uint32_t vmgs_sequence(const struct vmgs *v);
/*
 * SHA-256 of the header and the file table in force: with their nonces and tags
 * they name exactly one state.
 */
void vmgs_anchor(const struct vmgs *v, uint8_t out[32]);

#endif
