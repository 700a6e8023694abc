/*
 * VMBus ring buffers (see vmbus_ring.h). Called by vmbus.c and hvsock.c; the
 * memory is VTL2's and hostile: no value from it is used twice or unchecked.
 * Ordering and signalling follow the protocol's rules as Linux's
 * drivers/hv/ring_buffer.c documents them.
 */
#include "tools/host/vmbus_ring.h"

#include "common/base/err.h"
#include <string.h>

static uint32_t load(const le32 *p)
{
	return __atomic_load_n((const uint32_t VL_FORCE *)p, __ATOMIC_ACQUIRE);
}

static void store(le32 *p, uint32_t v)
{
	__atomic_store_n((uint32_t VL_FORCE *)p, v, __ATOMIC_RELEASE);
}

static void full_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static int init(struct vmbus_ring *ring, uint8_t *const *pages, uint32_t count)
{
	if (count < 2 || count > VMBUS_RING_DATA_PAGE_MAX + 1)
		return VL_E_RANGE;
	ring->header = (struct vmbus_ring_header *)(void *)pages[0];
	memcpy(ring->page, pages + 1, (count - 1) * sizeof(ring->page[0]));
	ring->bytes = (count - 1) * VL_PAGE_BYTES;
	return 0;
}

static bool index_ok(const struct vmbus_ring *ring, uint32_t index)
{
	return index < ring->bytes && vl_is_aligned(index, 8);
}

int vmbus_ring_init_inbound(struct vmbus_ring *ring, uint8_t *const *pages, uint32_t count)
{
	int err = init(ring, pages, count);

	if (err)
		return err;
	ring->index = load(&ring->header->read_index);
	return index_ok(ring, ring->index) ? 0 : VL_E_GUEST;
}

int vmbus_ring_init_outbound(struct vmbus_ring *ring, uint8_t *const *pages, uint32_t count)
{
	int err = init(ring, pages, count);

	if (err)
		return err;
	ring->index = load(&ring->header->write_index);
	if (!index_ok(ring, ring->index))
		return VL_E_GUEST;
	store(&ring->header->features, VMBUS_RING_FEATURE_PENDING_SEND);
	return 0;
}

static uint32_t advance(const struct vmbus_ring *ring, uint32_t index, uint32_t bytes)
{
	index += bytes; /* both below 2^20: no overflow */
	return index >= ring->bytes ? index - ring->bytes : index;
}

/* Bytes from `from` forward to `to`. */
static uint32_t distance(const struct vmbus_ring *ring, uint32_t from, uint32_t to)
{
	return to >= from ? to - from : ring->bytes - from + to;
}

static void copy_out(const struct vmbus_ring *ring, uint32_t index, void *out, uint32_t bytes)
{
	uint8_t *to = out;

	while (bytes) {
		uint32_t in_page = index % VL_PAGE_BYTES;
		uint32_t n = VL_PAGE_BYTES - in_page < bytes ? VL_PAGE_BYTES - in_page : bytes;

		memcpy(to, ring->page[index / VL_PAGE_BYTES] + in_page, n);
		to += n;
		bytes -= n;
		index = advance(ring, index, n);
	}
}

static uint32_t copy_in(const struct vmbus_ring *ring, uint32_t index, const void *data, uint32_t bytes)
{
	const uint8_t *from = data;

	while (bytes) {
		uint32_t in_page = index % VL_PAGE_BYTES;
		uint32_t n = VL_PAGE_BYTES - in_page < bytes ? VL_PAGE_BYTES - in_page : bytes;

		memcpy(ring->page[index / VL_PAGE_BYTES] + in_page, from, n);
		from += n;
		bytes -= n;
		index = advance(ring, index, n);
	}
	return index;
}

/*
 * VTL2 waits when it asked for more than pending_send_bytes of room; it is told
 * only at the step from too little to enough.
 */
static bool writer_waits(const struct vmbus_ring *ring, uint32_t freed)
{
	uint32_t write, pending, room;

	if (!(load(&ring->header->features) & VMBUS_RING_FEATURE_PENDING_SEND))
		return false;
	full_barrier();
	pending = load(&ring->header->pending_send_bytes);
	if (!pending)
		return false;
	write = load(&ring->header->write_index);
	if (!index_ok(ring, write))
		return false;
	room = ring->bytes - distance(ring, ring->index, write);
	return room > pending && room - freed <= pending;
}

bool vmbus_ring_readable(const struct vmbus_ring *ring)
{
	return load(&ring->header->write_index) != ring->index;
}

int64_t vmbus_ring_read(struct vmbus_ring *ring, void *out, size_t room, bool *interrupt)
{
	uint32_t write = load(&ring->header->write_index), used, length, offset;
	struct vmbus_packet packet;

	if (!index_ok(ring, write))
		return VL_E_GUEST;
	used = distance(ring, ring->index, write);
	if (!used)
		return VL_E_AGAIN;
	if (used < vmbus_ring_packet_bytes(0))
		return VL_E_GUEST;
	copy_out(ring, ring->index, &packet, sizeof(packet));
	length = le16_to_cpu(packet.length8) * 8u;
	offset = le16_to_cpu(packet.data_offset8) * 8u;
	if (length > used - VMBUS_PACKET_TRAILER_BYTES || offset < sizeof(packet) || offset > length)
		return VL_E_GUEST;
	if (le16_to_cpu(packet.type) != VMBUS_PACKET_DATA_INBAND)
		return VL_E_TYPE;
	if (length - offset > room)
		return VL_E_NOSPACE;
	copy_out(ring, advance(ring, ring->index, offset), out, length - offset);
	ring->index = advance(ring, ring->index, length + VMBUS_PACKET_TRAILER_BYTES);
	store(&ring->header->read_index, ring->index);
	if (writer_waits(ring, length + VMBUS_PACKET_TRAILER_BYTES))
		*interrupt = true;
	return length - offset;
}

void vmbus_ring_mask(struct vmbus_ring *ring, bool masked)
{
	store(&ring->header->interrupt_mask, masked);
	full_barrier();
}

/* Free bytes of an outbound ring; it is never filled to the last byte, which would read as empty. */
static int64_t free_bytes(const struct vmbus_ring *ring)
{
	uint32_t read = load(&ring->header->read_index);

	if (!index_ok(ring, read))
		return VL_E_GUEST;
	return ring->bytes - distance(ring, read, ring->index);
}

int64_t vmbus_ring_room(const struct vmbus_ring *ring)
{
	int64_t room = free_bytes(ring);

	if (room < 0)
		return room;
	room -= vmbus_ring_packet_bytes(0) + 8; /* stays 8-aligned and below full */
	return room > 0 ? room : 0;
}

void vmbus_ring_want(struct vmbus_ring *ring, uint32_t payload)
{
	store(&ring->header->pending_send_bytes, payload ? vmbus_ring_packet_bytes(payload) : 0);
	full_barrier();
}

int vmbus_ring_write(struct vmbus_ring *ring, const void *head, uint32_t head_bytes, const void *data,
		     uint32_t data_bytes, bool *interrupt)
{
	static const uint8_t zeros[8];
	uint32_t payload = head_bytes + data_bytes, start = ring->index, at;
	uint32_t length = (uint32_t)(sizeof(struct vmbus_packet) + vl_align_up(payload, 8));
	struct vmbus_packet packet = {
		.type = cpu_to_le16(VMBUS_PACKET_DATA_INBAND),
		.data_offset8 = cpu_to_le16(sizeof(packet) / 8),
		.length8 = cpu_to_le16((uint16_t)(length / 8)),
	};
	le64 trailer = cpu_to_le64((uint64_t)start << 32);
	int64_t room = vmbus_ring_room(ring);

	if (room < 0)
		return (int)room;
	if (payload > room)
		return VL_E_AGAIN;
	at = copy_in(ring, start, &packet, sizeof(packet));
	at = copy_in(ring, at, head, head_bytes);
	at = copy_in(ring, at, data, data_bytes);
	at = copy_in(ring, at, zeros, (uint32_t)vl_align_up(payload, 8) - payload);
	ring->index = copy_in(ring, at, &trailer, sizeof(trailer));
	store(&ring->header->write_index, ring->index);
	full_barrier();
	/* Told only at the step from empty to not empty; a reader that is behind looks again by itself. */
	if (!load(&ring->header->interrupt_mask) && load(&ring->header->read_index) == start)
		*interrupt = true;
	return 0;
}
