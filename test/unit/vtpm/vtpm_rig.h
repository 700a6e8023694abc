/*
 * A virtual TPM for tests: the model over the real libtpms, with a state file
 * in memory that can fail at a given write, and a guest's driver for either
 * register interface. Offsets and bits are those of the PTP, written out here
 * so that the model's own tables are not tested against themselves.
 */
#ifndef VL_TEST_VTPM_RIG_H
#define VL_TEST_VTPM_RIG_H

#include "common/device/units.h"
#include "runtime/vtpm/vtpm.h"
#include "test/unit/dev/ahead.h"
#include "test/unit/dev/fake_env.h"

#include <check.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#define RIG_BASE 0xfed40000ull

struct rig_file {
	bool there;
	size_t size;
	uint8_t data[VTPM_FILE_BYTES_MAX];
};

struct rig {
	struct vtpm v;
	struct engine engine;
	struct fake_env f;
	struct dev_instance device;
	struct rig_file ppi, nvram;
	int writes, fail_at; /* the write with this number and all later ones fail; 0: none */
	int read_error;      /* what reading the files gives; 0: their content */
	atomic_bool hold;    /* writes wait: the engine's thread stays in its command */
	uint8_t response[4096];
	size_t response_bytes;
	unsigned locality;
	unsigned known; /* reads that were known in advance */
};

static inline struct rig_file *rig_file(struct rig *r, enum vtpm_file file)
{
	return file == VTPM_FILE_PPI ? &r->ppi : &r->nvram;
}

static inline int64_t rig_nv_read(void *context, enum vtpm_file file, void *out, size_t room)
{
	struct rig *r = context;
	struct rig_file *f = rig_file(r, file);

	if (r->read_error)
		return r->read_error;
	if (!f->there)
		return VL_E_NOTFOUND;
	if (f->size > room)
		return VL_E_NOSPACE;
	memcpy(out, f->data, f->size);
	return (int64_t)f->size;
}

static inline int rig_nv_write(void *context, enum vtpm_file file, const void *data, size_t size)
{
	struct rig *r = context;
	struct rig_file *f = rig_file(r, file);

	while (atomic_load(&r->hold))
		sched_yield();
	r->writes++;
	if (r->fail_at && r->writes >= r->fail_at)
		return VL_E_IO;
	ck_assert_uint_le(size, sizeof(f->data));
	memcpy(f->data, data, size);
	f->size = size;
	f->there = true;
	return 0;
}

static const struct vtpm_nv_ops rig_nv_ops = { rig_nv_read, rig_nv_write };

static inline struct rig *rig_open(enum vtpm_interface interface, bool threaded)
{
	struct rig *r = calloc(1, sizeof(*r));
	const struct vtpm_nv nv = { &rig_nv_ops, r };

	r->device = (struct dev_instance){ "vtpm", &vtpm_model, &r->v };
	fake_env_init(&r->f, &r->device);
	tpm_prepare_library(open("/dev/null", O_WRONLY | O_CLOEXEC));
	ck_assert_int_eq(engine_open(&r->engine, &nv, threaded), 0);
	vtpm_init(&r->v, &r->f.env, &r->engine, interface, RIG_BASE, "Vallum test");
	return r;
}

static inline void rig_close(struct rig *r)
{
	engine_close(&r->engine);
	free(r);
}

/* --- VTPM_REGION_BOOT ------------------------------------------------------------------ */

static inline void rig_boot_put(struct rig *r, uint64_t at, const void *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		vtpm_model.write(&r->v, VTPM_REGION_BOOT, at + i, 1, ((const uint8_t *)data)[i]);
}

static inline int rig_boot_command(struct rig *r, enum vtpm_boot_command command)
{
	vtpm_model.write(&r->v, VTPM_REGION_BOOT, 0, 4, command);
	return (int32_t)vtpm_model.read(&r->v, VTPM_REGION_BOOT, offsetof(struct vtpm_boot, error), 4);
}

static inline int rig_power_on(struct rig *r, bool isolated)
{
	vtpm_model.write(&r->v, VTPM_REGION_BOOT, offsetof(struct vtpm_boot, isolated), 4, isolated);
	return rig_boot_command(r, VTPM_BOOT_POWER_ON);
}

static inline int rig_measure(struct rig *r, uint32_t pcr, uint32_t type, const uint8_t *digests,
		const char *text)
{
	const uint32_t head[3] = { pcr, type, (uint32_t)strlen(text) };

	rig_boot_put(r, offsetof(struct vtpm_boot, pcr), head, sizeof(head));
	rig_boot_put(r, offsetof(struct vtpm_boot, digests), digests, VTPM_BOOT_DIGESTS_BYTES);
	rig_boot_put(r, offsetof(struct vtpm_boot, text), text, strlen(text));
	return rig_boot_command(r, VTPM_BOOT_MEASURE);
}

/* All that precedes the guest. */
static inline void rig_boot(struct rig *r)
{
	ck_assert_int_eq(rig_power_on(r, false), 0);
	ck_assert_int_eq(rig_boot_command(r, VTPM_BOOT_FINISH), 0);
	vtpm_model.start(&r->v);
}

/* A power cut: what the file holds is all that is left. */
static inline void rig_power_cycle(struct rig *r)
{
	vtpm_model.reset(&r->v);
	r->fail_at = 0;
	rig_boot(r);
}

/* --- The guest's driver ------------------------------------------------------------------- */

/* What the model says in advance of a read is what that gives, in every test. */
static inline uint64_t rig_in(struct rig *r, uint64_t reg, unsigned size)
{
	uint64_t offset = r->locality * 0x1000 + reg, told;
	bool known = ahead_told(&vtpm_model, &r->v, VTPM_REGION_TPM, offset, size, &told);
	uint64_t value = vtpm_model.read(&r->v, VTPM_REGION_TPM, offset, size);

	if (known)
		ck_assert_uint_eq(value, told);
	r->known += known;
	return value;
}

static inline void rig_out(struct rig *r, uint64_t reg, unsigned size, uint64_t value)
{
	vtpm_model.write(&r->v, VTPM_REGION_TPM, r->locality * 0x1000 + reg, size, value);
}

/* What the host of the model does when the engine's descriptor is readable. */
static inline void rig_wait(struct rig *r)
{
	engine_wait(&r->engine);
	vtpm_model.complete(&r->v, VTPM_COMMAND_ENDED, 0);
}

static inline void rig_fifo_send(struct rig *r, const uint8_t *command, size_t size)
{
	rig_out(r, 0x00, 1, 0x02);
	ck_assert_uint_eq(rig_in(r, 0x00, 1) & 0xa0, 0xa0);
	rig_out(r, 0x18, 4, 0x40);
	ck_assert_uint_eq(rig_in(r, 0x18, 4) & 0x40, 0x40);
	for (size_t i = 0; i < size; i++) {
		ck_assert_uint_ne(rig_in(r, 0x18, 4) >> 8 & 0xffff, 0);
		rig_out(r, 0x24, 1, command[i]);
	}
	ck_assert_uint_eq(rig_in(r, 0x18, 4) & 0x08, 0);
	rig_out(r, 0x18, 4, 0x20);
}

static inline void rig_fifo_receive(struct rig *r)
{
	r->response_bytes = 0;
	while (rig_in(r, 0x18, 4) & 0x10)
		r->response[r->response_bytes++] = (uint8_t)rig_in(r, 0x24, 1);
	rig_out(r, 0x18, 4, 0x40);
	rig_out(r, 0x00, 1, 0x20);
}

static inline void rig_crb_send(struct rig *r, const uint8_t *command, size_t size)
{
	rig_out(r, 0x08, 4, 1);
	ck_assert_uint_eq(rig_in(r, 0x0c, 4) & 1, 1);
	rig_out(r, 0x40, 4, 1);
	ck_assert_uint_eq(rig_in(r, 0x40, 4), 0);
	ck_assert_uint_eq(rig_in(r, 0x44, 4), 0);
	for (size_t i = 0; i < size; i++)
		rig_out(r, 0x80 + i, 1, command[i]);
	rig_out(r, 0x4c, 4, 1);
}

static inline void rig_crb_receive(struct rig *r)
{
	ck_assert_uint_eq(rig_in(r, 0x4c, 4), 0);
	for (size_t i = 0; i < 10; i++)
		r->response[i] = (uint8_t)rig_in(r, 0x80 + i, 1);
	r->response_bytes = (size_t)r->response[4] << 8 | r->response[5];
	ck_assert_uint_le(r->response_bytes, sizeof(r->response) - 128);
	for (size_t i = 10; i < r->response_bytes; i++)
		r->response[i] = (uint8_t)rig_in(r, 0x80 + i, 1);
	rig_out(r, 0x40, 4, 2);
	rig_out(r, 0x08, 4, 2);
}

/* Bytes from hexadecimal text; blanks are for the reader. */
static inline size_t rig_hex(const char *text, uint8_t *out)
{
	size_t n = 0;

	for (; *text; text++) {
		unsigned byte;

		if (*text == ' ')
			continue;
		ck_assert_int_eq(sscanf(text++, "%2x", &byte), 1);
		out[n++] = (uint8_t)byte;
	}
	return n;
}

static inline uint32_t rig_code(const struct rig *r)
{
	ck_assert_uint_ge(r->response_bytes, 10);
	return (uint32_t)r->response[6] << 24 | (uint32_t)r->response[7] << 16 |
		(uint32_t)r->response[8] << 8 | r->response[9];
}

/* The response of the command that was given, through the interface. */
static inline void rig_receive(struct rig *r)
{
	if (r->v.interface == VTPM_CRB)
		rig_crb_receive(r);
	else
		rig_fifo_receive(r);
}

/* A command as it is, through the interface, and its response. */
static inline void rig_exchange(struct rig *r, const uint8_t *command, size_t size)
{
	if (r->v.interface == VTPM_CRB)
		rig_crb_send(r, command, size);
	else
		rig_fifo_send(r, command, size);
	rig_wait(r);
	rig_receive(r);
}

/* Gives the command (its size field is filled in here) through the interface; returns the response's code. */
static inline uint32_t rig_command(struct rig *r, const char *hex)
{
	static uint8_t c[4096];
	size_t n = rig_hex(hex, c);

	c[2] = c[3] = 0;
	c[4] = (uint8_t)(n >> 8);
	c[5] = (uint8_t)n;
	rig_exchange(r, c, n);
	return rig_code(r);
}

/* Commands that many tests give. */
#define RIG_GET_RANDOM_32 "8001 00000000 0000017b 0020"
#define RIG_PW "00000009 40000009 0000 00 0000"
/* A 4 byte NV index with the owner's and its own (empty) password. */
#define RIG_NV_DEFINE "8002 00000000 0000012a 40000001" RIG_PW "0000 000e 01800001 000b 02060006 0000 0004"
#define RIG_NV_WRITE "8002 00000000 00000137 01800001 01800001" RIG_PW "0004 cafe0001 0000"
#define RIG_NV_READ "8002 00000000 0000014e 01800001 01800001" RIG_PW "0004 0000"
#define RIG_PCR_READ_SHA256(select) "8001 00000000 0000017e 00000001 000b 03" select

#endif
