/*
 * The walk over VTL0's page tables; see translate.h. KVM_TRANSLATE knows no
 * access rights and costs a system call.
 */
#include "ports/x86_64/host/translate.h"

#define CR0_WP (1ull << 16)
#define CR0_PG (1ull << 31)
#define CR4_PSE (1ull << 4)
#define CR4_PAE (1ull << 5)
#define CR4_LA57 (1ull << 12)
#define EFER_NXE (1ull << 11)
#define EFER_LMA (1ull << 10)
#define PTE_P 1ull
#define PTE_W 2ull
#define PTE_U 4ull
#define PTE_PS 0x80ull
#define PTE_NX (1ull << 63)
#define PTE_ADDRESS 0x000ffffffffff000ull

struct walk {
	unsigned entry_bytes;   /* 8, or 4 without PAE */
	unsigned index_bits;    /* 9 or 10 */
	unsigned levels;
	uint64_t root;
};

static struct walk walk_for(const struct x86_mmu *m)
{
	if (!(m->cr4 & CR4_PAE))
		return (struct walk){ 4, 10, 2, m->cr3 & 0xfffff000u };
	if (!(m->efer & EFER_LMA))
		return (struct walk){ 8, 9, 3, m->cr3 & 0xffffffe0u };
	return (struct walk){ 8, 9, m->cr4 & CR4_LA57 ? 5 : 4, m->cr3 & PTE_ADDRESS };
}

static bool is_leaf(const struct walk *w, const struct x86_mmu *m, unsigned level, uint64_t entry)
{
	if (level == 0)
		return true;
	if (!(entry & PTE_PS) || level > 2)
		return false;
	if (w->entry_bytes == 4)
		return m->cr4 & CR4_PSE;
	return level == 1 || w->levels > 3; /* 1 GiB pages only in long mode */
}

static bool allowed(const struct x86_mmu *m, uint64_t rights, bool nx, unsigned access)
{
	bool user = access & X86_ACCESS_USER;

	if (user && !(rights & PTE_U))
		return false;
	if ((access & X86_ACCESS_WRITE) && !(rights & PTE_W) && (user || (m->cr0 & CR0_WP)))
		return false;
	return !(access & X86_ACCESS_EXECUTE) || !nx || !(m->efer & EFER_NXE);
}

static int walk(const struct x86_mmu *m, uint64_t linear, unsigned access, gpa_t *out)
{
	struct walk w = walk_for(m);
	uint64_t table = w.root, rights = PTE_W | PTE_U;
	unsigned level = w.levels;
	bool nx = false;

	while (level--) {
		unsigned shift = VL_PAGE_SHIFT + level * w.index_bits;
		bool pointers = w.levels == 3 && level == 2; /* PAE's top: 4 entries without rights */
		uint64_t index = (linear >> shift) & ((1u << (pointers ? 2 : w.index_bits)) - 1);
		uint64_t span = (1ull << shift) - 1, entry = 0;

		if (m->read(m->context, gpa(table + index * w.entry_bytes), &entry, w.entry_bytes) < 0)
			return VL_E_RANGE;
		if (!(entry & PTE_P))
			return VL_E_NOTFOUND;
		rights &= pointers ? ~0ull : entry;
		nx |= w.entry_bytes == 8 && (entry & PTE_NX);
		if (is_leaf(&w, m, level, entry)) {
			*out = gpa((entry & PTE_ADDRESS & ~span) | (linear & span));
			return allowed(m, rights, nx, access) ? 0 : VL_E_NOTFOUND;
		}
		table = entry & PTE_ADDRESS;
	}
	return VL_E_NOTFOUND;
}

int x86_translate(const struct x86_mmu *m, uint64_t linear, unsigned access, gpa_t *out)
{
	if (m->cr0 & CR0_PG)
		return walk(m, linear, access, out);
	*out = gpa(linear & 0xffffffffu);
	return 0;
}

size_t x86_fetch(const struct x86_mmu *m, uint64_t rip, uint8_t *out, size_t room)
{
	size_t done = 0, part;
	gpa_t where;

	while (done < room) {
		uint64_t linear = m->mode == 64 ? rip + done : (m->cs_base + rip + done) & 0xffffffffu;

		part = VL_PAGE_BYTES - (size_t)(linear & (VL_PAGE_BYTES - 1));
		part = part < room - done ? part : room - done;
		if (x86_translate(m, linear, 0, &where) || m->read(m->context, where, out + done, part) < 0)
			break;
		done += part;
	}
	return done;
}

size_t x86_fetch_with_before(const struct x86_mmu *m, uint64_t rip, uint8_t *out, size_t room)
{
	size_t count = x86_fetch(m, rip - 1, out, room);

	if (count)
		return count - 1;
	out[0] = 0;
	return x86_fetch(m, rip, out + 1, room - 1);
}
