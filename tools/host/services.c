/*
 * Puts the services of one boot together (see services.h). Called by the host
 * core's main; the configuration is the user's and trusted.
 */
#include "tools/host/services.h"

#include "common/base/log.h"
#include "tools/host/services_parts.h"
#include <stdlib.h>
#include <unistd.h>

struct host_services {
	struct hvsock *sockets;
	struct console *console;
	struct disk *disk[VL_PORT_DISK_COUNT];
	struct bridge *bridge;
};

static int create_parts(struct host_services *s, struct host *h)
{
	const struct host_config *config = host_config(h);
	int err = console_create(h, s->sockets, STDIN_FILENO, STDOUT_FILENO, &s->console);

	for (unsigned i = 0; !err && i < config->disk_count; i++)
		err = disk_create(h, s->sockets, i, config->disk[i], &s->disk[i]);
	if (!err && config->vsock)
		err = bridge_create(h, s->sockets, config->vsock, BRIDGE_COMMAND_LIMIT_MS, &s->bridge);
	return err;
}

int host_services_create(struct host *h, struct vmbus *bus, struct host_services **services)
{
	struct host_services *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return VL_E_NOMEM;
	s->sockets = hvsock_create(h, bus);
	err = s->sockets ? create_parts(s, h) : VL_E_NOMEM;
	if (err) {
		host_services_destroy(s);
		return err;
	}
	*services = s;
	return 0;
}

void host_services_destroy(struct host_services *s)
{
	if (!s)
		return;
	console_drain(s->console);
	hvsock_destroy(s->sockets);
	console_destroy(s->console);
	bridge_destroy(s->bridge);
	for (unsigned i = 0; i < VL_PORT_DISK_COUNT; i++)
		disk_destroy(s->disk[i]);
	free(s);
}

struct hvsock *host_services_sockets(struct host_services *s)
{
	return s->sockets;
}
