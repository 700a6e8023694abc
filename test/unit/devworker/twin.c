/*
 * Device models as they are, in a worker process and beside it in this one:
 * the same accesses, input and timers give the same values, the same lines and
 * output, and in the end the same saved state, though the worker is killed
 * again and again.
 */
#include "common/device/units.h"
#include "runtime/dev/pl011.h"
#include "runtime/dev/pl031.h"
#include "runtime/dev/serial16550.h"
#include "runtime/dev/virtio_blk.h"
#include "runtime/devworker/kinds.h"
#include "test/unit/devworker/rig.h"

#include <check.h>

Suite *suite_devworker_twins(void);

#define STEPS 600u
#define KILL_EVERY 37u

static void init_serial(void *dev, struct dev_env *env) { serial16550_init(dev, env); }
static void init_uart(void *dev, struct dev_env *env) { pl011_init(dev, env); }
static void init_rtc(void *dev, struct dev_env *env) { pl031_init(dev, env); }
static void init_disk(void *dev, struct dev_env *env) { virtio_blk_init(dev, env, false); }

static const struct twin {
	struct rig_kind kind;
	unsigned bytes; /* of region 0 */
	bool pci;
	unsigned losses; /* its worker is killed so often; a disk's start() would send again */
} kinds[] = {
	{ { &serial16550_model, sizeof(struct serial16550), init_serial }, SERIAL16550_REGION_BYTES, false,
		16 },
	{ { &pl011_model, sizeof(struct pl011), init_uart }, 0x50, false, 16 },
	{ { &pl031_model, sizeof(struct pl031), init_rtc }, 0x20, false, 16 },
	{ { &virtio_blk_model, sizeof(struct virtio_blk), init_disk }, 0x40, true, 0 },
};

static const struct twin *twin;
static struct rig *g;          /* the one in a worker */
static struct fake_env place;  /* the other one's */
static struct dev_instance here;
static uint8_t waiting[64];    /* input that was not taken */
static size_t waiting_count;
static bool held;
static uint32_t seed;

static uint32_t random32(void)
{
	seed = seed * 1103515245 + 12345;
	return seed >> 8;
}

static void setup(unsigned kind)
{
	twin = &kinds[kind];
	seed = 77 + kind;
	waiting_count = 0;
	held = false;
	g = rig_new(&twin->kind);
	here = (struct dev_instance){ DEVIPC_UNIT, twin->kind.model, calloc(1, twin->kind.size) };
	fake_env_init(&place, &here);
	place.ram = calloc(1, RIG_RAM_BYTES);
	place.ram_bytes = RIG_RAM_BYTES;
	twin->kind.init(here.dev, &place.env);
	rig_start(g);
	here.model->reset(here.dev);
}

static void teardown(void)
{
	rig_free(g);
	free(here.dev);
	free(place.ram);
}

/* What is asked for again is offered again, as the worker's end does. */
static void offer(void)
{
	unsigned before = place.input_ready;

	while (waiting_count && !held) {
		size_t n = here.model->input(here.dev, waiting, waiting_count);

		waiting_count -= n;
		memmove(waiting, waiting + n, waiting_count);
		held = waiting_count && place.input_ready == before;
		before = place.input_ready;
	}
}

static void settle_both(unsigned ready_before)
{
	if (place.input_ready != ready_before)
		held = false;
	offer();
	rig_settle(g);
}

static void access_both(void)
{
	bool config = twin->pci && random32() % 3 == 0;
	unsigned id = config ? DEV_REGION_PCI_CONFIG : 0, size = 1u << random32() % 3;
	uint64_t offset = random32() % (config ? 0x60 : twin->bytes) & ~(uint64_t)(size - 1);
	uint64_t value = random32();

	if (random32() & 1) {
		here.model->write(here.dev, id, offset, size, value);
		rig_write(g, id, offset, size, value);
	} else {
		ck_assert_uint_eq(rig_read(g, id, offset, size),
			here.model->read(here.dev, id, offset, size));
	}
}

static void input_both(void)
{
	uint8_t bytes[20];
	size_t n = 1 + random32() % sizeof(bytes);

	if (!here.model->input || waiting_count)
		return;
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)random32();
	memcpy(waiting, bytes, n);
	waiting_count = n;
	held = false;
	offer();
	ck_assert_uint_eq(rig_input(g, bytes, n), n);
}

static void timers_of_both(void)
{
	place.now_ns += random32() % 5000000;
	g->f.now_ns = place.now_ns;
	for (unsigned t = 0; t < DEV_TIMER_COUNT; t++) {
		ck_assert_uint_eq(g->f.armed[t], place.armed[t]);
		if (!place.armed[t] || place.deadline_ns[t] > place.now_ns)
			continue;
		ck_assert_uint_eq(g->f.deadline_ns[t], place.deadline_ns[t]);
		place.armed[t] = false;
		here.model->timer(here.dev, t);
		rig_timer(g, t);
	}
}

static void compare_places(void)
{
	for (unsigned i = 0; i < FAKE_LINES; i++)
		ck_assert_uint_eq(g->f.line[i], place.line[i]);
	ck_assert_uint_eq(g->f.output_count, place.output_count);
	ck_assert_mem_eq(g->f.output, place.output, sizeof(place.output));
	ck_assert_uint_eq(g->f.msi_count, place.msi_count);
	ck_assert_mem_eq(g->f.ram, place.ram, RIG_RAM_BYTES);
}

static void compare_states(void)
{
	static uint8_t mine[65536], its[65536];
	const uint8_t *inner;
	struct state_writer w;
	struct state_stream s;
	struct state_reader r;
	size_t bytes;
	int64_t size, its_size = rig_save(g, its, sizeof(its));

	state_writer_init(&w, mine, sizeof(mine));
	units_save(&here, 1, &w);
	size = state_writer_finish(&w);
	ck_assert_int_gt(size, 0);
	ck_assert_int_gt(its_size, 0);
	ck_assert_int_eq(state_stream_open(&s, its, (size_t)its_size, NULL), 0);
	ck_assert_int_eq(state_stream_find(&s, "rig", &r), 0);
	ck_assert(state_get_view(&r, 1, &inner, &bytes));
	ck_assert_uint_eq(bytes, (size_t)size);
	ck_assert_mem_eq(inner, mine, bytes);
}

START_TEST(a_model_does_the_same_in_a_worker_that_is_killed_again_and_again)
{
	setup((unsigned)_i);
	rig_go(g);
	units_start(&here, 1);
	for (unsigned i = 0; i < STEPS; i++) {
		unsigned ready = place.input_ready;

		if (i % KILL_EVERY == KILL_EVERY - 1 && i / KILL_EVERY < twin->losses)
			rig_kill(g);
		switch (random32() % 6) {
		case 0: input_both(); break;
		case 1: timers_of_both(); break;
		default: access_both(); break;
		}
		settle_both(ready);
		compare_places();
	}
	units_stop(&here, 1);
	rig_stop(g);
	compare_states();
	ck_assert_uint_ge(g->r.replaced, twin->losses - (twin->losses > 0));
	ck_assert_uint_eq(g->complaints, 0);
	teardown();
}
END_TEST

START_TEST(the_models_that_a_worker_can_host_are_known_by_name)
{
	ck_assert_ptr_eq(devworker_kind("serial16550")->model, &serial16550_model);
	ck_assert_ptr_eq(devworker_kind("pl011")->model, &pl011_model);
	ck_assert_ptr_null(devworker_kind("serial"));
	ck_assert_ptr_null(devworker_kind(""));
}
END_TEST

Suite *suite_devworker_twins(void)
{
	Suite *s = suite_create("devworker_twins");
	TCase *t = tcase_create("models");

	tcase_add_loop_test(t, a_model_does_the_same_in_a_worker_that_is_killed_again_and_again, 0,
		VL_ARRAY_COUNT(kinds));
	tcase_add_test(t, the_models_that_a_worker_can_host_are_known_by_name);
	suite_add_tcase(s, t);
	return s;
}
