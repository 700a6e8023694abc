/*
 * A state file in memory, for fuzzers of what stands on one: define CAPACITY before. An access that the
 * caller promised not to make (outside the file, a write that is no whole sector) aborts.
 */
#ifndef TEST_FUZZ_MEMORY_DISK_H
#define TEST_FUZZ_MEMORY_DISK_H

#include "security/vmgs/vmgs.h"

#include <stdlib.h>
#include <string.h>

#define DISK_SECTOR 512u

static uint8_t disk[CAPACITY];

static int disk_read(void *ctx, uint64_t offset, void *out, size_t size)
{
	if (!vl_within(offset, size, CAPACITY))
		abort();
	memcpy(out, disk + offset, size);
	return 0;
}

static int disk_write(void *ctx, uint64_t offset, const void *data, size_t size)
{
	if (!vl_within(offset, size, CAPACITY) || offset % DISK_SECTOR || size % DISK_SECTOR)
		abort();
	memcpy(disk + offset, data, size);
	return 0;
}

static int disk_flush(void *ctx) { return 0; }

static int disk_random(void *ctx, void *out, size_t size)
{
	memset(out, 0x11, size);
	return 0;
}

static const struct vmgs_io io = { disk_read, disk_write, disk_flush, disk_random, NULL, CAPACITY,
	DISK_SECTOR };

#endif
