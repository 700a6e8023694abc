/*
 * The host side of VMBus for VTL2: connection, offers, GPADLs and channels
 * (see vmbus.h). VP threads put what VTL2 posts and signals into two small
 * queues; the loop's thread does the rest. All input is VTL2's and hostile:
 * messages are copied and bounded at the door, ring memory is checked by
 * vmbus_ring.c, and whatever VTL2 asks gets an answer so that it cannot hang.
 *
 * Lock order: `inbox_lock` is a leaf, held for one copy. All other state
 * belongs to the loop's thread; `signalled` and `offered` are atomic.
 */
#include "tools/host/vmbus.h"

#include "common/base/log.h"
#include "tools/host/host.h"
#include "tools/host/vmbus_protocol.h"
#include "tools/host/vmbus_ring.h"
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define INBOX_MAX 64
#define OUTBOX_MAX 256
#define OUTBOX_RESERVE 4 /* free slots needed before another request is looked at */
#define OUTBOX_RETRY_NS 2000000
#define GPADL_MAX (2 * VMBUS_CHANNEL_MAX)
#define GPADL_PAGE_MAX (2 * (VMBUS_RING_DATA_PAGE_MAX + 1))
#define BITMAP_WORDS ((VMBUS_CHANNEL_MAX + 64) / 64)

struct message {
	uint8_t bytes; /* <= HV_MESSAGE_PAYLOAD_BYTES */
	uint8_t payload[HV_MESSAGE_PAYLOAD_BYTES];
};

struct gpadl {
	bool used;
	uint32_t id, relid;
	uint32_t page_count, received; /* complete when equal */
	uint64_t page[GPADL_PAGE_MAX]; /* page numbers */
};

enum channel_state { CHANNEL_FREE, CHANNEL_OFFERED, CHANNEL_OPEN };

struct vmbus_channel {
	struct vmbus *bus;
	enum channel_state state;
	bool rescinded;
	uint32_t relid, gpadl, target_vp;
	struct vmbus_guid instance;
	const struct vmbus_channel_ops *ops;
	void *context;
	struct vmbus_ring in, out;
};

struct vmbus {
	struct host *h;
	pthread_mutex_t inbox_lock;
	struct message inbox[INBOX_MAX];
	unsigned inbox_first, inbox_count;
	_Atomic uint64_t signalled[BITMAP_WORDS], offered[BITMAP_WORDS]; /* bit = relid */
	atomic_bool posted; /* run() is on its way */

	bool connected;
	uint32_t version, vp;
	unsigned sint;
	vmbus_connect_fn *connect;
	void *connect_context;
	uint32_t last_relid;
	struct vmbus_channel channel[VMBUS_CHANNEL_MAX]; /* relid - 1 */
	struct gpadl gpadl[GPADL_MAX];
	struct message outbox[OUTBOX_MAX];
	unsigned outbox_first, outbox_count;
	struct host_source retry; /* timer while the outbox is not empty */
};

/* --- To VTL2 ----------------------------------------------------------------- */

static void arm_retry(struct vmbus *bus)
{
	struct itimerspec t = { .it_value.tv_nsec = OUTBOX_RETRY_NS };

	timerfd_settime(bus->retry.fd, 0, &t, NULL);
}

static void flush_outbox(struct vmbus *bus)
{
	while (bus->outbox_count) {
		struct message *m = &bus->outbox[bus->outbox_first];
		int err = synic_post_message(bus->h, bus->vp, bus->sint, HV_MESSAGE_VMBUS, m->payload,
				m->bytes);

		if (err == VL_E_NOSPACE) {
			arm_retry(bus);
			return;
		}
		if (err)
			vl_debug("vmbus: VTL2 cannot take messages on VP %u: %s", bus->vp, vl_err_text(err));
		bus->outbox_first = (bus->outbox_first + 1) % OUTBOX_MAX;
		bus->outbox_count--;
	}
}

static void send(struct vmbus *bus, uint32_t type, void *message, size_t bytes)
{
	struct vmbus_header *header = message;
	struct message *m;

	if (bus->outbox_count == OUTBOX_MAX) {
		vl_warn("vmbus: VTL2 does not take its messages; message type %u is dropped", type);
		return;
	}
	header->type = cpu_to_le32(type);
	m = &bus->outbox[(bus->outbox_first + bus->outbox_count++) % OUTBOX_MAX];
	m->bytes = (uint8_t)bytes;
	memcpy(m->payload, message, bytes);
	flush_outbox(bus);
}

void vmbus_interrupt(struct vmbus_channel *c)
{
	int err = synic_signal_event(c->bus->h, c->target_vp, HV_SINT_VMBUS, c->relid);

	if (err)
		vl_debug("vmbus: channel %u cannot interrupt VP %u: %s", c->relid, c->target_vp,
				vl_err_text(err));
}

struct vmbus_ring *vmbus_inbound(struct vmbus_channel *c)
{
	return &c->in;
}

struct vmbus_ring *vmbus_outbound(struct vmbus_channel *c)
{
	return &c->out;
}

/* --- Channels ------------------------------------------------------------------ */

static void mark_offered(struct vmbus *bus, uint32_t relid, bool offered)
{
	uint64_t bit = 1ull << (relid % 64);

	if (offered)
		atomic_fetch_or(&bus->offered[relid / 64], bit);
	else
		atomic_fetch_and(&bus->offered[relid / 64], ~bit);
}

static struct vmbus_channel *find_channel(struct vmbus *bus, le32 relid)
{
	uint32_t n = le32_to_cpu(relid);

	if (n < 1 || n > VMBUS_CHANNEL_MAX || bus->channel[n - 1].state == CHANNEL_FREE)
		return NULL;
	return &bus->channel[n - 1];
}

static bool instance_in_use(const struct vmbus *bus, const struct vmbus_guid *instance)
{
	for (unsigned i = 0; i < VMBUS_CHANNEL_MAX; i++)
		if (bus->channel[i].state != CHANNEL_FREE &&
		    !memcmp(&bus->channel[i].instance, instance, sizeof(*instance)))
			return true;
	return false;
}

/* The next free one after the last used: a relid rests before VTL2 sees it again. */
static struct vmbus_channel *free_channel(struct vmbus *bus)
{
	for (unsigned i = 0; i < VMBUS_CHANNEL_MAX; i++) {
		struct vmbus_channel *c = &bus->channel[(bus->last_relid + i) % VMBUS_CHANNEL_MAX];

		if (c->state == CHANNEL_FREE)
			return c;
	}
	return NULL;
}

int vmbus_offer(struct vmbus *bus, const struct vmbus_offer *offer, const struct vmbus_channel_ops *ops,
		void *context, struct vmbus_channel **channel)
{
	struct vmbus_offer_channel m = { .type = offer->type, .instance = offer->instance };
	struct vmbus_channel *c = free_channel(bus);

	if (!bus->connected)
		return VL_E_STATE;
	if (!c || bus->outbox_count + OUTBOX_RESERVE > OUTBOX_MAX)
		return VL_E_LIMIT;
	if (instance_in_use(bus, &offer->instance))
		return VL_E_EXISTS;
	*c = (struct vmbus_channel){ .bus = bus, .state = CHANNEL_OFFERED,
				     .relid = (uint32_t)(c - bus->channel) + 1,
				     .instance = offer->instance, .ops = ops, .context = context };
	bus->last_relid = c->relid;
	mark_offered(bus, c->relid, true);
	m.flags = cpu_to_le16(offer->flags);
	memcpy(m.user_defined, offer->user_defined, sizeof(m.user_defined));
	m.relid = cpu_to_le32(c->relid);
	m.dedicated_interrupt = cpu_to_le16(1);
	m.connection_id = cpu_to_le32(VMBUS_EVENT_CONNECTION_BASE + c->relid);
	*channel = c;
	send(bus, VMBUS_OFFER_CHANNEL, &m, sizeof(m));
	return 0;
}

void vmbus_rescind(struct vmbus_channel *c)
{
	struct vmbus_relid_message m = { .relid = cpu_to_le32(c->relid) };

	if (c->state == CHANNEL_FREE || c->rescinded)
		return;
	c->rescinded = true;
	if (c->bus->connected)
		send(c->bus, VMBUS_RESCIND_OFFER, &m, sizeof(m));
}

static void close_channel(struct vmbus_channel *c)
{
	if (c->state != CHANNEL_OPEN)
		return;
	c->state = CHANNEL_OFFERED;
	c->ops->closed(c->context);
}

/* Linux tears down no GPADL of a rescinded channel: they go with it. */
static void release_channel(struct vmbus_channel *c)
{
	struct vmbus *bus = c->bus;

	close_channel(c);
	for (unsigned i = 0; i < GPADL_MAX; i++)
		if (bus->gpadl[i].used && bus->gpadl[i].relid == c->relid)
			bus->gpadl[i].used = false;
	mark_offered(bus, c->relid, false);
	c->state = CHANNEL_FREE;
	c->ops->released(c->context);
}

void vmbus_disconnect(struct vmbus *bus)
{
	bus->connected = false;
	for (unsigned i = 0; i < VMBUS_CHANNEL_MAX; i++)
		if (bus->channel[i].state != CHANNEL_FREE)
			release_channel(&bus->channel[i]);
	for (unsigned i = 0; i < GPADL_MAX; i++)
		bus->gpadl[i].used = false;
	bus->outbox_count = 0;
}

/* --- GPADLs ---------------------------------------------------------------------- */

static struct gpadl *find_gpadl(struct vmbus *bus, le32 id)
{
	for (unsigned i = 0; i < GPADL_MAX; i++)
		if (bus->gpadl[i].used && bus->gpadl[i].id == le32_to_cpu(id))
			return &bus->gpadl[i];
	return NULL;
}

static struct gpadl *free_gpadl(struct vmbus *bus)
{
	for (unsigned i = 0; i < GPADL_MAX; i++)
		if (!bus->gpadl[i].used)
			return &bus->gpadl[i];
	return NULL;
}

static void answer_gpadl(struct vmbus *bus, uint32_t relid, uint32_t id, uint32_t status)
{
	struct vmbus_gpadl_created m = { .relid = cpu_to_le32(relid), .gpadl = cpu_to_le32(id),
					 .status = cpu_to_le32(status) };

	send(bus, VMBUS_GPADL_CREATED, &m, sizeof(m));
}

/* Takes the page numbers that follow a header or body; too many of them spoil the GPADL. */
static void take_pages(struct vmbus *bus, struct gpadl *g, const uint8_t *pages, size_t bytes)
{
	size_t count = bytes / sizeof(le64);

	if (!vl_is_aligned(bytes, sizeof(le64)) || count > g->page_count - g->received) {
		g->used = false;
		answer_gpadl(bus, g->relid, g->id, VMBUS_STATUS_INVALID_PARAMETER);
		return;
	}
	memcpy(&g->page[g->received], pages, count * sizeof(le64));
	g->received += (uint32_t)count;
	if (g->received == g->page_count)
		answer_gpadl(bus, g->relid, g->id, VMBUS_STATUS_SUCCESS);
}

/* One range of whole pages, as rings are; range_bytes counts the range's 8 bytes and its page numbers. */
static bool gpadl_header_ok(const struct vmbus_gpadl_header *m)
{
	uint32_t bytes = le32_to_cpu(m->byte_count), pages = bytes / VL_PAGE_BYTES;

	return le16_to_cpu(m->range_count) == 1 && !le32_to_cpu(m->byte_offset) &&
	       vl_is_aligned(bytes, VL_PAGE_BYTES) && pages >= 1 && pages <= GPADL_PAGE_MAX &&
	       le16_to_cpu(m->range_bytes) == 8 + 8 * pages;
}

static void on_gpadl_header(struct vmbus *bus, const uint8_t *payload, size_t bytes)
{
	struct vmbus_gpadl_header m;
	struct gpadl *g = free_gpadl(bus);

	memcpy(&m, payload, sizeof(m));
	if (!g || !gpadl_header_ok(&m) || !find_channel(bus, m.relid) || find_gpadl(bus, m.gpadl)) {
		answer_gpadl(bus, le32_to_cpu(m.relid), le32_to_cpu(m.gpadl), VMBUS_STATUS_INVALID_PARAMETER);
		return;
	}
	g->used = true;
	g->id = le32_to_cpu(m.gpadl);
	g->relid = le32_to_cpu(m.relid);
	g->page_count = le32_to_cpu(m.byte_count) / VL_PAGE_BYTES;
	g->received = 0;
	take_pages(bus, g, payload + sizeof(m), bytes - sizeof(m));
}

static void on_gpadl_body(struct vmbus *bus, const uint8_t *payload, size_t bytes)
{
	struct vmbus_gpadl_body m;
	struct gpadl *g;

	memcpy(&m, payload, sizeof(m));
	g = find_gpadl(bus, m.gpadl);
	if (g && g->received < g->page_count && bytes > sizeof(m))
		take_pages(bus, g, payload + sizeof(m), bytes - sizeof(m));
}

static void on_gpadl_teardown(struct vmbus *bus, const uint8_t *payload, size_t bytes)
{
	struct vmbus_gpadl_torndown answer = { 0 };
	struct vmbus_gpadl_teardown m;
	struct vmbus_channel *c;
	struct gpadl *g;

	memcpy(&m, payload, sizeof(m));
	c = find_channel(bus, m.relid);
	g = find_gpadl(bus, m.gpadl);
	if (c && c->state == CHANNEL_OPEN && c->gpadl == le32_to_cpu(m.gpadl))
		close_channel(c);
	if (g && g->relid == le32_to_cpu(m.relid))
		g->used = false;
	answer.gpadl = m.gpadl;
	send(bus, VMBUS_GPADL_TORNDOWN, &answer, sizeof(answer));
}

/* --- Opening and closing ----------------------------------------------------------- */

static int map_rings(struct vmbus_channel *c, const struct gpadl *g, uint32_t downstream)
{
	uint8_t *page[GPADL_PAGE_MAX];
	int err;

	if (downstream < 2 || downstream > g->page_count)
		return VL_E_RANGE;
	for (uint32_t i = 0; i < g->page_count; i++) {
		if (g->page[i] > UINT64_MAX >> VL_PAGE_SHIFT)
			return VL_E_RANGE;
		page[i] = host_memory_map(c->bus->h, gpa(g->page[i] << VL_PAGE_SHIFT), VL_PAGE_BYTES);
		if (!page[i])
			return VL_E_RANGE;
	}
	err = vmbus_ring_init_inbound(&c->in, page, downstream);
	return err ? err : vmbus_ring_init_outbound(&c->out, page + downstream, g->page_count - downstream);
}

static int open_channel(struct vmbus *bus, const struct vmbus_open_channel *m)
{
	struct vmbus_channel *c = find_channel(bus, m->relid);
	struct gpadl *g = find_gpadl(bus, m->gpadl);
	int err;

	if (!c || c->state != CHANNEL_OFFERED || c->rescinded)
		return VL_E_STATE;
	if (!g || g->relid != c->relid || g->received != g->page_count)
		return VL_E_NOTFOUND;
	err = map_rings(c, g, le32_to_cpu(m->downstream_page));
	if (err)
		return err;
	c->gpadl = g->id;
	c->target_vp = le32_to_cpu(m->target_vp);
	c->state = CHANNEL_OPEN;
	return 0;
}

static void on_open(struct vmbus *bus, const uint8_t *payload, size_t bytes)
{
	struct vmbus_open_result answer = { 0 };
	struct vmbus_open_channel m;
	struct vmbus_channel *c;
	int err;

	memcpy(&m, payload, sizeof(m));
	err = open_channel(bus, &m);
	if (err)
		vl_debug("vmbus: VTL2 cannot open channel %u: %s", le32_to_cpu(m.relid), vl_err_text(err));
	answer.relid = m.relid;
	answer.open_id = m.open_id;
	answer.status = cpu_to_le32(err ? VMBUS_STATUS_INVALID_PARAMETER : VMBUS_STATUS_SUCCESS);
	send(bus, VMBUS_OPEN_CHANNEL_RESULT, &answer, sizeof(answer));
	c = err ? NULL : find_channel(bus, m.relid);
	if (c)
		c->ops->opened(c->context);
}

static void on_close(struct vmbus *bus, const uint8_t *payload, size_t bytes)
{
	struct vmbus_relid_message m;
	struct vmbus_channel *c;

	memcpy(&m, payload, sizeof(m));
	c = find_channel(bus, m.relid);
	if (c)
		close_channel(c);
}

static void on_relid_released(struct vmbus *bus, const uint8_t *payload, size_t bytes)
{
	struct vmbus_relid_message m;
	struct vmbus_channel *c;

	memcpy(&m, payload, sizeof(m));
	c = find_channel(bus, m.relid);
	if (c)
		release_channel(c);
}

static void on_modify(struct vmbus *bus, const uint8_t *payload, size_t bytes)
{
	struct vmbus_modify_response answer = { .status = cpu_to_le32(VMBUS_STATUS_INVALID_PARAMETER) };
	struct vmbus_modify_channel m;
	struct vmbus_channel *c;

	memcpy(&m, payload, sizeof(m));
	c = find_channel(bus, m.relid);
	if (c && c->state == CHANNEL_OPEN && le32_to_cpu(m.target_vp) < host_config(bus->h)->vp_count) {
		c->target_vp = le32_to_cpu(m.target_vp);
		answer.status = cpu_to_le32(VMBUS_STATUS_SUCCESS);
	}
	answer.relid = m.relid;
	if (bus->version >= VMBUS_VERSION_5_3)
		send(bus, VMBUS_MODIFY_CHANNEL_RESPONSE, &answer, sizeof(answer));
}

/* --- Connection --------------------------------------------------------------------- */

static bool contact_ok(struct vmbus *bus, const struct vmbus_initiate_contact *m)
{
	static const uint32_t known[] = { VMBUS_VERSION_6_0, VMBUS_VERSION_5_3, VMBUS_VERSION_5_2,
		VMBUS_VERSION_5_1,
					  VMBUS_VERSION_5_0 };
	bool version = false;

	for (size_t i = 0; i < VL_ARRAY_COUNT(known); i++)
		version |= le32_to_cpu(m->version) == known[i];
	return version && m->vtl == HOST_VTL2 && m->sint < HV_SINT_COUNT &&
	       le32_to_cpu(m->target_vp) < host_config(bus->h)->vp_count;
}

static void on_initiate_contact(struct vmbus *bus, const uint8_t *payload, size_t bytes)
{
	struct vmbus_version_response answer = { .connection_id = cpu_to_le32(VMBUS_MESSAGE_CONNECTION_ID) };
	struct vmbus_initiate_contact m;

	memcpy(&m, payload, sizeof(m));
	vmbus_disconnect(bus);
	bus->connected = contact_ok(bus, &m);
	/* A refusal goes where VTL2 listens before it is connected. */
	bus->vp = bus->connected ? le32_to_cpu(m.target_vp) : 0;
	bus->sint = bus->connected ? m.sint : HV_SINT_VMBUS;
	bus->version = le32_to_cpu(m.version);
	answer.version_supported = bus->connected;
	send(bus, VMBUS_VERSION_RESPONSE, &answer, sizeof(answer));
}

static void on_request_offers(struct vmbus *bus, const uint8_t *payload, size_t bytes)
{
	struct vmbus_header answer = { 0 };

	send(bus, VMBUS_ALL_OFFERS_DELIVERED, &answer, sizeof(answer));
}

static void on_unload(struct vmbus *bus, const uint8_t *payload, size_t bytes)
{
	struct vmbus_header answer = { 0 };

	vmbus_disconnect(bus);
	send(bus, VMBUS_UNLOAD_RESPONSE, &answer, sizeof(answer));
}

static void on_connect_request(struct vmbus *bus, const uint8_t *payload, size_t bytes)
{
	struct vmbus_tl_connect_request m;

	memcpy(&m, payload, sizeof(m));
	if (bus->connect)
		bus->connect(bus->connect_context, &m.endpoint, &m.service);
	else
		vmbus_refuse_connect(bus, &m.endpoint, &m.service);
}

void vmbus_refuse_connect(struct vmbus *bus, const struct vmbus_guid *endpoint,
		const struct vmbus_guid *service)
{
	struct vmbus_tl_connect_result m = { .endpoint = *endpoint, .service = *service,
					     .status = cpu_to_le32(VMBUS_STATUS_CONNECTION_REFUSED) };

	send(bus, VMBUS_TL_CONNECT_RESULT, &m, sizeof(m));
}

void vmbus_set_connect_handler(struct vmbus *bus, vmbus_connect_fn *fn, void *context)
{
	bus->connect = fn;
	bus->connect_context = context;
}

/* `min_bytes` is what each handler may copy without looking. */
static const struct {
	uint32_t type;
	size_t min_bytes;
	void (*handle)(struct vmbus *bus, const uint8_t *payload, size_t bytes);
} handlers[] = {
	{ VMBUS_REQUEST_OFFERS, sizeof(struct vmbus_header), on_request_offers },
	{ VMBUS_OPEN_CHANNEL, sizeof(struct vmbus_open_channel), on_open },
	{ VMBUS_CLOSE_CHANNEL, sizeof(struct vmbus_relid_message), on_close },
	{ VMBUS_GPADL_HEADER, sizeof(struct vmbus_gpadl_header), on_gpadl_header },
	{ VMBUS_GPADL_BODY, sizeof(struct vmbus_gpadl_body), on_gpadl_body },
	{ VMBUS_GPADL_TEARDOWN, sizeof(struct vmbus_gpadl_teardown), on_gpadl_teardown },
	{ VMBUS_RELID_RELEASED, sizeof(struct vmbus_relid_message), on_relid_released },
	{ VMBUS_INITIATE_CONTACT, sizeof(struct vmbus_initiate_contact), on_initiate_contact },
	{ VMBUS_UNLOAD, sizeof(struct vmbus_header), on_unload },
	{ VMBUS_TL_CONNECT_REQUEST, sizeof(struct vmbus_tl_connect_request), on_connect_request },
	{ VMBUS_MODIFY_CHANNEL, sizeof(struct vmbus_modify_channel), on_modify },
};

static void handle(struct vmbus *bus, const struct message *m)
{
	struct vmbus_header header;
	uint32_t type;

	if (m->bytes < sizeof(header))
		return;
	memcpy(&header, m->payload, sizeof(header));
	type = le32_to_cpu(header.type);
	if (!bus->connected && type != VMBUS_INITIATE_CONTACT && type != VMBUS_UNLOAD)
		return;
	for (size_t i = 0; i < VL_ARRAY_COUNT(handlers); i++)
		if (handlers[i].type == type && m->bytes >= handlers[i].min_bytes) {
			handlers[i].handle(bus, m->payload, m->bytes);
			return;
		}
	vl_debug("vmbus: VTL2 sent message type %u with %u bytes, which is not known", type, m->bytes);
}

/* --- From VTL2 ------------------------------------------------------------------------ */

static bool take_message(struct vmbus *bus, struct message *m)
{
	bool taken;

	pthread_mutex_lock(&bus->inbox_lock);
	taken = bus->inbox_count > 0;
	if (taken) {
		*m = bus->inbox[bus->inbox_first];
		bus->inbox_first = (bus->inbox_first + 1) % INBOX_MAX;
		bus->inbox_count--;
	}
	pthread_mutex_unlock(&bus->inbox_lock);
	return taken;
}

static void deliver_signals(struct vmbus *bus)
{
	for (unsigned w = 0; w < BITMAP_WORDS; w++) {
		uint64_t bits = atomic_exchange(&bus->signalled[w], 0);

		while (bits) {
			uint32_t relid = w * 64 + (uint32_t)__builtin_ctzll(bits);
			struct vmbus_channel *c = find_channel(bus, cpu_to_le32(relid));

			bits &= bits - 1;
			if (c && c->state == CHANNEL_OPEN)
				c->ops->signalled(c->context);
		}
	}
}

/* While VTL2 leaves answers lying, its requests wait in the inbox and then fail at the door. */
static void run(void *context)
{
	struct vmbus *bus = context;
	struct message m;

	atomic_store(&bus->posted, false);
	while (bus->outbox_count + OUTBOX_RESERVE <= OUTBOX_MAX && take_message(bus, &m))
		handle(bus, &m);
	deliver_signals(bus);
}

static void retry(struct host_source *s, uint32_t events)
{
	uint64_t ticks;

	if (read(s->fd, &ticks, sizeof(ticks)) != sizeof(ticks))
		return;
	flush_outbox(s->context);
	run(s->context);
}

static void wake(struct vmbus *bus)
{
	if (!atomic_exchange(&bus->posted, true))
		loop_post(bus->h, run, bus);
}

uint16_t vmbus_post_message(struct vmbus *bus, uint32_t connection_id, uint32_t type, const void *payload,
		size_t size)
{
	bool room;

	if (connection_id != VMBUS_MESSAGE_CONNECTION_ID)
		return HV_STATUS_INVALID_CONNECTION_ID;
	if (type != HV_MESSAGE_VMBUS || size > HV_MESSAGE_PAYLOAD_BYTES)
		return HV_STATUS_INVALID_PARAMETER;
	pthread_mutex_lock(&bus->inbox_lock);
	room = bus->inbox_count < INBOX_MAX;
	if (room) {
		struct message *m = &bus->inbox[(bus->inbox_first + bus->inbox_count++) % INBOX_MAX];

		m->bytes = (uint8_t)size;
		memcpy(m->payload, payload, size);
	}
	pthread_mutex_unlock(&bus->inbox_lock);
	wake(bus);
	return room ? HV_STATUS_SUCCESS : HV_STATUS_INSUFFICIENT_BUFFERS;
}

uint16_t vmbus_signal_event(struct vmbus *bus, uint32_t connection_id, uint16_t flag)
{
	uint32_t relid = connection_id - VMBUS_EVENT_CONNECTION_BASE;
	uint64_t bit = 1ull << (relid % 64);

	if (relid < 1 || relid > VMBUS_CHANNEL_MAX || !(atomic_load(&bus->offered[relid / 64]) & bit))
		return HV_STATUS_INVALID_CONNECTION_ID;
	if (flag)
		return HV_STATUS_INVALID_PARAMETER;
	atomic_fetch_or(&bus->signalled[relid / 64], bit);
	wake(bus);
	return HV_STATUS_SUCCESS;
}

/* --- Life -------------------------------------------------------------------------------- */

int vmbus_create(struct host *h, struct vmbus **out)
{
	struct vmbus *bus = calloc(1, sizeof(*bus));
	int err;

	if (!bus)
		return VL_E_NOMEM;
	bus->h = h;
	bus->sint = HV_SINT_VMBUS;
	bus->retry = (struct host_source){ timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), retry,
		bus };
	err = bus->retry.fd < 0 ? VL_E_OS : loop_add(h, &bus->retry, EPOLLIN);
	if (err) {
		vl_error("vmbus: cannot make a timer: %s", vl_err_text(err));
		if (bus->retry.fd >= 0)
			close(bus->retry.fd);
		free(bus);
		return err;
	}
	pthread_mutex_init(&bus->inbox_lock, NULL);
	*out = bus;
	return 0;
}

void vmbus_destroy(struct vmbus *bus)
{
	if (!bus)
		return;
	vmbus_disconnect(bus);
	loop_remove(bus->h, &bus->retry);
	close(bus->retry.fd);
	pthread_mutex_destroy(&bus->inbox_lock);
	free(bus);
}
