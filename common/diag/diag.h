/*
 * The diagnostics services' names and messages, as the reference
 * implementation has them (its diag.proto, inspect_service.proto and
 * profile.proto). Payloads of ttrpc calls (common/ttrpc); built and decoded
 * without allocation. A server treats requests as hostile, a client responses.
 *
 * Calls go to VL_PORT_DIAG_CONTROL. A stream of data has a connection of its
 * own to VL_PORT_DIAG_DATA: the server sends an id there, le64, first thing,
 * and the client names that id in the call that is to use the connection.
 */
#ifndef VL_DIAG_DIAG_H
#define VL_DIAG_DIAG_H

#include "common/base/bytes.h"
#include "common/inspect/inspect.h"

#define DIAG_SERVICE "diag.UnderhillDiag"
#define DIAG_SERVICE_PING "diag.OpenhclDiag"
#define DIAG_SERVICE_INSPECT "inspect.InspectService"
#define DIAG_SERVICE_PROFILE "profile.AzureProfiler"

#define DIAG_PATH_MAX 256u     /* bytes with the NUL, of a file's path or a value */
#define DIAG_LINE_MAX 2048u    /* bytes of a log record with the NUL that ends it on the wire */
#define DIAG_CONNECTION_ID_BYTES 8u
#define DIAG_WORDS_BYTES 2048u /* of all arguments of a command, or of its environment, with their NULs */
#define DIAG_WORDS_MAX 64u     /* arguments, or variables */

/* Kmsg {1: follow, 2: conn}, ReadFile {1: follow, 2: conn, 3: file_path}. */
struct diag_stream_request {
	bool follow;   /* go on with what comes later until the client closes the connection */
	uint64_t conn; /* id of a data connection */
	char path[DIAG_PATH_MAX]; /* ReadFile only */
};

/* Inspect {1: path, 2: depth}. */
enum { DIAG_INSPECT_PATH = 1, DIAG_INSPECT_DEPTH };
struct diag_inspect_request {
	char path[INSPECT_PATH_MAX];
	uint32_t depth; /* INSPECT_ALL: no limit */
};

/* Update {1: path, 2: value}. */
struct diag_update_request {
	char path[INSPECT_PATH_MAX];
	char value[DIAG_PATH_MAX];
};

/*
 * Profile {1: conn, 2: duration, 3: profiler_args ...}. The arguments are words for
 * the profiler behind the server; of them "hertz=N" is ours, others are passed over.
 */
struct diag_profile_request {
	uint64_t conn;
	uint64_t duration_s;
	uint32_t hertz; /* samples a second; 0: not given, the server chooses */
};

/* Start {1: env {1: name, 2: value} ..., 2: args ...}. */
struct diag_start_request {
	unsigned env_count, arg_count; /* how many there are; their content is passed over */
};

/* Crash {1: pid}. */
struct diag_crash_request {
	uint32_t pid; /* of VTL2; one that is negative on the wire is no process's */
};

/* Words one behind the other, each with its NUL. */
struct diag_words {
	uint32_t count, size; /* words; bytes of them */
	char text[DIAG_WORDS_BYTES];
};

/*
 * Exec {1: command, 2: args ..., 3: tty, 4: stdin, 5: stdout, 6: stderr, 7: combine_stderr,
 * 8: env {1: name, 2: value} ..., 9: clear_env, 10: raw_socket_io (passed over)}. The command's answer is
 * ExecResponse {1: pid}.
 */
struct diag_exec_request {
	char command[DIAG_PATH_MAX];
	struct diag_words args; /* without the command */
	struct diag_words env;  /* "NAME=VALUE", or "NAME" for one that is to be taken out */
	uint64_t in, out, err;  /* ids of data connections; 0: none */
	bool tty, combine_stderr, clear_env;
};

/* Wait {1: pid}; its answer is WaitResponse {1: exit_code}. */
struct diag_wait_request {
	uint32_t pid;
};

enum diag_capture { DIAG_CAPTURE_QUERY, DIAG_CAPTURE_START, DIAG_CAPTURE_STOP };

/* PacketCapture {3: operation, 4: start data, passed over}. */
struct diag_capture_request {
	uint32_t operation; /* enum diag_capture, or what the client sent */
};

/* All: 0, VL_E_TRUNCATED, VL_E_FORMAT, VL_E_RANGE, VL_E_TYPE, VL_E_LIMIT (a text that is too long). */
int diag_stream_decode(const void *data, size_t size, struct diag_stream_request *q);
int diag_inspect_decode(const void *data, size_t size, struct diag_inspect_request *q);
int diag_update_decode(const void *data, size_t size, struct diag_update_request *q);
int diag_profile_decode(const void *data, size_t size, struct diag_profile_request *q);
int diag_start_decode(const void *data, size_t size, struct diag_start_request *q);
int diag_crash_decode(const void *data, size_t size, struct diag_crash_request *q);
int diag_capture_decode(const void *data, size_t size, struct diag_capture_request *q);
/* Of a variable's name also VL_E_FORMAT when it is empty or has a '='. */
int diag_exec_decode(const void *data, size_t size, struct diag_exec_request *q);
int diag_wait_decode(const void *data, size_t size, struct diag_wait_request *q);

/* Adds a word; VL_E_LIMIT when there is no room. */
int diag_words_add(struct diag_words *w, const char *word);
/*
 * The next word from *at on, which is 0 before the first and moved on; NULL behind the last. `w` is checked.
 */
const char *diag_words_next(const struct diag_words *w, uint32_t *at);
/* Whether count, size and NULs agree: VL_E_FORMAT, VL_E_LIMIT. For words of another process. */
int diag_words_check(const struct diag_words *w);

/* The same for a client: fields of the payload that is open in `w`. */
void diag_stream_encode(struct vl_writer *w, const struct diag_stream_request *q);
void diag_inspect_encode(struct vl_writer *w, const struct diag_inspect_request *q);
void diag_update_encode(struct vl_writer *w, const struct diag_update_request *q);
void diag_profile_encode(struct vl_writer *w, const struct diag_profile_request *q);
void diag_exec_encode(struct vl_writer *w, const struct diag_exec_request *q);
void diag_wait_encode(struct vl_writer *w, const struct diag_wait_request *q);

/*
 * The one field 1 of the responses that have one: InspectResponse (a Node),
 * UpdateResponse (a Value), DumpSavedStateResponse (bytes). The decoder gives a
 * view, empty when the field is left out.
 */
#define DIAG_RESPONSE_FIELD 1
int diag_response_decode(const void *data, size_t size, const uint8_t **field, size_t *field_size);

/* The same for the responses whose field 1 is a number: ExecResponse, WaitResponse. */
int diag_number_decode(const void *data, size_t size, int32_t *number);
void diag_number_encode(struct vl_writer *w, int32_t number);

#endif
