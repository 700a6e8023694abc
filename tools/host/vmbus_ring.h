/*
 * One direction of a VMBus channel: a ring buffer in VTL2's memory, which
 * VTL2 may change under us at any time. Our own index is private; the peer's
 * is read once per use and checked, packets are copied out before they are
 * looked at. Used by vmbus.c (set-up) and hvsock.c, on the loop's thread.
 */
#ifndef VL_HOST_VMBUS_RING_H
#define VL_HOST_VMBUS_RING_H

#include "tools/host/vmbus_protocol.h"

#define VMBUS_RING_DATA_PAGE_MAX 127u

struct vmbus_ring {
	struct vmbus_ring_header *header;         /* shared with VTL2 */
	uint8_t *page[VMBUS_RING_DATA_PAGE_MAX];  /* shared with VTL2 */
	uint32_t bytes;                           /* of data */
	uint32_t index; /* ours: read index of an inbound, write index of an outbound ring */
};

/* Bytes that a packet with `payload` bytes takes in a ring. */
static inline uint32_t vmbus_ring_packet_bytes(uint32_t payload)
{
	return (uint32_t)(sizeof(struct vmbus_packet) + vl_align_up(payload, 8) + VMBUS_PACKET_TRAILER_BYTES);
}

/*
 * Takes over `count` pages (host mappings): the header page and the data
 * pages. 0, or VL_E_RANGE unless 2 <= count <= VMBUS_RING_DATA_PAGE_MAX + 1, or
 * VL_E_GUEST when the index that is ours to continue is not sound.
 */
int vmbus_ring_init_inbound(struct vmbus_ring *ring, uint8_t *const *pages, uint32_t count);
int vmbus_ring_init_outbound(struct vmbus_ring *ring, uint8_t *const *pages, uint32_t count);

/*
 * Copies the payload of the next packet to out[0, room) and frees its space.
 * Returns the payload's size; sets *interrupt (never clears it) when VTL2 waits
 * for the room and must be interrupted. VL_E_AGAIN: the ring is empty;
 * VL_E_GUEST: indexes or packet are not sound; VL_E_TYPE: not an in-band data
 * packet; VL_E_NOSPACE: larger than `room`. After these the ring is unusable.
 */
int64_t vmbus_ring_read(struct vmbus_ring *ring, void *out, size_t room, bool *interrupt);
/* Tells VTL2 whether it may omit signalling new packets, while we read anyway. */
void vmbus_ring_mask(struct vmbus_ring *ring, bool masked);
/* True when an inbound ring holds something. */
bool vmbus_ring_readable(const struct vmbus_ring *ring);

/*
 * Writes one in-band packet: `head` then `data`. Sets *interrupt when VTL2 must
 * be interrupted. 0; VL_E_AGAIN: no room; VL_E_GUEST as above.
 */
int vmbus_ring_write(struct vmbus_ring *ring, const void *head, uint32_t head_bytes, const void *data,
		     uint32_t data_bytes, bool *interrupt);
/* The largest payload that vmbus_ring_write takes now: 0.. or VL_E_GUEST. */
int64_t vmbus_ring_room(const struct vmbus_ring *ring);
/*
 * Asks VTL2 to signal when there is room for a packet of `payload` bytes (0:
 * do not ask). Look at vmbus_ring_room again afterwards: it may have come before.
 */
void vmbus_ring_want(struct vmbus_ring *ring, uint32_t payload);

#endif
