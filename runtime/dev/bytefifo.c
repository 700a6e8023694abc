/* Byte ring of the UART models (bytefifo.h). */
#include "runtime/dev/bytefifo.h"
#include "common/base/err.h"

#include <string.h>

void bytefifo_clear(struct bytefifo *f)
{
	memset(f, 0, sizeof(*f));
}

void bytefifo_push(struct bytefifo *f, uint8_t byte)
{
	f->data[(f->head + f->count) % BYTEFIFO_MAX] = byte;
	f->count++;
}

uint8_t bytefifo_pop(struct bytefifo *f)
{
	uint8_t byte = f->data[f->head];

	if (f->count == 0)
		return 0;
	bytefifo_drop(f, 1);
	return byte;
}

const uint8_t *bytefifo_peek(const struct bytefifo *f, size_t *count)
{
	size_t to_end = BYTEFIFO_MAX - f->head;

	*count = f->count < to_end ? f->count : to_end;
	return f->data + f->head;
}

void bytefifo_drop(struct bytefifo *f, size_t count)
{
	f->head = (uint8_t)((f->head + count) % BYTEFIFO_MAX);
	f->count = (uint8_t)(f->count - count);
}

void bytefifo_save(const struct bytefifo *f, struct state_writer *w, uint32_t tag)
{
	uint8_t flat[BYTEFIFO_MAX];

	for (unsigned i = 0; i < f->count; i++)
		flat[i] = f->data[(f->head + i) % BYTEFIFO_MAX];
	state_put_bytes(w, tag, flat, f->count);
}

void bytefifo_restore(struct bytefifo *f, struct state_reader *r, uint32_t number, size_t limit)
{
	const uint8_t *data;
	size_t size;

	if (!state_get_view(r, number, &data, &size))
		return;
	if (size > limit || size > BYTEFIFO_MAX) {
		state_reader_fail(r, VL_E_RANGE);
		return;
	}
	bytefifo_clear(f);
	memcpy(f->data, data, size);
	f->count = (uint8_t)size;
}
