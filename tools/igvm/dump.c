/*
 * igvm dump: every header of a checked file, as text or as JSON (one object
 * {"version", "architecture", "headers": [...]}; numbers are decimal in JSON and
 * hexadecimal in text). Field names are those of the format.
 */
#include "tools/igvm/tool.h"

#include <inttypes.h>
#include <stdio.h>

struct printer {
	const struct igvm_file *file;
	bool json;
};

static void field(const struct printer *p, const char *name, uint64_t value)
{
	if (p->json)
		printf(", \"%s\": %" PRIu64, name, value);
	else
		printf(" %s=0x%" PRIx64, name, value);
}

static void text(const struct printer *p, const char *name, const char *value)
{
	printf(p->json ? ", \"%s\": \"%s\"" : " %s=%s", name, value);
}

static void dump_registers(const struct printer *p, const struct igvm_vp_context *c)
{
	struct igvm_platform vsm;
	int count;

	if (igvm_find_platform(p->file, IGVM_PLATFORM_VSM_ISOLATION, &vsm) || !(vsm.mask & c->mask))
		return;
	count = igvm_vsm_register_count(p->file, c);
	if (p->json)
		printf(", \"registers\": [");
	for (int i = 0; i < count; i++) {
		struct igvm_register reg;

		igvm_vsm_register(p->file, c, (unsigned)i, &reg);
		printf(p->json ? "%s{\"vtl\": %u, \"name\": %u, \"value\": \"" :
			"%s    vtl=%u name=0x%08x value=",
			p->json ? (i ? ", " : "") : "\n", reg.vtl, reg.name);
		for (unsigned b = 16; b-- > 0;)
			printf("%02x", reg.value[b]);
		if (p->json)
			printf("\"}");
	}
	if (p->json)
		putchar(']');
}

static void dump_relocatable(const struct printer *p, const struct igvm_relocatable *r)
{
	field(p, "vp_index", r->vp_index);
	field(p, "vtl", r->vtl);
	field(p, "flags", r->flags);
	field(p, "relocation_alignment", r->alignment);
	field(p, "gpa", r->gpa);
	field(p, "size", r->bytes);
	field(p, "minimum_relocation_gpa", r->minimum);
	field(p, "maximum_relocation_gpa", r->maximum);
}

static void dump_init(const struct printer *p, const struct igvm_header *h)
{
	switch (h->type) {
	case IGVM_SUPPORTED_PLATFORM:
		text(p, "platform_type", igvm_platform_name(h->platform.type));
		field(p, "highest_vtl", h->platform.highest_vtl);
		field(p, "platform_version", h->platform.version);
		field(p, "shared_gpa_boundary", h->platform.shared_gpa_boundary);
		break;
	case IGVM_GUEST_POLICY:
		field(p, "policy", h->policy.policy);
		break;
	case IGVM_RELOCATABLE_REGION:
		dump_relocatable(p, &h->relocatable);
		break;
	case IGVM_PAGE_TABLE_RELOCATION:
		field(p, "vp_index", h->page_tables.vp_index);
		field(p, "vtl", h->page_tables.vtl);
		field(p, "gpa", h->page_tables.gpa);
		field(p, "size", h->page_tables.bytes);
		field(p, "used_size", h->page_tables.used_bytes);
		break;
	case IGVM_CORIM_DOCUMENT:
	case IGVM_CORIM_SIGNATURE:
		field(p, "file_offset", h->corim.file_offset);
		field(p, "size", h->corim.bytes);
		break;
	case IGVM_CCA_POLICY:
		field(p, "attributes_required_zeroes", h->cca.zeroes);
		field(p, "attributes_required_ones", h->cca.ones);
		field(p, "hash_algorithm", h->cca.hash);
		field(p, "lfa_policy", h->cca.lfa);
		break;
	}
}

static void dump_directive(const struct printer *p, const struct igvm_header *h)
{
	switch (h->type) {
	case IGVM_PARAMETER_AREA:
		field(p, "number_of_bytes", h->area.bytes);
		field(p, "parameter_area_index", h->area.index);
		field(p, "file_offset", h->area.file_offset);
		break;
	case IGVM_PAGE_DATA:
		field(p, "gpa", h->page.gpa);
		field(p, "file_offset", h->page.file_offset);
		field(p, "flags", h->page.flags);
		field(p, "data_type", h->page.type);
		break;
	case IGVM_PARAMETER_INSERT:
		field(p, "gpa", h->insert.gpa);
		field(p, "parameter_area_index", h->insert.area);
		break;
	case IGVM_VP_CONTEXT:
		field(p, "gpa", h->vp_context.gpa);
		field(p, "file_offset", h->vp_context.file_offset);
		field(p, "vp_index", h->vp_context.vp_index);
		dump_registers(p, &h->vp_context);
		break;
	case IGVM_REQUIRED_MEMORY:
		field(p, "gpa", h->required.gpa);
		field(p, "number_of_bytes", h->required.bytes);
		field(p, "flags", h->required.flags);
		break;
	case IGVM_ERROR_RANGE:
		field(p, "gpa", h->error_range.gpa);
		field(p, "size_bytes", h->error_range.bytes);
		break;
	default:
		if (!igvm_is_parameter(h->type))
			break;
		field(p, "parameter_area_index", h->parameter.area);
		field(p, "byte_offset", h->parameter.byte_offset);
	}
}

static void dump_header(const struct printer *p, const struct igvm_header *h, bool first)
{
	uint32_t mask = igvm_header_mask(h);

	if (p->json)
		printf("%s\n  {\"offset\": %zu, \"type\": \"%s\", \"type_number\": %u", first ? "" : ",",
			h->offset, igvm_type_name(h->type), h->type);
	else
		printf("0x%06zx %s", h->offset, igvm_type_name(h->type));
	if (!h->known)
		field(p, "unknown_type", h->type);
	else if (mask != ~0u)
		field(p, "compatibility_mask", mask);
	if (h->known) {
		dump_init(p, h);
		dump_directive(p, h);
	}
	putchar(p->json ? '}' : '\n');
}

int tool_dump(const char *path, const struct igvm_file *file, bool json)
{
	static const char *const archs[] = { [IGVM_ARCH_X64] = "x64", [IGVM_ARCH_AARCH64] = "aarch64" };
	struct printer p = { file, json };
	struct igvm_cursor cursor;
	struct igvm_header h;
	bool first = true;

	printf(json ? "{\"version\": %u, \"architecture\": \"%s\", \"size\": %zu, \"checksum\": %u, " :
		"IGVM version %u for %s, %zu bytes, checksum 0x%08x\n", file->version, archs[file->arch],
		file->size, file->checksum);
	if (json)
		printf("\"headers\": [");
	igvm_first(&cursor, file);
	while (igvm_next(&cursor, &h, NULL) > 0) {
		dump_header(&p, &h, first);
		first = false;
	}
	if (json)
		printf("\n]}\n");
	if (fflush(stdout))
		return tool_fail(TOOL_USAGE, "%s: the output cannot be written", path);
	return TOOL_OK;
}
