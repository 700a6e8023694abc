/* vallumctl without its process: options, help, colour, the command (ctl.h). */
#include "tools/vallumctl/ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool use_colour(const struct ctl *c)
{
	const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");

	if (c->options.colour != CTL_COLOUR_AUTO)
		return c->options.colour == CTL_COLOUR_ALWAYS;
	return c->screen && !(no && no[0]) && !(terminal && !strcmp(terminal, "dumb"));
}

static int run_command(struct ctl *c, const struct ctl_command *command)
{
	if (c->options.help && command)
		ctl_command_help(c->out, command);
	else if (c->options.help)
		ctl_help(c->out);
	else if (!command)
		fputs("vallumctl " VL_VERSION "\n", c->out);
	else
		return command->run(c);
	return CTL_OK;
}

int ctl_run(struct ctl *c, int argc, char **argv)
{
	const struct ctl_command *command;
	int status = ctl_options(c, argc, argv, &command);

	if (status)
		return status;
	c->screen = isatty(fileno(c->out));
	c->terminal = isatty(fileno(c->err));
	c->colour = use_colour(c);
	status = run_command(c, command);
	if ((fflush(c->out) || ferror(c->out)) && !status)
		status = ctl_fail(c, CTL_USAGE, "the output cannot be written: %s", strerror(errno));
	return status;
}
