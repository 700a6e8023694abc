/* errands.h */
#include "common/base/fmt.h"
#include "common/base/log.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/clock.h"
#include "runtime/lib/text.h"
#include "runtime/paravisor/paravisor.h"
#include "runtime/paravisor/process.h"
#include "runtime/profiler/profiler.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROFILER_SEND_LIMIT_MS 1000
#define PROFILER_UNIT "profiler" /* in the inspect tree while there is one */

void errands_init(struct errands *e)
{
	*e = (struct errands){ .life = VM_RUNS, .saved = -1 };
	supervise_init(&e->profiler, &supervise_rules[WORKER_PROFILER]);
}

/* --- The guest's life ------------------------------------------------------------------------- */

static void answer(struct paravisor *p, int error, const char *text, int fd)
{
	struct errands *e = &p->errands;

	if (e->id)
		diag_worker_reply(&p->diag, e->id, error, text, fd);
	e->id = 0;
}

static void drop_saved(struct errands *e)
{
	if (e->saved >= 0)
		close(e->saved);
	e->saved = -1;
}

/* Tells the VM worker; one that is gone ends the partition by its death. */
static void direct(struct paravisor *p, enum control_type what, enum vm_life next)
{
	int err = p->vm.control < 0 ? VL_E_CLOSED : control_signal(p->vm.control, what);

	if (err)
		answer(p, err, "the VM worker cannot be reached", -1);
	else
		p->errands.life = next;
}

static const char *why_not(const struct paravisor *p, const struct service_ask *ask)
{
	const struct errands *e = &p->errands;

	if (p->phase != PARAVISOR_RUNNING)
		return "the guest does not run";
	if (e->id || (e->life != VM_RUNS && e->life != VM_PAUSED))
		return "another call is changing the guest's life; try again later";
	if (ask->what == SERVICE_PAUSE && e->life == VM_PAUSED)
		return "the guest is paused already";
	if (ask->what == SERVICE_RESUME && e->life == VM_RUNS)
		return "the guest is not paused";
	return NULL;
}

static void begin(struct paravisor *p, const struct service_ask *ask)
{
	struct errands *e = &p->errands;
	const char *text = why_not(p, ask);

	if (text) {
		diag_worker_reply(&p->diag, ask->id, VL_E_STATE, text, -1);
		return;
	}
	e->id = ask->id;
	e->what = ask->what;
	e->go_on = e->life == VM_RUNS;
	if (ask->what == SERVICE_RESUME)
		direct(p, CONTROL_START, VM_STARTING);
	else if (ask->what != SERVICE_PAUSE && e->life == VM_PAUSED)
		direct(p, CONTROL_SAVE, VM_SAVING);
	else
		direct(p, CONTROL_STOP, VM_STOPPING);
}

static int on_stopped(struct paravisor *p, int error)
{
	struct errands *e = &p->errands;

	if (e->life != VM_STOPPING)
		return VL_E_PROTOCOL;
	e->life = error ? VM_RUNS : VM_PAUSED;
	if (error)
		answer(p, error, "the VM worker does not stop the guest", -1);
	else if (e->what != SERVICE_PAUSE)
		direct(p, CONTROL_SAVE, VM_SAVING);
	else
		answer(p, 0, "", -1);
	return 0;
}

static int on_saved(struct paravisor *p, int error, int fd)
{
	struct errands *e = &p->errands;

	if (e->life != VM_SAVING)
		return VL_E_PROTOCOL;
	e->life = VM_PAUSED;
	/* A restart without the file would lose the guest with its process: then it stays where it is. */
	if (!error && (e->what == SERVICE_RESTART || e->go_on)) {
		e->saved = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		error = e->saved < 0 ? VL_E_OS : 0;
	}
	if (!error && e->what == SERVICE_RESTART) {
		e->life = VM_REPLACING;
		paravisor_stop_vm(p);
		return 0;
	}
	if (error)
		answer(p, error, "the guest's state was not saved", -1);
	else if (!e->go_on)
		answer(p, 0, "", fd);
	if (e->go_on)
		direct(p, CONTROL_START, VM_STARTING);
	return 0;
}

int errands_replaced(struct paravisor *p)
{
	struct errands *e = &p->errands;
	int fd = e->saved;

	if (e->life != VM_REPLACING || fd < 0)
		return VL_E_STATE;
	e->life = VM_RESTORING;
	e->saved = -1;
	return fd;
}

/* A guest that no process has any more is at its end if this one cannot have it. */
static int on_restored(struct paravisor *p, int error)
{
	struct errands *e = &p->errands;

	if (e->life != VM_RESTORING)
		return VL_E_PROTOCOL;
	if (error) {
		paravisor_fail(p, error, "the new VM worker cannot take over the guest: %s",
				vl_err_text(error));
		return 0;
	}
	supervise_event(&p->vm, WORKER_READY, clock_boot_ns());
	e->life = VM_PAUSED;
	if (e->go_on)
		direct(p, CONTROL_START, VM_STARTING);
	else
		answer(p, 0, "", -1);
	return 0;
}

int errands_done(struct paravisor *p, uint32_t request, int error, int fd)
{
	switch (request) {
	case CONTROL_STOP: return on_stopped(p, error);
	case CONTROL_SAVE: return on_saved(p, error, fd);
	case CONTROL_RESTORE: return on_restored(p, error);
	default: return VL_E_PROTOCOL;
	}
}

int errands_started(struct paravisor *p)
{
	struct errands *e = &p->errands;

	if (e->life != VM_STARTING)
		return VL_E_PROTOCOL;
	e->life = VM_RUNS;
	answer(p, 0, "", e->saved);
	drop_saved(e);
	return 0;
}

void errands_ended(struct paravisor *p)
{
	answer(p, VL_E_STATE, "the guest has ended", -1);
	drop_saved(&p->errands);
}

void errands_forget(struct paravisor *p)
{
	p->errands.id = p->errands.profile_id = 0;
}

/* --- Files ------------------------------------------------------------------------------------ */

/* What the paravisor's own cage lets it read, and of that plain files alone: no device. */
static void open_file(struct paravisor *p, const struct service_ask *ask)
{
	char text[SERVICE_TEXT_MAX] = "";
	const int how = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int fd = ask->path[0] == '/' ? open(ask->path, how) : -1, err = 0;
	struct stat st;

	if (ask->path[0] != '/') {
		err = VL_E_RANGE;
		vl_format(text, sizeof(text), "a path begins with '/'");
	} else if (fd < 0 || fstat(fd, &st) < 0) {
		err = VL_E_OS;
		vl_format(text, sizeof(text), "%s: %s", ask->path, strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		err = VL_E_TYPE;
		vl_format(text, sizeof(text), "%s is not a plain file", ask->path);
	}
	diag_worker_reply(&p->diag, ask->id, err, text, err ? -1 : fd);
	if (fd >= 0)
		close(fd);
}

/* --- Profiles --------------------------------------------------------------------------------- */

static void add_process(struct profiler_request *q, const char *program, pid_t pid, uint64_t base)
{
	struct profiler_process *t = &q->processes[q->process_count++];

	t->pid = (uint32_t)pid;
	t->text_base = base;
	vl_format(t->name, sizeof(t->name), "%s", program);
}

static void add_worker(struct profiler_request *q, struct worker *w)
{
	if (w->pid > 0)
		add_process(q, w->rule->program, w->pid, process_text_base(w));
}

/* All that run but the profiler, which knows itself. */
static void fill_request(struct paravisor *p, const struct service_ask *ask, struct profiler_request *q)
{
	_Static_assert(PROFILER_PROCESS_MAX > 2 + WORKER_ID_COUNT + COMMANDS_MAX, "room for every process");
	struct worker *w;

	*q = (struct profiler_request){ .version = PROFILER_VERSION, .seconds = ask->seconds,
		.hertz = ask->hertz };
	add_process(q, "vallum-init", getppid(), p->init_text_base);
	add_process(q, "vallum", getpid(), text_base());
	for (unsigned n = 0; (w = paravisor_worker(p, n)); n++)
		add_worker(q, w);
	for (unsigned n = 0; n < COMMANDS_MAX; n++)
		add_worker(q, &p->commands[n]);
}

static void end_profile(struct paravisor *p, int error, const char *text)
{
	struct errands *e = &p->errands;

	if (e->profile_id)
		diag_worker_reply(&p->diag, e->profile_id, error, text, -1);
	e->profile_id = 0;
}

/* What it needs, with its end as a unit; without one it is not in the tree, no more. */
static int send_request(struct paravisor *p, const struct profiler_request *q, int client)
{
	int fds[] = { client, diag_worker_unit(&p->diag, PROFILER_UNIT, NULL) };
	int err = channel_send(p->errands.profiler.control, q, sizeof(*q), fds, fds[1] < 0 ? 1 : 2,
		PROFILER_SEND_LIMIT_MS);

	if (fds[1] >= 0)
		close(fds[1]);
	return err;
}

static void profile(struct paravisor *p, const struct service_ask *ask, int fd)
{
	struct errands *e = &p->errands;
	struct profiler_request q;
	int err;

	fill_request(p, ask, &q);
	if (profiler_request_check(&q, sizeof(q))) {
		diag_worker_reply(&p->diag, ask->id, VL_E_RANGE, "", -1);
		return;
	}
	if (e->profiler.pid) {
		diag_worker_reply(&p->diag, ask->id, VL_E_BUSY,
				"a profile is being made already; try again later", -1);
		return;
	}
	e->profile_id = ask->id;
	e->profile_said = false;
	err = p->ops->spawn(p->context, &e->profiler);
	if (err) {
		end_profile(p, err, "the profiler does not start; the hardened image has none");
		return;
	}
	e->profiler.deadline_ns = clock_deadline(q.seconds * 1000 + PROFILER_GRACE_MS);
	err = send_request(p, &q, fd);
	if (err)
		process_kill(&e->profiler); /* its death tells the client */
}

/* Kept until it has ended: whoever then is told can have the next one made. */
static void take_result(struct paravisor *p)
{
	struct errands *e = &p->errands;
	struct profiler_result *r = &e->profile;
	struct channel_message m = { .data = r, .capacity = sizeof(*r) };
	int err = channel_receive(e->profiler.control, &m, 0);

	if (err == VL_E_AGAIN)
		return;
	channel_close_fds(&m);
	e->profile_said = !err && profiler_result_check(r, m.size) == 0;
	if (e->profile_said)
		vl_info("profile: %u samples, %u lost", r->samples, r->lost);
	close(e->profiler.control);
	e->profiler.control = -1;
}

static bool has_ended(const struct worker *w)
{
	struct pollfd f = { .fd = w->pidfd, .events = POLLIN };

	return w->pidfd >= 0 && poll(&f, 1, 0) > 0;
}

void errands_profiler(struct paravisor *p)
{
	struct errands *e = &p->errands;
	struct worker *w = &e->profiler;
	char how[80], text[SERVICE_TEXT_MAX];
	bool ended = has_ended(w); /* asked first: what it said before its end is there then */

	if (w->control >= 0)
		take_result(p);
	if (!ended || process_reap(w, how, sizeof(how)) != 0)
		return;
	w->deadline_ns = 0;
	diag_worker_drop_unit(&p->diag, PROFILER_UNIT);
	if (e->profile_said) {
		end_profile(p, e->profile.error, e->profile.text);
		return;
	}
	vl_format(text, sizeof(text), "the profiler ended without a result: %s", how);
	end_profile(p, VL_E_INTERNAL, text);
}

void errands_deadline(struct paravisor *p)
{
	struct worker *w = &p->errands.profiler;

	if (!w->deadline_ns || clock_left_ms(w->deadline_ns))
		return;
	w->deadline_ns = 0;
	vl_warn("the profiler does not end: it is ended");
	process_kill(w);
}

/* --- Crashes ---------------------------------------------------------------------------------- */

static bool is_ours(struct paravisor *p, uint32_t pid)
{
	const struct worker *w;

	for (unsigned n = 0; (w = paravisor_worker(p, n)); n++)
		if (w->pid > 0 && (uint32_t)w->pid == pid)
			return true;
	return (uint32_t)getpid() == pid;
}

/* The report comes the way of any other crash; the client is answered before, for it may be its server. */
static void crash(struct paravisor *p, const struct service_ask *ask)
{
	char text[SERVICE_TEXT_MAX];

	if (!is_ours(p, ask->pid)) {
		vl_format(text, sizeof(text), "VTL2 has no process %u that can crash", ask->pid);
		diag_worker_reply(&p->diag, ask->id, VL_E_NOTFOUND, text, -1);
		return;
	}
	vl_warn("a client has process %u crash", ask->pid);
	diag_worker_reply(&p->diag, ask->id, 0, "", -1);
	kill((pid_t)ask->pid, SIGABRT);
}

/* --- What is asked ---------------------------------------------------------------------------- */

/* The row of the filter that lets it pass; the server asked it before, and is not believed. */
static enum filter_item item_of(uint32_t what)
{
	switch (what) {
	case SERVICE_SAVE: return FILTER_DIAG_STATE;
	case SERVICE_OPEN: return FILTER_DIAG_FILE;
	case SERVICE_PROFILE: return FILTER_DIAG_PROFILE;
	case SERVICE_EXEC: return FILTER_DIAG_EXEC;
	default: return FILTER_DIAG_LIFE;
	}
}

static void run_command(struct paravisor *p, const struct service_ask *ask)
{
	if (p->ops->commands)
		p->ops->commands->ask(p, ask);
	else
		diag_worker_reply(&p->diag, ask->id, VL_E_UNSUPPORTED,
				"only the debug image runs commands", -1);
}

void errands_ask(struct paravisor *p, const struct service_ask *ask, int fd)
{
	if (!filter_keeps(&p->machine.filter, item_of(ask->what)))
		diag_worker_reply(&p->diag, ask->id, VL_E_DENIED, "", -1);
	else if (ask->what == SERVICE_OPEN)
		open_file(p, ask);
	else if (ask->what == SERVICE_PROFILE)
		profile(p, ask, fd);
	else if (ask->what == SERVICE_CRASH)
		crash(p, ask);
	else if (ask->what == SERVICE_EXEC)
		run_command(p, ask);
	else
		begin(p, ask);
	if (fd >= 0)
		close(fd);
}
