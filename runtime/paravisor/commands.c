/* commands.h */
#include "common/base/fmt.h"
#include "common/base/log.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/clock.h"
#include "runtime/paravisor/paravisor.h"
#include "runtime/paravisor/process.h"

#include <unistd.h>

#define SEND_LIMIT_MS 1000
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

/* The name of its unit in the inspect tree while there is one. */
static const char *unit_name(const struct paravisor *p, const struct worker *w)
{
	static char name[SERVICE_NAME_MAX];

	vl_format(name, sizeof(name), "exec-%u", (unsigned)(w - p->commands));
	return name;
}

/* Before anybody else can say something to it. */
static int begin(struct paravisor *p, struct worker *w)
{
	const struct exec_begin b = { .version = EXEC_VERSION };
	int unit = diag_worker_unit(&p->diag, unit_name(p, w), NULL);
	int err = channel_send(w->control, &b, sizeof(b), &unit, unit >= 0, SEND_LIMIT_MS);

	if (unit >= 0)
		close(unit);
	return err;
}

static void run(struct paravisor *p, const struct service_ask *ask)
{
	struct worker *w = place(p);
	int err;

	if (!w) {
		diag_worker_reply(&p->diag, ask->id, VL_E_LIMIT,
				"too many commands run already; try again later", -1);
		return;
	}
	err = p->ops->spawn(p->context, w);
	if (err) {
		diag_worker_reply(&p->diag, ask->id, err, "the command's process does not start", -1);
		return;
	}
	p->command_count++;
	w->crashes = &p->crashes;
	err = begin(p, w);
	if (err)
		process_kill(w); /* its death tells the server */
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
			diag_worker_drop_unit(&p->diag, unit_name(p, w));
			vl_info("a client's command has ended: %s", how);
		}
	}
}

const struct commands_table commands_table = { init, run, fill_poll, reap };
