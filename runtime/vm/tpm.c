/* tpm.h */
#include "runtime/vm/tpm.h"
#include "common/base/fmt.h"
#include "runtime/vm/vm.h"

#include <bearssl.h>
#include <string.h>

/*
 * Of the TCG PC Client Platform Firmware Profile, table 27. Readers want an address and a size in
 * EV_S_CRTM_CONTENTS.
 */
enum { EV_IPL = 0xd };
/* Bits of vtpm_boot.banks, and where each digest is in vtpm_boot.digests. */
enum { BANK_SHA1, BANK_SHA256, BANK_SHA384, BANK_SHA512 };
enum { AT_SHA1 = 0, AT_SHA256 = 20, AT_SHA384 = 52, AT_SHA512 = 100 };

#define AT(member) offsetof(struct vtpm_boot, member)

struct link {
	const struct dev_model *model;
	void *dev;
	uint32_t banks;
};

static uint64_t get(const struct link *l, uint64_t at, unsigned size)
{
	return l->model->read(l->dev, VTPM_REGION_BOOT, at, size);
}

static void put(const struct link *l, uint64_t at, unsigned size, uint64_t value)
{
	l->model->write(l->dev, VTPM_REGION_BOOT, at, size, value);
}

static void put_bytes(const struct link *l, uint64_t at, const uint8_t *data, size_t size)
{
	while (size) {
		size_t n = size < 8 ? 1 : 8;
		uint64_t value = 0;

		memcpy(&value, data, n);
		put(l, at, (unsigned)n, value);
		at += n;
		data += n;
		size -= n;
	}
}

static int command(const struct link *l, enum vtpm_boot_command command)
{
	int32_t err;

	put(l, AT(command), 4, command);
	err = (int32_t)get(l, AT(error), 4);
	return err > 0 ? VL_E_PROTOCOL : err;
}

/* In each bank that is in use; the other digests are not looked at. */
static void digest(const struct link *l, const void *data, size_t size, uint8_t *out)
{
	br_sha1_context sha1;
	br_sha256_context sha256;
	br_sha384_context sha384;
	br_sha512_context sha512;

	memset(out, 0, VTPM_BOOT_DIGESTS_BYTES);
	if (l->banks >> BANK_SHA1 & 1) {
		br_sha1_init(&sha1);
		br_sha1_update(&sha1, data, size);
		br_sha1_out(&sha1, out + AT_SHA1);
	}
	if (l->banks >> BANK_SHA256 & 1) {
		br_sha256_init(&sha256);
		br_sha256_update(&sha256, data, size);
		br_sha256_out(&sha256, out + AT_SHA256);
	}
	if (l->banks >> BANK_SHA384 & 1) {
		br_sha384_init(&sha384);
		br_sha384_update(&sha384, data, size);
		br_sha384_out(&sha384, out + AT_SHA384);
	}
	if (l->banks >> BANK_SHA512 & 1) {
		br_sha512_init(&sha512);
		br_sha512_update(&sha512, data, size);
		br_sha512_out(&sha512, out + AT_SHA512);
	}
}

/* The event's own data is the text with its NUL. */
static int measure(const struct link *l, uint32_t pcr, uint32_t type, const void *data, size_t size,
	const char *text)
{
	uint8_t digests[VTPM_BOOT_DIGESTS_BYTES];
	size_t text_bytes = strlen(text) + 1;

	if (text_bytes > VTPM_BOOT_TEXT_MAX)
		return VL_E_LIMIT;
	digest(l, data, size, digests);
	put(l, AT(pcr), 4, pcr);
	put(l, AT(type), 4, type);
	put(l, AT(text_bytes), 4, text_bytes);
	put_bytes(l, AT(digests), digests, sizeof(digests));
	put_bytes(l, AT(text), (const uint8_t *)text, text_bytes);
	return command(l, VTPM_BOOT_MEASURE);
}

static int measure_file(const struct link *l, const struct vm *vm, const struct control_blob *file,
	const char *text)
{
	const void *data;

	if (!file->size)
		return 0;
	data = guest_memory_at(&vm->memory, gpa(file->base), file->size);
	return data ? measure(l, VM_TPM_PCR_FILES, EV_IPL, data, file->size, text) : VL_E_RANGE;
}

static int measure_all(const struct link *l, const struct vm *vm)
{
	const struct control_config *c = vm->config;
	int err = 0;

	if (c->image_digest_bytes)
		err = measure(l, VM_TPM_PCR_IMAGE, EV_IPL, c->image_digest, c->image_digest_bytes,
			"VTL2 image");
	if (!err)
		err = measure(l, VM_TPM_PCR_COMMAND_LINE, EV_IPL, c->command_line, strlen(c->command_line),
			c->command_line);
	if (!err)
		err = measure_file(l, vm, &c->kernel, "kernel");
	return err ? err : measure_file(l, vm, &c->initrd, "initrd");
}

static int fetch_log(const struct link *l, struct vm_tpm *t)
{
	uint64_t bytes = get(l, AT(log_bytes), 4);

	if (bytes > sizeof(t->log))
		return VL_E_PROTOCOL;
	t->log_bytes = (uint32_t)bytes;
	for (uint32_t at = 0; at < bytes; at += 8) {
		uint64_t value = get(l, VTPM_BOOT_LOG_AT + at, 8);

		memcpy(t->log + at, &value, 8);
	}
	return 0;
}

static int fail(char *reason, int err, const char *what)
{
	vl_format(reason, CONTROL_TEXT_MAX, "virtual TPM: %s: %s", what, vl_err_text(err));
	return err;
}

static int measure_and_log(struct vm *vm, char *reason)
{
	const struct dev_instance *i = vm->tpm.device->instance;
	struct link l = { .model = i->model, .dev = i->dev };
	int err;

	put(&l, AT(isolated), 4, vm->config->isolated);
	err = command(&l, VTPM_BOOT_POWER_ON);
	if (err)
		return fail(reason, err, "switching it on with its saved state");
	l.banks = (uint32_t)get(&l, AT(banks), 4);
	err = measure_all(&l, vm);
	if (err)
		return fail(reason, err, "measuring the guest");
	err = command(&l, VTPM_BOOT_FINISH);
	if (!err)
		err = fetch_log(&l, &vm->tpm);
	return err ? fail(reason, err, "its measurement log") : 0;
}

int vm_tpm_measure(struct vm *vm, char *reason)
{
	int err;

	if (!vm->tpm.device)
		return 0;
	pthread_mutex_lock(&vm->lock);
	err = measure_and_log(vm, reason);
	pthread_mutex_unlock(&vm->lock);
	return err;
}
