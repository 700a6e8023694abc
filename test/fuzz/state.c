/*
 * Fuzzes the saved state reader: the bytes as a stream, and, so that the CRC
 * does not stop every mutation at the door, as what stands between a right
 * header and a right end record. A stream that opens must be walkable.
 */
#include "common/base/crc32.h"
#include "common/base/err.h"
#include "common/state/state.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_unit(struct state_reader *r)
{
	const uint8_t *view;
	uint8_t bytes[16];
	size_t size;
	uint64_t u64;
	uint32_t u32;
	uint8_t u8;
	bool b;

	for (uint32_t number = 0; number < 8; number++) {
		struct state_reader copy = *r;

		state_get_u64(&copy, number, &u64);
		copy.err = 0;
		state_get_u32(&copy, number, &u32);
		copy.err = 0;
		state_get_u8(&copy, number, &u8);
		copy.err = 0;
		state_get_bool(&copy, number, &b);
		copy.err = 0;
		state_get_bytes(&copy, number, bytes, sizeof(bytes));
		if (state_get_view(r, number, &view, &size))
			u32 = vl_crc32(0, view, size);
	}
	if (state_reader_finish(r) > 0)
		abort();
}

static void walk(const uint8_t *data, size_t size)
{
	struct state_stream s;
	struct state_reader r, found;
	size_t offset;
	int err = state_stream_open(&s, data, size, &offset);

	if (err) {
		if (offset > size || state_stream_next(&s, &r) != 0)
			abort();
		return;
	}
	while (state_stream_next(&s, &r) == 1) {
		if (state_stream_find(&s, r.name, &found) || found.data != r.data)
			abort();
		read_unit(&r);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t framed[1 << 16];
	struct state_writer w;
	int64_t end;

	walk(data, size);
	state_writer_init(&w, framed, sizeof(framed));
	vl_write_bytes(&w.w, data, size);
	end = state_writer_finish(&w);
	if (end > 0)
		walk(framed, (size_t)end);
	return 0;
}
