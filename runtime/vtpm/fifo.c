/*
 * The FIFO interface (TIS): PTP 1.05, section 6.5. Accesses are the guest's.
 * A 32-bit register may be read and written by bytes; only the bytes that are
 * written act.
 */
#include "runtime/vtpm/parts.h"

enum {
	REG_ACCESS = 0x00,
	REG_INT_ENABLE = 0x08,
	REG_INT_VECTOR = 0x0c,
	REG_INT_STATUS = 0x10,
	REG_CAPABILITY = 0x14,
	REG_STS = 0x18,
	REG_DATA = 0x24,
	REG_XDATA = 0x80,
	XDATA_BYTES = 0x40,
};

/* ACCESS, table 20. */
enum {
	ACCESS_VALID = 0x80,
	ACCESS_ACTIVE = 0x20,
	ACCESS_SEIZED = 0x10,
	ACCESS_SEIZE = 0x08,
	ACCESS_PENDING = 0x04,
	ACCESS_REQUEST = 0x02,
	ACCESS_NOT_ESTABLISHED = 0x01, /* no dynamic launch ever was */
};

/* STS, table 22. */
enum {
	STS_VALID = 0x80,
	STS_READY = 0x40,
	STS_GO = 0x20,
	STS_DATA = 0x10,
	STS_EXPECT = 0x08,
	STS_SELFTEST_DONE = 0x04,
	STS_RETRY = 0x02,
	STS_BURST_SHIFT = 8,
	STS_CANCEL = 1 << 24,
	STS_FAMILY_TPM2 = 1 << 26,
};

/* interface 1.3 for TPM 2.0; accesses of up to 64 bytes; no interrupts */
#define CAPABILITY (3u << 28 | 3u << 9)

static bool expects_more(const struct vtpm *v)
{
	size_t want = vtpm_command_bytes(v, v->data_bytes);

	if (v->phase != VTPM_RECEIVING || want > TPM_BUFFER_BYTES)
		return false; /* one that cannot fit is answered by an error as it stands */
	return v->data_bytes < TPM_HEADER_BYTES || v->data_bytes < want;
}

static uint32_t read_access(const struct vtpm *v, unsigned locality)
{
	uint32_t bit = 1u << locality, value = ACCESS_VALID | ACCESS_NOT_ESTABLISHED;

	if (v->active == locality)
		value |= ACCESS_ACTIVE;
	if (v->seized & bit)
		value |= ACCESS_SEIZED;
	if (v->requested & ~bit)
		value |= ACCESS_PENDING;
	if (v->requested & bit)
		value |= ACCESS_REQUEST;
	return value;
}

static void write_access(struct vtpm *v, unsigned locality, uint32_t value)
{
	if (value & ACCESS_ACTIVE)
		vtpm_release(v, locality);
	if (value & ACCESS_SEIZED)
		v->seized &= (uint8_t)~(1u << locality);
	if (value & ACCESS_SEIZE)
		vtpm_seize(v, locality);
	if (value & ACCESS_REQUEST)
		vtpm_request(v, locality);
}

static uint32_t burst(const struct vtpm *v)
{
	size_t n = 0;

	switch (v->phase) {
	case VTPM_READY: n = TPM_BUFFER_BYTES; break;
	case VTPM_RECEIVING: n = TPM_BUFFER_BYTES - v->data_bytes; break;
	case VTPM_COMPLETE: n = v->data_bytes - v->data_at; break;
	}
	return (uint32_t)n;
}

static uint32_t read_sts(const struct vtpm *v)
{
	uint32_t value = STS_VALID | STS_SELFTEST_DONE | STS_FAMILY_TPM2 | burst(v) << STS_BURST_SHIFT;

	if (v->phase == VTPM_READY)
		value |= STS_READY;
	if (v->phase == VTPM_COMPLETE && v->data_at < v->data_bytes)
		value |= STS_DATA;
	if (expects_more(v))
		value |= STS_EXPECT;
	return value;
}

static void write_sts(struct vtpm *v, uint32_t value)
{
	if (value & STS_CANCEL && v->phase == VTPM_EXECUTING)
		engine_cancel(v->engine);
	if (value & STS_READY)
		vtpm_make_ready(v);
	else if (value & STS_GO && v->phase == VTPM_RECEIVING && !expects_more(v))
		vtpm_execute(v, v->data_bytes);
	else if (value & STS_RETRY && v->phase == VTPM_COMPLETE)
		v->data_at = 0;
}

static void push(struct vtpm *v, uint8_t byte)
{
	if (v->phase == VTPM_READY) {
		v->phase = VTPM_RECEIVING;
		v->data_bytes = 0;
	}
	if (v->phase == VTPM_RECEIVING && (v->data_bytes == 0 || expects_more(v)))
		v->data[v->data_bytes++] = byte;
}

static uint8_t pull(struct vtpm *v)
{
	if (v->phase != VTPM_COMPLETE || v->data_at == v->data_bytes)
		return 0xff;
	return v->data[v->data_at++];
}

static bool is_data(uint64_t reg)
{
	return (reg & ~3ull) == REG_DATA || (reg >= REG_XDATA && reg < REG_XDATA + XDATA_BYTES);
}

static uint32_t read_data(struct vtpm *v, unsigned size)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (uint32_t)pull(v) << 8 * i;
	return value;
}

void fifo_ahead(const struct vtpm *v, struct dev_ahead *a)
{
	a->offset = v->active * VL_PAGE_BYTES + REG_DATA;
	a->size = 4;
	a->fifo = true;
	a->writes = v->phase == VTPM_READY || v->phase == VTPM_RECEIVING;
	if (v->phase == VTPM_COMPLETE) {
		a->data = v->data + v->data_at;
		a->bytes = v->data_bytes - v->data_at;
	}
}

uint32_t fifo_read(struct vtpm *v, unsigned locality, uint64_t reg, unsigned size)
{
	unsigned shift = 8 * (reg & 3);
	bool active = v->active == locality;

	if (is_data(reg))
		return active ? read_data(v, size) : 0xffffffff;
	switch (reg & ~3ull) {
	case REG_ACCESS: return read_access(v, locality) >> shift;
	case REG_INT_ENABLE:
	case REG_INT_VECTOR:
	case REG_INT_STATUS: return 0;
	case REG_CAPABILITY: return CAPABILITY >> shift;
	case REG_STS: return active ? read_sts(v) >> shift : 0xffffffff;
	case VTPM_REG_INTERFACE_ID: return (uint32_t)vtpm_interface_id(v) >> shift;
	case VTPM_REG_DID_VID: return (VTPM_DEVICE << 16 | VTPM_VENDOR) >> shift;
	case VTPM_REG_RID: return VTPM_REVISION >> shift;
	}
	return 0xffffffff;
}

void fifo_write(struct vtpm *v, unsigned locality, uint64_t reg, unsigned size, uint32_t value)
{
	bool active = v->active == locality;

	if (reg == REG_ACCESS)
		write_access(v, locality, value);
	else if (active && (reg & ~3ull) == REG_STS)
		write_sts(v, value << 8 * (reg & 3));
	else if (active && is_data(reg))
		for (unsigned i = 0; i < size; i++)
			push(v, (uint8_t)(value >> 8 * i));
}
