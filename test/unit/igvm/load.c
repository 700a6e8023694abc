/*
 * Loading IGVM files (common/igvm/load.h) into a pretended guest, and moving them
 * with their page tables. Tables are made and walked by what the port says of
 * its architecture, so the same tests serve every port.
 */
#include "common/igvm/load.h"
#include "common/base/err.h"
#include "test/unit/igvm/sample.h"
#include "tools/igvm/image.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *suite_igvm_load(void);

#define MIB (1ull << 20)
#define GIB (1ull << 30)
#define IMAGE_BYTES (8 * MIB)
#define TABLES_AT (SAMPLE_BASE + IMAGE_BYTES - TABLE_PAGES * VL_PAGE_BYTES)
#define TABLE_PAGES 12u
#define CALLS_MAX 64

/* A guest with RAM at [base, base + bytes) and a log of what it was told. */
struct guest {
	uint64_t base, bytes;
	uint8_t *ram;
	unsigned memory_calls;
	struct igvm_register regs[CALLS_MAX];
	unsigned reg_count;
	uint64_t required_at, required_bytes;
	bool required_vtl2;
	uint32_t kinds[CALLS_MAX];
	unsigned kind_count;
	uint64_t placed_bytes;
	int fail_with; /* what the callbacks return */
};

static uint8_t *guest_memory(void *context, gpa_t at, uint64_t bytes)
{
	struct guest *g = context;

	g->memory_calls++;
	if (gpa_raw(at) < g->base || !vl_within(gpa_raw(at) - g->base, bytes, g->bytes))
		return NULL;
	return g->ram + (gpa_raw(at) - g->base);
}

static int guest_required(void *context, gpa_t at, uint64_t bytes, bool vtl2)
{
	struct guest *g = context;

	g->required_at = gpa_raw(at);
	g->required_bytes = bytes;
	g->required_vtl2 = vtl2;
	return g->fail_with;
}

static int guest_parameter(void *context, uint32_t kind, uint8_t *out, size_t room)
{
	struct guest *g = context;

	g->kinds[g->kind_count++ % CALLS_MAX] = kind;
	if (room < 4)
		return VL_E_NOSPACE;
	memcpy(out, &kind, 4);
	return 0;
}

static int guest_register(void *context, uint16_t vp_index, const struct igvm_register *reg)
{
	struct guest *g = context;

	ck_assert_uint_eq(vp_index, 0);
	g->regs[g->reg_count++ % CALLS_MAX] = *reg;
	return 0;
}

static int guest_placed(void *context, gpa_t at, uint64_t bytes, uint32_t flags)
{
	struct guest *g = context;

	g->placed_bytes += bytes;
	return 0;
}

static const struct igvm_load_ops ops = { .memory = guest_memory, .required = guest_required,
	.parameter = guest_parameter, .vp_register = guest_register, .page_placed = guest_placed };

static void guest_start(struct guest *g, uint64_t base, uint64_t bytes)
{
	*g = (struct guest){ .base = base, .bytes = bytes, .ram = malloc(bytes) };
	ck_assert_ptr_nonnull(g->ram);
	memset(g->ram, 0xcc, bytes); /* memory is not zero when a VM starts again */
}

static uint64_t u64_at(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static int load(const struct sample *s, struct guest *g, uint64_t delta, struct igvm_error *error)
{
	struct igvm_file file;
	int err = igvm_open(&file, s->bytes, s->size, error);

	return err ? err : igvm_load(&file, &(struct igvm_load){ .mask = SAMPLE_VSM, .delta = delta,
		.ops = &ops, .context = g }, error);
}

/* --- A small image of this port ----------------------------------------------------- */

static void put_u64(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, sizeof(v));
}

static void add_registers(struct sample *s)
{
	struct igvm_register regs[4];

	image_register(&regs[0], igvm_arch.reg_pc, SAMPLE_BASE + 0x1234);
	image_register(&regs[1], igvm_arch.reg_table_root, TABLES_AT);
	image_register(&regs[2], 0x12345, SAMPLE_BASE);
	image_register(&regs[3], igvm_arch.reg_gdtr ? igvm_arch.reg_gdtr : 0x12346, 0);
	put_u64(regs[3].value + 8, SAMPLE_BASE + 0x3000);
	igvm_write_vsm_context(&s->w, SAMPLE_VSM, regs, 4);
}

static void add_init(struct sample *s, bool relocatable, unsigned table_pages, unsigned used)
{
	igvm_write_platform(&s->w, &(struct igvm_platform){ .mask = SAMPLE_VSM,
		.type = IGVM_PLATFORM_VSM_ISOLATION, .highest_vtl = 2, .version = 1 });
	if (!relocatable)
		return;
	igvm_write_relocatable(&s->w, &(struct igvm_relocatable){ .mask = SAMPLE_VSM, .vtl = 2,
		.flags = IGVM_REGION_IS_VTL2 | IGVM_REGION_APPLY_PC | IGVM_REGION_APPLY_GDTR,
		.alignment = VL_LARGE_PAGE_BYTES, .gpa = SAMPLE_BASE, .bytes = TABLES_AT - SAMPLE_BASE,
		.minimum = 2 * MIB, .maximum = 1ull << 47 });
	igvm_write_page_table_region(&s->w, &(struct igvm_page_table_region){ .mask = SAMPLE_VSM, .vtl = 2,
		.gpa = TABLES_AT, .bytes = table_pages * VL_PAGE_BYTES, .used_bytes = used * VL_PAGE_BYTES });
}

/* `tables`: TABLE_PAGES pages, or NULL for a correct identity mapping of the image. */
static void small_image(struct sample *s, bool relocatable, uint8_t *tables, unsigned used,
	unsigned table_pages)
{
	uint8_t *made = calloc(TABLE_PAGES, VL_PAGE_BYTES), initial[VL_PAGE_BYTES];

	ck_assert_ptr_nonnull(made);
	if (!tables)
		used = image_port_page_tables(made, TABLES_AT, SAMPLE_BASE, IMAGE_BYTES);
	sample_start(s);
	add_init(s, relocatable, table_pages, used);
	igvm_write_required(&s->w, SAMPLE_BASE, SAMPLE_VSM, IMAGE_BYTES, IGVM_REQUIRED_VTL2_PROTECTABLE);
	igvm_write_page(&s->w, SAMPLE_BASE, SAMPLE_VSM, 0, IGVM_PAGE_NORMAL, "hello", 5);
	igvm_write_page(&s->w, SAMPLE_BASE + 0x1000, SAMPLE_VSM, 0, IGVM_PAGE_NORMAL, "", 1);
	igvm_write_page(&s->w, SAMPLE_BASE, SAMPLE_TDX, 0, IGVM_PAGE_NORMAL, "other", 5);
	for (unsigned i = 0; i < used; i++)
		igvm_write_page(&s->w, TABLES_AT + i * VL_PAGE_BYTES, SAMPLE_VSM, 0, IGVM_PAGE_NORMAL,
			(tables ? tables : made) + i * VL_PAGE_BYTES, VL_PAGE_BYTES);
	memset(initial, 0x5a, sizeof(initial));
	igvm_write_area(&s->w, 4, VL_PAGE_BYTES, initial);
	igvm_write_area(&s->w, 5, 2 * VL_PAGE_BYTES, NULL);
	igvm_write_parameter(&s->w, IGVM_DEVICE_TREE, 5, 0);
	igvm_write_parameter(&s->w, IGVM_VP_COUNT, 4, 0x100);
	igvm_write_insert(&s->w, SAMPLE_BASE + 0x4000, SAMPLE_VSM, 5);
	igvm_write_parameter(&s->w, IGVM_COMMAND_LINE, 4, 0x200);
	igvm_write_insert(&s->w, SAMPLE_BASE + 0x3000, SAMPLE_VSM, 4);
	add_registers(s);
	sample_finish(s, 2, igvm_arch.number);
	free(made);
}

static void standard_image(struct sample *s)
{
	small_image(s, true, NULL, 0, TABLE_PAGES);
}

/* --- Tests ---------------------------------------------------------------------------- */

START_TEST(pages_and_parameters_land_where_the_file_says)
{
	struct igvm_error error = { 0 };
	struct sample s;
	struct guest g;

	standard_image(&s);
	guest_start(&g, SAMPLE_BASE, IMAGE_BYTES);
	ck_assert_msg(!load(&s, &g, 0, &error), "%s", error.what);
	ck_assert_mem_eq(g.ram, "hello\0\0\0", 8);
	for (unsigned i = 0; i < VL_PAGE_BYTES; i++)
		ck_assert_uint_eq(g.ram[0x1000 + i], 0);
	ck_assert_uint_eq(g.ram[0x2000], 0xcc);
	ck_assert_uint_eq(g.ram[0x3000], 0x5a);
	ck_assert_uint_eq(g.ram[0x3104], 0x5a);
	ck_assert_uint_eq(u64_at(g.ram + 0x3100) & 0xffffffff, IGVM_VP_COUNT);
	ck_assert_uint_eq(u64_at(g.ram + 0x3200) & 0xffffffff, IGVM_COMMAND_LINE);
	ck_assert_uint_eq(u64_at(g.ram + 0x4000), IGVM_DEVICE_TREE);
	ck_assert_uint_eq(g.ram[0x5fff], 0);
	ck_assert_uint_eq(g.ram[0x6000], 0xcc);
	ck_assert_uint_eq(g.kind_count, 3);
	ck_assert(g.required_at == SAMPLE_BASE && g.required_bytes == IMAGE_BYTES && g.required_vtl2);
	ck_assert_uint_eq(g.placed_bytes % VL_PAGE_BYTES, 0);
	free(g.ram);
	sample_free(&s);
}
END_TEST

START_TEST(a_moved_image_has_its_pages_registers_and_required_memory_moved)
{
	const uint64_t delta = 6 * MIB;
	struct sample s;
	struct guest g;

	standard_image(&s);
	guest_start(&g, SAMPLE_BASE + delta, IMAGE_BYTES);
	ck_assert_int_eq(load(&s, &g, delta, NULL), VL_OK);
	ck_assert_mem_eq(g.ram, "hello", 5);
	ck_assert_uint_eq(u64_at(g.ram + 0x4000), IGVM_DEVICE_TREE);
	ck_assert(g.required_at == SAMPLE_BASE + delta);
	ck_assert_uint_eq(g.reg_count, 4);
	ck_assert(u64_at(g.regs[0].value) == SAMPLE_BASE + 0x1234 + delta);
	ck_assert(u64_at(g.regs[1].value) == TABLES_AT + delta);
	ck_assert(u64_at(g.regs[2].value) == SAMPLE_BASE);
	ck_assert(u64_at(g.regs[3].value + 8) == SAMPLE_BASE + 0x3000 + (igvm_arch.reg_gdtr ? delta : 0));
	free(g.ram);
	sample_free(&s);
}
END_TEST

/* Collects the identity mapping below a table: every leaf is va == pa; returns the mapped bytes. */
static uint64_t walk(const struct guest *g, uint64_t table, unsigned level, uint64_t va, uint64_t *low)
{
	uint64_t size = 1ull << (12 + 9 * level), mapped = 0;

	ck_assert(table >= g->base && table - g->base < g->bytes);
	for (unsigned i = 0; i < 512; i++, va += size) {
		uint64_t entry = u64_at(g->ram + (table - g->base) + 8 * i),
			at = entry & igvm_arch.address_mask;

		if (!(entry & igvm_arch.valid_bit))
			continue;
		if (level && (entry & igvm_arch.leaf_mask) != igvm_arch.leaf_value) {
			mapped += walk(g, at, level - 1, va, low);
			continue;
		}
		ck_assert_uint_eq(at, va);
		*low = va < *low ? va : *low;
		mapped += size;
	}
	return mapped;
}

/* Steps onto itself and away, within a GiB, over a GiB and a 512 GiB boundary, up and down. */
START_TEST(moved_page_tables_map_exactly_the_new_place)
{
	static const uint64_t bases[] = { SAMPLE_BASE + 2 * MIB, SAMPLE_BASE + 6 * MIB, SAMPLE_BASE - 2 * MIB,
		SAMPLE_BASE - 126 * MIB, GIB - 4 * MIB, GIB, 3 * GIB, 512 * GIB - 4 * MIB,
		512 * GIB + 8 * MIB, (1ull << 46) + 2 * MIB };
	uint64_t low = ~0ull;
	struct sample s;
	struct guest g;

	standard_image(&s);
	guest_start(&g, bases[_i], IMAGE_BYTES);
	ck_assert_int_eq(load(&s, &g, bases[_i] - SAMPLE_BASE, NULL), VL_OK);
	ck_assert_uint_eq(walk(&g, TABLES_AT - SAMPLE_BASE + bases[_i], 3, 0, &low), IMAGE_BYTES);
	ck_assert_uint_eq(low, bases[_i]);
	free(g.ram);
	sample_free(&s);
}
END_TEST

START_TEST(a_place_that_the_region_does_not_allow_is_refused)
{
	static const struct {
		uint64_t base;
		int code;
	} cases[] = { { SAMPLE_BASE + 0x1000, VL_E_ALIGN }, { 0, VL_E_RANGE }, { 1ull << 47, VL_E_RANGE },
		{ (1ull << 47) - 2 * MIB, VL_E_RANGE }, { ~0ull << 21, VL_E_RANGE } };
	struct igvm_error error = { 0 };
	struct sample s;
	struct guest g;

	standard_image(&s);
	guest_start(&g, SAMPLE_BASE, IMAGE_BYTES);
	ck_assert_int_eq(load(&s, &g, cases[_i].base - SAMPLE_BASE, &error), cases[_i].code);
	ck_assert_uint_eq(error.offset, sample_find(&s, IGVM_RELOCATABLE_REGION, 0));
	ck_assert_uint_eq(g.memory_calls, 0);
	free(g.ram);
	sample_free(&s);
}
END_TEST

START_TEST(an_image_with_a_fixed_base_is_loaded_there_and_not_moved)
{
	struct igvm_region region;
	struct igvm_file file;
	struct sample s;
	struct guest g;

	small_image(&s, false, NULL, 0, TABLE_PAGES);
	guest_start(&g, SAMPLE_BASE, IMAGE_BYTES);
	ck_assert_int_eq(load(&s, &g, 2 * MIB, NULL), VL_E_RANGE);
	ck_assert_int_eq(load(&s, &g, 0, NULL), VL_OK);
	ck_assert_int_eq(igvm_open(&file, s.bytes, s.size, NULL), VL_OK);
	ck_assert_int_eq(igvm_vtl2_region(&file, SAMPLE_VSM, &region), VL_OK);
	ck_assert(!region.relocatable && gpa_raw(region.gpa) == SAMPLE_BASE && region.bytes == IMAGE_BYTES);
	free(g.ram);
	sample_free(&s);
}
END_TEST

START_TEST(the_vtl2_region_covers_all_that_must_be_there)
{
	struct igvm_region region;
	struct igvm_file file;
	struct sample s;

	standard_image(&s);
	ck_assert_int_eq(igvm_open(&file, s.bytes, s.size, NULL), VL_OK);
	ck_assert_int_eq(igvm_vtl2_region(&file, SAMPLE_VSM, &region), VL_OK);
	ck_assert(region.relocatable && gpa_raw(region.gpa) == SAMPLE_BASE && region.bytes == IMAGE_BYTES);
	ck_assert(region.alignment == 2 * MIB && region.minimum == 2 * MIB && region.maximum == 1ull << 47);
	ck_assert_int_eq(igvm_vtl2_region(&file, SAMPLE_TDX, &region), VL_E_MISSING);
	sample_free(&s);
}
END_TEST

START_TEST(a_file_for_another_architecture_is_refused)
{
	struct igvm_error error = { 0 };
	struct sample s;
	struct guest g;

	standard_image(&s);
	sample_put(&s, 24, 4, !igvm_arch.number);
	sample_seal(&s);
	guest_start(&g, SAMPLE_BASE, IMAGE_BYTES);
	ck_assert_int_eq(load(&s, &g, 0, &error), VL_E_ARCH);
	ck_assert_uint_eq(error.offset, 24);
	free(g.ram);
	sample_free(&s);
}
END_TEST

START_TEST(a_page_without_guest_memory_is_refused_with_its_header)
{
	struct igvm_error error = { 0 };
	struct sample s;
	struct guest g;

	standard_image(&s);
	guest_start(&g, SAMPLE_BASE, VL_PAGE_BYTES);
	ck_assert_int_eq(load(&s, &g, 0, &error), VL_E_NOSPACE);
	ck_assert_uint_eq(error.offset, sample_find(&s, IGVM_PAGE_DATA, 1));
	free(g.ram);
	sample_free(&s);
}
END_TEST

START_TEST(a_parameter_that_does_not_fit_and_a_refusing_host_end_the_load)
{
	struct igvm_error error = { 0 };
	struct sample s;
	struct guest g;
	size_t at;

	standard_image(&s);
	at = sample_find(&s, IGVM_COMMAND_LINE, 0);
	sample_put(&s, at + 8 + 4, 4, VL_PAGE_BYTES - 3);
	sample_seal(&s);
	guest_start(&g, SAMPLE_BASE, IMAGE_BYTES);
	ck_assert_int_eq(load(&s, &g, 0, &error), VL_E_NOSPACE);
	ck_assert_uint_eq(error.offset, at);
	g.fail_with = VL_E_DENIED;
	ck_assert_int_eq(load(&s, &g, 0, &error), VL_E_DENIED);
	ck_assert_uint_eq(error.offset, sample_find(&s, IGVM_REQUIRED_MEMORY, 0));
	free(g.ram);
	sample_free(&s);
}
END_TEST

START_TEST(a_page_type_that_the_platform_does_not_have_is_refused)
{
	struct sample s;
	struct guest g;

	standard_image(&s);
	sample_put(&s, sample_find(&s, IGVM_PAGE_DATA, 0) + 8 + 20, 2, IGVM_PAGE_SECRETS);
	sample_seal(&s);
	guest_start(&g, SAMPLE_BASE, IMAGE_BYTES);
	ck_assert_int_eq(load(&s, &g, 0, NULL), VL_E_UNSUPPORTED);
	free(g.ram);
	sample_free(&s);
}
END_TEST

/* --- Hostile page tables ------------------------------------------------------------------ */

static uint64_t leaf_at(uint64_t at)
{
	return at | (igvm_arch.table_bits & ~igvm_arch.leaf_mask) | igvm_arch.leaf_value |
		igvm_arch.valid_bit;
}

#define TABLE_ENTRY(page) ((TABLES_AT + (page) * VL_PAGE_BYTES) | igvm_arch.table_bits)
#define MOVED_BY (16 * MIB)

/* Makes tables that are correct but for entry `index` of table `table`. */
static int load_with_entry(unsigned table, unsigned index, uint64_t entry, unsigned table_pages,
	unsigned *calls)
{
	uint8_t *tables = calloc(TABLE_PAGES, VL_PAGE_BYTES);
	unsigned used = image_port_page_tables(tables, TABLES_AT, SAMPLE_BASE, IMAGE_BYTES);
	struct sample s;
	struct guest g;
	int err;

	put_u64(tables + table * VL_PAGE_BYTES + 8 * index, entry);
	small_image(&s, true, tables, used, table_pages);
	guest_start(&g, SAMPLE_BASE + MOVED_BY, IMAGE_BYTES);
	err = load(&s, &g, MOVED_BY, NULL);
	*calls = g.memory_calls;
	free(g.ram);
	sample_free(&s);
	free(tables);
	return err;
}

START_TEST(page_tables_that_are_no_tree_are_refused_soon)
{
	static const struct {
		unsigned table, index, points_to;
	} cases[] = {
		{ 0, 1, 0 },  /* the top table contains itself */
		{ 0, 1, 1 },  /* a table is used twice */
		{ 1, 1, 2 },
		{ 0, 1, 5 },  /* a page of the region that is not used */
		{ 0, 1, MOVED_BY / VL_PAGE_BYTES }, /* where the tables are after the move */
	};
	unsigned calls;

	ck_assert_int_eq(load_with_entry(cases[_i].table, cases[_i].index,
		TABLE_ENTRY((uint64_t)cases[_i].points_to), TABLE_PAGES, &calls), VL_E_FORMAT);
	ck_assert_uint_lt(calls, 100);
}
END_TEST

START_TEST(a_table_outside_the_region_is_left_alone)
{
	unsigned calls;

	ck_assert_int_eq(load_with_entry(0, 300, 0x1000 | igvm_arch.table_bits, TABLE_PAGES, &calls), VL_OK);
}
END_TEST

START_TEST(a_moved_page_that_is_not_identity_mapped_is_refused)
{
	unsigned calls;

	ck_assert_int_eq(load_with_entry(2, SAMPLE_BASE / (2 * MIB) % 512, leaf_at(SAMPLE_BASE + 2 * MIB),
		TABLE_PAGES, &calls), VL_E_FORMAT);
}
END_TEST

START_TEST(a_page_that_stays_where_a_moved_one_lands_is_refused)
{
	uint64_t at = SAMPLE_BASE + MOVED_BY;
	unsigned calls;

	ck_assert_int_eq(load_with_entry(2, at / (2 * MIB) % 512, leaf_at(at), TABLE_PAGES, &calls),
		VL_E_OVERLAP);
}
END_TEST

/* The image lies in one page of 1 GiB: the format's own examples for moving it. */
START_TEST(a_page_larger_than_the_move_stays_and_others_move_by_its_size)
{
	static const struct {
		uint64_t delta, mapped_at;
		int code;
	} cases[] = { { 2 * MIB, 0, VL_OK }, { GIB, GIB, VL_OK }, { 5 * GIB, 5 * GIB, VL_OK },
		{ GIB + GIB / 2, 0, VL_E_ALIGN } };
	uint8_t *tables = calloc(TABLE_PAGES, VL_PAGE_BYTES);
	uint64_t low = ~0ull;
	struct sample s;
	struct guest g;

	ck_assert_ptr_nonnull(tables);
	put_u64(tables, TABLE_ENTRY(1));
	put_u64(tables + VL_PAGE_BYTES, leaf_at(0));
	small_image(&s, true, tables, 2, TABLE_PAGES);
	guest_start(&g, SAMPLE_BASE + cases[_i].delta, IMAGE_BYTES);
	ck_assert_int_eq(load(&s, &g, cases[_i].delta, NULL), cases[_i].code);
	if (cases[_i].code == VL_OK) {
		ck_assert_uint_eq(walk(&g, TABLES_AT + cases[_i].delta, 3, 0, &low), GIB);
		ck_assert_uint_eq(low, cases[_i].mapped_at);
	}
	free(g.ram);
	free(tables);
	sample_free(&s);
}
END_TEST

START_TEST(a_region_without_room_for_the_moved_tables_is_refused)
{
	struct sample s;
	struct guest g;

	small_image(&s, true, NULL, 0, 3);
	guest_start(&g, 3 * GIB, IMAGE_BYTES);
	ck_assert_int_eq(load(&s, &g, 3 * GIB - SAMPLE_BASE, NULL), VL_E_NOSPACE);
	free(g.ram);
	sample_free(&s);
}
END_TEST

Suite *suite_igvm_load(void)
{
	Suite *s = suite_create("igvm_load");
	TCase *c = tcase_create("igvm_load");

	tcase_add_test(c, pages_and_parameters_land_where_the_file_says);
	tcase_add_test(c, a_moved_image_has_its_pages_registers_and_required_memory_moved);
	tcase_add_loop_test(c, moved_page_tables_map_exactly_the_new_place, 0, 10);
	tcase_add_loop_test(c, a_place_that_the_region_does_not_allow_is_refused, 0, 5);
	tcase_add_test(c, an_image_with_a_fixed_base_is_loaded_there_and_not_moved);
	tcase_add_test(c, the_vtl2_region_covers_all_that_must_be_there);
	tcase_add_test(c, a_file_for_another_architecture_is_refused);
	tcase_add_test(c, a_page_without_guest_memory_is_refused_with_its_header);
	tcase_add_test(c, a_parameter_that_does_not_fit_and_a_refusing_host_end_the_load);
	tcase_add_test(c, a_page_type_that_the_platform_does_not_have_is_refused);
	tcase_add_loop_test(c, page_tables_that_are_no_tree_are_refused_soon, 0, 5);
	tcase_add_test(c, a_table_outside_the_region_is_left_alone);
	tcase_add_test(c, a_moved_page_that_is_not_identity_mapped_is_refused);
	tcase_add_test(c, a_page_that_stays_where_a_moved_one_lands_is_refused);
	tcase_add_loop_test(c, a_page_larger_than_the_move_stays_and_others_move_by_its_size, 0, 4);
	tcase_add_test(c, a_region_without_room_for_the_moved_tables_is_refused);
	suite_add_tcase(s, c);
	return s;
}
