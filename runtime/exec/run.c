/*
 * A command's life (exec.h): started, watched, and ended with its time, or when the
 * server lets go of it. Bytes that pass here - only those of a client that wants a terminal - are
 * the client's and the command's.
 */
#include "common/base/log.h"
#include "runtime/exec/start.h"
#include "runtime/exec/terminal.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/clock.h"
#include "runtime/lib/inspect_unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAY_LIMIT_MS 1000
#define DRAIN_LIMIT_MS 30000u /* for a client to take at least something of a command's last words */
#define PIECE_BYTES 2048u

/* One way of a terminal's bytes: what was read and not yet written. */
struct way {
	int from, to; /* -1: over */
	size_t at, size;
	char bytes[2 * PIECE_BYTES + TERMINAL_LINE_MAX];
};

struct run {
	const struct exec_request *request;
	uint64_t began_ns, deadline_ns; /* CLOCK_BOOTTIME */
	int control;
	int unit; /* its end as a unit of the inspect tree; -1: none */
	int sockets[EXEC_STREAM_COUNT]; /* the client's; -1: none */
	pid_t keeper;
	int pidfd;
	struct terminal terminal;
	struct way in, out; /* of a terminal */
};

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void say(const struct run *r, enum exec_said said, int32_t value)
{
	const struct exec_message m = { .said = said, .value = value };

	/* who is gone needs no answer */
	(void)channel_send(r->control, &m, sizeof(m), NULL, 0, SAY_LIMIT_MS);
}

/* --- A terminal's bytes ------------------------------------------------------------------------ */

static void put(struct way *w, const char *data, size_t size)
{
	memcpy(w->bytes + w->size, data, size);
	w->size += size;
}

/* Writes what waits, which is gone when there is nobody to take it; false when there is nobody any more. */
static bool flush(struct way *w)
{
	ssize_t n = w->to >= 0 ? write(w->to, w->bytes + w->at, w->size - w->at) : -1;
	bool goes_on = n >= 0 || (w->to >= 0 && (errno == EAGAIN || errno == EINTR));

	w->at += n > 0 ? (size_t)n : 0;
	if (w->at == w->size || !goes_on)
		w->at = w->size = 0;
	return goes_on;
}

/* After what was typed before the end. */
static void end_input(struct run *r)
{
	r->in.from = -1;
	if (!r->in.size)
		close_one(&r->in.to);
}

static void type(struct run *r, char byte)
{
	char echo[TERMINAL_ECHO_MAX];
	size_t echo_size;

	switch (terminal_input(&r->terminal, byte, echo, &echo_size)) {
	case TERMINAL_LINE:
		put(&r->in, r->terminal.line, r->terminal.size);
		terminal_taken(&r->terminal);
		break;
	case TERMINAL_INTERRUPT: kill(-r->keeper, SIGINT); break;
	case TERMINAL_END: end_input(r); break;
	case TERMINAL_NOTHING: break;
	}
	put(&r->out, echo, echo_size);
}

static void on_typed(struct run *r)
{
	char piece[PIECE_BYTES / TERMINAL_ECHO_MAX];
	ssize_t n = recv(r->in.from, piece, sizeof(piece), MSG_DONTWAIT);

	for (ssize_t i = 0; i < n && r->in.from >= 0; i++)
		type(r, piece[i]);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		end_input(r);
}

static void on_output(struct run *r)
{
	char piece[PIECE_BYTES];
	ssize_t n = read(r->out.from, piece, sizeof(piece));

	if (n > 0)
		r->out.size += terminal_output(piece, (size_t)n, r->out.bytes + r->out.size);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		close_one(&r->out.from);
}

/* Both ways start over what they have written: there is room for a piece, and what it becomes. */
static bool wants(const struct way *w)
{
	return w->from >= 0 && w->size == 0;
}

/* --- The unit of the inspect tree ---------------------------------------------------------------- */

/* What a client runs says something of the client, and of what it looks for in the guest. */
static void show(void *context, struct inspect *i)
{
	const struct run *r = context;

	inspect_text(i, "command", INSPECT_SENSITIVE, r->request->command);
	inspect_u64(i, "arguments", INSPECT_SAFE, INSPECT_COUNT, r->request->args.count);
	inspect_u64(i, "process", INSPECT_SAFE, INSPECT_PLAIN, (uint64_t)r->keeper);
	inspect_bool(i, "terminal", INSPECT_SAFE, r->request->tty);
	inspect_u64(i, "running-ns", INSPECT_SAFE, INSPECT_PLAIN, clock_boot_ns() - r->began_ns);
	inspect_u64(i, "ms-left", INSPECT_SAFE, INSPECT_PLAIN, (uint64_t)clock_left_ms(r->deadline_ns));
}

/* Who asks badly is not listened to any more; the command goes on. */
static void serve_unit(struct run *r)
{
	int err = inspect_unit_serve(r->unit, show, r);

	if (err && err != VL_E_AGAIN)
		close_one(&r->unit);
}

/* --- The command's life ------------------------------------------------------------------------ */

enum { ON_CONTROL, ON_UNIT, ON_DEATH, ON_TYPED, ON_OUTPUT, ON_IN, ON_OUT, ON_COUNT };

static void fill(const struct run *r, struct pollfd f[ON_COUNT])
{
	const struct way *in = &r->in, *out = &r->out;

	f[ON_CONTROL] = (struct pollfd){ .fd = r->control, .events = POLLIN };
	f[ON_UNIT] = (struct pollfd){ .fd = r->unit, .events = POLLIN };
	f[ON_DEATH] = (struct pollfd){ .fd = r->pidfd, .events = POLLIN };
	f[ON_TYPED] = (struct pollfd){ .fd = wants(in) && out->size == 0 ? in->from : -1, .events = POLLIN };
	f[ON_OUTPUT] = (struct pollfd){ .fd = wants(out) ? out->from : -1, .events = POLLIN };
	f[ON_IN] = (struct pollfd){ .fd = in->size ? in->to : -1, .events = POLLOUT };
	f[ON_OUT] = (struct pollfd){ .fd = out->size ? out->to : -1, .events = POLLOUT };
}

static void relay(struct run *r, const struct pollfd f[ON_COUNT])
{
	if (f[ON_UNIT].revents)
		serve_unit(r);
	if (f[ON_OUTPUT].revents)
		on_output(r);
	else if (f[ON_TYPED].revents)
		on_typed(r);
	if (f[ON_IN].revents && (!flush(&r->in) || r->in.from < 0))
		end_input(r);
	if ((f[ON_OUT].revents || r->out.to < 0) && !flush(&r->out))
		r->out.to = -1; /* the socket is closed with the others */
}

/* Whether the server has let go, or said what it may not: both end the command. */
static bool watch(struct run *r)
{
	struct pollfd f[ON_COUNT];

	for (;;) {
		fill(r, f);
		if (poll(f, ON_COUNT, clock_left_ms(r->deadline_ns)) < 0 && errno != EINTR)
			return false;
		if (f[ON_CONTROL].revents || !clock_left_ms(r->deadline_ns))
			return false;
		relay(r, f);
		if (f[ON_DEATH].revents)
			return true;
	}
}

/* What the command wrote at its end goes to the client, as far as it takes it. */
static void drain(struct run *r)
{
	struct pollfd f[ON_COUNT];
	uint64_t deadline_ns = clock_deadline(DRAIN_LIMIT_MS);

	r->in.size = 0;
	end_input(r);
	close_one(&r->pidfd);
	while (r->out.to >= 0 && (r->out.from >= 0 || r->out.size)) {
		size_t before = r->out.at;

		fill(r, f);
		if (poll(f, ON_COUNT, clock_left_ms(deadline_ns)) < 0 && errno != EINTR)
			return;
		if (f[ON_CONTROL].revents || !clock_left_ms(deadline_ns))
			return;
		relay(r, f);
		if (r->out.at != before)
			deadline_ns = clock_deadline(DRAIN_LIMIT_MS);
	}
}

static int reap(struct run *r)
{
	int status = 0;

	while (waitpid(r->keeper, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXEC_NO_CODE;
}

/*
 * The command waits for a client that is slow; the server never waits for its sockets, whatever their mode.
 */
static void make_blocking(int fd)
{
	int flags = fd >= 0 ? fcntl(fd, F_GETFL) : -1;

	if (flags >= 0)
		fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

/* Without a terminal the streams are the client's own sockets. */
static pid_t start_plain(struct run *r, const struct exec_request *q, int null)
{
	int stdio[EXEC_STREAM_COUNT];

	for (unsigned i = 0; i < EXEC_STREAM_COUNT; i++) {
		make_blocking(r->sockets[i]);
		stdio[i] = r->sockets[i] >= 0 ? r->sockets[i] : null;
	}
	if (r->sockets[EXEC_ERR] < 0 && q->combine_stderr)
		stdio[EXEC_ERR] = stdio[EXEC_OUT];
	return exec_start(q, stdio);
}

static pid_t start_with_pipes(struct run *r, const struct exec_request *q, int in[2], int out[2])
{
	const int stdio[EXEC_STREAM_COUNT] = { in[0], out[1], out[1] };

	r->in = (struct way){ .from = r->sockets[EXEC_IN], .to = in[1] };
	r->out = (struct way){ .from = out[0], .to = r->sockets[EXEC_OUT] };
	fcntl(in[1], F_SETFL, O_NONBLOCK);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	return exec_start(q, stdio);
}

static pid_t start_on_terminal(struct run *r, const struct exec_request *q)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 };
	pid_t pid = pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 ?
		start_with_pipes(r, q, in, out) : VL_E_OS;

	close_one(&in[0]);
	close_one(&out[1]);
	if (pid < 0) {
		close_one(&in[1]);
		close_one(&out[0]);
		r->in.to = r->out.from = -1;
	}
	return pid;
}

static int start(struct run *r, const struct exec_request *q)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), err = 0;
	pid_t pid;

	if (null < 0)
		return VL_E_OS;
	pid = q->tty ? start_on_terminal(r, q) : start_plain(r, q, null);
	close(null);
	if (pid < 0)
		return pid;
	r->keeper = pid;
	r->began_ns = clock_boot_ns();
	r->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (r->pidfd < 0) {
		kill(pid, SIGKILL);
		(void)reap(r);
		err = VL_E_OS;
	}
	return err;
}

static void live(struct run *r, unsigned life_ms)
{
	bool ended;

	r->deadline_ns = clock_deadline(life_ms);
	ended = watch(r);
	if (!ended) {
		vl_info("process %d and what it started are ended", (int)r->keeper);
		kill(-r->keeper, SIGKILL);
	}
	if (ended && r->request->tty)
		drain(r);
}

int exec_run(const struct exec_request *q, const int fds[EXEC_STREAM_COUNT], int control, int unit,
		unsigned life_ms)
{
	static struct run r; /* too big for a stack */
	int err, code = EXEC_NO_CODE;

	r = (struct run){ .request = q, .control = control, .unit = unit, .pidfd = -1,
		.in = { .from = -1, .to = -1 }, .out = { .from = -1, .to = -1 } };
	memcpy(r.sockets, fds, sizeof(r.sockets));
	err = start(&r, q);
	say(&r, EXEC_STARTED, err ? err : r.keeper);
	if (!err) {
		live(&r, life_ms);
		code = reap(&r);
	}
	/* Others may still have these sockets, and their client is to see the end. */
	for (unsigned i = 0; i < EXEC_STREAM_COUNT; i++) {
		if (r.sockets[i] >= 0 && i != EXEC_IN)
			shutdown(r.sockets[i], SHUT_WR);
		close_one(&r.sockets[i]);
	}
	close_one(&r.in.to);
	close_one(&r.out.from);
	close_one(&r.pidfd);
	close_one(&r.unit);
	if (!err)
		say(&r, EXEC_ENDED, code);
	return code;
}
