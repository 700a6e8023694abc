/* The IGVM files that the tests of common/igvm read and break (sample.h). */
#include "test/unit/igvm/sample.h"
#include "common/base/crc32.h"
#include "common/base/err.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM (1u << 20)
#define SLOTS 1024u

void sample_start(struct sample *s)
{
	s->headers = malloc(ROOM);
	s->data = malloc(ROOM);
	s->slots = malloc(SLOTS * sizeof(*s->slots));
	s->bytes = NULL;
	s->size = 0;
	ck_assert(s->headers && s->data && s->slots);
	igvm_write_start(&s->w, s->headers, ROOM, s->data, ROOM, s->slots, SLOTS);
}

void sample_finish(struct sample *s, uint32_t version, uint32_t arch)
{
	struct igvm_error error = { 0 };
	uint8_t *out = malloc(3 * ROOM);

	ck_assert(out != NULL);
	ck_assert_msg(!igvm_write_finish(&s->w, version, arch, out, 3 * ROOM, &s->size, &error),
		"%s at 0x%zx", error.what, error.offset);
	/* of its exact size, so that the address sanitizer sees a read behind it */
	s->bytes = malloc(s->size);
	ck_assert(s->bytes != NULL);
	memcpy(s->bytes, out, s->size);
	free(out);
}

void sample_free(struct sample *s)
{
	free(s->headers);
	free(s->data);
	free(s->slots);
	free(s->bytes);
}

static void add_vsm_context(struct sample *s)
{
	struct igvm_register regs[2] = { { .vtl = 2, .name = 0x20010 }, { .vtl = 2, .name = 0x40002 } };

	regs[0].value[3] = 8;
	regs[1].value[3] = 9;
	igvm_write_vsm_context(&s->w, SAMPLE_VSM, regs, 2);
}

static void add_relocation(struct sample *s)
{
	igvm_write_relocatable(&s->w, &(struct igvm_relocatable){ .mask = SAMPLE_VSM, .vtl = 2, .flags = 3,
		.alignment = 0x200000, .gpa = SAMPLE_BASE, .bytes = 0x200000, .minimum = 0x200000,
		.maximum = 1ull << 40 });
	igvm_write_page_table_region(&s->w, &(struct igvm_page_table_region){ .mask = SAMPLE_VSM, .vtl = 2,
		.gpa = SAMPLE_BASE + 0x1000000, .bytes = 0x4000, .used_bytes = 0x1000 });
}

static void add_directives(struct sample *s, const uint32_t *parameters, unsigned count)
{
	uint8_t page[VL_PAGE_BYTES];

	igvm_write_required(&s->w, SAMPLE_BASE, SAMPLE_VSM, 0x2000000, IGVM_REQUIRED_VTL2_PROTECTABLE);
	for (unsigned i = 0; i < 4; i++) {
		memset(page, (int)i, sizeof(page)); /* page 0 is one of zeroes */
		igvm_write_page(&s->w, SAMPLE_BASE + i * VL_PAGE_BYTES, SAMPLE_VSM | SAMPLE_SNP, 0,
			IGVM_PAGE_NORMAL, page, sizeof(page));
	}
	igvm_write_area(&s->w, 7, 0x2000, NULL);
	for (unsigned i = 0; i < count; i++)
		igvm_write_parameter(&s->w, parameters[i], 7, i * 0x100);
	igvm_write_insert(&s->w, SAMPLE_BASE + 0x10000, SAMPLE_VSM, 7);
	memset(page, 0x55, sizeof(page));
	igvm_write_area(&s->w, 8, 0x1000, page);
	igvm_write_insert(&s->w, SAMPLE_BASE + 0x20000, SAMPLE_VSM, 8);
	igvm_write_error_range(&s->w, 0x1000, SAMPLE_SNP, 0x1000);
	add_vsm_context(s);
}

static void add_platform(struct sample *s, uint32_t mask, uint8_t type, uint8_t vtl)
{
	igvm_write_platform(&s->w, &(struct igvm_platform){ .mask = mask, .type = type, .highest_vtl = vtl,
		.version = 1 });
}

static void add_corim(struct sample *s, uint32_t type)
{
	/* {mask, file_offset, size, zero}; the interim offset of the data's start is 1 */
	le32 corim[4] = { cpu_to_le32(SAMPLE_SNP), cpu_to_le32(1), cpu_to_le32(100), cpu_to_le32(0) };

	igvm_write_raw(&s->w, type, corim, sizeof(corim));
}

void sample_x64(struct sample *s)
{
	static const uint32_t parameters[] = { IGVM_VP_COUNT, IGVM_SRAT, IGVM_MADT, IGVM_MMIO_RANGES,
		IGVM_MEMORY_MAP, IGVM_COMMAND_LINE, IGVM_SLIT, IGVM_PPTT, IGVM_DEVICE_TREE,
		IGVM_ENVIRONMENT_INFO };
	uint8_t blob[864] = { SAMPLE_SNP }, page[VL_PAGE_BYTES] = { 1 };

	sample_start(s);
	add_platform(s, SAMPLE_VSM, IGVM_PLATFORM_VSM_ISOLATION, 2);
	add_platform(s, SAMPLE_SNP, IGVM_PLATFORM_SEV_SNP, 2);
	add_platform(s, SAMPLE_TDX, IGVM_PLATFORM_TDX, 2);
	igvm_write_policy(&s->w, 0x30000, SAMPLE_SNP);
	add_relocation(s);
	add_corim(s, IGVM_CORIM_DOCUMENT);
	add_corim(s, IGVM_CORIM_SIGNATURE);
	igvm_write_raw(&s->w, IGVM_OPTIONAL | 0x1ff, blob, 5);
	add_directives(s, parameters, VL_ARRAY_COUNT(parameters));
	igvm_write_context_page(&s->w, 0x5000, SAMPLE_SNP, 0, page);
	igvm_write_raw(&s->w, IGVM_SNP_ID_BLOCK, blob, 696);
	blob[0] = SAMPLE_VSM;
	igvm_write_raw(&s->w, IGVM_VBS_MEASUREMENT, blob, 864);
	sample_finish(s, 1, IGVM_ARCH_X64);
}

void sample_aarch64(struct sample *s)
{
	static const uint32_t parameters[] = { IGVM_DEVICE_TREE };
	uint8_t policy[32] = { SAMPLE_SNP, [8] = 1, [16] = 2, [24] = 2, [25] = 1 },
		page[VL_PAGE_BYTES] = { 1 };

	sample_start(s);
	add_platform(s, SAMPLE_VSM, IGVM_PLATFORM_VSM_ISOLATION, 2);
	add_platform(s, SAMPLE_SNP, IGVM_PLATFORM_CCA, 0);
	add_relocation(s);
	igvm_write_raw(&s->w, IGVM_CCA_POLICY, policy, sizeof(policy));
	add_directives(s, parameters, VL_ARRAY_COUNT(parameters));
	igvm_write_context_page(&s->w, 0, SAMPLE_SNP, 0, page);
	sample_finish(s, 2, IGVM_ARCH_AARCH64);
}

size_t sample_find(const struct sample *s, uint32_t type, unsigned n)
{
	struct igvm_cursor cursor;
	struct igvm_file file;
	struct igvm_header h;

	ck_assert_int_eq(igvm_open(&file, s->bytes, s->size, NULL), VL_OK);
	igvm_first(&cursor, &file);
	while (igvm_next(&cursor, &h, NULL) > 0)
		if (h.type == type && !n--)
			return h.offset;
	ck_abort_msg("the sample has no header 0x%x", type);
}

void sample_put(struct sample *s, size_t offset, unsigned width, uint64_t value)
{
	ck_assert(vl_within(offset, width, s->size));
	for (unsigned i = 0; i < width; i++)
		s->bytes[offset + i] = (uint8_t)(value >> 8 * i);
}

void sample_seal(struct sample *s)
{
	uint32_t start, size, version;

	memcpy(&version, s->bytes + 4, 4);
	memcpy(&start, s->bytes + 8, 4);
	memcpy(&size, s->bytes + 12, 4);
	if (!vl_within(start, size, s->size))
		return;
	sample_put(s, 20, 4, 0);
	sample_put(s, 20, 4, vl_crc32(vl_crc32(0, s->bytes, version == 2 ? 32 : 24), s->bytes + start, size));
}

int sample_check(const struct sample *s, struct igvm_error *error)
{
	struct igvm_file file;
	int err = igvm_open(&file, s->bytes, s->size, error);

	return err ? err : igvm_check(&file, error);
}

void sample_assert_hex(const uint8_t *bytes, size_t count, const char *hex)
{
	char text[2 * 64 + 1] = "";

	for (size_t i = 0; i < count; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	ck_assert_str_eq(text, hex);
}
