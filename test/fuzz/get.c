/*
 * What a host can send to the paravisor and VTL2 to the host: the input's first
 * byte chooses a decoder, the rest is its input.
 */
#include "common/get/dps.h"
#include "common/get/get.h"
#include "tools/host/get_service.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int take(void *context, const void *data, size_t size) { return 0; }
static uint64_t clock_zero(void *context) { return 0; }
static void log_line(void *context, enum get_log_level level, const char *text) { }
static void event(void *context, unsigned id, const char *name) { }
static void phase(void *context, const char *name, uint64_t reference) { }
static void nothing(void *context) { }
static void failed(void *context, const char *text) { }
static void crashed(void *context, uint32_t vp, unsigned vtl, uint64_t code) { }
static void triple(void *context, uint32_t vp, const char *registers) { }
static void attest(void *context, const void *request, size_t size) { } /* whose answer never comes */

/* A state file of a few sectors: VTL2's requests name places in it, and others. */
#define STORAGE_BYTES (32u * 512)
static uint8_t storage_content[STORAGE_BYTES];

static int storage_read(void *context, uint64_t at, void *out, size_t size)
{
	if (!vl_within(at, size, STORAGE_BYTES))
		return VL_E_RANGE;
	memcpy(out, storage_content + at, size);
	return 0;
}

static int storage_write(void *context, uint64_t at, const void *data, size_t size)
{
	if (!vl_within(at, size, STORAGE_BYTES))
		return VL_E_RANGE;
	memcpy(storage_content + at, data, size);
	return 0;
}

static int storage_flush(void *context) { return 0; }

static const struct get_storage storage = { storage_read, storage_write, storage_flush, NULL, STORAGE_BYTES };

static const struct get_service_ops ops = {
	take, clock_zero, clock_zero, log_line, event, phase, nothing, failed, nothing, nothing, crashed,
		triple, attest,
};

/* Messages as the host's client sees them: every checked field is read. */
static void stream(const uint8_t *data, size_t size)
{
	static struct get_stream s;
	char text[64];
	size_t used, payload;
	int got;

	get_stream_init(&s);
	for (; size; data += used, size -= used) {
		got = get_stream_feed(&s, data, size, &used);
		if (got < 0)
			return;
		if (!got || get_check(s.message, s.size) != 0)
			continue;
		get_payload(s.message, s.size, &payload);

		if (s.size == sizeof(struct get_log_trace))
			get_trace_decode((const void *)s.message, text, sizeof(text));
	}
}

static void settings(const uint8_t *data, size_t size)
{
	static struct dps_settings a, b;
	static char again[DPS_DOCUMENT_MAX];
	size_t offset;
	int n;

	if (dps_decode((const char *)data, size, &a, &offset) != 0)
		return;
	/* What was accepted can be written and means the same. */
	n = dps_encode(&a, again, sizeof(again));
	if (n < 0 || dps_decode(again, (size_t)n, &b, &offset) != 0)
		__builtin_trap();
	if (strcmp(a.system_manufacturer, b.system_manufacturer) != 0 ||
		a.generation_id_low != b.generation_id_low)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct get_service service;
	static struct dps_settings defaults;

	if (size == 0)
		return 0;
	switch (data[0] & 3) {
	case 0:
		stream(data + 1, size - 1);
		break;
	case 1:
		settings(data + 1, size - 1);
		break;
	default:
		dps_defaults(&defaults);
		get_service_init(&service, &ops, NULL, &defaults);
		service.version_agreed = data[0] & 4;
		service.storage = data[0] & 8 ? &storage : NULL;
		get_service_receive(&service, data + 1, size - 1);
	}
	return 0;
}
