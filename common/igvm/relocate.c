/*
 * Moving an image and its identity-mapping page tables (relocate.h). The tables
 * come from the untrusted file: each table page may be reached once only, which
 * bounds the walk, and no address outside the page table region is followed.
 *
 * Tables are changed in place, in guest memory: first the pointers between
 * tables, then the leaves. A leaf whose range moved goes to its new VA = PA. With
 * a move upwards the walk goes from high addresses to low ones (else the other
 * way round), so that a leaf never lands on one that has yet to move.
 */
#include "common/igvm/relocate.h"
#include "common/base/err.h"
#include "common/igvm/rules.h"

#include <string.h>

#define ENTRIES 512u
#define TOP_LEVEL 3u /* four levels: 3 (512 GiB an entry) ... 0 (4 KiB) */
#define TABLE_PAGES_MAX 1024u

static bool contains(uint64_t base, uint64_t bytes, uint64_t at)
{
	return at >= base && at - base < bytes;
}

/* --- Planning --------------------------------------------------------------------- */

static int check_delta(const struct igvm_relocatable *r, uint64_t delta, size_t offset,
	struct igvm_error *error)
{
	uint64_t base = r->gpa + delta;

	if (delta & (r->alignment - 1))
		return igvm_fail(error, VL_E_ALIGN, offset,
			"RELOCATABLE_REGION: the new base is not aligned to it");
	if (delta && (base < r->minimum || !vl_range_ok(base, r->bytes) || base + r->bytes - 1 >= r->maximum))
		return igvm_fail(error, VL_E_RANGE, offset,
			"RELOCATABLE_REGION: the new place is outside the allowed range");
	return VL_OK;
}

int igvm_plan_relocation(struct igvm_relocation *move, const struct igvm_file *file, uint32_t mask,
	uint64_t delta, struct igvm_error *error)
{
	struct igvm_cursor cursor;
	struct igvm_header h;
	int more, err = VL_OK;

	*move = (struct igvm_relocation){ .delta = delta };
	igvm_first(&cursor, file);
	while (!err && (more = igvm_next(&cursor, &h, error)) > 0) {
		if (h.type == IGVM_RELOCATABLE_REGION && h.relocatable.mask & mask) {
			if (move->region_count == IGVM_REGIONS_MAX)
				return igvm_fail(error, VL_E_LIMIT, h.offset, "too many relocatable regions");
			move->region[move->region_count++] = h.relocatable;
			err = check_delta(&h.relocatable, delta, h.offset, error);
		} else if (h.type == IGVM_PAGE_TABLE_RELOCATION && h.page_tables.mask & mask) {
			move->has_page_tables = true;
			move->tables = h.page_tables;
			move->tables_offset = h.offset;
		}
	}
	if (err || more < 0)
		return err ? err : more;
	if (delta && !move->region_count)
		return igvm_fail(error, VL_E_RANGE, file->headers_offset,
			"the image has a fixed base and cannot be moved");
	return VL_OK;
}

static bool moves(const struct igvm_relocation *move, uint64_t at)
{
	if (move->has_page_tables && contains(move->tables.gpa, move->tables.bytes, at))
		return true;
	for (unsigned i = 0; i < move->region_count; i++)
		if (contains(move->region[i].gpa, move->region[i].bytes, at))
			return true;
	return false;
}

uint64_t igvm_relocated(const struct igvm_relocation *move, uint64_t at)
{
	return move->delta && moves(move, at) ? at + move->delta : at;
}

/* --- Registers ---------------------------------------------------------------------- */

static uint64_t get_u64(const uint8_t *p)
{
	le64 v;

	memcpy(&v, p, sizeof(v));
	return le64_to_cpu(v);
}

static void put_u64(uint8_t *p, uint64_t value)
{
	le64 v = cpu_to_le64(value);

	memcpy(p, &v, sizeof(v));
}

static bool region_flag(const struct igvm_relocation *move, uint16_t vp_index, uint8_t vtl, uint8_t flag)
{
	for (unsigned i = 0; i < move->region_count; i++) {
		const struct igvm_relocatable *r = &move->region[i];

		if (r->vp_index == vp_index && r->vtl == vtl && r->flags & flag)
			return true;
	}
	return false;
}

void igvm_relocate_register(struct igvm_relocation *move, uint16_t vp_index, struct igvm_register *reg)
{
	uint64_t value = get_u64(reg->value);

	if (reg->name == igvm_arch.reg_pc && region_flag(move, vp_index, reg->vtl, IGVM_REGION_APPLY_PC))
		put_u64(reg->value, value + move->delta);
	if (igvm_arch.reg_gdtr && reg->name == igvm_arch.reg_gdtr &&
	    region_flag(move, vp_index, reg->vtl, IGVM_REGION_APPLY_GDTR))
		put_u64(reg->value + 8, get_u64(reg->value + 8) + move->delta);
	if (reg->name == igvm_arch.reg_table_root && move->has_page_tables &&
	    move->tables.vp_index == vp_index && move->tables.vtl == reg->vtl) {
		move->root = value & igvm_arch.address_mask;
		put_u64(reg->value, value + move->delta);
	}
}

/* --- Page tables ---------------------------------------------------------------------- */

struct tables {
	struct igvm_relocation *move;
	const struct igvm_load *load;
	struct igvm_error *error;
	uint64_t next_free; /* new address of the next unused page of the region */
	uint32_t seen[TABLE_PAGES_MAX / 32];
};

static int fail(struct tables *t, int code, const char *what)
{
	return igvm_fail(t->error, code, t->move->tables_offset, what);
}

static uint64_t entry_bytes(unsigned level)
{
	return 1ull << (VL_PAGE_SHIFT + 9 * level);
}

static bool is_valid(uint64_t entry)
{
	return entry & igvm_arch.valid_bit;
}

static bool is_leaf(uint64_t entry, unsigned level)
{
	return level == 0 || (level < TOP_LEVEL && (entry & igvm_arch.leaf_mask) == igvm_arch.leaf_value);
}

/* The table page at its new address; NULL when it is not in the region or not RAM. */
static uint8_t *table_at(struct tables *t, uint64_t at)
{
	if (!contains(t->move->tables.gpa + t->move->delta, t->move->tables.bytes, at))
		return NULL;
	return t->load->ops->memory(t->load->context, gpa(at), VL_PAGE_BYTES);
}

/*
 * An entry's table is one of the region's used pages, or outside the region and
 * then left alone; but not where the region moves to, which would make a loop.
 */
static bool pointer_ok(const struct tables *t, uint64_t child)
{
	const struct igvm_page_table_region *region = &t->move->tables;

	if (contains(region->gpa, region->bytes, child))
		return contains(region->gpa, region->used_bytes, child);
	return !contains(region->gpa + t->move->delta, region->bytes, child);
}

/* Notes that the table at old address `at` was reached; false when it was before. */
static bool first_visit(struct tables *t, uint64_t at)
{
	uint64_t page = (at - t->move->tables.gpa) >> VL_PAGE_SHIFT;
	uint32_t bit = 1u << (page & 31);
	bool first = !(t->seen[page / 32] & bit);

	t->seen[page / 32] |= bit;
	return first;
}

/* Moves the pointers to tables of the region, from the table at old address `at` down. */
static int fix_pointers(struct tables *t, uint64_t at, unsigned level)
{
	uint8_t *table = table_at(t, at + t->move->delta);
	int err = VL_OK;

	if (!table)
		return fail(t, VL_E_NOSPACE, "PAGE_TABLE_RELOCATION: a table is not in guest memory");
	if (!first_visit(t, at))
		return fail(t, VL_E_FORMAT, "PAGE_TABLE_RELOCATION: a table is used twice");
	for (unsigned i = 0; i < ENTRIES && !err; i++) {
		uint64_t entry = get_u64(table + 8 * i), child = entry & igvm_arch.address_mask;

		if (!is_valid(entry) || is_leaf(entry, level))
			continue;
		if (!pointer_ok(t, child))
			return fail(t, VL_E_FORMAT, "PAGE_TABLE_RELOCATION: an entry points to no table");
		if (!contains(t->move->tables.gpa, t->move->tables.bytes, child))
			continue;
		put_u64(table + 8 * i, (entry & ~igvm_arch.address_mask) | (child + t->move->delta));
		err = fix_pointers(t, child, level - 1);
	}
	return err;
}

/* The entry for `va` on `level`, with the tables on the way made as needed; NULL: error noted. */
static uint8_t *entry_for(struct tables *t, uint64_t root, uint64_t va, unsigned level)
{
	uint64_t at = root;

	for (unsigned l = TOP_LEVEL;; l--) {
		uint8_t *table = table_at(t, at), *slot;
		uint64_t entry;

		if (!table) {
			fail(t, VL_E_FORMAT,
				"PAGE_TABLE_RELOCATION: a table outside the region maps a moved page");
			return NULL;
		}
		slot = table + 8 * (va / entry_bytes(l) % ENTRIES);
		if (l == level)
			return slot;
		entry = get_u64(slot);
		if (is_valid(entry) && is_leaf(entry, l)) {
			fail(t, VL_E_OVERLAP, "PAGE_TABLE_RELOCATION: a moved page lands in a larger page");
			return NULL;
		}
		if (!is_valid(entry)) {
			uint8_t *fresh = table_at(t, t->next_free);

			if (!fresh) {
				fail(t, VL_E_NOSPACE,
					"PAGE_TABLE_RELOCATION: size leaves no room for the moved tables");
				return NULL;
			}
			memset(fresh, 0, VL_PAGE_BYTES);
			entry = t->next_free | igvm_arch.table_bits;
			put_u64(slot, entry);
			t->next_free += VL_PAGE_BYTES;
		}
		at = entry & igvm_arch.address_mask;
	}
}

/* True when a moved region has a byte in [va, va + bytes). */
static bool range_moves(const struct igvm_relocation *move, uint64_t va, uint64_t bytes)
{
	if (vl_ranges_overlap(move->tables.gpa, move->tables.bytes, va, bytes))
		return true;
	for (unsigned i = 0; i < move->region_count; i++)
		if (vl_ranges_overlap(move->region[i].gpa, move->region[i].bytes, va, bytes))
			return true;
	return false;
}

static int move_leaf(struct tables *t, uint64_t root, uint8_t *slot, uint64_t va, unsigned level)
{
	uint64_t bytes = entry_bytes(level), delta = t->move->delta, entry = get_u64(slot);
	uint64_t distance = delta >> 63 ? 0 - delta : delta;
	uint64_t address_mask = igvm_arch.address_mask & ~(bytes - 1);
	uint8_t *to;

	if (!range_moves(t->move, va, bytes) || distance < bytes)
		return VL_OK; /* a page larger than the move still covers what it covered */
	if ((entry & address_mask) != va)
		return fail(t, VL_E_FORMAT, "PAGE_TABLE_RELOCATION: a moved page is not identity-mapped");
	if (delta & (bytes - 1))
		return fail(t, VL_E_ALIGN,
			"RELOCATABLE_REGION: the move is not a multiple of a mapped page's size");
	if ((va + delta) >> 47)
		return fail(t, VL_E_RANGE, "PAGE_TABLE_RELOCATION: the new place cannot be identity-mapped");
	put_u64(slot, 0);
	to = entry_for(t, root, va + delta, level);
	if (!to)
		return t->error->code;
	if (is_valid(get_u64(to)))
		return fail(t, VL_E_OVERLAP, "PAGE_TABLE_RELOCATION: a moved page lands on another");
	put_u64(to, (entry & ~address_mask) | (va + delta));
	return VL_OK;
}

/* All leaves below the table at new address `at`, which maps from `va`. */
static int move_leaves(struct tables *t, uint64_t root, uint64_t at, uint64_t va, unsigned level)
{
	bool downwards = !(t->move->delta >> 63);
	uint8_t *table = table_at(t, at);
	int err = VL_OK;

	for (unsigned n = 0; table && n < ENTRIES && !err; n++) {
		unsigned i = downwards ? ENTRIES - 1 - n : n;
		uint64_t entry = get_u64(table + 8 * i), entry_va = va + i * entry_bytes(level);

		if (!is_valid(entry))
			continue;
		if (is_leaf(entry, level))
			err = move_leaf(t, root, table + 8 * i, entry_va, level);
		else
			err = move_leaves(t, root, entry & igvm_arch.address_mask, entry_va, level - 1);
	}
	return err;
}

int igvm_relocate_page_tables(struct igvm_relocation *move, const struct igvm_load *load,
	struct igvm_error *error)
{
	struct tables t = { .move = move, .load = load, .error = error,
		.next_free = move->tables.gpa + move->delta + move->tables.used_bytes };
	int err;

	if (!move->delta || !move->has_page_tables)
		return VL_OK;
	if (move->tables.bytes / VL_PAGE_BYTES > TABLE_PAGES_MAX)
		return fail(&t, VL_E_LIMIT, "PAGE_TABLE_RELOCATION: the region has more than 1024 pages");
	if (!contains(move->tables.gpa, move->tables.used_bytes, move->root))
		return fail(&t, VL_E_RANGE,
			"PAGE_TABLE_RELOCATION: the top table lies outside the used part");
	err = fix_pointers(&t, move->root, TOP_LEVEL);
	return err ? err : move_leaves(&t, move->root + move->delta, move->root + move->delta, 0, TOP_LEVEL);
}
