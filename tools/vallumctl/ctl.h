/*
 * What the commands of vallumctl share: options, output, exit statuses and the
 * one way to complain. The user and this machine's files are trusted; what
 * the paravisor sends is not: it is bounded, checked, and never reaches a
 * terminal unfiltered.
 */
#ifndef VL_CTL_CTL_H
#define VL_CTL_CTL_H

#include "common/base/err.h"
#include "common/base/types.h"

#include <stdio.h>

/* Exit statuses; `vallumctl --help` lists them. */
enum ctl_status {
	CTL_OK = 0,
	CTL_USAGE = 1,       /* wrong usage, or a file of this machine that cannot be written */
	CTL_UNREACHABLE = 2, /* no connection to the paravisor, or no answer in time */
	CTL_REFUSED = 3,     /* the paravisor says no, or that it failed */
	CTL_PROTOCOL = 4,    /* the paravisor sent what nobody can understand */
	/* `exec` ends with the command's own, once that runs */
};

enum ctl_colour { CTL_COLOUR_AUTO, CTL_COLOUR_ALWAYS, CTL_COLOUR_NEVER };

/* What the command line said. */
struct ctl_options {
	const char *command, *path; /* path: the operand, "" without one */
	char **words;               /* behind it */
	int word_count;
	const char *vsock, *svg, *folded, *process;
	enum ctl_colour colour;
	unsigned timeout_s, depth, seconds, hertz;
	double watch_s;  /* 0: once */
	double since_s;  /* -1: from the beginning */
	bool json, follow, help, version;
};

struct ctl {
	struct ctl_options options;
	FILE *out, *err;
	bool colour;   /* `out` takes colours */
	bool terminal; /* `err` is a terminal: progress may be shown there */
	bool screen;   /* `out` is one: what is shown again may take the place of what was */
	/*
	 * A new stream to a port of VTL2 (common/base/ports.h), non-blocking; or VL_E_* after
	 * having said why. link_connect(), or a test's own.
	 */
	int (*connect)(struct ctl *c, uint32_t port);
	void *context; /* of connect */
};

/*
 * The whole program but for exit(): the streams and `connect` are set by the
 * caller, the rest here. Returns the exit status.
 */
int ctl_run(struct ctl *c, int argc, char **argv);

/*
 * Fills c->options. 0, or CTL_USAGE with the reason printed. *command (may be NULL
 * when help or version is asked for) is the entry of the command's name.
 */
struct ctl_command;
int ctl_options(struct ctl *c, int argc, char **argv, const struct ctl_command **command);

/* The options that a command may have. */
enum ctl_allowed {
	CTL_ALLOW_PATH = 1 << 0,
	CTL_ALLOW_DEPTH = 1 << 1,
	CTL_ALLOW_JSON = 1 << 2,
	CTL_ALLOW_WATCH = 1 << 3,
	CTL_ALLOW_FOLLOW = 1 << 4,
	CTL_ALLOW_SINCE = 1 << 5,
	CTL_ALLOW_PROCESS = 1 << 6,
	CTL_ALLOW_SVG = 1 << 7,
	CTL_ALLOW_SECONDS = 1 << 8,
	CTL_ALLOW_HERTZ = 1 << 9,
	CTL_ALLOW_FOLDED = 1 << 10,
	CTL_ALLOW_WORDS = 1 << 11,
};

struct ctl_command {
	const char *name;
	int (*run)(struct ctl *c);
	unsigned allowed; /* enum ctl_allowed */
	const char *summary;
	const char *help;
};

extern const struct ctl_command ctl_commands[]; /* ends in a name of NULL */
void ctl_help(FILE *out);
void ctl_command_help(FILE *out, const struct ctl_command *command);

/* --- Output ------------------------------------------------------------------------------------ */

/* "vallumctl: " and the message on c->err. Returns `status` for a tail call. */
int ctl_fail(struct ctl *c, int status, const char *fmt, ...) VL_PRINTF(3, 4);

/* A line that stands on a terminal until the next one, or until it is wiped by NULL; nothing elsewhere. */
void ctl_progress(struct ctl *c, const char *fmt, ...) VL_PRINTF(2, 3);
void ctl_progress_end(struct ctl *c);

/* "\033[1m" and the like when c->out takes colours, else "". */
const char *ctl_style(const struct ctl *c, const char *sequence);
#define CTL_BOLD "\033[1m"
#define CTL_DIM "\033[2m"
#define CTL_RED "\033[31m"
#define CTL_GREEN "\033[32m"
#define CTL_YELLOW "\033[33m"
#define CTL_BLUE "\033[34m"
#define CTL_PLAIN "\033[0m"

/* Text of the paravisor's for a terminal or a file: control characters and broken UTF-8 become '?'. */
void ctl_put_text(FILE *out, const char *text, size_t size);

/*
 * A file that is complete or not there, and as it was until it is complete: what is written to `stream` is
 * kept in memory, ctl_commit makes the file of it, ctl_discard forgets it. "-" is c->out; what is no plain
 * file (a pipe, a device) is written to in place. ctl_create looks whether the file can be made, so that a
 * long command fails at its beginning. CTL_USAGE with the reason printed.
 */
struct ctl_file {
	FILE *stream; /* NULL: none, before ctl_create and after the others */
	const char *path;
	char *text;
	size_t size;
	bool in_place;
};
int ctl_create(struct ctl *c, struct ctl_file *f, const char *path);
int ctl_commit(struct ctl *c, struct ctl_file *f);
void ctl_discard(struct ctl_file *f);

#endif
