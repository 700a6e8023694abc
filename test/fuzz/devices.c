/* Fuzzes the portable device models: what a guest, a stream and a forged saved state can do to them. */
#include "runtime/dev/pci.h"
#include "runtime/dev/pl011.h"
#include "runtime/dev/pl031.h"
#include "runtime/dev/serial16550.h"
#include "runtime/dev/virtio_blk.h"
#include "test/fuzz/device_script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void serial_init(void *dev, struct dev_env *env) { serial16550_init(dev, env); }
static void uart_init(void *dev, struct dev_env *env) { pl011_init(dev, env); }
static void rtc_init(void *dev, struct dev_env *env) { pl031_init(dev, env); }
static void root_init(void *dev, struct dev_env *env) { pci_root_init(dev, env); }

#define BAR 0xe0000000u

/* As a driver leaves it: BAR, bus mastering, features, a queue of 8 in low memory, DRIVER_OK. */
static void blk_init(void *dev, struct dev_env *env)
{
	static const struct { uint16_t at; uint8_t size; uint32_t value; } steps[] = {
		{ 0x14, 1, 3 }, { 0x08, 4, 0 }, { 0x0c, 4, 0x30000204 }, { 0x08, 4, 1 }, { 0x0c, 4, 1 },
		{ 0x14, 1, 0x0b }, { 0x18, 2, 8 }, { 0x20, 4, 0x100 }, { 0x28, 4, 0x200 }, { 0x30, 4, 0x300 },
		{ 0x1c, 2, 1 }, { 0x14, 1, 0x0f },
	};

	virtio_blk_init(dev, env, false);
	virtio_blk_model.write(dev, DEV_REGION_PCI_CONFIG, 0x10, 4, BAR);
	virtio_blk_model.write(dev, DEV_REGION_PCI_CONFIG, 0x04, 2, 6);
	for (size_t i = 0; i < VL_ARRAY_COUNT(steps); i++)
		virtio_blk_model.write(dev, 0, steps[i].at, steps[i].size, steps[i].value);
}

/* The driver's memory changes, or it notifies. */
static void blk_poke(void *dev, struct fake_env *f, uint32_t value)
{
	uint16_t at = value & 0x7fff;

	f->ram[at] = (uint8_t)(value >> 16);
	f->ram[at + 1] = (uint8_t)(value >> 24);
	if (value & 0x8000)
		virtio_blk_model.write(dev, 0, 0x3000, 2, 0);
}

static const struct dev_region serial_region = { DEV_PIO, 0x3f8, 8, 0, 1 };
static const struct dev_region uart_region = { DEV_MMIO, 0x9000000, PL011_REGION_BYTES, 0, 4 };
static const struct dev_region rtc_region = { DEV_MMIO, 0x9010000, PL031_REGION_BYTES, 0, 4 };
static const struct dev_region ecam_region = { DEV_MMIO, 0x40000000, PCI_ECAM_BYTES, 0, 4 };

static const struct script_kind kinds[] = {
	{ &serial16550_model, sizeof(struct serial16550), serial_init, &serial_region, 1, NULL, false },
	{ &pl011_model, sizeof(struct pl011), uart_init, &uart_region, 1, NULL, false },
	{ &pl031_model, sizeof(struct pl031), rtc_init, &rtc_region, 1, NULL, false },
	{ &pci_root_model, sizeof(struct pci_root), root_init, &ecam_region, 1, NULL, false },
	{ &virtio_blk_model, sizeof(struct virtio_blk), blk_init, NULL, 0, blk_poke, true },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	script_run(kinds, VL_ARRAY_COUNT(kinds), data, size);
	return 0;
}
