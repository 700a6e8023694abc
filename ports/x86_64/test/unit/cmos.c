/* Unit tests of the MC146818 clock: calendar, setting as Linux does, interrupts, wall clock jumps. */
#include "ports/x86_64/dev/cmos.h"
#include "test/unit/dev/twin.h"

#include <time.h>

Suite *suite_cmos(void);

#define SECOND 1000000000ull

static struct cmos c;
static struct dev_instance device = { "cmos", &cmos_model, &c };
static struct fake_env f;

static void open_cmos(void)
{
	fake_env_init(&f, &device);
	cmos_init(&c, &f.env);
}

static void out(unsigned index, unsigned value)
{
	cmos_model.write(&c, 0, 0, 1, index);
	cmos_model.write(&c, 0, 1, 1, value);
}

static unsigned in(unsigned index)
{
	cmos_model.write(&c, 0, 0, 1, 0x80 | index);
	return (unsigned)cmos_model.read(&c, 0, 1, 1);
}

static unsigned bcd(unsigned v)
{
	return v / 10 << 4 | v % 10;
}

/* The clock shows second `s` since 1970 in BCD and 24 hours, as the C library computes the date. */
static void assert_shows(int64_t s)
{
	time_t t = (time_t)s;
	struct tm tm;

	gmtime_r(&t, &tm);
	ck_assert_uint_eq(in(0), bcd((unsigned)tm.tm_sec));
	ck_assert_uint_eq(in(2), bcd((unsigned)tm.tm_min));
	ck_assert_uint_eq(in(4), bcd((unsigned)tm.tm_hour));
	ck_assert_uint_eq(in(6), (unsigned)tm.tm_wday + 1);
	ck_assert_uint_eq(in(7), bcd((unsigned)tm.tm_mday));
	ck_assert_uint_eq(in(8), bcd((unsigned)tm.tm_mon + 1));
	ck_assert_uint_eq(in(9), bcd((unsigned)tm.tm_year % 100));
	ck_assert_uint_eq(in(0x32), bcd((unsigned)tm.tm_year / 100 + 19));
}

/* Sets the clock as Linux's mc146818_set_time() does. */
static void set(int64_t s)
{
	time_t t = (time_t)s;
	struct tm tm;

	gmtime_r(&t, &tm);
	out(11, in(11) | 0x80);
	out(10, 0x76);
	out(9, bcd((unsigned)tm.tm_year % 100));
	out(8, bcd((unsigned)tm.tm_mon + 1));
	out(7, bcd((unsigned)tm.tm_mday));
	out(4, bcd((unsigned)tm.tm_hour));
	out(2, bcd((unsigned)tm.tm_min));
	out(0, bcd((unsigned)tm.tm_sec));
	out(0x32, bcd((unsigned)tm.tm_year / 100 + 19));
	out(11, in(11) & 0x7f);
	out(10, 0x26);
}

START_TEST(it_shows_the_wall_clock)
{
	assert_shows((int64_t)(FAKE_WALL_NS / SECOND));
	fake_advance(&f, 86400 * SECOND);
	assert_shows((int64_t)(FAKE_WALL_NS / SECOND) + 86400);
	ck_assert_uint_eq(in(13), 0x80);
}
END_TEST

START_TEST(every_day_of_five_centuries_is_right)
{
	int64_t wall = (int64_t)(FAKE_WALL_NS / SECOND);

	/* 2500-01-01 is day 193579; the noon of every seventh day and of each day around a leap day. */
	for (int64_t day = 0; day < 193579; day += day % 1461 > 780 && day % 1461 < 800 ? 1 : 7) {
		f.wall_skew_ns = (int64_t)((uint64_t)(day * 86400 + 43200 - wall) * SECOND);
		assert_shows(day * 86400 + 43200);
	}
}
END_TEST

START_TEST(a_clock_set_by_the_guest_runs_on_from_there)
{
	set(951782399); /* 2000-02-28 23:59:59 */
	assert_shows(951782399);
	fake_advance(&f, SECOND / 2 - 1000);
	assert_shows(951782399);
	fake_advance(&f, 2000); /* the first second after the divider's reset is half a one */
	assert_shows(951782400);
	fake_advance(&f, 86400 * SECOND);
	assert_shows(951782400 + 86400);
	set(4102444800); /* 2100-01-01 */
	assert_shows(4102444800);
}
END_TEST

START_TEST(a_held_clock_stands_still)
{
	out(11, 0x82);
	fake_advance(&f, 100 * SECOND);
	assert_shows((int64_t)(FAKE_WALL_NS / SECOND));
	ck_assert_uint_eq(in(10) & 0x80, 0);
	out(11, 0x02);
	assert_shows((int64_t)(FAKE_WALL_NS / SECOND));
}
END_TEST

START_TEST(twelve_hours_and_binary_formats)
{
	static const unsigned hours[][3] = {
		{ 0, 0x12, 12 }, { 1, 0x01, 1 }, { 12, 0x92, 0x8c }, { 23, 0x91, 0x8b },
	};

	for (size_t i = 0; i < VL_ARRAY_COUNT(hours); i++) {
		out(11, 0x02);
		set(1000000000 - 1000000000 % 86400 + hours[i][0] * 3600);
		out(11, 0x00);
		ck_assert_uint_eq(in(4), hours[i][1]);
		out(11, 0x04);
		ck_assert_uint_eq(in(4), hours[i][2]);
		out(11, 0x84);
		out(4, hours[i][2]);
		out(11, 0x04);
		out(11, 0x06);
		ck_assert_uint_eq(in(4), hours[i][0]);
	}
}
END_TEST

START_TEST(update_in_progress_stands_before_each_second)
{
	unsigned seen = 0, before = in(0);

	for (unsigned us = 0; us < 1000000; us += 100) {
		seen += in(10) >> 7;
		if (in(0) != before)
			break;
		fake_advance(&f, 100000);
	}
	ck_assert_uint_ge(seen, 22);
	ck_assert_uint_le(seen, 23);
}
END_TEST

START_TEST(the_update_interrupt_comes_each_second)
{
	out(11, 0x12);
	fake_advance(&f, SECOND - 1000);
	ck_assert(!f.line[0]);
	fake_advance(&f, 1000);
	ck_assert(f.line[0]);
	ck_assert_uint_eq(in(12) & 0x90, 0x90);
	ck_assert(!f.line[0]);
	ck_assert_uint_eq(in(12) & 0xf0, 0);
	for (unsigned i = 0; i < 10; i++) {
		fake_advance(&f, SECOND);
		in(12);
	}
	ck_assert_uint_eq(f.rises[0], 11);
}
END_TEST

START_TEST(the_periodic_interrupt_has_the_selected_rate)
{
	static const unsigned hz[16] = { 0, 256, 128, 8192, 4096, 2048, 1024, 512, 256, 128, 64, 32, 16,
		8, 4, 2 };

	for (unsigned rate = 1; rate < 16; rate++) {
		unsigned rises;

		out(10, 0x20 | rate);
		out(11, 0x42);
		in(12);
		rises = f.rises[0];
		for (unsigned i = 0; i < 20000; i++) {
			fake_advance(&f, 50000);
			if (f.line[0])
				in(12);
		}
		rises = f.rises[0] - rises;
		ck_assert_msg(rises >= hz[rate] - 1 && rises <= hz[rate] + 1, "rate %u: %u", rate, rises);
	}
	out(10, 0x20);
	fake_advance(&f, 10 * SECOND);
	in(12);
	fake_advance(&f, 10 * SECOND);
	ck_assert_uint_eq(in(12) & 0x40, 0);
}
END_TEST

START_TEST(an_unread_flag_keeps_the_timer_silent)
{
	out(10, 0x23);
	out(11, 0x42);
	fake_advance_limited(&f, 3600 * SECOND, 2);
	ck_assert_uint_eq(f.rises[0], 1);
}
END_TEST

START_TEST(the_alarm_comes_at_its_time_and_with_wildcards_each_hour)
{
	set(1000000000 - 1000000000 % 86400); /* midnight */
	out(5, 0x13);
	out(3, 0x30);
	out(1, 0x15);
	out(11, 0x22);
	fake_advance(&f, (13 * 3600 + 30 * 60 + 15) * SECOND - SECOND / 2 - 1000);
	ck_assert(!f.line[0]);
	fake_advance(&f, 2000);
	ck_assert(f.line[0]);
	ck_assert_uint_eq(in(12) & 0xa0, 0xa0);
	out(5, 0xff);
	for (unsigned i = 0; i < 24; i++) {
		fake_advance(&f, 3600 * SECOND);
		ck_assert_uint_eq(in(12) & 0xa0, 0xa0);
	}
	out(3, 0x77); /* no such minute */
	fake_advance(&f, 86400 * SECOND);
	ck_assert_uint_eq(in(12) & 0xa0, 0);
}
END_TEST

START_TEST(a_wall_clock_that_jumps_moves_the_clock_and_harms_nothing)
{
	out(11, 0x72);
	out(5, 0xff);
	out(3, 0xff);
	out(1, 0xff);
	for (unsigned i = 0; i < 1000; i++) {
		f.wall_skew_ns += ((int64_t)(i * 37 % 11) - 5) * 86400 * (int64_t)SECOND;
		fake_advance(&f, 700000000);
		in(12);
	}
	assert_shows((int64_t)((FAKE_WALL_NS + f.now_ns + (uint64_t)f.wall_skew_ns) / SECOND));
}
END_TEST

START_TEST(ram_keeps_its_bytes_over_a_reset)
{
	for (unsigned i = 14; i < 128; i++)
		if (i != CMOS_CENTURY)
			out(i, i ^ 0x5a);
	set(1234567890);
	cmos_model.reset(&c);
	for (unsigned i = 14; i < 128; i++)
		if (i != CMOS_CENTURY)
			ck_assert_uint_eq(in(i), i ^ 0x5a);
	assert_shows(1234567890);
}
END_TEST

static void init(void *dev, struct dev_env *env)
{
	cmos_init(dev, env);
}

static uint64_t shape(unsigned region, uint64_t offset, uint64_t random)
{
	if (offset == 0)
		return random & 1 ? random >> 8 & 15 : random >> 8 & 63;
	return random & 1 ? random >> 8 & 0x17 : random >> 8 & 0xff;
}

static void poke(void *dev, struct fake_env *env, uint64_t random)
{
	env->wall_skew_ns += (int64_t)(random % 10000000000) - 5000000000;
}

START_TEST(a_restored_clock_behaves_as_the_saved_one)
{
	static const struct twin_kind kind = { .model = &cmos_model, .dev_bytes = sizeof(struct cmos),
					       .init = init,
					       .regions = cmos_regions, .region_count = CMOS_REGIONS,
					       .shape = shape, .poke = poke };

	twin_check(&kind);
}
END_TEST

Suite *suite_cmos(void)
{
	Suite *s = suite_create("cmos");
	TCase *t = tcase_create("MC146818");

	tcase_add_checked_fixture(t, open_cmos, NULL);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, it_shows_the_wall_clock);
	tcase_add_test(t, every_day_of_five_centuries_is_right);
	tcase_add_test(t, a_clock_set_by_the_guest_runs_on_from_there);
	tcase_add_test(t, a_held_clock_stands_still);
	tcase_add_test(t, twelve_hours_and_binary_formats);
	tcase_add_test(t, update_in_progress_stands_before_each_second);
	tcase_add_test(t, the_update_interrupt_comes_each_second);
	tcase_add_test(t, the_periodic_interrupt_has_the_selected_rate);
	tcase_add_test(t, an_unread_flag_keeps_the_timer_silent);
	tcase_add_test(t, the_alarm_comes_at_its_time_and_with_wildcards_each_hour);
	tcase_add_test(t, a_wall_clock_that_jumps_moves_the_clock_and_harms_nothing);
	tcase_add_test(t, ram_keeps_its_bytes_over_a_reset);
	tcase_add_test(t, a_restored_clock_behaves_as_the_saved_one);
	suite_add_tcase(s, t);
	return s;
}
