/* Unit tests of PCI configuration space, BARs, MSI-X and the root bus with its ECAM window. */
#include "runtime/dev/pci.h"
#include "test/unit/dev/twin.h"

Suite *suite_pci(void);

#define ECAM 0x40000000ull
#define TABLE 0x800

/* A function with a 32-bit and a 64-bit BAR and MSI-X; BAR 2 holds the table. */
struct card {
	struct pci_function pci;
	unsigned accesses;
};

static struct card card;
static struct pci_root root;
static struct bus bus;
static struct fake_env f, froot;

static uint64_t card_read(void *dev, unsigned id, uint64_t offset, unsigned size)
{
	struct card *c = dev;

	if (id == DEV_REGION_PCI_CONFIG)
		return pci_config_read(&c->pci, offset, size);
	c->accesses++;
	if (id == 2)
		return offset >= TABLE ? pci_msix_table_read(&c->pci, offset - TABLE, size) :
					 pci_msix_pba_read(&c->pci, offset, size);
	return 0xc0de0000 + offset;
}

static void card_write(void *dev, unsigned id, uint64_t offset, unsigned size, uint64_t value)
{
	struct card *c = dev;

	if (id == DEV_REGION_PCI_CONFIG)
		pci_config_write(&c->pci, offset, size, value);
	else if (id == 2 && offset >= TABLE)
		pci_msix_table_write(&c->pci, offset - TABLE, size, value);
	else if (id == 0 && offset == 0)
		pci_msix_send(&c->pci, (unsigned)value);
	else if (id == 0 && offset == 4)
		pci_intx(&c->pci, value & 1);
}

static void card_reset(void *dev) { pci_function_reset(&((struct card *)dev)->pci); }
static void card_save(void *dev, struct state_writer *w) { pci_function_save(&((struct card *)dev)->pci, w); }

static int card_restore(void *dev, struct state_reader *r)
{
	pci_function_restore(&((struct card *)dev)->pci, r);
	return state_reader_finish(r);
}

static const struct dev_model card_model = {
	.name = "card", .version = 1, .read = card_read, .write = card_write, .reset = card_reset,
	.save = card_save, .restore = card_restore,
};
static const struct dev_instance device = { "card", &card_model, &card };
static const struct dev_instance root_device = { "pci", &pci_root_model, &root };

static void card_init(void *dev, struct dev_env *env)
{
	static const struct pci_id id = { .vendor = 0x1af4, .device = 0x1042, .class_code = 0x018000,
					  .revision = 1, .interrupt_pin = true };
	struct card *c = dev;

	pci_function_init(&c->pci, env, &id);
	pci_add_bar(&c->pci, 0, 0x1000, false);
	pci_add_bar(&c->pci, 2, 0x1000, true);
	pci_add_msix(&c->pci, 3, 2, TABLE, 0);
}

static void open_pci(void)
{
	static const struct dev_region ecam = { DEV_MMIO, ECAM, PCI_ECAM_BYTES, 0, 4 };

	bus_init(&bus);
	fake_env_init(&f, &device);
	fake_env_init(&froot, &root_device);
	f.bus = froot.bus = &bus;
	card_init(&card, &f.env);
	pci_root_init(&root, &froot.env);
	ck_assert_int_eq(pci_root_attach(&root, 1, &device), VL_OK);
	ck_assert_int_eq(bus_add(&bus, &root_device, &ecam), VL_OK);
}

static uint64_t read_at(uint64_t address, unsigned size)
{
	uint64_t v;

	bus_read(&bus, DEV_MMIO, address, size, &v);
	return v;
}

static void write_at(uint64_t address, unsigned size, uint64_t value)
{
	bus_write(&bus, DEV_MMIO, address, size, value);
}

#define CARD (ECAM + (1 << 15))

static void enable(void)
{
	write_at(CARD + 0x10, 4, 0xe0000000);
	write_at(CARD + 0x18, 4, 0x20000000);
	write_at(CARD + 0x1c, 4, 0x00000001);
	write_at(CARD + 0x04, 2, 0x0006);
}

START_TEST(an_enumeration_finds_the_bridge_and_the_card_and_nothing_else)
{
	unsigned found = 0;

	for (unsigned function = 0; function < 256; function++)
		found += read_at(ECAM + (function << 12), 2) != 0xffff;
	ck_assert_uint_eq(found, 2);
	ck_assert_uint_eq(read_at(CARD, 4), 0x10421af4);
	ck_assert_uint_eq(read_at(CARD + 8, 4), 0x01800001);
	ck_assert_uint_eq(read_at(CARD + 0x0e, 1), 0);
	ck_assert_uint_eq(read_at(CARD + 0x3d, 1), 1);
	ck_assert_uint_eq(read_at(CARD + 0x100, 4), 0);
	ck_assert_int_eq(pci_root_attach(&root, 1, &device), VL_E_EXISTS);
	ck_assert_int_eq(pci_root_attach(&root, 0, &device), VL_E_RANGE);
	ck_assert_int_eq(pci_root_attach(&root, 32, &device), VL_E_RANGE);
}
END_TEST

START_TEST(sizing_a_bar_tells_its_size_and_maps_nothing)
{
	write_at(CARD + 0x04, 2, 2);
	for (unsigned bar = 0x10; bar <= 0x24; bar += 4)
		write_at(CARD + bar, 4, 0xffffffff);
	ck_assert_uint_eq(read_at(CARD + 0x10, 4), 0xfffff000);
	ck_assert_uint_eq(read_at(CARD + 0x14, 4), 0);
	ck_assert_uint_eq(read_at(CARD + 0x18, 4), 0xfffff004);
	ck_assert_uint_eq(read_at(CARD + 0x1c, 4), 0xffffffff);
	ck_assert_uint_eq(read_at(CARD + 0x20, 4), 0);
	ck_assert_uint_eq(bus.count[DEV_MMIO], 1);
}
END_TEST

START_TEST(a_bar_answers_where_it_was_put_while_memory_is_enabled)
{
	enable();
	ck_assert_uint_eq(read_at(0xe0000010, 4), 0xc0de0010);
	ck_assert_uint_eq(read_at(0x120000000, 4), 0);
	write_at(CARD + 0x10, 4, 0xe1000000);
	ck_assert_uint_eq(read_at(0xe0000010, 4), 0xffffffff);
	ck_assert_uint_eq(read_at(0xe1000010, 4), 0xc0de0010);
	write_at(CARD + 0x04, 2, 0);
	ck_assert_uint_eq(read_at(0xe1000010, 4), 0xffffffff);
	ck_assert_uint_eq(bus.count[DEV_MMIO], 1);
}
END_TEST

START_TEST(a_bar_laid_over_another_region_stays_deaf_until_it_is_moved)
{
	write_at(CARD + 0x10, 4, ECAM);
	write_at(CARD + 0x04, 2, 2);
	ck_assert_uint_eq(read_at(CARD, 4), 0x10421af4);
	write_at(CARD + 0x10, 4, 0xe0000000);
	ck_assert_uint_eq(read_at(0xe0000000, 4), 0xc0de0000);
}
END_TEST

START_TEST(read_only_registers_stay)
{
	for (unsigned at = 0; at < 0x100; at += 4)
		write_at(CARD + at, 4, 0xffffffff);
	ck_assert_uint_eq(read_at(CARD, 4), 0x10421af4);
	ck_assert_uint_eq(read_at(CARD + 4, 4), 0x00100406);
	ck_assert_uint_eq(read_at(CARD + 8, 4), 0x01800001);
	ck_assert_uint_eq(read_at(CARD + 0x34, 4), 0x40);
	ck_assert_uint_eq(read_at(CARD + 0x3c, 4), 0x01ff);
	ck_assert_uint_eq(read_at(CARD + 0x40, 4), 0xc0020011);
	ck_assert_uint_eq(read_at(CARD + 0x44, 4), TABLE | 2);
	ck_assert_uint_eq(read_at(CARD + 0x48, 4), 2);
}
END_TEST

#define VECTOR(i) (0x120000000 + TABLE + 16 * (i))

START_TEST(a_vector_is_sent_or_kept_pending_while_masked)
{
	enable();
	write_at(VECTOR(1), 4, 0xfee01000);
	write_at(VECTOR(1) + 8, 4, 0x4041);
	write_at(0xe0000000, 4, 1); /* MSI-X is off */
	ck_assert_uint_eq(f.msi_count, 0);
	write_at(CARD + 0x42, 2, 0x8000);
	write_at(0xe0000000, 4, 1); /* the vector is masked after reset */
	ck_assert_uint_eq(f.msi_count, 0);
	ck_assert_uint_eq(read_at(0x120000000, 8), 2);
	write_at(VECTOR(1) + 12, 4, 0);
	ck_assert_uint_eq(f.msi_count, 1);
	ck_assert(f.msi[0].address == 0xfee01000);
	ck_assert_uint_eq(f.msi[0].data, 0x4041);
	ck_assert_uint_eq(read_at(0x120000000, 8), 0);
	write_at(CARD + 0x42, 2, 0xc000); /* function mask */
	write_at(0xe0000000, 4, 1);
	ck_assert_uint_eq(f.msi_count, 1);
	write_at(CARD + 0x42, 2, 0x8000);
	ck_assert_uint_eq(f.msi_count, 2);
	write_at(0xe0000000, 4, 7); /* no such vector */
	ck_assert_uint_eq(f.msi_count, 2);
	ck_assert_uint_eq(read_at(VECTOR(3), 4), 0xffffffff);
	write_at(VECTOR(1), 8, 0x1fee02000);
	ck_assert(read_at(VECTOR(1), 8) == 0x1fee02000);
}
END_TEST

START_TEST(the_interrupt_pin_is_silent_under_msix_or_when_disabled)
{
	enable();
	write_at(0xe0000004, 4, 1);
	ck_assert(f.line[0]);
	ck_assert_uint_eq(read_at(CARD + 6, 1) & 8, 8);
	write_at(CARD + 0x04, 2, 0x0406);
	ck_assert(!f.line[0]);
	write_at(CARD + 0x04, 2, 0x0006);
	ck_assert(f.line[0]);
	write_at(CARD + 0x42, 2, 0x8000);
	ck_assert(!f.line[0]);
	ck_assert_uint_eq(read_at(CARD + 6, 1) & 8, 8);
}
END_TEST

START_TEST(a_reset_unmaps_the_bars_and_masks_the_vectors)
{
	enable();
	write_at(VECTOR(0) + 12, 4, 0);
	card_model.reset(&card);
	ck_assert_uint_eq(bus.count[DEV_MMIO], 1);
	ck_assert_uint_eq(read_at(CARD + 0x10, 4), 0);
	enable();
	ck_assert_uint_eq(read_at(VECTOR(0) + 12, 4), 1);
}
END_TEST

/* Lets the twin reach configuration space: it is no region of the bus. */
static void poke(void *dev, struct fake_env *env, uint64_t random)
{
	static const uint8_t often[] = { 0x04, 0x10, 0x18, 0x1c, 0x40, 0x3c };
	unsigned at = random & 1 ? often[random >> 8 & 3] : random >> 8 & 0xfc;
	uint64_t value = random & 2 ? random >> 32 & 0x1f000 : random >> 32;

	card_write(dev, DEV_REGION_PCI_CONFIG, at, 4, at == 4 ? value | 6 : value);
	fake_trace(env, 101, card_read(dev, DEV_REGION_PCI_CONFIG, random >> 16 & 0xfc, 4), 0);
}

START_TEST(a_restored_function_behaves_as_the_saved_one)
{
	/* Something for the script to reach before BARs are there. */
	static const struct dev_region probe = { DEV_MMIO, 0xf0000000, 16, 0, 4 };
	static const struct twin_kind kind = { .model = &card_model, .dev_bytes = sizeof(struct card),
					       .init = card_init, .regions = &probe, .region_count = 0,
					       .poke = poke };
	uint64_t random = 1;

	for (unsigned seed = 0; seed < 200; seed++) {
		struct twin a, b;

		twin_open(&a, &kind);
		twin_open(&b, &kind);
		for (unsigned i = 0; i < 100; i++)
			poke(a.device.dev, &a.f, twin_random(&random));
		for (unsigned i = 0; i < 20; i++)
			poke(b.device.dev, &b.f, twin_random(&random));
		twin_move(&b, &a);
		for (unsigned i = 0; i < 300; i++) {
			uint64_t r1 = twin_random(&random), r2 = twin_random(&random);

			if (a.bus.count[DEV_MMIO] && (r1 & 4))
				ck_assert(twin_access(&a, &kind, r1, r2) == twin_access(&b, &kind, r1, r2));
			else
				poke(a.device.dev, &a.f, r2), poke(b.device.dev, &b.f, r2);
			ck_assert_uint_eq(a.f.trace, b.f.trace);
			ck_assert_uint_eq(a.bus.count[DEV_MMIO], b.bus.count[DEV_MMIO]);
		}
		twin_close(&a);
		twin_close(&b);
	}
}
END_TEST

Suite *suite_pci(void)
{
	Suite *s = suite_create("pci");
	TCase *t = tcase_create("PCI");

	tcase_add_checked_fixture(t, open_pci, NULL);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, an_enumeration_finds_the_bridge_and_the_card_and_nothing_else);
	tcase_add_test(t, sizing_a_bar_tells_its_size_and_maps_nothing);
	tcase_add_test(t, a_bar_answers_where_it_was_put_while_memory_is_enabled);
	tcase_add_test(t, a_bar_laid_over_another_region_stays_deaf_until_it_is_moved);
	tcase_add_test(t, read_only_registers_stay);
	tcase_add_test(t, a_vector_is_sent_or_kept_pending_while_masked);
	tcase_add_test(t, the_interrupt_pin_is_silent_under_msix_or_when_disabled);
	tcase_add_test(t, a_reset_unmaps_the_bars_and_masks_the_vectors);
	tcase_add_test(t, a_restored_function_behaves_as_the_saved_one);
	suite_add_tcase(s, t);
	return s;
}
