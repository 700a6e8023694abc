/*
 * Golden files of saved state: what a released version wrote is restored for
 * ever after. File <name>-<n>.state holds the n-th format that this list of
 * devices was saved in; each was made by running `script` on fresh devices.
 *
 * When the format grows (a new field, a new unit), the newest file no longer
 * equals what is saved now: keep it, add one to `count`, and run the test once
 * with VL_GOLDEN_WRITE=1 to write the new file.
 */
#ifndef VL_TEST_GOLDEN_H
#define VL_TEST_GOLDEN_H

#include "common/base/err.h"
#include "common/device/units.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct golden {
	const char *name;  /* path below VL_TEST_DIR, without -<n>.state */
	unsigned count;    /* files: formats there have been */
	const struct dev_instance *devices;
	size_t device_count;
	void (*fresh)(void);  /* power-on state and a world at time 0 */
	void (*script)(void); /* leaves every unit in mid-use */
	void (*settle)(void); /* puts a fresh world's clocks where the script leaves them */
};

static inline size_t golden_save(const struct golden *g, uint8_t *buffer, size_t size)
{
	struct state_writer w;
	int64_t end;

	state_writer_init(&w, buffer, size);
	units_save(g->devices, g->device_count, &w);
	end = state_writer_finish(&w);
	ck_assert_int_gt(end, 0);
	return (size_t)end;
}

static inline FILE *golden_open(const struct golden *g, unsigned n, const char *mode)
{
	const char *folder = getenv("VL_TEST_DIR");
	char path[512];
	FILE *file;

	ck_assert_msg(folder != NULL, "VL_TEST_DIR does not say where the tests' files are");
	snprintf(path, sizeof(path), "%s/%s-%u.state", folder, g->name, n);
	file = fopen(path, mode);
	ck_assert_msg(file != NULL, "%s: golden.h says how to make it", path);
	return file;
}

static inline void golden_check(const struct golden *g)
{
	static uint8_t now[1 << 16], kept[1 << 16], again[1 << 16];
	size_t now_bytes, kept_bytes;
	struct state_stream s;
	FILE *file;

	g->fresh();
	g->script();
	now_bytes = golden_save(g, now, sizeof(now));
	if (getenv("VL_GOLDEN_WRITE")) {
		file = golden_open(g, g->count, "wb");
		ck_assert_uint_eq(fwrite(now, 1, now_bytes, file), now_bytes);
		fclose(file);
	}
	for (unsigned n = 1; n <= g->count; n++) {
		file = golden_open(g, n, "rb");
		kept_bytes = fread(kept, 1, sizeof(kept), file);
		fclose(file);
		g->fresh();
		g->settle();
		ck_assert_int_eq(state_stream_open(&s, kept, kept_bytes, NULL), VL_OK);
		ck_assert_int_eq(units_restore(g->devices, g->device_count, &s, NULL), VL_OK);
		if (n < g->count)
			continue;
		ck_assert_msg(kept_bytes == now_bytes && memcmp(kept, now, now_bytes) == 0,
			      "%s: the saved format has changed; golden.h says what to do", g->name);
		ck_assert_uint_eq(golden_save(g, again, sizeof(again)), now_bytes);
		ck_assert_mem_eq(again, now, now_bytes);
	}
}

#endif
