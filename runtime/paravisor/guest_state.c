/*
 * The partition's state file (guest_state.h). Called by the paravisor once at
 * boot and then through vmgs. Input: sectors that the host gives.
 */
#include "runtime/paravisor/guest_state.h"
#include "common/base/log.h"
#include "security/crypto/gcm.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static int take_random(void *ctx, void *out, size_t size)
{
	return getrandom(out, size, 0) == (ssize_t)size ? 0 : VL_E_OS;
}

/* --- The host's storage ------------------------------------------------------------ */

/* Whole sectors; a piece is bounded by what the protocol and this host take. */
static int host_write(void *ctx, uint64_t offset, const void *data, size_t size)
{
	struct guest_state *s = ctx;
	uint32_t sector = s->vmgs.io.sector_bytes;
	const uint8_t *from = data;
	int err = 0;

	if ((offset | size) % sector)
		return VL_E_ALIGN;
	while (!err && size) {
		size_t part = size < s->transfer_max_bytes ? size : s->transfer_max_bytes;

		err = get_client_vmgs_write(s->host, offset / sector, (uint32_t)(part / sector), from, part);
		from += part;
		offset += part;
		size -= part;
	}
	return err;
}

/* Any range: the first and the last sector may be wanted in part. */
static int host_read(void *ctx, uint64_t offset, void *out, size_t size)
{
	struct guest_state *s = ctx;
	uint32_t sector = s->vmgs.io.sector_bytes;
	uint8_t buffer[GET_PAYLOAD_MAX], *to = out;
	int err = 0;

	while (!err && size) {
		size_t skip = (size_t)(offset % sector), part = s->transfer_max_bytes - skip;
		uint32_t count;

		part = size < part ? size : part;
		count = (uint32_t)((skip + part + sector - 1) / sector);
		err = get_client_vmgs_read(s->host, offset / sector, count, buffer, (size_t)count * sector);
		if (err)
			break;
		memcpy(to, buffer + skip, part);
		to += part;
		offset += part;
		size -= part;
	}
	return err;
}

static int host_flush(void *ctx)
{
	return get_client_vmgs_flush(((struct guest_state *)ctx)->host);
}

/* --- Memory --------------------------------------------------------------------------- */

static int memory_write(void *ctx, uint64_t offset, const void *data, size_t size)
{
	struct guest_state *s = ctx;

	if (!vl_within(offset, size, GUEST_STATE_MEMORY_BYTES))
		return VL_E_RANGE;
	memcpy(s->memory + offset, data, size);
	return 0;
}

static int memory_read(void *ctx, uint64_t offset, void *out, size_t size)
{
	struct guest_state *s = ctx;

	if (!vl_within(offset, size, GUEST_STATE_MEMORY_BYTES))
		return VL_E_RANGE;
	memcpy(out, s->memory + offset, size);
	return 0;
}

static int memory_flush(void *ctx)
{
	return 0;
}

/* --- Opening --------------------------------------------------------------------------- */

int guest_state_lifetime(const char *name, enum guest_state_lifetime *out)
{
	static const char *const names[] = { "Default", "ReprovisionOnFailure", "Reprovision", "Ephemeral" };

	for (size_t i = 0; i < VL_ARRAY_COUNT(names); i++) {
		if (strcmp(name, names[i]) == 0) {
			*out = (enum guest_state_lifetime)i;
			return 0;
		}
	}
	return VL_E_RANGE;
}

static int host_storage(struct guest_state *s, struct vmgs_io *io)
{
	struct get_client_vmgs_info info;
	int err = get_client_vmgs_info(s->host, &info);

	if (err)
		return err;
	s->transfer_max_bytes = (uint32_t)vl_align_down(
		info.transfer_max_bytes < GET_PAYLOAD_MAX ? info.transfer_max_bytes : GET_PAYLOAD_MAX, 4096);
	/* What the state file needs: its sector sizes, and a block in one transfer. */
	if ((info.sector_bytes != 512 && info.sector_bytes != 4096) || !s->transfer_max_bytes ||
	    info.capacity_sectors > (1ull << 40))
		return VL_E_RANGE;
	*io = (struct vmgs_io){ host_read, host_write, host_flush, take_random, s,
		info.capacity_sectors * info.sector_bytes, info.sector_bytes };
	return 0;
}

static int memory_storage(struct guest_state *s, struct vmgs_io *io)
{
	s->memory = calloc(1, GUEST_STATE_MEMORY_BYTES);
	s->ephemeral = true;
	*io = (struct vmgs_io){ memory_read, memory_write, memory_flush, take_random, s,
		GUEST_STATE_MEMORY_BYTES, 512 };
	return s->memory ? 0 : VL_E_NOMEM;
}

static enum get_event_log_id event_of(int err)
{
	switch (err) {
	case VL_E_MAGIC:
	case VL_E_VERSION:
		return GET_EVENT_VMGS_INVALID_FORMAT;
	case VL_E_CHECKSUM:
	case VL_E_FORMAT:
	case VL_E_RANGE:
	case VL_E_OVERLAP:
		return GET_EVENT_VMGS_CORRUPT_FORMAT;
	case VL_E_NOSPACE:
	case VL_E_NOMEM:
		return GET_EVENT_VMGS_INIT_FAILED;
	default:
		return GET_EVENT_VMGS_ACCESS_FAILED;
	}
}

/* True for the errors that mean: read well, but it is no state file. */
static bool damaged(int err)
{
	return err == VL_E_MAGIC || err == VL_E_VERSION || err == VL_E_CHECKSUM || err == VL_E_FORMAT ||
		err == VL_E_OVERLAP || err == VL_E_RANGE;
}

static int open_or_format(struct guest_state *s, const struct vmgs_io *io, enum guest_state_lifetime lifetime)
{
	int err = lifetime == GUEST_STATE_REPROVISION ||
			s->ephemeral ? VL_E_NOTFOUND : vmgs_open(&s->vmgs, io);

	if (err == VL_E_NOTFOUND || (damaged(err) && lifetime == GUEST_STATE_REPROVISION_ON_FAILURE)) {
		vl_info("state file: formatted: %s", s->ephemeral ? "in memory" : vl_err_text(err));
		err = vmgs_format(&s->vmgs, io);
	}
	return err;
}

int guest_state_open(struct guest_state *s, struct get_client *host, enum guest_state_lifetime lifetime,
	enum get_event_log_id *event)
{
	struct vmgs_io io;
	int err;

	memset(s, 0, sizeof(*s));
	s->host = host;
	err = lifetime == GUEST_STATE_EPHEMERAL ? VL_E_NOTFOUND : host_storage(s, &io);
	if (err == VL_E_NOTFOUND)
		err = memory_storage(s, &io);
	if (!err)
		err = open_or_format(s, &io, lifetime);
	s->open = !err;
	if (err) {
		*event = event_of(err);
		guest_state_close(s);
	}
	return err;
}

void guest_state_close(struct guest_state *s)
{
	if (s->memory) {
		crypto_wipe(s->memory, GUEST_STATE_MEMORY_BYTES);
		free(s->memory);
	}
	vmgs_close(&s->vmgs);
	memset(s, 0, sizeof(*s));
}
