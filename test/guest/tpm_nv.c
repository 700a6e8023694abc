/*
 * `guest-probe tpm-keep` stores a secret and a file like a UEFI variable in the NV
 * memory of the guest's TPM, `guest-probe tpm-kept` says whether they are there:
 * by commands straight to the kernel's device, for a guest that has no tpm2-tools.
 * Source of the commands: TPM 2.0 library specification, part 3 (NV_DefineSpace,
 * NV_Write, NV_Read), structures in part 2.
 */
#include "test/guest/guest-probe.h"
#include "common/base/bytes.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEVICE "/dev/tpm0"
#define WAIT_SECONDS 20
#define MESSAGE_MAX 2048
#define TAG_SESSIONS 0x8002u
#define OWNER 0x40000001u
#define PASSWORD 0x40000009u
#define SHA256 0x000bu
#define OWNER_READS_AND_WRITES 0x00020002u
#define RESPONSE_DATA_AT 16u /* header, size of the parameters, size of the data */

enum { NV_DEFINE = 0x12a, NV_WRITE = 0x137, NV_READ = 0x14e };

static const struct kept {
	const char *what;
	uint32_t index;
	const char *text;
} all[] = {
	{ "a secret", 0x01500016, "NV 0x1500016: the guest's secret" },
	{ "a file like a UEFI variable", 0x01500017,
	  "8be4df61-93ca-11d2-aa0d-00e098032b8c vallum-variable 7: its GUID, name, attributes and "
	  "these bytes, of which there are enough to need more than one block of a cipher and less than "
	  "the TPM takes at once" },
};

struct message {
	uint8_t bytes[MESSAGE_MAX];
	size_t size;
};

static void put(struct message *m, uint64_t value, unsigned bytes)
{
	while (bytes--)
		m->bytes[m->size++] = (uint8_t)(value >> 8 * bytes);
}

static uint32_t get(const struct message *m, size_t at, unsigned bytes)
{
	uint32_t value = 0;

	while (bytes--)
		value = value << 8 | m->bytes[at++];
	return value;
}

/* Header, handles, and the owner's empty password. `index` 0: the owner is the only handle. */
static void begin(struct message *m, unsigned code, uint32_t index)
{
	m->size = 0;
	put(m, TAG_SESSIONS, 2);
	put(m, 0, 4);
	put(m, code, 4);
	put(m, OWNER, 4);
	if (index)
		put(m, index, 4);
	put(m, 9, 4);
	put(m, PASSWORD, 4);
	put(m, 0, 2 + 1 + 2);
}

/* Sends it; the answer takes its place. The TPM's code for what was wrong, or -1. */
static int exchange(struct message *m)
{
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	size_t size = m->size;
	ssize_t n = -1;

	m->size = 2;
	put(m, size, 4);
	if (fd >= 0 && write(fd, m->bytes, size) == (ssize_t)size)
		n = read(fd, m->bytes, sizeof(m->bytes));
	if (fd >= 0)
		close(fd);
	m->size = n > 0 ? (size_t)n : 0;
	return m->size >= 10 && get(m, 2, 4) == m->size ? (int)get(m, 6, 4) : -1;
}

static int keep(const struct kept *k)
{
	size_t size = strlen(k->text);
	struct message m;
	int code;

	begin(&m, NV_DEFINE, 0);
	put(&m, 0, 2);
	put(&m, 14, 2);
	put(&m, k->index, 4);
	put(&m, SHA256, 2);
	put(&m, OWNER_READS_AND_WRITES, 4);
	put(&m, 0, 2);
	put(&m, size, 2);
	code = exchange(&m);
	if (code)
		return code;
	begin(&m, NV_WRITE, k->index);
	put(&m, size, 2);
	memcpy(m.bytes + m.size, k->text, size);
	m.size += size;
	put(&m, 0, 2);
	return exchange(&m);
}

static int is_kept(const struct kept *k)
{
	size_t size = strlen(k->text);
	struct message m;
	int code;

	begin(&m, NV_READ, k->index);
	put(&m, size, 2);
	put(&m, 0, 2);
	code = exchange(&m);
	if (code)
		return code;
	return vl_within(RESPONSE_DATA_AT, size, m.size) && get(&m, RESPONSE_DATA_AT - 2, 2) == size &&
		!memcmp(m.bytes + RESPONSE_DATA_AT, k->text, size) ? 0 : -1;
}

int probe_tpm(bool kept)
{
	unsigned waited = 0;
	int status = 0;

	while (access(DEVICE, F_OK) && waited++ < WAIT_SECONDS)
		sleep(1); /* its driver looks for it beside the start of user space */
	for (size_t i = 0; i < VL_ARRAY_COUNT(all); i++) {
		int code = kept ? is_kept(&all[i]) : keep(&all[i]);

		printf("vallum-guest: tpm: %s %s is %s (code %#x)\n", code ? "FAILED" : "ok", all[i].what,
		       kept ? "as it was before the power-off" : "written", (unsigned)code);
		status |= code != 0;
	}
	return status;
}
