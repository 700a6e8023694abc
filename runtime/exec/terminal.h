/*
 * The part of a terminal that a client in raw mode and a program on pipes need of each other, as POSIX has
 * its canonical mode: lines that can be edited, echo, CR and NL, the characters of
 * interrupt and end. Bytes are the client's and the command's: hostile. No system call.
 */
#ifndef VL_EXEC_TERMINAL_H
#define VL_EXEC_TERMINAL_H

#include "common/base/types.h"

#define TERMINAL_LINE_MAX 1024u /* bytes of a line that is being edited */
#define TERMINAL_ECHO_MAX 4u    /* bytes that one of the client's becomes on its screen */

struct terminal {
	size_t size;
	char line[TERMINAL_LINE_MAX];
};

enum terminal_event {
	TERMINAL_NOTHING,
	TERMINAL_LINE,      /* t->line is for the command; terminal_taken() when it has been */
	TERMINAL_INTERRUPT, /* SIGINT */
	TERMINAL_END,       /* the command's input is at its end */
};

/* Takes one byte of the client's; what it is to see of it goes to `echo`, *echo_size bytes. */
enum terminal_event terminal_input(struct terminal *t, char byte, char echo[TERMINAL_ECHO_MAX],
		size_t *echo_size);
void terminal_taken(struct terminal *t);

/* `size` bytes of the command's for the client's screen into `out`, with room for twice as many; how many. */
size_t terminal_output(const char *data, size_t size, char *out);

#endif
