/*
 * What a worker that its guest took over can ask of its store. The input is a list
 * of requests, each a size in two bytes (little endian) and so many bytes, which go
 * to the paravisor's real broker over an encrypted state file in memory. A file that
 * is not the channel's stays what it is; each request gets one reply, or the channel ends.
 */
#include "runtime/lib/channel.h"
#include "runtime/paravisor/store_broker.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CAPACITY (64u * 4096)
#include "test/fuzz/memory_disk.h"
#define OWN (STORE_FILE(VMGS_TPM_NVRAM) | STORE_FILE(VMGS_TPM_PPI))

static uint8_t template[CAPACITY];
static struct vmgs v;
static struct store_broker broker;
static const uint8_t key[32] = { 1 };
static bool ready;

static void must(bool good)
{
	if (!good)
		abort();
}

/* One file of the channel is there, one is of somebody else, and one is plain: the host's. */
static void prepare(void)
{
	must(vmgs_format(&v, &io) == 0 && vmgs_write(&v, VMGS_TPM_PPI, "plain", 5, false) == 0);
	must(vmgs_encrypt(&v, key) == 0 && vmgs_write(&v, VMGS_TPM_NVRAM, "state", 5, true) == 0);
	must(vmgs_write(&v, VMGS_BIOS_NVRAM, "others", 6, true) == 0);
	memcpy(template, disk, sizeof(disk));
	ready = true;
}

/* Whether the worker itself may have put there what it finds in that file. */
static bool touched;

static void look(const uint8_t *request, size_t size)
{
	struct store_request q;

	if (size < sizeof(q))
		return;
	memcpy(&q, request, sizeof(q));
	touched |= q.op != STORE_READ && q.file == VMGS_TPM_PPI;
}

/* Whether the channel still stands. */
static bool ask(int fd, const uint8_t *request, size_t size)
{
	static uint8_t in[STORE_REPLY_MAX];
	struct channel_message m = { .data = in, .capacity = sizeof(in) };
	struct pollfd f[STORE_CHANNEL_MAX];
	struct store_reply r;

	look(request, size);
	if (channel_send(fd, request, size, NULL, 0, 0))
		return false;
	store_broker_poll(&broker, f);
	f[0].revents = POLLIN;
	store_broker_ready(&broker, f);
	if (broker.channels[0].fd < 0)
		return false;
	must(channel_receive(fd, &m, 0) == 0 && m.size >= sizeof(r));
	memcpy(&r, in, sizeof(r));
	must(!r.error || m.size == sizeof(r));
	/* A plain file where all are encrypted is the host's: never handed out. */
	must(r.error || touched || r.op != STORE_READ || r.file != VMGS_TPM_PPI);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char others[8];
	bool open = true;
	int fd;

	if (!ready)
		prepare();
	memcpy(disk, template, sizeof(disk));
	must(vmgs_open(&v, &io) == 0 && vmgs_unlock(&v, key) == 0);
	store_broker_init(&broker);
	broker.state = &v;
	broker.encrypt = true;
	touched = false;
	fd = store_broker_add(&broker, OWN);
	must(fd >= 0);
	while (open && size >= 2) {
		size_t part = data[0] | (size_t)data[1] << 8;

		data += 2, size -= 2;
		part = part < size ? part : size;
		open = ask(fd, data, part);
		data += part, size -= part;
	}
	must(vmgs_read(&v, VMGS_BIOS_NVRAM, others, sizeof(others)) == 6 && !memcmp(others, "others", 6));
	store_broker_close(&broker);
	close(fd);
	vmgs_close(&v);
	return 0;
}
