/*
 * A diagnostics server with a script, for the tests of vallumctl: it takes the
 * client's connections over socket pairs, in a process of its own, and plays one
 * step for each call. What it was asked is written down for the test.
 */
#ifndef VL_TEST_CTL_FAKE_SERVER_H
#define VL_TEST_CTL_FAKE_SERVER_H

#include "tools/vallumctl/ctl.h"

/* What the server does when a call comes. */
struct fake_step {
	const char *method;      /* that must be called; else the test's log says so */
	const void *answer;      /* payload of the response; NULL: none */
	size_t answer_size;
	unsigned code;           /* instead: a status, with `text` */
	const char *text;
	const void *raw;         /* instead: these bytes, whatever they are */
	size_t raw_size;
	const void *data;        /* sent over the data connection first, if there is one */
	size_t data_size;
	bool silent;             /* no answer at all; waits for the client to go */
	bool answer_first;       /* the response before the data */
};

#define FAKE_TEXT_MAX 65536

struct fake_run {
	/* Before the run: 0, or both streams are a terminal of that size, all seen in `out`. */
	unsigned rows, columns;
	int status;                    /* of the client */
	char out[FAKE_TEXT_MAX];       /* its standard output */
	char err[FAKE_TEXT_MAX];
	char asked[4096];              /* "Service.Method payload-in-hex" lines */
};

/*
 * Runs `vallumctl ARGUMENTS` (words between blanks) against the script. `--vsock test`
 * and a time-out of 5 s are added. Steps end with one whose method is NULL.
 */
void fake_run(struct fake_run *run, const struct fake_step *steps, const char *arguments);

#endif
