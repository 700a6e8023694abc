/*
 * The command response buffer interface: PTP 1.05, section 6.5.3. Accesses are
 * the guest's. The buffer for command and response is in the locality's page.
 */
#include "runtime/vtpm/parts.h"

#include <string.h>

enum {
	REG_LOC_STATE = 0x00,
	REG_LOC_CTRL = 0x08,
	REG_LOC_STS = 0x0c,
	REG_CTRL_REQ = 0x40,
	REG_CTRL_STS = 0x44,
	REG_CTRL_CANCEL = 0x48,
	REG_CTRL_START = 0x4c,
	REG_INT_ENABLE = 0x50,
	REG_INT_STS = 0x54,
	REG_CMD_SIZE = 0x58,
	REG_CMD_LOW = 0x5c,
	REG_CMD_HIGH = 0x60,
	REG_RSP_SIZE = 0x64,
	REG_RSP_LOW = 0x68,
	REG_RSP_HIGH = 0x6c,
	REG_BUFFER = 0x80,
};

/* LOC_STATE, table 25; LOC_CTRL, table 26; LOC_STS, table 27. */
enum { STATE_VALID = 0x80, STATE_ASSIGNED = 0x02, STATE_ACTIVE_SHIFT = 2 };
enum { LOC_REQUEST = 1, LOC_RELINQUISH = 2, LOC_SEIZE = 4 };
enum { LOC_GRANTED = 1, LOC_SEIZED = 2 };
/* CTRL_REQ, table 31; CTRL_STS, table 32. */
enum { REQ_READY = 1, REQ_IDLE = 2 };
enum { STS_ERROR = 1, STS_IDLE = 2 };

static uint32_t read_state(const struct vtpm *v)
{
	uint32_t value = STATE_VALID;

	if (v->active != VTPM_NO_LOCALITY)
		value |= STATE_ASSIGNED | (uint32_t)v->active << STATE_ACTIVE_SHIFT;
	return value;
}

static uint32_t read_loc_sts(const struct vtpm *v, unsigned locality)
{
	return (v->active == locality ? LOC_GRANTED : 0) | (v->seized >> locality & 1 ? LOC_SEIZED : 0);
}

static void write_loc_ctrl(struct vtpm *v, unsigned locality, uint32_t value)
{
	if (value & LOC_RELINQUISH)
		vtpm_release(v, locality);
	if (value & LOC_SEIZE)
		vtpm_seize(v, locality);
	if (value & LOC_REQUEST) {
		v->seized &= (uint8_t)~(1u << locality);
		vtpm_request(v, locality);
	}
}

static uint32_t read_buffer(const struct vtpm *v, uint64_t at, unsigned size)
{
	uint32_t value = 0;

	if (v->phase == VTPM_EXECUTING)
		return 0xffffffff;
	memcpy(&value, v->data + at, size);
	return value;
}

/* A driver that keeps its locality writes the next command over the last response, without a request. */
static void write_buffer(struct vtpm *v, uint64_t at, unsigned size, uint32_t value)
{
	if (v->phase == VTPM_READY || v->phase == VTPM_COMPLETE)
		v->phase = VTPM_RECEIVING;
	if (v->phase == VTPM_RECEIVING)
		memcpy(v->data + at, &value, size);
}

static uint32_t read_control(const struct vtpm *v, unsigned locality, uint64_t reg)
{
	uint64_t buffer = v->base + locality * VL_PAGE_BYTES + REG_BUFFER;

	switch (reg) {
	case REG_CTRL_REQ: return 0; /* done as soon as asked */
	case REG_CTRL_STS: return (v->phase == VTPM_IDLE ? STS_IDLE : 0) |
			(v->engine->tpm.on ? 0 : STS_ERROR);
	case REG_CTRL_CANCEL: return v->cancel;
	case REG_CTRL_START: return v->phase == VTPM_EXECUTING;
	case REG_INT_ENABLE:
	case REG_INT_STS: return 0;
	case REG_CMD_SIZE:
	case REG_RSP_SIZE: return TPM_BUFFER_BYTES;
	case REG_CMD_LOW:
	case REG_RSP_LOW: return (uint32_t)buffer;
	case REG_CMD_HIGH:
	case REG_RSP_HIGH: return (uint32_t)(buffer >> 32);
	}
	return 0xffffffff;
}

void crb_ahead(const struct vtpm *v, struct dev_ahead *a)
{
	if (v->phase != VTPM_READY && v->phase != VTPM_RECEIVING && v->phase != VTPM_COMPLETE)
		return;
	a->offset = v->active * VL_PAGE_BYTES + REG_BUFFER;
	a->size = TPM_BUFFER_BYTES;
	a->writes = true;
	a->data = v->data;
	/* As far as an access of 8 bytes to the last of them reaches. */
	a->bytes = v->phase == VTPM_COMPLETE ? (v->data_bytes + 7) & ~7u : 0;
}

uint32_t crb_read(struct vtpm *v, unsigned locality, uint64_t reg, unsigned size)
{
	unsigned shift = 8 * (reg & 3);

	if (reg >= REG_BUFFER)
		return v->active == locality ? read_buffer(v, reg - REG_BUFFER, size) : 0xffffffff;
	switch (reg & ~3ull) {
	case REG_LOC_STATE: return read_state(v) >> shift;
	case REG_LOC_CTRL: return 0;
	case REG_LOC_STS: return read_loc_sts(v, locality) >> shift;
	case VTPM_REG_INTERFACE_ID: return (uint32_t)vtpm_interface_id(v) >> shift;
	case VTPM_REG_INTERFACE_ID + 4: return (uint32_t)(vtpm_interface_id(v) >> 32) >> shift;
	}
	return read_control(v, locality, reg & ~3ull) >> shift;
}

static void write_control(struct vtpm *v, uint64_t reg, uint32_t value)
{
	switch (reg) {
	case REG_CTRL_REQ:
		if (value & REQ_READY)
			vtpm_make_ready(v);
		else if (value & REQ_IDLE)
			vtpm_make_idle(v);
		break;
	case REG_CTRL_CANCEL:
		v->cancel = value & 1;
		if (v->cancel && v->phase == VTPM_EXECUTING)
			engine_cancel(v->engine);
		break;
	case REG_CTRL_START:
		/* The buffer is one page: all of it is the command's, as far as the header says. */
		if (value & 1 && v->phase == VTPM_RECEIVING)
			vtpm_execute(v, TPM_BUFFER_BYTES);
		break;
	}
}

void crb_write(struct vtpm *v, unsigned locality, uint64_t reg, unsigned size, uint32_t value)
{
	if (reg == REG_LOC_CTRL)
		write_loc_ctrl(v, locality, value);
	else if (v->active != locality)
		return;
	else if (reg >= REG_BUFFER)
		write_buffer(v, reg - REG_BUFFER, size, value);
	else
		write_control(v, reg, value);
}
