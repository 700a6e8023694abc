/* The ring of log records (log.h). Called by the server's loop alone. */
#include "runtime/diag/log.h"

#include <string.h>

#define SIZE_BYTES 2

static uint8_t *at(struct log *l, uint64_t position)
{
	return &l->ring[position % LOG_RING_BYTES];
}

static uint8_t get(const struct log *l, uint64_t position)
{
	return l->ring[position % LOG_RING_BYTES];
}

/* Of the record at `position`, its NUL included. */
static size_t size_of(const struct log *l, uint64_t position)
{
	return get(l, position) | (size_t)get(l, position + 1) << 8;
}

void log_add(struct log *l, const char *record, size_t size)
{
	if (size > DIAG_LINE_MAX - 1)
		size = DIAG_LINE_MAX - 1;
	while (l->next + SIZE_BYTES + size + 1 - l->first > LOG_RING_BYTES)
		l->first += SIZE_BYTES + size_of(l, l->first);
	*at(l, l->next++) = (uint8_t)(size + 1);
	*at(l, l->next++) = (uint8_t)((size + 1) >> 8);
	/* A NUL within would be the end of another record. */
	for (size_t i = 0; i < size; i++)
		*at(l, l->next++) = record[i] ? (uint8_t)record[i] : '?';
	*at(l, l->next++) = 0;
}

size_t log_read(const struct log *l, uint64_t *position, uint8_t *out, size_t room)
{
	size_t used = 0;

	if (*position < l->first)
		*position = l->first;
	while (*position < l->next) {
		size_t size = size_of(l, *position);

		if (used + size > room)
			break;
		for (size_t i = 0; i < size; i++)
			out[used++] = get(l, *position + SIZE_BYTES + i);
		*position += SIZE_BYTES + size;
	}
	return used;
}
