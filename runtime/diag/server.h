/*
 * The diagnostics server without its process: connections of clients on two
 * listening sockets, calls (common/ttrpc), and what it gets from the paravisor
 * (service.h). One thread. Clients are programs of the host, or of anybody whom
 * the host lets through: hostile. So everything of theirs is bounded - connections,
 * bytes of a request, calls without answer, bytes not yet taken - and everything
 * that waits for a client has a deadline.
 */
#ifndef VL_DIAG_SERVER_H
#define VL_DIAG_SERVER_H

#include "common/diag/diag.h"
#include "common/ttrpc/ttrpc.h"
#include "runtime/diag/service.h"
#include "runtime/lib/inspect_unit.h"
#include "security/filter/filter.h"

#define SERVER_CONNECTION_MAX 64
#define SERVER_REQUEST_MAX 4096u         /* bytes of a request's message */
#define SERVER_ANSWER_MAX (640u << 10)   /* bytes of an answer: a whole tree of all units */
#define SERVER_BACKLOG_MAX (4u << 20)    /* bytes that all clients together have not yet taken */
#define SERVER_PIECE_BYTES 16384u        /* of a stream, at a time */
#define SERVER_ASK_MAX 16                /* calls that wait for the paravisor */
#define SERVER_FRAME_LIMIT_MS 10000u     /* for a request, from its first byte to its last */
#define SERVER_STALL_LIMIT_MS 30000u     /* for a client to take at least something */
#define SERVER_IDLE_LIMIT_MS 600000u     /* for the next request */
#define SERVER_CLAIM_LIMIT_MS 30000u     /* for a data connection to be named by a call */
/* idle for longer, and it may have to make room for another client */
#define SERVER_ROOM_MS 1000u
#define SERVER_UNIT_LIMIT_MS 2000u       /* for all units' parts of one tree */
#define SERVER_CALL_LIMIT_MS 30000u      /* for a call that brings no limit of its own */

struct server;
struct log;
struct exec_table;
struct commands;

struct connection {
	int fd;               /* -1: the place is free */
	bool data;            /* came to the data port */
	bool claimed;         /* data: a call has named it */
	bool ending;          /* closed when what is in `out` has gone */
	bool refilled;        /* `pump` may have more */
	uint64_t id;          /* of no other, ever */
	uint64_t number;      /* of a data connection, among these: its client knows it */
	uint64_t deadline_ns; /* closed then, unless something happens before */
	uint64_t active_ns;   /* when it did something last */
	unsigned asks;        /* its calls that wait for the paravisor, or for a command to start */
	unsigned held;        /* its commands */

	uint32_t skip;        /* bytes of a message that is too long, still to come */
	size_t in_size;
	uint8_t in[TTRPC_HEADER_BYTES + SERVER_REQUEST_MAX];

	uint8_t *out;         /* malloc'ed; what the client has not taken yet */
	size_t out_at, out_size;
	/*
	 * Fills c->out when it is empty. VL_E_AGAIN: nothing now; VL_E_CLOSED: nothing any more; others: the
	 * connection is closed. NULL: nothing comes.
	 */
	int (*pump)(struct server *s, struct connection *c);
	uint64_t position;    /* pump's: in the log, or in the file */
	bool follow;          /* pump's */
	int file;             /* pump's; -1: none */
	uint64_t file_left;
};

/* A call that the paravisor carries out. */
struct ask {
	uint64_t id;         /* 0: free */
	uint64_t connection; /* whose call it is; perhaps gone */
	uint64_t data;       /* the data connection that it names, or 0 */
	uint32_t stream, what;
	uint64_t deadline_ns;
	bool follow;
};

struct unit {
	struct service_unit is; /* entry_count 0: a folder of its own */
	struct inspect_unit link;
};

struct server_counts {
	uint64_t accepted, refused, calls, failed, malformed, timed_out;
};

struct server {
	struct filter_context filter;
	int parent;                /* the paravisor's channel */
	int listeners[2];          /* control, data; -1: none */
	struct log *log;           /* NULL: no log */
	int log_fd;                /* -1: none */
	void (*log_ready)(struct server *s);
	/* NULL: there is no Exec, as in every image but the debug image (exec.h) */
	const struct exec_table *exec;
	struct commands *commands;     /* exec's */
	uint64_t last_id;          /* of connections */
	uint64_t last_number;      /* of data connections: from 1 */
	uint64_t last_ask;         /* of asks: greater than any of a predecessor's */
	size_t backlog;            /* bytes in all connections' `out` */
	struct server_counts counts;
	struct unit units[SERVICE_UNIT_MAX];
	unsigned unit_count;
	struct ask asks[SERVER_ASK_MAX];
	struct connection connections[SERVER_CONNECTION_MAX];
	struct inspect_unit_answer unit_answer;
	uint8_t answer[SERVER_ANSWER_MAX];
};

/*
 * Takes CONFIG from `parent` and says HELLO. VL_E_TIMEOUT, VL_E_CLOSED, VL_E_PROTOCOL, errors
 * of service_check().
 */
int server_init(struct server *s, int parent);
/* Until the paravisor closes the channel: 0, or VL_E_PROTOCOL, VL_E_OS. */
int server_run(struct server *s);
void server_destroy(struct server *s);

/* --- For the calls ---------------------------------------------------------------------------- */

/* Queues `size` bytes; the connection is closed instead when the backlog is full. */
void connection_send(struct server *s, struct connection *c, const void *data, size_t size);
void connection_close(struct server *s, struct connection *c);
struct connection *connection_find(struct server *s, uint64_t id);
/* Sets the deadline of what the connection waits for now. */
void connection_set_deadline(struct connection *c);
/* The data connection of that number, which is then this call's; NULL when there is none. */
struct connection *connection_claim(struct server *s, uint64_t number);

/* Sends and forgets about a message to the paravisor; VL_E_* when it cannot be reached. */
int server_tell(struct server *s, const void *message, size_t size, const int *fds, size_t fd_count);

#endif
