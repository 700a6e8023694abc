/* tpm.h: libtpms, its callbacks and the file of its permanent state. */
#include "runtime/vtpm/tpm.h"
#include "common/base/log.h"
#include "common/state/state.h"
#include "runtime/vtpm/command.h"

#include <libtpms/tpm_error.h>
#include <libtpms/tpm_library.h>
#include <libtpms/tpm_nvfilename.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static struct tpm *current; /* libtpms has one, and no context for its callbacks */

/* --- The file --------------------------------------------------------------------- */

static int file_write(struct tpm *t)
{
	struct state_writer w;
	int64_t size;

	state_writer_init(&w, t->file, sizeof(t->file));
	state_begin_unit(&w, TPM_UNIT_NVRAM, TPM_UNIT_NVRAM_VERSION);
	state_put_bytes(&w, TPM_FIELD_PERMANENT | STATE_MANDATORY, t->permanent, t->permanent_bytes);
	state_end_unit(&w);
	size = state_writer_finish(&w);
	return size < 0 ? (int)size :
			t->nv->ops->write(t->nv->context, VTPM_FILE_NVRAM, t->file, (size_t)size);
}

static int file_decode(const uint8_t *file, size_t size, const uint8_t **permanent, size_t *bytes)
{
	struct state_stream s;
	struct state_reader r;
	int err = state_stream_open(&s, file, size, NULL);

	if (!err)
		err = state_stream_find(&s, TPM_UNIT_NVRAM, &r);
	if (err)
		return err;
	if (r.version > TPM_UNIT_NVRAM_VERSION)
		return VL_E_VERSION;
	if (!state_get_view(&r, TPM_FIELD_PERMANENT, permanent, bytes))
		state_reader_fail(&r, VL_E_MISSING);
	else if (*bytes > TPM_PERMANENT_BYTES_MAX)
		state_reader_fail(&r, VL_E_LIMIT);
	return state_reader_finish(&r);
}

/* The permanent state in the file, as a view into t->file. */
static int file_read(struct tpm *t, const uint8_t **permanent, size_t *bytes)
{
	int64_t size = t->nv->ops->read(t->nv->context, VTPM_FILE_NVRAM, t->file, sizeof(t->file));

	return size < 0 ? (int)size : file_decode(t->file, (size_t)size, permanent, bytes);
}

/* --- libtpms' callbacks -------------------------------------------------------------- */

static TPM_RESULT give(const uint8_t *from, size_t bytes, unsigned char **data, uint32_t *length)
{
	if (!bytes)
		return TPM_RETRY; /* "there is none" */
	*data = malloc(bytes);
	if (!*data)
		return TPM_SIZE;
	memcpy(*data, from, bytes);
	*length = (uint32_t)bytes;
	return TPM_SUCCESS;
}

static TPM_RESULT nv_init(void)
{
	return TPM_SUCCESS;
}

static TPM_RESULT nv_load(unsigned char **data, uint32_t *length, uint32_t number, const char *name)
{
	if (!strcmp(name, TPM_PERMANENT_ALL_NAME))
		return give(current->permanent, current->permanent_bytes, data, length);
	if (!strcmp(name, TPM_VOLATILESTATE_NAME) && current->resuming)
		return give(current->volatile_state, current->volatile_bytes, data, length);
	return TPM_RETRY;
}

static TPM_RESULT nv_store(const unsigned char *data, uint32_t length, uint32_t number, const char *name)
{
	struct tpm *t = current;

	if (strcmp(name, TPM_PERMANENT_ALL_NAME))
		return TPM_SUCCESS; /* the volatile state has its own way (capture) */
	if (length > sizeof(t->permanent))
		return TPM_SIZE;
	memcpy(t->permanent, data, length);
	t->permanent_bytes = length;
	t->changed = true;
	if (t->loading)
		return TPM_SUCCESS;
	t->nv_error = file_write(t);
	t->changed = t->nv_error != 0;
	return t->nv_error ? TPM_FAIL : TPM_SUCCESS;
}

static TPM_RESULT nv_delete(uint32_t number, const char *name, TPM_BOOL must_exist)
{
	return TPM_SUCCESS;
}

static TPM_RESULT io_init(void)
{
	return TPM_SUCCESS;
}

static TPM_RESULT io_locality(TPM_MODIFIER_INDICATOR *locality, uint32_t number)
{
	*locality = current->locality;
	return TPM_SUCCESS;
}

static TPM_RESULT io_presence(TPM_BOOL *present, uint32_t number)
{
	*present = 0;
	return TPM_SUCCESS;
}

/* --- Power ------------------------------------------------------------------------------ */

/* libtpms refuses a state by one of these. */
static int error_of(TPM_RESULT result)
{
	switch (result) {
	case TPM_SUCCESS: return 0;
	case TPM_BAD_VERSION: return VL_E_VERSION;
	case TPM_SIZE: return VL_E_NOMEM;
	default: return VL_E_FORMAT;
	}
}

/* After each command: what a new worker would need to go on from here. */
static int capture(struct tpm *t)
{
	unsigned char *data = NULL;
	uint32_t size = 0;
	int err = error_of(TPMLIB_VolatileAll_Store(&data, &size));

	if (!err && size > sizeof(t->volatile_state))
		err = VL_E_LIMIT;
	if (!err) {
		memcpy(t->volatile_state, data, size);
		t->volatile_bytes = size;
	}
	free(data);
	return err;
}

/* A state that was written by another version or damaged is refused before libtpms builds on it. */
static int validate(struct tpm *t)
{
	TPM_RESULT result = TPM_SUCCESS;

	if (t->permanent_bytes)
		result = TPMLIB_ValidateState(TPMLIB_STATE_PERMANENT, 0);
	if (result == TPM_SUCCESS && t->resuming)
		result = TPMLIB_ValidateState(TPMLIB_STATE_VOLATILE, 0);
	return error_of(result);
}

static int library_start(struct tpm *t)
{
	struct libtpms_callbacks callbacks = {
		.sizeOfStruct = sizeof(callbacks),
		.tpm_nvram_init = nv_init,
		.tpm_nvram_loaddata = nv_load,
		.tpm_nvram_storedata = nv_store,
		.tpm_nvram_deletename = nv_delete,
		.tpm_io_init = io_init,
		.tpm_io_getlocality = io_locality,
		.tpm_io_getphysicalpresence = io_presence,
	};
	int err;

	current = t;
	err = error_of(TPMLIB_ChooseTPMVersion(TPMLIB_TPM_VERSION_2));
	if (!err)
		err = error_of(TPMLIB_RegisterCallbacks(&callbacks));
	if (!err)
		err = validate(t);
	TPMLIB_SetBufferSize(TPM_BUFFER_BYTES, NULL, NULL);
	return err ? err : error_of(TPMLIB_MainInit());
}

/* On an error nothing was written. */
static int switch_on(struct tpm *t)
{
	int err;

	t->loading = true;
	err = library_start(t);
	t->loading = false;
	t->resuming = false;
	if (!err)
		t->on = true;
	if (!err && t->changed)
		err = file_write(t);
	if (!err)
		err = capture(t);
	t->changed = false;
	if (err)
		tpm_power_off(t);
	return err;
}

int tpm_power_on(struct tpm *t, const struct vtpm_nv *nv, bool *made)
{
	const uint8_t *permanent = NULL;
	size_t bytes = 0;
	int err;

	tpm_power_off(t);
	t->nv = nv;
	err = file_read(t, &permanent, &bytes);
	*made = err == VL_E_NOTFOUND;
	if (err && !*made)
		return err;
	if (!*made)
		memcpy(t->permanent, permanent, bytes);
	t->permanent_bytes = bytes;
	t->volatile_bytes = 0;
	t->changed = t->resuming = false;
	return switch_on(t);
}

int tpm_resume(struct tpm *t, const struct vtpm_nv *nv)
{
	const uint8_t *permanent = NULL;
	size_t bytes = 0;
	int err;

	tpm_power_off(t);
	t->nv = nv;
	err = file_read(t, &permanent, &bytes);
	t->changed = err || bytes != t->permanent_bytes || memcmp(permanent, t->permanent, bytes) != 0;
	t->resuming = true;
	return switch_on(t);
}

void tpm_prepare_library(int nowhere)
{
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	TPMLIB_SetDebugFD(nowhere);
}

void tpm_power_off(struct tpm *t)
{
	if (current)
		TPMLIB_Terminate();
	current = NULL;
	t->on = false;
	t->nv_error = 0;
}

/* --- Commands ------------------------------------------------------------------------------ */

size_t tpm_error_response(uint8_t *response, uint32_t code)
{
	struct vl_writer w;

	vl_writer_init(&w, response, TPM_HEADER_BYTES);
	command_put16(&w, TPM_ST_NO_SESSIONS);
	vl_write_be32(&w, TPM_HEADER_BYTES);
	vl_write_be32(&w, code);
	return w.pos;
}

void tpm_cancel(void)
{
	TPMLIB_CancelCommand();
}

size_t tpm_execute(struct tpm *t, unsigned locality, const uint8_t *command, size_t size, uint8_t *response)
{
	unsigned char *answer = NULL;
	uint32_t answer_bytes = 0, room = 0;
	TPM_RESULT result;
	int err;

	if (!t->on)
		return tpm_error_response(response, TPM_RC_FAILURE);
	t->locality = locality;
	/* libtpms does not write to the command, though its prototype would let it. */
	result = TPMLIB_Process(&answer, &answer_bytes, &room, (unsigned char *)(uintptr_t)command,
			(uint32_t)size);
	if (t->nv_error)
		vl_error("the TPM's state cannot be saved: %s; it stops until the next power cycle",
			vl_err_text(t->nv_error));
	err = capture(t);
	if (err)
		vl_error("the TPM's volatile state: %s", vl_err_text(err));
	if (result != TPM_SUCCESS || err || answer_bytes < TPM_HEADER_BYTES ||
			answer_bytes > TPM_BUFFER_BYTES)
		answer_bytes = (uint32_t)tpm_error_response(response, TPM_RC_FAILURE);
	else
		memcpy(response, answer, answer_bytes);
	free(answer);
	return answer_bytes;
}
