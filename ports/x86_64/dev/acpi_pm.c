/* ACPI fixed hardware registers and PM timer (acpi_pm.h). Register accesses are the guest's. */
#include "ports/x86_64/dev/acpi_pm.h"
#include "common/base/err.h"

#include <string.h>

/* PM1 status and enable bits (ACPI 6.5 tables 4.14, 4.15). */
#define PM1_TIMER 0x0001u
#define PM1_GLOBAL 0x0020u
#define PM1_POWER_BUTTON 0x0100u
#define PM1_SLEEP_BUTTON 0x0200u
#define PM1_RTC 0x0400u
#define PM1_STATUS_BITS (PM1_TIMER | PM1_GLOBAL | PM1_POWER_BUTTON | PM1_SLEEP_BUTTON | PM1_RTC)
#define PM1_ENABLE_BITS PM1_STATUS_BITS
/* PM1 control (table 4.16). */
#define CNT_SCI_EN 0x0001u
#define CNT_BM_RLD 0x0002u
#define CNT_SLP_TYP 0x1c00u
#define CNT_SLP_TYP_SHIFT 10
#define CNT_SLP_EN 0x2000u

#define NS_PER_S 1000000000ull
#define HALF_TICKS (1u << 23)

const struct dev_region acpi_pm_regions[ACPI_PM_REGIONS] = {
	{ DEV_PIO, ACPI_PM_BASE, ACPI_PM_BYTES, 0, 4 },
};

static uint64_t timer_ticks(const struct acpi_pm *pm)
{
	uint64_t ns = pm->env->ops->now_ns(pm->env);

	return ns / NS_PER_S * ACPI_PM_TIMER_HZ + ns % NS_PER_S * ACPI_PM_TIMER_HZ / NS_PER_S;
}

/* Notes a flip of the timer's bit 23 and drives the SCI. */
static void update(struct acpi_pm *pm)
{
	uint64_t half = timer_ticks(pm) / HALF_TICKS;
	bool sci;

	if (half != pm->tmr_half) {
		pm->tmr_half = half;
		pm->status |= PM1_TIMER;
	}
	sci = (pm->status & pm->enable) || (pm->gpe_status & pm->gpe_enable);
	pm->env->ops->irq(pm->env, 0, sci);
}

static void plan(struct acpi_pm *pm)
{
	uint64_t ticks;

	if (!(pm->enable & PM1_TIMER) || (pm->status & PM1_TIMER)) {
		pm->env->ops->timer_cancel(pm->env, 0);
		return;
	}
	ticks = (timer_ticks(pm) / HALF_TICKS + 1) * HALF_TICKS;
	pm->env->ops->timer_set(pm->env, 0, ticks / ACPI_PM_TIMER_HZ * NS_PER_S +
				ticks % ACPI_PM_TIMER_HZ * NS_PER_S / ACPI_PM_TIMER_HZ + 1);
}

void acpi_pm_power_button(struct acpi_pm *pm)
{
	pm->status |= PM1_POWER_BUTTON;
	update(pm);
}

void acpi_pm_gpe(struct acpi_pm *pm, unsigned n)
{
	pm->gpe_status |= (uint16_t)(1u << (n & 15));
	update(pm);
}

static uint64_t pm_read(void *dev, unsigned id, uint64_t offset, unsigned size)
{
	struct acpi_pm *pm = dev;
	uint64_t block[3] = { 0 };
	uint64_t v;

	update(pm);
	block[0] = pm->status | (uint64_t)pm->enable << 16 | (uint64_t)(pm->control | CNT_SCI_EN) << 32;
	block[1] = (timer_ticks(pm) & (2 * HALF_TICKS - 1)) | (uint64_t)pm->gpe_status << 32 |
		   (uint64_t)pm->gpe_enable << 48;
	memcpy(&v, (uint8_t *)block + offset, sizeof(v));
	return v;
}

static void write_control(struct acpi_pm *pm, uint16_t value)
{
	pm->control = value & (CNT_BM_RLD | CNT_SLP_TYP);
	if ((value & CNT_SLP_EN) && (value & CNT_SLP_TYP) >> CNT_SLP_TYP_SHIFT == ACPI_PM_SLP_TYP_S5)
		pm->env->ops->machine(pm->env, DEV_MACHINE_POWER_OFF);
}

static void write_byte(struct acpi_pm *pm, uint64_t offset, uint8_t value)
{
	unsigned shift = offset & 1 ? 8 : 0;
	uint16_t bits = (uint16_t)(value << shift), others = (uint16_t)(0xff00 >> shift);

	switch (offset & ~1ull) {
	case ACPI_PM_EVT: pm->status &= ~bits; break; /* write one to clear */
	case ACPI_PM_EVT + 2: pm->enable = ((pm->enable & others) | bits) & PM1_ENABLE_BITS; break;
	case ACPI_PM_CNT: write_control(pm, (pm->control & others) | bits); break;
	case ACPI_PM_GPE0: pm->gpe_status &= ~bits; break;
	case ACPI_PM_GPE0 + 2: pm->gpe_enable = (pm->gpe_enable & others) | bits; break;
	}
}

static void pm_write(void *dev, unsigned id, uint64_t offset, unsigned size, uint64_t value)
{
	struct acpi_pm *pm = dev;

	update(pm); /* a flip before this write is noted before */
	for (unsigned i = 0; i < size; i++)
		write_byte(pm, offset + i, (uint8_t)(value >> 8 * i));
	update(pm);
	plan(pm);
}

static void pm_timer(void *dev, unsigned timer)
{
	update(dev);
	plan(dev);
}

static void pm_start(void *dev)
{
	update(dev);
	plan(dev);
}

static void pm_stop(void *dev)
{
	struct acpi_pm *pm = dev;

	pm->env->ops->timer_cancel(pm->env, 0);
}

static void pm_reset(void *dev)
{
	struct acpi_pm *pm = dev;

	pm->status = pm->enable = pm->control = pm->gpe_status = pm->gpe_enable = 0;
	pm->tmr_half = timer_ticks(pm) / HALF_TICKS;
	pm->env->ops->timer_cancel(pm->env, 0);
	update(pm);
}

static const struct state_field pm_fields[] = {
	STATE_FIELD(1, struct acpi_pm, status, PM1_STATUS_BITS),
	STATE_FIELD(2, struct acpi_pm, enable, PM1_ENABLE_BITS),
	STATE_FIELD(3, struct acpi_pm, control, CNT_BM_RLD | CNT_SLP_TYP),
	STATE_FIELD(4, struct acpi_pm, gpe_status, 0xffff),
	STATE_FIELD(5, struct acpi_pm, gpe_enable, 0xffff),
	STATE_FIELD(6, struct acpi_pm, tmr_half, UINT64_MAX),
};

static void pm_save(void *dev, struct state_writer *w)
{
	state_put_fields(w, pm_fields, VL_ARRAY_COUNT(pm_fields), dev);
}

static int pm_restore(void *dev, struct state_reader *r)
{
	struct acpi_pm *pm = dev;

	state_get_fields(r, pm_fields, VL_ARRAY_COUNT(pm_fields), pm);
	pm->status &= PM1_STATUS_BITS;
	pm->enable &= PM1_ENABLE_BITS;
	pm->control &= CNT_BM_RLD | CNT_SLP_TYP;
	if (!r->err)
		update(pm);
	return state_reader_finish(r);
}

static void pm_inspect(const void *dev, struct inspect *i)
{
	const struct acpi_pm *pm = dev;

	dev_show(i, "status", pm->status);
	dev_show(i, "enable", pm->enable);
	dev_show(i, "control", pm->control);
	dev_show(i, "gpe-status", pm->gpe_status);
	dev_show(i, "gpe-enable", pm->gpe_enable);
}

const struct dev_model acpi_pm_model = {
	.name = "acpi_pm",
	.version = 1,
	.read = pm_read,
	.write = pm_write,
	.start = pm_start,
	.stop = pm_stop,
	.reset = pm_reset,
	.save = pm_save,
	.restore = pm_restore,
	.inspect = pm_inspect,
	.timer = pm_timer,
};

void acpi_pm_init(struct acpi_pm *pm, struct dev_env *env)
{
	memset(pm, 0, sizeof(*pm));
	pm->env = env;
	pm_reset(pm);
}
