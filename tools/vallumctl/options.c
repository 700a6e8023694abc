/* The command line of vallumctl (ctl.h): one table of options for all commands. The user's words, trusted. */
#include "tools/vallumctl/ctl.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_DEFAULT_S 30
#define SECONDS_DEFAULT 10
#define HERTZ_DEFAULT 99
#define DEPTH_MAX 64
#define WATCH_DEFAULT_S 2.0
#define TIME_MAX_S 1e9

enum option_id {
	/* For every command. */
	OPT_VSOCK = 256, OPT_TIMEOUT, OPT_COLOUR, OPT_HELP, OPT_VERSION,
	/* For some: `allowed` says which. */
	OPT_DEPTH, OPT_JSON, OPT_WATCH, OPT_FOLLOW, OPT_SINCE, OPT_PROCESS, OPT_SVG, OPT_SECONDS, OPT_HERTZ,
	OPT_FOLDED,
};

static const struct option options[] = {
	{ "vsock", required_argument, NULL, OPT_VSOCK },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "color", required_argument, NULL, OPT_COLOUR },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "depth", required_argument, NULL, OPT_DEPTH },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "watch", optional_argument, NULL, OPT_WATCH },
	{ "follow", no_argument, NULL, OPT_FOLLOW },
	{ "since", required_argument, NULL, OPT_SINCE },
	{ "process", required_argument, NULL, OPT_PROCESS },
	{ "svg", required_argument, NULL, OPT_SVG },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "hertz", required_argument, NULL, OPT_HERTZ },
	{ "folded", required_argument, NULL, OPT_FOLDED },
	{ NULL, 0, NULL, 0 },
};

static unsigned permission(int id)
{
	switch (id) {
	case OPT_DEPTH: return CTL_ALLOW_DEPTH;
	case OPT_JSON: return CTL_ALLOW_JSON;
	case OPT_WATCH: return CTL_ALLOW_WATCH;
	case OPT_FOLLOW: return CTL_ALLOW_FOLLOW;
	case OPT_SINCE: return CTL_ALLOW_SINCE;
	case OPT_PROCESS: return CTL_ALLOW_PROCESS;
	case OPT_SVG: return CTL_ALLOW_SVG;
	case OPT_SECONDS: return CTL_ALLOW_SECONDS;
	case OPT_HERTZ: return CTL_ALLOW_HERTZ;
	case OPT_FOLDED: return CTL_ALLOW_FOLDED;
	default: return 0;
	}
}

static const char *name_of(int id)
{
	const struct option *o = options;

	while (o->val != id)
		o++;
	return o->name;
}

static int whole(struct ctl *c, int id, const char *text, unsigned least, unsigned most, unsigned *out)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || value < least || value > most)
		return ctl_fail(c, CTL_USAGE, "--%s %s: give a whole number from %u to %u", name_of(id),
			text, least, most);
	*out = (unsigned)value;
	return CTL_OK;
}

static int decimal(struct ctl *c, int id, const char *text, double least, double *out)
{
	char *end;

	*out = strtod(text, &end);
	if (text[0] < '0' || text[0] > '9' || *end || !(*out >= least && *out <= TIME_MAX_S))
		return ctl_fail(c, CTL_USAGE, "--%s %s: give a number of seconds, %g or more",
			name_of(id), text, least);
	return CTL_OK;
}

static int colour(struct ctl *c, const char *text)
{
	static const char *const names[] = { "auto", "always", "never" };

	for (size_t i = 0; i < VL_ARRAY_COUNT(names); i++)
		if (!strcmp(text, names[i])) {
			c->options.colour = (enum ctl_colour)i;
			return CTL_OK;
		}
	return ctl_fail(c, CTL_USAGE, "--color %s: use auto, always or never", text);
}

static int take(struct ctl *c, int id, const char *argument)
{
	struct ctl_options *o = &c->options;

	switch (id) {
	case OPT_VSOCK: o->vsock = argument; break;
	case OPT_TIMEOUT: return whole(c, id, argument, 1, 86400, &o->timeout_s);
	case OPT_COLOUR: return colour(c, argument);
	case OPT_HELP: o->help = true; break;
	case OPT_VERSION: o->version = true; break;
	case OPT_DEPTH: return whole(c, id, argument, 0, DEPTH_MAX, &o->depth);
	case OPT_JSON: o->json = true; break;
	case OPT_WATCH:
		o->watch_s = WATCH_DEFAULT_S;
		return argument ? decimal(c, id, argument, 0.1, &o->watch_s) : CTL_OK;
	case OPT_FOLLOW: o->follow = true; break;
	case OPT_SINCE: return decimal(c, id, argument, 0, &o->since_s);
	case OPT_PROCESS: o->process = argument; break;
	case OPT_SVG: o->svg = argument; break;
	case OPT_SECONDS: return whole(c, id, argument, 1, 600, &o->seconds);
	case OPT_HERTZ: return whole(c, id, argument, 1, 1000, &o->hertz);
	case OPT_FOLDED: o->folded = argument; break;
	}
	return CTL_OK;
}

/* What getopt does not take: `id` ':' or '?', and in optopt the option if it was found. */
static int wrong(struct ctl *c, int id, char **argv)
{
	const char *word = argv[optind - 1];

	if (id == ':')
		return ctl_fail(c, CTL_USAGE, "%s: its value is missing; see `vallumctl --help`", word);
	if (optopt >= OPT_VSOCK)
		return ctl_fail(c, CTL_USAGE, "--%s takes no value; see `vallumctl --help`", name_of(optopt));
	if (optopt)
		return ctl_fail(c, CTL_USAGE, "-%c: unknown option; see `vallumctl --help`", optopt);
	return ctl_fail(c, CTL_USAGE,
			"%s: unknown option, or the begin of several; see `vallumctl --help`", word);
}

static const struct ctl_command *find_command(const char *name)
{
	const struct ctl_command *k = ctl_commands;

	while (k->name && strcmp(k->name, name))
		k++;
	return k->name ? k : NULL;
}

static int check(struct ctl *c, unsigned given, int first_forbidden, const struct ctl_command *k)
{
	const struct ctl_options *o = &c->options;

	if (given & ~k->allowed)
		return ctl_fail(c, CTL_USAGE, "--%s is no option of `%s`; see `vallumctl %s --help`",
			name_of(first_forbidden), k->name, k->name);
	if (o->path[0] && !(k->allowed & CTL_ALLOW_PATH))
		return ctl_fail(c, CTL_USAGE, "`%s` takes no argument, but there is '%s'", k->name, o->path);
	if (o->word_count && !(k->allowed & CTL_ALLOW_WORDS))
		return ctl_fail(c, CTL_USAGE, "'%s' is one argument too many", o->words[0]);
	if (k->allowed & CTL_ALLOW_WORDS && !o->path[0])
		return ctl_fail(c, CTL_USAGE, "which program of VTL2? See `vallumctl %s --help`", k->name);
	if (o->svg && o->json)
		return ctl_fail(c, CTL_USAGE, "--svg or --json: `%s` has one of them at a time", k->name);
	if (o->svg && o->folded && !strcmp(o->svg, o->folded))
		return ctl_fail(c, CTL_USAGE, "--svg and --folded %s: they are two files", o->svg);
	if (!o->vsock || !o->vsock[0])
		return ctl_fail(c, CTL_USAGE,
			"which VM? Give the socket of its --vsock: --vsock PATH, or set VALLUM_VSOCK");
	return CTL_OK;
}

/* The operands: a command, and what some commands take. */
static void operands(struct ctl *c, int argc, char **argv)
{
	struct ctl_options *o = &c->options;

	o->command = argc > 0 ? argv[0] : "";
	o->path = argc > 1 ? argv[1] : "";
	o->words = argv + 2;
	o->word_count = argc > 2 ? argc - 2 : 0;
}

int ctl_options(struct ctl *c, int argc, char **argv, const struct ctl_command **command)
{
	struct ctl_options *o = &c->options;
	unsigned given = 0;
	int id, forbidden[32] = { 0 }, count = 0, status;

	*o = (struct ctl_options){ .command = "", .path = "", .vsock = getenv("VALLUM_VSOCK"),
		.timeout_s = TIMEOUT_DEFAULT_S, .depth = DEPTH_MAX, .seconds = SECONDS_DEFAULT,
		.hertz = HERTZ_DEFAULT, .since_s = -1 };
	*command = NULL;
	optind = 0; /* anew, also in a test */
	opterr = 0;
	while ((id = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (id == '?' || id == ':')
			return wrong(c, id, argv);
		status = take(c, id == 'h' ? OPT_HELP : id, optarg);
		if (status)
			return status;
		if (permission(id) && count < (int)VL_ARRAY_COUNT(forbidden))
			forbidden[count++] = id;
		given |= permission(id);
	}
	operands(c, argc - optind, argv + optind);
	*command = find_command(o->command);
	if (o->command[0] && !*command)
		return ctl_fail(c, CTL_USAGE, "unknown command '%s'; `vallumctl --help` lists them",
				o->command);
	if (o->help || (o->version && !*command))
		return CTL_OK;
	if (!*command)
		return ctl_fail(c, CTL_USAGE, "which command? `vallumctl --help` lists them");
	for (id = 0; id < count - 1 && (permission(forbidden[id]) & (*command)->allowed); id++)
		;
	return check(c, given, forbidden[id], *command);
}
