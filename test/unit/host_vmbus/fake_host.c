/*
 * The host core's functions and VTL2's driver for tests (see fake_host.h).
 */
#include "test/unit/host_vmbus/fake_host.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define MUST(x) do { if (!(x)) abort(); } while (0)

#define RAM_BYTES ((size_t)FAKE_RAM_PAGES * VL_PAGE_BYTES)

/* --- host.h ------------------------------------------------------------------------- */

const struct host_config *host_config(const struct host *h)
{
	return &h->config;
}

void *host_memory_map(const struct host *h, gpa_t addr, size_t size)
{
	uint64_t at = gpa_raw(addr) - FAKE_RAM_BASE;

	return vl_within(at, size, RAM_BYTES) ? h->ram + at : NULL;
}

int synic_post_message(struct host *h, unsigned vp, unsigned sint, uint32_t type, const void *payload,
		size_t size)
{
	if (vp >= h->config.vp_count || sint >= HV_SINT_COUNT || size > HV_MESSAGE_PAYLOAD_BYTES)
		return VL_E_RANGE;
	if (h->slot_blocked || h->message_count == FAKE_MESSAGES)
		return VL_E_NOSPACE;
	MUST(type == HV_MESSAGE_VMBUS);
	memcpy(h->message[h->message_count].payload, payload, size);
	h->message[h->message_count++].bytes = size;
	return 0;
}

int synic_signal_event(struct host *h, unsigned vp, unsigned sint, unsigned flag)
{
	if (vp >= h->config.vp_count || sint >= HV_SINT_COUNT || flag >= 2048)
		return VL_E_RANGE;
	h->flag[flag] = true;
	h->interrupts++;
	return 0;
}

int loop_add(struct host *h, struct host_source *s, uint32_t events)
{
	for (size_t i = 0; i < VL_ARRAY_COUNT(h->source); i++)
		if (!h->source[i]) {
			h->source[i] = s;
			h->source_events[i] = events;
			return 0;
		}
	return VL_E_OS;
}

int loop_change(struct host *h, struct host_source *s, uint32_t events)
{
	for (size_t i = 0; i < VL_ARRAY_COUNT(h->source); i++)
		if (h->source[i] == s)
			h->source_events[i] = events;
	return 0;
}

void loop_remove(struct host *h, struct host_source *s)
{
	for (size_t i = 0; i < VL_ARRAY_COUNT(h->source); i++)
		if (h->source[i] == s)
			h->source[i] = NULL;
}

void loop_post(struct host *h, void (*fn)(void *context), void *context)
{
	pthread_mutex_lock(&h->lock);
	MUST(h->posted_count < VL_ARRAY_COUNT(h->posted));
	h->posted[h->posted_count].fn = fn;
	h->posted[h->posted_count++].context = context;
	pthread_mutex_unlock(&h->lock);
	eventfd_write(h->wake_fd, 1);
}

size_t terminal_filter(struct host *h, uint8_t *data, size_t size)
{
	return size;
}

/* --- The loop ------------------------------------------------------------------------- */

static bool take_posted(struct host *h, void (**fn)(void *context), void **context)
{
	bool taken;

	pthread_mutex_lock(&h->lock);
	taken = h->posted_count > 0;
	*fn = h->posted[0].fn;
	*context = h->posted[0].context;
	if (taken)
		memmove(h->posted, h->posted + 1, --h->posted_count * sizeof(h->posted[0]));
	pthread_mutex_unlock(&h->lock);
	return taken;
}

void fake_host_run(struct host *h)
{
	void (*fn)(void *context), *context;
	eventfd_t value;

	while (take_posted(h, &fn, &context))
		fn(context);
	(void)!eventfd_read(h->wake_fd, &value);
}

bool fake_host_wait(struct host *h, int limit_ms)
{
	enum { SOURCES = VL_ARRAY_COUNT(h->source) };
	struct pollfd fds[SOURCES + 1];
	int n;

	for (size_t i = 0; i < SOURCES; i++)
		fds[i] = (struct pollfd){ h->source[i] && h->source_events[i] ? h->source[i]->fd : -1,
					  (short)h->source_events[i], 0 };
	fds[SOURCES] = (struct pollfd){ h->wake_fd, POLLIN, 0 };
	n = poll(fds, SOURCES + 1, limit_ms);
	for (size_t i = 0; i < SOURCES; i++)
		if (fds[i].revents && h->source[i] && h->source[i]->fd == fds[i].fd)
			h->source[i]->ready(h->source[i], (uint32_t)fds[i].revents);
	fake_host_run(h);
	return n > 0;
}

struct host *fake_host_new(void)
{
	struct host *h = calloc(1, sizeof(*h));

	MUST(h);
	h->config.vp_count = 2;
	h->config.append = h->config.workers = "";
	h->ram = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(h->ram != MAP_FAILED);
	h->next_gpadl = 0xe1e10;
	pthread_mutex_init(&h->lock, NULL);
	h->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	MUST(h->wake_fd >= 0);
	MUST(!vmbus_create(h, &h->bus));
	h->sockets = hvsock_create(h, h->bus);
	MUST(h->sockets);
	return h;
}

void fake_host_free(struct host *h)
{
	hvsock_destroy(h->sockets);
	vmbus_destroy(h->bus);
	close(h->wake_fd);
	munmap(h->ram, RAM_BYTES);
	free(h);
}

/* --- VTL2's driver ---------------------------------------------------------------------- */

uint16_t guest_post(struct host *h, uint32_t type, const void *message, size_t bytes)
{
	uint8_t payload[HV_MESSAGE_PAYLOAD_BYTES];
	struct vmbus_header header = { cpu_to_le32(type), cpu_to_le32(0) };
	uint16_t status;

	memcpy(payload, message, bytes);
	memcpy(payload, &header, sizeof(header));
	status = vmbus_post_message(h->bus, VMBUS_MESSAGE_CONNECTION_ID, HV_MESSAGE_VMBUS, payload, bytes);
	fake_host_run(h);
	return status;
}

void guest_take(struct host *h, uint32_t type, void *message, size_t bytes)
{
	struct vmbus_header header;

	MUST(h->message_count);
	memcpy(&header, h->message[0].payload, sizeof(header));
	MUST(le32_to_cpu(header.type) == type);
	MUST(bytes <= h->message[0].bytes);
	memcpy(message, h->message[0].payload, bytes);
	memmove(h->message, h->message + 1, --h->message_count * sizeof(h->message[0]));
}

void guest_initiate_contact(struct host *h)
{
	struct vmbus_initiate_contact m = { .version = cpu_to_le32(VMBUS_VERSION_6_0), .sint = 2, .vtl = 2 };
	struct vmbus_version_response answer;

	MUST(guest_post(h, VMBUS_INITIATE_CONTACT, &m, sizeof(m)) == HV_STATUS_SUCCESS);
	guest_take(h, VMBUS_VERSION_RESPONSE, &answer, sizeof(answer));
	MUST(answer.version_supported == 1 &&
			le32_to_cpu(answer.connection_id) == VMBUS_MESSAGE_CONNECTION_ID);
}

uint8_t *guest_page(struct guest_channel *c, uint32_t index)
{
	return c->h->ram + (size_t)c->page[index] * VL_PAGE_BYTES;
}

struct vmbus_ring_header *guest_send_header(struct guest_channel *c)
{
	return (struct vmbus_ring_header *)(void *)guest_page(c, 0);
}

struct vmbus_ring_header *guest_receive_header(struct guest_channel *c)
{
	return (struct vmbus_ring_header *)(void *)guest_page(c, c->send_pages);
}

/* As Linux cuts it: 26 page numbers in the header, 28 in each body. */
static void post_gpadl(struct guest_channel *c, uint32_t count)
{
	struct { struct vmbus_gpadl_header m; le64 page[26]; } VL_PACKED head = { .m = {
		.relid = cpu_to_le32(c->relid), .gpadl = cpu_to_le32(c->gpadl), .range_count = cpu_to_le16(1),
		.range_bytes = cpu_to_le16((uint16_t)(8 + 8 * count)),
			.byte_count = cpu_to_le32(count * VL_PAGE_BYTES) } };
	struct { struct vmbus_gpadl_body m; le64 page[28]; } VL_PACKED body = {
		.m.gpadl = cpu_to_le32(c->gpadl) };
	uint32_t done = 0, n;

	for (n = 0; n < 26 && done < count; n++, done++)
		head.page[n] = cpu_to_le64((FAKE_RAM_BASE >> VL_PAGE_SHIFT) + c->page[done]);
	MUST(guest_post(c->h, VMBUS_GPADL_HEADER, &head, sizeof(head.m) + n * 8) == HV_STATUS_SUCCESS);
	while (done < count) {
		for (n = 0; n < 28 && done < count; n++, done++)
			body.page[n] = cpu_to_le64((FAKE_RAM_BASE >> VL_PAGE_SHIFT) + c->page[done]);
		MUST(guest_post(c->h, VMBUS_GPADL_BODY, &body, sizeof(body.m) + n * 8) == HV_STATUS_SUCCESS);
	}
}

uint32_t guest_make_gpadl(struct guest_channel *c, uint32_t send_pages, uint32_t receive_pages)
{
	struct vmbus_gpadl_created answer;
	uint32_t count = send_pages + receive_pages;

	c->send_pages = send_pages;
	c->receive_pages = receive_pages;
	c->gpadl = c->h->next_gpadl++;
	/* Downwards, so that code which takes the ring for contiguous fails. */
	for (uint32_t i = 0; i < count; i++) {
		c->page[i] = FAKE_RAM_PAGES - 1 - c->h->next_page++ % FAKE_RAM_PAGES;
		memset(guest_page(c, i), 0, VL_PAGE_BYTES);
	}
	post_gpadl(c, count);
	guest_take(c->h, VMBUS_GPADL_CREATED, &answer, sizeof(answer));
	MUST(le32_to_cpu(answer.relid) == c->relid && le32_to_cpu(answer.gpadl) == c->gpadl);
	return le32_to_cpu(answer.status);
}

void guest_take_offer(struct host *h, struct guest_channel *c, struct vmbus_offer_channel *offer)
{
	guest_take(h, VMBUS_OFFER_CHANNEL, offer, sizeof(*offer));
	*c = (struct guest_channel){ .h = h, .relid = le32_to_cpu(offer->relid),
				     .connection_id = le32_to_cpu(offer->connection_id) };
}

uint32_t guest_open(struct guest_channel *c)
{
	struct vmbus_open_channel m = { .relid = cpu_to_le32(c->relid), .open_id = cpu_to_le32(c->relid),
					.gpadl = cpu_to_le32(c->gpadl),
					.downstream_page = cpu_to_le32(c->send_pages),
					.target_vp = cpu_to_le32(1) };
	struct vmbus_open_result answer;

	guest_send_header(c)->features = cpu_to_le32(VMBUS_RING_FEATURE_PENDING_SEND);
	MUST(guest_post(c->h, VMBUS_OPEN_CHANNEL, &m, sizeof(m)) == HV_STATUS_SUCCESS);
	guest_take(c->h, VMBUS_OPEN_CHANNEL_RESULT, &answer, sizeof(answer));
	MUST(le32_to_cpu(answer.relid) == c->relid && le32_to_cpu(answer.open_id) == c->relid);
	guest_send_header(c)->pending_send_bytes = cpu_to_le32(16 + 8 + 4088 + 8);
	return le32_to_cpu(answer.status);
}

static struct vmbus_guid socket_guid(uint32_t port)
{
	struct vmbus_guid g = { { (uint8_t)port, (uint8_t)(port >> 8), (uint8_t)(port >> 16),
		(uint8_t)(port >> 24),
				  0xcb, 0xfa, 0xe6, 0x11, 0xbd, 0x58, 0x64, 0x00, 0x6a, 0x79, 0x86, 0xd3 } };

	return g;
}

void guest_request(struct host *h, uint32_t local, uint32_t port)
{
	struct vmbus_tl_connect_request m = { .endpoint = socket_guid(local), .service = socket_guid(port) };

	MUST(guest_post(h, VMBUS_TL_CONNECT_REQUEST, &m, sizeof(m)) == HV_STATUS_SUCCESS);
}

void guest_connect(struct host *h, struct guest_channel *c, uint32_t local, uint32_t port)
{
	struct vmbus_guid type = socket_guid(port), instance = socket_guid(local);
	struct vmbus_offer_channel offer;

	guest_request(h, local, port);
	guest_take_offer(h, c, &offer);
	MUST(!memcmp(&offer.type, &type, sizeof(type)) &&
			!memcmp(&offer.instance, &instance, sizeof(instance)));
	MUST(le16_to_cpu(offer.flags) & VMBUS_OFFER_TLNPI_PROVIDER);
	MUST(offer.user_defined[4] == 0);
	MUST(guest_make_gpadl(c, 6, 6) == 0);
	MUST(guest_open(c) == 0);
}

void guest_signal(struct guest_channel *c)
{
	vmbus_signal_event(c->h->bus, c->connection_id, 0);
	fake_host_run(c->h);
}

/* Byte by byte, on purpose: nothing in common with the host's copying. */
static uint8_t *ring_byte(struct guest_channel *c, uint32_t first_page, uint32_t index)
{
	return guest_page(c, first_page + 1 + index / VL_PAGE_BYTES) + index % VL_PAGE_BYTES;
}

static uint32_t put(struct guest_channel *c, uint32_t at, const void *data, uint32_t bytes)
{
	uint32_t size = (c->send_pages - 1) * VL_PAGE_BYTES;

	for (uint32_t i = 0; i < bytes; i++)
		*ring_byte(c, 0, (at + i) % size) = ((const uint8_t *)data)[i];
	return (at + bytes) % size;
}

static void get(struct guest_channel *c, uint32_t at, void *out, uint32_t bytes)
{
	uint32_t size = (c->receive_pages - 1) * VL_PAGE_BYTES;

	for (uint32_t i = 0; i < bytes; i++)
		((uint8_t *)out)[i] = *ring_byte(c, c->send_pages, (at + i) % size);
}

bool guest_send(struct guest_channel *c, const void *data, uint32_t bytes)
{
	struct vmbus_ring_header *ring = guest_send_header(c);
	uint32_t size = (c->send_pages - 1) * VL_PAGE_BYTES, padded = (bytes + 7) & ~7u;
	uint32_t write = le32_to_cpu(ring->write_index), read = le32_to_cpu(ring->read_index);
	uint32_t room = write >= read ? size - (write - read) : read - write;
	struct vmbus_packet packet = { .type = cpu_to_le16(6), .data_offset8 = cpu_to_le16(2),
				       .length8 = cpu_to_le16((uint16_t)((24 + padded) / 8)) };
	struct vmbus_pipe_header head = { cpu_to_le32(1), cpu_to_le32(bytes) };
	le64 trailer = cpu_to_le64((uint64_t)write << 32);
	uint32_t at;

	if (room <= 16 + 8 + padded + 8)
		return false;
	at = put(c, write, &packet, sizeof(packet));
	at = put(c, at, &head, sizeof(head));
	put(c, at, data, bytes);
	at = put(c, (at + padded) % size, &trailer, sizeof(trailer));
	ring->write_index = cpu_to_le32(at);
	if (!le32_to_cpu(ring->interrupt_mask) && read == write)
		guest_signal(c);
	return true;
}

int64_t guest_receive(struct guest_channel *c, void *out)
{
	struct vmbus_ring_header *ring = guest_receive_header(c);
	uint32_t size = (c->receive_pages - 1) * VL_PAGE_BYTES,
			pending = le32_to_cpu(ring->pending_send_bytes);
	uint32_t write = le32_to_cpu(ring->write_index), read = le32_to_cpu(ring->read_index), length, room;
	struct vmbus_pipe_header head;
	struct vmbus_packet packet;

	if (write == read)
		return -1;
	get(c, read, &packet, sizeof(packet));
	length = le16_to_cpu(packet.length8) * 8u;
	MUST(le16_to_cpu(packet.type) == 6 && le16_to_cpu(packet.data_offset8) == 2 && length >= 24);
	get(c, (read + 16) % size, &head, sizeof(head));
	MUST(le32_to_cpu(head.type) == 1 && le32_to_cpu(head.data_bytes) <= 16384 &&
	     le32_to_cpu(head.data_bytes) <= length - 24);
	get(c, (read + 24) % size, out, le32_to_cpu(head.data_bytes));
	read = (read + length + 8) % size;
	ring->read_index = cpu_to_le32(read);
	room = write >= read ? size - (write - read) : read - write;
	if (pending && room > pending && room - (length + 8) <= pending)
		guest_signal(c);
	return le32_to_cpu(head.data_bytes);
}

void guest_take_rescind(struct guest_channel *c)
{
	struct vmbus_relid_message m;

	guest_take(c->h, VMBUS_RESCIND_OFFER, &m, sizeof(m));
	MUST(le32_to_cpu(m.relid) == c->relid);
	MUST(guest_post(c->h, VMBUS_CLOSE_CHANNEL, &m, sizeof(m)) == HV_STATUS_SUCCESS);
	MUST(guest_post(c->h, VMBUS_RELID_RELEASED, &m, sizeof(m)) == HV_STATUS_SUCCESS);
}
