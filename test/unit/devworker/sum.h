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
};

extern const struct rig_kind sum_kind;

#endif
