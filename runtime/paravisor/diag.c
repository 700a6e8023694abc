/* diag.h */
#include "runtime/paravisor/diag.h"
#include "common/base/fmt.h"
#include "common/base/log.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/clock.h"
#include "runtime/paravisor/process.h"

#include <string.h>
#include <unistd.h>

#define SEND_LIMIT_MS 100 /* to a process that may hang: the guest's life is not to wait for it */

void diag_worker_init(struct diag_worker *d)
{
	*d = (struct diag_worker){ .own = -1 };
	supervise_init(&d->worker, &supervise_rules[WORKER_DIAG]);
}

static int tell(struct diag_worker *d, const void *message, size_t size, const int *fds, size_t fd_count)
{
	int err = d->worker.control < 0 ? VL_E_CLOSED :
		channel_send(d->worker.control, message, size, fds, fd_count, SEND_LIMIT_MS);

	if (err && err != VL_E_CLOSED) {
		vl_warn("the diagnostics server does not listen (%s): it is ended", vl_err_text(err));
		process_kill(&d->worker);
	}
	return err;
}

/* All that a process of it needs. */
static int hand_over(struct diag_worker *d)
{
	const struct service_config c = { .type = SERVICE_CONFIG, .version = SERVICE_VERSION,
		.isolation = d->filter.isolation, .debug = d->filter.debug };
	int err = tell(d, &c, sizeof(c), d->fds, d->fd_count);

	for (unsigned i = 0; !err && i < d->unit_count; i++)
		err = tell(d, &d->units[i].is, sizeof(d->units[i].is), &d->units[i].fd, 1);
	return err == VL_E_CLOSED ? 0 : err; /* it is gone already: its death tells */
}

static int start_process(struct diag_worker *d)
{
	int err = d->spawn(d->context, &d->worker);

	return err ? err : hand_over(d);
}

int diag_worker_start(struct diag_worker *d, const struct filter_context *filter, const int *fds,
	unsigned fd_count, int (*spawn)(void *context, struct worker *w), void *context)
{
	memcpy(d->fds, fds, fd_count * sizeof(*fds));
	d->fd_count = fd_count;
	d->filter = *filter;
	d->spawn = spawn;
	d->context = context;
	supervise_event(&d->worker, WORKER_START, clock_boot_ns());
	return start_process(d);
}

static void name_unit(struct service_unit *is, const char *name, const char *const *entries)
{
	*is = (struct service_unit){ .type = SERVICE_UNIT };
	vl_format(is->name, sizeof(is->name), "%s", name);
	for (; entries && *entries && is->entry_count < SERVICE_ENTRY_MAX; entries++)
		vl_format(is->entries[is->entry_count++], SERVICE_NAME_MAX, "%s", *entries);
}

static unsigned find_unit(const struct diag_worker *d, const char *name)
{
	unsigned n = 0;

	while (n < d->unit_count && strcmp(d->units[n].is.name, name))
		n++;
	return n;
}

int diag_worker_has_unit(struct diag_worker *d, const char *name, const char *const *entries, int fd)
{
	unsigned n = find_unit(d, name);
	int err = !d->fd_count ? VL_E_STATE : n == SERVICE_UNIT_MAX ? VL_E_LIMIT : 0;

	if (err) {
		close(fd);
		return err;
	}
	if (n == d->unit_count)
		d->unit_count++;
	else
		close(d->units[n].fd);
	name_unit(&d->units[n].is, name, entries);
	d->units[n].fd = fd;
	/* A server that is not there, or is ended, gets it with its successor. */
	(void)tell(d, &d->units[n].is, sizeof(d->units[n].is), &fd, 1);
	return 0;
}

int diag_worker_unit(struct diag_worker *d, const char *name, const char *const *entries)
{
	int pair[2], err;

	if (channel_pair(pair))
		return VL_E_OS;
	err = diag_worker_has_unit(d, name, entries, pair[0]);
	if (err)
		close(pair[1]);
	return err ? err : pair[1];
}

void diag_worker_drop_unit(struct diag_worker *d, const char *name)
{
	unsigned n = find_unit(d, name);

	if (n == d->unit_count)
		return;
	(void)tell(d, &d->units[n].is, sizeof(d->units[n].is), NULL, 0);
	close(d->units[n].fd);
	d->unit_count--;
	memmove(&d->units[n], &d->units[n + 1], (d->unit_count - n) * sizeof(d->units[n]));
}

static int receive(struct diag_worker *d, union service_any *any, int *fd)
{
	struct channel_message m = { .data = any, .capacity = sizeof(*any) };
	int err = channel_receive(d->worker.control, &m, 0);

	*fd = -1;
	if (!err)
		err = service_check(any, m.size, m.fd_count);
	if (!err && any->type != SERVICE_HELLO && any->type != SERVICE_ASK)
		err = VL_E_PROTOCOL;
	if (!err && m.fd_count)
		*fd = m.fds[0];
	else
		channel_close_fds(&m);
	return err;
}

int diag_worker_ask(struct diag_worker *d, struct service_ask *ask, int *fd)
{
	union service_any any;
	int err = d->worker.control < 0 ? VL_E_AGAIN : receive(d, &any, fd);

	if (err == VL_E_AGAIN)
		return err;
	if (!err && any.type == SERVICE_ASK) {
		*ask = any.ask;
		return 0;
	}
	if (!err) {
		supervise_event(&d->worker, WORKER_READY, clock_boot_ns());
		return VL_E_AGAIN;
	}
	if (err != VL_E_CLOSED) {
		vl_warn("the diagnostics server sent a bad message (%s): it is ended", vl_err_text(err));
		process_kill(&d->worker);
	}
	close(d->worker.control); /* its death tells the rest */
	d->worker.control = -1;
	return VL_E_AGAIN;
}

void diag_worker_reply(struct diag_worker *d, uint64_t id, int error, const char *text, int fd)
{
	struct service_reply r = { .type = SERVICE_REPLY, .error = error, .id = id };

	vl_format(r.text, sizeof(r.text), "%s", error && !*text ? vl_err_text(error) : text);
	(void)tell(d, &r, sizeof(r), &fd, fd >= 0); /* who is gone has no use for an answer */
}

int diag_worker_on_death(struct diag_worker *d, char *how, size_t room)
{
	int err = process_reap(&d->worker, how, room);

	if (err)
		return err;
	if (supervise_death(&d->worker, clock_boot_ns()) == WORKER_REPORT)
		return VL_E_LIMIT;
	d->restarts++;
	vl_warn("the diagnostics server ended: %s; it starts again (restart %u)", how, d->restarts);
	return 0;
}

int diag_worker_on_deadline(struct diag_worker *d)
{
	if (!d->worker.deadline_ns || clock_left_ms(d->worker.deadline_ns))
		return 0;
	switch (supervise_event(&d->worker, WORKER_TIMEOUT, clock_boot_ns())) {
	case WORKER_SPAWN: return start_process(d);
	case WORKER_KILL: process_kill(&d->worker); return 0;
	default: return 0;
	}
}

void diag_worker_close(struct diag_worker *d)
{
	for (unsigned i = 0; i < d->fd_count; i++)
		close(d->fds[i]);
	for (unsigned i = 0; i < d->unit_count; i++)
		close(d->units[i].fd);
	if (d->own >= 0)
		close(d->own);
	d->own = -1;
	d->fd_count = d->unit_count = 0;
}
