/* terminal.h */
#include "runtime/exec/terminal.h"

#include <string.h>

enum { INTERRUPT = 0x03, END = 0x04, BACKSPACE = 0x08, KILL_LINE = 0x15, DELETE = 0x7f };

static void show(char echo[TERMINAL_ECHO_MAX], size_t *size, const char *text)
{
	*size = strlen(text);
	memcpy(echo, text, *size);
}

/* One byte of room stays for the end of the line. */
static void append(struct terminal *t, char byte, char echo[TERMINAL_ECHO_MAX], size_t *echo_size)
{
	if (t->size == sizeof(t->line) - 1 || (unsigned char)byte < ' ') {
		show(echo, echo_size, "\a");
		return;
	}
	t->line[t->size++] = byte;
	echo[0] = byte;
	*echo_size = 1;
}

enum terminal_event terminal_input(struct terminal *t, char byte, char echo[TERMINAL_ECHO_MAX],
		size_t *echo_size)
{
	*echo_size = 0;
	switch (byte) {
	case '\r':
	case '\n':
		t->line[t->size++] = '\n';
		show(echo, echo_size, "\r\n");
		return TERMINAL_LINE;
	case INTERRUPT:
		t->size = 0;
		show(echo, echo_size, "^C\r\n");
		return TERMINAL_INTERRUPT;
	case END:
		return t->size ? TERMINAL_LINE : TERMINAL_END;
	case BACKSPACE:
	case DELETE:
		show(echo, echo_size, t->size ? "\b \b" : "");
		t->size -= t->size > 0;
		break;
	case KILL_LINE:
		t->size = 0;
		show(echo, echo_size, "^U\r\n");
		break;
	default:
		append(t, byte, echo, echo_size);
	}
	return TERMINAL_NOTHING;
}

void terminal_taken(struct terminal *t)
{
	t->size = 0;
}

size_t terminal_output(const char *data, size_t size, char *out)
{
	size_t used = 0;

	for (size_t i = 0; i < size; i++) {
		if (data[i] == '\n')
			out[used++] = '\r';
		out[used++] = data[i];
	}
	return used;
}
