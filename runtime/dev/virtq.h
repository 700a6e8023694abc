/*
 * The device's side of a virtio split virtqueue (Virtual I/O Device 1.2,
 * section 2.7) in guest memory. Everything in the ring is the guest's and may
 * change at any time: each descriptor is copied once and then checked; no
 * chain is longer than the queue, so nothing loops.
 */
#ifndef VL_DEV_VIRTQ_H
#define VL_DEV_VIRTQ_H

#include "common/device/device.h"

#define VIRTQ_SIZE_MAX 256
#define VIRTQ_SEGMENTS_MAX 66 /* of one chain: 64 of data, a header and a status */
#define VIRTQ_NO_VECTOR 0xffffu

#define VIRTIO_F_INDIRECT_DESC (1ull << 28)
#define VIRTIO_F_EVENT_IDX (1ull << 29)
#define VIRTIO_F_VERSION_1 (1ull << 32)

struct virtq {
	uint64_t desc, avail, used; /* guest physical addresses of the three parts */
	uint16_t size;      /* entries: a power of two */
	uint16_t vector;    /* MSI-X vector, or VIRTQ_NO_VECTOR */
	uint16_t next;      /* avail index to take next */
	uint16_t used_next; /* used index to fill next */
	uint16_t signalled; /* used_next when the guest was last told or spared */
	bool enabled;
};

struct virtq_segment {
	uint64_t address;
	uint32_t bytes;
};

/* A copied chain: the segments that the device reads, then those that it writes. */
struct virtq_chain {
	uint16_t head;
	uint8_t read_count, write_count;
	uint64_t read_bytes, write_bytes;
	struct virtq_segment segment[VIRTQ_SEGMENTS_MAX];
};

void virtq_reset(struct virtq *q);
/* `address` is acceptable for each part (alignment 16, 2, 4; no wrap). */
bool virtq_valid(const struct virtq *q);
/*
 * Takes the next chain: 1; 0 when there is none (and the guest will notify of
 * the next). Negative when the guest broke the rules: VL_E_RANGE (a ring or
 * table outside RAM, an index out of range), VL_E_GUEST (a chain that is too
 * long, loops, nests or mixes directions); the queue is of no use then.
 */
int virtq_pop(struct virtq *q, struct dev_env *env, uint64_t features, struct virtq_chain *chain);
/* Gives a chain back with `written` bytes. VL_E_RANGE. */
int virtq_push(struct virtq *q, struct dev_env *env, uint16_t head, uint32_t written);
/* After pushes: true when the guest wants an interrupt for them. */
bool virtq_wants_signal(struct virtq *q, struct dev_env *env, uint64_t features);

/* Copies `size` bytes from the readable or into the writable part, at `offset` within it. VL_E_RANGE. */
int virtq_copy_from(struct dev_env *env, const struct virtq_chain *c, uint64_t offset, void *out,
		    size_t size);
int virtq_copy_to(struct dev_env *env, const struct virtq_chain *c, uint64_t offset, const void *data,
		  size_t size);

#endif
