/* Split virtqueue, device side (virtq.h). All that is read here is the guest's. */
#include "runtime/dev/virtq.h"
#include "common/base/err.h"

#include <stdatomic.h>
#include <string.h>

#define DESC_NEXT 1u
#define DESC_WRITE 2u
#define DESC_INDIRECT 4u
#define AVAIL_NO_INTERRUPT 1u
#define INDIRECT_MAX 1024 /* entries of a table; more than a chain may use anyway */

struct desc {
	le64 address;
	le32 bytes;
	le16 flags, next;
} VL_PACKED;
_Static_assert(sizeof(struct desc) == 16, "virtq_desc");

struct used_element {
	le32 id, bytes;
} VL_PACKED;

/* A table of descriptors: the queue's or an indirect one. */
struct table {
	uint64_t address;
	uint32_t count;
	bool indirect;
};

void virtq_reset(struct virtq *q)
{
	memset(q, 0, sizeof(*q));
	q->size = VIRTQ_SIZE_MAX;
	q->vector = VIRTQ_NO_VECTOR;
}

bool virtq_valid(const struct virtq *q)
{
	/* Sizes of section 2.7: 16 per descriptor, 6 + 2 and 6 + 8 per entry of the rings. */
	return vl_is_aligned(q->desc, 16) && vl_is_aligned(q->avail, 2) && vl_is_aligned(q->used, 4) &&
	       vl_range_ok(q->desc, 16ull * q->size) && vl_range_ok(q->avail, 6 + 2ull * q->size) &&
	       vl_range_ok(q->used, 6 + 8ull * q->size);
}

static int read16(struct dev_env *env, uint64_t at, uint16_t *value)
{
	le16 raw;
	int err = env->ops->mem_read(env, gpa(at), &raw, sizeof(raw));

	*value = err ? 0 : le16_to_cpu(raw);
	return err;
}

static int write16(struct dev_env *env, uint64_t at, uint16_t value)
{
	le16 raw = cpu_to_le16(value);

	return env->ops->mem_write(env, gpa(at), &raw, sizeof(raw));
}

static int add_segment(struct virtq_chain *c, const struct desc *d)
{
	unsigned count = c->read_count + c->write_count;
	uint32_t bytes = le32_to_cpu(d->bytes);

	if (count == VIRTQ_SEGMENTS_MAX)
		return VL_E_GUEST;
	if (le16_to_cpu(d->flags) & DESC_WRITE) {
		c->write_count++;
		c->write_bytes += bytes;
	} else {
		if (c->write_count)
			return VL_E_GUEST; /* readable ones come first (2.7.4.2) */
		c->read_count++;
		c->read_bytes += bytes;
	}
	c->segment[count] = (struct virtq_segment){ le64_to_cpu(d->address), bytes };
	return VL_OK;
}

/* The table that an indirect descriptor names; only the queue's own may have one, at a chain's end. */
static int enter_indirect(struct table *t, const struct desc *d, uint64_t features)
{
	uint32_t bytes = le32_to_cpu(d->bytes);

	if (t->indirect || !(features & VIRTIO_F_INDIRECT_DESC) || (le16_to_cpu(d->flags) & DESC_NEXT))
		return VL_E_GUEST;
	if (bytes == 0 || bytes % sizeof(*d) || bytes / sizeof(*d) > INDIRECT_MAX)
		return VL_E_GUEST;
	*t = (struct table){ le64_to_cpu(d->address), bytes / (uint32_t)sizeof(*d), true };
	return vl_range_ok(t->address, bytes) ? VL_OK : VL_E_RANGE;
}

static int walk(const struct virtq *q, struct dev_env *env, uint64_t features, struct virtq_chain *c)
{
	struct table t = { q->desc, q->size, false };
	uint32_t index = c->head, left = q->size;
	struct desc d;
	int err;

	while (left--) { /* no chain is longer than the queue (2.7.5.3.1) */
		if (index >= t.count)
			return VL_E_RANGE;
		err = env->ops->mem_read(env, gpa(t.address + index * sizeof(d)), &d, sizeof(d));
		if (!err && (le16_to_cpu(d.flags) & DESC_INDIRECT)) {
			err = enter_indirect(&t, &d, features);
			index = 0;
			if (err)
				return err;
			continue;
		}
		if (!err)
			err = add_segment(c, &d);
		if (err || !(le16_to_cpu(d.flags) & DESC_NEXT))
			return err;
		index = le16_to_cpu(d.next);
	}
	return VL_E_GUEST;
}

/* How many chains wait; with EVENT_IDX asks to be notified of the next one when none does. */
static int available(struct virtq *q, struct dev_env *env, uint64_t features, uint16_t *count)
{
	uint16_t index;
	int err = read16(env, q->avail + 2, &index);

	if (!err && index == q->next && (features & VIRTIO_F_EVENT_IDX)) {
		err = write16(env, q->used + 4 + 8ull * q->size, q->next);
		/* the request is seen before the index is read again */
		atomic_thread_fence(memory_order_seq_cst);
		if (!err)
			err = read16(env, q->avail + 2, &index);
	}
	*count = (uint16_t)(index - q->next);
	return err ? err : *count > q->size ? VL_E_RANGE : VL_OK;
}

int virtq_pop(struct virtq *q, struct dev_env *env, uint64_t features, struct virtq_chain *c)
{
	uint16_t count, head;
	int err = available(q, env, features, &count);

	if (err || count == 0)
		return err;
	atomic_thread_fence(memory_order_acquire); /* the ring's entry was written before its index */
	err = read16(env, q->avail + 4 + 2ull * (q->next % q->size), &head);
	if (err)
		return err;
	memset(c, 0, sizeof(*c));
	c->head = head;
	err = walk(q, env, features, c);
	q->next++;
	return err ? err : 1;
}

int virtq_push(struct virtq *q, struct dev_env *env, uint16_t head, uint32_t written)
{
	struct used_element e = { cpu_to_le32(head), cpu_to_le32(written) };
	int err = env->ops->mem_write(env, gpa(q->used + 4 + 8ull * (q->used_next % q->size)), &e, sizeof(e));

	if (err)
		return err;
	q->used_next++;
	atomic_thread_fence(memory_order_release); /* data and element are there before the index says so */
	return write16(env, q->used + 2, q->used_next);
}

bool virtq_wants_signal(struct virtq *q, struct dev_env *env, uint64_t features)
{
	uint16_t old = q->signalled, flags = 0, event = 0;

	if (old == q->used_next)
		return false;
	q->signalled = q->used_next;
	atomic_thread_fence(memory_order_seq_cst); /* the used index is out before the guest's wish is read */
	if (!(features & VIRTIO_F_EVENT_IDX))
		return read16(env, q->avail, &flags) == VL_OK && !(flags & AVAIL_NO_INTERRUPT);
	if (read16(env, q->avail + 4 + 2ull * q->size, &event))
		return false;
	/* The event lies in [old, used_next) modulo 2^16 (2.7.10). */
	return (uint16_t)(q->used_next - event - 1) < (uint16_t)(q->used_next - old);
}

static int copy(struct dev_env *env, const struct virtq_segment *s, unsigned count, uint64_t offset,
		uint8_t *bytes, size_t size, bool to_guest)
{
	for (; count && size; s++, count--) {
		uint64_t n = s->bytes, at;
		int err;

		if (offset >= n) {
			offset -= n;
			continue;
		}
		n -= offset;
		if (n > size)
			n = size;
		at = s->address + offset;
		if (!vl_range_ok(at, n))
			return VL_E_RANGE;
		err = to_guest ? env->ops->mem_write(env, gpa(at), bytes, n) :
				 env->ops->mem_read(env, gpa(at), bytes, n);
		if (err)
			return err;
		bytes += n;
		size -= n;
		offset = 0;
	}
	return size ? VL_E_RANGE : VL_OK;
}

int virtq_copy_from(struct dev_env *env, const struct virtq_chain *c, uint64_t offset, void *out, size_t size)
{
	return copy(env, c->segment, c->read_count, offset, out, size, false);
}

int virtq_copy_to(struct dev_env *env, const struct virtq_chain *c, uint64_t offset, const void *data,
		  size_t size)
{
	/* copy() does not write to `bytes` in this direction. */
	return copy(env, c->segment + c->read_count, c->write_count, offset, (uint8_t *)(uintptr_t)data, size,
		    true);
}
