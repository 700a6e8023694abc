/* The user's terminal; see terminal.h and terminal_filter in host.h. */
#include "tools/host/terminal.h"
#include "tools/host/host.h"

#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#define CTRL_A 1

static struct termios saved;
static bool is_raw;

void terminal_restore(void)
{
	if (is_raw)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
	is_raw = false;
}

void terminal_start(void)
{
	struct termios raw;

	if (is_raw || !isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &saved))
		return;
	raw = saved;
	raw.c_iflag &= ~(tcflag_t)(BRKINT | ICRNL | INLCR | IGNCR | INPCK | ISTRIP | IXON);
	raw.c_lflag &= ~(tcflag_t)(ECHO | ICANON | ISIG | IEXTEN);
	raw.c_cflag |= CS8;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	is_raw = true;
	atexit(terminal_restore);
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

/* The escape works on a terminal only: bytes of a pipe are the guest's, all of them. */
size_t terminal_filter(struct host *h, uint8_t *data, size_t size)
{
	static bool escaped;
	size_t i, kept = 0;

	if (!is_raw)
		return size;
	for (i = 0; i < size; i++) {
		uint8_t c = data[i];

		if (!escaped && c == CTRL_A) {
			escaped = true;
			continue;
		}
		if (escaped && (c == 'x' || c == 'X'))
			host_end(h, HOST_END_ERROR, "ended by Ctrl-A x");
		else if (!escaped || c == CTRL_A)
			data[kept++] = c;
		escaped = false;
	}
	return kept;
}
