/*
 * `vallumctl exec`: runs a program of VTL2's debug image with this program's standard
 * streams. Three data connections carry them; the control connection answers Exec with a process number
 * and Wait with the exit code. What comes over them is the paravisor's and hostile: bytes are passed on as
 * the user's own program's would be.
 */
#include "tools/vallumctl/commands.h"
#include "tools/vallumctl/link.h"
#include "tools/vallumctl/rpc.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE_BYTES 16384u

enum stream { IN, OUT, ERR, STREAM_COUNT };

struct exec {
	struct ctl *c;
	struct rpc rpc;
	int fds[STREAM_COUNT];    /* -1: over */
	uint64_t ids[STREAM_COUNT];
	bool waited;              /* the exit code is there */
	int32_t code;
	char typed[PIECE_BYTES];  /* of standard input, not yet taken */
	size_t typed_at, typed_size;
};

static void end_stream(struct exec *e, enum stream s)
{
	if (e->fds[s] >= 0)
		close(e->fds[s]);
	e->fds[s] = -1;
}

static int call(struct exec *e, const char *method, const struct vl_writer *w, int32_t *number)
{
	struct ctl *c = e->c;
	int status, err;

	if (w->err)
		return ctl_fail(c, CTL_USAGE, "the command is too long");
	status = rpc_call(c, &e->rpc, DIAG_SERVICE, method, w->data, w->pos);
	err = status ? 0 : diag_number_decode(e->rpc.answer.payload, e->rpc.answer.payload_size, number);
	if (err)
		return ctl_fail(c, CTL_PROTOCOL, "the answer to %s cannot be read: %s", method,
				vl_err_text(err));
	return status;
}

static int fill(struct exec *e, struct diag_exec_request *q)
{
	const struct ctl_options *o = &e->c->options;
	int err = 0;

	*q = (struct diag_exec_request){ .in = e->ids[IN], .out = e->ids[OUT], .err = e->ids[ERR] };
	if (strlen(o->path) >= sizeof(q->command))
		err = VL_E_LIMIT;
	else
		memcpy(q->command, o->path, strlen(o->path) + 1);
	for (int i = 0; !err && i < o->word_count; i++)
		err = diag_words_add(&q->args, o->words[i]);
	return err ? ctl_fail(e->c, CTL_USAGE, "the command is too long: at most %u words of %u bytes in all",
		DIAG_WORDS_MAX, DIAG_WORDS_BYTES) : CTL_OK;
}

static int begin(struct exec *e)
{
	static uint8_t payload[RPC_PAYLOAD_MAX];
	struct diag_wait_request wait;
	struct diag_exec_request q;
	struct vl_writer w;
	int32_t pid = 0;
	int status = fill(e, &q);

	if (status)
		return status;
	vl_writer_init(&w, payload, sizeof(payload));
	diag_exec_encode(&w, &q);
	status = call(e, "Exec", &w, &pid);
	if (status)
		return status;
	wait = (struct diag_wait_request){ .pid = (uint32_t)pid };
	vl_writer_init(&w, payload, sizeof(payload));
	diag_wait_encode(&w, &wait);
	/* Without a limit: a command takes its time. */
	return rpc_send(e->c, &e->rpc, DIAG_SERVICE, "Wait", payload, w.pos);
}

static void on_typed(struct exec *e)
{
	ssize_t n = read(STDIN_FILENO, e->typed, sizeof(e->typed));

	e->typed_at = 0;
	e->typed_size = n > 0 ? (size_t)n : 0;
	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
		end_stream(e, IN);
}

static void send_typed(struct exec *e)
{
	ssize_t n = send(e->fds[IN], e->typed + e->typed_at, e->typed_size - e->typed_at,
			MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n > 0)
		e->typed_at += (size_t)n;
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		end_stream(e, IN); /* the command does not read any more */
	if (e->typed_at == e->typed_size || e->fds[IN] < 0)
		e->typed_at = e->typed_size = 0;
}

static int on_output(struct exec *e, enum stream s, FILE *to)
{
	char piece[PIECE_BYTES];
	ssize_t n = recv(e->fds[s], piece, sizeof(piece), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return CTL_OK;
	if (n <= 0)
		end_stream(e, s);
	else if (fwrite(piece, 1, (size_t)n, to) != (size_t)n || fflush(to))
		return ctl_fail(e->c, CTL_USAGE, "the output cannot be written: %s", strerror(errno));
	return CTL_OK;
}

static int on_answer(struct exec *e)
{
	int status = rpc_receive(e->c, &e->rpc, link_deadline(e->c)), err;

	e->waited = true;
	err = status ? 0 : diag_number_decode(e->rpc.answer.payload, e->rpc.answer.payload_size, &e->code);
	return err ? ctl_fail(e->c, CTL_PROTOCOL, "the answer to Wait cannot be read: %s",
			vl_err_text(err)) : status;
}

/* Until the command has ended and all that it wrote is here. */
static int turn(struct exec *e)
{
	struct pollfd f[] = {
		{ .fd = e->waited ? -1 : e->rpc.fd, .events = POLLIN },
		{ .fd = e->fds[OUT], .events = POLLIN },
		{ .fd = e->fds[ERR], .events = POLLIN },
		{ .fd = e->fds[IN] >= 0 && !e->typed_size ? STDIN_FILENO : -1, .events = POLLIN },
		{ .fd = e->typed_size ? e->fds[IN] : -1, .events = POLLOUT },
	};
	int status = CTL_OK;

	if (poll(f, VL_ARRAY_COUNT(f), -1) < 0)
		return errno == EINTR ? CTL_OK :
				ctl_fail(e->c, CTL_UNREACHABLE, "waiting failed: %s", strerror(errno));
	if (f[1].revents)
		status = on_output(e, OUT, e->c->out);
	if (!status && f[2].revents)
		status = on_output(e, ERR, e->c->err);
	if (f[3].revents)
		on_typed(e);
	if (f[4].revents)
		send_typed(e);
	if (!status && f[0].revents)
		status = on_answer(e);
	return status;
}

static int open_streams(struct exec *e)
{
	int status = rpc_open(e->c, &e->rpc), why;

	for (unsigned i = 0; !status && i < STREAM_COUNT; i++) {
		e->fds[i] = link_data(e->c, &e->ids[i], &why);
		status = e->fds[i] < 0 ? why : CTL_OK;
	}
	return status;
}

int ctl_exec(struct ctl *c)
{
	static struct exec e; /* too big for a stack */
	int status;

	e = (struct exec){ .c = c, .fds = { -1, -1, -1 } };
	status = open_streams(&e);
	if (!status)
		status = begin(&e);
	while (!status && (!e.waited || e.fds[OUT] >= 0 || e.fds[ERR] >= 0))
		status = turn(&e);
	for (unsigned i = 0; i < STREAM_COUNT; i++)
		end_stream(&e, (enum stream)i);
	rpc_close(&e.rpc);
	/* What no program's status can be is none. */
	return status ? status : e.code >= 0 && e.code <= 255 ? e.code : 255;
}
