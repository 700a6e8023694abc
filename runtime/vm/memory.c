/*
 * Access to VTL0's memory (memory.h). Called by the VP threads and the I/O
 * thread alike; the table is constant once the VM was set up.
 */
#include "runtime/vm/memory.h"
#include <string.h>

int guest_memory_add(struct guest_memory *m, gpa_t base, uint64_t size, void *host)
{
	const struct guest_range *last = m->range_count ? &m->range[m->range_count - 1] : NULL;

	if (m->range_count == GUEST_MEMORY_RANGES)
		return VL_E_LIMIT;
	if (!size || !vl_range_ok(gpa_raw(base), size))
		return VL_E_RANGE;
	if (last && gpa_raw(base) - last->base < last->size)
		return VL_E_OVERLAP;
	if (last && gpa_raw(base) < last->base)
		return VL_E_ORDER;
	m->range[m->range_count++] = (struct guest_range){ gpa_raw(base), size, host };
	return 0;
}

static const struct guest_range *range_of(const struct guest_memory *m, uint64_t addr)
{
	for (unsigned i = 0; i < m->range_count; i++)
		if (addr >= m->range[i].base && addr - m->range[i].base < m->range[i].size)
			return &m->range[i];
	return NULL;
}

void *guest_memory_at(const struct guest_memory *m, gpa_t addr, uint64_t size)
{
	const struct guest_range *r = range_of(m, gpa_raw(addr));

	if (!r || !vl_within(gpa_raw(addr) - r->base, size, r->size))
		return NULL;
	return r->host + (gpa_raw(addr) - r->base);
}

/* All of [addr, addr + size) is RAM. */
static bool is_ram(const struct guest_memory *m, uint64_t addr, uint64_t size)
{
	while (size) {
		const struct guest_range *r = range_of(m, addr);
		uint64_t left = r ? r->size - (addr - r->base) : 0;

		if (!r)
			return false;
		if (left >= size)
			return true;
		addr += left;
		size -= left;
	}
	return true;
}

/* One of `out` and `in` is NULL. */
static int copy(const struct guest_memory *m, uint64_t addr, uint8_t *out, const uint8_t *in, size_t size)
{
	if (!is_ram(m, addr, size))
		return VL_E_RANGE;
	while (size) {
		const struct guest_range *r = range_of(m, addr);
		uint64_t offset = addr - r->base;
		size_t n = r->size - offset < size ? (size_t)(r->size - offset) : size;

		if (out) {
			memcpy(out, r->host + offset, n);
			out += n;
		} else {
			memcpy(r->host + offset, in, n);
			in += n;
		}
		addr += n;
		size -= n;
	}
	return 0;
}

int guest_memory_read(const struct guest_memory *m, gpa_t addr, void *out, size_t size)
{
	return copy(m, gpa_raw(addr), out, NULL, size);
}

int guest_memory_write(const struct guest_memory *m, gpa_t addr, const void *data, size_t size)
{
	return copy(m, gpa_raw(addr), NULL, data, size);
}

int guest_memory_move(const struct guest_memory *m, gpa_t to, gpa_t from, uint64_t size)
{
	void *dst = guest_memory_at(m, to, size), *src = guest_memory_at(m, from, size);

	if (!dst || !src)
		return VL_E_RANGE;
	memmove(dst, src, (size_t)size);
	return 0;
}
