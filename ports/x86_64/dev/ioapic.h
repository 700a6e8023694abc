/*
 * I/O APIC with 24 pins (Intel 82093AA data sheet; version 0x20 with the EOI
 * register of the ICH9 data sheet 13.5). Messages go out by env->msi in the
 * form of Intel SDM 3A 11.11: address 0xfee00000 | destination << 12 |
 * destination mode << 2, data vector | delivery mode << 8 | level << 14 |
 * trigger << 15. The 8-bit destination may be extended to 15 bits: RTE bits
 * 49-55 become address bits 5-11, as KVM and Hyper-V do.
 *
 * The VM worker calls ioapic_eoi() at each APIC EOI intercept (level vectors).
 */
#ifndef VL_PORT_DEV_IOAPIC_H
#define VL_PORT_DEV_IOAPIC_H

#include "common/device/device.h"

#define IOAPIC_PINS 24
#define IOAPIC_BASE 0xfec00000ull

struct ioapic {
	struct dev_env *env;
	uint64_t rte[IOAPIC_PINS];
	uint32_t lines; /* pin levels */
	uint8_t select;
	uint8_t id;
};

#define IOAPIC_REGIONS 1
extern const struct dev_region ioapic_regions[IOAPIC_REGIONS];
extern const struct dev_model ioapic_model;
void ioapic_init(struct ioapic *io, struct dev_env *env);
void ioapic_set(struct ioapic *io, unsigned pin, bool level);
/* Ends the level interrupts of `vector`; sends them again where the pin is still active. */
void ioapic_eoi(struct ioapic *io, uint8_t vector);
/* One bit per vector that has a level-triggered, unmasked pin: those whose EOI must be intercepted. */
void ioapic_eoi_vectors(const struct ioapic *io, uint64_t vectors[4]);

#endif
