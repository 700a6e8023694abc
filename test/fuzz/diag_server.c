/*
 * Fuzzes what the diagnostics server hears: the bytes as a client's message, dispatched to
 * the real calls of a server that has a log and a data connection, and as messages between the
 * server and the paravisor, or a unit of the inspect tree.
 */
#include "runtime/diag/exec.h"
#include "runtime/lib/channel.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct server server;
static int paravisor, clients[2];

static void connect_client(unsigned i, bool data)
{
	struct connection *c = &server.connections[i];
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair))
		abort();
	c->fd = pair[0];
	c->file = -1;
	c->data = data;
	c->claimed = false;
	c->id = i + 1;
	c->number = data;
	clients[i] = pair[1];
}

static void turn(void)
{
	struct pollfd f[EXEC_MAX];

	server.exec->poll(&server, f);
	for (unsigned i = 0; i < EXEC_MAX; i++)
		f[i].revents = f[i].fd >= 0 ? POLLIN : 0;
	server.exec->serve(&server, f);
}

/* A command's process that hears a request which it understands, and answers with the bytes, twice. */
static void run_command(uint64_t ask, const uint8_t *data, size_t size)
{
	static struct exec_request q;
	const struct service_reply r = { .type = SERVICE_REPLY, .id = ask };
	struct channel_message m = { .data = &q, .capacity = sizeof(q) };
	int pair[2];

	if (channel_pair(pair))
		abort();
	full_reply(&server, &r, pair[1]);
	if (channel_receive(pair[0], &m, 0) || exec_request_check(&q, m.size, m.fd_count))
		abort();
	channel_close_fds(&m);
	for (unsigned i = 0; i < 2; i++) {
		(void)channel_send(pair[0], data + i * (size / 2), size / 2, NULL, 0, 0);
		turn();
	}
	close(pair[0]);
	turn();
}

static void drain_paravisor(const uint8_t *data, size_t size)
{
	union service_any any;
	struct channel_message m = { .data = &any, .capacity = sizeof(any) };

	while (channel_receive(paravisor, &m, 0) == 0) {
		if (service_check(&any, m.size, m.fd_count) || any.type != SERVICE_ASK)
			abort();
		channel_close_fds(&m);
		if (any.ask.what == SERVICE_EXEC)
			run_command(any.ask.id, data, size);
	}
}

static void begin(void)
{
	int pair[2];

	if (channel_pair(pair))
		abort();
	server.parent = pair[0];
	paravisor = pair[1];
	server.listeners[0] = server.listeners[1] = -1;
	for (unsigned i = 0; i < SERVER_CONNECTION_MAX; i++)
		server.connections[i].fd = server.connections[i].file = -1;
	if (full_init(&server, -1) || exec_init(&server))
		abort();
}

static void serve(const uint8_t *data, size_t size)
{
	connect_client(0, false);
	connect_client(1, true);
	calls_serve(&server, &server.connections[0], 1, data, size);
	drain_paravisor(data, size);
	for (unsigned i = 0; i < 2; i++) {
		if (server.connections[i].fd >= 0)
			connection_close(&server, &server.connections[i]);
		server.connections[i].asks = 0;
		close(clients[i]);
	}
	turn(); /* the commands of a client that is gone */
	memset(server.asks, 0, sizeof(server.asks));
	if (server.backlog)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct inspect_unit_request q = { 0 };
	union service_any any = { 0 };

	if (!paravisor)
		begin();
	serve(data, size < SERVER_REQUEST_MAX ? size : SERVER_REQUEST_MAX);
	memcpy(&q, data, size < sizeof(q) ? size : sizeof(q));
	inspect_unit_request_check(&q, sizeof(q));
	memcpy(&any, data, size < sizeof(any) ? size : sizeof(any));
	for (size_t fds = 0; fds < 4; fds++)
		service_check(&any, size, fds);
	return 0;
}
