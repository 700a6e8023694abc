/*
 * virtio block device (Virtual I/O Device 1.2, section 5.2) over PCI. Its
 * disk is a block server at the other end of its stream, spoken to in the
 * protocol of common/blockio/blockio.h: env->output carries requests,
 * model->input the answers; complete(id 0, VL_E_CLOSED) tells that the stream
 * is gone, from when on every request ends in an I/O error.
 *
 * The guest (rings, requests, memory) and the server (answers) are both
 * untrusted. A request's data goes to the guest only while the guest owns the
 * request: after a reset of the device, late answers are read and dropped.
 *
 * Restored state starts on a new stream: what was under way is asked for
 * again, which the guest cannot tell, for it saw no completion.
 */
#ifndef VL_DEV_VIRTIO_BLK_H
#define VL_DEV_VIRTIO_BLK_H

#include "common/blockio/blockio.h"
#include "runtime/dev/virtio_pci.h"

#define VIRTIO_BLK_REQUESTS BLOCKIO_REQUEST_MAX
#define VIRTIO_BLK_SEGMENTS 64 /* of data; what SEG_MAX offers */

enum virtio_blk_state {
	VIRTIO_BLK_FREE,
	VIRTIO_BLK_WAITING, /* its next part is to be sent */
	VIRTIO_BLK_ASKED,   /* an answer is awaited */
	VIRTIO_BLK_ORPHAN,  /* so, but the guest has reset the device meanwhile */
};

struct virtio_blk_request {
	uint8_t state; /* enum virtio_blk_state */
	uint8_t op;    /* enum blockio_op */
	uint64_t offset_bytes, bytes; /* on the disk */
	uint64_t done;  /* of bytes: asked and answered */
	uint32_t part;  /* of bytes: being asked for */
	struct virtq_chain chain;
};

struct virtio_blk {
	struct dev_env *env;
	struct virtio_pci virtio;
	uint64_t disk_bytes;  /* 0 until the server has told */
	bool read_only, info_asked, closed;
	unsigned turn;        /* the slot that may send next */
	struct virtio_blk_request request[VIRTIO_BLK_REQUESTS];
	uint8_t out[sizeof(struct blockio_request) + BLOCKIO_DATA_MAX]; /* a request on its way */
	uint32_t out_at, out_bytes;
	uint8_t in[sizeof(struct blockio_reply) + sizeof(struct blockio_info)]; /* an answer's fixed part */
	uint32_t in_bytes;
	uint32_t data_left;   /* of a READ's answer: still to come */
	unsigned data_slot;
};

extern const struct dev_model virtio_blk_model;
/* About 90 KiB of state. `read_only` as the machine was configured, whatever the server says. */
void virtio_blk_init(struct virtio_blk *b, struct dev_env *env, bool read_only);

#endif
