/* Unit tests of the 8259 pair, the I/O APIC and the PC's interrupt lines. */
#include "ports/x86_64/dev/irq_router.h"
#include "test/unit/dev/twin.h"

Suite *suite_pic(void);

static struct pic8259 pic;
static struct ioapic io;
static struct dev_instance pic_device = { "pic", &pic8259_model, &pic };
static struct dev_instance io_device = { "ioapic", &ioapic_model, &io };
static struct fake_env f, fio;
static struct irq_router router = { &pic, &io };

static void open_pic(void)
{
	fake_env_init(&f, &pic_device);
	fake_env_init(&fio, &io_device);
	pic8259_init(&pic, &f.env);
	ioapic_init(&io, &fio.env);
}

/* Ports as the guest names them. */
static void out(unsigned port, unsigned value)
{
	pic8259_model.write(&pic, port < 0x80 ? 0 : port < 0x100 ? 1 : 2, port & 1, 1, value);
}

static unsigned in(unsigned port)
{
	return (unsigned)pic8259_model.read(&pic, port < 0x80 ? 0 : port < 0x100 ? 1 : 2, port & 1, 1);
}

/* As Linux's init_8259A(): vectors 0x30 and 0x38, normal EOI; then `mask` (bit per IRQ). */
static void setup(unsigned mask)
{
	static const uint8_t icw[2][4] = { { 0x11, 0x30, 0x04, 0x01 }, { 0x11, 0x38, 0x02, 0x01 } };

	for (unsigned chip = 0; chip < 2; chip++) {
		out(chip ? 0xa0 : 0x20, icw[chip][0]);
		for (unsigned i = 1; i < 4; i++)
			out(chip ? 0xa1 : 0x21, icw[chip][i]);
	}
	out(0x21, mask);
	out(0xa1, mask >> 8);
}

START_TEST(linux_finds_the_controller_by_its_mask_register)
{
	out(0xa1, 0xff);
	out(0x21, 0xfb);
	ck_assert_uint_eq(in(0x21), 0xfb);
	setup(0xfffb);
	ck_assert_uint_eq(in(0x21), 0xfb);
	ck_assert_uint_eq(in(0xa1), 0xff);
}
END_TEST

START_TEST(an_edge_interrupts_once_until_its_end)
{
	setup(0);
	pic8259_set(&pic, 4, true);
	ck_assert(f.line[0]);
	ck_assert_uint_eq(pic8259_acknowledge(&pic), 0x34);
	ck_assert(!f.line[0]);
	out(0x20, 0x0b);
	ck_assert_uint_eq(in(0x20), 0x10); /* in service */
	out(0x20, 0x64);
	ck_assert_uint_eq(in(0x20), 0);
	ck_assert(!f.line[0]); /* the level alone is no new edge */
	pic8259_set(&pic, 4, false);
	pic8259_set(&pic, 4, true);
	ck_assert(f.line[0]);
}
END_TEST

START_TEST(a_request_that_is_withdrawn_gives_the_spurious_vector)
{
	setup(0);
	pic8259_set(&pic, 3, true);
	pic8259_set(&pic, 3, false);
	ck_assert(!pic8259_pending(&pic));
	ck_assert_uint_eq(pic8259_acknowledge(&pic), 0x37);
	out(0x20, 0x0b);
	ck_assert_uint_eq(in(0x20), 0); /* nothing is in service */
}
END_TEST

START_TEST(a_masked_request_waits_for_its_unmasking)
{
	setup(0xffff);
	pic8259_set(&pic, 1, true);
	ck_assert(!f.line[0]);
	out(0x20, 0x0a);
	ck_assert_uint_eq(in(0x20), 2);
	out(0x21, 0xfd);
	ck_assert(f.line[0]);
	ck_assert_uint_eq(pic8259_acknowledge(&pic), 0x31);
}
END_TEST

START_TEST(higher_inputs_interrupt_lower_ones_and_not_the_reverse)
{
	setup(0);
	pic8259_set(&pic, 5, true);
	ck_assert_uint_eq(pic8259_acknowledge(&pic), 0x35);
	pic8259_set(&pic, 6, true);
	ck_assert(!f.line[0]);
	pic8259_set(&pic, 1, true);
	ck_assert(f.line[0]);
	ck_assert_uint_eq(pic8259_acknowledge(&pic), 0x31);
	out(0x20, 0x20); /* ends input 1, the highest in service */
	ck_assert(!f.line[0]);
	out(0x20, 0x20);
	ck_assert_uint_eq(pic8259_acknowledge(&pic), 0x36);
}
END_TEST

START_TEST(the_slave_interrupts_through_input_2)
{
	setup(0);
	pic8259_set(&pic, 8, true);
	ck_assert(f.line[0]);
	ck_assert_uint_eq(pic8259_acknowledge(&pic), 0x38);
	out(0x20, 0x0b);
	out(0xa0, 0x0b);
	ck_assert_uint_eq(in(0x20), 4);
	ck_assert_uint_eq(in(0xa0), 1);
	pic8259_set(&pic, 12, true);
	ck_assert(!f.line[0]);
	out(0xa0, 0x20);
	out(0x20, 0x20);
	ck_assert(f.line[0]);
	ck_assert_uint_eq(pic8259_acknowledge(&pic), 0x3c);
}
END_TEST

START_TEST(the_spurious_interrupt_of_the_slave_is_15)
{
	setup(0);
	pic8259_set(&pic, 9, true);
	out(0xa1, 0x02); /* masked between INTR and INTA */
	ck_assert_uint_eq(pic8259_acknowledge(&pic), 0x37); /* the slave took its INT back in time */
	pic.chip[0].irr |= 4; /* and here it did not */
	ck_assert_uint_eq(pic8259_acknowledge(&pic), 0x3f);
}
END_TEST

START_TEST(elcr_makes_an_input_level_triggered)
{
	setup(0);
	out(0x4d0, 0xff);
	out(0x4d1, 0xff);
	ck_assert_uint_eq(in(0x4d0), 0xf8); /* the timer's, keyboard's and cascade's stay edges */
	ck_assert_uint_eq(in(0x4d1), 0xde);
	pic8259_set(&pic, 9, true);
	ck_assert_uint_eq(pic8259_acknowledge(&pic), 0x39);
	out(0xa0, 0x61);
	out(0x20, 0x62);
	ck_assert(f.line[0]); /* still active: again */
	ck_assert_uint_eq(pic8259_acknowledge(&pic), 0x39);
	pic8259_set(&pic, 9, false);
	out(0xa0, 0x61);
	out(0x20, 0x62);
	ck_assert(!f.line[0]);
}
END_TEST

START_TEST(automatic_end_and_rotation)
{
	setup(0);
	out(0x20, 0x11);
	out(0x21, 0x30);
	out(0x21, 0x04);
	out(0x21, 0x03); /* AEOI */
	out(0x20, 0x80); /* rotate in it */
	pic8259_set(&pic, 3, true);
	ck_assert_uint_eq(pic8259_acknowledge(&pic), 0x33);
	out(0x20, 0x0b);
	ck_assert_uint_eq(in(0x20), 0);
	pic8259_set(&pic, 3, false);
	pic8259_set(&pic, 3, true);
	pic8259_set(&pic, 4, true);
	ck_assert_uint_eq(pic8259_acknowledge(&pic), 0x34); /* 3 is the lowest now */
	out(0x20, 0xc0); /* set priority: 0 is the lowest */
	pic8259_set(&pic, 0, true);
	ck_assert_uint_eq(pic8259_acknowledge(&pic), 0x33);
	ck_assert_uint_eq(pic8259_acknowledge(&pic), 0x30);
}
END_TEST

START_TEST(special_mask_mode_lets_lower_inputs_pass_a_masked_one)
{
	setup(0);
	pic8259_set(&pic, 2 + 1, true);
	pic8259_acknowledge(&pic);
	pic8259_set(&pic, 6, true);
	ck_assert(!f.line[0]);
	out(0x20, 0x68);
	out(0x21, 0x08);
	ck_assert(f.line[0]);
	ck_assert_uint_eq(pic8259_acknowledge(&pic), 0x36);
}
END_TEST

START_TEST(the_poll_command_acknowledges_by_a_read)
{
	setup(0);
	out(0x20, 0x0c);
	ck_assert_uint_eq(in(0x20) & 0x80, 0);
	pic8259_set(&pic, 5, true);
	out(0x20, 0x0c);
	ck_assert_uint_eq(in(0x20), 0x85);
	ck_assert(!f.line[0]);
	out(0x20, 0x0b);
	ck_assert_uint_eq(in(0x20), 0x20);
}
END_TEST

/* --- I/O APIC -------------------------------------------------------------- */

static void rte(unsigned pin, uint64_t value)
{
	for (unsigned half = 0; half < 2; half++) {
		ioapic_model.write(&io, 0, 0x00, 4, 0x11 + 2 * pin - half);
		ioapic_model.write(&io, 0, 0x10, 4, (uint32_t)(value >> 32 * !half));
	}
}

static uint32_t index_read(unsigned index)
{
	ioapic_model.write(&io, 0, 0x00, 4, index);
	return (uint32_t)ioapic_model.read(&io, 0, 0x10, 4);
}

START_TEST(the_io_apic_has_24_masked_pins)
{
	ck_assert_uint_eq(index_read(1), 0x00170020);
	for (unsigned pin = 0; pin < 24; pin++)
		ck_assert_uint_eq(index_read(0x10 + 2 * pin), 0x10000);
	ck_assert_uint_eq(index_read(0x40), 0);
	ioapic_model.write(&io, 0, 0x00, 4, 0);
	ioapic_model.write(&io, 0, 0x10, 4, 0xff000000);
	ck_assert_uint_eq(index_read(0), 0x0f000000);
	ck_assert_uint_eq(index_read(2), 0x0f000000);
}
END_TEST

START_TEST(an_edge_pin_sends_one_message_per_edge)
{
	rte(4, 0x0300000000000834ull | 3ull << 56); /* vector 0x34, logical, destination 3 */
	ioapic_set(&io, 4, true);
	ioapic_set(&io, 4, true);
	ck_assert_uint_eq(fio.msi_count, 1);
	ck_assert(fio.msi[0].address == 0xfee03004);
	ck_assert_uint_eq(fio.msi[0].data, 0x34);
	ioapic_set(&io, 4, false);
	ioapic_set(&io, 4, true);
	ck_assert_uint_eq(fio.msi_count, 2);
	rte(4, 0x10034);
	ioapic_set(&io, 4, false);
	ioapic_set(&io, 4, true); /* an edge while masked is lost */
	rte(4, 0x34);
	ck_assert_uint_eq(fio.msi_count, 2);
}
END_TEST

START_TEST(a_level_pin_sends_again_at_its_end_while_it_is_active)
{
	rte(9, 0x0100000000008039ull);
	ioapic_set(&io, 9, true);
	ck_assert_uint_eq(fio.msi_count, 1);
	ck_assert_uint_eq(fio.msi[0].data, 0xc039);
	ck_assert_uint_eq(index_read(0x10 + 18), 0xc039); /* remote IRR */
	ioapic_set(&io, 9, false);
	ioapic_set(&io, 9, true);
	ck_assert_uint_eq(fio.msi_count, 1);
	ioapic_eoi(&io, 0x38);
	ck_assert_uint_eq(fio.msi_count, 1);
	ioapic_eoi(&io, 0x39);
	ck_assert_uint_eq(fio.msi_count, 2);
	ioapic_set(&io, 9, false);
	ioapic_model.write(&io, 0, 0x40, 4, 0x39); /* the EOI register does the same */
	ck_assert_uint_eq(fio.msi_count, 2);
	ck_assert_uint_eq(index_read(0x10 + 18), 0x8039);
}
END_TEST

START_TEST(a_masked_level_pin_sends_when_unmasked_and_edge_mode_ends_remote_irr)
{
	uint64_t vectors[4];

	rte(9, 0x18039);
	ioapic_set(&io, 9, true);
	ck_assert_uint_eq(fio.msi_count, 0);
	ioapic_eoi_vectors(&io, vectors);
	ck_assert(vectors[0] == 0);
	rte(9, 0x8039);
	ck_assert_uint_eq(fio.msi_count, 1);
	ioapic_eoi_vectors(&io, vectors);
	ck_assert(vectors[0] == 1ull << 0x39);
	rte(9, 0x10039); /* as Linux clears a stuck remote IRR */
	ck_assert_uint_eq(index_read(0x10 + 18) & 0x4000, 0);
}
END_TEST

START_TEST(extended_destinations_reach_the_message)
{
	rte(1, 0x0102000000000031ull); /* bit 49: destination bit 8 */
	ioapic_set(&io, 1, true);
	ck_assert(fio.msi[0].address == (0xfee01000 | 1 << 5));
}
END_TEST

START_TEST(a_line_reaches_both_controllers_and_the_timer_pin_2)
{
	setup(0);
	for (unsigned pin = 0; pin < 24; pin++)
		rte(pin, 0x40 + pin);
	irq_router_set(&router, 0, true);
	ck_assert_uint_eq(pic8259_acknowledge(&pic), 0x30);
	ck_assert_uint_eq(fio.msi[0].data, 0x42);
	irq_router_set(&router, 2, true);
	ck_assert_uint_eq(fio.msi_count, 1);
	irq_router_set(&router, 19, true);
	ck_assert_uint_eq(fio.msi[1].data, 0x53);
	irq_router_set(&router, 24, true);
	ck_assert_uint_eq(fio.msi_count, 2);
}
END_TEST

static void pic_open(void *dev, struct dev_env *env) { pic8259_init(dev, env); }
static void io_open(void *dev, struct dev_env *env) { ioapic_init(dev, env); }

static void pic_poke(void *dev, struct fake_env *env, uint64_t random)
{
	if (random & 1)
		pic8259_set(dev, random >> 8 & 15, random >> 16 & 1);
	else
		fake_trace(env, 100, pic8259_acknowledge(dev), 0);
}

static void io_poke(void *dev, struct fake_env *env, uint64_t random)
{
	if (random & 1)
		ioapic_set(dev, random >> 8 & 31, random >> 16 & 1);
	else
		ioapic_eoi(dev, random >> 8 & 15);
}

static uint64_t io_shape(unsigned region, uint64_t offset, uint64_t random)
{
	return (random & 1) == 0 ? random >> 8 & 0x3f : (random >> 8 & 0x0f) | (random >> 16 & 0x18900);
}

START_TEST(a_restored_pic_behaves_as_the_saved_one)
{
	static const struct twin_kind kind = { .model = &pic8259_model, .dev_bytes = sizeof(struct pic8259),
					       .init = pic_open, .regions = pic8259_regions,
					       .region_count = PIC8259_REGIONS, .poke = pic_poke };

	twin_check(&kind);
}
END_TEST

START_TEST(a_restored_io_apic_behaves_as_the_saved_one)
{
	static const struct dev_region registers = { DEV_MMIO, IOAPIC_BASE, 0x44, 0, 4 };
	static const struct twin_kind kind = { .model = &ioapic_model, .dev_bytes = sizeof(struct ioapic),
					       .init = io_open, .regions = &registers, .region_count = 1,
					       .poke = io_poke, .shape = io_shape };

	twin_check(&kind);
}
END_TEST

Suite *suite_pic(void)
{
	Suite *s = suite_create("pic");
	TCase *t = tcase_create("interrupts");

	tcase_add_checked_fixture(t, open_pic, NULL);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, linux_finds_the_controller_by_its_mask_register);
	tcase_add_test(t, an_edge_interrupts_once_until_its_end);
	tcase_add_test(t, a_request_that_is_withdrawn_gives_the_spurious_vector);
	tcase_add_test(t, a_masked_request_waits_for_its_unmasking);
	tcase_add_test(t, higher_inputs_interrupt_lower_ones_and_not_the_reverse);
	tcase_add_test(t, the_slave_interrupts_through_input_2);
	tcase_add_test(t, the_spurious_interrupt_of_the_slave_is_15);
	tcase_add_test(t, elcr_makes_an_input_level_triggered);
	tcase_add_test(t, automatic_end_and_rotation);
	tcase_add_test(t, special_mask_mode_lets_lower_inputs_pass_a_masked_one);
	tcase_add_test(t, the_poll_command_acknowledges_by_a_read);
	tcase_add_test(t, the_io_apic_has_24_masked_pins);
	tcase_add_test(t, an_edge_pin_sends_one_message_per_edge);
	tcase_add_test(t, a_level_pin_sends_again_at_its_end_while_it_is_active);
	tcase_add_test(t, a_masked_level_pin_sends_when_unmasked_and_edge_mode_ends_remote_irr);
	tcase_add_test(t, extended_destinations_reach_the_message);
	tcase_add_test(t, a_line_reaches_both_controllers_and_the_timer_pin_2);
	tcase_add_test(t, a_restored_pic_behaves_as_the_saved_one);
	tcase_add_test(t, a_restored_io_apic_behaves_as_the_saved_one);
	suite_add_tcase(s, t);
	return s;
}
