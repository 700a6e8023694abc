/* Fuzzes the portable device models: what a guest, a stream and a forged saved state can do to them. */
#include "runtime/dev/pci.h"
#include "runtime/dev/pl011.h"
#include "runtime/dev/pl031.h"
#include "runtime/dev/serial16550.h"
#include "test/fuzz/device_script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void serial_init(void *dev, struct dev_env *env) { serial16550_init(dev, env); }
static void uart_init(void *dev, struct dev_env *env) { pl011_init(dev, env); }
static void rtc_init(void *dev, struct dev_env *env) { pl031_init(dev, env); }
static void root_init(void *dev, struct dev_env *env) { pci_root_init(dev, env); }

static const struct dev_region serial_region = { DEV_PIO, 0x3f8, 8, 0, 1 };
static const struct dev_region uart_region = { DEV_MMIO, 0x9000000, PL011_REGION_BYTES, 0, 4 };
static const struct dev_region rtc_region = { DEV_MMIO, 0x9010000, PL031_REGION_BYTES, 0, 4 };
static const struct dev_region ecam_region = { DEV_MMIO, 0x40000000, PCI_ECAM_BYTES, 0, 4 };

static const struct script_kind kinds[] = {
	{ &serial16550_model, sizeof(struct serial16550), serial_init, &serial_region, 1, NULL, false },
	{ &pl011_model, sizeof(struct pl011), uart_init, &uart_region, 1, NULL, false },
	{ &pl031_model, sizeof(struct pl031), rtc_init, &rtc_region, 1, NULL, false },
	{ &pci_root_model, sizeof(struct pci_root), root_init, &ecam_region, 1, NULL, false },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	script_run(kinds, VL_ARRAY_COUNT(kinds), data, size);
	return 0;
}
