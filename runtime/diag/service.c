/* Messages between the paravisor and its diagnostics server (service.h), as received: hostile. */
#include "runtime/diag/service.h"
#include "security/filter/filter.h"

#include <string.h>

static bool is_terminated(const char *text, size_t room)
{
	return memchr(text, 0, room) != NULL;
}

static bool is_name(const char name[SERVICE_NAME_MAX])
{
	size_t size = strnlen(name, SERVICE_NAME_MAX);

	if (size == 0 || size == SERVICE_NAME_MAX)
		return false;
	for (size_t i = 0; i < size; i++)
		if (!(name[i] >= 'a' && name[i] <= 'z') && !(name[i] >= '0' && name[i] <= '9') &&
				name[i] != '-')
			return false;
	return true;
}

static int check_config(const struct service_config *c, size_t fd_count)
{
	if (c->version != SERVICE_VERSION)
		return VL_E_VERSION;
	if (c->isolation > ISOLATION_COUNT || c->debug > 1 || fd_count < 1 || fd_count > SERVICE_FD_MAX)
		return VL_E_RANGE;
	return 0;
}

static int check_unit(const struct service_unit *u, size_t fd_count)
{
	if (fd_count > 1)
		return VL_E_RANGE;
	if (u->entry_count > SERVICE_ENTRY_MAX)
		return VL_E_LIMIT;
	if (!is_name(u->name))
		return VL_E_FORMAT;
	for (uint32_t i = 0; i < u->entry_count; i++)
		if (!is_name(u->entries[i]))
			return VL_E_FORMAT;
	return 0;
}

static int check_ask(const struct service_ask *a, size_t fd_count)
{
	if (a->what < SERVICE_PAUSE || a->what >= SERVICE_WHAT_END ||
			fd_count != (a->what == SERVICE_PROFILE))
		return VL_E_RANGE;
	return is_terminated(a->path, sizeof(a->path)) ? 0 : VL_E_FORMAT;
}

static int check_reply(const struct service_reply *r, size_t fd_count)
{
	if (r->error > 0 || r->error <= -(int)VL_ERR_COUNT || fd_count > 1 || (r->error && fd_count))
		return VL_E_RANGE;
	return is_terminated(r->text, sizeof(r->text)) ? 0 : VL_E_FORMAT;
}

static size_t size_of(uint32_t type)
{
	switch (type) {
	case SERVICE_CONFIG: return sizeof(struct service_config);
	case SERVICE_UNIT: return sizeof(struct service_unit);
	case SERVICE_REPLY: return sizeof(struct service_reply);
	case SERVICE_HELLO: return sizeof(struct service_hello);
	case SERVICE_ASK: return sizeof(struct service_ask);
	default: return 0;
	}
}

int service_check(const union service_any *m, size_t size, size_t fd_count)
{
	if (size < sizeof(m->type))
		return VL_E_TRUNCATED;
	if (!size_of(m->type))
		return VL_E_TYPE;
	if (size != size_of(m->type))
		return VL_E_TRUNCATED;
	switch (m->type) {
	case SERVICE_CONFIG: return check_config(&m->config, fd_count);
	case SERVICE_UNIT: return check_unit(&m->unit, fd_count);
	case SERVICE_ASK: return check_ask(&m->ask, fd_count);
	case SERVICE_REPLY: return check_reply(&m->reply, fd_count);
	default:
		if (m->hello.version != SERVICE_VERSION)
			return VL_E_VERSION;
		return fd_count ? VL_E_RANGE : 0;
	}
}
