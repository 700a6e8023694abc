/* Holds a model to what it says in advance (struct dev_ahead): a read that is known gives what was told. */
#ifndef VL_TEST_AHEAD_H
#define VL_TEST_AHEAD_H

#include "common/device/device.h"

#include <string.h>

/* True, and *value, when the model says what this read will give. */
static inline bool ahead_told(const struct dev_model *m, const void *dev, unsigned region, uint64_t offset,
	unsigned size, uint64_t *value)
{
	struct dev_ahead a = { 0 };
	uint64_t at;

	m->ahead(dev, &a);
	at = a.fifo ? 0 : offset - a.offset;
	if (a.region != region || offset < a.offset || !vl_within(offset - a.offset, size, a.size) ||
	    !vl_within(at, size, a.bytes))
		return false;
	*value = 0;
	memcpy(value, a.data + at, size);
	return true;
}

#endif
