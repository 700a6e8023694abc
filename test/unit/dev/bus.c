/* Unit tests of common/device: routing of accesses, and operations on lists of devices. */
#include "common/device/units.h"
#include "test/unit/dev/fake_env.h"

#include <check.h>

Suite *suite_bus(void);

/* A device that records its accesses and reads as 0x11 times its region id in every byte. */
struct probe {
	unsigned count, id[16], size[16];
	uint64_t offset[16], value[16];
	uint8_t state;
	unsigned order; /* when it was last started, stopped ... */
};

static unsigned sequence;
static struct bus bus;
static struct probe first, second;

static void note(struct probe *p, unsigned id, uint64_t offset, unsigned size, uint64_t value)
{
	p->id[p->count % 16] = id;
	p->offset[p->count % 16] = offset;
	p->size[p->count % 16] = size;
	p->value[p->count++ % 16] = value;
}

static uint64_t probe_read(void *dev, unsigned id, uint64_t offset, unsigned size)
{
	note(dev, id, offset, size, 0);
	return 0x1111111111111111ull * id;
}

static void probe_write(void *dev, unsigned id, uint64_t offset, unsigned size, uint64_t value)
{
	note(dev, id, offset, size, value);
}

static void probe_mark(void *dev)
{
	((struct probe *)dev)->order = ++sequence;
}

static void probe_reset(void *dev)
{
	struct probe *p = dev;

	p->state = 0;
	p->order = ++sequence;
}

static void probe_save(void *dev, struct state_writer *w)
{
	state_put_u8(w, STATE_MANDATORY | 1, ((struct probe *)dev)->state);
}

static int probe_restore(void *dev, struct state_reader *r)
{
	struct probe *p = dev;

	state_get_u8(r, 1, &p->state);
	if (p->state > 100)
		state_reader_fail(r, VL_E_RANGE);
	p->order = ++sequence;
	return state_reader_finish(r);
}

static const struct dev_model probe_model = {
	.name = "probe", .version = 2, .read = probe_read, .write = probe_write, .start = probe_mark,
	.stop = probe_mark, .reset = probe_reset, .save = probe_save, .restore = probe_restore,
};
static const struct dev_instance devices[2] = {
	{ "first", &probe_model, &first }, { "second", &probe_model, &second },
};

static int add(unsigned device, enum dev_space space, uint64_t base, uint64_t size, unsigned id,
	       unsigned width)
{
	struct dev_region r = { space, base, size, id, width };

	return bus_add(&bus, &devices[device], &r);
}

static void fresh(void)
{
	bus_init(&bus);
	memset(&first, 0, sizeof(first));
	memset(&second, 0, sizeof(second));
	sequence = 0;
}

static uint64_t read_pio(uint64_t port, unsigned size)
{
	uint64_t v;

	bus_read(&bus, DEV_PIO, port, size, &v);
	return v;
}

START_TEST(an_access_reaches_the_region_it_lies_in)
{
	uint64_t v;

	ck_assert_int_eq(add(0, DEV_PIO, 0x3f8, 8, 1, 0), VL_OK);
	ck_assert_int_eq(add(1, DEV_PIO, 0x2f8, 8, 2, 0), VL_OK);
	ck_assert_int_eq(add(1, DEV_MMIO, 0x3f8, 8, 3, 0), VL_OK);
	ck_assert(bus_read(&bus, DEV_PIO, 0x3ff, 1, &v));
	ck_assert(v == 0x11);
	ck_assert(first.offset[0] == 7);
	ck_assert(bus_write(&bus, DEV_PIO, 0x2f8, 2, 0xabcd1234));
	ck_assert(second.value[0] == 0x1234);
	ck_assert_uint_eq(second.id[0], 2);
	ck_assert(bus_read(&bus, DEV_MMIO, 0x3f8, 8, &v));
	ck_assert(v == 0x3333333333333333ull);
}
END_TEST

START_TEST(what_nobody_answers_reads_all_ones_and_is_reported_unclaimed)
{
	uint64_t v = 0;

	add(0, DEV_PIO, 0x3f8, 8, 1, 0);
	ck_assert(!bus_read(&bus, DEV_PIO, 0x3f7, 1, &v));
	ck_assert(v == 0xff);
	ck_assert(!bus_read(&bus, DEV_PIO, 0x400, 4, &v));
	ck_assert(v == 0xffffffff);
	ck_assert(!bus_read(&bus, DEV_MMIO, UINT64_MAX - 2, 8, &v));
	ck_assert(v == UINT64_MAX);
	ck_assert(!bus_write(&bus, DEV_PIO, 0x400, 4, 0));
	ck_assert(!bus_read(&bus, DEV_PIO, 0x3f8, 3, &v));
	ck_assert(!bus_write(&bus, DEV_PIO, 0x3f8, 0, 0));
	ck_assert_uint_eq(first.count, 0);
}
END_TEST

START_TEST(an_access_over_a_regions_end_is_split_into_bytes)
{
	add(0, DEV_PIO, 0x10, 2, 1, 0);
	add(1, DEV_PIO, 0x13, 2, 2, 0);
	ck_assert(read_pio(0x10, 4) == 0x22ff1111);
	ck_assert_uint_eq(first.count, 2);
	ck_assert_uint_eq(first.size[0], 1);
	ck_assert(bus_write(&bus, DEV_PIO, 0x11, 4, 0x44332211));
	ck_assert(first.value[2] == 0x11 && first.offset[2] == 1);
	ck_assert(second.value[1] == 0x33 && second.offset[1] == 0);
	ck_assert(second.value[2] == 0x44 && second.offset[2] == 1);
}
END_TEST

START_TEST(an_access_wider_than_the_region_is_split_by_its_width)
{
	add(0, DEV_PIO, 0x20, 2, 1, 1);
	add(1, DEV_MMIO, 0x1000, 16, 2, 4);
	ck_assert(read_pio(0x20, 2) == 0x1111);
	ck_assert_uint_eq(first.count, 2);
	bus_write(&bus, DEV_MMIO, 0x1008, 8, 0x1122334455667788);
	ck_assert_uint_eq(second.count, 2);
	ck_assert(second.size[0] == 4 && second.offset[0] == 8 && second.value[0] == 0x55667788);
	ck_assert(second.offset[1] == 12 && second.value[1] == 0x11223344);
}
END_TEST

START_TEST(overlapping_empty_and_wrapping_regions_are_refused)
{
	ck_assert_int_eq(add(0, DEV_MMIO, 0x1000, 0x1000, 1, 0), VL_OK);
	ck_assert_int_eq(add(0, DEV_MMIO, 0x1fff, 1, 2, 0), VL_E_OVERLAP);
	ck_assert_int_eq(add(0, DEV_MMIO, 0xfff, 2, 2, 0), VL_E_OVERLAP);
	ck_assert_int_eq(add(0, DEV_MMIO, 0, 0x10000, 2, 0), VL_E_OVERLAP);
	ck_assert_int_eq(add(0, DEV_MMIO, 0x2000, 0, 2, 0), VL_E_RANGE);
	ck_assert_int_eq(add(0, DEV_MMIO, UINT64_MAX, 2, 2, 0), VL_E_RANGE);
	ck_assert_int_eq(add(0, DEV_PIO, 0xffff, 2, 2, 0), VL_E_RANGE);
	ck_assert_int_eq(add(0, DEV_PIO, 0xffff, 1, 2, 0), VL_OK);
	ck_assert_int_eq(add(0, DEV_MMIO, UINT64_MAX, 1, 3, 0), VL_OK);
	ck_assert_int_eq(add(0, DEV_MMIO, 0x2000, 1, 4, 0), VL_OK);
	ck_assert_int_eq(add(0, DEV_MMIO, 0xfff, 1, 5, 0), VL_OK);
}
END_TEST

START_TEST(a_full_bus_refuses_one_more)
{
	for (unsigned i = 0; i < BUS_REGIONS_MAX; i++)
		ck_assert_int_eq(add(0, DEV_PIO, 0x4000 - i * 16, 8, i, 0), VL_OK);
	ck_assert_int_eq(add(0, DEV_PIO, 0x8000, 1, 1000, 0), VL_E_LIMIT);
	for (unsigned i = 0; i < BUS_REGIONS_MAX; i++) {
		read_pio(0x4000 - i * 16 + 7, 1);
		ck_assert_uint_eq(first.id[i % 16], i);
	}
}
END_TEST

START_TEST(a_list_of_regions_is_added_whole_or_not_at_all)
{
	static const struct dev_region list[] = { { DEV_PIO, 0x10, 1, 1, 0 }, { DEV_PIO, 0x20, 1, 2, 0 } };

	add(1, DEV_PIO, 0x20, 1, 9, 0);
	ck_assert_int_eq(bus_add_all(&bus, &devices[0], list, 2), VL_E_OVERLAP);
	ck_assert_uint_eq(bus.count[DEV_PIO], 1);
	ck_assert(read_pio(0x10, 1) == 0xff);
}
END_TEST

START_TEST(a_mapped_region_moves_and_goes)
{
	struct dev_region r = { DEV_MMIO, 0x1000, 16, 7, 0 };
	uint64_t v;

	ck_assert_int_eq(bus_map(&bus, &devices[0], &r), VL_OK);
	r.base = 0x2000;
	ck_assert_int_eq(bus_map(&bus, &devices[0], &r), VL_OK);
	ck_assert(!bus_read(&bus, DEV_MMIO, 0x1000, 1, &v));
	ck_assert(bus_read(&bus, DEV_MMIO, 0x2000, 1, &v));
	r.size = 0;
	ck_assert_int_eq(bus_map(&bus, &devices[0], &r), VL_OK);
	ck_assert_int_eq(bus_map(&bus, &devices[0], &r), VL_OK);
	ck_assert(!bus_read(&bus, DEV_MMIO, 0x2000, 1, &v));
	ck_assert_int_eq(bus_remove(&bus, &devices[0], 7), VL_E_NOTFOUND);
}
END_TEST

START_TEST(units_start_forwards_and_stop_backwards)
{
	units_start(devices, 2);
	ck_assert_uint_lt(first.order, second.order);
	units_stop(devices, 2);
	ck_assert_uint_gt(first.order, second.order);
	units_reset(devices, 2);
	ck_assert_uint_lt(first.order, second.order);
}
END_TEST

static uint8_t buffer[512];

static struct state_stream saved(const struct dev_instance *list, size_t count)
{
	struct state_writer w;
	struct state_stream s;
	int64_t size;

	state_writer_init(&w, buffer, sizeof(buffer));
	units_save(list, count, &w);
	size = state_writer_finish(&w);
	ck_assert_int_gt(size, 0);
	ck_assert_int_eq(state_stream_open(&s, buffer, (size_t)size, NULL), VL_OK);
	return s;
}

START_TEST(each_unit_gets_its_own_state_back)
{
	struct state_stream s;

	first.state = 1;
	second.state = 2;
	s = saved(devices, 2);
	first.state = second.state = 9;
	ck_assert_int_eq(units_restore(devices, 2, &s, NULL), VL_OK);
	ck_assert_uint_eq(first.state, 1);
	ck_assert_uint_eq(second.state, 2);
}
END_TEST

START_TEST(a_failed_restore_names_the_unit_and_leaves_all_reset)
{
	struct dev_model newer = probe_model;
	struct dev_instance future = { "second", &newer, &second };
	struct state_stream s;
	size_t failed = 9;

	first.state = 1;
	second.state = 101;
	s = saved(devices, 2);
	ck_assert_int_eq(units_restore(devices, 2, &s, &failed), VL_E_RANGE);
	ck_assert_uint_eq(failed, 1);
	ck_assert_uint_eq(first.state, 0);
	ck_assert_uint_eq(second.state, 0);
	s = saved(devices, 1);
	ck_assert_int_eq(units_restore(devices, 2, &s, &failed), VL_E_MISSING);
	ck_assert_uint_eq(failed, 1);
	newer.version = probe_model.version + 1;
	s = saved(&future, 1);
	ck_assert_int_eq(units_restore(&devices[1], 1, &s, &failed), VL_E_VERSION);
}
END_TEST

Suite *suite_bus(void)
{
	Suite *s = suite_create("bus");
	TCase *t = tcase_create("bus");

	tcase_add_checked_fixture(t, fresh, NULL);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, an_access_reaches_the_region_it_lies_in);
	tcase_add_test(t, what_nobody_answers_reads_all_ones_and_is_reported_unclaimed);
	tcase_add_test(t, an_access_over_a_regions_end_is_split_into_bytes);
	tcase_add_test(t, an_access_wider_than_the_region_is_split_by_its_width);
	tcase_add_test(t, overlapping_empty_and_wrapping_regions_are_refused);
	tcase_add_test(t, a_full_bus_refuses_one_more);
	tcase_add_test(t, a_list_of_regions_is_added_whole_or_not_at_all);
	tcase_add_test(t, a_mapped_region_moves_and_goes);
	tcase_add_test(t, units_start_forwards_and_stop_backwards);
	tcase_add_test(t, each_unit_gets_its_own_state_back);
	tcase_add_test(t, a_failed_restore_names_the_unit_and_leaves_all_reset);
	suite_add_tcase(s, t);
	return s;
}
