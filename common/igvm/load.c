/*
 * Loading an IGVM file into a guest (load.h): one pass over the directives of a
 * platform, then the page tables when the image was moved. Called by
 * vallum-host; the file is untrusted and checked before anything is placed.
 */
#include "common/igvm/load.h"
#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/igvm/relocate.h"
#include "common/igvm/rules.h"

#include <string.h>

struct loader {
	const struct igvm_file *file;
	const struct igvm_load *load;
	const struct igvm_load_ops *ops;
	struct igvm_relocation move;
	struct igvm_error *error;
};

static int fail(struct loader *l, int code, size_t offset, const char *what)
{
	return igvm_fail(l->error, code, offset, what);
}

static int failed_callback(struct loader *l, const struct igvm_header *h, int err, const char *what)
{
	return err ? fail(l, err, h->offset, what) : VL_OK;
}

/* The file's own description of its VTL2 memory. */
int igvm_vtl2_region(const struct igvm_file *file, uint32_t mask, struct igvm_region *region)
{
	uint64_t low = ~0ull, high = 0;
	struct igvm_cursor cursor;
	struct igvm_header h;

	*region = (struct igvm_region){ 0 };
	igvm_first(&cursor, file);
	while (igvm_next(&cursor, &h, NULL) > 0) {
		uint64_t base, bytes;

		if (!(igvm_header_mask(&h) & mask))
			continue;
		if (h.type == IGVM_RELOCATABLE_REGION && h.relocatable.flags & IGVM_REGION_IS_VTL2) {
			base = h.relocatable.gpa;
			bytes = h.relocatable.bytes;
			region->relocatable = true;
			region->alignment = h.relocatable.alignment;
			region->minimum = h.relocatable.minimum;
			region->maximum = h.relocatable.maximum;
		} else if (h.type == IGVM_PAGE_TABLE_RELOCATION) {
			base = h.page_tables.gpa;
			bytes = h.page_tables.bytes;
		} else if (h.type == IGVM_REQUIRED_MEMORY &&
			   h.required.flags & IGVM_REQUIRED_VTL2_PROTECTABLE) {
			base = h.required.gpa;
			bytes = h.required.bytes;
		} else {
			continue;
		}
		low = base < low ? base : low;
		high = base + bytes > high ? base + bytes : high;
	}
	if (low >= high)
		return VL_E_MISSING;
	region->gpa = gpa(low);
	region->bytes = high - low;
	return VL_OK;
}

/* Guest memory for [at, at + bytes) or NULL with the error noted. */
static uint8_t *place(struct loader *l, const struct igvm_header *h, uint64_t at, uint64_t bytes)
{
	uint8_t *to = vl_range_ok(at, bytes) ? l->ops->memory(l->load->context, gpa(at), bytes) : NULL;

	if (!to)
		fail(l, VL_E_NOSPACE, h->offset, "there is no guest memory where this header places data");
	return to;
}

static int placed(struct loader *l, const struct igvm_header *h, uint64_t at, uint64_t bytes, uint32_t flags)
{
	if (!l->ops->page_placed)
		return VL_OK;
	return failed_callback(l, h, l->ops->page_placed(l->load->context, gpa(at), bytes, flags),
		"the host refused a page");
}

static int load_page(struct loader *l, const struct igvm_header *h)
{
	uint64_t at = igvm_relocated(&l->move, h->page.gpa);
	const uint8_t *from;
	uint8_t *to;
	size_t bytes;

	if (h->page.type != IGVM_PAGE_NORMAL)
		return fail(l, VL_E_UNSUPPORTED, h->offset, "PAGE_DATA: this host has no such data_type");
	from = igvm_page_bytes(l->file, &h->page, &bytes);
	to = place(l, h, at, bytes);
	if (!to)
		return VL_E_NOSPACE;
	if (from)
		memcpy(to, from, bytes);
	else
		memset(to, 0, bytes);
	return placed(l, h, at, bytes, h->page.flags);
}

static int fill_parameter(struct loader *l, const struct igvm_header *h, const struct igvm_area *area,
	uint8_t *to)
{
	uint32_t at = h->parameter.byte_offset;

	if (!l->ops->parameter)
		return fail(l, VL_E_UNSUPPORTED, h->offset, "this host fills no parameters");
	return failed_callback(l, h, l->ops->parameter(l->load->context, h->type, to + at,
		(size_t)area->bytes - at), "the host could not fill this parameter");
}

/*
 * Everything that concerns one area stands before its insertion, in any
 * distance: one more walk up to there finds its size, contents and parameters.
 */
static int load_insert(struct loader *l, const struct igvm_header *insert)
{
	uint64_t at = igvm_relocated(&l->move, insert->insert.gpa);
	struct igvm_area area = { 0 };
	struct igvm_cursor cursor;
	struct igvm_header h;
	uint8_t *to = NULL;
	int err = VL_OK;

	igvm_first(&cursor, l->file);
	while (!err && igvm_next(&cursor, &h, l->error) > 0 && h.offset < insert->offset) {
		if (h.type == IGVM_PARAMETER_AREA && h.area.index == insert->insert.area) {
			area = h.area;
			to = place(l, insert, at, area.bytes);
			if (!to)
				return VL_E_NOSPACE;
			if (area.file_offset)
				memcpy(to, l->file->data + area.file_offset, (size_t)area.bytes);
			else
				memset(to, 0, (size_t)area.bytes);
		} else if (to && igvm_is_parameter(h.type) && h.parameter.area == area.index) {
			err = fill_parameter(l, &h, &area, to);
		}
	}
	return err ? err : placed(l, insert, at, area.bytes, IGVM_PAGE_UNMEASURED);
}

static int load_required(struct loader *l, const struct igvm_header *h)
{
	uint64_t at = igvm_relocated(&l->move, h->required.gpa);

	if (!l->ops->required)
		return VL_OK;
	return failed_callback(l, h, l->ops->required(l->load->context, gpa(at), h->required.bytes,
		h->required.flags & IGVM_REQUIRED_VTL2_PROTECTABLE),
		"REQUIRED_MEMORY: the host does not have this memory");
}

static int load_vp_context(struct loader *l, const struct igvm_header *h)
{
	int count = igvm_vsm_register_count(l->file, &h->vp_context);
	struct igvm_register reg;
	int err = VL_OK;

	if (!l->ops->vp_register)
		return fail(l, VL_E_UNSUPPORTED, h->offset, "VP_CONTEXT: this host sets no registers");
	for (int i = 0; !err && i < count; i++) {
		igvm_vsm_register(l->file, &h->vp_context, (unsigned)i, &reg);
		igvm_relocate_register(&l->move, h->vp_context.vp_index, &reg);
		err = l->ops->vp_register(l->load->context, h->vp_context.vp_index, &reg);
	}
	return count < 0 ? count : failed_callback(l, h, err, "VP_CONTEXT: the host refused a register");
}

static int load_error_range(struct loader *l, const struct igvm_header *h)
{
	return placed(l, h, igvm_relocated(&l->move, h->error_range.gpa), h->error_range.bytes,
		IGVM_PAGE_SHARED | IGVM_PAGE_UNMEASURED);
}

static int load_header(struct loader *l, const struct igvm_header *h)
{
	if (!h->known || !(igvm_header_mask(h) & l->load->mask))
		return VL_OK;
	switch (h->type) {
	case IGVM_PAGE_DATA: return load_page(l, h);
	case IGVM_PARAMETER_INSERT: return load_insert(l, h);
	case IGVM_REQUIRED_MEMORY: return load_required(l, h);
	case IGVM_VP_CONTEXT: return load_vp_context(l, h);
	case IGVM_ERROR_RANGE: return load_error_range(l, h);
	default: return VL_OK; /* nothing to place: declarations, parameters, measurements */
	}
}

/* Only VSM_ISOLATION: its VP context is a register list, which load_vp_context reads. */
static int check_platform(struct loader *l)
{
	struct igvm_platform platform;

	if (l->file->arch != igvm_arch.number)
		return fail(l, VL_E_ARCH, 24, "the image is for another architecture than this host");
	if (igvm_find_platform(l->file, IGVM_PLATFORM_VSM_ISOLATION, &platform) ||
	    platform.mask != l->load->mask)
		return fail(l, VL_E_UNSUPPORTED, l->file->headers_offset,
			"the loader serves only the platform VSM_ISOLATION");
	return VL_OK;
}

int igvm_load(const struct igvm_file *file, const struct igvm_load *load, struct igvm_error *error)
{
	struct igvm_error unwanted;
	struct loader l = { .file = file, .load = load, .ops = load->ops,
		.error = error ? error : &unwanted };
	struct igvm_cursor cursor;
	struct igvm_header h;
	int more, err;

	error = l.error;
	err = igvm_check(file, error);
	if (!err)
		err = check_platform(&l);
	if (!err)
		err = igvm_plan_relocation(&l.move, file, load->mask, load->delta, error);
	if (err)
		return err;
	igvm_first(&cursor, file);
	while (!err && (more = igvm_next(&cursor, &h, error)) != 0)
		err = more < 0 ? more : load_header(&l, &h);
	return err ? err : igvm_relocate_page_tables(&l.move, load, error);
}
