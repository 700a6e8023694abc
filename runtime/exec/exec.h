/*
 * `vallum-exec`, in the debug image alone: runs one command of VTL2 for a client of the
 * diagnostics server. Started by the paravisor, which says the first word and then hands the other end of its
 * channel to the server; the server is not trusted, what it sends is checked.
 *
 *   paravisor                        vallum-exec, on CONTROL_FD
 *   BEGIN [+ descriptor]   ->             once: its end as a unit of the inspect tree, if there is room
 *   vallum-diag
 *   REQUEST + descriptors  ->             once, within EXEC_REQUEST_LIMIT_MS
 *                          <-  STARTED    the command runs, or an error, which is the end
 *                          <-  ENDED      once; its output was all written, and then it ends
 *
 * The command reads and writes the client's own connections: what the client does not take, the command
 * waits with. Everything that it started ends with it, and with the channel, which the server closes when its
 * client hangs up; also after EXEC_LIFE_LIMIT_MS.
 *
 * The kernel has no pseudo-terminals. For a client that wants one (`tty`) the command has pipes, and
 * terminal.h does for them what a terminal in its ordinary mode does.
 */
#ifndef VL_EXEC_EXEC_H
#define VL_EXEC_EXEC_H

#include "common/base/err.h"
#include "common/base/types.h"
#include "common/diag/diag.h"

#define EXEC_VERSION 1u
#define EXEC_MAX 4u                     /* commands at a time */
#define EXEC_PROCESS_MAX 64u            /* of all commands together */
#define EXEC_MEMORY_MAX (32ull << 20)   /* of address space of each process */
#define EXEC_REQUEST_LIMIT_MS 10000
#define EXEC_LIFE_LIMIT_MS 3600000u
/* of a command that did not exit by itself, as the reference has it */
#define EXEC_NO_CODE 255

struct exec_begin {
	uint32_t version; /* EXEC_VERSION */
};

enum exec_stream { EXEC_IN, EXEC_OUT, EXEC_ERR, EXEC_STREAM_COUNT };

struct exec_request {
	uint32_t version;
	uint32_t streams; /* bit per enum exec_stream: its connected socket comes along, in this order */
	uint32_t tty, combine_stderr, clear_env; /* 0 or 1 */
	char command[DIAG_PATH_MAX]; /* a path, or a name that is looked for in /bin; NUL-terminated */
	struct diag_words args, env; /* as in struct diag_exec_request */
};

enum exec_said { EXEC_STARTED = 1, EXEC_ENDED };

struct exec_message {
	uint32_t said; /* enum exec_said */
	int32_t value; /* STARTED: a process number, or a negative vl_err; ENDED: the exit code, 0 to 255 */
};

/*
 * Checks of bytes as received, with the number of descriptors: 0, or VL_E_TRUNCATED (size), VL_E_VERSION,
 * VL_E_RANGE (a flag, streams, descriptors, a value), VL_E_TYPE (what is said), VL_E_FORMAT and VL_E_LIMIT
 * (words, an empty command).
 */
int exec_begin_check(const struct exec_begin *b, size_t size, size_t fd_count);
int exec_request_check(const struct exec_request *q, size_t size, size_t fd_count);
int exec_message_check(const struct exec_message *m, size_t size, size_t fd_count);

/*
 * Runs the command of a checked request with the sockets of `fds` (enum exec_stream; -1: none), which are
 * exec_run()'s, as is `unit` (-1: none), and speaks over `control` until all is over, at most `life_ms` long.
 * Returns the exit code, which was told.
 */
int exec_run(const struct exec_request *q, const int fds[EXEC_STREAM_COUNT], int control, int unit,
		unsigned life_ms);

#endif
