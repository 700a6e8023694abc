/*
 * `vallum-diag`, the diagnostics server: the protocol between it and the paravisor,
 * which starts it, over one SOCK_SEQPACKET channel (CONTROL_FD). Both are built
 * together, so fields are native integers; the server digests what clients send
 * and is not trusted: the paravisor checks each message and does no more than the
 * filter allows for this VM, whatever the server asks.
 *
 *   paravisor                        vallum-diag
 *   CONFIG + descriptors    ->              once, first
 *   UNIT + descriptor       ->              for each unit, and when its process is a new one
 *   UNIT                    ->              that unit is gone, and with it its place in the tree
 *                           <-      HELLO   it serves
 *                           <-      ASK [+ descriptor]
 *   REPLY [+ descriptor]    ->              once for each ASK, in any order
 *
 * The server ends when the channel closes.
 */
#ifndef VL_DIAG_SERVICE_H
#define VL_DIAG_SERVICE_H

#include "common/base/err.h"
#include "common/base/types.h"

#define SERVICE_VERSION 1

enum {
	/* init, paravisor, VM worker, 3 devices, profiler, 8 commands (COMMANDS_MAX) */
	SERVICE_UNIT_MAX = 16,
	SERVICE_ENTRY_MAX = 8,
	SERVICE_NAME_MAX = 24,  /* bytes with the NUL */
	SERVICE_TEXT_MAX = 200, /* bytes with the NUL */
	SERVICE_PATH_MAX = 256, /* bytes with the NUL */
};

enum service_type {
	/* to vallum-diag */
	SERVICE_CONFIG = 1,
	SERVICE_UNIT = 2,
	SERVICE_REPLY = 3,
	/* to the paravisor */
	SERVICE_HELLO = 0x101,
	SERVICE_ASK = 0x102,
};

/* Descriptors that come with CONFIG, in this order; a hardened server has but the first. */
enum service_fd {
	SERVICE_FD_CONTROL, /* listens on VL_PORT_DIAG_CONTROL, non-blocking */
	SERVICE_FD_DATA,    /* listens on VL_PORT_DIAG_DATA, non-blocking */
	SERVICE_FD_KMSG,    /* /dev/kmsg for reading, non-blocking */
	SERVICE_FD_MAX
};

struct service_config {
	uint32_t type, version;
	uint32_t isolation; /* enum isolation (security/filter/filter.h) */
	uint32_t debug;     /* 0 or 1: measured confidential debug */
};

/*
 * A process's part of the inspect tree (runtime/lib/inspect_unit.h). It stands in a
 * folder of its name; or, when it lists entries, each of them stands in the root and
 * is asked for as "<entry>/...".
 */
struct service_unit {
	uint32_t type, entry_count;
	char name[SERVICE_NAME_MAX];
	char entries[SERVICE_ENTRY_MAX][SERVICE_NAME_MAX];
};

struct service_hello {
	uint32_t type, version;
};

enum service_what {
	SERVICE_PAUSE = 1,
	SERVICE_RESUME,
	SERVICE_RESTART, /* the VM worker: a new process takes over its state */
	SERVICE_SAVE,    /* REPLY brings a file with the saved state */
	SERVICE_OPEN,    /* path; REPLY brings it, open for reading */
	SERVICE_PROFILE, /* seconds, hertz; the descriptor gets the folded stacks */
	SERVICE_EXEC,    /* REPLY brings the channel of a process that runs a command (runtime/exec) */
	/* pid: that process of VTL2 ends by a fatal signal; the paravisor itself may be meant */
	SERVICE_CRASH,
	SERVICE_WHAT_END
};

struct service_ask {
	uint32_t type, what; /* enum service_what */
	uint64_t id;
	uint32_t seconds, hertz; /* PROFILE */
	uint32_t pid, reserved;  /* CRASH */
	char path[SERVICE_PATH_MAX]; /* OPEN; NUL-terminated */
};

struct service_reply {
	uint32_t type;
	int32_t error; /* 0 or enum vl_err */
	uint64_t id;   /* of the ASK */
	char text[SERVICE_TEXT_MAX]; /* of the error, for a person; NUL-terminated, else empty */
};

union service_any {
	uint32_t type;
	struct service_config config;
	struct service_unit unit;
	struct service_hello hello;
	struct service_ask ask;
	struct service_reply reply;
};

/*
 * Checks a received message with its descriptors: 0, or VL_E_TRUNCATED (not the size of
 * its type), VL_E_TYPE, VL_E_VERSION, VL_E_RANGE (isolation, what, an error that is none,
 * the number of descriptors), VL_E_LIMIT (entries), VL_E_FORMAT (a text without its end, a
 * name that is empty or has other characters than a-z, 0-9 and '-').
 */
int service_check(const union service_any *m, size_t size, size_t fd_count);

#endif
