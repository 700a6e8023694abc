/* I/O APIC (ioapic.h). Register accesses are the guest's. */
#include "ports/x86_64/dev/ioapic.h"
#include "common/base/err.h"
#include "common/base/fmt.h"

#include <string.h>

#define REG_SELECT 0x00
#define REG_WINDOW 0x10
#define REG_EOI 0x40
#define INDEX_ID 0x00
#define INDEX_VERSION 0x01
#define INDEX_ARBITRATION 0x02
#define INDEX_RTE 0x10
#define VERSION (0x20u | (IOAPIC_PINS - 1) << 16)

/* Redirection table entry (82093AA 3.2.4). */
#define RTE_VECTOR 0xffull
#define RTE_DELIVERY_SHIFT 8
#define RTE_LOGICAL (1ull << 11)
#define RTE_PENDING (1ull << 12) /* read only; messages leave at once */
#define RTE_REMOTE_IRR (1ull << 14)
#define RTE_LEVEL (1ull << 15)
#define RTE_MASKED (1ull << 16)
#define RTE_WRITABLE 0xfffe00000001afffull /* 0-11, 13, 15, 16, 49-63 */

const struct dev_region ioapic_regions[IOAPIC_REGIONS] = {
	{ DEV_MMIO, IOAPIC_BASE, 0x1000, 0, 4 },
};

static void send(struct ioapic *io, uint64_t rte)
{
	uint64_t address = 0xfee00000ull | (rte >> 56 & 0xff) << 12 | (rte >> 49 & 0x7f) << 5;
	uint32_t data = (uint32_t)(rte & (RTE_VECTOR | 7ull << RTE_DELIVERY_SHIFT));

	if (rte & RTE_LOGICAL)
		address |= 4;
	if (rte & RTE_LEVEL)
		data |= 0xc000;
	io->env->ops->msi(io->env, address, data);
}

/* A level pin sends while it is active, unmasked and not already waiting for its EOI. */
static void send_level(struct ioapic *io, unsigned pin)
{
	uint64_t *rte = &io->rte[pin];

	if (!(io->lines >> pin & 1) || !(*rte & RTE_LEVEL) || (*rte & (RTE_MASKED | RTE_REMOTE_IRR)))
		return;
	*rte |= RTE_REMOTE_IRR;
	send(io, *rte);
}

void ioapic_set(struct ioapic *io, unsigned pin, bool level)
{
	bool was;

	if (pin >= IOAPIC_PINS)
		return;
	was = io->lines >> pin & 1;
	io->lines = level ? io->lines | 1u << pin : io->lines & ~(1u << pin);
	if (io->rte[pin] & RTE_LEVEL)
		send_level(io, pin);
	else if (level && !was && !(io->rte[pin] & RTE_MASKED))
		send(io, io->rte[pin]);
}

void ioapic_eoi(struct ioapic *io, uint8_t vector)
{
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		uint64_t *rte = &io->rte[pin];

		if ((*rte & RTE_VECTOR) != vector || !(*rte & RTE_REMOTE_IRR))
			continue;
		*rte &= ~RTE_REMOTE_IRR;
		send_level(io, pin);
	}
}

void ioapic_eoi_vectors(const struct ioapic *io, uint64_t vectors[4])
{
	memset(vectors, 0, 4 * sizeof(vectors[0]));
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		uint64_t rte = io->rte[pin];

		/* A masked one still awaits the EOI of what it sent before. */
		if ((rte & RTE_LEVEL) && (!(rte & RTE_MASKED) || (rte & RTE_REMOTE_IRR)))
			vectors[(rte & RTE_VECTOR) / 64] |= 1ull << (rte & 63);
	}
}

static void write_rte(struct ioapic *io, unsigned pin, unsigned shift, uint32_t value)
{
	uint64_t old = io->rte[pin];
	uint64_t rte = (old & ~(0xffffffffull << shift)) | (uint64_t)value << shift;

	rte = (rte & RTE_WRITABLE) | (old & RTE_REMOTE_IRR);
	if (!(rte & RTE_LEVEL))
		rte &= ~RTE_REMOTE_IRR; /* has a meaning for level interrupts only */
	io->rte[pin] = rte;
	send_level(io, pin);
}

static void write_window(struct ioapic *io, uint32_t value)
{
	unsigned index = io->select;

	if (index == INDEX_ID)
		io->id = value >> 24 & 0x0f;
	else if (index >= INDEX_RTE && index < INDEX_RTE + 2 * IOAPIC_PINS)
		write_rte(io, (index - INDEX_RTE) / 2, index & 1 ? 32 : 0, value);
}

static uint32_t read_window(const struct ioapic *io)
{
	unsigned index = io->select;

	if (index == INDEX_ID || index == INDEX_ARBITRATION)
		return (uint32_t)io->id << 24;
	if (index == INDEX_VERSION)
		return VERSION;
	if (index >= INDEX_RTE && index < INDEX_RTE + 2 * IOAPIC_PINS)
		return (uint32_t)(io->rte[(index - INDEX_RTE) / 2] >> (index & 1 ? 32 : 0));
	return 0;
}

/* Registers are 32 bits at multiples of 16; narrower reads see their low bytes, as chipsets allow. */
static uint64_t ioapic_read(void *dev, unsigned id, uint64_t offset, unsigned size)
{
	struct ioapic *io = dev;
	uint32_t v = 0;

	if (vl_align_down(offset, 4) == REG_SELECT)
		v = io->select;
	else if (vl_align_down(offset, 4) == REG_WINDOW)
		v = read_window(io);
	return v >> 8 * (offset & 3);
}

static void ioapic_write(void *dev, unsigned id, uint64_t offset, unsigned size, uint64_t value)
{
	struct ioapic *io = dev;

	if (offset == REG_SELECT)
		io->select = (uint8_t)value;
	else if (offset == REG_WINDOW && size == 4)
		write_window(io, (uint32_t)value);
	else if (offset == REG_EOI)
		ioapic_eoi(io, (uint8_t)value);
}

static void ioapic_reset(void *dev)
{
	struct ioapic *io = dev;

	io->select = io->id = 0;
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		io->rte[pin] = RTE_MASKED;
}

static void ioapic_save(void *dev, struct state_writer *w)
{
	struct ioapic *io = dev;

	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		state_put_u64(w, 16 + pin, io->rte[pin]);
	state_put_u32(w, 1, io->lines);
	state_put_u8(w, 2, io->select);
	state_put_u8(w, 3, io->id);
}

/* Sends nothing: what was sent before the save is in the VPs' saved state. */
static int ioapic_restore(void *dev, struct state_reader *r)
{
	struct ioapic *io = dev;

	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		state_get_u64(r, 16 + pin, &io->rte[pin]);
		io->rte[pin] &= RTE_WRITABLE | RTE_REMOTE_IRR;
	}
	state_get_u32(r, 1, &io->lines);
	state_get_u8(r, 2, &io->select);
	state_get_u8(r, 3, &io->id);
	io->lines &= (1u << IOAPIC_PINS) - 1;
	io->id &= 0x0f;
	return state_reader_finish(r);
}

static void ioapic_inspect(const void *dev, struct inspect *i)
{
	const struct ioapic *io = dev;

	dev_show(i, "id", io->id);
	dev_show(i, "select", io->select);
	dev_show(i, "lines", io->lines);
	for (unsigned n = 0; n < IOAPIC_PINS; n++) {
		char name[16];

		vl_format(name, sizeof(name), "pin%u", n);
		dev_show(i, name, io->rte[n]);
	}
}

const struct dev_model ioapic_model = {
	.name = "ioapic",
	.version = 1,
	.read = ioapic_read,
	.write = ioapic_write,
	.reset = ioapic_reset,
	.save = ioapic_save,
	.restore = ioapic_restore,
	.inspect = ioapic_inspect,
};

void ioapic_init(struct ioapic *io, struct dev_env *env)
{
	memset(io, 0, sizeof(*io));
	io->env = env;
	ioapic_reset(io);
}
