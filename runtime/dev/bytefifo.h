/*
 * The byte FIFO of the UART models: a small ring that never allocates, with
 * its state fields. The capacity is chosen at init (FIFO mode on or off).
 */
#ifndef VL_DEV_BYTEFIFO_H
#define VL_DEV_BYTEFIFO_H

#include "common/state/state.h"

#define BYTEFIFO_MAX 32

struct bytefifo {
	uint8_t data[BYTEFIFO_MAX];
	uint8_t head, count; /* head < BYTEFIFO_MAX, count <= BYTEFIFO_MAX */
};

void bytefifo_clear(struct bytefifo *f);
/* The caller has checked that count < BYTEFIFO_MAX. */
void bytefifo_push(struct bytefifo *f, uint8_t byte);
/* The oldest byte; 0 when empty. */
uint8_t bytefifo_pop(struct bytefifo *f);
/* A view of the oldest bytes that lie in one piece. */
const uint8_t *bytefifo_peek(const struct bytefifo *f, size_t *count);
void bytefifo_drop(struct bytefifo *f, size_t count);

/* One field with the queued bytes, oldest first; restoring more than `limit` is VL_E_RANGE. */
void bytefifo_save(const struct bytefifo *f, struct state_writer *w, uint32_t tag);
void bytefifo_restore(struct bytefifo *f, struct state_reader *r, uint32_t number, size_t limit);

#endif
