/* Unit tests of the 8254 and port 0x61: every mode, latches, and the ways Linux calibrates with it. */
#include "ports/x86_64/dev/pit8254.h"
#include "test/unit/dev/twin.h"

Suite *suite_pit(void);

static struct pit8254 pit;
static struct dev_instance device = { "pit", &pit8254_model, &pit };
static struct fake_env f;

static void open_pit(void)
{
	fake_env_init(&f, &device);
	pit8254_init(&pit, &f.env);
	fake_advance(&f, 1000000007);
}

static void out(unsigned port, unsigned value)
{
	pit8254_model.write(&pit, port == 0x61, port & 3, 1, value);
}

static unsigned in(unsigned port)
{
	return (unsigned)pit8254_model.read(&pit, port == 0x61, port & 3, 1);
}

/* Time that `ticks` clocks take, rounded up. */
static uint64_t ns(uint64_t ticks)
{
	return (ticks * 1000000000 + PIT8254_HZ - 1) / PIT8254_HZ;
}

/* Low, high: the order of access mode 3. */
static unsigned in16(unsigned port)
{
	unsigned low = in(port);

	return low | in(port) << 8;
}

static void out16(unsigned port, unsigned value)
{
	out(port, value & 0xff);
	out(port, value >> 8);
}

START_TEST(mode_2_interrupts_with_the_exact_period_for_ever)
{
	out(0x43, 0x34);
	out16(0x40, 4773); /* 250 Hz, as Linux's HZ=250 */
	f.rises[0] = 0;
	fake_advance(&f, ns(4773) - 1);
	ck_assert_uint_eq(f.rises[0], 0);
	fake_advance(&f, 1);
	ck_assert_uint_eq(f.rises[0], 1);
	fake_advance(&f, ns(4773ull * 2499) - ns(0));
	ck_assert_uint_ge(f.rises[0], 2499);
	ck_assert_uint_le(f.rises[0], 2500);
	fake_advance(&f, 10);
	ck_assert_uint_eq(f.rises[0], 2500); /* no drift */
}
END_TEST

START_TEST(mode_0_ends_once_and_out_tells)
{
	out(0x43, 0x30);
	ck_assert(!f.line[0]);
	out16(0x40, 1000);
	fake_advance(&f, ns(1000) - 1);
	ck_assert(!f.line[0]);
	fake_advance(&f, 1);
	ck_assert(f.line[0]);
	fake_advance(&f, 1000000000);
	ck_assert_uint_eq(f.rises[0], 1);
	out16(0x40, 10); /* a new count lowers OUT and starts again */
	ck_assert(!f.line[0]);
	fake_advance(&f, ns(10));
	ck_assert_uint_eq(f.rises[0], 2);
}
END_TEST

START_TEST(mode_4_strobes_once_per_count_as_linux_uses_it_for_one_shots)
{
	out(0x43, 0x38);
	ck_assert(f.line[0]);
	f.rises[0] = 0;
	for (unsigned i = 1; i <= 3; i++) {
		out16(0x40, 500);
		fake_advance(&f, ns(501) - 1);
		ck_assert_uint_eq(f.rises[0], i - 1);
		fake_advance(&f, 1);
		ck_assert_uint_eq(f.rises[0], i);
		fake_advance(&f, 100000000);
		ck_assert_uint_eq(f.rises[0], i);
	}
}
END_TEST

START_TEST(counts_go_down_by_one_or_in_mode_3_by_two)
{
	out(0x43, 0x34);
	out16(0x40, 1000);
	fake_advance(&f, ns(10));
	ck_assert_uint_eq(in16(0x40), 990);
	fake_advance(&f, ns(1000));
	ck_assert_uint_eq(in16(0x40), 990);
	out(0x43, 0x36);
	out16(0x40, 1000);
	fake_advance(&f, ns(10));
	ck_assert_uint_eq(in16(0x40), 980);
	fake_advance(&f, ns(500));
	ck_assert_uint_eq(in16(0x40), 980);
	out(0x43, 0x36);
	out16(0x40, 1001); /* odd: 501 clocks high, 500 low, both from 1000 */
	ck_assert_uint_eq(in16(0x40), 1000);
	fake_advance(&f, ns(500));
	ck_assert_uint_eq(in16(0x40), 0);
	fake_advance(&f, ns(1));
	ck_assert_uint_eq(in16(0x40), 1000);
}
END_TEST

START_TEST(a_latched_count_stands_still_until_it_is_read)
{
	out(0x43, 0x34);
	out16(0x40, 0); /* 65536 */
	fake_advance(&f, ns(0x100));
	out(0x43, 0x00);
	fake_advance(&f, ns(0x100));
	out(0x43, 0x00); /* the second latch command is ignored */
	ck_assert_uint_eq(in16(0x40), 0xff00);
	ck_assert_uint_eq(in16(0x40), 0xfe00);
}
END_TEST

START_TEST(the_read_back_command_latches_status_then_count)
{
	out(0x43, 0x34);
	out(0x43, 0xe2); /* status of counter 0: no count yet */
	ck_assert_uint_eq(in(0x40), 0xf4);
	out16(0x40, 1000);
	fake_advance(&f, ns(1));
	out(0x43, 0xc2); /* both */
	ck_assert_uint_eq(in(0x40), 0xb4);
	ck_assert_uint_eq(in16(0x40), 999);
	out(0x43, 0x30);
	out16(0x40, 5);
	out(0x43, 0xe2);
	ck_assert_uint_eq(in(0x40), 0x30); /* OUT is low in mode 0 */
}
END_TEST

START_TEST(one_byte_access_modes_and_bcd)
{
	out(0x43, 0x14); /* low byte only */
	out(0x40, 100);
	fake_advance(&f, ns(1));
	ck_assert_uint_eq(in(0x40), 99);
	out(0x43, 0x24); /* high byte only */
	out(0x40, 2);
	fake_advance(&f, ns(1));
	ck_assert_uint_eq(in(0x40), 1);
	out(0x43, 0x35); /* BCD */
	out16(0x40, 0x1000);
	fake_advance(&f, ns(1));
	ck_assert_uint_eq(in16(0x40), 0x0999);
	out(0x43, 0x31);
	out16(0x40, 0);
	fake_advance(&f, ns(1));
	ck_assert_uint_eq(in16(0x40), 0x9999);
}
END_TEST

START_TEST(a_new_count_in_mode_2_takes_over_at_the_end_of_the_period)
{
	out(0x43, 0x34);
	out16(0x40, 10000);
	fake_advance(&f, ns(25000));
	f.rises[0] = 0;
	out16(0x40, 2000);
	fake_advance(&f, ns(4999));
	ck_assert_uint_eq(f.rises[0], 0);
	fake_advance(&f, ns(2));
	ck_assert_uint_eq(f.rises[0], 1);
	fake_advance(&f, ns(10000));
	ck_assert_uint_eq(f.rises[0], 6);
}
END_TEST

START_TEST(a_tiny_period_cannot_flood_the_processor)
{
	out(0x43, 0x34);
	out16(0x40, 2);
	f.rises[0] = 0;
	fake_advance_limited(&f, 1000000000, 25000);
	ck_assert_uint_gt(f.rises[0], 15000);
	ck_assert_uint_le(f.rises[0], 20000);
}
END_TEST

START_TEST(linux_calibrates_the_tsc_with_counter_2_and_port_61)
{
	uint64_t begin;

	/* pit_calibrate_tsc(): gate on, speaker off, mode 0, 50 ms, poll OUT2. */
	out(0x61, (in(0x61) & ~2u) | 1);
	out(0x43, 0xb0);
	out(0x42, 59659 & 0xff);
	out(0x42, 59659 >> 8);
	begin = f.now_ns;
	while (!(in(0x61) & 0x20))
		fake_advance(&f, 100);
	ck_assert(f.now_ns - begin >= 49999000 && f.now_ns - begin < 50002000);
}
END_TEST

START_TEST(linux_calibrates_quickly_by_the_high_byte_of_counter_2)
{
	uint64_t begin = 0;

	/* quick_pit_calibrate(): the high byte falls by one every 256 clocks. */
	out(0x61, (in(0x61) & ~2u) | 1);
	out(0x43, 0xb0);
	out(0x42, 0xff);
	out(0x42, 0xff);
	in16(0x42);
	for (unsigned expect = 0xff; expect > 0xe0; expect--) {
		unsigned loops = 0;

		while (in16(0x42) >> 8 == expect)
			loops++, fake_advance(&f, 2000);
		ck_assert_uint_gt(loops, 5);
		if (expect == 0xff)
			begin = f.now_ns;
	}
	ck_assert(f.now_ns - begin > ns(30 * 256 - 6) && f.now_ns - begin < ns(30 * 256 + 6));
}
END_TEST

START_TEST(the_gate_of_counter_2_holds_and_restarts)
{
	out(0x61, 1);
	out(0x43, 0xb0);
	out16(0x42, 1000);
	fake_advance(&f, ns(400));
	out(0x61, 0); /* mode 0: holds */
	fake_advance(&f, ns(5000));
	ck_assert_uint_eq(in16(0x42), 600);
	ck_assert_uint_eq(in(0x61) & 0x20, 0);
	out(0x61, 1);
	fake_advance(&f, ns(601));
	ck_assert_uint_eq(in(0x61) & 0x20, 0x20);
	out(0x43, 0xb2); /* mode 1: a pulse per rising gate */
	out16(0x42, 100);
	ck_assert_uint_eq(in(0x61) & 0x20, 0x20);
	out(0x61, 0);
	out(0x61, 1);
	ck_assert_uint_eq(in(0x61) & 0x20, 0);
	fake_advance(&f, ns(100));
	ck_assert_uint_eq(in(0x61) & 0x20, 0x20);
}
END_TEST

START_TEST(the_refresh_bit_toggles)
{
	unsigned before = in(0x61) & 0x10;

	fake_advance(&f, 15085);
	ck_assert_uint_ne(in(0x61) & 0x10, before);
	fake_advance(&f, 15085);
	ck_assert_uint_eq(in(0x61) & 0x10, before);
}
END_TEST

START_TEST(an_interrupt_that_fell_due_while_stopped_comes_after_the_start)
{
	out(0x43, 0x30);
	out16(0x40, 1000);
	pit8254_model.stop(&pit);
	fake_advance(&f, ns(100));
	ck_assert(!f.armed[0]);
	pit8254_model.start(&pit);
	fake_advance(&f, ns(900));
	ck_assert(f.line[0]);
}
END_TEST

static void init(void *dev, struct dev_env *env)
{
	pit8254_init(dev, env);
}

START_TEST(a_restored_pit_behaves_as_the_saved_one)
{
	static const struct twin_kind kind = { .model = &pit8254_model, .dev_bytes = sizeof(struct pit8254),
					       .init = init, .regions = pit8254_regions,
					       .region_count = PIT8254_REGIONS };

	twin_check(&kind);
}
END_TEST

Suite *suite_pit(void)
{
	Suite *s = suite_create("pit");
	TCase *t = tcase_create("8254");

	tcase_add_checked_fixture(t, open_pit, NULL);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, mode_2_interrupts_with_the_exact_period_for_ever);
	tcase_add_test(t, mode_0_ends_once_and_out_tells);
	tcase_add_test(t, mode_4_strobes_once_per_count_as_linux_uses_it_for_one_shots);
	tcase_add_test(t, counts_go_down_by_one_or_in_mode_3_by_two);
	tcase_add_test(t, a_latched_count_stands_still_until_it_is_read);
	tcase_add_test(t, the_read_back_command_latches_status_then_count);
	tcase_add_test(t, one_byte_access_modes_and_bcd);
	tcase_add_test(t, a_new_count_in_mode_2_takes_over_at_the_end_of_the_period);
	tcase_add_test(t, a_tiny_period_cannot_flood_the_processor);
	tcase_add_test(t, linux_calibrates_the_tsc_with_counter_2_and_port_61);
	tcase_add_test(t, linux_calibrates_quickly_by_the_high_byte_of_counter_2);
	tcase_add_test(t, the_gate_of_counter_2_holds_and_restarts);
	tcase_add_test(t, the_refresh_bit_toggles);
	tcase_add_test(t, an_interrupt_that_fell_due_while_stopped_comes_after_the_start);
	tcase_add_test(t, a_restored_pit_behaves_as_the_saved_one);
	suite_add_tcase(s, t);
	return s;
}
