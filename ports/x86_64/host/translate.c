/*
 * Walks VTL0's page tables (Intel SDM volume 3, chapter 4) to find what its
 * instruction accessed and to read that instruction. Tables and registers are
 * the guest's: every table read is bounded to RAM, every walk to five levels.
 * KVM_TRANSLATE knows no access rights and costs a system call.
 */
#include "ports/x86_64/host/x86.h"

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
	const struct host *host;
	unsigned entry_bytes;   /* 8, or 4 without PAE */
	unsigned index_bits;    /* 9 or 10 */
	unsigned levels;
	uint64_t root;
};

static struct walk walk_for(const struct host *h, const struct kvm_sregs *s)
{
	if (!(s->cr4 & CR4_PAE))
		return (struct walk){ h, 4, 10, 2, s->cr3 & 0xfffff000u };
	if (!(s->efer & EFER_LMA))
		return (struct walk){ h, 8, 9, 3, s->cr3 & 0xffffffe0u };
	return (struct walk){ h, 8, 9, s->cr4 & CR4_LA57 ? 5 : 4, s->cr3 & PTE_ADDRESS };
}

static int read_entry(const struct walk *w, uint64_t at, uint64_t *entry)
{
	*entry = 0;
	return host_memory_is_vtl0(w->host, gpa(at), w->entry_bytes) ?
		host_memory_read(w->host, gpa(at), entry, w->entry_bytes) : VL_E_RANGE;
}

static bool is_leaf(const struct walk *w, const struct kvm_sregs *s, unsigned level, uint64_t entry)
{
	if (level == 0)
		return true;
	if (!(entry & PTE_PS) || level > 2)
		return false;
	if (w->entry_bytes == 4)
		return s->cr4 & CR4_PSE;
	return level == 1 || w->levels > 3; /* 1 GiB pages only in long mode */
}

static bool allowed(const struct kvm_sregs *s, uint64_t rights, bool nx, unsigned access)
{
	if ((access & X86_ACCESS_USER) && !(rights & PTE_U))
		return false;
	if ((access & X86_ACCESS_WRITE) && !(rights & PTE_W) && ((access & X86_ACCESS_USER) || (s->cr0 & CR0_WP)))
		return false;
	return !(access & X86_ACCESS_EXECUTE) || !nx || !(s->efer & EFER_NXE);
}

int x86_translate(const struct host *h, const struct kvm_sregs *s, uint64_t linear, unsigned access, gpa_t *out)
{
	struct walk w = walk_for(h, s);
	uint64_t table = w.root, entry, rights = PTE_W | PTE_U, span;
	unsigned level = w.levels;
	bool nx = false;

	if (!(s->cr0 & CR0_PG)) {
		*out = gpa(linear & 0xffffffffu);
		return 0;
	}
	while (level--) {
		unsigned shift = VL_PAGE_SHIFT + level * w.index_bits;
		unsigned bits = w.levels == 3 && level == 2 ? 2 : w.index_bits;
		uint64_t index = (linear >> shift) & ((1u << bits) - 1);
		int err = read_entry(&w, table + index * w.entry_bytes, &entry);

		if (err)
			return err;
		if (!(entry & PTE_P))
			return VL_E_NOTFOUND;
		if (!(w.levels == 3 && level == 2)) /* the PAE pointer table has no rights */
			rights &= entry;
		nx |= w.entry_bytes == 8 && (entry & PTE_NX);
		span = (1ull << shift) - 1;
		if (is_leaf(&w, s, level, entry)) {
			*out = gpa((entry & PTE_ADDRESS & ~span) | (linear & span));
			return allowed(s, rights, nx, access) ? 0 : VL_E_NOTFOUND;
		}
		table = entry & PTE_ADDRESS;
	}
	return VL_E_NOTFOUND;
}

unsigned x86_code_mode(const struct kvm_sregs *s)
{
	if ((s->efer & EFER_LMA) && s->cs.l)
		return 64;
	return s->cs.db ? 32 : 16;
}

size_t x86_fetch(const struct host *h, const struct kvm_sregs *s, uint64_t rip, uint8_t *out, size_t room)
{
	uint64_t at = (x86_code_mode(s) == 64 ? 0 : s->cs.base) + rip;
	size_t done = 0, part;
	gpa_t where;

	while (done < room) {
		uint64_t linear = at + done;

		if (x86_code_mode(s) != 64)
			linear &= 0xffffffffu;
		part = VL_PAGE_BYTES - (size_t)(linear & (VL_PAGE_BYTES - 1));
		part = part < room - done ? part : room - done;
		if (x86_translate(h, s, linear, 0, &where) || !host_memory_is_vtl0(h, where, part) ||
		    host_memory_read(h, where, out + done, part))
			break;
		done += part;
	}
	return done;
}
