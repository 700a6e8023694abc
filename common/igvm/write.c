/*
 * Writing IGVM files (write.h). While the headers grow nobody knows where the
 * file data will begin, so a file_offset field holds its offset in the data plus
 * one (0 stays "none") until igvm_write_finish turns it into the final one.
 */
#include "common/igvm/write.h"
#include "common/base/crc32.h"
#include "common/base/err.h"
#include "common/igvm/rules.h"

#include <string.h>

void igvm_write_start(struct igvm_writer *w, void *headers, size_t headers_size, void *data, size_t data_size,
	uint32_t *slots, size_t slot_count)
{
	vl_writer_init(&w->headers, headers, headers_size);
	vl_writer_init(&w->data, data, data_size);
	memset(slots, 0, slot_count * sizeof(*slots));
	w->slots = slots;
	w->slot_count = slot_count;
	w->slots_used = 0;
}

static void begin(struct igvm_writer *w, uint32_t type, uint32_t length)
{
	vl_write_le32(&w->headers, type);
	vl_write_le32(&w->headers, length);
}

static void end(struct igvm_writer *w)
{
	vl_write_zeros(&w->headers, (0 - w->headers.pos) & 7);
}

/* --- File data ----------------------------------------------------------------- */

/* Appends `bytes` of data; returns the interim file_offset. */
static uint32_t add_data(struct igvm_writer *w, const void *data, size_t bytes)
{
	size_t at = w->data.pos;

	if (at > UINT32_MAX - 1 - bytes && !w->data.err)
		w->data.err = VL_E_OVERFLOW;
	vl_write_bytes(&w->data, data, bytes);
	return w->data.err ? 0 : (uint32_t)at + 1;
}

static bool is_zero(const uint8_t *page)
{
	return page[0] == 0 && !memcmp(page, page + 1, VL_PAGE_BYTES - 1);
}

/* The interim file_offset of a page with this content, added when it is new. */
static uint32_t add_page(struct igvm_writer *w, const uint8_t *page)
{
	size_t i;

	if (is_zero(page))
		return 0;
	if (w->slots_used + 1 >= w->slot_count) { /* one slot stays free, it ends the search */
		w->data.err = w->data.err ? w->data.err : VL_E_NOSPACE;
		return 0;
	}
	for (i = vl_crc32(0, page, VL_PAGE_BYTES) % w->slot_count; w->slots[i]; i = (i + 1) % w->slot_count)
		if (!memcmp(w->data.data + w->slots[i] - 1, page, VL_PAGE_BYTES))
			return w->slots[i];
	w->slots[i] = add_data(w, page, VL_PAGE_BYTES);
	w->slots_used++;
	return w->slots[i];
}

/* --- Headers --------------------------------------------------------------------- */

void igvm_write_platform(struct igvm_writer *w, const struct igvm_platform *p)
{
	begin(w, IGVM_SUPPORTED_PLATFORM, 16);
	vl_write_le32(&w->headers, p->mask);
	vl_write_u8(&w->headers, p->highest_vtl);
	vl_write_u8(&w->headers, p->type);
	vl_write_le16(&w->headers, p->version);
	vl_write_le64(&w->headers, p->shared_gpa_boundary);
	end(w);
}

void igvm_write_policy(struct igvm_writer *w, uint64_t policy, uint32_t mask)
{
	begin(w, IGVM_GUEST_POLICY, 16);
	vl_write_le64(&w->headers, policy);
	vl_write_le32(&w->headers, mask);
	vl_write_le32(&w->headers, 0);
	end(w);
}

void igvm_write_relocatable(struct igvm_writer *w, const struct igvm_relocatable *p)
{
	begin(w, IGVM_RELOCATABLE_REGION, 48);
	vl_write_le32(&w->headers, p->mask);
	vl_write_le16(&w->headers, p->vp_index);
	vl_write_u8(&w->headers, p->vtl);
	vl_write_u8(&w->headers, p->flags);
	vl_write_le64(&w->headers, p->alignment);
	vl_write_le64(&w->headers, p->gpa);
	vl_write_le64(&w->headers, p->bytes);
	vl_write_le64(&w->headers, p->minimum);
	vl_write_le64(&w->headers, p->maximum);
	end(w);
}

void igvm_write_page_table_region(struct igvm_writer *w, const struct igvm_page_table_region *p)
{
	begin(w, IGVM_PAGE_TABLE_RELOCATION, 32);
	vl_write_le32(&w->headers, p->mask);
	vl_write_le16(&w->headers, p->vp_index);
	vl_write_u8(&w->headers, p->vtl);
	vl_write_u8(&w->headers, 0);
	vl_write_le64(&w->headers, p->gpa);
	vl_write_le64(&w->headers, p->bytes);
	vl_write_le64(&w->headers, p->used_bytes);
	end(w);
}

void igvm_write_area(struct igvm_writer *w, uint32_t index, uint64_t bytes, const void *initial)
{
	begin(w, IGVM_PARAMETER_AREA, 16);
	vl_write_le64(&w->headers, bytes);
	vl_write_le32(&w->headers, index);
	vl_write_le32(&w->headers, initial ? add_data(w, initial, bytes) : 0);
	end(w);
}

void igvm_write_parameter(struct igvm_writer *w, uint32_t type, uint32_t area, uint32_t byte_offset)
{
	begin(w, type, 8);
	vl_write_le32(&w->headers, area);
	vl_write_le32(&w->headers, byte_offset);
	end(w);
}

void igvm_write_insert(struct igvm_writer *w, uint64_t at, uint32_t mask, uint32_t area)
{
	begin(w, IGVM_PARAMETER_INSERT, 16);
	vl_write_le64(&w->headers, at);
	vl_write_le32(&w->headers, mask);
	vl_write_le32(&w->headers, area);
	end(w);
}

void igvm_write_page(struct igvm_writer *w, uint64_t at, uint32_t mask, uint32_t flags, uint16_t type,
	const void *data, size_t bytes)
{
	uint8_t page[VL_PAGE_BYTES] = { 0 };

	memcpy(page, data, bytes < sizeof(page) ? bytes : sizeof(page));
	begin(w, IGVM_PAGE_DATA, 24);
	vl_write_le64(&w->headers, at);
	vl_write_le32(&w->headers, mask);
	vl_write_le32(&w->headers, add_page(w, page));
	vl_write_le32(&w->headers, flags);
	vl_write_le16(&w->headers, type);
	vl_write_le16(&w->headers, 0);
	end(w);
}

void igvm_write_required(struct igvm_writer *w, uint64_t at, uint32_t mask, uint32_t bytes, uint32_t flags)
{
	begin(w, IGVM_REQUIRED_MEMORY, 24);
	vl_write_le64(&w->headers, at);
	vl_write_le32(&w->headers, mask);
	vl_write_le32(&w->headers, bytes);
	vl_write_le32(&w->headers, flags);
	vl_write_le32(&w->headers, 0);
	end(w);
}

void igvm_write_error_range(struct igvm_writer *w, uint64_t at, uint32_t mask, uint32_t bytes)
{
	begin(w, IGVM_ERROR_RANGE, 16);
	vl_write_le64(&w->headers, at);
	vl_write_le32(&w->headers, mask);
	vl_write_le32(&w->headers, bytes);
	end(w);
}

static void write_context(struct igvm_writer *w, uint64_t at, uint32_t mask, uint16_t vp_index, uint32_t data)
{
	begin(w, IGVM_VP_CONTEXT, 20);
	vl_write_le64(&w->headers, at);
	vl_write_le32(&w->headers, mask);
	vl_write_le32(&w->headers, data);
	vl_write_le16(&w->headers, vp_index);
	vl_write_le16(&w->headers, 0);
	end(w);
}

void igvm_write_vsm_context(struct igvm_writer *w, uint32_t mask, const struct igvm_register *regs,
	unsigned count)
{
	le32 head = cpu_to_le32(count);
	uint32_t data = add_data(w, &head, sizeof(head));

	for (unsigned i = 0; i < count; i++) {
		vl_write_u8(&w->data, regs[i].vtl);
		vl_write_le32(&w->data, regs[i].name);
		vl_write_zeros(&w->data, 11);
		vl_write_bytes(&w->data, regs[i].value, sizeof(regs[i].value));
	}
	write_context(w, 0, mask, 0, data);
}

void igvm_write_context_page(struct igvm_writer *w, uint64_t at, uint32_t mask, uint16_t vp_index,
	const uint8_t page[VL_PAGE_BYTES])
{
	write_context(w, at, mask, vp_index, add_data(w, page, VL_PAGE_BYTES));
}

void igvm_write_raw(struct igvm_writer *w, uint32_t type, const void *content, uint32_t length)
{
	begin(w, type, length);
	vl_write_bytes(&w->headers, content, length);
	end(w);
}

/* --- The file ----------------------------------------------------------------------- */

static uint32_t get_le32(const uint8_t *p)
{
	le32 v;

	memcpy(&v, p, sizeof(v));
	return le32_to_cpu(v);
}

static void put_le32(uint8_t *p, uint32_t value)
{
	le32 v = cpu_to_le32(value);

	memcpy(p, &v, sizeof(v));
}

/* Place of the file_offset field in a header's content, or 0 when it has none. */
static size_t file_offset_field(uint32_t type)
{
	switch (type) {
	case IGVM_PARAMETER_AREA:
	case IGVM_PAGE_DATA:
	case IGVM_VP_CONTEXT: return 12;
	case IGVM_CORIM_DOCUMENT:
	case IGVM_CORIM_SIGNATURE: return 4;
	default: return 0;
	}
}

/* Turns the interim offsets in headers[0, size), which we wrote, into final ones. */
static void finish_offsets(uint8_t *headers, size_t size, uint32_t data_start)
{
	for (size_t pos = 0; pos < size; pos += (size_t)vl_align_up(8 + get_le32(headers + pos + 4), 8)) {
		size_t field = file_offset_field(get_le32(headers + pos));
		uint8_t *p = headers + pos + 8 + field;

		if (field && get_le32(p))
			put_le32(p, get_le32(p) - 1 + data_start);
	}
}

static void write_fixed(struct vl_writer *out, uint32_t version, uint32_t arch, uint32_t fixed_bytes,
	uint32_t headers_bytes, uint32_t total)
{
	vl_write_le32(out, IGVM_MAGIC);
	vl_write_le32(out, version);
	vl_write_le32(out, fixed_bytes);
	vl_write_le32(out, headers_bytes);
	vl_write_le32(out, total);
	vl_write_le32(out, 0); /* the checksum, over this with 0 in its place */
	if (version == 1)
		return;
	vl_write_le32(out, arch);
	vl_write_le32(out, VL_PAGE_BYTES);
}

int igvm_write_finish(struct igvm_writer *w, uint32_t version, uint32_t arch, void *out, size_t size,
	size_t *written, struct igvm_error *error)
{
	uint32_t fixed_bytes = version == 1 ? IGVM_FIXED_V1_BYTES : IGVM_FIXED_V2_BYTES;
	uint64_t head_bytes = fixed_bytes + (uint64_t)w->headers.pos, total = head_bytes + w->data.pos;
	struct igvm_file file;
	struct vl_writer o;
	int err = w->headers.err ? w->headers.err : w->data.err;

	if (err || total > UINT32_MAX)
		return igvm_fail(error, err ? err : VL_E_OVERFLOW, 0, "the file does not fit its buffers");
	if (version == 1 && arch != IGVM_VERSION_1_ARCH)
		return igvm_fail(error, VL_E_ARCH, 0, "format version 1 knows only one architecture");
	vl_writer_init(&o, out, size);
	write_fixed(&o, version, arch, fixed_bytes, (uint32_t)w->headers.pos, (uint32_t)total);
	vl_write_bytes(&o, w->headers.data, w->headers.pos);
	vl_write_bytes(&o, w->data.data, w->data.pos);
	if (o.err)
		return igvm_fail(error, o.err, 0, "the file does not fit its buffers");
	finish_offsets(o.data + fixed_bytes, w->headers.pos, (uint32_t)head_bytes);
	put_le32(o.data + 20, vl_crc32(0, out, head_bytes));
	*written = (size_t)total;
	err = igvm_open(&file, out, *written, error);
	return err ? err : igvm_check(&file, error);
}
