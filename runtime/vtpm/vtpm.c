/*
 * vtpm.h: regions, localities, the states of a command, the VM worker's part of
 * the boot, saved state. Register accesses are the guest's; VTPM_REGION_BOOT
 * is the VM worker's, which digests guest input and is checked all the same.
 */
#include "runtime/vtpm/parts.h"
#include "common/base/log.h"

#include <openssl/evp.h>
#include <string.h>

/* INTERFACE_ID, tables 23 and 30. */
#define ID_CRB_VERSION (1u << 4)
#define ID_FIVE_LOCALITIES (1u << 8)
#define ID_64_BYTE_TRANSFERS (3u << 11)
#define ID_HAS_FIFO (1u << 13)
#define ID_HAS_CRB (1u << 14)
#define ID_SELECTOR_SHIFT 17
#define ID_LOCKED (1u << 19)
#define ID_RID_SHIFT 24

_Static_assert(VTPM_BOOT_DIGESTS_BYTES == TPM_DIGESTS_BYTES, "boot_region.h has a digest for each bank");
_Static_assert(VTPM_BOOT_LOG_MAX == EVENT_LOG_BYTES_MAX && sizeof(struct vtpm_boot) <= VTPM_BOOT_LOG_AT,
	"boot_region.h has room for the log behind the rest");
_Static_assert(0x80 + TPM_BUFFER_BYTES == VL_PAGE_BYTES, "CRB's buffer ends with its page");

/* --- States --------------------------------------------------------------------------- */

static void clear_data(struct vtpm *v)
{
	memset(v->data, 0, sizeof(v->data));
	v->data_bytes = v->data_at = 0;
}

/* A command in execution is given up: its end is awaited in VTPM_EXECUTING, its response dropped. */
static void go_to(struct vtpm *v, enum vtpm_phase phase)
{
	if (v->phase == VTPM_EXECUTING) {
		v->discard = (uint8_t)(1 + phase);
		engine_cancel(v->engine);
		return;
	}
	clear_data(v);
	v->phase = (uint8_t)phase;
}

/* The end of a command that was given up. */
static void drop(struct vtpm *v)
{
	v->phase = (uint8_t)(v->discard - 1);
	v->discard = 0;
	clear_data(v);
}

void vtpm_make_ready(struct vtpm *v)
{
	go_to(v, VTPM_READY);
}

void vtpm_make_idle(struct vtpm *v)
{
	go_to(v, VTPM_IDLE);
}

/* The TPM after its last command, for save(). */
static void keep(struct vtpm *v)
{
	const struct tpm *t = &v->engine->tpm;

	memcpy(v->permanent, t->permanent, t->permanent_bytes);
	memcpy(v->volatile_state, t->volatile_state, t->volatile_bytes);
	v->permanent_bytes = t->permanent_bytes;
	v->volatile_bytes = t->volatile_bytes;
}

static void answer(struct vtpm *v, size_t bytes)
{
	v->phase = VTPM_COMPLETE;
	v->data_bytes = (uint32_t)bytes;
	v->data_at = 0;
}

size_t vtpm_command_bytes(const struct vtpm *v, size_t received)
{
	struct vl_reader r;
	uint32_t size;

	if (received < TPM_HEADER_BYTES)
		return 0;
	vl_reader_init(&r, v->data, TPM_HEADER_BYTES);
	vl_read_skip(&r, 2);
	size = vl_read_be32(&r);
	return size > TPM_BUFFER_BYTES ? TPM_BUFFER_BYTES + 1 : size;
}

static void collect(struct vtpm *v);

void vtpm_execute(struct vtpm *v, size_t received)
{
	size_t size = vtpm_command_bytes(v, received);

	v->cancel = 0;
	if (size < TPM_HEADER_BYTES || size > TPM_BUFFER_BYTES) {
		answer(v, tpm_error_response(v->data, TPM_RC_COMMAND_SIZE));
		return;
	}
	v->data_bytes = (uint32_t)size;
	v->phase = VTPM_EXECUTING;
	engine_submit(v->engine, v->active, v->data, size);
	collect(v); /* it may be done */
}

/* A command has ended, perhaps. */
static void collect(struct vtpm *v)
{
	const struct engine *e = v->engine;

	if (!engine_collect(v->engine))
		return;
	keep(v);
	if (v->phase != VTPM_EXECUTING)
		return;
	if (v->discard) {
		drop(v);
		return;
	}
	memcpy(v->data, e->response, e->response_bytes);
	answer(v, e->response_bytes);
}

/* --- Localities ------------------------------------------------------------------------- */

static void assign(struct vtpm *v, unsigned locality)
{
	v->active = (uint8_t)locality;
	if (locality < VTPM_LOCALITIES)
		v->requested &= (uint8_t)~(1u << locality);
}

void vtpm_request(struct vtpm *v, unsigned locality)
{
	if (v->active == VTPM_NO_LOCALITY)
		assign(v, locality);
	else if (v->active != locality)
		v->requested |= (uint8_t)(1u << locality);
}

void vtpm_seize(struct vtpm *v, unsigned locality)
{
	if (v->active == VTPM_NO_LOCALITY) {
		assign(v, locality);
	} else if (locality > v->active) {
		v->seized |= (uint8_t)(1u << v->active);
		vtpm_make_idle(v);
		assign(v, locality);
	}
}

/* The highest that waits is next. */
void vtpm_release(struct vtpm *v, unsigned locality)
{
	unsigned next = VTPM_LOCALITIES;

	v->requested &= (uint8_t)~(1u << locality);
	if (v->active != locality)
		return;
	vtpm_make_idle(v);
	while (next > 0 && !(v->requested >> (next - 1) & 1))
		next--;
	assign(v, next ? next - 1 : VTPM_NO_LOCALITY);
}

/* --- Registers ---------------------------------------------------------------------------- */

uint64_t vtpm_interface_id(const struct vtpm *v)
{
	uint32_t low = v->interface | (v->interface == VTPM_CRB ? ID_CRB_VERSION : 0) | ID_FIVE_LOCALITIES |
		ID_64_BYTE_TRANSFERS | ID_HAS_FIFO | ID_HAS_CRB |
		(uint32_t)v->interface << ID_SELECTOR_SHIFT |
		(v->interface_locked ? ID_LOCKED : 0) | VTPM_REVISION << ID_RID_SHIFT;

	return low | (uint64_t)(VTPM_DEVICE << 16 | VTPM_VENDOR) << 32;
}

/* The other interface may be chosen while nobody uses this one. */
static void write_interface_id(struct vtpm *v, uint32_t value)
{
	uint32_t selector = value >> ID_SELECTOR_SHIFT & 3;

	if (v->interface_locked || v->active != VTPM_NO_LOCALITY)
		return;
	if (selector == VTPM_FIFO || selector == VTPM_CRB)
		v->interface = (uint8_t)selector;
	v->interface_locked = (value & ID_LOCKED) != 0;
}

static uint32_t read_part(struct vtpm *v, uint64_t offset, unsigned size)
{
	unsigned locality = (unsigned)(offset / VL_PAGE_BYTES);
	uint64_t reg = offset % VL_PAGE_BYTES;

	if (locality >= VTPM_LOCALITIES || !v->powered)
		return 0xffffffff;
	return v->interface == VTPM_CRB ? crb_read(v, locality, reg, size) :
		fifo_read(v, locality, reg, size);
}

static void write_part(struct vtpm *v, uint64_t offset, unsigned size, uint32_t value)
{
	unsigned locality = (unsigned)(offset / VL_PAGE_BYTES);
	uint64_t reg = offset % VL_PAGE_BYTES;

	if (locality >= VTPM_LOCALITIES || !v->powered)
		return;
	if (reg == VTPM_REG_INTERFACE_ID)
		write_interface_id(v, value);
	else if (v->interface == VTPM_CRB)
		crb_write(v, locality, reg, size, value);
	else
		fifo_write(v, locality, reg, size, value);
}

/* The bytes of an access up to the next multiple of four: what one register can be. */
static unsigned part_bytes(uint64_t offset, unsigned left)
{
	unsigned n = 4 - (unsigned)(offset & 3);

	return n < left ? n : left;
}

static uint64_t read_registers(struct vtpm *v, uint64_t offset, unsigned size)
{
	uint64_t value = 0;

	for (unsigned at = 0, n; at < size; at += n) {
		n = part_bytes(offset + at, size - at);
		value |= (read_part(v, offset + at, n) & (0xffffffffull >> (32 - 8 * n))) << 8 * at;
	}
	return value;
}

static void write_registers(struct vtpm *v, uint64_t offset, unsigned size, uint64_t value)
{
	for (unsigned at = 0, n; at < size; at += n) {
		n = part_bytes(offset + at, size - at);
		write_part(v, offset + at, n, (uint32_t)(value >> 8 * at & (0xffffffffull >> (32 - 8 * n))));
	}
}

/* --- VTPM_REGION_BOOT ---------------------------------------------------------------------- */

static int power_on(struct vtpm *v)
{
	int err = boot_power_on(&v->engine->tpm, &v->engine->nv, &v->ppi, &v->log, v->boot.isolated != 0,
		v->version);

	if (err)
		tpm_power_off(&v->engine->tpm);
	v->powered = !err;
	return err;
}

static int measure(struct vtpm *v)
{
	const struct vtpm_boot *b = &v->boot;

	if (!v->powered)
		return VL_E_STATE;
	if (b->text_bytes > sizeof(b->text))
		return VL_E_LIMIT;
	return boot_measure(&v->engine->tpm, &v->log, b->pcr, b->type, b->digests, b->text, b->text_bytes);
}

static int finish(struct vtpm *v)
{
	int err = v->powered ? boot_finish(&v->engine->tpm, &v->log) : VL_E_STATE;

	v->finished = !err;
	return err;
}

static void boot_command(struct vtpm *v, uint32_t command)
{
	int err;

	switch (command) {
	case VTPM_BOOT_POWER_ON: err = v->powered ? VL_E_STATE : power_on(v); break;
	case VTPM_BOOT_MEASURE: err = measure(v); break;
	case VTPM_BOOT_FINISH: err = finish(v); break;
	default: err = VL_E_TYPE;
	}
	keep(v);
	v->boot.error = err;
	v->boot.log_bytes = (uint32_t)v->log.w.pos;
	v->boot.banks = v->log.banks;
}

static uint64_t read_boot(struct vtpm *v, uint64_t offset, unsigned size)
{
	uint64_t value = 0;

	if (vl_within(offset, size, sizeof(v->boot)))
		memcpy(&value, (const uint8_t *)&v->boot + offset, size);
	else if (offset >= VTPM_BOOT_LOG_AT &&
		 vl_within(offset - VTPM_BOOT_LOG_AT, size, sizeof(v->log.bytes)))
		memcpy(&value, v->log.bytes + (offset - VTPM_BOOT_LOG_AT), size);
	return value;
}

static void write_boot(struct vtpm *v, uint64_t offset, unsigned size, uint64_t value)
{
	if (v->finished)
		return;
	if (offset == offsetof(struct vtpm_boot, command))
		boot_command(v, (uint32_t)value);
	else if (offset >= offsetof(struct vtpm_boot, isolated) && vl_within(offset, size, sizeof(v->boot)))
		memcpy((uint8_t *)&v->boot + offset, &value, size);
}

/* --- The model ------------------------------------------------------------------------------ */

static uint64_t vtpm_read(void *dev, unsigned id, uint64_t offset, unsigned size)
{
	struct vtpm *v = dev;

	switch (id) {
	case VTPM_REGION_TPM: return read_registers(v, offset, size);
	case VTPM_REGION_PPI:
		return v->powered ? ppi_read(&v->ppi, offset & PPI_DATA) >> 8 * (offset & 3) : ~0ull;
	case VTPM_REGION_BOOT: return read_boot(v, offset, size);
	}
	return ~0ull;
}

static void vtpm_write(void *dev, unsigned id, uint64_t offset, unsigned size, uint64_t value)
{
	struct vtpm *v = dev;

	switch (id) {
	case VTPM_REGION_TPM: write_registers(v, offset, size, value); break;
	case VTPM_REGION_PPI:
		if (v->powered && !(offset & 3))
			ppi_write(&v->ppi, offset, (uint32_t)value);
		break;
	case VTPM_REGION_BOOT: write_boot(v, offset, size, value); break;
	}
}

/* While the VM worker fills in a command of VTPM_REGION_BOOT, or fetches the log. */
static void boot_ahead(const struct vtpm *v, struct dev_ahead *a)
{
	a->region = VTPM_REGION_BOOT;
	if (v->finished) {
		a->offset = VTPM_BOOT_LOG_AT;
		a->data = v->log.bytes;
		a->size = a->bytes = (uint32_t)v->log.w.pos;
	} else {
		a->offset = offsetof(struct vtpm_boot, isolated);
		a->size = sizeof(v->boot) - offsetof(struct vtpm_boot, isolated);
		a->writes = true;
	}
}

static void vtpm_ahead(const void *dev, struct dev_ahead *a)
{
	const struct vtpm *v = dev;

	if (!v->finished || (v->powered && v->active == VTPM_NO_LOCALITY))
		boot_ahead(v, a);
	else if (v->powered && v->interface == VTPM_CRB)
		crb_ahead(v, a);
	else if (v->powered)
		fifo_ahead(v, a);
}

static void vtpm_complete(void *dev, uint64_t id, int result)
{
	if (id == VTPM_COMMAND_ENDED)
		collect(dev);
}

/* A command that a restored state was in begins anew. */
static void vtpm_start(void *dev)
{
	struct vtpm *v = dev;

	if (v->phase != VTPM_EXECUTING || v->engine->busy)
		return;
	if (v->discard) {
		drop(v);
	} else {
		engine_submit(v->engine, v->active, v->data, v->data_bytes);
		collect(v);
	}
}

static void vtpm_stop(void *dev)
{
	struct vtpm *v = dev;

	engine_wait(v->engine);
	collect(v);
}

static void vtpm_reset(void *dev)
{
	struct vtpm *v = dev;

	engine_cancel(v->engine);
	vtpm_stop(v);
	tpm_power_off(&v->engine->tpm);
	v->interface = v->first_interface;
	v->active = VTPM_NO_LOCALITY;
	v->interface_locked = v->phase = v->requested = v->seized = v->discard = v->cancel = 0;
	v->powered = v->finished = 0;
	clear_data(v);
	memset(&v->ppi, 0, sizeof(v->ppi));
	memset(&v->boot, 0, sizeof(v->boot));
	event_log_begin(&v->log, 0);
	v->permanent_bytes = v->volatile_bytes = 0;
}

/* --- Saved state ------------------------------------------------------------------------------- */

enum {
	FIELD_DATA = 30,
	FIELD_PERMANENT = 31,
	FIELD_VOLATILE = 32,
	FIELD_DIGEST = 33, /* SHA-256 of the two before: libtpms is not to see what was altered */
	FIELD_LOG = 34,
	FIELD_BOOT = 35,
};
#define DIGEST_BYTES 32u

static const struct state_field vtpm_fields[] = {
	STATE_FIELD(1, struct vtpm, interface, VTPM_CRB),
	STATE_FIELD(2, struct vtpm, interface_locked, 1),
	STATE_FIELD(3, struct vtpm, phase, VTPM_PHASE_COUNT - 1),
	STATE_FIELD(4, struct vtpm, active, VTPM_NO_LOCALITY),
	STATE_FIELD(5, struct vtpm, requested, (1u << VTPM_LOCALITIES) - 1),
	STATE_FIELD(6, struct vtpm, seized, (1u << VTPM_LOCALITIES) - 1),
	STATE_FIELD(7, struct vtpm, discard, 1 + VTPM_READY),
	STATE_FIELD(8, struct vtpm, cancel, 1),
	STATE_FIELD(9, struct vtpm, data_bytes, TPM_BUFFER_BYTES),
	STATE_FIELD(10, struct vtpm, data_at, TPM_BUFFER_BYTES),
	STATE_FIELD(11, struct vtpm, powered, 1),
	STATE_FIELD(12, struct vtpm, finished, 1),
	STATE_FIELD(13, struct vtpm, ppi.pending, 0xffffffff),
	STATE_FIELD(14, struct vtpm, ppi.pending_argument, 0xffffffff),
	STATE_FIELD(15, struct vtpm, ppi.last, 0xffffffff),
	STATE_FIELD(16, struct vtpm, ppi.last_response, 0xffffffff),
	STATE_FIELD(17, struct vtpm, ppi.control, 0xffffffff),
	STATE_FIELD(18, struct vtpm, ppi.argument, 0xffffffff),
	STATE_FIELD(19, struct vtpm, ppi.result, 0xffffffff),
	STATE_FIELD(20, struct vtpm, log.banks, (1u << TPM_BANK_COUNT) - 1),
};

/*
 * By libcrypto, which is here for libtpms and takes a tenth of BearSSL's time: this is done at each command.
 */
static int digest_of(const struct vtpm *v, uint8_t *out)
{
	EVP_MD_CTX *sha = EVP_MD_CTX_new();
	bool ok = sha && EVP_DigestInit_ex(sha, EVP_sha256(), NULL) &&
		EVP_DigestUpdate(sha, v->permanent, v->permanent_bytes) &&
		EVP_DigestUpdate(sha, v->volatile_state, v->volatile_bytes) &&
		EVP_DigestFinal_ex(sha, out, NULL);

	EVP_MD_CTX_free(sha);
	return ok ? 0 : VL_E_NOMEM;
}

static void vtpm_save(void *dev, struct state_writer *w)
{
	const struct vtpm *v = dev;
	uint8_t digest[DIGEST_BYTES];

	state_put_fields(w, vtpm_fields, VL_ARRAY_COUNT(vtpm_fields), v);
	state_put_bytes(w, FIELD_DATA, v->data, v->phase == VTPM_RECEIVING ? sizeof(v->data) : v->data_bytes);
	if (!v->powered)
		return;
	if (digest_of(v, digest)) {
		w->w.err = w->w.err ? w->w.err : VL_E_NOMEM;
		return;
	}
	state_put_bytes(w, FIELD_PERMANENT | STATE_MANDATORY, v->permanent, v->permanent_bytes);
	state_put_bytes(w, FIELD_VOLATILE | STATE_MANDATORY, v->volatile_state, v->volatile_bytes);
	state_put_bytes(w, FIELD_DIGEST | STATE_MANDATORY, digest, sizeof(digest));
	state_put_bytes(w, FIELD_LOG, v->log.bytes, v->log.w.pos);
	if (!v->finished)
		state_put_bytes(w, FIELD_BOOT, &v->boot, sizeof(v->boot));
}

/* Up to `room` bytes of a field that may be missing; the bytes there were, in *bytes. */
static void get_bytes(struct state_reader *r, uint32_t number, void *out, size_t room, size_t *bytes)
{
	const uint8_t *data;

	if (!state_get_view(r, number, &data, bytes)) {
		*bytes = 0;
	} else if (*bytes > room) {
		state_reader_fail(r, VL_E_LIMIT);
		*bytes = 0;
	} else {
		memcpy(out, data, *bytes);
	}
}

static void get_tpm(struct vtpm *v, struct state_reader *r)
{
	uint8_t digest[DIGEST_BYTES], want[DIGEST_BYTES];
	size_t log_bytes;

	get_bytes(r, FIELD_PERMANENT, v->permanent, sizeof(v->permanent), &v->permanent_bytes);
	get_bytes(r, FIELD_VOLATILE, v->volatile_state, sizeof(v->volatile_state), &v->volatile_bytes);
	if (!state_get_bytes(r, FIELD_DIGEST, digest, sizeof(digest)) || !v->permanent_bytes ||
	    !v->volatile_bytes) {
		state_reader_fail(r, VL_E_MISSING);
		return;
	}
	if (digest_of(v, want))
		state_reader_fail(r, VL_E_NOMEM);
	else if (memcmp(digest, want, sizeof(digest)) != 0)
		state_reader_fail(r, VL_E_CHECKSUM);
	get_bytes(r, FIELD_LOG, v->log.bytes, sizeof(v->log.bytes), &log_bytes);
	v->log.w.pos = log_bytes;
	if (!v->finished)
		state_get_bytes(r, FIELD_BOOT, &v->boot, sizeof(v->boot));
	v->boot.log_bytes = (uint32_t)log_bytes;
	v->boot.banks = v->log.banks;
}

/* What the model itself never breaks. */
static bool consistent(const struct vtpm *v)
{
	if (v->active >= VTPM_LOCALITIES && v->active != VTPM_NO_LOCALITY)
		return false;
	if (v->phase == VTPM_EXECUTING && !v->discard &&
	    (!v->powered || v->active == VTPM_NO_LOCALITY || v->data_bytes < TPM_HEADER_BYTES))
		return false;
	return v->data_at <= v->data_bytes;
}

static int resume(struct vtpm *v)
{
	struct tpm *t = &v->engine->tpm;

	memcpy(t->permanent, v->permanent, v->permanent_bytes);
	memcpy(t->volatile_state, v->volatile_state, v->volatile_bytes);
	t->permanent_bytes = v->permanent_bytes;
	t->volatile_bytes = v->volatile_bytes;
	v->ppi.nv = &v->engine->nv;
	return tpm_resume(t, &v->engine->nv);
}

static int vtpm_restore(void *dev, struct state_reader *r)
{
	struct vtpm *v = dev;
	size_t bytes;
	int err;

	state_get_fields(r, vtpm_fields, VL_ARRAY_COUNT(vtpm_fields), v);
	get_bytes(r, FIELD_DATA, v->data, sizeof(v->data), &bytes);
	if (v->powered)
		get_tpm(v, r);
	if (!r->err && !consistent(v))
		state_reader_fail(r, VL_E_RANGE);
	err = state_reader_finish(r);
	return !err && v->powered ? resume(v) : err;
}

/* The interface, and nothing of what goes through it: no byte of a command or response, no key, no state. */
static void vtpm_inspect(const void *dev, struct inspect *i)
{
	static const char *const phases[VTPM_PHASE_COUNT] = { [VTPM_IDLE] = "idle", [VTPM_READY] = "ready",
		[VTPM_RECEIVING] = "receiving", [VTPM_EXECUTING] = "executing",
		[VTPM_COMPLETE] = "complete" };
	const struct vtpm *v = dev;

	inspect_text(i, "interface", INSPECT_SENSITIVE, v->interface == VTPM_CRB ? "crb" : "fifo");
	inspect_bool(i, "interface-locked", INSPECT_SENSITIVE, v->interface_locked);
	inspect_bool(i, "powered", INSPECT_SENSITIVE, v->powered);
	inspect_bool(i, "boot-finished", INSPECT_SENSITIVE, v->finished);
	inspect_text(i, "phase", INSPECT_SENSITIVE, phases[v->phase]);
	if (v->active != VTPM_NO_LOCALITY)
		inspect_u64(i, "locality", INSPECT_SENSITIVE, INSPECT_PLAIN, v->active);
	dev_show(i, "localities-waiting", v->requested);
	dev_show(i, "localities-seized", v->seized);
	inspect_u64(i, "data-bytes", INSPECT_SENSITIVE, INSPECT_PLAIN, v->data_bytes);
	inspect_u64(i, "data-at", INSPECT_SENSITIVE, INSPECT_PLAIN, v->data_at);
	inspect_bool(i, "response-discarded", INSPECT_SENSITIVE, v->discard != 0);
	inspect_bool(i, "cancelled", INSPECT_SENSITIVE, v->cancel != 0);
}

const struct dev_model vtpm_model = {
	.name = "vtpm",
	.version = 1,
	.read = vtpm_read,
	.write = vtpm_write,
	.ahead = vtpm_ahead,
	.start = vtpm_start,
	.stop = vtpm_stop,
	.reset = vtpm_reset,
	.save = vtpm_save,
	.restore = vtpm_restore,
	.complete = vtpm_complete,
	.inspect = vtpm_inspect,
};

void vtpm_init(struct vtpm *v, struct dev_env *env, struct engine *engine, enum vtpm_interface first,
	uint64_t base, const char *version)
{
	memset(v, 0, sizeof(*v));
	v->env = env;
	v->engine = engine;
	v->first_interface = (uint8_t)first;
	v->base = base;
	v->version = version;
	vtpm_reset(v);
}
