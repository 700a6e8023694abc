/* life_diag.h */
#include "test/unit/paravisor/life_diag.h"
#include "common/inspect/view.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/clock.h"
#include "runtime/lib/inspect_unit.h"
#include "runtime/paravisor/commands.h"
#include "test/unit/paravisor/life_worker.h"

#include <check.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

unsigned *diag_steps;
union service_any diag_in;

void share_steps(void)
{
	diag_steps = mmap(NULL, sizeof(*diag_steps), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		-1, 0);
	ck_assert(diag_steps != MAP_FAILED);
}

int diag_expect(int control, uint32_t type)
{
	struct channel_message m = { .data = &diag_in, .capacity = sizeof(diag_in) };
	int fd;

	do {
		if (channel_receive(control, &m, LIMIT_MS) != 0 ||
		    service_check(&diag_in, m.size, m.fd_count) != 0)
			_exit(97);
		fd = m.fd_count ? m.fds[0] : -1;
	} while (diag_in.type == SERVICE_UNIT);
	if (diag_in.type != type)
		_exit(96);
	return fd;
}

static void diag_ask(int control, uint32_t what, const char *path, int error, bool brings_file)
{
	struct service_ask a = { .type = SERVICE_ASK, .what = what, .id = 70 + *diag_steps };
	int fd;

	strcpy(a.path, path);
	channel_send(control, &a, sizeof(a), NULL, 0, LIMIT_MS);
	fd = diag_expect(control, SERVICE_REPLY);
	if (diag_in.reply.id == a.id && diag_in.reply.error == error && (fd >= 0) == brings_file)
		++*diag_steps;
}

static void diag_hello(int control)
{
	const struct service_hello hello = { .type = SERVICE_HELLO, .version = SERVICE_VERSION };

	diag_expect(control, SERVICE_CONFIG);
	channel_send(control, &hello, sizeof(hello), NULL, 0, LIMIT_MS);
}

void diag_changes_the_guests_life(int control)
{
	diag_hello(control);
	while (diag_ask(control, SERVICE_PAUSE, "", 0, false), !*diag_steps) /* until the guest runs */
		poll(NULL, 0, 5);
	diag_ask(control, SERVICE_PAUSE, "", VL_E_STATE, false);
	diag_ask(control, SERVICE_SAVE, "", 0, true);
	diag_ask(control, SERVICE_RESUME, "", 0, false);
	diag_ask(control, SERVICE_RESUME, "", VL_E_STATE, false);
	diag_ask(control, SERVICE_SAVE, "", 0, true);
	diag_ask(control, SERVICE_OPEN, "/proc/version", 0, true);
	diag_ask(control, SERVICE_OPEN, "/dev/null", VL_E_TYPE, false);
	diag_ask(control, SERVICE_OPEN, "/no/such", VL_E_OS, false);
	diag_ask(control, SERVICE_OPEN, "relative", VL_E_RANGE, false);
	diag_ask(control, SERVICE_EXEC, "", VL_E_UNSUPPORTED, false);
	wait_for_end(control);
}

static void diag_has_crash(int control, uint32_t pid, int error)
{
	struct service_ask a = { .type = SERVICE_ASK, .what = SERVICE_CRASH, .id = 70 + *diag_steps,
		.pid = pid };

	channel_send(control, &a, sizeof(a), NULL, 0, LIMIT_MS);
	diag_expect(control, SERVICE_REPLY);
	if (diag_in.reply.id == a.id && diag_in.reply.error == error)
		++*diag_steps;
}

/* Its own process, and none of VTL2's; its successor counts as well. */
void diag_crashes_on_demand(int control)
{
	diag_hello(control);
	diag_has_crash(control, 0x7fffffff, VL_E_NOTFOUND);
	diag_has_crash(control, (uint32_t)getppid() + 0x10000000, VL_E_NOTFOUND);
	diag_has_crash(control, (uint32_t)getpid(), 0);
	wait_for_end(control);
}

/*
 * What a command's process says goes to the server, and its end is its own; a place is free when it was
 * reaped.
 */
void diag_runs_commands(int control)
{
	struct service_ask a = { .type = SERVICE_ASK, .what = SERVICE_EXEC, .id = 1 };
	char said[8] = "";
	struct channel_message m = { .data = said, .capacity = sizeof(said) };
	int fds[COMMANDS_MAX + 1];

	diag_hello(control);
	for (unsigned i = 0; i <= COMMANDS_MAX; i++) {
		channel_send(control, &a, sizeof(a), NULL, 0, LIMIT_MS);
		fds[i] = diag_expect(control, SERVICE_REPLY);
		*diag_steps += diag_in.reply.error == (i < COMMANDS_MAX ? 0 : VL_E_LIMIT) &&
			(fds[i] >= 0) == (i < COMMANDS_MAX);
	}
	*diag_steps += channel_receive(fds[0], &m, LIMIT_MS) == 0 && !strcmp(said, "hello");
	close(fds[0]);
	do
		diag_ask(control, SERVICE_EXEC, "", 0, true);
	while (*diag_steps < COMMANDS_MAX + 3);
	wait_for_end(control);
}

void diag_asks_what_it_may_not(int control)
{
	diag_hello(control);
	diag_has_crash(control, (uint32_t)getpid(), VL_E_DENIED);
	diag_ask(control, SERVICE_PAUSE, "", VL_E_DENIED, false);
	diag_ask(control, SERVICE_SAVE, "", VL_E_DENIED, false);
	diag_ask(control, SERVICE_OPEN, "/proc/version", VL_E_DENIED, false);
	diag_ask(control, SERVICE_EXEC, "", VL_E_DENIED, false);
	wait_for_end(control);
}

/* The first dies while its PAUSE is under way; the next one's call of the same number has its own answer. */
void diag_dies_while_it_waits(int control)
{
	struct service_ask a = { .type = SERVICE_ASK, .what = SERVICE_PAUSE, .id = 1 };

	diag_hello(control);
	if (*diag_steps == 0) {
		do {
			channel_send(control, &a, sizeof(a), NULL, 0, LIMIT_MS);
			poll(NULL, 0, 5);
		} while (*diag_steps == 0); /* the VM worker counts it */
		_exit(3);
	}
	*diag_steps = 2; /* now the VM worker stops */
	a.what = SERVICE_OPEN;
	strcpy(a.path, "/no/such");
	for (bool paused = false; !paused;) {
		struct service_ask resume = { .type = SERVICE_ASK, .what = SERVICE_RESUME, .id = 2 };

		channel_send(control, &a, sizeof(a), NULL, 0, LIMIT_MS);
		diag_expect(control, SERVICE_REPLY);
		if (diag_in.reply.id != 1 || diag_in.reply.error != VL_E_OS)
			_exit(92);
		channel_send(control, &resume, sizeof(resume), NULL, 0, LIMIT_MS);
		diag_expect(control, SERVICE_REPLY);
		if (diag_in.reply.id != 2)
			_exit(91);
		paused = diag_in.reply.error == 0;
	}
	*diag_steps = 3;
	wait_for_end(control);
}

void diag_dies(int control)
{
	++*diag_steps;
	_exit(3);
}

void diag_sends_garbage(int control)
{
	++*diag_steps;
	channel_send(control, "garbage", 7, NULL, 0, LIMIT_MS);
	wait_for_end(-1);
}

void diag_restarts(int control)
{
	diag_hello(control);
	while (diag_ask(control, SERVICE_RESTART, "", 0, false), !*diag_steps) /* until the guest runs */
		poll(NULL, 0, 5);
	diag_ask(control, SERVICE_PAUSE, "", 0, false);
	diag_ask(control, SERVICE_RESTART, "", 0, false);
	diag_ask(control, SERVICE_RESUME, "", 0, false);
	wait_for_end(control);
}

/* The next unit of that name that the server is told of. */
static int diag_unit(int control, const char *name)
{
	struct channel_message m = { .data = &diag_in, .capacity = sizeof(diag_in) };

	do {
		if (channel_receive(control, &m, LIMIT_MS) != 0 ||
				service_check(&diag_in, m.size, m.fd_count) != 0)
			_exit(93);
	} while (diag_in.type != SERVICE_UNIT || strcmp(diag_in.unit.name, name) != 0);
	return m.fd_count ? m.fds[0] : -1;
}

/* Its process as the worker shows it, or an error. */
static int64_t diag_process(struct inspect_unit *u)
{
	static const struct inspect_request q = { .path = "registers/process", .level = INSPECT_SENSITIVE };
	static struct inspect_unit_answer a;
	struct inspect_node n;
	size_t size;
	int err = inspect_unit_ask(u, &q, "", clock_deadline(LIMIT_MS), &a, &size);

	if (!err)
		err = inspect_node_read(a.node, size, &n);
	return err ? err : n.kind == INSPECT_NODE_VALUE ? (int64_t)n.value.u64 : VL_E_TYPE;
}

void diag_looks_into_device_workers(int control)
{
	struct inspect_unit first = { .fd = -1 }, second = { .fd = -1 };
	int64_t process;

	diag_hello(control);
	first.fd = diag_unit(control, "device-com1");
	process = diag_process(&first);
	if (process <= 1 || kill((pid_t)process, SIGKILL) != 0)
		_exit(92);
	++*diag_steps;
	second.fd = diag_unit(control, "device-com1");
	*diag_steps += diag_process(&second) > 1 && diag_process(&second) != process;
	*diag_steps += diag_process(&first) == VL_E_CLOSED;
	wait_for_end(control);
}

/* The first one dies, and then the next is given the same end. */
void diag_finds_init(int control)
{
	int fd;

	diag_hello(control);
	fd = diag_unit(control, "init");
	if (channel_send(fd, "", 1, NULL, 0, LIMIT_MS) == 0 && ++*diag_steps == 1)
		_exit(1);
	wait_for_end(control);
}

/* Of whoever is there for a while only, here and gone: the first and the last word are its unit's. */
void diag_sees_come_and_go(int control)
{
	struct service_ask a = { .type = SERVICE_ASK, .what = SERVICE_EXEC, .id = 1, .seconds = 1,
		.hertz = 1 };

	diag_hello(control);
	channel_send(control, &a, sizeof(a), NULL, 0, LIMIT_MS);
	*diag_steps += diag_unit(control, "exec-0") >= 0;
	close(diag_expect(control, SERVICE_REPLY)); /* which is all that the command waits for */
	*diag_steps += diag_unit(control, "exec-0") < 0;
	a.what = SERVICE_PROFILE;
	channel_send(control, &a, sizeof(a), &control, 1, LIMIT_MS);
	*diag_steps += diag_unit(control, "profiler") >= 0 && diag_unit(control, "profiler") < 0;
	wait_for_end(control);
}
