/* The golden files of the portable devices' saved state (golden.h). */
#include "runtime/dev/pl011.h"
#include "runtime/dev/pl031.h"
#include "runtime/dev/serial16550.h"
#include "test/unit/dev/golden.h"
#include "test/unit/dev/virtio_rig.h"

Suite *suite_golden_devices(void);

static struct rig rig;
static struct serial16550 serial;
static struct pl011 uart;
static struct pl031 rtc;
static struct pci_root root;
static struct fake_env env[4];
static const struct dev_instance devices[] = {
	{ "pci", &pci_root_model, &root }, { "com1", &serial16550_model, &serial },
	{ "uart0", &pl011_model, &uart },
	{ "rtc", &pl031_model, &rtc },     { "disk0", &virtio_blk_model, &rig.blk },
};

#define RTC_NS 12345678901

static void settle(void)
{
	env[3].now_ns = RTC_NS;
}

static void fresh(void)
{
	for (unsigned i = 0; i < VL_ARRAY_COUNT(env); i++)
		fake_env_init(&env[i], &devices[i]);
	pci_root_init(&root, &env[0].env);
	serial16550_init(&serial, &env[1].env);
	pl011_init(&uart, &env[2].env);
	pl031_init(&rtc, &env[3].env);
	rig_create(&rig, false);
}

static void uart_script(void)
{
	static const uint8_t typed[] = "golden";

	env[1].output_room = env[2].output_room = 1;
	serial16550_model.write(&serial, 0, 2, 1, 0x87);
	serial16550_model.write(&serial, 0, 4, 1, 0x0b);
	serial16550_model.write(&serial, 0, 1, 1, 0x07);
	pl011_model.write(&uart, 0, 0x2c, 4, 0x70);
	pl011_model.write(&uart, 0, 0x24, 4, 13);
	pl011_model.write(&uart, 0, 0x38, 4, 0x50);
	for (unsigned i = 0; i < 5; i++) {
		serial16550_model.write(&serial, 0, 0, 1, 'a' + i);
		pl011_model.write(&uart, 0, 0, 4, 'A' + i);
	}
	serial16550_model.input(&serial, typed, sizeof(typed));
	pl011_model.input(&uart, typed, sizeof(typed));
}

static void script(void)
{
	pci_root_model.write(&root, 0, 0x3c, 1, 9);
	uart_script();
	env[3].now_ns = RTC_NS;
	pl031_model.write(&rtc, 0, 0x08, 4, 1000000);
	pl031_model.write(&rtc, 0, 0x04, 4, 1000060);
	pl031_model.write(&rtc, 0, 0x10, 4, 1);
	virtio_blk_model.start(&rig.blk);
	rig_enable(&rig);
	rig_serve(&rig, 64);
	rig_negotiate(&rig, RIG_FLUSH | RIG_EVENT_IDX);
	rig_request(&rig, 0, 0, 5, RIG_DATA, 4096);
	rig_serve(&rig, 64);
	rig_request(&rig, 1, 1, 9, RIG_DATA, 0x18000);
	rig_request(&rig, 2, 4, 0, 0, 0);
}

START_TEST(what_every_version_saved_of_the_portable_devices_is_restored)
{
	static const struct golden golden = {
		"golden/state/devices", 1, devices, VL_ARRAY_COUNT(devices), fresh, script, settle,
	};

	golden_check(&golden);
}
END_TEST

Suite *suite_golden_devices(void)
{
	Suite *s = suite_create("golden_devices");
	TCase *t = tcase_create("golden files");

	tcase_set_timeout(t, 300);
	tcase_add_test(t, what_every_version_saved_of_the_portable_devices_is_restored);
	suite_add_tcase(s, t);
	return s;
}
