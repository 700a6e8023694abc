/*
 * Messages of the diagnostics protocol byte for byte as the reference
 * implementation's own encoder writes them (test/golden/diag). The files are
 * facts of another program's format: a test that does not give them is wrong,
 * never the file.
 */
#ifndef VL_TEST_GOLDEN_FILE_H
#define VL_TEST_GOLDEN_FILE_H

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline size_t golden_read(const char *name, uint8_t *out, size_t room)
{
	const char *folder = getenv("VL_TEST_DIR");
	char path[512];
	size_t size;
	FILE *file;

	ck_assert_msg(folder != NULL, "VL_TEST_DIR does not say where the tests' files are");
	snprintf(path, sizeof(path), "%s/golden/diag/%s", folder, name);
	file = fopen(path, "rb");
	ck_assert_msg(file != NULL, "%s is missing", path);
	size = fread(out, 1, room, file);
	fclose(file);
	ck_assert_uint_gt(size, 0);
	ck_assert_uint_lt(size, room);
	return size;
}

static inline void golden_is(const char *name, const void *data, size_t size)
{
	uint8_t bytes[4096];

	ck_assert_uint_eq(golden_read(name, bytes, sizeof(bytes)), size);
	ck_assert_mem_eq(bytes, data, size);
}

#endif
