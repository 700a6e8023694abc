/*
 * The rules of an IGVM file that concern several headers (igvm.h: igvm_check):
 * unique platforms, regions that do not overlap, parameter areas declared, used
 * and inserted in this order, VP contexts that fit their platform. The file is
 * untrusted; the state is a fixed table, its limits are named in igvm.h.
 */
#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/igvm/igvm.h"
#include "common/igvm/rules.h"

enum area_state { AREA_DECLARED, AREA_INSERTED };

struct area {
	uint32_t index;
	enum area_state state;
	uint64_t bytes;
};

/* A relocatable or page table region and the VP context that it asks for. */
struct region {
	uint64_t gpa, bytes;
	uint32_t mask;
	uint32_t masks_served; /* platforms that have the VP context */
	uint16_t vp_index;
	uint8_t vtl;
	bool page_tables;
	size_t offset;
};

struct checker {
	const struct igvm_file *file;
	struct igvm_rules rules; /* base: content of the header at hand */
	struct igvm_platform platform[32];
	unsigned platform_count;
	uint32_t platform_masks;
	uint32_t context_masks; /* platforms that have a context for VP 0 */
	uint32_t corim_documents, corim_signatures;
	struct region region[IGVM_REGIONS_MAX];
	unsigned region_count;
	struct area area[IGVM_AREAS_MAX];
	unsigned area_count;
};

static void rule(struct checker *c, bool holds, int code, size_t field, const char *what)
{
	igvm_rule(&c->rules, holds, code, field, what);
}

static void check_platform(struct checker *c, const struct igvm_platform *p)
{
	for (unsigned i = 0; i < c->platform_count; i++)
		rule(c, c->platform[i].type != p->type, VL_E_DUPLICATE, 5,
			"SUPPORTED_PLATFORM: a second header for this platform_type");
	rule(c, !(c->platform_masks & p->mask), VL_E_DUPLICATE, 0,
		"SUPPORTED_PLATFORM: compatibility_mask is used by another platform");
	if (c->rules.first.code)
		return;
	c->platform_masks |= p->mask; /* one bit each, so at most 32 */
	c->platform[c->platform_count++] = *p;
}

static void check_region(struct checker *c, const struct region *add, size_t gpa_field)
{
	for (unsigned i = 0; i < c->region_count; i++) {
		const struct region *r = &c->region[i];

		if (!(r->mask & add->mask))
			continue;
		rule(c, !vl_ranges_overlap(r->gpa, r->bytes, add->gpa, add->bytes), VL_E_OVERLAP, gpa_field,
			"two relocatable or page table regions overlap");
		rule(c, !(r->page_tables && add->page_tables), VL_E_DUPLICATE, 0,
			"PAGE_TABLE_RELOCATION: a second one for the same platform");
	}
	rule(c, c->region_count < IGVM_REGIONS_MAX, VL_E_LIMIT, 0, "too many relocatable regions");
	if (!c->rules.first.code)
		c->region[c->region_count++] = *add;
}

static void check_relocatable(struct checker *c, const struct igvm_header *h)
{
	const struct igvm_relocatable *p = &h->relocatable;

	check_region(c, &(struct region){ .gpa = p->gpa, .bytes = p->bytes, .mask = p->mask,
		.vp_index = p->vp_index, .vtl = p->vtl, .offset = h->offset }, 16);
}

static void check_page_tables(struct checker *c, const struct igvm_header *h)
{
	const struct igvm_page_table_region *p = &h->page_tables;

	check_region(c, &(struct region){ .gpa = p->gpa, .bytes = p->bytes, .mask = p->mask,
		.vp_index = p->vp_index, .vtl = p->vtl, .page_tables = true, .offset = h->offset }, 8);
}

static void check_corim(struct checker *c, const struct igvm_header *h)
{
	uint32_t mask = h->corim.mask;

	if (h->type == IGVM_CORIM_DOCUMENT) {
		rule(c, !(c->corim_documents & mask), VL_E_DUPLICATE, 0,
			"CORIM_DOCUMENT: a second one for the same platform");
		c->corim_documents |= mask;
		return;
	}
	rule(c, !(c->corim_signatures & mask), VL_E_DUPLICATE, 0,
		"CORIM_SIGNATURE: a second one for the same platform");
	rule(c, !(mask & ~c->corim_documents), VL_E_MISSING, 0,
		"CORIM_SIGNATURE: there is no CORIM_DOCUMENT before it");
	c->corim_signatures |= mask;
}

static void check_cca_policy(struct checker *c, const struct igvm_cca_policy *p)
{
	uint32_t left = p->mask;

	for (unsigned i = 0; i < c->platform_count; i++)
		if (c->platform[i].type == IGVM_PLATFORM_CCA)
			left &= ~c->platform[i].mask;
	rule(c, left == 0, VL_E_TYPE, 0, "CCA_POLICY: compatibility_mask names a platform other than CCA");
}

static struct area *find_area(struct checker *c, uint32_t index)
{
	for (unsigned i = 0; i < c->area_count; i++)
		if (c->area[i].index == index)
			return &c->area[i];
	return NULL;
}

static void check_area(struct checker *c, const struct igvm_area *p)
{
	rule(c, !find_area(c, p->index), VL_E_DUPLICATE, 8, "PARAMETER_AREA: this index was declared before");
	rule(c, c->area_count < IGVM_AREAS_MAX, VL_E_LIMIT, 8, "PARAMETER_AREA: too many areas");
	rule(c, p->bytes <= IGVM_AREA_BYTES_MAX, VL_E_LIMIT, 0,
		"PARAMETER_AREA: number_of_bytes is above 16 MiB");
	if (!c->rules.first.code)
		c->area[c->area_count++] =
			(struct area){ .index = p->index, .state = AREA_DECLARED, .bytes = p->bytes };
}

/* The declared, not yet inserted area, or NULL with the rule noted. */
static struct area *open_area(struct checker *c, uint32_t index, size_t field)
{
	struct area *a = find_area(c, index);

	rule(c, a != NULL, VL_E_MISSING, field, "the parameter area was not declared before");
	rule(c, !a || a->state == AREA_DECLARED, VL_E_STATE, field,
		"the parameter area was already inserted");
	return c->rules.first.code ? NULL : a;
}

/* The least room that a parameter needs, from its payload's format. */
static uint64_t parameter_bytes(uint32_t type)
{
	switch (type) {
	case IGVM_VP_COUNT:
	case IGVM_ENVIRONMENT_INFO: return 4;
	case IGVM_MMIO_RANGES: return 32;
	case IGVM_MEMORY_MAP: return sizeof(struct igvm_memory_map_entry);
	default: return 1;
	}
}

static void check_parameter(struct checker *c, const struct igvm_header *h)
{
	const struct area *a = open_area(c, h->parameter.area, 0);

	rule(c, !a || vl_within(h->parameter.byte_offset, parameter_bytes(h->type), a->bytes), VL_E_RANGE, 4,
		"byte_offset leaves no room for the parameter in its area");
}

static void check_insert(struct checker *c, const struct igvm_insert *p)
{
	struct area *a = open_area(c, p->area, 12);

	if (!a)
		return;
	a->state = AREA_INSERTED;
	rule(c, vl_range_ok(p->gpa, a->bytes), VL_E_OVERFLOW, 0,
		"PARAMETER_INSERT: the area wraps around the address space");
	for (unsigned i = 0; i < c->region_count && !c->rules.first.code; i++) {
		const struct region *r = &c->region[i];

		rule(c, !r->page_tables || !(r->mask & p->mask) ||
			!vl_ranges_overlap(r->gpa, r->bytes, p->gpa, a->bytes), VL_E_OVERLAP, 0,
			"PARAMETER_INSERT: the area lies in a page table region");
	}
}

/* The registers of a VSM context: all of one VTL that the platform has. Offsets are in the file data. */
static void check_registers(struct checker *c, const struct igvm_platform *platform,
	const struct igvm_vp_context *p, int count, uint8_t *vtl)
{
	size_t header_base = c->rules.base;
	struct igvm_register reg;

	c->rules.base = p->file_offset + 4;
	for (int i = 0; i < count && !c->rules.first.code; i++, c->rules.base += 32) {
		igvm_vsm_register(c->file, p, (unsigned)i, &reg);
		*vtl = i == 0 ? reg.vtl : *vtl;
		rule(c, reg.vtl == *vtl, VL_E_RANGE, 0, "VP_CONTEXT: registers of more than one VTL");
		rule(c, reg.vtl <= platform->highest_vtl, VL_E_RANGE, 0,
			"VP_CONTEXT: a register's VTL is above the platform's highest");
		for (unsigned byte = 5; byte < 16; byte++)
			rule(c, c->file->data[c->rules.base + byte] == 0, VL_E_RESERVED, byte,
				"VP_CONTEXT: a register's reserved bytes are not zero");
	}
	c->rules.base = header_base;
}

/* VSM: a list of registers, VP 0 only. */
static void check_vsm_context(struct checker *c, const struct igvm_platform *platform,
	const struct igvm_vp_context *p)
{
	int count = igvm_vsm_register_count(c->file, p);
	uint8_t vtl = 0;

	rule(c, p->gpa == 0, VL_E_RANGE, 0, "VP_CONTEXT: gpa must be 0 on this platform");
	rule(c, p->vp_index == 0, VL_E_RANGE, 16, "VP_CONTEXT: vp_index must be 0 on this platform");
	rule(c, count != VL_E_LIMIT, VL_E_LIMIT, 12, "VP_CONTEXT: too many registers");
	rule(c, count >= 0, VL_E_RANGE, 12, "VP_CONTEXT: the registers reach beyond the file");
	check_registers(c, platform, p, count, &vtl);
	for (unsigned i = 0; i < c->region_count; i++)
		if (c->region[i].vp_index == 0 && count > 0 && c->region[i].vtl == vtl)
			c->region[i].masks_served |= platform->mask;
}

static void check_vp_context(struct checker *c, const struct igvm_vp_context *p)
{
	rule(c, p->vp_index || !(c->context_masks & p->mask), VL_E_DUPLICATE, 16,
		"VP_CONTEXT: a second context of VP 0 for the same platform");
	c->context_masks |= p->vp_index ? 0 : p->mask;
	for (unsigned i = 0; i < c->platform_count && !c->rules.first.code; i++) {
		const struct igvm_platform *platform = &c->platform[i];

		if (!(platform->mask & p->mask))
			continue;
		rule(c, platform->type != IGVM_PLATFORM_TDX, VL_E_TYPE, 8,
			"VP_CONTEXT: TDX begins at its reset vector and has none");
		if (platform->type == IGVM_PLATFORM_VSM_ISOLATION)
			check_vsm_context(c, platform, p);
		else
			rule(c, igvm_in_data(c->file, p->file_offset, VL_PAGE_BYTES), VL_E_RANGE, 12,
				"VP_CONTEXT: the context page reaches beyond the file");
	}
}

static void check_header(struct checker *c, const struct igvm_header *h)
{
	c->rules.base = h->offset + 8;
	switch (h->type) {
	case IGVM_SUPPORTED_PLATFORM: check_platform(c, &h->platform); break;
	case IGVM_RELOCATABLE_REGION: check_relocatable(c, h); break;
	case IGVM_PAGE_TABLE_RELOCATION: check_page_tables(c, h); break;
	case IGVM_CORIM_DOCUMENT:
	case IGVM_CORIM_SIGNATURE: check_corim(c, h); break;
	case IGVM_CCA_POLICY: check_cca_policy(c, &h->cca); break;
	case IGVM_PARAMETER_AREA: check_area(c, &h->area); break;
	case IGVM_PARAMETER_INSERT: check_insert(c, &h->insert); break;
	case IGVM_VP_CONTEXT: check_vp_context(c, &h->vp_context); break;
	default:
		if (igvm_is_parameter(h->type))
			check_parameter(c, h);
	}
}

/* What can be told only when all headers were seen. */
static void check_end(struct checker *c)
{
	c->rules.base = c->file->headers_offset;
	rule(c, c->platform_count > 0, VL_E_MISSING, 0, "there is no SUPPORTED_PLATFORM header");
	for (unsigned i = 0; i < c->region_count; i++) {
		const struct region *r = &c->region[i];

		c->rules.base = r->offset;
		rule(c, !(r->mask & c->platform_masks & ~r->masks_served), VL_E_MISSING, 0,
			"there is no VP_CONTEXT for the vp_index and vtl of this region");
	}
}

int igvm_check(const struct igvm_file *file, struct igvm_error *error)
{
	struct checker c = { .file = file };
	struct igvm_cursor cursor;
	struct igvm_header h;
	int more;

	igvm_first(&cursor, file);
	while ((more = igvm_next(&cursor, &h, error)) > 0) {
		if (h.known)
			check_header(&c, &h);
		if (c.rules.first.code)
			break;
	}
	if (more < 0)
		return more;
	if (!c.rules.first.code)
		check_end(&c);
	return c.rules.first.code ?
		igvm_fail(error, c.rules.first.code, c.rules.first.offset, c.rules.first.what) : VL_OK;
}
