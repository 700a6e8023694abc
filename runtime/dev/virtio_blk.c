/* virtio block device (virtio_blk.h). The guest and the block server are untrusted. */
#include "runtime/dev/virtio_blk.h"
#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/base/log.h"

#include <string.h>

#define TYPE_BLOCK 2
#define CLASS_SCSI 0x010000 /* what drivers of storage classes expect; the id decides */
#define F_SEG_MAX (1ull << 2)
#define F_READ_ONLY (1ull << 5)
#define F_BLOCK_SIZE (1ull << 6)
#define F_FLUSH (1ull << 9)
#define CONFIG_BYTES 60 /* struct virtio_blk_config up to write_zeroes */

/* Request types and their ends (5.2.6). */
enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8 };
enum { S_OK = 0, S_IOERR = 1, S_UNSUPPORTED = 2 };
#define HEADER_BYTES 16
#define ID_BYTES 20

#define INFO_ID UINT64_MAX /* the id of the INFO request; others are slot numbers */

struct header {
	le32 type, reserved;
	le64 sector;
} VL_PACKED;
_Static_assert(sizeof(struct header) == HEADER_BYTES, "virtio_blk_req");

/* --- The end of a request --------------------------------------------------------- */

/* `written`: bytes of data in the guest's buffers; the status byte is the last of the writable part. */
static void finish(struct virtio_blk *b, const struct virtq_chain *c, uint8_t status, uint64_t written)
{
	if (virtq_copy_to(b->env, c, c->write_bytes - 1, &status, 1)) {
		virtio_pci_fail(&b->virtio);
		return;
	}
	virtio_pci_push(&b->virtio, 0, c->head, (uint32_t)(written + 1));
}

static void finish_slot(struct virtio_blk *b, struct virtio_blk_request *r, uint8_t status)
{
	r->state = VIRTIO_BLK_FREE;
	finish(b, &r->chain, status, r->op == BLOCKIO_READ && status == S_OK ? r->bytes : 0);
}

/* The stream is gone or its server speaks nonsense: everything under way and to come fails. */
static void close_disk(struct virtio_blk *b, const char *why)
{
	if (!b->closed)
		vl_warn("virtio block device: %s; its requests fail from now on", why);
	b->closed = true;
	b->out_bytes = b->out_at = b->in_bytes = b->data_left = 0;
	for (unsigned i = 0; i < VIRTIO_BLK_REQUESTS; i++) {
		struct virtio_blk_request *r = &b->request[i];

		if (r->state == VIRTIO_BLK_ORPHAN)
			r->state = VIRTIO_BLK_FREE;
		else if (r->state != VIRTIO_BLK_FREE)
			finish_slot(b, r, S_IOERR);
	}
}

/* --- To the server ------------------------------------------------------------------ */

static void stage(struct virtio_blk *b, uint32_t op, uint32_t bytes, uint64_t offset, uint64_t id)
{
	struct blockio_request r = {
		.op = cpu_to_le32(op),
		.bytes = cpu_to_le32(bytes),
		.offset_bytes = cpu_to_le64(offset),
		.id = cpu_to_le64(id),
	};

	memcpy(b->out, &r, sizeof(r));
	b->out_at = 0;
	b->out_bytes = (uint32_t)(sizeof(r) + (op == BLOCKIO_WRITE ? bytes : 0));
}

/* Puts the next part of a request into `out`; a WRITE's data is copied here, once. */
static void stage_part(struct virtio_blk *b, unsigned slot)
{
	struct virtio_blk_request *r = &b->request[slot];
	uint64_t left = r->bytes - r->done;

	r->part = (uint32_t)(left < BLOCKIO_DATA_MAX ? left : BLOCKIO_DATA_MAX);
	if (r->op == BLOCKIO_WRITE && virtq_copy_from(b->env, &r->chain, HEADER_BYTES + r->done,
						      b->out + sizeof(struct blockio_request), r->part)) {
		finish_slot(b, r, S_IOERR); /* the guest's buffer is no memory */
		return;
	}
	r->state = VIRTIO_BLK_ASKED;
	stage(b, r->op, r->part, r->op == BLOCKIO_FLUSH ? 0 : r->offset_bytes + r->done, slot);
}

/* Stages what is to be asked next, in turn; false when there is nothing. */
static bool stage_next(struct virtio_blk *b)
{
	if (!b->info_asked) {
		b->info_asked = true;
		stage(b, BLOCKIO_INFO, sizeof(struct blockio_info), 0, INFO_ID);
		return true;
	}
	for (unsigned i = 0; i < VIRTIO_BLK_REQUESTS; i++) {
		unsigned slot = (b->turn + i) % VIRTIO_BLK_REQUESTS;

		if (b->request[slot].state == VIRTIO_BLK_WAITING) {
			b->turn = slot + 1;
			stage_part(b, slot);
			return true;
		}
	}
	return false;
}

/* Sends until the stream is full or nothing is left to ask. */
static void pump(struct virtio_blk *b)
{
	while (!b->closed && (b->out_at < b->out_bytes || stage_next(b))) {
		uint32_t left = b->out_bytes - b->out_at;
		size_t taken = left ? b->env->ops->output(b->env, b->out + b->out_at, left) : 0;

		b->out_at += (uint32_t)(taken < left ? taken : left);
		if (b->out_at < b->out_bytes)
			return;
	}
}

/* --- From the guest ----------------------------------------------------------------- */

static void get_id(struct virtio_blk *b, const struct virtq_chain *c)
{
	static const char id[ID_BYTES] = "vallum";
	uint64_t n = c->write_bytes - 1 < ID_BYTES ? c->write_bytes - 1 : ID_BYTES;

	finish(b, c, virtq_copy_to(b->env, c, 0, id, n) ? S_IOERR : S_OK, n);
}

/* Whole blocks within the disk, and for writes a disk that takes them. */
static bool transfer_ok(const struct virtio_blk *b, const struct virtio_blk_request *r, uint64_t sector)
{
	return !b->closed && sector <= b->disk_bytes / BLOCKIO_BLOCK_BYTES &&
	       r->bytes % BLOCKIO_BLOCK_BYTES == 0 &&
	       r->bytes && vl_within(sector * BLOCKIO_BLOCK_BYTES, r->bytes, b->disk_bytes) &&
	       !(r->op == BLOCKIO_WRITE && b->read_only);
}

static void begin_transfer(struct virtio_blk *b, struct virtio_blk_request *r, uint32_t type, uint64_t sector)
{
	r->op = type == T_IN ? BLOCKIO_READ : type == T_OUT ? BLOCKIO_WRITE : BLOCKIO_FLUSH;
	r->bytes = type == T_IN ? r->chain.write_bytes - 1 :
			type == T_OUT ? r->chain.read_bytes - HEADER_BYTES : 0;
	r->done = 0;
	r->state = VIRTIO_BLK_WAITING;
	if (type == T_FLUSH ? b->closed : !transfer_ok(b, r, sector)) {
		finish_slot(b, r, S_IOERR);
		return;
	}
	r->offset_bytes = sector * BLOCKIO_BLOCK_BYTES;
}

/* One request of the guest, its chain in r->chain. */
static void begin(struct virtio_blk *b, struct virtio_blk_request *r)
{
	struct header h;
	uint32_t type;

	if (r->chain.write_bytes == 0 || virtq_copy_from(b->env, &r->chain, 0, &h, sizeof(h))) {
		virtio_pci_fail(&b->virtio); /* nowhere to put a status, or no header: no driver does that */
		return;
	}
	type = le32_to_cpu(h.type);
	if (type == T_IN || type == T_OUT || type == T_FLUSH)
		begin_transfer(b, r, type, le64_to_cpu(h.sector));
	else if (type == T_GET_ID)
		get_id(b, &r->chain);
	else
		finish(b, &r->chain, S_UNSUPPORTED, 0);
}

static struct virtio_blk_request *free_slot(struct virtio_blk *b)
{
	for (unsigned i = 0; i < VIRTIO_BLK_REQUESTS; i++)
		if (b->request[i].state == VIRTIO_BLK_FREE)
			return &b->request[i];
	return NULL;
}

/* Takes what fits from the ring, asks the server, tells the guest. */
static void run(struct virtio_blk *b)
{
	struct virtio_blk_request *r;

	/* One ring's worth at most: a guest that refills it as we go is served at its next notification. */
	for (unsigned i = 0; i < VIRTQ_SIZE_MAX && (r = free_slot(b)); i++) {
		if (!virtio_pci_pop(&b->virtio, 0, &r->chain))
			break;
		begin(b, r);
	}
	pump(b);
	virtio_pci_signal(&b->virtio, 0);
}

static void blk_notify(void *dev, unsigned queue)
{
	run(dev);
}

/* The guest resets the device: its buffers are its own again. */
static void blk_queue_reset(void *dev)
{
	struct virtio_blk *b = dev;

	for (unsigned i = 0; i < VIRTIO_BLK_REQUESTS; i++) {
		struct virtio_blk_request *r = &b->request[i];

		r->state = r->state == VIRTIO_BLK_ASKED || r->state == VIRTIO_BLK_ORPHAN ? VIRTIO_BLK_ORPHAN :
											  VIRTIO_BLK_FREE;
	}
}

static uint64_t blk_config_read(void *dev, unsigned offset, unsigned size)
{
	const struct virtio_blk *b = dev;
	uint8_t config[CONFIG_BYTES + 8] = { 0 };
	struct vl_writer w;
	uint64_t v;

	vl_writer_init(&w, config, sizeof(config));
	vl_write_le64(&w, b->disk_bytes / BLOCKIO_BLOCK_BYTES);
	vl_write_le32(&w, 0);
	vl_write_le32(&w, VIRTIO_BLK_SEGMENTS);
	vl_write_le32(&w, 0);
	vl_write_le32(&w, BLOCKIO_BLOCK_BYTES);
	memcpy(&v, config + offset, sizeof(v));
	return v;
}

/* --- From the server ----------------------------------------------------------------- */

static void take_info(struct virtio_blk *b, const struct blockio_info *info)
{
	uint64_t bytes = vl_align_down(le64_to_cpu(info->size_bytes), BLOCKIO_BLOCK_BYTES);

	if (le32_to_cpu(info->flags) & BLOCKIO_INFO_READ_ONLY)
		b->read_only = true;
	if (bytes != b->disk_bytes) {
		b->disk_bytes = bytes;
		virtio_pci_config_changed(&b->virtio);
	}
}

/* A part was answered: ask for the next, or end the request. */
static void part_done(struct virtio_blk *b, unsigned slot, bool ok)
{
	struct virtio_blk_request *r = &b->request[slot];

	if (r->state == VIRTIO_BLK_ORPHAN) {
		r->state = VIRTIO_BLK_FREE;
		return;
	}
	r->done += r->part;
	if (!ok)
		finish_slot(b, r, S_IOERR);
	else if (r->done < r->bytes)
		r->state = VIRTIO_BLK_WAITING;
	else
		finish_slot(b, r, S_OK);
}

/* What the server may answer to a request of ours; anything else breaks the protocol. */
static bool reply_ok(const struct virtio_blk *b, uint64_t id, uint32_t status, uint32_t bytes)
{
	const struct virtio_blk_request *r;

	if (id >= VIRTIO_BLK_REQUESTS || status > BLOCKIO_READ_ONLY)
		return false;
	r = &b->request[id];
	if (r->state != VIRTIO_BLK_ASKED && r->state != VIRTIO_BLK_ORPHAN)
		return false;
	/* An answer cannot come before its request has gone out. */
	if (b->out_at < b->out_bytes && le64_to_cpu(((const struct blockio_request *)b->out)->id) == id)
		return false;
	return bytes == (r->op == BLOCKIO_READ && status == BLOCKIO_OK ? r->part : 0);
}

/* The fixed part of an answer is whole: false when the server broke the protocol. */
static bool take_reply(struct virtio_blk *b)
{
	struct blockio_reply reply;
	struct blockio_info info;
	uint32_t status, bytes;
	uint64_t id;

	memcpy(&reply, b->in, sizeof(reply));
	id = le64_to_cpu(reply.id);
	status = le32_to_cpu(reply.status);
	bytes = le32_to_cpu(reply.bytes);
	if (id == INFO_ID) {
		if (status != BLOCKIO_OK || bytes != sizeof(info) || !b->info_asked)
			return false;
		if (b->in_bytes < sizeof(reply) + sizeof(info))
			return true; /* its body comes */
		memcpy(&info, b->in + sizeof(reply), sizeof(info));
		take_info(b, &info);
	} else {
		if (!reply_ok(b, id, status, bytes))
			return false;
		b->data_slot = (unsigned)id;
		b->data_left = bytes;
		if (bytes == 0)
			part_done(b, (unsigned)id, status == BLOCKIO_OK);
	}
	b->in_bytes = 0;
	return true;
}

/* Data of a READ: straight into the guest's buffers. */
static size_t take_data(struct virtio_blk *b, const uint8_t *data, size_t size)
{
	struct virtio_blk_request *r = &b->request[b->data_slot];
	size_t n = size < b->data_left ? size : b->data_left;

	if (r->state == VIRTIO_BLK_ASKED &&
	    virtq_copy_to(b->env, &r->chain, r->done + (r->part - b->data_left), data, n)) {
		finish_slot(b, r, S_IOERR); /* the guest's buffer is no memory */
		r->state = VIRTIO_BLK_ORPHAN;
	}
	b->data_left -= (uint32_t)n;
	if (b->data_left == 0)
		part_done(b, b->data_slot, true);
	return n;
}

/* One piece of the stream: returns how many bytes it used, 0 when the protocol was broken. */
static size_t take(struct virtio_blk *b, const uint8_t *data, size_t size)
{
	size_t want = sizeof(struct blockio_reply), n;

	if (b->data_left)
		return take_data(b, data, size);
	if (b->in_bytes >= want)
		want = sizeof(b->in); /* an INFO's body */
	n = want - b->in_bytes < size ? want - b->in_bytes : size;
	memcpy(b->in + b->in_bytes, data, n);
	b->in_bytes += (uint32_t)n;
	if (b->in_bytes == want && !take_reply(b))
		return 0;
	return n;
}

static size_t blk_input(void *dev, const uint8_t *data, size_t size)
{
	struct virtio_blk *b = dev;
	size_t at = 0, n;

	while (!b->closed && at < size) {
		n = take(b, data + at, size - at);
		if (n == 0)
			close_disk(b, "its server broke the block protocol");
		at += n;
	}
	run(b);
	return size;
}

/* --- The model ------------------------------------------------------------------------ */

static void blk_complete(void *dev, uint64_t id, int result)
{
	struct virtio_blk *b = dev;

	if (result < 0)
		close_disk(b, "its server closed the stream");
	run(b);
}

static const struct virtio_kind blk_kind = {
	.type = TYPE_BLOCK,
	.class_code = CLASS_SCSI,
	.queue_count = 1,
	.config_bytes = CONFIG_BYTES,
	.config_read = blk_config_read,
	.notify = blk_notify,
	.reset = blk_queue_reset,
};

static uint64_t blk_read(void *dev, unsigned id, uint64_t offset, unsigned size)
{
	struct virtio_blk *b = dev;

	return virtio_pci_read(&b->virtio, id, offset, size);
}

static void blk_write(void *dev, unsigned id, uint64_t offset, unsigned size, uint64_t value)
{
	struct virtio_blk *b = dev;

	virtio_pci_write(&b->virtio, id, offset, size, value);
}

static void blk_start(void *dev)
{
	run(dev);
}

/* The stream stays as it is: answers to what was asked may still come. */
static void blk_reset(void *dev)
{
	struct virtio_blk *b = dev;

	virtio_pci_reset(&b->virtio);
	blk_queue_reset(b);
}

/* A slot in the stream: op, disk range, what is done, head, counts, segments. */
#define FIELD_SLOT 0x100
#define SLOT_BYTES_MAX (32 + 12 * VIRTQ_SEGMENTS_MAX)

static void save_slot(const struct virtio_blk_request *r, struct state_writer *out, uint32_t tag)
{
	unsigned count = r->chain.read_count + r->chain.write_count;
	uint8_t bytes[SLOT_BYTES_MAX];
	struct vl_writer w;

	vl_writer_init(&w, bytes, sizeof(bytes));
	vl_write_u8(&w, r->op);
	vl_write_u8(&w, r->chain.read_count);
	vl_write_u8(&w, r->chain.write_count);
	vl_write_le16(&w, r->chain.head);
	vl_write_le64(&w, r->offset_bytes);
	vl_write_le64(&w, r->bytes);
	vl_write_le64(&w, r->done);
	for (unsigned i = 0; i < count; i++) {
		vl_write_le64(&w, r->chain.segment[i].address);
		vl_write_le32(&w, r->chain.segment[i].bytes);
	}
	state_put_bytes(out, tag, bytes, w.pos);
}

static int read_slot(struct virtio_blk_request *r, struct vl_reader *in)
{
	memset(r, 0, sizeof(*r));
	r->op = vl_read_u8(in);
	r->chain.read_count = vl_read_u8(in);
	r->chain.write_count = vl_read_u8(in);
	r->chain.head = vl_read_le16(in);
	r->offset_bytes = vl_read_le64(in);
	r->bytes = vl_read_le64(in);
	r->done = vl_read_le64(in);
	if (r->chain.read_count + r->chain.write_count > VIRTQ_SEGMENTS_MAX)
		return VL_E_RANGE;
	for (unsigned i = 0; i < r->chain.read_count + (unsigned)r->chain.write_count; i++) {
		struct virtq_segment *s = &r->chain.segment[i];

		s->address = vl_read_le64(in);
		s->bytes = vl_read_le32(in);
		*(i < r->chain.read_count ? &r->chain.read_bytes : &r->chain.write_bytes) += s->bytes;
	}
	return in->err;
}

/* The relations between the members that begin_transfer() makes. */
static bool slot_ok(const struct virtio_blk *b, const struct virtio_blk_request *r)
{
	if (r->chain.write_bytes == 0 || r->chain.read_bytes < HEADER_BYTES || r->done > r->bytes)
		return false;
	if (r->op == BLOCKIO_FLUSH)
		return r->bytes == 0;
	if (r->bytes == 0 || r->done == r->bytes || r->done % BLOCKIO_BLOCK_BYTES ||
	    r->bytes % BLOCKIO_BLOCK_BYTES || r->offset_bytes % BLOCKIO_BLOCK_BYTES ||
	    !vl_within(r->offset_bytes, r->bytes, b->disk_bytes))
		return false;
	return (r->op == BLOCKIO_READ && r->bytes == r->chain.write_bytes - 1) ||
	       (r->op == BLOCKIO_WRITE && r->bytes == r->chain.read_bytes - HEADER_BYTES && !b->read_only);
}

static const struct state_field blk_fields[] = {
	STATE_FIELD(1, struct virtio_blk, disk_bytes, UINT64_MAX - BLOCKIO_BLOCK_BYTES),
	STATE_FIELD(2, struct virtio_blk, read_only, 1),
};

static void blk_save(void *dev, struct state_writer *w)
{
	const struct virtio_blk *b = dev;

	virtio_pci_save(&b->virtio, w);
	state_put_fields(w, blk_fields, VL_ARRAY_COUNT(blk_fields), b);
	for (unsigned i = 0; i < VIRTIO_BLK_REQUESTS; i++)
		if (b->request[i].state == VIRTIO_BLK_WAITING || b->request[i].state == VIRTIO_BLK_ASKED)
			save_slot(&b->request[i], w, STATE_MANDATORY | (FIELD_SLOT + i));
}

static void restore_slots(struct virtio_blk *b, struct state_reader *r)
{
	for (unsigned i = 0; i < VIRTIO_BLK_REQUESTS; i++) {
		struct virtio_blk_request *slot = &b->request[i];
		const uint8_t *data;
		struct vl_reader in;
		size_t size;
		int err;

		slot->state = VIRTIO_BLK_FREE;
		if (!state_get_view(r, FIELD_SLOT + i, &data, &size))
			continue;
		vl_reader_init(&in, data, size);
		err = read_slot(slot, &in);
		if (err || vl_reader_left(&in))
			state_reader_fail(r, err ? err : VL_E_FORMAT);
		else if (!slot_ok(b, slot))
			state_reader_fail(r, VL_E_RANGE);
		else
			slot->state = VIRTIO_BLK_WAITING;
	}
}

static int blk_restore(void *dev, struct state_reader *r)
{
	struct virtio_blk *b = dev;
	bool read_only = b->read_only;

	virtio_pci_restore(&b->virtio, r);
	state_get_fields(r, blk_fields, VL_ARRAY_COUNT(blk_fields), b);
	b->read_only |= read_only;
	restore_slots(b, r);
	b->info_asked = b->closed = false;
	b->out_at = b->out_bytes = b->in_bytes = b->data_left = 0;
	return state_reader_finish(r);
}

static void blk_inspect(const void *dev, struct inspect *i)
{
	const struct virtio_blk *b = dev;

	inspect_u64(i, "disk-bytes", INSPECT_SENSITIVE, INSPECT_PLAIN, b->disk_bytes);
	inspect_bool(i, "read-only", INSPECT_SENSITIVE, b->read_only);
	inspect_bool(i, "closed", INSPECT_SENSITIVE, b->closed);
	virtio_pci_inspect(&b->virtio, i);
}

const struct dev_model virtio_blk_model = {
	.name = "virtio_blk",
	.version = 1,
	.read = blk_read,
	.write = blk_write,
	.start = blk_start,
	.reset = blk_reset,
	.save = blk_save,
	.restore = blk_restore,
	.inspect = blk_inspect,
	.input = blk_input,
	.complete = blk_complete,
};

void virtio_blk_init(struct virtio_blk *b, struct dev_env *env, bool read_only)
{
	memset(b, 0, sizeof(*b));
	b->env = env;
	b->read_only = read_only;
	virtio_pci_init(&b->virtio, env, &blk_kind, b,
			F_SEG_MAX | F_BLOCK_SIZE | F_FLUSH | (read_only ? F_READ_ONLY : 0));
}
