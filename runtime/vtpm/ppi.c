/* ppi.h. Registers are the guest's to use; the file comes from the protected state. */
#include "runtime/vtpm/ppi.h"
#include "common/base/log.h"
#include "common/state/state.h"
#include "runtime/vtpm/command.h"

#define UNIT_PPI "tpm-ppi"
#define UNIT_PPI_VERSION 1
#define PPI_FILE_BYTES 256

static const struct state_field ppi_fields[] = {
	STATE_FIELD(1, struct ppi, pending, 0xffffffff),
	STATE_FIELD(2, struct ppi, pending_argument, 0xffffffff),
	STATE_FIELD(3, struct ppi, last, 0xffffffff),
	STATE_FIELD(4, struct ppi, last_response, 0xffffffff),
};

static int decode(struct ppi *p, const uint8_t *file, size_t size)
{
	struct state_stream s;
	struct state_reader r;
	int err = state_stream_open(&s, file, size, NULL);

	if (!err)
		err = state_stream_find(&s, UNIT_PPI, &r);
	if (err)
		return err;
	if (r.version > UNIT_PPI_VERSION)
		return VL_E_VERSION;
	state_get_fields(&r, ppi_fields, VL_ARRAY_COUNT(ppi_fields), p);
	return state_reader_finish(&r);
}

int ppi_load(struct ppi *p, const struct vtpm_nv *nv)
{
	uint8_t file[PPI_FILE_BYTES];
	int64_t size;

	*p = (struct ppi){ .nv = nv };
	size = nv->ops->read(nv->context, VTPM_FILE_PPI, file, sizeof(file));
	if (size == VL_E_NOTFOUND)
		return 0;
	return size < 0 ? (int)size : decode(p, file, (size_t)size);
}

static int store(struct ppi *p)
{
	uint8_t file[PPI_FILE_BYTES];
	struct state_writer w;
	int64_t size;

	state_writer_init(&w, file, sizeof(file));
	state_begin_unit(&w, UNIT_PPI, UNIT_PPI_VERSION);
	state_put_fields(&w, ppi_fields, VL_ARRAY_COUNT(ppi_fields), p);
	state_end_unit(&w);
	size = state_writer_finish(&w);
	return size < 0 ? (int)size : p->nv->ops->write(p->nv->context, VTPM_FILE_PPI, file, (size_t)size);
}

/* --- What is done at the next boot ---------------------------------------------------- */

static int run(struct tpm *t, uint32_t command, uint32_t handle, uint32_t *code)
{
	struct command c;
	struct response r;
	int err;

	command_begin(&c, command, true);
	vl_write_be32(&c.w, handle);
	command_authorize(&c);
	err = command_run(&c, t, &r);
	*code = r.code;
	return err;
}

/* TPM2_Clear, also where the owner has forbidden it: presence is above the owner. */
static int clear(struct tpm *t, uint32_t *code)
{
	struct command c;
	struct response r;
	int err;

	command_begin(&c, TPM_CC_CLEAR_CONTROL, true);
	vl_write_be32(&c.w, TPM_RH_PLATFORM);
	command_authorize(&c);
	vl_write_u8(&c.w, 0);
	err = command_run(&c, t, &r);
	*code = r.code;
	return err || *code ? err : run(t, TPM_CC_CLEAR, TPM_RH_PLATFORM, code);
}

/* Every bank that the TPM has, and at least one. */
static bool banks_ok(uint32_t banks)
{
	return banks && banks < 1u << TPM_BANK_COUNT;
}

static bool is_implemented(uint32_t operation)
{
	switch (operation) {
	case PPI_OP_NONE:
	case PPI_OP_ENABLE:
	case PPI_OP_CLEAR:
	case PPI_OP_ENABLE_CLEAR:
	case PPI_OP_CLEAR_ENABLE_21:
	case PPI_OP_CLEAR_ENABLE_22:
	case PPI_OP_SET_PCR_BANKS:
	case PPI_OP_CHANGE_EPS:
		return true;
	}
	return false;
}

static int perform(struct ppi *p, struct tpm *t, uint32_t *code)
{
	*code = TPM_RC_SUCCESS;
	switch (p->pending) {
	case PPI_OP_ENABLE: /* the hierarchies are open after each startup */
		return 0;
	case PPI_OP_CLEAR:
	case PPI_OP_ENABLE_CLEAR:
	case PPI_OP_CLEAR_ENABLE_21:
	case PPI_OP_CLEAR_ENABLE_22:
		return clear(t, code);
	case PPI_OP_SET_PCR_BANKS:
		*code = PPI_RESPONSE_FAILURE;
		return banks_ok(p->pending_argument) ?
				command_allocate_banks(t, p->pending_argument, code) : 0;
	case PPI_OP_CHANGE_EPS:
		return run(t, TPM_CC_CHANGE_EPS, TPM_RH_PLATFORM, code);
	}
	*code = PPI_RESPONSE_FAILURE; /* an older version's file may ask for what there is no more */
	return 0;
}

int ppi_execute(struct ppi *p, struct tpm *t, bool *again)
{
	uint32_t code = 0;
	int err;

	*again = false;
	if (p->pending == PPI_OP_NONE)
		return 0;
	err = perform(p, t, &code);
	if (err)
		return err;
	vl_info("physical presence operation %u: response 0x%x", p->pending, code);
	*again = p->pending == PPI_OP_SET_PCR_BANKS && code == TPM_RC_SUCCESS;
	p->last = p->pending;
	p->last_response = code;
	p->pending = p->pending_argument = 0;
	return store(p);
}

/* --- Registers ------------------------------------------------------------------------------ */

static void request(struct ppi *p, uint32_t operation)
{
	struct ppi before = *p;
	bool changed;

	if (!is_implemented(operation)) {
		p->result = PPI_NOT_IMPLEMENTED;
		return;
	}
	if (operation == PPI_OP_SET_PCR_BANKS && !banks_ok(p->argument)) {
		p->result = PPI_FAILURE;
		return;
	}
	p->pending = operation;
	p->pending_argument = p->argument;
	changed = p->pending != before.pending || p->pending_argument != before.pending_argument;
	if (changed && store(p)) {
		*p = before;
		p->result = PPI_FAILURE;
	} else {
		p->result = PPI_SUCCESS;
	}
	p->argument = 0;
}

static uint32_t selected(const struct ppi *p)
{
	switch (p->control) {
	case PPI_PENDING: return p->pending;
	case PPI_PENDING_ARGUMENT: return p->pending_argument;
	case PPI_LAST: return p->last;
	case PPI_LAST_RESPONSE: return p->last_response;
	case PPI_ARGUMENT: return p->argument;
	case PPI_REQUEST:
	case PPI_CONFIRMATION: return p->result;
	}
	return 0xffffffff;
}

uint32_t ppi_read(struct ppi *p, uint64_t offset)
{
	return offset == PPI_CONTROL ? p->control : selected(p);
}

void ppi_write(struct ppi *p, uint64_t offset, uint32_t value)
{
	if (offset == PPI_CONTROL) {
		p->control = value;
		return;
	}
	switch (p->control) {
	case PPI_ARGUMENT: p->argument = value; break;
	case PPI_REQUEST: request(p, value); break;
	case PPI_CONFIRMATION:
		p->result = is_implemented(value) ? PPI_CONFIRM_NOT_NEEDED : PPI_CONFIRM_NOT_IMPLEMENTED;
		break;
	}
}
