/*
 * Proves for any device model that saving in mid-use and restoring into a
 * fresh instance keeps its behaviour: a random script of accesses, time and
 * input runs on one device; at a random point it is saved and restored into a
 * second one; from there the script runs on both, and every value read and
 * every effect must be the same. fake_env.h holds the world.
 */
#ifndef VL_TEST_TWIN_H
#define VL_TEST_TWIN_H

#include "common/device/units.h"
#include "test/unit/dev/fake_env.h"

#include <check.h>
#include <stdio.h>

struct twin_kind {
	const struct dev_model *model;
	size_t dev_bytes;
	void (*init)(void *dev, struct dev_env *env);
	const struct dev_region *regions;
	unsigned region_count;
	/* A script step of its own, with a random number; may be NULL. */
	void (*poke)(void *dev, struct fake_env *f, uint64_t random);
	/* Makes a written value likely to mean something; may be NULL. */
	uint64_t (*shape)(unsigned region, uint64_t offset, uint64_t random);
	size_t ram_bytes;
};

struct twin {
	struct fake_env f;
	struct dev_instance device;
	struct bus bus;
	uint8_t *ram;
};

static inline uint64_t twin_random(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15ull; /* splitmix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static inline void twin_open(struct twin *t, const struct twin_kind *k)
{
	memset(t, 0, sizeof(*t));
	t->device = (struct dev_instance){ "twin", k->model, calloc(1, k->dev_bytes) };
	fake_env_init(&t->f, &t->device);
	bus_init(&t->bus);
	t->f.bus = &t->bus;
	t->ram = calloc(1, k->ram_bytes + 1);
	t->f.ram = t->ram;
	t->f.ram_bytes = k->ram_bytes;
	k->init(t->device.dev, &t->f.env);
	ck_assert_int_eq(bus_add_all(&t->bus, &t->device, k->regions, k->region_count), VL_OK);
	units_start(&t->device, 1);
}

static inline void twin_close(struct twin *t)
{
	free(t->device.dev);
	free(t->ram);
}

static inline uint64_t twin_value(const struct twin_kind *k, unsigned region, uint64_t offset,
				  uint64_t random)
{
	if (k->shape)
		return k->shape(region, offset, random);
	switch (random & 3) {
	case 0: return random >> 8 & 0xff;
	case 1: return 1ull << (random >> 8 & 31);
	}
	return random >> 8;
}

/* One access, the same for both; returns what a read gave. */
static inline uint64_t twin_access(struct twin *t, const struct twin_kind *k, uint64_t r1, uint64_t r2)
{
	const struct bus_entry *e;
	unsigned n = t->bus.count[DEV_PIO] + t->bus.count[DEV_MMIO], i = (unsigned)(r1 >> 8) % n;
	unsigned size = 1u << (r1 >> 32 & 3);
	uint64_t offset, value = 0;

	e = i < t->bus.count[DEV_PIO] ? &t->bus.entry[DEV_PIO][i] :
					&t->bus.entry[DEV_MMIO][i - t->bus.count[DEV_PIO]];
	offset = (r1 >> 40) % e->region.size;
	if (e->region.size > 256 && (r1 & 0x80)) /* registers live at the start, most of them aligned */
		offset = offset % 256 & ~3ull;
	if (e->region.width && size > e->region.width && (r1 & 0x40))
		size = e->region.width;
	if (r1 & 1)
		bus_read(&t->bus, e->region.space, e->region.base + offset, size, &value);
	else
		bus_write(&t->bus, e->region.space, e->region.base + offset, size,
			  twin_value(k, e->region.id, offset, r2));
	return value;
}

static inline uint64_t twin_step(struct twin *t, const struct twin_kind *k, uint64_t r1, uint64_t r2)
{
	const struct dev_model *m = k->model;
	uint8_t bytes[8];

	memcpy(bytes, &r2, sizeof(bytes));
	switch (r1 >> 56 & 15) {
	case 0: fake_advance(&t->f, r2 % 3000); return 0;
	case 1: fake_advance(&t->f, r2 % 3000000); return 0;
	case 2: fake_advance(&t->f, r2 % (r1 & 0x100 ? 3000000000ull : 30000)); return 0;
	case 3: return m->input ? m->input(t->device.dev, bytes, r1 & 7) : 0;
	case 4:
		t->f.output_room = r1 & 0x300 ? SIZE_MAX : 0;
		if (t->f.output_room && m->complete)
			m->complete(t->device.dev, 0, 0);
		return 0;
	case 5:
		if (k->poke)
			k->poke(t->device.dev, &t->f, r2);
		return 0;
	}
	return twin_access(t, k, r1, r2);
}

/* Saves `from` and restores it into `to`, in a world that stands where `from`'s stands. */
static inline void twin_move(struct twin *to, struct twin *from)
{
	static uint8_t buffer[1 << 16];
	struct state_writer w;
	struct state_stream s;
	int64_t size;

	units_stop(&from->device, 1);
	units_stop(&to->device, 1);
	state_writer_init(&w, buffer, sizeof(buffer));
	units_save(&from->device, 1, &w);
	size = state_writer_finish(&w);
	ck_assert_int_gt(size, 0);
	to->f.now_ns = from->f.now_ns;
	to->f.wall_skew_ns = from->f.wall_skew_ns;
	to->f.output_room = from->f.output_room;
	memcpy(to->ram, from->ram, from->f.ram_bytes);
	ck_assert_int_eq(state_stream_open(&s, buffer, (size_t)size, NULL), VL_OK);
	ck_assert_int_eq(units_restore(&to->device, 1, &s, NULL), VL_OK);
	ck_assert_mem_eq(to->f.line, from->f.line, sizeof(to->f.line));
	to->f.trace = from->f.trace;
	units_start(&from->device, 1);
	units_start(&to->device, 1);
}

static inline void twin_check_seed(const struct twin_kind *k, uint64_t seed)
{
	struct twin a, b;
	uint64_t random = seed;
	unsigned before = (unsigned)(twin_random(&random) % 300);

	twin_open(&a, k);
	twin_open(&b, k);
	for (unsigned i = 0; i < before; i++) {
		uint64_t r1 = twin_random(&random), r2 = twin_random(&random);

		twin_step(&a, k, r1, r2);
		if (r1 % 3 == 0) /* the fresh one has a past of its own */
			twin_step(&b, k, r2, r1);
	}
	twin_move(&b, &a);
	for (unsigned i = 0; i < 300; i++) {
		uint64_t r1 = twin_random(&random), r2 = twin_random(&random);
		uint64_t va = twin_step(&a, k, r1, r2), vb = twin_step(&b, k, r1, r2);

		ck_assert_msg(va == vb, "seed %llu: step %u reads %#llx, restored %#llx",
			      (unsigned long long)seed, i, (unsigned long long)va, (unsigned long long)vb);
		ck_assert_msg(a.f.trace == b.f.trace, "seed %llu: step %u has other effects when restored",
			      (unsigned long long)seed, i);
	}
	twin_close(&a);
	twin_close(&b);
}

static inline void twin_check(const struct twin_kind *k)
{
	for (uint64_t seed = 1; seed <= 200; seed++)
		twin_check_seed(k, seed);
}

#endif
