/* `vallumctl inspect` and the commands that show one part of the tree. */
#include "tools/vallumctl/commands.h"
#include "tools/vallumctl/tree.h"

#include <time.h>

static void wait_seconds(double seconds)
{
	struct timespec t = { .tv_sec = (time_t)seconds };

	t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
	nanosleep(&t, NULL);
}

static int show_once(struct ctl *c, struct rpc *r)
{
	struct inspect_node root;
	int status = tree_ask(c, r, c->options.path, c->options.depth, &root);

	if (status)
		return status;
	/* A terminal shows the newest state in place. */
	if (c->options.watch_s > 0 && c->colour)
		fputs("\033[H\033[J", c->out);
	if (c->options.json)
		tree_json(c, &root);
	else
		tree_text(c, &root);
	if (c->options.watch_s > 0 && !c->colour && !c->options.json)
		fputc('\n', c->out);
	return fflush(c->out) ? ctl_fail(c, CTL_USAGE, "the output cannot be written") : CTL_OK;
}

int ctl_inspect(struct ctl *c)
{
	struct rpc r;
	int status = rpc_open(c, &r);

	if (!status)
		status = show_once(c, &r);
	/* Until it is interrupted, or the VM is gone. */
	while (!status && c->options.watch_s > 0) {
		wait_seconds(c->options.watch_s);
		status = show_once(c, &r);
	}
	rpc_close(&r);
	return status;
}

int ctl_settings(struct ctl *c)
{
	return tree_show(c, "settings");
}

int ctl_version(struct ctl *c)
{
	return tree_show(c, "version");
}

int ctl_crashes(struct ctl *c)
{
	return tree_show(c, "crashes");
}
