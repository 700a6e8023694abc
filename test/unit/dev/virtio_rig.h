/*
 * A virtio block device between a driver in fake guest memory (set up as
 * Linux's virtio_pci_modern does) and a block server at the end of its
 * stream. The driver and the server can be told to misbehave.
 */
#ifndef VL_TEST_VIRTIO_RIG_H
#define VL_TEST_VIRTIO_RIG_H

#include "runtime/dev/virtio_blk.h"
#include "test/unit/dev/twin.h"

#define RIG_RAM_BYTES 0x100000
#define RIG_BAR 0xe0000000ull
#define RIG_DESC 0x1000
#define RIG_AVAIL 0x2000
#define RIG_USED 0x3000
#define RIG_TABLE 0x4000  /* for an indirect table */
#define RIG_HEADER 0x8000 /* + 32 * slot: request header; its status at + 16 */
#define RIG_DATA 0x10000
#define RIG_QUEUE 64
#define RIG_DISK_BYTES 0x100000

/* Device structures in BAR 0 and features, as the capabilities say. */
#define RIG_NOTIFY 0x3000
#define RIG_CONFIG 0x2000
#define RIG_FLUSH (1u << 9)
#define RIG_INDIRECT (1u << 28)
#define RIG_EVENT_IDX (1u << 29)

struct rig {
	struct virtio_blk blk;
	struct dev_instance device;
	struct fake_env f;
	struct bus bus;
	uint8_t ram[RIG_RAM_BYTES], disk[RIG_DISK_BYTES];
	uint8_t stream[1 << 22]; /* what the device has sent */
	size_t stream_bytes, served; /* of it: read by the server */
	uint16_t avail_next, used_seen;
};

/* fake_env.h keeps too little of the stream: this takes the place of its output(). */
static inline size_t rig_output(struct dev_env *env, const uint8_t *data, size_t size)
{
	struct rig *r = VL_CONTAINER_OF(env, struct rig, f.env);
	size_t n = size < r->f.output_room ? size : r->f.output_room;

	ck_assert_uint_le(r->stream_bytes + n, sizeof(r->stream));
	memcpy(r->stream + r->stream_bytes, data, n);
	r->stream_bytes += n;
	if (r->f.output_room != SIZE_MAX)
		r->f.output_room -= n;
	return n;
}

/* --- The driver ---------------------------------------------------------------- */

static inline uint64_t rig_in(struct rig *r, uint64_t offset, unsigned size)
{
	uint64_t v;

	ck_assert(bus_read(&r->bus, DEV_MMIO, RIG_BAR + offset, size, &v));
	return v;
}

static inline void rig_out(struct rig *r, uint64_t offset, unsigned size, uint64_t value)
{
	ck_assert(bus_write(&r->bus, DEV_MMIO, RIG_BAR + offset, size, value));
}

static inline uint64_t rig_config_in(struct rig *r, unsigned at, unsigned size)
{
	return virtio_blk_model.read(&r->blk, DEV_REGION_PCI_CONFIG, at, size);
}

static inline void rig_config_out(struct rig *r, unsigned at, unsigned size, uint64_t value)
{
	virtio_blk_model.write(&r->blk, DEV_REGION_PCI_CONFIG, at, size, value);
}

static inline void rig_put(struct rig *r, unsigned at, unsigned size, uint64_t v)
{
	memcpy(r->ram + at, &v, size);
}

static inline uint16_t rig_get16(struct rig *r, unsigned at)
{
	uint16_t v;

	memcpy(&v, r->ram + at, 2);
	return v;
}

static inline void rig_desc(struct rig *r, unsigned at, uint64_t address, uint32_t bytes, uint16_t flags,
			    uint16_t next)
{
	rig_put(r, at, 8, address);
	rig_put(r, at + 8, 4, bytes);
	rig_put(r, at + 12, 2, flags);
	rig_put(r, at + 14, 2, next);
}

/* Reset, features, queue 0 with vector 1, configuration with vector 0, DRIVER_OK. */
static inline void rig_negotiate(struct rig *r, uint32_t features)
{
	rig_out(r, 0x14, 1, 0);
	rig_out(r, 0x14, 1, 1);
	rig_out(r, 0x14, 1, 3);
	rig_out(r, 0x08, 4, 0);
	rig_out(r, 0x0c, 4, features);
	rig_out(r, 0x08, 4, 1);
	rig_out(r, 0x0c, 4, 1);
	rig_out(r, 0x14, 1, 0x0b);
	rig_out(r, 0x10, 2, 0);
	rig_out(r, 0x16, 2, 0);
	rig_out(r, 0x18, 2, RIG_QUEUE);
	rig_out(r, 0x1a, 2, 1);
	rig_out(r, 0x20, 8, RIG_DESC);
	rig_out(r, 0x28, 4, RIG_AVAIL);
	rig_out(r, 0x2c, 4, 0);
	rig_out(r, 0x30, 8, RIG_USED);
	rig_out(r, 0x1c, 2, 1);
	memset(r->ram + RIG_AVAIL, 0, RIG_TABLE - RIG_AVAIL);
	r->avail_next = r->used_seen = 0;
	rig_out(r, 0x14, 1, 0x0f);
}

/* Puts a chain into the ring without telling; rig_kick() tells. */
static inline void rig_offer(struct rig *r, uint16_t head)
{
	rig_put(r, RIG_AVAIL + 4 + 2 * (r->avail_next % RIG_QUEUE), 2, head);
	rig_put(r, RIG_AVAIL + 2, 2, ++r->avail_next);
}

static inline void rig_kick(struct rig *r)
{
	rig_out(r, RIG_NOTIFY, 2, 0);
}

/* A request of header, data (none when bytes is 0) and status in the descriptors from 3 * slot on. */
static inline void rig_request(struct rig *r, unsigned slot, uint32_t type, uint64_t sector, uint64_t data,
			       uint32_t bytes)
{
	unsigned h = RIG_HEADER + 32 * slot, d = RIG_DESC + 48 * slot, first = 3 * slot;
	bool to_guest = type == 0 || type == 8;

	rig_put(r, h, 8, type);
	rig_put(r, h + 8, 8, sector);
	r->ram[h + 16] = 0xee;
	rig_desc(r, d, h, 16, 1, (uint16_t)(first + (bytes ? 1 : 2)));
	rig_desc(r, d + 16, data, bytes, to_guest ? 3 : 1, (uint16_t)(first + 2));
	rig_desc(r, d + 32, h + 16, 1, 2, 0);
	rig_offer(r, (uint16_t)first);
	rig_kick(r);
}

/* 0xee until the device has written it. */
static inline unsigned rig_status(struct rig *r, unsigned slot)
{
	return r->ram[RIG_HEADER + 32 * slot + 16];
}

/* How many chains came back since the last call. */
static inline unsigned rig_collected(struct rig *r)
{
	uint16_t now = rig_get16(r, RIG_USED + 2), count = (uint16_t)(now - r->used_seen);

	r->used_seen = now;
	return count;
}

/* --- The server ------------------------------------------------------------------- */

/* An answer, given to the device in pieces of `chunk` bytes. */
static inline void rig_answer(struct rig *r, uint64_t id, uint32_t code, const void *data, uint32_t bytes,
			      size_t chunk)
{
	static uint8_t message[16 + BLOCKIO_DATA_MAX];
	size_t total = 16 + bytes;

	memcpy(message, &id, 8);
	memcpy(message + 8, &code, 4);
	memcpy(message + 12, &bytes, 4);
	memcpy(message + 16, data, bytes);
	for (size_t at = 0; at < total; at += chunk) {
		size_t n = total - at < chunk ? total - at : chunk;

		ck_assert_uint_eq(virtio_blk_model.input(&r->blk, message + at, n), n);
	}
}

/* The next request that the device has sent as a whole, taken off the stream. */
static inline bool rig_next(struct rig *r, struct blockio_request *q, const uint8_t **data)
{
	size_t left = r->stream_bytes - r->served;
	uint32_t bytes;

	if (left < sizeof(*q))
		return false;
	memcpy(q, r->stream + r->served, sizeof(*q));
	bytes = le32_to_cpu(q->op) == BLOCKIO_WRITE ? le32_to_cpu(q->bytes) : 0;
	ck_assert_uint_le(bytes, BLOCKIO_DATA_MAX);
	if (left < sizeof(*q) + bytes)
		return false;
	*data = r->stream + r->served + sizeof(*q);
	r->served += sizeof(*q) + bytes;
	return true;
}

static inline void rig_serve_one(struct rig *r, const struct blockio_request *q, const uint8_t *data,
				 size_t chunk)
{
	struct blockio_info info = { .size_bytes = cpu_to_le64(RIG_DISK_BYTES) };
	uint32_t op = le32_to_cpu(q->op), bytes = le32_to_cpu(q->bytes);
	uint64_t at = le64_to_cpu(q->offset_bytes), id = le64_to_cpu(q->id);

	if (op == BLOCKIO_INFO) {
		rig_answer(r, id, BLOCKIO_OK, &info, sizeof(info), chunk);
		return;
	}
	if (op == BLOCKIO_FLUSH) {
		rig_answer(r, id, BLOCKIO_OK, &info, 0, chunk);
		return;
	}
	/* The device has checked it before. */
	ck_assert(vl_within(at, bytes, RIG_DISK_BYTES) && bytes && bytes % 512 == 0 && at % 512 == 0);
	if (op == BLOCKIO_WRITE)
		memcpy(r->disk + at, data, bytes);
	rig_answer(r, id, BLOCKIO_OK, r->disk + at, op == BLOCKIO_READ ? bytes : 0, chunk);
}

/* Serves all that was asked. */
static inline void rig_serve(struct rig *r, size_t chunk)
{
	struct blockio_request q;
	const uint8_t *data;

	while (rig_next(r, &q, &data))
		rig_serve_one(r, &q, data, chunk);
}

/* --- Both --------------------------------------------------------------------------- */

static struct dev_env_ops rig_ops;

static inline void rig_create(struct rig *r, bool read_only)
{
	memset(r, 0, sizeof(*r));
	for (unsigned i = 0; i < RIG_DISK_BYTES; i++)
		r->disk[i] = (uint8_t)(i * 7 + i / 512);
	r->device = (struct dev_instance){ "disk0", &virtio_blk_model, &r->blk };
	fake_env_init(&r->f, &r->device);
	rig_ops = fake_env_ops;
	rig_ops.output = rig_output;
	r->f.env.ops = &rig_ops;
	bus_init(&r->bus);
	r->f.bus = &r->bus;
	r->f.ram = r->ram;
	r->f.ram_bytes = sizeof(r->ram);
	virtio_blk_init(&r->blk, &r->f.env, read_only);
}

/* Places the BAR, enables bus mastering and MSI-X with two open vectors. */
static inline void rig_enable(struct rig *r)
{
	rig_config_out(r, 0x10, 4, (uint32_t)RIG_BAR);
	rig_config_out(r, 0x04, 2, 6);
	rig_config_out(r, 0x42, 2, 0x8000);
	for (unsigned i = 0; i < 2; i++) {
		rig_out(r, 0x4000 + 16 * i, 8, 0xfee00000 + 0x1000 * i);
		rig_out(r, 0x4008 + 16 * i, 4, 0x40 + i);
		rig_out(r, 0x400c + 16 * i, 4, 0);
	}
}

static inline void rig_open(struct rig *r, bool read_only, uint32_t features)
{
	rig_create(r, read_only);
	virtio_blk_model.start(&r->blk);
	rig_enable(r);
	rig_serve(r, 64);
	rig_negotiate(r, features);
	ck_assert_uint_eq(rig_in(r, 0x14, 1), 0x0f);
}

#endif
