/*
 * Launch measurements of IGVM files (measure.h). One walk over the directives
 * names every page in the order in which a loader adds it; what a page adds to
 * the digest is a function per platform. The file has passed igvm_check.
 */
#include "common/igvm/measure.h"
#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/igvm/rules.h"

#include <bearssl.h>
#include <string.h>

#define PAGES_MAX (1u << 22) /* 16 GiB: no real image; bounds the time that a hostile one takes */

enum page_kind {
	PAGE_MEASURED, /* with contents */
	PAGE_UNMEASURED,
	PAGE_SECRETS,
	PAGE_CPUID,
	PAGE_VMSA, /* with contents */
	PAGE_ERROR_RANGE,
};

struct measurement {
	const struct igvm_file *file;
	uint32_t mask;
	struct igvm_error *error;
	unsigned pages_left;
	/* Adds one 4 KiB page; `contents` for the kinds that say so. */
	void (*add_page)(struct measurement *m, enum page_kind kind, uint64_t at, const uint8_t *contents);
	/* VP_CONTEXT, in file order: 0 or VL_E_UNSUPPORTED. */
	int (*add_context)(struct measurement *m, const struct igvm_vp_context *context);
	uint8_t digest[br_sha384_SIZE];
	br_sha384_context stream; /* TDX: one hash over all */
	struct igvm_vp_context context;
	bool has_context; /* VBS: measured last */
};

static const uint8_t zero_page[VL_PAGE_BYTES];

static void put_le(uint8_t *p, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		p[i] = (uint8_t)(value >> 8 * i);
}

/* --- The walk ------------------------------------------------------------------ */

static int add_pages(struct measurement *m, const struct igvm_header *h, enum page_kind kind, uint64_t at,
	uint64_t count)
{
	if (count > m->pages_left)
		return igvm_fail(m->error, VL_E_LIMIT, h->offset,
			"the file has more pages than can be measured");
	m->pages_left -= (unsigned)count;
	for (uint64_t i = 0; i < count; i++)
		m->add_page(m, kind, at + i * VL_PAGE_BYTES, NULL);
	return VL_OK;
}

static int add_page_data(struct measurement *m, const struct igvm_header *h)
{
	static const enum page_kind kinds[] = { [IGVM_PAGE_NORMAL] = PAGE_MEASURED,
		[IGVM_PAGE_SECRETS] = PAGE_SECRETS, [IGVM_PAGE_CPUID] = PAGE_CPUID,
		[IGVM_PAGE_CPUID_XF] = PAGE_CPUID };
	const struct igvm_page *p = &h->page;
	enum page_kind kind = kinds[p->type];
	const uint8_t *contents;
	size_t bytes;

	if (p->flags & IGVM_PAGE_SHARED)
		return VL_OK;
	if (p->flags & IGVM_PAGE_2MB)
		return igvm_fail(m->error, VL_E_UNSUPPORTED, h->offset,
			"PAGE_DATA: 2 MiB pages are not measured");
	if (kind == PAGE_MEASURED && p->flags & IGVM_PAGE_UNMEASURED)
		kind = PAGE_UNMEASURED;
	if (kind != PAGE_MEASURED)
		return add_pages(m, h, kind, p->gpa, 1);
	contents = igvm_page_bytes(m->file, p, &bytes);
	m->add_page(m, kind, p->gpa, contents ? contents : zero_page);
	return VL_OK;
}

static uint64_t area_bytes(const struct igvm_file *file, uint32_t index)
{
	struct igvm_cursor cursor;
	struct igvm_header h;

	igvm_first(&cursor, file);
	while (igvm_next(&cursor, &h, NULL) > 0)
		if (h.type == IGVM_PARAMETER_AREA && h.area.index == index)
			return h.area.bytes;
	return 0;
}

static int add_header(struct measurement *m, const struct igvm_header *h)
{
	switch (h->type) {
	case IGVM_PAGE_DATA:
		return add_page_data(m, h);
	case IGVM_PARAMETER_INSERT:
		return add_pages(m, h, PAGE_UNMEASURED, h->insert.gpa,
			area_bytes(m->file, h->insert.area) / VL_PAGE_BYTES);
	case IGVM_ERROR_RANGE:
		return add_pages(m, h, PAGE_ERROR_RANGE, h->error_range.gpa,
			h->error_range.bytes / VL_PAGE_BYTES);
	case IGVM_VP_CONTEXT:
		if (m->add_context(m, &h->vp_context))
			return igvm_fail(m->error, VL_E_UNSUPPORTED, h->offset,
				"VP_CONTEXT: the platform cannot measure it");
		return VL_OK;
	default:
		return VL_OK;
	}
}

static int walk(struct measurement *m)
{
	struct igvm_cursor cursor;
	struct igvm_header h;
	int more, err = VL_OK;

	m->pages_left = PAGES_MAX;
	igvm_first(&cursor, m->file);
	while (!err && (more = igvm_next(&cursor, &h, m->error)) != 0)
		if (more < 0)
			err = more;
		else if (h.known && igvm_header_mask(&h) & m->mask)
			err = add_header(m, &h);
	return err;
}

/* --- VBS ------------------------------------------------------------------------- */

#define VBS_PAGE_HEAD_BYTES 32u
#define VBS_REGISTER_BYTES 48u
#define VBS_CHUNK_REGISTER 0u
#define VBS_CHUNK_PAGE 2u
#define VBS_READABLE 1u
#define VBS_WRITABLE 2u
#define VBS_UNMEASURED 4u

/* digest = SHA-256(digest | head | body). */
static void vbs_chain(struct measurement *m, const uint8_t *head, size_t head_bytes, const uint8_t *body,
	size_t body_bytes)
{
	br_sha256_context hash;

	br_sha256_init(&hash);
	br_sha256_update(&hash, m->digest, br_sha256_SIZE);
	br_sha256_update(&hash, head, head_bytes);
	br_sha256_update(&hash, body, body_bytes);
	br_sha256_out(&hash, m->digest);
}

/* VBS_VM_BOOT_MEASUREMENT_CHUNK with a GPA page: {size, type, 0, metadata, page number}, contents. */
static void vbs_page(struct measurement *m, enum page_kind kind, uint64_t at, const uint8_t *contents)
{
	uint8_t head[VBS_PAGE_HEAD_BYTES] = { 0 };
	uint32_t metadata = kind == PAGE_MEASURED ? 0 : VBS_UNMEASURED;

	if (kind == PAGE_ERROR_RANGE)
		metadata |= VBS_READABLE | VBS_WRITABLE;
	put_le(head, VBS_PAGE_HEAD_BYTES + VL_PAGE_BYTES, 4);
	put_le(head + 4, VBS_CHUNK_PAGE, 4);
	put_le(head + 16, metadata, 8);
	put_le(head + 24, at / VL_PAGE_BYTES, 8);
	vbs_chain(m, head, sizeof(head), contents ? contents : zero_page, VL_PAGE_BYTES);
}

static int vbs_context(struct measurement *m, const struct igvm_vp_context *context)
{
	m->context = *context; /* igvm_check: at most one */
	m->has_context = true;
	return VL_OK;
}

/* The chunk with a VP register: {size, type, 0, 0 u32, vtl u8, 0[7], name u32, value[16]}. */
static void vbs_registers(struct measurement *m)
{
	int count = m->has_context ? igvm_vsm_register_count(m->file, &m->context) : 0;

	for (int i = 0; i < count; i++) {
		uint8_t chunk[VBS_REGISTER_BYTES] = { 0 };
		struct igvm_register reg;

		igvm_vsm_register(m->file, &m->context, (unsigned)i, &reg);
		put_le(chunk, VBS_REGISTER_BYTES, 4);
		put_le(chunk + 4, VBS_CHUNK_REGISTER, 4);
		chunk[20] = reg.vtl;
		put_le(chunk + 28, reg.name, 4);
		memcpy(chunk + 32, reg.value, sizeof(reg.value));
		vbs_chain(m, chunk, sizeof(chunk), NULL, 0);
	}
}

int igvm_measure_vbs(const struct igvm_file *file, uint32_t mask, uint8_t digest[IGVM_VBS_DIGEST_BYTES],
	struct igvm_error *error)
{
	struct measurement m = { .file = file, .mask = mask, .error = error,
		.add_page = vbs_page, .add_context = vbs_context };
	int err = walk(&m);

	vbs_registers(&m);
	memcpy(digest, m.digest, IGVM_VBS_DIGEST_BYTES);
	return err;
}

int igvm_vbs_measurement(const struct igvm_file *file, uint32_t mask, struct igvm_vbs_measurement *out)
{
	struct igvm_cursor cursor;
	struct igvm_header h;

	igvm_first(&cursor, file);
	while (igvm_next(&cursor, &h, NULL) > 0) {
		if (h.type == IGVM_VBS_MEASUREMENT && h.blob.mask & mask && h.length == sizeof(*out)) {
			memcpy(out, h.content, sizeof(*out));
			return VL_OK;
		}
	}
	return VL_E_NOTFOUND;
}

/* --- SEV-SNP ----------------------------------------------------------------------- */

#define SNP_PAGE_INFO_BYTES 0x70u

/* PAGE_INFO: digest[48], contents[48], length u16, type u8, imi u8, vmpl permissions u32, gpa u64. */
static void snp_page(struct measurement *m, enum page_kind kind, uint64_t at, const uint8_t *contents)
{
	static const uint8_t types[] = { [PAGE_MEASURED] = 1, [PAGE_VMSA] = 2, [PAGE_UNMEASURED] = 4,
		[PAGE_SECRETS] = 5, [PAGE_CPUID] = 6 };
	uint8_t info[SNP_PAGE_INFO_BYTES] = { 0 };
	br_sha384_context hash;

	if (kind == PAGE_ERROR_RANGE)
		return; /* shared, not part of the launch */
	memcpy(info, m->digest, br_sha384_SIZE);
	if (contents) {
		br_sha384_init(&hash);
		br_sha384_update(&hash, contents, VL_PAGE_BYTES);
		br_sha384_out(&hash, info + 48);
	}
	put_le(info + 96, SNP_PAGE_INFO_BYTES, 2);
	info[98] = types[kind];
	put_le(info + 104, at, 8);
	br_sha384_init(&hash);
	br_sha384_update(&hash, info, sizeof(info));
	br_sha384_out(&hash, m->digest);
}

static int snp_context(struct measurement *m, const struct igvm_vp_context *context)
{
	snp_page(m, PAGE_VMSA, context->gpa, m->file->data + context->file_offset);
	return VL_OK;
}

int igvm_measure_snp(const struct igvm_file *file, uint32_t mask, uint8_t digest[IGVM_SNP_DIGEST_BYTES],
	struct igvm_error *error)
{
	struct measurement m = { .file = file, .mask = mask, .error = error,
		.add_page = snp_page, .add_context = snp_context };
	int err = walk(&m);

	memcpy(digest, m.digest, IGVM_SNP_DIGEST_BYTES);
	return err;
}

/* --- TDX ----------------------------------------------------------------------------- */

#define TDX_RECORD_BYTES 128u
#define TDX_CHUNK_BYTES 256u

/* {operation[16], gpa u64, 0[104]} */
static void tdx_record(struct measurement *m, const char *operation, uint64_t at)
{
	uint8_t record[TDX_RECORD_BYTES] = { 0 };

	memcpy(record, operation, strlen(operation));
	put_le(record + 16, at, 8);
	br_sha384_update(&m->stream, record, sizeof(record));
}

static void tdx_page(struct measurement *m, enum page_kind kind, uint64_t at, const uint8_t *contents)
{
	if (kind == PAGE_ERROR_RANGE)
		return;
	tdx_record(m, "MEM.PAGE.ADD", at);
	for (size_t i = 0; contents && i < VL_PAGE_BYTES; i += TDX_CHUNK_BYTES) {
		tdx_record(m, "MR.EXTEND", at + i);
		br_sha384_update(&m->stream, contents + i, TDX_CHUNK_BYTES);
	}
}

static int tdx_context(struct measurement *m, const struct igvm_vp_context *context)
{
	(void)m;
	(void)context;
	return VL_E_UNSUPPORTED; /* VPs begin at the reset vector */
}

int igvm_measure_tdx(const struct igvm_file *file, uint32_t mask, uint8_t digest[IGVM_TDX_DIGEST_BYTES],
	struct igvm_error *error)
{
	struct measurement m = { .file = file, .mask = mask, .error = error,
		.add_page = tdx_page, .add_context = tdx_context };
	int err;

	br_sha384_init(&m.stream);
	err = walk(&m);
	br_sha384_out(&m.stream, digest);
	return err;
}
