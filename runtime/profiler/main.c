/*
 * `vallum-profiler` (profiler.h). Opens what needs the paravisor's privileges -
 * perf events, the tables of names - before it enters its cage, and only then
 * looks at the request. It runs in the time that the guest leaves. Its memory is
 * all in its program: two limits of the kernel stand behind that.
 */
#include "common/base/fmt.h"
#include "common/base/log.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/clock.h"
#include "runtime/lib/control.h"
#include "runtime/lib/crash.h"
#include "runtime/lib/kmsg.h"
#include "runtime/lib/text.h"
#include "runtime/lib/yield.h"
#include "runtime/profiler/fold.h"
#include "runtime/profiler/profiler.h"
#include "runtime/profiler/sampler.h"
#include "runtime/profiler/unit.h"
#include "runtime/sandbox/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define MEMORY_MAX (16u << 20) /* of address space, rings for every CPU included */
#define CPU_SECONDS_MAX 60
#define DRAIN_MAX_MS 400
#define SEND_LIMIT_MS 10000
#define SELF "vallum-profiler"
#define PROGRAMS "/bin"
#define SYMBOLS_SUFFIX ".symbols"

/* The open table of a program's names. */
struct table {
	int fd;
	char name[PROFILER_NAME_MAX];
};

struct profiler {
	struct profiler_request request;
	struct profiler_result result;
	struct sampler sampler;
	struct stacks stacks;
	struct profiler_unit unit;
	struct symbols names;
	struct symbol_table reader;
	int kernel_names; /* /proc/kallsyms, or -1 */
	struct table tables[PROFILER_PROCESS_MAX];
	unsigned table_count;
	int client;
	uint32_t pid; /* ours */
};

static struct profiler profiler; /* too big for a stack */

/* The one way to fail: remembers the first reason, for the starter and the log. */
static int fail(struct profiler *p, int err, const char *fmt, ...) VL_PRINTF(3, 4);

static int fail(struct profiler *p, int err, const char *fmt, ...)
{
	va_list args;

	if (p->result.error)
		return err;
	p->result.error = err;
	va_start(args, fmt);
	vl_vformat(p->result.text, sizeof(p->result.text), fmt, args);
	va_end(args);
	return err;
}

/* --- Before the cage ------------------------------------------------------------------------ */

static int check_memory(struct profiler *p)
{
	char text[PROFILER_TEXT_MAX];
	struct sysinfo info;

	if (sysinfo(&info) != 0)
		return fail(p, VL_E_OS, "free memory is unknown: %s", strerror(errno));
	if (profiler_memory_check((uint64_t)info.freeram * info.mem_unit, text))
		return fail(p, VL_E_NOMEM, "%s", text);
	return 0;
}

static int limit_self(struct profiler *p)
{
	const struct rlimit memory = { MEMORY_MAX, MEMORY_MAX }, cpu = { CPU_SECONDS_MAX, CPU_SECONDS_MAX };

	if (setrlimit(RLIMIT_AS, &memory) != 0 || setrlimit(RLIMIT_CPU, &cpu) != 0)
		return fail(p, VL_E_OS, "limits of memory and time: %s", strerror(errno));
	return 0;
}

static int open_sampler(struct profiler *p)
{
	int err = sampler_open(&p->sampler);

	if (err == VL_E_UNSUPPORTED)
		return fail(p, err, "VTL2's kernel has no perf events");
	return err ? fail(p, err, "perf events: %s", strerror(errno)) : 0;
}

static void open_table(struct profiler *p, const char *file)
{
	struct table *t = &p->tables[p->table_count];
	size_t size = strlen(file), suffix = sizeof(SYMBOLS_SUFFIX) - 1;
	char path[sizeof(PROGRAMS) + PROFILER_NAME_MAX + sizeof(SYMBOLS_SUFFIX)];

	if (p->table_count == VL_ARRAY_COUNT(p->tables) || size <= suffix ||
			size - suffix >= sizeof(t->name) || strcmp(file + size - suffix, SYMBOLS_SUFFIX) != 0)
		return;
	vl_format(path, sizeof(path), PROGRAMS "/%s", file);
	vl_format(t->name, sizeof(t->name), "%.*s", (int)(size - suffix), file);
	t->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (t->fd >= 0)
		p->table_count++;
}

/* A table that is missing costs names, no more. */
static void open_tables(struct profiler *p)
{
	DIR *folder = opendir(PROGRAMS);
	struct dirent *entry;

	p->kernel_names = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
	if (p->kernel_names < 0)
		vl_warn("no names of the kernel's functions: %s", strerror(errno));
	while (folder && (entry = readdir(folder)))
		open_table(p, entry->d_name);
	if (folder)
		closedir(folder);
}

/* --- The request ------------------------------------------------------------------------------ */

static int receive_request(struct profiler *p)
{
	struct channel_message m = { .data = &p->request, .capacity = sizeof(p->request) };
	int err = channel_receive(CONTROL_FD, &m, PROFILER_REQUEST_LIMIT_MS);

	if (!err)
		err = profiler_request_check(&p->request, m.size);
	if (!err && m.fd_count != 1 && m.fd_count != 2)
		err = VL_E_PROTOCOL;
	if (err) {
		channel_close_fds(&m);
		return fail(p, err, "the request for a profile: %s", vl_err_text(err));
	}
	p->client = m.fds[0];
	p->unit.fd = m.fd_count > 1 ? m.fds[1] : -1;
	return 0;
}

static void add_self(struct profiler *p)
{
	struct profiler_request *q = &p->request;

	if (q->process_count < PROFILER_PROCESS_MAX)
		q->processes[q->process_count++] = (struct profiler_process){ .pid = p->pid,
			.text_base = text_base(), .name = SELF };
}

/* --- Sampling ---------------------------------------------------------------------------------- */

static int step_ms(uint32_t hertz)
{
	int step = (int)(SAMPLER_RING_SAMPLES * 1000 / hertz);

	return step < DRAIN_MAX_MS ? step : DRAIN_MAX_MS;
}

/*
 * Sending nothing tells whether anybody would take it; a client that has but said its last word still
 * listens.
 */
static bool client_is_gone(const struct profiler *p)
{
	return send(p->client, "", 0, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN && errno != EINTR;
}

/* Waits out one step. VL_E_CLOSED when the client or the starter is gone. */
static int wait_step(struct profiler *p, uint64_t deadline_ns)
{
	uint64_t step_ns = clock_deadline((unsigned)step_ms(p->request.hertz));
	int err = profiler_wait(&p->unit, CONTROL_FD, step_ns < deadline_ns ? step_ns : deadline_ns);

	if (err == VL_E_OS)
		return fail(p, err, "waiting: %s", strerror(errno));
	if (client_is_gone(p))
		return fail(p, VL_E_CLOSED, "the client hung up");
	return err ? fail(p, err, "the profile is no longer wanted") : 0;
}

static int sample(struct profiler *p)
{
	uint64_t deadline_ns = clock_deadline(p->request.seconds * 1000);
	int err = sampler_start(&p->sampler, p->request.hertz);

	if (err)
		return fail(p, err, "perf events do not start: %s", strerror(errno));
	p->unit = (struct profiler_unit){ p->unit.fd, deadline_ns, &p->request, &p->sampler, &p->stacks };
	while (!err && clock_left_ms(deadline_ns)) {
		err = wait_step(p, deadline_ns);
		sampler_drain(&p->sampler, &p->stacks);
	}
	sampler_close(&p->sampler);
	p->result.samples = p->stacks.samples;
	p->result.lost = p->stacks.lost;
	return err;
}

/* --- Names --------------------------------------------------------------------------------------- */

/* Read as far as somebody asks. Broken or unreadable tables cost the names that they should have given. */
static void read_table(struct profiler *p, int fd, uint32_t table, const char *what)
{
	char piece[4096];
	ssize_t n = 0;
	int err = lseek(fd, 0, SEEK_SET) < 0 ? VL_E_OS : 0;

	symbols_table(&p->reader, &p->names, table);
	while (!err && p->reader.at < p->reader.end && (n = read(fd, piece, sizeof(piece))) > 0)
		err = symbols_feed(&p->reader, piece, (size_t)n);
	if (!err && n < 0)
		err = VL_E_OS;
	if (!err && p->reader.at < p->reader.end)
		err = symbols_end(&p->reader);
	if (err)
		vl_warn("names of %s: %s", what, vl_err_text(err));
}

static void read_tables(struct profiler *p)
{
	if (p->kernel_names >= 0)
		read_table(p, p->kernel_names, FOLD_TABLE_KERNEL, "the kernel");
	for (uint32_t i = 0; i < p->request.process_count; i++)
		for (unsigned t = 0; t < p->table_count; t++)
			if (!strcmp(p->request.processes[i].name, p->tables[t].name))
				read_table(p, p->tables[t].fd, FOLD_TABLE_PROCESS + i, p->tables[t].name);
}

/* --- Writing --------------------------------------------------------------------------------------- */

static int send_line(void *context, const char *line, size_t size)
{
	struct profiler *p = context;

	while (size) {
		struct pollfd f = { .fd = p->client, .events = POLLOUT };
		ssize_t n = send(p->client, line, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return fail(p, VL_E_CLOSED, "the client hung up");
		if (n < 0 && poll(&f, 1, SEND_LIMIT_MS) == 0)
			return fail(p, VL_E_TIMEOUT, "the client does not read its profile");
		if (n > 0) {
			line += n;
			size -= (size_t)n;
		}
	}
	return 0;
}

static void profile(struct profiler *p)
{
	if (p->result.error || receive_request(p) || sample(p))
		return;
	add_self(p);
	fold_want(&p->stacks, &p->request, &p->names);
	read_tables(p);
	fold_write(&p->stacks, &p->request, &p->names, send_line, p);
}

int main(void)
{
	struct profiler *p = &profiler;
	const char *step = "";
	int err;

	kmsg_init(SELF, VL_LOG_INFO);
	crash_init();
	yield_to_guest();
	symbols_init(&p->names);
	p->client = -1;
	p->pid = (uint32_t)getpid();
	if (!check_memory(p) && !open_sampler(p))
		limit_self(p);
	open_tables(p);
	err = sandbox_enter(&sandbox_profiler, &step);
	if (err) {
		vl_error("sandbox: %s: %s", step, vl_err_text(err));
		return 1;
	}
	profile(p);
	if (p->result.error)
		vl_warn("%s", p->result.text);
	err = channel_send(CONTROL_FD, &p->result, sizeof(p->result), NULL, 0, SEND_LIMIT_MS);
	return err || p->result.error;
}
