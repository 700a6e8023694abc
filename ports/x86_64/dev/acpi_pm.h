/*
 * ACPI fixed hardware: PM1 event and control blocks, PM timer, one GPE block
 * (ACPI 6.5 section 4.8). irq line 0: SCI (ISA interrupt 9, level). ACPI mode
 * is always on (SCI_EN reads 1; the FADT's SMI_CMD is 0).
 *
 * FADT: PM1a_EVT_BLK base + 0 (4 bytes), PM1a_CNT_BLK base + 4 (2), PM_TMR_BLK
 * base + 8 (4; 24 bits, TMR_VAL_EXT clear), GPE0_BLK base + 12 (4 bytes: 2
 * status, 2 enable). DSDT: \_S5 is { 5, 5, 0, 0 }.
 */
#ifndef VL_PORT_DEV_ACPI_PM_H
#define VL_PORT_DEV_ACPI_PM_H

#include "common/device/device.h"

#define ACPI_PM_BASE 0x600
#define ACPI_PM_EVT 0
#define ACPI_PM_CNT 4
#define ACPI_PM_TMR 8
#define ACPI_PM_GPE0 12
#define ACPI_PM_BYTES 16
#define ACPI_PM_SLP_TYP_S5 5
#define ACPI_PM_TIMER_HZ 3579545u

struct acpi_pm {
	struct dev_env *env;
	uint16_t status, enable, control;
	uint16_t gpe_status, gpe_enable;
	uint64_t tmr_half; /* half periods of the timer (bit 23 flips) when TMR_STS was last cleared */
};

#define ACPI_PM_REGIONS 1
extern const struct dev_region acpi_pm_regions[ACPI_PM_REGIONS];
extern const struct dev_model acpi_pm_model;
void acpi_pm_init(struct acpi_pm *pm, struct dev_env *env);
/* The host asks the guest to shut down. */
void acpi_pm_power_button(struct acpi_pm *pm);
/* Raises GPE `n` (0..15). */
void acpi_pm_gpe(struct acpi_pm *pm, unsigned n);

#endif
