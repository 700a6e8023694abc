/*
 * The paravisor's life (paravisor.h). Called by main.c; handles messages of
 * the host (checked by common/get) and of the VM worker (checked by
 * control_check), both hostile.
 */
#include "runtime/paravisor/paravisor.h"
#include "common/base/fmt.h"
#include "common/base/log.h"
#include "common/json/json.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/clock.h"
#include "runtime/paravisor/inspect.h"
#include "runtime/paravisor/process.h"

#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_LIMIT_MS 30000u
#define END_LIMIT_MS 15000u
#define OWN_POLLS 8 /* descriptors of ours in a turn, beside those of device workers and stores */
#define NO_WAIT_MS 60000 /* poll()'s limit when nothing has a deadline */

static int spawn_device(void *context, struct worker *w);
static int device_unit(void *context, const char *name);
static void tell_device(void *context, const char *text);
static void fail_device(void *context, int err, const char *text);

void paravisor_init(struct paravisor *p, const struct paravisor_ops *ops, void *context)
{
	memset(p, 0, sizeof(*p));
	p->ops = ops;
	p->context = context;
	p->machine.filter.isolation = ISOLATION_COUNT; /* until it is known: tell nothing */
	p->connect_limit_ms = CONNECT_LIMIT_MS;
	p->start_limit_ms = supervise_rules[WORKER_VM].start_limit_ms;
	p->end_limit_ms = END_LIMIT_MS;
	p->host.fd = -1;
	p->host.err = VL_E_CLOSED;
	p->vm.pidfd = -1;
	p->vm.control = -1;
	p->vm.crash = -1;
	store_broker_init(&p->store);
	devices_init(&p->devices);
	p->devices.tell = tell_device;
	p->devices.fail = fail_device;
	p->devices.context = p;
	p->devices.spawn = spawn_device;
	p->devices.unit = device_unit;
	p->devices.store = &p->store;
	p->workers = 1u << CONTROL_DEVICE_TPM;
	diag_worker_init(&p->diag);
	errands_init(&p->errands);
	if (ops->commands)
		ops->commands->init(p);
	p->init_unit = p->vm_unit = -1;
	p->crashes.filter = &p->machine.filter;
	for (unsigned n = 0; paravisor_worker(p, n); n++)
		paravisor_worker(p, n)->crashes = &p->crashes;
}

struct worker *paravisor_worker(struct paravisor *p, unsigned n)
{
	struct worker *rest[] = { &p->vm, &p->diag.worker, &p->errands.profiler, NULL };

	if (n < CONTROL_DEVICE_COUNT)
		return &p->devices.list[n].worker;
	n -= CONTROL_DEVICE_COUNT;
	return n < VL_ARRAY_COUNT(rest) ? rest[n] : NULL;
}

static bool isolated(const struct paravisor *p)
{
	return p->machine.filter.isolation != ISOLATION_NONE;
}

/* --- Boot marks -------------------------------------------------------------------- */

static void mark(struct paravisor *p, const char *name, uint64_t reference_100ns)
{
	if (reference_100ns && p->mark_count < PARAVISOR_MARK_MAX)
		p->marks[p->mark_count++] = (struct paravisor_mark){ name, reference_100ns };
}

/* Our clock to the partition's: the host's TIME answer ties the two together. */
static uint64_t reference_of(const struct paravisor *p, uint64_t boot_ns)
{
	uint64_t behind = p->time.boot_ns > boot_ns ? (p->time.boot_ns - boot_ns) / 100 : 0;
	uint64_t ahead = boot_ns > p->time.boot_ns ? (boot_ns - p->time.boot_ns) / 100 : 0;

	if (p->time.reference_100ns < behind)
		return 0;
	return p->time.reference_100ns - behind + ahead;
}

static void mark_boot(struct paravisor *p)
{
	const struct machine *m = &p->machine;

	mark(p, "shim-start", m->shim_start);
	mark(p, "sidecar-start", m->sidecar_start);
	mark(p, "sidecar-end", m->sidecar_end);
	/* Not CLOCK_BOOTTIME's zero: the kernel loses time until it has a clock source. */
	mark(p, "kernel-start", m->shim_end);
	if (p->init_boot_ns)
		mark(p, "init-start", reference_of(p, p->init_boot_ns));
	mark(p, "paravisor-ready", reference_of(p, clock_boot_ns()));
}

/* {"Phases":[{"Name":"shim-start","Reference100ns":123},...]}; returns its size. */
static size_t marks_document(const struct paravisor *p, char *out, size_t room)
{
	struct json_writer w;

	json_begin(&w, out, room);
	json_open(&w, NULL, '{');
	json_open(&w, "Phases", '[');
	for (unsigned i = 0; i < p->mark_count; i++) {
		json_open(&w, NULL, '{');
		json_put_string(&w, "Name", p->marks[i].name);
		json_put_uint(&w, "Reference100ns", p->marks[i].reference_100ns);
		json_close(&w, '}');
	}
	json_close(&w, ']');
	json_close(&w, '}');
	return w.err ? 0 : w.used;
}

/* --- Host channel -------------------------------------------------------------------- */

static void on_notification(void *context, const void *message, size_t size)
{
	struct paravisor *p = context;
	const struct get_header *h = message;
	unsigned id = le16_to_cpu(h->id);

	if (id == GET_SAVE_GUEST_VTL2_STATE_NOTIFICATION)
		p->save_asked = true;
	p->notifications++;
	vl_warn("host notification %s is not supported, ignored", get_name(GET_GUEST_NOTIFICATION, id));
}

static int take_up_host(struct paravisor *p, unsigned limit_ms)
{
	int fd = p->ops->connect(p->context, limit_ms), err;

	if (fd < 0)
		return fd;
	get_client_init(&p->host, fd, on_notification, p);
	err = get_client_version(&p->host);
	if (err)
		get_client_close(&p->host);
	return err;
}

/* Before the host is told something that it must know: over a new channel if the old one is gone. */
static int reach_host(struct paravisor *p)
{
	return p->host.err ? take_up_host(p, p->end_limit_ms) : 0;
}

static void lost_host(struct paravisor *p, int err)
{
	vl_error("host channel lost: %s", vl_err_text(err));
	get_client_close(&p->host);
}

/* No successor takes this paravisor's state over; the host waits for an answer, so it gets a plain no. */
static void refuse_save(struct paravisor *p)
{
	struct get_save_request q = {
		.header = get_header(GET_HOST_REQUEST, GET_SAVE_GUEST_VTL2_STATE),
		.status = cpu_to_le16(GET_SAVE_FAILURE),
	};
	int err;

	p->save_asked = false;
	err = get_client_call(&p->host, &q, sizeof(q), NULL, 0);
	if (err)
		lost_host(p, err);
}

/* --- Ends ----------------------------------------------------------------------------- */

static void end(struct paravisor *p, int err, const char *what)
{
	if (err)
		vl_error("%s: the host could not be told: %s", what, vl_err_text(err));
	else
		vl_info("%s: the host was told", what);
	errands_ended(p);
	p->phase = PARAVISOR_ENDING;
	p->end_deadline_ns = clock_deadline(err ? 0 : p->end_limit_ms);
	sync();
}

static int tell_failure(struct paravisor *p, int error, uint32_t vp, const char *text)
{
	uint64_t parameters[GET_CRASH_PARAMETERS] = { (uint64_t)-error };
	unsigned vtl = error == VL_E_GUEST ? 0 : 2;
	int err = reach_host(p);

	if (!err)
		err = get_client_log(&p->host, GET_LOG_CRITICAL, text);
	if (err)
		return err;
	if (p->phase == PARAVISOR_BOOTING) {
		err = get_client_event(&p->host, GET_EVENT_BOOT_FAILURE);
		return err ? err : get_client_started(&p->host, GET_START_FAILURE, text, strlen(text));
	}
	return get_client_crash(&p->host, vp, vtl, parameters);
}

/* `plain` has words of ours only: what a host hears that is not trusted. */
static void fail(struct paravisor *p, int error, uint32_t vp, const char *text, const char *plain)
{
	if (p->phase == PARAVISOR_ENDING)
		return;
	vl_error("%s", text);
	p->failed = true;
	if (!filter_keeps(&p->machine.filter, FILTER_TELL_FAILURE))
		text = plain;
	end(p, tell_failure(p, error, vp, text), "failure");
}

void paravisor_fail(struct paravisor *p, int error, const char *fmt, ...)
{
	char text[PARAVISOR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vl_vformat(text, sizeof(text), fmt, args);
	va_end(args);
	fail(p, error, CONTROL_NO_VP, text, vl_err_text(error));
}

/* The guest's owner has to learn from the host which step it was; the steps are constants of ours. */
static void fail_state(struct paravisor *p, int error, const char *step)
{
	char text[PARAVISOR_TEXT_MAX];

	vl_format(text, sizeof(text), "guest state: %s: %s", step, vl_err_text(error));
	fail(p, error, CONTROL_NO_VP, text, text);
}

static void end_power_off(struct paravisor *p)
{
	int err = reach_host(p);

	end(p, err ? err : get_client_power_off(&p->host), "guest power off");
}

static void end_reset(struct paravisor *p)
{
	int err = reach_host(p);

	end(p, err ? err : get_client_reset(&p->host), "guest reset");
}

static int send_triple_fault(struct paravisor *p, const struct control_triple_fault *f)
{
	struct get_register registers[CONTROL_REGISTER_MAX];
	uint32_t count = filter_keeps(&p->machine.filter, FILTER_TELL_REGISTERS) ? f->register_count : 0;
	struct get_triple_fault n = {
		.header = get_header(GET_HOST_NOTIFICATION, GET_TRIPLE_FAULT),
		.vp = cpu_to_le32(f->vp),
		.fault_type = cpu_to_le32(GET_FAULT_UNRECOVERABLE_EXCEPTION),
		.register_count = cpu_to_le32(count),
	};

	for (uint32_t i = 0; i < count; i++) {
		le64 value[2] = { cpu_to_le64(f->registers[i].low), cpu_to_le64(f->registers[i].high) };

		registers[i].name = cpu_to_le32(f->registers[i].name);
		memcpy(registers[i].value, value, sizeof(value));
	}
	return get_client_send(&p->host, &n, sizeof(n), registers, count * sizeof(registers[0]));
}

static void end_triple_fault(struct paravisor *p, const struct control_triple_fault *f)
{
	int err = reach_host(p);

	end(p, err ? err : send_triple_fault(p, f), "guest triple fault");
}

/* --- Crashes of workers ------------------------------------------------------------------- */

/* What is not for this host was wiped from the reports; the log has a process's lines already. */
static void tell_crashes(struct paravisor *p)
{
	const struct crash_report *r;

	while ((r = crashes_next(&p->crashes)) != NULL) {
		unsigned registers = crash_register_lines(&r->record), at = 0;
		char line[CRASH_LINE_MAX];
		int err = p->host.err;

		crash_title(r, line, sizeof(line));
		do {
			if (at <= registers)
				vl_error("%s", line);
			if (!err)
				err = get_client_log(&p->host, GET_LOG_ERROR, line);
		} while (crash_text(&r->record, &at, line));
		if (err && !p->host.err)
			lost_host(p, err);
	}
}

/* --- VM worker -------------------------------------------------------------------------- */

/* `state`: the guest's, for a worker that takes over; -1: it starts the guest from its kernel. */
static int send_config(struct paravisor *p, int state)
{
	struct control_header header = { 0 };
	int fds[VL_ARRAY_COUNT(p->config.fds)], err;
	const char *what = "";

	machine_config(&p->machine, &p->config);
	p->config.takes_over = state >= 0;
	p->config.utc_ns = p->time.utc_ns;
	p->config.utc_boot_ns = p->time.boot_ns;
	memcpy(p->config.image_digest, p->measurement, sizeof(p->measurement));
	p->config.image_digest_bytes = (uint32_t)p->measurement_bytes;
	err = p->ops->open(p->context, p, &p->config, fds, &what);
	if (err)
		paravisor_fail(p, err, "%s for the VM worker: %s", what, vl_err_text(err));
	if (!err)
		err = control_send(p->vm.control, CONTROL_CONFIG, &p->config, sizeof(p->config), fds,
			p->config.fd_count);
	if (!err && state >= 0)
		err = control_send(p->vm.control, CONTROL_RESTORE, &header, sizeof(header), &state, 1);
	else if (!err)
		err = control_signal(p->vm.control, CONTROL_START);
	/* A worker that is gone already said why, or its death will: see on_worker_death(). */
	if (err == VL_E_CLOSED)
		err = 0;
	for (uint32_t i = 0; i < p->config.fd_count; i++)
		close(fds[i]);
	if (p->vm_unit >= 0)
		close(p->vm_unit);
	p->vm_unit = -1;
	return err;
}

/* Whether the guest has the device, and it is to be in a worker. Serial ports are there in any case. */
static bool wanted(const struct paravisor *p, enum control_device id)
{
	return (id != CONTROL_DEVICE_TPM || p->dps.enable_tpm) && p->workers >> id & 1;
}

/* First: the VM worker waits for them. */
static int start_devices(struct paravisor *p)
{
	int err = 0;

	for (unsigned i = 0; !err && i < CONTROL_DEVICE_COUNT; i++) {
		if (!wanted(p, (enum control_device)i))
			continue;
		err = devices_start(&p->devices, (enum control_device)i);
		if (err)
			paravisor_fail(p, err, "device worker %s does not start: %s",
				p->devices.list[i].worker.rule->name, vl_err_text(err));
	}
	return err;
}

static void start_vm_process(struct paravisor *p, int state)
{
	int err;

	p->vm_unit = diag_worker_unit(&p->diag, "vm", NULL);
	err = p->ops->spawn(p->context, &p->vm);
	if (!err)
		err = send_config(p, state);
	if (err)
		paravisor_fail(p, err, "VM worker does not start: %s", vl_err_text(err));
}

static void start_vm(struct paravisor *p)
{
	if (start_devices(p) == 0)
		start_vm_process(p, -1);
}

/* A VM worker ends when its channel does. */
void paravisor_stop_vm(struct paravisor *p)
{
	if (supervise_event(&p->vm, WORKER_STOP, clock_boot_ns()) != WORKER_ASK || p->vm.control < 0)
		return;
	close(p->vm.control);
	p->vm.control = -1;
}

/* The one that was stopped is gone. */
static void replace_vm(struct paravisor *p)
{
	int state = errands_replaced(p);

	supervise_event(&p->vm, WORKER_DIED, clock_boot_ns());
	if (state < 0) {
		paravisor_fail(p, state, "VM worker ended and left no state: %s", vl_err_text(state));
		return;
	}
	supervise_event(&p->vm, WORKER_START, clock_boot_ns());
	start_vm_process(p, state);
	close(state);
	vl_info("a new VM worker takes over the guest");
}

static void protocol_broken(struct paravisor *p)
{
	paravisor_fail(p, VL_E_PROTOCOL, "VM worker sent message %u, which is not for the paravisor",
		p->message.header.type);
}

static void on_started(struct paravisor *p, uint64_t boot_ns)
{
	char document[GET_PAYLOAD_MAX];
	size_t size;
	int err;

	if (p->phase != PARAVISOR_BOOTING) {
		if (errands_started(p))
			protocol_broken(p);
		return;
	}
	supervise_event(&p->vm, WORKER_READY, clock_boot_ns());
	p->phase = PARAVISOR_RUNNING;
	mark(p, "vtl0-start", reference_of(p, boot_ns));
	size = marks_document(p, document, sizeof(document));
	err = get_client_event(&p->host, GET_EVENT_BOOT_SUCCESS);
	if (!err)
		err = get_client_started(&p->host, GET_START_SUCCESS, document, size);
	if (err)
		lost_host(p, err);
	vl_info("VTL0 started with %u VPs", p->machine.vp_count);
}

/* A message that was checked. */
static void on_worker_message(struct paravisor *p, const struct channel_message *c)
{
	const union control_any *m = &p->message;

	switch (m->header.type) {
	case CONTROL_STARTED:
		on_started(p, m->started.boot_ns);
		break;
	case CONTROL_DONE:
		if (errands_done(p, m->done.request, m->done.error, c->fd_count ? c->fds[0] : -1))
			protocol_broken(p);
		break;
	case CONTROL_POWER_OFF:
		end_power_off(p);
		break;
	case CONTROL_RESET:
		end_reset(p);
		break;
	case CONTROL_TRIPLE_FAULT:
		end_triple_fault(p, &m->triple_fault);
		break;
	case CONTROL_CRASH:
		fail(p, m->crash.error, m->crash.vp, m->crash.text, vl_err_text(m->crash.error));
		break;
	default:
		protocol_broken(p);
	}
}

/* Takes one message; false when there is none left. */
static bool on_control(struct paravisor *p)
{
	struct channel_message m = { .data = &p->message, .capacity = sizeof(p->message) };
	int err = channel_receive(p->vm.control, &m, 0);

	if (err == VL_E_AGAIN)
		return false;
	if (err == VL_E_CLOSED) { /* its death is reported by the pidfd, with the reason */
		close(p->vm.control);
		p->vm.control = -1;
		return false;
	}
	if (!err)
		err = control_check(m.data, m.size, m.fd_count);
	if (err)
		paravisor_fail(p, VL_E_PROTOCOL, "VM worker sent a bad message: %s", vl_err_text(err));
	else if (p->phase != PARAVISOR_ENDING)
		on_worker_message(p, &m);
	channel_close_fds(&m);
	return true;
}

static void on_worker_death(struct paravisor *p)
{
	char how[80];

	/* What it said last comes before how it ended. */
	while (p->vm.control >= 0 && on_control(p))
		;
	if (process_reap(&p->vm, how, sizeof(how)) != 0)
		return;
	tell_crashes(p);
	if (p->vm.state == WORKER_STOPPING)
		replace_vm(p);
	else if (supervise_death(&p->vm, clock_boot_ns()) == WORKER_REPORT)
		paravisor_fail(p, VL_E_INTERNAL, "VM worker ended unexpectedly: %s", how);
}

/* --- Device workers --------------------------------------------------------------------------- */

static int spawn_device(void *context, struct worker *w)
{
	struct paravisor *p = context;

	return p->ops->spawn(p->context, w);
}

/* In the tree's root as, for example, "device-com2". */
static int device_unit(void *context, const char *name)
{
	struct paravisor *p = context;
	char unit[SERVICE_NAME_MAX];

	vl_format(unit, sizeof(unit), "device-%s", name);
	return diag_worker_unit(&p->diag, unit, NULL);
}

static void tell_device(void *context, const char *text)
{
	struct paravisor *p = context;
	bool tells = !p->host.err && filter_keeps(&p->machine.filter, FILTER_TELL_WORKERS);
	int err = tells ? get_client_log(&p->host, GET_LOG_WARNING, text) : 0;

	if (err)
		lost_host(p, err);
}

static void fail_device(void *context, int err, const char *text)
{
	paravisor_fail(context, err, "%s", text);
}

/* --- Diagnostics ------------------------------------------------------------------------------- */

/* Without diagnostics the guest runs all the same: what fails here is said, no more. */
static void start_diag(struct paravisor *p)
{
	const char *what = "";
	int fds[SERVICE_FD_MAX], err;
	int count = p->ops->diagnostics ? p->ops->diagnostics(p->context, fds, &what) : 0;

	if (count < 0)
		vl_warn("no diagnostics: %s: %s", what, vl_err_text(count));
	if (count <= 0)
		return;
	err = diag_worker_start(&p->diag, &p->machine.filter, fds, (unsigned)count, p->ops->spawn,
			p->context);
	if (err)
		vl_warn("the diagnostics server does not start: %s", vl_err_text(err));
	p->diag.own = diag_worker_unit(&p->diag, "paravisor", paravisor_entries);
	if (p->init_unit >= 0)
		(void)diag_worker_has_unit(&p->diag, "init", NULL, p->init_unit);
	p->init_unit = -1;
}

static void on_diag_death(struct paravisor *p)
{
	char how[80];
	int err = diag_worker_on_death(&p->diag, how, sizeof(how));

	if (!err || err == VL_E_LIMIT)
		errands_forget(p);
	if (err == VL_E_LIMIT)
		vl_error("the diagnostics server ends again and again (%s): there is none now", how);
}

static void serve_diag(struct paravisor *p, const struct pollfd *control, const struct pollfd *death,
	const struct pollfd *own)
{
	struct service_ask ask;
	int fd, err;

	if (control->revents && diag_worker_ask(&p->diag, &ask, &fd) == 0)
		errands_ask(p, &ask, fd);
	if (death->revents)
		on_diag_death(p);
	if (own->revents && (err = inspect_unit_serve(p->diag.own, paravisor_inspect, p)) != 0 &&
			err != VL_E_AGAIN) {
		close(p->diag.own);
		p->diag.own = -1;
	}
	err = diag_worker_on_deadline(&p->diag);
	if (err)
		vl_warn("the diagnostics server does not start again: %s", vl_err_text(err));
}

/* --- Guest state --------------------------------------------------------------------------- */

static int open_state(struct paravisor *p, enum get_event_log_id *event, const char **what)
{
	enum guest_state_lifetime lifetime;
	int err = guest_state_lifetime(p->dps.guest_state_lifetime, &lifetime);

	*what = "state file";
	*event = GET_EVENT_VMGS_INIT_FAILED;
	if (!err)
		err = guest_state_open(&p->state, &p->host, lifetime, event);
	if (!err && vmgs_is_encrypted(&p->state.vmgs)) {
		*what = "state file, which an isolated VM has encrypted";
		*event = GET_EVENT_DEK_DECRYPTION_FAILED;
		return VL_E_DENIED;
	}
	return err;
}

static int open_isolated_state(struct paravisor *p, enum get_event_log_id *event, const char **what)
{
	const struct security_facts facts = {
		.console_enabled = p->dps.com1.enable_port || p->dps.com2.enable_port,
		.secure_boot = p->dps.secure_boot_enabled,
		.tpm_enabled = p->dps.enable_tpm,
		.debug = p->machine.filter.debug,
	};
	struct security_config config = p->security;

	if (p->dps.no_persistent_secrets)
		config = (struct security_config){ .has_broker = false };
	p->store.encrypt = true;
	return security_open(&p->state, &p->host, &config, p->platform, &facts, event, what);
}

/* Before anything of the guest runs. */
static int take_up_state(struct paravisor *p)
{
	enum get_event_log_id event;
	const char *what;
	int err = isolated(p) ? open_isolated_state(p, &event, &what) : open_state(p, &event, &what);

	if (!err) {
		p->store.state = &p->state.vmgs;
		return 0;
	}
	if (!p->host.err && get_client_event(&p->host, event))
		get_client_close(&p->host);
	fail_state(p, err, what);
	return err;
}

/* --- Loop -------------------------------------------------------------------------------- */

static void on_deadline(struct paravisor *p)
{
	switch (supervise_event(&p->vm, WORKER_TIMEOUT, clock_boot_ns())) {
	case WORKER_KILL:
		if (p->vm.state == WORKER_STOPPING) {
			process_kill(&p->vm);
			break;
		}
		paravisor_fail(p, VL_E_TIMEOUT, "VM worker did not start the guest within %u s",
			p->start_limit_ms / 1000);
		process_kill(&p->vm);
		break;
	default:
		break;
	}
}

static int poll_limit_ms(const struct paravisor *p)
{
	int limit = NO_WAIT_MS, left;

	if (p->vm.deadline_ns && (left = clock_left_ms(p->vm.deadline_ns)) < limit)
		limit = left;
	if (devices_deadline_ns(&p->devices) &&
			(left = clock_left_ms(devices_deadline_ns(&p->devices))) < limit)
		limit = left;
	if (p->diag.worker.deadline_ns && (left = clock_left_ms(p->diag.worker.deadline_ns)) < limit)
		limit = left;
	if (p->errands.profiler.deadline_ns &&
			(left = clock_left_ms(p->errands.profiler.deadline_ns)) < limit)
		limit = left;
	if (p->phase == PARAVISOR_ENDING && (left = clock_left_ms(p->end_deadline_ns)) < limit)
		limit = left;
	return limit;
}

static void turn(struct paravisor *p)
{
	struct pollfd f[OWN_POLLS + DEVICES_POLL_MAX + STORE_CHANNEL_MAX + COMMANDS_MAX] = {
		{ .fd = p->host.fd, .events = POLLIN },
		{ .fd = p->vm.control, .events = POLLIN },
		{ .fd = p->vm.pidfd, .events = POLLIN },
		{ .fd = p->diag.worker.control, .events = POLLIN },
		{ .fd = p->diag.worker.pidfd, .events = POLLIN },
		{ .fd = p->diag.own, .events = POLLIN },
		{ .fd = p->errands.profiler.control, .events = POLLIN },
		{ .fd = p->errands.profiler.pidfd, .events = POLLIN },
	};
	struct pollfd *devices = f + OWN_POLLS, *stores = devices + DEVICES_POLL_MAX;
	struct pollfd *commands = stores + STORE_CHANNEL_MAX;
	int err;

	devices_poll(&p->devices, devices);
	store_broker_poll(&p->store, stores);
	if (p->ops->commands)
		p->ops->commands->poll(p, commands);
	if (poll(f, p->ops->commands ? VL_ARRAY_COUNT(f) : VL_ARRAY_COUNT(f) - COMMANDS_MAX,
			poll_limit_ms(p)) < 0)
		return;
	if (f[0].revents && (err = get_client_ready(&p->host)) != 0)
		lost_host(p, err);
	if (p->save_asked)
		refuse_save(p);
	store_broker_ready(&p->store, stores);
	devices_ready(&p->devices, devices);
	if (f[2].revents)
		on_worker_death(p);
	else if (f[1].revents)
		on_control(p);
	serve_diag(p, &f[3], &f[4], &f[5]);
	if (f[6].revents || f[7].revents)
		errands_profiler(p);
	errands_deadline(p);
	if (p->ops->commands)
		p->ops->commands->ready(p, commands);
	tell_crashes(p);
	if (p->vm.deadline_ns && clock_left_ms(p->vm.deadline_ns) == 0)
		on_deadline(p);
}

/* Version, settings, time. Fails the paravisor when the host does not play. */
static int boot(struct paravisor *p)
{
	const char *what = "connecting to the host channel";
	int err = take_up_host(p, p->connect_limit_ms);

	if (!err) {
		what = "time";
		err = get_client_time(&p->host, &p->time);
	}
	if (!err) {
		what = "platform settings";
		err = get_client_dps(&p->host, &p->dps);
	}
	if (!err)
		filter_settings(&p->machine.filter, &p->dps);
	if (!err) {
		what = "event log";
		err = get_client_event(&p->host, GET_EVENT_BOOT_ATTEMPT);
	}
	if (err) {
		paravisor_fail(p, err, "host channel: %s: %s", what, vl_err_text(err));
		return err;
	}
	err = devices_by_names(p->dps.device_workers, &p->workers);
	if (err)
		paravisor_fail(p, err, "platform settings: Vallum.DeviceWorkers takes " DEVICES_NAMES);
	return err;
}

/* What the guest's TPM is told of this VTL2; without a TPM, only what the platform knows. */
static int take_measurement(struct paravisor *p)
{
	static const uint8_t nothing[VBS_REPORT_DATA_BYTES];
	struct vbs_report report;
	int err;

	if (isolated(p)) {
		err = p->platform ? p->platform->report(p->platform->context, nothing, &report) :
				VL_E_UNSUPPORTED;
		if (!err)
			memcpy(p->measurement, report.identity.measurement, sizeof(p->measurement));
	} else if (p->ops->programs && p->dps.enable_tpm) {
		err = p->ops->programs(p->context, p->measurement);
	} else {
		return 0;
	}
	if (!err)
		p->measurement_bytes = sizeof(p->measurement);
	/* A TPM that says nothing of what it runs beside would be believed for more than it knows. */
	return p->dps.enable_tpm ? err : 0;
}

static int prepare(struct paravisor *p)
{
	int err = take_measurement(p);

	if (err) {
		paravisor_fail(p, err, "the measurement of VTL2's image, for the TPM: %s", vl_err_text(err));
		return err;
	}
	mark_boot(p);
	start_diag(p);
	return take_up_state(p);
}

int paravisor_run(struct paravisor *p)
{
	supervise_init(&p->vm, &supervise_rules[WORKER_VM]);
	p->vm.start_limit_ms = p->start_limit_ms;
	p->vm.crashes = &p->crashes;
	if (p->phase == PARAVISOR_BOOTING && boot(p) == 0 && prepare(p) == 0) {
		mark(p, "state-ready", reference_of(p, clock_boot_ns()));
		supervise_event(&p->vm, WORKER_START, clock_boot_ns());
		start_vm(p);
	}
	/* After the end: until the host stops us, or it is clear that it will not. */
	while (p->phase != PARAVISOR_ENDING || clock_left_ms(p->end_deadline_ns))
		turn(p);
	diag_worker_close(&p->diag);
	store_broker_close(&p->store);
	guest_state_close(&p->state);
	return p->failed;
}
