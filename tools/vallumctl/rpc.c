/* Calls to the diagnostics server (rpc.h). */
#include "tools/vallumctl/rpc.h"
#include "common/base/ports.h"
#include "tools/vallumctl/link.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICK_MS 250

int rpc_open(struct ctl *c, struct rpc *r)
{
	*r = (struct rpc){ .fd = c->connect(c, VL_PORT_DIAG_CONTROL) };
	return r->fd >= 0 ? CTL_OK : r->fd == VL_E_LIMIT ? CTL_USAGE : CTL_UNREACHABLE;
}

void rpc_close(struct rpc *r)
{
	if (r->fd >= 0)
		close(r->fd);
	free(r->message);
	*r = (struct rpc){ .fd = -1 };
}

int rpc_send(struct ctl *c, struct rpc *r, const char *service, const char *method, const void *payload,
	size_t size)
{
	uint8_t bytes[RPC_PAYLOAD_MAX + 256];
	struct ttrpc_mark mark;
	struct vl_writer w;
	int err;

	/* A client's streams are odd. */
	r->stream = r->stream ? r->stream + 2 : 1;
	vl_writer_init(&w, bytes, sizeof(bytes));
	mark = ttrpc_request_begin(&w, r->stream, service, method, 0);
	vl_write_bytes(&w, payload, size);
	ttrpc_end(&w, mark);
	err = w.err ? w.err : link_write(r->fd, bytes, w.pos, link_deadline(c));
	return err ? ctl_fail(c, CTL_UNREACHABLE, "%s cannot be asked: %s", method,
			vl_err_text(err)) : CTL_OK;
}

static int read_message(struct rpc *r, uint32_t *size, uint64_t deadline_ms)
{
	uint8_t bytes[TTRPC_HEADER_BYTES];
	struct ttrpc_header h;
	int err = link_read(r->fd, bytes, sizeof(bytes), deadline_ms);

	if (err)
		return err;
	ttrpc_header_read(bytes, &h);
	if (h.type != TTRPC_RESPONSE || h.stream != r->stream)
		return VL_E_PROTOCOL;
	if (h.length > RPC_ANSWER_MAX)
		return VL_E_LIMIT;
	free(r->message);
	r->message = malloc(h.length + 1u);
	if (!r->message)
		return VL_E_NOMEM;
	*size = h.length;
	return link_read(r->fd, r->message, h.length, deadline_ms);
}

static int refused(struct ctl *c, const struct ttrpc_response *a)
{
	if (a->code == TTRPC_UNIMPLEMENTED)
		return ctl_fail(c, CTL_REFUSED, "this paravisor does not offer that: %s", a->text);
	return ctl_fail(c, CTL_REFUSED, "the paravisor refuses: %s",
			a->text[0] ? a->text : "without a reason");
}

int rpc_receive(struct ctl *c, struct rpc *r, uint64_t deadline_ms)
{
	uint32_t size = 0;
	int err = read_message(r, &size, deadline_ms);

	switch (err) {
	case 0:
		break;
	case VL_E_TIMEOUT:
		return ctl_fail(c, CTL_UNREACHABLE, "no answer within %u s; see --timeout",
				c->options.timeout_s);
	case VL_E_CLOSED:
	case VL_E_OS:
		return ctl_fail(c, CTL_UNREACHABLE, "the connection ended before the answer");
	default:
		return ctl_fail(c, CTL_PROTOCOL, "the paravisor's answer cannot be read: %s",
				vl_err_text(err));
	}
	err = ttrpc_response_decode(r->message, size, &r->answer);
	if (err)
		return ctl_fail(c, CTL_PROTOCOL, "the paravisor's answer cannot be read: %s",
				vl_err_text(err));
	return r->answer.code == TTRPC_OK ? CTL_OK : refused(c, &r->answer);
}

int rpc_call(struct ctl *c, struct rpc *r, const char *service, const char *method, const void *payload,
	size_t size)
{
	int status = rpc_send(c, r, service, method, payload, size);

	return status ? status : rpc_receive(c, r, link_deadline(c));
}

/* --- Data connections -------------------------------------------------------------------------- */

struct pump {
	struct ctl *c;
	const struct rpc_stream *s;
	struct rpc rpc;
	int data;      /* -1: it has ended */
	bool answered;
	uint64_t deadline_ms;
};

static void extend(struct pump *p)
{
	p->deadline_ms = p->s->limit_s ? link_now_ms() + p->s->limit_s * 1000ull : 0;
}

static int on_data(struct pump *p)
{
	char piece[16384];
	ssize_t n = recv(p->data, piece, sizeof(piece), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return CTL_OK;
	if (n > 0) {
		extend(p);
		return p->s->take(p->s->context, piece, (size_t)n);
	}
	close(p->data);
	p->data = -1;
	/* What is left is the answer. */
	if (!p->answered && !p->deadline_ms)
		p->deadline_ms = link_deadline(p->c);
	return CTL_OK;
}

static int on_answer(struct pump *p)
{
	p->answered = true;
	return rpc_receive(p->c, &p->rpc, link_deadline(p->c));
}

static int pump_once(struct pump *p)
{
	struct pollfd f[] = {
		{ .fd = p->data, .events = POLLIN },
		{ .fd = p->answered ? -1 : p->rpc.fd, .events = POLLIN },
		{ .fd = fileno(p->c->out) },
	};

	if (poll(f, VL_ARRAY_COUNT(f), TICK_MS) < 0 && errno != EINTR)
		return ctl_fail(p->c, CTL_UNREACHABLE, "waiting failed: %s", strerror(errno));
	if (p->s->tick)
		p->s->tick(p->s->context);
	if (f[2].revents & POLLERR) {
		raise(SIGPIPE); /* nobody reads any more what may only come much later */
		return ctl_fail(p->c, CTL_USAGE, "the output cannot be written: %s", strerror(EPIPE));
	}
	/* The data first: an answer that says why it ended comes behind it. */
	if (f[0].revents)
		return on_data(p);
	if (f[1].revents)
		return on_answer(p);
	if (p->deadline_ms && link_now_ms() >= p->deadline_ms)
		return ctl_fail(p->c, CTL_UNREACHABLE, "nothing came for %u s; see --timeout",
			p->s->limit_s ? p->s->limit_s : p->c->options.timeout_s);
	return CTL_OK;
}

static int pump(struct pump *p, uint64_t id)
{
	uint8_t payload[RPC_PAYLOAD_MAX];
	struct vl_writer w;
	int status;

	vl_writer_init(&w, payload, sizeof(payload));
	p->s->build(p->s->context, &w, id);
	if (w.err)
		return ctl_fail(p->c, CTL_USAGE, "the request is too long");
	status = rpc_send(p->c, &p->rpc, p->s->service, p->s->method, payload, w.pos);
	extend(p);
	while (!status && (p->data >= 0 || !p->answered))
		status = pump_once(p);
	return status;
}

int rpc_stream(struct ctl *c, const struct rpc_stream *s)
{
	struct pump p = { .c = c, .s = s, .data = -1 };
	int status = rpc_open(c, &p.rpc);
	uint64_t id;

	if (!status)
		p.data = link_data(c, &id, &status);
	if (p.data >= 0)
		status = pump(&p, id);
	if (p.data >= 0)
		close(p.data);
	rpc_close(&p.rpc);
	return status;
}
