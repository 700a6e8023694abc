/*
 * Checks and sends the control protocol's messages (control.h). Called by the
 * paravisor for what the worker says and by the worker for what it is told.
 */
#include "runtime/lib/control.h"
#include "runtime/lib/channel.h"

#include <string.h>

#define SEND_LIMIT_MS 5000

static const struct {
	uint32_t type;
	size_t size;
} sizes[] = {
	{ CONTROL_CONFIG, sizeof(struct control_config) },
	{ CONTROL_START, sizeof(struct control_header) },
	{ CONTROL_STOP, sizeof(struct control_header) },
	{ CONTROL_SAVE, sizeof(struct control_header) },
	{ CONTROL_RESTORE, sizeof(struct control_header) },
	{ CONTROL_STARTED, sizeof(struct control_started) },
	{ CONTROL_DONE, sizeof(struct control_done) },
	{ CONTROL_POWER_OFF, sizeof(struct control_header) },
	{ CONTROL_RESET, sizeof(struct control_header) },
	{ CONTROL_TRIPLE_FAULT, sizeof(struct control_triple_fault) },
	{ CONTROL_CRASH, sizeof(struct control_crash) },
};

static size_t size_of(uint32_t type)
{
	for (size_t i = 0; i < VL_ARRAY_COUNT(sizes); i++)
		if (sizes[i].type == type)
			return sizes[i].size;
	return 0;
}

static bool terminated(const char *text, size_t size)
{
	return memchr(text, 0, size) != NULL;
}

static int check_ranges(const struct control_config *c)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < c->range_count; i++) {
		const struct control_range *r = &c->ranges[i];

		if (r->kind > CONTROL_RANGE_MMIO || r->base + r->size <= r->base)
			return VL_E_RANGE;
		if (!vl_is_aligned(r->base | r->size, VL_PAGE_BYTES))
			return VL_E_ALIGN;
		if (r->base < end)
			return VL_E_OVERLAP;
		end = r->base + r->size;
	}
	return 0;
}

static int check_blob(const struct control_config *c, const struct control_blob *b)
{
	if (b->size == 0)
		return 0;
	for (uint32_t i = 0; i < c->range_count; i++) {
		const struct control_range *r = &c->ranges[i];

		if (r->kind == CONTROL_RANGE_RAM && b->base >= r->base &&
		    vl_within(b->base - r->base, b->size, r->size))
			return 0;
	}
	return VL_E_RANGE;
}

static uint32_t role_limit(uint32_t role)
{
	switch (role) {
	case CONTROL_FD_MSHV:
	case CONTROL_FD_VTL_LOW:
	case CONTROL_FD_HVCALL:
	case CONTROL_FD_INSPECT:
		return 1;
	case CONTROL_FD_SUPPLY:
	case CONTROL_FD_SHARED:
		return CONTROL_DEVICE_COUNT;
	case CONTROL_FD_CONSOLE:
		return CONTROL_CONSOLE_MAX;
	case CONTROL_FD_DISK:
		return CONTROL_DISK_MAX;
	default:
		return 0;
	}
}

static int check_fds(const struct control_config *c)
{
	for (uint32_t i = 0; i < c->fd_count; i++) {
		if (c->fds[i].index >= role_limit(c->fds[i].role))
			return VL_E_RANGE;
		for (uint32_t k = 0; k < i; k++)
			if (c->fds[k].role == c->fds[i].role && c->fds[k].index == c->fds[i].index)
				return VL_E_DUPLICATE;
	}
	return 0;
}

static int check_config(const struct control_config *c, size_t fd_count)
{
	int err;

	if (c->version != CONTROL_VERSION)
		return VL_E_VERSION;
	if (c->image_digest_bytes > CONTROL_DIGEST_MAX)
		return VL_E_LIMIT;
	if (c->vp_count == 0 || c->vp_count > CONTROL_VP_MAX || c->range_count > CONTROL_RANGE_MAX ||
	    c->fd_count > VL_ARRAY_COUNT(c->fds) || c->fd_count != fd_count)
		return VL_E_LIMIT;
	if (c->isolated > 1 || c->takes_over > 1)
		return VL_E_RANGE;
	if (!terminated(c->command_line, sizeof(c->command_line)))
		return VL_E_FORMAT;
	err = check_ranges(c);
	if (!err)
		err = check_blob(c, &c->kernel);
	if (!err)
		err = check_blob(c, &c->initrd);
	return err ? err : check_fds(c);
}

static bool is_error(int32_t error)
{
	return error < 0 && error > -VL_ERR_COUNT;
}

/* What the worker says beyond its message's size. */
static int check_content(const union control_any *m)
{
	switch (m->header.type) {
	case CONTROL_DONE:
		return m->done.error == 0 || is_error(m->done.error) ? 0 : VL_E_RANGE;
	case CONTROL_TRIPLE_FAULT:
		return m->triple_fault.register_count <= CONTROL_REGISTER_MAX ? 0 : VL_E_LIMIT;
	case CONTROL_CRASH:
		if (!is_error(m->crash.error))
			return VL_E_RANGE;
		return terminated(m->crash.text, sizeof(m->crash.text)) ? 0 : VL_E_FORMAT;
	default:
		return 0;
	}
}

static size_t fds_wanted(const union control_any *m)
{
	switch (m->header.type) {
	case CONTROL_RESTORE:
		return 1;
	case CONTROL_DONE:
		return m->done.request == CONTROL_SAVE && m->done.error == 0;
	default:
		return 0;
	}
}

int control_check(const void *data, size_t size, size_t fd_count)
{
	const union control_any *m = data;

	if (size < sizeof(m->header))
		return VL_E_TRUNCATED;
	if (size_of(m->header.type) == 0)
		return VL_E_TYPE;
	if (size != size_of(m->header.type) || m->header.size != size)
		return VL_E_TRUNCATED;
	if (m->header.type == CONTROL_CONFIG)
		return check_config(&m->config, fd_count);
	if (fd_count != fds_wanted(m))
		return VL_E_LIMIT;
	return check_content(m);
}

int control_send(int fd, enum control_type type, void *message, size_t size, const int *fds, size_t fd_count)
{
	struct control_header *h = message;

	h->type = type;
	h->size = (uint32_t)size;
	return channel_send(fd, message, size, fds, fd_count, SEND_LIMIT_MS);
}

int control_signal(int fd, enum control_type type)
{
	struct control_header h;

	return control_send(fd, type, &h, sizeof(h), NULL, 0);
}

int control_fd_of(const struct control_config *config, const int *fds, enum control_fd_role role,
	uint32_t index)
{
	for (uint32_t i = 0; i < config->fd_count; i++)
		if (config->fds[i].role == role && config->fds[i].index == index)
			return fds[i];
	return -1;
}
