/* `vallumctl inspect` and the commands that show one part of the tree. */
#include "tools/vallumctl/commands.h"
#include "tools/vallumctl/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#define SCREEN_ROWS 24 /* of a terminal that does not say */

static void wait_seconds(double seconds)
{
	struct timespec t = { .tv_sec = (time_t)seconds };

	t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
	nanosleep(&t, NULL);
}

static void show(struct ctl *c, const struct inspect_node *root)
{
	if (c->options.json)
		tree_json(c, root);
	else
		tree_text(c, root);
}

/* As many lines as the terminal has, each cut at its edge, in the place of those that it shows. */
static void put_screen(struct ctl *c, const char *text)
{
	struct winsize w = { .ws_row = 0 };
	unsigned rows = ioctl(fileno(c->out), TIOCGWINSZ, &w) == 0 && w.ws_row ? w.ws_row : SCREEN_ROWS;
	unsigned lines = 0, hidden;

	for (const char *p = text; (p = strchr(p, '\n')); p++)
		lines++;
	hidden = lines < rows ? 0 : lines - (rows < 3 ? 1 : rows - 2);
	fputs("\033[H\033[?7l", c->out);
	for (; lines > hidden; lines--, text = strchr(text, '\n') + 1)
		fprintf(c->out, "%.*s\033[K\n", (int)strcspn(text, "\n"), text);
	if (hidden)
		fprintf(c->out, "(%u more lines: give a PATH or a --depth)\033[K", hidden);
	fputs("\033[?7h\033[J", c->out);
}

static int show_in_place(struct ctl *c, const struct inspect_node *root)
{
	FILE *terminal = c->out;
	char *text = NULL;
	size_t size;

	c->out = open_memstream(&text, &size);
	if (c->out) {
		show(c, root);
		if (fclose(c->out)) {
			free(text);
			text = NULL;
		}
	}
	c->out = terminal;
	if (!text)
		return ctl_fail(c, CTL_USAGE, "not enough memory");
	put_screen(c, text);
	free(text);
	return CTL_OK;
}

static int show_once(struct ctl *c, struct rpc *r)
{
	struct inspect_node root;
	int status = tree_ask(c, r, c->options.path, c->options.depth, &root);

	if (status)
		return status;
	if (c->options.watch_s > 0 && c->screen)
		status = show_in_place(c, &root);
	else
		show(c, &root);
	if (c->options.watch_s > 0 && !c->screen && !c->options.json)
		fputc('\n', c->out);
	if (status)
		return status;
	if (fflush(c->out))
		return ctl_fail(c, CTL_USAGE, "the output cannot be written: %s", strerror(errno));
	/* Who watches sees it, and sees it come back. */
	return c->options.watch_s > 0 ? CTL_OK : tree_failed(c, c->options.path, &root);
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
