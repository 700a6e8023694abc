/* command.h. Called by boot.c, keys.c and ppi.c before the guest runs. */
#include "runtime/vtpm/command.h"
#include "common/base/log.h"
#include "runtime/vtpm/tpm.h"

#include <string.h>

#define TPM_RS_PW 0x40000009u
#define OFFSET_SIZE 2u

const struct tpm_bank tpm_bank[TPM_BANK_COUNT] = {
	{ TPM_ALG_SHA1, 20, 0 },
	{ TPM_ALG_SHA256, 32, 20 },
	{ TPM_ALG_SHA384, 48, 52 },
	{ TPM_ALG_SHA512, 64, 100 },
};

void command_put16(struct vl_writer *w, uint16_t v)
{
	vl_write_u8(w, (uint8_t)(v >> 8));
	vl_write_u8(w, (uint8_t)v);
}

uint16_t command_get16(struct vl_reader *r)
{
	unsigned high = vl_read_u8(r);

	return (uint16_t)(high << 8 | vl_read_u8(r));
}

void command_begin(struct command *c, uint32_t code, bool sessions)
{
	vl_writer_init(&c->w, c->bytes, sizeof(c->bytes));
	command_put16(&c->w, sessions ? TPM_ST_SESSIONS : TPM_ST_NO_SESSIONS);
	vl_write_be32(&c->w, 0); /* the size, when it is known */
	vl_write_be32(&c->w, code);
}

void command_authorize(struct command *c)
{
	vl_write_be32(&c->w, 9); /* bytes of what follows */
	vl_write_be32(&c->w, TPM_RS_PW);
	command_put16(&c->w, 0); /* nonce */
	vl_write_u8(&c->w, 0);   /* attributes */
	command_put16(&c->w, 0); /* password */
}

int command_run(struct command *c, struct tpm *t, struct response *r)
{
	struct vl_writer size;
	size_t n;

	if (c->w.err)
		return VL_E_INTERNAL;
	vl_writer_init(&size, c->bytes + OFFSET_SIZE, 4);
	vl_write_be32(&size, (uint32_t)c->w.pos);
	n = tpm_execute(t, 0, c->bytes, c->w.pos, r->bytes);
	vl_reader_init(&r->r, r->bytes, n);
	vl_read_skip(&r->r, 2); /* the tag says no more than our own */
	if (vl_read_be32(&r->r) != n)
		return VL_E_FORMAT;
	r->code = vl_read_be32(&r->r);
	return r->r.err ? VL_E_FORMAT : 0;
}

int command_must(struct command *c, struct tpm *t, struct response *r, const char *what)
{
	int err = command_run(c, t, r);

	if (!err && r->code != TPM_RC_SUCCESS) {
		vl_error("the TPM refused %s: response code 0x%x", what, r->code);
		err = VL_E_STATE;
	}
	return err;
}

static unsigned bank_of(uint16_t algorithm)
{
	unsigned i = 0;

	while (i < TPM_BANK_COUNT && tpm_bank[i].algorithm != algorithm)
		i++;
	return i;
}

int command_active_banks(struct tpm *t, uint8_t *banks)
{
	struct command c;
	struct response r;
	uint32_t count;
	int err;

	*banks = 0;
	command_begin(&c, TPM_CC_GET_CAPABILITY, false);
	vl_write_be32(&c.w, TPM_CAP_PCRS);
	vl_write_be32(&c.w, 0);
	vl_write_be32(&c.w, 1);
	err = command_must(&c, t, &r, "to say which banks of PCRs it has");
	if (err)
		return err;
	vl_read_skip(&r.r, 5); /* more data, capability */
	count = vl_read_be32(&r.r);
	for (uint32_t n = 0; n < count && !r.r.err; n++) {
		unsigned bank = bank_of(command_get16(&r.r)), bytes = vl_read_u8(&r.r), any = 0;

		while (bytes--)
			any |= vl_read_u8(&r.r);
		if (any && bank < TPM_BANK_COUNT)
			*banks |= (uint8_t)(1u << bank);
	}
	return r.r.err ? VL_E_FORMAT : 0;
}

int command_allocate_banks(struct tpm *t, uint32_t banks, uint32_t *code)
{
	struct command c;
	struct response r;
	int err;

	command_begin(&c, TPM_CC_PCR_ALLOCATE, true);
	vl_write_be32(&c.w, TPM_RH_PLATFORM);
	command_authorize(&c);
	vl_write_be32(&c.w, TPM_BANK_COUNT);
	for (unsigned i = 0; i < TPM_BANK_COUNT; i++) {
		command_put16(&c.w, tpm_bank[i].algorithm);
		vl_write_u8(&c.w, TPM_PCR_SELECT_BYTES);
		for (unsigned n = 0; n < TPM_PCR_SELECT_BYTES; n++)
			vl_write_u8(&c.w, banks >> i & 1 ? 0xff : 0);
	}
	err = command_run(&c, t, &r);
	*code = r.code;
	if (!err && r.code == TPM_RC_SUCCESS) {
		vl_read_skip(&r.r, 4); /* bytes of parameters */
		if (vl_read_u8(&r.r) != 1)
			*code = TPM_RC_FAILURE; /* said politely: the allocation was not made */
	}
	return err;
}
