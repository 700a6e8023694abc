/* Unit tests of the PL011 UART and the PL031 clock: the manuals' rules and what Linux's drivers do. */
#include "runtime/dev/pl011.h"
#include "runtime/dev/pl031.h"
#include "test/unit/dev/twin.h"

Suite *suite_pl011(void);

#define SECOND 1000000000ull

static struct pl011 u;
static struct pl031 r;
static struct dev_instance device = { "uart0", &pl011_model, &u };
static struct dev_instance rtc_device = { "rtc", &pl031_model, &r };
static struct fake_env f, frtc;

static void open_both(void)
{
	fake_env_init(&f, &device);
	fake_env_init(&frtc, &rtc_device);
	pl011_init(&u, &f.env);
	pl031_init(&r, &frtc.env);
	pl011_model.start(&u);
}

static uint32_t in(unsigned reg)
{
	return (uint32_t)pl011_model.read(&u, 0, reg, 4);
}

static void out(unsigned reg, uint32_t value)
{
	pl011_model.write(&u, 0, reg, 4, value);
}

static size_t type(const char *text)
{
	return pl011_model.input(&u, (const uint8_t *)text, strlen(text));
}

/* FIFOs on, 115200 baud, half-full triggers, interrupts `mask`. */
static void setup(uint32_t mask)
{
	out(0x24, 13);
	out(0x28, 1);
	out(0x2c, 0x70);
	out(0x34, 0x12);
	out(0x30, 0x301);
	out(0x44, 0x7ff);
	out(0x38, mask);
}

START_TEST(both_primecells_identify_themselves_for_the_amba_bus)
{
	static const uint8_t uart[8] = { 0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };
	static const uint8_t rtc[8] = { 0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

	for (unsigned i = 0; i < 8; i++) {
		ck_assert_uint_eq(in(0xfe0 + 4 * i), uart[i]);
		ck_assert_uint_eq(pl031_model.read(&r, 0, 0xfe0 + 4 * i, 4), rtc[i]);
	}
}
END_TEST

START_TEST(an_early_console_prints_without_any_set_up)
{
	while (in(0x18) & 0x20)
		;
	out(0x00, 'L');
	while (in(0x18) & 0x08)
		;
	ck_assert_uint_eq(f.output_count, 1);
	ck_assert_uint_eq(f.output[0], 'L');
}
END_TEST

START_TEST(nothing_leaves_a_disabled_transmitter)
{
	out(0x30, 0x300);
	out(0x00, 'x');
	ck_assert_uint_eq(f.output_count, 0);
	ck_assert_uint_eq(in(0x18) & 0xa8, 0x28);
	out(0x30, 0x101);
	ck_assert_uint_eq(f.output_count, 1);
}
END_TEST

START_TEST(a_full_stream_fills_the_fifo_and_a_flood_goes_nowhere)
{
	setup(0x20);
	f.output_room = 4;
	for (unsigned i = 0; i < 200; i++)
		out(0x00, i);
	ck_assert_uint_eq(in(0x18) & 0xa8, 0x28);
	ck_assert(!f.line[0]);
	f.output_room = 15;
	pl011_model.complete(&u, 0, 0);
	ck_assert_uint_eq(in(0x18) & 0xa8, 0x08);
	ck_assert(!f.line[0]); /* 17 bytes left: above half */
	f.output_room = 1;
	pl011_model.complete(&u, 0, 0);
	ck_assert(f.line[0]);
	f.output_room = SIZE_MAX;
	pl011_model.complete(&u, 0, 0);
	ck_assert_uint_eq(f.output_count, 36);
	for (unsigned i = 0; i < 36; i++)
		ck_assert_uint_eq(f.output[i], i);
	out(0x44, 0x20);
	ck_assert(!f.line[0]);
}
END_TEST

START_TEST(received_bytes_interrupt_at_the_level_or_after_32_bit_times)
{
	setup(0x50);
	ck_assert_uint_eq(type("0123456789abcde"), 15);
	ck_assert(!f.line[0]);
	fake_advance(&f, 32 * 8680 - 1000); /* 115200 baud, nearly */
	ck_assert(!f.line[0]);
	fake_advance(&f, 2000);
	ck_assert(f.line[0]);
	ck_assert_uint_eq(in(0x40), 0x40);
	type("f");
	ck_assert_uint_eq(in(0x40), 0x50);
	ck_assert_uint_eq(in(0x00), '0');
	ck_assert_uint_eq(in(0x40), 0x40);
	for (unsigned i = 1; i < 16; i++)
		ck_assert_uint_eq(in(0x00), (unsigned)"0123456789abcdef"[i]);
	ck_assert_uint_eq(in(0x40), 0);
	ck_assert_uint_eq(in(0x18) & 0x50, 0x10);
	ck_assert(!f.line[0]);
}
END_TEST

START_TEST(input_waits_while_full_or_disabled)
{
	setup(0);
	ck_assert_uint_eq(type("0123456789abcdef0123456789abcdefX"), 32);
	ck_assert_uint_eq(in(0x18) & 0x50, 0x40);
	ck_assert_uint_eq(f.input_ready, 1);
	in(0x00);
	ck_assert_uint_eq(f.input_ready, 2);
	out(0x30, 0x101);
	ck_assert_uint_eq(type("y"), 0);
	out(0x30, 0x301);
	ck_assert_uint_eq(f.input_ready, 3);
}
END_TEST

START_TEST(loopback_returns_what_is_sent_and_overruns)
{
	setup(0x400);
	out(0x30, 0x381);
	for (unsigned i = 0; i < 33; i++)
		out(0x00, i);
	ck_assert_uint_eq(f.output_count, 0);
	ck_assert(f.line[0]);
	ck_assert_uint_eq(in(0x04), 8);
	ck_assert_uint_eq(in(0x00), 0x800);
	out(0x04, 0);
	ck_assert_uint_eq(in(0x00), 1);
	out(0x44, 0x400);
	ck_assert(!f.line[0]);
}
END_TEST

/* --- PL031 -------------------------------------------------------------------- */

static uint32_t rtc_in(unsigned reg)
{
	return (uint32_t)pl031_model.read(&r, 0, reg, 4);
}

static void rtc_out(unsigned reg, uint32_t value)
{
	pl031_model.write(&r, 0, reg, 4, value);
}

START_TEST(the_pl031_counts_seconds_of_the_wall_clock_or_from_what_was_set)
{
	ck_assert_uint_eq(rtc_in(0), FAKE_WALL_NS / SECOND);
	fake_advance(&frtc, 10 * SECOND);
	ck_assert_uint_eq(rtc_in(0), FAKE_WALL_NS / SECOND + 10);
	rtc_out(8, 0xfffffffe);
	ck_assert_uint_eq(rtc_in(8), 0xfffffffe);
	fake_advance(&frtc, 3 * SECOND);
	ck_assert_uint_eq(rtc_in(0), 1);
}
END_TEST

START_TEST(the_pl031_alarm_interrupts_at_its_second_until_cleared)
{
	rtc_out(4, rtc_in(0) + 5);
	rtc_out(0x10, 1);
	fake_advance(&frtc, 5 * SECOND - 1);
	ck_assert(!frtc.line[0]);
	fake_advance(&frtc, 1);
	ck_assert(frtc.line[0]);
	ck_assert_uint_eq(rtc_in(0x14), 1);
	ck_assert_uint_eq(rtc_in(0x18), 1);
	rtc_out(0x10, 0);
	ck_assert(!frtc.line[0]);
	ck_assert_uint_eq(rtc_in(0x14), 1);
	rtc_out(0x1c, 1);
	ck_assert_uint_eq(rtc_in(0x14), 0);
	rtc_out(4, rtc_in(0)); /* now */
	ck_assert_uint_eq(rtc_in(0x14), 1);
}
END_TEST

START_TEST(a_match_that_the_wall_clock_jumped_over_still_interrupts)
{
	rtc_out(4, rtc_in(0) + 100);
	rtc_out(0x10, 1);
	frtc.wall_skew_ns = 500 * (int64_t)SECOND;
	rtc_in(0);
	ck_assert(frtc.line[0]);
	rtc_out(0x1c, 1);
	frtc.wall_skew_ns = -500 * (int64_t)SECOND;
	fake_advance(&frtc, SECOND);
	rtc_in(0);
	ck_assert(!frtc.line[0]);
}
END_TEST

static void uart_init(void *dev, struct dev_env *env) { pl011_init(dev, env); }
static void rtc_init(void *dev, struct dev_env *env) { pl031_init(dev, env); }

static uint64_t rtc_shape(unsigned region, uint64_t offset, uint64_t random)
{
	return offset < 12 ? FAKE_WALL_NS / SECOND + (random >> 8 & 15) : random & 3;
}

START_TEST(a_restored_primecell_behaves_as_the_saved_one)
{
	static const struct dev_region uart = { DEV_MMIO, 0x9000000, 0x50, 0, 4 };
	static const struct dev_region rtc = { DEV_MMIO, 0x9010000, 0x20, 0, 4 };
	static const struct twin_kind kinds[] = {
		{ .model = &pl011_model, .dev_bytes = sizeof(struct pl011), .init = uart_init,
		  .regions = &uart, .region_count = 1 },
		{ .model = &pl031_model, .dev_bytes = sizeof(struct pl031), .init = rtc_init, .regions = &rtc,
		  .region_count = 1, .shape = rtc_shape },
	};

	twin_check(&kinds[0]);
	twin_check(&kinds[1]);
}
END_TEST

Suite *suite_pl011(void)
{
	Suite *s = suite_create("pl011");
	TCase *t = tcase_create("PrimeCells");

	tcase_add_checked_fixture(t, open_both, NULL);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, both_primecells_identify_themselves_for_the_amba_bus);
	tcase_add_test(t, an_early_console_prints_without_any_set_up);
	tcase_add_test(t, nothing_leaves_a_disabled_transmitter);
	tcase_add_test(t, a_full_stream_fills_the_fifo_and_a_flood_goes_nowhere);
	tcase_add_test(t, received_bytes_interrupt_at_the_level_or_after_32_bit_times);
	tcase_add_test(t, input_waits_while_full_or_disabled);
	tcase_add_test(t, loopback_returns_what_is_sent_and_overruns);
	tcase_add_test(t, the_pl031_counts_seconds_of_the_wall_clock_or_from_what_was_set);
	tcase_add_test(t, the_pl031_alarm_interrupts_at_its_second_until_cleared);
	tcase_add_test(t, a_match_that_the_wall_clock_jumped_over_still_interrupts);
	tcase_add_test(t, a_restored_primecell_behaves_as_the_saved_one);
	suite_add_tcase(s, t);
	return s;
}
