/*
 * What VTL2 can do to VMBus, hvsock and a disk: after an honest connection to
 * a disk and to an echoing service, the input is a list of steps: a byte that
 * says what, a byte that says how much, and that many bytes.
 */
#include "test/unit/host_vmbus/fake_host.c"
#include "tools/host/services_parts.h"

#include <stdio.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum step { POST, RING, DATA, SIGNAL, SEND, BLOCKED, TURN, STEPS };

/* The echoing service: any number of connections, each known by its stream. */
static int echo_open(void *service, struct host_stream *stream, void **connection)
{
	*connection = stream;
	return 0;
}

static int64_t echo(void *connection, const uint8_t *data, size_t bytes)
{
	return (int64_t)host_stream_send(connection, data, bytes);
}

static void echo_writable(void *connection)
{
	host_stream_resume(connection);
}

static void echo_closed(void *connection)
{
}

static const struct host_service_ops echo_ops = { echo_open, echo, echo_writable, NULL, echo_closed };

/* Writes into one of the channel's pages: the first byte says which, the next two where. */
static void scribble(struct guest_channel *c, const uint8_t *data, size_t bytes, bool header)
{
	size_t at;

	if (bytes < 3)
		return;
	at = header ? data[1] % 68u : (data[1] | data[2] << 8) % (VL_PAGE_BYTES - 256);
	memcpy(guest_page(c, header ? (data[0] & 1) * c->send_pages : data[0] % 12u) + at, data + 3,
			bytes - 3);
}

static void run_step(struct guest_channel *c, uint8_t what, const uint8_t *data, size_t bytes)
{
	struct host *h = c[0].h;

	c += what >> 7;
	switch (what % STEPS) {
	case POST:
		if (bytes <= HV_MESSAGE_PAYLOAD_BYTES)
			vmbus_post_message(h->bus, VMBUS_MESSAGE_CONNECTION_ID, HV_MESSAGE_VMBUS,
					data, bytes);
		break;
	case RING:
		scribble(c, data, bytes, true);
		break;
	case DATA:
		scribble(c, data, bytes, false);
		break;
	case SIGNAL:
		vmbus_signal_event(h->bus,
				bytes ? VMBUS_EVENT_CONNECTION_BASE + data[0] : c->connection_id, 0);
		break;
	case SEND:
		if (le32_to_cpu(guest_send_header(c)->write_index) < 20480 &&
		    le32_to_cpu(guest_send_header(c)->read_index) < 20480)
			guest_send(c, data, (uint32_t)bytes);
		break;
	case BLOCKED:
		h->slot_blocked = bytes & 1;
		break;
	case TURN:
		fake_host_wait(h, 0);
		break;
	}
	fake_host_run(h);
	h->message_count = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host *h = fake_host_new();
	struct guest_channel c[2];
	struct disk *disk;
	char path[32];
	int fd = memfd_create("disk", 0);

	MUST(fd >= 0 && !ftruncate(fd, 65536));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	MUST(!disk_create(h, h->sockets, 0, path, &disk));
	MUST(!host_service_register(h->sockets, 9, &echo_ops, NULL));
	guest_initiate_contact(h);
	guest_connect(h, &c[0], 1024, VL_PORT_DISK);
	guest_connect(h, &c[1], 1025, 9);
	while (size >= 2 && size - 2 >= data[1]) {
		run_step(c, data[0], data + 2, data[1]);
		size -= 2u + data[1];
		data += 2u + data[1];
	}
	hvsock_destroy(h->sockets);
	disk_destroy(disk);
	h->sockets = NULL;
	fake_host_free(h);
	close(fd);
	return 0;
}
