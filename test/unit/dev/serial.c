/* Unit tests of the 16550A UART: the data sheet's rules, what Linux's 8250 driver probes, flow control. */
#include "runtime/dev/serial16550.h"
#include "test/unit/dev/twin.h"

Suite *suite_serial(void);

static struct serial16550 s;
static struct dev_instance device = { "com1", &serial16550_model, &s };
static struct fake_env f;

static void open_serial(void)
{
	fake_env_init(&f, &device);
	serial16550_init(&s, &f.env);
	serial16550_model.start(&s);
}

static unsigned in(unsigned reg)
{
	return (unsigned)serial16550_model.read(&s, 0, reg, 1);
}

static void out(unsigned reg, unsigned value)
{
	serial16550_model.write(&s, 0, reg, 1, value);
}

static size_t type(const char *text)
{
	return serial16550_model.input(&s, (const uint8_t *)text, strlen(text));
}

/* FIFO with a trigger of 8, interrupts `ier`, gate open; as Linux sets it up at 115200 baud. */
static void setup(unsigned ier)
{
	out(3, 0x83);
	out(0, 1);
	out(1, 0);
	out(3, 0x03);
	out(2, 0x87);
	out(4, 0x0b);
	in(6);
	out(1, ier);
}

START_TEST(linux_detects_a_16550a)
{
	out(1, 0);
	ck_assert_uint_eq(in(1), 0);
	out(1, 0x0f);
	ck_assert_uint_eq(in(1), 0x0f);
	out(1, 0x40); /* UUE exists on another chip */
	ck_assert_uint_eq(in(1), 0);
	out(7, 0x5a);
	ck_assert_uint_eq(in(7), 0x5a);
	out(4, 0x1a); /* loopback of OUT2 and RTS: DCD and CTS */
	ck_assert_uint_eq(in(6) & 0xf0, 0x90);
	out(4, 0x00);
	out(2, 0x01);
	ck_assert_uint_eq(in(2) >> 6, 3);
	out(3, 0xbf); /* a 16650's EFR would read 0 here */
	ck_assert_uint_ne(in(2), 0);
	out(3, 0x83);
	out(2, 0x21);
	ck_assert_uint_eq(in(2) & 0x20, 0); /* no 64-byte FIFO */
	out(3, 0x03);
	out(2, 0x00);
	ck_assert_uint_eq(in(2) >> 6, 0);
}
END_TEST

START_TEST(the_divisor_shows_only_behind_dlab)
{
	out(3, 0x80);
	out(0, 0x34);
	out(1, 0x12);
	ck_assert_uint_eq(in(0), 0x34);
	ck_assert_uint_eq(in(1), 0x12);
	out(3, 0x03);
	ck_assert_uint_eq(in(1), 0);
	ck_assert_uint_eq(in(3), 0x03);
}
END_TEST

START_TEST(sent_bytes_leave_in_order)
{
	out(0, 'h');
	out(0, 'i');
	ck_assert_uint_eq(f.output_count, 2);
	ck_assert_mem_eq(f.output, "hi", 2);
	ck_assert_uint_eq(in(5), 0x60);
}
END_TEST

START_TEST(enabling_the_transmit_interrupt_while_empty_raises_it_each_time)
{
	setup(0);
	ck_assert_uint_eq(in(2), 0xc1);
	out(1, 2);
	ck_assert(f.line[0]);
	ck_assert_uint_eq(in(2), 0xc2); /* reading it ends it */
	ck_assert(!f.line[0]);
	ck_assert_uint_eq(in(2), 0xc1);
	out(1, 0);
	out(1, 2);
	ck_assert_uint_eq(in(2), 0xc2);
}
END_TEST

START_TEST(a_sent_byte_raises_the_transmit_interrupt_again)
{
	setup(2);
	in(2);
	out(0, 'x');
	ck_assert(f.line[0]);
	ck_assert_uint_eq(in(2), 0xc2);
}
END_TEST

START_TEST(a_full_stream_keeps_the_transmitter_busy_and_loses_nothing_that_fits)
{
	setup(2);
	in(2);
	f.output_room = 3;
	for (unsigned i = 0; i < 19; i++)
		out(0, 'a' + i);
	ck_assert_uint_eq(f.output_count, 3);
	ck_assert_uint_eq(in(5) & 0x60, 0);
	ck_assert(!f.line[0]);
	for (unsigned i = 0; i < 1000; i++) /* a flood goes nowhere and waits for nobody */
		out(0, '!');
	f.output_room = SIZE_MAX;
	serial16550_model.complete(&s, 0, 0);
	ck_assert_uint_eq(f.output_count, 19);
	ck_assert_mem_eq(f.output, "abcdefghijklmnopqrs", 19);
	ck_assert_uint_eq(in(5) & 0x60, 0x60);
	ck_assert(f.line[0]);
}
END_TEST

START_TEST(input_at_the_trigger_level_interrupts_at_once_and_below_it_after_four_characters)
{
	setup(1);
	ck_assert_uint_eq(type("1234567"), 7);
	ck_assert(!f.line[0]);
	ck_assert_uint_eq(in(5) & 1, 1);
	fake_advance(&f, 347000);
	ck_assert(!f.line[0]);
	fake_advance(&f, 1000); /* 40 bits at 115200 baud are 347.2 us */
	ck_assert(f.line[0]);
	ck_assert_uint_eq(in(2), 0xcc);
	ck_assert_uint_eq(in(0), '1');
	ck_assert(!f.line[0]);
	type("89");
	ck_assert(f.line[0]);
	ck_assert_uint_eq(in(2), 0xc4);
	for (unsigned i = 0; i < 8; i++)
		ck_assert_uint_eq(in(0), '2' + i);
	ck_assert(!f.line[0]);
	ck_assert_uint_eq(in(5) & 1, 0);
	fake_advance(&f, 1000000);
	ck_assert(!f.line[0]);
}
END_TEST

START_TEST(input_waits_while_the_fifo_is_full_and_is_called_for_when_there_is_room)
{
	setup(1);
	ck_assert_uint_eq(type("0123456789abcdefgh"), 16);
	ck_assert_uint_eq(type("gh"), 0);
	ck_assert_uint_eq(f.input_ready, 1); /* the start's */
	ck_assert_uint_eq(in(0), '0');
	ck_assert_uint_eq(f.input_ready, 2);
	ck_assert_uint_eq(type("gh"), 1);
	out(2, 0x83); /* clears the FIFO */
	ck_assert_uint_eq(f.input_ready, 3);
	ck_assert_uint_eq(in(5) & 1, 0);
}
END_TEST

START_TEST(without_the_fifo_one_character_is_held)
{
	out(4, 0x08);
	out(1, 1);
	ck_assert_uint_eq(type("ab"), 1);
	ck_assert(f.line[0]);
	ck_assert_uint_eq(in(2), 0x04);
	ck_assert_uint_eq(in(0), 'a');
	ck_assert_uint_eq(type("b"), 1);
}
END_TEST

START_TEST(loopback_returns_what_is_sent_and_overruns)
{
	setup(5);
	out(4, 0x1b);
	out(0, 'A');
	ck_assert_uint_eq(f.output_count, 0);
	ck_assert_uint_eq(in(0), 'A');
	for (unsigned i = 0; i < 17; i++)
		out(0, i);
	ck_assert_uint_eq(in(2), 0xc6);
	ck_assert(!f.line[0]); /* the pin is inactive in loopback */
	ck_assert_uint_eq(in(5) & 0x03, 0x03);
	ck_assert_uint_eq(in(5) & 0x02, 0); /* reading cleared it */
	ck_assert_uint_eq(type("x"), 0);
}
END_TEST

START_TEST(modem_changes_are_noted_once_and_interrupt)
{
	setup(8);
	ck_assert_uint_eq(in(6), 0xb0);
	out(4, 0x1c); /* loopback, OUT1 and OUT2: RI and DCD; CTS and DSR fall */
	ck_assert_uint_eq(in(2), 0xc0);
	ck_assert_uint_eq(in(6), 0xc3);
	ck_assert_uint_eq(in(6), 0xc0);
	out(4, 0x18); /* the trailing edge of RI */
	ck_assert_uint_eq(in(6), 0x84);
}
END_TEST

START_TEST(the_interrupt_line_is_gated_by_out2)
{
	setup(1);
	out(4, 0x03);
	type("123456789");
	ck_assert(!f.line[0]);
	ck_assert_uint_eq(in(2), 0xc4);
	out(4, 0x0b);
	ck_assert(f.line[0]);
}
END_TEST

static void init(void *dev, struct dev_env *env)
{
	serial16550_init(dev, env);
}

START_TEST(a_restored_uart_behaves_as_the_saved_one)
{
	static const struct dev_region region = { DEV_PIO, 0x3f8, 8, 0, 1 };
	static const struct twin_kind kind = { .model = &serial16550_model,
					       .dev_bytes = sizeof(struct serial16550),
					       .init = init, .regions = &region, .region_count = 1 };

	twin_check(&kind);
}
END_TEST

Suite *suite_serial(void)
{
	Suite *suite = suite_create("serial");
	TCase *t = tcase_create("16550A");

	tcase_add_checked_fixture(t, open_serial, NULL);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, linux_detects_a_16550a);
	tcase_add_test(t, the_divisor_shows_only_behind_dlab);
	tcase_add_test(t, sent_bytes_leave_in_order);
	tcase_add_test(t, enabling_the_transmit_interrupt_while_empty_raises_it_each_time);
	tcase_add_test(t, a_sent_byte_raises_the_transmit_interrupt_again);
	tcase_add_test(t, a_full_stream_keeps_the_transmitter_busy_and_loses_nothing_that_fits);
	tcase_add_test(t, input_at_the_trigger_level_interrupts_at_once_and_below_it_after_four_characters);
	tcase_add_test(t, input_waits_while_the_fifo_is_full_and_is_called_for_when_there_is_room);
	tcase_add_test(t, without_the_fifo_one_character_is_held);
	tcase_add_test(t, loopback_returns_what_is_sent_and_overruns);
	tcase_add_test(t, modem_changes_are_noted_once_and_interrupt);
	tcase_add_test(t, the_interrupt_line_is_gated_by_out2);
	tcase_add_test(t, a_restored_uart_behaves_as_the_saved_one);
	suite_add_tcase(suite, t);
	return suite;
}
