/*
 * What the profiler is given: the input's first byte chooses - a request, a result,
 * records of a ring (from which folded lines are then made), a table of names.
 */
#include "runtime/profiler/fold.h"
#include "runtime/profiler/profiler.h"
#include "runtime/profiler/sampler.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RING_BYTES 4096u
#define PIECE_BYTES 7 /* a table comes in pieces that end anywhere */

static struct stacks stacks;
static struct symbols names;
static struct symbol_table table;

static int take_line(void *context, const char *line, size_t size)
{
	/* A line is whole, and within its bound. */
	if (!size || size > FOLD_LINE_MAX || line[size - 1] != '\n')
		abort();
	return 0;
}

static void take_messages(const uint8_t *data, size_t size)
{
	struct profiler_request q = { 0 };
	struct profiler_result r = { 0 };

	memcpy(&q, data, size < sizeof(q) ? size : sizeof(q));
	memcpy(&r, data, size < sizeof(r) ? size : sizeof(r));
	profiler_request_check(&q, size);
	profiler_request_check(&q, sizeof(q));
	profiler_result_check(&r, size);
	profiler_result_check(&r, sizeof(r));
}

static void take_records(const uint8_t *data, size_t size)
{
	static uint8_t ring[RING_BYTES];
	struct profiler_request q = { .process_count = 1, .processes = { { 1, 0, 0x1000, "vallum" } } };
	struct sampler_trend trend = { .weight = 1 };
	uint64_t tail = size ? data[0] * 16u : 0;

	memset(&stacks, 0, sizeof(stacks));
	symbols_init(&names);
	memset(ring, 0, sizeof(ring));
	for (size_t i = 1; i < size && i < RING_BYTES; i++)
		ring[(tail + i - 1) % RING_BYTES] = data[i];
	sampler_records(ring, RING_BYTES, tail, tail + (size < RING_BYTES ? size : RING_BYTES), &trend,
		&stacks);
	sampler_judge(&trend);
	fold_want(&stacks, &q, &names);
	fold_write(&stacks, &q, &names, take_line, NULL);
}

static void take_table(const char *data, size_t size)
{
	int err = 0;

	symbols_init(&names);
	for (uint64_t i = 0; i < 64; i++)
		symbols_want(&names, 0, i * 0x111);
	symbols_sort(&names);
	symbols_table(&table, &names, 0);
	while (!err && size) {
		size_t piece = size < PIECE_BYTES ? size : PIECE_BYTES;

		err = symbols_feed(&table, data, piece);
		data += piece;
		size -= piece;
	}
	if (!err)
		symbols_end(&table);
	for (uint64_t i = 0; i < 64; i++)
		if (strlen(symbols_name(&names, 0, i * 0x111)) >= SYMBOL_NAME_MAX)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	switch (data[0] % 3) {
	case 0: take_messages(data + 1, size - 1); break;
	case 1: take_records(data + 1, size - 1); break;
	default: take_table((const char *)data + 1, size - 1);
	}
	return 0;
}
