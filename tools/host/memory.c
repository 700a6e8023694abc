/*
 * The partition's memory: layout, the two mappings of one memfd, bounded
 * access, and the page protections that VTL2 puts on VTL0. Addresses come from
 * the guest and are checked here.
 */
#include "tools/host/partition.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Windows for devices. Above every low RAM layout, below the IOAPIC; 4 GiB above all RAM for 64-bit ones. */
#define LOW_MMIO 0xd0000000ull
#define LOW_MMIO_END 0xfec00000ull
#define HIGH_MMIO_BYTES 0x100000000ull
#define VTL2_MMIO_BYTES 0x8000000ull
#define HIGH_ALIGN 0x40000000ull

static void plan(struct host_memory *m, struct host_config *c, uint64_t vtl2_bytes)
{
	uint64_t low = c->memory_bytes < HOST_LOW_RAM_END ? c->memory_bytes : HOST_LOW_RAM_END;
	uint64_t high = c->memory_bytes - low;
	uint64_t vtl2 = vl_align_up(low, VL_LARGE_PAGE_BYTES);
	uint64_t top = vl_align_up(HOST_HIGH_RAM + high, HIGH_ALIGN);

	m->ram[0] = (struct host_ram){ .range = { 0, low }, .offset = 0 };
	/* Congruent to the guest address modulo 2 MiB: lets the kernel use large pages. */
	m->ram[1] = (struct host_ram){ .range = { vtl2, vtl2_bytes }, .offset = vtl2, .vtl2 = true };
	m->ram_count = 2;
	m->bytes = vl_align_up(vtl2 + vtl2_bytes, VL_LARGE_PAGE_BYTES);
	if (high) {
		m->ram[2] = (struct host_ram){ .range = { HOST_HIGH_RAM, high }, .offset = m->bytes };
		m->ram_count = 3;
		m->bytes += high;
	}
	c->vtl0_ram[0] = m->ram[0].range;
	c->vtl0_ram[1] = (struct host_range){ HOST_HIGH_RAM, high };
	c->vtl0_ram_count = high ? 2 : 1;
	c->vtl2_ram = m->ram[1].range;
	c->vtl0_mmio[0] = (struct host_range){ LOW_MMIO, LOW_MMIO_END - LOW_MMIO };
	c->vtl0_mmio[1] = (struct host_range){ top, HIGH_MMIO_BYTES };
	c->vtl2_mmio = (struct host_range){ top + HIGH_MMIO_BYTES, VTL2_MMIO_BYTES };
	m->vtl0_bytes = top + HIGH_MMIO_BYTES;
}

/*
 * Address space that begins with a large page, so that the kernel can back it with
 * large pages and KVM map them. Each switch between VTLs walks the second stage anew
 * where KVM is emulated, and a level less was a twentieth of a port access.
 */
static void *reserve(uint64_t bytes)
{
	uint8_t *start = mmap(NULL, bytes + VL_LARGE_PAGE_BYTES, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint8_t *aligned = (uint8_t *)vl_align_up((uintptr_t)start, VL_LARGE_PAGE_BYTES);

	if (start == MAP_FAILED)
		return NULL;
	if (aligned > start)
		munmap(start, (size_t)(aligned - start));
	munmap(aligned + bytes, (size_t)(start + VL_LARGE_PAGE_BYTES - aligned));
	return aligned;
}

/*
 * A part of the memfd at an address that is reserved. Large pages are a wish: without them all works the
 * same.
 */
static int map_part(const struct host_memory *m, uint8_t *at, uint64_t bytes, uint64_t offset)
{
	if (mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, m->fd,
			(off_t)offset) == MAP_FAILED)
		return VL_E_NOMEM;
	(void)madvise(at, bytes, MADV_HUGEPAGE);
	return 0;
}

static int map_all(struct host_memory *m)
{
	unsigned i;

	m->fd = memfd_create("vallum-ram", MFD_CLOEXEC);
	if (m->fd < 0 || ftruncate(m->fd, (off_t)m->bytes))
		return VL_E_NOMEM;
	m->base = reserve(m->bytes);
	m->vtl0_base = reserve(m->vtl0_bytes);
	if (!m->base || !m->vtl0_base || map_part(m, m->base, m->bytes, 0))
		return VL_E_NOMEM;
	m->vtl0_denied = mmap(NULL, m->vtl0_bytes >> VL_PAGE_SHIFT, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (m->vtl0_denied == MAP_FAILED) {
		m->vtl0_denied = NULL;
		return VL_E_NOMEM;
	}
	for (i = 0; i < m->ram_count; i++) {
		const struct host_ram *r = &m->ram[i];

		if (!r->vtl2 && map_part(m, m->vtl0_base + r->range.gpa, r->range.size, r->offset))
			return VL_E_NOMEM;
	}
	return 0;
}

int memory_create(struct host_memory *m, struct host_config *config, uint64_t vtl2_bytes)
{
	int err;

	*m = (struct host_memory){ .fd = -1 };
	if (!config->memory_bytes || !vl_is_aligned(config->memory_bytes, VL_PAGE_BYTES) ||
	    config->memory_bytes > HOST_MEMORY_MAX || vtl2_bytes > HOST_VTL2_MAX)
		return VL_E_RANGE;
	plan(m, config, vtl2_bytes);
	err = map_all(m);
	if (err)
		memory_destroy(m);
	return err;
}

void memory_destroy(struct host_memory *m)
{
	if (m->vtl0_base)
		munmap(m->vtl0_base, m->vtl0_bytes);
	if (m->vtl0_denied)
		munmap(m->vtl0_denied, m->vtl0_bytes >> VL_PAGE_SHIFT);
	if (m->base)
		munmap(m->base, m->bytes);
	if (m->fd >= 0)
		close(m->fd);
	*m = (struct host_memory){ .fd = -1 };
}

static const struct host_ram *find(const struct host_memory *m, uint64_t a, uint64_t size)
{
	unsigned i;

	for (i = 0; i < m->ram_count; i++) {
		const struct host_range *r = &m->ram[i].range;

		if (a >= r->gpa && vl_within(a - r->gpa, size, r->size))
			return &m->ram[i];
	}
	return NULL;
}

void *host_memory_map(const struct host *h, gpa_t addr, size_t size)
{
	const struct host_ram *r = find(&h->memory, gpa_raw(addr), size);

	return r ? h->memory.base + r->offset + (gpa_raw(addr) - r->range.gpa) : NULL;
}

const void *host_memory_map_vtl0(const struct host *h, gpa_t addr, size_t size)
{
	const struct host_ram *r = find(&h->memory, gpa_raw(addr), size);

	return r && !r->vtl2 ? h->memory.base + r->offset + (gpa_raw(addr) - r->range.gpa) : NULL;
}

bool host_memory_is_vtl0(const struct host *h, gpa_t addr, size_t size)
{
	return host_memory_map_vtl0(h, addr, size);
}

/* VTL0's low RAM and VTL2's RAM may touch: a range may then span both. */
static int copy(const struct host *h, uint64_t a, uint8_t *out, const uint8_t *in, size_t size)
{
	uint8_t *first, *second;
	size_t head = size;
	unsigned i;

	for (i = 0; i < h->memory.ram_count && head == size; i++) {
		const struct host_range *r = &h->memory.ram[i].range;

		if (a >= r->gpa && a - r->gpa < r->size && r->size - (a - r->gpa) < size)
			head = (size_t)(r->size - (a - r->gpa));
	}
	first = host_memory_map(h, gpa(a), head);
	second = head < size ? host_memory_map(h, gpa(a + head), size - head) : first;
	if (!first || !second)
		return VL_E_RANGE;
	if (out) {
		memcpy(out, first, head);
		memcpy(out + head, second, size - head);
	} else {
		memcpy(first, in, head);
		memcpy(second, in + head, size - head);
	}
	return 0;
}

int host_memory_read(const struct host *h, gpa_t addr, void *out, size_t size)
{
	return copy(h, gpa_raw(addr), out, NULL, size);
}

int host_memory_write(struct host *h, gpa_t addr, const void *data, size_t size)
{
	return copy(h, gpa_raw(addr), NULL, data, size);
}

int memory_protect_vtl0(struct host_memory *m, gpa_t page, unsigned access)
{
	const struct host_ram *r = find(m, gpa_raw(page), VL_PAGE_BYTES);
	int protection = PROT_NONE;

	if (!r || r->vtl2 || !vl_is_aligned(gpa_raw(page), VL_PAGE_BYTES))
		return VL_E_RANGE;
	if (access & HV_MAP_GPA_READ)
		protection = access & HV_MAP_GPA_WRITE ? PROT_READ | PROT_WRITE : PROT_READ;
	if (mprotect(m->vtl0_base + gpa_raw(page), VL_PAGE_BYTES, protection))
		return errno == ENOMEM ? VL_E_NOMEM : VL_E_OS;
	__atomic_store_n(&m->vtl0_denied[gpa_raw(page) >> VL_PAGE_SHIFT], (uint8_t)(~access & 0xf),
			__ATOMIC_RELAXED);
	return 0;
}

bool memory_vtl0_access(const struct host_memory *m, gpa_t addr, bool write)
{
	const struct host_ram *r = find(m, gpa_raw(addr), 1);
	unsigned denied, needed = HV_MAP_GPA_READ | (write ? HV_MAP_GPA_WRITE : 0);

	if (!r || r->vtl2)
		return false;
	denied = __atomic_load_n(&m->vtl0_denied[gpa_raw(addr) >> VL_PAGE_SHIFT], __ATOMIC_RELAXED);
	return !(denied & needed);
}
