/*
 * The VM guest state file, version 3: layout on storage. Little endian; blocks
 * of 4096 bytes. Source: the format as Hyper-V and OpenVMM write it
 * (vmgs_format).
 *
 * Two headers stand in sectors 0 and 1; the valid one with the newer sequence
 * number (they wrap) is in force. It names the file table's block. Everything
 * else is written copy-on-write to free blocks from block 2 on.
 */
#ifndef VL_VMGS_FORMAT_H
#define VL_VMGS_FORMAT_H

#include "common/base/types.h"

#define VMGS_SIGNATURE 0x5354525453455547ull /* "GUESTRTS" */
#define VMGS_VERSION_3 0x00030000u
#define VMGS_BLOCK_BYTES 4096u
#define VMGS_FIRST_BLOCK 2u /* the headers' sectors lie in the blocks below */
#define VMGS_FILE_COUNT 64u
#define VMGS_CAPACITY_DEFAULT (4u << 20)

enum vmgs_algorithm { VMGS_PLAIN = 0, VMGS_AES_GCM = 1 };
#define VMGS_ATTRIBUTE_ENCRYPTED 1u
#define VMGS_ATTRIBUTE_AUTHENTICATED 2u
#define VMGS_MARKER_REPROVISIONED 1u

enum vmgs_file_id {
	VMGS_FILE_TABLE = 0, VMGS_BIOS_NVRAM = 1, VMGS_TPM_PPI = 2, VMGS_TPM_NVRAM = 3, VMGS_RTC_SKEW = 4,
	VMGS_ATTEST = 5, VMGS_KEY_PROTECTOR = 6, VMGS_VM_UNIQUE_ID = 7, VMGS_GUEST_FIRMWARE = 8,
	VMGS_CUSTOM_UEFI = 9, VMGS_GUEST_WATCHDOG = 10, VMGS_HW_KEY_PROTECTOR = 11,
	VMGS_GUEST_SECRET_KEY = 13, VMGS_HIBERNATION_TOKEN = 14, VMGS_PLATFORM_SEED = 15,
	VMGS_PROVENANCE_DOC = 16,
	VMGS_TPM_NVRAM_BACKUP = 17, VMGS_PROVISIONING_MARKER = 18,
	VMGS_EXTENDED_TABLE = 63,
};

/* A key wrapped by another with AES-256-GCM. */
struct vmgs_wrapped_key {
	uint8_t nonce[12], reserved[4], tag[16], key[32];
} VL_PACKED;

struct vmgs_header {
	le64 signature;
	le32 version;
	le32 checksum; /* CRC-32 of the header with this field 0 */
	le32 sequence;
	le32 header_size;
	le32 table_block;
	le32 table_block_count;
	le16 algorithm; /* enum vmgs_algorithm */
	le16 markers;
	struct vmgs_wrapped_key metadata_key[2]; /* the metadata key, wrapped by each datastore key */
	le32 reserved;
} VL_PACKED;
_Static_assert(sizeof(struct vmgs_header) == 168, "VMGS header");

struct vmgs_file_entry {
	le32 block;
	le32 block_count; /* allocated; 0: there is no such file */
	le64 size;        /* valid bytes */
	uint8_t nonce[12], tag[16];
	le32 attributes;
	uint8_t reserved[16];
} VL_PACKED;
_Static_assert(sizeof(struct vmgs_file_entry) == 64, "VMGS file entry");

/* Entry of file 63, which is encrypted with the metadata key. */
struct vmgs_extended_entry {
	le32 attributes;
	uint8_t key[32];
	uint8_t reserved[28];
} VL_PACKED;
_Static_assert(sizeof(struct vmgs_extended_entry) == 64, "VMGS extended file entry");

#endif
