/*
 * PCI: configuration space of a type 0 function (registers, BARs,
 * capabilities, MSI-X) for device models, and the root bus that routes
 * configuration accesses to functions, with its host bridge function in slot
 * 0 and its ECAM window. Sources: PCI Local Bus 3.0 chapter 6, PCI Express
 * Base 7.2.2 (ECAM).
 *
 * A PCI function is a device model whose configuration space is the region
 * DEV_REGION_PCI_CONFIG and whose BAR n is the region n; it places BARs by
 * env->map. All accesses are the guest's.
 */
#ifndef VL_DEV_PCI_H
#define VL_DEV_PCI_H

#include "common/device/device.h"

#define PCI_CONFIG_BYTES 256
#define PCI_BAR_COUNT 6
#define PCI_SLOTS 32
#define PCI_MSIX_MAX 16

enum pci_reg {
	PCI_VENDOR = 0x00,
	PCI_DEVICE = 0x02,
	PCI_COMMAND = 0x04,
	PCI_STATUS = 0x06,
	PCI_REVISION = 0x08,
	PCI_CLASS = 0x09, /* 3 bytes: interface, subclass, class */
	PCI_CACHE_LINE = 0x0c,
	PCI_LATENCY = 0x0d,
	PCI_HEADER = 0x0e,
	PCI_BAR0 = 0x10,
	PCI_SUBSYSTEM_VENDOR = 0x2c,
	PCI_SUBSYSTEM = 0x2e,
	PCI_CAPABILITIES = 0x34,
	PCI_INTERRUPT_LINE = 0x3c,
	PCI_INTERRUPT_PIN = 0x3d,
};
#define PCI_COMMAND_IO 1u
#define PCI_COMMAND_MEMORY 2u
#define PCI_COMMAND_MASTER 4u
#define PCI_COMMAND_INTX_DISABLE 0x400u
#define PCI_STATUS_INTERRUPT 0x08u
#define PCI_STATUS_CAPABILITIES 0x10u
#define PCI_CAP_VENDOR 0x09
#define PCI_CAP_MSIX 0x11

struct pci_id {
	uint16_t vendor, device, subsystem_vendor, subsystem;
	uint32_t class_code; /* class, subclass, interface: 0x010000 */
	uint8_t revision;
	bool interrupt_pin; /* INTA# */
};

struct pci_msix_entry {
	uint64_t address;
	uint32_t data, control; /* control bit 0: masked */
};

struct pci_function {
	struct dev_env *env;
	uint8_t config[PCI_CONFIG_BYTES];
	uint8_t writable[PCI_CONFIG_BYTES];
	uint64_t bar_bytes[PCI_BAR_COUNT]; /* 0: no BAR */
	bool bar_64[PCI_BAR_COUNT];
	uint64_t bar_mapped[PCI_BAR_COUNT]; /* address, ~0: not mapped */
	uint8_t cap_end;  /* where the next capability goes */
	uint8_t cap_last; /* the newest one */
	uint8_t msix_cap; /* 0: none */
	unsigned msix_count;
	struct pci_msix_entry msix[PCI_MSIX_MAX];
	uint32_t msix_pending;
	bool intx;
};

void pci_function_init(struct pci_function *f, struct dev_env *env, const struct pci_id *id);
/* A memory BAR of `size` bytes (power of two >= 16). `wide`: 64 bits, takes bar and bar + 1. */
void pci_add_bar(struct pci_function *f, unsigned bar, uint64_t size, bool wide);
/* Appends a capability of `size` bytes with its id, `data` from byte 2 on; returns its offset. */
uint8_t pci_add_capability(struct pci_function *f, uint8_t id, const void *data, unsigned size);
/* MSI-X with `count` vectors; table at `table` and pending bits at `pba` within `bar`. */
void pci_add_msix(struct pci_function *f, unsigned count, unsigned bar, uint32_t table, uint32_t pba);

uint64_t pci_config_read(struct pci_function *f, uint64_t offset, unsigned size);
/* Moves BARs as the guest asks; BARs become the regions 0..5. */
void pci_config_write(struct pci_function *f, uint64_t offset, unsigned size, uint64_t value);
uint64_t pci_msix_table_read(struct pci_function *f, uint64_t offset, unsigned size);
void pci_msix_table_write(struct pci_function *f, uint64_t offset, unsigned size, uint64_t value);
uint64_t pci_msix_pba_read(const struct pci_function *f, uint64_t offset, unsigned size);
bool pci_msix_enabled(const struct pci_function *f);
/* Sends vector `vector`, or keeps it pending while masked. */
void pci_msix_send(struct pci_function *f, unsigned vector);
/* INTA#; nothing when MSI-X is on or the guest disabled INTx. */
void pci_intx(struct pci_function *f, bool level);
bool pci_bus_master(const struct pci_function *f);

void pci_function_reset(struct pci_function *f);
/* Fields 0xf00-0xf1f of the unit are the function's. */
void pci_function_save(const struct pci_function *f, struct state_writer *w);
void pci_function_restore(struct pci_function *f, struct state_reader *r);
/* For the model's inspect: a folder "pci" with what the guest has set. */
void pci_function_inspect(const struct pci_function *f, struct inspect *i);

/* Bus 0: host bridge in slot 0, single-function devices in the others. */
struct pci_root {
	struct pci_function bridge;
	const struct dev_instance *slot[PCI_SLOTS]; /* [0] stays NULL: the bridge itself */
};

void pci_root_init(struct pci_root *root, struct dev_env *env);
/* Puts `device` into `slot` 1..31; VL_E_RANGE, VL_E_EXISTS. */
int pci_root_attach(struct pci_root *root, unsigned slot, const struct dev_instance *device);
/* `function` is bus << 8 | device << 3 | function. Accesses to what is not there read all ones. */
uint64_t pci_root_read(struct pci_root *root, unsigned function, unsigned offset, unsigned size);
void pci_root_write(struct pci_root *root, unsigned function, unsigned offset, unsigned size, uint64_t value);

/*
 * The root bus as a device (`dev` is a struct pci_root): its state unit is the
 * host bridge; its one region, where a machine has it, is the ECAM window of
 * bus 0: 1 MiB of MMIO, width 4.
 */
#define PCI_ECAM_BYTES 0x100000
extern const struct dev_model pci_root_model;

#endif
