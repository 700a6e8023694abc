/* devices.h */
#include "runtime/paravisor/devices.h"
#include "common/base/fmt.h"
#include "common/base/log.h"
#include "common/devipc/devipc.h"
#include "port/serial.h"
#include "port/tpm.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/clock.h"
#include "runtime/lib/devlink.h"
#include "runtime/paravisor/process.h"
#include "security/vmgs/format.h"

#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEND_LIMIT_MS 1000
#define TEXT_MAX CONTROL_TEXT_MAX

/* What each worker hosts, and the files that it keeps in the guest state. */
static const struct device_row {
	enum worker_id worker;
	const char *kind;
	uint64_t argument[2];
	uint64_t files; /* STORE_FILE bits; 0: it keeps none */
} rows[CONTROL_DEVICE_COUNT] = {
	[CONTROL_DEVICE_TPM] = { WORKER_VTPM, "vtpm", { PORT_TPM_INTERFACE, PORT_TPM_BASE },
		STORE_FILE(VMGS_TPM_PPI) | STORE_FILE(VMGS_TPM_NVRAM) },
	[CONTROL_DEVICE_COM1] = { WORKER_COM1, PORT_SERIAL_MODEL, { 0 }, 0 },
	[CONTROL_DEVICE_COM2] = { WORKER_COM2, PORT_SERIAL_MODEL, { 0 }, 0 },
};

void devices_init(struct devices *d)
{
	memset(d, 0, sizeof(*d));
	for (unsigned i = 0; i < CONTROL_DEVICE_COUNT; i++) {
		struct device_worker *w = &d->list[i];

		w->id = (enum control_device)i;
		w->supply[0] = w->supply[1] = w->shared = -1;
		supervise_init(&w->worker, &supervise_rules[rows[i].worker]);
	}
}

static unsigned by_name(const char *name, size_t size)
{
	unsigned i = 0;

	for (; i < CONTROL_DEVICE_COUNT; i++) {
		const char *known = supervise_rules[rows[i].worker].name;

		if (strlen(known) == size && memcmp(known, name, size) == 0)
			break;
	}
	return i;
}

int devices_by_names(const char *list, uint32_t *workers)
{
	uint32_t named = 0;

	while (*list) {
		size_t size = strcspn(list, ",");
		unsigned id = by_name(list, size);

		if (id == CONTROL_DEVICE_COUNT)
			return VL_E_NOTFOUND;
		named |= 1u << id;
		list += size + (list[size] == ',');
	}
	*workers |= named;
	return 0;
}

/* --- Starting ------------------------------------------------------------------------------ */

static int send_config(struct devices *d, struct device_worker *w, const int link[DEVLINK_FDS])
{
	const struct device_row *row = &rows[w->id];
	struct devipc_config c = { .version = DEVIPC_VERSION,
		.argument = { row->argument[0], row->argument[1] } };
	int fds[DEVIPC_FDS_ROOM] = { [DEVIPC_FD_SHARED] = w->shared, [DEVIPC_FD_STORE] = -1 }, err = 0;
	int unit = d->unit(d->context, w->worker.rule->name);
	size_t count = DEVIPC_FD_STORE;

	memcpy(fds, link, DEVLINK_FDS * sizeof(*fds));
	vl_format(c.kind, sizeof(c.kind), "%s", row->kind);
	if (row->files) {
		fds[DEVIPC_FD_STORE] = store_broker_add(d->store, row->files);
		err = fds[DEVIPC_FD_STORE] < 0 ? fds[DEVIPC_FD_STORE] : 0;
		count++;
	}
	/* Without one its device is not in the tree, no more. */
	c.unit = unit >= 0;
	if (c.unit)
		fds[count++] = unit;
	if (!err)
		err = channel_send(w->worker.control, &c, sizeof(c), fds, count, SEND_LIMIT_MS);
	if (row->files && fds[DEVIPC_FD_STORE] >= 0)
		close(fds[DEVIPC_FD_STORE]);
	if (c.unit)
		close(unit);
	return err;
}

/* Its configuration with its end of a link; the other end to the VM worker. */
static int hand_over(struct devices *d, struct device_worker *w)
{
	int vm[DEVLINK_FDS], its[DEVLINK_FDS], err = devlink_make(vm, its);
	const struct devipc_supply s = { DEVIPC_SUPPLY, w->worker.starts };

	if (err)
		return err;
	err = send_config(d, w, its);
	if (!err)
		err = channel_send(w->supply[0], &s, sizeof(s), vm, DEVLINK_FDS, SEND_LIMIT_MS);
	devlink_close(vm);
	devlink_close(its);
	return err;
}

static int spawn(struct devices *d, struct device_worker *w)
{
	int err = d->spawn(d->context, &w->worker);

	if (!err)
		err = hand_over(d, w);
	if (err == VL_E_CLOSED)
		return 0; /* it, or the VM worker, is gone already: its death tells */
	if (!err)
		supervise_event(&w->worker, WORKER_READY, clock_boot_ns());
	w->kill_at_ns = d->kill_every_ms ? clock_deadline(d->kill_every_ms) : 0;
	return err;
}

int devices_start(struct devices *d, enum control_device id)
{
	struct device_worker *w = &d->list[id];

	w->shared = memfd_create(w->worker.rule->name, MFD_CLOEXEC);
	if (w->shared < 0 || ftruncate(w->shared, DEVIPC_SHARED_BYTES) != 0 || channel_pair(w->supply))
		return VL_E_OS;
	supervise_event(&w->worker, WORKER_START, clock_boot_ns());
	return spawn(d, w);
}

/* --- Events, each in the log, counted, and told to the host ------------------------------------ */

static void tell(struct devices *d, const struct device_worker *w, const char *what)
{
	const struct worker *p = &w->worker;
	char text[TEXT_MAX];

	vl_format(text, sizeof(text), "device worker %s %s (%u starts, %u deaths, %u kills)", p->rule->name,
		what, p->starts, p->deaths_ever, p->kills);
	vl_warn("%s", text);
	d->tell(d->context, text);
}

/* The VM worker learns it by the end of its supply, and the guest's device answers no more. */
static void give_up(struct devices *d, struct device_worker *w, int err)
{
	char text[TEXT_MAX];

	supervise_event(&w->worker, WORKER_STOP, clock_boot_ns());
	process_kill(&w->worker);
	if (w->supply[0] >= 0)
		close(w->supply[0]);
	w->supply[0] = -1;
	tell(d, w, "is given up");
	vl_format(text, sizeof(text), "device worker %s ends again and again: %s", w->worker.rule->name,
		vl_err_text(err));
	if (w->worker.rule->needed)
		d->fail(d->context, err, text);
}

static void on_death(struct devices *d, struct device_worker *w)
{
	char how[80];

	if (process_reap(&w->worker, how, sizeof(how)))
		return;
	vl_warn("device worker %s: %s", w->worker.rule->name, how);
	w->kill_at_ns = 0;
	if (supervise_death(&w->worker, clock_boot_ns()) == WORKER_REPORT)
		give_up(d, w, VL_E_LIMIT);
	else
		tell(d, w, "ended and starts again");
}

static void on_complaint(struct devices *d, struct device_worker *w, const struct devipc_complaint *c)
{
	/* About one that has ended since: who is there now has done nothing. */
	if (c->number != w->worker.starts) {
		vl_info("device worker %s: %s, but that was start %u, and this is start %u",
			w->worker.rule->name, vl_err_text(c->error), c->number, w->worker.starts);
		return;
	}
	vl_warn("device worker %s: %s", w->worker.rule->name, vl_err_text(c->error));
	if (supervise_event(&w->worker, WORKER_WRONG, clock_boot_ns()) != WORKER_KILL)
		return;
	process_kill(&w->worker);
	tell(d, w, c->error == VL_E_TIMEOUT ? "does not answer and is killed" :
			"breaks the rules and is killed");
}

/* The VM worker spoke or hung up. */
static void on_supply(struct devices *d, struct device_worker *w)
{
	struct devipc_complaint c;
	struct channel_message m = { .data = &c, .capacity = sizeof(c) };
	int err = channel_receive(w->supply[0], &m, 0);

	if (err == VL_E_AGAIN)
		return;
	channel_close_fds(&m);
	if (!err && m.size == sizeof(c) && c.magic == DEVIPC_COMPLAINT) {
		on_complaint(d, w, &c);
		return;
	}
	close(w->supply[0]); /* the VM worker is gone, or does not speak our language */
	w->supply[0] = -1;
}

static void on_deadline(struct devices *d, struct device_worker *w)
{
	int err;

	switch (supervise_event(&w->worker, WORKER_TIMEOUT, clock_boot_ns())) {
	case WORKER_SPAWN:
		err = spawn(d, w);
		if (err)
			give_up(d, w, err);
		return;
	case WORKER_KILL: process_kill(&w->worker); return;
	case WORKER_REPORT: give_up(d, w, VL_E_TIMEOUT); return;
	default: return;
	}
}

static bool due(uint64_t deadline_ns)
{
	return deadline_ns && !clock_left_ms(deadline_ns);
}

/* --- Loop ---------------------------------------------------------------------------------------- */

void devices_poll(const struct devices *d, struct pollfd *f)
{
	for (unsigned i = 0; i < CONTROL_DEVICE_COUNT; i++) {
		f[2 * i] = (struct pollfd){ .fd = d->list[i].worker.pidfd, .events = POLLIN };
		f[2 * i + 1] = (struct pollfd){ .fd = d->list[i].supply[0], .events = POLLIN };
	}
}

void devices_ready(struct devices *d, const struct pollfd *f)
{
	for (unsigned i = 0; i < CONTROL_DEVICE_COUNT; i++) {
		struct device_worker *w = &d->list[i];

		if (f[2 * i + 1].revents)
			on_supply(d, w);
		if (f[2 * i].revents)
			on_death(d, w);
		if (due(w->kill_at_ns)) {
			w->kill_at_ns = 0;
			w->worker.deaths = 0; /* our own doing is no crash loop */
			if (d->kill_signal)
				process_signal(&w->worker, d->kill_signal);
			else
				process_kill(&w->worker);
		}
		if (due(w->worker.deadline_ns))
			on_deadline(d, w);
	}
}

uint64_t devices_deadline_ns(const struct devices *d)
{
	uint64_t first = 0;

	for (unsigned i = 0; i < CONTROL_DEVICE_COUNT; i++) {
		const uint64_t at[] = { d->list[i].kill_at_ns, d->list[i].worker.deadline_ns };

		for (unsigned k = 0; k < VL_ARRAY_COUNT(at); k++)
			if (at[k] && (!first || at[k] < first))
				first = at[k];
	}
	return first;
}
