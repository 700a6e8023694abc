/*
 * Fuzzes everything that reads IGVM files: open, check, walk, measure and load
 * with relocation. The first byte of the input chooses by how much a loaded image
 * moves and whether the header is made right first, so that mutations get past
 * the checksum; the rest is the file.
 */
#include "common/base/crc32.h"
#include "common/base/err.h"
#include "common/igvm/load.h"
#include "common/igvm/measure.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define GUEST_BASE 0x8000000ull
#define GUEST_PAGES 128u
#define MEASURED_PAGES_MAX 256u /* a digest of many pages is slow and finds nothing new */

struct guest {
	uint64_t base;
	uint8_t ram[GUEST_PAGES * VL_PAGE_BYTES];
};

static uint8_t *guest_memory(void *context, gpa_t at, uint64_t bytes)
{
	struct guest *g = context;

	if (gpa_raw(at) < g->base || !vl_within(gpa_raw(at) - g->base, bytes, sizeof(g->ram)))
		return NULL;
	return g->ram + (gpa_raw(at) - g->base);
}

static int guest_parameter(void *context, uint32_t kind, uint8_t *out, size_t room)
{
	memset(out, 0x11, room);
	return 0;
}

static int guest_register(void *context, uint16_t vp_index, const struct igvm_register *reg)
{
	return 0;
}

/* Makes the fixed header right: magic, version, sizes, architecture, checksum. */
static void repair(uint8_t *file, size_t size)
{
	uint32_t header[8], version;

	if (size < sizeof(header))
		return;
	memcpy(header, file, sizeof(header));
	version = header[1] & 1 ? 1 : 2;
	header[0] = IGVM_MAGIC;
	header[1] = version;
	header[2] = version == 1 ? 24 : 32;
	if (header[3] > size - header[2])
		header[3] = (uint32_t)size - header[2];
	header[4] = (uint32_t)size;
	header[5] = 0;
	if (version == 2) {
		header[6] = igvm_arch.number;
		header[7] = VL_PAGE_BYTES;
	}
	memcpy(file, header, header[2]);
	header[5] = vl_crc32(vl_crc32(0, file, header[2]), file + header[2], header[3]);
	memcpy(file + 20, &header[5], 4);
}

/* The pages that a measurement would hash, as far as they are many for little input. */
static uint64_t pages_of(const struct igvm_file *file)
{
	struct igvm_cursor cursor;
	struct igvm_header h;
	uint64_t bytes = 0;

	igvm_first(&cursor, file);
	while (igvm_next(&cursor, &h, NULL) > 0) {
		if (h.type == IGVM_PARAMETER_AREA)
			bytes += h.area.bytes;
		else if (h.type == IGVM_ERROR_RANGE)
			bytes += h.error_range.bytes;
	}
	return bytes / VL_PAGE_BYTES;
}

static void measure(const struct igvm_file *file)
{
	uint8_t digest[48];

	if (pages_of(file) > MEASURED_PAGES_MAX)
		return;
	igvm_measure_vbs(file, 1, digest, NULL);
	igvm_measure_snp(file, 2, digest, NULL);
	igvm_measure_tdx(file, 4, digest, NULL);
}

static void load(const struct igvm_file *file, uint8_t choice)
{
	static const uint64_t deltas[] = { 0, 0x200000, 0x40000000, 0 - 0x400000ull, 0x3ff00000000, 0x10000,
		0, 0 };
	static const struct igvm_load_ops ops = { .memory = guest_memory, .parameter = guest_parameter,
		.vp_register = guest_register };
	static struct guest g;
	struct igvm_region region;
	struct igvm_error error;

	g.base = GUEST_BASE + deltas[choice & 7];
	memset(g.ram, 0, sizeof(g.ram));
	igvm_vtl2_region(file, 1, &region);
	igvm_load(file, &(struct igvm_load){ .mask = 1, .delta = deltas[choice & 7], .ops = &ops,
		.context = &g }, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct igvm_error error = { 0 };
	struct igvm_file file;
	uint8_t *copy;
	int err;

	if (size < 1)
		return 0;
	copy = malloc(size);
	if (!copy)
		return 0;
	memcpy(copy, data + 1, size - 1);
	if (data[0] & 0x80)
		repair(copy, size - 1);
	err = igvm_open(&file, copy, size - 1, &error);
	if (!err)
		err = igvm_check(&file, &error);
	if (!err) {
		measure(&file);
		load(&file, data[0]);
	} else if (error.code != err || error.offset > size || !error.what) {
		abort(); /* every refusal names its error and place */
	}
	free(copy);
	return 0;
}
