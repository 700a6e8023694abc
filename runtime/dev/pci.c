/*
 * Configuration space of a PCI function (pci.h). Offsets, sizes and values
 * are the guest's; what lies in read-only bytes is ours.
 */
#include "runtime/dev/pci.h"
#include "common/base/err.h"

#include <string.h>

#define BAR_64BIT 4u
#define UNMAPPED (~0ull)
#define MSIX_ENABLE 0x8000u
#define MSIX_FUNCTION_MASK 0x4000u
#define MSIX_ENTRY_BYTES 16
#define MSIX_MASKED 1u

static uint32_t get32(const struct pci_function *f, unsigned at)
{
	return f->config[at] | f->config[at + 1] << 8 | f->config[at + 2] << 16 |
	       (uint32_t)f->config[at + 3] << 24;
}

static uint16_t get16(const struct pci_function *f, unsigned at)
{
	return (uint16_t)(f->config[at] | f->config[at + 1] << 8);
}

static void put(uint8_t *bytes, unsigned at, unsigned size, uint64_t v)
{
	for (unsigned i = 0; i < size; i++)
		bytes[at + i] = (uint8_t)(v >> 8 * i);
}

void pci_function_init(struct pci_function *f, struct dev_env *env, const struct pci_id *id)
{
	memset(f, 0, sizeof(*f));
	f->env = env;
	put(f->config, PCI_VENDOR, 2, id->vendor);
	put(f->config, PCI_DEVICE, 2, id->device);
	put(f->config, PCI_REVISION, 1, id->revision);
	put(f->config, PCI_CLASS, 3, id->class_code);
	put(f->config, PCI_SUBSYSTEM_VENDOR, 2, id->subsystem_vendor);
	put(f->config, PCI_SUBSYSTEM, 2, id->subsystem);
	put(f->config, PCI_INTERRUPT_PIN, 1, id->interrupt_pin);
	put(f->writable, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
	put(f->writable, PCI_CACHE_LINE, 1, 0xff);
	put(f->writable, PCI_INTERRUPT_LINE, 1, 0xff);
	f->cap_end = 0x40;
	for (unsigned i = 0; i < PCI_BAR_COUNT; i++)
		f->bar_mapped[i] = UNMAPPED;
}

void pci_add_bar(struct pci_function *f, unsigned bar, uint64_t size, bool wide)
{
	f->bar_bytes[bar] = size;
	f->bar_64[bar] = wide;
	put(f->config, PCI_BAR0 + 4 * bar, 4, wide ? BAR_64BIT : 0);
	put(f->writable, PCI_BAR0 + 4 * bar, wide ? 8 : 4, ~(size - 1));
}

uint8_t pci_add_capability(struct pci_function *f, uint8_t id, const void *data, unsigned size)
{
	uint8_t at = f->cap_end;

	f->config[at] = id;
	f->config[at + 1] = 0;
	memcpy(f->config + at + 2, data, size - 2);
	f->config[f->cap_last ? f->cap_last + 1 : PCI_CAPABILITIES] = at;
	f->config[PCI_STATUS] |= PCI_STATUS_CAPABILITIES;
	f->cap_last = at;
	f->cap_end = (uint8_t)vl_align_up(at + size, 4);
	return at;
}

void pci_add_msix(struct pci_function *f, unsigned count, unsigned bar, uint32_t table, uint32_t pba)
{
	uint8_t body[10];

	put(body, 0, 2, count - 1);
	put(body, 2, 4, table | bar);
	put(body, 6, 4, pba | bar);
	f->msix_cap = pci_add_capability(f, PCI_CAP_MSIX, body, 2 + sizeof(body));
	f->msix_count = count;
	put(f->writable, f->msix_cap + 2, 2, MSIX_ENABLE | MSIX_FUNCTION_MASK);
	for (unsigned i = 0; i < count; i++)
		f->msix[i].control = MSIX_MASKED;
}

/* --- Message-signalled interrupts ----------------------------------------- */

static uint16_t msix_control(const struct pci_function *f)
{
	return f->msix_cap ? get16(f, f->msix_cap + 2) : 0;
}

bool pci_msix_enabled(const struct pci_function *f)
{
	return msix_control(f) & MSIX_ENABLE;
}

bool pci_bus_master(const struct pci_function *f)
{
	return get16(f, PCI_COMMAND) & PCI_COMMAND_MASTER;
}

void pci_msix_send(struct pci_function *f, unsigned vector)
{
	const struct pci_msix_entry *e;

	if (vector >= f->msix_count || !pci_msix_enabled(f))
		return;
	e = &f->msix[vector];
	if ((e->control & MSIX_MASKED) || (msix_control(f) & MSIX_FUNCTION_MASK)) {
		f->msix_pending |= 1u << vector;
		return;
	}
	f->msix_pending &= ~(1u << vector);
	if (pci_bus_master(f))
		f->env->ops->msi(f->env, e->address, e->data);
}

/* What was kept back and is unmasked now. */
static void msix_flush(struct pci_function *f)
{
	for (unsigned i = 0; i < f->msix_count; i++)
		if (f->msix_pending >> i & 1)
			pci_msix_send(f, i);
}

uint64_t pci_msix_table_read(struct pci_function *f, uint64_t offset, unsigned size)
{
	uint64_t index = offset / MSIX_ENTRY_BYTES;
	const struct pci_msix_entry *e;
	uint64_t words[3];
	uint64_t v;

	if (index >= f->msix_count)
		return ~0ull;
	e = &f->msix[index];
	words[0] = e->address;
	words[1] = e->data | (uint64_t)e->control << 32;
	words[2] = 0;
	memcpy(&v, (uint8_t *)words + offset % MSIX_ENTRY_BYTES, sizeof(v));
	return v;
}

/* Aligned accesses of 4 or 8 bytes only (PCI 3.0 section 6.8.2). */
void pci_msix_table_write(struct pci_function *f, uint64_t offset, unsigned size, uint64_t value)
{
	uint64_t index = offset / MSIX_ENTRY_BYTES;
	struct pci_msix_entry *e;
	uint8_t words[MSIX_ENTRY_BYTES];

	if (index >= f->msix_count || size < 4 || offset % size)
		return;
	e = &f->msix[index];
	put(words, 0, 8, e->address);
	put(words, 8, 4, e->data);
	put(words, 12, 4, e->control);
	put(words, offset % MSIX_ENTRY_BYTES, size, value);
	memcpy(&e->address, words, 8);
	memcpy(&e->data, words + 8, 4);
	memcpy(&e->control, words + 12, 4);
	e->address &= ~3ull;
	e->control &= MSIX_MASKED;
	msix_flush(f);
}

uint64_t pci_msix_pba_read(const struct pci_function *f, uint64_t offset, unsigned size)
{
	return offset < 8 ? (uint64_t)f->msix_pending >> 8 * offset : 0;
}

void pci_intx(struct pci_function *f, bool level)
{
	f->intx = level;
	f->config[PCI_STATUS] = (uint8_t)((f->config[PCI_STATUS] & ~PCI_STATUS_INTERRUPT) |
					  (level ? PCI_STATUS_INTERRUPT : 0));
	if (pci_msix_enabled(f) || (get16(f, PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE))
		level = false;
	f->env->ops->irq(f->env, 0, level);
}

/* --- Base address registers ------------------------------------------------ */

static uint64_t bar_address(const struct pci_function *f, unsigned bar)
{
	uint64_t address = get32(f, PCI_BAR0 + 4 * bar) & ~15u;

	if (f->bar_64[bar])
		address |= (uint64_t)get32(f, PCI_BAR0 + 4 * bar + 4) << 32;
	return address;
}

/* Where the BAR answers now; not while it is being sized (all ones) or decoding is off. */
static uint64_t bar_wanted(const struct pci_function *f, unsigned bar)
{
	uint64_t address = bar_address(f, bar), size = f->bar_bytes[bar];
	uint64_t top = f->bar_64[bar] ? UNMAPPED : 0xffffffffu;

	if (!(get16(f, PCI_COMMAND) & PCI_COMMAND_MEMORY) || address == 0 || address > top - size)
		return UNMAPPED;
	return address;
}

static void remap(struct pci_function *f)
{
	for (unsigned bar = 0; bar < PCI_BAR_COUNT; bar++) {
		uint64_t wanted = f->bar_bytes[bar] ? bar_wanted(f, bar) : UNMAPPED;
		struct dev_region region = { .space = DEV_MMIO, .base = wanted, .id = bar };

		if (wanted == f->bar_mapped[bar])
			continue;
		region.size = wanted == UNMAPPED ? 0 : f->bar_bytes[bar];
		/* A BAR laid over something else stays deaf until the guest moves it. */
		f->bar_mapped[bar] = f->env->ops->map(f->env, &region) ? UNMAPPED : wanted;
	}
}

/* --- Configuration accesses -------------------------------------------------- */

uint64_t pci_config_read(struct pci_function *f, uint64_t offset, unsigned size)
{
	uint64_t v = 0;

	if (!vl_within(offset, size, PCI_CONFIG_BYTES))
		return ~0ull;
	for (unsigned i = size; i-- > 0;)
		v = v << 8 | f->config[offset + i];
	return v;
}

void pci_config_write(struct pci_function *f, uint64_t offset, unsigned size, uint64_t value)
{
	if (!vl_within(offset, size, PCI_CONFIG_BYTES))
		return;
	for (unsigned i = 0; i < size; i++) {
		uint8_t *byte = &f->config[offset + i], mask = f->writable[offset + i];

		*byte = (uint8_t)((*byte & ~mask) | (value >> 8 * i & mask));
	}
	remap(f);
	pci_intx(f, f->intx);
	msix_flush(f);
}

/* --- State --------------------------------------------------------------------- */

void pci_function_reset(struct pci_function *f)
{
	for (unsigned i = 0; i < PCI_CONFIG_BYTES; i++)
		f->config[i] &= (uint8_t)~f->writable[i];
	for (unsigned i = 0; i < f->msix_count; i++)
		f->msix[i] = (struct pci_msix_entry){ .control = MSIX_MASKED };
	f->msix_pending = 0;
	remap(f);
	pci_intx(f, false);
}

void pci_function_inspect(const struct pci_function *f, struct inspect *i)
{
	if (!inspect_open(i, "pci", INSPECT_SENSITIVE))
		return;
	dev_show(i, "vendor", get16(f, PCI_VENDOR));
	dev_show(i, "device", get16(f, PCI_DEVICE));
	dev_show(i, "command", get16(f, PCI_COMMAND));
	dev_show(i, "status", get16(f, PCI_STATUS));
	dev_show(i, "interrupt-line", f->config[PCI_INTERRUPT_LINE]);
	dev_show(i, "intx", f->intx);
	if (f->bar_bytes[0])
		dev_show(i, "bar0", bar_address(f, 0));
	if (f->msix_cap) {
		dev_show(i, "msix-control", msix_control(f));
		dev_show(i, "msix-pending", f->msix_pending);
	}
	inspect_close(i);
}

#define FIELD_CONFIG 0xf00
#define FIELD_PENDING 0xf01
#define FIELD_INTX 0xf02
#define FIELD_MSIX 0xf03

void pci_function_save(const struct pci_function *f, struct state_writer *w)
{
	uint8_t table[PCI_MSIX_MAX * MSIX_ENTRY_BYTES];

	for (unsigned i = 0; i < f->msix_count; i++) {
		put(table, i * MSIX_ENTRY_BYTES, 8, f->msix[i].address);
		put(table, i * MSIX_ENTRY_BYTES + 8, 4, f->msix[i].data);
		put(table, i * MSIX_ENTRY_BYTES + 12, 4, f->msix[i].control);
	}
	state_put_bytes(w, FIELD_CONFIG, f->config, sizeof(f->config));
	state_put_u32(w, FIELD_PENDING, f->msix_pending);
	state_put_u8(w, FIELD_INTX, f->intx);
	state_put_bytes(w, FIELD_MSIX, table, f->msix_count * MSIX_ENTRY_BYTES);
}

static void restore_msix(struct pci_function *f, struct state_reader *r)
{
	uint8_t table[PCI_MSIX_MAX * MSIX_ENTRY_BYTES];

	if (!state_get_bytes(r, FIELD_MSIX, table, f->msix_count * MSIX_ENTRY_BYTES))
		return;
	for (unsigned i = 0; i < f->msix_count; i++) {
		struct pci_msix_entry *e = &f->msix[i];

		memcpy(&e->address, table + i * MSIX_ENTRY_BYTES, 8);
		memcpy(&e->data, table + i * MSIX_ENTRY_BYTES + 8, 4);
		memcpy(&e->control, table + i * MSIX_ENTRY_BYTES + 12, 4);
		e->address &= ~3ull;
		e->control &= MSIX_MASKED;
	}
}

void pci_function_restore(struct pci_function *f, struct state_reader *r)
{
	uint8_t config[PCI_CONFIG_BYTES];

	if (state_get_bytes(r, FIELD_CONFIG, config, sizeof(config)))
		for (unsigned i = 0; i < PCI_CONFIG_BYTES; i++)
			f->config[i] = (uint8_t)((f->config[i] & ~f->writable[i]) |
					(config[i] & f->writable[i]));
	restore_msix(f, r);
	state_get_u32(r, FIELD_PENDING, &f->msix_pending);
	f->msix_pending &= (uint32_t)((1ull << f->msix_count) - 1);
	state_get_bool(r, FIELD_INTX, &f->intx);
	if (r->err)
		return;
	remap(f);
	pci_intx(f, f->intx);
}
