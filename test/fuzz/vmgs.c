/*
 * Fuzzes the state file's decoder. The input is laid over a small state file that
 * is right, or that is encrypted: bytes 0 and 1 say which and where the rest goes;
 * checksums of headers are made right, so that they do not stop every mutation at
 * the door. What opens must be readable and go on working without a crash, and an
 * encrypted file gives its content or nothing.
 */
#include "common/base/crc32.h"
#include "common/base/err.h"
#include "security/vmgs/vmgs.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CAPACITY (16u * 4096)
#include "test/fuzz/memory_disk.h"

static uint8_t templates[2][CAPACITY], buffer[CAPACITY];
static struct vmgs v;
static const uint8_t key[32] = { 1 };
static bool ready;

static void must(int err)
{
	if (err)
		abort();
}

static void prepare(void)
{
	must(vmgs_format(&v, &io));
	must(vmgs_write(&v, VMGS_ATTEST, "plain", 5, false));
	memcpy(templates[0], disk, sizeof(disk));
	must(vmgs_encrypt(&v, key));
	must(vmgs_write(&v, VMGS_TPM_NVRAM, "secret", 6, true));
	memcpy(templates[1], disk, sizeof(disk));
	ready = true;
}

static void right_checksum(size_t offset)
{
	struct vmgs_header *h = (void *)(disk + offset);

	h->checksum = cpu_to_le32(0);
	h->checksum = cpu_to_le32(vl_crc32(0, h, sizeof(*h)));
}

static void use(void)
{
	unsigned id;
	int64_t n;

	vmgs_check(&v, &id);
	for (id = 0; id <= VMGS_FILE_COUNT; id++) {
		n = vmgs_read(&v, id, buffer, sizeof(buffer));
		if (n > (int64_t)sizeof(buffer))
			abort();
		if (v.unlocked && id == VMGS_TPM_NVRAM && n >= 0 && (n != 6 || memcmp(buffer, "secret", 6)))
			abort();
	}
	vmgs_delete(&v, VMGS_ATTEST);
	if (vmgs_write(&v, VMGS_RTC_SKEW, "again", 5, false) == 0 &&
	    (vmgs_open(&v, &io) || vmgs_read(&v, VMGS_RTC_SKEW, buffer, 5) != 5))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t offset, part;

	if (!ready)
		prepare();
	if (size < 2)
		return 0;
	memcpy(disk, templates[data[0] & 1], sizeof(disk));
	offset = (size_t)data[1] * 256;
	part = size - 2 < CAPACITY - offset ? size - 2 : CAPACITY - offset;
	memcpy(disk + offset, data + 2, part);
	if (data[0] & 2) {
		right_checksum(0);
		right_checksum(512);
	}
	if (vmgs_open(&v, &io))
		return 0;
	if (data[0] & 1 && vmgs_unlock(&v, key))
		return 0;
	use();
	vmgs_close(&v);
	return 0;
}
