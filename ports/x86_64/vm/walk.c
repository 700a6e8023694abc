/*
 * Linear to physical by the guest's own page tables, an instruction that is to
 * be emulated, and the memory that it sees. SDM 3A chapter 4. The tables are the guest's:
 * each entry is read once, every address is checked against RAM.
 */
#include "ports/x86_64/vm/x86.h"
#include <string.h>

#define PTE_PRESENT 1ull
#define PTE_WRITE 2ull
#define PTE_USER 4ull
#define PTE_LARGE 0x80ull
#define PTE_NX (1ull << 63)
#define PTE_ADDRESS 0x000ffffffffff000ull

struct walk {
	unsigned levels;     /* 2 to 5 */
	unsigned entry_bytes;
	unsigned index_bits; /* of a level */
	uint64_t table;
};

static struct walk walk_of(const struct x86_state *s)
{
	if (s->efer & X86_EFER_LMA)
		return (struct walk){ s->cr4 & X86_CR4_LA57 ? 5 : 4, 8, 9, s->cr3 & PTE_ADDRESS };
	if (s->cr4 & X86_CR4_PAE)
		return (struct walk){ 3, 8, 9, s->cr3 & 0xffffffe0u };
	return (struct walk){ 2, 4, 10, s->cr3 & 0xfffff000u };
}

static int page_fault(const struct x86_state *s, uint64_t linear, unsigned how, uint32_t present,
	struct x86_fault *fault)
{
	*fault = (struct x86_fault){ X86_PF, present, linear };
	if (how & X86_WALK_WRITE)
		fault->error |= X86_PF_WRITE;
	if (how & X86_WALK_FETCH && s->efer & X86_EFER_NXE)
		fault->error |= X86_PF_FETCH;
	if (s->user)
		fault->error |= X86_PF_USER;
	return VL_E_GUEST;
}

static bool allowed(const struct x86_state *s, uint64_t rights, uint64_t no_execute, unsigned how)
{
	if (how & X86_WALK_WRITE && !(rights & PTE_WRITE) && (s->user || s->cr0 & X86_CR0_WP))
		return false;
	if (how & X86_WALK_FETCH && s->efer & X86_EFER_NXE && no_execute)
		return false;
	return !s->user || rights & PTE_USER;
}

/* True when an entry of this level maps a page itself. */
static bool is_leaf(const struct x86_state *s, const struct walk *w, unsigned level, uint64_t entry)
{
	if (level == 1)
		return true;
	if (!(entry & PTE_LARGE) || level > 3)
		return false;
	return level == 2 ? w->entry_bytes == 8 || s->cr4 & X86_CR4_PSE : w->levels >= 4;
}

int x86_walk(const struct guest_memory *m, const struct x86_state *s, uint64_t linear, unsigned how,
	uint64_t *out, struct x86_fault *fault)
{
	struct walk w = walk_of(s);
	uint64_t rights = PTE_WRITE | PTE_USER, no_execute = 0;

	if (s->mode != 64)
		linear = (uint32_t)linear;
	*out = linear;
	if (!(s->cr0 & X86_CR0_PG))
		return 0;
	for (unsigned level = w.levels; level; level--) {
		unsigned shift = 12 + w.index_bits * (level - 1);
		uint64_t entry = 0, index = linear >> shift & ((1u << w.index_bits) - 1);

		if (guest_memory_read(m, gpa(w.table + index * w.entry_bytes), &entry, w.entry_bytes) ||
		    !(entry & PTE_PRESENT))
			return page_fault(s, linear, how, 0, fault);
		/* The four entries of a PAE directory pointer table have no rights bits. */
		if (w.levels != 3 || level != 3)
			rights &= entry;
		no_execute |= entry & PTE_NX;
		if (is_leaf(s, &w, level, entry)) {
			if (!allowed(s, rights, no_execute, how))
				return page_fault(s, linear, how, X86_PF_PRESENT, fault);
			*out = (entry & PTE_ADDRESS & ~((1ull << shift) - 1)) |
				(linear & ((1ull << shift) - 1));
			return 0;
		}
		w.table = entry & PTE_ADDRESS;
	}
	return VL_E_INTERNAL;
}

int x86_fetch_insn(const struct guest_memory *m, const struct x86_state *s, uint8_t *out, size_t size,
	struct x86_fault *fault)
{
	size_t done = 0;

	while (done < size) {
		uint64_t linear = s->cpu.segment_base[X86_CS] + s->cpu.rip + done, addr;
		size_t n = VL_PAGE_BYTES - (linear & (VL_PAGE_BYTES - 1));
		int err = x86_walk(m, s, linear, X86_WALK_FETCH, &addr, fault);

		if (n > size - done)
			n = size - done;
		if (!err && guest_memory_read(m, gpa(addr), out + done, n)) {
			/* Bus floats high where nothing is: FF FF is no instruction. */
			*fault = (struct x86_fault){ X86_UD, 0, 0 };
			err = VL_E_GUEST;
		}
		if (err)
			return done ? (int)done : err;
		done += n;
	}
	return (int)done;
}

int x86_intercepted(struct vp *vp, const struct x86_state *s, const uint8_t *bytes, unsigned count,
	struct x86_insn *insn, struct x86_fault *fault)
{
	uint8_t fetched[X86_INSN_BYTES_MAX];
	int n, err = VL_E_TRUNCATED;

	if (count && count <= 16)
		err = x86_decode(bytes, count, s->mode, insn);
	if (err == VL_E_TRUNCATED) {
		n = x86_fetch_insn(&vp->vm->memory, s, fetched, sizeof(fetched), fault);
		if (n < 0)
			return n;
		err = x86_decode(fetched, (size_t)n, s->mode, insn);
	}
	if (!err)
		return 0;
	vp_complain(vp, "an instruction on device memory that is not emulated, at", s->cpu.rip);
	*fault = (struct x86_fault){ X86_UD, 0, 0 };
	return VL_E_GUEST;
}

/* --- x86_memory over RAM and the bus ---------------------------------------------- */

static void device_read(struct vp *vp, uint64_t addr, uint8_t *out, unsigned size)
{
	while (size) {
		unsigned n = size >= 8 && !(addr & 7) ? 8 : size & (size - 1) || size > 8 ? 1 : size;
		uint64_t value = vm_bus_read(vp->vm, DEV_MMIO, addr, n);

		memcpy(out, &value, n);
		addr += n;
		out += n;
		size -= n;
	}
}

static void device_write(struct vp *vp, uint64_t addr, const uint8_t *data, unsigned size)
{
	while (size) {
		unsigned n = size >= 8 && !(addr & 7) ? 8 : size & (size - 1) || size > 8 ? 1 : size;
		uint64_t value = 0;

		memcpy(&value, data, n);
		vm_bus_write(vp->vm, DEV_MMIO, addr, n, value);
		addr += n;
		data += n;
		size -= n;
	}
}

/* Both pages are translated before the first byte moves: an access happens whole or not at all. */
static int view_access(struct x86_view *v, uint64_t linear, uint8_t *out, const uint8_t *in, unsigned size)
{
	unsigned first = VL_PAGE_BYTES - (linear & (VL_PAGE_BYTES - 1)), how = in ? X86_WALK_WRITE : 0;
	const struct guest_memory *m = &v->vp->vm->memory;
	uint64_t addr[2];
	int err;

	if (first > size)
		first = size;
	err = x86_walk(m, v->state, linear, how, &addr[0], &v->fault);
	if (!err && first < size)
		err = x86_walk(m, v->state, linear + first, how, &addr[1], &v->fault);
	if (err)
		return err;
	for (unsigned i = 0, at = 0; at < size; i++, at += first) {
		unsigned n = i ? size - first : first;

		if (in && guest_memory_write(m, gpa(addr[i]), in + at, n))
			device_write(v->vp, addr[i], in + at, n);
		if (out && guest_memory_read(m, gpa(addr[i]), out + at, n))
			device_read(v->vp, addr[i], out + at, n);
		if (i)
			break;
	}
	return 0;
}

static int view_read(void *ctx, uint64_t address, void *out, unsigned size)
{
	return view_access(ctx, address, out, NULL, size);
}

static int view_write(void *ctx, uint64_t address, const void *data, unsigned size)
{
	return view_access(ctx, address, NULL, data, size);
}

struct x86_memory x86_view_memory(struct x86_view *view)
{
	return (struct x86_memory){ .read = view_read, .write = view_write, .ctx = view };
}
