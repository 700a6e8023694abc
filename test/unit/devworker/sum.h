/*
 * A device for tests that uses all of its environment. Its value is the sum of
 * what was written to it, and every access is visible in it: done twice or not
 * at all, it is another one.
 */
#ifndef VL_TEST_SUM_H
#define VL_TEST_SUM_H

#include "test/unit/devworker/rig.h"

enum {
	SUM_VALUE,  /* write: adds, and drives line 0 by bit 0 of the sum; read: the sum */
	SUM_MEMORY, /* write: puts the sum, 8 bytes, at address `value`; read: adds what is at `offset` */
	SUM_FILL,   /* write: fills 1 KiB at guest address `value` with the sum's low byte */
	SUM_COPY,   /* write: copies 200000 bytes from guest address 0 to `value` */
	SUM_WINDOW, /* write: moves region SUM_VALUE to `value` of MMIO */
	SUM_PRINT,  /* write: sends the value's bytes */
	SUM_SIGNAL, /* write: a message with the sum, and timer 1 in a second */
	SUM_ERROR,  /* read: the last error of the memory or of the bus, negated */
	SUM_FLOOD,  /* write: as many messages as `value` says */
	SUM_POWER,  /* write: machine event `value` */
	SUM_OPEN,   /* write: enum sum_open, the window that is known in advance */
	SUM_QUEUE,  /* write: appends the value's bytes; read: takes them again */
	SUM_PAGE,   /* SUM_PAGE_BYTES of memory */
	SUM_TAKE,   /* write: adds all that is in the queue, and empties it */
};

enum sum_open { SUM_OPEN_NONE, SUM_OPEN_QUEUE, SUM_OPEN_PAGE };
#define SUM_QUEUE_BYTES 2048u
#define SUM_PAGE_BYTES 64u

extern const struct rig_kind sum_kind;

#endif
