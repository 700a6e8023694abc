/* commands.h */
#include "common/base/log.h"
#include "runtime/lib/clock.h"
#include "runtime/paravisor/paravisor.h"
#include "runtime/paravisor/process.h"

#include <unistd.h>

#define EXTRA_MS 60000u /* by then one that ends its command in time has ended */

static const struct worker_rule rule = { "exec", "vallum-exec", WORKER_RESTART, false, 0, 10000, 0, 0, 0 };

static void init(struct paravisor *p)
{
	for (unsigned i = 0; i < COMMANDS_MAX; i++)
		supervise_init(&p->commands[i], &rule);
}

static struct worker *place(struct paravisor *p)
{
	for (unsigned i = 0; i < COMMANDS_MAX; i++)
		if (!p->commands[i].pid)
			return &p->commands[i];
	return NULL;
}

static void run(struct paravisor *p, const struct service_ask *ask)
{
	struct worker *w = place(p);
	int err;

	if (!w) {
		diag_worker_reply(&p->diag, ask->id, VL_E_LIMIT, "too many commands run already; try again later", -1);
		return;
	}
	err = p->ops->spawn(p->context, w);
	if (err) {
		diag_worker_reply(&p->diag, ask->id, err, "the command's process does not start", -1);
		return;
	}
	w->crashes = &p->crashes;
	w->deadline_ns = clock_deadline(EXEC_LIFE_LIMIT_MS + EXTRA_MS);
	diag_worker_reply(&p->diag, ask->id, 0, "", w->control);
	close(w->control); /* the server's now: it ends with that, or with its client */
	w->control = -1;
}

static void fill_poll(const struct paravisor *p, struct pollfd *f)
{
	for (unsigned i = 0; i < COMMANDS_MAX; i++)
		f[i] = (struct pollfd){ .fd = p->commands[i].pidfd, .events = POLLIN };
}

static void reap(struct paravisor *p, const struct pollfd *f)
{
	char how[80];

	for (unsigned i = 0; i < COMMANDS_MAX; i++) {
		struct worker *w = &p->commands[i];

		if (w->deadline_ns && !clock_left_ms(w->deadline_ns)) {
			w->deadline_ns = 0;
			process_kill(w);
		}
		if (f[i].revents && f[i].fd == w->pidfd && process_reap(w, how, sizeof(how)) == 0) {
			w->deadline_ns = 0;
			vl_info("a client's command has ended: %s", how);
		}
	}
}

const struct commands_table commands_table = { init, run, fill_poll, reap };
