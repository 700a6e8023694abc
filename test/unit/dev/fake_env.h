/*
 * The world of one device for tests and fuzzers: virtual time, interrupt
 * lines, messages, a stream, guest memory, all recorded. A header only, so
 * that fuzzers take it without a library. Every effect also goes into
 * `trace`, a running hash: two devices that did the same have the same trace.
 */
#ifndef VL_TEST_FAKE_ENV_H
#define VL_TEST_FAKE_ENV_H

#include "common/base/crc32.h"
#include "common/base/err.h"
#include "common/device/bus.h"

#include <stdlib.h>
#include <string.h>

#define FAKE_LINES 4
#define FAKE_MSI_MAX 64
#define FAKE_OUTPUT_MAX 4096
#define FAKE_MACHINE_MAX 8
#define FAKE_MAPS_MAX 8
#define FAKE_WALL_NS 1792497600000000000ull /* 2026-10-20 08:00:00 UTC */

struct fake_env {
	struct dev_env env;
	const struct dev_instance *device; /* takes the timers */
	struct bus *bus;                   /* where map() goes; NULL: only recorded */
	uint64_t now_ns;
	int64_t wall_skew_ns; /* wall clock minus (FAKE_WALL_NS + now_ns) */
	bool armed[DEV_TIMER_COUNT];
	uint64_t deadline_ns[DEV_TIMER_COUNT];
	bool line[FAKE_LINES];
	unsigned rises[FAKE_LINES];
	struct {
		uint64_t address;
		uint32_t data;
	} msi[FAKE_MSI_MAX];
	unsigned msi_count; /* all; the last FAKE_MSI_MAX are kept */
	uint8_t output[FAKE_OUTPUT_MAX];
	size_t output_count, output_room; /* room: how much output() takes until a test gives more */
	unsigned input_ready;
	unsigned machine[FAKE_MACHINE_MAX], machine_count;
	struct dev_region map[FAKE_MAPS_MAX];
	unsigned map_count;
	uint8_t *ram; /* owned by the test; guest addresses from 0 */
	size_t ram_bytes;
	uint32_t trace;
};

static inline struct fake_env *fake_of(struct dev_env *env)
{
	return VL_CONTAINER_OF(env, struct fake_env, env);
}

static inline void fake_trace(struct fake_env *f, uint64_t what, uint64_t a, uint64_t b)
{
	uint64_t record[4] = { what, a, b, f->now_ns };

	f->trace = vl_crc32(f->trace, record, sizeof(record));
}

static inline void fake_irq(struct dev_env *env, unsigned line, bool level)
{
	struct fake_env *f = fake_of(env);

	if (line >= FAKE_LINES)
		abort();
	if (f->line[line] == level)
		return;
	f->line[line] = level;
	f->rises[line] += level;
	fake_trace(f, 1, line, level);
}

static inline void fake_msi(struct dev_env *env, uint64_t address, uint32_t data)
{
	struct fake_env *f = fake_of(env);

	f->msi[f->msi_count % FAKE_MSI_MAX].address = address;
	f->msi[f->msi_count % FAKE_MSI_MAX].data = data;
	f->msi_count++;
	fake_trace(f, 2, address, data);
}

static inline int fake_mem_read(struct dev_env *env, gpa_t at, void *out, size_t size)
{
	struct fake_env *f = fake_of(env);

	if (!vl_within(gpa_raw(at), size, f->ram_bytes))
		return VL_E_RANGE;
	memcpy(out, f->ram + gpa_raw(at), size);
	return VL_OK;
}

static inline int fake_mem_write(struct dev_env *env, gpa_t at, const void *data, size_t size)
{
	struct fake_env *f = fake_of(env);

	if (!vl_within(gpa_raw(at), size, f->ram_bytes))
		return VL_E_RANGE;
	memcpy(f->ram + gpa_raw(at), data, size);
	fake_trace(f, 3, gpa_raw(at), vl_crc32(0, data, size));
	return VL_OK;
}

static inline uint64_t fake_now_ns(struct dev_env *env)
{
	return fake_of(env)->now_ns;
}

static inline uint64_t fake_wall_ns(struct dev_env *env)
{
	return FAKE_WALL_NS + fake_of(env)->now_ns + (uint64_t)fake_of(env)->wall_skew_ns;
}

static inline void fake_timer_set(struct dev_env *env, unsigned timer, uint64_t deadline_ns)
{
	struct fake_env *f = fake_of(env);

	if (timer >= DEV_TIMER_COUNT)
		abort();
	f->armed[timer] = true;
	f->deadline_ns[timer] = deadline_ns;
}

static inline void fake_timer_cancel(struct dev_env *env, unsigned timer)
{
	fake_of(env)->armed[timer] = false;
}

static inline size_t fake_output(struct dev_env *env, const uint8_t *data, size_t size)
{
	struct fake_env *f = fake_of(env);
	size_t taken = size < f->output_room ? size : f->output_room;

	for (size_t i = 0; i < taken; i++)
		f->output[f->output_count++ % FAKE_OUTPUT_MAX] = data[i];
	f->output_room -= taken;
	fake_trace(f, 4, size, vl_crc32(0, data, taken));
	return taken;
}

static inline size_t fake_output_room(struct dev_env *env, size_t wanted)
{
	return fake_of(env)->output_room;
}

static inline void fake_input_ready(struct dev_env *env)
{
	fake_of(env)->input_ready++;
	fake_trace(fake_of(env), 5, 0, 0);
}

static inline void fake_machine(struct dev_env *env, unsigned event)
{
	struct fake_env *f = fake_of(env);

	f->machine[f->machine_count++ % FAKE_MACHINE_MAX] = event;
	fake_trace(f, 6, event, 0);
}

static inline int fake_map(struct dev_env *env, const struct dev_region *region)
{
	struct fake_env *f = fake_of(env);

	f->map[f->map_count++ % FAKE_MAPS_MAX] = *region;
	fake_trace(f, 7, region->base, region->size << 8 | region->id);
	return f->bus ? bus_map(f->bus, f->device, region) : VL_OK;
}

static const struct dev_env_ops fake_env_ops = {
	.irq = fake_irq,
	.msi = fake_msi,
	.mem_read = fake_mem_read,
	.mem_write = fake_mem_write,
	.now_ns = fake_now_ns,
	.timer_set = fake_timer_set,
	.timer_cancel = fake_timer_cancel,
	.wall_ns = fake_wall_ns,
	.output = fake_output,
	.output_room = fake_output_room,
	.input_ready = fake_input_ready,
	.machine = fake_machine,
	.map = fake_map,
};

/* Everything empty, the stream open, time 0. `device` may be filled in later. */
static inline void fake_env_init(struct fake_env *f, const struct dev_instance *device)
{
	memset(f, 0, sizeof(*f));
	f->env.ops = &fake_env_ops;
	f->device = device;
	f->output_room = SIZE_MAX;
}

/* The timer that is due first, or DEV_TIMER_COUNT when none is due by `until_ns`. */
static inline unsigned fake_due(const struct fake_env *f, uint64_t until_ns)
{
	unsigned due = DEV_TIMER_COUNT;

	for (unsigned i = 0; i < DEV_TIMER_COUNT; i++)
		if (f->armed[i] && f->deadline_ns[i] <= until_ns &&
		    (due == DEV_TIMER_COUNT || f->deadline_ns[i] < f->deadline_ns[due]))
			due = i;
	return due;
}

/*
 * Lets `ns` pass and runs the timers on the way, each exactly at its deadline.
 * Aborts when a device arms a timer more than `limit` times in it: a hang.
 */
static inline void fake_advance_limited(struct fake_env *f, uint64_t ns, unsigned limit)
{
	uint64_t until = f->now_ns + ns;
	unsigned timer;

	while ((timer = fake_due(f, until)) < DEV_TIMER_COUNT) {
		if (limit-- == 0)
			abort();
		if (f->deadline_ns[timer] > f->now_ns)
			f->now_ns = f->deadline_ns[timer];
		f->armed[timer] = false;
		f->device->model->timer(f->device->dev, timer);
	}
	f->now_ns = until;
}

static inline void fake_advance(struct fake_env *f, uint64_t ns)
{
	fake_advance_limited(f, ns, 1000000);
}

#endif
