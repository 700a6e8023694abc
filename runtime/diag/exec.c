/*
 * Commands of clients (exec.h). What is decoded here is a client's, and what comes over
 * a command's channel its process's: both hostile. The commands' own bytes never pass here.
 */
#include "runtime/diag/exec.h"
#include "common/base/fmt.h"
#include "common/base/log.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/clock.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEND_LIMIT_MS 1000

enum state { FREE, ASKED, STARTING, RUNNING, ENDED };

struct command {
	enum state state;
	uint64_t owner;       /* the connection whose client asked for it */
	uint64_t ask;         /* ASKED: of the paravisor */
	uint32_t stream;      /* of the Exec, until it is answered; then of a Wait, 0: none */
	uint64_t deadline_ns; /* of that call */
	uint64_t data[EXEC_STREAM_COUNT]; /* its connections; 0: none */
	int channel, pid, code;
	struct exec_request request;
};

struct commands {
	struct command list[EXEC_MAX];
};

/* --- One command ------------------------------------------------------------------------------- */

static void close_channel(struct command *c)
{
	if (c->channel >= 0)
		close(c->channel);
	c->channel = -1;
}

static void close_data(struct server *s, struct command *c)
{
	for (unsigned i = 0; i < EXEC_STREAM_COUNT; i++) {
		struct connection *data = c->data[i] ? connection_find(s, c->data[i]) : NULL;

		if (data)
			connection_close(s, data);
		c->data[i] = 0;
	}
}

/* It keeps its client's connection open no longer. */
static void let_owner_go(struct server *s, const struct command *c)
{
	struct connection *owner = connection_find(s, c->owner);

	if (!owner)
		return;
	owner->asks -= c->state == STARTING;
	owner->held--;
	connection_set_deadline(owner);
}

/* Its place is free; a command that runs ends. */
static void release(struct server *s, struct command *c)
{
	if (c->state != ENDED) {
		close_data(s, c);
		let_owner_go(s, c);
	}
	close_channel(c);
	c->state = FREE;
}

/* The call that waits for it, with its client; false when there is none. */
static bool caller(struct server *s, const struct command *c, struct call *k)
{
	*k = (struct call){ .server = s, .connection = connection_find(s, c->owner), .stream = c->stream };
	return c->stream && k->connection;
}

static void answer(const struct call *k, int32_t number)
{
	uint8_t bytes[64];
	struct ttrpc_mark mark;
	struct vl_writer w;

	vl_writer_init(&w, bytes, sizeof(bytes));
	mark = ttrpc_response_begin(&w, k->stream);
	diag_number_encode(&w, number);
	ttrpc_end(&w, mark);
	connection_send(k->server, k->connection, bytes, w.pos);
}

static void fail(struct server *s, struct command *c, enum ttrpc_code code, const char *text)
{
	struct call k;
	bool waited = caller(s, c, &k);

	release(s, c);
	if (waited)
		call_fail(&k, code, "%s: %s", c->request.command, text);
}

/* Whoever waits is told, and the place is free; else it waits for somebody to ask. */
static void on_end(struct server *s, struct command *c, int code)
{
	struct call k;

	let_owner_go(s, c);
	c->state = ENDED;
	c->code = code;
	close_channel(c);
	/* What their client has not taken yet is in the sockets. */
	for (unsigned i = 0; i < EXEC_STREAM_COUNT; i++) {
		struct connection *data = c->data[i] ? connection_find(s, c->data[i]) : NULL;

		if (data)
			data->deadline_ns = clock_deadline(SERVER_STALL_LIMIT_MS);
	}
	if (!caller(s, c, &k))
		return;
	release(s, c);
	answer(&k, code);
}

/* --- Its process ------------------------------------------------------------------------------- */

static void on_start(struct server *s, struct command *c, int32_t value)
{
	struct call k;

	if (value < 0) {
		fail(s, c, TTRPC_UNKNOWN, vl_err_text(value));
		return;
	}
	c->state = RUNNING;
	c->pid = value;
	vl_info("process %d is a client's: %s", c->pid, c->request.command);
	if (!caller(s, c, &k))
		return;
	k.connection->asks--;
	c->stream = 0;
	answer(&k, c->pid);
}

static void on_message(struct server *s, struct command *c)
{
	struct exec_message said;
	struct channel_message m = { .data = &said, .capacity = sizeof(said) };
	int err = channel_receive(c->channel, &m, 0);

	if (err == VL_E_AGAIN)
		return;
	if (!err)
		err = exec_message_check(&said, m.size, m.fd_count);
	channel_close_fds(&m);
	if (!err && c->state == STARTING && said.said == EXEC_STARTED)
		on_start(s, c, said.value);
	else if (c->state == STARTING)
		fail(s, c, TTRPC_UNKNOWN, "its process ended before it began");
	else
		on_end(s, c, !err && said.said == EXEC_ENDED ? said.value : EXEC_NO_CODE);
}

/*
 * The client's connections are the process's from now on; those that it writes to are kept, to see them end.
 */
static int hand_over(struct server *s, struct command *c)
{
	int fds[EXEC_STREAM_COUNT];
	size_t count = 0;

	for (unsigned i = 0; i < EXEC_STREAM_COUNT; i++) {
		struct connection *data = c->data[i] ? connection_find(s, c->data[i]) : NULL;

		if (c->data[i] && !data)
			return VL_E_CLOSED;
		if (data) {
			c->request.streams |= 1u << i;
			fds[count++] = data->fd;
		}
	}
	return channel_send(c->channel, &c->request, sizeof(c->request), fds, count, SEND_LIMIT_MS);
}

static void drop_input(struct server *s, struct command *c)
{
	struct connection *in = c->data[EXEC_IN] ? connection_find(s, c->data[EXEC_IN]) : NULL;

	if (in)
		connection_close(s, in);
	c->data[EXEC_IN] = 0;
}

static void take_channel(const struct call *k, uint64_t ask, int fd)
{
	struct commands *all = k->server->commands;
	unsigned i = 0;
	int err;

	while (i < EXEC_MAX && (all->list[i].state != ASKED || all->list[i].ask != ask))
		i++;
	if (i == EXEC_MAX) {
		close(fd);
		call_fail(k, TTRPC_INTERNAL, "nobody wanted this command");
		return;
	}
	all->list[i].channel = fd;
	all->list[i].state = STARTING;
	k->connection->asks++;
	k->connection->deadline_ns = 0;
	err = hand_over(k->server, &all->list[i]);
	if (err)
		fail(k->server, &all->list[i], TTRPC_UNKNOWN, vl_err_text(err));
	else
		drop_input(k->server, &all->list[i]);
}

/* --- The calls --------------------------------------------------------------------------------- */

/* A free place, or that of a command which ended and whose end nobody asked for. */
static struct command *place(struct server *s)
{
	struct command *list = s->commands->list;

	for (unsigned i = 0; i < EXEC_MAX; i++)
		if (list[i].state == FREE)
			return &list[i];
	for (unsigned i = 0; i < EXEC_MAX; i++) {
		if (list[i].state != ENDED)
			continue;
		release(s, &list[i]);
		return &list[i];
	}
	return NULL;
}

static void fill_request(struct exec_request *r, const struct diag_exec_request *q)
{
	memset(r, 0, sizeof(*r));
	r->version = EXEC_VERSION;
	r->tty = q->tty;
	r->combine_stderr = q->combine_stderr;
	r->clear_env = q->clear_env;
	memcpy(r->command, q->command, sizeof(r->command));
	r->args = q->args;
	r->env = q->env;
}

/* Claims its connections; false after the call was failed. */
static bool claim(const struct call *k, struct command *c, const struct diag_exec_request *q)
{
	const uint64_t ids[EXEC_STREAM_COUNT] = { q->in, q->out, q->err };

	for (unsigned i = 0; i < EXEC_STREAM_COUNT; i++) {
		struct connection *data = ids[i] ? connection_claim(k->server, ids[i]) : NULL;

		c->data[i] = data ? data->id : 0;
		if (ids[i] && !data) {
			close_data(k->server, c);
			call_fail(k, TTRPC_UNKNOWN, "there is no data connection %llu that waits",
				(unsigned long long)ids[i]);
			return false;
		}
	}
	return true;
}

static void call_exec(const struct call *k)
{
	struct diag_exec_request q;
	int err = diag_exec_decode(k->payload, k->payload_size, &q);
	struct command *c = err ? NULL : place(k->server);

	if (err || !q.command[0]) {
		call_fail(k, TTRPC_INVALID_ARGUMENT, "the request cannot be read: %s",
			err ? vl_err_text(err) : "it names no command");
		return;
	}
	if (!c) {
		call_fail(k, TTRPC_RESOURCE_EXHAUSTED, "%u commands run already; try again later", EXEC_MAX);
		return;
	}
	*c = (struct command){ .state = FREE, .channel = -1 };
	fill_request(&c->request, &q);
	if (!claim(k, c, &q))
		return;
	c->ask = full_ask(k, SERVICE_EXEC);
	if (!c->ask) { /* and the call was failed */
		close_data(k->server, c);
		return;
	}
	c->owner = k->connection->id;
	c->stream = k->stream;
	c->deadline_ns = k->deadline_ns;
	c->state = ASKED;
	k->connection->held++;
}

static struct command *find(struct server *s, uint64_t owner, uint32_t pid)
{
	struct command *list = s->commands->list;

	for (unsigned i = 0; i < EXEC_MAX; i++)
		if (list[i].state >= RUNNING && list[i].owner == owner && (uint32_t)list[i].pid == pid)
			return &list[i];
	return NULL;
}

/* A client that gives no limit waits as long as a command may run. */
static void call_wait(const struct call *k)
{
	struct diag_wait_request q;
	int err = diag_wait_decode(k->payload, k->payload_size, &q), code;
	struct command *c = err ? NULL : find(k->server, k->connection->id, q.pid);

	if (err) {
		call_fail(k, TTRPC_INVALID_ARGUMENT, "the request cannot be read: %s", vl_err_text(err));
	} else if (!c || c->stream) {
		call_fail(k, TTRPC_UNKNOWN, c ? "process %u is waited for already" :
			"process %u is no command of this connection", q.pid);
	} else if (c->state == ENDED) {
		code = c->code;
		release(k->server, c);
		answer(k, code);
	} else {
		c->stream = k->stream;
		c->deadline_ns = k->limited ? k->deadline_ns : 0;
	}
}

static const struct method methods[] = {
	{ DIAG_SERVICE, "Exec", FILTER_DIAG_EXEC, call_exec },
	{ DIAG_SERVICE, "Wait", FILTER_DIAG_EXEC, call_wait },
};

static const struct method *method(const char *service, const char *name)
{
	for (size_t i = 0; i < VL_ARRAY_COUNT(methods); i++)
		if (!strcmp(service, methods[i].service) && !strcmp(name, methods[i].name))
			return &methods[i];
	return NULL;
}

/* --- In the server's loop ---------------------------------------------------------------------- */

static void fill_poll(struct server *s, struct pollfd *f)
{
	for (unsigned i = 0; i < EXEC_MAX; i++)
		f[i] = (struct pollfd){ .fd = s->commands->list[i].channel, .events = POLLIN };
}

static bool is_asked(const struct server *s, uint64_t id)
{
	for (unsigned i = 0; i < SERVER_ASK_MAX; i++)
		if (s->asks[i].id == id)
			return true;
	return false;
}

static void serve(struct server *s, const struct pollfd *f)
{
	for (unsigned i = 0; i < EXEC_MAX; i++) {
		struct command *c = &s->commands->list[i];

		if (c->state == FREE)
			continue;
		/* Its client hung up; or the paravisor said no, and the call was failed then. */
		if (!connection_find(s, c->owner) || (c->state == ASKED && !is_asked(s, c->ask)))
			release(s, c);
		else if (c->channel >= 0 && f[i].fd == c->channel && f[i].revents)
			on_message(s, c);
	}
}

static void too_late(struct server *s, struct command *c)
{
	struct call k;

	if (c->state == STARTING) {
		fail(s, c, TTRPC_DEADLINE_EXCEEDED, "it did not start in time");
	} else if (caller(s, c, &k)) {
		c->stream = 0;
		call_fail(&k, TTRPC_DEADLINE_EXCEEDED, "process %d did not end in time", c->pid);
	}
}

static uint64_t deadlines(struct server *s, uint64_t now_ns)
{
	uint64_t next = 0;

	for (unsigned i = 0; i < EXEC_MAX; i++) {
		struct command *c = &s->commands->list[i];

		/* While the paravisor is asked, that has the deadline. */
		if (c->state < STARTING || !c->stream || !c->deadline_ns)
			continue;
		if (c->deadline_ns <= now_ns)
			too_late(s, c);
		else if (!next || c->deadline_ns < next)
			next = c->deadline_ns;
	}
	return next;
}

static void destroy(struct server *s)
{
	for (unsigned i = 0; i < EXEC_MAX; i++)
		close_channel(&s->commands->list[i]);
	free(s->commands);
	s->commands = NULL;
}

int exec_init(struct server *s)
{
	static const struct exec_table table = { method, take_channel, fill_poll, serve, deadlines, destroy };

	s->commands = calloc(1, sizeof(*s->commands));
	if (!s->commands)
		return VL_E_NOMEM;
	for (unsigned i = 0; i < EXEC_MAX; i++)
		s->commands->list[i].channel = -1;
	s->exec = &table;
	return 0;
}
