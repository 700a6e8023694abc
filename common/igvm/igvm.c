/*
 * Reading IGVM files (igvm.h): the fixed header, the checksum, and the decoding
 * of one variable header after the other. The file is untrusted: every field is
 * read through the bounded reader, every rule that one header can break alone is
 * checked here with the offset of the field that breaks it.
 */
#include "common/igvm/igvm.h"
#include "common/base/bytes.h"
#include "common/base/crc32.h"
#include "common/base/err.h"
#include "common/igvm/rules.h"

#include <string.h>

#define ALL_ARCHS (1u << IGVM_ARCH_X64 | 1u << IGVM_ARCH_AARCH64)
#define TLV_HEADER_BYTES 8u
#define CHECKSUM_FIELD 20u

int igvm_fail(struct igvm_error *error, int code, size_t offset, const char *what)
{
	if (error)
		*error = (struct igvm_error){ .code = code, .offset = offset, .what = what };
	return code;
}

void igvm_rule(struct igvm_rules *rules, bool holds, int code, size_t field, const char *what)
{
	if (!holds && !rules->first.code)
		igvm_fail(&rules->first, code, rules->base + field, what);
}

static uint64_t data_start(const struct igvm_file *file)
{
	return (uint64_t)file->headers_offset + file->headers_size;
}

bool igvm_in_data(const struct igvm_file *file, uint64_t offset, uint64_t bytes)
{
	return offset >= data_start(file) && vl_within(offset, bytes, file->size);
}

/* --- The fixed header -------------------------------------------------------- */

static uint32_t headers_checksum(const struct igvm_file *file, size_t fixed_bytes)
{
	uint8_t fixed[IGVM_FIXED_V2_BYTES];
	uint32_t crc;

	memcpy(fixed, file->data, fixed_bytes);
	memset(fixed + CHECKSUM_FIELD, 0, 4);
	crc = vl_crc32(0, fixed, fixed_bytes);
	return vl_crc32(crc, file->data + file->headers_offset, file->headers_size);
}

static void read_v2_fields(struct igvm_file *file, struct vl_reader *r, struct igvm_rules *rules)
{
	uint32_t page_bytes;

	file->arch = vl_read_le32(r);
	page_bytes = vl_read_le32(r);
	igvm_rule(rules, !r->err, VL_E_TRUNCATED, r->pos, "fixed header: the file ends inside it");
	igvm_rule(rules, file->arch < 32 && (1u << file->arch & ALL_ARCHS), VL_E_ARCH, 24,
		"fixed header: architecture is not defined by the format");
	igvm_rule(rules, page_bytes == VL_PAGE_BYTES, VL_E_UNSUPPORTED, 28,
		"fixed header: page_size is not 4096");
}

static void check_layout(const struct igvm_file *file, uint32_t total, size_t fixed_bytes,
	struct igvm_rules *rules)
{
	igvm_rule(rules, total <= file->size, VL_E_TRUNCATED, file->size,
		"the file is shorter than its total_file_size");
	igvm_rule(rules, total == file->size, VL_E_RANGE, 16,
		"fixed header: total_file_size is less than the file's size");
	igvm_rule(rules, file->headers_offset >= fixed_bytes, VL_E_RANGE, 8,
		"fixed header: variable_header_offset lies inside the fixed header");
	igvm_rule(rules, vl_is_aligned(file->headers_offset, 8), VL_E_ALIGN, 8,
		"fixed header: variable_header_offset is not a multiple of 8");
	igvm_rule(rules, file->headers_size <= IGVM_HEADERS_BYTES_MAX, VL_E_LIMIT, 12,
		"fixed header: there are more than 16 MiB of variable headers");
	igvm_rule(rules, vl_within(file->headers_offset, file->headers_size, file->size), VL_E_RANGE, 12,
		"fixed header: the variable headers reach beyond the file");
}

int igvm_open(struct igvm_file *file, const void *data, size_t size, struct igvm_error *error)
{
	struct igvm_rules rules = { { 0 }, 0 };
	struct vl_reader r;
	uint32_t magic, total;
	size_t fixed_bytes;

	vl_reader_init(&r, data, size);
	magic = vl_read_le32(&r);
	*file = (struct igvm_file){ .data = data, .size = size, .version = vl_read_le32(&r) };
	file->headers_offset = vl_read_le32(&r);
	file->headers_size = vl_read_le32(&r);
	total = vl_read_le32(&r);
	file->checksum = vl_read_le32(&r);
	igvm_rule(&rules, !r.err, VL_E_TRUNCATED, r.pos, "fixed header: the file ends inside it");
	igvm_rule(&rules, magic == IGVM_MAGIC, VL_E_MAGIC, 0, "fixed header: this is no IGVM file");
	igvm_rule(&rules, file->version == 1 || file->version == 2, VL_E_VERSION, 4,
		"fixed header: format_version is neither 1 nor 2");
	if (!rules.first.code && file->version == 2)
		read_v2_fields(file, &r, &rules);
	fixed_bytes = file->version == 2 ? IGVM_FIXED_V2_BYTES : IGVM_FIXED_V1_BYTES;
	check_layout(file, total, fixed_bytes, &rules);
	if (!rules.first.code)
		igvm_rule(&rules, headers_checksum(file, fixed_bytes) == file->checksum, VL_E_CHECKSUM,
			CHECKSUM_FIELD, "fixed header: the checksum does not match the headers");
	return rules.first.code ?
		igvm_fail(error, rules.first.code, rules.first.offset, rules.first.what) : VL_OK;
}

/* --- One decoder per header type; field offsets are those of the format ------- */

struct decoding {
	const struct igvm_file *file;
	struct vl_reader r; /* over the content */
	struct igvm_rules rules;
};

static void rule(struct decoding *d, bool holds, int code, size_t field, const char *what)
{
	igvm_rule(&d->rules, holds, code, field, what);
}

static void rule_mask(struct decoding *d, uint32_t mask, size_t field)
{
	rule(d, mask != 0, VL_E_RANGE, field, "compatibility_mask is zero");
}

static void rule_page_aligned(struct decoding *d, uint64_t value, size_t field)
{
	rule(d, vl_is_aligned(value, VL_PAGE_BYTES), VL_E_ALIGN, field,
		"address or size is not a multiple of 4096");
}

static void rule_zero(struct decoding *d, uint64_t value, size_t field)
{
	rule(d, value == 0, VL_E_RESERVED, field, "reserved field is not zero");
}

/* File data of `bytes` at `offset`; 0 means that there is none. */
static void rule_file_data(struct decoding *d, uint32_t offset, uint64_t bytes, size_t field)
{
	rule(d, offset == 0 || igvm_in_data(d->file, offset, bytes), VL_E_RANGE, field,
		"file_offset points outside the file data");
}

static void decode_platform(struct decoding *d, struct igvm_header *h)
{
	struct igvm_platform *p = &h->platform;
	uint32_t archs;

	p->mask = vl_read_le32(&d->r);
	p->highest_vtl = vl_read_u8(&d->r);
	p->type = vl_read_u8(&d->r);
	p->version = vl_read_le16(&d->r);
	p->shared_gpa_boundary = vl_read_le64(&d->r);
	archs = igvm_platform_archs(p->type);
	rule(d, p->mask && !(p->mask & (p->mask - 1)), VL_E_RANGE, 0,
		"SUPPORTED_PLATFORM: compatibility_mask has not exactly one bit");
	rule(d, p->highest_vtl == 0 || p->highest_vtl == 2, VL_E_RANGE, 4,
		"SUPPORTED_PLATFORM: highest_vtl is neither 0 nor 2");
	rule(d, archs != 0, VL_E_TYPE, 5, "SUPPORTED_PLATFORM: platform_type is unknown");
	rule(d, archs & 1u << d->file->arch, VL_E_ARCH, 5,
		"SUPPORTED_PLATFORM: platform_type does not exist on this architecture");
	rule(d, p->version == 1, VL_E_VERSION, 6, "SUPPORTED_PLATFORM: platform_version is not 1");
	rule(d, p->shared_gpa_boundary == 0 || (p->type != IGVM_PLATFORM_NATIVE &&
		p->type != IGVM_PLATFORM_VSM_ISOLATION), VL_E_RANGE, 8,
		"SUPPORTED_PLATFORM: shared_gpa_boundary must be 0 for this platform");
}

static void decode_policy(struct decoding *d, struct igvm_header *h)
{
	h->policy.policy = vl_read_le64(&d->r);
	h->policy.mask = vl_read_le32(&d->r);
	rule_mask(d, h->policy.mask, 8);
	rule_zero(d, vl_read_le32(&d->r), 12);
}

static void rule_region(struct decoding *d, uint64_t base, uint64_t bytes, size_t field)
{
	rule_page_aligned(d, base, field);
	rule_page_aligned(d, bytes, field + 8);
	rule(d, bytes != 0, VL_E_RANGE, field + 8, "the region is empty");
	rule(d, vl_range_ok(base, bytes), VL_E_OVERFLOW, field, "the region wraps around the address space");
}

static void decode_relocatable(struct decoding *d, struct igvm_header *h)
{
	struct igvm_relocatable *p = &h->relocatable;
	uint64_t low;

	p->mask = vl_read_le32(&d->r);
	p->vp_index = vl_read_le16(&d->r);
	p->vtl = vl_read_u8(&d->r);
	p->flags = vl_read_u8(&d->r);
	p->alignment = vl_read_le64(&d->r);
	p->gpa = vl_read_le64(&d->r);
	p->bytes = vl_read_le64(&d->r);
	p->minimum = vl_read_le64(&d->r);
	p->maximum = vl_read_le64(&d->r);
	low = p->alignment - 1;
	rule_mask(d, p->mask, 0);
	rule(d, p->vtl <= 2, VL_E_RANGE, 6, "RELOCATABLE_REGION: vtl is above 2");
	rule(d, p->flags <= 7, VL_E_RESERVED, 7, "RELOCATABLE_REGION: an undefined flag is set");
	rule(d, p->alignment >= VL_PAGE_BYTES && !(p->alignment & low), VL_E_ALIGN, 8,
		"RELOCATABLE_REGION: relocation_alignment is not a power of two of at least 4096");
	rule(d, !(p->gpa & low), VL_E_ALIGN, 16,
		"RELOCATABLE_REGION: gpa is not aligned to relocation_alignment");
	rule_region(d, p->gpa, p->bytes, 16);
	rule(d, !(p->minimum & low), VL_E_ALIGN, 32,
		"RELOCATABLE_REGION: minimum_relocation_gpa is not aligned to relocation_alignment");
	rule(d, !(p->maximum & low), VL_E_ALIGN, 40,
		"RELOCATABLE_REGION: maximum_relocation_gpa is not aligned to relocation_alignment");
	rule(d, p->minimum <= p->maximum, VL_E_RANGE, 32,
		"RELOCATABLE_REGION: minimum_relocation_gpa is above the maximum");
}

static void decode_page_tables(struct decoding *d, struct igvm_header *h)
{
	struct igvm_page_table_region *p = &h->page_tables;

	p->mask = vl_read_le32(&d->r);
	p->vp_index = vl_read_le16(&d->r);
	p->vtl = vl_read_u8(&d->r);
	rule_zero(d, vl_read_u8(&d->r), 7);
	p->gpa = vl_read_le64(&d->r);
	p->bytes = vl_read_le64(&d->r);
	p->used_bytes = vl_read_le64(&d->r);
	rule_mask(d, p->mask, 0);
	rule(d, p->vtl <= 2, VL_E_RANGE, 6, "PAGE_TABLE_RELOCATION: vtl is above 2");
	rule_region(d, p->gpa, p->bytes, 8);
	rule_page_aligned(d, p->used_bytes, 24);
	rule(d, p->used_bytes <= p->bytes, VL_E_RANGE, 24, "PAGE_TABLE_RELOCATION: used_size is above size");
}

static void decode_corim(struct decoding *d, struct igvm_header *h)
{
	h->corim.mask = vl_read_le32(&d->r);
	h->corim.file_offset = vl_read_le32(&d->r);
	h->corim.bytes = vl_read_le32(&d->r);
	rule_mask(d, h->corim.mask, 0);
	rule(d, h->corim.file_offset && igvm_in_data(d->file, h->corim.file_offset, h->corim.bytes),
		VL_E_RANGE, 4, "the CoRIM data lies outside the file data");
	rule_zero(d, vl_read_le32(&d->r), 12);
}

static void decode_cca_policy(struct decoding *d, struct igvm_header *h)
{
	struct igvm_cca_policy *p = &h->cca;

	p->mask = vl_read_le32(&d->r);
	rule_zero(d, vl_read_le32(&d->r), 4);
	p->zeroes = vl_read_le64(&d->r);
	p->ones = vl_read_le64(&d->r);
	p->hash = vl_read_u8(&d->r);
	p->lfa = vl_read_u8(&d->r);
	rule_mask(d, p->mask, 0);
	rule(d, !(p->zeroes & p->ones), VL_E_RANGE, 16, "CCA_POLICY: an attribute must be both 0 and 1");
	rule(d, p->hash <= 2, VL_E_RANGE, 24, "CCA_POLICY: hash_algorithm is unknown");
	rule(d, p->lfa <= 1, VL_E_RANGE, 25, "CCA_POLICY: lfa_policy is unknown");
	for (size_t i = 26; i < 32; i++)
		rule_zero(d, vl_read_u8(&d->r), i);
}

static void decode_area(struct decoding *d, struct igvm_header *h)
{
	h->area.bytes = vl_read_le64(&d->r);
	h->area.index = vl_read_le32(&d->r);
	h->area.file_offset = vl_read_le32(&d->r);
	rule(d, h->area.bytes != 0, VL_E_RANGE, 0, "PARAMETER_AREA: number_of_bytes is 0");
	rule_page_aligned(d, h->area.bytes, 0);
	rule_file_data(d, h->area.file_offset, h->area.bytes, 12);
}

static void decode_page(struct decoding *d, struct igvm_header *h)
{
	struct igvm_page *p = &h->page;
	uint64_t bytes;

	p->gpa = vl_read_le64(&d->r);
	p->mask = vl_read_le32(&d->r);
	p->file_offset = vl_read_le32(&d->r);
	p->flags = vl_read_le32(&d->r);
	p->type = vl_read_le16(&d->r);
	bytes = p->flags & IGVM_PAGE_2MB ? VL_LARGE_PAGE_BYTES : VL_PAGE_BYTES;
	rule(d, vl_is_aligned(p->gpa, bytes), VL_E_ALIGN, 0,
		"PAGE_DATA: gpa is not aligned to the page's size");
	rule_mask(d, p->mask, 8);
	rule(d, p->flags <= 7, VL_E_RESERVED, 16, "PAGE_DATA: an undefined flag is set");
	rule(d, p->type <= IGVM_PAGE_CPUID_XF, VL_E_TYPE, 20, "PAGE_DATA: data_type is unknown");
	rule_zero(d, vl_read_le16(&d->r), 22);
	rule_file_data(d, p->file_offset, bytes, 12);
}

static void decode_insert(struct decoding *d, struct igvm_header *h)
{
	h->insert.gpa = vl_read_le64(&d->r);
	h->insert.mask = vl_read_le32(&d->r);
	h->insert.area = vl_read_le32(&d->r);
	rule_page_aligned(d, h->insert.gpa, 0);
	rule_mask(d, h->insert.mask, 8);
}

static void decode_vp_context(struct decoding *d, struct igvm_header *h)
{
	struct igvm_vp_context *p = &h->vp_context;

	p->gpa = vl_read_le64(&d->r);
	p->mask = vl_read_le32(&d->r);
	p->file_offset = vl_read_le32(&d->r);
	p->vp_index = vl_read_le16(&d->r);
	rule_page_aligned(d, p->gpa, 0);
	rule_mask(d, p->mask, 8);
	rule(d, igvm_in_data(d->file, p->file_offset, 1), VL_E_RANGE, 12,
		"VP_CONTEXT: file_offset points outside the file data");
	rule_zero(d, vl_read_le16(&d->r), 18);
}

static void decode_required(struct decoding *d, struct igvm_header *h)
{
	struct igvm_required *p = &h->required;

	p->gpa = vl_read_le64(&d->r);
	p->mask = vl_read_le32(&d->r);
	p->bytes = vl_read_le32(&d->r);
	p->flags = vl_read_le32(&d->r);
	rule_page_aligned(d, p->gpa, 0);
	rule_mask(d, p->mask, 8);
	rule_page_aligned(d, p->bytes, 12);
	rule(d, vl_range_ok(p->gpa, p->bytes), VL_E_OVERFLOW, 0,
		"REQUIRED_MEMORY: the range wraps around the address space");
	rule(d, p->flags <= IGVM_REQUIRED_VTL2_PROTECTABLE, VL_E_RESERVED, 16,
		"REQUIRED_MEMORY: an undefined flag is set");
	rule_zero(d, vl_read_le32(&d->r), 20);
}

static void decode_parameter(struct decoding *d, struct igvm_header *h)
{
	h->parameter.area = vl_read_le32(&d->r);
	h->parameter.byte_offset = vl_read_le32(&d->r);
}

static void decode_error_range(struct decoding *d, struct igvm_header *h)
{
	h->error_range.gpa = vl_read_le64(&d->r);
	h->error_range.mask = vl_read_le32(&d->r);
	h->error_range.bytes = vl_read_le32(&d->r);
	rule_page_aligned(d, h->error_range.gpa, 0);
	rule_mask(d, h->error_range.mask, 8);
	rule_page_aligned(d, h->error_range.bytes, 12);
	rule(d, vl_range_ok(h->error_range.gpa, h->error_range.bytes), VL_E_OVERFLOW, 0,
		"ERROR_RANGE: the range wraps around the address space");
}

static void decode_blob(struct decoding *d, struct igvm_header *h)
{
	h->blob.mask = vl_read_le32(&d->r);
	rule_mask(d, h->blob.mask, 0);
}

/* --- The types ----------------------------------------------------------------- */

static const struct type_info {
	uint32_t type;
	uint32_t length; /* bytes of content, exactly */
	const char *name;
	void (*decode)(struct decoding *d, struct igvm_header *h);
} types[] = {
	{ IGVM_SUPPORTED_PLATFORM, 16, "SUPPORTED_PLATFORM", decode_platform },
	{ IGVM_GUEST_POLICY, 16, "GUEST_POLICY", decode_policy },
	{ IGVM_RELOCATABLE_REGION, 48, "RELOCATABLE_REGION", decode_relocatable },
	{ IGVM_PAGE_TABLE_RELOCATION, 32, "PAGE_TABLE_RELOCATION", decode_page_tables },
	{ IGVM_CORIM_DOCUMENT, 16, "CORIM_DOCUMENT", decode_corim },
	{ IGVM_CORIM_SIGNATURE, 16, "CORIM_SIGNATURE", decode_corim },
	{ IGVM_CCA_POLICY, 32, "CCA_POLICY", decode_cca_policy },
	{ IGVM_PARAMETER_AREA, 16, "PARAMETER_AREA", decode_area },
	{ IGVM_PAGE_DATA, 24, "PAGE_DATA", decode_page },
	{ IGVM_PARAMETER_INSERT, 16, "PARAMETER_INSERT", decode_insert },
	{ IGVM_VP_CONTEXT, 20, "VP_CONTEXT", decode_vp_context },
	{ IGVM_REQUIRED_MEMORY, 24, "REQUIRED_MEMORY", decode_required },
	{ IGVM_VP_COUNT, 8, "VP_COUNT", decode_parameter },
	{ IGVM_SRAT, 8, "SRAT", decode_parameter },
	{ IGVM_MADT, 8, "MADT", decode_parameter },
	{ IGVM_MMIO_RANGES, 8, "MMIO_RANGES", decode_parameter },
	{ IGVM_SNP_ID_BLOCK, 696, "SNP_ID_BLOCK", decode_blob },
	{ IGVM_MEMORY_MAP, 8, "MEMORY_MAP", decode_parameter },
	{ IGVM_ERROR_RANGE, 16, "ERROR_RANGE", decode_error_range },
	{ IGVM_COMMAND_LINE, 8, "COMMAND_LINE", decode_parameter },
	{ IGVM_SLIT, 8, "SLIT", decode_parameter },
	{ IGVM_PPTT, 8, "PPTT", decode_parameter },
	{ IGVM_VBS_MEASUREMENT, 864, "VBS_MEASUREMENT", decode_blob },
	{ IGVM_DEVICE_TREE, 8, "DEVICE_TREE", decode_parameter },
	{ IGVM_ENVIRONMENT_INFO, 8, "ENVIRONMENT_INFO", decode_parameter },
};

static const struct type_info *find_type(uint32_t type)
{
	for (size_t i = 0; i < VL_ARRAY_COUNT(types); i++)
		if (types[i].type == type)
			return &types[i];
	return NULL;
}

static const struct {
	const char *name;
	uint32_t archs;
} platforms[] = {
	[IGVM_PLATFORM_NATIVE] = { "NATIVE", 1u << IGVM_ARCH_X64 },
	[IGVM_PLATFORM_VSM_ISOLATION] = { "VSM_ISOLATION", ALL_ARCHS },
	[IGVM_PLATFORM_SEV_SNP] = { "SEV_SNP", 1u << IGVM_ARCH_X64 },
	[IGVM_PLATFORM_TDX] = { "TDX", 1u << IGVM_ARCH_X64 },
	[IGVM_PLATFORM_SEV] = { "SEV", 1u << IGVM_ARCH_X64 },
	[IGVM_PLATFORM_SEV_ES] = { "SEV_ES", 1u << IGVM_ARCH_X64 },
	[IGVM_PLATFORM_CCA] = { "CCA", 1u << IGVM_ARCH_AARCH64 },
};

uint32_t igvm_platform_archs(uint8_t type)
{
	return type < VL_ARRAY_COUNT(platforms) ? platforms[type].archs : 0;
}

const char *igvm_platform_name(uint8_t type)
{
	return type < VL_ARRAY_COUNT(platforms) ? platforms[type].name : "unknown";
}

const char *igvm_type_name(uint32_t type)
{
	const struct type_info *info = find_type(type & ~IGVM_OPTIONAL);

	return info ? info->name : "unknown";
}

bool igvm_is_parameter(uint32_t type)
{
	const struct type_info *info = find_type(type);

	return info && info->decode == decode_parameter;
}

uint32_t igvm_header_mask(const struct igvm_header *h)
{
	switch (h->type) {
	case IGVM_SUPPORTED_PLATFORM: return h->platform.mask;
	case IGVM_GUEST_POLICY: return h->policy.mask;
	case IGVM_RELOCATABLE_REGION: return h->relocatable.mask;
	case IGVM_PAGE_TABLE_RELOCATION: return h->page_tables.mask;
	case IGVM_CORIM_DOCUMENT:
	case IGVM_CORIM_SIGNATURE: return h->corim.mask;
	case IGVM_CCA_POLICY: return h->cca.mask;
	case IGVM_PAGE_DATA: return h->page.mask;
	case IGVM_PARAMETER_INSERT: return h->insert.mask;
	case IGVM_VP_CONTEXT: return h->vp_context.mask;
	case IGVM_REQUIRED_MEMORY: return h->required.mask;
	case IGVM_ERROR_RANGE: return h->error_range.mask;
	case IGVM_SNP_ID_BLOCK:
	case IGVM_VBS_MEASUREMENT: return h->blob.mask;
	default: return ~0u;
	}
}

/* --- Walking ---------------------------------------------------------------------- */

void igvm_first(struct igvm_cursor *cursor, const struct igvm_file *file)
{
	*cursor = (struct igvm_cursor){ .file = file, .offset = file->headers_offset };
}

/* The section that a type number lies in, or -1. */
static int section_of(uint32_t type)
{
	if (type >= 0x001 && type <= 0x100)
		return 0;
	if (type >= 0x101 && type <= 0x200)
		return 1;
	if (type >= 0x301 && type <= 0x400)
		return 2;
	return -1;
}

/* Reads type, length and the place of the content; moves the cursor behind it. */
static int next_tlv(struct igvm_cursor *c, struct igvm_header *h, struct igvm_error *error)
{
	size_t end = (size_t)data_start(c->file), left = end - c->offset, next;
	struct vl_reader r;

	vl_reader_init(&r, c->file->data + c->offset, left);
	h->offset = c->offset;
	h->type = vl_read_le32(&r);
	h->length = vl_read_le32(&r);
	if (r.err)
		return igvm_fail(error, VL_E_TRUNCATED, c->offset,
			"the variable headers end inside a header's type and length");
	h->content = vl_read_view(&r, h->length);
	if (!h->content)
		return igvm_fail(error, VL_E_TRUNCATED, c->offset + 4,
			"a header's length reaches beyond the variable headers");
	next = (size_t)vl_align_up(r.pos, 8);
	c->offset += next < left ? next : left;
	return VL_OK;
}

static int enter_section(struct igvm_cursor *c, const struct igvm_header *h, uint32_t type,
	struct igvm_error *error)
{
	int section = section_of(type);

	if (section < 0)
		return VL_OK;
	if ((unsigned)section < c->section)
		return igvm_fail(error, VL_E_ORDER, h->offset,
			"a header of an earlier section follows one of a later section");
	c->section = (unsigned)section;
	return VL_OK;
}

static int decode(const struct igvm_file *file, const struct type_info *info, struct igvm_header *h,
	struct igvm_error *error)
{
	struct decoding d = { .file = file, .rules = { .base = h->offset + TLV_HEADER_BYTES } };
	struct igvm_error *first = &d.rules.first;

	if (h->length != info->length)
		return igvm_fail(error, VL_E_RANGE, h->offset + 4,
			"a header's length is not that of its type");
	vl_reader_init(&d.r, h->content, h->length);
	info->decode(&d, h);
	return first->code ? igvm_fail(error, first->code, first->offset, first->what) : VL_OK;
}

int igvm_next(struct igvm_cursor *cursor, struct igvm_header *header, struct igvm_error *error)
{
	const struct type_info *info;
	uint32_t type;
	int err;

	if (cursor->offset >= data_start(cursor->file))
		return 0;
	*header = (struct igvm_header){ 0 };
	err = next_tlv(cursor, header, error);
	if (err)
		return err;
	type = header->type & ~IGVM_OPTIONAL;
	info = find_type(type);
	if (!info && !(header->type & IGVM_OPTIONAL))
		return igvm_fail(error, VL_E_TYPE, header->offset,
			"a header's type is unknown and not marked optional");
	err = enter_section(cursor, header, type, error);
	if (err || !info)
		return err ? err : 1;
	header->type = type;
	header->known = true;
	err = decode(cursor->file, info, header, error);
	return err ? err : 1;
}

/* --- File data ---------------------------------------------------------------------- */

const uint8_t *igvm_page_bytes(const struct igvm_file *file, const struct igvm_page *page, size_t *bytes)
{
	*bytes = page->flags & IGVM_PAGE_2MB ? VL_LARGE_PAGE_BYTES : VL_PAGE_BYTES;
	return page->file_offset ? file->data + page->file_offset : NULL;
}

#define REGISTER_BYTES 32u

int igvm_vsm_register_count(const struct igvm_file *file, const struct igvm_vp_context *context)
{
	struct vl_reader r;
	uint32_t count;

	if (!igvm_in_data(file, context->file_offset, 4))
		return VL_E_RANGE;
	vl_reader_init(&r, file->data + context->file_offset, 4);
	count = vl_read_le32(&r);
	if (count > IGVM_REGISTERS_MAX)
		return VL_E_LIMIT;
	if (!igvm_in_data(file, context->file_offset, 4 + (uint64_t)count * REGISTER_BYTES))
		return VL_E_RANGE;
	return (int)count;
}

void igvm_vsm_register(const struct igvm_file *file, const struct igvm_vp_context *context, unsigned i,
	struct igvm_register *reg)
{
	struct vl_reader r;

	vl_reader_init(&r, file->data + context->file_offset + 4 + (size_t)i * REGISTER_BYTES,
		REGISTER_BYTES);
	reg->vtl = vl_read_u8(&r);
	reg->name = vl_read_le32(&r);
	vl_read_skip(&r, 11);
	vl_read_copy(&r, reg->value, sizeof(reg->value));
}

int igvm_find_platform(const struct igvm_file *file, uint8_t type, struct igvm_platform *platform)
{
	struct igvm_cursor cursor;
	struct igvm_header h;
	int more;

	igvm_first(&cursor, file);
	while ((more = igvm_next(&cursor, &h, NULL)) > 0)
		if (h.type == IGVM_SUPPORTED_PLATFORM && h.platform.type == type) {
			*platform = h.platform;
			return VL_OK;
		}
	return more < 0 ? more : VL_E_NOTFOUND;
}
