/* virtio over PCI (virtio_pci.h). Accesses and rings are the guest's. */
#include "runtime/dev/virtio_pci.h"
#include "common/base/fmt.h"
#include "common/base/err.h"

#include <string.h>

/* BAR 0, one page each. */
enum { PAGE_COMMON, PAGE_ISR, PAGE_DEVICE, PAGE_NOTIFY, PAGE_MSIX_TABLE, PAGE_MSIX_PENDING };
#define BAR_BYTES 0x8000
#define NOTIFY_MULTIPLIER 4u

/* Common configuration (4.1.4.3). */
enum { OFFERED_SELECT = 0x00, OFFERED = 0x04, ACCEPTED_SELECT = 0x08, ACCEPTED = 0x0c, CONFIG_VECTOR = 0x10,
       QUEUE_COUNT = 0x12, STATUS = 0x14, GENERATION = 0x15, QUEUE_SELECT = 0x16, QUEUE_SIZE = 0x18,
       QUEUE_VECTOR = 0x1a, QUEUE_ENABLE = 0x1c, QUEUE_NOTIFY_OFFSET = 0x1e, QUEUE_DESC = 0x20,
       QUEUE_AVAIL = 0x28, QUEUE_USED = 0x30, COMMON_BYTES = 0x38 };

#define ISR_QUEUE 1u
#define ISR_CONFIG 2u
#define STATUS_WRITABLE 0x8fu /* ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK, FAILED */

/* Capabilities (4.1.4): id, next and length are followed by this. */
enum { CAP_COMMON = 1, CAP_NOTIFY, CAP_ISR, CAP_DEVICE, CAP_PCI };
#define CAP_BYTES 16u
#define CAP_PCI_BAR 4
#define CAP_PCI_OFFSET 8
#define CAP_PCI_LENGTH 12
#define CAP_PCI_DATA 16

static void put_le32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static uint8_t add_capability(struct virtio_pci *v, uint8_t type, unsigned page, uint32_t length,
			      unsigned extra)
{
	uint8_t body[CAP_BYTES + 4 - 2] = { (uint8_t)(CAP_BYTES + extra), type };

	put_le32(body + CAP_PCI_OFFSET - 2, page * VL_PAGE_BYTES);
	put_le32(body + CAP_PCI_LENGTH - 2, length);
	if (type == CAP_NOTIFY)
		put_le32(body + CAP_BYTES - 2, NOTIFY_MULTIPLIER);
	return pci_add_capability(&v->pci, PCI_CAP_VENDOR, body, CAP_BYTES + extra);
}

static void add_capabilities(struct virtio_pci *v)
{
	uint8_t at;

	add_capability(v, CAP_COMMON, PAGE_COMMON, COMMON_BYTES, 0);
	add_capability(v, CAP_NOTIFY, PAGE_NOTIFY, v->kind->queue_count * NOTIFY_MULTIPLIER, 4);
	add_capability(v, CAP_ISR, PAGE_ISR, 1, 0);
	add_capability(v, CAP_DEVICE, PAGE_DEVICE, v->kind->config_bytes, 0);
	at = add_capability(v, CAP_PCI, 0, 0, 4);
	v->cfg_cap = at;
	memset(v->pci.writable + at + CAP_PCI_BAR, 0xff, 1);
	memset(v->pci.writable + at + CAP_PCI_OFFSET, 0xff, 8);
}

static void reset_virtio(struct virtio_pci *v)
{
	for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++)
		virtq_reset(&v->queue[i]);
	v->accepted = 0;
	v->offered_select = v->accepted_select = 0;
	v->config_vector = VIRTQ_NO_VECTOR;
	v->queue_select = 0;
	v->status = v->isr = 0;
	pci_intx(&v->pci, false);
}

void virtio_pci_init(struct virtio_pci *v, struct dev_env *env, const struct virtio_kind *kind, void *dev,
		     uint64_t offered)
{
	struct pci_id id = { .vendor = 0x1af4, .device = (uint16_t)(0x1040 + kind->type),
			     .subsystem_vendor = 0x1af4,
			     .subsystem = 0x1100, .class_code = kind->class_code, .revision = 1,
			     .interrupt_pin = true };

	memset(v, 0, sizeof(*v));
	v->kind = kind;
	v->dev = dev;
	v->env = env;
	v->offered = offered | VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC;
	pci_function_init(&v->pci, env, &id);
	pci_add_bar(&v->pci, 0, BAR_BYTES, true);
	pci_add_msix(&v->pci, kind->queue_count + 1, 0, PAGE_MSIX_TABLE * VL_PAGE_BYTES,
		     PAGE_MSIX_PENDING * VL_PAGE_BYTES);
	add_capabilities(v);
	reset_virtio(v);
}

void virtio_pci_reset(struct virtio_pci *v)
{
	pci_function_reset(&v->pci);
	reset_virtio(v);
}

/* --- Interrupts --------------------------------------------------------------- */

static void interrupt(struct virtio_pci *v, uint16_t vector, uint8_t cause)
{
	if (pci_msix_enabled(&v->pci)) {
		pci_msix_send(&v->pci, vector); /* NO_VECTOR is out of range: none */
		return;
	}
	v->isr |= cause;
	pci_intx(&v->pci, true);
}

void virtio_pci_config_changed(struct virtio_pci *v)
{
	v->generation++;
	if (v->status & VIRTIO_STATUS_DRIVER_OK)
		interrupt(v, v->config_vector, ISR_CONFIG);
}

void virtio_pci_fail(struct virtio_pci *v)
{
	if (v->status & VIRTIO_STATUS_NEEDS_RESET)
		return;
	v->status |= VIRTIO_STATUS_NEEDS_RESET;
	if (v->status & VIRTIO_STATUS_DRIVER_OK)
		interrupt(v, v->config_vector, ISR_CONFIG);
}

bool virtio_pci_ready(const struct virtio_pci *v)
{
	return (v->status & (VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_NEEDS_RESET)) ==
	       VIRTIO_STATUS_DRIVER_OK && pci_bus_master(&v->pci);
}

/* --- Queues --------------------------------------------------------------------- */

bool virtio_pci_pop(struct virtio_pci *v, unsigned queue, struct virtq_chain *chain)
{
	struct virtq *q = &v->queue[queue];
	int got;

	if (!virtio_pci_ready(v) || !q->enabled)
		return false;
	got = virtq_pop(q, v->env, v->accepted, chain);
	if (got < 0)
		virtio_pci_fail(v);
	return got == 1;
}

void virtio_pci_push(struct virtio_pci *v, unsigned queue, uint16_t head, uint32_t written)
{
	if (virtio_pci_ready(v) && virtq_push(&v->queue[queue], v->env, head, written))
		virtio_pci_fail(v);
}

void virtio_pci_signal(struct virtio_pci *v, unsigned queue)
{
	struct virtq *q = &v->queue[queue];

	if (virtio_pci_ready(v) && q->enabled && virtq_wants_signal(q, v->env, v->accepted))
		interrupt(v, q->vector, ISR_QUEUE);
}

static void notify(struct virtio_pci *v, uint64_t queue)
{
	if (queue < v->kind->queue_count && v->queue[queue].enabled && virtio_pci_ready(v))
		v->kind->notify(v->dev, (unsigned)queue);
}

/* --- Common configuration --------------------------------------------------------- */

/* The selected queue, or NULL when there is none of that number. */
static struct virtq *selected(struct virtio_pci *v)
{
	return v->queue_select < v->kind->queue_count ? &v->queue[v->queue_select] : NULL;
}

static uint64_t *queue_address(struct virtq *q, uint64_t offset)
{
	switch (offset & ~7ull) {
	case QUEUE_DESC: return &q->desc;
	case QUEUE_AVAIL: return &q->avail;
	case QUEUE_USED: return &q->used;
	}
	return NULL;
}

static uint64_t read_queue(struct virtio_pci *v, uint64_t offset)
{
	struct virtq *q = selected(v);
	const uint64_t *address;

	if (!q)
		return 0;
	switch (offset) {
	case QUEUE_SIZE: return q->size;
	case QUEUE_VECTOR: return q->vector;
	case QUEUE_ENABLE: return q->enabled;
	case QUEUE_NOTIFY_OFFSET: return v->queue_select;
	}
	address = queue_address(q, offset);
	return address ? *address >> 8 * (offset & 7) : 0;
}

static uint64_t read_common(struct virtio_pci *v, uint64_t offset)
{
	switch (offset) {
	case OFFERED_SELECT: return v->offered_select;
	case OFFERED: return v->offered_select < 2 ? v->offered >> 32 * v->offered_select : 0;
	case ACCEPTED_SELECT: return v->accepted_select;
	case ACCEPTED: return v->accepted_select < 2 ? v->accepted >> 32 * v->accepted_select : 0;
	case CONFIG_VECTOR: return v->config_vector;
	case QUEUE_COUNT: return v->kind->queue_count;
	case STATUS: return v->status;
	case GENERATION: return v->generation;
	case QUEUE_SELECT: return v->queue_select;
	}
	return read_queue(v, offset);
}

static uint16_t valid_vector(const struct virtio_pci *v, uint64_t value)
{
	return (uint16_t)(value < v->pci.msix_count ? value : VIRTQ_NO_VECTOR);
}

/* Part of an address: size 4 its half, size 8 all of it. */
static void write_address(struct virtq *q, uint64_t offset, unsigned size, uint64_t value)
{
	uint64_t *address = queue_address(q, offset);

	if (!address || q->enabled)
		return;
	if (size == 8 && offset % 8 == 0)
		*address = value;
	else if (size == 4 && offset % 8 == 0)
		*address = (*address & ~0xffffffffull) | value;
	else if (size == 4 && offset % 8 == 4)
		*address = (*address & 0xffffffffull) | value << 32;
}

static void write_queue(struct virtio_pci *v, uint64_t offset, unsigned size, uint64_t value)
{
	struct virtq *q = selected(v);

	if (!q)
		return;
	switch (offset) {
	case QUEUE_SIZE:
		if (!q->enabled && value && value <= VIRTQ_SIZE_MAX && !(value & (value - 1)))
			q->size = (uint16_t)value;
		break;
	case QUEUE_VECTOR: q->vector = valid_vector(v, value); break;
	case QUEUE_ENABLE:
		if (value == 1 && !virtq_valid(q))
			virtio_pci_fail(v);
		else if (value == 1)
			q->enabled = true;
		break;
	default: write_address(q, offset, size, value);
	}
}

static void write_features(struct virtio_pci *v, uint32_t value)
{
	unsigned shift = 32 * (v->accepted_select & 1);

	if (v->accepted_select < 2 && !(v->status & VIRTIO_STATUS_FEATURES_OK))
		v->accepted = (v->accepted & ~(0xffffffffull << shift)) | (uint64_t)value << shift;
}

/* 0 resets; bits are only added (2.1.1). FEATURES_OK stays clear for features that we did not offer. */
static void write_status(struct virtio_pci *v, uint8_t value)
{
	bool was_ok = v->status & VIRTIO_STATUS_DRIVER_OK;

	if (value == 0) {
		reset_virtio(v);
		v->kind->reset(v->dev);
		return;
	}
	if ((v->accepted & ~v->offered) || !(v->accepted & VIRTIO_F_VERSION_1))
		value &= ~VIRTIO_STATUS_FEATURES_OK;
	v->status |= value & STATUS_WRITABLE;
	if (!(v->status & VIRTIO_STATUS_FEATURES_OK))
		v->status &= ~VIRTIO_STATUS_DRIVER_OK;
	/* What was put in before is served now. */
	for (unsigned i = 0; !was_ok && i < v->kind->queue_count; i++)
		notify(v, i);
}

static void write_common(struct virtio_pci *v, uint64_t offset, unsigned size, uint64_t value)
{
	switch (offset) {
	case OFFERED_SELECT: v->offered_select = (uint32_t)value; break;
	case ACCEPTED_SELECT: v->accepted_select = (uint32_t)value; break;
	case ACCEPTED: write_features(v, (uint32_t)value); break;
	case CONFIG_VECTOR: v->config_vector = valid_vector(v, value); break;
	case STATUS: write_status(v, (uint8_t)value); break;
	case QUEUE_SELECT: v->queue_select = (uint16_t)value; break;
	default: write_queue(v, offset, size, value);
	}
}

/* --- Accesses ------------------------------------------------------------------------ */

static uint8_t read_isr(struct virtio_pci *v)
{
	uint8_t isr = v->isr;

	v->isr = 0;
	pci_intx(&v->pci, false);
	return isr;
}

static uint64_t bar_read(struct virtio_pci *v, uint64_t offset, unsigned size)
{
	uint64_t at = offset % VL_PAGE_BYTES;

	switch (offset / VL_PAGE_BYTES) {
	case PAGE_COMMON: return read_common(v, at);
	case PAGE_ISR: return at == 0 ? read_isr(v) : 0;
	case PAGE_DEVICE:
		return vl_within(at, size, v->kind->config_bytes) ?
				v->kind->config_read(v->dev, (unsigned)at, size) : 0;
	case PAGE_MSIX_TABLE: return pci_msix_table_read(&v->pci, at, size);
	case PAGE_MSIX_PENDING: return pci_msix_pba_read(&v->pci, at, size);
	}
	return 0;
}

static void bar_write(struct virtio_pci *v, uint64_t offset, unsigned size, uint64_t value)
{
	uint64_t at = offset % VL_PAGE_BYTES;

	switch (offset / VL_PAGE_BYTES) {
	case PAGE_COMMON: write_common(v, at, size, value); break;
	case PAGE_NOTIFY: notify(v, at / NOTIFY_MULTIPLIER); break;
	case PAGE_MSIX_TABLE: pci_msix_table_write(&v->pci, at, size, value); break;
	}
}

/* The BAR access that the PCI configuration access capability describes (4.1.4.9), when it is a legal one. */
static bool window(struct virtio_pci *v, uint64_t *offset, unsigned *size)
{
	const uint8_t *cap = v->pci.config + v->cfg_cap;
	uint64_t length = pci_config_read(&v->pci, v->cfg_cap + CAP_PCI_LENGTH, 4);

	*offset = pci_config_read(&v->pci, v->cfg_cap + CAP_PCI_OFFSET, 4);
	*size = (unsigned)length;
	return cap[CAP_PCI_BAR] == 0 && (length == 1 || length == 2 || length == 4) &&
	       *offset % length == 0 && vl_within(*offset, length, BAR_BYTES);
}

uint64_t virtio_pci_read(struct virtio_pci *v, unsigned id, uint64_t offset, unsigned size)
{
	uint64_t at;
	unsigned n;

	if (id != DEV_REGION_PCI_CONFIG)
		return bar_read(v, offset, size);
	if (offset == (uint64_t)v->cfg_cap + CAP_PCI_DATA && window(v, &at, &n))
		return bar_read(v, at, n);
	return pci_config_read(&v->pci, offset, size);
}

void virtio_pci_write(struct virtio_pci *v, unsigned id, uint64_t offset, unsigned size, uint64_t value)
{
	uint64_t at;
	unsigned n;

	if (id != DEV_REGION_PCI_CONFIG)
		bar_write(v, offset, size, value);
	else if (offset == (uint64_t)v->cfg_cap + CAP_PCI_DATA && window(v, &at, &n))
		bar_write(v, at, n, value);
	else
		pci_config_write(&v->pci, offset, size, value);
}

/* --- State ------------------------------------------------------------------------------ */

#define QUEUE_FIELDS(i) \
	STATE_FIELD(0xe10 + 16 * i + 0, struct virtio_pci, queue[i].desc, UINT64_MAX), \
	STATE_FIELD(0xe10 + 16 * i + 1, struct virtio_pci, queue[i].avail, UINT64_MAX), \
	STATE_FIELD(0xe10 + 16 * i + 2, struct virtio_pci, queue[i].used, UINT64_MAX), \
	STATE_FIELD(0xe10 + 16 * i + 3, struct virtio_pci, queue[i].size, VIRTQ_SIZE_MAX), \
	STATE_FIELD(0xe10 + 16 * i + 4, struct virtio_pci, queue[i].vector, 0xffff), \
	STATE_FIELD(0xe10 + 16 * i + 5, struct virtio_pci, queue[i].next, 0xffff), \
	STATE_FIELD(0xe10 + 16 * i + 6, struct virtio_pci, queue[i].used_next, 0xffff), \
	STATE_FIELD(0xe10 + 16 * i + 7, struct virtio_pci, queue[i].signalled, 0xffff), \
	STATE_FIELD(0xe10 + 16 * i + 8, struct virtio_pci, queue[i].enabled, 1)

static const struct state_field virtio_fields[] = {
	STATE_FIELD(0xe00, struct virtio_pci, accepted, UINT64_MAX),
	STATE_FIELD(0xe01, struct virtio_pci, offered_select, 0xffffffff),
	STATE_FIELD(0xe02, struct virtio_pci, accepted_select, 0xffffffff),
	STATE_FIELD(0xe03, struct virtio_pci, config_vector, 0xffff),
	STATE_FIELD(0xe04, struct virtio_pci, queue_select, 0xffff),
	STATE_FIELD(0xe05, struct virtio_pci, status, 0xff),
	STATE_FIELD(0xe06, struct virtio_pci, isr, ISR_QUEUE | ISR_CONFIG),
	STATE_FIELD(0xe07, struct virtio_pci, generation, 0xff),
	QUEUE_FIELDS(0), QUEUE_FIELDS(1), QUEUE_FIELDS(2), QUEUE_FIELDS(3),
};

void virtio_pci_save(const struct virtio_pci *v, struct state_writer *w)
{
	pci_function_save(&v->pci, w);
	state_put_fields(w, virtio_fields, VL_ARRAY_COUNT(virtio_fields), v);
}

void virtio_pci_restore(struct virtio_pci *v, struct state_reader *r)
{
	pci_function_restore(&v->pci, r);
	state_get_fields(r, virtio_fields, VL_ARRAY_COUNT(virtio_fields), v);
	v->status &= STATUS_WRITABLE | VIRTIO_STATUS_NEEDS_RESET;
	for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++) {
		const struct virtq *q = &v->queue[i];

		if (q->size == 0 || (q->size & (q->size - 1)) || (q->enabled && !virtq_valid(q)))
			state_reader_fail(r, VL_E_RANGE);
	}
	/* A device never runs on features that it does not have. */
	if ((v->status & VIRTIO_STATUS_FEATURES_OK) && (v->accepted & ~v->offered))
		state_reader_fail(r, VL_E_UNSUPPORTED);
}

/* --- Registers, for whoever looks ------------------------------------------------ */

static void put_queue(const struct virtq *q, unsigned index, struct inspect *i)
{
	char name[16];

	vl_format(name, sizeof(name), "queue%u", index);
	if (!inspect_open(i, name, INSPECT_SENSITIVE))
		return;
	dev_show(i, "enabled", q->enabled);
	dev_show(i, "size", q->size);
	dev_show(i, "vector", q->vector);
	dev_show(i, "desc", q->desc);
	dev_show(i, "avail", q->avail);
	dev_show(i, "used", q->used);
	dev_show(i, "next-avail", q->next);
	dev_show(i, "next-used", q->used_next);
	inspect_close(i);
}

void virtio_pci_inspect(const struct virtio_pci *v, struct inspect *i)
{
	dev_show(i, "status", v->status);
	dev_show(i, "isr", v->isr);
	dev_show(i, "offered", v->offered);
	dev_show(i, "accepted", v->accepted);
	dev_show(i, "config-vector", v->config_vector);
	dev_show(i, "queue-select", v->queue_select);
	for (unsigned n = 0; n < v->kind->queue_count && n < VIRTIO_QUEUES_MAX; n++)
		put_queue(&v->queue[n], n, i);
	pci_function_inspect(&v->pci, i);
}
